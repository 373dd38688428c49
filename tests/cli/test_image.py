"""The command ``image``: maps and summary in the folder, one line and exit code 2 where it cannot."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from seq2seqlite.cli.app import main
from seq2seqlite.decay import Lifetimes, TimeAxis


@pytest.fixture
def npz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A measurement of 4 x 5 pixels, with a model that answers 2 ns everywhere."""

    def lifetimes(tpsf: np.ndarray, /) -> Lifetimes:
        two = np.full(len(tpsf), 2.0)
        return Lifetimes(two, two, two, two / 4)

    model = SimpleNamespace(
        name="two", kind="constant", axis=TimeAxis(135, 0.09, 12.5), rising_edge_ns=1.5, lifetimes=lifetimes
    )
    monkeypatch.setattr("seq2seqlite.models.load_model", lambda _: model)
    times = np.arange(250) * 0.05
    decay = 100 * np.exp(-np.clip(times - 2, 0, None) / 2) / (1 + np.exp(-(times - 2) / 0.05))
    counts = np.broadcast_to(decay.round().astype(np.uint16), (4, 5, 250))
    file = tmp_path / "cells.npz"
    np.savez(file, tpsf=counts, gate_width_ns=0.05)
    return file


def test_one_file(npz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, result = tmp_path / "out", tmp_path / "result.json"
    arguments = [
        "image",
        str(npz),
        "--model",
        "two",
        "--out",
        str(out),
        "--period-ns",
        "12.5",
        "--json",
        str(result),
    ]
    assert main(arguments) == 0
    printed = capsys.readouterr()
    summary = json.loads((out / "summary.json").read_text())
    assert json.loads(result.read_text()) == summary
    assert summary["tau_mean_ns"]["median"] == 2.0
    assert (summary["pixels_analysed"], summary["model"], summary["predictor"]) == (20, "two", "constant")
    assert str(out / "tau_mean_ns.tif") in printed.out.splitlines()
    assert "20 of 20 pixels analysed" in printed.out
    assert {item.name for item in out.iterdir()} >= {"lifetime.png", "intensity.tif", "tau_long_ns.tif"}


@pytest.mark.parametrize("name", ["$\\frac$.npz", "[red]x[/y].npz", "µ 日本 .npz"])
def test_name_is_text_and_no_markup(
    npz: Path, capsys: pytest.CaptureFixture[str], name: str, tmp_path: Path
) -> None:
    folder, _, file = name.rpartition("/")
    strange = tmp_path / folder / file
    strange.parent.mkdir(exist_ok=True)
    npz.rename(strange)
    out = tmp_path / "out"
    arguments = ["image", str(strange), "--model", "two", "--out", str(out), "--period-ns", "12.5"]
    assert main(arguments) == 0
    printed = capsys.readouterr()
    assert strange.name.split()[0] in "".join(printed.out.split("\n"))
    assert printed.err == ""
    assert (out / "lifetime.png").is_file()


def test_several_files_get_folders_of_their_own(npz: Path, tmp_path: Path) -> None:
    other = npz.with_name("more.npz")
    other.write_bytes(npz.read_bytes())
    out = tmp_path / "out"
    assert (
        main(["image", str(npz), str(other), "--model", "two", "--out", str(out), "--period-ns", "12.5"]) == 0
    )
    assert (out / "cells.npz" / "summary.json").is_file()
    assert (out / "more.npz" / "summary.json").is_file()


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ([], "cells.npz: the laser period is unknown; pass --period-ns (e.g. 12.5 for 80 MHz)"),
        (["--period-ns", "12.5", "--min-photons", "1e6"], "lower --min-photons or raise --binning"),
        (
            ["--period-ns", "12.5", "--mask", "none.png"],
            "none.png does not exist; check the path of the mask",
        ),
        (["--period-ns", "12.5", "--json", "."], "Invalid value for '--json': file '.' is a directory."),
        (["none.ptu", "--period-ns", "12.5"], "none.ptu does not exist; check the path"),
        (["--period-ns", "12.5", "--drop", "B149"], "drop=['B149'] is for a folder of gate images"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(
    npz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], text: str
) -> None:
    out = tmp_path / "out"
    assert main(["image", str(npz), "--model", "two", "--out", str(out), *more]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: ")
    assert printed.err.count("\n") == 1
    assert text in printed.err
    assert not out.exists()


def test_estimator_and_quality(npz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, irf = tmp_path / "out", tmp_path / "irf.txt"
    irf.write_text("\n".join(str(round(1000 * np.exp(-0.5 * ((i - 20) / 3) ** 2))) for i in range(40)))
    arguments = ["image", str(npz), "--out", str(out), "--period-ns", "12.5", "--quality"]
    more = ["--irf", str(irf), "--irf-bin-width-ns", "0.02", "--model", "centre-of-mass"]
    assert main([*arguments, *more]) == 0
    summary = json.loads((out / "summary.json").read_text())
    assert summary["model"] == "centre-of-mass"
    assert summary["tau_mean_ns"]["median"] == pytest.approx(2.0, rel=0.1)  # the IRF is a guess
    assert summary["rebinning"]["target_gates"] == 250
    assert "pixels flagged" in capsys.readouterr().out
    assert (out / "flagged.tif").is_file()


def test_pulses_need_the_check(npz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["image", str(npz), "--model", "two", "--out", str(tmp_path / "out"), "--pulses", "1e5"]
    assert main(arguments) == 2
    assert "--pulses 100000 is for --quality; add it" in capsys.readouterr().err
