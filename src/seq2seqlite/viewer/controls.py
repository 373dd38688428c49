"""Widgets of the page: choices of the user become changes of the state."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from bokeh.layouts import column, row
from bokeh.models import Button, CustomJS, Div, NumericInput, RadioButtonGroup, Select, TextInput

from seq2seqlite.errors import InputError
from seq2seqlite.figures import DEFAULT_COLOURS
from seq2seqlite.viewer.images import OpenedImages
from seq2seqlite.viewer.phasor_plot import RADIUS
from seq2seqlite.viewer.state import PANELS, ViewState, cursor_of_text

__all__ = ["COLOURS", "WIDE", "Change", "Controls"]

COLOURS = (DEFAULT_COLOURS, "viridis", "cividis", "plasma", "turbo")
IRF_LABELS = {"": "none", "fit": "fitted to the decay"}
SAME = ("", "the same")
PANEL_LABELS = ("Decay", "Phasor", "Compare")
WIDE: dict[str, Any] = {"sizing_mode": "stretch_width", "min_width": 60, "margin": (2, 4)}
NARROW: dict[str, Any] = {"width": 76, "margin": (2, 4)}
STRETCH: dict[str, Any] = {"sizing_mode": "stretch_width"}
SHOW_PANEL = "document.querySelector('main').dataset.panel = names[cb_obj.active];"
COPY = """
const text = source.value;
const fallback = () => { const area = document.createElement('textarea'); area.value = text;
  document.body.append(area); area.select(); document.execCommand('copy'); area.remove(); };
