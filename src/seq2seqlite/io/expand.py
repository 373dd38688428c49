"""Patterns and folders of measurements, which not every shell expands."""

import glob
from collections import Counter
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from seq2seqlite.errors import InputError
from seq2seqlite.io.cameras.gate_series import GATE_SUFFIXES
from seq2seqlite.io.measurement import SUFFIXES

__all__ = ["distinct_names", "expanded"]


def expanded(files: Sequence[str | PathLike[str]], /, *, folders: bool = True) -> list[Path]:
    """Return measurements, with patterns replaced by the files that match and folders by their measurements.

    Parameters
    ----------
    files : sequence of path-like
        Files, folders, or patterns with ``*``, ``?`` or ``[``.
    folders : bool
        Replace folders by their measurements.

    Returns
    -------
    list of pathlib.Path
        Existing names are not patterns. A folder of TIFF or PNG images, and a ``.zarr`` folder, is one
        measurement.

    Raises
    ------
    InputError
        If no file matches a pattern.

    Examples
    --------
    >>> [path.name for path in expanded(["a.ptu"])]
    ['a.ptu']
    """
    found: list[Path] = []
    for file in files:
        path = Path(file)
        if not path.exists() and glob.has_magic(str(file)):
            matches = sorted(glob.glob(str(file), recursive=True))  # noqa: PTH207 - also absolute patterns
            if not matches:
                raise InputError(f"no file matches {file}; check the pattern")
            found += [Path(match) for match in matches]
        else:
            found += _measurements(path) if folders else [path]
    return found


def distinct_names(files: Sequence[Path], /) -> list[str]:
    """Return the names of files; where two are equal, with the name of the folder in front.

    Examples
    --------
    >>> distinct_names([Path("/monday/a.ptu"), Path("/tuesday/a.ptu"), Path("/tuesday/b.ptu")])
    ['monday-a.ptu', 'tuesday-a.ptu', 'b.ptu']
    """
    # Folders on Windows and macOS do not distinguish upper and lower case.
    names = Counter(file.name.casefold() for file in dict.fromkeys(files))
    return [
        file.name if names[file.name.casefold()] == 1 else f"{file.resolve().parent.name}-{file.name}"
        for file in files
    ]


def _measurements(path: Path) -> list[Path]:
    """Return the measurements in a folder; the path itself if it is one measurement."""
    if not path.is_dir() or path.suffix.lower() == ".zarr":
        return [path]
    items = sorted(item for item in path.iterdir() if not item.name.startswith("."))
    if any(item.suffix.lower() in GATE_SUFFIXES for item in items):
        return [path]
    return [item for item in items if item.suffix.lower() in SUFFIXES] or [path]
