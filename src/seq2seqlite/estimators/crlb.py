"""Cramér-Rao bound: the smallest standard error of any unbiased estimator of a decay's parameters."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.decay import MAX_HARMONICS, ForwardModel, Irf, TimeAxis, harmonics_needed
from seq2seqlite.errors import InputError
from seq2seqlite.estimators.model_curves import FourierShapes, fourier_shapes, fourier_tpsf

__all__ = ["Bound", "cramer_rao_bound"]

# Expected counts below this value are rounding errors of the Fourier series.
SMALLEST_COUNT = 1e-12


@dataclass(frozen=True)
class Bound:
    """Cramér-Rao bound: smallest possible standard errors, as arrays of equal shape.

    Parameters
    ----------
    tau_mean_ns : ndarray
        Standard error of the amplitude-weighted mean lifetime, in ns.
    tau_short_ns, tau_long_ns : ndarray
        Standard errors of the lifetimes, in ns; equal to that of the mean for a decay with one lifetime.
    amplitude_fraction : ndarray
        Standard error of the short component's share of the amplitude; NaN for a decay with one lifetime.
    photons : ndarray
        Standard error of the decay's number of photons.

    See Also
    --------
    cramer_rao_bound : Return the Cramér-Rao bound of decays with one or two lifetimes under Poisson noise.
    """

    tau_mean_ns: NDArray[np.float64]
    tau_short_ns: NDArray[np.float64]
    tau_long_ns: NDArray[np.float64]
    amplitude_fraction: NDArray[np.float64]
    photons: NDArray[np.float64]


def cramer_rao_bound(
    tau_ns: ArrayLike,
    /,
    *,
    axis: TimeAxis,
    irf: Irf,
    photons: ArrayLike,
    tau_long_ns: ArrayLike | None = None,
    amplitude_fraction: ArrayLike = 0.5,
    background: ArrayLike = 0.0,
    free_background: bool = True,
    free_shift: bool = False,
) -> Bound:
    """Return the Cramér-Rao bound of decays with one or two lifetimes under Poisson noise.

    Parameters
    ----------
    tau_ns : array_like, shape (...)
        Lifetime, or the shorter of two lifetimes, in ns.
    axis : TimeAxis
        Gates and laser period.
    irf : Irf
        Instrument response, assumed to be known exactly.
    photons : array_like, shape (...)
        Expected photons of the decay in one laser period, without background.
    tau_long_ns : array_like, shape (...), optional
        Longer lifetime of a decay with two lifetimes, in ns.
    amplitude_fraction : array_like, shape (...)
        Share of the short component in the amplitude of a decay with two lifetimes.
    background : array_like, shape (...)
        Expected background, in counts per gate.
    free_background, free_shift : bool
        Whether background and delay are estimated too; each unknown parameter raises the other bounds.

    Returns
    -------
    Bound

    Raises
    ------
    InputError
        If a lifetime or a number of photons is not positive, or the IRF is too narrow for its Fourier series.

    See Also
    --------
    seq2seqlite.compare_accuracy :
        Compare predictors on the same simulated decays; the command ``benchmark accuracy``.
    seq2seqlite.estimators.maximum_likelihood.MaximumLikelihood :
        Poisson maximum-likelihood reconvolution; implements ``Predictor``.

    Notes
    -----
    The Fisher information of Poisson counts is ``sum_g (dm_g/dp)(dm_g/dq) / m_g`` with the expected counts m
    of the forward model of :mod:`seq2seqlite.decay`, differentiated automatically; its inverse is the bound
    [1]_. For an ideal detector it is ``tau / sqrt(photons)``.

    References
    ----------
    .. [1] M. Köllner and J. Wolfrum, Chem. Phys. Lett. 200, 199 (1992).

    Examples
    --------
    >>> from seq2seqlite.decay import ParametricIrf
    >>> axis = TimeAxis(n_gates=1000, gate_width_ns=0.05, period_ns=50.0)
    >>> ideal = cramer_rao_bound(
    ...     2.0, axis=axis, irf=ParametricIrf(5.0, 0.03), photons=10_000, free_background=False)
    >>> round(ideal.tau_mean_ns.item(), 4)
    0.02
    """
    two = tau_long_ns is not None
    given = [tau_ns, tau_ns if tau_long_ns is None else tau_long_ns, amplitude_fraction, photons, background]
    values = np.broadcast_arrays(*(np.asarray(value, np.float64) for value in given))
    shape, columns = values[0].shape, np.stack([value.ravel() for value in values], axis=1)
    if not ((columns[:, :2] > 0).all() and (columns[:, 3] > 0).all()):
        raise InputError("tau_ns, tau_long_ns and photons must be > 0")
    n_harmonics = harmonics_needed(irf.narrowest_sigma_ns, period_ns=axis.period_ns)
    if n_harmonics >= MAX_HARMONICS:
        raise InputError(
            f"an IRF with a standard deviation of {irf.narrowest_sigma_ns:g} ns is too narrow for a period "
            f"of {axis.period_ns:g} ns: its Fourier series would be truncated; use a wider IRF"
        )
    forward = ForwardModel(axis, n_harmonics)
    shapes = fourier_shapes(forward, irf.coefficients(n_harmonics, period_ns=axis.period_ns))
    free = ([0, 1, 2, 3] if two else [0, 3]) + [4] * free_background + [5] * free_shift
    with jax.enable_x64(True):  # noqa: FBT003 - JAX's own positional flag
        covariance = np.asarray(_covariances(shapes, np.pad(columns, ((0, 0), (0, 1))), free=tuple(free)))
    return _bound(columns, covariance, shape, two=two)


@partial(jax.jit, static_argnames="free")
def _covariances(shapes: FourierShapes, columns: jax.Array, *, free: tuple[int, ...]) -> jax.Array:
    """Return the inverse Fisher information of decays, shape (n, 6, 6); zero for parameters held fixed."""
    index = jnp.array(free)

    def one(parameters: jax.Array) -> jax.Array:
        def expected(values: jax.Array) -> jax.Array:
            return _expected(shapes, parameters.at[index].set(values), two=1 in free)

        counts = jnp.maximum(expected(parameters[index]), SMALLEST_COUNT)
        slope = jax.jacfwd(expected)(parameters[index])
        information = (slope / counts[:, None]).T @ slope
        scale = jnp.sqrt(jnp.diagonal(information))
        inverse = jnp.linalg.inv(information / scale[:, None] / scale) / scale[:, None] / scale
        whole: jax.Array = jnp.zeros((6, 6)).at[index[:, None], index].set(inverse)
        return whole

    found: jax.Array = jax.lax.map(one, columns, batch_size=64)
    return found


def _expected(shapes: FourierShapes, parameters: jax.Array, *, two: bool) -> jax.Array:
    """Return the expected counts for lifetimes, amplitude fraction, photons, background and delay."""
    short, long, fraction, photons, background, shift = parameters
    if not two:
        one: jax.Array = fourier_tpsf(shapes, short[None], shift[None])[:, 0]
        counts: jax.Array = photons * one + background
        return counts
    parts = fourier_tpsf(shapes, jnp.stack([short, long]), jnp.stack([shift, shift]))
    by_short, by_long = fraction * short, (1 - fraction) * long
    shape: jax.Array = (by_short * parts[:, 0] + by_long * parts[:, 1]) / (by_short + by_long)
    whole: jax.Array = photons * shape + background
    return whole


def _bound(
    columns: NDArray[np.float64], covariance: NDArray[Any], shape: tuple[int, ...], *, two: bool
) -> Bound:
    error = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    if two:
        short, long, fraction = columns[:, 0], columns[:, 1], columns[:, 2]
        slope = np.stack([fraction, 1 - fraction, short - long], axis=1)
        mean = np.sqrt(np.einsum("np,npq,nq->n", slope, covariance[:, :3, :3], slope))
        found = (mean, error[:, 0], error[:, 1], error[:, 2], error[:, 3])
    else:
        found = (error[:, 0], error[:, 0], error[:, 0], np.full(len(columns), np.nan), error[:, 3])
    return Bound(*(value.reshape(shape) for value in found))
