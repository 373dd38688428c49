"""Instrument response functions (IRFs), represented by Fourier coefficients over the laser period.

In steady state the signal of a pulsed instrument repeats with the laser period, so a Fourier series is exact.
The convolution with a decay is a product, a delay is a phase factor, and a gate of any length is a sinc.
Neither the period nor the bin width of a measured IRF has to be a multiple of the gate width.
"""

import copy
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.errors import InputError

__all__ = ["FWHM_PER_SIGMA", "Irf", "MeasuredIrf", "ParametricIrf", "angular_frequencies_per_ns"]

FWHM_PER_SIGMA = 2 * np.sqrt(2 * np.log(2))
# Bins below this share of the highest bin count as noise when the length of a measured IRF is checked.
SUPPORT_SHARE = 0.01
# The background is determined from the means of about this many blocks of bins.
BACKGROUND_BLOCKS = 32
# This fraction of the blocks (1 / 8) is background in any case: a gate may be open for most of the period.
DARKEST = 8
# Blocks up to this many standard deviations above the mean of the darkest ones are background as well. With
# more than the square root of 3, all blocks of a linear slope would be.
BACKGROUND_SIGMAS = 1.7
# The same for the noise of a block, which follows from the scatter of its bins.
NOISE_SIGMAS = 2.0


def angular_frequencies_per_ns(n_harmonics: int, /, *, period_ns: float) -> NDArray[np.float64]:
    """Return the angular frequencies of harmonics 0 to ``n_harmonics`` of the laser, in rad/ns.

    See Also
    --------
    harmonics_needed :
        Return the number of harmonics that resolve a feature of standard deviation ``sigma_ns``.
    Irf : Instrument response: a distribution of delays with unit area.

    Examples
    --------
    >>> angular_frequencies_per_ns(1, period_ns=2 * np.pi).tolist()
    [0.0, 1.0]
    """
    return np.arange(n_harmonics + 1, dtype=np.float64) * (2 * np.pi / period_ns)


class Irf(ABC):
    """Instrument response: a distribution of delays with unit area.

    See Also
    --------
    MeasuredIrf : Measured IRF: a histogram with bins of any width, which can be shifted and broadened.
    ParametricIrf : Gaussian IRF with an optional exponential tail.
    """

    @abstractmethod
    def coefficients(self, n_harmonics: int, /, *, period_ns: float) -> NDArray[np.complex128]:
        """Return the Fourier coefficients of harmonics 0 to ``n_harmonics``; the first is 1 (unit area).

        Parameters
        ----------
        n_harmonics : int
            Highest harmonic of the laser repetition rate.
        period_ns : float
            Laser period, in ns.

        Returns
        -------
        ndarray of complex, shape (n_harmonics + 1,)
        """

    @abstractmethod
    def moved(self, by_ns: float, /) -> Self:
        """Return this IRF with all delays longer by ``by_ns``."""

    @property
    @abstractmethod
    def mean_ns(self) -> float:
        """Mean delay, in ns."""

    @property
    @abstractmethod
    def narrowest_sigma_ns(self) -> float:
        """Standard deviation of the sharpest feature, in ns; it determines the number of harmonics."""


