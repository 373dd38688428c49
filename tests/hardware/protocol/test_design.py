"""The protocol of whole designs: one simulation a design runs all of ``design_bench``."""

import json
from pathlib import Path

import pytest

from seq2seqlite.hardware.design import DesignOptions, make_design
from seq2seqlite.hardware.targets import find_target
from seq2seqlite.integer import write_program

from .conftest import compile_bench, run_bench, write_verilog

BENCH = Path(__file__).with_name("design_bench.py")
TESTS = [
    line.removeprefix("async def ").partition("(")[0]
    for before, line in zip(BENCH.read_text().splitlines(), BENCH.read_text().splitlines()[1:], strict=False)
    if before == "@bench_test"
]
RESPONSE_TESTS = [
    line.removeprefix("async def ").partition("(")[0]
    for line in BENCH.with_name("response_bench.py").read_text().splitlines()
    if line.startswith("async def ") and line.endswith("(dut):")
]
DESIGNS = {
    # One gate a beat and four beats a result; beats that gates do not fill; a beat a result.
    "one-engine": DesignOptions(engines=1, lanes=1, result_width=32),
    "ragged-beats": DesignOptions(engines=2, lanes=8, result_width=64),
    "three-engines": DesignOptions(engines=3, lanes=4, result_width=128),
}
# A simulation takes a minute: the suite has one with a decoder and one without.
EVERY_RUN = "ragged-beats"
DIRECT_OPTIONS = DesignOptions(engines=3, lanes=4, result_width=32, responses=5)
GATES = 20  # and few units: protocols do not care, and most of the time is that of simulations


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=() if name == EVERY_RUN else pytest.mark.hardware_full) for name in DESIGNS
    ],
)
def outcomes(request, odd_program, built_once):
    """Return None for each passed test of the bench, or the reason of its failure."""
    with built_once(f"protocol-{request.param}") as folder:
        found = folder / "outcomes.json"
        if not found.exists():
            program = odd_program(5, n_gates=GATES)  # its results differ from pixel to pixel
            found.write_text(json.dumps(simulated(DESIGNS[request.param], folder, program)))
        return json.loads(found.read_text())


@pytest.fixture(scope="module")
def direct_outcomes(odd_direct_program, built_once):
    """The same of a direct design, with the tests of responses."""
    with built_once("protocol-direct") as folder:
        found = folder / "outcomes.json"
        if not found.exists():
            program = odd_direct_program(4, units=4, n_gates=GATES, n_columns=5)
            modules = "design_bench,response_bench"
            found.write_text(json.dumps(simulated(DIRECT_OPTIONS, folder, program, modules)))
        return json.loads(found.read_text())


def simulated(options, folder, program, modules="design_bench"):
    design = make_design(program, find_target("xc7k410t"), options)
    files = write_verilog(design, folder)
    path = folder / "short.program"
    write_program(path, program)
    facts = {
        "program": path,
        "lanes": design.shape.lanes,
        "width": options.result_width,
        "engines": options.engines,
        "responses": options.responses if program.n_columns else 0,
    }
    build = compile_bench(files, top="seq2seqlite_top", out_dir=folder / "build")
    return run_bench(build, top="seq2seqlite_top", module=modules, facts=facts)


@pytest.mark.parametrize("test", TESTS)
def test_protocol(outcomes, test):
    assert test in outcomes, "did not run"
    assert outcomes[test] is None, outcomes[test]


@pytest.mark.parametrize("test", [*TESTS, *RESPONSE_TESTS])
def test_protocol_of_direct_designs(direct_outcomes, test):
    assert test in direct_outcomes, "did not run"
    assert direct_outcomes[test] is None, direct_outcomes[test]
