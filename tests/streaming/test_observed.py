"""Frames for an observer: references to the counts, whole or gate by gate, and counters of the predictor."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from seq2seqlite.predictors import CollectedGates
from seq2seqlite.protocols import Predictor
from seq2seqlite.streaming import (
    FrameStage,
    GateStage,
    ObservedFrame,
    ObservedStage,
    ReplayedFrames,
    ReplayedGates,
    run_stream,
)


@dataclass
class Board:
    """The stand-in predictor with a counter of its pixels."""

    inner: Any
    pixels: int = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def lifetimes(self, tpsf: Any, /) -> Any:
        self.pixels += len(tpsf)
        return self.inner.lifetimes(tpsf)

    def counters(self) -> dict[str, float]:
        return {"pixels": self.pixels}


def test_whole_frames_are_passed_by_reference(
    predictor: Predictor, tau_image: Callable[..., xr.DataArray]
) -> None:
    seen: list[ObservedFrame] = []
    data = [tau_image(1.0), tau_image(2.0), -tau_image(1.0)]
    done = run_stream(ReplayedFrames(data), ObservedStage(FrameStage(Board(predictor)), seen.append))
    assert (done.frames, done.rejected) == (2, 1)
    assert [frame.frame for frame in seen] == [0, 1]
    assert all(frame.data is one for frame, one in zip(seen, data, strict=False))
    assert seen[0].analysis is seen[1].analysis is not None
    assert seen[0].counters == {"pixels": 6}  # read at most once a second
    assert seen[0].counts_bytes == data[0].nbytes
    assert seen[0].without_counts().counts_bytes == 0
    assert seen[0].maps_bytes == sum(image.nbytes for image in seen[0].maps.data_vars.values())


def test_gates_are_collected(predictor: Predictor) -> None:
    seen: list[ObservedFrame] = []
    counts = np.zeros((2, 3, 135), np.uint16)
    counts[..., 20:] = np.round(500 * np.exp(-np.arange(115) * 0.09))
    data = xr.DataArray(counts, dims=("Y", "X", "H"), attrs={"source": "camera"})
    stage = ObservedStage(GateStage(CollectedGates(predictor)), seen.append)
    run_stream(ReplayedGates([data], repeat=2), stage)
    assert [frame.frame for frame in seen] == [0, 1]
    for frame in seen:
        np.testing.assert_array_equal(np.stack(frame.gates, axis=-1), counts)
        assert (frame.data, frame.analysis, dict(frame.counters)) == (None, None, {})
        assert frame.counts_bytes == counts.nbytes
