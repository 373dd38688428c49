"""What every estimator gives: lifetimes with their standard errors, and a reason where there are none."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.decay import Irf, Lifetimes, TimeAxis, expected_tpsf, rising_edge_ns
from seq2seqlite.errors import InputError

__all__ = ["Estimate", "Reason", "checked_counts", "expected_edge_ns", "required_irf", "screened"]

# A lifetime of this share of the period shows where an IRF puts the rising edge.
TYPICAL_SHARE_OF_PERIOD = 0.16


class Reason(IntEnum):
    """Why a pixel has no lifetime, or one that is not to be relied on."""

    OK = 0
    """The estimate is what the method gives."""
    INVALID_COUNTS = 1
    """A count is negative, NaN or infinite."""
    NO_PHOTONS = 2
    """There is no photon."""
    ONE_BIN = 3
    """All photons are in one bin."""
    NO_SIGNAL = 4
    """Nothing above the background where the IRF lets a decay begin: a wrong IRF, or a dark pixel."""
    NO_DECAY = 5
    """The gates do not decay, or too fast or too slowly for the method to resolve the lifetime."""
    NOT_CONVERGED = 6
    """The fit did not come to an end."""
    AT_LIMIT = 7
    """A lifetime ran to the end of its range; its value is that end."""

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
    """Lifetimes of decays with what the method knows of their quality; arrays of one shape.

    Parameters
    ----------
    reason : ndarray of uint8
        :class:`Reason` of each decay; lifetimes are NaN for reasons 1 to 6.
    tau_mean_std_ns : ndarray, optional
        Standard error of the mean lifetime that the method expects, in ns.
    tau_short_std_ns, tau_long_std_ns : ndarray, optional
        Standard errors of the components, in ns.
    photons : ndarray, optional
        Photons of the decay in one laser period.
    background : ndarray, optional
        Background, in counts a gate.
    shift_ns : ndarray, optional
        Delay found, added to the IRF's, in ns.
    chi_square : ndarray, optional
        Reduced chi-square (Pearson's) of the fit.
    converged : ndarray of bool, optional
        Whether the fit came to an end.
    """

    reason: NDArray[np.uint8]
    tau_mean_std_ns: NDArray[np.floating] | None = None
    tau_short_std_ns: NDArray[np.floating] | None = None
    tau_long_std_ns: NDArray[np.floating] | None = None
    photons: NDArray[np.floating] | None = None
    background: NDArray[np.floating] | None = None
    shift_ns: NDArray[np.floating] | None = None
    chi_square: NDArray[np.floating] | None = None
    converged: NDArray[np.bool_] | None = None

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
        """Return an estimate with one lifetime a decay: both components have it, and half the amplitude.

        Parameters
        ----------
        tau_ns : ndarray, shape (n,)
            Lifetimes, in ns.
        reason : ndarray of uint8, shape (n,)
            Reasons; lifetimes with a reason 1 to 6 become NaN.
        std_ns : ndarray, shape (n,), optional
            Standard errors, in ns.
        **more
            Further fields.
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
    """Return TPSFs as an array, shape (n, n_gates).

    Raises
    ------
    InputError
        If their shape does not fit the axis or they are not numbers.
    """
    counts = np.asarray(tpsf)
    if counts.ndim != 2 or counts.shape[1] != axis.n_gates:
        raise InputError(
            f"TPSFs of shape {counts.shape} do not fit {name}, which takes (n, {axis.n_gates}); re-bin them"
        )
    if counts.dtype.kind not in "uif":
        raise InputError(f"TPSFs of type {counts.dtype} are no counts; give integers or floats")
    return counts


def screened(counts: NDArray[Any], /) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    """Return counts that can be computed with, and the reasons of those that had to be replaced.

    Parameters
    ----------
    counts : ndarray, shape (n, n_gates)
        Counts of any kind.

    Returns
    -------
    counts : ndarray, shape (n, n_gates)
        The same, with ones in place of decays that are invalid, empty or all in one bin.
    reason : ndarray of uint8, shape (n,)

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
    """Return the IRF.

    Raises
    ------
    InputError
        If there is none.
    """
    if irf is None:
        raise InputError(f"{name} needs the instrument's IRF; give a measured one, or fit one (fit_irf)")
    return irf


def expected_edge_ns(axis: TimeAxis, irf: Irf, /) -> float:
    """Return where an IRF puts the rising edge of a decay, from the first gate, in ns.

    Examples
    --------
    >>> from seq2seqlite.decay import ParametricIrf
    >>> axis = TimeAxis(n_gates=125, gate_width_ns=0.1, period_ns=12.5)
    >>> round(expected_edge_ns(axis, ParametricIrf(center_ns=2.0, fwhm_ns=0.2)), 2)
    1.94
    """
    tau_ns = TYPICAL_SHARE_OF_PERIOD * axis.period_ns
    tpsf = expected_tpsf([1.0], [tau_ns], axis=axis, irf=irf, photons=1e6)
    return rising_edge_ns(tpsf, bin_width_ns=axis.gate_width_ns)
