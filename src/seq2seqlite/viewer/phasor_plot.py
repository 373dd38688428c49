"""Phasor plot of the page: density of the pixels, universal circle, cursors, and a table of the cursors."""

from html import escape
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, Range1d
from bokeh.plotting import figure
from matplotlib import colormaps
from matplotlib.colors import LogNorm

from seq2seqlite.figures import PhasorRecord
from seq2seqlite.figures.phasor_figure import (
    CURSOR_COLOURS,
    calibration_text,
    lifetime_marks,
    phasor_density,
)
from seq2seqlite.viewer.plots import pixels_rgba, styled

__all__ = ["PhasorPlot", "cursor_table"]

# Radius of a cursor that is placed by a click.
RADIUS = 0.05
# Smallest number of pixels in the densest bin of the colour scale.
LEAST_DENSE = 10.0


class PhasorPlot:
    """Density of the phasors with cursors, the phasor of the summed decay and that of the selected pixel."""

    def __init__(self) -> None:
        self.density = ColumnDataSource(
            {"image": [np.zeros((1, 1), np.uint32)], "x": [0], "y": [0], "dw": [1], "dh": [1]}
        )
        self.circle = ColumnDataSource({"x": [], "y": []})
        self.marks = ColumnDataSource({"x": [], "y": [], "text": []})
        self.mean, self.pixel = ColumnDataSource({"x": [], "y": []}), ColumnDataSource({"x": [], "y": []})
        self.cursors = ColumnDataSource({"x": [], "y": [], "radius": [], "colour": [], "number": []})
        self.figure = figure(
            name="phasor",
            tools="pan,box_zoom,wheel_zoom,reset,tap",
            active_drag=None,
            x_range=Range1d(0, 1),
            y_range=Range1d(0, 1),
            match_aspect=True,
            sizing_mode="stretch_both",
            min_height=260,
            toolbar_location="above",
            x_axis_label="G",
            y_axis_label="S",
        )
        plot = self.figure
        plot.image_rgba(image="image", x="x", y="y", dw="dw", dh="dh", source=self.density)
        plot.line("x", "y", source=self.circle, line_color="black")
        plot.scatter("x", "y", source=self.marks, size=5, color="black")
        plot.text(
            "x", "y", text="text", source=self.marks, text_font_size="12px", text_baseline="bottom",
            x_offset=3, y_offset=-2,
        )  # fmt: skip
        for colour, width in (("white", 5), ("colour", 3)):
            plot.circle(
                "x", "y", radius="radius", source=self.cursors, fill_alpha=0, line_color=colour,
                line_width=width,
            )  # fmt: skip
        plot.text(
            "x", "y", text="number", source=self.cursors, text_font_size="16px", text_font_style="bold",
            text_align="center", text_baseline="middle", text_outline_color="white",
        )  # fmt: skip
        for source, marker, label in ((self.mean, "cross", "summed decay"), (self.pixel, "circle", "pixel")):
            plot.scatter(
                "x", "y", source=source, size=16, marker=marker, fill_alpha=0, line_color="black",
                line_width=3, legend_label=label,
            )  # fmt: skip
        plot.legend.update(
            location="top_right", background_fill_alpha=0.7, border_line_alpha=0,
            label_text_font_size="12px", padding=2, margin=2,
        )  # fmt: skip
        styled(plot)

    def show(self, record: PhasorRecord, pixel: tuple[int, int] | None, /) -> None:
        """Show phasors; the pixel is that of the map, if one is selected."""
        density, g_range, s_range = phasor_density(record)
        scale = LogNorm(1, max(float(density.max(initial=0.0)), LEAST_DENSE))
        rgb = np.ones((*density.shape, 3))
        rgb[density > 0] = colormaps["viridis"](scale(density[density > 0]))[:, :3]
        place = {"x": [g_range[0]], "y": [s_range[0]]}
        size = {"dw": [g_range[1] - g_range[0]], "dh": [s_range[1] - s_range[0]]}
        if (place["x"], place["y"], size["dw"]) != tuple(self.density.data[key] for key in ("x", "y", "dw")):
            self.figure.x_range.update(start=g_range[0], end=g_range[1])
            self.figure.y_range.update(start=s_range[0], end=s_range[1])
        self.density.data = {"image": [pixels_rgba(rgb)], **place, **size}
        half = record.calibration is not None
        angle = np.linspace(0, np.pi if half else 2 * np.pi, 200)
        middle, size_of_circle = (0.5, 0.5) if half else (0.0, 1.0)
        self.circle.data = {
            "x": middle + size_of_circle * np.cos(angle),
            "y": size_of_circle * np.sin(angle),
        }
        marks = list(lifetime_marks(record.frequency_mhz)) if half else []
        self.marks.data = {
            "x": [g for _, g, _ in marks],
            "y": [s for _, _, s in marks],
            "text": [f"{tau_ns:g} ns" for tau_ns, _, _ in marks],
        }
        self.mean.data = {"x": [record.mean[0]], "y": [record.mean[1]]}
        self.pixel.data = _point(record, pixel)
        cursors = record.options.cursors
        self.cursors.data = {
            "x": [cursor[0] for cursor in cursors],
            "y": [cursor[1] for cursor in cursors],
            "radius": [cursor[2] for cursor in cursors],
            "colour": list(CURSOR_COLOURS[: len(cursors)]),
            "number": [str(number) for number in range(1, len(cursors) + 1)],
        }


