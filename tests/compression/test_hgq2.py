"""HGQ2's quantised GRU, the field's own, computes what ours does: to the last bit."""

import numpy as np
import pytest

from seq2seqlite.compression import QuantisationPlan
from seq2seqlite.compression.hgq2 import hgq2_model
from seq2seqlite.compression.ptq import quantise_network
from seq2seqlite.errors import InputError
from seq2seqlite.models import load_model
from seq2seqlite.simulation.decay_set import reference_set


@pytest.mark.filterwarnings("ignore")  # of Keras and HGQ2, about themselves
@pytest.mark.parametrize(
    ("name", "plan"),
    [
        ("seq2seqlite-narrow-gate-int8", None),
        pytest.param("seq2seqlite-tcspc-80mhz-narrow", None, marks=pytest.mark.exhaustive),
        ("seq2seqlite-narrow-gate-float", QuantisationPlan(method="ptq", weight_bits=4, gate_bits=6)),
    ],
)
def test_trained_student_equals_hgq2(name, plan):
    student = load_model(name) if plan is None else quantise_network(load_model(name), plan)
    tpsf = reference_set("narrow-gate", n=300).tpsf
    theirs = hgq2_model(student)(student.inputs(tpsf)[..., None])
    np.testing.assert_array_equal(student.sfd(tpsf), np.asarray(theirs).transpose(0, 2, 1))


def test_what_hgq2_has_not_is_refused():
    student = load_model("seq2seqlite-narrow-gate-float")
    with pytest.raises(InputError, match="has floating-point activations; pass a fully quantised model"):
        hgq2_model(student)
    plan = QuantisationPlan(method="ptq", write_back="residual-bits", residual_bits=2)
    with pytest.raises(InputError, match="has several layers or residual bits"):
        hgq2_model(quantise_network(student, plan))
