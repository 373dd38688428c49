"""Lowering of a quantised student to an integer program."""

import numpy as np

from seq2seqlite.errors import InputError
from seq2seqlite.integer.lifetime_table import Reduction
from seq2seqlite.integer.program import Affine, GruStep, Program
from seq2seqlite.models import Network, Quantisation, model_digest

__all__ = ["lower"]


def lower(network: Network, /) -> Program:
    """Return the integer program of a student.

    Parameters
    ----------
    network : Network
        Network with one layer and quantised weights and activations.

    Returns
    -------
    Program
        Program whose codes equal the values of the network exactly.

    Raises
    ------
    InputError
        If the network is not fully quantised, or has more than one layer.

    See Also
    --------
    seq2seqlite.integer.run : Run a program.
    seq2seqlite.integer.write_program : Write a program to a file.

    Examples
    --------
    >>> from seq2seqlite.models import load_model
    >>> lower(load_model("seq2seqlite-tcspc-80mhz-int8")).units
    32
    """
    quantisation, formats = network.content.quantisation, network.formats
    if quantisation is None or formats is None:
        raise InputError(
            f"model {network.name} is a {network.kind}, but an integer program requires a fully quantised "
            "model; compress it with weights_only = false"
        )
    if len(network.architecture.layers) > 1:
        raise InputError(
            f"model {network.name} has {len(network.architecture.layers)} layers, but an integer program has "
            "one; compress the model to one layer"
        )
    return Program(
        name=network.name,
        model_sha256=model_digest(network.content),
        instrument=network.content.instrument,
        axis=network.axis,
        rising_edge_ns=network.rising_edge_ns,
        n_baseline=network.content.n_baseline,
        formats=formats,
        encoder=_step(network, quantisation, "encoder/0", 1),
        decoder=_step(
            network, quantisation, "decoder/0", 0
        ),  # the decoder has no input, so its kernel is not used
        head_kernel=_affine(network, quantisation, "head/kernel"),
        head_bias=_affine(network, quantisation, "head/bias"),
        reduction=Reduction.of_axis(network.axis),
    )


def _step(network: Network, quantisation: Quantisation, name: str, n_inputs: int) -> GruStep:
    kernel = _affine(network, quantisation, f"{name}/kernel")
    return GruStep(
        kernel=Affine(kernel.codes[:n_inputs], kernel.format),
        recurrent=_affine(network, quantisation, f"{name}/recurrent_kernel"),
        bias=_affine(network, quantisation, f"{name}/bias"),
    )


def _affine(network: Network, quantisation: Quantisation, name: str) -> Affine:
    fmt, values = quantisation.weights[name], network.content.parameters[name]
    codes = np.rint(np.atleast_2d(values).astype(np.float64) * 2.0**fmt.fraction_bits).astype(np.int64)
    return Affine(codes, fmt)
