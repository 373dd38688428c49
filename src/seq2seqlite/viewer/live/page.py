"""The page of a running stream: newest map, numbers, trends, and the decay of a clicked pixel."""

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
from bokeh.events import ConnectionLost, DocumentReady, SelectionGeometry, Tap
from bokeh.layouts import column, row
from bokeh.models import Button, CustomJS, Div, NumericInput, Select, TextInput
from jinja2 import Environment, FileSystemLoader, Template

from seq2seqlite.errors import InputError
from seq2seqlite.figures import PictureOptions
from seq2seqlite.figures.picture import display_limits
from seq2seqlite.streaming.observed import ObservedFrame
from seq2seqlite.viewer.images import SelectedDecay
from seq2seqlite.viewer.live.decays import LiveDecays
from seq2seqlite.viewer.live.feed import LiveFeed, Pace
from seq2seqlite.viewer.live.plots import TrendPlot, numbers_table
from seq2seqlite.viewer.live.trends import Trends
from seq2seqlite.viewer.page import COLOURS, PUT_IN_URL, STATUS_STYLE, TABLE_STYLE
from seq2seqlite.viewer.plots import DecayPlots, Histogram, MapPlot, decay_table
from seq2seqlite.viewer.state import ViewState

__all__ = ["LivePage", "LiveShared"]

TICK_MS = 100
# Shortest time in s between two updates of numbers and trends without a new frame.
NUMBERS_EVERY_S = 0.5
# The browser confirms an update after it has drawn it: at most one is in transit.
CONFIRM = """
const drawn = () => { confirmed.value = cb_obj.value; };
requestAnimationFrame(() => requestAnimationFrame(drawn));
"""
LOST = """
status.text = "<span class='error'>The connection is lost: the program has ended, or this computer cannot " +
  "reach it. The last map stays. Reload the page when the program runs again.</span>";
"""


def template() -> Template:
    """Return the HTML template of the page."""
    here = Path(__file__).parent
    loader = FileSystemLoader([here, here.parent])  # it extends that of a file
    found = Environment(loader=loader, autoescape=False)  # noqa: S701
    return found.get_template("live.html")


class LiveShared:
    """What all pages of a stream share: trends, response, and the limit of their computation.

    Parameters
    ----------
    feed : LiveFeed
        Feed of the stream.
    executor : concurrent.futures.Executor
        Threads that compute.
    """

    def __init__(self, feed: LiveFeed, executor: Executor, /) -> None:
        self.feed, self.executor = feed, executor
        self.trends, self.decays, self.pace = Trends(), LiveDecays(), Pace(feed)
        self.windows = 0


