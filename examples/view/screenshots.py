"""Screenshots of `seq2seqlite view`, for docs/images.

Run `make hazelnut chromium`, then `python examples/view/screenshots.py FILE.ptu docs/images`.
"""

import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import sync_playwright

from seq2seqlite.viewer import DEFAULT_MODEL, OpenedImages, Outline, ViewServer, ViewState
from seq2seqlite.viewer.folders import Folders

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
SCREEN, PHONE = (1280, 800), (390, 844)
KERNEL = ((118.0, 92.0), (165.0, 68.0), (186.0, 96.0), (170.0, 150.0), (120.0, 158.0), (104.0, 130.0))
SHELL = ((196.0, 92.0), (214.0, 92.0), (214.0, 160.0), (196.0, 160.0))
REGIONS = (Outline("kernel", KERNEL), Outline("shell", SHELL))
CURSORS = ((0.56, 0.38, 0.06), (0.88, 0.22, 0.06))


def pictures(start: ViewState) -> dict[str, tuple[ViewState, str, tuple[int, int]]]:
    """Return state, text that appears at the end, and size of each picture."""
    phasor = replace(start, panel="phasor", cursors=CURSORS)
    return {
        "view-hazelnut.png": (start, "pixel (", SCREEN),
        "view-region.png": (replace(start, regions=REGIONS, selected="kernel"), "region kernel:", SCREEN),
        "view-phasor.png": (phasor, "cursor 2", SCREEN),
        "view-comparison.png": (replace(start, panel="comparison", other_model="mle-mono"), "B - A", SCREEN),
        "view-phone.png": (start, "pixel (", PHONE),
    }


def main(file: Path, folder: Path) -> None:
    """Write a picture of each panel, of a phone and of the list of folders."""
    start = ViewState(file.name, DEFAULT_MODEL, "fit", binning=1, pixel=(190, 150))
    folders = Folders(
        file.parents[1],
        file.parent.name,
        lambda path, address: OpenedImages(path, address=address),
        start,
        ThreadPoolExecutor(1),
    )
    with ViewServer(application=folders) as server, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport={"width": SCREEN[0], "height": SCREEN[1]})
        page.goto(server.url)
        page.get_by_text("Choose a measurement").wait_for()
        page.wait_for_timeout(500)
        page.screenshot(path=folder / "view-folders.png", clip={"x": 0, "y": 0, "width": 1280, "height": 320})
        for name, (state, text, (width, height)) in pictures(start).items():
            page = browser.new_page(viewport={"width": width, "height": height})
            page.goto(f"{server.url}?{urlencode({'folder': file.parent.name} | state.query(), doseq=True)}")
            page.get_by_text(text).first.wait_for(timeout=120_000)
            page.wait_for_timeout(1500)
            page.screenshot(path=folder / name)
            page.close()
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
