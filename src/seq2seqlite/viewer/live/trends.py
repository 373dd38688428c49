"""Medians of the lifetime over time: of all pixels, and of drawn regions."""

import threading
from collections import OrderedDict, deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.regions.outlines import inside_rings
from seq2seqlite.streaming.observed import ObservedFrame
from seq2seqlite.viewer.state import Outline

__all__ = ["ALL", "Trends"]

ALL = "all pixels"
POINTS = 2000
# Outlines whose trends are kept; the least recently shown is dropped first.
MOST_OUTLINES = 60
QUANTITY = "tau_mean_ns"


class Trends:
    """Ring buffers with the median mean lifetime of all pixels and of regions, shared by all pages.

    Parameters
    ----------
    points : int
        Capacity of each ring buffer.

    See Also
    --------
    LiveFeed : Source of the frames.
    """

    def __init__(self, points: int = POINTS, /) -> None:
        self.points = points
        self._lock = threading.Lock()
        self._all = _Ring(None, points)
        self._outlines: OrderedDict[tuple[tuple[float, float], ...], _Ring] = OrderedDict()
        self._first_s: float | None = None

    def update(
        self, frames: Sequence[ObservedFrame], outlines: Sequence[Outline] = (), /
    ) -> dict[str, NDArray[np.float64]]:
        """Add the newest frame, and return the trends by name, shape (2, n): times in s, medians in ns.

        The trend of a new outline begins with the oldest of the given frames.
        """
        with self._lock:
            if not frames:
                return {}
            if self._first_s is None:
                self._first_s = frames[0].arrived_s
            self._all.add(frames[-1], self._first_s)
            for outline in outlines:
                if outline.points not in self._outlines:
                    height, width = frames[-1].maps[QUANTITY].shape
                    inside = inside_rings([np.array(outline.points)], shape=(height, width))
                    ring = _Ring(inside, self.points)
                    self._outlines[outline.points] = ring
                    for frame in frames:
                        ring.add(frame, self._first_s)
                self._outlines.move_to_end(outline.points)
            while len(self._outlines) > max(MOST_OUTLINES, len(outlines)):
                self._outlines.popitem(last=False)
            for ring in self._outlines.values():
                ring.add(frames[-1], self._first_s)
            shown = {outline.name: self._outlines[outline.points] for outline in outlines}
            return {ALL: self._all.array(), **{name: ring.array() for name, ring in shown.items()}}


class _Ring:
    """Ring buffer of times and medians of some pixels; all without ``pixels``."""

    def __init__(self, pixels: NDArray[np.intp] | None, points: int) -> None:
        self.pixels, self._last = pixels, -1
        self._values: deque[tuple[float, float]] = deque(maxlen=points)

    def add(self, frame: ObservedFrame, first_s: float) -> None:
        if frame.frame <= self._last:
            return
        self._last = frame.frame
        values = frame.maps[QUANTITY].values.reshape(-1)
        values = values if self.pixels is None else values[self.pixels]
        known = values[np.isfinite(values)]
        self._values.append((frame.arrived_s - first_s, float(np.median(known)) if known.size else np.nan))

    def array(self) -> NDArray[np.float64]:
        return np.array(self._values, np.float64).reshape(-1, 2).T
