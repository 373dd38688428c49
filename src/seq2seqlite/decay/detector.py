"""Detector models: noisy counts from expected counts."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.errors import InputError

__all__ = [
    "Detector",
    "IccdDetector",
    "PhotonCountingDetector",
    "PileUpDetector",
    "SpadFrameDetector",
    "first_photon_histogram",
    "photons_of",
]


class Detector(Protocol):
    """Interface of the detector models, which add noise to expected counts.

    See Also
    --------
    PhotonCountingDetector : Ideal photon-counting detector: Poisson noise and dark counts.
    SpadFrameDetector :
        Single-bit SPAD array: each gate is the sum of ``n_frames`` frames of at most one photon each.
    IccdDetector :
        Intensified CCD camera: Poisson noise, gain, read noise, offset and clipping to the bit depth.
    PileUpDetector : TCSPC electronics that record only the first photon after each excitation pulse.
    """

    def sample(self, expected: NDArray[np.float64], rng: np.random.Generator, /) -> NDArray[np.integer]:
        """Return one noisy measurement of the ``expected`` photons, shape (..., n_gates)."""
        ...


@dataclass(frozen=True)
class PhotonCountingDetector:
    """Ideal photon-counting detector: Poisson noise and dark counts.

    Parameters
    ----------
    dark_counts_per_gate : float
        Mean number of dark counts per gate over the whole exposure.

    See Also
    --------
    PileUpDetector : TCSPC electronics that record only the first photon after each excitation pulse.
    SpadFrameDetector :
        Single-bit SPAD array: each gate is the sum of ``n_frames`` frames of at most one photon each.
    """

    dark_counts_per_gate: float = 0.0

    def __post_init__(self) -> None:
        _require(
            self.dark_counts_per_gate >= 0, f"dark_counts_per_gate={self.dark_counts_per_gate} must be >= 0"
        )

    def sample(self, expected: NDArray[np.float64], rng: np.random.Generator, /) -> NDArray[np.integer]:
        """Return one measurement of the ``expected`` photons."""
        return rng.poisson(expected + self.dark_counts_per_gate)


@dataclass(frozen=True)
class SpadFrameDetector:
    """Single-bit SPAD array: each gate is the sum of ``n_frames`` frames of at most one photon each.

    Parameters
    ----------
    n_frames : int
        Number of binary frames summed for each gate (255 frames fill 8 bits).
    dark_counts_per_gate : float
        Mean number of dark counts per gate, before saturation.

    See Also
    --------
    PhotonCountingDetector : Ideal photon-counting detector: Poisson noise and dark counts.
    IccdDetector :
        Intensified CCD camera: Poisson noise, gain, read noise, offset and clipping to the bit depth.
    """

    n_frames: int
    dark_counts_per_gate: float = 0.0

    def __post_init__(self) -> None:
        _require(self.n_frames >= 1, f"n_frames={self.n_frames} must be >= 1")
        _require(
            self.dark_counts_per_gate >= 0, f"dark_counts_per_gate={self.dark_counts_per_gate} must be >= 0"
        )

    def sample(self, expected: NDArray[np.float64], rng: np.random.Generator, /) -> NDArray[np.integer]:
        """Return one measurement of the ``expected`` photons."""
        rate = (expected + self.dark_counts_per_gate) / self.n_frames
        return rng.binomial(self.n_frames, -np.expm1(-rate))

    def photons(self, counts: ArrayLike, /) -> NDArray[np.float64]:
        """Return the photons that counts stand for, of the same shape.

        A frame counts several photons of one gate once, so ``n`` of ``N`` frames with a count stand for
        ``-N log(1 - n / N)`` photons. A gate with counts in all frames is taken for half a frame less.
        """
        share = np.minimum(np.asarray(counts, np.float64), self.n_frames - 0.5) / self.n_frames
        return -self.n_frames * np.log1p(-share)


@dataclass(frozen=True)
class PileUpDetector:
    """TCSPC electronics that record only the first photon after each excitation pulse.

    Parameters
    ----------
    n_pulses : int
        Number of excitation pulses during the exposure of a pixel. The expected photons are distributed over
        these pulses.
    dark_counts_per_gate : float
        Mean number of dark counts per gate over the exposure.

    See Also
    --------
    first_photon_histogram : Expected histogram with pile-up.
    """

    n_pulses: int
    dark_counts_per_gate: float = 0.0

    def __post_init__(self) -> None:
        _require(self.n_pulses >= 1, f"n_pulses={self.n_pulses} must be >= 1")
        _require(
            self.dark_counts_per_gate >= 0, f"dark_counts_per_gate={self.dark_counts_per_gate} must be >= 0"
        )

    def sample(self, expected: NDArray[np.float64], rng: np.random.Generator, /) -> NDArray[np.integer]:
        """Return one measurement of the ``expected`` photons."""
        recorded = first_photon_histogram(expected + self.dark_counts_per_gate, n_pulses=self.n_pulses)
        probabilities = recorded / self.n_pulses
        nothing = 1 - probabilities.sum(axis=-1, keepdims=True)
        drawn = rng.multinomial(
            self.n_pulses, np.concatenate([probabilities, np.clip(nothing, 0, 1)], axis=-1)
        )
        return drawn[..., :-1]


@dataclass(frozen=True)
class IccdDetector:
    """Intensified CCD camera: Poisson noise, gain, read noise, offset and clipping to the bit depth.

    Parameters
    ----------
    gain : float
        Camera counts per photon.
    read_noise : float
        Standard deviation of the read noise, in camera counts.
    offset : float
        Constant added by the camera, in camera counts.
    bits : int
        Bit depth; counts are clipped to ``2**bits - 1``.

    See Also
    --------
    PhotonCountingDetector : Ideal photon-counting detector: Poisson noise and dark counts.
    SpadFrameDetector :
        Single-bit SPAD array: each gate is the sum of ``n_frames`` frames of at most one photon each.
    """

    gain: float = 1.0
    read_noise: float = 0.0
    offset: float = 0.0
    bits: int = 16

    def __post_init__(self) -> None:
        _require(self.gain > 0, f"gain={self.gain} must be > 0")
        _require(self.read_noise >= 0, f"read_noise={self.read_noise} must be >= 0")
        _require(1 <= self.bits <= 32, f"bits={self.bits} must be between 1 and 32")

    def sample(self, expected: NDArray[np.float64], rng: np.random.Generator, /) -> NDArray[np.integer]:
        """Return one measurement of the ``expected`` photons."""
        signal = (
            self.gain * rng.poisson(expected) + self.offset + rng.normal(0, self.read_noise, expected.shape)
        )
        return np.clip(np.rint(signal), 0, 2**self.bits - 1).astype(np.int64)


def photons_of(detector: Detector, counts: NDArray[np.integer], /) -> NDArray[Any]:
    """Return the counts of a detector, corrected for its saturation where that is known.

    Parameters
    ----------
    detector : Detector
        Detector that measured the counts.
    counts : ndarray of int, shape (..., n_gates)
        Counts.

    Returns
    -------
    ndarray, shape (..., n_gates)
        Float for a :class:`SpadFrameDetector`; otherwise the counts as they are.

    See Also
    --------
    SpadFrameDetector.photons : The correction for sums of one-bit frames.
    """
    return detector.photons(counts) if isinstance(detector, SpadFrameDetector) else counts


def first_photon_histogram(expected: ArrayLike, /, *, n_pulses: float) -> NDArray[np.float64]:
    """Return the expected histogram with pile-up: only the first photon after each pulse is recorded.

    Parameters
    ----------
    expected : array_like, shape (..., n_gates)
        Expected photons at the detector, summed over all pulses.
    n_pulses : float
        Number of excitation pulses.

    Returns
    -------
    ndarray, shape (..., n_gates)

    See Also
    --------
    PileUpDetector : Detector model with pile-up and noise.

    Notes
    -----
    With r_g expected photons per pulse in gate g, the gate records ``exp(-sum_{j<g} r_j) (1 - exp(-r_g))``
    photons per pulse [1]_.

    References
    ----------
    .. [1] P. B. Coates, J. Phys. E 1, 878 (1968).

    Examples
    --------
    >>> first_photon_histogram([np.log(2), np.log(2)], n_pulses=1).round(6).tolist()
    [0.5, 0.25]
    """
    rate = np.asarray(expected, np.float64) / n_pulses
    earlier = np.cumsum(rate, axis=-1) - rate
    return np.asarray(n_pulses * np.exp(-earlier) * -np.expm1(-rate))


def _require(condition: object, message: str) -> None:
    if not condition:
        raise InputError(message)
