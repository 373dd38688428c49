"""Programs with a decoder that get the response: the page's errors, and all back ends bit for bit."""

import math
import pickle

import numpy as np
import pytest

from seq2seqlite.compression.ptq import quantise_network
from seq2seqlite.compression.recipe import QuantisationPlan
from seq2seqlite.cpu import GateSequential, ProgramEngine
from seq2seqlite.cpu.packing import unfit_program
from seq2seqlite.decay import TimeAxis
from seq2seqlite.errors import InputError
from seq2seqlite.integer import (
    ErrorCodes,
    ProgramPredictor,
    load_program,
    lower,
    read_program,
    response_codes,
    run,
    write_program,
)
from seq2seqlite.jax_back_end import JaxPredictor
from seq2seqlite.models import Architecture, ErrorTable, ModelFile, Network, initial_parameters
from seq2seqlite.predictors import load_predictor

# An untrained network gives long lifetimes.
COUNTS, TAU_NS = (90.0, 700.0, 6000.0), (10.0, 20.0, 35.0, 60.0)


def error_table(seed=0):
    """Return errors that rise with the lifetime, with noise as of held-out decays."""
    rng = np.random.default_rng(seed)
    shape = (len(COUNTS), len(TAU_NS), 4)
    base = np.array(TAU_NS)[:, None] * np.array([2.0, 4.0, 4.0, 1.0])
    cells = [
        tuple(
            tuple(map(tuple, row)) for row in (factor * base * np.exp(0.1 * rng.normal(size=shape))).tolist()
        )
        for factor in (1.0, 3.0)
    ]
    return ErrorTable(COUNTS, TAU_NS, *cells)


def network_of(*, n_gates=67, units=6, seed=0, n_baseline=0, **plan):
    """Return an untrained network with the response as an input, quantised after training."""
    lifetimes = (0.0, 0.5, 2.0)
    architecture = Architecture((units,), "lite", n_inputs=1 + len(lifetimes))
    content = ModelFile(
        name="tiny-response",
        architecture=architecture,
        axis=TimeAxis(n_gates, 0.18, 12.5),
        rising_edge_ns=1.5,
        n_baseline=n_baseline,
        instrument="tiny",
        parameters=initial_parameters(architecture, seed=seed),
        response_lifetimes_ns=lifetimes,
        tau_range_ns=(0.2, 4.0),
        max_background=0.3,
        error_table=error_table(),
    )
    content.parameters["head/bias"][:] = [0.8, 0.3, 0.5]  # components that are present
    return quantise_network(Network(content), QuantisationPlan(method="ptq", **plan))


PLANS = {
    "eight bits": {},
    "leading bits": {"state_bits": 12, "operand_bits": 8, "gate_bits": 7, "full_gate": True, "bias_bits": 12},
    "narrow": {"weight_bits": 4, "state_bits": 10, "operand_bits": 6, "gate_bits": 6, "full_gate": True},
    "wide": {"weight_bits": 10, "state_bits": 13, "gate_bits": 10, "candidate_bits": 12, "response_bits": 10},
}


