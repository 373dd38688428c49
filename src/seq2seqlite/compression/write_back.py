"""How much of a narrow state's updates is lost when it is written back."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from seq2seqlite.errors import InputError
from seq2seqlite.models import Network, predict_sfd

__all__ = ["dead_zone_fraction"]


def dead_zone_fraction(network: Network, tpsf: ArrayLike, /) -> dict[str, float]:
    """Return the share of state updates that are too small to change the state.

    An update of less than half a step of the state's format rounds to nothing: a state that moves slowly
    freezes, unless the write-back keeps what was lost.

    Parameters
    ----------
    network : Network
        With fixed-point activations.
    tpsf : array_like, shape (n, n_gates)
        Counts.

    Returns
    -------
    dict
        ``encoder`` and ``decoder``: share of all non-zero updates, over units, steps and decays, that are
        below half a step; what the write-back adds of earlier roundings is part of an update.

    Raises
    ------
    InputError
        If the network's state is in floating point.
    """
    formats = network.formats
    if formats is None:
        raise InputError(f"model {network.name} has a floating-point state, which has no dead zone")
    half = formats.state.step / 2
    lost = {"encoder": 0, "decoder": 0}
    moved = {"encoder": 0, "decoder": 0}

    def observe(layer: str, tensor: str, values: Any) -> None:
        if tensor == "update":
            part = layer.partition("/")[0]
            size = np.abs(values)
            moved[part] += int(np.count_nonzero(size))
            lost[part] += int(np.count_nonzero((size > 0) & (size < half)))

    predict_sfd(
        network.architecture,
        network.content.parameters,
        network.inputs(tpsf),
        formats=formats,
        observe=observe,
    )
    return {part: lost[part] / max(moved[part], 1) for part in lost}
