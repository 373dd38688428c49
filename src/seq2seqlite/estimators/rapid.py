"""Rapid lifetime determination: the sums of a few wide gates, and a logarithm."""

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.decay import Irf, TimeAxis, expected_tpsf
from seq2seqlite.errors import InputError
from seq2seqlite.estimators.centre_of_mass import leading_gates
from seq2seqlite.estimators.estimate import (
    Estimate,
    Reason,
    checked_counts,
    expected_edge_ns,
    required_irf,
    screened,
)

__all__ = ["RapidLifetime", "rld_from_gates", "rld_from_three_gates"]

# The first gate starts where the rest of the IRF adds less than this share of a decay's photons.
IRF_REST = 0.01
MOST_GATES = 64
# A lifetime beyond is the logarithm of one plus noise.
LONGEST_WINDOWS = 2.0


def rld_from_gates(
    sums: ArrayLike, /, *, width_ns: float, background: ArrayLike = 0.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lifetime from two or more contiguous gates of one width.

    Parameters
    ----------
    sums : array_like, shape (..., n)
        Counts of the gates, background included; n >= 2.
    width_ns : float
        Width of a gate, in ns.
    background : array_like, shape (...)
        Background in a gate, in counts.

    Returns
    -------
    tau_ns : ndarray, shape (...)
        Lifetime, in ns; NaN where the gates do not decay.
    std_ns : ndarray, shape (...)
        Standard error, for a background that is known.

    Notes
    -----
    Two gates: ``width / ln(D1 / D2)`` [1]_. More: the straight line through the logarithms, weighted by the
    inverse of their variances.

    References
    ----------
    .. [1] R. J. Woods et al., Anal. Chem. 56, 1395 (1984).

    Examples
    --------
    >>> rld_from_gates([np.e, 1.0], width_ns=2.0)[0].item()
    2.0
    """
    counts = np.asarray(sums, np.float64)
    if counts.ndim == 0 or counts.shape[-1] < 2:
        raise InputError(f"sums of shape {counts.shape} must be of two gates or more, as the last axis")
    signal = counts - np.asarray(background, np.float64)[..., None]
    with np.errstate(divide="ignore", invalid="ignore"):
        usable = (signal > 0).all(axis=-1)
        logs = np.log(np.where(signal > 0, signal, 1.0))
        weights = np.where(signal > 0, signal, 0.0) ** 2 / np.maximum(counts, 1e-12)
        times = np.arange(counts.shape[-1]) * width_ns
        weight = weights.sum(axis=-1)
        from_mean = times - ((weights * times).sum(axis=-1) / weight)[..., None]
        spread = (weights * from_mean**2).sum(axis=-1)
        rate = -(weights * from_mean * logs).sum(axis=-1) / spread
        falls = usable & (rate > 0)
        tau = np.where(falls, 1 / rate, np.nan)
        return tau, np.where(falls, tau**2 / np.sqrt(spread), np.nan)


def rld_from_three_gates(
    sums: ArrayLike, /, *, width_ns: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return lifetime and background from three contiguous gates: the triple integral of FLIMLib and TRI2.

    Parameters
    ----------
    sums : array_like, shape (..., 3)
        Counts of the gates.
    width_ns : float
        Width of a gate, in ns.

    Returns
    -------
    tau_ns : ndarray, shape (...)
        ``-width / ln((D2 - D3) / (D1 - D2))``, in ns: the background cancels. NaN where the gates do not
        decay.
    std_ns : ndarray, shape (...)
        Standard error.
    background : ndarray, shape (...)
        Background in a gate, in counts.

    Examples
    --------
    >>> tau, _, background = rld_from_three_gates([22.0, 12.0, 7.0], width_ns=1.0)
    >>> round(tau.item(), 4), round(background.item(), 4)
    (1.4427, 2.0)
    """
    counts = np.asarray(sums, np.float64)
    if counts.ndim == 0 or counts.shape[-1] != 3:
        raise InputError(f"sums of shape {counts.shape} must be of three gates, as the last axis")
    d1, d2, d3 = np.moveaxis(counts, -1, 0)
    first, second = d1 - d2, d2 - d3
    with np.errstate(divide="ignore", invalid="ignore"):
        falls = (second > 0) & (first > second)
        ratio = np.where(falls, second / first, np.nan)
        tau = -width_ns / np.log(ratio)
        slopes = np.stack([-1 / first, 1 / second + 1 / first, -1 / second])  # of ln(ratio)
        variance = slopes[0] ** 2 * d1 + slopes[1] ** 2 * d2 + slopes[2] ** 2 * d3
        background = d1 - first / (1 - ratio)
        return tau, tau**2 / width_ns * np.sqrt(variance), background


class RapidLifetime:
    """Rapid lifetime determination; fulfils the predictor protocol of imaging.

    Parameters
    ----------
    axis : TimeAxis
        Gates and laser period.
    irf : Irf
        Instrument response, with the delay of the data: it says where the decay is free of it.
    n_gates : int
        Wide gates: 2, 3 or more. Three are evaluated so that background cancels; otherwise the leading gates
        before the edge are taken as background.
    first_gate, last_gate : int, optional
        Gates of the axis between which the wide ones lie (the last is exclusive). Default: from the end of
        the IRF to the end of the window.

    Examples
    --------
    >>> from seq2seqlite.decay import ParametricIrf
    >>> axis, irf = TimeAxis(135, 0.09, 12.5), ParametricIrf(1.5, 0.2)
    >>> tpsf = expected_tpsf([1.0], [2.0], axis=axis, irf=irf, photons=5000, background=1.0)
    >>> round(RapidLifetime(axis, irf, n_gates=3).lifetimes(tpsf[None]).tau_mean_ns.item(), 2)
    2.0
    """

    kind = "closed form"

    def __init__(
        self,
        axis: TimeAxis,
        irf: Irf | None,
        /,
        *,
        n_gates: int = 2,
        first_gate: int | None = None,
        last_gate: int | None = None,
    ) -> None:
        self.axis, self.n_gates, self.name = axis, n_gates, f"rld-{n_gates}"
        self.irf = required_irf(irf, self.name)
        if not 2 <= n_gates <= MOST_GATES:
            raise InputError(f"n_gates={n_gates} must be between 2 and {MOST_GATES}")
        self.first_gate = _end_of_irf(axis, self.irf) if first_gate is None else first_gate
        self.last_gate = axis.n_gates if last_gate is None else last_gate
        if not 0 <= self.first_gate <= self.last_gate - n_gates or self.last_gate > axis.n_gates:
            raise InputError(
                f"gates {self.first_gate} to {self.last_gate} of {axis.n_gates} hold no {n_gates} wide "
                "gates; the IRF ends too late, or give first_gate and last_gate"
            )

    @cached_property
    def rising_edge_ns(self) -> float:
        """Where the IRF puts the rising edge, in ns."""
        return expected_edge_ns(self.axis, self.irf)

    def lifetimes(self, tpsf: ArrayLike, /) -> Estimate:
        """Return the lifetimes of decays, shape (n,), of counts, shape (n, n_gates)."""
        counts, reason = screened(checked_counts(tpsf, axis=self.axis, name=self.name))
        width = (self.last_gate - self.first_gate) // self.n_gates
        used = counts[:, self.first_gate : self.first_gate + width * self.n_gates].astype(np.float64)
        sums = used.reshape(len(counts), self.n_gates, width).sum(axis=2)
        width_ns = width * self.axis.gate_width_ns
        if self.n_gates == 3:
            tau, std, background = rld_from_three_gates(sums, width_ns=width_ns)
        else:
            background = width * self._level(counts)
            tau, std = rld_from_gates(sums, width_ns=width_ns, background=background)
        told = tau < LONGEST_WINDOWS * self.axis.window_ns  # false for NaN
        reason[~told & (reason == 0)] = Reason.NO_DECAY
        return Estimate.mono(tau, reason, std_ns=std, background=background / width)

    def _level(self, counts: NDArray[np.floating]) -> NDArray[np.float64]:
        before = leading_gates(self.axis, self.irf)
        return np.asarray(counts[:, :before].mean(axis=1)) if before else np.zeros(len(counts))


def _end_of_irf(axis: TimeAxis, irf: Irf) -> int:
    """Return the first gate after which a decay is exponential, to 1 % of the photons of a short one."""
    # What a decay of two gates' length still holds after a time is the IRF's rest and its own.
    tau = 2 * axis.gate_width_ns
    tpsf = expected_tpsf([1.0], [tau], axis=axis, irf=irf)
    peak = int(np.argmax(tpsf))
    rest = np.cumsum(tpsf[::-1])[::-1] / tpsf.sum()
    after = np.flatnonzero((np.arange(axis.n_gates) > peak) & (rest < IRF_REST))
    return int(after[0]) if after.size else axis.n_gates
