"""Project folders: checks before writing, reading of manifests, and Jinja templates."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seq2seqlite.errors import InputError

__all__ = ["check_folder", "read_facts", "templates"]

if TYPE_CHECKING:
    from jinja2 import Environment


def check_folder(folder: Path, /, *, manifest: str, kind: str) -> None:
    """Check that a project may be written to a folder: it is new, empty, or holds a project of this kind.

    Parameters
    ----------
    folder : pathlib.Path
        Folder to write to.
    manifest : str
        Name of the manifest that identifies a project of this kind.
    kind : str
        Kind of project in the error message, with its article.

    Raises
    ------
    InputError
        If the folder contains other files, or is a file.
    """
    if folder.exists() and not _is_own(folder / manifest) and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is not empty and not {kind}; choose a new or empty folder")


def _is_own(manifest: Path) -> bool:
    """Return whether a manifest was written by seq2seqlite. A damaged manifest may be overwritten."""
    try:
        found = json.loads(manifest.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return True
    except OSError:
        return False
    return isinstance(found, dict) and str(found.get("format", "")).startswith("seq2seqlite ")


def read_facts(path: Path, /, *, remedy: str) -> dict[str, Any]:
    """Read a JSON object from a file.

    Parameters
    ----------
    path : pathlib.Path
        JSON file.
    remedy : str
        Last part of the error message: how to repair the file.

    Returns
    -------
    dict

    Raises
    ------
    InputError
        If the file cannot be read, or does not contain a JSON object.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged ({error!r}); {remedy}") from None
    if not isinstance(found, dict):
        raise InputError(f"{path} is damaged (it does not contain a JSON object); {remedy}")
    return found


def templates(package: str, /) -> "Environment":
    """Return the Jinja environment of the folder ``templates`` of a package. Undefined names are errors."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader(package)
    return Environment(loader=loader, undefined=StrictUndefined, keep_trailing_newline=True)  # noqa: S701  (no HTML)
