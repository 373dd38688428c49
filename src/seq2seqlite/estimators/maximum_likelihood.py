"""Maximum-likelihood reconvolution, vectorised over thousands of pixels."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from seq2seqlite.decay import (
    AMPLITUDE_WEIGHTED,
    ONE_EXPONENTIAL,
    FitModel,
    Irf,
    Quantities,
    TimeAxis,
    forward_model,
)
from seq2seqlite.errors import InputError
from seq2seqlite.estimators import fisher_scoring as scoring
from seq2seqlite.estimators.estimate import (
    Estimate,
    Reason,
    checked_counts,
    expected_edge_ns,
    required_irf,
    screened,
)
from seq2seqlite.estimators.model_curves import chebyshev_shapes, fourier_shapes
from seq2seqlite.estimators.start_grid import StartGrid, start_grid

__all__ = ["MaximumLikelihood"]

NAMES = {1: "mono", 2: "bi", 3: "tri"}
# Nearly all pixels converge within the first steps; the others are collected and fitted with more steps.
FIRST_STEPS = 3
LAST_STEPS = 40
# If both lifetimes of a pixel are equal, steps along their difference remain long without improving the fit.
# A pixel whose deviance fell by less than this in the last steps has therefore converged too.
LEAST_FALL = 0.05
# XLA computes the sums, most of the work of a chunk, in one thread, so chunks run in parallel threads.
MOST_THREADS = 8
# Above this number of photons, rounding to 32 bits is no longer negligible compared with photon noise.
MOST_PHOTONS_IN_SINGLE = 1e5
# Minimum gain in log-likelihood over a flat background for a decay to count as detected.
LEAST_GAIN = 4.5
# A component with less than this share of the photons is absent: its lifetime would be noise.
MIN_PHOTON_SHARE = 1e-3


class _Found(NamedTuple):
    """Results of n fits; ``gain`` is the increase in log-likelihood over a flat background."""

    theta: NDArray[Any]
    photons: NDArray[Any]
    converged: NDArray[np.bool_]
    covariance: NDArray[np.float64]
    chi_square: NDArray[np.float64]
    gain: NDArray[np.float64]


class MaximumLikelihood:
    """Poisson maximum-likelihood reconvolution; implements :class:`~seq2seqlite.protocols.Predictor`.

    Parameters
    ----------
    axis : TimeAxis
        Gates and laser period.
    irf : Irf
        Instrument response. If it is not aligned with the data, align it with
        :func:`seq2seqlite.responses.aligned_irf`, or fit the delay (``max_shift_ns``).
    components : {1, 2, 3}
        Number of lifetimes of a decay.
    background : bool
        Whether to fit a constant background; otherwise the background is assumed to be zero.
    scatter : bool
        Whether to fit scattered excitation light, whose decay is the IRF itself; only with a fixed delay.
    max_shift_ns : float
        Maximum difference between the delay of a pixel and that of the IRF, in ns; 0 fixes the delay.
    fixed_tau_ns : tuple of float, optional
        Fixed lifetimes, one per component, in ns; only photons and background are then fitted.
    gates : slice or array_like of int, optional
        Gates whose counts are fitted, in increasing order; default: all. The model includes the decay before
        and between these gates.
    tau_bounds_ns : tuple of float, optional
        Range of lifetimes, in ns; default: a third of a gate to three laser periods.

    Raises
    ------
    InputError
        If the IRF is missing or an option is out of range.

    See Also
    --------
    seq2seqlite.estimators.crlb.cramer_rao_bound :
        Return the Cramér-Rao bound of decays with one to three lifetimes under Poisson noise.
    seq2seqlite.estimators.shared_lifetimes.fit_shared_lifetimes :
        Return the maximum-likelihood fit of pixels that share their lifetimes.
    seq2seqlite.estimators.estimator_named : Return an estimator by name.

    Notes
    -----
    The fit minimises the Poisson deviance by Fisher scoring with Levenberg-Marquardt damping [1]_. It starts
    from the best point of a grid of lifetimes, fractions and backgrounds, so no starting values are needed.
    Photons and background are constrained to be non-negative. A pixel has converged when the remaining step
    is about 1 % of every standard error. The forward model is that of :mod:`seq2seqlite.decay`: periodic
    excitation, exact gates, and an IRF of any bin width.

    References
    ----------
    .. [1] T. A. Laurence and B. A. Chromy, Nature Methods 7, 338 (2010).

    Examples
    --------
    >>> from seq2seqlite.decay import ParametricIrf, expected_tpsf
    >>> axis, irf = TimeAxis(135, 0.09, 12.5), ParametricIrf(1.5, 0.2)
    >>> tpsf = expected_tpsf([1.0], [2.0], axis=axis, irf=irf, photons=5000, background=1.0)
    >>> round(MaximumLikelihood(axis, irf).lifetimes(tpsf[None]).tau_mean_ns.item(), 3)
    2.0
    """

    kind = "maximum likelihood"
    uses_background = True

    def __init__(
        self,
        axis: TimeAxis,
        irf: Irf | None,
        /,
        *,
        components: int = 1,
        background: bool = True,
        scatter: bool = False,
        max_shift_ns: float = 0.0,
        fixed_tau_ns: tuple[float, ...] | None = None,
        gates: slice | ArrayLike | None = None,
        tau_bounds_ns: tuple[float, float] | None = None,
    ) -> None:
        self.axis, self.components, self.background, self.scatter = axis, components, background, scatter
        self.name = f"mle-{NAMES.get(components, components)}"
        self.irf = required_irf(irf, self.name)
        self.max_shift_ns, self.fixed_tau_ns = float(max_shift_ns), fixed_tau_ns
        chosen = slice(None) if gates is None else gates
        self.gates = np.arange(axis.n_gates)[chosen if isinstance(chosen, slice) else np.asarray(chosen, int)]
        self.tau_bounds_ns = tau_bounds_ns or (axis.gate_width_ns / 3, 3 * axis.period_ns)
        _check_options(self)

    @property
    def quantities(self) -> Quantities:
        """One to three lifetimes, and scattered light, as fitted."""
        mean = f"{ONE_EXPONENTIAL} (fit)" if self.components == 1 else AMPLITUDE_WEIGHTED
        return Quantities(self.components, mean, self.scatter)

    @property
    def fit_model(self) -> FitModel:
        """Fitted model, for fits of summed decays."""
        gates = None if self.gates.size == self.axis.n_gates else tuple(self.gates.tolist())
        return FitModel(self.components, self.scatter, tuple(self.fixed_tau_ns or ()), gates)

    def with_fixed(self, tau_ns: tuple[float, ...], /) -> "MaximumLikelihood":
        """Return this estimator with fixed lifetimes, one per component, in ns."""
        return MaximumLikelihood(
            self.axis, self.irf, components=self.components, background=self.background, scatter=self.scatter,
            max_shift_ns=self.max_shift_ns, fixed_tau_ns=tau_ns, gates=self.gates,
            tau_bounds_ns=self.tau_bounds_ns,
        )  # fmt: skip

    @property
    def error_maps(self) -> tuple[str, ...]:
        """Standard errors of the lifetimes, from the information matrix of the fit."""
        names = ("tau_mean_std_ns", "tau_short_std_ns", "tau_long_std_ns", "tau_middle_std_ns")
        return names[: self.components + 1] if self.components > 1 else names[:1]

    @property
    def tau_range_ns(self) -> tuple[float, float]:
        """Range of the fitted lifetimes, in ns."""
        return self.tau_bounds_ns

    @property
    def rising_edge_ns(self) -> float:
        """Expected position of the rising edge, in ns."""
        return expected_edge_ns(self.axis, self.irf)

    def lifetimes(
        self, tpsf: ArrayLike, /, *, progress: Callable[[int, int], None] | None = None
    ) -> Estimate:
        """Return the lifetimes of decays, fitted by maximum likelihood.

        Parameters
        ----------
        tpsf : array_like, shape (n, n_gates)
            Counts.
        progress : callable, optional
            Called with the number of finished decays and the number of all decays.

        Returns
        -------
        Estimate
            Lifetimes with standard errors, photons, background, delay, reduced chi-square and convergence.

        Raises
        ------
        InputError
            If the shape does not match the axis, or the counts are neither integers nor floats.
        """
        return self._estimated(tpsf, None, progress)

    def lifetimes_above(
        self,
        tpsf: ArrayLike,
        background: ArrayLike,
        pixels: ArrayLike | None = None,  # noqa: ARG002 - for predictors of one image
        /,
    ) -> Estimate:
        """Return the lifetimes of decays with a known background, which is not fitted.

        The counts keep their Poisson noise, which they lose when a background is subtracted.

        Parameters
        ----------
        tpsf : array_like, shape (n, n_gates)
            Counts, background included.
        background : array_like, shape (n,)
            Background, in counts per gate.
        """
        return self._estimated(tpsf, background, None)

    def _estimated(self, tpsf: ArrayLike, background: ArrayLike | None, progress: Any) -> Estimate:
        counts, reason = screened(checked_counts(tpsf, axis=self.axis, name=self.name)[:, self.gates])
        if not len(counts):
            return self.estimate_of(np.empty((0, self.n_parameters)), counts, reason)
        bounds = np.tile(self.bounds, (len(counts), 1, 1))
        if background is not None:  # as a share of the counts
            known = np.asarray(background, np.float64) * self.gates.size / counts.sum(axis=1)
            bounds[..., 2 * self.components] = known[:, None]
        with self.precision(counts):
            theta, converged = self._fitted(counts, bounds, progress)
            return self.estimate_of(theta, counts, reason, converged=converged, bounds=bounds)

    @property
    def n_parameters(self) -> int:
        """Number of parameters of a pixel, fixed parameters included."""
        return 2 * self.components + 1 + self.scatter + (self.max_shift_ns > 0)

    @staticmethod
    def precision(counts: NDArray[Any], /) -> Any:
        """Return the context that makes JAX compute with sufficient precision for these counts."""
        return jax.enable_x64(bool(counts.sum(axis=1).max() > MOST_PHOTONS_IN_SINGLE))

    @cached_property
    def shapes(self) -> scoring.Shapes:
        """Forward model of the fitted gates."""
        forward, coefficients = forward_model(self.axis, self.irf)
        if self.max_shift_ns:
            return fourier_shapes(forward, coefficients, gates=self.gates)
        return chebyshev_shapes(forward, coefficients, tau_ns=self.tau_bounds_ns, gates=self.gates)

    @cached_property
    def bounds(self) -> NDArray[np.float64]:
        """Lower and upper bounds of the parameters, shape (2, p)."""
        tau = np.log(np.broadcast_to(np.array(self.tau_bounds_ns)[:, None], (2, self.components)))
        if self.fixed_tau_ns is not None:
            tau = np.log(np.broadcast_to(np.array(self.fixed_tau_ns), (2, self.components)))
        # A decay may have photons outside the window, so a share of the recorded photons may exceed one.
        photons = np.broadcast_to([[0.0], [1e3]], (2, self.components))
        background = np.array([[0.0], [1e3 if self.background else 0.0]])
        further = photons[:, :1] if self.scatter else np.array([[-self.max_shift_ns], [self.max_shift_ns]])
        return np.concatenate([tau, photons, background, further], axis=1)[:, : self.n_parameters]

    @cached_property
    def grid(self) -> StartGrid:
        """Grid of possible starting points of a fit."""
        return start_grid(
            self.shapes,
            tau_ns=self.fixed_tau_ns or self.tau_bounds_ns,
            fixed=self.fixed_tau_ns is not None,
            components=self.components,
            background=self.background,
            scatter=self.scatter,
            max_shift_ns=self.max_shift_ns,
        )

    def _fitted(
        self,
        counts: NDArray[Any],
        bounds: NDArray[np.float64],
        progress: Callable[[int, int], None] | None,
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return parameters, shape (n, p), and whether they have converged."""
        n = len(counts)
        theta = np.empty((n, self.n_parameters))
        converged, done = np.zeros(n, np.bool_), np.zeros(n, np.bool_)
        deviance = np.full(n, np.inf)

        def advance(rows: NDArray[np.intp], start: NDArray[Any], n_steps: int) -> None:
            with self.precision(counts):  # JAX stores this setting per thread
                found = self._advanced(counts[rows], start, bounds[rows], n_steps)
            before = deviance[rows]
            theta[rows], converged[rows], done[rows], deviance[rows] = (value[: rows.size] for value in found)
            converged[rows] |= before - deviance[rows] < LEAST_FALL

        def begin(rows: NDArray[np.intp]) -> int:
            advance(rows, self.grid.best(counts[rows]), FIRST_STEPS)
            return int(rows[-1]) + 1

        def continue_fits(rows: NDArray[np.intp]) -> None:
            advance(rows, theta[rows], LAST_STEPS)

        _ = self.grid  # compute a cached property before threads use them
        _in_threads(begin, _chunks(np.arange(n)), lambda reached: progress and progress(reached, n))
        for _ in range(2):
            _in_threads(continue_fits, _chunks(np.flatnonzero(~done)))
        return theta, converged

    def _advanced(
        self, counts: NDArray[Any], start: NDArray[Any], bounds: NDArray[np.float64], n_steps: int
    ) -> tuple[NDArray[Any], ...]:
        """Return parameters of one chunk, whether they have converged or finished, and their deviance."""
        kind = jnp.zeros(()).dtype
        photons, y = scoring.padded_shares(counts, kind)
        result = scoring.fit(
            scoring.cast(self.shapes, kind),
            y,
            photons,
            scoring.padded(np.asarray(np.clip(start, bounds[:, 0], bounds[:, 1]), kind), photons.size),
            scoring.padded(np.asarray(bounds, kind), photons.size).swapaxes(0, 1),
            n_components=self.components,
            n_steps=n_steps,
        )
        deviance = np.asarray(result.at.deviance) * photons
        return np.asarray(result.theta), np.asarray(result.converged), np.asarray(result.done), deviance

    def estimate_of(
        self,
        theta: NDArray[Any],
        counts: NDArray[Any],
        reason: NDArray[np.uint8],
        /,
        *,
        converged: NDArray[np.bool_] | None = None,
        bounds: NDArray[np.float64] | None = None,
    ) -> Estimate:
        """Return lifetimes and standard errors from fitted parameters.

        Parameters
        ----------
        theta : ndarray, shape (n, p)
            Parameters (see :mod:`seq2seqlite.estimators.fisher_scoring`).
        counts : ndarray, shape (n, n_fitted_gates)
            Counts of the fitted gates.
        reason : ndarray of uint8, shape (n,)
            Reasons found before the fit.
        converged : ndarray of bool, shape (n,), optional
            Whether each fit converged; default: all.
        bounds : ndarray, shape (n, 2, p), optional
            Bounds of the parameters of each decay; default: those of all.
        """
        n, p = theta.shape
        covariance, chi_square, gain = np.empty((n, p, p)), np.empty(n), np.empty(n)
        limits = np.broadcast_to(self.bounds, (n, 2, p)) if bounds is None else bounds

        def finish(rows: NDArray[np.intp]) -> None:
            with self.precision(counts):
                kind = jnp.zeros(()).dtype
                photons, y = scoring.padded_shares(counts[rows], kind)
                found = scoring.finish(
                    scoring.cast(self.shapes, kind),
                    y,
                    photons,
                    scoring.padded(np.asarray(theta[rows], kind), photons.size),
                    scoring.padded(np.asarray(limits[rows], kind), photons.size).swapaxes(0, 1),
                    n_components=self.components,
                )
            for whole, values in zip((covariance, chi_square, gain), found, strict=True):
                whole[rows] = np.asarray(values)[: len(rows)]

        _in_threads(finish, _chunks(np.arange(n)))
        all_done = np.ones(n, np.bool_) if converged is None else converged
        found = _Found(theta, counts.sum(axis=1), all_done, covariance, chi_square, gain)
        return _estimate(self, found, reason)


