"""What every command writes in the same way, and what no command writes over."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from os import PathLike
from pathlib import Path
from typing import Annotated, Any

import typer

from seq2seqlite.errors import InputError
from seq2seqlite.files import check_path, replace_when_done
from seq2seqlite.json_text import json_text
from seq2seqlite.outputs import same_file

__all__ = ["COMMAND", "JsonOption", "check_json_file", "check_outputs", "write_json"]

JsonOption = Annotated[
    Path | None,
    typer.Option("--json", metavar="FILE", dir_okay=False, help="Write the result to FILE, for programs."),
]
"""The option ``--json`` that every command takes."""

COMMAND: ContextVar[str] = ContextVar("COMMAND", default="seq2seqlite")
"""Command that runs, e.g. ``seq2seqlite image``."""

# Key that names the command that wrote a JSON result.
WRITTEN_BY = "written_by"
# Names of files that commands write to their output folders.
OWN_NAMES = frozenset(
    {
        *("summary.json", "manifest.json", "job.json", "stream.json", "study.json", "design.json"),
        *("hardware.json", "accuracy.json", "components.json", "settings.json", "result.json", "hls.json"),
        *("simulation.json", "synthesis.json", *(f"place-and-route-{speed}.json" for speed in (6, 7, 8))),
    }
)
# Suffixes of the images, tables, models and programs that commands write to their output folders.
OWN_SUFFIXES = frozenset({".tif", ".png", ".npz", ".csv", ".md", ".html", ".program", ".v"})
# Parameters that name measurements: nothing may be written into a folder that is one.
MEASUREMENTS = frozenset({"files", "source", "pixels"})


def check_outputs(command: str, parameters: Mapping[str, Any], /) -> None:
    """Refuse outputs that would replace an input, each other, or a file that the command did not write.

    Parameters
    ----------
    command : str
        Command that will run.
    parameters : mapping
        Its parameters by name: ``json_file`` and ``out`` are outputs, all others that name existing files or
        folders are inputs.

    Raises
    ------
    InputError
        If an output may not be written.
    """
    outputs = {"--json": parameters.get("json_file"), "--out": parameters.get("out")}
    inputs = list(_inputs(parameters))
    for option, value in outputs.items():
        if value is None:
            continue
        path = Path(value)
        for name, given in inputs:
            if same_file(path, given):
                raise InputError(f"{option} {path} is an input of this command; choose another name")
            if name in MEASUREMENTS and given.is_dir() and path.resolve().is_relative_to(given.resolve()):
                raise InputError(f"{option} {path} is inside the input {given}; choose another place")
    json_file, out = outputs["--json"], outputs["--out"]
    if json_file is not None:
        check_json_file(json_file, command)
        folders = [given for _, given in inputs if given.is_dir()]
        _check_apart(Path(json_file), None if out is None else Path(out), folders)


def check_json_file(path: str | PathLike[str], command: str, /) -> None:
    """Refuse to replace a file that the same command did not write with ``--json``.

    Raises
    ------
    InputError
        If the file exists and is something else.
    """
    check_path(path)
    file = Path(path).resolve()  # also where a folder on the way is yet to be made
    if not file.is_file() or not file.stat().st_size or _writer(file) == command:
        return
    raise InputError(
        f"{path} exists and was not written by '{command} --json'; move it or choose another name"
    )


def write_json(path: str | PathLike[str] | None, result: Mapping[str, Any] | Sequence[Any], /) -> None:
    """Write a command's result for other programs to read.

    Parameters
    ----------
    path : path-like or None
        File of the option ``--json``; nothing is written if it is None.
    result : mapping or sequence
        What :func:`~seq2seqlite.json_text.json_text` can write. The mapping, or each mapping of the sequence,
        gets the key ``written_by`` with the name of the command, by which the file is recognised later.

    Raises
    ------
    InputError
        If the file exists and was not written by the same command, or cannot be written.
    """
    if path is None:
        return
    command = COMMAND.get()
    check_json_file(path, command)
    text = json_text(_signed(result, command))
    with replace_when_done(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _signed(result: Mapping[str, Any] | Sequence[Any], command: str) -> Mapping[str, Any] | Sequence[Any]:
    if isinstance(result, Mapping):
        return {**result, WRITTEN_BY: command}
    return [_signed(row, command) if isinstance(row, Mapping) else row for row in result]


def _writer(file: Path) -> str | None:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    first = found[0] if isinstance(found, list) and found else found
    writer = first.get(WRITTEN_BY) if isinstance(first, dict) else None
    return writer if isinstance(writer, str) else None


def _inputs(parameters: Mapping[str, Any]) -> Iterator[tuple[str, Path]]:
    """Return the existing files and folders that parameters name."""
    for name, value in parameters.items():
        if name in ("json_file", "out"):
            continue
        for item in value if isinstance(value, list | tuple) else [value]:
            if isinstance(item, str | Path) and str(item) and _exists(Path(item)):
                path = Path(item)
                if path.is_file() or isinstance(item, Path) or name in MEASUREMENTS:
                    yield name, path


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a text that is not a path
        return False


def _check_apart(json_file: Path, out: Path | None, projects: Sequence[Path]) -> None:
    if out is not None and same_file(json_file, out):
        raise InputError(f"--json {json_file} and --out {out} are the same file; choose another name")
    name = json_file.name.casefold()
    if name not in OWN_NAMES and json_file.suffix.casefold() not in OWN_SUFFIXES:
        return
    for folder in projects if out is None else (out, *projects):
        if json_file.resolve().is_relative_to(folder.resolve()):
            raise InputError(f"--json {json_file} has the name of a result in {folder}; choose another name")
