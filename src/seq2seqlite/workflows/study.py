"""Comparison of compression techniques: all runs of a study, and its report."""

from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from seq2seqlite.errors import InputError
from seq2seqlite.reports.study_report import check_study_folder, write_study_report
from seq2seqlite.studies.folder import RunResult, join_folders, read_result
from seq2seqlite.studies.runs import perform_all
from seq2seqlite.studies.search import planned_so_far
from seq2seqlite.studies.study import PlannedRun, Study, load_study
from seq2seqlite.training.loop import Progress
from seq2seqlite.training.malloc import malloc_hint

__all__ = ["run_study"]


def run_study(
    study: str | Path | Study,
    out: str | PathLike[str],
    /,
    *,
    workers: int = 1,
    scheduler: str | None = None,
    join: Sequence[str | PathLike[str]] = (),
    report_only: bool = False,
    progress: Callable[[PlannedRun], Progress] | None = None,
    finished: Callable[[RunResult], None] | None = None,
    report: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Compare compression techniques on one instrument, and write a report; the command ``study``.

    Runs that have a result from an earlier call are not repeated.

    Parameters
    ----------
    study : str, path or Study
        Name of a shipped study, TOML file, or study.
    out : path-like
        Output folder for ``report.html``, ``study.md`` and ``study.json``; the runs are in its subfolder
        ``runs``. An interrupted study resumes from there.
    workers, scheduler, progress, finished
        As for :func:`~seq2seqlite.studies.runs.perform_all`.
    join : sequence of path-like
        Output folders of the same study, for example from other machines, whose finished runs and checkpoints
        are copied first.
    report_only : bool
        Write the report of the finished runs, and perform none.
    report : callable, optional
        Called with one line that states how to train faster, if there is a way.

    Returns
    -------
    dict
        Content of ``study.json`` (:func:`~seq2seqlite.reports.study_report.write_study_report`). A failed run
        has its reason under ``failure`` in ``rows``.

    Raises
    ------
    InputError
        If the study is invalid, ``workers`` is not positive, the folder has the report of another study, a
        stored result cannot be read, or a folder to join does not exist.

    See Also
    --------
    seq2seqlite.compress_model : One student, without comparison.
    seq2seqlite.studies.study.load_study : The study alone.
    """
    if workers < 1:
        raise InputError(f"workers={workers} must be >= 1")
    found = study if isinstance(study, Study) else load_study(study)
    folder = Path(out)
    check_study_folder(found, folder)
    _join(found, folder / "runs", [Path(other) for other in join])
    if report_only:
        found = planned_so_far(found, folder / "runs")
        known = {run.id: read_result(folder / "runs", run) for run in found.runs}
        return write_study_report(found, {run: one for run, one in known.items() if one is not None}, folder)
    hint = malloc_hint()
    if report is not None and hint is not None and workers == 1:  # started processes have the settings
        report(hint)
    results = perform_all(
        found,
        folder / "runs",
        workers=workers,
        scheduler=scheduler,
        progress=progress,
        finished=finished,
    )
    return write_study_report(planned_so_far(found, folder / "runs"), results, folder)


def _join(study: Study, folder: Path, others: list[Path]) -> None:
    """Copy what other folders have of a study; the results of a generation give the runs of the next one."""
    while join_folders(planned_so_far(study, folder), folder, others):
        pass
