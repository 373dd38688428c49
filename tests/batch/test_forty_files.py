"""Forty files in one batch: one command, one table, one range of colours; stopped and resumed."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seq2seqlite.batch import jobs, run
from seq2seqlite.batch.jobs import ImageJob
from seq2seqlite.cli import image as _image  # noqa: F401 - a later import would keep the patched make_image
from seq2seqlite.cli.app import main
from seq2seqlite.decay import ParametricIrf, TimeAxis, expected_tpsf

AXIS = TimeAxis(125, 0.1, 12.5)
MODEL = "seq2seqlite-tcspc-80mhz-tiny"
CELLS, DOSES = range(10), (0, 5, 10, 20)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Forty images of 2 x 2 pixels, whose lifetimes rise with the dose from 1.0 to 2.5 ns."""
    tau_ns = np.linspace(1.0, 2.5, len(DOSES))[:, None]
    decays = expected_tpsf([1.0], tau_ns, axis=AXIS, irf=ParametricIrf(2.0, 0.2), photons=2000)
    rng = np.random.default_rng(1)
    for cell in CELLS:
        for dose, decay in zip(DOSES, decays, strict=True):
            counts = rng.poisson(np.broadcast_to(decay, (2, 2, 125))).astype(np.uint16)
            np.savez(tmp_path / f"cell{cell}_{dose}nM.npz", tpsf=counts, gate_width_ns=0.1, period_ns=12.5)
    return tmp_path


@pytest.fixture
def drawn_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write the limits of the colours instead of pictures, whose drawing takes longer than the analysis."""
    for place in ("map_writer", "redraw"):
        monkeypatch.setattr(f"seq2seqlite.results.{place}.lifetime_picture", lambda *_, **__: None)
        monkeypatch.setattr(
            f"seq2seqlite.results.{place}.write_figure",
            lambda _, path, options: path.write_text(json.dumps(options.limits)),
        )


@pytest.mark.usefixtures("drawn_limits")
def test_forty_files_are_stopped_and_resumed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = folder / "out"
    command = ["image", str(folder / "*.npz"), "--model", MODEL, "--out", str(out)]
    command += ["--conditions", "{cell}_{dose}nM.npz", "--no-decay", "--no-phasor"]

    mapped: list[str] = []
    make_image = jobs.make_image

    def stopped_after_15(job: ImageJob, **options: Any) -> dict[str, Any]:
        if len(mapped) == 15:
            raise KeyboardInterrupt
        mapped.append(job.path.name)
        return make_image(job, **options)

    with monkeypatch.context() as patched:
        patched.setattr(run, "make_image", stopped_after_15)
        assert main(command) == 130
    assert len(mapped) == 15
    assert not (out / "batch.csv").exists()
    before = {path: path.stat().st_mtime_ns for path in out.glob("*/tau_mean_ns.tif")}
    assert len(before) == 15
    capsys.readouterr()

    assert main(command) == 0
    printed = capsys.readouterr().out.splitlines()
    assert sum("finished by an earlier run" in line for line in printed) == 15
    assert printed[-1] == str(out / "batch.csv")
    assert {path: path.stat().st_mtime_ns for path in before} == before

    with (out / "batch.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["cell"], row["dose"], row["region"]) for row in rows] == [
        (f"cell{cell}", str(dose), "all") for cell in CELLS for dose in sorted(DOSES, key=str)
    ]
    medians = [
        np.median([float(row["tau_mean_ns_median"]) for row in rows if row["dose"] == str(dose)])
        for dose in DOSES
    ]
    assert medians == sorted(medians)
    assert medians[-1] - medians[0] == pytest.approx(1.5, abs=0.4)

    pictures = {path.read_text() for path in out.glob("*/lifetime.png")}
    (limits,) = {
        json.dumps(json.loads(path.read_text(encoding="utf-8"))["picture"]["limits"])
        for path in out.glob("*/summary.json")
    }
    assert pictures == {limits}
    low, high = json.loads(limits)
    assert low < medians[0] < medians[-1] < high
