"""The page of a measurement: widgets, their state in the URL, and updates of the plots."""

import base64
import io
import json
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bokeh.document import Document
from bokeh.events import SelectionGeometry, Tap
from bokeh.layouts import column, row
from bokeh.models import Button, CustomJS, Div, NumericInput, Select, TextInput
from jinja2 import Template

from seq2seqlite.errors import InputError
from seq2seqlite.figures import DEFAULT_COLOURS, PictureOptions, decay_figure, lifetime_picture
from seq2seqlite.figures.picture import display_limits
from seq2seqlite.figures.write import write_figure
from seq2seqlite.viewer.images import OpenedImage, OpenedImages, SelectedDecay
from seq2seqlite.viewer.plots import DecayPlots, Histogram, MapPlot, decay_table
from seq2seqlite.viewer.state import ViewState

__all__ = ["Page", "template"]

COLOURS = (DEFAULT_COLOURS, "viridis", "cividis", "plasma", "turbo")
PROGRESS_EVERY_S = 0.2
PUT_IN_URL = "const t = cb_obj.value; history.replaceState(null, '', location.pathname + '?' + t);"
SAVE = """
const [name, type, content] = JSON.parse(cb_obj.value);
const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
const link = document.createElement('a');
link.href = URL.createObjectURL(new Blob([bytes], {type})); link.download = name; link.click();
"""
COPY = """
const text = source.value;
const fallback = () => { const area = document.createElement('textarea'); area.value = text;
  document.body.append(area); area.select(); document.execCommand('copy'); area.remove(); };
if (navigator.clipboard) navigator.clipboard.writeText(text).catch(fallback); else fallback();
const label = button.label; button.label = 'copied'; setTimeout(() => { button.label = label; }, 1500);
"""
TABLE_STYLE = """
:host { width: 100%; font: 13px/1.35 system-ui, "DejaVu Sans", sans-serif; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; font-weight: 600; padding-bottom: 4px; }
th { text-align: left; font-weight: 500; } td, th { padding: 2px 6px; border-bottom: 1px solid #e4e8ed; }
td { font-variant-numeric: tabular-nums; white-space: nowrap; }
th.network { border-bottom: 3px dashed #0072B2; overflow-wrap: anywhere; }
th.fit { border-bottom: 3px solid #D55E00; }
"""
STATUS_STYLE = """
:host { color: white; font: 13px system-ui, "DejaVu Sans", sans-serif; }
.error { color: #ffd166; font-weight: 600; }
"""


def template() -> Template:
    """Return the HTML template of the page."""
    found: Template = Template(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))
    return found


