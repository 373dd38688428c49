"""The bench itself: cocotb, bus models and Verilator on a design that is nearly nothing."""

from pathlib import Path

from .conftest import compile_bench, run_bench

TOY = Path(__file__).parents[1] / "cosim" / "toy_stream.v"


def test_the_bench_drives_streams_and_registers_and_reports_what_fails(tmp_path):
    program = compile_bench([TOY], top="toy_stream", out_dir=tmp_path)
    outcomes = run_bench(program, top="toy_stream", module="toy_bench", facts={})
    assert set(outcomes) == {"packets_pass", "registers_hold", "this_one_fails"}
    assert outcomes["packets_pass"] is None
    assert outcomes["registers_hold"] is None
    assert "nothing was sent" in str(outcomes["this_one_fails"])
