"""Keras with HGQ2 is the independent witness: the same codes at every step of the decoder."""

import numpy as np
import pytest

from seq2seqlite.integer import lower, run
from seq2seqlite.models import load_model
from seq2seqlite.simulation.decay_set import reference_set

INT8 = ("seq2seqlite-narrow-gate-int8", "seq2seqlite-tcspc-80mhz-int8")


@pytest.mark.filterwarnings("ignore")  # of Keras and HGQ2, about themselves
@pytest.mark.parametrize(
    ("name", "n"),
    [
        (INT8[0], 1000),
        *(pytest.param(name, 20_000, marks=pytest.mark.hardware_full) for name in INT8),
    ],
)
def test_a_program_equals_keras_with_hgq2(name, n):
    from seq2seqlite.compression.hgq2 import hgq2_model

    network = load_model(name)
    program = lower(network)
    counts = np.asarray(reference_set(network.content.instrument, n=n).tpsf).astype(np.int64)
    sfd = hgq2_model(network).predict(network.inputs(counts)[..., None], batch_size=1000, verbose=0)
    codes = np.asarray(sfd).transpose(0, 2, 1) * 2.0**program.formats.output.fraction_bits
    np.testing.assert_array_equal(run(program, counts).sfd, codes)