class Page:
    """Page of one browser window.

    Parameters
    ----------
    doc : bokeh.document.Document
        Document of the session.
    images : OpenedImages
        Measurements that it may show.
    start : ViewState
        State without parameters in the URL.
    executor : concurrent.futures.Executor
        Threads that compute.
    schedule : callable, optional
        Runs an action with the lock of the document; default: that of the session.
    """

    def __init__(
        self,
        doc: Document,
        images: OpenedImages,
        start: ViewState,
        executor: Executor,
        /,
        *,
        schedule: Callable[[Callable[[], None]], object] | None = None,
    ) -> None:
        self.doc, self.images, self.executor, self.state = doc, images, executor, start
        self._schedule = schedule or doc.add_next_tick_callback
        self.serial, self.ended, self._setting = 0, False, False
        self.image: OpenedImage | None = None
        self.decay: SelectedDecay | None = None
        self._told, self.error, self.remark = 0.0, "", ""
        self.map, self.histogram, self.decays = MapPlot(), Histogram(), DecayPlots()
        self.status = Div(name="status", stylesheets=[STATUS_STYLE], sizing_mode="stretch_width")
        self.table = Div(name="table", stylesheets=[TABLE_STYLE], sizing_mode="stretch_width")
        self._add_widgets()
        self._add_roots()
        doc.on_session_destroyed(lambda _: setattr(self, "ended", True))
        query = {
            key: [value.decode("utf-8", "replace") for value in values]
            for key, values in (doc.session_context.request.arguments if doc.session_context else {}).items()
        }
        try:
            self.state = ViewState.of_query(query, start)
            self.images.check(self.state)
        except InputError as error:
            self.state = start
            self.go(start, remark=str(error))
        else:
            self.go(self.state)

    def _add_widgets(self) -> None:
        wide: dict[str, Any] = {"sizing_mode": "stretch_width", "min_width": 80, "margin": (2, 4)}
        self.file = Select(title="Measurement", options=list(self.images.files()), **wide)
        self.model = Select(title="Model or estimator", options=self.images.models, **wide)
        labels = {"": "none", "fit": "fitted to the decay"}
        self.irf = Select(
            title="IRF", options=[(irf, labels.get(irf, Path(irf).name)) for irf in self.images.irfs], **wide
        )
        self.shown = Select(title="Map", options=["tau_mean_ns"], **wide)
        self.cmap = Select(title="Colours", options=list(COLOURS), **wide)
        self.low = NumericInput(title="Range from", mode="float", **wide)
        self.high = NumericInput(title="to", mode="float", **wide)
        self.threshold = NumericInput(title="Min. photons", mode="float", low=0.01, **wide)
        self.binning = NumericInput(title="Binning", mode="int", low=0, **wide)
        self.pixel = TextInput(title="Pixel x, y", name="pixel", **wide)
        self.region = Select(title="Region", options=[("", "none")], **wide)
        self.rename = TextInput(title="Name of the region", **wide)
        self.url, self.save = TextInput(visible=False, name="url"), TextInput(visible=False)
        self.command, self.python = (
            TextInput(visible=False, name="command"),
            TextInput(visible=False, name="python"),
        )
        self.url.js_on_change("value", CustomJS(code=PUT_IN_URL))
        self.save.js_on_change("value", CustomJS(code=SAVE))
        for widget, field in (
            (self.file, "file"), (self.model, "model"), (self.irf, "irf"), (self.shown, "shown"),
            (self.cmap, "cmap"),
        ):  # fmt: skip
            widget.on_change("value", partial(self._chosen, field))
        self.low.on_change("value", self._ranged)
        self.high.on_change("value", self._ranged)
        self.threshold.on_change("value", partial(self._chosen, "min_photons"))
        self.binning.on_change("value", partial(self._chosen, "binning"))
        self.pixel.on_change("value", self._pixel_typed)
        self.region.on_change("value", self._region_chosen)
        self.rename.on_change("value", self._renamed)
        self.map.figure.on_event(Tap, self._tapped)
        self.map.figure.on_event(SelectionGeometry, self._drawn)
        self.histogram.figure.on_event(SelectionGeometry, self._dragged)
        self.histogram.figure.on_event(Tap, lambda _: self.change(lit=None))

    def _add_roots(self) -> None:
        wide: dict[str, Any] = {"sizing_mode": "stretch_width", "min_width": 60, "margin": (2, 4)}

        def button(label: str, action: Callable[[], None]) -> Button:
            made = Button(label=label, **wide)
            made.on_click(lambda _: self._try(action))
            return made

        copies = []
        for label, source in (("Copy shell", self.command), ("Copy Python", self.python)):
            copy = Button(label=label, **wide)
            copy.js_on_click(CustomJS(args={"source": source, "button": copy}, code=COPY))
            copies.append(copy)
        stretch = {"sizing_mode": "stretch_width"}
        controls = column(
            self.file, self.model, self.irf, self.shown, self.cmap,
            row(self.low, self.high, **stretch),
            row(self.threshold, self.binning, **stretch),
            row(self.pixel, self.region, **stretch), self.rename,
            row(button("Remove", self._remove), button("Clear", self._clear), **stretch),
            row(button("Map PNG", self._save_map), button("Decay PNG", self._save_decay), **stretch),
            row(button("CSV", self._save_table), button("GeoJSON", self._save_regions), **stretch),
            row(*copies, **stretch),
            self.url, self.save, self.command, self.python,
            name="controls", spacing=2, sizing_mode="stretch_width",
        )  # fmt: skip
        parts = {
            "controls": controls,
            "map": self.map.figure,
            "histogram": self.histogram.figure,
            "decay": self.decays.figure,
            "residuals": self.decays.residuals,
            "table": self.table,
        }
        for root in (self.status, *parts.values()):
            self.doc.add_root(root)
        self.doc.template = template()
        self.doc.template_variables["parts"] = list(parts)
        self.doc.title = "seq2seqlite"

    # Choices of the user

    def change(self, **fields: Any) -> None:
        """Change the state and update what depends on it."""
        self._try(lambda: self.go(replace(self.state, **fields)))

    def _chosen(self, field: str, _: str, __: Any, value: Any) -> None:
        if not self._setting and value is not None:
            more: dict[str, Any] = {"limits": None, "lit": None} if field == "shown" else {}
            more |= {"pixel": None, "regions": (), "selected": ""} if field == "file" else {}
            self.change(**{field: value}, **more)

    def _ranged(self, _: str, __: Any, ___: Any) -> None:
        low, high = self.low.value, self.high.value
        if not self._setting:
            self.change(limits=None if low is None or high is None else (float(low), float(high)))

    def _pixel_typed(self, _: str, __: str, text: str) -> None:
        if self._setting:
            return
        words = text.replace(",", " ").split()
        if not words:
            self.change(pixel=None)
        elif len(words) == 2 and all(word.lstrip("-").isdigit() and len(word) < 9 for word in words):
            self.change(pixel=(int(words[0]), int(words[1])), selected="")
        else:
            self.fail(f"pixel {text[:40]!r} must be two numbers, e.g. 12, 34")

    def _tapped(self, event: Tap) -> None:
        if event.x is not None and event.y is not None:
            self.change(pixel=(int(event.x // 1), int(event.y // 1)), selected="")

    def _drawn(self, event: SelectionGeometry) -> None:
        state = self.state.with_drawn(event.geometry) if event.final else self.state
        if state is not self.state:
            self.change(regions=state.regions, selected=state.selected)

    def _dragged(self, event: SelectionGeometry) -> None:
        if event.final:
            low, high = sorted((float(event.geometry["x0"]), float(event.geometry["x1"])))
            self.change(lit=(low, high))

    def _region_chosen(self, _: str, __: str, name: str) -> None:
        if not self._setting:
            self.change(selected=name)

    def _renamed(self, _: str, __: str, name: str) -> None:
        taken = {outline.name for outline in self.state.regions}
        if self._setting or not name.strip() or not self.state.selected or name in taken:
            return
        new = name.strip()[:60].replace(":", " ")
        regions = tuple(
            replace(outline, name=new) if outline.name == self.state.selected else outline
            for outline in self.state.regions
        )
        self.change(regions=regions, selected=new)

    def _remove(self) -> None:
        kept = tuple(outline for outline in self.state.regions if outline.name != self.state.selected)
        self.change(regions=kept, selected="")

    def _clear(self) -> None:
        self.change(regions=(), selected="", pixel=None, lit=None, limits=None)

    # Exports

    def _download(self, name: str, kind: str, content: bytes) -> None:
        # The time makes the value differ from that of an equal file before, which the browser would not save.
        self.save.value = json.dumps([name, kind, base64.b64encode(content).decode("ascii"), time.time()])

    def _opened(self) -> OpenedImage:
        if self.image is None:
            raise InputError("no map is shown yet; wait until it is computed")
        return self.image

    def _save_map(self) -> None:
        figure = lifetime_picture(self._opened().maps, name=self.state.shown, options=self.state.picture())
        self._save_figure("lifetime.png", figure)

    def _save_decay(self) -> None:
        if self.decay is None:
            raise InputError("no decay is shown yet; click a pixel")
        self._save_figure("decay.png", decay_figure(self.decay.record))

    def _save_figure(self, name: str, figure: Any) -> None:
        content = io.BytesIO()
        write_figure(figure, content, PictureOptions())
        self._download(name, "image/png", content.getvalue())

    def _save_table(self) -> None:
        self._download("regions.csv", "text/csv", self._opened().table(self.state).encode())

    def _save_regions(self) -> None:
        if not self.state.regions:
            raise InputError("no region is drawn; draw one with the lasso or box tool")
        features = [outline.feature() for outline in self.state.regions]
        text = json.dumps({"type": "FeatureCollection", "features": features}, indent=1)
        self._download("regions.geojson", "application/geo+json", text.encode())

    # Updates

    def _try(self, action: Callable[[], None]) -> None:
        try:
            action()
        except InputError as error:
            self.fail(str(error))

    def fail(self, message: str) -> None:
        """Show an error; the page keeps its contents."""
        self.error = message
        self.status.text = f"<span class='error'>{escape(message)}</span>"

    def go(self, state: ViewState, *, remark: str = "") -> None:
        """Show a state: what changed is computed in another thread. The remark stays until the next state."""
        self.images.check(state)
        self.error = self.remark = remark
        self.state, self.serial = state, self.serial + 1
        self._set_widgets()
        self.status.text = f"{escape(state.file)}: working{self._remarks()}"
        self.executor.submit(self._compute, self.serial, state)

    def _set_widgets(self) -> None:
        state, self._setting = self.state, True
        try:
            self.file.update(options=list(self.images.files()), value=state.file)
            self.model.value, self.irf.value, self.cmap.value = state.model, state.irf, state.cmap
            if state.cmap not in self.cmap.options:
                self.cmap.options = [*self.cmap.options, state.cmap]
            self.threshold.value, self.binning.value = state.min_photons, state.binning
            self.pixel.value = "" if state.pixel is None else "{}, {}".format(*state.pixel)
            self.region.update(
                options=[("", "none"), *((one.name, one.name) for one in state.regions)], value=state.selected
            )
            self.rename.value = state.selected
            if state.limits is not None:
                self.low.value, self.high.value = state.limits
            path, options = str(self.images.files()[state.file]), self.images.options(state)
            self.command.value, self.python.value = state.command(path, options), state.python(path, options)
            self.url.value = urlencode(state.query(), doseq=True)
            self.map.mark(state)
        finally:
            self._setting = False

    def _compute(self, serial: int, state: ViewState) -> None:
        """Compute maps and decay of a state in a thread; results of an older state are discarded."""
        try:
            if serial != self.serial:
                return
            image = self.images.image(state, progress=partial(self._progress, serial))
            shown = state if state.shown in image.maps else replace(state, shown="tau_mean_ns", limits=None)
            self._later(serial, partial(self._show_map, image, shown))
            if serial == self.serial:
                self._later(serial, partial(self._show_decay, shown, image.selected(shown)))
        except InputError as error:
            self._later(serial, partial(self.fail, str(error)))
        except Exception as error:
            self._later(serial, partial(self.fail, f"bug: {type(error).__name__}: {error}"))
            raise

    def _later(self, serial: int, action: Callable[[], None]) -> None:
        """Run an action with the document's lock, unless the state has changed or the page is closed."""

        def act() -> None:
            if serial == self.serial and not self.ended:
                self._try(action)

        if not self.ended:
            self._schedule(act)

    def _progress(self, serial: int, done: int, todo: int) -> None:
        if time.monotonic() > self._told + PROGRESS_EVERY_S:
            self._told = time.monotonic()
            text = f"{done:,} of {todo:,} pixels"
            self._later(serial, lambda: setattr(self.status, "text", text))

    def _show_map(self, image: OpenedImage, state: ViewState) -> None:
        self.image, self.state = image, state
        options = state.picture()
        self.map.show(image.maps, state.shown, options, state.lit)
        self.histogram.show(image.maps, state.shown, options, state.lit)
        self._setting = True
        self.shown.update(options=[str(name) for name in image.maps.data_vars], value=state.shown)
        limits = display_limits(image.maps[state.shown].values) if options.limits is None else options.limits
        self.low.value, self.high.value = (round(float(limit), 4) for limit in limits)
        self._setting = False
        self._say(image, state)

    def _remarks(self, *lines: str) -> str:
        """Return warnings, and the remark on this state, as they are shown behind the status."""
        shown = [*lines, *([self.remark] if self.remark else [])]
        return "".join(f" <span class='error'>{escape(line)}</span>" for line in shown)

    def _say(self, image: OpenedImage, state: ViewState) -> None:
        attrs = image.maps.attrs
        lit = ""
        if state.lit is not None:
            values = image.maps[state.shown].values
            lit = f", {int(((values >= state.lit[0]) & (values <= state.lit[1])).sum()):,} highlighted"
        warnings = self._remarks(*attrs.get("warnings", ()))
        pixels = f"{attrs['pixels_analysed']:,} of {attrs['pixels']:,} pixels analysed"
        self.status.text = f"{escape(state.file)}: {pixels}{lit}{warnings}"

    def _show_decay(self, state: ViewState, found: SelectedDecay) -> None:
        self.decay = found
        self.decays.show(found)
        self.table.text = decay_table(found, state.model)
        if self.image is not None:
            self._say(self.image, state)
