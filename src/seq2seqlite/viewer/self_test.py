"""Time until the first map and until the decay of a clicked pixel."""

import queue
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from bokeh.document import Document

from seq2seqlite.errors import InputError
from seq2seqlite.viewer.images import OpenedImages
from seq2seqlite.viewer.page import Page
from seq2seqlite.viewer.state import ViewState

__all__ = ["self_test", "write_synthetic"]

# Time in seconds after which an update of the page has failed.
PATIENCE_S = 300.0
WARM_UP = 2
# Synthetic measurement: image, gates, different rows, period and IRF in ns, photons of a pixel.
SHAPE, ROWS = (512, 512, 256), 32
PERIOD_NS, IRF_NS, EDGE_NS, PHOTONS = 12.5, 0.15, 1.0, 1000.0


def write_synthetic(path: Path, /) -> None:
    """Write a measurement of 512 x 512 pixels and 256 gates, with lifetimes from 0.5 to 3.5 ns, as npz.

    Parameters
    ----------
    path : pathlib.Path
        File.

    See Also
    --------
    self_test : Measure the response times of a page.
    """
    height, width, n_gates = SHAPE
    gate_ns = PERIOD_NS / n_gates
    times = np.arange(n_gates) * gate_ns
    irf = np.exp(-0.5 * ((times - EDGE_NS) / IRF_NS) ** 2)
    decays = np.exp(-times / np.linspace(0.5, 3.5, width)[:, None])
    curves = np.fft.irfft(np.fft.rfft(decays) * np.fft.rfft(irf), n_gates)
    expected = PHOTONS * np.clip(curves, 0, None) / curves.sum(axis=1, keepdims=True)
    rows = np.random.default_rng(1).poisson(expected, (ROWS, width, n_gates)).astype(np.uint16)
    counts = np.tile(rows, (height // ROWS, 1, 1))
    np.savez(path, tpsf=counts, gate_width_ns=gate_ns, period_ns=PERIOD_NS)


def self_test(images: OpenedImages, start: ViewState, /, *, clicks: int = 20) -> dict[str, Any]:
    """Measure the response times of a page, without the transfer to a browser and drawing.

    Parameters
    ----------
    images : OpenedImages
        Measurements of the page.
    start : ViewState
        State of the page.
    clicks : int
        Number of measured clicks, distributed over the analysed pixels.

    Returns
    -------
    dict
        ``first_map_s``: time from opening the measurement to its first map; ``click_ms_median`` and
        ``click_ms_p95``: time from the click to the decay with its fit; ``clicks``, ``file``, ``model`` and
        ``irf``.

    Raises
    ------
    InputError
        If the measurement cannot be shown.

    See Also
    --------
    ViewServer : Server of the page.
    """
    actions: queue.Queue[Callable[[], None]] = queue.Queue()
    with ThreadPoolExecutor(1) as executor:
        began = time.perf_counter()
        page = Page(Document(), images, start, executor, schedule=actions.put)

        def until(done: Callable[[], bool]) -> float:
            while not done():
                try:
                    actions.get(timeout=PATIENCE_S)()
                except queue.Empty:
                    raise InputError(f"the page did not change within {PATIENCE_S:g} s") from None
                if page.error:
                    raise InputError(page.error)
            return time.perf_counter() - began

        first_map_s = until(lambda: page.image is not None)
        until(lambda: page.decay is not None)
        assert page.image is not None
        known = np.argwhere(np.isfinite(page.image.maps["tau_mean_ns"].values))
        times = []
        for y, x in known[np.linspace(0, len(known) - 1, clicks + WARM_UP).astype(int)].tolist():
            page.decay, began = None, time.perf_counter()
            page.change(pixel=(x, y), selected="")
            times.append(1e3 * until(lambda: page.decay is not None))
    measured = times[WARM_UP:]
    return {
        "first_map_s": first_map_s,
        "click_ms_median": float(np.median(measured)),
        "click_ms_p95": float(np.percentile(measured, 95)),
        "clicks": len(measured),
        "file": start.file,
        "model": start.model,
        "irf": start.irf,
    }
