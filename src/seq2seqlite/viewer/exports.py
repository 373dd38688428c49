"""Files that a page saves in the browser."""

import base64
import io
import json
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from bokeh.models import CustomJS, TextInput

from seq2seqlite.errors import InputError
from seq2seqlite.figures import (
    PhasorRecord,
    PictureOptions,
    decay_figure,
    lifetime_picture,
    phasor_figure,
)
from seq2seqlite.figures.write import write_figure
from seq2seqlite.regions import roi_archive
from seq2seqlite.viewer.images import OpenedImage, SelectedDecay
from seq2seqlite.viewer.state import ViewState

__all__ = ["EXPORTS", "Shown", "saver"]

SAVE = """
for (const [name, type, content] of JSON.parse(cb_obj.value).files) {
  const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([bytes], {type})); link.download = name; link.click();
}
"""


class Shown(NamedTuple):
    """What a page shows: state, measurement, decay, phasors, and the measurement to compare with.

    Parameters
    ----------
    state : ViewState
        State of the page.
    image : OpenedImage
        Measurement.
    limits : tuple of float or None
        Range of colours.
    decay : SelectedDecay or None
        Decay of the selection.
    phasors : PhasorRecord or None
        Phasors.
    other : OpenedImage or None
        Measurement to compare with.
    """

    state: ViewState
    image: OpenedImage
    limits: tuple[float, float] | None = None
    decay: SelectedDecay | None = None
    phasors: PhasorRecord | None = None
    other: OpenedImage | None = None


File = tuple[str, str, bytes]


def saver() -> tuple[TextInput, Callable[[list[File]], None]]:
    """Return an invisible widget, and a function that saves files by it in the browser."""
    widget = TextInput(visible=False)
    widget.js_on_change("value", CustomJS(code=SAVE))

    def save(files: list[File]) -> None:
        packed = [(name, kind, base64.b64encode(content).decode("ascii")) for name, kind, content in files]
        # The time makes the value differ from that of an equal file before, which the browser would not save.
        widget.value = json.dumps({"files": packed, "time": time.time()})

    return widget, save


def _png(name: str, figure: Any) -> File:
    content = io.BytesIO()
    write_figure(figure, content, PictureOptions())
    return name, "image/png", content.getvalue()


def _map(shown: Shown) -> list[File]:
    options = PictureOptions(shown.state.cmap, shown.limits)
    maps = {"lifetime.png": shown.image.maps}
    if shown.state.panel == "comparison" and shown.other is not None:
        maps = {"lifetime-a.png": shown.image.maps, "lifetime-b.png": shown.other.maps}
    return [
        _png(name, lifetime_picture(each, name=shown.state.shown, options=options))
        for name, each in maps.items()
    ]


def _decay_or_phasor(shown: Shown) -> list[File]:
    if shown.state.panel == "phasor" and shown.phasors is not None:
        return [_png("phasor.png", phasor_figure(shown.phasors))]
    if shown.state.panel != "decay" or shown.decay is None:
        raise InputError("no decay is shown; choose Decay above the plots")
    return [_png("decay.png", decay_figure(shown.decay.record))]


def _table(shown: Shown) -> list[File]:
    return [("regions.csv", "text/csv", shown.image.table(shown.state).encode())]


def _geojson(shown: Shown) -> list[File]:
    features = [outline.feature() for outline in _drawn(shown)]
    text = json.dumps({"type": "FeatureCollection", "features": features}, indent=1)
    return [("regions.geojson", "application/geo+json", text.encode())]


def _rois(shown: Shown) -> list[File]:
    rings = {outline.name: outline.points for outline in _drawn(shown)}
    return [("regions.zip", "application/zip", roi_archive(rings))]


def _drawn(shown: Shown) -> Any:
    if not shown.state.regions:
        raise InputError("no region is drawn; draw one with the lasso or box tool")
    return shown.state.regions


EXPORTS: dict[str, Callable[[Shown], list[File]]] = {
    "Map PNG": _map,
    "Plot PNG": _decay_or_phasor,
    "CSV": _table,
    "GeoJSON": _geojson,
    "Fiji ROIs": _rois,
}
"""Exports by the label of their button."""
