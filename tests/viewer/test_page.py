"""Updates of the page without a browser: panels, what is computed again, and errors."""

import json
from collections import Counter
from dataclasses import replace
from urllib.parse import parse_qs

import numpy as np
import pytest
import tifffile
from bokeh.document import Document

from seq2seqlite import write_lifetime_maps
from seq2seqlite.errors import InputError
from seq2seqlite.figures import PhasorOptions
from seq2seqlite.viewer import DEFAULT_MODEL, OpenedImages, ViewState, images, page
from seq2seqlite.viewer.comparison import Comparison, shared_limits
from seq2seqlite.viewer.exports import EXPORTS

CURSORS = ((0.75, 0.4, 0.1), (0.6, 0.45, 0.08))


class Here:
    """Executor that computes at once."""

    def submit(self, action, *arguments):
        action(*arguments)


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """Return a page of a folder with two measurements and a corrupted file."""
    folder = tmp_path_factory.mktemp("opened")
    random = np.random.default_rng(3)
    times = (np.arange(125) + 0.5) * 0.1
    for name, tau in (("a.npz", 1.0), ("b.npz", 2.0)):
        decay = np.where(times > 1.0, np.exp(-(times - 1.0) / tau), 0.0)
        counts = random.poisson(5000 * decay / decay.sum(), (6, 8, 125))
        np.savez(folder / name, tpsf=counts, gate_width_ns=0.1, period_ns=12.5)
    (folder / "corrupted.npz").write_bytes(b"not an archive")
    return page.Page(
        Document(),
        OpenedImages(folder),
        ViewState("a.npz", DEFAULT_MODEL, "fit"),
        Here(),
        schedule=lambda action: action(),
    )


@pytest.fixture
def opened(shown):
    """The page in its first state."""
    shown.go(ViewState("a.npz", DEFAULT_MODEL, "fit"))
    return shown


@pytest.fixture
def computed(monkeypatch):
    """Return the numbers of computed maps, decays and phasors, and of drawn maps."""
    found = Counter()

    def count(owner, name, key):
        function = getattr(owner, name)

        def counted(*arguments, **named):
            found[key] += 1
            return function(*arguments, **named)

        monkeypatch.setattr(owner, name, counted)

    count(images, "read_measurement", "read")
    count(images, "analyse_measurement", "maps")
    count(images.OpenedImage, "selected", "decay")
    count(images, "map_phasors", "phasors")
    count(page.MapPlot, "show", "drawn")
    return found


def test_only_what_changed_is_computed_again(opened, computed):
    opened.change(pixel=(1, 1))
    opened.change(cmap="viridis")
    assert computed == {"decay": 1, "drawn": 1}
    opened.change(limits=(0.5, 1.5))
    opened.change(lit=(0.9, 1.1))
    assert computed == {"decay": 1, "drawn": 3}
    opened.change(panel="phasor")
    assert computed == {"decay": 1, "drawn": 3, "phasors": 1}
    opened.change(cursors=CURSORS)
    opened.change(panel="decay")
    assert computed == {"decay": 1, "drawn": 4, "phasors": 1}
    opened.change(min_photons=200.0)
    assert computed == {"decay": 2, "drawn": 5, "phasors": 1, "maps": 1}
    opened.change(binning=1)
    assert (computed["maps"], computed["decay"], computed["read"]) == (2, 3, 0)


def test_the_progress_is_shown(opened):
    texts = []
    opened.status.on_change("text", lambda _, __, text: texts.append(text))
    opened.change(model="phasor")
    assert texts[0] == "a.npz: working"
    assert "48 of 48 pixels" in texts
    assert texts[-1].startswith("a.npz: 48 of 48 pixels analysed")


