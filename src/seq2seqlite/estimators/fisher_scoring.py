"""Fisher scoring of Poisson likelihoods, vectorised over pixels (JAX).

The parameters of a pixel are, in this order, the logarithms of its lifetimes, the photons of its components,
the photons of its background, and, if it is fitted, the delay or the photons of scattered light. Photons are
expressed as shares of the pixel's total, so that all numbers are of the order of one and 32 bits are
sufficient.

In this module the gate is the first axis. A sum over gates then uses vector instructions across pixels; a sum
along the last axis would be sequential.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from seq2seqlite.estimators.model_curves import ChebyshevShapes, FourierShapes, shapes_and_slopes

__all__ = [
    "CHUNK",
    "Evaluation",
    "Fit",
    "Shapes",
    "cast",
    "evaluate",
    "expected_share",
    "finish",
    "fit",
    "held",
    "inverse",
    "padded",
    "padded_shares",
    "solve",
]

Shapes = FourierShapes | ChebyshevShapes
# Pixels fitted together: the arrays of a chunk of this size fit into the cache.
CHUNK = 2048
SIZES = (128, CHUNK)
# An expected share of a gate below this value is a rounding error of the series.
SMALLEST_SHARE = 1e-9
# A pixel is finished after a step shorter than 10 % of every standard error: the error after a Newton step is
# about the square of the step, here 1 %. The limit for bright pixels is 1 %, because models rarely fit them
# to within their noise and their steps shrink more slowly. Both limits are squared.
DONE = {jnp.float32.dtype: 1e-2, jnp.float64.dtype: 1e-4}
# If no damping lowers the deviance of a pixel, the fit has reached the limit of the arithmetic.
MOST_DAMPING = 1e7
# Deviances per photon that differ by less than this are equal within rounding errors.
ROUNDINGS = 4
FIRST_DAMPING = 1e-2
LEAST_DAMPING = {jnp.float32.dtype: 1e-6, jnp.float64.dtype: 1e-10}
# A damped step is short along a direction that the counts hardly determine, wherever the fit is, e.g. that of
# a third lifetime and the background. Steps that decide about convergence are therefore damped least where
# the precision is sufficient, and for three lifetimes; elsewhere this would only add steps within the noise.
SEVERAL = 3
EASING, STIFFENING = 0.2, 5.0
# With few photons the expected information differs from the curvature and steps shrink slowly. A pixel whose
# last allowed step is below 10 % of its standard errors has therefore converged too.
NEARLY_DONE = 1e-2


class Evaluation(NamedTuple):
    """Deviance of pixels with its first and expected second derivatives, all per photon.

    Parameters
    ----------
    deviance : array, shape (n,)
        Poisson deviance divided by the pixel's photons.
    score : array, shape (n, p)
        Derivative of the log-likelihood.
    information : array, shape (n, p, p)
        Fisher information.
    """

    deviance: jax.Array
    score: jax.Array
    information: jax.Array


class Fit(NamedTuple):
    """State of the fits of n pixels.

    Parameters
    ----------
    theta : array, shape (n, p)
        Parameters.
    at : Evaluation
        Deviance and derivatives at these parameters.
    damping : array, shape (n,)
        Levenberg-Marquardt damping.
    done : array of bool, shape (n,)
        Whether the pixel has converged or cannot be improved further.
    converged : array of bool, shape (n,)
        Whether the pixel has converged.
    """

    theta: jax.Array
    at: Evaluation
    damping: jax.Array
    done: jax.Array
    converged: jax.Array


def evaluate(
    shapes: Shapes, y: jax.Array, theta: jax.Array, /, *, n_components: int, observed: bool = False
) -> Evaluation:
    """Return deviance, score and Fisher information of pixels.

    Parameters
    ----------
    shapes : FourierShapes or ChebyshevShapes
        Forward model.
    y : array, shape (n_gates, n)
        Counts over the pixel's photons.
    theta : array, shape (n, p)
        Parameters: two per component, the background, and a further one if it is fitted: the delay with
        Fourier shapes, scattered light with Chebyshev shapes.
    n_components : int
        Number of lifetimes of a pixel.
    observed : bool
        Use the observed information (counts) instead of the expected information. Steps use the observed
        information, and standard errors the expected information.
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
    """Return expected counts divided by the pixel's photons, shape (n_gates, n); see :func:`evaluate`."""
    return _expected(shapes, y, theta, n_components)[0]