@dataclass(frozen=True)
class ParametricIrf(Irf):
    """Gaussian IRF with an optional exponential tail.

    ``tail_fraction=0`` is a Gaussian, and ``tail_fraction=1`` is an exponentially modified Gaussian.

    Parameters
    ----------
    center_ns : float
        Mean of the Gaussian, in ns.
    fwhm_ns : float
        Full width at half maximum of the Gaussian, in ns.
    tail_fraction : float
        Fraction of the photons in the tail, 0 to 1.
    tail_ns : float
        Time constant of the tail, in ns.

    See Also
    --------
    MeasuredIrf : IRF from a measured histogram.
    seq2seqlite.responses.fit_irf : Fit a parametric IRF to a decay.

    Examples
    --------
    >>> round(ParametricIrf(center_ns=1.0, fwhm_ns=0.2, tail_fraction=0.5, tail_ns=0.3).mean_ns, 6)
    1.15
    """

    center_ns: float
    fwhm_ns: float
    tail_fraction: float = 0.0
    tail_ns: float = 0.0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.fwhm_ns) and self.fwhm_ns > 0):
            raise InputError(f"fwhm_ns={self.fwhm_ns} must be finite and > 0 (e.g. 0.2)")
        if not np.isfinite(self.center_ns):
            raise InputError(f"center_ns={self.center_ns} must be finite")
        if not 0 <= self.tail_fraction <= 1:
            raise InputError(f"tail_fraction={self.tail_fraction} must be between 0 and 1")
        if not (np.isfinite(self.tail_ns) and self.tail_ns >= 0):
            raise InputError(f"tail_ns={self.tail_ns} must be finite and >= 0")

    def coefficients(self, n_harmonics: int, /, *, period_ns: float) -> NDArray[np.complex128]:
        """Return the Fourier coefficients of harmonics 0 to ``n_harmonics``."""
        omega = angular_frequencies_per_ns(n_harmonics, period_ns=period_ns)
        gaussian = np.exp(-1j * omega * self.center_ns - 0.5 * (omega * self.narrowest_sigma_ns) ** 2)
        tail = (1 - self.tail_fraction) + self.tail_fraction / (1 + 1j * omega * self.tail_ns)
        return np.asarray(gaussian * tail)

    def moved(self, by_ns: float, /) -> Self:
        """Return this IRF with all delays longer by ``by_ns``."""
        return replace(self, center_ns=self.center_ns + by_ns)

    @property
    def mean_ns(self) -> float:
        """Mean delay, in ns."""
        return self.center_ns + self.tail_fraction * self.tail_ns

    @property
    def narrowest_sigma_ns(self) -> float:
        """Standard deviation of the sharpest feature, in ns."""
        return float(self.fwhm_ns / FWHM_PER_SIGMA)


