"""Tables of a compression study, computed from the results of its runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from seq2seqlite.models import model_card, model_names
from seq2seqlite.studies.folder import RunResult
from seq2seqlite.studies.study import Study

__all__ = [
    "PUBLISHED",
    "TEACHER",
    "Row",
    "Summary",
    "pareto_front",
    "record",
    "reference_error",
    "study_rows",
    "summaries",
]

TEACHER = "teacher"
"""Group of the runs that train teachers."""

# Erbas et al. 2024, total channel, for their own 160,000 test decays. Only the ratio of student to teacher is
# comparable.
PUBLISHED = {
    "teacher": {"rmse": 0.0139, "r2": 0.9921, "l2": 0.1125},
    "8-bit KD student": {"rmse": 0.0162, "r2": 0.9890, "l2": 0.1429},
}
RECORDED_COSTS = (
    "parameters",
    "mean_weight_bits",
    "weight_memory_bits",
    "state_bits",
    "macs_per_pixel",
    "lut_estimate",
)
COSTS = ("mean_weight_bits", "weight_memory_bits", "macs_per_pixel", "lut_estimate")


@dataclass(frozen=True)
class Row:
    """One trained model or run in the tables of a study.

    Parameters
    ----------
    group, label : str
        Table and row.
    run : str
        Identifier of the run, or name of the model.
    seed : int or None
        Seed of the run; None for a trained model.
    figures : dict or None
        Metrics and cost figures; None for a failed run.
    ratio : float or None
        Total RMSE divided by that of the teacher.
    decays : int or None
        Number of decays in the training of the run; of a run without training, those of the run that it
        starts from.
    failure : str or None
        Reason of a failure; None for a successful run.
    gain : float or None
        Relative decrease of the validation loss in the last fifth of the decays.
    converged : bool
        Whether the gain is below the tolerance of the recipe; for a run without training, that of the run it
        starts from.
    ceiling : int or None
        Greatest number of decays of the training; None without a tolerance.

    See Also
    --------
    study_rows : Return one row for each trained model and each run, in the order of the study.
    """

    group: str
    label: str
    run: str
    seed: int | None
    figures: dict[str, Any] | None
    ratio: float | None
    decays: int | None
    failure: str | None
    gain: float | None = None
    converged: bool = False
    ceiling: int | None = None

    @property
    def name(self) -> str:
        """Group and label."""
        return f"{self.group}: {self.label}"


@dataclass(frozen=True)
class Summary:
    """Summary of rows that differ only by their seed: mean and spread of the total RMSE.

    Parameters
    ----------
    group, label : str
        Table and row.
    runs : tuple of str
        Identifiers of the runs.
    n : int
        Number of successful runs.
    rmse, ratio : float or None
        Means over the seeds.
    spread : float or None
        Standard deviation of the RMSE over the seeds (n - 1); None for one seed.

    See Also
    --------
    summaries : Return mean and spread of the rows with equal group and label, in the order of the rows.
    """

    group: str
    label: str
    runs: tuple[str, ...]
    n: int
    rmse: float | None
    ratio: float | None
    spread: float | None


def study_rows(
    study: Study, results: Mapping[str, RunResult], models: Mapping[str, dict[str, Any]], /
) -> list[Row]:
    """Return one row for each trained model and each run, in the order of the study.

    Parameters
    ----------
    study : Study
        Study.
    results : mapping of str to RunResult
        Results of the runs, by identifier.
    models : mapping of str to dict
        Figures of the trained models, including the teacher, by name.

    See Also
    --------
    summaries : Return mean and spread of the rows with equal group and label, in the order of the rows.
    pareto_front : Return the Pareto-optimal rows with respect to error and cost, in order of increasing cost.
    """
    teacher = reference_error(study, results, models)[1]
    rows = [_model_row(name, figures, teacher) for name, figures in models.items()]
    done: dict[str, Row] = {}
    for run in study.runs:
        if run.id not in results:
            continue
        result, training = results[run.id], run.recipe.training
        decays, gain = result.summary.get("decays"), result.summary.get("last_fifth_improvement")
        converged = bool(result.summary.get("converged", False))
        sources = [done[needed] for needed in run.needs if needed in done]
        if not training.steps and sources:  # rounded after the training of another run
            decays, gain, converged = sources[0].decays, sources[0].gain, sources[0].converged
        done[run.id] = Row(
            run.group,
            run.label,
            run.id,
            training.seed,
            result.figures,
            None if result.figures is None else _ratio(result.figures, teacher),
            decays,
            result.failure,
            gain,
            converged,
            training.max_steps * training.batch if training.tolerance and training.steps else None,
        )
    return rows + list(done.values())


def reference_error(
    study: Study, results: Mapping[str, RunResult], models: Mapping[str, dict[str, Any]], /
) -> tuple[str, float]:
    """Return name and total RMSE of the network that all ratios refer to.

    This is the first finished run of the group ``teacher``, if there is one, and otherwise the trained model
    ``study.teacher``.

    See Also
    --------
    study_rows : Rows with the ratios.
    """
    for run in study.runs:
        found = results.get(run.id)
        if run.group == TEACHER and found is not None and found.figures is not None:
            return run.label, float(found.figures["total"]["rmse"])
    return study.teacher, float(models[study.teacher]["total"]["rmse"])


def _model_row(name: str, figures: dict[str, Any], teacher: float) -> Row:
    """Return the row of a trained model, with the figures of its training from its card."""
    training = model_card(name)["training"] if name in model_names() else {}
    return Row(
        "models",
        name,
        name,
        None,
        figures,
        _ratio(figures, teacher),
        training.get("decays"),
        None,
        training.get("last_fifth_improvement"),
        bool(training.get("converged", False)),
    )


def record(row: Row, /) -> dict[str, Any]:
    """Return a row as plain values for JSON: figures by name, then all metrics.

    Returns
    -------
    dict
        ``name``, ``group``, ``label``, ``run``, ``seed``, ``decays_trained``, ``decays_ceiling``,
        ``last_fifth_gain``, ``converged``, ``failure``, ``ratio``, ``rmse_total``, ``rmse_short``,
        ``rmse_long``, ``rmse_over_crlb_1000``, ``rmse_over_crlb_10000``, ``parameters``,
        ``mean_weight_bits``, ``weight_memory_bits``, ``state_bits``, ``macs_per_pixel``, ``lut_estimate``
        and ``figures`` (:func:`~seq2seqlite.studies.runs.evaluated`). Values of a failed run are None.

    See Also
    --------
    study_rows : Return one row for each trained model and each run, in the order of the study.
    """
    figures = row.figures or {}
    cost, bound = figures.get("cost", {}), figures.get("over_bound", {})
    return {
        "name": row.name,
        "group": row.group,
        "label": row.label,
        "run": row.run,
        "seed": row.seed,
        "decays_trained": row.decays,
        "decays_ceiling": row.ceiling,
        "last_fifth_gain": row.gain,
        "converged": row.converged,
        "failure": row.failure,
        "ratio": row.ratio,
        **{f"rmse_{part}": figures.get(part, {}).get("rmse") for part in ("total", "short", "long")},
        **{f"rmse_over_crlb_{level}": bound.get(level) for level in ("1000", "10000")},
        **{key: cost.get(key) for key in RECORDED_COSTS},
        "figures": row.figures,
    }


def _ratio(figures: Mapping[str, Any], teacher: float) -> float:
    return float(round(figures["total"]["rmse"] / teacher, 4))


def summaries(rows: list[Row], /) -> list[Summary]:
    """Return mean and spread of the rows with equal group and label, in the order of the rows.

    See Also
    --------
    study_rows : Return one row for each trained model and each run, in the order of the study.
    """
    result = []
    for group, label in dict.fromkeys((row.group, row.label) for row in rows):
        same = [row for row in rows if (row.group, row.label) == (group, label)]
        errors = [row.figures["total"]["rmse"] for row in same if row.figures is not None]
        ratios = [row.ratio for row in same if row.ratio is not None]
        result.append(
            Summary(
                group,
                label,
                tuple(row.run for row in same),
                len(errors),
                float(np.mean(errors)) if errors else None,
                float(np.mean(ratios)) if ratios else None,
                float(np.std(errors, ddof=1)) if len(errors) > 1 else None,
            )
        )
    return result


def pareto_front(rows: list[Row], cost: str, /) -> list[Row]:
    """Return the Pareto-optimal rows with respect to error and cost, in order of increasing cost.

    Parameters
    ----------
    rows : list of Row
        All rows.
    cost : str
        ``mean_weight_bits``, ``weight_memory_bits``, ``macs_per_pixel`` or ``lut_estimate``.

    See Also
    --------
    study_rows : Return one row for each trained model and each run, in the order of the study.
    seq2seqlite.reports.study_plots.pareto_plot :
        Return a plot of error against weight bits, multiply-accumulates and LUTs, with the Pareto fronts.
    """
    known = [row for row in rows if row.figures is not None and row.figures["cost"][cost] is not None]
    known.sort(key=lambda row: (_cost(row, cost), _error(row)))
    front: list[Row] = []
    for row in known:
        if not front or _error(row) < _error(front[-1]):
            front.append(row)
    return front


def _cost(row: Row, cost: str) -> float:
    assert row.figures is not None
    return float(row.figures["cost"][cost])


def _error(row: Row) -> float:
    assert row.figures is not None
    return float(row.figures["total"]["rmse"])
