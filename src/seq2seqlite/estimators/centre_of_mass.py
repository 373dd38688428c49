"""Mean arrival time, corrected for the IRF, the window's end and the tails of earlier pulses."""

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.decay import BASELINE_GATES, Irf, TimeAxis, expected_tpsf, mean_arrival_ns
from seq2seqlite.errors import InputError
from seq2seqlite.estimators.estimate import (
    Estimate,
    Reason,
    checked_counts,
    expected_edge_ns,
    required_irf,
    screened,
)

__all__ = ["CentreOfMass", "baseline_gates", "longest_rise"]

TABLE_POINTS, MIN_POINTS = 400, 10
# Lifetimes from a tenth of a gate, in theory, to two periods.
SHORTEST_GATES, LONGEST_PERIODS = 0.1, 2.0
# Distance between baseline and rising edge: a share of the time to the edge, but no more of the period.
SHARE_BEFORE_EDGE, SHARE_OF_PERIOD = 0.3, 0.05
# An edge between these shares of the period leaves the order of the gates as it is. Otherwise they are
# ordered from a tenth of the period before the edge, so that no decay is cut in two.
EARLY_EDGE = (0.02, 0.15)
START_BEFORE_EDGE = 0.1


class CentreOfMass:
    """Lifetime of the mean arrival time; fulfils the predictor protocol of imaging.

    Parameters
    ----------
    axis : TimeAxis
        Gates and laser period.
    irf : Irf
        Instrument response, with the delay of the data.
    n_baseline : int, optional
        Leading gates whose mean is subtracted as background; 0 takes the counts as they are. Default: the
        gates of :func:`baseline_gates`.

    Notes
    -----
    The textbook estimate is the mean arrival time less that of the IRF. It is short by the photons after the
    window's end, which the next period's baseline also takes away. Both are known: the mean arrival time that
    the forward model expects is tabulated over the lifetime, with the same window, baseline and earlier
    pulses, and read backwards [1]_. Of a decay with several lifetimes it gives about the intensity-weighted
    mean, which is longer than the amplitude-weighted one.

    References
    ----------
    .. [1] S. P. Poland et al., Biomed. Opt. Express 6, 277 (2015).

    Examples
    --------
    >>> from seq2seqlite.decay import ParametricIrf
    >>> axis, irf = TimeAxis(135, 0.09, 12.5), ParametricIrf(1.5, 0.2)
    >>> tpsf = expected_tpsf([1.0], [4.0], axis=axis, irf=irf, photons=5000)
    >>> round(CentreOfMass(axis, irf).lifetimes(tpsf[None]).tau_mean_ns.item(), 2)
    4.0
    """

    name, kind = "centre-of-mass", "closed form"

    def __init__(self, axis: TimeAxis, irf: Irf | None, /, *, n_baseline: int | None = None) -> None:
        self.axis, self.irf = axis, required_irf(irf, self.name)
        self.baseline = baseline_gates(axis, self.irf) if n_baseline is None else slice(0, n_baseline)

    @cached_property
    def rising_edge_ns(self) -> float:
        """Where the IRF puts the rising edge, in ns."""
        return expected_edge_ns(self.axis, self.irf)

    @cached_property
    def tau_range_ns(self) -> tuple[float, float]:
        """Lifetimes that the mean arrival time can tell, in ns."""
        taus = self._table[1]
        return float(taus[0]), float(taus[-1])

    def lifetimes(self, tpsf: ArrayLike, /) -> Estimate:
        """Return the lifetimes of decays.

        Parameters
        ----------
        tpsf : array_like, shape (n, n_gates)
            Counts.

        Returns
        -------
        Estimate
            Both components have the one lifetime; with its standard error.
        """
        counts, reason = screened(checked_counts(tpsf, axis=self.axis, name=self.name))
        values = counts.astype(np.float64)
        baseline = self._baseline(values)
        signal = values - baseline
        photons = signal.sum(axis=1)
        reason[(photons <= 2 * np.sqrt(values.sum(axis=1))) & (reason == 0)] = Reason.NO_SIGNAL
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = mean_arrival_ns(signal, axis_ns=self._times_ns)
            from_mean = self._times_ns - mean[:, None]
            moved_by = from_mean.copy()
            n_baseline = self.baseline.stop - self.baseline.start
            if n_baseline:  # the photons of its gates move all others
                moved_by[:, self.baseline] -= from_mean.sum(axis=1, keepdims=True) / n_baseline
            variance = (moved_by**2 * values).sum(axis=1)
            means, taus = self._table
            tau = np.interp(mean, means, taus)
            slope = np.interp(mean, means, np.gradient(taus, means))
            std = slope * np.sqrt(variance) / photons
        reason[(mean <= means[0]) & (reason == 0)] = Reason.NO_DECAY
        reason[(mean >= means[-1]) & (reason == 0)] = Reason.AT_LIMIT
        return Estimate.mono(tau, reason, std_ns=std, photons=photons, background=baseline[:, 0])

    def _baseline(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.baseline.stop == self.baseline.start:
            return np.zeros((len(counts), 1))
        return np.asarray(counts[:, self.baseline].mean(axis=1, keepdims=True))

    @cached_property
    def _times_ns(self) -> NDArray[np.float64]:
        """Start of each gate, from before the rising edge on, in ns."""
        starts, period = self.axis.starts_ns, self.axis.period_ns
        low, high = EARLY_EDGE
        if low * period < self.rising_edge_ns < high * period:
            return starts
        return np.asarray((starts - self.rising_edge_ns + START_BEFORE_EDGE * period) % period)

    @cached_property
    def _table(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return mean arrival times, rising, and the lifetimes that have them."""
        taus = np.geomspace(
            SHORTEST_GATES * self.axis.gate_width_ns, LONGEST_PERIODS * self.axis.period_ns, TABLE_POINTS
        )
        tpsf = expected_tpsf(np.ones((taus.size, 1)), taus[:, None], axis=self.axis, irf=self.irf)
        signal = tpsf - self._baseline(tpsf)
        means = mean_arrival_ns(signal, axis_ns=self._times_ns)
        means[signal.sum(axis=1) <= 0] = np.nan
        first, last = longest_rise(means)
        if last - first < MIN_POINTS:
            raise InputError(
                f"{self.name}: the mean arrival time does not rise with the lifetime in a window of "
                f"{self.axis.window_ns:.2f} ns with the edge at {self.rising_edge_ns:.2f} ns; use phasor or "
                "mle-mono, or measure the whole period"
            )
        return means[first:last], taus[first:last]


def longest_rise(values: NDArray[np.float64], /) -> tuple[int, int]:
    """Return start and end (exclusive) of the longest stretch of rising values.

    Examples
    --------
    >>> longest_rise(np.array([3.0, 1.0, 2.0, 3.0, np.nan, 4.0]))
    (1, 4)
    """
    breaks = np.flatnonzero(~(np.diff(values) > 0)) + 1
    edges = np.concatenate([[0], breaks, [values.size]])
    best = int(np.argmax(np.diff(edges)))
    return int(edges[best]), int(edges[best + 1])


def baseline_gates(axis: TimeAxis, irf: Irf, /) -> slice:
    """Return the gates before the rising edge, at most ten, whose mean is subtracted as background.

    An edge at the start of the window leaves no gate before it; then the last gates of the window are taken,
    which are before the next edge. The gates hold the tail of the decay as well: whoever subtracts them has
    to account for it with the forward model.

    Examples
    --------
    >>> from seq2seqlite.decay import ParametricIrf
    >>> baseline_gates(TimeAxis(135, 0.09, 12.5), ParametricIrf(1.5, 0.2))
    slice(1, 11, None)
    """
    edge, width = expected_edge_ns(axis, irf), axis.gate_width_ns
    apart = min(SHARE_BEFORE_EDGE * edge, SHARE_OF_PERIOD * axis.period_ns)
    stop = int((edge - apart) / width)
    if stop < 1:
        apart = SHARE_OF_PERIOD * axis.period_ns
        stop = min(axis.n_gates, int((edge + axis.period_ns - apart) / width))
    return slice(max(0, stop - BASELINE_GATES), stop)
