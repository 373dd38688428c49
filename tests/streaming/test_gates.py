"""Gates one after another give the maps of whole frames; a frame that lacks one is told and left out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray

from seq2seqlite.decay import Lifetimes, TimeAxis
from seq2seqlite.errors import InputError
from seq2seqlite.imaging.frame_analysis import lifetime_map
from seq2seqlite.predictors import CollectedGates
from seq2seqlite.protocols import GateSequentialPredictor
from seq2seqlite.streaming.replay import ReplayedGates
from seq2seqlite.streaming.run import run_stream
from seq2seqlite.streaming.sinks import CallbackSink, FrameMaps
from seq2seqlite.streaming.sources import Gate, Spoilt
from seq2seqlite.streaming.stages import GateStage

N_GATES = 135


@dataclass
class Spy:
    """A gate-sequential stand-in that answers the number of pixels that it was begun with."""

    axis: TimeAxis
    rising_edge_ns: float = 1.5
    name: str = "spy"
    kind: str = "stand-in"
    n_gates: int = N_GATES
    calls: list[str] = field(default_factory=list)
    n: int = 0

    def begin(self, n_pixels: int, /) -> None:
        self.n = n_pixels
        self.calls.append("begin")

    def advance(self, counts: NDArray[Any], /) -> None:
        assert counts.shape == (self.n,)
        assert counts.dtype == np.uint16  # as the camera gave them
        self.calls.append("advance")

    def finish(self) -> Lifetimes:
        self.calls.append("finish")
        each = np.full(self.n, 2.0)
        return Lifetimes(each, each, each, each)


@pytest.fixture
def gate_image(decay_image: Callable[..., xr.DataArray]) -> xr.DataArray:
    """A frame of 2 x 3 pixels on the model's own gates, its edge where the model has it."""
    fine = decay_image(np.linspace(0.5, 1.5, 6).reshape(2, 3), width_ns=0.01, photons=20_000.0)
    counts = np.roll(fine.values, -43, axis=-1)[..., : N_GATES * 9].reshape(2, 3, N_GATES, 9).sum(axis=-1) + 1
    data = xr.DataArray(counts.astype(np.uint16), dims=("Y", "X", "H"), attrs=dict(fine.attrs))
    return data.assign_coords(H=np.arange(N_GATES) * 0.09).assign_attrs(gate_width_ns=0.09)


def gates_of(data: xr.DataArray, frame: int) -> list[Gate]:
    return [Gate(frame, float(frame), gate, data.values[..., gate]) for gate in range(N_GATES)]


def test_collected_gates_give_the_maps_of_whole_frames(
    predictor: Any, gate_image: xr.DataArray, fake_clock: Any
) -> None:
    taken: list[FrameMaps] = []
    done = run_stream(
        ReplayedGates([gate_image], fps=1, repeat=3, clock=fake_clock),
        GateStage(CollectedGates(predictor), name="spad"),
        sinks=[CallbackSink(taken.append)],
        queue=N_GATES,
        clock=fake_clock,
    )
    assert (done.received, done.frames, done.rejected) == (3, 3, 0)
    whole = lifetime_map(gate_image, predictor)
    for result in taken:
        for name in whole.data_vars:
            np.testing.assert_allclose(result.maps[name], whole[name], rtol=1e-6)
    assert taken[0].maps.attrs["predictor"] == "closed form, gates collected"
    assert isinstance(CollectedGates(predictor), GateSequentialPredictor)


def test_the_latency_is_from_the_last_gate(
    predictor: Any, gate_image: xr.DataArray, fake_clock: Any, listed: Any
) -> None:
    gates = [Gate(0, float(gate), gate, gate_image.values[..., gate]) for gate in range(N_GATES)]
    fake_clock.time_s = 150.0  # the last gate came at 134 s
    stage = GateStage(CollectedGates(predictor))
    done = run_stream(listed(gates), stage, queue=1000, clock=fake_clock)
    assert list(done.latencies_s) == [16.0]


def test_each_gate_goes_to_the_predictor_as_it_came(
    predictor: Any, gate_image: xr.DataArray, listed: Any
) -> None:
    spy = Spy(predictor.axis)
    dim = gate_image.copy(deep=True)
    dim[0, 0] = 0
    dim[1, 2, 20] = 65535
    taken: list[FrameMaps] = []
    run_stream(listed(gates_of(dim, 0)), GateStage(spy), sinks=[CallbackSink(taken.append)])
    assert spy.calls == ["begin", *["advance"] * N_GATES, "finish"]
    (result,) = taken
    mean = result.maps["tau_mean_ns"].values
    assert np.isnan(mean[[0, 1], [0, 2]]).all()
    assert (mean[[0, 0, 1, 1], [1, 2, 0, 1]] == 2).all()
    assert (result.maps.attrs["pixels_analysed"], result.maps.attrs["pixels_saturated"]) == (4, 1)
    np.testing.assert_array_equal(result.maps["intensity"], dim.values.sum(axis=-1))


