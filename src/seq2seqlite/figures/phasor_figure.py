"""Figure of phasors: their density with the universal circle, and cursors with their pixels."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from numpy.typing import NDArray

from seq2seqlite.figures.phasor_record import PhasorRecord
from seq2seqlite.figures.picture import brightness, counted, short_name

__all__ = [
    "CURSOR_COLOURS",
    "calibration_text",
    "cursor_rgb",
    "lifetime_marks",
    "phasor_density",
    "phasor_figure",
]

# Colours of Okabe and Ito, which colour-blind readers can distinguish from each other and from the density.
CURSOR_COLOURS = ("#D55E00", "#0072B2", "#F0E442", "#CC79A7", "#009E73", "#56B4E9")
# Lifetimes that are marked on the universal circle, in ns.
MARKED_NS = (0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 20.0)
# Smallest distance of two marks, in units of G and S.
MARK_DISTANCE = 0.07
BINS = 160
# Range of G and S that is always shown, and its largest extension.
SHOWN = ((-0.12, 1.16), (-0.06, 0.66))
MOST = 1.2
# Share of the pixels that the range contains.
CONTAINED = (0.2, 99.8)
# Windows that cover less of the period have single exponentials off the universal circle.
WHOLE = 0.97
CALIBRATIONS = {
    "measured": "calibrated with the measured IRF",
    "fitted": "calibrated with an IRF fitted to the decay",
}


def phasor_figure(record: PhasorRecord, /) -> Figure:
    """Return the phasor plot of a measurement.

    Parameters
    ----------
    record : PhasorRecord
        Phasors of the pixels.

    Returns
    -------
    matplotlib.figure.Figure
        Density of the pixels in G and S, the universal circle with lifetimes of single exponentials, the
        phasor of the summed decay, and the cursors. With cursors, a picture shows their pixels.

    See Also
    --------
    seq2seqlite.results.phasor_record : Phasors of a measurement.
    decay_figure : Figure of the summed decay.
    """
    cursors = record.options.cursors
    figure = Figure(figsize=(12.0, 5.4) if cursors else (8.5, 5.4), layout="constrained")
    if cursors:
        axes, image_axes = figure.subplots(1, 2, width_ratios=(1.35, 1.0))
        _draw_cursor_pixels(image_axes, record)
    else:
        axes = figure.subplots()
    _draw_density(figure, axes, record)
    _draw_circle(axes, record)
    for (real, imag, radius), colour in zip(cursors, CURSOR_COLOURS, strict=False):
        axes.add_patch(Circle((real, imag), radius, fill=False, edgecolor=colour, linewidth=2.5))
    axes.plot(
        *record.mean,
        "+",
        color="black",
        markersize=14,
        markeredgewidth=2,
        label="summed decay",
        clip_on=False,
    )
    axes.legend(loc="upper right", fontsize=10, frameon=False)
    axes.set_xlabel("G", fontsize=11)
    axes.set_ylabel("S", fontsize=11)
    figure.suptitle(_title(record), fontsize=12, parse_math=False)
    return figure


def _title(record: PhasorRecord) -> str:
    pixels = int(np.isfinite(record.real).sum())
    name = f"{short_name(record.source)}: {counted(pixels, 'pixel')}, {record.frequency_mhz:.4g} MHz"
    return f"{name}\n{calibration_text(record)}"


def calibration_text(record: PhasorRecord, /) -> str:
    """Return how phasors were calibrated and filtered, in words."""
    options = record.options
    if record.calibration == "reference" and options.reference is not None:
        how = f"calibrated with {Path(options.reference).name} ({options.reference_tau_ns:g} ns)"
    else:
        how = CALIBRATIONS.get(
            record.calibration or "", "not calibrated: the positions include the response of the instrument"
        )
    if options.medians:
        how += f", {options.medians} passes of a 3 x 3 median filter"
    if record.covered < WHOLE:
        how += f"; the gates cover {record.covered:.0%} of the period, so that the circle is approximate"
    return how


def phasor_density(
    record: PhasorRecord, /
) -> tuple[NDArray[np.float64], tuple[float, float], tuple[float, float]]:
    """Return the density of the pixels in G and S, and the ranges of both.

    Parameters
    ----------
    record : PhasorRecord
        Phasors of the pixels.

    Returns
    -------
    density : ndarray, shape (n_s, n_g)
        Pixels of each bin; the first row is that of the smallest S.
    g_range, s_range : tuple of float
        Range of the bins.
    """
    shown = np.isfinite(record.real)
    real, imag = record.real[shown].astype(np.float64), record.imag[shown].astype(np.float64)
    g_range, s_range = (_range(values, least) for values, least in zip((real, imag), SHOWN, strict=True))
    spans = [high - low for low, high in (g_range, s_range)]
    bins = [max(2, round(BINS * span / spans[0])) for span in spans]
    density, *_ = np.histogram2d(real, imag, bins=bins, range=[g_range, s_range])
    return density.T, g_range, s_range


def _draw_density(figure: Figure, axes: Axes, record: PhasorRecord) -> None:
    density, *ranges = phasor_density(record)
    most = max(float(density.max(initial=0.0)), 10.0)
    colours = colormaps["viridis"].with_extremes(bad="white")
    image = axes.imshow(
        np.ma.masked_equal(density, 0),
        origin="lower",
        extent=(*ranges[0], *ranges[1]),
        norm=LogNorm(1, most),
        cmap=colours,
        interpolation="nearest",
        aspect="equal",
    )
    figure.colorbar(image, ax=axes, label="pixels", shrink=0.75)
    axes.grid(visible=True, alpha=0.25)


def _range(values: np.ndarray, least: tuple[float, float]) -> tuple[float, float]:
    if not values.size:
        return least
    low, high = (float(edge) for edge in np.percentile(values, CONTAINED))
    margin = 0.03
    return max(min(least[0], low - margin), -MOST), min(max(least[1], high + margin), MOST)


def _draw_circle(axes: Axes, record: PhasorRecord) -> None:
    """Draw the universal circle with its lifetimes; without a calibration, the unit circle."""
    if record.calibration is None:
        angle = np.linspace(0, 2 * np.pi, 400)
        limits = axes.get_xlim(), axes.get_ylim()
        axes.plot(np.cos(angle), np.sin(angle), color="black", linewidth=1)
        axes.axhline(0, color="black", linewidth=0.6)
        axes.axvline(0, color="black", linewidth=0.6)
        axes.set(xlim=limits[0], ylim=limits[1])
        return
    angle = np.linspace(0, np.pi, 200)
    axes.plot(0.5 + 0.5 * np.cos(angle), 0.5 * np.sin(angle), color="black", linewidth=1.2)
    axes.axhline(0, color="black", linewidth=0.6)
    for tau_ns, real, imag in lifetime_marks(record.frequency_mhz):
        axes.plot(real, imag, "o", color="black", markersize=4)
        outwards = np.array([real - 0.5, imag]) / 0.5
        axes.annotate(
            f"{tau_ns:g} ns",
            (real, imag),
            xytext=tuple(9 * outwards),
            textcoords="offset points",
            ha="left" if outwards[0] > 0.3 else "right" if outwards[0] < -0.3 else "center",
            va="bottom" if outwards[1] > 0.3 else "center",
            fontsize=9,
        )


def lifetime_marks(frequency_mhz: float, /) -> Iterator[tuple[float, float, float]]:
    """Yield the marked lifetimes of the universal circle in ns, with their coordinates G and S."""
    omega = 2 * np.pi * frequency_mhz / 1e3
    last: tuple[float, float] | None = None
    for tau_ns in MARKED_NS:
        real = 1 / (1 + (omega * tau_ns) ** 2)
        imag = omega * tau_ns * real
        if last is not None and np.hypot(real - last[0], imag - last[1]) < MARK_DISTANCE:
            continue
        last = (real, imag)
        yield tau_ns, real, imag


def cursor_rgb(record: PhasorRecord, /) -> NDArray[np.float64]:
    """Return the image in grey with the pixels of the cursors in their colours, shape (Y, X, 3)."""
    bright = brightness(record.intensity)[..., None]
    rgb = np.repeat(0.75 * bright, 3, axis=-1)
    inside = record.cursor_map
    for number, colour in enumerate(CURSOR_COLOURS[: len(record.options.cursors)], start=1):
        pixels = inside == number
        rgb[pixels] = (np.array(to_rgb(colour)) * (0.35 + 0.65 * bright))[pixels]
    return rgb


def _draw_cursor_pixels(axes: Axes, record: PhasorRecord) -> None:
    rgb, inside = cursor_rgb(record), record.cursor_map
    for number, colour in enumerate(CURSOR_COLOURS[: len(record.options.cursors)], start=1):
        pixels = inside == number
        real, imag, radius = record.options.cursors[number - 1]
        share = pixels.sum() / max(np.isfinite(record.real).sum(), 1)
        label = f"G {real:g}, S {imag:g}, radius {radius:g}: {pixels.sum():,} pixels ({share:.0%})"
        axes.plot([], [], "s", color=colour, markersize=9, label=label)
    axes.imshow(rgb, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.01), fontsize=10, frameon=False)
