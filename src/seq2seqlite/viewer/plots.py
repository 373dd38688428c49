"""Plots of the page: map, histogram, decay and residuals."""

from html import escape
from typing import Any

import numpy as np
import xarray as xr
from bokeh.models import BoxAnnotation, BoxSelectTool, ColumnDataSource, DataRange1d, Range1d
from bokeh.plotting import figure
from matplotlib.colors import to_hex
from numpy.typing import NDArray

from seq2seqlite.figures import PictureOptions, lifetime_colours, lifetime_rgb
from seq2seqlite.figures.decay_figure import FIT, PREDICTED, RESPONSE, RESPONSE_SHARE
from seq2seqlite.figures.picture import display_limits
from seq2seqlite.viewer.images import SelectedDecay
from seq2seqlite.viewer.state import ViewState

__all__ = ["UNKNOWN", "DecayPlots", "Histogram", "MapPlot", "decay_table", "styled"]

BINS = 80
UNKNOWN = "-"
# Brightness of pixels outside of the highlighted range.
DIMMED = 0.18
NAMES = {
    "tau_mean_ns": "mean lifetime / ns",
    "tau_short_ns": "short lifetime / ns",
    "tau_long_ns": "long lifetime / ns",
    "amplitude_fraction": "amplitude fraction (short)",
}
FONT = {
    "major_label_text_font_size": "12px",
    "axis_label_text_font_size": "12px",
    "axis_label_text_font_style": "normal",
}


def styled(plot: Any) -> Any:
    """Return a plot with the fonts and lines of the page."""
    for axis in plot.axis:
        axis.update(**FONT)
    plot.toolbar.logo = None
    plot.grid.grid_line_alpha = 0.4
    plot.outline_line_color = "#b8bec6"
    return plot


class MapPlot:
    """Lifetime map with the selected pixel and the regions."""

    def __init__(self) -> None:
        self.image = ColumnDataSource({"image": [np.zeros((1, 1), np.uint32)], "dw": [1], "dh": [1]})
        self.pixel = ColumnDataSource({"x": [], "y": []})
        self.outlines = ColumnDataSource({"xs": [], "ys": [], "name": [], "x": [], "y": [], "width": []})
        self.figure = figure(
            name="map",
            tools="pan,box_zoom,wheel_zoom,reset,lasso_select,box_select,tap",
            active_drag=None,
            x_range=DataRange1d(range_padding=0),
            y_range=DataRange1d(range_padding=0, flipped=True),
            match_aspect=True,
            sizing_mode="stretch_both",
            min_height=300,
            toolbar_location="above",
            background_fill_color="black",
        )
        self.figure.axis.visible = False
        self.figure.grid.visible = False
        drawn = self.figure.image_rgba(
            image="image", x=0, y=0, dw="dw", dh="dh", source=self.image, nonselection_alpha=1.0
        )
        self.figure.multi_line(
            "xs", "ys", source=self.outlines, line_color="black", line_width=5, line_alpha=0.6
        )
        self.figure.multi_line("xs", "ys", source=self.outlines, line_color="white", line_width="width")
        self.figure.text(
            "x", "y", text="name", source=self.outlines, text_color="white", text_outline_color="black",
            text_font_size="14px", text_font_style="bold",
        )  # fmt: skip
        for size, width, colour in ((18, 5, "black"), (18, 2, "white")):
            self.figure.scatter(
                "x", "y", source=self.pixel, size=size, marker="circle", fill_alpha=0, line_color=colour,
                line_width=width,
            )  # fmt: skip
        self.figure.x_range.renderers = self.figure.y_range.renderers = [drawn]
        styled(self.figure)

    def show(
        self,
        maps: xr.Dataset,
        name: str,
        options: PictureOptions,
        lit: tuple[float, float] | None,
    ) -> None:
        """Show a map; pixels outside of the range ``lit`` are dimmed."""
        self.image.data = {
            "image": [rgba(maps, name, options, lit)],
            "dw": [maps.sizes["X"]],
            "dh": [maps.sizes["Y"]],
        }

    def mark(self, state: ViewState) -> None:
        """Show the selected pixel and the regions."""
        pixel = () if state.pixel is None else (state.pixel,)
        self.pixel.data = {"x": [x + 0.5 for x, _ in pixel], "y": [y + 0.5 for _, y in pixel]}
        self.outlines.data = {
            "xs": [[p[0] for p in (*one.points, one.points[0])] for one in state.regions],
            "ys": [[p[1] for p in (*one.points, one.points[0])] for one in state.regions],
            "name": [one.name for one in state.regions],
            "x": [one.points[0][0] for one in state.regions],
            "y": [one.points[0][1] for one in state.regions],
            "width": [3 if one.name == state.selected else 1.5 for one in state.regions],
        }


