"""Designs with sequence numbers: pixels keep their place although packets are lost, repeated or malformed."""

import numpy as np
import pytest

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.board_core import link_plan
from seq2seqlite.hardware.cosim.design import compile_project
from seq2seqlite.hardware.cosim.inputs import Inputs, result_words
from seq2seqlite.hardware.cosim.stream import Access
from seq2seqlite.hardware.design import DesignOptions, make_design
from seq2seqlite.hardware.front_ends import front_end_core_plan
from seq2seqlite.hardware.frontends.parameters import SeriesShape
from seq2seqlite.hardware.gateware.csr import REGISTERS
from seq2seqlite.hardware.project import write_project
from seq2seqlite.hardware.stimulus import made_up_bank, made_up_counts
from seq2seqlite.hardware.targets import find_target
from seq2seqlite.hardware.wire.beats import Beats
from seq2seqlite.hardware.wire.results import (
    Flag,
    beats_from_counts,
    records_from_words,
    user_words,
    words_from_beats,
)
from seq2seqlite.integer import run

TARGET = find_target("xc7k410t")
COUNTERS = ("PIXELS_IN", "PIXELS_OUT", "SHORT_PACKETS", "LONG_PACKETS", "DARK_PIXELS", "FRAMES_OUT")
READS = [Access(REGISTERS[name]) for name in (*COUNTERS, "MISSING_PIXELS", "LATE_PACKETS", "CAPABILITIES")]


def compiled(program, folder, **options):
    design = make_design(program, TARGET, DesignOptions(sequence_numbers=True, **options))
    return compile_project(write_project(design, folder / "project"), out_dir=folder / "simulation")


@pytest.fixture(scope="module")
def framed(odd_program, tmp_path_factory):
    """A design of two engines, which share the packets in turn, with a decoder."""
    return compiled(odd_program(0), tmp_path_factory.mktemp("framed"), engines=2, lanes=8)


def lost(n, share, seed=1):
    missing = np.random.default_rng(seed).random(n) < share
    missing[-1] = False
    return missing


def test_lost_packets_of_a_direct_design(odd_direct_program, tmp_path):
    program = odd_direct_program(9, n_gates=16)
    design = compiled(program, tmp_path, lanes=16, result_width=64, responses=3)
    assert design.project.shape.words == 1  # packets of a beat
    n, bank = 300, made_up_bank(program, 2)
    # No pixel has the response 0, which is not in the bank and is the index of a packet that is missing.
    inputs = Inputs(bank, np.arange(n) % 2, np.arange(n) % 9 - 4, slots=(1, 2))
    counts, missing = made_up_counts(program, n), lost(n, 0.3)
    found = design.check(counts, gaps=0.3, stalls=0.2, min_photons=100, inputs=inputs, missing=missing)
    assert (found.pixels, found.mismatches) == (n, 0)
    reads = [*READS, Access(REGISTERS["NO_RESPONSE"])]
    _, took = design.words(counts, inputs=inputs, missing=missing, after=reads)
    *_, n_missing, n_late, capabilities, no_response = took.registers
    assert (n_missing, n_late, capabilities, no_response) == (missing.sum(), 0, 0b101110, 0)


