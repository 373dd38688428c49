"""Fisher scoring of Poisson likelihoods, for many pixels at once (JAX).

The parameters of a pixel are, in this order, the logarithms of its lifetimes, the photons of its components,
the photons of its background, and, where it is free, the delay. Photons are counted in shares of the pixel's
own, so that all numbers are of the order of one and 32 bits are enough.

In here the gate is the first axis: a sum over it then runs over pixels side by side, in vector instructions,
where a sum along the last axis would be one addition after the other.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seq2seqlite.estimators.model_curves import ChebyshevShapes, FourierShapes, shapes_and_slopes

__all__ = ["Evaluation", "Fit", "Shapes", "evaluate", "expected_share", "fit", "held", "inverse", "solve"]

Shapes = FourierShapes | ChebyshevShapes
# An expected share of a gate below this is rounding of the series.
SMALLEST_SHARE = 1e-9
# When the step to come is shorter than 10 % of every standard error it is made, and the pixel is done: a
# Newton step leaves about the square of its length, 1 %. For bright pixels, which a model seldom explains to
# their noise and where steps shrink more slowly, 1 %. Both squared.
DONE = {jnp.float32.dtype: 1e-2, jnp.float64.dtype: 1e-4}
# A pixel whose deviance no damping lowers has come as far as its arithmetic reaches.
MOST_DAMPING = 1e7
# Deviances a photon that differ by less are equal: sums of shares of one in that arithmetic.
ROUNDINGS = 4
FIRST_DAMPING = 1e-2
LEAST_DAMPING = 1e-6
EASING, STIFFENING = 0.2, 5.0
# At so few photons that the information is far from the curvature, steps shrink slowly; a pixel that ran out
# of them within 10 % of its standard errors has converged as well.
NEARLY_DONE = 1e-2


class Evaluation(NamedTuple):
    """Deviance of pixels, and its first and second (expected) derivative, all a photon.

    Parameters
    ----------
    deviance : array, shape (n,)
        Poisson deviance over the pixel's photons.
    score : array, shape (n, p)
        Derivative of the log-likelihood.
    information : array, shape (n, p, p)
        Fisher information.
    """

    deviance: jax.Array
    score: jax.Array
    information: jax.Array


class Fit(NamedTuple):
    """Where pixels have come to.

    Parameters
    ----------
    theta : array, shape (n, p)
        Parameters.
    at : Evaluation
        Deviance and derivatives there.
    damping : array, shape (n,)
        Levenberg-Marquardt damping.
    done : array of bool, shape (n,)
        Whether the pixel has converged, or cannot come further.
    converged : array of bool, shape (n,)
        Whether it has converged.
    """

    theta: jax.Array
    at: Evaluation
    damping: jax.Array
    done: jax.Array
    converged: jax.Array


def evaluate(
    shapes: Shapes, y: jax.Array, theta: jax.Array, /, *, n_components: int, observed: bool = False
) -> Evaluation:
    """Return deviance, score and information.

    Parameters
    ----------
    shapes : FourierShapes or ChebyshevShapes
        Forward model.
    y : array, shape (n_gates, n)
        Counts over the pixel's photons.
    theta : array, shape (n, p)
        Parameters; one more than two for each component and one says that the delay is free.
    n_components : int
        Lifetimes of a pixel.
    observed : bool
        Weight the information by the counts themselves instead of those expected: the curvature that a step
        needs, where the standard errors need the expectation.
    """
    expected, columns = _expected(shapes, y, theta, n_components)
    weight = 1 / expected
    curvature = y * weight * weight if observed else weight
    residual = y * weight - 1
    score = jnp.stack([(residual * column).sum(axis=0) for column in columns], axis=1)
    products = {
        (p, q): (columns[p] * columns[q] * curvature).sum(axis=0)
        for p in range(len(columns))
        for q in range(p + 1)
    }
    information = jnp.stack(
        [
            jnp.stack([products[max(p, q), min(p, q)] for q in range(len(columns))], axis=1)
            for p in range(len(columns))
        ],
        axis=1,
    )
    surprise = jnp.where(y > 0, y * jnp.log(jnp.where(y > 0, y * weight, 1.0)), 0.0)
    deviance = 2 * (surprise - y + expected).sum(axis=0)
    return Evaluation(deviance, score, information)


def expected_share(shapes: Shapes, y: jax.Array, theta: jax.Array, /, *, n_components: int) -> jax.Array:
    """Return the expected counts over the pixel's photons, shape (n_gates, n); see :func:`evaluate`."""
    return _expected(shapes, y, theta, n_components)[0]


