"""``seq2seqlite instruments``: list of the shipped instruments, and copies of their files."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from seq2seqlite.cli.completion import complete_instrument
from seq2seqlite.cli.output import JsonOption, write_json
from seq2seqlite.simulation import copy_instrument, instrument_names, load_instrument

__all__ = ["instruments"]


def instruments(
    copy: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Instrument whose TOML file is copied", autocompletion=complete_instrument
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", dir_okay=False, help="Copy; default: NAME.toml")
    ] = None,
    json_file: JsonOption = None,
) -> None:
    """List the shipped instruments, or copy the file of one as the start of an own one."""
    if copy is not None:
        path = copy_instrument(copy, Path(f"{copy}.toml") if out is None else out)
        typer.echo(path)
        write_json(json_file, {"name": copy, "path": path})
        return
    rows = {}
    for name in instrument_names():
        axis = load_instrument(name).axis
        rows[name] = {
            "n_gates": axis.n_gates,
            "gate_width_ns": axis.gate_width_ns,
            "period_ns": axis.period_ns,
        }
    table = Table(Column("instrument", no_wrap=True), "gates", "step / ns", "laser period / ns")
    for name, row in rows.items():
        table.add_row(name, *(f"{value:g}" for value in row.values()))
    Console().print(table)
    write_json(json_file, {"instruments": rows})
