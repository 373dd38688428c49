"""Report of a compression study, as ``report.html``, ``study.json`` and ``study.md``."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from seq2seqlite.decay import sfd_from_lifetimes
from seq2seqlite.errors import InputError
from seq2seqlite.files import replace_when_done
from seq2seqlite.json_text import json_text
from seq2seqlite.models import Network, load_model
from seq2seqlite.outputs import OutputSet
from seq2seqlite.provenance import provenance
from seq2seqlite.reports.environment import environment
from seq2seqlite.reports.study_plots import example_decays, example_indices, learning_curves, pareto_plot
from seq2seqlite.reports.study_tables import (
    COSTS,
    PUBLISHED,
    TEACHER,
    Row,
    pareto_front,
    record,
    reference_error,
    study_rows,
    summaries,
)
from seq2seqlite.simulation.decay_set import reference_set
from seq2seqlite.studies.folder import RunResult
from seq2seqlite.studies.runs import evaluated
from seq2seqlite.studies.study import Study
from seq2seqlite.training.card import machine

__all__ = ["check_study_folder", "write_study_report"]

GROUP_TITLES = {
    TEACHER: "Teachers",
    "models": "Trained models, evaluated by the same command",
    "reduction": "Weight reduction",
    "ptq": "Post-training quantisation",
    "kd": "Knowledge distillation",
    "qat": "Quantisation-aware training",
    "state": "Width of the state",
    "sparsity": "Sparsity",
    "write-back": "State write-back",
    "ablation": "Width of one tensor",
    "search": "Search over units, widths and sparsity",
    "baselines": "Networks of other families, in floating point",
}


def write_study_report(study: Study, results: Mapping[str, RunResult], folder: Path, /) -> dict[str, Any]:
    """Write the report of a study, and return the content of its JSON file.

    Parameters
    ----------
    study : Study
        Study.
    results : mapping of str to RunResult
        Results of the runs; the report lists the runs without result as missing.
    folder : pathlib.Path
        Folder of the report; the runs are in its subfolder ``runs``.

    Returns
    -------
    dict
        ``study``, ``instrument``, ``teacher``, ``reference_decays``, ``rows``
        (:func:`~seq2seqlite.reports.study_tables.record`), ``missing``, ``summaries``, ``pareto``,
        ``published``. These values are reproducible, even if the study was interrupted. ``seconds``,
        ``machine`` and ``provenance`` are under the separate key ``about``.

    See Also
    --------
    seq2seqlite.run_study :
        Compare compression techniques on one instrument, and write a report; the command ``study``.
    seq2seqlite.reports.study_tables.study_rows :
        Return one row for each trained model and each run, in the order of the study.
    """
    check_study_folder(study, folder)
    models = {name: load_model(name) for name in dict.fromkeys((study.teacher, *study.models))}
    known = {name: evaluated(model, study) for name, model in models.items()}
    rows, teacher = study_rows(study, results, known), reference_error(study, results, known)[0]
    missing = [run for run in study.runs if run.id not in results]
    table = {
        "study": study.name,
        "instrument": Path(study.instrument).stem,
        "teacher": teacher,
        "reference_decays": study.reference_decays,
        "rows": [record(row) for row in rows],
        "missing": [f"{run.group}: {run.label}, seed {run.recipe.training.seed}" for run in missing],
        "summaries": [asdict(one) for one in summaries(rows)],
        "pareto": {cost: [row.run for row in pareto_front(rows, cost)] for cost in COSTS},
        "published": PUBLISHED,
    }
    seconds = {run: result.summary.get("seconds") for run, result in results.items()}
    about = {"seconds": seconds, "machine": machine(), "provenance": provenance()}
    examples = _examples(study, models, folder)
    page = _page(study, results, rows, teacher=teacher, about=about, examples=examples)
    for name, text in (
        ("study.json", json_text({**table, "about": about})),
        ("study.md", study_markdown(study, rows, teacher)),
        ("report.html", page),
    ):
        with replace_when_done(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return {**table, "about": about}


def check_study_folder(study: Study, folder: Path, /) -> None:
    """Raise InputError if a folder has the report of another study, or files not written by a study.

    Raises
    ------
    InputError
        If the folder has such a file.

    See Also
    --------
    write_study_report : Write the report of a study, and return the content of its JSON file.
    """
    names = ("study.json", "study.md", "report.html")
    OutputSet(folder, {"study.json": ("study", "rows", "about")}, names).check(names)
    if (folder / "study.json").is_file():
        found = json.loads((folder / "study.json").read_text(encoding="utf-8"))["study"]
        if found != study.name:
            raise InputError(
                f"{folder} has the report of study {found!r}, not of {study.name!r}; choose another folder"
            )


def study_markdown(study: Study, rows: list[Row], teacher: str, /) -> str:
    """Return the tables of a study in Markdown; ``teacher`` names the network that the ratios refer to."""
    return environment().get_template("study.md.j2").render(**_words(study, rows, teacher))


def _page(
    study: Study,
    results: Mapping[str, RunResult],
    rows: list[Row],
    /,
    *,
    teacher: str,
    about: Mapping[str, Any],
    examples: str | None,
) -> str:
    return (
        environment()
        .get_template("study.html.j2")
        .render(
            **_words(study, rows, teacher),
            pareto=pareto_plot(rows),
            curves=learning_curves(study, results),
            examples=examples,
            about=about,
            total_minutes=sum(value or 0 for value in about["seconds"].values()) / 60,
        )
    )


def _words(study: Study, rows: list[Row], teacher: str) -> dict[str, Any]:
    groups = [
        {
            "name": group,
            "title": GROUP_TITLES.get(group, group),
            "rows": [row for row in rows if row.group == group],
            "summaries": [one for one in summaries(rows) if one.group == group and len(one.runs) > 1],
        }
        for group in dict.fromkeys(row.group for row in rows)
    ]
    return {
        "study": study,
        "teacher": teacher,
        "missing": {run.id for run in study.runs} - {row.run for row in rows},
        "instrument": Path(study.instrument).stem,
        "groups": groups,
        "published": PUBLISHED,
    }


def _examples(study: Study, models: Mapping[str, Network], folder: Path) -> str | None:
    files = {run.label: folder / "runs" / run.id / "student.npz" for run in reversed(study.runs)}
    networks = {}
    for name in study.examples:
        if name in models:
            networks[name] = models[name]
        elif files[name].is_file():  # failed and missing runs have none
            networks[name] = load_model(files[name])
    if not networks:
        return None
    data = reference_set(study.instrument, n=study.reference_decays)
    assert data.truth is not None
    chosen = example_indices(data.tpsf.sum(axis=1))
    truth = data.truth
    sfd = sfd_from_lifetimes(
        truth.amplitude_fraction[chosen],
        truth.tau_short_ns[chosen],
        truth.tau_long_ns[chosen],
        axis=data.axis,
    )
    predicted = {name: network.sfd(data.tpsf[chosen]) for name, network in networks.items()}
    inputs = next(iter(networks.values())).inputs(data.tpsf[chosen])
    return example_decays(inputs, sfd, predicted, data.axis.starts_ns)
