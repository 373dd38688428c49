"""Whole designs in Verilator, through their buses, against their program."""

import re

import numpy as np
import pytest

from seq2seqlite.decay import mean_arrival_ns
from seq2seqlite.hardware.cosim.design import HardwarePredictor, compile_project
from seq2seqlite.hardware.design import DesignOptions, make_design
from seq2seqlite.hardware.project import write_project
from seq2seqlite.hardware.stimulus import made_up_counts
from seq2seqlite.hardware.targets import find_target
from seq2seqlite.imaging.sampling import analysed_tpsfs
from seq2seqlite.integer import ProgramPredictor, scaled_counts
from seq2seqlite.io.measurement import read
from seq2seqlite.protocols import CountingPredictor


def compiled(program, folder, target="ecp5-85f", **options):
    design = make_design(program, find_target(target), DesignOptions(**options))
    project = write_project(design, folder / "project")
    return design, compile_project(project, out_dir=folder / "simulation")


def test_eight_units_are_exact_on_thousands_of_pixels(tiny, tiny_design):
    _, simulator = tiny_design
    found = simulator.check(made_up_counts(tiny, 2400), gaps=0.2, stalls=0.2, min_photons=100)
    assert (found.pixels, found.mismatches) == (2400, 0)


def test_a_pixel_leaves_every_135_clocks(tiny, tiny_design):
    design, simulator = tiny_design
    found = simulator.check(made_up_counts(tiny, 6 * design.shape.slots))
    assert found.mismatches == 0
    assert found.clocks_per_pixel == 135.0
    # The packets of a batch, then the batch, to within the packet's own pipeline.
    filled = design.shape.slots * design.shape.words
    assert 0 < found.first_result_clocks - filled - design.latency_clocks < 64


def test_real_pixels(tiny, tiny_design, hazelnut_ptu):
    _, simulator = tiny_design
    counts, _ = scaled_counts(analysed_tpsfs(read(hazelnut_ptu), ProgramPredictor(tiny), n=600))
    assert len(counts) == 600
    assert counts.max() > 1000
    assert np.ptp(mean_arrival_ns(counts, axis_ns=tiny.axis.starts_ns)) > 0.5
    assert simulator.check(counts, gaps=0.1, stalls=0.3, seed=1).mismatches == 0


def spoilt(verilog):
    """Return Verilog whose memories give the complement when they are read where they are written."""
    modules, spoilt_reads = re.split(r"(?<=\nendmodule)\n", verilog), 0
    for index, module in enumerate(modules):
        for enable, memory, written in re.findall(r"if \((.+)\)\s+(\w+)\[(.+?)\] <= ", module):
            module, n = re.subn(  # noqa: PLW2901
                rf"<= ({memory}\[(.+?)\]);",
                rf"<= ({enable} && {written} == \2) ? ~\1 : \1;".replace("\\$", "\\\\$"),
                module,
            )
            spoilt_reads += n
        modules[index] = module
    return "\n".join(modules), spoilt_reads


def test_no_memory_is_read_where_it_is_written(odd_program, tmp_path):
    """What a block memory gives then is not defined, and Yosys is told not to care (`physical.py`)."""
    program = odd_program(5)  # its results differ from pixel to pixel
    design = make_design(program, find_target("ecp5-85f"), DesignOptions())
    project = write_project(design, tmp_path / "project")
    engine = next(path for path in project.verilog if path.name == "engine.v")
    text, spoilt_reads = spoilt(engine.read_text())
    assert spoilt_reads == 5  # counts, facts, infos, sums, and what waits for the reducer
    engine.write_text(text)
    simulator = compile_project(project, out_dir=tmp_path / "simulation")
    counts = made_up_counts(program, 8 * simulator.batch)
    assert simulator.check(counts).mismatches == 0
    assert simulator.check(counts[:300], gaps=0.3, stalls=0.3).mismatches == 0


def test_copies_of_a_register_stay_copies(tiny):
    """Yosys merges equal flip-flops whose block has no attribute: one would drive the states of all units."""
    design = make_design(tiny, find_target("ecp5-85f"), DesignOptions())
    assert design.plan().execute()["engine.v"].count("(* keep *) always") == 2 * tiny.units


@pytest.mark.parametrize(
    ("seed", "target", "options"),
    [
        # Few gates need several reducers; signed outputs; lanes that do not divide the gates.
        (0, "ecp5-85f", {"engines": 2, "lanes": 4, "result_width": 128}),
        pytest.param(
            1,
            "xc7k410t",
            {"engines": 3, "lanes": 32, "result_width": 64},
            marks=pytest.mark.hardware_full,  # half a minute, most of it for the input of 32 lanes
        ),
        (2, "xc7k410t", {"output": "sfd"}),
        # On a small ECP5, values that wait are in memories.
        (3, "ecp5-25f", {"count_bits": 8, "lanes": 4}),
        pytest.param(
            4, "xc7k410t", {"count_bits": 8, "engines": 2, "lanes": 1}, marks=pytest.mark.hardware_full
        ),
    ],
)
def test_odd_programs_and_options(odd_program, tmp_path, seed, target, options):
    program = odd_program(seed)
    design, simulator = compiled(program, tmp_path, target, **options)
    counts = made_up_counts(program, 6 * simulator.batch, count_bits=design.options.count_bits)
    assert counts.max() == (1 << design.options.count_bits) - 1
    steady = simulator.check(counts)
    assert steady.mismatches == 0
    assert steady.clocks_per_pixel == design.clocks_per_pixel
    assert simulator.check(counts[:200], gaps=0.4, stalls=0.4, seed=2).mismatches == 0


def test_the_predictor_sums_the_counters_of_its_design(tiny_design, tiny):
    predictor = HardwarePredictor(tiny_design[1])
    assert isinstance(predictor, CountingPredictor)
    assert predictor.counters() == {}
    counts = np.zeros((3, tiny.axis.n_gates), np.int64)
    counts[:2, 20:60] = 100
    for _ in range(2):
        predictor.lifetimes(counts)
    found = predictor.counters()
    assert (found["PIXELS_IN"], found["PIXELS_OUT"], found["LONG_PACKETS"]) == (6, 6, 0)
    assert found["DARK_PIXELS"] == 2
    assert found["clock_cycles"] > 6 * tiny.axis.n_gates
