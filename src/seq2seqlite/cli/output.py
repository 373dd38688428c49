"""What every command writes in the same way."""

import json
import math
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from seq2seqlite.files import replace_when_done

__all__ = ["JsonOption", "json_text", "write_json"]

JsonOption = Annotated[
    Path | None,
    typer.Option("--json", metavar="FILE", dir_okay=False, help="Write the result to FILE, for programs."),
]
"""The option ``--json`` that every command takes."""


def write_json(path: str | PathLike[str] | None, result: Mapping[str, Any], /) -> None:
    """Write a command's result for other programs to read.

    Parameters
    ----------
    path : path-like or None
        File of the option ``--json``; nothing is written if it is None.
    result : mapping
        What :func:`json_text` can write.

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


def json_text(result: Mapping[str, Any], /) -> str:
    """Return a result as JSON that every reader accepts.

    NumPy scalars and arrays become numbers and lists, paths become text. NaN and infinity, for which JSON has
    no word, become null.

    Examples
    --------
    >>> print(json_text({"n": np.int64(2), "median": float("nan")}))
    {
      "n": 2,
      "median": null
    }
    <BLANKLINE>
    """
    return json.dumps(_plain(result), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, PathLike):
        return str(Path(value))
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
