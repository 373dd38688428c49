"""Lifetime from the mean arrival time, corrected for IRF, truncation and the tails of earlier pulses."""

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.decay import (
    BASELINE_GATES,
    INTENSITY_WEIGHTED,
    Irf,
    Quantities,
    TimeAxis,
    expected_tpsf,
    mean_arrival_ns,
)
from seq2seqlite.errors import InputError
from seq2seqlite.estimators.estimate import (
    Estimate,
    Reason,
    checked_counts,
    expected_edge_ns,
    required_irf,
    screened,
)
from seq2seqlite.inverse_table import InverseTable

__all__ = ["CentreOfMass", "baseline_gates"]

# The table covers lifetimes from a tenth of a gate to two laser periods.
SHORTEST_GATES, LONGEST_PERIODS = 0.1, 2.0
# Distance between baseline gates and rising edge: a share of the edge's time, limited to a share of the
# period.
SHARE_BEFORE_EDGE, SHARE_OF_PERIOD = 0.3, 0.05
# The baseline has at most one gate out of this many, or ten.
SHARE_OF_GATES = 20
# For a rising edge between these shares of the period, gates keep their order. Otherwise they are rotated to
# start a tenth of the period before the edge, so that the decay is contiguous.
EARLY_EDGE = (0.02, 0.15)
START_BEFORE_EDGE = 0.1


class CentreOfMass:
    """Lifetime from the mean arrival time; implements :class:`~seq2seqlite.protocols.Predictor`.

    Parameters
    ----------
    axis : TimeAxis
        Gates and laser period.
    irf : Irf
        Instrument response, aligned with the data.
    n_baseline : int, optional
        Number of leading gates whose mean is subtracted as background; 0 disables the subtraction. Default:
        the gates of :func:`baseline_gates`.

    See Also
    --------
    seq2seqlite.decay.mean_arrival_ns : Return the mean photon arrival time.
    estimator_named : Return an estimator by name.

    Notes
    -----
    The textbook estimate is the mean arrival time minus that of the IRF. It is biased towards short lifetimes
    because photons after the end of the window are lost, and because the baseline of the next period contains
    the tail of the decay. Both effects are known. The mean arrival time expected from the forward model, with
    the same window, baseline and earlier pulses, is therefore tabulated over the lifetime, and the table is
    inverted [1]_. For a decay with several lifetimes the result is close to the intensity-weighted mean,
    which is longer than the amplitude-weighted mean.

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
    quantities = Quantities(1, f"{INTENSITY_WEIGHTED} (mean arrival time)")

    def __init__(self, axis: TimeAxis, irf: Irf | None, /, *, n_baseline: int | None = None) -> None:
        self.axis, self.irf = axis, required_irf(irf, self.name)
        self.baseline = baseline_gates(axis, self.irf) if n_baseline is None else slice(0, n_baseline)

    @cached_property
    def rising_edge_ns(self) -> float:
        """Expected position of the rising edge, in ns."""
        return expected_edge_ns(self.axis, self.irf)

    @cached_property
    def tau_range_ns(self) -> tuple[float, float]:
        """Shortest and longest lifetime that the mean arrival time can resolve, in ns."""
        return self._table.tau_range_ns

    def lifetimes(self, tpsf: ArrayLike, /) -> Estimate:
        """Return the lifetimes of decays.

        Parameters
        ----------
        tpsf : array_like, shape (n, n_gates)
            Counts.

        Returns
        -------
        Estimate
            Both components have the same lifetime; standard errors are included.
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
            if n_baseline:  # photons in the baseline gates shift the signal of all gates
                moved_by[:, self.baseline] -= from_mean.sum(axis=1, keepdims=True) / n_baseline
            variance = (moved_by**2 * values).sum(axis=1)
            tau = self._table.lifetimes(mean)
            std = self._table.slopes(mean) * np.sqrt(variance) / photons
        reason[(mean <= self._table.values[0]) & (reason == 0)] = Reason.NO_DECAY
        reason[(mean >= self._table.values[-1]) & (reason == 0)] = Reason.AT_LIMIT
        return Estimate.mono(tau, reason, std_ns=std, photons=photons, background=baseline[:, 0])

    def _baseline(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.baseline.stop == self.baseline.start:
            return np.zeros((len(counts), 1))
        return np.asarray(counts[:, self.baseline].mean(axis=1, keepdims=True))

    @cached_property
    def _times_ns(self) -> NDArray[np.float64]:
        """Start of each gate, in ns, counted from before the rising edge."""
        starts, period = self.axis.starts_ns, self.axis.period_ns
        low, high = EARLY_EDGE
        if low * period < self.rising_edge_ns < high * period:
            return starts
        return np.asarray((starts - self.rising_edge_ns + START_BEFORE_EDGE * period) % period)

    @cached_property
    def _table(self) -> InverseTable:
        """Return the mean arrival time over the lifetime."""
        taus = InverseTable.spaced_lifetimes(
            SHORTEST_GATES * self.axis.gate_width_ns, LONGEST_PERIODS * self.axis.period_ns
        )
        tpsf = expected_tpsf(np.ones((taus.size, 1)), taus[:, None], axis=self.axis, irf=self.irf)
        signal = tpsf - self._baseline(tpsf)
        means = mean_arrival_ns(signal, axis_ns=self._times_ns)
        means[signal.sum(axis=1) <= 0] = np.nan
        table = InverseTable.of_longest_rise(taus, means)
        if not len(table):
            raise InputError(
                f"{self.name}: the mean arrival time does not increase with the lifetime in a window of "
                f"{self.axis.window_ns:.2f} ns with the rising edge at {self.rising_edge_ns:.2f} ns; use "
                "phasor or mle-mono, or measure the whole period"
            )
        return table


def baseline_gates(axis: TimeAxis, irf: Irf, /) -> slice:
    """Return the gates whose mean is subtracted as background, before the rising edge.

    They are at most ten, or a twentieth of the window if this is more: the noise of their mean counts as
    often as the window has gates. If the edge is at the start of the window, the last gates of the window are
    returned; they precede the next edge. These gates also contain the tail of the decay, which the caller has
    to correct with the forward model.

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
    return slice(max(0, stop - max(BASELINE_GATES, axis.n_gates // SHARE_OF_GATES)), stop)
