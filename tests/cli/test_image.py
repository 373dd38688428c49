"""The command ``image``: maps and summary in the folder, one line and exit code 2 where it cannot."""

import errno
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from seq2seqlite.cli.app import main
from seq2seqlite.decay import Lifetimes, TimeAxis
from seq2seqlite.predictors import load_predictor


@pytest.fixture
def npz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A measurement of 4 x 5 pixels, with a model that answers 2 ns everywhere."""

    def lifetimes(tpsf: np.ndarray, /) -> Lifetimes:
        two = np.full(len(tpsf), 2.0)
        return Lifetimes(two, two, two, two / 4)

    model = SimpleNamespace(
        name="two", kind="constant", axis=TimeAxis(135, 0.09, 12.5), rising_edge_ns=1.5, lifetimes=lifetimes
    )
    monkeypatch.setattr(
        "seq2seqlite.predictors.source.load_predictor",
        lambda name, **options: model if name == "two" else load_predictor(name, **options),
    )
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
    assert json.loads(result.read_text()) == summary | {"written_by": "seq2seqlite image"}
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
        (
            [],
            "the laser period is unknown; pass period_ns in ns (e.g. 12.5 for 80 MHz) (option --period-ns)",
        ),
        (
            ["--period-ns", "12.5", "--min-photons", "1e6"],
            "or a larger binning (options --min-photons, --binning)",
        ),
        (
            ["--period-ns", "12.5", "--mask", "none.png"],
            "none.png does not exist; check the path of the mask",
        ),
        (["--period-ns", "12.5", "--json", "."], "Invalid value for '--json': file '.' is a directory."),
        (["none.ptu", "--period-ns", "12.5"], "none.ptu does not exist; check the path"),
        (
            ["--period-ns", "12.5", "--drop", "B149"],
            "only for folders of gate images; omit it (option --drop)",
        ),
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


@pytest.mark.parametrize(
    ("width_ns", "text"),
    [(50.0, "gate_width_ns=50 must be at most half of period_ns=12.5"), (1e-9, "no rising edge")],
)
def test_error_of_an_estimator_names_the_file(
    npz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], width_ns: float, text: str
) -> None:
    more = ["--period-ns", "12.5", "--gate-width-ns", str(width_ns), "--out", str(tmp_path / "out")]
    assert main(["image", str(npz), "--model", "phasor", *more]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {npz}: {text}")
    assert error.count("\n") == 1


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
    assert (
        "pulses=100000 requires quality=True; add it (options --pulses, --quality)" in capsys.readouterr().err
    )


def test_files_that_fail_are_reported_and_the_others_done(
    npz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad, out, result = npz.with_name("bad.npz"), tmp_path / "out", tmp_path / "result.json"
    bad.write_bytes(b"damaged")
    arguments = ["image", str(bad), str(npz), "--model", "two", "--out", str(out), "--period-ns", "12.5"]
    assert main([*arguments, "--json", str(result)]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith(f"error: {bad} is not a valid npz file")
    assert printed.err.count("\n") == 1
    assert "20 of 20 pixels analysed" in printed.out
    found = json.loads(result.read_text())
    assert [row["state"] for row in found["inputs"]] == ["failed", "done"]
    assert found["images"] == [json.loads((out / "cells.npz" / "summary.json").read_text())]
    manifest = json.loads((out / "manifest.json").read_text())
    assert [row.get("reason") for row in manifest["inputs"]] == [found["inputs"][0]["reason"], None]
    assert main(arguments) == 2
    assert f"{npz}: finished by an earlier run, {out / 'cells.npz'}" in capsys.readouterr().out
    assert main([*arguments, "--redo"]) == 2
    assert "finished by an earlier run" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("file_format", "file"),
    [("tiff", "tau_mean_ns.tif"), ("ome-tiff", "maps.ome.tif"), ("ome-zarr", "maps.ome.zarr/zarr.json")],
)
def test_formats(npz: Path, tmp_path: Path, file_format: str, file: str) -> None:
    arguments = ["image", str(npz), "--model", "two", "--out", str(tmp_path / "out"), "--period-ns", "12.5"]
    assert main([*arguments, "--format", file_format]) == 0
    assert (tmp_path / "out" / file).is_file()


def test_stack(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], write_stack: Callable[..., np.ndarray]
) -> None:
    write_stack(tmp_path / "a.zarr", (2, 20, 16))
    out, result = tmp_path / "out", tmp_path / "result.json"
    arguments = ["image", str(tmp_path / "a.zarr"), "--model", "rld-3", "--out", str(out)]
    assert main([*arguments, "--json", str(result)]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert str(out / "maps.ome.zarr") in printed.out.splitlines()
    assert "of 640 pixels analysed" in printed.out
    summary = json.loads((out / "summary.json").read_text())
    assert json.loads(result.read_text()) == summary | {"written_by": "seq2seqlite image"}
    assert main(arguments) == 0
    assert "finished by an earlier run" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (["--workers", "0"], "workers=0 must be >= 1 (e.g. the number of cores)"),
        (["--workers", "x"], "Invalid value for '--workers': Input should be a valid integer"),
        (["--scheduler", "host"], "scheduler 'host' is not an address; use the form tcp://host:8786"),
        (["--format", "png"], "'png' is not one of 'tiff', 'ome-tiff', 'ome-zarr'"),
        (["--format", "tiff"], "file_format='tiff' is for images; use 'ome-zarr' (option --format)"),
        (["--binning", "-1"], "binning=-1 must be >= 0"),
    ],
)
def test_stack_that_cannot_be_mapped_is_one_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    write_stack: Callable[..., np.ndarray],
    more: list[str],
    text: str,
) -> None:
    write_stack(tmp_path / "a.zarr", (2, 20, 16))
    arguments = ["image", str(tmp_path / "a.zarr"), "--model", "rld-3", "--out", str(tmp_path / "out")]
    assert main([*arguments, *more]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: ")
    assert printed.err.count("\n") == 1
    assert text in printed.err


def test_workers_need_the_extra(
    npz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    arguments = ["image", str(npz), "--model", "two", "--out", str(tmp_path / "out"), "--workers", "2"]
    assert main(arguments) == 2
    assert capsys.readouterr().err == (
        "error: this command requires distributed; install it with pip install 'seq2seqlite[cluster]'\n"
    )


def test_full_disk_is_one_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    write_stack: Callable[..., np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    write_stack(tmp_path / "a.zarr", (2, 20, 16))
    monkeypatch.setattr("zarr.storage._local._put", full)
    assert main(["image", str(tmp_path / "a.zarr"), "--model", "rld-3", "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == (
        f"error: cannot write {tmp_path}/out/maps.ome.zarr: No space left on device; free space or choose "
        "another folder\n"
    )


def test_derived_maps_on_request(npz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    common = ["image", str(npz), "--model", "two", "--out", str(out), "--period-ns", "12.5"]
    assert main([*common, "--also", "fret_efficiency"]) == 2
    assert capsys.readouterr().err.endswith("(options --also, --donor-tau-ns)\n")
    assert not out.exists()
    assert main([*common, "--also", "photon_fraction, fret_efficiency", "--donor-tau-ns", "2.5"]) == 0
    summary = json.loads((out / "summary.json").read_text())
    assert summary["fret_efficiency"]["median"] == pytest.approx(0.2)
    assert summary["photon_fraction"]["median"] == pytest.approx(0.5)
    assert summary["quantities"]["fret_efficiency"].startswith("FRET efficiency, from the amplitude-weighted")
    assert (out / "photon_fraction.tif").is_file()