def rgba(
    maps: xr.Dataset, name: str, options: PictureOptions, lit: tuple[float, float] | None
) -> NDArray[np.uint32]:
    """Return the picture of a map as 32-bit colours, with pixels outside of ``lit`` dimmed."""
    values = maps[name].values
    rgb = lifetime_rgb(values, maps["intensity"].values, options=options)
    if lit is not None:
        outside = ~((values >= lit[0]) & (values <= lit[1]))
        rgb[outside] = DIMMED * rgb[outside].mean(axis=-1, keepdims=True)
    found = np.full((*values.shape, 4), 255, np.uint8)
    found[..., :3] = np.round(rgb * 255)
    return found.view(np.uint32)[..., 0]


class Histogram:
    """Histogram of a map, whose colours are those of the map; a dragged range highlights its pixels."""

    def __init__(self) -> None:
        self.bars = ColumnDataSource({"left": [], "right": [], "top": [], "color": []})
        self.figure = figure(
            name="histogram",
            tools=[BoxSelectTool(dimensions="width", persistent=False)],
            toolbar_location=None,
            x_range=Range1d(0, 1),
            y_range=DataRange1d(start=0),
            sizing_mode="stretch_both",
            min_height=120,
            y_axis_label="pixels",
        )
        self.figure.quad(
            left="left", right="right", top="top", bottom=0, color="color", source=self.bars,
            nonselection_alpha=1.0,
        )  # fmt: skip
        self.lit = BoxAnnotation(
            fill_alpha=0.15, fill_color="black", line_color="black", line_width=2, visible=False
        )
        self.figure.add_layout(self.lit)
        styled(self.figure)

    def show(
        self, maps: xr.Dataset, name: str, options: PictureOptions, lit: tuple[float, float] | None
    ) -> None:
        """Show the values of a map."""
        values = maps[name].values
        finite = values[np.isfinite(values)]
        low, high = display_limits(values) if options.limits is None else options.limits
        margin = 0.15 * (high - low)
        counts, edges = np.histogram(finite, bins=BINS, range=(low - margin, high + margin))
        colours = lifetime_colours(options.cmap)((0.5 * (edges[1:] + edges[:-1]) - low) / (high - low))
        self.bars.data = {
            "left": edges[:-1],
            "right": edges[1:],
            "top": counts,
            "color": [to_hex(colour) for colour in colours],
        }
        self.figure.x_range.update(start=edges[0], end=edges[-1])
        unit = maps[name].attrs["units"]
        self.figure.xaxis.axis_label = f"{maps[name].attrs['long_name']}{f' / {unit}' if unit else ''}"
        if lit is None:
            self.lit.visible = False
        else:
            self.lit.update(left=lit[0], right=lit[1], visible=True)