class MeasuredIrf(Irf):
    """Measured IRF: a histogram with bins of any width, which can be shifted and broadened.

    Parameters
    ----------
    counts : array_like, shape (n_bins,)
        Photon counts. Their background is determined from the darkest part of the window and subtracted.
    bin_width_ns : float
        Width of a bin, in ns; may differ from the gate width of the data.

    Raises
    ------
    InputError
        If counts are negative, not finite, empty or flat.

    See Also
    --------
    ParametricIrf : IRF with few parameters.
    seq2seqlite.responses.aligned_irf : Align an IRF with a decay.

    Notes
    -----
    The density is the quadratic spline whose integrals over the bins are the counts: its integral is the
    cubic spline through the cumulative counts [1]_. Unlike a density that is constant in each bin, it is not
    wider than the IRF, even if a bin is as wide as the IRF. A wider IRF would be aligned too late.

    The background is the mean of the darkest blocks of bins, which contain enough counts for a mean even if
    most bins are empty. After its subtraction, negative bins are added up with their neighbours: were they
    set to 0, the positive ones would remain as a pedestal under the IRF, which makes lifetimes too short.

    References
    ----------
    .. [1] L. I. Boneva, D. Kendall and I. Stefanov, J. R. Stat. Soc. B 33, 1 (1971).

    Examples
    --------
    >>> MeasuredIrf([0, 0, 0, 0, 5, 5, 0, 0], bin_width_ns=0.1).mean_ns
    0.5
    """

    def __init__(self, counts: ArrayLike, /, *, bin_width_ns: float) -> None:
        histogram = np.asarray(counts, dtype=np.float64)
        if histogram.ndim != 1 or histogram.size < 2:
            raise InputError(
                f"an IRF must be one histogram of >= 2 bins, not an array of shape {histogram.shape}"
            )
        if not np.isfinite(histogram).all() or (histogram < 0).any():
            raise InputError("the IRF has negative or non-finite counts; export it again as photon counts")
        if not (np.isfinite(bin_width_ns) and bin_width_ns > 0):
            raise InputError(f"bin_width_ns={bin_width_ns} of the IRF must be finite and > 0")
        signal = _without_background(histogram)
        if signal.sum() <= 0:
            raise InputError("the IRF is flat: no bin exceeds its background; check the file and the channel")
        self.weights: NDArray[np.float64] = signal / signal.sum()
        self.bin_width_ns = bin_width_ns
        self.shift_ns = 0.0
        self.extra_sigma_ns = 0.0
        self.is_sampled = False
        self._as_measured = lru_cache(maxsize=4)(self._coefficients_as_measured)

    @property
    def span_ns(self) -> float:
        """Time between the first and the last 5 % of the counts, in ns; noise at the ends does not matter."""
        share = np.cumsum(self.weights)
        return float((np.searchsorted(share, 0.95) - np.searchsorted(share, 0.05)) * self.bin_width_ns)

    def changed(self, *, mean_ns: float | None = None, extra_fwhm_ns: float = 0.0) -> "MeasuredIrf":
        """Return this IRF shifted to a mean of ``mean_ns`` and broadened by a Gaussian of ``extra_fwhm_ns``.

        Examples
        --------
        >>> MeasuredIrf([0, 0, 0, 0, 5, 5, 0, 0], bin_width_ns=0.1).changed(mean_ns=1.5).mean_ns
        1.5
        """
        if extra_fwhm_ns < 0:
            raise InputError(f"extra_fwhm_ns={extra_fwhm_ns} must be >= 0")
        other = copy.copy(self)
        other.shift_ns = self.shift_ns + (0.0 if mean_ns is None else mean_ns - self.mean_ns)
        other.extra_sigma_ns = float(np.hypot(self.extra_sigma_ns, extra_fwhm_ns / FWHM_PER_SIGMA))
        return other

    def moved(self, by_ns: float, /) -> Self:
        """Return this IRF with all delays longer by ``by_ns``."""
        other = copy.copy(self)
        other.shift_ns = self.shift_ns + by_ns
        return other

    def sampled(self) -> "MeasuredIrf":
        """Return this response as samples at the starts of the bins, instead of integrals over the bins.

        For the response of a camera, measured gate by gate: it includes the gates, and a count is its value
        for the gate that opens at the start of the bin. The response between them is the cubic spline through
        the counts.

        Examples
        --------
        >>> MeasuredIrf([0, 0, 0, 0, 5, 5, 0, 0], bin_width_ns=0.1).sampled().mean_ns
        0.45
        """
        other = copy.copy(self)
        other.is_sampled = True
        other._as_measured = lru_cache(maxsize=4)(other._coefficients_as_measured)  # noqa: SLF001 - own class
        return other

    def within(self, first_ns: float, last_ns: float, /) -> "MeasuredIrf":
        """Return this IRF cropped to a time range, for example to remove late pulses or dark counts.

        Parameters
        ----------
        first_ns, last_ns : float
            Time range on the axis of the counts, in ns.

        Raises
        ------
        InputError
            If the range is empty, reversed or NaN, or contains no counts.

        Examples
        --------
        >>> MeasuredIrf([0, 0, 0, 0, 5, 5, 0, 1], bin_width_ns=0.1).within(0.3, 0.7).mean_ns
        0.5
        """
        if not first_ns < last_ns:
            raise InputError(
                f"the IRF range from {first_ns:g} to {last_ns:g} ns is empty; first_ns must be < last_ns"
            )
        starts_ns = np.arange(self.weights.size) * self.bin_width_ns
        inside = (starts_ns >= first_ns) & (starts_ns < last_ns)
        kept = np.where(inside, self.weights, 0)
        if not kept.any():
            raise InputError(
                f"the IRF has no counts between {first_ns:g} and {last_ns:g} ns; choose a range with its peak"
            )
        other = MeasuredIrf(kept, bin_width_ns=self.bin_width_ns)
        other.shift_ns, other.extra_sigma_ns = self.shift_ns, self.extra_sigma_ns
        return other.sampled() if self.is_sampled else other

    def coefficients(self, n_harmonics: int, /, *, period_ns: float) -> NDArray[np.complex128]:
        """Return the Fourier coefficients of harmonics 0 to ``n_harmonics``."""
        omega = angular_frequencies_per_ns(n_harmonics, period_ns=period_ns)
        change = np.exp(-1j * omega * self.shift_ns - 0.5 * (omega * self.extra_sigma_ns) ** 2)
        return np.asarray(self._as_measured(n_harmonics, period_ns) * change)

    def _coefficients_as_measured(self, n_harmonics: int, period_ns: float) -> NDArray[np.complex128]:
        occupied = np.flatnonzero(self.weights > self.weights.max() * SUPPORT_SHARE)
        support_ns = (occupied[-1] - occupied[0] + 1) * self.bin_width_ns
        if support_ns > period_ns * (1 + 1e-6):
            raise InputError(
                f"the IRF extends over {support_ns:.3g} ns, longer than the laser period of {period_ns:g} ns;"
                " check bin_width_ns and period_ns"
            )
        omega = angular_frequencies_per_ns(n_harmonics, period_ns=period_ns)
        used = self.weights > 0
        coefficients = np.exp(-1j * np.outer(omega, self._times_ns[used])) @ self.weights[used]
        # Cubic B-splines interpolate samples. The density of a histogram is the derivative of such a spline.
        phase = omega * self.bin_width_ns
        spline = np.sinc(phase / (2 * np.pi)) ** (4 if self.is_sampled else 3) * 3 / (2 + np.cos(phase))
        return np.asarray(coefficients * spline)

    @property
    def _times_ns(self) -> NDArray[np.float64]:
        """Centres of the bins, or starts of the gates of a camera, in ns."""
        first = 0.0 if self.is_sampled else 0.5
        return np.asarray((np.arange(self.weights.size) + first) * self.bin_width_ns, np.float64)

    @property
    def mean_ns(self) -> float:
        """Mean delay, in ns."""
        return float(self.weights @ self._times_ns + self.shift_ns)

    @property
    def narrowest_sigma_ns(self) -> float:
        """Standard deviation of the sharpest feature, in ns."""
        # The features of a measured IRF are not narrower than a bin and, in practice, not narrower than an
        # eighth of its spread. Dark counts cover the whole window and are excluded from the spread.
        peak = np.where(self.weights > self.weights.max() * SUPPORT_SHARE, self.weights, 0)
        peak /= peak.sum()
        times_ns = np.arange(self.weights.size) * self.bin_width_ns
        spread = float(np.sqrt(peak @ (times_ns - peak @ times_ns) ** 2))
        return float(np.hypot(max(self.bin_width_ns / np.sqrt(12), spread / 8), self.extra_sigma_ns))


def _without_background(histogram: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the signal of a histogram with an unknown constant background, without negative values."""
    size = max(1, histogram.size // BACKGROUND_BLOCKS)
    blocks = histogram[: histogram.size // size * size].reshape(-1, size)
    blocks = blocks[np.argsort(blocks.mean(axis=1), kind="stable")]
    means, variances = blocks.mean(axis=1), blocks.var(axis=1, ddof=min(1, size - 1)) / size
    n_dark = max(1, means.size // DARKEST)
    while True:
        dark = means[:n_dark]
        noise = NOISE_SIGMAS * float(np.sqrt(variances[:n_dark].mean()))
        limit = dark.mean() + max(BACKGROUND_SIGMAS * float(dark.std()), noise)
        found = int(np.searchsorted(means, limit, side="right"))
        if found <= n_dark:
            break
        n_dark = found
    above = np.cumsum(histogram - dark.mean())
    # The mean of the smallest and the largest rising curve that touch the cumulative signal.
    rising = np.maximum.accumulate(np.maximum(above, 0.0)) + np.minimum.accumulate(above[::-1])[::-1]
    return np.diff(np.maximum(rising, 0.0) / 2, prepend=0.0)
