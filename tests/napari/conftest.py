"""A small measurement, and Qt without a screen."""

import time

import numpy as np
import pytest

# Time in s after which a thread of the widget has failed; it is reached by errors only.
PATIENCE_S = 120.0


@pytest.fixture
def cell(tmp_path, decay_image):
    """A measurement of lifetimes from 1 to 2 ns, in a file."""
    data = decay_image(np.linspace(1.0, 2.0, 12)[None, :] * np.ones((10, 1)), photons=5000.0, width_ns=0.1)
    counts = np.random.default_rng(1).poisson(data.values).astype(np.uint16)
    np.savez(tmp_path / "cell.npz", tpsf=counts, gate_width_ns=0.1, period_ns=12.5)
    return tmp_path / "cell.npz"


@pytest.fixture
def viewer(qt):
    """The layers of a window, without the window, which would need OpenGL."""
    from napari.components import ViewerModel

    return ViewerModel()


@pytest.fixture
def widget(viewer):
    from seq2seqlite.napari.widget import LifetimeMapWidget

    made = LifetimeMapWidget(viewer)
    yield made
    made.close()


@pytest.fixture
def errors(qt, monkeypatch):
    """Errors and warnings that napari shows."""
    from seq2seqlite.napari import widget as module

    shown = []
    for name in ("show_error", "show_warning"):
        monkeypatch.setattr(module, name, shown.append)
    return shown


@pytest.fixture
def finished(qt):
    """A function that waits until the thread of a widget has ended."""

    def wait(widget):
        end = time.monotonic() + PATIENCE_S
        while not widget.compute.enabled:
            assert time.monotonic() < end
            qt.processEvents()
            time.sleep(0.01)

    return wait
