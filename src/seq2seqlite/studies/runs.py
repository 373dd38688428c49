"""Execution of the runs of a study, in one or more processes; an interrupted run resumes."""

import json
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from seq2seqlite.compression.compress import compress
from seq2seqlite.compression.cost import cost_figures
from seq2seqlite.compression.reduction import parameters_saved
from seq2seqlite.compression.write_back import dead_zone_fraction
from seq2seqlite.errors import InputError
from seq2seqlite.evaluation.accuracy import errors_over_bound
from seq2seqlite.evaluation.networks import evaluate_decays
from seq2seqlite.files import replace_when_done
from seq2seqlite.json_text import json_text
from seq2seqlite.models import Network
from seq2seqlite.parallel import workers_for
from seq2seqlite.provenance import provenance
from seq2seqlite.simulation.decay_set import reference_set
from seq2seqlite.simulation.instrument import load_instrument
from seq2seqlite.studies.study import PlannedRun, Study
from seq2seqlite.training.loop import Progress
from seq2seqlite.training.malloc import MALLOC_SETTINGS

__all__ = ["RunResult", "evaluated", "perform", "perform_all", "read_result"]

# Number of decays for the dead-zone statistics; they give millions of updates.
DEAD_ZONE_DECAYS = 500


@dataclass(frozen=True)
class RunResult:
    """Result of a run of a study: metrics, cost figures and learning curve.

    Parameters
    ----------
    id : str
        Identifier of the run.
    figures : dict or None
        Metrics and cost figures (:func:`evaluated`); None for a failed run.
    curve : list of dict
        Learning curve.
    summary : dict
        Number of steps and decays, duration in seconds, machine and versions.
    failure : str or None
        Reason of the failure; None for a successful run.

    See Also
    --------
    perform : Perform one run, or resume it after an interruption, and store its result.
    read_result : Return the stored result of a run, or None if the run is not finished.
    """

    id: str
    figures: dict[str, Any] | None
    curve: list[dict[str, float]]
    summary: dict[str, Any]
    failure: str | None = None


def perform_all(
    study: Study,
    folder: Path,
    /,
    *,
    workers: int = 1,
    scheduler: str | None = None,
    progress: Callable[[PlannedRun], Progress] | None = None,
    finished: Callable[[RunResult], None] | None = None,
) -> dict[str, RunResult]:
    """Perform all runs of a study that have no result yet, and return the results of all runs.

    Parameters
    ----------
    study : Study
        Study.
    folder : pathlib.Path
        Folder of the results, with one subfolder per run; all workers need access to it.
    workers : int
        Number of processes on this machine.
    scheduler : str, optional
        Address of a Dask scheduler whose workers are used instead of local processes.
    progress : callable, optional
        Called with a run; returns a callable that is called after each step of this run (one process only).
    finished : callable, optional
        Called with each result as soon as it is available.

    See Also
    --------
    perform : Perform one run, or resume it after an interruption, and store its result.
    seq2seqlite.run_study :
        Compare compression techniques on one instrument, and write a report; the command ``study``.
    """
    results: dict[str, RunResult] = {}
    waiting = []
    for run in study.runs:
        known = read_result(folder, run)
        if known is None:
            waiting.append(run)
        else:
            _note(known, results, finished)
    if workers == 1 and scheduler is None:
        for run in waiting:
            _note(perform(study, run, folder, progress=progress and progress(run)), results, finished)
    else:
        work = partial(_performed, study=study, folder=folder.resolve())
        with workers_for(workers, scheduler, own_cores=True, environment=MALLOC_SETTINGS) as pool:
            for group in _in_order_of_need(waiting):
                for _, outcome in pool.run(work, group):
                    if outcome.error is not None:
                        raise outcome.error
                    assert outcome.result is not None
                    _note(outcome.result, results, finished)
    return {run.id: results[run.id] for run in study.runs}