class DecayPlots:
    """Decay with IRF and curves on a logarithmic scale, and weighted residuals."""

    def __init__(self) -> None:
        self.data = ColumnDataSource(
            {key: [] for key in ("t", "counts", "irf", "fit", "network", "rf", "rn")}
        )
        times = Range1d(0, 1)
        shared: dict[str, Any] = {
            "x_range": times,
            "sizing_mode": "stretch_both",
            "toolbar_location": None,
            "tools": "",
        }
        self.figure = figure(
            name="decay",
            y_axis_type="log",
            y_range=Range1d(0.5, 10),
            y_axis_label="counts",
            min_height=220,
            **shared,
        )
        self.residuals = figure(
            name="residuals", y_range=Range1d(-4, 4), x_axis_label="time / ns", y_axis_label="residuals / SD",
            min_height=110, **shared,
        )  # fmt: skip
        line = {"source": self.data, "line_width": 2}
        self.figure.line("t", "irf", color=RESPONSE, legend_label="IRF", **line)
        self.figure.scatter("t", "counts", source=self.data, size=4, color="black", legend_label="counts")
        for plot, names in ((self.figure, ("network", "fit")), (self.residuals, ("rn", "rf"))):
            label = {"legend_label": "model"} if plot is self.figure else {}
            plot.line("t", names[0], color=PREDICTED, line_dash="dashed", **label, **line)
            label = {"legend_label": "fit"} if plot is self.figure else {}
            plot.line("t", names[1], color=FIT, **label, **line)
            styled(plot)
        self.residuals.yaxis.ticker.update(desired_num_ticks=4, num_minor_ticks=0)
        self.figure.legend.update(
            orientation="horizontal", location="top_right", background_fill_alpha=0.7, border_line_alpha=0,
            label_text_font_size="12px", padding=2, margin=2,
        )  # fmt: skip

    def show(self, found: SelectedDecay) -> None:
        """Show a decay."""
        record = found.record
        counts, nothing = record.counts, np.full(record.counts.size, np.nan)
        peak = max(float(counts.max(initial=0.0)), 1.0)
        columns = {
            "t": record.start_ns + record.axis.starts_ns,
            "counts": np.where(counts > 0, counts, np.nan),
        }
        irf = nothing
        if record.irf is not None:
            scaled = record.irf * peak / record.irf.max()
            irf = np.where(scaled >= max(RESPONSE_SHARE * peak, 1e-3), scaled, np.nan)
        columns["irf"] = irf
        most = 4.0
        for name, short, curve in (("network", "rn", record.predicted), ("fit", "rf", record.fit)):
            columns[name] = nothing if curve is None else np.maximum(curve.expected, 1e-3)
            columns[short] = nothing if curve is None else (counts - curve.expected) / np.sqrt(curve.expected)
            if name == "fit" and curve is not None:
                most = max(most, 1.1 * float(np.abs(columns[short]).max()))
        self.data.data = columns
        floor = float(counts[counts > 0].min(initial=peak))
        self.figure.x_range.update(start=columns["t"][0], end=columns["t"][-1])
        self.figure.y_range.update(start=max(0.5 * floor, 0.5), end=4 * peak)
        self.residuals.y_range.update(start=-most, end=most)


def decay_table(found: SelectedDecay, model: str, /) -> str:
    """Return the lifetimes of a decay as an HTML table, those of the model and of the fit side by side."""
    record = found.record
    pixels = "1 pixel" if record.pixels == 1 else f"{record.pixels:,} pixels"
    rows = [
        f"<tr><th>{label}</th><td data-q='network-{name}'>{_value(found.network.get(name))}</td>"
        f"<td data-q='fit-{name}'>{_value(found.fit.get(name))}</td></tr>"
        for name, label in NAMES.items()
    ]
    squares = [_chi_square(curve.chi_square if curve else None) for curve in (record.predicted, record.fit)]
    irf = f"IRF {record.origin}" if record.origin else "no IRF: fewer than 10,000 photons, or no rising edge"
    return (
        f"<table class='decay'><caption>{escape(found.title)}: {pixels}, "
        f"{record.counts.sum():,.0f} counts, {irf}</caption>"
        f"<tr><td></td><th class='network'>{escape(model)}</th>"
        "<th class='fit'>fit (maximum likelihood)</th></tr>"
        f"{''.join(rows)}<tr><th>reduced χ²</th><td>{squares[0]}</td><td>{squares[1]}</td></tr></table>"
    )


def _value(pair: tuple[float, float] | None) -> str:
    if pair is None or not np.isfinite(pair[0]):
        return UNKNOWN
    error = f" ± {pair[1]:.3f}" if np.isfinite(pair[1]) else ""
    return f"{pair[0]:.3f}{error}"


def _chi_square(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
