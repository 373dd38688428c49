"""``seq2seqlite hardware``: FPGA designs of a student."""

from seq2seqlite.cli.app import lazy_group

__all__ = ["COMMANDS", "hardware"]

COMMANDS = {
    "build": "Write the project of a design: Verilog, constraints, scripts and manifest.",
    "simulate": "Simulate a project through its buses, and compare the results with its program.",
    "simulate-board": "Simulate a board behind a UDP socket, for --model board:udp://… and other drivers.",
    "synthesize": "Synthesise a project with Yosys, and report its utilisation.",
    "place-and-route": "Place and route a project for an ECP5 with nextpnr, and write its bitstream.",
    "board": "Build the system of a board: project, synthesis, place and route, and bitstream.",
    "explore": "Find designs that reach a frame rate on a target by estimates, and synthesise the best.",
    "hls": "Write a program as C++ for high-level synthesis, and run a C simulation.",
    "report": "Write a report of the measured and the estimated results of projects.",
}
"""Commands in the order of the help, with the first line of their docstrings."""

hardware = lazy_group(
    COMMANDS,
    "seq2seqlite.cli.hardware",
    summary="Build, simulate, synthesise, place and route FPGA designs of a student.",
)
