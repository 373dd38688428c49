"""Folder of the runs of a study: results, claims of processes that share the work, and joined folders."""

import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seq2seqlite.errors import InputError
from seq2seqlite.files import replace_when_done
from seq2seqlite.json_text import json_text
from seq2seqlite.studies.study import PlannedRun, Study

try:
    import fcntl
except ImportError:  # Windows: processes do not share the work there
    fcntl = None  # type: ignore[assignment]

__all__ = ["RunResult", "claimed", "join_folders", "read_result", "write_result"]

RESULT, STUDENT, CHECKPOINT = "result.json", "student.npz", "checkpoint.npz"


@dataclass(frozen=True)
class RunResult:
    """Result of a run of a study: metrics, cost figures and learning curve.

    Parameters
    ----------
    id : str
        Identifier of the run.
    figures : dict or None
        Metrics and cost figures (:func:`~seq2seqlite.studies.runs.evaluated`); None for a failed run.
    curve : list of dict
        Learning curve.
    summary : dict
        Number of steps and decays, convergence, duration in seconds, machine and versions.
    failure : str or None
        Reason of the failure; None for a successful run.

    See Also
    --------
    seq2seqlite.studies.runs.perform :
        Perform one run, or resume it after an interruption, and store its result.
    read_result : Return the stored result of a run, or None if the run is not finished.
    """

    id: str
    figures: dict[str, Any] | None
    curve: list[dict[str, float]]
    summary: dict[str, Any]
    failure: str | None = None


def read_result(folder: Path, run: PlannedRun, /) -> RunResult | None:
    """Return the stored result of a run, or None if the run is not finished.

    Raises
    ------
    InputError
        If the result cannot be read.

    See Also
    --------
    write_result : Store a result.
    """
    place = folder / run.id / RESULT
    try:
        return RunResult(**json.loads(place.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise InputError(f"{place} cannot be read ({error}); delete it to repeat the run") from None


def write_result(folder: Path, result: RunResult, /) -> None:
    """Store a result; the file appears whole or not at all.

    See Also
    --------
    read_result : Return the stored result of a run, or None if the run is not finished.
    """
    with replace_when_done(folder / result.id / RESULT) as temporary:
        temporary.write_text(json_text(vars(result)), encoding="utf-8")


@contextmanager
def claimed(folder: Path, run: PlannedRun, /) -> Iterator[bool]:
    """Claim a run for the time of the context, so that no other process performs it.

    The operating system releases the claim of a process that ends, also of a killed one. Processes of several
    machines share a folder of a file system with locks, for example NFS 4.

    Yields
    ------
    bool
        False if another process has claimed the run.

    See Also
    --------
    seq2seqlite.studies.runs.perform :
        Perform one run, or resume it after an interruption, and store its result.
    """
    place = folder / run.id
    place.mkdir(parents=True, exist_ok=True)
    with (place / "claim").open("w", encoding="utf-8") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
        yield True


def join_folders(study: Study, folder: Path, others: Iterable[Path], /) -> list[str]:
    """Copy what other folders have of a study: finished runs with their models, and checkpoints.

    A run that is finished in ``folder`` is left alone.

    Parameters
    ----------
    study : Study
        Study.
    folder : pathlib.Path
        Folder of the runs.
    others : iterable of pathlib.Path
        Output folders of the same study, for example from another machine.

    Returns
    -------
    list of str
        Identifiers of the runs of which a result was copied.

    Raises
    ------
    InputError
        If another folder does not exist, or a result there cannot be read.

    See Also
    --------
    seq2seqlite.run_study :
        Compare compression techniques on one instrument, and write a report; the command ``study``.
    """
    copied = []
    for other in others:
        if not (other / "runs").is_dir():
            raise InputError(f"{other} does not have the runs of a study (folder 'runs'); check the path")
        for run in study.runs:
            if not (other / "runs" / run.id).is_dir() or read_result(folder, run) is not None:
                continue
            with claimed(folder, run) as mine:
                if not mine:
                    continue
                found = read_result(other / "runs", run)
                # The result is copied last: with it, the run is finished.
                names = (CHECKPOINT,) if found is None else (STUDENT, RESULT)
                for name in names:
                    _copy(other / "runs" / run.id / name, folder / run.id / name)
                if found is not None:
                    copied.append(run.id)
    return copied


def _copy(source: Path, target: Path) -> None:
    if source.is_file() and not target.exists():
        with replace_when_done(target) as temporary:
            shutil.copyfile(source, temporary)
