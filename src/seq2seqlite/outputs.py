"""Overwrite protection: only files recorded as output of seq2seqlite are overwritten."""

import hashlib
import json
import os
import shutil
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seq2seqlite.errors import InputError

__all__ = ["OutputSet", "describe_output", "describe_outputs", "same_file", "unchanged"]


@dataclass(frozen=True)
class OutputSet:
    """Set of files that a command writes to a folder, recorded in a JSON file in that folder.

    Parameters
    ----------
    folder : pathlib.Path
        Output folder.
    records : mapping of str to collection of str
        Names of the JSON records, and the keys that identify a record of seq2seqlite. A record lists its
        files under ``outputs`` (a mapping by name) or ``files`` (paths).
    names : collection of str
        Names that belong to the set whenever a record exists.

    See Also
    --------
    describe_outputs : Return ``describe_output`` of each name in a folder.
    """

    folder: Path
    records: Mapping[str, Collection[str]]
    names: Collection[str] = ()

    def earlier(self) -> set[str]:
        """Return the recorded names of the files of an earlier run."""
        found: set[str] = set()
        for record, keys in self.records.items():
            content = _json_object(self.folder / record)
            if content is not None and set(keys) <= set(content):
                found |= {record, *self.names, *_recorded_names(content)}
        return found

    def check(self, names: Iterable[str], /) -> None:
        """Raise InputError if a file to be written exists and is not recorded by an earlier run.

        Parameters
        ----------
        names : iterable of str
            Names of the files and folders to be written.

        Raises
        ------
        InputError
            If one of the names exists and is not in a record.
        """
        own = self.earlier()
        for name in sorted(names):
            if name not in own and os.path.lexists(self.folder / name):
                raise InputError(
                    f"{self.folder / name} is not recorded as a result of seq2seqlite; "
                    f"move it or choose another folder"
                )

    def prepare(self, names: Collection[str], /) -> None:
        """Check the names, and remove the files of an earlier run that will not be overwritten."""
        self.check(names)
        self.remove_stale(names)

    def remove_stale(self, names: Collection[str], /) -> None:
        """Remove the recorded files of an earlier run that are not among the names."""
        for name in sorted(self.earlier() - set(names) - set(self.records)):
            _remove(self.folder / name)


def describe_output(path: Path, /) -> dict[str, Any]:
    """Return size and digest of a file or folder.

    The digest of a folder covers relative names and sizes, but not contents, which may be terabytes.

    See Also
    --------
    describe_outputs : Return ``describe_output`` of each name in a folder.
    unchanged : Return whether all recorded outputs exist with their recorded size and digest.

    Examples
    --------
    >>> describe_output(Path(__file__).parent / "none")
    {}
    """
    if path.is_file():
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return {"bytes": path.stat().st_size, "sha256": digest}
    if not path.is_dir():
        return {}
    listing, n_files, n_bytes = hashlib.sha256(), 0, 0
    for item in sorted(item for item in path.rglob("*") if item.is_file()):
        size = item.stat().st_size
        n_files, n_bytes = n_files + 1, n_bytes + size
        listing.update(f"{item.relative_to(path).as_posix()}\0{size}\n".encode(errors="surrogateescape"))
    return {"files": n_files, "bytes": n_bytes, "sha256_of_list": listing.hexdigest()}


def describe_outputs(folder: Path, names: Iterable[str], /) -> dict[str, dict[str, Any]]:
    """Return :func:`describe_output` of each name in a folder.

    See Also
    --------
    describe_output : Return size and digest of a file or folder.
    unchanged : Return whether all recorded outputs exist with their recorded size and digest.
    """
    return {name: describe_output(folder / name) for name in sorted(names)}


def unchanged(folder: Path, outputs: Any, /) -> bool:
    """Return whether all recorded outputs exist with their recorded size and digest.

    See Also
    --------
    describe_outputs : Return ``describe_output`` of each name in a folder.
    """
    if not isinstance(outputs, Mapping) or not outputs:
        return False
    try:
        return all(
            _is_plain(name) and describe_output(folder / name) == known for name, known in outputs.items()
        )
    except OSError:
        return False


def same_file(first: Path, second: Path, /) -> bool:
    """Return whether two paths refer to the same file, e.g. through links or names that differ only in case.

    See Also
    --------
    OutputSet : Set of files that a command writes to a folder, recorded in a JSON file in that folder.

    Examples
    --------
    >>> same_file(Path("a/../Maps"), Path("maps"))
    True
    """
    one, other = first.resolve(), second.resolve()  # works for folders that do not exist yet
    there = one.exists(), other.exists()
    if all(there):
        return one.samefile(other)
    return not any(there) and str(one).casefold() == str(other).casefold()


def _json_object(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _recorded_names(content: Mapping[str, Any]) -> set[str]:
    outputs = content.get("outputs")
    if isinstance(outputs, dict):
        return {name for name in outputs if _is_plain(name)}
    files = content.get("files")
    names = [Path(file).name for file in files if isinstance(file, str)] if isinstance(files, list) else []
    return {name for name in names if _is_plain(name)}


def _is_plain(name: Any) -> bool:
    return isinstance(name, str) and name not in ("", ".", "..") and Path(name).name == name


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
