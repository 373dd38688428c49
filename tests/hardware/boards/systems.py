"""Systems with a core that sends each packet back."""

from pathlib import Path

from seq2seqlite.hardware.boards.project import Core
from seq2seqlite.hardware.plan import BuildPlan

HERE = Path(__file__).parent


def echo_core(program):
    verilog = (HERE / "echo_core.v").read_text()
    return Core(program, BuildPlan({"echo_core.v": verilog}), "echo_core", "echo_link")
