"""What every command writes in the same way."""

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Annotated, Any

import typer

from seq2seqlite.files import replace_when_done
from seq2seqlite.json_text import json_text

__all__ = ["JsonOption", "write_json"]

JsonOption = Annotated[
    Path | None,
    typer.Option("--json", metavar="FILE", dir_okay=False, help="Write the result to FILE, for programs."),
]
"""The option ``--json`` that every command takes."""


def write_json(path: str | PathLike[str] | None, result: Mapping[str, Any] | Sequence[Any], /) -> None:
    """Write a command's result for other programs to read.

    Parameters
    ----------
    path : path-like or None
        File of the option ``--json``; nothing is written if it is None.
    result : mapping or sequence
        What :func:`~seq2seqlite.json_text.json_text` can write.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    if path is None:
        return
    text = json_text(result)
    with replace_when_done(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
