"""Records of finished work in output folders, by which an interrupted run resumes."""

import hashlib
import json
import shutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seq2seqlite.errors import InputError
from seq2seqlite.files import replace_when_done, writing
from seq2seqlite.json_text import json_text
from seq2seqlite.outputs import unchanged
from seq2seqlite.results.map_outputs import map_outputs

__all__ = ["Record", "input_state"]

# Fields by which an input is recognised; its path may change.
SAME_INPUT = ("name", "bytes", "files", "changed")


def input_state(path: Path, /) -> dict[str, Any]:
    """Return properties that identify an input and its changes, without reading its content.

    Parameters
    ----------
    path : pathlib.Path
        File or folder.

    Returns
    -------
    dict
        ``path``, ``name``, number of ``files`` and ``bytes``, and ``changed``, a digest of the names, sizes
        and modification times of all files.
    """
    digest, n_files, n_bytes = hashlib.sha256(), 0, 0
    for file in sorted(_files(path)):
        found = file.stat()
        n_files, n_bytes = n_files + 1, n_bytes + found.st_size
        digest.update(f"{file.relative_to(path)}\0{found.st_size}\0{found.st_mtime_ns}\n".encode())
    resolved = path.resolve()
    return {
        "path": str(resolved),
        "name": resolved.name,
        "files": n_files,
        "bytes": n_bytes,
        "changed": digest.hexdigest(),
    }


def _files(path: Path) -> Iterator[Path]:
    return iter([path]) if path.is_file() else (item for item in path.rglob("*") if item.is_file())


@dataclass(frozen=True)
class Record:
    """Record ``job.json`` of an output folder.

    Parameters
    ----------
    folder : pathlib.Path
        Output folder of one input.
    source : mapping
        State of the input, as returned by :func:`input_state`.
    made_by : mapping
        Everything else that determines the result: model, options and version.
    """

    folder: Path
    source: Mapping[str, Any]
    made_by: Mapping[str, Any]

    @property
    def path(self) -> Path:
        """File of the record."""
        return self.folder / "job.json"

    @property
    def parts(self) -> Path:
        """Folder of the finished parts of an unfinished job."""
        return self.folder / ".parts"

    def begin(self, *, again: bool = False, writes: Collection[str] = ()) -> None:
        """Prepare the folder; finished parts of the same job are kept, unless ``again`` is set.

        Parameters
        ----------
        again : bool
            Remove the parts of an unfinished run.
        writes : collection of str
            Names of outputs that are written in place, so that they belong to the job before it is finished.

        Raises
        ------
        InputError
            If the folder contains results of another input, or cannot be written.
        """
        found = self._found()
        if found is not None:
            earlier = found["input"]
            if earlier["path"] != self.source["path"] and not self._same_input(found):
                raise InputError(
                    f"{self.folder} contains the maps of {earlier['path']}, not of {self.source['path']}; "
                    f"choose another output folder, or delete it"
                )
        if again or found is None or not self._same(found):
            with writing(self.folder):
                if self.parts.exists():
                    shutil.rmtree(self.parts)
        self._write(done=False, writes=writes)

    def finished(self) -> dict[str, Any] | None:
        """Return the summary of an earlier, finished run of the same job, or None.

        All recorded files must exist with their recorded size and digest, the chunks of a zarr image too.
        """
        found = self._found()
        if found is None or not found["done"] or not self._same(found):
            return None
        try:
            summary: dict[str, Any] = json.loads((self.folder / "summary.json").read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            return None
        if not isinstance(summary, dict):
            return None
        return summary if unchanged(self.folder, summary.get("outputs")) else None

    def finish(self) -> None:
        """Mark the job as finished, and remove the parts."""
        self._write(done=True)
        shutil.rmtree(self.parts, ignore_errors=True)

    def _found(self) -> dict[str, Any] | None:
        try:
            found: Any = json.loads(self.path.read_text("utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, RecursionError) as error:
            raise InputError(f"{self.path} was not written by seq2seqlite; delete it") from error
        own = isinstance(found, dict) and {"input", "made_by", "done"} <= set(found)
        if not own or not isinstance(found["input"], dict) or "path" not in found["input"]:
            raise InputError(f"{self.path} was not written by seq2seqlite; delete it")
        return dict(found)

    def _same_input(self, found: Mapping[str, Any]) -> bool:
        return all(found["input"].get(name) == self.source[name] for name in SAME_INPUT)

    def _same(self, found: Mapping[str, Any]) -> bool:
        return self._same_input(found) and found["made_by"] == json.loads(json_text(self.made_by))

    def _write(self, *, done: bool, writes: Collection[str] = ()) -> None:
        found = map_outputs(self.folder).earlier() - {self.path.name}
        outputs = sorted({name for name in found if (self.folder / name).exists()} | set(writes))
        content = {"input": self.source, "made_by": self.made_by, "done": done}
        text = json_text(content | {"outputs": dict.fromkeys(outputs)})
        with replace_when_done(self.path) as temporary:
            temporary.write_text(text, encoding="utf-8")
