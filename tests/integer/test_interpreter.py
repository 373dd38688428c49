"""The interpreter against the law of docs/spec/integer.md, the networks and HGQ2."""

import dataclasses
from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seq2seqlite.errors import InputError
from seq2seqlite.integer import (
    Reduction,
    accumulators,
    decode,
    encode,
    fits_float32,
    interpreter,
    lower,
    normalise,
    run,
)
from seq2seqlite.integer.interpreter import leading_bits, shifted
from seq2seqlite.models import ActivationFormats, load_model, predict_sfd
from seq2seqlite.simulation.decay_set import reference_set

QUANTISED = (
    "seq2seqlite-narrow-gate-int8",
    "seq2seqlite-narrow-gate-narrow",
    "seq2seqlite-tcspc-80mhz-int8",
    "seq2seqlite-tcspc-80mhz-narrow",
    "seq2seqlite-tcspc-80mhz-tiny",
)


@given(st.integers(-(2**40), 2**40), st.integers(-4, 20))
def test_shifted_rounds_ties_upwards(value, bits):
    expected = floor(Fraction(value) / Fraction(2) ** bits + Fraction(1, 2))
    assert shifted(np.array([value]), bits)[0] == expected
    if abs(value) < 2**30:
        assert shifted(np.array([float(value)]), bits)[0] == expected


@pytest.mark.parametrize("name", QUANTISED)
def test_a_program_is_its_network_code_for_code(name):
    network = load_model(name)
    program = lower(network)
    counts = np.asarray(reference_set(network.content.instrument, n=600).tpsf).astype(np.int64)
    result = run(program, counts)
    codes = network.sfd(counts) * 2.0**program.formats.output.fraction_bits
    np.testing.assert_array_equal(result.sfd, codes)
    np.testing.assert_array_equal(result.sfd[:200], run(program, counts[:200], arithmetic="int64").sfd)


@pytest.mark.parametrize("seed", range(6))
def test_odd_formats_agree_with_the_float_network(odd_program, seed):
    program = odd_program(seed)
    counts = np.random.default_rng(seed).integers(0, 2000, (60, program.n_gates))
    golden = run(program, counts, arithmetic="int64")
    expected = np.rint(_network_sfd(program, counts) * 2.0**program.formats.output.fraction_bits)
    np.testing.assert_array_equal(golden.sfd, expected)
    for arithmetic in ("float32", "float64"):
        if arithmetic == "float64" or fits_float32(program):
            np.testing.assert_array_equal(golden.sfd, run(program, counts, arithmetic=arithmetic).sfd)


def _network_sfd(program, counts):
    """The same weights through the float64 forward pass of models, which knows no codes."""
    from seq2seqlite.models import Architecture

    def values(affine):
        return affine.codes * 2.0**-affine.format.fraction_bits

    units = program.units
    parameters = {"head/kernel": values(program.head_kernel), "head/bias": values(program.head_bias)[0]}
    for part, gru in (("encoder", program.encoder), ("decoder", program.decoder)):
        kernel = values(gru.kernel) if gru.n_inputs else np.zeros((1, 3 * units))
        parameters |= {
            f"{part}/0/kernel": kernel,
            f"{part}/0/recurrent_kernel": values(gru.recurrent),
            f"{part}/0/bias": values(gru.bias)[0],
        }
    inputs = normalise(program, counts) * program.formats.input.step
    formats: ActivationFormats = program.formats
    return predict_sfd(Architecture((units,), "lite"), parameters, inputs, formats=formats)


@pytest.mark.parametrize("seed", range(4))
def test_no_accumulator_leaves_its_proved_range(odd_program, seed):
    program = odd_program(seed)
    reach = accumulators(program)["encoder.gates"]
    rng = np.random.default_rng(seed)
    formats = program.formats
    h = rng.integers(-formats.state.high_code, formats.state.high_code + 1, (4000, program.units))
    h[::2] = np.sign(h[::2]) * formats.state.high_code
    x = rng.integers(0, 2, (4000, 1)) * formats.input.high_code
    fraction = reach.fraction_bits
    gates = slice(0, 2 * program.units)

    def scaled(affine, operand):
        return affine.codes[:, gates] << (fraction - affine.format.fraction_bits - operand)

    total = (
        leading_bits(h, formats) @ scaled(program.encoder.recurrent, formats.state_operand.fraction_bits)
        + x @ scaled(program.encoder.kernel, formats.input.fraction_bits)
        + scaled(program.encoder.bias, 0)
    )
    assert (total >= reach.low).all()
    assert (total <= reach.high).all()
    assert np.abs(total).max() > 0.5 * np.abs([reach.low, reach.high]).max()  # the proof is not a wild guess


