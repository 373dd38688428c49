"""Screenshots of `seq2seqlite view`, for docs/images.

Run `make hazelnut chromium`, then `python examples/view/screenshots.py FILE.ptu docs/images`.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from seq2seqlite.viewer import DEFAULT_MODEL, OpenedImages, ViewServer, ViewState

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
SIZES = {"view-hazelnut.png": (1280, 800), "view-phone.png": (390, 844)}
PIXEL = (190, 150)


def main(file: Path, folder: Path) -> None:
    """Write a picture of the page for each size."""
    images = OpenedImages(file)
    start = ViewState(next(iter(images.files())), DEFAULT_MODEL, "fit", binning=1, pixel=PIXEL)
    with ViewServer(images, start) as server, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        for name, (width, height) in SIZES.items():
            page = browser.new_page(viewport={"width": width, "height": height})
            page.goto(server.url)
            page.get_by_text("pixel (").wait_for(timeout=120_000)
            page.wait_for_timeout(1000)
            page.screenshot(path=folder / name)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
