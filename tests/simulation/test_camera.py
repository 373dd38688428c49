"""Frames of a simulated camera: one scene, fresh noise, reproducible, in the narrowest type."""

import numpy as np
import pytest

from seq2seqlite.errors import InputError
from seq2seqlite.simulation.camera import simulated_frames
from seq2seqlite.simulation.instrument import load_instrument


def test_frames_are_one_scene_with_fresh_noise() -> None:
    instrument = load_instrument("narrow-gate")
    seen: list[tuple[int, int]] = []
    frames = simulated_frames(
        instrument, shape=(40, 60), n=2, photons=400.0, progress=lambda done, todo: seen.append((done, todo))
    )
    again = simulated_frames(instrument, shape=(40, 60), n=2, photons=400.0)
    for frame, same in zip(frames, again, strict=True):
        np.testing.assert_array_equal(frame, same)
        assert frame.shape == (40, 60, 135)
        assert frame.mean() * 135 == pytest.approx(400, rel=0.01)
    assert seen == [(1, 2), (2, 2)]
    assert (frames[0] != frames[1]).mean() > 0.3
    first, second = (frame.sum(axis=-1, dtype=float) for frame in frames)
    # One scene: pixels differ from frame to frame by their photon noise, and from each other by much more.
    assert np.mean((first - second) ** 2 / (first + second)) == pytest.approx(1, rel=0.1)
    assert first.std() > 5 * np.sqrt(400)


def test_the_type_is_the_narrowest_that_does_not_saturate() -> None:
    instrument = load_instrument("narrow-gate")
    dim, bright = (
        simulated_frames(instrument, shape=(4, 4), n=1, photons=photons)[0] for photons in (200.0, 20_000.0)
    )
    assert (dim.dtype.name, bright.dtype.name) == ("uint8", "uint16")
    assert bright.max() > 255


def test_bad_cameras() -> None:
    instrument = load_instrument("narrow-gate")
    with pytest.raises(InputError, match=r"^n=0 and shape=\(4, 4\) must be >= 1"):
        simulated_frames(instrument, shape=(4, 4), n=0, photons=100.0)
    with pytest.raises(InputError, match=r"^photons=-1\.0 must be finite and > 0 \(e\.g\. 1000\)$"):
        simulated_frames(instrument, shape=(4, 4), n=1, photons=-1.0)
