"""``seq2seqlite hardware report``."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from seq2seqlite.cli.output import JsonOption, write_json
from seq2seqlite.hardware.project import read_project
from seq2seqlite.reports.hardware_report import write_hardware_report

__all__ = ["report"]


def report(
    projects: Annotated[
        list[Path], typer.Argument(metavar="PROJECT...", help="Project folders of hardware build")
    ],
    out: Annotated[Path, typer.Option(file_okay=False, help="Folder for report.html and hardware.json")],
    json_file: JsonOption = None,
) -> None:
    """Write a report of the measured and the estimated results of projects."""
    found = write_hardware_report([read_project(folder) for folder in projects], out)
    table = Table("design", "target", "mismatches", "cycles/pixel", "LUT", "MHz routed", "frames/s")
    for design in found["designs"]:
        measured = design["measured"]
        simulation, synthesis = measured.get("simulation"), measured.get("synthesis")
        clocks = [f"{one['clock_mhz']:.0f}" for one in measured.values() if "clock_mhz" in one]
        rates = [f"{rate:.2f}" for rate in design["frames_per_second_measured"].values()]
        table.add_row(
            f"{design['engines']} x {design['model']}",
            design["target"],
            "" if simulation is None else f"{simulation['mismatches']} of {simulation['pixels']:,}",
            "" if simulation is None else f"{simulation['clocks_per_pixel']:.2f}",
            "" if synthesis is None else f"{synthesis['lut']:,}",
            ", ".join(clocks),
            ", ".join(rates) or f"{design['estimated']['frames_per_second']:.1f} (estimate)",
        )
    Console().print(table)
    print(out / "report.html")
    write_json(json_file, found)
