"""Time until the first map and until the decay of a clicked pixel."""

import queue
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from bokeh.document import Document

from seq2seqlite.errors import InputError
from seq2seqlite.viewer.images import OpenedImages
from seq2seqlite.viewer.page import Page
from seq2seqlite.viewer.state import ViewState

__all__ = ["self_test"]

# Time in seconds after which an update of the page has failed.
PATIENCE_S = 300.0
WARM_UP = 2


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
