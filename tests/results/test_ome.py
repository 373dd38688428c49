"""OME files are what their specifications and other readers say they have to be."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import tifffile
import xarray as xr
import zarr

from seq2seqlite.errors import InputError
from seq2seqlite.imaging.frame_analysis import lifetime_map
from seq2seqlite.protocols import Predictor
from seq2seqlite.results.map_writer import write_maps
from seq2seqlite.results.ome import create_ome_zarr

CHANNELS = ["tau_mean_ns", "tau_short_ns", "tau_long_ns", "amplitude_fraction", "intensity"]
# Units that OME-NGFF 0.5 names for its axes, of which these are used.
UNITS = {"time": {"second"}, "space": {"micrometer"}}


@pytest.fixture
def maps(predictor: Predictor, decay_image: Callable[..., xr.DataArray]) -> xr.Dataset:
    data = decay_image(np.linspace(0.5, 2.5, 12 * 9).reshape(12, 9), pixel_size_um=0.25)
    data[0, 0] = 0
    return lifetime_map(data, predictor)


def valid_image(folder: Path) -> Any:
    """Return the metadata of an image that follows https://ngff.openmicroscopy.org/0.5/ , read as JSON."""
    group = json.loads((folder / "zarr.json").read_text())
    assert (group["zarr_format"], group["node_type"]) == (3, "group")
    ome = group["attributes"]["ome"]
    assert ome["version"] == "0.5"
    (multiscale,) = ome["multiscales"]
    axes = multiscale["axes"]
    names, types = [axis["name"] for axis in axes], [axis["type"] for axis in axes]
    assert len(set(names)) == len(names)
    assert 2 <= len(axes) <= 5
    assert 2 <= types.count("space") <= 3
    assert max(types.count("time"), types.count("channel")) <= 1
    assert types == sorted(types, key=["time", "channel", "space"].index)
    assert all(axis["unit"] in UNITS[axis["type"]] for axis in axes if "unit" in axis)
    for dataset in multiscale["datasets"]:
        (scale,) = dataset["coordinateTransformations"]
        assert scale["type"] == "scale"
        assert len(scale["scale"]) == len(axes)
        array = json.loads((folder / dataset["path"] / "zarr.json").read_text())
        assert (array["node_type"], array["data_type"], array["fill_value"]) == ("array", "float32", "NaN")
        assert array["dimension_names"] == names
        assert len(array["shape"]) == len(axes)
    channels = ome["omero"]["channels"]
    assert len(channels) == array["shape"][names.index("c")]
    for channel in channels:
        assert len(bytes.fromhex(channel["color"])) == 3
        window = channel["window"]
        assert window["min"] <= window["start"] < window["end"] <= window["max"]
    return ome


def test_ome_zarr(maps: xr.Dataset, tmp_path: Path) -> None:
    for _ in range(2):  # also in the place of an old one
        summary = write_maps(maps, tmp_path / "out", file_format="ome-zarr")
    assert str(tmp_path / "out" / "maps.ome.zarr") in summary["files"]
    ome = valid_image(tmp_path / "out" / "maps.ome.zarr")
    assert [channel["label"] for channel in ome["omero"]["channels"]] == CHANNELS
    image: Any = zarr.open_group(str(tmp_path / "out" / "maps.ome.zarr"), mode="r")
    np.testing.assert_array_equal(image["0"][:], maps.to_dataarray().values)
    assert image.attrs["seq2seqlite"]["units"]["tau_mean_ns"] == "ns"


@pytest.mark.parametrize("frames", [{}, {"t": 4}, {"z": 3}, {"t": 4, "z": 3}])
@pytest.mark.parametrize("known", [False, True])
def test_axes_are_in_the_order_of_the_specification(
    tmp_path: Path, *, frames: dict[str, int], known: bool
) -> None:
    from seq2seqlite.results.ome import describe_channels

    steps = {"pixel_size_um": 0.5, "z_step_um": 2.0, "frame_time_s": 0.1} if known else {}
    folder = tmp_path / "a.ome.zarr"
    create_ome_zarr(folder, CHANNELS, frames=frames, shape=(7, 5), rows=4, steps=steps)
    describe_channels(folder, dict.fromkeys(CHANNELS, (0.0, 0.1, 0.9, 1.0)))
    (multiscale,) = valid_image(folder)["multiscales"]
    assert ["unit" in axis for axis in multiscale["axes"] if axis["name"] != "c"] == [known] * (
        2 + len(frames)
    )
    array: Any = zarr.open_array(str(folder / "0"), mode="r")
    assert array.chunks == (*(1 for _ in frames), 1, 4, 5)
    assert np.isnan(array[:]).all()


def test_ome_tiff(maps: xr.Dataset, tmp_path: Path) -> None:
    write_maps(maps, tmp_path / "out", file_format="ome-tiff")
    with tifffile.TiffFile(tmp_path / "out" / "maps.ome.tif") as tif:
        assert tif.is_ome
        (series,) = tif.series
        assert (series.axes, str(series.dtype)) == ("CYX", "float32")
        np.testing.assert_array_equal(series.asarray(), maps.to_dataarray().values)
        xml = tif.ome_metadata
    assert xml is not None
    root = ET.fromstring(xml)  # noqa: S314 - our own file
    space = {"ome": "http://www.openmicroscopy.org/Schemas/OME/2016-06"}
    (pixels,) = root.findall("ome:Image/ome:Pixels", space)
    assert [channel.attrib["Name"] for channel in pixels.findall("ome:Channel", space)] == CHANNELS
    assert {pixels.attrib[f"PhysicalSize{axis}"] for axis in "XY"} == {"0.25"}
    assert {pixels.attrib[f"PhysicalSize{axis}Unit"] for axis in "XY"} == {"µm"}
    assert "tau_mean_ns in ns" in xml


def test_unknown_format(maps: xr.Dataset, tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"file_format='png' is unknown; choose one of tiff, ome-tiff, ome-zarr"
    ):
        write_maps(maps, tmp_path / "out", file_format="png")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "maps.ome.zarr").write_text("")
    with pytest.raises(InputError, match=r"maps\.ome\.zarr is not recorded as a result of seq2seqlite"):
        write_maps(maps, tmp_path / "out", file_format="ome-zarr")
