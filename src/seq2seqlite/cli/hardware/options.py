"""Common options of the ``seq2seqlite hardware`` commands."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.design import DesignOptions, make_design
from seq2seqlite.hardware.project import Project, read_project, write_project
from seq2seqlite.hardware.targets import find_target
from seq2seqlite.predictors import load_any_program

__all__ = [
    "MAX_SEED",
    "EnginesOption",
    "ModelOption",
    "ProjectArgument",
    "TargetOption",
    "opened_project",
]

MAX_SEED = 2**32 - 1
"""Largest seed that NumPy and the simulations accept."""

ProjectArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="[PROJECT]", help="Project folder of hardware build; alternatively use --model and --target"
    ),
]
ModelOption = Annotated[
    str | None, typer.Option(help="Shipped model, .npz or .program file (only without PROJECT)")
]
TargetOption = Annotated[str, typer.Option(help="FPGA target (only without PROJECT)")]
EnginesOption = Annotated[int, typer.Option(help="Number of parallel engines (only without PROJECT)")]


@contextmanager
def opened_project(
    project: Path | None, model: str | None, *, target: str, engines: int
) -> Iterator[Project]:
    """Open the given project, or a temporary project of the given model.

    Raises
    ------
    InputError
        If neither or both are given.
    """
    if (project is None) == (model is None):
        raise InputError("give either a PROJECT folder (written by hardware build) or --model, not both")
    if project is not None:
        yield read_project(project)
        return
    assert model is not None
    with tempfile.TemporaryDirectory(prefix="seq2seqlite-") as folder:
        design = make_design(load_any_program(model), find_target(target), DesignOptions(engines=engines))
        yield write_project(design, Path(folder) / "project")