if (navigator.clipboard) navigator.clipboard.writeText(text).catch(fallback); else fallback();
const label = button.label; button.label = 'copied'; setTimeout(() => { button.label = label; }, 1500);
"""

Change = Callable[[ViewState], ViewState]


class Controls:
    """Widgets of the page.

    Parameters
    ----------
    images : OpenedImages
        Measurements that are offered.
    update : callable
        Takes a function from the present state to the next one.
    """

    def __init__(self, images: OpenedImages, update: Callable[[Change], None], /) -> None:
        self._images, self._update, self._quiet = images, update, False
        files, models = list(images.files()), images.models
        self.file = Select(title="Measurement", options=files, **WIDE)
        self.model = Select(title="Model or estimator", options=models, **WIDE)
        irfs = [(irf, IRF_LABELS.get(irf, Path(irf).name)) for irf in images.irfs]
        self.irf = Select(title="IRF", options=irfs, **WIDE)
        self.shown = Select(title="Map", options=["tau_mean_ns"], **WIDE)
        self.cmap = Select(title="Colours", options=list(COLOURS), **WIDE)
        self.low = NumericInput(title="Range from", mode="float", **WIDE)
        self.high = NumericInput(title="to", mode="float", **WIDE)
        self.threshold = NumericInput(title="Min. photons", mode="float", low=0.01, **WIDE)
        self.binning = NumericInput(title="Binning", mode="int", low=0, **WIDE)
        self.pixel = TextInput(title="Pixel x, y", name="pixel", **WIDE)
        self.region = Select(title="Region", options=[("", "none")], **WIDE)
        self.rename = TextInput(title="Name of the region", name="rename", **WIDE)
        self.panel = RadioButtonGroup(labels=list(PANEL_LABELS), name="panel", width=210, height=28, margin=0)
        self.cursors = TextInput(title="Cursors G, S, radius; ...", name="cursors", **WIDE)
        self.radius = NumericInput(title="Radius", mode="float", low=0.001, high=1, value=RADIUS, **NARROW)
        self.medians = NumericInput(title="Medians", mode="int", low=0, **NARROW)
        self.other_file = Select(title="B: measurement", options=[SAME, *((f, f) for f in files)], **WIDE)
        self.other_model = Select(title="B: model", options=[SAME, *((m, m) for m in models)], **WIDE)
        self.command = TextInput(visible=False, name="command")
        self.python = TextInput(visible=False, name="python")
        self._connect()

    def _connect(self) -> None:
        for widget, field in (
            (self.model, "model"), (self.irf, "irf"), (self.cmap, "cmap"), (self.threshold, "min_photons"),
            (self.binning, "binning"), (self.region, "selected"), (self.medians, "medians"),
            (self.other_file, "other_file"), (self.other_model, "other_model"),
        ):  # fmt: skip
            self._on(widget, partial(_with, field))
        self._on(self.file, lambda value: lambda state: state.with_file(value))
        self._on(self.shown, lambda name: lambda state: replace(state, shown=name, limits=None, lit=None))
        self._on(self.rename, lambda name: lambda state: state.renamed(name))
        self._on(self.pixel, _typed_pixel)
        self._on(self.cursors, _typed_cursors)
        self._on(self.panel, lambda number: lambda state: replace(state, panel=PANELS[number]), "active")
        self.panel.js_on_change("active", CustomJS(args={"names": list(PANELS)}, code=SHOW_PANEL))
        for widget in (self.low, self.high):
            self._on(widget, lambda _: self._ranged)

    def _on(self, widget: Any, change_of: Callable[[Any], Change], attribute: str = "value") -> None:
        """Change the state when the user changes a widget; an emptied number changes nothing."""

        def act(_: str, __: Any, value: Any) -> None:
            if not self._quiet and value is not None:
                self._update(change_of(value))

        widget.on_change(attribute, act)

    def _ranged(self, state: ViewState) -> ViewState:
        low, high = self.low.value, self.high.value
        limits = None if low is None or high is None else (float(low), float(high))
        return replace(state, limits=limits)

    def layout(self, *buttons: tuple[Button, ...]) -> Any:
        """Return the column of the widgets, with rows of buttons below."""
        copies = []
        for label, source in (("Copy shell", self.command), ("Copy Python", self.python)):
            copy = Button(label=label, **WIDE)
            copy.js_on_click(CustomJS(args={"source": source, "button": copy}, code=COPY))
            copies.append(copy)
        return column(
            self.file, self.model, self.irf, self.shown, self.cmap,
            row(self.low, self.high, **STRETCH),
            row(self.threshold, self.binning, **STRETCH),
            row(self.pixel, self.region, **STRETCH), self.rename,
            *(row(*pair, **STRETCH) for pair in buttons),
            row(*copies, **STRETCH),
            self.command, self.python,
            name="controls", spacing=2, sizing_mode="stretch_width",
        )  # fmt: skip

    def phasor_layout(self, table: Div) -> Any:
        """Return the choices of the phasor plot with its table."""
        choices = row(self.cursors, self.radius, self.medians, **STRETCH)
        return column(choices, table, name="cursors", **STRETCH)

    def comparison_layout(self, table: Div) -> Any:
        """Return the choices of the comparison with its table."""
        choices = row(self.other_file, self.other_model, **STRETCH)
        return column(choices, table, name="comparison", **STRETCH)

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Set widgets within this context without a change of the state."""
        before, self._quiet = self._quiet, True
        try:
            yield
        finally:
            self._quiet = before

    def show(self, state: ViewState, /) -> None:
        """Set all widgets to a state."""
        with self.quiet():
            files = list(self._images.files())
            self.file.update(options=files, value=state.file)
            self.other_file.update(
                options=[("", "the same"), *((f, f) for f in files)], value=state.other_file
            )
            self.model.value, self.irf.value, self.other_model.value = (
                state.model, state.irf, state.other_model,
            )  # fmt: skip
            if state.cmap not in self.cmap.options:
                self.cmap.options = [*self.cmap.options, state.cmap]
            self.cmap.value = state.cmap
            self.threshold.value, self.binning.value = state.min_photons, state.binning
            self.medians.value = state.medians
            self.cursors.value = "; ".join(
                ", ".join(f"{value:g}" for value in cursor) for cursor in state.cursors
            )
            self.pixel.value = "" if state.pixel is None else "{}, {}".format(*state.pixel)
            names = [("", "none"), *((one.name, one.name) for one in state.regions)]
            self.region.update(options=names, value=state.selected)
            self.rename.value = state.selected
            self.panel.active = PANELS.index(state.panel)
            if state.limits is not None:
                self.low.value, self.high.value = state.limits

    def show_map(self, names: list[str], shown: str, limits: tuple[float, float], /) -> None:
        """Set the names of the maps, and the range of colours."""
        with self.quiet():
            self.shown.update(options=names, value=shown)
            self.low.value, self.high.value = (round(float(limit), 4) for limit in limits)


def _with(field: str, value: Any) -> Change:
    return lambda state: replace(state, **{field: value})


def _typed_pixel(text: str) -> Change:
    words = text.replace(",", " ").split()
    if not words:
        return lambda state: replace(state, pixel=None)
    if len(words) != 2 or not all(word.lstrip("-").isdigit() and len(word) < 9 for word in words):
        return _failing(f"pixel {text[:40]!r} must be two numbers, e.g. 12, 34")
    x, y = (int(word) for word in words)
    return lambda state: replace(state, pixel=(x, y), selected="")


def _typed_cursors(text: str) -> Change:
    return lambda state: replace(
        state, cursors=tuple(cursor_of_text(part) for part in text.split(";") if part.strip())
    )


def _failing(message: str) -> Change:
    def fail(_: ViewState) -> ViewState:
        raise InputError(message)

    return fail
