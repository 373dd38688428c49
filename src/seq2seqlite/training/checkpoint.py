"""Checkpoints: a training's whole state, so that it goes on bit for bit."""

import json
import zipfile
from pathlib import Path
from typing import Any

import jax
import numpy as np

from seq2seqlite.errors import InputError
from seq2seqlite.files import replace_when_done

__all__ = ["read_checkpoint", "write_checkpoint"]


def write_checkpoint(
    path: Path, /, *, trees: dict[str, Any], values: dict[str, Any], recipe: dict[str, Any]
) -> None:
    """Write trees of arrays, plain values and the recipe to one file."""
    header = np.array(json.dumps({"values": values, "recipe": recipe}))
    with replace_when_done(path) as temporary, temporary.open("wb") as file:
        arrays: dict[str, Any] = {
            f"{name}/{index}": np.asarray(leaf)
            for name, tree in trees.items()
            for index, leaf in enumerate(jax.tree.leaves(tree))
        }
        np.savez(file, allow_pickle=False, header=header, **arrays)


def read_checkpoint(
    path: Path, /, *, like: dict[str, Any], recipe: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read what :func:`write_checkpoint` wrote, into trees of the structure of ``like``.

    Raises
    ------
    InputError
        If the file cannot be read or belongs to another recipe.
    """
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as archive:
            header = json.loads(str(archive["header"]))
            if header["recipe"] != recipe:
                raise InputError(
                    f"checkpoint {path} is of another recipe; name another file, or delete it to start again"
                )
            trees = {
                name: jax.tree.unflatten(
                    jax.tree.structure(tree),
                    [jax.device_put(archive[f"{name}/{i}"]) for i in range(len(jax.tree.leaves(tree)))],
                )
                for name, tree in like.items()
            }
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"checkpoint {path} cannot be read ({error}); delete it to start again") from None
    return trees, header["values"]
