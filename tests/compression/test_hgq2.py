"""HGQ2's quantised GRU, the field's own, computes what ours does: to the last bit."""

import os

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")

from seq2seqlite.compression import QuantisationPlan
from seq2seqlite.compression.ptq import quantise_network
from seq2seqlite.datasets import reference_set
from seq2seqlite.models import Format, load_model


def hgq2_network(model):
    """Build the network of HGQ2's layers with the formats and weights of one of ours."""
    import keras
    from hgq.config import QuantizerConfig
    from hgq.layers import QGRU, QDense

    formats, quantisation = model.formats, model.content.quantisation
    parameters = model.content.parameters

    def config(place, fmt, overflow="SAT_SYM", **more):
        return QuantizerConfig(
            q_type="kif",
            place=place,
            k0=int(fmt.signed),
            i0=fmt.integer_bits,
            f0=fmt.fraction_bits,
            round_mode="RND",
            overflow_mode=overflow,
            heterogeneous_axis=(),
            **more,
        )

    # HGQ2 rounds a gate between -1 and 1 and then halves it: the same grid with one bit less, and a sign.
    gate = Format(True, 0, formats.gate.bits - 1)

    def gru(part):
        weights = {name: quantisation.weights[f"{part}/0/{name}"] for name in ("kernel", "recurrent_kernel", "bias")}
        return QGRU(
            model.architecture.layers[0],
            reset_after=False,
            return_sequences=True,
            return_state=True,
            iq_conf=config("datalane", formats.input),
            sq_conf=config("datalane", formats.state),
            rhq_conf=config("datalane", formats.product),
            paq_conf=config("datalane", formats.candidate),
            praq_conf=config("datalane", gate, overflow="SAT", affine=(0.5, 0.5)),
            kq_conf=config("weight", weights["kernel"]),
            rkq_conf=config("weight", weights["recurrent_kernel"]),
            bq_conf=config("bias", weights["bias"]),
            enable_ebops=False,
            name=part,
        )

    inputs = keras.Input((model.axis.n_gates, 1))
    encoder, decoder = gru("encoder"), gru("decoder")
    state = encoder(inputs)[1]
    states = decoder(inputs * 0, initial_state=state)[0]
    head = QDense(
        3,
        iq_conf=config("datalane", formats.state),
        kq_conf=config("weight", quantisation.weights["head/kernel"]),
        bq_conf=config("bias", quantisation.weights["head/bias"]),
        oq_conf=config("datalane", formats.output),
        enable_oq=True,
        enable_ebops=False,
    )
    network = keras.Model(inputs, head(states))
    for part, layer in (("encoder", encoder.cell), ("decoder", decoder.cell)):
        for name in ("kernel", "recurrent_kernel", "bias"):
            getattr(layer, name).assign(parameters[f"{part}/0/{name}"])
    head.kernel.assign(parameters["head/kernel"])
    head.bias.assign(parameters["head/bias"])
    return network


@pytest.mark.filterwarnings("ignore")  # of Keras and HGQ2, about themselves
@pytest.mark.parametrize(
    "plan", [QuantisationPlan(method="ptq"), QuantisationPlan(method="ptq", weight_bits=4, gate_bits=6)]
)
def test_trained_student_equals_hgq2(plan):
    student = quantise_network(load_model("seq2seqlite-swissspad3-float"), plan)
    tpsf = reference_set("swissspad3", n=300).tpsf
    theirs = hgq2_network(student)(student.inputs(tpsf)[..., None])
    np.testing.assert_array_equal(student.sfd(tpsf), np.asarray(theirs).transpose(0, 2, 1))
