"""Larger networks that start with the function of a smaller one."""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.errors import InputError
from seq2seqlite.models.architecture import Architecture, Parameters, initial_parameters

__all__ = ["can_grow", "grown_parameters"]

# With this bias and no weights, the update gate of a ``lite`` cell is 0 and has no gradient.
NO_UPDATE = -1.0
# Units pass on a quarter of an input: a candidate ends at 1, and columns of a response have a norm of 3.
SHARE = 0.25


def can_grow(small: Architecture, large: Architecture, /) -> bool:
    """Return whether a network can start with the function of a smaller one.

    Both must have ``lite`` cells, a decoder and the same inputs. No layer may become smaller, and each
    further layer of the encoder needs a unit for each input.

    See Also
    --------
    grown_parameters : Parameters of the larger network.
    """
    more = len(large.layers) - len(small.layers)
    return (
        small.cell == large.cell == "lite"
        and not small.direct
        and not large.direct
        and small.n_inputs == large.n_inputs
        and more >= 0
        and all(units >= large.n_inputs for units in large.layers[:more])
        and all(old <= new for old, new in zip(small.layers, large.layers[more:], strict=True))
    )


def grown_parameters(
    parameters: Mapping[str, NDArray[np.float32]],
    small: Architecture,
    large: Architecture,
    /,
    *,
    seed: int,
) -> Parameters:
    """Return parameters of a larger network that computes the same SFD as a smaller one.

    Parameters
    ----------
    parameters : mapping of array
        Parameters of the smaller network.
    small, large : Architecture
        Both architectures (:func:`can_grow`).
    seed : int
        Seed of the parameters of the new units.

    Raises
    ------
    InputError
        If the larger network cannot start with the function of the smaller one.

    See Also
    --------
    initial_parameters : Random parameters.

    Notes
    -----
    The layers of the smaller network become the last ones. In each layer before them, one unit per input
    passes a quarter of the input on (inputs must be between -4 and 4, as those of our networks are): its
    update gate is 0. All other units are new and random, and their weights to the units of the smaller
    network and to the head are zero; these have a gradient. The idea is that of Net2Net (Chen et al.,
    arXiv:1511.05641), which copies units instead.

    Examples
    --------
    >>> small, large = Architecture((8,), "lite"), Architecture((16, 16), "lite")
    >>> grown = grown_parameters(initial_parameters(small, seed=1), small, large, seed=2)
    >>> grown["encoder/1/kernel"].shape
    (16, 48)
    """
    if not can_grow(small, large):
        raise InputError(
            f"{large} cannot start with the function of {small}; both need lite cells, a decoder and the "
            f"same inputs, and no layer may become smaller"
        )
    grown = initial_parameters(large, seed=seed)
    more = len(large.layers) - len(small.layers)
    for index, units in enumerate(large.layers[:more]):
        weight = 1.0 if index else SHARE
        _pass_on(grown, f"encoder/{index}", weight, n_inputs=large.n_inputs, units=units)
    for name, target, source, inputs in _layers(small, more):
        old, new = small.layers[source], large.layers[source + more]
        columns = _columns(old, new)
        for part, rows in (("kernel", inputs), ("recurrent_kernel", old)):
            array = grown[f"{target}/{part}"]
            array[:, columns] = 0.0
            array[:rows, columns] = parameters[f"{name}/{part}"][:rows]
        if more and name == "encoder/0":
            grown[f"{target}/kernel"][:, columns] /= SHARE
        grown[f"{target}/bias"][columns] = parameters[f"{name}/bias"]
    grown["head/kernel"][:] = 0.0
    grown["head/kernel"][: small.layers[-1]] = parameters["head/kernel"]
    grown["head/bias"][:] = parameters["head/bias"]
    return grown


def _layers(small: Architecture, more: int) -> Iterator[tuple[str, str, int, int]]:
    """Yield names of the layers of both networks, index in the smaller one, and number of inputs there."""
    for part, first in (("encoder", small.n_inputs), ("decoder", 0)):  # the decoder has no input
        for index in range(len(small.layers)):
            inputs = small.layers[index - 1] if index else first
            yield f"{part}/{index}", f"{part}/{index + more}", index, inputs


def _columns(old: int, new: int) -> NDArray[np.intp]:
    """Return the columns of the first ``old`` units in an array of three blocks of ``new`` columns."""
    return (np.arange(3)[:, None] * new + np.arange(old)).ravel()


def _pass_on(grown: Parameters, name: str, weight: float, /, *, n_inputs: int, units: int) -> None:
    """Let the first units of a layer take the values of its inputs, times a weight."""
    columns = _columns(n_inputs, units)
    for part in ("kernel", "recurrent_kernel"):
        grown[f"{name}/{part}"][:, columns] = 0.0
    grown[f"{name}/kernel"][np.arange(n_inputs), columns[2 * n_inputs :]] = weight
    grown[f"{name}/bias"][columns] = np.repeat(np.array([NO_UPDATE, 0, 0], np.float32), n_inputs)
