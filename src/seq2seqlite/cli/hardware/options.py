"""What the commands of ``seq2seqlite hardware`` have in common."""

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
from seq2seqlite.predictors import load_program

__all__ = ["MAX_SEED", "EnginesOption", "ModelOption", "ProjectArgument", "TargetOption", "opened_project"]

MAX_SEED = 2**32 - 1
"""What both NumPy and the simulations take."""

ProjectArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="[PROJECT]", help="Folder that hardware build wrote; or give --model and --target"
    ),
]
ModelOption = Annotated[
    str | None, typer.Option(help="Shipped model, .npz or .program file, where there is no PROJECT")
]
TargetOption = Annotated[str, typer.Option(help="FPGA, where there is no PROJECT")]
EnginesOption = Annotated[int, typer.Option(help="Engines side by side, where there is no PROJECT")]


@contextmanager
def opened_project(
    project: Path | None, model: str | None, *, target: str, engines: int
) -> Iterator[Project]:
    """Give a project of the user's, or one that is made for the occasion.

    Raises
    ------
    InputError
        If neither or both are named.
    """
    if (project is None) == (model is None):
        raise InputError("name either a project, which hardware build writes, or a model with --model")
    if project is not None:
        yield read_project(project)
        return
    assert model is not None
    with tempfile.TemporaryDirectory(prefix="seq2seqlite-") as folder:
        design = make_design(load_program(model), find_target(target), DesignOptions(engines=engines))
        yield write_project(design, Path(folder) / "project")
