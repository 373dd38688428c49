"""Result of all estimators: lifetimes with standard errors, and a reason for each missing lifetime."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.decay import Irf, Lifetimes, TimeAxis, expected_tpsf, present_components, rising_edge_ns
from seq2seqlite.errors import InputError

__all__ = ["Estimate", "Reason", "checked_counts", "expected_edge_ns", "required_irf", "screened"]

# Lifetime, as a share of the period, of the decay from which the rising edge of an IRF is computed.
TYPICAL_SHARE_OF_PERIOD = 0.16


class Reason(IntEnum):
    """Reason why a pixel has no lifetime or an unreliable one.

    See Also
    --------
    Estimate : Lifetimes of decays with quality indicators, as arrays of equal shape.
    """

    OK = 0
    """The estimate is valid."""
    INVALID_COUNTS = 1
    """A count is negative, NaN or infinite."""
    NO_PHOTONS = 2
    """All counts are zero."""
    ONE_BIN = 3
    """All photons are in one bin."""
    NO_SIGNAL = 4
    """No signal above the background after the rising edge: a wrong IRF, or a pixel below threshold."""
    NO_DECAY = 5
    """The counts do not decay, or decay too fast or too slowly for the method to resolve the lifetime."""
    NOT_CONVERGED = 6
    """The fit did not converge."""
    AT_LIMIT = 7
    """A lifetime reached the end of its range; its value is that limit."""

    @property
    def meaning(self) -> str:
        """The reason in words, for messages."""
        return _MEANINGS[self]


_MEANINGS = {
    Reason.OK: "the estimate is valid",
    Reason.INVALID_COUNTS: "a count is negative, NaN or infinite",
    Reason.NO_PHOTONS: "there are no photons",
    Reason.ONE_BIN: "all photons are in one bin",
    Reason.NO_SIGNAL: "nothing above the background after the rising edge of the IRF",
    Reason.NO_DECAY: "no decay, or one that is too fast, too slow or too noisy for the method",
    Reason.NOT_CONVERGED: "the fit did not converge",
    Reason.AT_LIMIT: "a lifetime is at the end of its range",
}


@dataclass(frozen=True)
class Estimate(Lifetimes):
    """Lifetimes of decays with quality indicators, as arrays of equal shape.

    Parameters
    ----------
    reason : ndarray of uint8
        :class:`Reason` of each decay; lifetimes are NaN for reasons 1 to 6.
    tau_mean_std_ns : ndarray, optional
        Expected standard error of the mean lifetime, in ns.
    tau_short_std_ns, tau_long_std_ns : ndarray, optional
        Standard errors of the components, in ns.
    tau_middle_ns, tau_middle_std_ns, amplitude_fraction_middle : ndarray, optional
        Lifetime of the middle one of three components, its standard error, in ns, and its amplitude fraction.
    scatter_fraction : ndarray, optional
        Share of scattered excitation light in the photons of a laser period, background excluded.
    photons : ndarray, optional
        Photons of the decay in one laser period.
    background : ndarray, optional
        Background, in counts per gate.
    shift_ns : ndarray, optional
        Fitted delay relative to the IRF, in ns.
    chi_square : ndarray, optional
        Reduced chi-square (Pearson's) of the fit.
    converged : ndarray of bool, optional
        Whether the fit converged.

    See Also
    --------
    seq2seqlite.decay.Lifetimes : Lifetimes of decays, as four arrays of equal shape.
    Reason : Reason why a pixel has no lifetime or an unreliable one.
    """

    reason: NDArray[np.uint8]
    tau_mean_std_ns: NDArray[np.floating] | None = None
    tau_short_std_ns: NDArray[np.floating] | None = None
    tau_long_std_ns: NDArray[np.floating] | None = None
    tau_middle_ns: NDArray[np.floating] | None = None
    tau_middle_std_ns: NDArray[np.floating] | None = None
    amplitude_fraction_middle: NDArray[np.floating] | None = None
    scatter_fraction: NDArray[np.floating] | None = None
    photons: NDArray[np.floating] | None = None
    background: NDArray[np.floating] | None = None
    shift_ns: NDArray[np.floating] | None = None
    chi_square: NDArray[np.floating] | None = None
    converged: NDArray[np.bool_] | None = None

    def components(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return amplitudes and lifetimes of two or three components, as :meth:`Lifetimes.components`."""
        if self.tau_middle_ns is None or self.amplitude_fraction_middle is None:
            return super().components()
        short, middle = self.amplitude_fraction, self.amplitude_fraction_middle
        taus = (self.tau_short_ns, self.tau_middle_ns, self.tau_long_ns)
        return present_components([short, middle, 1 - short - middle], taus)

    @classmethod
    def mono(
        cls,
        tau_ns: NDArray[np.floating],
        reason: NDArray[np.uint8],
        /,
        *,
        std_ns: NDArray[np.floating] | None = None,
        **more: Any,
    ) -> "Estimate":
        """Return the estimate of mono-exponential decays: equal components with half the amplitude each.

        Parameters
        ----------
        tau_ns : ndarray, shape (n,)
            Lifetimes, in ns.
        reason : ndarray of uint8, shape (n,)
            Reasons; lifetimes with reasons 1 to 6 become NaN.
        std_ns : ndarray, shape (n,), optional
            Standard errors, in ns.
        **more
            Other fields of the estimate.
        """
        valid = (reason == Reason.OK) | (reason == Reason.AT_LIMIT)
        tau = np.where(valid, tau_ns, np.nan)
        error = None if std_ns is None else np.where(valid, std_ns, np.nan)
        half = np.where(valid, 0.5, np.nan)
        return cls(
            tau, tau, tau, half, reason,
            tau_mean_std_ns=error, tau_short_std_ns=error, tau_long_std_ns=error, **more,
        )  # fmt: skip


def checked_counts(tpsf: ArrayLike, /, *, axis: TimeAxis, name: str) -> NDArray[Any]:
    """Return TPSFs as an array after checking shape and type.

    Raises
    ------
    InputError
        If the shape does not match the axis, or the counts are neither integers nor floats.
    """
    counts = np.asarray(tpsf)
    if counts.ndim != 2 or counts.shape[1] != axis.n_gates:
        raise InputError(
            f"TPSFs have shape {counts.shape}, but {name} requires (n, {axis.n_gates}); re-bin them"
        )
    if counts.dtype.kind not in "uif":
        raise InputError(f"counts must be integers or floats, not {counts.dtype}")
    return counts


def screened(counts: NDArray[Any], /) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    """Return counts with invalid decays replaced by ones, and the reasons for the replacements.

    Parameters
    ----------
    counts : ndarray, shape (n, n_gates)
        Counts of any numeric type.

    Returns
    -------
    counts : ndarray, shape (n, n_gates)
        Counts, with ones in place of decays that are invalid, empty or confined to one bin.
    reason : ndarray of uint8, shape (n,)
        :class:`Reason` of each decay.

    Examples
    --------
    >>> screened(np.array([[1.0, 2.0], [0, 0], [0, 3], [np.nan, 1]]))[1].tolist()
    [0, 2, 3, 1]
    """
    reason = np.zeros(len(counts), np.uint8)
    reason[(counts > 0).sum(axis=1) == 1] = Reason.ONE_BIN
    reason[~(counts > 0).any(axis=1)] = Reason.NO_PHOTONS
    if counts.dtype.kind != "u":
        reason[~(np.isfinite(counts) & (counts >= 0)).all(axis=1)] = Reason.INVALID_COUNTS
    if reason.any():
        counts = np.where((reason > 0)[:, None], counts.dtype.type(1), counts)
    return counts, reason


def required_irf(irf: Irf | None, name: str, /) -> Irf:
    """Return the IRF after checking that it is not None.

    Raises
    ------
    InputError
        If the IRF is None.
    """
    if irf is None:
        raise InputError(
            f"{name} requires the instrument's IRF; pass a measured IRF, or fit one with fit_irf"
        )
    return irf


def expected_edge_ns(axis: TimeAxis, irf: Irf, tau_ns: float | None = None, /) -> float:
    """Return the position of a decay's rising edge for an IRF, relative to the first gate, in ns.

    The default of the lifetime ``tau_ns`` is typical of the laser period.

    Examples
    --------
    >>> from seq2seqlite.decay import ParametricIrf
    >>> axis = TimeAxis(n_gates=125, gate_width_ns=0.1, period_ns=12.5)
    >>> round(expected_edge_ns(axis, ParametricIrf(center_ns=2.0, fwhm_ns=0.2)), 2)
    1.94
    """
    if tau_ns is None:
        tau_ns = TYPICAL_SHARE_OF_PERIOD * axis.period_ns
    tpsf = expected_tpsf([1.0], [tau_ns], axis=axis, irf=irf, photons=1e6)
    return rising_edge_ns(tpsf, bin_width_ns=axis.gate_width_ns)
