"""The napari plugin: layers of measurements and maps, and a widget with the numbers of image."""

import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import tifffile

import seq2seqlite
from seq2seqlite.errors import InputError
from seq2seqlite.figures import lifetime_colours, lifetime_picture
from seq2seqlite.figures.picture import display_limits
from seq2seqlite.io import read
from seq2seqlite.napari import get_reader, map_layers, open_measurement
from seq2seqlite.napari.layers import KEY
from seq2seqlite.napari.settings import MapSettings, label_regions
from seq2seqlite.workflows.image import write_lifetime_maps

MODEL = "seq2seqlite-tcspc-80mhz-int8"
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def add(viewer, layers):
    from napari.layers import Layer

    return [viewer.add_layer(Layer.create(*layer)) for layer in layers]


def test_nothing_but_the_widget_imports_qt_or_napari(cell):
    code = (
        "import sys, seq2seqlite\n"
        "from seq2seqlite.napari import get_reader\n"
        "from seq2seqlite.napari import settings\n"
        f"get_reader({str(cell)!r})({str(cell)!r})\n"
        "known = {name.partition('.')[0] for name in sys.modules}\n"
        "print(sorted(known & {'magicgui', 'napari', 'npe2', 'qtpy', 'PySide6', 'PyQt6', 'PyQt5'}))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_the_manifest_is_valid_and_its_functions_exist(qt):
    from npe2 import PluginManifest

    folder = Path(seq2seqlite.__file__).parent / "napari"
    manifest = PluginManifest.from_file(folder / "napari.yaml")
    manifest.validate_imports()
    project = tomllib.loads((folder.parents[2] / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["napari.manifest"] == {"seq2seqlite": "seq2seqlite.napari:napari.yaml"}
    patterns = manifest.contributions.readers[0].filename_patterns
    assert all(
        get_reader("a" + pattern[1:]) for pattern in patterns if pattern not in ("*.tif", "*.tiff", "*.zarr")
    )


def test_layer_of_a_measurement(cell):
    data = read(cell)
    [(image, described, kind)] = get_reader(str(cell))(str(cell))
    np.testing.assert_array_equal(image, data.sum("H").values)
    np.testing.assert_array_equal(described["metadata"]["decays"].values, data.values)
    assert (kind, described["name"], described["units"]) == ("image", "cell.npz", ("pixel", "pixel"))
    assert described["metadata"]["period_ns"] == 12.5


def test_frames_of_a_tiff(tmp_path):
    counts = np.random.default_rng(0).poisson(5.0, size=(3, 20, 4, 5)).astype(np.uint16)
    file = tmp_path / "series.tif"
    tifffile.imwrite(file, counts, metadata={"axes": "THYX"})
    with pytest.raises(InputError, match=r"does not contain its gate width; pass gate_width_ns"):
        get_reader(str(file))(str(file))
    [(image, described, _)] = open_measurement(file, gate_width_ns=0.1, period_ns=12.5)
    np.testing.assert_array_equal(image, counts.sum(axis=1))
    np.testing.assert_array_equal(described["metadata"]["decays"].values, counts.sum(0).transpose(1, 2, 0))
    assert described["axis_labels"] == ("T", "Y", "X")
    assert described["metadata"][KEY].frames == ("sum", "each")


def test_channels_are_layers(tmp_path):
    counts = np.random.default_rng(0).poisson(5.0, size=(2, 20, 4, 5)).astype(np.uint16)
    file = tmp_path / "two.tif"
    tifffile.imwrite(file, counts, metadata={"axes": "CHYX"})
    layers = open_measurement(file, gate_width_ns=0.1, period_ns=12.5)
    assert [described["name"] for _, described, _ in layers] == ["two.tif channel 0", "two.tif channel 1"]
    np.testing.assert_array_equal(layers[1][0], counts[1].sum(axis=0))
    [(only, *_)] = open_measurement(file, channel=1, gate_width_ns=0.1, period_ns=12.5)
    np.testing.assert_array_equal(only, layers[1][0])


def test_other_files_are_left_to_other_readers(tmp_path):
    tifffile.imwrite(tmp_path / "plain.tif", np.zeros((3, 4, 5), np.uint8))
    (tmp_path / "broken.tif").write_bytes(b"II*\0broken")
    (tmp_path / "folder").mkdir()
    for name in ("plain.tif", "broken.tif", "points.csv", "cells.zarr", "folder", "image.czi"):
        assert get_reader(str(tmp_path / name)) is None
    assert get_reader([str(tmp_path / "plain.tif")]) is None


def test_maps_are_layers_with_scale_units_and_colours(cell):
    [(_, described, _)] = open_measurement(cell)
    maps = MapSettings(MODEL).analyse(described["metadata"][KEY]).maps
    maps.attrs["pixel_size_um"] = 0.25
    layers = {described["metadata"][KEY]: (data, described) for data, described, _ in map_layers(maps)}
    assert set(layers) == set(maps.data_vars)
    data, mean = layers["tau_mean_ns"]
    np.testing.assert_array_equal(data, maps["tau_mean_ns"].values)
    assert (mean["scale"], mean["units"], mean["metadata"]["units"]) == ((0.25, 0.25), ("um", "um"), "ns")
    assert mean["contrast_limits"] == display_limits(data)
    np.testing.assert_array_equal(mean["colormap"]["colors"], lifetime_colours()(np.arange(256)))
    visible = [name for name, (_, one) in layers.items() if one["visible"]]
    assert visible == ["tau_mean_ns", "intensity"]
    assert layers["intensity"][1]["blending"] == "multiplicative"
    assert lifetime_picture(maps).axes


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        (MapSettings(), {}),
        (
            MapSettings(MODEL, min_photons=200, binning=1, phasor=False),
            {"min_photons": 200, "binning": 1, "phasor": False},
        ),
    ],
)
def test_settings_give_the_maps_of_image(cell, tmp_path, settings, options):
    model = None if settings.model == "automatic" else settings.model
    write_lifetime_maps(cell, model, tmp_path / "maps", **options)
    [(_, described, _)] = open_measurement(cell)
    maps = settings.analyse(described["metadata"][KEY]).maps
    written = {file.stem: tifffile.imread(file) for file in (tmp_path / "maps").glob("*.tif")}
    assert set(written) == set(maps.data_vars)
    for name, image in written.items():
        np.testing.assert_array_equal(maps[name].values, image)


def test_widget_computes_maps_and_the_table_of_image(widget, errors, finished, cell, tmp_path):
    labels = np.zeros((10, 12), np.uint8)
    labels[2:8, 1:5], labels[2:8, 7:11] = 1, 2
    tifffile.imwrite(tmp_path / "labels.tif", labels)
    write_lifetime_maps(cell, MODEL, tmp_path / "maps", regions=tmp_path / "labels.tif")
    add(widget.viewer, open_measurement(cell))
    widget.model.value = MODEL
    for _ in range(2):  # the second run replaces the layers of the first
        widget.start()
        finished(widget)
    drawn = widget.viewer.add_labels(labels, name="labels")
    widget.start_table()
    finished(widget)
    widget.save(tmp_path / "table.csv")
    assert errors == []
    written = {file.stem: tifffile.imread(file) for file in (tmp_path / "maps").glob("*.tif")}
    shown = {
        layer.name: layer.data for layer in widget.viewer.layers if isinstance(layer.metadata.get(KEY), str)
    }
    assert set(shown) == {f"{name} cell.npz" for name in written}
    for name, image in written.items():
        np.testing.assert_array_equal(shown[f"{name} cell.npz"], image)
    assert (tmp_path / "table.csv").read_bytes() == (tmp_path / "maps" / "regions.csv").read_bytes()
    assert list(drawn.features["index"]) == [1, 2]
    assert widget.table.data.to_list()[0] == [24, 24]
    assert "120 of 120 pixels analysed" in widget.result.value


def test_errors_are_one_line(widget, errors, finished, cell, tmp_path):
    widget.start()
    widget.start_table()
    add(widget.viewer, open_measurement(cell))
    widget.start_table()
    widget.irf.value = "file"
    widget.start()
    widget.irf.value = "none"
    widget.min_photons.value = 1e8
    widget.start()
    finished(widget)
    (tmp_path / "broken.npz").write_bytes(b"broken")
    widget.model_file.value = tmp_path / "broken.npz"
    widget.start()
    finished(widget)
    with pytest.raises(InputError, match="no table of regions has been computed; compute it first"):
        widget.save(tmp_path / "table.csv")
    beginnings = ["no measurement is open"] * 2 + ["cell.npz has no maps", "no IRF file is chosen"]
    assert [text.startswith(start) for text, start in zip(errors, beginnings, strict=False)] == [True] * 4
    assert "brightest" in errors[4] or "photons" in errors[4]
    assert "broken.npz" in errors[5]
    assert len(errors) == 6
    assert not any("\n" in text for text in errors)


def test_labels_of_the_displayed_frame():
    labels = np.zeros((3, 2, 2), np.uint8)
    labels[1, 0, 0] = 7
    assert label_regions(labels, shape=(2, 2), name="cells", step=(1,)).names == ("7",)
    with pytest.raises(InputError, match=r"cells is zero everywhere"):
        label_regions(labels, shape=(2, 2), name="cells", step=(0,))
    with pytest.raises(InputError, match=r"cells has shape \(2, 2\), but the image \(3, 2\)"):
        label_regions(labels[1], shape=(3, 2), name="cells")
