"""Dead zone of a fixed-point state: the share of state updates lost by rounding."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from seq2seqlite.errors import InputError
from seq2seqlite.models import Network, predict_sfd

__all__ = ["dead_zone_fraction"]


def dead_zone_fraction(network: Network, tpsf: ArrayLike, /) -> dict[str, float]:
    """Return the share of state updates that are too small to change the state.

    An update of less than half a step of the state's format is rounded to zero, so a slowly changing state
    does not change at all, unless the write-back retains the rounding error.

    Parameters
    ----------
    network : Network
        Network with fixed-point activations.
    tpsf : array_like, shape (n, n_gates)
        Counts.

    Returns
    -------
    dict
        Keys ``encoder`` and ``decoder``: share of the non-zero updates, over all units, steps and decays,
        that are below half a step. An update includes the rounding errors that the write-back adds.

    Raises
    ------
    InputError
        If the state of the network is in floating point.

    See Also
    --------
    seq2seqlite.models.ActivationFormats : Formats of the activations of a ``lite`` network.
    """
    formats = network.formats
    if formats is None:
        raise InputError(
            f"model {network.name} has a floating-point state, which has no dead zone; pass a quantised model"
        )
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
