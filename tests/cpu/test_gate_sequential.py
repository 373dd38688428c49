"""Gate after gate against whole frames."""

import numpy as np
import pytest

from seq2seqlite.cpu.gate_sequential import NORMALISATIONS, GateSequential
from seq2seqlite.cpu.predictors import ProgramEngine
from seq2seqlite.errors import InputError
from seq2seqlite.hardware.stimulus import made_up_counts


def fed(camera, counts):
    camera.begin(len(counts))
    for gate in counts.T:
        camera.advance(gate)
    return camera.finish()


def assert_same(found, expected):
    for name, values in vars(expected).items():
        np.testing.assert_array_equal(getattr(found, name), values)


@pytest.fixture(scope="module")
def frame(tiny):
    return made_up_counts(tiny, 1000).astype(np.uint16)


def test_with_the_peak_known_it_is_the_whole_frame(tiny, frame):
    expected = ProgramEngine(tiny).lifetimes(frame)
    camera = GateSequential(tiny, normalisation="previous-frame")
    for _ in range(2):  # the first is encoded at its end, the second by the peaks of the first
        assert_same(fed(camera, frame), expected)


def test_after_the_edge_it_is_the_whole_frame_where_the_peak_was_there(tiny, frame):
    camera = GateSequential(tiny)
    early = frame[:, : camera.first_gates].max(axis=1) == frame.max(axis=1)
    assert 0.2 < early.mean() < 1
    found, expected = fed(camera, frame), ProgramEngine(tiny).lifetimes(frame)
    for name, values in vars(expected).items():
        np.testing.assert_array_equal(getattr(found, name)[early], values[early])


def test_another_peak_is_another_result(tiny, frame):
    camera = GateSequential(tiny, normalisation="previous-frame")
    fed(camera, frame // 2)
    assert (fed(camera, frame).tau_mean_ns != ProgramEngine(tiny).lifetimes(frame).tau_mean_ns).any()


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
def test_a_frame_that_is_given_up_leaves_nothing(tiny, frame, normalisation):
    expected = fed(GateSequential(tiny, normalisation=normalisation), frame)
    camera = GateSequential(tiny, normalisation=normalisation)
    camera.begin(len(frame))
    for gate in frame.T[:77]:
        camera.advance(gate + 5)
    assert_same(fed(camera, frame), expected)


def test_a_state_is_one_byte_a_unit(tiny, frame):
    camera = GateSequential(tiny)
    camera.begin(len(frame))
    packing = camera.engine.compiled.packing
    assert camera._states.nbytes <= (len(frame) + 31) // 32 * 32 * tiny.units * (4 // packing)


def test_a_camera_may_use_its_memory_again(tiny, frame):
    expected = fed(GateSequential(tiny), frame)
    camera, memory = GateSequential(tiny), np.empty(len(frame), np.uint16)
    camera.begin(len(frame))
    for gate in frame.T:
        memory[:] = gate
        camera.advance(memory)
    memory[:] = 0
    assert_same(camera.finish(), expected)


def test_bad_gates(tiny, frame):
    camera = GateSequential(tiny)
    with pytest.raises(InputError, match="no frame is open, or it already has all"):
        camera.advance(frame[:, 0])
    with pytest.raises(InputError, match="the frame has only 0 of 135 gates"):
        camera.finish()
    with pytest.raises(InputError, match="n_pixels=0 must be >= 1"):
        camera.begin(0)
    camera.begin(1000)
    for gate, text in (
        (frame[:7, 0], r"counts of a gate must have shape \(1000,\), not \(7,\)"),
        (frame[:, 0] * 1.0, "counts of a gate must be integers, not float64; round them"),
        (frame[:, 0].astype(int) - 70000, r"must be between 0 and 65535 \(16 bits\); scale them down"),
    ):
        with pytest.raises(InputError, match=text):
            camera.advance(gate)
    camera.advance(frame[:, 0])
    with pytest.raises(InputError, match="the frame has only 1 of 135 gates"):
        camera.finish()
    with pytest.raises(
        InputError, match="normalisation='none' is unknown; choose one of after-edge, previous-fra"
    ):
        GateSequential(tiny, normalisation="none")
