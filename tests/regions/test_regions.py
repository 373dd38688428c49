"""Regions from label images, Fiji ROIs and GeoJSON, and their statistics against closed forms."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import roifile
import tifffile
from PIL import Image

from seq2seqlite.decay import FitModel, ParametricIrf, Quantities, TimeAxis, expected_tpsf
from seq2seqlite.errors import InputError
from seq2seqlite.io.signal import signal_from_counts
from seq2seqlite.maps import map_dataset
from seq2seqlite.regions import (
    Conditions,
    Regions,
    decay_columns,
    read_regions,
    region_decays,
    region_table,
    table_text,
)

SHAPE = (6, 8)
LABELS = np.zeros(SHAPE, np.uint8)
LABELS[1:3, 2:6] = 3
LABELS[4, 0] = 200


def write_labels(path: Path, labels: Any) -> Path:
    if path.suffix == ".npy":
        np.save(path, labels)
    elif path.suffix == ".png":
        Image.fromarray(labels).save(path)
    else:
        tifffile.imwrite(path, labels)
    return path


@pytest.mark.parametrize("suffix", [".npy", ".png", ".tif"])
def test_label_images(tmp_path: Path, suffix: str) -> None:
    found = read_regions(write_labels(tmp_path / f"labels{suffix}", LABELS), shape=SHAPE)
    assert found.names == ("3", "200")
    np.testing.assert_array_equal(found.pixels[0], np.flatnonzero(LABELS == 3))
    np.testing.assert_array_equal(found.pixels[1], [32])
    floats = Regions.of_labels(LABELS.astype(np.float32), shape=SHAPE)
    assert [index.tolist() for index in floats.pixels] == [index.tolist() for index in found.pixels]


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        (LABELS[:5], r"has shape \(5, 8\), but the image \(6, 8\); pass a label image of this image"),
        (np.stack([LABELS] * 3, axis=-1), "with one channel"),
        (LABELS * 0, "is zero everywhere; set the pixels of each region to its label"),
        (LABELS + 0.5, "must contain whole numbers"),
        (np.full(SHAPE, np.inf), "must contain whole numbers"),
        (-LABELS.astype(np.int16), "contains the label -200; labels must be >= 0"),
    ],
)
def test_label_images_that_are_not(tmp_path: Path, labels: Any, text: str) -> None:
    with pytest.raises(InputError, match=text) as failure:
        read_regions(write_labels(tmp_path / "labels.npy", labels), shape=SHAPE)
    assert "\n" not in str(failure.value)
    assert str(failure.value).startswith(str(tmp_path / "labels.npy"))


def box(kind: str, sides: tuple[int, int, int, int], name: str) -> roifile.ImagejRoi:
    left, top, right, bottom = sides
    return roifile.ImagejRoi(
        roitype=roifile.ROI_TYPE[kind], left=left, top=top, right=right, bottom=bottom, name=name
    )


def test_fiji_rois(tmp_path: Path) -> None:
    """A rectangle, a circle and a triangle; a pixel belongs to the outline around its centre."""
    triangle = roifile.ImagejRoi.frompoints([[0, 0], [4, 0], [0, 4]], name="cell")
    rois = [box("RECT", (2, 1, 6, 3), "cell"), box("OVAL", (1, 1, 6, 6), "nucleus"), triangle]
    roifile.roiwrite(tmp_path / "rois.zip", rois, name=["1", "2", "3"], mode="w")
    found = read_regions(tmp_path / "rois.zip", shape=SHAPE)
    assert found.names == ("cell", "nucleus", "cell-2")
    np.testing.assert_array_equal(found.pixels[0], np.flatnonzero(LABELS == 3))
    y, x = np.mgrid[:6, :8] + 0.5
    np.testing.assert_array_equal(found.pixels[1], np.flatnonzero((x - 3.5) ** 2 + (y - 3.5) ** 2 <= 2.5**2))
    assert set(np.flatnonzero(x + y < 4)) <= set(found.pixels[2]) <= set(np.flatnonzero(x + y <= 4))
    roifile.roiwrite(tmp_path / "one.roi", rois[0])
    assert read_regions(tmp_path / "one.roi", shape=SHAPE).names == ("cell",)


def test_fiji_rois_that_are_no_areas(tmp_path: Path) -> None:
    points = roifile.ImagejRoi.frompoints([[1, 1]], name="spot")
    points.roitype = roifile.ROI_TYPE.POINT
    roifile.roiwrite(tmp_path / "a.roi", points)
    with pytest.raises(InputError, match="ROI 'spot' is of type POINT; use ROIs with an area"):
        read_regions(tmp_path / "a.roi", shape=SHAPE)
    roifile.roiwrite(tmp_path / "b.roi", box("RECT", (100, 100, 120, 120), "outside"))
    with pytest.raises(InputError, match="contains no region within the image of shape"):
        read_regions(tmp_path / "b.roi", shape=SHAPE)
    (tmp_path / "c.zip").write_bytes(b"PK not an archive")
    with pytest.raises(InputError, match=r"c\.zip: not a readable Fiji ROI file"):
        read_regions(tmp_path / "c.zip", shape=SHAPE)


def feature(kind: str, coordinates: Any, **properties: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": properties,
        "geometry": {"type": kind, "coordinates": coordinates},
    }


def ring(left: float, top: float, right: float, bottom: float) -> list[list[float]]:
    return [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]


def test_geojson(tmp_path: Path) -> None:
    features = [
        feature("Polygon", [ring(2, 1, 6, 3), ring(3, 1, 4, 2)], name="with a hole"),
        feature("MultiPolygon", [[ring(0, 0, 1, 1)], [ring(7, 5, 9, 9)]], classification={"name": "stroma"}),
    ]
    file = tmp_path / "cells.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    found = read_regions(file, shape=SHAPE)
    assert found.names == ("with a hole", "stroma")
    assert set(found.pixels[0]) == set(np.flatnonzero(LABELS == 3)) - {11}
    assert found.pixels[1].tolist() == [0, 47]
    file.write_text(json.dumps(feature("Point", [1, 2])))
    with pytest.raises(InputError, match="feature '1' is of type Point; use Polygon or MultiPolygon"):
        read_regions(file, shape=SHAPE)
    for broken in ("{", "[1]", '{"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [[1]]}}'):
        file.write_text(broken)
        with pytest.raises(InputError, match="not a readable GeoJSON file"):
            read_regions(file, shape=SHAPE)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e400"])
def test_geojson_with_a_vertex_that_is_not_finite(tmp_path: Path, number: str) -> None:
    file = tmp_path / "cells.geojson"
    table = {"type": "Polygon", "properties": {"name": "a"}, "coordinates": [[[1, 1], [-7, 1], [3, 3]]]}
    file.write_text(json.dumps(table).replace("-7", number))
    with pytest.raises(InputError, match="feature 'a' has a vertex that is NaN or infinite; draw it again"):
        read_regions(file, shape=(5, 6))


def test_other_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist; check the path of the regions"):
        read_regions(tmp_path / "none.zip", shape=SHAPE)
    with pytest.raises(InputError, match=r"unsupported format '\.docx' of regions; use a label image"):
        read_regions(tmp_path / "cells.docx", shape=SHAPE)


def test_statistics() -> None:
    """1, 2, 3, 4 and a pixel below threshold: median 2.5, mean 2.5, sample deviation sqrt(5/3)."""
    tau = np.full(SHAPE, np.nan, np.float32)
    tau[0, :4] = [1, 2, 3, 4]
    counts = np.full(SHAPE, 10, np.float32)
    maps = map_dataset({"tau_mean_ns": tau, "intensity": counts}, {}, quantities=Quantities(1))
    regions = Regions(SHAPE, ("a", "dark", "one"), (np.arange(5), np.array([20, 21]), np.array([1])))
    first, dark, one = region_table(maps, regions)
    assert list(first)[:5] == ["region", "pixels", "photons", "pixels_analysed", "tau_mean_ns_median"]
    assert (first["pixels"], first["photons"], first["pixels_analysed"]) == (5, 50, 4)
    expected = {
        "median": 2.5, "mean": 2.5, "sd": (5 / 3) ** 0.5, "sem": (5 / 12) ** 0.5,
        "p05": 1.15, "p25": 1.75, "p75": 3.25, "p95": 3.85,
    }  # fmt: skip
    found = {key: first[f"tau_mean_ns_{key}"] for key in expected}
    assert found == pytest.approx(expected)
    assert (dark["pixels_analysed"], dark["photons"], dark["tau_mean_ns_mean"]) == (0, 20, None)
    assert (one["tau_mean_ns_mean"], one["tau_mean_ns_sd"], one["tau_mean_ns_sem"]) == (2.0, None, None)
    rows = list(csv.DictReader(io.StringIO(table_text([first, dark, one]))))
    assert rows[0]["tau_mean_ns_sd"] == "1.29099"
    assert rows[1]["tau_mean_ns_median"] == ""
    (whole,) = region_table(maps, Regions.whole(SHAPE))
    assert (whole["region"], whole["pixels"], whole["photons"]) == ("all", 48, 480)


def test_decays_of_regions() -> None:
    """Two cells of different lifetimes, one of which is dim, and a pixel without a lifetime."""
    axis, irf = TimeAxis(125, 0.1, 12.5), ParametricIrf(2.0, 0.2)
    tau_ns = np.where(LABELS == 3, 1.0, 3.0)[..., None]
    photons = np.where(LABELS == 200, 200, 20_000)
    counts = np.random.default_rng(1).poisson(
        expected_tpsf([1.0], tau_ns, axis=axis, irf=irf, photons=photons)
    )
    data = signal_from_counts(counts, source="a", file_format="array", gate_width_ns=0.1, period_ns=12.5)
    chosen = np.ones(SHAPE, np.bool_)
    chosen[1, 2] = False
    regions = Regions.of_labels(LABELS, shape=SHAPE)
    decays = region_decays(data, regions, chosen, block_pixels=SHAPE[1])
    np.testing.assert_array_equal(decays[0], counts[(LABELS == 3) & chosen].sum(axis=0))
    np.testing.assert_array_equal(decays[1], counts[4, 0])
    (one, dim) = decay_columns(decays, axis=axis, irf=irf, model=FitModel(1))
    assert one["decay_tau_ns"] == pytest.approx(1.0, rel=0.02)
    assert 0.5 < one["decay_chi_square"] < 1.5
    assert dim == {"decay_tau_ns": None, "decay_chi_square": None}
    two = decay_columns(decays, axis=axis, irf=irf, model=FitModel(2))[0]
    assert list(two)[:2] == ["decay_tau_mean_ns", "decay_tau_short_ns"]
    assert two["decay_tau_mean_ns"] == pytest.approx(1.0, rel=0.1)


@pytest.mark.parametrize(
    ("pattern", "name", "found"),
    [
        ("{cell}_{dose}.ptu", "a_b_10.ptu", {"cell": "a", "dose": "b_10"}),
        ("*_{dose}nM.*", "x/HeLa_3_20nM.sdt", {"dose": "3_20"}),
        ("{day}/{cell}.ptu", "2024/c1.ptu", {"day": "2024", "cell": "c1"}),
        ("{cell}(1).ptu", "c1(1).ptu", {"cell": "c1"}),
    ],
)
def test_conditions(pattern: str, name: str, found: dict[str, str]) -> None:
    assert Conditions(pattern).of(Path(name)) == found


@pytest.mark.parametrize("pattern", ["a.ptu", "{a}_{a}.ptu", "{region}.ptu", "{1a}.ptu"])
def test_patterns_that_are_not_allowed(pattern: str) -> None:
    with pytest.raises(InputError, match="^conditions='"):
        Conditions(pattern)


def test_a_name_that_does_not_match() -> None:
    with pytest.raises(InputError, match=r"c1\.ptu: the name does not match conditions='{cell}_{dose}.ptu'"):
        Conditions("{cell}_{dose}.ptu").of(Path("c1.ptu"))
