"""Normalised decays convolved with an IRF, and their derivatives, vectorised over pixels (JAX).

There are two representations of the forward model of :mod:`seq2seqlite.decay`. The Fourier series is used if
each pixel has its own delay. If all pixels have the same delay, a Chebyshev interpolation in the logarithm of
the lifetime is used, which takes an eighth of the operations.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from numpy.typing import NDArray

from seq2seqlite.decay import ForwardModel

__all__ = [
    "ChebyshevShapes",
    "FourierShapes",
    "chebyshev_shapes",
    "fourier_shapes",
    "fourier_tpsf",
    "shapes_and_slopes",
]

# Maximum error of an interpolated shape, relative to its highest gate: far below the noise of a pixel (0.3 %
# at 10^5 photons in one gate).
Gates = slice | NDArray[np.intp]
CHEBYSHEV_TOLERANCE = 1e-5
# Few different sizes, to limit the number of compilations.
CHEBYSHEV_DEGREES = (24, 32, 40, 48, 96)


class FourierShapes(NamedTuple):
    """Fourier series of the forward model.

    Parameters
    ----------
    omega : array, shape (n_harmonics,)
        Angular frequencies, rad/ns.
    irf_real, irf_imag : array, shape (n_harmonics,)
        Coefficients of the IRF.
    synthesis : array, shape (2 n_harmonics, n_gates)
        Matrix that maps coefficients to gates.
    mean : float
        Share of the photons in each gate for a constant signal.
    """

    omega: ArrayLike
    irf_real: ArrayLike
    irf_imag: ArrayLike
    synthesis: ArrayLike
    mean: ArrayLike


class ChebyshevShapes(NamedTuple):
    """Chebyshev series of the shapes in the logarithm of the lifetime.

    Parameters
    ----------
    middle, half : float
        Middle and half width of the range of ``log(tau / ns)``.
    series : array, shape (n_terms, 2 n_gates)
        Coefficients of the shapes, followed by those of their derivatives with respect to ``log(tau)``.
    prompt : array, shape (n_gates,)
        Shape of a light pulse: the response.
    """

    middle: ArrayLike
    half: ArrayLike
    series: ArrayLike
    prompt: ArrayLike


def fourier_shapes(
    forward: ForwardModel, irf_coefficients: NDArray[np.complex128], /, *, gates: Gates = slice(None)
) -> FourierShapes:
    """Return the Fourier series of ``forward`` for a range of gates.

    Parameters
    ----------
    forward : ForwardModel
        Axis and number of harmonics.
    irf_coefficients : ndarray of complex, shape (n_harmonics + 1,)
        Coefficients of the IRF.
    gates : slice or ndarray of int
        Gates that are fitted.
    """
    axis = forward.axis
    return FourierShapes(
        forward.angular_frequencies_per_ns,
        irf_coefficients[1:].real,
        irf_coefficients[1:].imag,
        forward.synthesis[:, gates],
        axis.weight_ns / axis.period_ns,
    )


def chebyshev_shapes(
    forward: ForwardModel,
    irf_coefficients: NDArray[np.complex128],
    /,
    *,
    tau_ns: tuple[float, float],
    gates: Gates = slice(None),
) -> ChebyshevShapes:
    """Return the Chebyshev series of the shapes of ``forward`` for lifetimes in a range.

    Parameters
    ----------
    forward : ForwardModel
        Axis and number of harmonics.
    irf_coefficients : ndarray of complex, shape (n_harmonics + 1,)
        Coefficients of the IRF.
    tau_ns : tuple of float
        Range of lifetimes, in ns.
    gates : slice or ndarray of int
        Gates that are fitted.

    Notes
    -----
    A decay is analytic in ``log tau`` in a strip of half width pi / 2, so the series converges geometrically.
    Terms are added until the error between the nodes is below 1e-5 of the highest gate.
    """
    low, high = np.log(tau_ns)
    middle, half = (low + high) / 2, (high - low) / 2

    def exact(x: NDArray[np.float64]) -> NDArray[np.float64]:
        tau = np.exp(middle + half * x)[:, None]
        return forward.tpsf(np.ones_like(tau), tau, irf_coefficients)[:, gates]

    between = np.cos(np.linspace(0.01, np.pi - 0.01, 61))
    wanted = exact(between)
    scale = wanted.max(axis=1, keepdims=True)
    for degree in CHEBYSHEV_DEGREES:
        angle = (np.arange(degree + 1) + 0.5) * np.pi / (degree + 1)
        terms = np.cos(np.outer(np.arange(degree + 1), angle))
        series = 2 / (degree + 1) * terms @ exact(np.cos(angle))
        series[0] /= 2
        found = np.polynomial.chebyshev.chebval(between, series).T
        if np.abs((found - wanted) / scale).max() < CHEBYSHEV_TOLERANCE:
            break
    slopes = np.zeros_like(series)
    slopes[:-1] = np.polynomial.chebyshev.chebder(series) / half
    prompt = forward.response(irf_coefficients)[gates]
    return ChebyshevShapes(middle, half, np.concatenate([series, slopes], axis=1), prompt)


def fourier_tpsf(shapes: FourierShapes, tau_ns: jax.Array, shift_ns: jax.Array, /) -> jax.Array:
    """Return the shapes of mono-exponential decays, as :meth:`seq2seqlite.decay.ForwardModel.tpsf` does.

    Parameters
    ----------
    shapes : FourierShapes
        Forward model.
    tau_ns, shift_ns : array, shape (n,)
        Lifetime, and delay relative to the IRF, in ns.

    Returns
    -------
    array, shape (n_gates, n)
        Share of the photons in each gate.
    """
    omega = jnp.asarray(shapes.omega)[:, None]
    irf = jnp.asarray(shapes.irf_real)[:, None], jnp.asarray(shapes.irf_imag)[:, None]
    x = tau_ns * omega
    real = 1 / (1 + x * x)
    imag = -x * real
    phase = shift_ns * omega
    cos, sin = jnp.cos(phase), jnp.sin(phase)
    irf_real = irf[0] * cos + irf[1] * sin
    irf_imag = irf[1] * cos - irf[0] * sin
    spectrum = jnp.concatenate([real * irf_real - imag * irf_imag, real * irf_imag + imag * irf_real])
    return jnp.asarray(shapes.synthesis).T @ spectrum + shapes.mean


def shapes_and_slopes(
    shapes: FourierShapes | ChebyshevShapes, log_tau: jax.Array, shift_ns: jax.Array | None, /
) -> tuple[jax.Array, jax.Array, jax.Array | None]:
    """Return shapes and their derivatives with respect to the logarithm of the lifetime and the delay.

    Parameters
    ----------
    shapes : FourierShapes or ChebyshevShapes
        Forward model.
    log_tau : array, shape (n,)
        Logarithm of the lifetime in ns.
    shift_ns : array, shape (n,), or None
        Delay, in ns; None if the delay is fixed, in which case its derivative is None.

    Returns
    -------
    value, by_log_tau, by_shift : array, shape (n_gates, n), or None
    """
    if isinstance(shapes, ChebyshevShapes):
        return *_chebyshev(shapes, log_tau), None
    fixed = jnp.zeros_like(log_tau) if shift_ns is None else shift_ns

    def tpsf(u: jax.Array, s: jax.Array) -> jax.Array:
        return fourier_tpsf(shapes, jnp.exp(u), s)

    one, zero = jnp.ones_like(log_tau), jnp.zeros_like(log_tau)
    value, by_log_tau = jax.jvp(tpsf, (log_tau, fixed), (one, zero))
    if shift_ns is None:
        return value, by_log_tau, None
    return value, by_log_tau, jax.jvp(tpsf, (log_tau, fixed), (zero, one))[1]


def _chebyshev(shapes: ChebyshevShapes, log_tau: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return series and derivative; both use the same polynomials and are computed by one product."""
    both = jnp.asarray(shapes.series)
    n_terms, n_gates = both.shape[0], both.shape[1] // 2
    x = jnp.clip((log_tau - shapes.middle) / shapes.half, -1, 1)
    # Polynomial k is cos(k acos x). The recurrence would be a statement for each term, slow to compile.
    polynomials = jnp.cos(jnp.arange(n_terms, dtype=x.dtype)[:, None] * jnp.arccos(x))
    found = both.T @ polynomials
    return found[:n_gates], found[n_gates:]
