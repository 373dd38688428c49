"""The engine against the interpreter and the float networks."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seq2seqlite.cpu import DirectProgramEngine, counts
from seq2seqlite.cpu.constants import Bytes, CoarseBytes, Halves, Pairs
from seq2seqlite.cpu.grids import PARTS, codes_of, halves_of, reach_of
from seq2seqlite.cpu.isa import ISA, ISAS, VARIABLE, chosen_isa
from seq2seqlite.cpu.packing import compiled_program, runs_network, unfit_program
from seq2seqlite.cpu.predictors import NetworkEngine, ProgramEngine
from seq2seqlite.errors import InputError
from seq2seqlite.imaging.sampling import analysed_tpsfs
from seq2seqlite.integer import (
    Affine,
    ProgramPredictor,
    load_program,
    lower_direct,
    response_codes,
    run,
    run_direct,
    scaled_counts,
)
from seq2seqlite.io.measurement import read
from seq2seqlite.models import Format, load_model, model_names
from seq2seqlite.predictors import load_predictor
from seq2seqlite.simulation.decay_set import reference_set

PROGRAMS = [name for name in model_names() if name.rsplit("-", 1)[1] in {"int8", "narrow", "tiny"}]
DIRECT = [name for name in PROGRAMS if "-direct-" in name]
INTEGER = [name for name in PROGRAMS if name not in DIRECT]

# 2,000 pixels of each program in every run of the suite, 70,000 with `make test-exhaustive`.
SHARES = [35, pytest.param(1, marks=pytest.mark.exhaustive)]

# Kernels of each set take a quarter of a minute to compile; AVX-512 without products of bytes has the same
# lanes as with them.
OTHER_ISAS = [
    pytest.param(name, marks=pytest.mark.exhaustive if name == "avx512" else ())
    for name in ISAS
    if name != chosen_isa().name
]


def random_counts(n, n_gates, *, seed=0):
    """Noise of every level, decays, pixels without light, and the ends of what 16 bits hold."""
    rng = np.random.default_rng(seed)
    level = np.exp2(rng.uniform(0, 16, (n, 1)))
    found = rng.integers(0, level, (n, n_gates)).astype(np.uint16)
    half = n // 2
    tau = rng.uniform(0.01, 0.4, (half, 1)) * n_gates
    found[:half] = rng.poisson(level[:half] / 4 * np.exp(-np.arange(n_gates) / tau)).clip(0, 65535)
    found[:3] = [[0] * n_gates, [65535] * n_gates, [65535] + [0] * (n_gates - 1)]
    found[3, -1] = 65535
    return found


@pytest.fixture(scope="module")
def real_counts(hazelnut_ptu, shared_data):
    """All pixels with photons of a hazelnut, and some of yeast."""
    predictor = ProgramPredictor(load_program("seq2seqlite-tcspc-80mhz-int8"))
    images = read(hazelnut_ptu), read(shared_data / "nadh-yeast/SDT_c01.sdt", block=1)
    tpsfs = [analysed_tpsfs(data, predictor, n=60_000, min_photons=1) for data in images]
    return scaled_counts(np.concatenate(tpsfs))[0][:60_000]


def assert_same(found, expected):
    for name in ("sfd", "photons", "dark"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
    for name, codes in vars(expected.lifetimes).items():
        np.testing.assert_array_equal(getattr(found.lifetimes, name), codes, err_msg=name)


def changing_responses(program, n):
    """Return a bank of 16 responses, one of them unknown, and the response of each of ``n`` pixels."""
    rng = np.random.default_rng(3)
    gates = np.arange(program.n_gates)
    responses = [None, *(rng.poisson(1e4 * np.exp(-((gates - edge) ** 2) / 6)) for edge in range(10, 25))]
    bank = np.stack([response_codes(program, response) for response in responses])
    return bank, rng.integers(0, len(bank), n)


@pytest.mark.parametrize("name", INTEGER)
@pytest.mark.parametrize("share", SHARES)
def test_shipped_programs_are_exact(name, share, real_counts):
    program = load_program(name)
    engine = ProgramEngine(program)
    real = real_counts[::share, : program.n_gates]
    real = np.pad(real, ((0, 0), (0, program.n_gates - real.shape[1])))  # 140 gates
    pixels = np.concatenate([random_counts(10_000 // share, program.n_gates), real])
    assert len(pixels) == 70_000 // share
    bank, index = changing_responses(program, len(pixels)) if program.n_columns else (None, None)
    for start in range(0, len(pixels), 10_000):
        part = slice(start, start + 10_000)
        options = {"bank": bank, "index": None if index is None else index[part], "min_photons": 300}
        found, expected = engine.run(pixels[part], **options), run(program, pixels[part], **options)
        assert_same(found, expected)
        np.testing.assert_array_equal(found.log_errors, expected.log_errors)


@pytest.mark.parametrize(
    ("name", "share"),
    [(f"seq2seqlite-tcspc-80mhz-direct-{family}", SHARES[0]) for family in ("int8", "narrow")]
    + [pytest.param(name, 1, marks=pytest.mark.exhaustive) for name in DIRECT],
)
def test_a_shipped_direct_program_is_exact_while_the_response_changes(name, share, real_counts):
    program = lower_direct(load_model(name))
    real = real_counts[::share, : program.n_gates]
    real = np.pad(real, ((0, 0), (0, program.n_gates - real.shape[1])))
    pixels = np.concatenate([random_counts(10_000 // share, program.n_gates), real])
    bank, index = changing_responses(program, len(pixels))
    engine = DirectProgramEngine(program)
    for start in range(0, len(pixels), 10_000):
        part = slice(start, start + 10_000)
        options = {"bank": bank, "index": index[part], "min_photons": 300}
        found, expected = engine.run(pixels[part], **options), run_direct(program, pixels[part], **options)
        for field, codes in vars(expected.lifetimes).items():
            np.testing.assert_array_equal(getattr(found.lifetimes, field), codes, err_msg=field)
        np.testing.assert_array_equal(found.log_errors, expected.log_errors)
        np.testing.assert_array_equal(found.dark, expected.dark)


def test_the_law_is_in_integers(tiny):
    pixels = random_counts(500, tiny.n_gates, seed=1)
    assert_same(ProgramEngine(tiny).run(pixels), run(tiny, pixels, arithmetic="int64"))


@pytest.mark.parametrize("finer", range(1, 6))
def test_recurrent_weights_coarser_than_their_sums_are_exact(finer):
    """Aligned to its sum, a weight of 8 bits does not fit a byte; its products are those of bytes anyway."""
    program = load_program("seq2seqlite-narrow-gate-int8")
    kernel = program.encoder.kernel
    fraction = program.formats.state_operand.fraction_bits + program.encoder.recurrent.format.fraction_bits
    fraction += finer - program.formats.input.fraction_bits
    finer_kernel = replace(kernel, format=replace(kernel.format, fraction_bits=fraction))
    program = replace(program, encoder=replace(program.encoder, kernel=finer_kernel))
    layer = compiled_program(program).encoder
    assert isinstance(layer.arithmetic, CoarseBytes if ISA.dot_bytes else Pairs)
    pixels = random_counts(300, program.n_gates, seed=finer)
    assert_same(ProgramEngine(program).run(pixels), run(program, pixels))


@pytest.mark.parametrize("seed", range(12))
def test_odd_programs_are_exact(odd_program, seed):
    program = odd_program(seed, units=3 + seed)
    pixels = random_counts(300, program.n_gates, seed=seed)
    if unfit_program(program):
        with pytest.raises(InputError, match="only the interpreter runs it"):
            ProgramEngine(program)
    else:
        assert_same(ProgramEngine(program).run(pixels), run(program, pixels))


def test_most_odd_programs_fit(odd_program):
    assert sum(not unfit_program(odd_program(seed, units=3 + seed)) for seed in range(12)) >= 6


def test_odd_programs_use_pairs_and_bytes_with_different_shifts(odd_program):
    found = [compiled_program(odd_program(seed)).encoder.arithmetic for seed in range(12)]
    shifts = {one.halves for one in found if isinstance(one, Bytes)}
    assert Pairs in {type(one) for one in found}
    assert len(shifts) >= (4 if ISA.dot_bytes else 0)


def test_16_bit_lanes_are_used_only_where_every_number_fits(tiny):
    reach = reach_of(tiny)
    assert halves_of(tiny, reach, PARTS) == Halves(gate=7, product=0, update=0, candidate=0)
    shift = codes_of(tiny, tiny.decoder).candidate_shift
    for sum_, fits in ((2**15 - 1, False), (2**15 - 2, True)):
        wide = reach | {"decoder.candidate": sum_ << shift}
        assert (halves_of(tiny, wide, PARTS) is not None) == fits
    finer = replace(tiny.formats, candidate=replace(tiny.formats.candidate, fraction_bits=8))
    assert halves_of(replace(tiny, formats=finer), reach, PARTS) is None


@pytest.mark.parametrize("seed", range(3))
def test_weights_of_the_head_may_need_two_bytes(odd_program, seed):
    program = odd_program(2 * seed)
    rng = np.random.default_rng(seed)
    kernel = rng.integers(-16319, 16320, program.head_kernel.codes.shape)
    kernel[:2, 0] = -16319, 16319
    program = replace(program, head_kernel=Affine(kernel, Format(True, 4, 10)))
    pixels = random_counts(300, program.n_gates, seed=seed)
    assert_same(ProgramEngine(program).run(pixels), run(program, pixels))


@pytest.mark.parametrize("isa", OTHER_ISAS)
def test_every_set_of_instructions_computes_the_same(tiny, isa, tmp_path):
    """In a process of its own: the kernels of this one are compiled for the best set."""
    try:
        chosen_isa(isa)
    except InputError:
        return  # a CPU without it cannot show it
    pixels = random_counts(200, tiny.n_gates, seed=2)
    np.save(tmp_path / "counts.npy", pixels)
    script = (
        "import numpy, sys; from seq2seqlite.cpu import ProgramEngine; "
        "from seq2seqlite.integer import load_program; "
        f"engine = ProgramEngine(load_program({tiny.name!r}), threads=1); "
        "numpy.save('sfd.npy', engine.run(numpy.load('counts.npy')).sfd)"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=os.environ | {VARIABLE: isa}, check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "sfd.npy"), run(tiny, pixels).sfd)


def test_an_unknown_set_of_instructions_is_named():
    with pytest.raises(
        InputError, match=f"{VARIABLE}=sse9 is unknown; choose one of avx512vnni, avx512, avx2, "
    ):
        chosen_isa("sse9")


@pytest.mark.parametrize("name", [name for name in model_names() if runs_network(load_model(name))])
def test_float_students_agree_with_their_networks(name):
    network, engine = load_model(name), load_predictor(name)
    assert isinstance(engine, NetworkEngine)
    tpsf = reference_set(network.content.instrument, n=300).tpsf
    found, expected = engine.lifetimes(tpsf), network.lifetimes(tpsf)
    np.testing.assert_allclose(found.tau_mean_ns, expected.tau_mean_ns, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(engine.sfd(tpsf), network.sfd(tpsf), atol=2e-5)


@given(
    arrays(np.float64, (3, 5), elements=st.floats(0, 1e9))
    | arrays(np.float32, (3, 5), elements=st.floats(0, 2.0**17, width=32))
    | arrays(np.int64, (3, 5), elements=st.integers(0, 2**40))
)
def test_counts_are_rounded_as_the_interpreter_does(tpsf):
    np.testing.assert_array_equal(counts.scaled_counts(tpsf)[0], scaled_counts(tpsf)[0])


@pytest.mark.parametrize(
    "tpsf", [np.full((2, 135), -1), np.full((2, 135), np.nan), np.full((2, 135), np.inf, np.float32)]
)
def test_invalid_counts_are_not_rounded(tpsf):
    with pytest.raises(InputError, match="counts must be finite and >= 0"):
        counts.scaled_counts(tpsf)


def test_threads_are_checked(tiny):
    with pytest.raises(InputError, match="threads=0 must be >= 1"):
        ProgramEngine(tiny, threads=0)


def test_other_networks_are_refused():
    with pytest.raises(InputError, match="is not a float network of one layer with 'lite' cells"):
        NetworkEngine(load_model("seq2seq-tcspc-80mhz-float"))
