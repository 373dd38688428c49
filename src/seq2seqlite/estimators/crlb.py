"""Cramér-Rao bound: the smallest standard error of any unbiased estimator of a decay's parameters."""

from dataclasses import dataclass
from functools import partial

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
# IRFs of similar width get the same number of harmonics, for which JAX compiles once.
HARMONICS_STEP = 128


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
    tau_middle_ns, amplitude_fraction_middle : ndarray
        Standard errors of the middle one of three components; NaN for fewer components.
    scatter_fraction : ndarray
        Standard error of the share of scattered light; 0 if it is not estimated.

    See Also
    --------
    cramer_rao_bound : Return the Cramér-Rao bound of decays with one to three lifetimes under Poisson noise.
    """

    tau_mean_ns: NDArray[np.float64]
    tau_short_ns: NDArray[np.float64]
    tau_long_ns: NDArray[np.float64]
    amplitude_fraction: NDArray[np.float64]
    photons: NDArray[np.float64]
    tau_middle_ns: NDArray[np.float64]
    amplitude_fraction_middle: NDArray[np.float64]
    scatter_fraction: NDArray[np.float64]


def cramer_rao_bound(
    tau_ns: ArrayLike,
    /,
    *,
    axis: TimeAxis,
    irf: Irf,
    photons: ArrayLike,
    tau_long_ns: ArrayLike | None = None,
    amplitude_fraction: ArrayLike = 0.5,
    tau_middle_ns: ArrayLike | None = None,
    amplitude_fraction_middle: ArrayLike = 0.25,
    scatter_fraction: ArrayLike = 0.0,
    background: ArrayLike = 0.0,
    free_background: bool = True,
    free_shift: bool = False,
    free_scatter: bool = False,
) -> Bound:
    """Return the Cramér-Rao bound of decays with one to three lifetimes under Poisson noise.

    Parameters
    ----------
    tau_ns : array_like, shape (...)
        Lifetime, or the shortest of two or three lifetimes, in ns.
    axis : TimeAxis
        Gates and laser period.
    irf : Irf
        Instrument response, assumed to be known exactly.
    photons : array_like, shape (...)
        Expected photons of the decay in one laser period, without background.
    tau_long_ns : array_like, shape (...), optional
        Longest lifetime of a decay with two or three lifetimes, in ns.
    amplitude_fraction : array_like, shape (...)
        Share of the short component in the amplitude of such a decay.
    tau_middle_ns : array_like, shape (...), optional
        Middle lifetime of a decay with three lifetimes, in ns.
    amplitude_fraction_middle : array_like, shape (...)
        Share of its component in the amplitude.
    scatter_fraction : array_like, shape (...)
        Share of scattered light, whose decay is the IRF itself, in the photons above the background.
    background : array_like, shape (...)
        Expected background, in counts per gate.
    free_background, free_shift, free_scatter : bool
        Whether background, delay and scattered light are estimated too; each unknown parameter raises the
        other bounds.

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
    components = 1 if tau_long_ns is None else 2 if tau_middle_ns is None else 3
    long, middle = (
        tau_ns if tau_long_ns is None else tau_long_ns,
        tau_ns if tau_middle_ns is None else tau_middle_ns,
    )
    fractions = [amplitude_fraction, amplitude_fraction_middle if components == 3 else 0.0]
    given = [tau_ns, long, middle, photons, *fractions, background, scatter_fraction]
    values = np.broadcast_arrays(*(np.asarray(value, np.float64) for value in given))
    shape, columns = values[0].shape, np.stack([value.ravel() for value in values], axis=1)
    if not (columns[:, :4] > 0).all():
        raise InputError("tau_ns, tau_middle_ns, tau_long_ns and photons must be > 0")
    needed = harmonics_needed(irf.narrowest_sigma_ns, period_ns=axis.period_ns)
    if needed >= MAX_HARMONICS:
        raise InputError(
            f"an IRF with a standard deviation of {irf.narrowest_sigma_ns:g} ns is too narrow for a period "
            f"of {axis.period_ns:g} ns: its Fourier series would be truncated; use a wider IRF"
        )
    n_harmonics = -(-needed // HARMONICS_STEP) * HARMONICS_STEP
    coefficients = irf.coefficients(n_harmonics, period_ns=axis.period_ns)
    shapes = fourier_shapes(ForwardModel(axis, n_harmonics), coefficients)
    known = [free_background, free_scatter, free_shift]
    free = [*range(2 * components), *(2 * components + number for number in np.flatnonzero(known))]
    with jax.enable_x64(True):  # noqa: FBT003 - JAX's own positional flag
        theta = _parameters(columns, components)
        error = np.asarray(_errors(shapes, theta, free=tuple(map(int, free)), components=components))
    return Bound(*(np.reshape(value, shape) for value in error.T))


def _parameters(columns: NDArray[np.float64], components: int) -> NDArray[np.float64]:
    """Return lifetimes and photons of the components, background, photons of scattered light, and delay."""
    short, long, middle, photons, first, second, background, scattered = columns.T
    taus = np.stack([short, long, middle], axis=1)[:, :components]
    amplitudes = np.stack([first, 1 - first - second, second], axis=1)[:, :components]
    amplitudes = np.ones_like(taus) if components == 1 else amplitudes
    of_components = amplitudes * taus / (amplitudes * taus).sum(axis=1, keepdims=True) * photons[:, None]
    prompt = photons * scattered / (1 - scattered)
    return np.column_stack([taus, of_components, background, prompt, np.zeros_like(prompt)])


@partial(jax.jit, static_argnames=("free", "components"))
def _errors(shapes: FourierShapes, theta: jax.Array, *, free: tuple[int, ...], components: int) -> jax.Array:
    """Return the errors of :class:`Bound` in the order of its fields, shape (n, 8)."""
    index = jnp.array(free)

    def one(parameters: jax.Array) -> jax.Array:
        def with_free(values: jax.Array) -> jax.Array:
            return parameters.at[index].set(values)

        chosen = parameters[index]
        counts = jnp.maximum(_expected(shapes, parameters, components), SMALLEST_COUNT)
        slope = jax.jacfwd(lambda values: _expected(shapes, with_free(values), components))(chosen)
        information = (slope / counts[:, None]).T @ slope
        scale = jnp.sqrt(jnp.diagonal(information))
        inverse = jnp.linalg.inv(information / scale[:, None] / scale) / scale[:, None] / scale
        by_free = jax.jacfwd(lambda values: _quantities(with_free(values), components))(chosen)
        error: jax.Array = jnp.sqrt(jnp.einsum("qp,pr,qr->q", by_free, inverse, by_free))
        return error

    found: jax.Array = jax.lax.map(one, theta, batch_size=64)
    return found


def _expected(shapes: FourierShapes, parameters: jax.Array, components: int) -> jax.Array:
    """Return the expected counts of parameters."""
    c = components
    background, prompt, shift = parameters[2 * c :]
    taus, photons = jnp.append(parameters[:c], 0.0), jnp.append(parameters[c : 2 * c], prompt)
    counts: jax.Array = fourier_tpsf(shapes, taus, jnp.full(c + 1, shift)) @ photons + background
    return counts


def _quantities(parameters: jax.Array, components: int) -> jax.Array:
    """Return the quantities of :class:`Bound`; NaN for those of absent components."""
    c = components
    taus, photons, prompt = parameters[:c], parameters[c : 2 * c], parameters[2 * c + 1]
    amplitudes = photons / taus
    total, fractions = photons.sum(), amplitudes / amplitudes.sum()
    nothing = jnp.nan * total
    return jnp.stack([
        total / amplitudes.sum(),
        taus[0],
        taus[min(c, 2) - 1],
        fractions[0] if c > 1 else nothing,
        total,
        taus[2] if c > 2 else nothing,
        fractions[2] if c > 2 else nothing,
        prompt / (prompt + total),
    ])  # fmt: skip
