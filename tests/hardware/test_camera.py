"""One-bit frames of the camera model, and the correction of their saturation."""

import numpy as np
import pytest

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.camera import (
    SWISSSPAD3,
    OneBitCamera,
    beats_of_images,
    one_bit_frames,
    saturation_table,
)


def test_one_bit_frames_have_the_counts_as_sums_and_no_order():
    counts = np.random.default_rng(0).integers(0, 256, (3, 20, 30))
    gates = list(one_bit_frames(counts, n_frames=255, seed=1))
    assert all(gate.shape == (255, 20, 30) and set(np.unique(gate)) == {0, 1} for gate in gates)
    np.testing.assert_array_equal([gate.sum(axis=0) for gate in gates], counts)
    first_half = sum(gate[:127].sum() for gate in gates) / counts.sum()
    assert first_half == pytest.approx(127 / 255, abs=0.005)


def test_rate_and_order_of_a_camera():
    assert SWISSSPAD3.bits_per_s == 250_000 * 97_700
    assert SWISSSPAD3.gate_s(255) == pytest.approx(2.61e-3, rel=1e-3)
    beats_per_s = 977 * 97_700  # the last beat has 144 of 256 pixels
    assert SWISSSPAD3.source_gaps(clock_mhz=100, frame_bits=256) == pytest.approx(1 - beats_per_s / 1e8)
    halves = OneBitCamera(6, 4, 1e5, line_order=(2, 3, 1, 4, 0, 5))
    images = np.arange(48).reshape(2, 6, 4)
    delivered = halves.delivered(images)
    assert delivered.shape == (2, 24)
    assert delivered[0, ::4].tolist() == [8, 12, 4, 16, 0, 20]
    np.testing.assert_array_equal(halves.arranged(delivered), images)


def test_the_table_inverts_the_saturation():
    n_frames, photons = 255, np.array([1, 20, 100, 400])
    rng = np.random.default_rng(2)
    detected = rng.poisson(photons / n_frames, (4000, n_frames, 4)) > 0
    corrected = saturation_table(n_frames)[detected.sum(axis=1)]
    np.testing.assert_allclose(corrected.mean(axis=0), photons, rtol=0.02)
    assert (np.diff(saturation_table(1023, table_bits=10)) > 0).all()
    assert saturation_table(200)[200:].tolist() == [saturation_table(200)[200]] * 56


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: OneBitCamera(0, 5, 1.0), "lines=0 and line_pixels=5 must be at least 1"),
        (lambda: OneBitCamera(2, 5, 0.0), "frames_per_s=0.0 above 0"),
        (
            lambda: OneBitCamera(2, 5, 1.0, line_order=(0, 0)),
            "line_order must contain each line from 0 to 1 once",
        ),
        (
            lambda: SWISSSPAD3.source_gaps(clock_mhz=75, frame_bits=256),
            "frame_bits=256 with clock_mhz=75 must be at least 325.7 for this camera",
        ),
        (
            lambda: OneBitCamera(2, 5, 1.0).delivered(np.zeros((3, 5, 2))),
            r"images of shape \(3, 5, 2\) must end with \(2, 5\)",
        ),
        (
            lambda: OneBitCamera(2, 5, 1.0).arranged(np.zeros((3, 5))),
            r"pixels of shape \(3, 5\) must end with 10",
        ),
        (
            lambda: list(one_bit_frames([[5]], n_frames=4)),
            "counts from 5 to 5 must be between 0 and n_frames=4",
        ),
        (lambda: saturation_table(0), "n_frames=0 must be at least 1"),
        (
            lambda: beats_of_images([[2]], bits=1, width=8, frame_images=1),
            "pixels from 2 to 2 do not fit bits=1",
        ),
        (
            lambda: beats_of_images([[2]], bits=4, width=8, frame_images=1),
            "bits=4 must be 1, 8 or 16, and divide width=8",
        ),
    ],
)
def test_bad_input(call, text):
    with pytest.raises(InputError, match=text):
        call()
