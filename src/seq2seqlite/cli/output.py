"""Common output of all commands: JSON results, checks of output paths, and option names in errors."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import typer

from seq2seqlite.errors import InputError
from seq2seqlite.files import check_path, replace_when_done
from seq2seqlite.json_text import json_text
from seq2seqlite.outputs import same_file

__all__ = [
    "COMMAND",
    "OPTIONS",
    "JsonOption",
    "check_json_file",
    "check_outputs",
    "with_option_names",
    "write_json",
]

JsonOption = Annotated[
    Path | None,
    typer.Option("--json", metavar="FILE", dir_okay=False, help="Also write the result to FILE as JSON."),
]
"""Option ``--json`` of all commands."""

COMMAND: ContextVar[str] = ContextVar("COMMAND", default="seq2seqlite")
"""Running command, e.g. ``seq2seqlite image``."""

OPTIONS: ContextVar[Mapping[str | None, str]] = ContextVar("OPTIONS", default=MappingProxyType({}))
"""Options of the running command by the names of their Python parameters, e.g. ``period_ns: --period-ns``."""

# Key of a JSON result for the name of the command that wrote it.
WRITTEN_BY = "written_by"
# A parameter in an error message: a name before "=", or a name with an underscore.
PARAMETER = re.compile(r"(?<![\w./-])([a-z]+(?:_[a-z]+)+(?![\w./-])|[a-z]+(?==))")
# Names of JSON files in the output folders of commands.
OWN_NAMES = frozenset(
    {
        *("summary.json", "manifest.json", "job.json", "stream.json", "study.json", "design.json"),
        *("hardware.json", "accuracy.json", "components.json", "settings.json", "result.json", "hls.json"),
        *("simulation.json", "synthesis.json", *(f"place-and-route-{speed}.json" for speed in (6, 7, 8))),
    }
)
# Suffixes of images, tables, models and programs in the output folders of commands.
OWN_SUFFIXES = frozenset({".tif", ".png", ".npz", ".csv", ".md", ".html", ".program", ".v"})
# Parameters whose folders are measurements, into which nothing may be written.
MEASUREMENTS = frozenset({"files", "source", "pixels", "dark", "flat"})


def with_option_names(text: str, /) -> str:
    """Return an error message with the options of the running command for the Python parameters in it.

    Parameters
    ----------
    text : str
        Message of a library error. It names parameters with their value (``binning=9``) or, if they have an
        underscore, without (``period_ns``). The option may lack the suffix ``_s`` (``--timeout``).

    Examples
    --------
    >>> token = OPTIONS.set({"period_ns": "--period-ns"})
    >>> with_option_names("the laser period is unknown; pass period_ns in ns")
    'the laser period is unknown; pass period_ns in ns (option --period-ns)'
    >>> OPTIONS.reset(token)
    """
    options = OPTIONS.get()
    named = (options.get(name, options.get(name.removesuffix("_s"))) for name in PARAMETER.findall(text))
    found = [option for option in dict.fromkeys(named) if option is not None and option not in text]
    if not found:
        return text
    return f"{text} (option{'s' if len(found) > 1 else ''} {', '.join(found)})"


def check_outputs(command: str, parameters: Mapping[str, Any], /) -> None:
    """Reject outputs that would replace an input, each other, or a file that the command did not write.

    Parameters
    ----------
    command : str
        Command that is about to run.
    parameters : mapping
        Parameters of the command by name. ``json_file`` and ``out`` are outputs; all other existing files and
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
                raise InputError(f"{option} {path} is inside the input {given}; choose another folder")
    json_file, out = outputs["--json"], outputs["--out"]
    if json_file is not None:
        check_json_file(json_file, command)
        folders = [given for _, given in inputs if given.is_dir()]
        _check_apart(Path(json_file), None if out is None else Path(out), folders)


def check_json_file(path: str | PathLike[str], command: str, /) -> None:
    """Reject the replacement of a file that was not written by ``--json`` of the same command.

    Raises
    ------
    InputError
        If the file exists and was not written by the command.
    """
    check_path(path)
    file = Path(path).resolve()  # also if a parent folder does not exist yet
    if not file.is_file() or not file.stat().st_size or _writer(file) == command:
        return
    raise InputError(
        f"{path} exists and was not written by '{command} --json'; move it or choose another name"
    )


def write_json(path: str | PathLike[str] | None, result: Mapping[str, Any] | Sequence[Any], /) -> None:
    """Write the result of a command as JSON.

    Parameters
    ----------
    path : path-like or None
        File of the option ``--json``; nothing is written if it is None.
    result : mapping or sequence
        Result, as for :func:`~seq2seqlite.json_text.json_text`. The key ``written_by`` with the name of the
        command is added to the mapping, or to each mapping of the sequence, to recognise the file later.

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
    """Yield the existing files and folders among the values of parameters."""
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
    except (OSError, ValueError):  # the text is not a valid path
        return False


def _check_apart(json_file: Path, out: Path | None, projects: Sequence[Path]) -> None:
    if out is not None and same_file(json_file, out):
        raise InputError(f"--json {json_file} and --out {out} are the same file; choose another name")
    name = json_file.name.casefold()
    if name not in OWN_NAMES and json_file.suffix.casefold() not in OWN_SUFFIXES:
        return
    for folder in projects if out is None else (out, *projects):
        if json_file.resolve().is_relative_to(folder.resolve()):
            raise InputError(
                f"--json {json_file} has the name of an output file in {folder}; choose another name"
            )
