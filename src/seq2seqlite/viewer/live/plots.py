"""Plots of the page of a stream: medians over time, and the table of its numbers."""

from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, DataRange1d
from bokeh.plotting import figure
from numpy.typing import NDArray

from seq2seqlite.viewer.plots import UNKNOWN, styled

__all__ = ["TrendPlot", "numbers_table"]

# Colours that colour-blind readers distinguish (Okabe and Ito, https://jfly.uni-koeln.de/color/); the name at
# the end of each line is readable without colour.
COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
COLUMNS = 3
DASHES = ("solid", "dashed", "dotted", "dotdash")
NUMBERS = {
    "frames": ("analysed", ",.0f"),
    "frames_per_second": ("frames/s", ".3g"),
    "latency_median_s": ("latency / s", ".3f"),
    "latency_p99_s": ("99 % below / s", ".3f"),
    "received": ("received", ",.0f"),
    "dropped": ("dropped", ",.0f"),
    "rejected": ("rejected", ",.0f"),
    "missed": ("not received", ",.0f"),
    "unfinished": ("unfinished", ",.0f"),
}
"""Label and format of the numbers of ``stream.json``, by their names."""


class TrendPlot:
    """Median mean lifetime over time, of all pixels and of the regions."""

    def __init__(self) -> None:
        empty: dict[str, list[Any]] = {name: [] for name in ("xs", "ys", "colour", "dash", "x", "y", "name")}
        self.lines = ColumnDataSource(empty)
        self.figure = figure(
            name="trend",
            tools="",
            toolbar_location=None,
            x_range=DataRange1d(range_padding=0.02, range_padding_units="percent"),
            y_range=DataRange1d(range_padding=0.5, default_span=0.05, min_interval=0.05),
            sizing_mode="stretch_both",
            min_height=120,
            x_axis_label="time / s",
            y_axis_label="median / ns",
        )
        self.figure.multi_line(
            "xs", "ys", source=self.lines, line_color="colour", line_dash="dash", line_width=2
        )
        self.figure.text(
            "x", "y", text="name", source=self.lines, text_color="colour", text_align="right",
            text_baseline="bottom", text_font_size="12px",
        )  # fmt: skip
        styled(self.figure)

    def show(self, trends: Mapping[str, NDArray[np.float64]]) -> None:
        """Show the trends by name, shape (2, n): times in s and medians in ns."""
        shown = {name: points for name, points in trends.items() if points.shape[1]}
        number = range(len(shown))
        self.lines.data = {
            "xs": [points[0] for points in shown.values()],
            "ys": [points[1] for points in shown.values()],
            "colour": [COLOURS[n % len(COLOURS)] for n in number],
            "dash": [DASHES[n // len(COLOURS) % len(DASHES)] for n in number],
            "x": [points[0, -1] for points in shown.values()],
            "y": [points[1, -1] for points in shown.values()],
            "name": list(shown),
        }


def numbers_table(numbers: Mapping[str, Any], waiting: int, counters: Mapping[str, float], /) -> str:
    """Return the numbers of a stream, as in ``stream.json``, and the counters of its predictor as HTML."""
    rows = [
        (name, label, UNKNOWN if numbers.get(name) is None else format(numbers[name], form))
        for name, (label, form) in NUMBERS.items()
    ]
    rows.insert(5, ("waiting", "in the queue", f"{waiting:,}"))
    if "queue_depth_max" in numbers:
        rows.insert(6, ("queue_depth_max", "at most", f"{numbers['queue_depth_max']:,}"))
    rows += [(name, name, f"{value:,.6g}") for name, value in counters.items()]
    cells = [
        f"<th>{escape(label)}</th><td data-q='{escape(name)}'>{value}</td>" for name, label, value in rows
    ]
    lines = ["".join(cells[first : first + COLUMNS]) for first in range(0, len(cells), COLUMNS)]
    return f"<table class='numbers'>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"
