"""The page of a measurement: its state in the URL, and updates of the plots."""

import time
from collections import deque
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
from bokeh.models import Button, CustomJS, Div, TextInput
from jinja2 import Template

from seq2seqlite.errors import InputError
from seq2seqlite.figures import PhasorRecord, PictureOptions
from seq2seqlite.figures.phasor_figure import cursor_rgb
from seq2seqlite.viewer.comparison import Comparison, comparison_table, shared_limits
from seq2seqlite.viewer.controls import COLOURS, WIDE, Change, Controls
from seq2seqlite.viewer.exports import EXPORTS, Shown, saver
from seq2seqlite.viewer.images import OpenedImage, OpenedImages, SelectedDecay
from seq2seqlite.viewer.phasor_plot import PhasorPlot, cursor_table
from seq2seqlite.viewer.plots import DecayPlots, Histogram, MapPlot, decay_table, pixels_rgba
from seq2seqlite.viewer.state import ViewState

__all__ = ["COLOURS", "PUT_IN_URL", "STATUS_STYLE", "TABLE_STYLE", "Page", "template"]

PROGRESS_EVERY_S = 0.2
PUT_IN_URL = "const t = cb_obj.value; history.replaceState(null, '', location.pathname + '?' + t);"
TABLE_STYLE = """
:host { width: 100%; font: 13px/1.35 system-ui, "DejaVu Sans", sans-serif; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; font-weight: 600; padding-bottom: 4px; }
th { text-align: left; font-weight: 500; } td, th { padding: 2px 6px; border-bottom: 1px solid #e4e8ed; }
td { font-variant-numeric: tabular-nums; white-space: nowrap; }
th.network { border-bottom: 3px dashed #0072B2; overflow-wrap: anywhere; }
table.phasor caption { font-weight: 400; } td[data-q=difference-paired] { white-space: normal; }
th.fit { border-bottom: 3px solid #D55E00; }
"""
STATUS_STYLE = """
:host { color: white; font: 13px system-ui, "DejaVu Sans", sans-serif; }
.error { color: #ffd166; font-weight: 600; } a { color: white; }
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
        self.serial, self.ended = 0, False
        self._actions: deque[tuple[int, Callable[[], None]]] = deque()
        self.image: OpenedImage | None = None
        self.decay: SelectedDecay | None = None
        self.phasors: PhasorRecord | None = None
        self.other: OpenedImage | None = None
        self.limits: tuple[float, float] | None = None
        # What is drawn, by plot: an update that would draw the same is omitted.
        self._drawn_as: dict[str, Any] = {}
        self._told, self.error, self.remark = 0.0, "", ""
        self.map, self.histogram, self.decays = MapPlot(), Histogram(), DecayPlots()
        self.phasor_plot, self.other_map = PhasorPlot(), MapPlot("other", beside=self.map)
        self.status = Div(name="status", stylesheets=[STATUS_STYLE], sizing_mode="stretch_width")
        table: dict[str, Any] = {"stylesheets": [TABLE_STYLE], "sizing_mode": "stretch_width"}
        self.table = Div(name="table", **table)
        self.cursor_table, self.comparison_table = Div(**table), Div(**table)
        self.url = TextInput(visible=False, name="url")
        self.url.js_on_change("value", CustomJS(code=PUT_IN_URL))
        self.controls = Controls(images, self.update)
        self._listen()
        query = {
            key: [value.decode("utf-8", "replace") for value in values]
            for key, values in (doc.session_context.request.arguments if doc.session_context else {}).items()
        }
        remark = ""
        try:
            self.state = ViewState.of_query(query, start)
            self.images.check(self.state)
        except InputError as error:
            self.state, remark = start, str(error)
        self._add_roots()
        self.go(self.state, remark=remark)

    def _listen(self) -> None:
        for plot in (self.map, self.other_map):
            plot.figure.on_event(Tap, self._tapped)
            plot.figure.on_event(SelectionGeometry, self._drawn)
        self.histogram.figure.on_event(SelectionGeometry, self._dragged)
        self.histogram.figure.on_event(Tap, lambda _: self.change(lit=None))
        self.phasor_plot.figure.on_event(Tap, self._cursor_placed)
        self.doc.on_session_destroyed(lambda _: setattr(self, "ended", True))

    def _add_roots(self) -> None:
        def button(label: str, action: Callable[[], object]) -> Button:
            made = Button(label=label, **WIDE)
            made.on_click(lambda _: self._try(action))
            return made

        widget, save = saver()
        remove = button("Remove", lambda: self.update(ViewState.without_region))
        clear = button("Clear", self._clear)

        def export(label: str) -> Button:
            return button(label, lambda: save(EXPORTS[label](self._shown())))

        exports = [export(label) for label in EXPORTS]
        pairs = [tuple(exports[first : first + 2]) for first in range(0, len(exports), 2)]
        controls = self.controls.layout((remove, clear), *pairs)
        controls.children = [*self._way_back(), *controls.children, self.url, widget]
        parts = {
            "controls": controls,
            "map": self.map.figure,
            "histogram": self.histogram.figure,
            "decay": self.decays.figure,
            "residuals": self.decays.residuals,
            "table": self.table,
            "phasor": self.phasor_plot.figure,
            "cursors": self.controls.phasor_layout(self.cursor_table),
            "other": self.other_map.figure,
            "comparison": self.controls.comparison_layout(self.comparison_table),
        }
        for root in (self.status, self.controls.panel, *parts.values()):
            self.doc.add_root(root)
        self.doc.template = template()
        self.doc.template_variables.update(parts=list(parts), panel=self.state.panel)
        self.doc.title = "seq2seqlite"

    def _way_back(self) -> list[Div]:
        """Return the link to the list of folders, if there is one."""
        query = escape(urlencode(self.images.address))
        return [Div(text=f"<a href='?{query}'>Other folder or file</a>", margin=(2, 4))] if query else []

    # Choices of the user

    def change(self, **fields: Any) -> None:
        """Change fields of the state and update what depends on them."""
        self.update(lambda state: replace(state, **fields))

    def update(self, change: Change) -> None:
        """Change the state and update what depends on it; an invalid change is a message."""
        self._try(lambda: self.go(change(self.state)))

    def _tapped(self, event: Tap) -> None:
        if event.x is not None and event.y is not None:
            self.change(pixel=(int(event.x // 1), int(event.y // 1)), selected="")

    def _cursor_placed(self, event: Tap) -> None:
        if event.x is not None and event.y is not None:
            radius = self.controls.radius.value
            placed = (round(event.x, 4), round(event.y, 4), 0.0 if radius is None else float(radius))
            self.change(cursors=(*self.state.cursors, placed))

    def _drawn(self, event: SelectionGeometry) -> None:
        if event.final:
            self.update(lambda state: state.with_drawn(event.geometry))

    def _dragged(self, event: SelectionGeometry) -> None:
        if event.final:
            low, high = sorted((float(event.geometry["x0"]), float(event.geometry["x1"])))
            self.change(lit=(low, high))

    def _clear(self) -> None:
        self.change(regions=(), selected="", pixel=None, lit=None, limits=None, cursors=())

    def _shown(self) -> Shown:
        if self.image is None:
            raise InputError("no map is shown yet; wait until it is computed")
        return Shown(self.state, self.image, self.limits, self.decay, self.phasors, self.other)

    # Updates

    def _try(self, action: Callable[[], object]) -> None:
        try:
            action()
        except InputError as error:
            self.fail(str(error))

    def fail(self, message: str) -> None:
        """Show an error; the page keeps its contents."""
        self.error = message
        self.status.text = f"<span class='error'>{escape(message)}</span>"
        self.controls.show(self.state)

    def go(self, state: ViewState, *, remark: str = "") -> None:
        """Show a state: what changed is computed in another thread. The remark stays until the next state."""
        self.images.check(state)
        self.error = self.remark = remark
        self.state, self.serial = state, self.serial + 1
        self.controls.show(state)
        self._show_calls(state)
        self.url.value = urlencode(self.images.address | state.query(), doseq=True)
        self.map.mark(state)
        self.status.text = f"{escape(state.file)}: working{self._remarks()}"
        self.executor.submit(self._compute, self.serial, state)

    def _show_calls(self, *states: ViewState) -> None:
        """Offer the calls that write the maps of states, each into its own folder."""
        texts: dict[str, list[str]] = {"command": [], "python": []}
        for out, state in zip(("maps", "maps-b"), states, strict=False):
            path, options = str(self.images.files()[state.file]), self.images.options(state)
            texts["command"].append(state.command(path, options, out=out))
            texts["python"].append(state.python(path, options, out=out))
        self.controls.command.value = "\n".join(texts["command"])
        self.controls.python.value = "\n".join(texts["python"])

    def _compute(self, serial: int, state: ViewState) -> None:
        """Compute maps and panel of a state in a thread; results of an older state are discarded."""
        try:
            if serial != self.serial:
                return
            progress = partial(self._progress, serial)
            image = self.images.image(state, progress=progress)
            shown = state if state.shown in image.maps else replace(state, shown="tau_mean_ns", limits=None)
            if self.image is not image or shown.panel == "decay":
                self._later(serial, partial(self._show_map, image, shown))
            if serial == self.serial:
                self._later(serial, self._computed_panel(image, shown, progress))
        except InputError as error:
            self._later(serial, partial(self.fail, str(error)))
        except Exception as error:
            self._later(serial, partial(self.fail, f"bug: {type(error).__name__}: {error}"))
            raise

    def _computed_panel(
        self, image: OpenedImage, state: ViewState, progress: Callable[[int, int], None]
    ) -> Callable[[], None]:
        """Compute the panel of a state in a thread, and return the action that shows it."""
        if state.panel == "phasor":
            return partial(self._show_phasors, image, state, image.phasors(state))
        if state.panel == "comparison":
            other = state.other()
            second = None if other is None else self.images.image(other, progress=progress)
            return partial(self._show_comparison, image, state, second)
        key = (image, state.pixel, state.outlines.get(state.selected))
        if self.decay is not None and self._drawn_as.get("decay") == key:
            return partial(self._say, image, state)
        return partial(self._show_decay, state, image.selected(state), key)

    def _later(self, serial: int, action: Callable[[], None]) -> None:
        """Run an action with the document's lock, unless the state has changed or the page is closed.

        Bokeh does not keep the order of callbacks that are added before the session exists.
        """
        if not self.ended:
            self._actions.append((serial, action))
            self._schedule(self._run_next)

    def _run_next(self) -> None:
        serial, action = self._actions.popleft()
        if serial == self.serial and not self.ended:
            self._try(action)

    def _progress(self, serial: int, done: int, todo: int) -> None:
        if time.monotonic() > self._told + PROGRESS_EVERY_S:
            self._told = time.monotonic()
            text = f"{done:,} of {todo:,} pixels"
            self._later(serial, lambda: setattr(self.status, "text", text))

    def _show_map(
        self,
        image: OpenedImage,
        state: ViewState,
        phasors: PhasorRecord | None = None,
        other: OpenedImage | None = None,
    ) -> None:
        """Show the map, in grey with the pixels of cursors if there are any, and the histogram."""
        self.image, self.state = image, state
        everything = [image.maps] if other is None else [image.maps, other.maps]
        self.limits = shared_limits(state, *everything)
        cursors = None if phasors is None or not state.cursors else (state.cursors, state.medians)
        key = (image, other, state.shown, state.cmap, self.limits, state.lit, cursors)
        if self._drawn_as.get("map") != key:
            self._drawn_as["map"] = key
            options = PictureOptions(state.cmap, self.limits)
            if cursors is None or phasors is None:
                self.map.show(image.maps, state.shown, options, state.lit)
            else:
                self.map.show_rgba(pixels_rgba(cursor_rgb(phasors)))
            if other is not None:
                self.other_map.show(other.maps, state.shown, options, state.lit)
            self.histogram.show(
                image.maps, state.shown, options, state.lit, None if other is None else other.maps
            )
        self.controls.show_map([str(name) for name in image.maps.data_vars], state.shown, self.limits)

    def _show_decay(self, state: ViewState, found: SelectedDecay, key: Any) -> None:
        self._drawn_as["decay"] = key
        self.decay = found
        self.decays.show(found)
        self.table.text = decay_table(found, state.model)
        if self.image is not None:
            self._say(self.image, state)

    def _show_phasors(self, image: OpenedImage, state: ViewState, record: PhasorRecord) -> None:
        self.phasors = record
        self._show_map(image, state, phasors=record)
        self.phasor_plot.show(record, state.pixel)
        self.cursor_table.text = cursor_table(record, state.pixel)
        self._say(image, state)

    def _show_comparison(self, image: OpenedImage, state: ViewState, other: OpenedImage | None) -> None:
        self.other = other
        if other is None:
            self._show_map(image, state)
            self.comparison_table.text = "Choose another measurement or another model for the map B."
        else:
            compared = Comparison.of(image.maps, other.maps, state.shown)
            self._show_map(image, state, other=other)
            self.comparison_table.text = comparison_table(compared, _names(state), state.pixel)
            limited = replace(state, limits=self.limits)
            second = limited.other()
            self._show_calls(limited, *([] if second is None else [second]))
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


def _names(state: ViewState) -> tuple[str, str]:
    """Return the names of the maps A and B: what differs between them."""
    other = state.other() or state
    pairs = [(state.file, other.file), (state.model, other.model)]
    first, second = zip(*(pair for pair in pairs if pair[0] != pair[1]), strict=True)
    return ", ".join(first), ", ".join(second)
