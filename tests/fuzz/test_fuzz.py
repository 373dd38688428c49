"""A fixed part of the fuzz test, and planted defects; the whole is ``python -m tests.fuzz``."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.fuzz.__main__ import run
from tests.fuzz.planted import PLANTED
from tests.fuzz.samples import SHARED

ROOT = Path(__file__).parents[2]
PYTHONPATH = f"{ROOT / 'src'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"


def command(*arguments: str, **environment: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": PYTHONPATH} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == bool(result["failures"])
    return result


def test_mutated_files_are_read_or_refused() -> None:
    result = command("--seed", "15", "--files", "150", "--structured", "150")
    assert result["failures"] == []
    assert sum(result["answers"].values()) == 300
    assert result["peak_mb"] < 1000


def test_formats_without_shared_data_are_named(tmp_path: Path) -> None:
    result = command("--files", "1", "--structured", "0", SEQ2SEQLITE_DATA=str(tmp_path))
    assert result["left_out"] == f"{', '.join(SHARED)}: no shared data"


@pytest.mark.parametrize(
    ("plant", "report"),
    [
        ("KeyError", "KeyError: 'no such field'"),
        pytest.param("sleep", "time limit: TimeLimitError", marks=pytest.mark.exhaustive),
        ("loop", "worker died, exit 1"),
        ("memory", "memory limit: "),
        pytest.param("exit", "worker died, exit 9", marks=pytest.mark.exhaustive),
        pytest.param("lines", "several lines: ", marks=pytest.mark.exhaustive),
        ("counts", "other content read in spite of a checksum"),
    ],
)
def test_planted_defect_is_reported(monkeypatch: pytest.MonkeyPatch, plant: str, report: str) -> None:
    assert len(PLANTED) == 7
    monkeypatch.setenv("PYTHONPATH", PYTHONPATH)
    result = run(
        15,
        2 if plant in ("loop", "exit") else 4,
        0,
        kinds="npz",
        plant=plant,
        seconds=1 if plant in ("sleep", "loop") else 10,
    )
    assert result["answers"]["failed"] >= 1
    assert all(report in failure for failure in result["failures"]), result["failures"]


def test_samples_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Unchanged samples are accepted, so that what is refused is refused for its mutation."""
    from tests.fuzz.samples import samples

    from seq2seqlite.errors import InputError

    monkeypatch.setenv("SEQ2SEQLITE_FUZZ", str(tmp_path))
    for kind, sample in samples().items():
        for item, content in sample.files.items():
            place = tmp_path / kind / sample.name / item
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        if kind == "lif":  # no open reader decodes Leica's FLIM records
            with pytest.raises(InputError, match="no open-source reader can decode"):
                sample.reader(tmp_path / kind / sample.name)
        else:
            sample.reader(tmp_path / kind / sample.name)
