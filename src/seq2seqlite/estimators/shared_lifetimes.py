"""Global fits: all decays share their lifetimes; photons and background are fitted for each decay."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

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
LEAST_DAMPING, MOST_DAMPING = 1e-9, 1e6
LAST_STEPS, LEAST_FALL = 30, 1e-3
CHUNK = 4096
# Lifetimes at which a fit starts if a component is absent in the summed decay, relative to the known one.
STARTS = {1: (1.0,), 2: (0.4, 1.4), 3: (0.3, 1.0, 2.5)}
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
        Estimate of each pixel, with photons, amplitude fraction and background, in the order of the counts.

    See Also
    --------
    fit_shared_lifetimes : Return the maximum-likelihood fit of pixels that share their lifetimes.
    """

    tau_ns: tuple[float, ...]
    tau_std_ns: tuple[float, ...]
    converged: bool
    pixels: Estimate


def fit_shared_lifetimes(
    fit: MaximumLikelihood | Sequence[MaximumLikelihood],
    tpsf: ArrayLike | Sequence[ArrayLike],
    /,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> SharedFit:
    """Return the maximum-likelihood fit of pixels that share their lifetimes.

    Parameters
    ----------
    fit : MaximumLikelihood, or sequence of them
        Estimator with the IRF and the options of the fit; its lifetimes must be free and its delay fixed.
        Several estimators, e.g. of images with their own IRF and axis, have the same components.
    tpsf : array_like, shape (n, n_gates), or sequence of them
        Counts of the pixels; for several estimators, those of each.
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
    the summed decay, of the estimator with the most photons.

    Decays of different compositions determine their common lifetimes together [2]_. For one decay, the result
    is that of its own fit.

    References
    ----------
    .. [1] S. C. Warren et al., PLoS ONE 8, e70687 (2013).
    .. [2] J. R. Knutson et al., Chem. Phys. Lett. 102, 501 (1983).

    Examples
    --------
    >>> from seq2seqlite.decay import ParametricIrf, TimeAxis, expected_tpsf
    >>> axis, irf = TimeAxis(135, 0.09, 12.5), ParametricIrf(1.5, 0.2)
    >>> tpsf = expected_tpsf([[0.3, 0.7], [0.8, 0.2]], [0.5, 2.5], axis=axis, irf=irf, photons=[500, 900])
    >>> shared = fit_shared_lifetimes(MaximumLikelihood(axis, irf, components=2), tpsf)
    >>> [round(tau, 2) for tau in shared.tau_ns]
    [0.5, 2.5]
    """
    fits = fit if isinstance(fit, Sequence) else [fit]
    tpsfs: Any = tpsf if isinstance(fit, Sequence) else [tpsf]
    if any(one.fixed_tau_ns is not None or one.max_shift_ns for one in fits):
        raise InputError(
            "a global fit requires fixed_tau_ns=None and max_shift_ns=0; align the IRF with aligned_irf first"
        )
    found = [
        screened(checked_counts(counts, axis=one.axis, name=one.name)[:, one.gates])
        for one, counts in zip(fits, tpsfs, strict=True)
    ]
    usable = [reason == Reason.OK for _, reason in found]
    groups = [
        (one, counts[chosen].astype(np.float64))
        for one, (counts, _), chosen in zip(fits, found, usable, strict=True)
        if chosen.any()
    ]
    if not groups:
        raise InputError("no pixel has photons in more than one bin; check the data")
    c, steps, pixels = fits[0].components, 0, []
    with jax.enable_x64(True):  # noqa: FBT003 - JAX's own positional flag
        state = _State.started(groups)
        earlier = [state.deviance]
        while steps < MOST_STEPS and not state.done:
            state = state.advanced()
            earlier.append(state.deviance)
            steps += 1
            if progress is not None:
                progress(steps, MOST_STEPS)
        rest = state.theta
        for one, (counts, reason), chosen in zip(fits, found, usable, strict=True):
            theta = np.full((len(counts), one.n_parameters), 1.0)
            theta[chosen], rest = rest[: chosen.sum()], rest[chosen.sum() :]
            theta[:, :c] = state.theta[0, :c]
            pixels.append(one.estimate_of(theta, counts, reason))
    tau = np.exp(state.theta[0, :c])
    order = np.argsort(tau)
    error = tau * np.sqrt(np.diagonal(np.linalg.inv(state.shared_information)))
    whole = pixels[0] if len(pixels) == 1 else _joined(pixels)
    # A fit that no longer improves has reached the limit of the arithmetic.
    converged = state.done or earlier[-LAST_STEPS:][0] - state.deviance < LEAST_FALL
    return SharedFit(tuple(tau[order].tolist()), tuple(error[order].tolist()), bool(converged), whole)


def _joined(estimates: Sequence[Estimate]) -> Estimate:
    """Return the estimates as one."""
    arrays: dict[str, Any] = {}
    for field in fields(Estimate):
        parts = [getattr(one, field.name) for one in estimates]
        arrays[field.name] = None if parts[0] is None else np.concatenate(parts)
    return Estimate(**arrays)


Groups = Sequence[tuple[MaximumLikelihood, NDArray[np.float64]]]


@dataclass(frozen=True)
class _State:
    """State of a global fit: parameters, and the derivatives at these parameters, in photons."""

    groups: Groups
    theta: NDArray[np.float64]
    deviance: float
    score: NDArray[np.float64]
    information: NDArray[np.float64]
    damping: float
    done: bool

    @property
    def fit(self) -> MaximumLikelihood:
        return self.groups[0][0]

    @classmethod
    def started(cls, groups: Groups, /) -> "_State":
        fit, counts = max(groups, key=lambda group: group[1].sum())
        whole = np.zeros((1, fit.axis.n_gates))
        whole[:, fit.gates] = counts.sum(axis=0)
        amplitudes, taus = (part[0] for part in fit.lifetimes(whole).components())
        known = taus[amplitudes > 0]
        if fit.components == 1:
            taus = known[:1]
        if np.unique(known).size < fit.components:  # a component is absent in the summed decay
            taus = (known.max() if known.size else 0.16 * fit.axis.period_ns) * np.array(
                STARTS[fit.components]
            )
        fixed = tuple(taus.tolist())
        theta = np.concatenate([
            np.asarray(one.with_fixed(fixed).grid.best(counts), np.float64) for one, counts in groups
        ])  # fmt: skip
        return cls(groups, theta, *_evaluated(groups, theta), damping=1e-2, done=False)

    def _own(self, damping: float) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return the blocks of the arrowhead matrix: inverted pixel blocks, coupling rows, pixel scores."""
        c, bounds = self.fit.components, self.fit.bounds[:, self.fit.components :]
        own = self.theta[:, c:]
        score = self.score[:, c:]
        held = ((own <= bounds[0]) & (score < 0)) | (bounds[0] == bounds[1])
        free = ~held[:, :, None] & ~held[:, None, :]
        block = np.where(free, self.information[:, c:, c:], 0)
        diagonal = np.diagonal(block, axis1=1, axis2=2)
        block = block + np.where(held, 1.0, damping * diagonal + 1e-9)[:, :, None] * np.eye(own.shape[1])
        beside = np.where(held[:, None, :], 0, self.information[:, :c, c:])
        return np.linalg.inv(block), beside, np.where(held, 0, score)

    def _shared(self, damping: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return information and score of the shared lifetimes after elimination of the pixel parameters."""
        inverse, beside, score = self._own(damping)
        c = self.fit.components
        information = self.information[:, :c, :c] - np.einsum("nsl,nlm,ntm->nst", beside, inverse, beside)
        right = self.score[:, :c] - np.einsum("nsl,nlm,nm->ns", beside, inverse, score)
        return information.sum(axis=0), right.sum(axis=0)

    @property
    def shared_information(self) -> NDArray[np.float64]:
        """Information on the logarithms of the shared lifetimes after elimination of the pixel parameters."""
        return self._shared(LEAST_DAMPING)[0]

    def advanced(self) -> "_State":
        """Return the state after one step, or with more damping if the step does not lower the deviance."""
        inverse, beside, score = self._own(self.damping)
        c, bounds = self.fit.components, self.fit.bounds
        shared, right = self._shared(self.damping)
        step = np.linalg.solve(shared + np.diag(self.damping * np.diag(shared)), right)
        own = np.einsum("nlm,nm->nl", inverse, score - np.einsum("s,nsl->nl", step, beside))
        moved = self.theta + np.concatenate([np.broadcast_to(step, (len(own), c)), own], axis=1)
        moved = np.clip(moved, bounds[0], bounds[1])
        deviance, first, second = _evaluated(self.groups, moved)
        if deviance > self.deviance + 1e-9 * abs(self.deviance):
            damping = self.damping * 10
            return replace(self, damping=damping, done=damping > MOST_DAMPING)
        damping = max(self.damping / 10, LEAST_DAMPING)
        found = _State(self.groups, moved, deviance, first, second, damping, done=False)
        # A damped step is short where the counts hardly determine its direction: this one is undamped.
        shared, right = found._shared(LEAST_DAMPING)
        distance = float(right @ np.linalg.solve(shared, right))
        return replace(found, done=distance < DONE and self.deviance - deviance < DONE * len(own))


def _evaluated(
    groups: Groups, theta: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Return the total deviance, and the score and information of each pixel, in photons."""
    deviance, score, information, first = 0.0, [], [], 0
    chunks = [
        (fit, counts[start : start + CHUNK])
        for fit, counts in groups
        for start in range(0, len(counts), CHUNK)
    ]
    for fit, part in chunks:
        photons = part.sum(axis=1)
        y = jnp.asarray((part / photons[:, None]).T)
        own = jnp.asarray(theta[first : first + len(part)])
        at = _evaluate(fit.shapes, y, own, n_components=fit.components)
        deviance += float(photons @ np.asarray(at.deviance))
        score.append(np.asarray(at.score) * photons[:, None])
        information.append(np.asarray(at.information) * photons[:, None, None])
        first += len(part)
    return deviance, np.concatenate(score), np.concatenate(information)
