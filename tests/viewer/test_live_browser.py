"""The page of a stream in a real Chromium: updates, two windows, regions, pause, end, lost server."""

import queue
import threading

import numpy as np
import pytest

from seq2seqlite import stream
from seq2seqlite.streaming import Clock, Frame
from seq2seqlite.viewer import LiveFeed, live_server

MODEL = "seq2seqlite-tcspc-80mhz-tiny"
NUMBERS = ("frames", "received", "dropped", "rejected", "missed", "unfinished", "queue_depth_max")
PATIENCE_MS = 60_000


class Camera:
    """A source whose frames the test delivers; None ends it."""

    name = "camera"

    def __init__(self):
        self.frames, self.clock, self.number = queue.Queue(), Clock(), 0

    def deliver(self, data, n=1):
        for _ in range(n):
            self.frames.put(data)

    def __iter__(self):
        while (data := self.frames.get()) is not None:
            yield Frame(self.number, self.clock.now(), data)
            self.number += 1

    def stop(self):
        self.frames.put(None)


@pytest.fixture
def image(decay_image):
    exact = decay_image(np.linspace(1.0, 2.0, 12)[None, :] * np.ones((10, 1)), photons=5000.0, width_ns=0.1)
    return exact.copy(data=np.random.default_rng(1).poisson(exact.values).astype(np.uint16))


@pytest.fixture
def running():
    """A stream in a thread, its camera and the server of its page."""
    camera, feed = Camera(), LiveFeed()

    def analyse():
        feed.end(stream(camera, MODEL, backend="numpy", **feed.hooks))

    thread = threading.Thread(target=analyse)
    with live_server(feed, source="camera", model=MODEL) as server:
        thread.start()
        yield camera, feed, server
        camera.stop()
        thread.join(60)


def numbers(page):
    return [page.locator(f"[data-q={name}]").inner_text() for name in NUMBERS]


def test_the_page_follows_the_stream(running, browser, page, image):
    camera, feed, server = running
    page.goto(server.url)
    page.get_by_text("waiting for the first frame").wait_for()
    camera.deliver(image, 3)
    page.get_by_text("frame 2").wait_for()
    page.get_by_text("whole image: 120 pixels").wait_for()

    # The decay of a clicked pixel follows the stream.
    box = page.locator("section.map").bounding_box()
    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 0.55 * box["height"])
    page.get_by_text("pixel (").wait_for()
    title = page.locator("table.decay caption").inner_text()
    x, y = (int(number) for number in title.partition("(")[2].partition(")")[0].split(","))
    assert f"{image.values[y, x].sum():,} counts" in title
    value = feed.frames[-1].maps["tau_mean_ns"].values[y, x]
    assert page.locator("[data-q=network-tau_mean_ns]").inner_text() == f"{value:.3f}"
    camera.deliver(image * 2)
    page.get_by_text(f"{2 * image.values[y, x].sum():,} counts").wait_for()

    # A second window, reloaded in mid-stream, shows the same; its end does not affect the first.
    other = browser.new_page()
    other.set_default_timeout(PATIENCE_MS)
    other.goto(page.url)
    other.reload()
    other.get_by_text(f"pixel ({x}, {y})").wait_for()
    other.close()

    # A drawn region has its decay; then the pixel again.
    page.locator(".bk-tool-icon-box-select").first.click()
    box = page.locator("section.map").bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.4 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.7 * box["height"], steps=4)
    page.mouse.up()
    page.get_by_text("region region-1:").wait_for()
    page.locator("select").nth(2).select_option(label="none")
    page.get_by_text("pixel (").wait_for()

    # A paused page keeps its frame, and steps back; a fit is computed. The stream continues.
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Older").click()
    page.get_by_text("paused at frame 2; the newest is 3").wait_for()
    page.get_by_text(f"{image.values[y, x].sum():,} counts").wait_for()
    page.locator("[data-q=fit-tau_mean_ns]").get_by_text(".").wait_for()
    camera.deliver(image, 2)
    page.get_by_text("paused at frame 2; the newest is 5").wait_for()
    page.get_by_role("button", name="Resume").click()
    page.get_by_text("frame 5").wait_for()

    # A rejected frame and the end are messages, and the numbers are those of the result.
    camera.deliver(-image.astype(np.int32))
    page.get_by_text("counts must be >= 0").wait_for()
    camera.deliver(None)
    page.get_by_text("The stream has ended: end of the source.").wait_for()
    page.locator("[data-q=received]").get_by_text("7", exact=True).wait_for()
    assert numbers(page) == [f"{feed.statistics[name]:,}" for name in NUMBERS]
    assert numbers(page)[:4] == ["6", "7", "0", "1"]


def test_failure_and_lost_connection_are_messages(browser, page):
    feed = LiveFeed()
    with live_server(feed, source="camera", model="missing") as server:
        page.goto(server.url + "?range=x")
        page.get_by_text("range='x' must be 2 finite numbers").wait_for()
        feed.fail("model 'missing' is unknown")
        page.get_by_text("The stream failed: model 'missing' is unknown").wait_for()
        page.reload()  # the server lives on
        page.get_by_text("The stream failed: model 'missing' is unknown").wait_for()
    page.get_by_text("The connection is lost").wait_for()
