"""The generated ULX3S system with a memory: its pins, from a core that writes and reads, in Verilator."""

import struct

import pytest

from seq2seqlite.hardware.boards.board import find_board
from seq2seqlite.hardware.boards.project import Core, write_board
from seq2seqlite.hardware.boards.soc import SystemOptions
from seq2seqlite.hardware.cosim.executable import Executable
from seq2seqlite.hardware.eda.verilator import Compilation, compile_model
from seq2seqlite.hardware.plan import BuildPlan

from .systems import HERE

PATTERN = 0xB2C5 | 0b101 << 16  # data, valid, last


@pytest.fixture(scope="module")
def project(tmp_path_factory, tiny):
    board, verilog = find_board("ulx3s"), (HERE / "memory_core.v").read_text()
    core = Core(
        tiny, BuildPlan({"memory_core.v": verilog}), "memory_core", "memory_link", ("memory_front_end",)
    )
    options = SystemOptions(50.0, 50.0, "192.168.1.50", 6000)
    return write_board(board, board.part(None), core, options, tmp_path_factory.mktemp("memory") / "project")


def test_the_pins_and_clocks_of_a_camera_are_constrained(project):
    constraints = (project.folder / "ulx3s.lpf").read_text()
    pins = {"camera_data[0]": "U18", "camera_data[15]": "D17", "camera_clk": "B15", "camera_last": "C17",
            "camera_wanted": "D16", "sdram_clock": "F19", "sdram_dq[15]": "J17"}  # fmt: skip
    for name, pin in pins.items():
        assert f'LOCATE COMP "{name}" SITE "{pin}";' in constraints
    assert 'FREQUENCY PORT "camera_clk" 50.0 MHz;' in constraints
    assert project.kept == (
        "memory_core", "memory_link", "seq2seqlite_serial_port", "memory_front_end", "seq2seqlite_sdram"
    )  # fmt: skip


def test_bursts_through_the_pins_of_the_memory(project, tmp_path):
    """LiteX declares the data as inputs, and nextpnr takes their direction from the cells at the pads."""
    board = (project.folder / "ulx3s.v").read_text()
    assert board.count("input  wire   [15:0] sdram_dq") == 1
    (tmp_path / "ulx3s.v").write_text(board.replace("input  wire   [15:0] sdram_dq", "inout [15:0] sdram_dq"))
    cells = (HERE / "ecp5_cells.v").read_text()
    pad = "(input B, I, T, output O);\n    assign O = B;"
    assert pad in cells
    pad_of_data = "(inout B, input I, T, output O);\n    assign O = B;\n    assign B = T ? 1'bz : I;"
    (tmp_path / "cells.v").write_text(cells.replace(pad, pad_of_data))
    others = [path for path in project.verilog if path.name != "ulx3s.v"]
    program = compile_model(
        [*others, tmp_path / "ulx3s.v", tmp_path / "cells.v"],
        top="memory_board",
        harness=HERE / "memory.cpp",
        out_dir=tmp_path / "simulation",
        compilation=Compilation(optimisation="-O0", verilator=("-Wno-fatal",)),
    )
    patterns = [PATTERN, *(PATTERN ^ 1 << bit for bit in range(19))]
    record, _ = Executable(program, 8, 8).simulate(struct.pack("<20I", *patterns), time_limit_s=300)
    assert record == bytes([1, 1]) + bytes([0, 1]) * 19