def _expected(
    shapes: Shapes, y: jax.Array, theta: jax.Array, n_components: int
) -> tuple[jax.Array, list[jax.Array]]:
    """Return the expected shares of the gates and their derivatives with respect to each parameter."""
    c, level = n_components, 1 / y.shape[0]
    further = theta.shape[1] > 2 * c + 1
    shift = theta[:, 2 * c + 1] if further and isinstance(shapes, FourierShapes) else None
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
    columns = [*by_tau, *by_photons, jnp.full_like(y, level)]
    if shift is not None:
        columns.append(by_shift)
    elif further and isinstance(shapes, ChebyshevShapes):
        prompt = jnp.broadcast_to(jnp.asarray(shapes.prompt)[:, None], y.shape)
        expected = expected + theta[:, 2 * c + 1] * prompt
        columns.append(prompt)
    return jnp.maximum(expected, SMALLEST_SHARE), columns


def solve(matrix: jax.Array, right: jax.Array, /) -> jax.Array:
    """Return the solutions of small positive definite systems, by unrolled Cholesky decomposition.

    Parameters
    ----------
    matrix : array, shape (n, p, p)
        Positive definite.
    right : array, shape (n, p)
        Right-hand sides.

    Notes
    -----
    One LAPACK call per pixel would take longer than the rest of a step.
    """
    return _substituted(_factor(matrix), right[:, :, None])[:, :, 0]


def _factor(matrix: jax.Array) -> dict[tuple[int, int], jax.Array]:
    """Return the elements of the lower triangular Cholesky factors, each of shape (n,)."""
    low: dict[tuple[int, int], jax.Array] = {}
    for p in range(matrix.shape[-1]):
        for q in range(p + 1):
            rest = matrix[:, p, q] - sum((low[p, k] * low[q, k] for k in range(q)), jnp.zeros(()))
            low[p, q] = jnp.sqrt(jnp.maximum(rest, 1e-20)) if p == q else rest / low[q, q]
    return low


def _substituted(low: dict[tuple[int, int], jax.Array], right: jax.Array) -> jax.Array:
    """Return the solutions for right-hand sides of shape (n, p, m)."""
    size = right.shape[1]
    rows = {place: value[:, None] for place, value in low.items()}
    half: list[jax.Array] = []
    for p in range(size):
        half.append((right[:, p] - sum((rows[p, k] * half[k] for k in range(p)), jnp.zeros(()))) / rows[p, p])
    full: dict[int, jax.Array] = {}
    for p in reversed(range(size)):
        rest = half[p] - sum((rows[k, p] * full[k] for k in range(p + 1, size)), jnp.zeros(()))
        full[p] = rest / rows[p, p]
    return jnp.stack([full[p] for p in range(size)], axis=1)


def inverse(matrix: jax.Array, /) -> jax.Array:
    """Return the inverse of small positive definite matrices, shape (n, p, p)."""
    units = jnp.eye(matrix.shape[-1], dtype=matrix.dtype)
    return _substituted(_factor(matrix), jnp.broadcast_to(units, matrix.shape))


def held(theta: jax.Array, score: jax.Array, bounds: jax.Array, /) -> jax.Array:
    """Return which parameters are at a bound while the score points beyond it, shape (n, p)."""
    below = (theta <= bounds[0]) & (score < 0)
    above = (theta >= bounds[1]) & (score > 0)
    return below | above


