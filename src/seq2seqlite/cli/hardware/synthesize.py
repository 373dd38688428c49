"""``seq2seqlite hardware synthesize``."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from seq2seqlite.cli.hardware.options import (
    EnginesOption,
    ModelOption,
    ProjectArgument,
    TargetOption,
    opened_project,
)
from seq2seqlite.cli.output import JsonOption, write_json
from seq2seqlite.cli.progress import tool_status
from seq2seqlite.hardware.implementation import synthesize_project
from seq2seqlite.provenance import provenance

__all__ = ["synthesize"]


def synthesize(
    project: ProjectArgument = None,
    *,
    model: ModelOption = None,
    target: TargetOption = "xc7k410t",
    engines: EnginesOption = 1,
    time_limit_s: Annotated[float, typer.Option(help="Time limit for Yosys, in seconds")] = 7200,
    json_file: JsonOption = None,
) -> None:
    """Synthesise a project with Yosys, and report its utilisation."""
    with opened_project(project, model, target=target, engines=engines) as opened:
        with tool_status() as heartbeat:
            found = synthesize_project(opened, time_limit_s=time_limit_s, heartbeat=heartbeat).to_dict()
        device = opened.target
        result = {
            "project": project,
            "model": opened.program.name,
            "target": device.name,
            "engines": opened.options.engines,
            **found,
            "provenance": provenance(),
        }
        if project is not None:
            opened.record("synthesis", result)
    table = Table("", "design", "utilisation", "one engine")
    for name in ("lut", "ff", "dsp", "bram36"):
        share = found["device_share"][name]
        table.add_row(name, f"{found[name]:,}", f"{share:.1%}", f"{found['engine'][name]:,}")
    Console().print(table)
    write_json(json_file, result)
