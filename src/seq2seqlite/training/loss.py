"""Losses in units of the Cramér-Rao bound, and the lifetimes of an SFD as a differentiable function."""

from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from seq2seqlite.decay import MIN_COMPONENT_SHARE, TimeAxis, tau_from_area_ratio
from seq2seqlite.simulation.simulator import Decays

__all__ = ["bound_loss", "has_meaning", "lifetimes_jax", "true_lifetimes", "units"]

# Weights of mean, short, long and fraction in the loss, and the units of their errors, in bounds of the mean
# lifetime: the mean counts most; the components of a decay are known less well.
WEIGHTS = (1.0, 0.1, 0.1, 0.1)
UNITS = (1.0, 3.0, 3.0, 3.0)
# Errors above this many units count linearly: a decay that cannot be resolved must not outweigh the others.
HUBER = 4.0
# Amplitude of the SFD below which its lifetimes are ignored: that of an untrained network.
MIN_AMPLITUDE = 0.2
TABLE_POINTS = 4096


def true_lifetimes(decays: Decays, /) -> NDArray[np.float32]:
    """Return mean, short and long lifetime, in ns, and amplitude fraction of decays, shape (n, 4).

    See Also
    --------
    bound_loss : Loss of predictions of these.
    """
    columns = (decays.tau_mean_ns, decays.tau_short_ns, decays.tau_long_ns, decays.amplitude_fraction)
    return np.stack(columns, axis=1).astype(np.float32)


def bound_loss(
    predicted: jax.Array, targets: jax.Array, bounds: jax.Array, /, *, truth: jax.Array | None = None
) -> jax.Array:
    """Return the pseudo-Huber loss of lifetimes in units of their Cramér-Rao bound, shape (n,).

    Parameters
    ----------
    predicted, targets : array, shape (n, 4)
        Mean, short and long lifetime, in ns, and amplitude fraction.
    bounds : array, shape (n,)
        Bound of the mean lifetime, in ns.
    truth : array, shape (n, 4), optional
        True values, if the targets are those of a teacher.

    See Also
    --------
    lifetimes_jax : Lifetimes of an SFD.
    """
    truth = targets if truth is None else truth
    errors = (predicted - targets) / (units(truth, bounds) * jnp.asarray(UNITS))
    robust = HUBER**2 * (jnp.sqrt(1 + (errors / HUBER) ** 2) - 1)
    return jnp.matmul(robust * has_meaning(truth), jnp.asarray(WEIGHTS))


def units(targets: jax.Array, bounds: jax.Array, /) -> jax.Array:
    """Return the bounds of the four quantities, shape (n, 4): that of the mean, and relative to the mean.

    See Also
    --------
    bound_loss : Loss in these units.
    """
    # The fraction has no unit: one bound of the mean lifetime, relative to the mean.
    return jnp.concatenate(
        [jnp.tile(bounds[:, None], 3), (bounds / jnp.maximum(targets[:, 0], bounds))[:, None]], axis=1
    )


def has_meaning(targets: jax.Array, /) -> jax.Array:
    """Return 1 for quantities of a decay that have a meaning, else 0, shape (n, 4).

    The fraction of a decay with one lifetime has none.

    See Also
    --------
    bound_loss : Loss of quantities with a meaning.
    """
    two = (targets[:, 1] < targets[:, 2])[:, None]
    return jnp.concatenate([jnp.ones_like(targets[:, 1:]), two.astype(targets.dtype)], axis=1)


def lifetimes_jax(sfd: jax.Array, /, *, axis: TimeAxis) -> tuple[jax.Array, jax.Array]:
    """Return the lifetimes of SFDs as a differentiable function, and which of them exist.

    Parameters
    ----------
    sfd : array, shape (n_gates, n, 3)
        Channels total, short, long.
    axis : TimeAxis
        Gates.

    Returns
    -------
    lifetimes : array, shape (n, 4)
        Mean, short and long lifetime, in ns, and amplitude fraction, as of
        :func:`~seq2seqlite.decay.lifetimes_from_sfd`; zeros for missing ones.
    present : array of bool, shape (n, 4)
        Whether a quantity exists: an absent component has no lifetime, and the SFD of a network at the start
        of its training may have no amplitude.

    See Also
    --------
    bound_loss : Loss of lifetimes.
    """
    components = sfd[..., 1:]
    first = jnp.maximum(components[0], 0.0)
    area = components.sum(axis=0) - 0.5 * (components[0] + components[-1])
    amplitude = first.sum(axis=1, keepdims=True)
    enough = amplitude > MIN_AMPLITUDE
    present = enough & (first > MIN_COMPONENT_SHARE * amplitude)
    fraction = first / jnp.where(enough, amplitude, 1.0)
    ratios, taus = _table(axis)
    tau = jnp.where(present, jnp.interp(area / jnp.where(present, first, 1.0), ratios, taus), 0.0)
    mean = (fraction * tau).sum(axis=1, keepdims=True)
    found = jnp.concatenate([mean, tau, fraction[:, :1]], axis=1)
    return found, jnp.concatenate([enough, present, enough], axis=1)


@lru_cache(maxsize=16)
def _table(axis: TimeAxis) -> tuple[Any, Any]:
    """Return ratios of area to first sample, in gates, and their lifetimes, in ns."""
    ratios = np.geomspace(0.5, axis.n_gates - 1, TABLE_POINTS)
    return ratios.astype(np.float32), tau_from_area_ratio(ratios, axis=axis).astype(np.float32)