def test_frames_keep_their_pixels_with_lost_repeated_and_malformed_packets(framed):
    program, shape = framed.project.program, framed.project.shape
    n, frame = 80, 20
    counts, missing = made_up_counts(program, n), np.zeros(n, bool)
    missing[[3, 4, 5, 19, 20, 38, 39, 40, 60]] = True  # also the first and the last of frames
    order = [*range(7), 6, 5, *range(7, 50), 12, *range(50, n)]  # late packets
    order = [pixel for pixel in order if not missing[pixel]]
    beats = beats_from_counts(counts[order], lanes=shape.lanes, user=user_words(0, 0, order))
    keep = np.ones(len(beats), bool)
    short = order.index(30) * shape.words
    keep[short + 1 : short + shape.words] = False
    last = beats.last.copy()
    last[short] = True
    beats = Beats(beats.words[keep], last[keep], beats.user[keep])
    settings = {"FRAME_PIXELS": frame, "FLUSH_CLOCKS": 2000, "CONTROL": 1}
    took = framed.stream.run(
        beats,
        n_expected=4 * n,
        before=[Access(REGISTERS[name], value) for name, value in settings.items()],
        after=READS,
        gaps=0.2,
        stalls=0.3,
        seed=4,
    )
    expected = result_words(shape, run(program, counts), frame_pixels=frame, missing=missing)
    found = words_from_beats(took.out)
    others = np.arange(n) != 30
    np.testing.assert_array_equal(found[others], expected[others])
    records = records_from_words(found)
    assert records.flags[30] & (Flag.MALFORMED | Flag.MISSING | Flag.VALID) == Flag.MALFORMED
    np.testing.assert_array_equal(records.has(Flag.MISSING), missing)
    np.testing.assert_array_equal(records.number, np.arange(n) % frame)
    ends = np.flatnonzero(took.out.last)
    np.testing.assert_array_equal(ends, np.arange(frame, n + 1, frame) * 4 - 1)
    dark = run(program, counts).dark
    n_dark = int(dark[~missing & others].sum())
    assert took.registers[-len(READS) :] == (n, n, 1, 0, n_dark, 4, 9, 2, 0b100000)


def test_numbers_restart_with_a_soft_reset_and_pass_65535(framed):
    program, shape = framed.project.program, framed.project.shape
    counts = made_up_counts(program, 12)
    before = beats_from_counts(counts[:4], lanes=shape.lanes, user=user_words(0, 0, np.arange(4)))
    after = beats_from_counts(counts[4:], lanes=shape.lanes, user=user_words(0, 0, np.arange(8)))
    both = Beats(
        *(np.concatenate([getattr(before, name), getattr(after, name)]) for name in ("words", "last", "user"))
    )
    took = framed.stream.run(
        both,
        n_expected=8 * 4,
        before=[Access(REGISTERS["FLUSH_CLOCKS"], 0)],
        # The four packets wait for their batch, until the reset discards them.
        during=[
            Access(REGISTERS["CONTROL"], 1, after_beats=len(before)),
            Access(REGISTERS["FLUSH_CLOCKS"], 1000, after_beats=len(both)),
        ],
        after=READS,
        gaps=0.9,  # the reset is before the next packet, or in it
        seed=5,
    )
    records = records_from_words(words_from_beats(took.out))
    # A packet that arrives during the reset is discarded, and is then missing.
    n_missing = int(records.has(Flag.MISSING).sum())
    assert n_missing <= 1
    expected = result_words(shape, run(program, counts[4:]), missing=np.arange(8) < n_missing)
    np.testing.assert_array_equal(words_from_beats(took.out), expected)
    assert took.registers[-3:] == (n_missing, 0, 0b100000)


def test_raw_sfds(odd_program, tmp_path):
    program = odd_program(2)
    design = compiled(program, tmp_path, output="sfd")
    counts = made_up_counts(program, 60)
    assert design.check(counts, stalls=0.2, missing=lost(60, 0.3)).mismatches == 0


def test_options_that_do_not_fit(framed, tiny_design, odd_program):
    shape, options = framed.project.shape, framed.project.options
    with pytest.raises(InputError, match="sequence_numbers=True of a design with a link must be False"):
        link_plan(shape, options)
    design = make_design(odd_program(0), TARGET, DesignOptions(sequence_numbers=True))
    with pytest.raises(InputError, match="sequence_numbers=True of the engines must be False"):
        front_end_core_plan(design, SeriesShape(design.shape.n_gates, 201))
    with pytest.raises(InputError, match="sequence_numbers='yes' must be true or false"):
        DesignOptions(sequence_numbers="yes")
    counts = made_up_counts(framed.project.program, 3)
    for simulator, missing in ((framed, [False, False, True]), (tiny_design[1], [True, False, False])):
        with pytest.raises(InputError, match="missing packets need a design with sequence numbers, and"):
            simulator.check(counts, missing=np.array(missing))