def test_lifetimes_are_the_published_reduction_to_its_last_bit(tiny):
    from seq2seqlite.decay import lifetimes_from_sfd
    from seq2seqlite.integer import lifetimes_from_codes

    counts = np.asarray(reference_set("tcspc-80mhz", n=2000).tpsf).astype(np.int64)
    result = run(tiny, counts)
    codes = lifetimes_from_codes(tiny, result.lifetimes)
    exact = lifetimes_from_sfd(result.sfd * tiny.formats.output.step, axis=tiny.axis)
    for name in ("tau_mean_ns", "tau_short_ns", "tau_long_ns"):
        np.testing.assert_array_equal(np.isnan(getattr(codes, name)), np.isnan(getattr(exact, name)))
        # Half a step of the code, the same of each knot, and the chord between two knots.
        assert np.nanmax(np.abs(getattr(codes, name) - getattr(exact, name))) < 2 * tiny.reduction.tau_step_ns
    assert np.nanmax(np.abs(codes.amplitude_fraction - exact.amplitude_fraction)) <= 2.0**-15


def test_the_reduction_has_an_answer_for_every_sfd(tiny):
    reduction = Reduction.of_axis(tiny.axis)
    sfd = np.zeros((4, 3, tiny.n_gates), np.int64)
    sfd[1, 1] = -5  # no first sample, negative area
    sfd[2, 1, 0] = 1  # a first sample, and nothing behind it
    sfd[3, 1:] = 255  # never decays: beyond the table
    reduced = reduction.reduce(sfd)
    assert reduced.has_short.tolist() == [False, False, True, True]
    assert reduced.tau_mean[:2].tolist() == [0, 0]
    assert reduced.tau_short[2] == reduction.tau_codes[4]  # half a gate: the shortest lifetime
    assert reduced.tau_short[3] == reduction.tau_codes[8 * 134]
    assert reduced.fraction.tolist() == [0, 0, 2**15, 2**14]


def test_batches_do_not_show(odd_program, monkeypatch):
    program = odd_program(0)
    counts = np.random.default_rng(0).poisson(np.geomspace(9, 0.1, program.n_gates), (20, program.n_gates))
    counts[[3, 6, 7, 19]] = 5  # nothing above the baseline, in several batches and at their ends
    counts[12] = 0
    whole = run(program, counts, min_photons=20)
    assert whole.dark[[3, 6, 7, 12, 19]].all()
    assert not whole.dark.all()
    monkeypatch.setattr(interpreter, "BATCH", 7)
    parts = run(program, counts, min_photons=20)
    for name in ("sfd", "photons", "dark"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))
    for name, codes in vars(whole.lifetimes).items():
        np.testing.assert_array_equal(getattr(parts.lifetimes, name), codes)


def test_dark_pixels_have_no_lifetimes(tiny):
    counts = np.zeros((3, tiny.n_gates), np.int64)
    counts[1] = 7  # all baseline
    counts[2, 20] = 40
    result = run(tiny, counts, min_photons=30)
    assert result.dark.tolist() == [True, True, False]
    assert result.lifetimes.tau_mean[:2].tolist() == [0, 0]
    assert run(tiny, counts, min_photons=41).dark.all()


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        (np.zeros((2, 9), int), r"counts have shape \(2, 9\), but program .* requires \(n, 135\)"),
        (np.zeros((2, 135)), "counts must be integers, not float64; round them"),
        (np.full((1, 135), 65536), "counts from 65536 to 65536 must be between 0 and 65535"),
        (np.full((1, 135), -1), "counts from -1 to -1 must be between 0 and 65535"),
    ],
)
def test_counts_that_a_program_cannot_take(tiny, counts, message):
    with pytest.raises(InputError, match=message):
        run(tiny, counts)


def test_an_unknown_arithmetic(tiny):
    with pytest.raises(InputError, match="arithmetic='int8' is unknown; choose int64, float32 or float64"):
        run(tiny, np.zeros((1, 135), int), arithmetic="int8")


def test_encode_and_decode_are_the_two_halves_of_run(tiny):
    counts = np.random.default_rng(0).poisson(5.0, (20, 135))
    state = encode(tiny, normalise(tiny, counts))
    np.testing.assert_array_equal(decode(tiny, state), run(tiny, counts).sfd)


def test_a_write_back_that_keeps_the_rounding_error_is_refused(tiny):
    formats = dataclasses.replace(tiny.formats, write_back="error-feedback", residual_bits=4)
    with pytest.raises(InputError, match="write_back='error-feedback' must be 'round'"):
        dataclasses.replace(tiny, formats=formats)


@pytest.mark.parametrize("seed", range(8))
def test_odd_programs_tell_pixels_apart(odd_program, seed):
    """Otherwise the tests that compare implementations on them would find few errors."""
    counts = np.random.default_rng(9).integers(0, 300, (60, 24))
    assert (
        np.unique(np.stack(dataclasses.astuple(run(odd_program(seed), counts).lifetimes)), axis=1).shape[1]
        >= 15
    )
