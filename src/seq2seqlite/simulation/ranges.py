"""Ranges of the properties of an instrument, of its response measurements, and of the decays."""

from dataclasses import dataclass

import numpy as np

from seq2seqlite.config import Range
from seq2seqlite.decay import Gate
from seq2seqlite.errors import InputError

__all__ = ["DecayRanges", "GateRanges", "IrfRanges", "ResponseRanges", "middle"]

# The IRF bank is kept in memory, several kB per IRF.
MAX_IRFS = 100_000
# The counts of a gate are stored in 32 bits.
MAX_PHOTONS = 1e9
MAX_BACKGROUND = 0.99
MONO_TAU = ("uniform", "log-uniform", "both")
BACKGROUND_PRIOR = ("uniform", "log-uniform")
# Three standard deviations of the length of a gate then are less than the length.
MAX_SPREAD = 0.3


@dataclass(frozen=True)
class IrfRanges:
    """Variation of the IRF between pixels and between days, as uniform ranges.

    Parameters
    ----------
    center_ns, fwhm_ns, tail_fraction, tail_ns : tuple of float
        Ranges of a parametric IRF (see :class:`~seq2seqlite.decay.ParametricIrf`). With a gate, ``center_ns``
        is the range of the rising edge of the gate series: the pulse arrives one gate length later, because
        a gate that opens earlier is still open when the pulse arrives.
    file : str, optional
        File of a measured IRF that replaces the parametric one; ``center_ns`` then is the range of its mean.
    bin_width_ns : float, optional
        Bin width of the measured IRF, in ns, if its file does not contain it.
    extra_fwhm_ns : tuple of float
        Range of the Gaussian broadening of a measured IRF (FWHM), in ns.
    n_irfs : int
        Number of IRFs in a bank.

    See Also
    --------
    Instrument : An instrument: time axis, IRFs, distribution of decays, and detector.
    seq2seqlite.decay.ParametricIrf : Gaussian IRF with an optional exponential tail.
    """

    center_ns: Range
    fwhm_ns: Range = (0.1, 0.1)
    tail_fraction: Range = (0.0, 0.0)
    tail_ns: Range = (0.2, 0.2)
    file: str | None = None
    bin_width_ns: float | None = None
    extra_fwhm_ns: Range = (0.0, 0.0)
    n_irfs: int = 512

    def __post_init__(self) -> None:
        for name in ("center_ns", "fwhm_ns", "tail_fraction", "tail_ns", "extra_fwhm_ns"):
            _check_range(f"irf.{name}", getattr(self, name), low=0.0)
        if self.fwhm_ns[0] <= 0:
            raise InputError(f"irf.fwhm_ns={list(self.fwhm_ns)} must be > 0")
        if self.tail_fraction[1] > 1:
            raise InputError(f"irf.tail_fraction={list(self.tail_fraction)} must be <= 1")
        if not 1 <= self.n_irfs <= MAX_IRFS:
            raise InputError(f"irf.n_irfs={self.n_irfs} must be between 1 and {MAX_IRFS} (e.g. 512)")


@dataclass(frozen=True)
class GateRanges:
    """Time gates of a camera, and their variation.

    Parameters
    ----------
    length_ns : tuple of float
        Uniform range of the gate length, which the user sets for a whole image.
    length_spread : float
        Relative standard deviation of the length over the pixels.
    rise_ns, fall_ns : tuple of float
        Uniform ranges of the 10-90 % times of the opening and the closing edge.

    See Also
    --------
    seq2seqlite.decay.Gate : One gate.
    """

    length_ns: Range
    length_spread: float = 0.0
    rise_ns: Range = (0.0, 0.0)
    fall_ns: Range = (0.0, 0.0)

    def __post_init__(self) -> None:
        for name in ("length_ns", "rise_ns", "fall_ns"):
            _check_range(f"gate.{name}", getattr(self, name), low=0.0)
        if self.length_ns[0] <= 0:
            raise InputError(f"gate.length_ns={list(self.length_ns)} must be > 0 (e.g. 3.0)")
        if not 0 <= self.length_spread <= MAX_SPREAD:
            raise InputError(f"gate.length_spread={self.length_spread} must be between 0 and {MAX_SPREAD}")

    def draw(self, rng: np.random.Generator, /) -> Gate:
        """Return the gate of a random pixel."""
        length = rng.uniform(*self.length_ns)
        # A normal variate is bounded: the length stays positive for every permitted spread.
        length *= 1 + self.length_spread * float(np.clip(rng.normal(), -3, 3))
        return Gate(length, rng.uniform(*self.rise_ns), rng.uniform(*self.fall_ns))


