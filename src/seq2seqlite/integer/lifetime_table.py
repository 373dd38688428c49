"""Lifetimes from the codes of an SFD, in integer arithmetic only."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.decay import MIN_COMPONENT_SHARE, TimeAxis, tau_from_area_ratio
from seq2seqlite.errors import InputError

__all__ = ["FRACTION_BITS", "KNOT_BITS", "RATIO_BITS", "SHARE", "TAU_BITS", "Reduced", "Reduction"]

TAU_BITS = 16
"""Bit width of the code of a lifetime."""
FRACTION_BITS = 15
"""Fraction bits of the amplitude fraction: a fraction of 1 has the code ``2**15``."""
RATIO_BITS = 11
"""Fraction bits of the ratio of area to first sample, in gates."""
KNOT_BITS = 3
"""The lifetime table has ``2**3`` knots per gate."""
SHARE = round(1 / MIN_COMPONENT_SHARE)
"""A component is present if its first sample times this factor exceeds the sum of both first samples."""


@dataclass(frozen=True)
class Reduced:
    """Codes of the lifetimes of n pixels, as int64 arrays of shape (n,).

    Parameters
    ----------
    tau_mean, tau_short, tau_long : ndarray
        Lifetimes in the steps of the program; 0 for a missing lifetime.
    fraction : ndarray
        Amplitude fraction of the short component in steps of ``2**-15``; 0 for an amplitude of zero.
    has_short, has_long : ndarray of bool
        Whether the component is present.

    See Also
    --------
    Reduction : Table that maps the ratio of area to first sample to a lifetime.
    seq2seqlite.integer.lifetimes_from_codes :
        Return codes as lifetimes in ns; NaN for absent components and pixels below threshold.
    """

    tau_mean: NDArray[np.int64]
    tau_short: NDArray[np.int64]
    tau_long: NDArray[np.int64]
    fraction: NDArray[np.int64]
    has_short: NDArray[np.bool_]
    has_long: NDArray[np.bool_]

    def darkened(self, dark: NDArray[np.bool_], /) -> "Reduced":
        """Return the codes with zeros for pixels below threshold."""
        return Reduced(*(np.where(dark, 0, value).astype(value.dtype) for value in vars(self).values()))


@dataclass(frozen=True)
class Reduction:
    """Table that maps the ratio of area to first sample to a lifetime.

    Parameters
    ----------
    n_gates : int
        Number of gates.
    tau_codes : ndarray of int64, shape (8 n_gates + 1,)
        Lifetime at ratios of 0, 1/8, 2/8, … gates, with linear interpolation between them.
    tau_fraction_bits : int
        Fraction bits of a lifetime: its code is in steps of ``2**-tau_fraction_bits`` ns.

    See Also
    --------
    Reduced : Codes of the lifetimes of n pixels, as int64 arrays of shape (n,).
    """

    n_gates: int
    tau_codes: NDArray[np.int64]
    tau_fraction_bits: int

    def __post_init__(self) -> None:
        codes = self.tau_codes
        if codes.shape != (n_knots(self.n_gates),):
            raise InputError(
                f"the lifetime table must have shape ({n_knots(self.n_gates)},), not {codes.shape}"
            )
        if codes.min() < 0 or codes.max() >= 2**TAU_BITS or (np.diff(codes) < 0).any():
            raise InputError(f"the lifetime table must increase from 0 to at most {2**TAU_BITS - 1}")

    @classmethod
    def of_axis(cls, axis: TimeAxis, /) -> "Reduction":
        """Return the table for a time axis: a fixed-point :func:`~seq2seqlite.decay.lifetimes_from_sfd`."""
        taus = tau_from_area_ratio(np.arange(n_knots(axis.n_gates)) / 2**KNOT_BITS, axis=axis)
        bits = int(np.floor(np.log2((2**TAU_BITS - 1) / taus.max())))
        return cls(axis.n_gates, np.rint(taus * 2.0**bits).astype(np.int64), bits)

    @property
    def tau_step_ns(self) -> float:
        """Value of the lowest bit of a lifetime, in ns."""
        return 2.0**-self.tau_fraction_bits

    def reduce(self, sfd_codes: ArrayLike, /) -> Reduced:
        """Return the lifetimes of SFDs.

        Parameters
        ----------
        sfd_codes : array_like of int, shape (n, 3, n_gates)
            Codes of total, short, long.

        Returns
        -------
        Reduced
            Codes.
        """
        components = np.asarray(sfd_codes, np.int64)[:, 1:]
        twice = 2 * components.sum(axis=-1) - components[..., 0] - components[..., -1]
        return self.reduce_areas(components[..., 0], twice)

    def reduce_areas(self, first: NDArray[np.int64], area: NDArray[np.int64], /) -> Reduced:
        """Return the lifetimes of SFDs from the first samples and areas of both components.

        Parameters
        ----------
        first : ndarray of int64, shape (n, 2)
            Codes of the first samples of short and long.
        area : ndarray of int64, shape (n, 2)
            Twice the areas by the trapezoid rule, which are integers.

        Returns
        -------
        Reduced
            Codes.
        """
        first = np.maximum(first, 0)
        both = first.sum(axis=-1)
        present = first * SHARE > both[:, None]
        tau = np.where(present, self._tau(area, first), 0)
        fraction = (first[:, 0] << FRACTION_BITS) // np.maximum(both, 1)
        whole = 1 << FRACTION_BITS
        mean = fraction * tau[:, 0] + (whole - fraction) * tau[:, 1]
        mean = np.where(both > 0, (mean + whole // 2) >> FRACTION_BITS, 0)
        return Reduced(mean, tau[:, 0], tau[:, 1], fraction, present[:, 0], present[:, 1])

    def _tau(self, area: NDArray[np.int64], first: NDArray[np.int64]) -> NDArray[np.int64]:
        ratio = (np.maximum(area, 0) << RATIO_BITS) // np.maximum(2 * first, 1)
        between = RATIO_BITS - KNOT_BITS
        last = len(self.tau_codes) - 1
        knot = np.minimum(ratio >> between, last)
        here, there = self.tau_codes[knot], self.tau_codes[np.minimum(knot + 1, last)]
        part = ratio & ((1 << between) - 1)
        return np.asarray(here + (((there - here) * part + (1 << (between - 1))) >> between))

    def to_ns(self, codes: ArrayLike, /) -> NDArray[Any]:
        """Return lifetimes in ns; NaN for a code of 0, which stands for a missing lifetime."""
        values = np.asarray(codes)
        return np.where(values > 0, values * self.tau_step_ns, np.nan)


def n_knots(n_gates: int, /) -> int:
    """Return the number of knots of the table; the ratio of a sampled decay is below ``n_gates``."""
    return (n_gates << KNOT_BITS) + 1
