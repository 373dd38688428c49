"""``seq2seqlite simulate``: simulation of decays."""

from pathlib import Path
from typing import Annotated

import typer

from seq2seqlite.cli.completion import InstrumentOption
from seq2seqlite.cli.output import JsonOption, write_json
from seq2seqlite.cli.progress import progress_bar
from seq2seqlite.simulation.instrument import load_instrument
from seq2seqlite.simulation.simulator import SPLITS
from seq2seqlite.workflows.simulate import simulate_decays

__all__ = ["simulate"]


def simulate(
    instrument: InstrumentOption,
    out: Annotated[Path, typer.Option(metavar="FILE", dir_okay=False, help="Compressed .npz file to write.")],
    n: Annotated[int, typer.Option("--n", help="Number of decays.")] = 20_000,
    seed: Annotated[int, typer.Option(help="Seed of the random numbers.")] = 1,
    split: Annotated[
        str, typer.Option(help=f"Set of IRFs and random streams: {', '.join(SPLITS)}.")
    ] = "train",
    json_file: JsonOption = None,
) -> None:
    """Simulate decays of an instrument, with their true lifetimes and a manifest."""
    described = load_instrument(instrument)
    with progress_bar("simulating") as progress:
        simulated = simulate_decays(described, out, n=n, seed=seed, split=split, progress=progress)
    decays, rate = simulated.decays, simulated.decays_per_second
    typer.echo(
        f"{out}: {n} decays of {described.name}, {int(decays.tpsf.sum())} photons, {rate:.0f} decays/s"
    )
    write_json(json_file, {**(decays.manifest or {}), "file": out, "decays_per_second": rate})