def test_frames_that_lack_gates_are_told_and_left_out(
    predictor: Any, gate_image: xr.DataArray, listed: Any
) -> None:
    shorter = gates_of(gate_image, 1)[:57]
    hole = gates_of(gate_image, 2)
    del hole[3]
    narrow = [*gates_of(gate_image, 3)[:5], *gates_of(gate_image[:, :2], 3)[5:]]
    floats = [Gate(4, 0.0, 0, np.full((2, 3), np.nan))]
    items = [*gates_of(gate_image, 0), *shorter, *hole, *narrow, *floats, Spoilt(5, 0.0, "lost link")]
    items += [*gates_of(gate_image, 6), *gates_of(gate_image, 7)[:99]]
    lines: list[str] = []
    taken: list[FrameMaps] = []
    done = run_stream(
        listed(items),
        GateStage(Spy(predictor.axis), name="spad"),
        sinks=[CallbackSink(taken.append)],
        report=lines.append,
        queue=1000,
    )
    assert [result.frame for result in taken] == [0, 6]
    assert lines[:5] == [
        "rejected: spad: frame 1 ended after gate 57 of 135; it is skipped",
        "rejected: spad: frame 2: gate 4 arrived instead of gate 3; the frame is skipped",
        "rejected: spad: frame 3: gate 5 has shape (2, 2), but the first (2, 3); start a new stream",
        "rejected: spad: frame 4: gate 0: counts must be integers, not float64; pass raw counts",
        "rejected: lost link",
    ]
    assert (done.received, done.frames, done.rejected, done.unfinished) == (8, 2, 6, 0)


def test_a_frame_that_the_predictor_does_not_take_is_left_out(predictor: Any) -> None:
    class Narrow(Spy):
        def advance(self, counts: NDArray[Any], /) -> None:
            if counts.max() > 255:
                raise InputError("counts from 0 to 300 do not fit 8 bits; scale them down")

    stage = GateStage(Narrow(predictor.axis), min_photons=1, name="camera")
    gates = [Gate(7, 0.0, n, np.full((2, 3), 300 if n == 1 else 3, np.uint16)) for n in range(3)]
    found = [stage.process(gate, gap=False).rejected for gate in gates]
    text = "camera: frame 7: counts from 0 to 300 do not fit 8 bits; scale them down"
    assert found == [(), (text,), ()]


def test_a_frame_of_which_gates_were_dropped_is_counted_once(
    predictor: Any, gate_image: xr.DataArray
) -> None:
    stage = GateStage(Spy(predictor.axis))
    for gate in gates_of(gate_image, 0)[:50]:
        assert stage.process(gate, gap=False).rejected == ()
    first, *others = gates_of(gate_image, 1)
    assert stage.process(first, gap=True).rejected == ()  # the queue has counted frame 0
    outcomes = [stage.process(gate, gap=False) for gate in others]
    assert outcomes[-1].maps is not None
    assert stage.end().rejected == ()


def test_an_edge_that_is_elsewhere_is_told_once(
    predictor: Any, gate_image: xr.DataArray, listed: Any
) -> None:
    late = gate_image.copy(data=np.roll(gate_image.values, 3, axis=-1))
    lines: list[str] = []
    run_stream(
        listed([*gates_of(late, 0), *gates_of(late, 1)]),
        GateStage(Spy(predictor.axis), name="spad"),
        report=lines.append,
        queue=1000,
    )
    (line,) = lines
    assert line.startswith("spad: the rising edge is at 1.7")
    assert "model spy requires it at 1.500 ns, so that lifetimes are biased" in line
    assert "change the delay of the camera by -0.2" in line


def test_collecting_refuses_what_is_no_frame(predictor: Any) -> None:
    gates = CollectedGates(predictor)
    gates.begin(2)
    gates.advance(np.zeros(2, np.uint16))
    with pytest.raises(InputError, match="^only 1 of 135 gates are stored; call advance"):
        gates.finish()
    for _ in range(134):
        gates.advance(np.zeros(2, np.uint16))
    with pytest.raises(InputError, match="^all 135 gates of the frame are stored; call begin"):
        gates.advance(np.zeros(2, np.uint16))
    with pytest.raises(InputError, match=r"^min_photons=0 must be finite and > 0"):
        GateStage(gates, min_photons=0)
