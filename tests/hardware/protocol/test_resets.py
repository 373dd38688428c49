"""Resets at random moments: nothing from before a reset comes after it; numbers and counters restart."""

import struct
from pathlib import Path

import pytest

from seq2seqlite.hardware.cosim.executable import HEADER
from seq2seqlite.hardware.design import DesignOptions, make_design
from seq2seqlite.hardware.eda.process import run_tool
from seq2seqlite.hardware.eda.verilator import Compilation, compile_model
from seq2seqlite.hardware.gateware.parameters import TOP
from seq2seqlite.hardware.stimulus import made_up_counts
from seq2seqlite.hardware.targets import find_target
from seq2seqlite.hardware.wire.results import beats_from_counts, records_from_result, words_from_records
from seq2seqlite.integer import load_program, run

from .conftest import write_verilog

HARNESS = Path(__file__).with_name("reset_harness.cpp")
RESULT_WIDTH = 32
FRAME_PIXELS = 7
RESETS = 200
SOFT = 0


class ResetBench:
    """A compiled design, and the pixels that it is reset on.

    Parameters
    ----------
    model : str
        Shipped student.
    folder : pathlib.Path
        Folder for the design and what is compiled.
    """

    def __init__(self, model, folder):
        self.program, self.folder = load_program(model), folder
        design = make_design(self.program, find_target("xc7k410t"), DesignOptions(result_width=RESULT_WIDTH))
        self.shape, self.latency = design.shape, design.latency_clocks
        self.executable = compile_model(
            write_verilog(design, folder),
            top=TOP,
            harness=HARNESS,
            headers=[HEADER],
            out_dir=folder / "build",
            defines={"IN_BITS": self.shape.beat_bits, "OUT_BITS": RESULT_WIDTH},
            compilation=Compilation(optimisation="-Og"),  # many resets: most of the time is simulation
        )

    def faults(self, reset_cycles, *, resets=RESETS, seed=1):
        """Return what was wrong after resets of a length in clock cycles, a line each; 0: soft resets."""
        shape = self.shape
        counts = made_up_counts(self.program, 8 * shape.slots)
        packets = beats_from_counts(counts, lanes=shape.lanes).words
        results = words_from_records(records_from_result(run(self.program, counts)))
        settings = (
            *(len(counts), shape.words, resets, reset_cycles, FRAME_PIXELS),
            *(shape.n_gates, self.latency + shape.slots * shape.words, seed),
        )
        stimulus = self.folder / f"stimulus-{reset_cycles}"
        stimulus.write_bytes(
            struct.pack(f"<{len(settings)}Q", *settings)
            + packets.astype("<u4").tobytes()
            + results.astype("<u4").tobytes()
        )
        log = self.folder / f"resets-{reset_cycles}.txt"
        run_tool("the simulation", [self.executable, stimulus], log=log, time_limit_s=3600)
        totals, *faults = log.read_text().splitlines()
        done, _, checked, _ = map(int, totals.split())
        assert done == resets
        assert checked > resets  # results, each of its pixel and with its number
        return faults


@pytest.fixture(scope="module")
def eight_units(tmp_path_factory):
    return ResetBench("seq2seqlite-tcspc-80mhz-tiny", tmp_path_factory.mktemp("eight-units"))


@pytest.mark.parametrize(
    "reset_cycles", [2, *(pytest.param(n, marks=pytest.mark.hardware_full) for n in (3, 4)), 16]
)
def test_no_stale_result_after_a_reset(eight_units, reset_cycles):
    assert not eight_units.faults(reset_cycles)


def test_no_stale_result_or_count_after_a_soft_reset(eight_units):
    assert not eight_units.faults(SOFT)


@pytest.mark.hardware_full
def test_no_stale_result_after_a_reset_of_32_units(tmp_path):
    bench = ResetBench("seq2seqlite-tcspc-80mhz-narrow", tmp_path)
    for reset_cycles in (2, 3, 4, 16, SOFT):
        assert not bench.faults(reset_cycles), f"{reset_cycles=}"
