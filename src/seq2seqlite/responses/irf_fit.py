"""IRF of a measurement, from its summed decay: alignment of a known IRF, or a fit of an unknown one."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize, minimize_scalar, nnls
from threadpoolctl import threadpool_limits

from seq2seqlite.decay import ForwardModel, Irf, ParametricIrf, TimeAxis, harmonics_needed, rising_edge_ns
from seq2seqlite.errors import InputError
from seq2seqlite.estimators.estimate import expected_edge_ns

__all__ = ["aligned_irf", "fit_irf"]

# A sum of exponentials with these lifetimes (shares of the period) fits any decay to within its noise.
LIFETIMES_OF_PERIOD = np.geomspace(0.006, 0.8, 14)
# Step of the initial search for the delay, in units of the width of the IRF's sharpest feature.
STEP_SIGMAS = 1.0
MOST_STEPS = 400
# Distance of trial delays from those at which the half heights of decay and model agree, as a share of the
# period. Through a wide gate, the half height of a long lifetime is much later than that of a short one.
NEAR_EDGE = 0.06
EDGES_OF_PERIOD = (0.006, 0.16, 0.5)
# Iteratively reweighted least squares converges to the maximum of the likelihood.
REWEIGHTINGS = 3
NARROWEST_GATES = 0.35
# A tail of the IRF cannot be distinguished from a lifetime of the same length. This penalty, in deviance per
# gate of mean delay, selects the smaller tail among equally good fits. It is larger for poor fits.
TAIL_PENALTY = 100.0
FITTED_STARTS = ((1.0, -2.0), (2.5, -1.0), (5.0, 0.0))


@dataclass(frozen=True)
class SummedDecay:
    """Summed decay, with the goodness of fit of an IRF combined with arbitrary lifetimes."""

    counts: NDArray[np.float64]
    axis: TimeAxis
    lifetimes_ns: NDArray[np.float64]
    n_harmonics: int
    scatter: bool = False

    @classmethod
    def of(
        cls, decay: ArrayLike, axis: TimeAxis, n_harmonics: int, /, *, scatter: bool = False
    ) -> "SummedDecay":
        """Return the decay on an axis; raise InputError if it does not match the axis or has no photons."""
        lifetimes_ns = LIFETIMES_OF_PERIOD * axis.period_ns
        return cls(checked_decay(decay, axis), axis, lifetimes_ns, n_harmonics, scatter)

    @cached_property
    def forward(self) -> ForwardModel:
        return ForwardModel(self.axis, self.n_harmonics)

    def deviance(self, coefficients: NDArray[np.complex128], rounds: int = REWEIGHTINGS) -> float:
        """Return the Poisson deviance of the best-fitting mixture of lifetimes and background."""
        _, expected = self._fitted(coefficients, rounds)
        log_ratio = np.where(
            self.counts > 0, self.counts * np.log(np.maximum(self.counts, 1e-300) / expected), 0
        )
        return float(2 * (log_ratio - self.counts + expected).sum())

    def background(self, irf: Irf, /) -> float:
        """Return the share of background in the counts, from the best-fitting mixture of lifetimes."""
        coefficients = irf.coefficients(self.n_harmonics, period_ns=self.axis.period_ns)
        return self._fitted(coefficients, REWEIGHTINGS)[0]

    def _fitted(self, coefficients: NDArray[np.complex128], rounds: int) -> tuple[float, NDArray[np.float64]]:
        """Return the share of background and the expected counts of the best-fitting mixture."""
        tau = self.lifetimes_ns[:, None]
        shapes = self.forward.tpsf(np.ones_like(tau), tau, coefficients)
        if self.scatter:
            shapes = np.concatenate([shapes, self.forward.response(coefficients)[None]])
        design = np.concatenate([shapes, np.full((1, self.axis.n_gates), 1 / self.axis.n_gates)]).T
        shares, expected = poisson_nnls(design * self.counts.sum(), self.counts, rounds=rounds)
        return float(shares[-1] * self.counts.sum() / expected.sum()), expected


def aligned_irf(irf: Irf, decay: ArrayLike, /, *, axis: TimeAxis, scatter: bool = False) -> Irf:
    """Return an IRF shifted to the delay of a measured decay.

    Parameters
    ----------
    irf : Irf
        Instrument response, with any delay.
    decay : array_like, shape (n_gates,)
        Counts, preferably the sum of all pixels of an image.
    axis : TimeAxis
        Gates of the decay.
    scatter : bool
        Whether the decay may contain scattered excitation light.

    Returns
    -------
    Irf
        The IRF with the delay that maximises the likelihood of a sum of exponentials, background and
        scattered light.

    Raises
    ------
    InputError
        If the decay has no photons or does not match the axis.

    See Also
    --------
    fit_irf : Fit an unknown IRF.

    Examples
    --------
    >>> from seq2seqlite.decay import expected_tpsf
    >>> axis = TimeAxis(125, 0.1, 12.5)
    >>> decay = expected_tpsf([1.0], [2.0], axis=axis, irf=ParametricIrf(4.0, 0.2), photons=1e5)
    >>> round(aligned_irf(ParametricIrf(1.0, 0.2), decay, axis=axis).mean_ns, 2)
    4.0
    """
    n_harmonics = harmonics_needed(irf.narrowest_sigma_ns, period_ns=axis.period_ns)
    measured = SummedDecay.of(decay, axis, n_harmonics, scatter=scatter)
    counts = measured.counts
    coefficients = irf.coefficients(n_harmonics, period_ns=axis.period_ns)
    omega = np.arange(n_harmonics + 1) * 2 * np.pi / axis.period_ns

    def deviance(shift_ns: float, rounds: int = REWEIGHTINGS) -> float:
        return measured.deviance(coefficients * np.exp(-1j * omega * shift_ns), rounds)

    with threadpool_limits(1, user_api="blas"):  # threads slow down products of small matrices
        step = max(STEP_SIGMAS * irf.narrowest_sigma_ns, axis.period_ns / MOST_STEPS)
        shifts = _shifts(irf, counts, axis, step)
        best = shifts[np.argmin([deviance(shift, 1) for shift in shifts])]
        found = minimize_scalar(
            deviance, bounds=(best - step, best + step), method="bounded", options={"xatol": 1e-4}
        )
    half = axis.period_ns / 2
    return irf.moved(float((found.x + half) % axis.period_ns - half))


def fit_irf(decay: ArrayLike, /, *, axis: TimeAxis) -> ParametricIrf:
    """Return the IRF that fits a decay best, for data without a measured IRF.

    Parameters
    ----------
    decay : array_like, shape (n_gates,)
        Counts, preferably the sum of all pixels of an image; at least ten thousand photons.
    axis : TimeAxis
        Gates of the decay.

    Returns
    -------
    ParametricIrf
        A Gaussian with an exponential tail.

    Raises
    ------
    InputError
        If the decay has no photons or no rising edge, or does not match the axis.

    See Also
    --------
    aligned_irf : Align a known IRF.

    Notes
    -----
    The fit maximises the likelihood over the four parameters of the IRF. For each trial IRF a sum of
    exponentials and a background are fitted to the decay. A tail of the IRF cannot be distinguished from a
    lifetime of the same length, so only the width of the rising edge and the delay are well determined.

    Examples
    --------
    >>> from seq2seqlite.decay import expected_tpsf
    >>> axis = TimeAxis(125, 0.1, 12.5)
    >>> decay = expected_tpsf([1.0], [2.0], axis=axis, irf=ParametricIrf(3.0, 0.3), photons=1e6)
    >>> round(fit_irf(decay, axis=axis).fwhm_ns, 2)
    0.3
    """
    counts = checked_decay(decay, axis)
    edge = rising_edge_ns(counts, bin_width_ns=axis.gate_width_ns) + axis.integration_ns / 2
    narrowest = NARROWEST_GATES * axis.gate_width_ns
    n_harmonics = harmonics_needed(narrowest, period_ns=axis.period_ns)
    measured = SummedDecay.of(counts, axis, n_harmonics)

    def irf_of(x: NDArray[np.float64]) -> ParametricIrf:
        sigma = narrowest + np.logaddexp(0, x[1]) * axis.gate_width_ns
        tail = 0.02 * axis.period_ns * np.exp(np.clip(x[3], -3, 1.5))
        return ParametricIrf(float(x[0]), float(2.3548 * sigma), float(1 / (1 + np.exp(-x[2]))), float(tail))

    def loss(x: NDArray[np.float64]) -> float:
        irf = irf_of(x)
        delayed_gates = irf.tail_fraction * irf.tail_ns / axis.gate_width_ns
        deviance = measured.deviance(irf.coefficients(n_harmonics, period_ns=axis.period_ns))
        misfit = max(1.0, deviance / axis.n_gates)
        return deviance + TAIL_PENALTY * misfit * delayed_gates

    starts = [np.array([edge, np.log(np.expm1(width)), tail, 0.0]) for width, tail in FITTED_STARTS]
    with threadpool_limits(1, user_api="blas"):
        steps = np.array([2 * axis.gate_width_ns, 1.0, 1.5, 0.7])
        found = [searched(loss, start, steps) for start in starts]
    return irf_of(min(found, key=lambda result: result.fun).x)


def _shifts(irf: Irf, counts: NDArray[np.float64], axis: TimeAxis, step: float) -> NDArray[np.float64]:
    """Return trial delays: those near the rising edge, or all delays if no rising edge is found."""
    try:
        edge = rising_edge_ns(counts, bin_width_ns=axis.gate_width_ns)
        away = [edge - expected_edge_ns(axis, irf, share * axis.period_ns) for share in EDGES_OF_PERIOD]
    except InputError:
        return np.arange(0, axis.period_ns, step)
    reach = NEAR_EDGE * axis.period_ns
    return np.arange(min(away) - reach, max(away) + reach, step)


def searched(
    loss: Callable[[NDArray[np.float64]], float], start: NDArray[np.float64], steps: NDArray[np.float64], /
) -> Any:
    """Return scipy's result of a search for the minimum that begins with steps of these sizes."""
    simplex = start + np.concatenate([np.zeros((1, start.size)), np.diag(steps)])
    options = {"initial_simplex": simplex, "maxfev": 500, "xatol": 1e-3, "fatol": 0.05}
    return minimize(loss, start, method="Nelder-Mead", options=options)


