"""Checkpoints: the complete state of a training run, from which it resumes bit for bit."""

from pathlib import Path
from typing import Any

import jax
import numpy as np

from seq2seqlite.archive import Header, read_archive, write_archive
from seq2seqlite.errors import InputError

__all__ = ["read_checkpoint", "write_checkpoint"]

FORMAT = "seq2seqlite checkpoint"
FORMAT_VERSION = 1
# The weights, both moments of the optimiser and the best weights of a teacher take 5 MB.
MAX_BYTES = 2**32


def write_checkpoint(
    path: Path, /, *, trees: dict[str, Any], values: dict[str, Any], recipe: dict[str, Any]
) -> None:
    """Write trees of arrays, plain values and the recipe to a checkpoint file."""
    arrays = {
        f"{name}/{index}": np.asarray(leaf)
        for name, tree in trees.items()
        for index, leaf in enumerate(jax.tree.leaves(tree))
    }
    header = {"format": FORMAT, "format_version": FORMAT_VERSION, "values": values, "recipe": recipe}
    write_archive(path, header, arrays)


def read_checkpoint(
    path: Path, /, *, like: dict[str, Any], recipe: dict[str, Any]
) -> tuple[dict[str, Any], Header]:
    """Read trees of the structure of ``like`` and the plain values of a checkpoint, checked when taken.

    Raises
    ------
    InputError
        If the file cannot be read or belongs to a different recipe.
    """
    header, arrays = read_archive(
        path,
        what="checkpoint",
        form=FORMAT,
        versions={"format_version": FORMAT_VERSION},
        remedy="delete it to restart the training",
        max_bytes=MAX_BYTES,
    )
    if header["recipe"] != recipe:
        raise InputError(
            f"checkpoint {path} belongs to a different recipe; use another file, or delete it to restart"
        )
    trees = {}
    for name, tree in like.items():
        leaves = jax.tree.leaves(tree)
        found = [arrays.get(f"{name}/{index}") for index in range(len(leaves))]
        for index, (stored, leaf) in enumerate(zip(found, leaves, strict=True)):
            if stored is None or stored.shape != np.shape(leaf) or stored.dtype != np.asarray(leaf).dtype:
                header.refuse(f"array {name}/{index} is missing or has another shape or type")
        trees[name] = jax.tree.unflatten(jax.tree.structure(tree), [jax.device_put(one) for one in found])
    return trees, Header(header.table("values"), where=header.where, remedy=header.remedy)
