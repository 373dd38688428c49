"""What ``train`` and ``compress`` print."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from seq2seqlite.errors import InputError
from seq2seqlite.outputs import same_file
from seq2seqlite.training.malloc import malloc_hint

__all__ = ["begin_training", "print_card"]


def begin_training(folder: Path, name: str, json_file: Path | None, /) -> None:
    """Refuse ``--json`` over model or card, and print how to train faster."""
    for suffix in (".json", ".npz"):
        if json_file is not None and same_file(json_file, folder / f"{name}{suffix}"):
            raise InputError(f"--json {json_file} is the name of a result; choose another name")
    hint = malloc_hint()
    if hint is not None:
        print(hint, file=sys.stderr)


def print_card(folder: Path, card: Mapping[str, Any], /) -> None:
    """Print the most important figures of a card."""
    total, cost = card["reference"]["metrics"]["total"]["rmse"], card["cost"]
    typer.echo(
        f"{folder / card['name']}.npz: total RMSE {total} on the reference set, "
        f"{cost['parameters']} parameters of {cost['mean_weight_bits']:.3g} bits on average, "
        f"{card['training']['decays']} decays seen"
    )
