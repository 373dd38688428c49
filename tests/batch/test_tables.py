"""One table of all files and regions, also of a batch that was stopped and resumed."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seq2seqlite.cli.app import main
from seq2seqlite.decay import ParametricIrf, TimeAxis, expected_tpsf

AXIS = TimeAxis(125, 0.1, 12.5)
MODEL = "seq2seqlite-tcspc-80mhz-tiny"


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Two images of 4 x 6 pixels and two lifetimes, and a label image of each."""
    rng = np.random.default_rng(1)
    made = []
    for name, tau_ns in (("c1_10nM", 1.0), ("c2_20nM", 2.5)):
        tpsf = expected_tpsf([1.0], [tau_ns], axis=AXIS, irf=ParametricIrf(2.0, 0.2), photons=2000)
        counts = rng.poisson(np.broadcast_to(tpsf, (4, 6, 125))).astype(np.uint16)
        path = tmp_path / f"{name}.npz"
        np.savez(path, tpsf=counts, gate_width_ns=0.1, period_ns=12.5)
        labels = np.zeros((4, 6), np.uint8)
        labels[:, :2], labels[:, 4:] = 1, 2
        np.save(tmp_path / f"{name}_labels.npy", labels)
        made.append(path)
    return made


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_batch_with_regions_and_conditions(
    files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    options = ["--regions", str(tmp_path / "{stem}_labels.npy"), "--conditions", "{cell}_{dose}nM.npz"]
    command = ["image", *map(str, files), "--model", MODEL, "--out", str(out), *options]
    assert main(command) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(out / "batch.csv")
    rows = table(out / "batch.csv")
    found = [[row[name] for name in ("file", "cell", "dose", "region", "pixels")] for row in rows]
    assert found == [
        [f"{cell}_{dose}nM.npz", cell, dose, region, "8"]
        for cell, dose in (("c1", "10"), ("c2", "20"))
        for region in ("1", "2")
    ]
    assert list(rows[0])[:7] == ["file", "cell", "dose", "region", "pixels", "photons", "pixels_analysed"]
    of_a_map = ("median", "mean", "sd", "sem", "p05", "p25", "p75", "p95")
    assert {f"tau_mean_ns_{key}" for key in of_a_map} <= set(rows[0])
    assert {"decay.png", "phasor.png", "lifetime.png"} <= {
        path.name for path in (out / files[0].name).iterdir()
    }
    for row, tau_ns in zip(rows, (1.0, 1.0, 2.5, 2.5), strict=True):
        assert float(row["tau_mean_ns_median"]) == pytest.approx(tau_ns, rel=0.2)
        assert float(row["decay_tau_mean_ns"]) == pytest.approx(tau_ns, rel=0.15)
    own = table(out / files[0].name / "regions.csv")
    assert [{"file": files[0].name, "cell": "c1", "dose": "10", **row} for row in own] == rows[:2]
    assert "regions.csv" in json.loads((out / files[0].name / "summary.json").read_text())["outputs"]

    # The same command resumes: nothing is mapped again, and the table is complete.
    before = (out / files[1].name / "regions.csv").stat().st_mtime_ns
    (out / "batch.csv").unlink()
    assert main(command) == 0
    assert capsys.readouterr().out.count("finished by an earlier run") == 2
    assert table(out / "batch.csv") == rows
    assert (out / files[1].name / "regions.csv").stat().st_mtime_ns == before

    # Other labels are other regions, of this file only.
    np.save(tmp_path / "c2_20nM_labels.npy", np.ones((4, 6), np.uint8))
    assert main(command) == 0
    assert capsys.readouterr().out.count("finished by an earlier run") == 1
    assert [row["pixels"] for row in table(out / "batch.csv")] == ["8", "8", "24"]


def test_a_batch_without_regions(files: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["image", *map(str, files), "--model", MODEL, "--out", str(out)]) == 0
    rows = table(out / "batch.csv")
    assert [(row["file"], row["region"], row["pixels"]) for row in rows] == [
        (file.name, "all", "24") for file in files
    ]
    assert sum(int(row["photons"]) for row in rows) == sum(int(np.load(file)["tpsf"].sum()) for file in files)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--regions", "{stem}.png"], "c1_10nM.png does not exist or is not a file; it is needed for "),
        (["--conditions", "{cell}.tif"], "c1_10nM.npz: the name does not match conditions='{cell}.tif'"),
        (["--conditions", "{file}"], "the field 'file' is not allowed"),
    ],
)
def test_options_that_do_not_fit(
    files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], text: str
) -> None:
    out = tmp_path / "out"
    assert main(["image", *map(str, files), "--model", MODEL, "--out", str(out), *options]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert text in line
    assert options[0] in line
    assert not out.exists()


def test_one_file(files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    command = ["image", str(files[0]), "--model", MODEL, "--out", str(out)]
    assert main([*command, "--conditions", "{cell}.npz"]) == 2
    assert "is for the table of several files" in capsys.readouterr().err
    bad = tmp_path / "bad.npy"
    np.save(bad, np.zeros((4, 6), np.uint8))
    assert main([*command, "--regions", str(bad)]) == 2
    reason = f"{bad} is zero everywhere; set the pixels of each region to its label"
    assert capsys.readouterr().err == f"error: {files[0]}: {reason}\n"
    assert not out.exists()
    assert main([*command, "--regions", str(tmp_path / "c1_10nM_labels.npy")]) == 0
    assert [row["region"] for row in table(out / "regions.csv")] == ["1", "2"]
    assert not (out / "batch.csv").exists()


def test_a_table_of_the_user_is_kept(
    files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "batch.csv").write_text("my,own\n")
    assert main(["image", *map(str, files), "--model", MODEL, "--out", str(out)]) == 2
    assert "batch.csv was not written by seq2seqlite" in capsys.readouterr().err
    assert [item.name for item in out.iterdir()] == ["batch.csv"]


def test_stacks_have_no_regions(write_stack: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_stack(tmp_path / "a.zarr")
    np.save(tmp_path / "labels.npy", np.ones((20, 16), np.uint8))
    options = ["--regions", str(tmp_path / "labels.npy"), "--out", str(tmp_path / "out")]
    assert main(["image", str(tmp_path / "a.zarr"), "--model", MODEL, *options]) == 2
    assert "is a stack; regions=" in capsys.readouterr().err
