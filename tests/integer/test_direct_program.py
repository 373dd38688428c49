"""Programs of direct networks: the page's arithmetic on Python integers, and all back ends bit for bit."""

import math
import pickle
from dataclasses import replace

import numpy as np
import pytest

from seq2seqlite.compression.ptq import quantise_network
from seq2seqlite.compression.recipe import QuantisationPlan
from seq2seqlite.cpu import DirectProgramEngine
from seq2seqlite.errors import InputError
from seq2seqlite.integer import (
    DirectPredictor,
    load_program,
    lower,
    lower_direct,
    response_codes,
    run_direct,
    write_program,
)
from seq2seqlite.integer.standard_errors import log_counts
from seq2seqlite.jax_back_end import JaxDirectPredictor
from seq2seqlite.models import load_model
from seq2seqlite.predictors import load_predictor

FLOAT = "seq2seqlite-narrow-gate-direct-float"
PLANS = {
    "leading bits": {"state_bits": 12, "operand_bits": 8, "gate_bits": 7, "full_gate": True, "bias_bits": 12},
    "whole state": {"gate_bits": 7, "full_gate": True},
    "gate below 1": {"state_bits": 9, "gate_bits": 8, "response_bits": 6},
    "narrow": {
        "weight_bits": 4,
        "state_bits": 10,
        "operand_bits": 6,
        "gate_bits": 6,
        "input_bits": 6,
        "full_gate": True,
    },
    "wide": {
        "weight_bits": 12,
        "bias_bits": 16,
        "state_bits": 14,
        "gate_bits": 10,
        "candidate_bits": 12,
        "input_bits": 10,
    },
}


def program_of(**plan):
    network = quantise_network(load_model(FLOAT), QuantisationPlan(method="ptq", head_bits=12, **plan))
    return network, lower_direct(network)


@pytest.fixture(scope="module")
def shared():
    """A quantised network and its program."""
    return program_of(**PLANS["leading bits"])