def _estimate(fitted: MaximumLikelihood, found: _Found, reason: NDArray[np.uint8]) -> Estimate:
    theta, photons, converged, covariance, chi_square, gain = found
    c = fitted.components
    log_tau, shares = theta[:, :c], theta[:, c : 2 * c]
    tau = np.exp(log_tau)
    limits = fitted.bounds[:, :c]
    present = shares > MIN_PHOTON_SHARE * shares.sum(axis=1, keepdims=True)
    at_limit = ((log_tau <= limits[0]) | (log_tau >= limits[1])) & (limits[0] < limits[1])
    reason = reason.copy()
    for why, where in (
        (Reason.AT_LIMIT, (at_limit & present).any(axis=1)),
        (Reason.NOT_CONVERGED, ~converged),
        (Reason.NO_SIGNAL, (gain < LEAST_GAIN) | ~(shares.sum(axis=1) > 0)),
    ):
        reason[where & ((reason == 0) | (reason >= Reason.NOT_CONVERGED))] = why
    amplitudes = shares / tau
    total, amplitude = shares.sum(axis=1), amplitudes.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = total / amplitude
        by_tau = (mean / amplitude)[:, None] * amplitudes
        by_share = (1 - mean[:, None] / tau) / amplitude[:, None]
        slope = np.concatenate([by_tau, by_share], axis=1)
        variance = np.einsum("np,npq,nq->n", slope, covariance[:, : 2 * c, : 2 * c], slope)
        fraction = amplitudes / amplitude[:, None]
    tau_std = tau * np.sqrt(np.maximum(np.diagonal(covariance, axis1=1, axis2=2)[:, :c], 0))
    valid = (reason == Reason.OK) | (reason == Reason.AT_LIMIT)
    more: dict[str, Any] = {
        "photons": np.where(valid, total * photons, np.nan),
        "background": np.where(valid, theta[:, 2 * c] * photons / fitted.gates.size, np.nan),
        "chi_square": np.where(valid, chi_square, np.nan),
        "converged": converged & valid,
    }
    if fitted.scatter:
        more["scatter_fraction"] = np.where(
            valid, theta[:, 2 * c + 1] / (total + theta[:, 2 * c + 1]), np.nan
        )
    if fitted.max_shift_ns:
        more["shift_ns"] = np.where(valid, theta[:, 2 * c + 1], np.nan)
    std = np.sqrt(np.maximum(variance, 0))
    if c == 1:
        return Estimate.mono(tau[:, 0], reason, std_ns=std, **more)
    order = np.argsort(_places(log_tau, present), axis=1, kind="stable")
    tau, tau_std, fraction, present = (
        np.take_along_axis(v, order, axis=1) for v in (tau, tau_std, fraction, present)
    )
    known = present & valid[:, None]
    tau, tau_std = np.where(known, tau, np.nan), np.where(known, tau_std, np.nan)
    fraction = np.where(valid[:, None], fraction, np.nan)
    if c == 3:
        more |= {"tau_middle_ns": tau[:, 1], "tau_middle_std_ns": tau_std[:, 1]}
        more["amplitude_fraction_middle"] = fraction[:, 1]
    return Estimate(
        np.where(valid, mean, np.nan), tau[:, 0], tau[:, -1], fraction[:, 0], reason,
        tau_mean_std_ns=np.where(valid, std, np.nan),
        tau_short_std_ns=tau_std[:, 0], tau_long_std_ns=tau_std[:, -1], **more,
    )  # fmt: skip


