"""Figures of lifetime maps, with the lifetime as colour and the intensity as brightness."""

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from seq2seqlite.errors import InputError
from seq2seqlite.figures.colours import DEFAULT_COLOURS, lifetime_colours

__all__ = [
    "PICTURE_FORMATS",
    "PictureOptions",
    "brightness",
    "counted",
    "display_limits",
    "lifetime_picture",
    "lifetime_rgb",
    "mosaic",
    "picture_record",
    "plot_map",
    "short_name",
]

# A longer name would be cut off, or cover other text.
MOST_CHARACTERS = 44

PICTURE_FORMATS = ("png", "svg", "pdf")
"""File formats of figures."""

# Largest length of the scale bar, as a fraction of the image width.
BAR_SHARE = 0.3
# Exponent of the intensity in the brightness: keeps dim structures visible beside bright ones.
GAMMA = 0.6
# Largest exponent, and limits of the resolution in dots per inch.
MAX_GAMMA = 5.0
DPI, MIN_DPI, MAX_DPI = 150, 30, 1200
# Grey levels of pixels without a lifetime, and of flagged ones. No default colour is as dark or as light.
NOT_ANALYSED, FLAGGED = 0.22, 1.0
# Attribute of a mosaic: number of pixels that belong to no frame.
EMPTY = "empty_pixels"
# Ends of the colour bar with an arrow, by whether values lie below and above it.
EXTENDS = {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}


@dataclass(frozen=True)
class PictureOptions:
    """Options of the picture of a map.

    Parameters
    ----------
    cmap : str, optional
        Colours, as for :func:`lifetime_colours`.
    limits : tuple of float, optional
        Values of the first and the last colour; default: the 2nd and 98th percentile of the map.
    gamma : float
        Exponent of the intensity in the brightness. Values below 1 make dim structures brighter.
    file_format : {'png', 'svg', 'pdf'}
        File format of all figures.
    dpi : int
        Resolution of all figures in dots per inch; of images within SVG and PDF files, too.

    Raises
    ------
    InputError
        If the colour map or the format is unknown, the limits are not increasing, or a number is out of
        range.

    See Also
    --------
    lifetime_picture : Figure of a map.

    Examples
    --------
    >>> PictureOptions(limits=(0.5, 2.5)).described()
    {'cmap': 'even-lightness', 'limits': [0.5, 2.5], 'gamma': 0.6}
    """

    cmap: str | None = None
    limits: tuple[float, float] | None = None
    gamma: float = GAMMA
    file_format: str = "png"
    dpi: int = DPI

    def __post_init__(self) -> None:
        _ = self.colours
        if self.limits is not None and not -np.inf < self.limits[0] < self.limits[1] < np.inf:
            low, high = self.limits
            raise InputError(f"colour_range={low:g} {high:g} must be two increasing numbers, e.g. 0.5 2.5")
        if not 0 < self.gamma <= MAX_GAMMA:
            raise InputError(
                f"gamma={self.gamma:g} must be > 0 and <= {MAX_GAMMA:g} (e.g. 1 for proportional)"
            )
        if self.file_format not in PICTURE_FORMATS:
            known = ", ".join(PICTURE_FORMATS)
            raise InputError(f"picture_format={self.file_format!r} is unknown; choose one of {known}")
        if not MIN_DPI <= self.dpi <= MAX_DPI:
            raise InputError(f"dpi={self.dpi} must be from {MIN_DPI} to {MAX_DPI}")

    @cached_property
    def colours(self) -> Colormap:
        """Colour map."""
        return lifetime_colours(self.cmap)

    @property
    def suffix(self) -> str:
        """Suffix of the file of a figure."""
        return f".{self.file_format}"

    def described(self) -> dict[str, Any]:
        """Return the options of the picture of a map, ready for JSON."""
        limits = None if self.limits is None else [float(limit) for limit in self.limits]
        return {"cmap": self.cmap or DEFAULT_COLOURS, "limits": limits, "gamma": self.gamma}