def _point(record: PhasorRecord, pixel: tuple[int, int] | None) -> dict[str, list[float]]:
    """Return the phasor of a pixel; nothing outside of the image."""
    height, width = record.real.shape
    if pixel is None or not (0 <= pixel[0] < width and 0 <= pixel[1] < height):
        return {"x": [], "y": []}
    return {"x": [float(record.real[pixel[::-1]])], "y": [float(record.imag[pixel[::-1]])]}


def cursor_table(record: PhasorRecord, pixel: tuple[int, int] | None, /) -> str:
    """Return mean phasor, apparent lifetimes and the pixels of the cursors as an HTML table."""
    described: dict[str, Any] = record.described()
    known = int(np.isfinite(record.real).sum())
    rows = [_row("mean", "summed decay", record.mean, f"{known:,}")]
    at = _point(record, pixel)
    if pixel is not None and at["x"] and np.isfinite(at["x"][0]):
        rows.append(_row("pixel", f"pixel ({pixel[0]}, {pixel[1]})", (at["x"][0], at["y"][0]), "1"))
    for number, cursor in enumerate(described["cursors"], start=1):
        label = (
            f"<b style='border-bottom: 3px solid {CURSOR_COLOURS[number - 1]}'>cursor {number}</b>, "
            f"radius {cursor['radius']:g}"
        )
        share = cursor["pixels"] / max(known, 1)
        rows.append(
            _row(f"cursor-{number}", label, (cursor["g"], cursor["s"]), f"{cursor['pixels']:,} ({share:.1%})")
        )
    lifetimes = ""
    if record.calibration is not None:
        names = ("phase", "modulation")
        values = [described.get(f"{name}_tau_ns") for name in names]
        lifetimes = "; summed decay: " + ", ".join(
            f"{name} lifetime {'-' if value is None else f'{value:.3f} ns'}"
            for name, value in zip(names, values, strict=True)
        )
    return (
        f"<table class='phasor'><caption>{record.frequency_mhz:.4g} MHz, "
        f"{escape(calibration_text(record))}{lifetimes}</caption>"
        f"<tr><td></td><th>G</th><th>S</th><th>pixels</th></tr>{''.join(rows)}</table>"
    )


def _row(name: str, label: str, place: tuple[float, float], pixels: str) -> str:
    return (
        f"<tr><th>{label}</th><td data-q='{name}-g'>{place[0]:.4f}</td><td data-q='{name}-s'>{place[1]:.4f}"
        f"</td><td data-q='{name}-pixels'>{pixels}</td></tr>"
    )
