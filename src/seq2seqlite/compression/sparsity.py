"""Magnitude pruning of single weights or whole units."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from seq2seqlite.compression.recipe import Sparsity
from seq2seqlite.models import Architecture

__all__ = ["only_units", "progress_at", "prune_units", "prune_weights", "surviving_units"]


def progress_at(sparsity: Sparsity, step: Any, steps: int, /) -> jax.Array:
    """Return the progress of pruning at a step, 0 to 1: a cubic rise from ``begin`` to ``end``.

    See Also
    --------
    prune_weights : Return the parameters with the smallest weights, across all kernels, set to zero.
    prune_units : Return the parameters with all weights of the least important units set to zero.
    """
    begin, end = sparsity.begin * steps, sparsity.end * steps
    t = jnp.clip((step - begin) / (end - begin), 0, 1)
    return 1 - (1 - t) ** 3


def prune_weights(parameters: Mapping[str, Any], fraction: Any, /) -> dict[str, Any]:
    """Return the parameters with the smallest weights, across all kernels, set to zero.

    Parameters
    ----------
    parameters : mapping of array
        Weights; biases are not pruned.
    fraction : float
        Share of the non-zero weights to set to zero, without the decoder's unused input kernel.

    See Also
    --------
    prune_units : Return the parameters with all weights of the least important units set to zero.
    progress_at : Return the progress of pruning at a step, 0 to 1: a cubic rise from ``begin`` to ``end``.
    """
    kernels = [name for name in parameters if name.endswith("kernel") and name != "decoder/0/kernel"]
    magnitudes = jnp.sort(jnp.concatenate([jnp.abs(parameters[name]).ravel() for name in kernels]))
    already = jnp.sum(magnitudes == 0)
    n_zero = already + jnp.floor(fraction * (magnitudes.size - already) + 0.5).astype(int)
    threshold = jnp.where(n_zero > 0, magnitudes[jnp.maximum(n_zero - 1, 0)], -1.0)
    return {
        name: jnp.where(jnp.abs(value) > threshold, value, 0) if name in kernels else value
        for name, value in parameters.items()
    }


def prune_units(
    architecture: Architecture, parameters: Mapping[str, Any], fraction: Any, /
) -> dict[str, Any]:
    """Return the parameters with all weights of the least important units set to zero.

    The importance of a unit is the sum of the squares of its incoming and outgoing weights in encoder and
    decoder, because the decoder starts from the encoder's state. A unit without weights remains zero.

    Parameters
    ----------
    architecture : Architecture
        Layers and cell.
    parameters : mapping of array
        Weights.
    fraction : float
        Share of the units of each layer, rounded down; at least one unit is kept.

    See Also
    --------
    prune_weights : Return the parameters with the smallest weights, across all kernels, set to zero.
    surviving_units : Return the units of each layer that have non-zero weights; at least one per layer.
    """
    kept = []
    for index, units in enumerate(architecture.layers):
        importance = _importance(architecture, parameters, index)
        n_gone = jnp.minimum(jnp.floor(fraction * units + 1e-6).astype(int), units - 1)
        rank = jnp.argsort(jnp.argsort(importance))
        kept.append((rank >= n_gone).astype(importance.dtype))
    return _on_units(architecture, parameters, lambda value, index, axis: _scaled(value, kept[index], axis))


def surviving_units(architecture: Architecture, parameters: Mapping[str, Any], /) -> list[NDArray[np.intp]]:
    """Return the units of each layer that have non-zero weights; at least one per layer.

    See Also
    --------
    prune_units : Return the parameters with all weights of the least important units set to zero.
    only_units : Return arrays of an architecture restricted to the kept units of each layer.
    """
    kept = []
    for index in range(len(architecture.layers)):
        alive = np.flatnonzero(np.asarray(_importance(architecture, parameters, index)) > 0)
        kept.append(alive if alive.size else np.arange(1))
    return kept


def only_units(
    architecture: Architecture, arrays: Mapping[str, Any], kept: list[NDArray[np.intp]], /
) -> dict[str, NDArray[Any]]:
    """Return arrays of an architecture restricted to the kept units of each layer.

    See Also
    --------
    surviving_units : Return the units of each layer that have non-zero weights; at least one per layer.
    prune_units : Return the parameters with all weights of the least important units set to zero.
    """
    taken = _on_units(architecture, arrays, lambda value, index, axis: np.take(value, kept[index], axis=axis))
    return {name: np.asarray(value) for name, value in taken.items()}


def _importance(architecture: Architecture, parameters: Mapping[str, Any], index: int) -> Any:
    units = architecture.layers[index]
    total: Any = 0.0
    for part in ("encoder",) if architecture.direct else ("encoder", "decoder"):
        prefix = f"{part}/{index}"
        recurrent = jnp.asarray(parameters[f"{prefix}/recurrent_kernel"]) ** 2
        total = total + recurrent.sum(axis=1) + _gates(recurrent, units).sum(axis=(0, 1))
        if not (part == "decoder" and index == 0):
            total = total + _gates(jnp.asarray(parameters[f"{prefix}/kernel"]) ** 2, units).sum(axis=(0, 1))
        following = f"{part}/{index + 1}/kernel" if index + 1 < len(architecture.layers) else "head/kernel"
        before_head = part == "decoder" or architecture.direct
        if following in parameters and (before_head or following != "head/kernel"):
            total = total + (jnp.asarray(parameters[following]) ** 2).sum(axis=1)
    return total


def _gates(kernel: Any, units: int) -> Any:
    return kernel.reshape(*kernel.shape[:-1], 3, units)


def _on_units(architecture: Architecture, parameters: Mapping[str, Any], act: Any) -> dict[str, Any]:
    """Apply ``act(array, layer, axis)`` to every array axis that corresponds to the units of a layer."""
    result = dict(parameters)
    last = len(architecture.layers) - 1
    for name in parameters:
        part, *rest = name.split("/")
        if part == "head":
            if rest == ["kernel"]:
                result[name] = act(result[name], last, 0)
            continue
        index, array = int(rest[0]), rest[1]
        value = result[name]
        if array == "recurrent_kernel":
            value = act(value, index, 0)
        elif array == "kernel" and index > 0:
            value = act(value, index - 1, 0)
        gates = value.reshape(*value.shape[:-1], 3, architecture.layers[index])
        gates = act(gates, index, -1)
        result[name] = gates.reshape(*value.shape[:-1], -1)
    return result


def _scaled(value: Any, kept: Any, axis: int) -> Any:
    return value * (kept if axis == -1 else kept[:, None])
