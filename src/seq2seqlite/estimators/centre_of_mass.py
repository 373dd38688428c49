"""Mean arrival time, corrected for the IRF, the window's end and the tails of earlier pulses."""

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.decay import BASELINE_GATES, Irf, TimeAxis, expected_tpsf, mean_arrival_ns
from seq2seqlite.estimators.estimate import (
    Estimate,
    Reason,
    checked_counts,
    expected_edge_ns,
    required_irf,
    screened,
)

__all__ = ["CentreOfMass", "leading_gates"]

TABLE_POINTS = 400
# Lifetimes from a tenth of a gate, in theory, to two periods.
SHORTEST_GATES, LONGEST_PERIODS = 0.1, 2.0
# The baseline is taken from gates up to this share of the time to the rising edge.
SHARE_BEFORE_EDGE = 0.7


class CentreOfMass:
    """Lifetime of the mean arrival time; fulfils the predictor protocol of imaging.

    Parameters
    ----------
    axis : TimeAxis
        Gates and laser period.
    irf : Irf
        Instrument response, with the delay of the data.
    n_baseline : int, optional
        Leading gates whose mean is subtracted as background; 0 takes the counts as they are. Default: as
        many as lie well before the rising edge, at most ten.

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
        self.n_baseline = leading_gates(axis, self.irf) if n_baseline is None else n_baseline

    @cached_property
    def rising_edge_ns(self) -> float:
        """Where the IRF puts the rising edge, in ns."""
        return expected_edge_ns(self.axis, self.irf)

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
            mean = mean_arrival_ns(signal, axis_ns=self.axis.starts_ns)
            from_mean = self.axis.starts_ns - mean[:, None]
            moved_by = from_mean.copy()
            if self.n_baseline:  # the photons of its gates move all others
                moved_by[:, : self.n_baseline] -= from_mean.sum(axis=1, keepdims=True) / self.n_baseline
            variance = (moved_by**2 * values).sum(axis=1)
            means, taus = self._table
            tau = np.interp(mean, means, taus)
            slope = np.interp(mean, means, np.gradient(taus, means))
            std = slope * np.sqrt(variance) / photons
        reason[(mean <= means[0]) & (reason == 0)] = Reason.NO_DECAY
        reason[(mean >= means[-1]) & (reason == 0)] = Reason.AT_LIMIT
        return Estimate.mono(tau, reason, std_ns=std, photons=photons, background=baseline[:, 0])

    def _baseline(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        if not self.n_baseline:
            return np.zeros((len(counts), 1))
        return np.asarray(counts[:, : self.n_baseline].mean(axis=1, keepdims=True))

    @cached_property
    def _table(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return mean arrival times, rising, and the lifetimes that have them."""
        taus = np.geomspace(
            SHORTEST_GATES * self.axis.gate_width_ns, LONGEST_PERIODS * self.axis.period_ns, TABLE_POINTS
        )
        tpsf = expected_tpsf(np.ones((taus.size, 1)), taus[:, None], axis=self.axis, irf=self.irf)
        means = mean_arrival_ns(tpsf - self._baseline(tpsf), axis_ns=self.axis.starts_ns)
        falls = np.flatnonzero(np.diff(means) <= 0)
        last = int(falls[0]) + 1 if falls.size else means.size
        return means[:last], taus[:last]


def leading_gates(axis: TimeAxis, irf: Irf, /) -> int:
    """Return how many gates lie well before the rising edge, at most ten; 0 if there is hardly one.

    Examples
    --------
    >>> from seq2seqlite.decay import ParametricIrf
    >>> leading_gates(TimeAxis(135, 0.09, 12.5), ParametricIrf(1.5, 0.2))
    10
    """
    gates = SHARE_BEFORE_EDGE * expected_edge_ns(axis, irf) / axis.gate_width_ns
    return min(BASELINE_GATES, int(gates))