@dataclass(frozen=True)
class ResponseRanges:
    """Measurements of the instrument response that networks get as an input, and their errors.

    Parameters
    ----------
    counts : tuple of float
        Log-uniform range of the counts of the measured response.
    background : tuple of float
        Uniform range of the share of background in them.
    shift_ns : float
        Standard deviation of the delay between response and decay, after their alignment, in ns.
    misaligned : float
        Share of responses that are not aligned well.
    misaligned_ns : float
        Largest delay of these, in ns; uniform on both sides of zero.
    extra_fwhm_ns : tuple of float
        Uniform range of the width (FWHM) of a Gaussian by which the measured response is too wide, in ns.
    unknown : float
        Share of decays without a response: their networks have to do without one.

    See Also
    --------
    Simulator : Simulator that measures the responses.
    """

    counts: Range = (1e3, 1e7)
    background: Range = (0.0, 0.03)
    shift_ns: float = 0.004
    misaligned: float = 0.15
    misaligned_ns: float = 0.08
    extra_fwhm_ns: Range = (0.0, 0.08)
    unknown: float = 0.12

    def __post_init__(self) -> None:
        for name in ("counts", "background", "extra_fwhm_ns"):
            _check_range(f"response.{name}", getattr(self, name), low=0.0)
        if self.counts[0] < 1 or self.counts[1] > MAX_PHOTONS:
            raise InputError(f"response.counts={list(self.counts)} must be between 1 and {MAX_PHOTONS:g}")
        if self.background[1] > MAX_BACKGROUND:
            raise InputError(f"response.background={list(self.background)} must be <= {MAX_BACKGROUND:g}")
        for name in ("shift_ns", "misaligned_ns"):
            if not getattr(self, name) >= 0:
                raise InputError(f"response.{name}={getattr(self, name)} must be >= 0")
        for name in ("misaligned", "unknown"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"response.{name}={getattr(self, name)} must be between 0 and 1")


@dataclass(frozen=True)
class DecayRanges:
    """Distribution of the decays measured with an instrument.

    Parameters
    ----------
    tau_ns : tuple of float
        Uniform range of both lifetimes, in ns; the two values of a decay are sorted after they are drawn.
    amplitude_fraction : tuple of float
        Uniform range of the short component's share of the amplitude.
    mono_exponential : float
        Share of mono-exponential decays; both components then have the same lifetime and half the amplitude.
    mono_tau : str
        Distribution of the lifetimes of mono-exponential decays: ``uniform``; ``log-uniform``, with as many
        decays between 0.2 and 0.4 ns as between 1 and 2 ns; or ``both``, half of the decays each.
    photons : tuple of float
        Log-uniform range of the expected photons in the window, background included.
    background : tuple of float
        Range of the share of background in these photons.
    background_prior : str
        Distribution of this share: ``uniform``; or ``log-uniform``, with as many decays between 0.01 and 0.02
        as between 0.1 and 0.2, from a lowest share > 0.

    See Also
    --------
    Instrument : An instrument: time axis, IRFs, distribution of decays, and detector.
    IrfRanges : Variation of the IRF between pixels and between days, as uniform ranges.
    """

    tau_ns: Range
    amplitude_fraction: Range = (0.0, 1.0)
    mono_exponential: float = 0.2
    mono_tau: str = "uniform"
    photons: Range = (200.0, 20000.0)
    background: Range = (0.0, 0.05)
    background_prior: str = "uniform"

    def __post_init__(self) -> None:
        for name in ("tau_ns", "amplitude_fraction", "photons", "background"):
            _check_range(f"decays.{name}", getattr(self, name), low=0.0)
        if self.tau_ns[0] <= 0 or self.photons[0] <= 0:
            raise InputError(
                f"decays.tau_ns={list(self.tau_ns)} and photons={list(self.photons)} must be > 0"
            )
        for name, top in (
            ("amplitude_fraction", 1.0),
            ("background", MAX_BACKGROUND),
            ("photons", MAX_PHOTONS),
        ):
            if getattr(self, name)[1] > top:
                raise InputError(f"decays.{name}={list(getattr(self, name))} must be <= {top:g}")
        if self.mono_tau not in MONO_TAU:
            raise InputError(
                f"decays.mono_tau={self.mono_tau!r} is unknown; choose one of {', '.join(MONO_TAU)}"
            )
        if self.background_prior not in BACKGROUND_PRIOR:
            raise InputError(
                f"decays.background_prior={self.background_prior!r} is unknown; choose one of "
                f"{', '.join(BACKGROUND_PRIOR)}"
            )
        if self.background_prior == "log-uniform" and self.background[0] <= 0:
            raise InputError(
                f"decays.background={list(self.background)} must be > 0 for background_prior='log-uniform'"
            )
        if not 0 <= self.mono_exponential <= 1:
            raise InputError(f"decays.mono_exponential={self.mono_exponential} must be between 0 and 1")


def middle(ends: Range, /) -> float:
    """Return the middle of a range.

    See Also
    --------
    Instrument : Its properties have ranges.
    """
    return (ends[0] + ends[1]) / 2


def _check_range(name: str, value: Range, *, low: float) -> None:
    first, last = value
    if not (np.isfinite(first) and np.isfinite(last) and low <= first <= last):
        raise InputError(f"{name}={[first, last]} must be [low, high] with {low:g} <= low <= high")
