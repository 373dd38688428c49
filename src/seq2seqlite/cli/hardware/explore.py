"""``seq2seqlite hardware explore``."""

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
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
from seq2seqlite.integer import AnyProgram
from seq2seqlite.models import load_model, model_card, model_names
from seq2seqlite.predictors import load_any_program
from seq2seqlite.provenance import provenance
from seq2seqlite.reports.hardware_plots import check_front, write_front
from seq2seqlite.simulation.instrument import instrument_names

__all__ = ["explore"]


def explore(
    *,
    frame: Annotated[str, typer.Option(metavar="WxH", help="Pixels of a frame, e.g. 500x500")],
    fps: Annotated[float, typer.Option(help="Required frame rate in frames per second")],
    target: Annotated[str, typer.Option(help="FPGA target")],
    instrument: Annotated[
        str | None, typer.Option(help="Shipped instrument, all of whose integer students are considered")
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="Shipped model, .npz or .program file to consider instead of all students of the "
            "instrument; may be repeated",
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
    programs = _programs(instrument, model)
    shipped = set(model_names())
    cards = {one.name: model_card(one.name)["reference"] for one in programs if one.name in shipped}
    with progress_bar("kernels") as progress:
        found = sweep(
            programs,
            demand,
            rmse={name: float(card["metrics"]["total"]["rmse"]) for name, card in cards.items()},
            over_bound={name: card.get("rmse_over_bound", {}).get("median") for name, card in cards.items()},
            progress=progress,
        )
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


def _programs(instrument: str | None, models: Sequence[str] | None) -> list[AnyProgram]:
    """Return the programs to consider; raise InputError for those of another instrument."""
    shipped = ", ".join(instrument_names())
    if models is None and instrument is None:
        raise InputError(
            f"students of different instruments cannot be compared; give --instrument ({shipped}) or --model"
        )
    if instrument is not None and instrument not in instrument_names():
        raise InputError(f"instrument {instrument!r} is unknown; choose one of {shipped}")
    found = [load_any_program(name) for name in models or _integer_students(instrument)]
    for program in found:
        if instrument is not None and program.instrument != instrument:
            raise InputError(
                f"model {program.name} is one of instrument {program.instrument}, not of {instrument}"
            )
    return found


def _integer_students(instrument: str | None) -> list[str]:
    models = {name: load_model(name) for name in model_names()}
    found = [
        name for name, model in models.items() if model.instrument == instrument and model.formats is not None
    ]
    if not found:
        raise InputError(f"instrument {instrument} has no shipped integer student; name yours with --model")
    return found


def _checked(best: Candidate, out: Path | None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="seq2seqlite-") as folder, tool_status() as heartbeat:
        project = write_project(best.design, (out or Path(folder)) / "best")
        return synthesize_project(project, heartbeat=heartbeat).to_dict()


def _table(rows: list[dict[str, Any]]) -> Table:
    """Return the designs as a table of at most 80 columns; the best is marked."""
    table = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False)
    table.add_column("student", overflow="fold")
    by_bound = all(row["rmse_over_bound"] is not None for row in rows)
    error = "rmse_over_bound" if by_bound else "rmse_total"
    numbers = (
        "engines",
        "MHz",
        "frames/s",
        "LUT",
        "FF",
        "DSP",
        "BRAM",
        "RMSE/\nbound" if by_bound else "RMSE",
    )
    for name in numbers:
        table.add_column(name, justify="right")
    chosen = [row for row in rows if row["fulfils"]]
    for row in sorted(chosen or rows[-8:], key=lambda row: (row[error] or 0, row["lut"])):
        table.add_row(
            f"{'* ' if row['best'] else '  '}{row['model'].removeprefix('seq2seqlite-')}",
            str(row["engines"]),
            f"{row['clock_mhz']:.0f}",
            f"{row['frames_per_second']:.1f}",
            f"{row['lut']:,}",
            *(f"{row['device_share'][name]:.0%}" for name in ("ff", "dsp", "bram36")),
            "" if row[error] is None else f"{row[error]:.3f}",
            style="bold" if row["best"] else None,
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
