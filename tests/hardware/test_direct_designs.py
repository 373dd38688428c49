"""Direct designs in Verilator, through their buses, against their program."""

import numpy as np
import pytest

from seq2seqlite.decay import ParametricIrf
from seq2seqlite.errors import InputError
from seq2seqlite.hardware.cosim.design import DirectHardwarePredictor, compile_project
from seq2seqlite.hardware.cosim.inputs import Inputs
from seq2seqlite.hardware.cosim.stream import Access
from seq2seqlite.hardware.design import DesignOptions, make_design
from seq2seqlite.hardware.gateware.csr import REGISTERS
from seq2seqlite.hardware.project import write_project
from seq2seqlite.hardware.stimulus import made_up_bank, made_up_counts, response_bank
from seq2seqlite.hardware.targets import find_target
from seq2seqlite.integer import DirectPredictor, response_codes


@pytest.fixture(scope="module")
def bank(direct_design):
    return made_up_bank(direct_design.project.program, 5)


@pytest.fixture(scope="module")
def counts(direct_design):
    return made_up_counts(direct_design.project.program, 240)


def test_a_made_up_bank_has_an_unknown_response_and_different_known_ones(direct_design, bank):
    program = direct_design.project.program
    np.testing.assert_array_equal(bank[0], response_codes(program, None))
    assert len({codes.tobytes() for codes in bank}) == 5
    irf = ParametricIrf(program.rising_edge_ns, 0.2)
    np.testing.assert_array_equal(response_bank(program, [irf])[0], bank[1])


def test_the_response_changes_from_pixel_to_pixel(direct_design, bank, counts):
    rng = np.random.default_rng(1)
    inputs = Inputs(bank, rng.integers(0, 5, len(counts)), rng.integers(-8, 8, len(counts)))
    found = direct_design.check(counts, gaps=0.2, stalls=0.3, min_photons=100, inputs=inputs)
    assert (found.pixels, found.mismatches) == (240, 0)
    # The index matters: with another one, most pixels that are not below threshold differ.
    program = direct_design.project.program
    other = Inputs(bank, (np.asarray(inputs.index) + 1) % 5, inputs.count_exponent)
    here, there = (one.expected(program, counts).lifetimes.tau_mean for one in (inputs, other))
    assert (here != there).mean() > 0.9


def test_a_response_is_replaced_in_mid_stream(direct_design, bank):
    """Pixels use 0 and 1, then 1 and 2 while 0 is replaced, then the new 0 and 1."""
    program = direct_design.project.program
    counts = made_up_counts(program, 540)
    index = np.concatenate([np.arange(120) % 2, np.arange(300) % 2 + 1, np.where(np.arange(120) % 2, 3, 1)])
    inputs = Inputs(bank[1:], index, slots=(0, 1, 2, 0), first_pixels=(0, 0, 0, 121))
    assert direct_design.check(counts, gaps=0.1, stalls=0.1, inputs=inputs).mismatches == 0
    # The old response would give other lifetimes.
    old = Inputs(bank[1:], np.where(index == 3, 0, index)).expected(program, counts)
    differs = old.lifetimes.tau_mean != inputs.expected(program, counts).lifetimes.tau_mean
    assert differs[index == 3].mean() > 0.9


def test_a_bank_that_the_design_does_not_hold(direct_design, counts):
    inputs = Inputs(made_up_bank(direct_design.project.program, 6))
    with pytest.raises(InputError, match="bank needs 6 responses, but the design holds 5; build it for more"):
        direct_design.check(counts, inputs=inputs)


def test_the_predictor_of_a_design_is_that_of_its_program(direct_design, counts):
    program = direct_design.project.program
    response = np.exp(-((np.arange(program.n_gates) - 4) ** 2) / 2) * 1e4
    for given in (None, response):
        found = DirectHardwarePredictor(direct_design).with_response(given).lifetimes(counts[:40])
        expected = DirectPredictor(program, response=given).lifetimes(counts[:40])
        for name, values in vars(expected).items():
            np.testing.assert_array_equal(getattr(found, name), values, err_msg=name)
    assert len(DirectHardwarePredictor(direct_design).lifetimes(counts[:0]).tau_mean_ns) == 0


def test_input_and_output_at_three_clock_cycles_a_pixel(odd_direct_program, tmp_path):
    """Packets and results have three beats, and four engines of twelve gates take a pixel in this time."""
    program = odd_direct_program(9, units=2, n_gates=12)
    options = DesignOptions(engines=4, result_width=64, responses=3)
    design = make_design(program, find_target("xc7k410t"), options)
    assert (design.shape.lanes, design.shape.words, design.shape.record_beats(64)) == (4, 3, 3)
    assert design.clocks_per_pixel == 3
    simulator = compile_project(write_project(design, tmp_path / "project"), out_dir=tmp_path / "simulation")
    counts, bank = made_up_counts(program, 8 * simulator.batch), made_up_bank(program, 3)
    inputs = Inputs(bank, np.arange(len(counts)) % 3, np.arange(len(counts)) % 5 - 2)
    steady = simulator.check(counts, inputs=inputs)
    assert (steady.mismatches, steady.clocks_per_pixel) == (0, 3)
    for gaps, stalls in ((0.1, 0.5), (0.5, 0.1)):
        found = simulator.check(counts, gaps=gaps, stalls=stalls, min_photons=100, inputs=inputs)
        assert found.mismatches == 0


def test_counts_of_8_bits(odd_direct_program, tmp_path):
    """The input has half the width, the results are those of the program, and the host can read the width."""
    program = odd_direct_program(9)
    options = DesignOptions(lanes=2, responses=3, count_bits=8)
    project = write_project(make_design(program, find_target("xc7k410t"), options), tmp_path / "project")
    assert "input [15:0] s_axis_tdata;" in (project.folder / "top.v").read_text()
    design = compile_project(project, out_dir=tmp_path / "simulation")
    counts, bank = made_up_counts(program, 200, count_bits=8), made_up_bank(program, 3)
    assert counts.max() == 255
    inputs = Inputs(bank, np.arange(200) % 3, np.arange(200) % 5 - 2)
    assert design.check(counts, gaps=0.2, stalls=0.3, min_photons=100, inputs=inputs).mismatches == 0
    _, run = design.words(counts[:1], inputs=Inputs(bank), after=[Access(REGISTERS["CAPABILITIES"])])
    assert run.registers[-1] == 0b11110
    with pytest.raises(InputError, match="counts from 0 to 256 do not fit 8 bits; give 0 to 255"):
        design.check(np.full((1, program.n_gates), 256) * [0, *[1] * (program.n_gates - 1)])
