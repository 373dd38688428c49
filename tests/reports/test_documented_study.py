"""The study that the documentation shows is the one that the shipped configuration describes."""

import json
from pathlib import Path

from seq2seqlite.models import model_card
from seq2seqlite.reports.study_page import study_page
from seq2seqlite.reports.study_report import study_markdown
from seq2seqlite.reports.study_tables import Row
from seq2seqlite.studies.folder import read_result
from seq2seqlite.studies.search import planned_so_far
from seq2seqlite.studies.study import load_study

FOLDER = Path(__file__).parents[2] / "docs" / "studies"


def test_documented_runs_are_those_of_the_configuration_and_the_shipped_weights():
    study = load_study("short-budget")
    recorded = json.loads((FOLDER / "short-budget.json").read_text(encoding="utf-8"))
    rows = [Row(**row) for row in recorded["rows"]]
    assert [row.run for row in rows if row.group != "models"] == [run.id for run in study.runs]
    assert [row.failure for row in rows if row.failure is not None] == []
    for row in rows:
        if row.group == "models":
            assert row.figures is not None
            reference = model_card(row.run)["reference"]["metrics"]
            published = reference["total"] | {"r2": reference["total"]["r2_per_decay"]}
            del published["r2_per_decay"]  # the study keeps the published definition
            assert row.figures["total"] == published
    assert (FOLDER / "short-budget.md").read_text(encoding="utf-8") == study_markdown(
        study, rows, study.teacher
    )


def test_documents_of_the_paper_are_made_of_its_results():
    runs = FOLDER / "paper" / "runs"
    study = planned_so_far(load_study("paper"), runs)
    table = json.loads((FOLDER / "paper.json").read_text(encoding="utf-8"))
    results = {run.id: read_result(runs, run) for run in study.runs}
    finished = {run: result for run, result in results.items() if result is not None}
    rows = {row["run"]: row for row in table["rows"] if row["group"] != "models"}
    assert set(rows) == set(finished)
    assert {path.name for path in runs.glob("*")} == set(finished)
    assert len(table["missing"]) == len(study.runs) - len(finished)
    for run, result in finished.items():
        assert rows[run]["figures"] == result.figures
        assert rows[run]["rmse_total"] == result.figures["total"]["rmse"]
        assert rows[run]["converged"] <= (result.summary.get("converged", True))
    page = (FOLDER / "paper-page.md").read_text(encoding="utf-8")
    assert page == study_page(table, figures="../images")
