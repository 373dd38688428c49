"""``seq2seqlite lower``: conversion of a model to an integer program."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from seq2seqlite.cli.completion import QuantisedModelOption
from seq2seqlite.cli.output import JsonOption, write_json
from seq2seqlite.errors import InputError
from seq2seqlite.integer import (
    SUFFIX,
    DirectProgram,
    accumulators,
    exact_in_float32,
    write_program,
)
from seq2seqlite.predictors import load_any_program
from seq2seqlite.provenance import provenance

__all__ = ["lower"]


def lower(
    model: QuantisedModelOption,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Program file to write, e.g. student.program.")],
    json_file: JsonOption = None,
) -> None:
    """Convert a quantised student to an integer program."""
    program = load_any_program(model)
    if out.suffix != SUFFIX:
        raise InputError(f"--out {out} must end in {SUFFIX}, not in {out.suffix!r}; use {out.stem}{SUFFIX}")
    write_program(out, program)
    reaches = program.accumulators if isinstance(program, DirectProgram) else accumulators(program)
    table = Table("accumulator", "bits", "fraction bits")
    for name, reach in reaches.items():
        table.add_row(name, str(reach.bits), str(reach.fraction_bits))
    Console().print(table)
    print(
        f"{out}: {program.name}, {program.units} units, {program.n_gates} gates, hash {program.sha256[:16]}"
    )
    write_json(
        json_file,
        {
            "program": out,
            "model": program.name,
            "sha256": program.sha256,
            "units": program.units,
            "n_gates": program.n_gates,
            "accumulator_bits": {name: reach.bits for name, reach in reaches.items()},
            "exact_in_float32": exact_in_float32(reaches),
            "provenance": provenance(),
        },
    )