def _expected(
    shapes: Shapes, y: jax.Array, theta: jax.Array, n_components: int
) -> tuple[jax.Array, list[jax.Array]]:
    """Return the expected shares of the gates, and their derivatives by each parameter."""
    c, level = n_components, 1 / y.shape[0]
    free_shift = theta.shape[1] > 2 * c + 1
    shift = theta[:, 2 * c + 1] if free_shift else None
    expected = theta[:, 2 * c] * level
    by_tau, by_photons, by_shift = [], [], jnp.zeros_like(y)
    for index in range(c):
        share = theta[:, c + index]
        value, slope, delayed = shapes_and_slopes(shapes, theta[:, index], shift)
        expected = expected + share * value
        by_tau.append(share * slope)
        by_photons.append(value)
        if delayed is not None:
            by_shift = by_shift + share * delayed
    columns = [*by_tau, *by_photons, jnp.full_like(y, level), *([by_shift] if free_shift else [])]
    return jnp.maximum(expected, SMALLEST_SHARE), columns


def solve(matrix: jax.Array, right: jax.Array, /) -> jax.Array:
    """Return the solution of small positive definite systems by Cholesky, unrolled over their size.

    Parameters
    ----------
    matrix : array, shape (n, p, p)
        Positive definite.
    right : array, shape (n, p)
        Right-hand sides.

    Notes
    -----
    One LAPACK call for each pixel would take longer than the rest of a step.
    """
    size = matrix.shape[-1]
    low: dict[tuple[int, int], jax.Array] = {}
    for p in range(size):
        for q in range(p + 1):
            rest = matrix[:, p, q] - sum((low[p, k] * low[q, k] for k in range(q)), jnp.zeros(()))
            low[p, q] = jnp.sqrt(jnp.maximum(rest, 1e-20)) if p == q else rest / low[q, q]
    half: list[jax.Array] = []
    for p in range(size):
        half.append((right[:, p] - sum((low[p, k] * half[k] for k in range(p)), jnp.zeros(()))) / low[p, p])
    full: dict[int, jax.Array] = {}
    for p in reversed(range(size)):
        rest = half[p] - sum((low[k, p] * full[k] for k in range(p + 1, size)), jnp.zeros(()))
        full[p] = rest / low[p, p]
    return jnp.stack([full[p] for p in range(size)], axis=1)


def inverse(matrix: jax.Array, /) -> jax.Array:
    """Return the inverse of small positive definite matrices, shape (n, p, p)."""
    size = matrix.shape[-1]
    units = jnp.eye(size, dtype=matrix.dtype)
    columns = [solve(matrix, jnp.broadcast_to(units[p], matrix.shape[:2])) for p in range(size)]
    return jnp.stack(columns, axis=2)


def held(theta: jax.Array, score: jax.Array, bounds: jax.Array, /) -> jax.Array:
    """Return which parameters lie at a bound that the likelihood would have them cross, shape (n, p)."""
    below = (theta <= bounds[0]) & (score < 0)
    above = (theta >= bounds[1]) & (score > 0)
    return below | above


