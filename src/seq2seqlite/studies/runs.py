"""Execution of the runs of a study, in one or more processes; an interrupted run resumes."""

import time
import traceback
from collections.abc import Callable, Iterator, Sequence
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
from seq2seqlite.models import Network
from seq2seqlite.parallel import Workers, workers_for
from seq2seqlite.provenance import provenance
from seq2seqlite.simulation.decay_set import reference_set
from seq2seqlite.simulation.instrument import load_instrument
from seq2seqlite.studies.baselines.objective import BaselineNetwork, baseline_cost, train_baseline
from seq2seqlite.studies.folder import CHECKPOINT, STUDENT, RunResult, claimed, read_result, write_result
from seq2seqlite.studies.search import generations
from seq2seqlite.studies.study import PlannedRun, Study
from seq2seqlite.training.card import machine
from seq2seqlite.training.loop import Progress
from seq2seqlite.training.malloc import MALLOC_SETTINGS

__all__ = ["evaluated", "perform", "perform_all"]

# Number of decays for the dead-zone statistics; they give millions of updates.
DEAD_ZONE_DECAYS = 500
# Interval at which a process looks for the results of runs that other processes perform.
POLL_SECONDS = 1.0


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

    Several processes, also of several machines, may perform the runs of one folder at the same time: each run
    is performed by one of them, and the others wait for its result.

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

    def note(result: RunResult) -> None:
        results[result.id] = result
        if finished is not None:
            finished(result)

    for part in generations(study, folder):
        waiting = []
        for run in part:
            known = read_result(folder, run)
            if known is None:
                waiting.append(run)
            else:
                note(known)
        if workers == 1 and scheduler is None:
            _perform_here(study, waiting, folder, note, progress)
        elif waiting:
            work = partial(_performed, study=study, folder=folder.resolve())
            with workers_for(workers, scheduler, own_cores=True, environment=MALLOC_SETTINGS) as pool:
                _perform_by(pool, work, waiting, note)
    return results


def _perform_by(
    pool: Workers,
    work: Callable[[PlannedRun], RunResult],
    runs: Sequence[PlannedRun],
    note: Callable[[RunResult], None],
) -> None:
    for group in _in_order_of_need(runs):
        for _, outcome in pool.run(work, group):
            if outcome.error is not None:
                raise outcome.error
            assert outcome.result is not None
            note(outcome.result)


def _perform_here(
    study: Study,
    runs: Sequence[PlannedRun],
    folder: Path,
    note: Callable[[RunResult], None],
    progress: Callable[[PlannedRun], Progress] | None,
) -> None:
    """Perform runs one after the other, except those that other processes perform."""
    waiting = list(runs)
    while waiting:
        left = []
        for run in waiting:
            ready = all(read_result(folder, needed) is not None for needed in _needed(study, run))
            result = perform(study, run, folder, progress=progress and progress(run)) if ready else None
            if result is None:
                left.append(run)
            else:
                note(result)
        if len(left) == len(waiting):
            time.sleep(POLL_SECONDS)
        waiting = left


def _needed(study: Study, run: PlannedRun) -> list[PlannedRun]:
    return [other for other in study.runs if other.id in run.needs]


def perform(
    study: Study, run: PlannedRun, folder: Path, /, *, progress: Progress | None = None
) -> RunResult | None:
    """Perform one run, or resume it after an interruption, and store its result.

    The result of a failed run contains the reason. Unless the reason is invalid input, the traceback is
    written to ``traceback.txt``. Delete the folder of a failed run to repeat it.

    Returns
    -------
    RunResult or None
        None if another process performs the run.

    See Also
    --------
    perform_all : Perform all runs of a study that have no result yet, and return the results of all runs.
    """
    with claimed(folder, run) as mine:
        if not mine:
            return None
        known = read_result(folder, run)
        if known is not None:  # another process has finished it meanwhile
            return known
        write_result(folder, _new_result(study, run, folder, progress))
        (folder / run.id / CHECKPOINT).unlink(missing_ok=True)
        return read_result(folder, run)  # the tables are the same when the study is repeated


def _new_result(study: Study, run: PlannedRun, folder: Path, progress: Progress | None) -> RunResult:
    place = folder / run.id
    try:
        recipe, checkpoint = run.recipe_in(folder), place / CHECKPOINT
        if run.baseline is None:
            made = compress(recipe, checkpoint=checkpoint, progress=progress)
        else:
            made = train_baseline(recipe.training, run.baseline, checkpoint=checkpoint, progress=progress)
        made.model.write(place / STUDENT)
        figures = evaluated(made.model, study)
        about = {"machine": machine(), "provenance": provenance()}
        return RunResult(run.id, figures, made.curve, {**made.summary, **about})
    except InputError as error:
        return RunResult(run.id, None, [], {}, str(error))
    except ImportError:
        raise  # a missing package affects every run
    except Exception as error:  # noqa: BLE001 - one failed run must not stop a study; the traceback is stored
        (place / "traceback.txt").write_text(traceback.format_exc(), encoding="utf-8")
        reason = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        return RunResult(run.id, None, [], {}, f"{reason} (see {place / 'traceback.txt'})")


def evaluated(network: Network | BaselineNetwork, study: Study, /) -> dict[str, Any]:
    """Return metrics on the study's reference set, cost figures and dead zone of a network.

    Returns
    -------
    dict
        ``total``, ``short``, ``long``, ``lifetime`` as :func:`~seq2seqlite.training.evaluate_decays`;
        ``over_bound`` as ``seq2seqlite.evaluation.accuracy.errors_over_bound``; ``cost`` as
        :func:`~seq2seqlite.compression.cost.cost_figures`, ``parameters_saved`` among them;
        ``dead_zone`` or None.

    See Also
    --------
    seq2seqlite.evaluation.evaluate_decays : Return a model's metrics on a set of decays.
    seq2seqlite.compression.cost.cost_figures : Return the cost figures of a network.
    """
    data = reference_set(study.instrument, n=study.reference_decays)
    metrics = evaluate_decays(network, data)
    dead_zone = None
    if isinstance(network, Network):
        cost = cost_figures(network)
        if network.formats is not None:
            dead_zone = dead_zone_fraction(network, data.tpsf[:DEAD_ZONE_DECAYS])
    else:
        cost = baseline_cost(network)
    cost["parameters_saved"] = round(parameters_saved(cost["parameters"]), 4)
    return {
        **{key: metrics[key] for key in ("n", "total", "short", "long", "lifetime")},
        "over_bound": errors_over_bound(
            network, load_instrument(study.instrument), repeats=study.bound_repeats
        ),
        "cost": cost,
        "dead_zone": dead_zone,
    }


def _in_order_of_need(runs: Sequence[PlannedRun]) -> Iterator[list[PlannedRun]]:
    """Yield groups of runs; a group contains the runs whose required runs are in earlier groups."""
    waiting = list(runs)
    while waiting:
        pending = {run.id for run in waiting}
        ready = [run for run in waiting if pending.isdisjoint(run.needs)]
        yield ready
        waiting = [run for run in waiting if run not in ready]


def _performed(run: PlannedRun, *, study: Study, folder: Path) -> RunResult:
    while (result := perform(study, run, folder)) is None:
        time.sleep(POLL_SECONDS)
    return result
