"""The shipped designs whole: `make test-hardware`. Last figures: docs/explanation/hardware.md."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from tests.integer.test_response_program import network_of

from seq2seqlite.hardware.cosim.design import Simulator, compile_project
from seq2seqlite.hardware.cosim.inputs import Inputs
from seq2seqlite.hardware.cosim.stream import compile_stream
from seq2seqlite.hardware.design import DesignOptions, make_design
from seq2seqlite.hardware.eda.yosys import Synthesis, simulation_files, synthesize
from seq2seqlite.hardware.explore import Demand, best_candidate, explore
from seq2seqlite.hardware.gateware.parameters import TOP
from seq2seqlite.hardware.implementation import place_and_route_project, synthesize_project
from seq2seqlite.hardware.project import FRAME_PIXELS, write_project
from seq2seqlite.hardware.resources.estimate import estimate
from seq2seqlite.hardware.stimulus import made_up_bank, made_up_counts
from seq2seqlite.hardware.targets import find_target
from seq2seqlite.imaging.sampling import analysed_tpsfs
from seq2seqlite.integer import (
    DirectPredictor,
    ProgramPredictor,
    load_any_program,
    load_program,
    lower,
    scaled_counts,
)
from seq2seqlite.io.measurement import read

pytestmark = pytest.mark.hardware_full

NARROW, INT8 = "seq2seqlite-tcspc-80mhz-narrow", "seq2seqlite-tcspc-80mhz-int8"
DIRECT = "seq2seqlite-tcspc-80mhz-direct-int8"
# That of docs/explanation/hardware.md.
SYNTHESISED_DIRECT = "seq2seqlite-swissspad3-direct-int8"
# Largest error of the estimate that docs/explanation/hardware.md allows.
LUT_ACCURACY = 0.15


def project_of(model, target, folder, **options):
    design = make_design(load_any_program(model), find_target(target), DesignOptions(**options))
    return design, write_project(design, folder / "project")


@pytest.mark.parametrize(
    ("model", "target"), [(INT8, "xc7k410t"), (NARROW, "xc7k410t"), (NARROW, "ecp5-85f")]
)
def test_real_pixels_through_the_shipped_students(model, target, tmp_path, hazelnut_ptu):
    _, project = project_of(model, target, tmp_path)
    simulator = compile_project(project, out_dir=tmp_path / "simulation")
    predictor = ProgramPredictor(project.program)
    counts, _ = scaled_counts(analysed_tpsfs(read(hazelnut_ptu), predictor, n=500))
    assert len(counts) == 500
    assert simulator.check(counts, gaps=0.2, stalls=0.3, seed=7).mismatches == 0
    steady = simulator.check(np.resize(counts, (6 * simulator.batch, counts.shape[1])))
    assert (steady.mismatches, steady.clocks_per_pixel) == (0, 135.0)


def test_real_pixels_through_a_direct_student(tmp_path, hazelnut_ptu):
    """The response changes from pixel to pixel, and one is replaced while pixels stream."""
    design, project = project_of(DIRECT, "xc7k410t", tmp_path, responses=4)
    simulator = compile_project(project, out_dir=tmp_path / "simulation")
    tpsfs = analysed_tpsfs(read(hazelnut_ptu), DirectPredictor(project.program), n=500)
    counts, exponent = scaled_counts(tpsfs)
    assert len(counts) == 500
    # Response 4 takes the place of 0, which the 200 pixels in the middle do not use.
    index = np.concatenate([np.arange(150) % 4, np.arange(200) % 3 + 1, np.arange(150) % 4 + 1])
    inputs = Inputs(
        made_up_bank(project.program, 5),
        index,
        exponent,
        slots=(0, 1, 2, 3, 0),
        first_pixels=(0, 0, 0, 0, 151),
    )
    assert simulator.check(counts, gaps=0.1, stalls=0.3, seed=7, inputs=inputs).mismatches == 0
    steady = simulator.check(np.resize(counts, (6 * simulator.batch, counts.shape[1])))
    assert (steady.mismatches, steady.clocks_per_pixel) == (0, design.clocks_per_pixel)


def test_a_student_with_a_decoder_and_responses(tmp_path):
    """67 gates of a camera and 8 units: two lifetime units and one error unit keep up with the rings."""
    plan = {"gate_bits": 7, "full_gate": True, "state_bits": 10, "operand_bits": 8, "output_bits": 12}
    program = lower(network_of(units=8, bias_bits=12, head_bits=12, **plan))
    design = make_design(program, find_target("xc7k410t"), DesignOptions(lanes=4, responses=4))
    simulator = compile_project(write_project(design, tmp_path / "project"), out_dir=tmp_path / "simulation")
    counts = made_up_counts(program, 2400)
    index = np.concatenate([np.arange(800) % 4, np.arange(800) % 3 + 1, np.arange(800) % 4 + 1])
    exponent = np.arange(2400) % 16 - 8
    inputs = Inputs(
        made_up_bank(program, 5), index, exponent, slots=(0, 1, 2, 3, 0), first_pixels=(0, 0, 0, 0, 801)
    )
    found = simulator.check(counts, gaps=0.1, stalls=0.3, seed=7, min_photons=100, inputs=inputs)
    assert (found.pixels, found.mismatches) == (2400, 0)
    steady = simulator.check(np.resize(counts, (6 * simulator.batch, counts.shape[1])))
    assert (steady.mismatches, steady.clocks_per_pixel) == (0, 67.0)


@pytest.mark.parametrize(("model", "lut"), [(INT8, 100_000), (SYNTHESISED_DIRECT, 46_000)])
def test_one_int8_engine_fits_a_kintex(model, lut, tmp_path):
    design, project = project_of(model, "xc7k410t", tmp_path)
    found = synthesize_project(project).to_dict()
    assert found["lut"] <= lut
    assert found["lut"] == pytest.approx(estimate(design).lut, rel=LUT_ACCURACY)


def test_nine_narrow_engines_fit_a_kintex(tmp_path):
    design, project = project_of(NARROW, "xc7k410t", tmp_path, engines=9)
    found = synthesize_project(project).to_dict()
    assert found["engine"]["lut"] <= 32_000
    assert found["lut"] == pytest.approx(estimate(design).lut, rel=LUT_ACCURACY)
    assert max(found["device_share"].values()) < 0.8
    assert design.frames_per_second(frame_pixels=FRAME_PIXELS) >= 30


def test_a_narrow_engine_is_routed_on_an_ecp5(tmp_path):
    """Both speed grades at once; docs/explanation/hardware.md says what is reached of 120 and 150 MHz."""
    projects = {speed: project_of(NARROW, "ecp5-85f", tmp_path / str(speed))[1] for speed in (6, 8)}
    with ThreadPoolExecutor(2) as pool:
        runs = {
            speed: pool.submit(place_and_route_project, projects[speed], speed=speed, freq_mhz=freq)
            for speed, freq in ((6, 125), (8, 156))
        }
    placed = {speed: run.result() for speed, run in runs.items()}
    assert placed[6].result.clock_mhz >= 120
    assert placed[8].result.clock_mhz >= 150
    for one in placed.values():
        assert one.result.routed
        assert one.bitstream.stat().st_size > 500_000


@pytest.mark.parametrize(("speed", "wanted_mhz", "least_mhz"), [(6, 130, 125), (8, 165, 155)])
def test_a_direct_engine_is_routed_on_an_ecp5(speed, wanted_mhz, least_mhz, tmp_path):
    _, project = project_of("seq2seqlite-swissspad3-direct-narrow", "ecp5-85f", tmp_path)
    placed = place_and_route_project(project, speed=speed, freq_mhz=wanted_mhz)
    assert placed.result.routed
    assert placed.result.clock_mhz >= least_mhz


def test_exploring_is_right_about_its_best(tmp_path):
    demand = Demand(find_target("xc7k410t"), FRAME_PIXELS, 30.0)
    programs = [load_program(name) for name in (INT8, NARROW)]
    best = best_candidate(explore(programs, demand, rmse={INT8: 0.0331, NARROW: 0.0349}), demand)
    assert best.frames_per_second >= 30
    found = synthesize_project(write_project(best.design, tmp_path / "best"))
    assert found.result.resources.lut == pytest.approx(best.estimate.lut, rel=LUT_ACCURACY)


def test_the_netlist_after_synthesis_computes_the_same(tmp_path):
    _, project = project_of("seq2seqlite-tcspc-80mhz-tiny", "xc7k410t", tmp_path)
    netlist = synthesize(
        project.verilog,
        top=TOP,
        family="xc7",
        out_dir=tmp_path / "synthesis",
        synthesis=Synthesis(block_ram=False),  # Yosys has no model of a RAMB36E1
    )
    stream = compile_stream(
        simulation_files(netlist), top=TOP, in_bits=16, out_bits=32, out_dir=tmp_path / "simulation"
    )
    counts = made_up_counts(project.program, 40)
    assert Simulator(project, stream).check(counts, gaps=0.1, stalls=0.1).mismatches == 0
