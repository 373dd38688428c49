"""``seq2seqlite hardware place-and-route``."""

from typing import Annotated

import typer

from seq2seqlite.cli.hardware.options import (
    EnginesOption,
    ModelOption,
    ProjectArgument,
    TargetOption,
    opened_project,
)
from seq2seqlite.cli.output import JsonOption, write_json
from seq2seqlite.cli.progress import tool_status
from seq2seqlite.hardware.implementation import place_and_route_project
from seq2seqlite.provenance import provenance

__all__ = ["place_and_route"]


def place_and_route(
    project: ProjectArgument = None,
    *,
    model: ModelOption = None,
    target: TargetOption = "ecp5-85f",
    engines: EnginesOption = 1,
    speed: Annotated[int, typer.Option(help="Speed grade: 6 (slowest), 7 or 8")] = 6,
    freq_mhz: Annotated[
        float | None, typer.Option(help="Target frequency in MHz; by default the nominal one of the FPGA")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the placement")] = 1,
    time_limit_s: Annotated[float, typer.Option(help="Time limit for each tool, in seconds")] = 7200,
    json_file: JsonOption = None,
) -> None:
    """Place and route a project for an ECP5 with nextpnr, and write its bitstream."""
    with opened_project(project, model, target=target, engines=engines) as opened:
        with tool_status() as heartbeat:
            found = place_and_route_project(
                opened,
                speed=speed,
                freq_mhz=freq_mhz,
                seed=seed,
                time_limit_s=time_limit_s,
                heartbeat=heartbeat,
            ).to_dict()
        result = {
            "project": project,
            "model": opened.program.name,
            "target": opened.target.name,
            "engines": opened.options.engines,
            "seed": seed,
            **found,
            "provenance": provenance(),
        }
        if project is None:  # the files are deleted with the temporary folder
            result |= {"bitstream": None, "log": None}
        else:
            opened.record(f"place-and-route-{speed}", result)
    routed = "routed" if found["routed"] else "NOT routed"
    print(f"{routed}, {found['clock_mhz']:.1f} MHz at speed grade {speed}")
    for name, use in found["use"].items():
        if use["used"]:
            print(f"{name}: {use['used']:,} of {use['available']:,}")
    if result["bitstream"] is not None:
        print(result["bitstream"])
    write_json(json_file, result)
