"""Screenshot of the widget of the napari plugin, for docs/images.

Run `make hazelnut`, then `xvfb-run -s "-screen 0 1600x1000x24" python examples/napari/screenshot.py FILE.ptu
docs/images/napari.png`. Qt requires libxcb-cursor0, libxcb-icccm4 and libxcb-keysyms1 for a window.
"""

import sys
from pathlib import Path

import napari
import numpy as np
import PIL.Image
from qtpy.QtTest import QTest

from seq2seqlite.regions import read_regions

REGIONS = Path(__file__).parents[1] / "hazelnut" / "regions.geojson"
SIZE = (1280, 800)


def finished(widget: "LifetimeMapWidget") -> None:  # noqa: F821 - known to napari
    """Wait until the thread of the widget has ended and its result is shown."""
    while not widget.compute.enabled:
        QTest.qWait(50)


def main(file: str, picture: str) -> None:
    """Open a measurement, compute maps and a table of regions, and save a picture of the window."""
    viewer = napari.Viewer()
    viewer.window.resize(*SIZE)
    viewer.open(file, plugin="seq2seqlite")
    _, widget = viewer.window.add_plugin_dock_widget("seq2seqlite", "Lifetime map")
    widget.start()
    finished(widget)
    maps = next(image.maps for image in widget.images.values())
    shape = maps["tau_mean_ns"].shape
    regions = read_regions(REGIONS, shape=shape)
    labels = np.zeros(shape, np.uint8)
    for number, pixels in enumerate(regions.pixels, start=1):
        labels.reshape(-1)[pixels] = number
    outlines = viewer.add_labels(
        labels, name="regions", scale=viewer.layers[0].scale[-2:], units=("um", "um")
    )
    outlines.contour = 2
    widget.start_table()
    finished(widget)
    viewer.reset_view()
    QTest.qWait(500)
    window = viewer.screenshot(canvas_only=False, flash=False)
    PIL.Image.fromarray(window).convert("RGB").save(picture, optimize=True)
    viewer.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
