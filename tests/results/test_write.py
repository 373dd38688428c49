"""What is written opens elsewhere with units and values, and nothing half-written stays."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import xarray as xr
from PIL import Image

from seq2seqlite.errors import InputError
from seq2seqlite.imaging.frame_analysis import lifetime_map
from seq2seqlite.maps import LIFETIME_MAPS
from seq2seqlite.protocols import Predictor
from seq2seqlite.results.map_writer import write_maps

TAU_NS = np.linspace(0.5, 2.5, 30 * 40).reshape(30, 40)


@pytest.fixture
def maps(predictor: Predictor, decay_image: Callable[..., xr.DataArray]) -> xr.Dataset:
    data = decay_image(TAU_NS, pixel_size_um=0.25)
    data[0, 0] = 0
    data.attrs["photons_in_file"] = data.attrs["photons"] + 7
    return lifetime_map(data, predictor)


def test_tiffs_have_values_units_and_pixel_size(maps: xr.Dataset, tmp_path: Path) -> None:
    write_maps(maps, tmp_path / "out")
    units = {"tau_mean_ns": "ns", "amplitude_fraction": None, "intensity": "photons"}
    for name, unit in units.items():
        with tifffile.TiffFile(tmp_path / "out" / f"{name}.tif") as tif:
            found, tags = tif.imagej_metadata, tif.pages.first.tags
            assert found is not None
            np.testing.assert_array_equal(tif.asarray(), maps[name].values)
            assert (found["unit"], found.get("vunit")) == ("um", unit)
            assert tags.valueof(282)[0] / tags.valueof(282)[1] == pytest.approx(4.0)  # pixels per um
            assert found["min"] < found["max"]
            assert f"name = {name}" in found["Info"]
    assert np.isnan(maps["tau_mean_ns"].values[0, 0])


def test_summary_says_what_was_done(maps: xr.Dataset, tmp_path: Path) -> None:
    summary = write_maps(maps, tmp_path / "out")
    assert json.loads((tmp_path / "out" / "summary.json").read_text()) == summary
    assert summary["photons_in_file"] == summary["photons"] + 7
    assert (summary["pixels"], summary["pixels_analysed"]) == (1200, 1199)
    tau = maps["tau_mean_ns"].values[np.isfinite(maps["tau_mean_ns"].values)]
    for name, share in {"p5": 5, "median": 50, "p95": 95}.items():
        assert summary["tau_mean_ns"][name] == pytest.approx(np.percentile(tau, share), rel=1e-6)
    assert set(LIFETIME_MAPS) <= set(summary)
    assert (summary["model"], summary["predictor"]) == ("centre-of-mass", "closed form")
    assert summary["pixels_per_second"] > 0
    assert summary["rebinning"]["target_gates"] == 135
    assert summary["provenance"]["versions"]["numpy"] == np.__version__
    assert [Path(file).is_file() for file in summary["files"]] == [True] * 7


def test_picture_shows_lifetime_as_colour(maps: xr.Dataset, tmp_path: Path) -> None:
    write_maps(maps, tmp_path / "out")
    with Image.open(tmp_path / "out" / "lifetime.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3)
    assert len(np.unique(pixels, axis=0)) > 200  # a map, a colour bar and a histogram, not an empty frame


@pytest.mark.parametrize("where", ["replace", "tiff"])
def test_full_disk_leaves_nothing(
    maps: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if where == "replace":
        monkeypatch.setattr("os.replace", full)
    else:
        monkeypatch.setattr("tifffile.imwrite", full)
    with pytest.raises(
        InputError, match=r"cannot write .*out: No space left on device; free space or choose"
    ):
        write_maps(maps, tmp_path / "out")
    assert [item for item in tmp_path.rglob("*") if item.is_file()] == []
