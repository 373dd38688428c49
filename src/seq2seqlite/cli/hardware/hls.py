"""``seq2seqlite hardware hls``."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from seq2seqlite.cli.completion import QuantisedModelOption
from seq2seqlite.cli.hardware.options import MAX_SEED
from seq2seqlite.cli.output import JsonOption, write_json
from seq2seqlite.cli.progress import status, tool_status
from seq2seqlite.hardware.cosim.inputs import Inputs
from seq2seqlite.hardware.eda.verilator import cpp_compiler
from seq2seqlite.hardware.hls import simulate_hls, write_hls
from seq2seqlite.hardware.stimulus import made_up_bank, made_up_counts
from seq2seqlite.hardware.targets import find_target
from seq2seqlite.integer import DirectProgram
from seq2seqlite.predictors import load_any_program

__all__ = ["hls"]

N_RESPONSES = 4
"""Synthetic responses of a program that gets them; the first is unknown."""


def hls(
    model: QuantisedModelOption,
    out: Annotated[Path, typer.Option(file_okay=False, help="Folder of the project")],
    *,
    target: Annotated[str, typer.Option(help="AMD FPGA for the Vitis HLS script")] = "xc7k410t",
    n: Annotated[int, typer.Option(help="Synthetic pixels to simulate; 0: no simulation", min=0)] = 256,
    seed: Annotated[int, typer.Option(help="Seed of the pixels", min=0, max=MAX_SEED)] = 0,
    json_file: JsonOption = None,
) -> None:
    """Write a program as C++ for high-level synthesis, and run a C simulation.

    Pixels of a program that gets the response use an unknown one and synthetic ones in turn.
    """
    if n:
        cpp_compiler()  # report a missing compiler before writing files
    found = find_target(target)
    program = load_any_program(model)
    with status(f"compiling {program.name}"):
        project = write_hls(program, out, target=found)
    print(f"{out}: {program.name} for {found.part}, hash {program.sha256[:16]}")
    result = {**project.facts, "project": out, "seed": seed, "pixels": 0, "mismatches": None, "responses": 0}
    if n:
        counts, inputs = made_up_counts(program, n, seed=seed), None
        if isinstance(program, DirectProgram) or program.n_columns:
            bank = made_up_bank(program, N_RESPONSES)
            inputs = Inputs(bank, np.arange(n) % len(bank))
            result["responses"] = len(bank)
        with tool_status() as heartbeat:
            check = simulate_hls(out, counts, inputs=inputs, heartbeat=heartbeat)
        print(f"{check.pixels:,} pixels in C simulation, {check.mismatches:,} mismatches with the program")
        result |= asdict(check)
    write_json(json_file, result)
