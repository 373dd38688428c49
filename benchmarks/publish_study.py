"""Collect the finished runs of a study in docs/studies, and write its tables, page and figures.

FOLDER is the output folder of the command ``study``; without one, the committed results are used. Results of
runs, and the students from which other runs start, become files of docs/studies/NAME/runs.

    python benchmarks/publish_study.py paper [FOLDER ...]
"""

import argparse
import shutil
import tempfile
from pathlib import Path

from seq2seqlite import run_study
from seq2seqlite.json_text import json_text
from seq2seqlite.reports.study_page import study_page, write_study_figures
from seq2seqlite.studies.folder import RESULT, STUDENT, join_folders
from seq2seqlite.studies.search import planned_so_far
from seq2seqlite.studies.study import load_study

DOCS = Path(__file__).parents[1] / "docs"


def main() -> None:
    """Publish a study."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("study", help="shipped study")
    parser.add_argument("folder", nargs="*", type=Path, help="output folder of the command study")
    options = parser.parse_args()
    study, place = load_study(options.study), DOCS / "studies" / options.study
    with tempfile.TemporaryDirectory() as scratch:
        # Finished runs only: what a folder has of unfinished ones stays there.
        runs = Path(scratch) / "runs"
        runs.mkdir()
        if (place / "runs").is_dir():
            shutil.copytree(place / "runs", runs, dirs_exist_ok=True)
        while join_folders(planned_so_far(study, runs), runs, options.folder):
            pass
        planned = planned_so_far(study, runs).runs
        needed = {run_id for run in planned for run_id in run.needs}
        for run in planned:
            if (runs / run.id / RESULT).is_file():
                (place / "runs" / run.id).mkdir(parents=True, exist_ok=True)
                for name in (RESULT, STUDENT) if run.id in needed else (RESULT,):
                    if (runs / run.id / name).is_file():  # a failed run has no student
                        shutil.copyfile(runs / run.id / name, place / "runs" / run.id / name)
        table = run_study(study, scratch, report_only=True)
        shutil.copyfile(Path(scratch) / "study.md", DOCS / "studies" / f"{study.name}.md")
    (DOCS / "studies" / f"{study.name}.json").write_text(json_text(table), encoding="utf-8")
    page = study_page(table, figures="../images")
    (DOCS / "studies" / f"{study.name}-page.md").write_text(page, encoding="utf-8")
    write_study_figures(table, DOCS / "images")
    done = sum(row["converged"] for row in table["rows"])
    print(f"{len(table['rows'])} rows, {done} converged, {len(table['missing'])} not finished")


if __name__ == "__main__":
    main()
