import dataclasses
import json
import shutil
import subprocess

import numpy as np
import pytest

from seq2seqlite.cli.app import main
from seq2seqlite.errors import InputError
from seq2seqlite.hardware.cosim.inputs import Inputs
from seq2seqlite.hardware.hls import HlsEmulator, compile_hls, read_hls, write_hls
from seq2seqlite.hardware.hls.functions import trace_functions
from seq2seqlite.hardware.stimulus import made_up_bank, made_up_counts
from seq2seqlite.hardware.targets import find_target
from seq2seqlite.hardware.wire.results import Flag, records_from_result
from seq2seqlite.integer import (
    Affine,
    GruStep,
    decode,
    encode,
    load_program,
    read_program,
    run,
    write_program,
)
from seq2seqlite.models import ActivationFormats, Format

pytest.importorskip("da4ml")
pytest.importorskip("jinja2")

TINY = "seq2seqlite-tcspc-80mhz-tiny"


@pytest.fixture(scope="module")
def tiny():
    return load_program(TINY)


@pytest.fixture(scope="module")
def project(tiny, tmp_path_factory):
    return write_hls(tiny, tmp_path_factory.mktemp("hls") / "project")


def odd_program(tiny, seed):
    """Two units, a signed output, a candidate finer than the state, and weights that reach every clip."""
    random = np.random.default_rng(seed)

    def affine(rows, columns):
        fmt = Format(True, 1, 4)
        codes = random.integers(fmt.low_code, fmt.high_code + 1, (rows, columns))
        codes[random.random(codes.shape) < 0.2] = 0
        return Affine(codes, fmt)

    def gru(inputs):
        return GruStep(affine(inputs, 6), affine(2, 6), affine(1, 6))

    formats = ActivationFormats(
        input=Format(False, 0, 9),
        state=Format(True, 0, 5),
        gate=Format(False, 0, 4),
        candidate=Format(True, 0, 8),
        product=Format(True, 0, 6),
        output=Format(True, 1, 7),
    )
    return dataclasses.replace(
        tiny,
        formats=formats,
        encoder=gru(1),
        decoder=gru(0),
        head_kernel=affine(2, 3),
        head_bias=affine(1, 3),
    )


@pytest.mark.parametrize("units", [2, pytest.param(8, marks=pytest.mark.hardware_full)])
def test_the_command_line_writes_a_project_that_computes_what_the_program_does(
    tiny, units, tmp_path, capsys, monkeypatch
):
    program = tiny if units == tiny.units else odd_program(tiny, 3)
    if program is tiny:  # each file alone, as in Vitis
        monkeypatch.setattr("seq2seqlite.hardware.hls.emulation.ONE_FILE_BYTES", 0)
    model = tmp_path / "model.program"
    write_program(model, program)
    out, facts = tmp_path / "project", tmp_path / "facts.json"
    # No multiple of the pixels in flight.
    words = ["hardware", "hls", "--model", str(model), "--out", str(out), "--n", "300", "--json", str(facts)]
    assert main(words) == 0
    said = json.loads(facts.read_text())
    assert (said["pixels"], said["mismatches"]) == (300, 0)
    assert said["program_sha256"] == program.sha256 == read_program(out / "integer.program").sha256
    assert "300 pixels in C simulation, 0 mismatches" in capsys.readouterr().out
    assert len(np.unique(run(program, made_up_counts(program, 300)).sfd)) > 80