class LivePage:
    """Page of one browser window.

    Parameters
    ----------
    doc : bokeh.document.Document
        Document of the session.
    shared : LiveShared
        Feed of the stream, and what all pages share.
    start : ViewState
        State without parameters in the URL.
    """

    def __init__(self, doc: Document, shared: LiveShared, start: ViewState, /) -> None:
        self.doc, self.shared, self.feed, self.state = doc, shared, shared.feed, start
        self.ended = self._setting = self._ticking = False
        self.held: tuple[ObservedFrame, ...] = ()  # frames of a paused page
        self.at = 0
        self.sent = self.confirmed = 0
        self.auto: tuple[float, float] | None = None
        self.error = self.decay_error = ""
        self._shown: tuple[Any, ...] = ()
        self._decay_shown: tuple[Any, ...] = ()
        self._decay_busy = False
        self._trended: tuple[Any, ...] = ()
        self._numbers_s = 0.0
        self.map, self.histogram, self.decays, self.trend = MapPlot(), Histogram(), DecayPlots(), TrendPlot()
        self.status = Div(name="status", stylesheets=[STATUS_STYLE], sizing_mode="stretch_width")
        self.numbers = Div(stylesheets=[TABLE_STYLE], sizing_mode="stretch_width")
        self.table = Div(stylesheets=[TABLE_STYLE], sizing_mode="stretch_width")
        self._add_widgets()
        self._add_roots()
        shared.windows += 1
        doc.on_session_destroyed(lambda _: self._end())
        query = {
            key: [value.decode("utf-8", "replace") for value in values]
            for key, values in (doc.session_context.request.arguments if doc.session_context else {}).items()
        }
        try:
            found = ViewState.of_query(query, start)
            found.picture()
            self.state = replace(found, file=start.file, model=start.model, irf=start.irf, lit=None)
        except InputError as error:
            self.error = str(error)
        self._set_widgets()
        self.tick()
        doc.on_event(DocumentReady, lambda _: self._begin())

    def _add_widgets(self) -> None:
        wide: dict[str, Any] = {"sizing_mode": "stretch_width", "min_width": 80, "margin": (2, 4)}
        self.shown = Select(title="Map", options=["tau_mean_ns"], **wide)
        self.cmap = Select(title="Colours", options=list(COLOURS), **wide)
        self.low = NumericInput(title="Range from", mode="float", **wide)
        self.high = NumericInput(title="to", mode="float", **wide)
        self.pixel = TextInput(title="Pixel x, y", name="pixel", **wide)
        self.region = Select(title="Region", options=[("", "none")], **wide)
        self.url, self.update, self.confirm = (
            TextInput(visible=False, name=name) for name in ("url", "update", "confirm")
        )
        self.pause = Button(label="Pause", **wide)
        self.url.js_on_change("value", CustomJS(code=PUT_IN_URL))
        self.update.js_on_change("value", CustomJS(args={"confirmed": self.confirm}, code=CONFIRM))
        self.confirm.on_change("value", self._confirmed)
        self.shown.on_change("value", partial(self._chosen, "shown"))
        self.cmap.on_change("value", partial(self._chosen, "cmap"))
        self.region.on_change("value", partial(self._chosen, "selected"))
        self.low.on_change("value", self._ranged)
        self.high.on_change("value", self._ranged)
        self.pixel.on_change("value", self._pixel_typed)
        self.pause.on_click(lambda _: self._follow() if self.held else self._hold(0))
        self.map.figure.on_event(Tap, self._tapped)
        self.map.figure.on_event(SelectionGeometry, self._drawn)

    def _add_roots(self) -> None:
        wide: dict[str, Any] = {"sizing_mode": "stretch_width", "min_width": 60, "margin": (2, 4)}

        def button(label: str, action: Callable[[], None]) -> Button:
            made = Button(label=label, **wide)
            made.on_click(lambda _: action())
            return made

        stretch = {"sizing_mode": "stretch_width"}
        self.kept = Div(stylesheets=[TABLE_STYLE], **stretch)
        controls = column(
            self.pause,
            row(button("Older", lambda: self._hold(-1)), button("Newer", lambda: self._hold(1)), **stretch),
            self.kept, self.shown, self.cmap,
            row(self.low, self.high, **stretch),
            button("Range of this frame", self._range_again),
            row(self.pixel, self.region, **stretch),
            row(button("Remove", self._remove), button("Clear", self._clear), **stretch),
            self.url, self.update, self.confirm,
            name="controls", spacing=2, **stretch,
        )  # fmt: skip
        parts = {
            "controls": controls,
            "map": self.map.figure,
            "histogram": self.histogram.figure,
            "decay": self.decays.figure,
            "trend": self.trend.figure,
            "table": column(self.numbers, self.table, name="table", **stretch),
        }
        for root in (self.status, *parts.values()):
            self.doc.add_root(root)
        self.doc.js_on_event(ConnectionLost, CustomJS(args={"status": self.status}, code=LOST))
        self.doc.template = template()
        self.doc.template_variables["parts"] = list(parts)
        self.doc.title = "seq2seqlite stream"

    # Choices of the user

    def change(self, **fields: Any) -> None:
        """Change the state and update what depends on it."""
        self.error = ""
        self.state = replace(self.state, **fields)
        self._set_widgets()
        self.tick(now=True)

    def _chosen(self, field: str, _: str, __: Any, value: Any) -> None:
        if not self._setting and value is not None:
            self.auto = None if field == "shown" else self.auto
            self.change(**{field: value}, **({"limits": None} if field == "shown" else {}))

    def _ranged(self, _: str, __: Any, ___: Any) -> None:
        low, high = self.low.value, self.high.value
        if self._setting or low is None or high is None:
            return
        if low < high:
            self.change(limits=(float(low), float(high)))
        else:
            self._fail(f"the range {low:g} to {high:g} must be two increasing numbers")

    def _range_again(self) -> None:
        self.auto = None
        self.change(limits=None)

    def _pixel_typed(self, _: str, __: str, text: str) -> None:
        if self._setting:
            return
        words = text.replace(",", " ").split()
        if not words:
            self.change(pixel=None)
        elif len(words) == 2 and all(word.isdigit() and len(word) < 9 for word in words):
            self.change(pixel=(int(words[0]), int(words[1])), selected="")
        else:
            self._fail(f"pixel {text[:40]!r} must be two numbers, e.g. 12, 34")

    def _tapped(self, event: Tap) -> None:
        if event.x is not None and event.y is not None:
            self.change(pixel=(int(event.x // 1), int(event.y // 1)), selected="")

    def _drawn(self, event: SelectionGeometry) -> None:
        if event.final:
            drawn = self.state.with_drawn(event.geometry)
            self.change(regions=drawn.regions, selected=drawn.selected)

    def _remove(self) -> None:
        kept = tuple(one for one in self.state.regions if one.name != self.state.selected)
        self.change(regions=kept, selected="")

    def _clear(self) -> None:
        self.change(regions=(), selected="", pixel=None)

    def _hold(self, step: int) -> None:
        """Pause, and show an older or newer one of the frames that were kept then."""
        if not self.held:
            self.held = self.feed.frames
            self.at = len(self.held) - 1
        self.at = min(max(self.at + step, 0), len(self.held) - 1)
        self.pause.label = "Resume" if self.held else "Pause"
        self.tick(now=True)

    def _follow(self) -> None:
        self.held, self.pause.label = (), "Pause"
        self.tick(now=True)

    def _fail(self, message: str) -> None:
        self.error = message
        self._say()

    def _confirmed(self, _: str, __: str, text: str) -> None:
        if text.isdigit():
            self.confirmed = int(text)

    def _begin(self) -> None:
        """Begin updates: the browser has the document, and confirms only later changes of it."""
        self.confirmed = self.sent
        if not self._ticking:
            self._ticking = True
            self.doc.add_periodic_callback(self.tick, TICK_MS)

    def _end(self) -> None:
        self.ended = True
        self.shared.windows -= 1

    def _set_widgets(self) -> None:
        state, self._setting = self.state, True
        try:
            if state.cmap not in self.cmap.options:
                self.cmap.options = [*self.cmap.options, state.cmap]
            self.cmap.value, self.shown.value = state.cmap, state.shown
            self.pixel.value = "" if state.pixel is None else "{}, {}".format(*state.pixel)
            self.region.update(
                options=[("", "none"), *((one.name, one.name) for one in state.regions)], value=state.selected
            )
            self.url.value = urlencode(state.query(), doseq=True)
            self.map.mark(state)
        finally:
            self._setting = False

    # Updates

    @property
    def frame(self) -> ObservedFrame | None:
        """Frame to show: the newest one, or the chosen one of a paused page."""
        frames = self.held or self.feed.frames
        return frames[self.at if self.held else -1] if frames else None

    def tick(self, *, now: bool = False) -> None:
        """Show what is new, unless the browser still draws the last update or the analysis needs the time.

        Parameters
        ----------
        now : bool
            Answer to the user: do not wait.
        """
        began_s = time.monotonic()
        if self.ended or not (now or (self.shared.pace.due() and self.confirmed >= self.sent)):
            return
        frame = self.frame
        interval_s = 0.0 if now else self.shared.pace.interval_s(self.shared.windows)
        if began_s < self._numbers_s + interval_s:
            return
        shown = (frame and frame.frame, self.state, bool(self.held), self.feed.ended, self.auto)
        if shown == self._shown and began_s < self._numbers_s + NUMBERS_EVERY_S:
            return
        try:
            if frame is not None and shown != self._shown:
                self._show_map(frame)
                shown = (*shown[:-1], self.auto)
            self._shown, self._numbers_s = shown, began_s
            self._show_trends()
        except InputError as error:
            self.error = str(error)
        self.numbers.text = numbers_table(
            self.feed.statistics, self.feed.waiting, {} if frame is None else frame.counters
        )
        self._say()
        self.sent += 1
        self.update.value = str(self.sent)
        self._ask_decay()

    def _show_trends(self) -> None:
        frames, regions = self.feed.frames, self.state.regions
        newest = (frames[-1].frame if frames else None, regions)
        if newest != self._trended:
            self._trended = newest
            self.trend.show(self.shared.trends.update(frames, regions))

    def _show_map(self, frame: ObservedFrame) -> None:
        maps, state = frame.maps, self.state
        name = state.shown if state.shown in maps else "tau_mean_ns"
        if state.limits is None and self.auto is None:  # later frames keep this range
            self.auto = display_limits(maps[name].values)
        limits = state.limits or self.auto
        assert limits is not None
        options = PictureOptions(state.cmap, limits)
        self.map.show(maps, name, options, None)
        self.histogram.show(maps, name, options, None)
        self._setting = True
        try:
            self.shown.update(options=[str(one) for one in maps.data_vars], value=name)
            self.low.value, self.high.value = (round(float(limit), 4) for limit in limits)
        finally:
            self._setting = False

    def _say(self) -> None:
        """Show what the page shows, and errors of the stream or of the user."""
        feed, frame = self.feed, self.frame
        parts = []
        if frame is None:
            parts.append(escape(feed.preparation) if not feed.ended else "")
        elif self.held:
            parts.append(f"paused at frame {frame.frame:,}; the newest is {feed.frames[-1].frame:,}")
        else:
            age_s = time.monotonic() - feed.changed_s
            old = f", {age_s:.0f} s ago" if age_s >= 2 and not feed.ended else ""
            parts.append(f"frame {frame.frame:,}{old}")
        if feed.error:
            parts.append(f"<span class='error'>The stream failed: {escape(feed.error)}</span>")
        elif feed.ended:
            ended = escape(str(feed.statistics.get("ended", "")))
            parts.append(f"<span class='error'>The stream has ended: {ended}.</span>")
        errors = [self.error, self.decay_error, *feed.lines[-1:]]
        parts += [f"<span class='error'>{escape(line)}</span>" for line in errors if line]
        source = f"{escape(self.state.file)}, {escape(self.state.model)}"
        self.status.text = f"{source}: {' '.join(part for part in parts if part)}"
        kept = self.held or feed.frames
        if kept:
            with_counts = sum(one.counts_bytes > 0 for one in kept)
            total = sum(one.maps_bytes + one.counts_bytes for one in kept) / 2**20
            self.kept.text = (
                f"<small>{len(kept)} frames kept, {with_counts} with counts: {total:,.1f} MiB</small>"
            )

    # Decay

    def _ask_decay(self) -> None:
        """Compute the decay of the selection in another thread; with a fit if the page is paused."""
        frame, fit = self.frame, bool(self.held) or self.feed.ended
        if frame is None or self._decay_busy:
            return
        asked = (self.state.pixel, self.state.selected, self.state.regions, fit, frame.frame)
        if asked != self._decay_shown:
            self._decay_busy = True
            self.shared.executor.submit(self._compute_decay, frame, self.state, asked)

    def _compute_decay(self, frame: ObservedFrame, state: ViewState, asked: tuple[Any, ...]) -> None:
        found, error = None, ""
        self.shared.pace.due()
        try:
            found = self.shared.decays.selected(frame, state, fit=asked[3])
        except InputError as problem:
            error = str(problem)
        except Exception as problem:
            error = f"bug: {type(problem).__name__}: {problem}"
            raise
        finally:
            self.shared.pace.due()  # accounts for the decay
            if not self.ended:
                self.doc.add_next_tick_callback(partial(self._show_decay, asked, found, error))

    def _show_decay(self, asked: tuple[Any, ...], found: SelectedDecay | None, error: str) -> None:
        self._decay_busy, self._decay_shown, self.decay_error = False, asked, error
        if found is None:
            self.table.text = ""
            self.decays.data.data = {name: [] for name in self.decays.data.data}
        else:
            self.decays.show(found)
            self.table.text = decay_table(found, self.state.model)
        self._say()
        if asked[:3] != (self.state.pixel, self.state.selected, self.state.regions):
            self._ask_decay()  # the user has chosen another one meanwhile
