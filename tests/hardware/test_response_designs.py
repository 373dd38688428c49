"""Designs with a decoder that get the response, in Verilator through their buses, against their program."""

import numpy as np
import pytest

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.cosim.design import HardwarePredictor
from seq2seqlite.hardware.cosim.inputs import Inputs
from seq2seqlite.hardware.cosim.stream import Access
from seq2seqlite.hardware.design import DesignOptions, make_design
from seq2seqlite.hardware.gateware.csr import REGISTERS
from seq2seqlite.hardware.host.predictor import board_predictor
from seq2seqlite.hardware.stimulus import made_up_bank, made_up_counts
from seq2seqlite.hardware.targets import find_target
from seq2seqlite.hardware.wire.results import Flag, records_from_result, records_from_words
from seq2seqlite.integer import ProgramPredictor


@pytest.fixture(scope="module")
def bank(response_design):
    return made_up_bank(response_design.project.program, 5)


@pytest.fixture(scope="module")
def counts(response_design):
    return made_up_counts(response_design.project.program, 240)


def test_the_response_changes_from_pixel_to_pixel(response_design, bank, counts):
    rng = np.random.default_rng(1)
    inputs = Inputs(bank, rng.integers(0, 5, len(counts)), rng.integers(-8, 8, len(counts)))
    found = response_design.check(counts, gaps=0.2, stalls=0.3, min_photons=100, inputs=inputs)
    assert (found.pixels, found.mismatches) == (240, 0)
    # Index and exponent matter: with others, the results of many pixels differ.
    program = response_design.project.program
    expected = inputs.expected(program, counts)
    other = Inputs(bank, (np.asarray(inputs.index) + 1) % 5, inputs.count_exponent).expected(program, counts)
    assert (expected.sfd != other.sfd).any(axis=(1, 2)).mean() > 0.3
    assert len(np.unique(expected.log_errors[:, 0])) > 100
    scaled = Inputs(bank, inputs.index, np.asarray(inputs.count_exponent) + 1).expected(program, counts)
    assert (scaled.log_errors != expected.log_errors).any(axis=1).mean() > 0.7


def test_engines_keep_up_with_the_rings(response_design, bank, counts):
    program, n = response_design.project.program, 6 * response_design.batch
    index = np.arange(n) % 5
    found = response_design.check(np.resize(counts, (n, program.n_gates)), inputs=Inputs(bank, index))
    assert (found.mismatches, found.clocks_per_pixel) == (0, program.n_gates / 2)


def test_a_response_is_replaced_in_mid_stream(response_design, bank):
    """Pixels use 0 and 1, then 1 and 2 while 0 is replaced, then the new 0 and 1."""
    counts = made_up_counts(response_design.project.program, 540)
    index = np.concatenate([np.arange(120) % 2, np.arange(300) % 2 + 1, np.where(np.arange(120) % 2, 3, 1)])
    inputs = Inputs(bank[1:], index, slots=(0, 1, 2, 0), first_pixels=(0, 0, 0, 121))
    assert response_design.check(counts, gaps=0.1, stalls=0.1, inputs=inputs).mismatches == 0


def test_pixels_without_a_response_are_flagged(response_design, bank, counts):
    index = np.arange(len(counts)) % 5
    words, run = response_design.words(
        counts, inputs=Inputs(bank[:3], index), after=[Access(REGISTERS["NO_RESPONSE"])]
    )
    found, missing = records_from_words(words), index > 2
    np.testing.assert_array_equal(found.has(Flag.NO_RESPONSE), missing)
    assert not found.log_errors[missing].any()
    assert not found.tau_mean[missing].any()
    assert not found.has(Flag.VALID)[missing].any()
    assert run.registers[-1] == missing.sum()


def test_the_predictor_of_a_design_is_that_of_its_program(response_design, counts):
    program = response_design.project.program
    response = np.exp(-((np.arange(program.n_gates) - 4) ** 2) / 2) * 1e4
    for given in (None, response):
        found = HardwarePredictor(response_design).with_response(given).lifetimes(counts[:40])
        expected = ProgramPredictor(program, response=given).lifetimes(counts[:40])
        for name, values in vars(expected).items():
            np.testing.assert_array_equal(getattr(found, name), values, err_msg=name)
    assert len(HardwarePredictor(response_design).lifetimes(counts[:0]).tau_mean_ns) == 0


class CountedBoard:
    """Board that computes with the interpreter, and keeps the number of responses that it got."""

    def __init__(self):
        self.responses = 0

    def check_program(self, program):
        assert program.n_columns

    def results(self, program, counts, *, bank, index, count_exponent, min_photons):
        self.responses = len(bank)
        inputs = Inputs(bank, index, count_exponent)
        return records_from_result(inputs.expected(program, counts, min_photons=min_photons))


def test_the_predictor_of_a_board_sends_the_response(odd_response_program):
    program, board = odd_response_program(1), CountedBoard()
    counts = made_up_counts(program, 40).astype(np.float32)  # counts are sent times 64
    response = np.exp(-((np.arange(program.n_gates) - 4) ** 2) / 2) * 1e4
    found = board_predictor(board, program).with_response(response)
    expected = ProgramPredictor(program, response=response)
    assert (found.uses_response, found.error_maps) == (True, expected.error_maps)
    for name, values in vars(expected.lifetimes(counts)).items():
        np.testing.assert_array_equal(getattr(found.lifetimes(counts), name), values, err_msg=name)
    assert board.responses == 1


def test_what_these_programs_do_not_support_is_refused(response_design):
    program = response_design.project.program
    target = find_target("ecp5-85f")
    with pytest.raises(
        InputError, match="output='sfd' of a program with standard errors must be 'lifetimes'"
    ):
        make_design(program, target, DesignOptions(output="sfd"))
    with pytest.raises(
        InputError, match="result_width=128 must be one of 32, 64 for a program with standard"
    ):
        make_design(program, target, DesignOptions(result_width=128))
