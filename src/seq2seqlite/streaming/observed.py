"""Stage that passes each analysed frame, with its counts, to an observer."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seq2seqlite.decay import TimeAxis
from seq2seqlite.imaging.frame_analysis import Analysis
from seq2seqlite.protocols import CountingPredictor
from seq2seqlite.streaming.sources import Delivery, Gate
from seq2seqlite.streaming.stages import Outcome, Stage

__all__ = ["ObservedFrame", "ObservedStage"]

# Time in seconds between two readings of the counters of a predictor.
COUNTERS_EVERY_S = 1.0


@dataclass(frozen=True)
class ObservedFrame:
    """Analysed frame with its counts.

    Parameters
    ----------
    frame : int
        Number of the frame.
    arrived_s : float
        Time at which the frame was complete, on the clock of the stream, in s.
    maps : xarray.Dataset
        Maps, as for :class:`FrameMaps`.
    data : xarray.DataArray, dims ('Y', 'X', 'H'), optional
        Counts of a frame that arrived as a whole.
    gates : tuple of ndarray, shape (Y, X)
        Counts of a frame that arrived gate by gate.
    analysis : Analysis, optional
        Steps by which the maps were computed, for a frame that arrived as a whole.
    axis : TimeAxis, optional
        Time axis of the predictor, which is that of gates.
    counters : mapping
        Counters of the predictor, at most one second old; empty for a predictor without counters.

    See Also
    --------
    ObservedStage : Stage that passes it to an observer.
    seq2seqlite.protocols.CountingPredictor : Predictor with counters.
    """

    frame: int
    arrived_s: float
    maps: xr.Dataset
    data: xr.DataArray | None = None
    gates: tuple[NDArray[Any], ...] = ()
    analysis: Analysis | None = None
    axis: TimeAxis | None = None
    counters: Mapping[str, float] = field(default_factory=dict)

    @property
    def maps_bytes(self) -> int:
        """Memory of the maps, in bytes."""
        return sum(image.nbytes for image in self.maps.data_vars.values())

    @property
    def counts_bytes(self) -> int:
        """Memory of the counts, in bytes."""
        return (0 if self.data is None else self.data.nbytes) + sum(gate.nbytes for gate in self.gates)

    def without_counts(self) -> "ObservedFrame":
        """Return the frame with its maps alone."""
        return replace(self, data=None, gates=())


class ObservedStage:
    """Stage that passes each analysed frame, with its counts, to an observer.

    Nothing is copied: the observer gets references.

    Parameters
    ----------
    stage : Stage
        Stage that analyses.
    observe : callable
        Function of an :class:`ObservedFrame`. It is called in the thread of the analysis, and must return at
        once.

    See Also
    --------
    FrameStage : Analysis of whole frames.
    GateStage : Analysis gate by gate.
    """

    def __init__(self, stage: Stage[Any], observe: Callable[[ObservedFrame], None], /) -> None:
        self.stage, self._observe = stage, observe
        self._gates: list[NDArray[np.integer]] = []
        self._frame: int | None = None
        self._counters: Mapping[str, float] = {}
        self._counters_due_s = 0.0

    def process(self, item: Delivery, /, *, gap: bool) -> Outcome:
        if isinstance(item, Gate):
            if item.frame != self._frame:
                self._frame, self._gates = item.frame, []
            self._gates.append(item.counts)
        outcome = self.stage.process(item, gap=gap)
        if outcome.maps is not None:
            gates, self._gates = tuple(self._gates), []
            self._observe(
                ObservedFrame(
                    item.frame,
                    item.arrived_s,
                    outcome.maps,
                    data=getattr(item, "data", None),
                    gates=gates,
                    analysis=getattr(self.stage, "analysis", None),
                    axis=getattr(getattr(self.stage, "predictor", None), "axis", None),
                    counters=self._counted(),
                )
            )
        return outcome

    def end(self) -> Outcome:
        return self.stage.end()

    def _counted(self) -> Mapping[str, float]:
        predictor, now_s = getattr(self.stage, "predictor", None), time.monotonic()
        if isinstance(predictor, CountingPredictor) and now_s >= self._counters_due_s:
            self._counters, self._counters_due_s = predictor.counters(), now_s + COUNTERS_EVERY_S
        return self._counters