def lifetime_picture(
    maps: xr.Dataset,
    /,
    *,
    name: str = "tau_mean_ns",
    options: PictureOptions = PictureOptions(),
) -> Figure:
    """Return a figure of one map with colour bar, histogram and, if the pixel size is known, scale bar.

    Parameters
    ----------
    maps : xarray.Dataset
        Result of :func:`lifetime_map`, or of :func:`~seq2seqlite.imaging.map_series`, whose frames are shown
        side by side.
    name : str
        Name of the map.
    options : PictureOptions
        Colours and their range.

    Returns
    -------
    matplotlib.figure.Figure
        The colour is the value of the map, the brightness the intensity. The default colours have the same
        lightness and are suitable for colour-blind readers. Pixels that were not analysed are dark grey, and
        pixels that the quality check flagged are white. An arrow at the end of the colour bar shows that
        values lie beyond it.

    See Also
    --------
    seq2seqlite.results.write_maps : Write float32 maps, the figure ``lifetime.png`` and ``summary.json``.
    seq2seqlite.lifetime_map : Compute the lifetime maps of a measurement.
    """
    figure = Figure(figsize=(9.5, 5.0), layout="constrained")
    image_axes, histogram_axes = figure.subplots(1, 2, width_ratios=(1.9, 1.0))
    maps = mosaic(maps)
    plot_map(maps, image_axes, name=name, options=options)
    values = maps[name].values
    limits = display_limits(values) if options.limits is None else options.limits
    scale = ScalarMappable(Normalize(*limits), options.colours)
    _histogram(histogram_axes, values[np.isfinite(values)], scale, limits, maps[name].attrs.get("units"))
    made_by = f"{maps.attrs.get('model', '')} ({maps.attrs.get('predictor', '')})"
    figure.supxlabel(made_by, fontsize=8, parse_math=False)
    return figure


def plot_map(
    maps: xr.Dataset,
    axes: Axes | None = None,
    /,
    *,
    name: str = "tau_mean_ns",
    options: PictureOptions = PictureOptions(),
) -> Axes:
    """Draw one map with colour bar and, if the pixel size is known, scale bar, as in ``lifetime.png``.

    Parameters
    ----------
    maps : xarray.Dataset
        As for :func:`lifetime_picture`, which describes the colours.
    axes : matplotlib.axes.Axes, optional
        Axes to draw in; default: the current axes of pyplot.
    name : str
        Name of the map.
    options : PictureOptions
        Colours and their range.

    Returns
    -------
    matplotlib.axes.Axes

    See Also
    --------
    lifetime_picture : Figure with histogram.
    plot_decay : Draw a summed decay.
    """
    if axes is None:
        import matplotlib.pyplot as plt

        axes = plt.gca()
    maps = mosaic(maps)
    values, intensity = maps[name].values, maps["intensity"].values
    finite = values[np.isfinite(values)]
    low, high = display_limits(values) if options.limits is None else options.limits
    scale = ScalarMappable(Normalize(low, high), options.colours)
    rgb = _rgb(values, intensity, scale, options.gamma)
    flagged = maps["flagged"].values == 1 if "flagged" in maps else np.zeros(values.shape, np.bool_)
    rgb[flagged] = FLAGGED
    axes.imshow(rgb, interpolation="nearest")
    unknown = int((~np.isfinite(values)).sum()) - maps.attrs.get(EMPTY, 0)
    _name_marks(axes, int(flagged.sum()), unknown)
    axes.set(xticks=[], yticks=[])
    axes.set_title(short_name(str(maps.attrs.get("source", ""))), parse_math=False)
    if maps.attrs.get("pixel_size_um"):
        _scale_bar(axes, values.shape, float(maps.attrs["pixel_size_um"]))
    unit = maps[name].attrs.get("units")
    label = f"{maps[name].attrs.get('long_name', name)}{f' / {unit}' if unit else ''}"
    extend = EXTENDS[bool((finite < low).any()), bool((finite > high).any())]
    figure = axes.get_figure()
    assert figure is not None
    figure.colorbar(scale, ax=axes, label=label, extend=extend)
    return axes