def step(at: Evaluation, theta: jax.Array, damping: jax.Array, bounds: jax.Array, /) -> jax.Array:
    """Return the damped step of the parameters that are not held at a bound, shape (n, p)."""
    fixed = held(theta, at.score, bounds)
    free = (~fixed[:, :, None]) & (~fixed[:, None, :])
    diagonal = jnp.diagonal(at.information, axis1=1, axis2=2)
    eye = jnp.eye(theta.shape[1], dtype=theta.dtype)
    added = jnp.where(fixed, 1.0, diagonal * damping[:, None] + 1e-12)
    matrix = jnp.where(free, at.information, 0.0) + added[:, :, None] * eye
    return solve(matrix, jnp.where(fixed, 0.0, at.score))


@partial(jax.jit, static_argnames="n_components")
def fit(
    shapes: Shapes,
    y: jax.Array,
    photons: jax.Array,
    start: jax.Array,
    bounds: jax.Array,
    *,
    n_components: int,
    n_steps: int | jax.Array,
) -> Fit:
    """Return the fits of pixels after at most ``n_steps`` steps.

    Parameters
    ----------
    shapes : FourierShapes or ChebyshevShapes
        Forward model.
    y : array, shape (n_gates, n)
        Counts over the pixel's photons.
    photons : array, shape (n,)
        Photons of each pixel.
    start : array, shape (n, p)
        First parameters.
    bounds : array, shape (2, p)
        Least and greatest parameters.
    n_components, n_steps : int
        Lifetimes of a pixel; most steps.

    Notes
    -----
    A step solves ``(I + d diag I) x = score`` for the parameters that are not held at a bound; d falls
    where the deviance fell and rises where it did not.
    """
    first = evaluate(shapes, y, start, n_components=n_components, observed=True)
    nothing = jnp.zeros(y.shape[1], bool)
    rounding = ROUNDINGS * float(np.finfo(y.dtype).eps)
    begun = Fit(start, first, jnp.full_like(photons, FIRST_DAMPING), nothing, nothing)

    def go_on(state: tuple[jax.Array, Fit]) -> jax.Array:
        return (state[0] < n_steps) & ~state[1].done.all()

    def once(state: tuple[jax.Array, Fit]) -> tuple[jax.Array, Fit]:
        index, now = state
        moved = _within(now.theta + step(now.at, now.theta, now.damping, bounds), bounds)
        there = evaluate(shapes, y, moved, n_components=n_components, observed=True)
        better = (there.deviance <= now.at.deviance + rounding) & ~now.done
        stuck = ~better & (now.damping > MOST_DAMPING)
        eased = jnp.maximum(now.damping * EASING, LEAST_DAMPING)
        damping = jnp.where(better, eased, now.damping * STIFFENING)
        theta = _where(better, moved, now.theta)
        at = Evaluation(*(_where(better, new, old) for new, old in zip(there, now.at, strict=True)))
        last = _within(theta + step(at, theta, damping, bounds), bounds)
        change = last - theta
        distance = photons * jnp.einsum("np,npq,nq->n", change, at.information, change)
        small = (distance < DONE[y.dtype]) & (damping <= FIRST_DAMPING) & ~now.done
        theta = _where(small, last, theta)
        return index + 1, Fit(theta, at, damping, now.done | small | stuck, now.converged | small)

    ended = jax.lax.while_loop(go_on, once, (jnp.zeros((), int), begun))[1]
    ahead = step(ended.at, ended.theta, jnp.full_like(photons, FIRST_DAMPING), bounds)
    near = photons * (ahead * ended.at.score).sum(axis=1) < NEARLY_DONE
    return ended._replace(converged=ended.converged | near)


def _within(theta: jax.Array, bounds: jax.Array) -> jax.Array:
    return jnp.clip(theta, bounds[0], bounds[1])


def _where(chosen: jax.Array, new: jax.Array, old: jax.Array) -> jax.Array:
    return jnp.where(chosen.reshape(-1, *[1] * (new.ndim - 1)), new, old)
