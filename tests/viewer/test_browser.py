"""The page in a real Chromium: open, click, draw, drag, export, reload, errors, two browsers."""

import csv
import io

import numpy as np
import tifffile

from seq2seqlite import write_lifetime_maps
from seq2seqlite.regions import read_regions
from seq2seqlite.viewer import DEFAULT_MODEL

NAMES = ("tau_mean_ns", "tau_short_ns", "tau_long_ns", "amplitude_fraction")


def drag(page, selector, start, end):
    box = page.locator(selector).bounding_box()
    points = [(box["x"] + u * box["width"], box["y"] + v * box["height"]) for u, v in (start, end)]
    page.mouse.move(*points[0])
    page.mouse.down()
    page.mouse.move(*points[1], steps=8)
    page.mouse.up()


def test_the_page_shows_the_numbers_of_image(server, browser, page, folder, tmp_path):
    page.goto(server.url)
    page.get_by_text("pixels analysed").wait_for()
    page.get_by_text("whole image:").wait_for()
    box = page.locator("section.map").bounding_box()
    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 0.55 * box["height"])
    page.get_by_text("pixel (").wait_for()
    title = page.locator("table.decay caption").inner_text()
    x, y = (int(number) for number in title.partition("(")[2].partition(")")[0].split(","))

    write_lifetime_maps(folder / "cell.npz", DEFAULT_MODEL, tmp_path / "maps", irf="fit")
    for name in NAMES:
        value = tifffile.imread(tmp_path / "maps" / f"{name}.tif")[y, x]
        std = tifffile.imread(
            tmp_path / "maps" / f"{name.replace('_ns', '')}_std{'_ns' * name.endswith('_ns')}.tif"
        )
        assert page.locator(f"[data-q=network-{name}]").inner_text() == f"{value:.3f} ± {std[y, x]:.3f}"
    fitted = page.locator("[data-q=fit-tau_mean_ns]").inner_text()
    assert abs(float(fitted.split()[0]) - np.linspace(1, 2, 12)[x]) < 0.2
    assert "±" in fitted

    # The state is in the URL: another window shows the same.
    assert f"pixel={x}%2C{y}" in page.url
    other = browser.new_page()
    other.goto(page.url)
    other.get_by_text(f"pixel ({x}, {y})").wait_for(timeout=120_000)
    assert other.locator("[data-q=fit-tau_mean_ns]").inner_text() == fitted


def test_regions_are_drawn_and_exported(server, page, folder, tmp_path):
    page.goto(server.url)
    page.get_by_text("whole image:").wait_for()
    page.locator(".bk-tool-icon-box-select").first.click()
    drag(page, "section.map", (0.3, 0.4), (0.7, 0.7))
    page.get_by_text("region region-1:").wait_for()
    with page.expect_download() as found:
        page.get_by_role("button", name="GeoJSON").click()
    outline = tmp_path / "regions.geojson"
    found.value.save_as(outline)
    assert read_regions(outline, shape=(10, 12)).names == ("region-1",)
    with page.expect_download() as found:
        page.get_by_role("button", name="Fiji ROIs").click()
    rois = tmp_path / "regions.zip"
    found.value.save_as(rois)
    assert read_regions(rois, shape=(10, 12)).names == ("region-1",)
    with page.expect_download() as found:
        page.get_by_role("button", name="CSV").click()
    rows = list(csv.DictReader(io.StringIO(found.value.path().read_text())))
    write_lifetime_maps(folder / "cell.npz", DEFAULT_MODEL, tmp_path / "maps", irf="fit", regions=outline)
    assert rows == list(csv.DictReader(io.StringIO((tmp_path / "maps" / "regions.csv").read_text())))
    with page.expect_download() as found:
        page.get_by_role("button", name="Map PNG").click()
    assert found.value.path().read_bytes().startswith(b"\x89PNG")

    drag(page, "section.histogram", (0.3, 0.5), (0.6, 0.5))
    page.get_by_text("highlighted").wait_for()


def test_cursors_are_placed_in_the_phasor_plot(server, page):
    page.goto(server.url)
    page.get_by_text("whole image:").wait_for()
    page.get_by_role("button", name="Phasor").click()
    page.get_by_text("summed decay: phase lifetime").wait_for()
    assert not page.get_by_text("whole image:").is_visible()
    box = page.locator("section.phasor").bounding_box()
    page.mouse.click(box["x"] + 0.6 * box["width"], box["y"] + 0.4 * box["height"])
    page.get_by_text("cursor 1").wait_for()
    g, s = (float(page.locator(f"[data-q=cursor-1-{name}]").inner_text()) for name in "gs")
    assert f"cursor={g:g}%2C{s:g}%2C0.05" in page.url
    assert "panel=phasor" in page.url
    page.reload()
    page.get_by_text("cursor 1").wait_for()

    # The comparison: a missing model is a message, and another one works.
    page.goto(server.url + "?panel=comparison&other_file=corrupted.npz")
    page.locator(".error").wait_for()
    page.goto(server.url + "?panel=comparison&other_model=phasor")
    page.get_by_text("B - A").wait_for()
    medians = [float(page.locator(f"[data-q={side}-median]").inner_text()) for side in "ab"]
    difference = float(page.locator("[data-q=difference-median]").inner_text())
    assert abs(difference - (medians[1] - medians[0])) < 2e-4


def test_errors_are_messages_and_the_server_lives_on(server, page):
    page.goto(server.url + "?file=corrupted.npz")
    page.get_by_text("corrupted.npz").first.wait_for()
    page.locator(".error").wait_for()
    page.goto(server.url + "?file=../secret.npz")
    page.get_by_text("is not offered by this page").wait_for()
    page.goto(server.url + "?model=missing.npz")
    page.get_by_text("pixels analysed").wait_for()  # the message outlives the map that is shown instead
    page.get_by_text("is not offered by this page").wait_for()
    page.goto(server.url)
    page.get_by_text("pixels analysed").wait_for()
