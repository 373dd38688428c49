"""Command plan: table, JSON, plot, lists as options, and errors of one line."""

import json
from pathlib import Path

import pytest

from seq2seqlite.cli.app import main

PLAN = "plan --instrument swissspad3 --gate-length-ns 3 --bits 8"


def test_plan_writes_table_json_and_plot(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = f"{PLAN} --tau 0.5 2.5 --precision 5% --json plan.json --out plan.png".split()
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("| gates | first | step / ns | length / ns | bits | one-bit frames |")
    assert "designs reach a precision of 0.05" in printed
    rows = json.loads(Path("plan.json").read_text())
    assert {"n_gates", "gate_length_ns", "photons", "precision", "frames_per_second"} <= set(rows[0])
    assert rows[0]["n_gates"] == 135
    assert rows[0]["binary_frames"] == 34_425
    assert Path("plan.png").read_bytes().startswith(b"\x89PNG")
    assert main(words) == 0  # replaces its own files
    separate = f"{PLAN} --tau 2.5 --tau 0.5 --precision 0.05 --json other.json".split()
    assert main(separate) == 0
    assert json.loads(Path("other.json").read_text()) == rows


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            f"{PLAN} --tau 2.5 --precision five",
            "precision='five' is not a number or percentage (e.g. 5%) (option",
        ),
        (f"{PLAN} --tau 0.5 -2", "tau_ns=-2 must be finite and > 0 (e.g. 2.5) (option --tau)"),
        (f"{PLAN} --tau", "Option '--tau' requires an argument."),
        (f"{PLAN} --tau 0.5 x", "Invalid value for '--tau': Input should be a valid number"),
        (f"{PLAN} --tau 2 --precision 5% 6%", "Got unexpected extra argument(s) (6%)"),
        (
            f"{PLAN} --tau 2.5 --out mine.png",
            "mine.png was not written by seq2seqlite plan; move it or choose",
        ),
        (f"{PLAN} --tau 2.5 --out plan.svg", "out=plan.svg must end in .png, not in '.svg' (option --out)"),
        ("plan --instrument mine.png --tau 2", "instrument 'mine.png' is unknown; choose one of"),
    ],
)
def test_errors_are_one_line(tmp_path, monkeypatch, capsys, words, line):
    monkeypatch.chdir(tmp_path)
    Path("mine.png").write_bytes(b"mine")
    assert main(words.split()) == 2
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1
    assert line in printed.err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.png"]
