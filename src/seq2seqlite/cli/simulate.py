"""``seq2seqlite simulate``: simulation of decays."""

import time
from pathlib import Path
from typing import Annotated

import typer

from seq2seqlite.cli.output import JsonOption, write_json
from seq2seqlite.cli.progress import progress_bar
from seq2seqlite.limits import require_disk
from seq2seqlite.simulation.decay_set import check_decay_set_file, simulated_set, write_decay_set
from seq2seqlite.simulation.instrument import load_instrument
from seq2seqlite.simulation.simulator import SPLITS

__all__ = ["simulate"]


def simulate(
    instrument: Annotated[str, typer.Option(help="Shipped instrument or TOML file.")],
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
    check_decay_set_file(out)
    require_disk(
        n * (described.axis.n_gates + 24), out, what=f"a set of n={n:,} decays", remedy="simulate fewer"
    )
    with progress_bar("simulating") as progress:
        began = time.perf_counter()
        data = simulated_set(described, n, seed=seed, split=split, progress=progress)
        rate = n / (time.perf_counter() - began)
    write_decay_set(out, data)
    typer.echo(f"{out}: {n} decays of {described.name}, {int(data.tpsf.sum())} photons, {rate:.0f} decays/s")
    write_json(json_file, {**(data.manifest or {}), "file": out, "decays_per_second": rate})