def test_the_phasors_are_those_of_image(opened, tmp_path):
    opened.change(panel="phasor", cursors=CURSORS, medians=1, binning=1, pixel=(2, 3))
    path = opened.images.path / "a.npz"
    write_lifetime_maps(
        path, DEFAULT_MODEL, tmp_path / "maps", irf="fit", binning=1, cursors=CURSORS, phasor_medians=1
    )
    for name, values in opened.phasors.maps().items():
        np.testing.assert_array_equal(values, tifffile.imread(tmp_path / "maps" / f"{name}.tif"))
    summary = json.loads((tmp_path / "maps" / "summary.json").read_text())
    assert opened.phasors.described() == summary["phasor"]
    for number, cursor in enumerate(summary["phasor"]["cursors"], start=1):
        assert f"data-q='cursor-{number}-pixels'>{cursor['pixels']} (" in opened.cursor_table.text
    assert f"data-q='pixel-g'>{opened.phasors.real[3, 2]:.4f}<" in opened.cursor_table.text
    assert opened.phasor_plot.cursors.data["radius"] == [0.1, 0.08]
    # The pixels of the cursors are shown in the map: others are grey.
    colours = opened.map.image.data["image"][0].view(np.uint8).reshape(6, 8, 4)[..., :3]
    grey = (colours == colours[..., :1]).all(axis=-1)
    np.testing.assert_array_equal(grey, opened.phasors.cursor_map == 0)
    assert [name for name, *_ in EXPORTS["Plot PNG"](opened._shown())] == ["phasor.png"]


def test_a_reference_calibrates_the_phasors_as_in_image(opened, tmp_path):
    folder = opened.images.path
    calibration = PhasorOptions(folder / "b.npz", 2.0)
    offered = OpenedImages(folder, phasor=calibration)
    state = ViewState("a.npz", DEFAULT_MODEL, "fit")
    found = offered.image(state).phasors(state)
    options = offered.options(state)
    write_lifetime_maps(folder / "a.npz", DEFAULT_MODEL, tmp_path / "maps", irf="fit", **options)
    assert found.calibration == "reference"
    np.testing.assert_array_equal(found.real, tifffile.imread(tmp_path / "maps" / "phasor_g.tif"))


def test_files_are_compared_with_one_scale(opened):
    opened.change(panel="comparison", other_file="b.npz")
    first, second = (
        opened.images.image(replace(opened.state, file=name)).maps for name in ("a.npz", "b.npz")
    )
    tau = [maps["tau_mean_ns"].values for maps in (first, second)]
    low = min(np.percentile(values[np.isfinite(values)], 2) for values in tau)
    high = max(np.percentile(values[np.isfinite(values)], 98) for values in tau)
    assert opened.limits == shared_limits(opened.state, first, second) == (low, high)
    difference = np.nanmedian(tau[1]) - np.nanmedian(tau[0])
    assert f"data-q='difference-median'>{difference:+.4f}<" in opened.comparison_table.text
    assert "A: a.npz" in opened.comparison_table.text
    # One scale: the same value has the same colour in both maps.
    assert opened.map.figure.x_range is opened.other_map.figure.x_range
    assert opened.histogram.other.data["y"].sum() <= np.isfinite(tau[1]).sum()
    calls = opened.controls.command.value.splitlines()
    assert len(calls) == 2
    assert all(f"--range {low:.6g} {high:.6g}" in call for call in calls)
    assert "--out maps-b" in calls[1]
    assert [name for name, *_ in EXPORTS["Map PNG"](opened._shown())] == ["lifetime-a.png", "lifetime-b.png"]


def test_models_are_compared(opened):
    opened.change(panel="comparison", other_model="phasor", pixel=(1, 1))
    assert f"A: {DEFAULT_MODEL}" in opened.comparison_table.text
    assert "B: phasor" in opened.comparison_table.text
    assert "A: amplitude-weighted mean lifetime, B: " in opened.comparison_table.text
    opened.change(other_model="")
    assert "Choose another" in opened.comparison_table.text
    assert [name for name, *_ in EXPORTS["Map PNG"](opened._shown())] == ["lifetime.png"]
    with pytest.raises(InputError, match="no decay is shown"):
        EXPORTS["Plot PNG"](opened._shown())
    opened.change(shown="tau_mean_std_ns", other_model="phasor")
    assert opened.error.startswith("map='tau_mean_std_ns' does not exist for phasor")