def mosaic(maps: xr.Dataset, /) -> xr.Dataset:
    """Return the frames of a series side by side as one image, separated by empty columns and rows.

    Parameters
    ----------
    maps : xarray.Dataset
        Maps with dims (..., 'Y', 'X').

    Returns
    -------
    xarray.Dataset
        Maps with dims ('Y', 'X'), in rows of frames from left to right; one image is returned as it is. The
        attribute ``empty_pixels`` is the number of pixels that belong to no frame.

    See Also
    --------
    lifetime_picture : Figure, which shows a series in this way.
    """
    first = next(iter(maps.data_vars.values()))
    if first.ndim == 2:
        return maps
    n_frames = math.prod(first.shape[:-2])
    columns = math.ceil(math.sqrt(n_frames))
    height, width = (size + max(1, size // 32) for size in first.shape[-2:])
    variables = {}
    for name, image in maps.data_vars.items():
        frames = np.asarray(image.values).reshape(-1, *image.shape[-2:])
        empty = 0.0 if name == "intensity" else np.nan
        whole = np.full((math.ceil(n_frames / columns) * height, columns * width), empty, np.float32)
        for number, frame in enumerate(frames):
            top, left = number // columns * height, number % columns * width
            whole[top : top + frame.shape[0], left : left + frame.shape[1]] = frame
        variables[name] = (("Y", "X"), whole, image.attrs)
    return xr.Dataset(variables, attrs={**maps.attrs, EMPTY: whole.size - first.size})


def lifetime_rgb(
    values: NDArray[np.floating],
    intensity: NDArray[np.floating],
    /,
    *,
    options: PictureOptions = PictureOptions(),
) -> NDArray[np.float64]:
    """Return the image of :func:`lifetime_picture` without its axes, as red, green and blue from 0 to 1.

    Parameters
    ----------
    values, intensity : ndarray, shape (Y, X)
        Map, NaN where not analysed, and intensity, which is the brightness.
    options : PictureOptions
        Colours and their range.

    Returns
    -------
    ndarray, shape (Y, X, 3)

    See Also
    --------
    lifetime_picture : Figure with colour bar and histogram.

    Examples
    --------
    >>> lifetime_rgb(np.array([[np.nan]]), np.array([[3.0]])).round(2).tolist()
    [[[0.22, 0.22, 0.22]]]
    """
    low, high = display_limits(values) if options.limits is None else options.limits
    scale = ScalarMappable(Normalize(low, high), options.colours)
    return _rgb(values, intensity, scale, options.gamma)


def display_limits(values: NDArray[np.floating], /) -> tuple[float, float]:
    """Return the default range of colours: 2nd and 98th percentile, or a range around a single value."""
    finite = values[np.isfinite(values)]
    low, high = (float(edge) for edge in np.percentile(finite, [2, 98])) if finite.size else (0.0, 1.0)
    return (low - 0.5, high + 0.5) if high - low < 1e-3 else (low, high)


def picture_record(maps: xr.Dataset, options: PictureOptions, /) -> dict[str, Any]:
    """Return map, colours and range of a picture, and the default range of this map alone, for JSON."""
    own = list(display_limits(maps["tau_mean_ns"].values))
    described = options.described()
    return {
        "map": "tau_mean_ns",
        **described,
        "limits": own if described["limits"] is None else described["limits"],
        "own_limits": own,
    }


def _rgb(
    values: NDArray[np.floating], intensity: NDArray[np.floating], scale: ScalarMappable, gamma: float
) -> NDArray[np.float64]:
    known = np.isfinite(values)
    colour = np.asarray(scale.to_rgba(np.where(known, values, 0.0)))[..., :3]
    shown = colour * brightness(intensity, gamma)[..., None]
    return np.asarray(np.where(known[..., None], shown, NOT_ANALYSED))


def brightness(intensity: NDArray[np.floating], gamma: float = GAMMA, /) -> NDArray[np.float64]:
    """Return the brightness of pixels from 0 to 1; the brightest half per cent is white."""
    return np.asarray(np.clip(np.nan_to_num(intensity) / white_level(intensity), 0, 1) ** gamma)


def white_level(intensity: NDArray[np.floating], /) -> float:
    """Return the intensity that is white: that of the brightest half per cent of the pixels."""
    known = np.nan_to_num(intensity)  # hot and dead pixels have none
    return float(np.percentile(known, 99.5)) or float(known.max()) or 1.0


def _name_marks(axes: Axes, flagged: int, unknown: int) -> None:
    """Add a legend of the pixels that are not shown in the colours of the map."""
    for number, grey, name in ((unknown, NOT_ANALYSED, "not analysed"), (flagged, FLAGGED, "flagged")):
        if number:
            label = f"{name}: {counted(number, 'pixel')}"
            axes.plot([], [], "s", color=str(grey), markeredgecolor="black", markersize=8, label=label)
    if flagged or unknown:
        axes.legend(
            loc="upper center", bbox_to_anchor=(0.5, -0.01), ncols=2, fontsize=9, frameon=False, borderpad=0.2
        )


def _histogram(
    axes: Axes,
    finite: NDArray[np.float32],
    scale: ScalarMappable,
    limits: tuple[float, float],
    unit: str | None,
) -> None:
    margin = 0.15 * (limits[1] - limits[0])
    bins = int(np.clip(4 * np.sqrt(finite.size), 10, 80))  # a few pixels in each bin
    counts, edges = np.histogram(finite, bins=bins, range=(limits[0] - margin, limits[1] + margin))
    centres = (edges[:-1] + edges[1:]) / 2
    axes.bar(centres, counts, width=np.diff(edges), color=scale.to_rgba(centres))
    axes.set(xlabel="lifetime / ns" if unit == "ns" else "value", ylabel="pixels")
    axes.yaxis.set_major_locator(MaxNLocator("auto", integer=True))
    if finite.size:
        median = float(np.median(finite))
        axes.axvline(median, color="black", linewidth=1)
        axes.set_title(f"median {median:.2f} {unit or ''}".rstrip(), fontsize=10)


def _scale_bar(axes: Axes, shape: tuple[int, ...], pixel_size_um: float) -> None:
    longest = BAR_SHARE * shape[1] * pixel_size_um
    power = 10.0 ** np.floor(np.log10(longest))
    length = max(step * power for step in (1, 2, 5) if step * power <= longest)
    x, y = 0.04 * shape[1], 0.95 * shape[0]
    axes.plot([x, x + length / pixel_size_um], [y, y], color="white", linewidth=3, solid_capstyle="butt")
    axes.text(x, y - 0.02 * shape[0], f"{length:g} µm", color="white", va="bottom")


def short_name(source: str | Path, /) -> str:
    """Return the name of a file, with an ellipsis in the place of the middle of a long one.

    Examples
    --------
    >>> short_name("data/cell1.ptu")
    'cell1.ptu'
    >>> short_name("2026-11-30_HeLa_" + 3 * "very_" + "long_name_of_a_measurement_12.ptu")
    '2026-11-30_HeLa_very_v…f_a_measurement_12.ptu'
    """
    name = Path(source).name
    half = (MOST_CHARACTERS + 1) // 2
    return name if len(name) <= MOST_CHARACTERS else f"{name[:half]}…{name[-half:]}"


def counted(number: int, noun: str, /) -> str:
    """Return a number with its noun, in the plural unless the number is 1.

    Examples
    --------
    >>> counted(1, "pixel"), counted(2000, "pixel")
    ('1 pixel', '2,000 pixels')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
