"""Global fits: all pixels share their lifetimes; photons and background are fitted for each pixel."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.errors import InputError
from seq2seqlite.estimators import fisher_scoring as scoring
from seq2seqlite.estimators.estimate import Estimate, Reason, checked_counts, screened
from seq2seqlite.estimators.maximum_likelihood import MaximumLikelihood

__all__ = ["SharedFit", "fit_shared_lifetimes"]

MOST_STEPS = 60
# A global fit has converged if the next step of the shared lifetimes is below 1 % of their standard errors
# (squared).
DONE = 1e-4
CHUNK = 4096
_evaluate = jax.jit(scoring.evaluate, static_argnames="n_components")


@dataclass(frozen=True)
class SharedFit:
    """Result of a global fit.

    Parameters
    ----------
    tau_ns : tuple of float
        Shared lifetimes in increasing order, in ns.
    tau_std_ns : tuple of float
        Standard errors of the shared lifetimes, in ns.
    converged : bool
        Whether the fit converged.
    pixels : Estimate
        Estimate of each pixel, with photons, amplitude fraction and background.

    See Also
    --------
    fit_shared_lifetimes : Return the maximum-likelihood fit of pixels that share their lifetimes.
    """

    tau_ns: tuple[float, ...]
    tau_std_ns: tuple[float, ...]
    converged: bool
    pixels: Estimate


def fit_shared_lifetimes(
    fit: MaximumLikelihood, tpsf: ArrayLike, /, *, progress: Callable[[int, int], None] | None = None
) -> SharedFit:
    """Return the maximum-likelihood fit of pixels that share their lifetimes.

    Parameters
    ----------
    fit : MaximumLikelihood
        Estimator with the IRF and the options of the fit; its lifetimes must be free and its delay fixed.
    tpsf : array_like, shape (n, n_gates)
        Counts of the pixels.
    progress : callable, optional
        Called with the number of finished steps and the maximum number of steps.

    Returns
    -------
    SharedFit

    Raises
    ------
    InputError
        If lifetimes are fixed, the delay is free, or no pixel has photons.

    See Also
    --------
    seq2seqlite.estimators.maximum_likelihood.MaximumLikelihood :
        Poisson maximum-likelihood reconvolution; implements ``Predictor``.
    SharedFit : Result of a global fit.

    Notes
    -----
    The information matrix of all pixels has arrowhead form: one block for the shared lifetimes and one block
    for the parameters of each pixel. After elimination of the pixel blocks, a step needs only sums over
    pixels, so memory and time are linear in the number of pixels [1]_. The fit starts from the lifetimes of
    the summed decay.

    References
    ----------
    .. [1] S. C. Warren et al., PLoS ONE 8, e70687 (2013).

    Examples
    --------
    >>> from seq2seqlite.decay import ParametricIrf, TimeAxis, expected_tpsf
    >>> axis, irf = TimeAxis(135, 0.09, 12.5), ParametricIrf(1.5, 0.2)
    >>> tpsf = expected_tpsf([[0.3, 0.7], [0.8, 0.2]], [0.5, 2.5], axis=axis, irf=irf, photons=[500, 900])
    >>> shared = fit_shared_lifetimes(MaximumLikelihood(axis, irf, components=2), tpsf)
    >>> [round(tau, 2) for tau in shared.tau_ns]
    [0.5, 2.5]
    """
    if fit.fixed_tau_ns is not None or fit.max_shift_ns:
        raise InputError(
            "a global fit requires fixed_tau_ns=None and max_shift_ns=0; align the IRF with aligned_irf first"
        )
    counts, reason = screened(checked_counts(tpsf, axis=fit.axis, name=fit.name)[:, fit.gates])
    usable = reason == Reason.OK
    if not usable.any():
        raise InputError("no pixel has photons in more than one bin; check the data")
    used = counts[usable].astype(np.float64)
    with jax.enable_x64(True):  # noqa: FBT003 - JAX's own positional flag
        state = _State.started(fit, used)
        steps = 0
        while steps < MOST_STEPS and not state.done:
            state = state.advanced()
            steps += 1
            if progress is not None:
                progress(steps, MOST_STEPS)
        theta = np.full((len(counts), fit.n_parameters), 1.0)
        theta[usable] = state.theta
        theta[:, : fit.components] = state.theta[0, : fit.components]
        pixels = fit.estimate_of(theta, counts, reason)
    tau = np.exp(state.theta[0, : fit.components])
    order = np.argsort(tau)
    error = tau * np.sqrt(np.diagonal(np.linalg.inv(state.shared_information)))
    return SharedFit(tuple(tau[order].tolist()), tuple(error[order].tolist()), bool(state.done), pixels)


@dataclass(frozen=True)
class _State:
    """State of a global fit: parameters, and the derivatives at these parameters, in photons."""

    fit: MaximumLikelihood
    counts: NDArray[np.float64]
    theta: NDArray[np.float64]
    deviance: float
    score: NDArray[np.float64]
    information: NDArray[np.float64]
    damping: float
    done: bool

    @classmethod
    def started(cls, fit: MaximumLikelihood, counts: NDArray[np.float64], /) -> "_State":
        whole = np.zeros((1, fit.axis.n_gates))
        whole[:, fit.gates] = counts.sum(axis=0)
        summed = fit.lifetimes(whole)
        tau = (summed.tau_short_ns.item(), summed.tau_long_ns.item())[: fit.components]
        if not np.isfinite(tau).all():  # one of two components is absent in the summed decay
            known = float(np.nanmax(tau)) if np.isfinite(tau).any() else 0.16 * fit.axis.period_ns
            tau = (0.4 * known, 1.4 * known)[: fit.components]
        held = MaximumLikelihood(
            fit.axis, fit.irf, components=fit.components, background=fit.background, fixed_tau_ns=tau,
            gates=fit.gates, tau_bounds_ns=fit.tau_bounds_ns,
        )  # fmt: skip
        theta = np.asarray(held.grid.best(counts), np.float64)
        return cls(fit, counts, theta, *_evaluated(fit, counts, theta), damping=1e-2, done=False)

    @property
    def _own(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return the blocks of the arrowhead matrix: inverted pixel blocks, coupling rows, pixel scores."""
        c, bounds = self.fit.components, self.fit.bounds[:, self.fit.components :]
        own = self.theta[:, c:]
        score = self.score[:, c:]
        held = ((own <= bounds[0]) & (score < 0)) | (bounds[0] == bounds[1])
        free = ~held[:, :, None] & ~held[:, None, :]
        block = np.where(free, self.information[:, c:, c:], 0)
        diagonal = np.diagonal(block, axis1=1, axis2=2)
        block = block + np.where(held, 1.0, self.damping * diagonal + 1e-9)[:, :, None] * np.eye(own.shape[1])
        beside = np.where(held[:, None, :], 0, self.information[:, :c, c:])
        return np.linalg.inv(block), beside, np.where(held, 0, score)

    @property
    def shared_information(self) -> NDArray[np.float64]:
        """Information on the logarithms of the shared lifetimes after elimination of the pixel parameters."""
        inverse, beside, _ = self._own
        c = self.fit.components
        return np.asarray(
            (self.information[:, :c, :c] - np.einsum("nsl,nlm,ntm->nst", beside, inverse, beside)).sum(axis=0)
        )

    def advanced(self) -> "_State":
        """Return the state after one step, or with more damping if the step does not lower the deviance."""
        inverse, beside, score = self._own
        c, bounds = self.fit.components, self.fit.bounds
        shared = self.shared_information
        right = (self.score[:, :c] - np.einsum("nsl,nlm,nm->ns", beside, inverse, score)).sum(axis=0)
        step = np.linalg.solve(shared + np.diag(self.damping * np.diag(shared)), right)
        own = np.einsum("nlm,nm->nl", inverse, score - np.einsum("s,nsl->nl", step, beside))
        moved = self.theta + np.concatenate([np.broadcast_to(step, (len(own), c)), own], axis=1)
        moved = np.clip(moved, bounds[0], bounds[1])
        deviance, first, second = _evaluated(self.fit, self.counts, moved)
        if deviance > self.deviance + 1e-9 * abs(self.deviance):
            damping = self.damping * 10
            return self._replaced(damping=damping, done=damping > 1e6)
        small = float(step @ shared @ step) < DONE and self.deviance - deviance < DONE * len(own)
        return _State(
            self.fit, self.counts, moved, deviance, first, second, max(self.damping / 10, 1e-9), small
        )

    def _replaced(self, *, damping: float, done: bool) -> "_State":
        return _State(
            self.fit, self.counts, self.theta, self.deviance, self.score, self.information, damping, done
        )


def _evaluated(
    fit: MaximumLikelihood, counts: NDArray[np.float64], theta: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Return the total deviance, and the score and information of each pixel, in photons."""
    deviance, score, information = 0.0, [], []
    for start in range(0, len(counts), CHUNK):
        part = counts[start : start + CHUNK]
        photons = part.sum(axis=1)
        y = jnp.asarray((part / photons[:, None]).T)
        at = _evaluate(fit.shapes, y, jnp.asarray(theta[start : start + CHUNK]), n_components=fit.components)
        deviance += float(photons @ np.asarray(at.deviance))
        score.append(np.asarray(at.score) * photons[:, None])
        information.append(np.asarray(at.information) * photons[:, None, None])
    return deviance, np.concatenate(score), np.concatenate(information)