def test_the_difference_is_that_of_pixels():
    first = np.array([[1.0, 2.0, np.nan]], np.float32)
    second = np.array([[1.5, 3.0, 9.0]], np.float32)
    found = Comparison(("tau", "tau"), "ns", first, second)
    assert found.medians == (1.5, 3.0)
    assert found.paired == (2, 0.75, 0.25)
    assert Comparison(("tau", "tau"), "ns", first, second[:, :2]).paired is None


def test_errors_are_messages_and_the_page_stays(opened):
    before = opened.image
    opened.controls.cursors.value = "0.4, 0.4"
    assert opened.error == "cursor='0.4, 0.4' must be 3 finite numbers"
    assert opened.controls.cursors.value == ""
    opened.change(cursors=((0.4, 0.4, 2.0),))
    assert "must have G, S and a radius" in opened.status.text
    opened.change(panel="comparison", other_file="corrupted.npz")
    assert "corrupted.npz" in opened.error
    opened.change(other_file="../secret.npz")
    assert opened.error == "file='../secret.npz' is not offered by this page; choose another one"
    opened.change(other_file="", other_model="missing.npz")
    assert opened.error == "model='missing.npz' is not offered by this page; choose another one"
    opened.change(other_model="", binning=100, panel="decay")
    assert "binning=100" in opened.error
    opened.change(panel="decay", binning=0)
    assert opened.error == ""
    assert opened.image is before


def test_updates_keep_their_order(opened):
    """Bokeh may run callbacks in another order than they were added."""
    later = []
    start = replace(opened.state, panel="phasor", cursors=CURSORS)
    made = page.Page(Document(), opened.images, start, Here(), schedule=later.append)
    while later:
        later.pop()()
    np.testing.assert_array_equal(
        made.map.image.data["image"][0], page.pixels_rgba(page.cursor_rgb(made.phasors))
    )


def test_a_changed_file_is_read_again_and_a_deleted_one_is_a_message(opened):
    path = opened.images.path / "c.npz"
    counts = np.load(opened.images.path / "a.npz")["tpsf"]
    for factor in (1, 2):
        np.savez(path, tpsf=factor * counts, gate_width_ns=0.1, period_ns=12.5)
        found = opened.images.image(ViewState("c.npz", "centre-of-mass", "fit")).maps["intensity"].values
        np.testing.assert_array_equal(found, factor * counts.sum(axis=-1))
    path.unlink()
    opened.change(file="c.npz")
    assert opened.error == "file='c.npz' is not offered by this page; choose another one"


def test_regions_keep_their_names(opened, tmp_path):
    state = opened.state.with_drawn({"type": "rect", "x0": 0.0, "x1": 3.0, "y0": 0.0, "y1": 3.0})
    state = state.renamed(" a: cell ").with_drawn({"type": "poly", "x": [4, 8, 8], "y": [0, 0, 6]})
    assert [outline.name for outline in state.regions] == ["a cell", "region-1"]
    opened.go(state)
    assert "region region-1:" in opened.table.text
    opened.controls.rename.value = "a cell"
    assert opened.error == "region 'a cell' exists; choose another name"
    assert ViewState.of_query(parse_qs(opened.url.value), opened.state).regions == state.regions
    assert [outline.name for outline in state.without_region().regions] == ["a cell"]
    for label, name in (("Fiji ROIs", "regions.zip"), ("GeoJSON", "regions.geojson")):
        [(found, _, content)] = EXPORTS[label](opened._shown())
        assert found == name
        (tmp_path / name).write_bytes(content)
        write_lifetime_maps(
            opened.images.path / "a.npz", DEFAULT_MODEL, tmp_path / label, irf="fit", regions=tmp_path / name
        )
        assert (tmp_path / label / "regions.csv").read_text() == opened.image.table(opened.state)
