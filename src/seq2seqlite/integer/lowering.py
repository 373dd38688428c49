"""Lowering of a quantised student to an integer program."""

from typing import Any

import numpy as np

from seq2seqlite.errors import InputError
from seq2seqlite.integer.direct_program import DirectProgram, factor_codes
from seq2seqlite.integer.lifetime_table import Reduction
from seq2seqlite.integer.program import Affine, GruStep, Program
from seq2seqlite.integer.standard_errors import ErrorCodes
from seq2seqlite.models import Network, Quantisation, model_digest, tau_limits_ns

__all__ = ["lower", "lower_direct"]


def lower(network: Network, /) -> Program:
    """Return the integer program of a student with a decoder.

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
        If the network is not fully quantised, has more than one layer, is a direct network, or gets the
        response and has no table of standard errors.

    See Also
    --------
    lower_direct : The same for a direct network.
    seq2seqlite.integer.run : Run a program.
    seq2seqlite.integer.write_program : Write a program to a file.

    Examples
    --------
    >>> from seq2seqlite.models import load_model
    >>> lower(load_model("seq2seqlite-tcspc-80mhz-int8")).units
    32
    """
    quantisation, content = _checked(network), network.content
    if network.direct:
        raise InputError(f"model {network.name} is a direct network; its program is that of lower_direct")
    reduction = Reduction.of_axis(network.axis)
    with_response: dict[str, Any] = {}
    if network.uses_response:
        if content.error_table is None or content.tau_range_ns is None:
            raise InputError(
                f"model {network.name} gets the response but has no table of standard errors; train or "
                "compress it again"
            )
        with_response = {
            "response_lifetimes_ns": content.response_lifetimes_ns,
            "errors": ErrorCodes.of_table(content.error_table, tau_step_ns=reduction.tau_step_ns),
            "max_background": _max_background(network),
            "tau_range_ns": content.tau_range_ns,
        }
    return Program(
        **_common(network, quantisation, network.architecture.n_inputs),
        decoder=_step(
            network, quantisation, "decoder/0", 0
        ),  # the decoder has no input, so its kernel is not used
        head_kernel=_affine(network, quantisation, "head/kernel"),
        head_bias=_affine(network, quantisation, "head/bias"),
        reduction=reduction,
        **with_response,
    )


def lower_direct(network: Network, /) -> DirectProgram:
    """Return the integer program of a direct network.

    Parameters
    ----------
    network : Network
        Direct network with quantised weights and activations.

    Returns
    -------
    DirectProgram
        Program whose codes equal the values of the network exactly.

    Raises
    ------
    InputError
        If the network is not fully quantised, or not a direct network.

    See Also
    --------
    lower : The same for a network with a decoder.
    seq2seqlite.integer.run_direct : Run a program.
    """
    quantisation, content = _checked(network), network.content
    if not network.direct:
        raise InputError(f"model {network.name} is not a direct network; its program is that of lower")
    assert content.tau_range_ns is not None, "the model file of a direct network has a range"
    assert content.error_scale is not None, "the model file of a direct network has factors of the errors"
    assert network.formats is not None, "a fully quantised network has formats"
    step = network.formats.output.step
    low, high = tau_limits_ns(content.tau_range_ns, network.formats)
    return DirectProgram(
        **_common(network, quantisation, network.architecture.n_inputs),
        response_lifetimes_ns=content.response_lifetimes_ns,
        head_kernel=_affine(network, quantisation, "head/kernel"),
        head_bias=_affine(network, quantisation, "head/bias"),
        tau_low=round(low / step),
        tau_high=round(high / step),
        factors=factor_codes(content.error_scale),
        max_background=_max_background(network),
    )


def _max_background(network: Network) -> float:
    share = network.content.max_background
    return 1.0 if share is None else share


def _checked(network: Network) -> Quantisation:
    """Return the quantisation of a network that can be lowered."""
    quantisation = network.content.quantisation
    if quantisation is None or network.formats is None:
        raise InputError(
            f"model {network.name} is a {network.kind}, but an integer program requires a fully quantised "
            "model; compress it with weights_only = false"
        )
    if len(network.architecture.layers) > 1:
        raise InputError(
            f"model {network.name} has {len(network.architecture.layers)} layers, but an integer program has "
            "one; compress the model to one layer"
        )
    return quantisation


def _common(network: Network, quantisation: Quantisation, n_inputs: int) -> dict[str, Any]:
    """Return what all programs have."""
    return {
        "name": network.name,
        "model_sha256": model_digest(network.content),
        "instrument": network.content.instrument,
        "axis": network.axis,
        "rising_edge_ns": network.rising_edge_ns,
        "n_baseline": network.content.n_baseline,
        "formats": network.formats,
        "encoder": _step(network, quantisation, "encoder/0", n_inputs),
    }


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