def made_up(program, n, seed=0):
    """Return counts of decays, of noise, and of pixels without information; a bank; and an index."""
    rng, gates = np.random.default_rng(seed), np.arange(program.n_gates)
    edge = program.n_gates // 8
    decay = np.exp(-np.maximum(gates - edge, 0) / rng.uniform(1, 0.3 * program.n_gates, (n, 1)))
    counts = rng.poisson(rng.uniform(0.01, 200, (n, 1)) * decay * (gates >= edge) + rng.uniform(0, 3, (n, 1)))
    counts[: n // 4] = rng.integers(0, 65536, (n // 4, program.n_gates))
    counts[0], counts[1], counts[2], counts[3] = 0, 7, 65535, 0
    counts[3, program.n_gates // 3] = 65535
    responses = [None, *(rng.poisson(1e4 * np.exp(-((gates - edge - at) ** 2) / 4)) for at in range(6))]
    bank = np.stack([response_codes(program, response) for response in responses])
    return counts, bank, rng.integers(0, len(bank), n)


def assert_same(found, expected):
    for name, codes in vars(expected.lifetimes).items():
        np.testing.assert_array_equal(getattr(found.lifetimes, name), codes, err_msg=name)
    for name in ("sfd", "log_errors", "photons", "dark"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)


def assert_back_ends_are_equal(program, n=700):
    counts, bank, index = made_up(program, n)
    options = {"bank": bank, "index": index, "min_photons": 20, "count_exponent": index - 2}
    expected = run(program, counts, arithmetic="int64", **options)
    assert_same(run(program, counts, **options), expected)
    assert_same(JaxPredictor(program).run(counts, **options), expected)
    if not unfit_program(program):
        assert_same(ProgramEngine(program).run(counts, **options), expected)
        assert_same(ProgramEngine(program, threads=1).run(counts, **options), expected)
    return expected


@pytest.mark.parametrize("plan", PLANS)
def test_back_ends_are_equal_while_the_response_changes_from_pixel_to_pixel(plan):
    program = lower(network_of(**PLANS[plan]))
    assert not unfit_program(program)
    expected = assert_back_ends_are_equal(program)
    assert expected.dark[[0, 1, 2]].all()
    assert not expected.dark[3]
    assert not expected.log_errors[expected.dark].any()
    usable = ~expected.dark & expected.lifetimes.has_short & expected.lifetimes.has_long
    assert usable.sum() > 300
    assert len(np.unique(expected.log_errors[usable, 0])) > 100


@pytest.mark.parametrize("seed", range(6))
def test_back_ends_are_equal_for_odd_formats(odd_response_program, seed):
    program = odd_response_program(seed, units=3 + seed, n_columns=1 + seed % 3, n_baseline=3 * (seed % 2))
    expected = assert_back_ends_are_equal(program, 300)
    absent = ~expected.lifetimes.has_long
    assert not expected.log_errors[absent, 2].any()


def test_a_program_has_the_results_of_its_quantised_network():
    network = network_of(**PLANS["leading bits"])
    program = lower(network)
    counts = made_up(program, 200, seed=1)[0]
    response = np.random.default_rng(2).poisson(1e4 * np.exp(-((np.arange(67) - 10) ** 2) / 4))
    for given in (None, response):
        float_like, integer = network.with_response(given), ProgramPredictor(program, response=given)
        np.testing.assert_array_equal(integer.sfd(counts), float_like.sfd(counts))
        found, expected = integer.lifetimes(counts), float_like.lifetimes(counts)
        np.testing.assert_allclose(found.tau_mean_ns, expected.tau_mean_ns, rtol=1e-3)
        # The table is interpolated at octaves of the counts and half octaves of the lifetimes.
        assert np.isfinite(expected.tau_mean_ns).sum() > 150
        for name in ("tau_mean_std_ns", "tau_short_std_ns", "amplitude_fraction_std"):
            ratio = getattr(found, name) / getattr(expected, name)
            assert np.nanmax(np.abs(np.log(ratio))) < 0.15, name
            np.testing.assert_array_equal(np.isnan(getattr(found, name)), np.isnan(getattr(expected, name)))


def log_of(value):
    k = value.bit_length() - 1
    u = (value << 8 >> k) - 256
    return 256 * k + round(256 * math.log2(1 + (u + 0.5) / 256))


def cut(value, low, high):
    return min(max(value, low), high)


def errors_from_the_page(program, photons, exponent, codes, given):
    """Return the errors of one pixel, computed with Python integers from docs/spec/integer.md."""
    mean, _, _, _, has_short, has_long = codes
    errors = program.errors
    table = errors.table[int(given)].tolist()
    level = log_of(max(photons, 1)) - 256 * exponent
    row = cut(level - 256 * errors.octave, 0, 256 * (len(table) - 1) - 1)
    column = cut(log_of(max(mean, 1)) - 128 * errors.half_octave, 0, 128 * (len(table[0]) - 1) - 1)
    o, p, h, q = row // 256, row % 256, column // 128, column % 128
    found = []
    for i, present in enumerate((has_short or has_long, has_short, has_long, has_short or has_long)):
        e = [table[r][h][i] + ((table[r][h + 1][i] - table[r][h][i]) * q + 64) // 128 for r in (o, o + 1)]
        value = e[0] + ((e[1] - e[0]) * p + 128) // 256 - level // 2
        found.append(cut(value, -32767, 32767) if present else 0)
    return found


@pytest.mark.parametrize("seed", [0, 1])
def test_the_interpreter_computes_the_errors_of_the_page(odd_response_program, seed):
    program = odd_response_program(seed)
    counts, bank, index = made_up(program, 60, seed=3)
    exponent = np.arange(60) % 9 - 4
    found = run(program, counts, bank=bank, index=index, count_exponent=exponent)
    for n in range(60):
        codes = [int(value[n]) for value in vars(found.lifetimes).values()]
        given = bool(bank[index[n]].any())
        expected = errors_from_the_page(program, int(counts[n].sum()), int(exponent[n]), codes, given)
        assert found.log_errors[n].tolist() == expected


def test_a_program_from_its_file_is_a_predictor_that_takes_a_response(tmp_path):
    program = lower(network_of(n_gates=24))
    path = tmp_path / "response.program"
    write_program(path, program)
    assert read_program(path).sha256 == program.sha256
    assert load_program(path).spec_version == 2
    counts, _, _ = made_up(program, 40, seed=4)
    response = np.eye(24)[4] * 1000
    expected = ProgramPredictor(program, response=response).lifetimes(counts)
    floats = ProgramPredictor(program, response=response).lifetimes(counts.astype(np.float32))
    np.testing.assert_array_equal(floats.tau_mean_std_ns[8:], expected.tau_mean_std_ns[8:])
    for backend in ("numpy", "cpu", "jax"):
        predictor = load_predictor(path, backend=backend)
        found = pickle.loads(pickle.dumps(predictor.with_response(response)))  # noqa: S301 - our own
        for name, value in vars(expected).items():
            np.testing.assert_array_equal(getattr(found.lifetimes(counts), name), value, err_msg=name)
        assert found.response_given
        assert found.error_maps
        assert found.max_background == 0.3
        assert found.tau_range_ns == (0.2, 4.0)
        assert not predictor.response_given


def test_what_a_program_cannot_do_is_refused(odd_response_program):
    program = odd_response_program(0)
    with pytest.raises(
        InputError, match="gets the response or subtracts no baseline, which the analysis gate"
    ):
        GateSequential(program)
    network = network_of()
    without = Network(network.content.__class__(**{**vars(network.content), "error_table": None}))
    with pytest.raises(InputError, match="gets the response but has no table of standard errors; train or"):
        lower(without)
    blind = load_program("seq2seqlite-tcspc-80mhz-tiny")
    with pytest.raises(InputError, match="does not use a response; omit it"):
        ProgramPredictor(blind, response=np.ones(135))
    with pytest.raises(InputError, match=r"bank has shape \(1, 135, 3\), but program"):
        run(blind, np.ones((2, 135), int), bank=np.zeros((1, 135, 3), int))
    assert ProgramPredictor(blind).error_maps == ()


@pytest.mark.parametrize(
    ("counts", "tau_ns", "first", "shape"),
    [
        ((1.0,), (1e-6,), (0, 0), (2, 2)),
        ((1e12,), (1e6,), (32, 31), (2, 2)),
        ((100.0, 5000.0), (0.3, 4.0), (6, 20), (8, 9)),
    ],
)
def test_the_table_of_a_program_encloses_that_of_its_network(counts, tau_ns, first, shape):
    cells = tuple(tuple((0.5, 1.0, 2.0, 4.0) for _ in tau_ns) for _ in counts)
    codes = ErrorCodes.of_table(ErrorTable(counts, tau_ns, cells, cells), tau_step_ns=2.0**-12)
    assert (codes.octave, codes.half_octave) == first
    assert codes.table.shape == (2, *shape, 4)
    assert (codes.table == [-256, 0, 256, 512]).all()


@pytest.mark.parametrize(
    ("octave", "shape", "text"),
    [
        (0, (2, 1, 3, 4), r"must have shape \(2, C, K, 4\) with C, K >= 2, not \(2, 1, 3, 4\)"),
        (30, (2, 5, 3, 4), "error_octave=30 must be between 0 and 29, for a table of 5"),
    ],
)
def test_bad_tables_are_refused(octave, shape, text):
    with pytest.raises(InputError, match=text):
        ErrorCodes(octave, 0, np.zeros(shape, np.int64))
