"""``seq2seqlite hardware simulate``."""

import tempfile
from dataclasses import asdict
from pathlib import Path
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
from seq2seqlite.hardware.simulation import MIN_BATCHES, Simulator, compile_project
from seq2seqlite.hardware.stimulus import made_up_counts
from seq2seqlite.imaging import analysed_tpsfs, load
from seq2seqlite.integer import ProgramPredictor, whole_counts
from seq2seqlite.provenance import provenance

__all__ = ["simulate"]


def simulate(
    project: ProjectArgument = None,
    *,
    model: ModelOption = None,
    target: TargetOption = "xc7k410t",
    engines: EnginesOption = 1,
    pixels: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Measurement to take pixels of; else made-up decays")
    ] = None,
    n: Annotated[int, typer.Option(help="Pixels to simulate", min=1)] = 500,
    min_photons: Annotated[float, typer.Option(help="Fewest counts of a pixel that is taken")] = 100,
    gaps: Annotated[float, typer.Option(help="Probability of no beat in a clock, at the input")] = 0.0,
    stalls: Annotated[float, typer.Option(help="Probability of no taking in a clock, at the output")] = 0.0,
    seed: Annotated[int, typer.Option(help="Seed of gaps, stalls and made-up decays")] = 0,
    json_file: JsonOption = None,
) -> None:
    """Simulate a project through its buses, and compare it with its program."""
    with opened_project(project, model, target=target, engines=engines) as opened:
        predictor = ProgramPredictor(opened.program)
        if pixels is None:
            counts = made_up_counts(opened.program, n, seed=seed)
        else:
            tpsf = analysed_tpsfs(load(pixels), predictor, n=n, min_photons=min_photons)
            counts = whole_counts(tpsf)
        with tempfile.TemporaryDirectory(prefix="seq2seqlite-") as folder, tool_status() as heartbeat:
            simulator = compile_project(opened, out_dir=Path(folder), heartbeat=heartbeat)
            found = simulator.check(counts, gaps=gaps, stalls=stalls, seed=seed, heartbeat=heartbeat)
            steady = _steady(simulator, counts, found.clocks_per_pixel)
    print(f"{found.pixels:,} pixels, {found.mismatches:,} mismatches with the program")
    print(
        f"{steady:.3f} clocks a pixel in the steady state, first result after "
        f"{found.first_result_clocks:,} clocks"
    )
    write_json(
        json_file,
        {
            **asdict(found),
            "clocks_per_pixel": steady,
            "model": opened.program.name,
            "program_sha256": opened.program.sha256,
            "pixels_of": pixels,
            "gaps": gaps,
            "stalls": stalls,
            "engines": opened.options.engines,
            "provenance": provenance(seed=seed),
        },
    )


def _steady(simulator: Simulator, counts: object, measured: float | None) -> float:
    """Return the clocks a pixel without gaps and stalls, over batches enough."""
    import numpy as np

    if measured is not None:
        return measured
    needed = np.resize(np.asarray(counts), ((MIN_BATCHES + 1) * simulator.batch, np.asarray(counts).shape[1]))
    found = simulator.check(needed).clocks_per_pixel
    assert found is not None
    return found