def perform(study: Study, run: PlannedRun, folder: Path, /, *, progress: Progress | None = None) -> RunResult:
    """Perform one run, or resume it after an interruption, and store its result.

    The result of a failed run contains the reason. Unless the reason is invalid input, the traceback is
    written to ``traceback.txt``. Delete the folder of a failed run to repeat it.

    See Also
    --------
    perform_all : Perform all runs of a study that have no result yet, and return the results of all runs.
    """
    place = folder / run.id
    place.mkdir(parents=True, exist_ok=True)
    checkpoint = place / "checkpoint.npz"
    try:
        made = compress(run.recipe_in(folder), checkpoint=checkpoint, progress=progress)
        made.model.write(place / "student.npz")
        figures = evaluated(made.model, study)
        result = RunResult(run.id, figures, made.curve, {**made.summary, "provenance": provenance()})
    except InputError as error:
        result = RunResult(run.id, None, [], {}, str(error))
    except ImportError:
        raise  # a missing package affects every run
    except Exception as error:  # noqa: BLE001 - one failed run must not stop a study; the traceback is stored
        (place / "traceback.txt").write_text(traceback.format_exc(), encoding="utf-8")
        reason = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        result = RunResult(run.id, None, [], {}, f"{reason} (see {place / 'traceback.txt'})")
    with replace_when_done(place / "result.json") as temporary:
        temporary.write_text(json_text(vars(result)), encoding="utf-8")
    checkpoint.unlink(missing_ok=True)
    return result


def evaluated(network: Network, study: Study, /) -> dict[str, Any]:
    """Return metrics on the study's reference set, cost figures and dead zone of a network.

    Returns
    -------
    dict
        ``total``, ``short``, ``long``, ``lifetime`` as :func:`~seq2seqlite.training.evaluate_decays`;
        ``over_bound`` as :func:`~seq2seqlite.evaluation.accuracy.errors_over_bound`; ``cost`` as
        :func:`~seq2seqlite.compression.cost.cost_figures`, ``parameters_saved`` among them;
        ``dead_zone`` or None.

    See Also
    --------
    seq2seqlite.evaluation.evaluate_decays : Return a model's metrics on a set of decays.
    seq2seqlite.compression.cost.cost_figures : Return the cost figures of a network.
    """
    data = reference_set(study.instrument, n=study.reference_decays)
    metrics = evaluate_decays(network, data)
    dead_zone = None if network.formats is None else dead_zone_fraction(network, data.tpsf[:DEAD_ZONE_DECAYS])
    cost = {**cost_figures(network), "parameters_saved": round(parameters_saved(network.architecture), 4)}
    return {
        **{key: metrics[key] for key in ("n", "total", "short", "long", "lifetime")},
        "over_bound": errors_over_bound(network, load_instrument(study.instrument)),
        "cost": cost,
        "dead_zone": dead_zone,
    }


def read_result(folder: Path, run: PlannedRun, /) -> RunResult | None:
    """Return the stored result of a run, or None if the run is not finished.

    See Also
    --------
    perform : Perform one run, or resume it after an interruption, and store its result.
    RunResult : Result of a run of a study: metrics, cost figures and learning curve.
    """
    try:
        return RunResult(**json.loads((folder / run.id / "result.json").read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"{folder / run.id / 'result.json'} cannot be read ({error}); delete it to repeat the run"
        ) from None


def _note(
    result: RunResult, results: dict[str, RunResult], finished: Callable[[RunResult], None] | None
) -> None:
    results[result.id] = result
    if finished is not None:
        finished(result)


def _in_order_of_need(runs: Sequence[PlannedRun]) -> Iterator[list[PlannedRun]]:
    """Yield groups of runs; a group contains the runs whose required runs are in earlier groups."""
    waiting = list(runs)
    while waiting:
        pending = {run.id for run in waiting}
        ready = [run for run in waiting if pending.isdisjoint(run.needs)]
        yield ready
        waiting = [run for run in waiting if run not in ready]


def _performed(run: PlannedRun, *, study: Study, folder: Path) -> RunResult:
    return perform(study, run, folder)
