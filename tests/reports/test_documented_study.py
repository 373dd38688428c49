"""The study that the documentation shows is the one that the shipped configuration describes."""

import json
from pathlib import Path

from seq2seqlite.models import model_card
from seq2seqlite.reports.study_report import study_markdown
from seq2seqlite.reports.study_tables import Row
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
    assert (FOLDER / "short-budget.md").read_text(encoding="utf-8") == study_markdown(study, rows)
