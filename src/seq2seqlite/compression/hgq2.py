"""Conversion of a quantised student to HGQ2 layers.

This is the only module that imports HGQ2 (extra ``hgq``). Tests check that both networks compute
bit-identical results, so HGQ2 is an independent verification of the quantised forward pass.
"""

import os
from typing import Any

from seq2seqlite.errors import InputError
from seq2seqlite.models import ActivationFormats, Format, Network, Quantisation

__all__ = ["hgq2_model"]


def hgq2_model(network: Network, /) -> Any:
    """Return a Keras model of ``QGRU`` and ``QDense`` with a student's weights and formats.

    Parameters
    ----------
    network : Network
        Network with one layer, fixed-point activations and a state rounded without residual bits.

    Returns
    -------
    keras.Model
        Trainable model that maps normalised TPSFs, shape (n, n_gates, 1), to SFDs, shape (n, n_gates, 3).

    Raises
    ------
    InputError
        If HGQ2 does not support the network: floating point, more than one layer, or residual bits.

    See Also
    --------
    seq2seqlite.compression.ptq.quantise_network : Return a float network after post-training quantisation.
    seq2seqlite.integer.lower : Return the integer program of a student.
    """
    formats, quantisation = network.formats, network.content.quantisation
    if formats is None or quantisation is None:
        raise InputError(f"model {network.name} has floating-point activations; pass a fully quantised model")
    if len(network.architecture.layers) > 1 or formats.residual_bits:
        raise InputError(
            f"model {network.name} has several layers or residual bits, which HGQ2's QGRU does not support; "
            "compress it to one layer with write_back = 'round'"
        )
    os.environ.setdefault("KERAS_BACKEND", "jax")
    import keras
    from hgq.layers import QDense

    parameters = network.content.parameters
    inputs = keras.Input((network.axis.n_gates, 1))
    encoder, decoder = (_gru(part, network, formats, quantisation) for part in ("encoder", "decoder"))
    states = decoder(inputs * 0, initial_state=encoder(inputs)[1])[0]
    head = QDense(
        3,
        iq_conf=_config("datalane", formats.state),
        kq_conf=_config("weight", quantisation.weights["head/kernel"]),
        bq_conf=_config("bias", quantisation.weights["head/bias"]),
        oq_conf=_config("datalane", formats.output),
        enable_oq=True,
        enable_ebops=False,
        name="head",
    )
    model = keras.Model(inputs, head(states))
    for part, layer in (("encoder/0", encoder.cell), ("decoder/0", decoder.cell)):
        for name in ("kernel", "recurrent_kernel", "bias"):
            getattr(layer, name).assign(parameters[f"{part}/{name}"])
    head.kernel.assign(parameters["head/kernel"])
    head.bias.assign(parameters["head/bias"])
    return model


def _gru(part: str, network: Network, formats: ActivationFormats, quantisation: Quantisation) -> Any:
    from hgq.layers import QGRU

    weights = {
        name: quantisation.weights[f"{part}/0/{name}"] for name in ("kernel", "recurrent_kernel", "bias")
    }
    # HGQ2 rounds a gate in the range -1 to 1 and then halves it: the same grid with a sign and one bit less.
    gate = Format(signed=True, integer_bits=0, fraction_bits=formats.gate.bits - 1)
    return QGRU(
        network.architecture.layers[0],
        reset_after=False,
        return_sequences=True,
        return_state=True,
        iq_conf=_config("datalane", formats.input),
        sq_conf=_config("datalane", formats.state),
        rhq_conf=_config("datalane", formats.product),
        paq_conf=_config("datalane", formats.candidate),
        praq_conf=_config("datalane", gate, overflow_mode="SAT", affine=(0.5, 0.5)),
        kq_conf=_config("weight", weights["kernel"]),
        rkq_conf=_config("weight", weights["recurrent_kernel"]),
        bq_conf=_config("bias", weights["bias"]),
        enable_ebops=False,
        name=part,
    )


def _config(place: str, fmt: Format, /, *, overflow_mode: str = "SAT_SYM", **more: Any) -> Any:
    from hgq.config import QuantizerConfig

    return QuantizerConfig(
        q_type="kif",
        place=place,
        k0=int(fmt.signed),
        i0=fmt.integer_bits,
        f0=fmt.fraction_bits,
        round_mode="RND",
        overflow_mode=overflow_mode,
        heterogeneous_axis=(),  # one format per tensor
        **more,
    )
