"""A small measurement, its server, and pages of a real Chromium."""

import numpy as np
import pytest

from seq2seqlite.viewer import DEFAULT_MODEL, OpenedImages, ViewServer, ViewState

# Rendering and background services that a headless test does not need.
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Time in ms after which a page has failed; it is reached by errors only.
PATIENCE_MS = 120_000


@pytest.fixture
def folder(tmp_path, decay_image):
    """A folder with a measurement of lifetimes from 1 to 2 ns, a corrupted file, and a secret beside it."""
    opened = tmp_path / "opened"
    opened.mkdir()
    data = decay_image(np.linspace(1.0, 2.0, 12)[None, :] * np.ones((10, 1)), photons=5000.0, width_ns=0.1)
    counts = np.random.default_rng(1).poisson(data.values)
    np.savez(opened / "cell.npz", tpsf=counts, gate_width_ns=0.1, period_ns=12.5)
    (opened / "corrupted.npz").write_bytes(b"not an archive")
    np.savez(tmp_path / "secret.npz", tpsf=counts, gate_width_ns=0.1, period_ns=12.5)
    return opened


@pytest.fixture
def images(folder):
    return OpenedImages(folder)


@pytest.fixture
def start():
    return ViewState("cell.npz", DEFAULT_MODEL, "fit")


@pytest.fixture
def server(images, start):
    with ViewServer(images, start) as running:
        yield running


@pytest.fixture
def browser(chromium):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=chromium, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def page(browser):
    opened = browser.new_page(viewport={"width": 1280, "height": 800})
    opened.set_default_timeout(PATIENCE_MS)
    return opened
