"""``seq2seqlite hardware``: FPGA designs of a student."""

from seq2seqlite.cli.app import lazy_group

__all__ = ["COMMANDS", "hardware"]

COMMANDS = {
    "build": "Write the project of a design: Verilog, constraints, scripts, descriptions.",
    "simulate": "Simulate a project through its buses, and compare it with its program.",
    "synthesize": "Count what a project takes of its FPGA, with Yosys.",
    "place-and-route": "Place and route a project for an ECP5 with nextpnr, and write its bitstream.",
    "explore": "Find the designs that reach a frame rate on a target by estimates; the best is synthesised.",
    "hls": "Write and check the step kernels as C++ for high-level synthesis.",
    "report": "Collect what the tools measured of projects, apart from what is estimated.",
}
"""The commands, in the order of the help, with the first line of each one's docstring."""

hardware = lazy_group(
    COMMANDS,
    "seq2seqlite.cli.hardware",
    summary="Make, simulate, synthesise and place FPGA designs of a student.",
)