def _places(log_tau: NDArray[Any], present: NDArray[np.bool_]) -> NDArray[Any]:
    """Return keys that sort components by lifetime; an absent one of three is the middle one."""
    if log_tau.shape[1] < 3:
        return log_tau
    between = (log_tau * present).sum(axis=1, keepdims=True) / 2
    return np.where(present | (present.sum(axis=1, keepdims=True) != 2), log_tau, between)


def _in_threads(
    work: Callable[[NDArray[np.intp]], Any],
    chunks: list[NDArray[np.intp]],
    done: Callable[[Any], Any] | None = None,
) -> None:
    """Process all chunks in threads, and report each finished chunk in order."""
    workers = min(MOST_THREADS, os.cpu_count() or 1)
    with ThreadPoolExecutor(workers) as pool, threadpool_limits(1, user_api="blas"):
        for result in pool.map(work, chunks):
            if done is not None:
                done(result)


def _chunks(rows: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    return [rows[start : start + scoring.CHUNK] for start in range(0, rows.size, scoring.CHUNK)]


def _check_options(fitted: MaximumLikelihood) -> None:
    if fitted.components not in NAMES:
        raise InputError(f"components={fitted.components} must be 1, 2 or 3")
    if fitted.scatter and fitted.max_shift_ns:
        raise InputError(
            f"scatter=True requires max_shift_ns=0, not {fitted.max_shift_ns:g}; align the IRF first"
        )
    if not 0 <= fitted.max_shift_ns <= fitted.axis.period_ns / 2:
        raise InputError(
            f"max_shift_ns={fitted.max_shift_ns} must be between 0 and half the period "
            f"of {fitted.axis.period_ns:g} ns"
        )
    low, high = fitted.tau_bounds_ns
    if not 0 < low < high < np.inf:
        raise InputError(f"tau_bounds_ns={(low, high)} must be (low, high) with 0 < low < high")
    if fitted.gates.size <= fitted.n_parameters:
        raise InputError(
            f"{fitted.gates.size} gates are too few for {fitted.n_parameters} parameters; extend "
            "fit_range_ns, or reduce exclude_ns"
        )
    fixed = fitted.fixed_tau_ns
    if fixed is not None and (len(fixed) != fitted.components or not all(0 < tau < np.inf for tau in fixed)):
        raise InputError(
            f"fixed_tau_ns={fixed} must be {fitted.components} lifetimes > 0 (one per component)"
        )
