"""The program in JAX against the interpreter."""

import numpy as np
import pytest

from seq2seqlite.cpu.on_jax import JaxPredictor
from seq2seqlite.hardware.stimulus import made_up_counts
from seq2seqlite.integer import load_program, run


def assert_same(found, expected):
    for name in ("sfd", "photons", "dark"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
    for name, codes in vars(expected.lifetimes).items():
        np.testing.assert_array_equal(getattr(found.lifetimes, name), codes, err_msg=name)


@pytest.mark.parametrize("name", ["seq2seqlite-swissspad3-int8", "seq2seqlite-tcspc-80mhz-tiny"])
def test_shipped_programs_are_exact(name):
    program = load_program(name)
    counts = made_up_counts(program, 800)
    assert_same(JaxPredictor(program).run(counts, min_photons=100), run(program, counts, min_photons=100))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_odd_programs_are_exact(odd_program, seed):
    program = odd_program(seed)
    counts = made_up_counts(program, 300)
    assert_same(JaxPredictor(program).run(counts), run(program, counts))
