"""Detectors: moments against theory."""

import numpy as np
import pytest

from seq2seqlite.decay import (
    IccdDetector,
    PhotonCountingDetector,
    PileUpDetector,
    SpadFrameDetector,
    first_photon_histogram,
    photons_of,
)
from seq2seqlite.errors import InputError

N = 40_000
EXPECTED = np.tile([0.5, 20.0, 200.0], (N, 1))
# Means of 40,000 draws are off by under 4.5 standard errors; variances of near-normal counts by under 4 %.
STANDARD_ERRORS = 4.5


def assert_mean(sample, mean, variance):
    assert np.all(np.abs(sample.mean(axis=0) - mean) < STANDARD_ERRORS * np.sqrt(variance / N))


def test_photon_counting_has_variance_equal_to_mean():
    sample = PhotonCountingDetector(dark_counts_per_gate=1.5).sample(EXPECTED, np.random.default_rng(1))
    mean = np.array([2.0, 21.5, 201.5])
    assert_mean(sample, mean, mean)
    np.testing.assert_allclose(sample.var(axis=0), mean, rtol=0.04)


def test_single_bit_frames_saturate():
    sample = SpadFrameDetector(n_frames=255).sample(EXPECTED, np.random.default_rng(2))
    p = 1 - np.exp(-np.array([0.5, 20.0, 200.0]) / 255)
    assert_mean(sample, 255 * p, 255 * p * (1 - p))
    assert sample.max() <= 255
    assert sample.mean(axis=0)[2] < 145  # of 200 photons


def test_pile_up_is_the_closed_form_and_shortens():
    expected = np.array([3000.0, 2000.0, 1000.0])
    histogram = first_photon_histogram(expected, n_pulses=10_000)
    closed = 10_000 * np.array(
        [1 - np.exp(-0.3), np.exp(-0.3) * (1 - np.exp(-0.2)), np.exp(-0.5) * (1 - np.exp(-0.1))]
    )
    np.testing.assert_allclose(histogram, closed, rtol=1e-12)
    sample = PileUpDetector(n_pulses=10_000).sample(np.tile(expected, (2000, 1)), np.random.default_rng(3))
    np.testing.assert_allclose(sample.mean(axis=0), closed, rtol=0.005)
    assert sample.sum(axis=1).max() <= 10_000


def test_iccd_has_gain_offset_read_noise_and_clips():
    detector = IccdDetector(gain=4.0, read_noise=3.0, offset=25.0, bits=10)
    sample = detector.sample(EXPECTED[:, 1:], np.random.default_rng(4))
    assert_mean(sample[:, 0], 4 * 20 + 25, 16 * 20 + 9)
    np.testing.assert_allclose(sample[:, 0].var(), 16 * 20 + 9 + 1 / 12, rtol=0.04)
    assert detector.sample(np.full((10, 1), 1000.0), np.random.default_rng(5)).max() == 1023


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: PhotonCountingDetector(-1), "dark_counts_per_gate=-1 must be >= 0"),
        (lambda: SpadFrameDetector(0), "n_frames=0 must be >= 1"),
        (lambda: PileUpDetector(0), "n_pulses=0 must be >= 1"),
        (lambda: IccdDetector(bits=40), "bits=40 must be between 1 and 32"),
        (lambda: IccdDetector(gain=0), "gain=0 must be > 0"),
    ],
)
def test_bad_detector_says_value_and_rule(call, text):
    with pytest.raises(InputError, match=text):
        call()


def test_sums_of_one_bit_frames_stand_for_the_photons_that_came():
    detector = SpadFrameDetector(n_frames=255)
    sample = detector.sample(EXPECTED, np.random.default_rng(6))
    photons = photons_of(detector, sample)
    # The correction is unbiased to first order; its error grows as exp(rate) - 1 instead of the rate.
    rate = np.array([0.5, 20.0, 200.0]) / 255
    variance = 255 * np.expm1(rate)
    np.testing.assert_allclose(photons.mean(axis=0), 255 * rate, rtol=0.004, atol=0.02)
    np.testing.assert_allclose(photons.var(axis=0), variance, rtol=0.05)
    assert detector.photons([0, 1]).tolist() == [0.0, -255 * np.log1p(-1 / 255)]
    assert np.isfinite(detector.photons(255))


def test_other_detectors_are_not_corrected():
    counts = np.array([0, 3, 70_000])
    assert photons_of(PhotonCountingDetector(), counts) is counts
