"""Figures of lifetime maps, with the lifetime as colour and the intensity as brightness."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from seq2seqlite.errors import InputError
from seq2seqlite.figures.colours import DEFAULT_COLOURS, lifetime_colours

__all__ = [
    "PictureOptions",
    "display_limits",
    "lifetime_picture",
    "lifetime_rgb",
    "picture_record",
    "write_picture",
]

# Largest length of the scale bar, as a fraction of the image width.
BAR_SHARE = 0.3
# Exponent of the intensity in the brightness: keeps dim structures visible beside bright ones.
GAMMA = 0.6
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

    Raises
    ------
    InputError
        If the colour map is unknown or the limits are not increasing.

    See Also
    --------
    lifetime_picture : Figure of a map.

    Examples
    --------
    >>> PictureOptions(limits=(0.5, 2.5)).described()
    {'cmap': 'even-lightness', 'limits': [0.5, 2.5]}
    """

    cmap: str | None = None
    limits: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        lifetime_colours(self.cmap)
        if self.limits is not None and not -np.inf < self.limits[0] < self.limits[1] < np.inf:
            low, high = self.limits
            raise InputError(f"colour_range={low:g} {high:g} must be two increasing numbers, e.g. 0.5 2.5")

    def described(self) -> dict[str, Any]:
        """Return the options, ready for JSON."""
        limits = None if self.limits is None else [float(limit) for limit in self.limits]
        return {"cmap": self.cmap or DEFAULT_COLOURS, "limits": limits}


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
        Result of :func:`lifetime_map`.
    name : str
        Name of the map.
    options : PictureOptions
        Colours and their range.

    Returns
    -------
    matplotlib.figure.Figure
        The colour is the value of the map, the brightness the intensity. The default colours have the same
        lightness and are suitable for colour-blind readers. Pixels that were not analysed are grey. An arrow
        at the end of the colour bar shows that values lie beyond it.

    See Also
    --------
    seq2seqlite.imaging.write_maps : Write float32 maps, the figure ``lifetime.png`` and ``summary.json``.
    seq2seqlite.lifetime_map : Compute the lifetime maps of a measurement.
    """
    values, intensity = maps[name].values, maps["intensity"].values
    finite = values[np.isfinite(values)]
    low, high = display_limits(values) if options.limits is None else options.limits
    scale = ScalarMappable(Normalize(low, high), lifetime_colours(options.cmap))
    figure = Figure(figsize=(9.5, 5.0), layout="constrained")
    image_axes, histogram_axes = figure.subplots(1, 2, width_ratios=(1.9, 1.0))
    image_axes.imshow(_rgb(values, intensity, scale), interpolation="nearest")
    image_axes.set(xticks=[], yticks=[])
    image_axes.set_title(Path(str(maps.attrs.get("source", ""))).name, parse_math=False)
    if maps.attrs.get("pixel_size_um"):
        _scale_bar(image_axes, values.shape, float(maps.attrs["pixel_size_um"]))
    unit = maps[name].attrs.get("units")
    label = f"{maps[name].attrs.get('long_name', name)}{f' / {unit}' if unit else ''}"
    below, above = bool((finite < low).any()), bool((finite > high).any())
    extend = EXTENDS[below, above]
    figure.colorbar(scale, ax=image_axes, label=label, extend=extend)
    _histogram(histogram_axes, finite, scale, (low, high), unit)
    made_by = f"{maps.attrs.get('model', '')} ({maps.attrs.get('predictor', '')})"
    figure.supxlabel(made_by, fontsize=8, parse_math=False)
    return figure


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
    [[[0.35, 0.35, 0.35]]]
    """
    low, high = display_limits(values) if options.limits is None else options.limits
    scale = ScalarMappable(Normalize(low, high), lifetime_colours(options.cmap))
    return _rgb(values, intensity, scale)


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
        "cmap": described["cmap"],
        "limits": own if described["limits"] is None else described["limits"],
        "own_limits": own,
    }


def write_picture(
    maps: xr.Dataset,
    path: Path,
    /,
    *,
    options: PictureOptions = PictureOptions(),
) -> None:
    """Write the figure of :func:`lifetime_picture` as PNG."""
    with warnings.catch_warnings():  # ignore "glyph missing" warnings for file names
        warnings.filterwarnings("ignore", message="Glyph")
        lifetime_picture(maps, options=options).savefig(path, dpi=150, format="png")


def _rgb(
    values: NDArray[np.floating], intensity: NDArray[np.floating], scale: ScalarMappable
) -> NDArray[np.float64]:
    white = np.percentile(intensity, 99.5) or float(intensity.max()) or 1.0
    brightness = np.clip(intensity / white, 0, 1) ** GAMMA
    known = np.isfinite(values)
    colour = np.asarray(scale.to_rgba(np.where(known, values, 0.0)))[..., :3]
    return np.asarray(np.where(known[..., None], colour, 0.35) * brightness[..., None])


def _histogram(
    axes: Axes,
    finite: NDArray[np.float32],
    scale: ScalarMappable,
    limits: tuple[float, float],
    unit: str | None,
) -> None:
    margin = 0.15 * (limits[1] - limits[0])
    counts, edges = np.histogram(finite, bins=80, range=(limits[0] - margin, limits[1] + margin))
    centres = (edges[:-1] + edges[1:]) / 2
    axes.bar(centres, counts, width=np.diff(edges), color=scale.to_rgba(centres))
    axes.set(xlabel="lifetime / ns" if unit == "ns" else "value", ylabel="pixels")
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
