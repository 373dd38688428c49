"""Screenshot of `seq2seqlite stream --view`, for docs/images.

Run `make chromium`, then `python examples/view/live_screenshot.py docs/images/live-page.png`.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from seq2seqlite import stream
from seq2seqlite.viewer import LiveFeed, live_server

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
MODEL = "seq2seqlite-narrow-gate-direct-int8"
CHOICES = "?pixel=60,90&region=cell:120,20,180,20,180,90,120,90"
FRAMES, SHAPE = 20, (200, 200)


def main(picture: Path) -> None:
    """Write a picture of the page of a simulated camera."""
    feed = LiveFeed()
    with live_server(feed, source="camera", model=MODEL) as server, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(300_000)
        page.goto(server.url + CHOICES)
        stream("camera", MODEL, shape=SHAPE, frames=FRAMES, fps=2.0, irf="fit", **feed.hooks)
        page.get_by_role("button", name="Pause").click()
        page.get_by_text("paused at frame").wait_for()
        page.locator("[data-q=fit-tau_mean_ns]").get_by_text("±").wait_for()
        page.wait_for_timeout(1000)
        page.screenshot(path=picture)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