def step(at: Evaluation, theta: jax.Array, damping: jax.Array, bounds: jax.Array, /) -> jax.Array:
    """Return the damped step of the parameters that are not fixed at a bound, shape (n, p)."""
    fixed = held(theta, at.score, bounds)
    free = (~fixed[:, :, None]) & (~fixed[:, None, :])
    diagonal = jnp.diagonal(at.information, axis1=1, axis2=2)
    eye = jnp.eye(theta.shape[1], dtype=theta.dtype)
    added = jnp.where(fixed, 1.0, diagonal * damping[:, None] + 1e-15)
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
        Starting parameters.
    bounds : array, shape (2, n, p)
        Lower and upper bounds of the parameters.
    n_components, n_steps : int
        Number of lifetimes of a pixel; maximum number of steps.

    Notes
    -----
    A step solves ``(I + d diag I) x = score`` for the parameters that are not fixed at a bound. The damping d
    decreases after a step that lowered the deviance, and increases otherwise.
    """
    n, p = start.shape
    nothing = jnp.zeros(n, bool)
    # The first pass of the loop evaluates the start: its step is zero. A call of `evaluate` before the loop
    # would double the time of the compilation.
    flat = jnp.zeros((n, p, p), y.dtype)
    unknown = Evaluation(jnp.full_like(photons, jnp.inf), jnp.zeros_like(start), flat)
    rounding = ROUNDINGS * float(np.finfo(y.dtype).eps)
    least = LEAST_DAMPING[y.dtype]
    strict = n_components >= SEVERAL or y.dtype == jnp.float64.dtype
    begun = Fit(start, unknown, jnp.full_like(photons, FIRST_DAMPING), nothing, nothing)

    def unfinished(state: tuple[jax.Array, Fit]) -> jax.Array:
        return (state[0] <= n_steps) & ~state[1].done.all()

    def once(state: tuple[jax.Array, Fit]) -> tuple[jax.Array, Fit]:
        index, now = state
        moved = _within(now.theta + step(now.at, now.theta, now.damping, bounds), bounds)
        there = evaluate(shapes, y, moved, n_components=n_components, observed=True)
        better = (there.deviance <= now.at.deviance + rounding) & ~now.done
        stuck = ~better & (now.damping > MOST_DAMPING)
        begun = index > 0
        eased = jnp.where(begun, jnp.maximum(now.damping * EASING, least), now.damping)
        damping = jnp.where(better, eased, now.damping * STIFFENING)
        theta = _where(better, moved, now.theta)
        at = Evaluation(*(_where(better, new, old) for new, old in zip(there, now.at, strict=True)))
        ending = jnp.full_like(damping, least) if strict else damping
        last = _within(theta + step(at, theta, ending, bounds), bounds)
        change = last - theta
        distance = photons * jnp.einsum("np,npq,nq->n", change, at.information, change)
        small = (distance < DONE[y.dtype]) & (damping <= FIRST_DAMPING) & ~now.done & begun
        theta = _where(small, last, theta)
        return index + 1, Fit(theta, at, damping, now.done | small | stuck, now.converged | small)

    ended = jax.lax.while_loop(unfinished, once, (jnp.zeros((), int), begun))[1]
    ahead = step(ended.at, ended.theta, jnp.full_like(photons, FIRST_DAMPING), bounds)
    near = photons * (ahead * ended.at.score).sum(axis=1) < NEARLY_DONE
    return ended._replace(converged=ended.converged | near)


def _within(theta: jax.Array, bounds: jax.Array) -> jax.Array:
    return jnp.clip(theta, bounds[0], bounds[1])


def _where(chosen: jax.Array, new: jax.Array, old: jax.Array) -> jax.Array:
    return jnp.where(chosen.reshape(-1, *[1] * (new.ndim - 1)), new, old)


@partial(jax.jit, static_argnames="n_components")
def finish(
    shapes: Shapes,
    y: jax.Array,
    photons: jax.Array,
    theta: jax.Array,
    bounds: jax.Array,
    *,
    n_components: int,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return covariance, reduced chi-square, and the gain in log-likelihood over a flat background."""
    at = evaluate(shapes, y, theta, n_components=n_components)
    fixed = held(theta, at.score, bounds) | (bounds[0] == bounds[1])
    free = (~fixed[:, :, None]) & (~fixed[:, None, :])
    eye = jnp.eye(theta.shape[1], dtype=theta.dtype)
    matrix = jnp.where(free, at.information, 0.0) + jnp.where(fixed, 1.0, 1e-9)[:, :, None] * eye
    covariance = jnp.where(free, inverse(matrix), 0.0) / photons[:, None, None]
    expected = expected_share(shapes, y, theta, n_components=n_components)
    freedom = y.shape[0] - (~fixed).sum(axis=1)
    chi_square = photons * ((y - expected) ** 2 / expected).sum(axis=0) / jnp.maximum(freedom, 1)
    gain = (y * jnp.log(expected * y.shape[0]) + 1 / y.shape[0] - expected).sum(axis=0)
    return covariance, chi_square, photons * gain


def padded(values: NDArray[Any], size: int, /) -> NDArray[Any]:
    """Return a chunk with its first element repeated at the end, to a size that is compiled."""
    missing = size - len(values)
    return values if missing == 0 else np.concatenate([values, np.repeat(values[:1], missing, axis=0)])


def padded_shares(counts: NDArray[Any], kind: Any, /) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the photons of a padded chunk, and its counts divided by them, with the gate as first axis."""
    size = next(size for size in SIZES if size >= len(counts))  # the smallest compiled one
    whole = padded(np.asarray(counts, kind), size)
    photons = whole.sum(axis=1)
    return photons, np.ascontiguousarray((whole / photons[:, None]).T)


def cast(shapes: Shapes, kind: Any, /) -> Shapes:
    """Return a forward model in a floating-point type."""
    return type(shapes)(*(np.asarray(value, kind) for value in shapes))