def poisson_nnls(
    design: NDArray[np.float64], counts: NDArray[np.float64], /, *, rounds: int = REWEIGHTINGS
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the non-negative weights of curves that fit counts with Poisson noise best, and their sum.

    Parameters
    ----------
    design : ndarray, shape (n_gates, n_curves)
        Curves.
    counts : ndarray, shape (n_gates,)
        Counts.
    rounds : int
        Rounds of iteratively reweighted least squares, which converge to the maximum of the likelihood.
    """
    expected = np.maximum(counts, 1.0)
    for _ in range(rounds):
        scale = 1 / np.sqrt(expected)
        weights = nnls(design * scale[:, None], counts * scale)[0]
        expected = np.maximum(design @ weights, 1e-3)
    return weights, expected


def checked_decay(decay: ArrayLike, axis: TimeAxis, /) -> NDArray[np.float64]:
    """Return a summed decay as floats; raise InputError if it is invalid or does not match the axis."""
    counts = np.asarray(decay, np.float64)
    if counts.shape != (axis.n_gates,):
        raise InputError(
            f"decay has shape {counts.shape}, but the axis requires ({axis.n_gates},); re-bin it"
        )
    if not (np.isfinite(counts).all() and (counts >= 0).all() and counts.any()):
        raise InputError(
            "the summed decay has no photons, or has negative or non-finite counts; check the data"
        )
    return counts
