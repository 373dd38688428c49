"""Normalisation, float and integer."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seq2seqlite.decay import normalise_to_codes, normalise_tpsf
from seq2seqlite.errors import InputError


@given(arrays(np.int32, (3, 30), elements=st.integers(0, 100_000)), st.integers(1, 12))
def test_codes_are_the_rounded_float_normalisation(counts, bits):
    codes = normalise_to_codes(counts, bits=bits)
    exact = np.clip(counts - counts[:, :10].mean(axis=1, keepdims=True, dtype=np.float64), 0, None)
    peak = exact.max(axis=1, keepdims=True)
    scaled = np.divide(exact, peak, out=np.zeros_like(exact), where=peak > 0) * (2**bits - 1)
    assert np.abs(codes - scaled).max() <= 0.5 + 1e-6
    np.testing.assert_allclose(normalise_tpsf(counts) * (2**bits - 1), scaled, atol=2**bits * 2e-6)
    assert codes.min() >= 0
    assert codes.max() <= 2**bits - 1


def test_half_rounds_up():
    assert normalise_to_codes([0, 2, 1], bits=1, n_baseline=1).tolist() == [0, 1, 1]


def test_codes_without_baseline_are_counts_over_peak() -> None:
    assert normalise_to_codes([3, 10, 1, 0], bits=4, n_baseline=0).tolist() == [5, 15, 2, 0]


def test_flat_decay_is_all_zero():
    assert not normalise_tpsf(np.full((2, 20), 7)).any()
    assert not normalise_to_codes(np.full((2, 20), 7), bits=8).any()


def test_without_dark_gates_nothing_is_subtracted():
    np.testing.assert_array_equal(normalise_tpsf([2, 4, 8], n_baseline=0), np.float32([0.25, 0.5, 1]))


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: normalise_tpsf(np.ones(10)),
            r"a TPSF of shape \(10,\) must have more than n_baseline=10 gates",
        ),
        (
            lambda: normalise_to_codes(np.ones(20), bits=8),
            "counts must be integers to compute integer codes, not float64",
        ),
        (lambda: normalise_to_codes(np.ones(20, int), bits=0), "bits=0 must be between 1 and 16"),
        (lambda: normalise_tpsf(np.ones(20), n_baseline=-1), "n_baseline=-1 must be >= 0"),
        (lambda: normalise_to_codes(np.ones(20, int), bits=8, n_baseline=-1), "n_baseline=-1 must be >= 0"),
    ],
)
def test_bad_input_says_value_and_rule(call, text):
    with pytest.raises(InputError, match=text):
        call()
