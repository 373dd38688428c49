"""``seq2seqlite hardware explore``."""

import re
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from seq2seqlite.cli.completion import complete_model
from seq2seqlite.cli.output import JsonOption, write_json
from seq2seqlite.cli.progress import progress_bar, tool_status
from seq2seqlite.errors import InputError
from seq2seqlite.hardware.explore import Candidate, Demand, best_candidate
from seq2seqlite.hardware.explore import explore as sweep
from seq2seqlite.hardware.implementation import synthesize_project
from seq2seqlite.hardware.project import PAPER, write_project
from seq2seqlite.hardware.project_files import check_folder
from seq2seqlite.hardware.targets import find_target
from seq2seqlite.models import load_model, model_card, model_names
from seq2seqlite.predictors import load_program
from seq2seqlite.provenance import provenance
from seq2seqlite.reports.hardware_plots import check_front, write_front

__all__ = ["explore"]


def explore(
    *,
    frame: Annotated[str, typer.Option(metavar="WxH", help="Pixels of a frame, e.g. 500x500")],
    fps: Annotated[float, typer.Option(help="Required frame rate in frames per second")],
    target: Annotated[str, typer.Option(help="FPGA target")],
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="Shipped model, .npz or .program file to consider; may be repeated; "
            "all shipped integer students by default",
            autocompletion=complete_model,
        ),
    ] = None,
    max_share: Annotated[float, typer.Option(help="Maximum utilisation of a resource, as a fraction")] = 0.8,
    check: Annotated[bool, typer.Option(help="Synthesise the best design")] = True,
    out: Annotated[
        Path | None,
        typer.Option(file_okay=False, help="Folder for the plot of the Pareto front and the best project"),
    ] = None,
    json_file: JsonOption = None,
) -> None:
    """Find designs that reach a frame rate on a target by estimates, and synthesise the best."""
    if out is not None:
        check_front(out / "front.png")
        check_folder(out / "best", manifest=PAPER, kind="a hardware project")
    demand = Demand(find_target(target), _pixels(frame), fps, max_share)
    students, shipped = model or _integer_students(), set(model_names())
    programs = [load_program(name) for name in students]
    rmse = {name: _rmse(name) for name in students if name in shipped}
    with progress_bar("kernels") as progress:
        found = sweep(programs, demand, rmse=rmse, progress=progress)
    best = best_candidate(found, demand)
    rows = [candidate.to_dict() | {"best": candidate is best} for candidate in found]
    chosen = next(row for row in rows if row["best"])
    chosen["provenance"] = provenance()
    if check:
        chosen["synthesis"] = _checked(best, out)
    if out is not None:
        print(write_front(rows, demand.frames_per_second, out / "front.png"))
    Console().print(_table(rows))
    print(_words(best, chosen))
    write_json(json_file, rows)


def _pixels(frame: str) -> int:
    match = re.fullmatch(r"(\d+)x(\d+)", frame)
    if match is None:
        raise InputError(f"frame={frame!r} must be width x height in pixels; use e.g. --frame 500x500")
    return int(match[1]) * int(match[2])


def _integer_students() -> list[str]:
    models = {name: load_model(name) for name in model_names()}
    return [name for name, model in models.items() if model.formats is not None and not model.direct]


def _rmse(name: str) -> float:
    return float(model_card(name)["reference"]["metrics"]["total"]["rmse"])


def _checked(best: Candidate, out: Path | None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="seq2seqlite-") as folder, tool_status() as heartbeat:
        project = write_project(best.design, (out or Path(folder)) / "best")
        return synthesize_project(project, heartbeat=heartbeat).to_dict()


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table("student", "engines", "levels", "MHz", "frames/s", "LUT", "FF", "DSP", "BRAM36", "RMSE", "")
    chosen = [row for row in rows if row["fulfils"]]
    for row in sorted(chosen or rows[-8:], key=lambda row: (row["rmse_total"] or 0, row["lut"])):
        table.add_row(
            row["model"],
            str(row["engines"]),
            f"{row['levels_per_stage']:g}",
            f"{row['clock_mhz']:g}",
            f"{row['frames_per_second']:.1f}",
            *(f"{row[name]:,}" for name in ("lut", "ff", "dsp", "bram36")),
            "" if row["rmse_total"] is None else f"{row['rmse_total']:.4f}",
            "best" if row["best"] else "",
        )
    return table


def _words(best: Candidate, row: dict[str, Any]) -> str:
    design = best.design
    text = (
        f"{design.options.engines} engines of {design.program.name}: "
        f"{best.frames_per_second:.1f} frames per second at {design.clock_mhz:g} MHz, "
        f"{best.estimate.lut:,} LUT (both estimates)"
    )
    if "synthesis" in row:
        found = row["synthesis"]["lut"]
        text += f", {found:,} by synthesis ({found / best.estimate.lut - 1:+.1%})"
    return text
