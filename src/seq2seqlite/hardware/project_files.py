"""Folders that hold a design or its C++: how their files are made, kept apart from others, and read."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seq2seqlite.errors import InputError

__all__ = ["check_folder", "read_facts", "templates"]

if TYPE_CHECKING:
    from jinja2 import Environment


def check_folder(folder: Path, /, *, paper: str, kind: str) -> None:
    """Check that a folder may be written to.

    Parameters
    ----------
    folder : pathlib.Path
        Folder.
    paper : str
        File that tells a project of this kind: such a folder may be written to again.
    kind : str
        What the error calls the project.

    Raises
    ------
    InputError
        If there is something else under its name.
    """
    if folder.exists() and not _is_own(folder / paper) and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is not empty and no {kind}; name a new folder")


def _is_own(paper: Path) -> bool:
    """Return whether a description is of a project of seq2seqlite; a damaged one may be written again."""
    try:
        found = json.loads(paper.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return True
    except OSError:
        return False
    return isinstance(found, dict) and str(found.get("format", "")).startswith("seq2seqlite ")


def read_facts(path: Path, /, *, remedy: str) -> dict[str, Any]:
    """Read a JSON object.

    Parameters
    ----------
    path : pathlib.Path
        File.
    remedy : str
        What the error tells its user to do.

    Returns
    -------
    dict

    Raises
    ------
    InputError
        If it cannot be read, or is something else than an object.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged ({error!r}); {remedy}") from None
    if not isinstance(found, dict):
        raise InputError(f"{path} is damaged (it holds no object of JSON); {remedy}")
    return found


def templates(package: str, /) -> "Environment":
    """Return the templates of a package's folder ``templates``; a name that one does not know is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader(package)
    return Environment(loader=loader, undefined=StrictUndefined, keep_trailing_newline=True)  # noqa: S701  (no HTML)
