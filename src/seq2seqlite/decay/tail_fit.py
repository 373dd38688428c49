"""Fit of one exponential to the tail of a decay, which needs no IRF."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import nnls

from seq2seqlite.decay.axis import TimeAxis

__all__ = ["TailFit", "fit_tail", "longer_lifetime_ns"]

# Gain in chi-square, in units of the reduced chi-square of the best fit, for a lifetime to be significantly
# outside of the range: five standard errors.
SIGNIFICANT = 25.0
# Lifetimes tried in the fit of the tail, in steps of 2 %, from a part of the gate width to several periods.
N_LIFETIMES = 400
SHORTEST_GATES, LONGEST_PERIODS = 0.1, 8.0
# The rising edge is left out of the fit: from this time before its half height to the peak.
TOE_NS = 0.4
# The fit begins where the decay has fallen to this share of its peak, or this time after the peak if that is
# earlier: the falling edge of the IRF would lengthen short lifetimes.
START_SHARE, LATEST_START_NS = 0.2, 0.5
# A sum of this many exponentials with lifetimes of a range fits any decay with lifetimes of the range. Longer
# lifetimes are tried one by one, in steps of 10 %.
N_WITHIN = 12
BEYOND_STEP = 1.1
# Smallest share of the photons of the tail for a lifetime to be reported.
MIN_BEYOND_SHARE = 0.1
# Fewest gates that determine amplitude, background and lifetime.
MIN_GATES = 6


@dataclass(frozen=True)
class TailFit:
    """Fit of one exponential and a constant background to the tail of a decay, lifetime by lifetime.

    Parameters
    ----------
    taus_ns : ndarray, shape (n,)
        Lifetimes tried, ascending, in ns.
    chi_square : ndarray, shape (n,)
        Chi-square of the best amplitude and background, both non-negative.
    degrees : int
        Degrees of freedom.

    See Also
    --------
    fit_tail : Fit the tail of a decay.
    """

    taus_ns: NDArray[np.float64]
    chi_square: NDArray[np.float64]
    degrees: int

    @property
    def tau_ns(self) -> float:
        """Lifetime of the best fit, in ns."""
        return float(self.taus_ns[np.argmin(self.chi_square)])

    def excludes(self, allowed: NDArray[np.bool_], /) -> bool:
        """Return whether all allowed lifetimes fit significantly worse than the best one."""
        best = float(self.chi_square.min())
        if not allowed.any():
            return True
        scale = max(best / self.degrees, 1.0)
        return bool(self.chi_square[allowed].min() - best > SIGNIFICANT * scale)


def fit_tail(decay: ArrayLike, /, *, axis: TimeAxis, edge_ns: float) -> TailFit | None:
    """Fit one exponential and a constant background to the tail of a decay.

    Parameters
    ----------
    decay : array_like, shape (n_gates,)
        Decay, in counts.
    axis : TimeAxis
        Its gates. The gates before the rising edge contain the end of the tail of the preceding period.
    edge_ns : float
        Half height of the rising edge, in ns.

    Returns
    -------
    TailFit or None
        None if there are too few gates or counts. Each gate is weighted by the inverse of its counts.

    See Also
    --------
    TailFit : Result of the fit.

    Examples
    --------
    >>> axis = TimeAxis(n_gates=135, gate_width_ns=0.09, period_ns=12.5)
    >>> decay = 1e4 * np.exp(-((axis.starts_ns - 1.5) % 12.5) / 2.0) + 30
    >>> fit = fit_tail(decay, axis=axis, edge_ns=1.5)
    >>> bool(abs(fit.tau_ns - 2.0) < 0.05)
    True
    """
    times, counts = _tail(decay, axis, edge_ns)
    if counts.size < MIN_GATES or counts.sum() <= 0:
        return None
    taus = np.geomspace(SHORTEST_GATES * axis.gate_width_ns, LONGEST_PERIODS * axis.period_ns, N_LIFETIMES)
    shapes = np.exp(-times / taus[:, None])
    weights = 1 / np.maximum(counts, 1.0)
    return TailFit(taus, _chi_square(shapes, counts, weights), counts.size - 3)


def longer_lifetime_ns(
    decay: ArrayLike, /, *, axis: TimeAxis, edge_ns: float, range_ns: tuple[float, float]
) -> float | None:
    """Return a lifetime beyond a range that a decay contains in addition to lifetimes within it, in ns.

    Parameters
    ----------
    decay, axis, edge_ns
        As for :func:`fit_tail`.
    range_ns : tuple of float
        Shortest and longest lifetime of the range, in ns.

    Returns
    -------
    float or None
        The lifetime, up to eight periods, that improves the fit of the tail most, if a sum of any lifetimes
        within the range and a constant background fits significantly worse (five standard errors), and a
        tenth of the photons of the tail belong to the longer lifetime. Otherwise None.

    See Also
    --------
    fit_tail : Fit of a single lifetime.

    Examples
    --------
    >>> axis = TimeAxis(n_gates=135, gate_width_ns=0.09, period_ns=12.5)
    >>> times = (axis.starts_ns - 1.5) % 12.5
    >>> decay = 1e5 * (np.exp(-times / 2.0) + np.exp(-times / 10.0))
    >>> longer_lifetime_ns(decay, axis=axis, edge_ns=1.5, range_ns=(0.1, 6.0)) > 8
    True
    >>> longer_lifetime_ns(1e5 * np.exp(-times / 5.0), axis=axis, edge_ns=1.5, range_ns=(0.1, 6.0))
    """
    times, counts = _tail(decay, axis, edge_ns)
    low, high = range_ns
    longest_ns = LONGEST_PERIODS * axis.period_ns
    if counts.size < MIN_GATES + N_WITHIN or counts.sum() <= 0 or high * BEYOND_STEP >= longest_ns:
        return None
    beyond = high * BEYOND_STEP ** np.arange(1, 1 + int(np.log(longest_ns / high) / np.log(BEYOND_STEP)))
    within = np.geomspace(max(low, axis.gate_width_ns), high, N_WITHIN)
    scale = 1 / np.sqrt(np.maximum(counts, 1.0))
    known = np.concatenate([np.exp(-times / within[:, None]), np.ones((1, times.size))]) * scale
    rest = nnls(known.T, counts * scale)[1] ** 2
    found = [nnls(np.vstack([known, np.exp(-times / tau) * scale]).T, counts * scale) for tau in beyond]
    best = int(np.argmin([misfit for _, misfit in found]))
    shares, misfit = found[best]
    of_longer = shares[-1] * np.exp(-times / beyond[best]).sum() / counts.sum()
    limit = SIGNIFICANT * max(misfit**2 / (counts.size - 4), 1.0)
    return float(beyond[best]) if rest - misfit**2 > limit and of_longer > MIN_BEYOND_SHARE else None


def _tail(
    decay: ArrayLike, axis: TimeAxis, edge_ns: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the times after the peak, in ns, and the counts of the gates of the tail."""
    counts = np.asarray(decay, np.float64)
    peak = int(np.argmax(counts))
    since_peak = (np.arange(axis.n_gates) - peak) * axis.gate_width_ns % axis.period_ns
    rise_ns = (peak * axis.gate_width_ns - edge_ns) % axis.period_ns
    rise_ns = min(rise_ns, axis.period_ns - rise_ns) + TOE_NS
    low = counts.min()
    fallen = since_peak[counts <= low + START_SHARE * (counts[peak] - low)]
    start_ns = min(float(fallen.min(initial=LATEST_START_NS)), LATEST_START_NS)
    tail = (since_peak >= start_ns - 1e-9) & (since_peak < axis.period_ns - rise_ns)
    times_ns: NDArray[np.float64] = np.asarray(since_peak[tail], np.float64)
    return times_ns, counts[tail]


def _chi_square(
    shapes: NDArray[np.float64], counts: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return chi-square of the best non-negative sum of each shape and a constant."""
    total = weights.sum()
    a, b = (shapes**2) @ weights, shapes @ weights
    p, q = shapes @ (weights * counts), float(weights @ counts)
    whole = float(weights @ counts**2)
    with np.errstate(divide="ignore", invalid="ignore"):
        alone = whole - np.where(p > 0, p**2 / a, 0.0)
        determinant = a * total - b**2
        height, level = (p * total - b * q) / determinant, (a * q - b * p) / determinant
        both = whole - height * p - level * q
    usable = (determinant > 1e-9 * a * total) & (height >= 0) & (level >= 0)
    return np.asarray(np.where(usable, both, np.minimum(alone, whole - q**2 / total)))