def made_up(n, seed=0):
    """Return counts of decays, of noise, and of pixels without information; responses; and their index."""
    rng = np.random.default_rng(seed)
    gates = np.arange(135)
    decay = np.exp(-np.maximum(gates - 14, 0) / rng.uniform(3, 40, (n, 1))) * (gates >= 14)
    counts = rng.poisson(rng.uniform(0.01, 60, (n, 1)) * decay + rng.uniform(0, 3, (n, 1)))
    counts[: n // 4] = rng.integers(0, 65536, (n // 4, 135))
    counts[0], counts[1], counts[2] = 0, 7, 65535
    counts[3] = 0
    counts[3, 20] = 65535
    responses = [None, *(rng.poisson(1e4 * np.exp(-((gates - 14 - shift) ** 2) / 4)) for shift in range(4))]
    return counts, responses, rng.integers(0, len(responses), n)


def assert_same(found, expected):
    for name, codes in vars(expected.lifetimes).items():
        np.testing.assert_array_equal(getattr(found.lifetimes, name), codes, err_msg=name)
    for name in ("log_errors", "photons", "dark"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)


@pytest.mark.parametrize("plan", PLANS)
def test_back_ends_are_equal_while_the_response_changes_from_pixel_to_pixel(plan):
    program = program_of(**PLANS[plan])[1]
    counts, responses, index = made_up(700)
    bank = np.stack([response_codes(program, response) for response in responses])
    options = {"bank": bank, "index": index, "min_photons": 20, "count_exponent": index - 2}
    expected = run_direct(program, counts, arithmetic="int64", **options)
    assert_same(run_direct(program, counts, **options), expected)
    assert_same(DirectProgramEngine(program).run(counts, **options), expected)
    assert_same(DirectProgramEngine(program, threads=1).run(counts, **options), expected)
    assert_same(JaxDirectPredictor(program).run(counts, **options), expected)
    assert expected.dark[[0, 1, 2]].all()
    assert not expected.dark[3]
    assert not expected.log_errors[expected.dark].any()


def test_a_program_has_the_lifetimes_of_its_quantised_network(shared):
    network, program = shared
    counts, responses, _ = made_up(150, seed=1)
    for response in responses[:2]:
        float_like = network.with_response(response).lifetimes(counts)
        integer = DirectPredictor(program, response=response).lifetimes(counts)
        for name in ("tau_mean_ns", "tau_short_ns", "tau_long_ns", "amplitude_fraction"):
            np.testing.assert_array_equal(getattr(integer, name), getattr(float_like, name), err_msg=name)
        # Steps of 0.3 %, of the table of the counts too, and factors interpolated in their logarithms.
        np.testing.assert_allclose(integer.tau_mean_std_ns, float_like.tau_mean_std_ns, rtol=0.02)


def shifted(value, bits):
    return (value + (1 << (bits - 1))) >> bits if bits > 0 else value << -bits


def cut(value, low, high):
    return min(max(value, low), high)


def computed_from_the_page(program, counts, response):
    """Return the results for one pixel, computed with Python integers from docs/spec/integer.md."""
    formats, units, gates = program.formats, program.units, program.n_gates
    f_x, f_h, f_g = (getattr(formats, name).fraction_bits for name in ("input", "state", "gate"))
    f_p, f_c, f_r = (getattr(formats, name).fraction_bits for name in ("product", "candidate", "response"))
    f_o = formats.operand.fraction_bits
    arrays = {name: affine.codes.tolist() for name, affine in program.affines.items()}
    place = {name: affine.format.fraction_bits for name, affine in program.affines.items()}
    kernel, recurrent, bias = (arrays[f"encoder/{name}"] for name in ("kernel", "recurrent", "bias"))
    f_k, f_w, f_b = (place[f"encoder/{name}"] for name in ("kernel", "recurrent", "bias"))
    peak, top = max(counts), 2**f_x - 1
    codes = [(2 * count * top + peak) // (2 * peak) if peak else 0 for count in counts]
    grids = [max(f_k + f_x, f_k + f_r, f_w + f, f_b) for f in (f_o, f_p)]

    def total(t, operands, column, grid, f_operand):
        found = bias[0][column] << (grid - f_b)
        found += codes[t] * kernel[0][column] << (grid - f_k - f_x)
        for value, row in zip(response[t], kernel[1:], strict=True):
            found += value * row[column] << (grid - f_k - f_r)
        return found + sum(
            o * recurrent[k][column] << (grid - f_w - f_operand) for k, o in enumerate(operands)
        )

    state, most = (
        [0] * units,
        [2 ** (getattr(formats, n).bits - 1) - 1 for n in ("product", "candidate", "state")],
    )
    high = 2**f_g if formats.full_gate else 2**f_g - 1
    for t in range(gates):
        operands = [h >> (f_h - f_o) for h in state]
        gate = [
            cut(shifted(total(t, operands, j, grids[0], f_o) + 2 ** grids[0], grids[0] + 1 - f_g), 0, high)
            for j in range(2 * units)
        ]
        products = [
            cut(shifted(r * o, f_g + f_o - f_p), -most[0], most[0])
            for r, o in zip(gate[units:], operands, strict=True)
        ]
        common = max(f_h, f_c)
        new = []
        for k in range(units):
            summed = total(t, products, 2 * units + k, grids[1], f_p)
            c = cut(shifted(summed, grids[1] - f_c), -most[1], most[1]) << (common - f_c)
            w = (c << f_g) + gate[k] * ((state[k] << (common - f_h)) - c)
            new.append(cut(shifted(w, f_g + common - f_h), -most[2], most[2]))
        state = new
    grid = max(f_h + place["head/kernel"], place["head/bias"])
    sums = [
        (arrays["head/bias"][0][i] << (grid - place["head/bias"]))
        + sum(
            h * row[i] << (grid - f_h - place["head/kernel"])
            for h, row in zip(state, arrays["head/kernel"], strict=True)
        )
        for i in range(8)
    ]
    f_y, low, high = formats.output.fraction_bits, program.tau_low, program.tau_high
    mean = cut(shifted(sums[0], grid - f_y), low, high)
    short = cut(shifted(sums[1], grid - f_y), low, mean)
    long = cut(shifted(sums[2], grid - f_y), mean, high)
    fraction = cut(shifted(sums[3], grid - 15), 0, 2**15)
    photons = max(sum(counts), 1)
    k = photons.bit_length() - 1
    u = (photons << 8 >> k) - 256
    level = 256 * k + round(256 * math.log2(1 + (u + 0.5) / 256))
    place = cut(level, 0, 33 * 256 - 1)
    here, there = program.factors[int(any(map(any, response)))][place >> 8 : (place >> 8) + 2].tolist()
    factors = [a + shifted((b - a) * (place % 256), 8) for a, b in zip(here, there, strict=True)]
    errors = [
        cut(cut(shifted(sums[4 + i], grid - 8), -32767, 32767) + factors[i] - (level >> 1), -32767, 32767)
        for i in range(4)
    ]
    if len(set(codes)) == 1:
        return [0] * 8
    return [mean, short, long, fraction, *errors]


def test_the_interpreter_computes_what_the_page_says(shared):
    program = shared[1]
    counts, responses, index = made_up(16, seed=2)
    bank = np.stack([response_codes(program, response) for response in responses])
    found = run_direct(program, counts, bank=bank, index=index)
    codes = found.lifetimes
    for n in range(len(counts)):
        expected = computed_from_the_page(program, counts[n].tolist(), bank[index[n]].tolist())
        got = [
            codes.tau_mean[n],
            codes.tau_short[n],
            codes.tau_long[n],
            codes.fraction[n],
            *found.log_errors[n],
        ]
        assert [int(value) for value in got] == expected


def test_logarithm_of_counts_is_within_half_a_percent():
    counts = np.unique(np.geomspace(1, 2**40, 20_000).astype(np.int64))
    assert np.abs(log_counts(counts) / 256 - np.log2(counts)).max() < np.log2(1.005)
    assert log_counts(np.array([0])) == log_counts(np.array([1]))


def test_errors_photons_and_threshold_are_those_of_the_counts_before_they_were_scaled(shared):
    program = shared[1]
    counts = np.random.default_rng(3).poisson(20.0, (5, 135))
    least = int(np.median(counts.sum(axis=1)))
    once = run_direct(program, counts, min_photons=least)
    many = run_direct(program, counts * 64, count_exponent=6, min_photons=least)
    halves = run_direct(program, counts // 2, count_exponent=-1, min_photons=least)
    np.testing.assert_array_equal(many.log_errors, once.log_errors)
    np.testing.assert_array_equal(many.photons, once.photons)
    np.testing.assert_array_equal(many.dark, counts.sum(axis=1) < least)
    np.testing.assert_array_equal(halves.photons, (counts // 2).sum(axis=1) * 2)
    assert once.dark.sum() == 2
    floats = DirectPredictor(program).lifetimes(counts.astype(np.float32))
    whole = DirectPredictor(program).lifetimes(counts)
    np.testing.assert_array_equal(floats.tau_mean_std_ns, whole.tau_mean_std_ns)


def test_a_program_from_its_file_is_a_predictor_that_takes_a_response(shared, tmp_path):
    program = shared[1]
    write_program(tmp_path / "direct.program", program)
    counts, responses, _ = made_up(40, seed=4)
    expected = DirectPredictor(program, response=responses[1]).lifetimes(counts)
    for backend in ("numpy", "cpu", "jax"):
        predictor = load_predictor(tmp_path / "direct.program", backend=backend)
        found = pickle.loads(pickle.dumps(predictor.with_response(responses[1])))  # noqa: S301 - our own
        np.testing.assert_array_equal(found.lifetimes(counts).tau_mean_ns, expected.tau_mean_ns)
        assert found.response_given
        assert not predictor.response_given


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"bank": np.zeros((1, 134, 3), int)},
            r"bank has shape \(1, 134, 3\), but program .* requires 1 to 64",
        ),
        ({"bank": np.zeros((65, 135, 3), int)}, "requires 1 to 64 responses"),
        ({"bank": np.full((1, 135, 3), 256)}, "bank must have integer codes from 0 to 255"),
        ({"bank": np.zeros((1, 135, 3))}, "bank must have integer codes"),
        ({"index": [0, 1]}, "index from 0 to 1 must be between 0 and 0"),
        ({"index": [0]}, r"index of shape \(1,\) and type int64 must be 2 integers"),
        ({"arithmetic": "int8"}, "arithmetic='int8' is unknown"),
    ],
)
def test_bad_banks_are_refused(shared, options, text):
    with pytest.raises(InputError, match=text):
        run_direct(shared[1], np.ones((2, 135), int), **options)


def test_what_is_not_a_direct_network_is_refused(shared, tmp_path):
    network, program = shared
    with pytest.raises(InputError, match="is a float network, but an integer program requires a fully"):
        lower_direct(load_model(FLOAT))
    with pytest.raises(InputError, match="is not a direct network"):
        lower_direct(load_model("seq2seqlite-tcspc-80mhz-tiny"))
    with pytest.raises(InputError, match="is a direct network; its program is that of lower_direct"):
        lower(network)
    write_program(tmp_path / "direct.program", program)
    with pytest.raises(InputError, match="is that of a direct network, which is not supported here"):
        load_program(tmp_path / "direct.program")
    with pytest.raises(InputError, match="a response of shape"):
        response_codes(program, np.ones(134))
    blind = replace(
        network.content,
        response_lifetimes_ns=(),
        architecture=replace(network.architecture, n_inputs=1),
        parameters={
            **network.content.parameters,
            "encoder/0/kernel": network.content.parameters["encoder/0/kernel"][:1],
        },
        quantisation=replace(
            network.content.quantisation,
            activations=replace(network.formats, response=None),
        ),
    )
    without = lower_direct(type(network)(blind))
    with pytest.raises(InputError, match="does not use a response; omit it"):
        response_codes(without, np.ones(135))
    assert run_direct(without, np.ones((1, 135), int)).dark.all()
