"""Series and channels from file to maps: three frames of different lifetimes give three maps."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import ptufile
import pytest
import tifffile
import zarr

from seq2seqlite import write_lifetime_maps
from seq2seqlite.cli.app import main
from seq2seqlite.decay import ParametricIrf, TimeAxis, expected_tpsf
from seq2seqlite.errors import InputError

AXIS, IRF = TimeAxis(125, 0.1, 12.5), ParametricIrf(1.5, 0.2)
TAUS = (1.0, 1.7, 2.4)


@pytest.fixture
def ptu(tmp_path: Path) -> Path:
    """A PTU file of 4 x 4 pixels with three frames of 1.0, 1.7 and 2.4 ns, in two channels."""
    frames = [expected_tpsf([1.0], [tau], axis=AXIS, irf=IRF, photons=20_000) for tau in TAUS]
    counts = np.array(frames).round().astype(np.uint16)[:, None, None, None] * np.ones(
        (4, 4, 2, 1), np.uint16
    )
    file = tmp_path / "cells.ptu"
    ptufile.imwrite(file, counts, 12.505e-9, 0.1e-9)
    return file


def test_default_sums_with_one_warning(ptu: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    arguments = ["image", str(ptu), "--model", "phasor", "--channel", "0", "--out", str(out)]
    assert main(arguments) == 0
    printed = capsys.readouterr()
    assert printed.err.count("warning:") == 1
    assert "the 3 frames of cells.ptu were summed" in printed.err
    assert "(option --frames)" in printed.err
    assert main([*arguments, "--frames", "sum"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "file_format", ["tiff", "ome-tiff", pytest.param("ome-zarr", marks=pytest.mark.exhaustive)]
)
def test_each_frame_has_its_map(ptu: Path, tmp_path: Path, file_format: str) -> None:
    out = tmp_path / "out"
    (done,) = write_lifetime_maps(
        ptu, "phasor", out, channel=1, frames="each", frame_time_s=1.5, file_format=file_format
    )
    summary: dict[str, Any] = json.loads((out / "summary.json").read_text())
    assert done.summary is not None
    assert (summary["frames"], summary["axes"], summary["frame_time_s"]) == (3, {"t": 3}, 1.5)
    assert (summary["pixels"], summary["warnings"]) == (48, [])
    assert [one["tau_mean_ns_median"] for one in summary["series"]] == pytest.approx(TAUS, rel=0.03)
    if file_format == "tiff":
        with tifffile.TiffFile(out / "tau_mean_ns.tif") as tif:
            maps = tif.asarray()
            assert tif.imagej_metadata is not None
            assert (tif.series[0].axes, tif.imagej_metadata["finterval"]) == ("TYX", 1.5)
    elif file_format == "ome-tiff":
        with tifffile.TiffFile(out / "maps.ome.tif") as tif:
            maps = tif.asarray()[0]
            assert tif.series[0].axes == "CTYX"
            assert tif.ome_metadata is not None
            assert 'TimeIncrement="1.5" TimeIncrementUnit="s"' in tif.ome_metadata
    else:
        group: Any = zarr.open_group(str(out / "maps.ome.zarr"), mode="r")
        (multiscale,) = group.attrs["ome"]["multiscales"]
        assert multiscale["axes"][0] == {"name": "t", "type": "time", "unit": "second"}
        assert multiscale["datasets"][0]["coordinateTransformations"][0]["scale"][0] == 1.5
        maps = group["0"][:, 0]
    assert maps.shape == (3, 4, 4)
    assert np.median(maps, axis=(1, 2)) == pytest.approx(TAUS, rel=0.03)
    assert (out / "lifetime.png").is_file()


def test_range_of_frames(ptu: Path, tmp_path: Path) -> None:
    (done,) = write_lifetime_maps(ptu, "phasor", tmp_path / "out", channel=0, frames="2:3")
    assert done.summary is not None
    assert done.summary["tau_mean_ns"]["median"] == pytest.approx(2.4, rel=0.03)
    assert "frames" not in done.summary


def test_all_channels_and_frames_in_one_table(ptu: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = write_lifetime_maps(ptu, "phasor", out, channel="all", frames="each", frame_time_s=2.0)
    assert [one.folder.relative_to(out) for one in done] == [Path("channel-0"), Path("channel-1")]
    with (out / "batch.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    places = [(row["channel"], row["t"], row["time_s"], row["region"]) for row in rows]
    assert places == [(str(c), str(t), str(2 * t), "all") for c in range(2) for t in range(3)]
    medians = [float(row["tau_mean_ns_median"]) for row in rows]
    assert medians == pytest.approx([*TAUS, *TAUS], rel=0.03)
    again = write_lifetime_maps(ptu, "phasor", out, channel="all", frames="each", frame_time_s=2.0)
    assert [one.state for one in again] == ["skipped", "skipped"]


def test_folder_of_files_is_a_time_axis(tmp_path: Path) -> None:
    folder = tmp_path / "course"
    folder.mkdir()
    for number, tau in enumerate(TAUS):
        tpsf = expected_tpsf([1.0], [tau], axis=AXIS, irf=IRF, photons=20_000).round()
        counts = np.broadcast_to(tpsf.astype(np.uint16), (4, 4, 125))
        np.savez(folder / f"t{number}.npz", tpsf=counts, gate_width_ns=0.1, period_ns=12.5)
    (done,) = write_lifetime_maps(folder, "phasor", tmp_path / "out", frames="each", file_format="ome-tiff")
    assert done.summary is not None
    medians = [one["tau_mean_ns_median"] for one in done.summary["series"]]
    assert medians == pytest.approx(TAUS, rel=0.03)


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (["--channel", "red"], "channel=red must be the number of a channel, or all (option --channel)"),
        (["--channel", "0", "--frames", "first"], "must be sum, each, or a range A:B of frames"),
        (["--channel", "0", "--frames", "4:5"], "with A < B <= 3, the number of frames (option --frames)"),
        (
            ["--channel", "0", "--frames", "each", "--min-photons", "1e9"],
            "all pixels are below the threshold",
        ),
        (["--channel", "all", "--block", "1"], "block=1 cannot be combined with channel=all"),
        (["--channel", "0", "--frame-time-s", "-1"], "frame_time_s=-1.0 must be finite and > 0 (e.g. 1.5)"),
    ],
)
def test_bad_values_are_one_line_and_write_nothing(
    ptu: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], text: str
) -> None:
    out = tmp_path / "out"
    assert main(["image", str(ptu), "--model", "phasor", "--out", str(out), *more]) == 2
    printed = capsys.readouterr()
    assert text in printed.err
    assert len(printed.err.splitlines()) == 1
    assert not out.exists()


def test_frames_too_dark_alone(ptu: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"frames of .*cells\.ptu: all pixels are below the threshold"):
        write_lifetime_maps(ptu, "phasor", tmp_path / "out", channel=0, frames="each", min_photons=30_000)