@pytest.mark.hardware_full
def test_odd_formats_are_exact_and_what_differs_is_counted(tiny, tmp_path):
    program = odd_program(tiny, 0)
    project = write_hls(program, tmp_path / "project", pixels_in_flight=3)
    emulator = compile_hls(project, out_dir=tmp_path / "compiled")
    counts = made_up_counts(program, 100, seed=1)
    expected = run(program, counts, arithmetic="int64").sfd
    assert expected.min() < 0 < expected.max()
    np.testing.assert_array_equal(emulator.sfd(counts), expected)
    assert emulator.check(counts).mismatches == 0
    bias = dataclasses.replace(program.head_bias, codes=program.head_bias.codes // 2)
    other = dataclasses.replace(emulator, program=dataclasses.replace(program, head_bias=bias))
    assert 0 < other.check(counts).mismatches <= 100


@pytest.fixture(scope="module")
def direct(odd_direct_program, tmp_path_factory):
    """The compiled C++ of a direct program, its project, and a bank of responses.

    The head is such that each limit of lifetimes and fraction holds for some pixels.
    """
    odd, folder = odd_direct_program(9, units=2), tmp_path_factory.mktemp("direct")
    bias = odd.head_bias.codes.copy()
    bias[0, :4] = np.array([2, 3.5, 2.25, 0.4]) * 2**odd.head_bias.format.fraction_bits
    program = dataclasses.replace(
        odd,
        head_kernel=Affine(odd.head_kernel.codes // 3, odd.head_kernel.format),
        head_bias=Affine(bias, odd.head_bias.format),
        tau_low=340,
        tau_high=356,
    )
    project = write_hls(program, folder / "project", pixels_in_flight=5)
    return project, compile_hls(project, out_dir=folder / "compiled"), made_up_bank(program, 5)


def test_direct_program_is_exact_with_responses_that_change_from_pixel_to_pixel(direct):
    project, emulator, bank = direct
    program, rng = project.program, np.random.default_rng(1)
    counts = made_up_counts(program, 303)  # no multiple of the pixels in flight
    exponent = np.where(rng.random(303) < 0.1, rng.integers(-128, 128, 303), rng.integers(-8, 4, 303))
    inputs = Inputs(bank, rng.integers(0, 5, 303), exponent)
    expected = records_from_result(inputs.expected(program, counts, min_photons=100))
    found = emulator.records(counts, inputs=inputs, min_photons=100)
    for name, values in vars(expected).items():
        np.testing.assert_array_equal(getattr(found, name), values, err_msg=name)
    assert emulator.check(counts, inputs=inputs, min_photons=100).mismatches == 0
    # Every part matters: limits of the lifetimes and the fraction, errors, threshold and responses.
    assert 20 < expected.has(Flag.DARK).sum() < 100
    assert len(np.unique(expected.log_errors)) > 100
    for values in (expected.tau_mean, expected.tau_short, expected.tau_long, expected.fraction):
        assert len(np.unique(values)) > 5
    for short_or_long in (expected.tau_short, expected.tau_long):
        assert 0.05 < (short_or_long == expected.tau_mean)[~expected.has(Flag.DARK)].mean() < 0.95
    assert {program.tau_low, program.tau_high} <= set(expected.tau_mean.tolist())
    other = Inputs(bank, (np.asarray(inputs.index) + 1) % 5, inputs.count_exponent)
    assert (emulator.records(counts, inputs=other).tau_mean != found.tau_mean).mean() > 0.3


def test_a_program_with_a_decoder_gets_responses_that_change_from_pixel_to_pixel(
    odd_response_program, tmp_path
):
    program, rng = odd_response_program(2, units=2), np.random.default_rng(2)
    project = write_hls(program, tmp_path / "project", pixels_in_flight=5)
    emulator = compile_hls(project, out_dir=tmp_path / "compiled")
    bank = made_up_bank(program, 5)
    counts = made_up_counts(program, 103)  # no multiple of the pixels in flight
    inputs = Inputs(bank, rng.integers(0, 5, 103))
    expected = run(program, counts, bank=bank, index=inputs.index).sfd
    np.testing.assert_array_equal(emulator.sfd(counts, inputs=inputs), expected)
    assert emulator.check(counts, inputs=inputs).mismatches == 0
    np.testing.assert_array_equal(emulator.sfd(counts), run(program, counts).sfd)  # an unknown response
    assert (run(program, counts).sfd != expected).any(axis=(1, 2)).mean() > 0.3
    # What Vitis runs: the vectors of the folder, without arguments.
    own = subprocess.run(
        [emulator.executable], cwd=project.folder, check=False, capture_output=True, text=True
    )
    assert (own.returncode, own.stdout) == (0, "5 pixels, 0 codes differ\n")


def test_direct_program_without_threshold_and_with_an_unknown_response(direct):
    _, emulator, _ = direct
    assert emulator.check(made_up_counts(emulator.program, 20, seed=2)).mismatches == 0


def test_testbench_of_a_direct_program_passes_and_finds_a_wrong_word(direct, tmp_path):
    project, emulator, _ = direct

    def printed():
        return subprocess.run(
            [emulator.executable], cwd=tmp_path, check=False, capture_output=True, text=True
        )

    for name in ("inputs.txt", "bank.txt", "expected.txt"):
        shutil.copy(project.folder / name, tmp_path)
    assert printed().stdout == "5 pixels, 0 words differ\n"
    words = (tmp_path / "expected.txt").read_text().split()
    (tmp_path / "expected.txt").write_text(" ".join([*words[:-1], str(int(words[-1]) ^ 1)]))
    assert (printed().returncode, printed().stdout) == (1, "5 pixels, 1 words differ\n")
    script = (project.folder / "vitis.tcl").read_text()
    for name in ("inputs.txt", "bank.txt", "expected.txt", "result.cc", "head.cc"):
        assert name in script
    assert "decoder_step" not in script


@pytest.mark.hardware_full
@pytest.mark.parametrize(("seed", "columns"), [(1, 2), (2, 0), (5, 3), (1, None), (4, None)])
def test_formats_that_no_student_has(odd_direct_program, odd_program, seed, columns, tmp_path):
    decoder = columns is None
    program = odd_program(seed) if decoder else odd_direct_program(seed, n_columns=columns)
    emulator = compile_hls(write_hls(program, tmp_path / "project"), out_dir=tmp_path / "compiled")
    bank = None if decoder else made_up_bank(program, 5)
    inputs = None if bank is None else Inputs(bank, np.arange(200) % len(bank))
    assert emulator.check(made_up_counts(program, 200), inputs=inputs).mismatches == 0


@pytest.mark.hardware_full
def test_the_command_line_writes_a_direct_project(odd_direct_program, tmp_path, capsys):
    model, out, facts = tmp_path / "model.program", tmp_path / "project", tmp_path / "facts.json"
    write_program(model, odd_direct_program(9))
    words = ["hardware", "hls", "--model", str(model), "--out", str(out), "--n", "90", "--json", str(facts)]
    assert main(words) == 0
    said = json.loads(facts.read_text())
    assert (said["pixels"], said["mismatches"], said["responses"]) == (90, 0, 4)
    assert "90 pixels in C simulation, 0 mismatches" in capsys.readouterr().out


def test_what_does_not_fit_the_kind_of_program(direct, tiny, tmp_path):
    project, emulator, bank = direct
    counts = made_up_counts(project.program, 2)
    with pytest.raises(InputError, match="odd-direct-9 is a direct program; use records"):
        emulator.sfd(counts)
    with pytest.raises(InputError, match="index from 5 to 5 must be between 0 and 4"):
        emulator.check(counts, inputs=Inputs(bank, 5))
    other = HlsEmulator(tiny, tmp_path / "testbench", 0.0)
    with pytest.raises(InputError, match="tiny is not a direct program; use sfd"):
        other.records(np.zeros((1, tiny.n_gates), np.int64))
    with pytest.raises(
        InputError, match=r"bank has shape \(5, 24, 2\), but program seq2seqlite-tcspc-80mhz-tiny"
    ):
        other.check(np.zeros((1, tiny.n_gates), np.int64), inputs=Inputs(bank))


def test_lifetimes_that_results_do_not_hold_are_refused(odd_direct_program, tmp_path):
    program = odd_direct_program(9)
    formats = dataclasses.replace(program.formats, output=Format(False, 5, 12))
    wide = dataclasses.replace(program, formats=formats, tau_high=1 << 16)
    with pytest.raises(InputError, match="reach code 65536, but records have 16 bits for a lifetime"):
        write_hls(wide, tmp_path / "project")
    assert not (tmp_path / "project").exists()


def test_the_vectors_of_the_test_are_the_program_s(tiny, project):
    codes = np.loadtxt(project.folder / "inputs.txt", dtype=np.int64)
    expected = np.loadtxt(project.folder / "expected.txt", dtype=np.int64)
    assert codes.shape == (64, tiny.n_gates)
    sfd = decode(tiny, encode(tiny, codes)).transpose(0, 2, 1)
    np.testing.assert_array_equal(expected, sfd.reshape(64, -1))


def test_the_script_names_every_file_and_the_part(project):
    script = (project.folder / "vitis.tcl").read_text()
    for file in project.sources:
        assert file.is_file()
        assert file.name in script
    assert "set_part xc7k410tffg900-1" in script
    assert "create_clock -period 5.000" in script


def test_the_same_program_gives_the_same_files_and_replaces_what_was_there(tiny, project, tmp_path):
    again = write_hls(tiny, tmp_path)
    write_hls(tiny, tmp_path, pixels_in_flight=7)
    assert "PIXELS = 7;" in (tmp_path / "seq2seqlite_top.hh").read_text()
    write_hls(tiny, tmp_path)
    names = sorted(file.name for file in again.folder.iterdir())
    assert names == sorted(file.name for file in project.folder.iterdir())
    for name in set(names) - {"hls.json"}:  # which has the date
        assert (project.folder / name).read_bytes() == (tmp_path / name).read_bytes()


def test_bad_choices_are_refused(tiny, tmp_path):
    with pytest.raises(InputError, match=r"^target ecp5-25f is not an AMD FPGA, .*; choose one of"):
        write_hls(tiny, tmp_path / "project", target=find_target("ecp5-25f"))
    for pixels in (1, 1025):
        with pytest.raises(InputError, match=rf"^pixels_in_flight={pixels} must be 2 to 1024$"):
            write_hls(tiny, tmp_path / "project", pixels_in_flight=pixels)
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match="is not empty and not an HLS project; choose a new or empty folder"):
        write_hls(tiny, tmp_path)


def test_what_is_no_project_is_refused(tiny, tmp_path):
    with pytest.raises(InputError, match=r"is not an HLS project .*; create one with .* hardware hls"):
        read_hls(tmp_path)
    write_hls(tiny, tmp_path)
    write_program(tmp_path / "integer.program", dataclasses.replace(tiny, name="other"))
    with pytest.raises(InputError, match="is not the program of this project; write the project again"):
        read_hls(tmp_path)
    for text in ('{"format": "seq2seqlite', "[]"):
        (tmp_path / "hls.json").write_text(text)
        with pytest.raises(InputError, match=r"hls.json is damaged \(.*\); write the project again"):
            read_hls(tmp_path)
    (tmp_path / "hls.json").write_text('{"format": "seq2seqlite hls project", "format_version": 0}')
    with pytest.raises(InputError, match="was written by an incompatible version; write the project again"):
        read_hls(tmp_path)


def test_counts_that_do_not_fit_are_refused(tiny, project, tmp_path):
    emulator = HlsEmulator(tiny, tmp_path / "testbench", 0.0)
    with pytest.raises(InputError, match=r"counts have shape \(1, 3\), but program"):
        emulator.check(np.zeros((1, 3), np.int64))
    with pytest.raises(InputError, match=r"counts have shape \(1, 3\), but program"):
        emulator.sfd(np.zeros((1, 3), np.int64))


def test_without_a_compiler_the_command_line_says_so_and_writes_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    words = ["hardware", "hls", "--model", TINY, "--out", str(tmp_path / "project")]
    assert main(words) == 2
    assert capsys.readouterr().err.startswith("error: no C++ compiler (g++, clang++, c++) on the PATH;")
    assert not (tmp_path / "project").exists()
    facts = tmp_path / "facts.json"
    assert main([*words, "--n", "0", "--json", str(facts)]) == 0  # writing alone needs none
    assert json.loads(facts.read_text())["mismatches"] is None


def test_a_float_model_is_refused_in_one_line(tmp_path, capsys):
    words = [
        "hardware",
        "hls",
        "--model",
        "seq2seqlite-tcspc-80mhz-float",
        "--out",
        str(tmp_path / "project"),
    ]
    assert main(words) == 2
    assert "is a float network" in capsys.readouterr().err
    assert not (tmp_path / "project").exists()


def test_the_adders_are_counted(tiny):
    functions = trace_functions(tiny)
    assert all(0 < function.lut_estimate < 5000 for function in functions)
