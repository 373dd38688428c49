"""Rapid lifetime determination: lifetimes from the logarithms of the counts in a few wide gates."""

from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.decay import ONE_EXPONENTIAL, Irf, Quantities, TimeAxis, expected_tpsf
from seq2seqlite.errors import InputError
from seq2seqlite.estimators.centre_of_mass import baseline_gates
from seq2seqlite.estimators.estimate import (
    Estimate,
    Reason,
    checked_counts,
    expected_edge_ns,
    required_irf,
    screened,
)
from seq2seqlite.inverse_table import InverseTable

__all__ = ["RapidLifetime", "rld_from_gates", "rld_from_three_gates"]

# The first gate starts where the remainder of the IRF adds less than this share of a decay's photons.
IRF_REST = 0.01
MOST_GATES = 64
# Range of tabulated lifetimes: from a share of a wide gate to a multiple of the window.
SHORTEST_GATES, LONGEST_WINDOWS = 0.05, 2.0
# Intensity of the tabulated decays, so high that only gates without signal remain unresolved.
TABLE_PHOTONS = 1e9
# Minimum signal, or difference of gates, in standard deviations; the logarithm of a smaller one is noise.
MIN_SIGMAS = 3.0
# Maximum standard error, as a share of the lifetime.
MOST_RELATIVE_STD = 0.42


