"""Figures of lifetime maps, with the lifetime as colour and the intensity as brightness."""

import warnings
from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

__all__ = ["lifetime_picture", "write_picture"]

# Largest length of the scale bar, as a fraction of the image width.
BAR_SHARE = 0.3
# Exponent of the intensity in the brightness: keeps dim structures visible beside bright ones.
GAMMA = 0.6


def lifetime_picture(maps: xr.Dataset, /, *, name: str = "tau_mean_ns") -> Figure:
    """Return a figure of one map with colour bar, histogram and, if the pixel size is known, scale bar.

    Parameters
    ----------
    maps : xarray.Dataset
        Result of :func:`lifetime_map`.
    name : str
        Name of the map.

    Returns
    -------
    matplotlib.figure.Figure
        Figure in viridis at full brightness, which is suitable for colour-blind readers; pixels that were
        not analysed are grey.

    See Also
    --------
    write_maps : Write float32 maps, the figure ``lifetime.png`` and ``summary.json`` to a folder.
    lifetime_map : Compute the lifetime maps of a measurement.
    """
    values, intensity = maps[name].values, maps["intensity"].values
    finite = values[np.isfinite(values)]
    low, high = np.percentile(finite, [2, 98]) if finite.size else (0.0, 1.0)
    if high - low < 1e-3:
        low, high = low - 0.5, high + 0.5
    scale = ScalarMappable(Normalize(low, high), _bright_viridis())
    figure = Figure(figsize=(9.5, 5.0), layout="constrained")
    image_axes, histogram_axes = figure.subplots(1, 2, width_ratios=(1.9, 1.0))
    image_axes.imshow(_rgb(values, intensity, scale), interpolation="nearest")
    image_axes.set(xticks=[], yticks=[])
    image_axes.set_title(Path(str(maps.attrs.get("source", ""))).name, parse_math=False)
    if maps.attrs.get("pixel_size_um"):
        _scale_bar(image_axes, values.shape, float(maps.attrs["pixel_size_um"]))
    unit = maps[name].attrs.get("units")
    label = f"{maps[name].attrs.get('long_name', name)}{f' / {unit}' if unit else ''}"
    figure.colorbar(scale, ax=image_axes, label=label)
    _histogram(histogram_axes, finite, scale, (low, high), unit)
    made_by = f"{maps.attrs.get('model', '')} ({maps.attrs.get('predictor', '')})"
    figure.supxlabel(made_by, fontsize=8, parse_math=False)
    return figure


def write_picture(maps: xr.Dataset, path: Path, /) -> None:
    """Write the figure of :func:`lifetime_picture` as PNG."""
    with warnings.catch_warnings():  # ignore "glyph missing" warnings for file names
        warnings.filterwarnings("ignore", message="Glyph")
        lifetime_picture(maps).savefig(path, dpi=150, format="png")


def _bright_viridis() -> ListedColormap:
    colours = colormaps["viridis"](np.linspace(0, 1, 256))[:, :3]
    return ListedColormap(colours / colours.max(axis=1, keepdims=True), name="bright viridis")


def _rgb(
    values: NDArray[np.float32], intensity: NDArray[np.float32], scale: ScalarMappable
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
