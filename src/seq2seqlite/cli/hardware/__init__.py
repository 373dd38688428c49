"""``seq2seqlite hardware``: FPGA designs of a student."""

from seq2seqlite.cli.app import lazy_group

__all__ = ["hardware"]

hardware = lazy_group(
    {
        "build": "Write the project of a design: Verilog, constraints, scripts, descriptions.",
        "simulate": "Simulate a project through its buses, and compare it with its program.",
        "synthesize": "Count what a project takes of its FPGA.",
        "place-and-route": "Place and route a project, and write its bitstream.",
        "explore": "Find the designs that reach a frame rate on a target.",
        "hls": "Write and check the step kernels as C++ for high-level synthesis.",
        "report": "Collect what the tools measured of projects.",
    },
    "seq2seqlite.cli.hardware",
    summary="Make, simulate, synthesise and place FPGA designs of a student.",
)