def rld_from_gates(
    sums: ArrayLike, /, *, width_ns: float, background: ArrayLike = 0.0, background_std: ArrayLike = 0.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return lifetimes from two or more contiguous gates of equal width.

    Parameters
    ----------
    sums : array_like, shape (..., n)
        Counts of the gates, background included; n >= 2.
    width_ns : float
        Width of a gate, in ns.
    background : array_like, shape (...)
        Background, in counts per gate.
    background_std : array_like, shape (...)
        Standard error of the background; 0 if the background is known exactly.

    Returns
    -------
    tau_ns : ndarray, shape (...)
        Lifetime, in ns; NaN if the counts do not decay.
    std_ns : ndarray, shape (...)
        Standard error of the lifetime, in ns.

    See Also
    --------
    RapidLifetime : Estimator with corrections for IRF and window.

    Notes
    -----
    For two gates the lifetime is ``width / ln(D1 / D2)`` [1]_. For more gates a straight line is fitted to
    the logarithms, weighted by the inverse of their variances.

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
        raise InputError(f"sums has shape {counts.shape}; its last axis must have two or more gates")
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
        by_background = (weights * from_mean / np.where(signal > 0, signal, 1.0)).sum(axis=-1) / spread
        variance = 1 / spread + (by_background * np.asarray(background_std, np.float64)) ** 2
        falls = usable & (rate > 0)
        tau = np.where(falls, 1 / rate, np.nan)
        return tau, np.where(falls, tau**2 * np.sqrt(variance), np.nan)


def rld_from_three_gates(
    sums: ArrayLike, /, *, width_ns: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return lifetime and background from three contiguous gates (triple integral method).

    Parameters
    ----------
    sums : array_like, shape (..., 3)
        Counts of the gates.
    width_ns : float
        Width of a gate, in ns.

    Returns
    -------
    tau_ns : ndarray, shape (...)
        ``-width / ln((D2 - D3) / (D1 - D2))``, in ns, which is independent of the background; NaN if the
        counts do not decay.
    std_ns : ndarray, shape (...)
        Standard error of the lifetime, in ns.
    background : ndarray, shape (...)
        Background, in counts per gate.

    See Also
    --------
    RapidLifetime : Estimator with corrections for IRF and window.

    Examples
    --------
    >>> tau, _, background = rld_from_three_gates([22.0, 12.0, 7.0], width_ns=1.0)
    >>> round(tau.item(), 4), round(background.item(), 4)
    (1.4427, 2.0)
    """
    counts = np.asarray(sums, np.float64)
    if counts.ndim == 0 or counts.shape[-1] != 3:
        raise InputError(f"sums has shape {counts.shape}; its last axis must have three gates")
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
    """Rapid lifetime determination; implements :class:`~seq2seqlite.protocols.Predictor`.

    Parameters
    ----------
    axis : TimeAxis
        Gates and laser period.
    irf : Irf
        Instrument response, aligned with the data. The wide gates start after its end.
    n_gates : int
        Number of wide gates: 2, 3 or more. With three gates the background cancels; otherwise the mean of the
        leading gates before the rising edge is subtracted.
    first_gate, last_gate : int, optional
        Range of gates (``last_gate`` is exclusive) that is divided into wide gates. Default: from the end of
        the IRF to the end of the window.

    See Also
    --------
    rld_from_gates : Formula for two or more gates.
    rld_from_three_gates : Formula for three gates.

    Notes
    -----
    The leading gates contain the tail of earlier periods in addition to the background, and the wide gates
    contain a remainder of the IRF. The result of the formula for noise-free decays is therefore tabulated
    over the lifetime with the forward model, and the table is inverted. This makes the median of noisy
    lifetimes unbiased. Their mean is too long, by about the square of the relative standard error, because
    the formula is not linear.

    A decay has no value (``Reason.NO_DECAY``) if its second wide gate, or a difference of three gates, is
    less than three standard deviations, or if the standard error exceeds 42 % of the lifetime. Wide gates
    contain hardly any photons of a lifetime far below their width, and resolve long lifetimes only with many
    photons.

    Examples
    --------
    >>> from seq2seqlite.decay import ParametricIrf
    >>> axis, irf = TimeAxis(135, 0.09, 12.5), ParametricIrf(1.5, 0.2)
    >>> tpsf = expected_tpsf([1.0], [2.0], axis=axis, irf=irf, photons=5000, background=1.0)
    >>> round(RapidLifetime(axis, irf, n_gates=3).lifetimes(tpsf[None]).tau_mean_ns.item(), 2)
    2.0
    """

    kind = "closed form"
    quantities = Quantities(1, f"{ONE_EXPONENTIAL} (ratio of gates)")

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
                f"gates {self.first_gate} to {self.last_gate} of {axis.n_gates} are too few for "
                f"n_gates={n_gates}; use fewer wide gates, or set first_gate and last_gate"
            )

        if not len(self._table):
            raise InputError(
                f"{self.n_gates} wide gates between gates {self.first_gate} and {self.last_gate} do not "
                "resolve any lifetime; set first_gate and last_gate to gates after the rising edge"
            )

    @cached_property
    def rising_edge_ns(self) -> float:
        """Expected position of the rising edge, in ns."""
        return expected_edge_ns(self.axis, self.irf)

    @cached_property
    def tau_range_ns(self) -> tuple[float, float]:
        """Shortest and longest lifetime that the gates can resolve without noise, in ns."""
        return self._table.tau_range_ns

    def lifetimes(self, tpsf: ArrayLike, /) -> Estimate:
        """Return the lifetimes of decays, shape (n,), of counts, shape (n, n_gates)."""
        counts, reason = screened(checked_counts(tpsf, axis=self.axis, name=self.name))
        found = self._formula(counts.astype(np.float64))
        table = self._table
        tau = table.lifetimes(found.tau_ns)
        std = found.std_ns * table.slopes(found.tau_ns)
        background = found.background - found.signal * table.quantity("tail_share", found.tau_ns)
        with np.errstate(invalid="ignore", divide="ignore"):
            relative = std / tau
            resolved = found.resolved & (relative < MOST_RELATIVE_STD)
            resolved &= (found.tau_ns > table.values[0]) & (found.tau_ns < table.values[-1])
        reason[~resolved & (reason == 0)] = Reason.NO_DECAY
        return Estimate.mono(tau, reason, std_ns=std, background=background / self._width)

    @property
    def _width(self) -> int:
        """Number of gates of the axis in a wide gate."""
        return (self.last_gate - self.first_gate) // self.n_gates

    def _formula(self, counts: NDArray[np.float64]) -> "_Formula":
        """Return the result of the formula, without a correction for earlier periods."""
        width, width_ns = self._width, self._width * self.axis.gate_width_ns
        used = counts[:, self.first_gate : self.first_gate + width * self.n_gates]
        sums = used.reshape(len(counts), self.n_gates, width).sum(axis=2)
        if self.n_gates == 3:
            tau, std, background = rld_from_three_gates(sums, width_ns=width_ns)
            steps = sums[:, :-1] - sums[:, 1:]
            noise = np.sqrt(sums[:, :-1] + sums[:, 1:])
            resolved = (steps > MIN_SIGMAS * noise).all(axis=1) & (steps[:, 0] > steps[:, 1])
            return _Formula(tau, std, background, np.zeros(len(counts)), resolved)
        before = baseline_gates(self.axis, self.irf)
        lead, share = counts[:, before].sum(axis=1), width / (before.stop - before.start)
        background, background_std = share * lead, share * np.sqrt(lead)
        tau, std = rld_from_gates(
            sums, width_ns=width_ns, background=background, background_std=background_std
        )
        signal = sums - background[:, None]
        noise = np.sqrt(sums + background_std[:, None] ** 2)
        # The weights of later gates follow from their own noise.
        resolved = (signal > MIN_SIGMAS * noise)[:, :2].all(axis=1) & np.isfinite(tau)
        return _Formula(tau, std, background, signal.sum(axis=1), resolved)

    @cached_property
    def _table(self) -> InverseTable:
        """Return the result of the formula over the lifetime, and the tail in the background."""
        taus = InverseTable.spaced_lifetimes(
            SHORTEST_GATES * self._width * self.axis.gate_width_ns, LONGEST_WINDOWS * self.axis.window_ns
        )
        tpsf = expected_tpsf(
            np.ones((taus.size, 1)), taus[:, None], axis=self.axis, irf=self.irf, photons=TABLE_PHOTONS
        )
        found = self._formula(tpsf)
        values = np.where(found.resolved, found.tau_ns, np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            tail = 0.0 if self.n_gates == 3 else found.background / found.signal
        return InverseTable.of_longest_rise(taus, values, tail_share=np.broadcast_to(tail, taus.shape))


class _Formula(NamedTuple):
    """Results of the formula of wide gates for n decays.

    Parameters
    ----------
    tau_ns, std_ns : ndarray, shape (n,)
        Lifetime and standard error, in ns.
    background : ndarray, shape (n,)
        Estimated background, in counts per wide gate.
    signal : ndarray, shape (n,)
        Counts of the wide gates without background.
    resolved : ndarray of bool, shape (n,)
        Whether the signal exceeds the noise.
    """

    tau_ns: NDArray[np.float64]
    std_ns: NDArray[np.float64]
    background: NDArray[np.float64]
    signal: NDArray[np.float64]
    resolved: NDArray[np.bool_]


def _end_of_irf(axis: TimeAxis, irf: Irf) -> int:
    """Return the first gate after which a decay is exponential, within 1 % of a short decay's photons."""
    # The remainder of a decay with a lifetime of two gates consists of the IRF's remainder and its own tail.
    tau = 2 * axis.gate_width_ns
    tpsf = expected_tpsf([1.0], [tau], axis=axis, irf=irf)
    peak = int(np.argmax(tpsf))
    rest = np.cumsum(tpsf[::-1])[::-1] / tpsf.sum()
    after = np.flatnonzero((np.arange(axis.n_gates) > peak) & (rest < IRF_REST))
    return int(after[0]) if after.size else axis.n_gates
