"""Colours of lifetimes in pictures whose brightness is the intensity."""

from functools import cache

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import Colormap, ListedColormap
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, minimum_filter1d

from seq2seqlite.errors import InputError

__all__ = ["DEFAULT_COLOURS", "lifetime_colours"]

DEFAULT_COLOURS = "even-lightness"
"""Colours of viridis with the same lightness, in steps of equal perceived difference."""
# Lightness (OKLab) of the default colours, and their number.
LIGHTNESS, N_COLOURS = 0.78, 256
# Matrices of OKLab (B. Ottosson, 2020), and of linear sRGB.
TO_CONES = np.array([
    [0.4122214708, 0.5363325363, 0.0514459929],
    [0.2119034982, 0.6806995451, 0.1073969566],
    [0.0883024619, 0.2817188376, 0.6299787005],
])  # fmt: skip
TO_LAB = np.array([
    [0.2104542553, 0.7936177850, -0.0040720468],
    [1.9779984951, -2.4285922050, 0.4505937099],
    [0.0259040371, 0.7827717662, -0.8086757660],
])  # fmt: skip


def lifetime_colours(name: str | None = None, /) -> Colormap:
    """Return the colours of lifetimes.

    Parameters
    ----------
    name : str, optional
        Colour map of Matplotlib, e.g. ``"turbo"``, which is used unchanged. Default:
        :data:`DEFAULT_COLOURS`, in which the brightness of a picture is that of the intensity only.

    Raises
    ------
    InputError
        If Matplotlib does not have this colour map.

    See Also
    --------
    lifetime_picture : Figure of a map.

    Examples
    --------
    >>> lifetime_colours("turbo").name
    'turbo'
    """
    if name is None or name == DEFAULT_COLOURS:
        return _even_lightness()
    if name not in colormaps:
        raise InputError(
            f"cmap={name!r} is unknown; use {DEFAULT_COLOURS} or a colour map of Matplotlib, e.g. viridis, "
            "cividis, plasma or turbo"
        )
    return colormaps[name]


@cache
def _even_lightness() -> Colormap:
    """Return the hues of viridis at one lightness, in steps of equal distance in OKLab."""
    _, a, b = _lab_from_rgb(colormaps["viridis"](np.linspace(0, 1, 4 * N_COLOURS))[:, :3]).T
    hue = np.unwrap(np.arctan2(b, a))
    chroma = _smooth_chroma(hue)
    points = np.stack([chroma * np.cos(hue), chroma * np.sin(hue)], axis=1)
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    even = np.linspace(0, along[-1], N_COLOURS)
    a, b = (np.interp(even, along, axis) for axis in points.T)
    lab = np.stack([np.full(N_COLOURS, LIGHTNESS), a, b], axis=1)
    return ListedColormap(np.clip(_rgb_from_lab(lab), 0, 1), name=DEFAULT_COLOURS)


def _smooth_chroma(hue: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a chroma that sRGB can show at the lightness, without kinks along the hues."""
    largest = np.zeros(hue.size)
    for chroma in np.arange(0.02, 0.3, 0.002):
        lab = np.stack([np.full(hue.size, LIGHTNESS), chroma * np.cos(hue), chroma * np.sin(hue)], axis=1)
        rgb = _rgb_from_lab(lab)
        largest[((rgb >= 0) & (rgb <= 1)).all(axis=1)] = chroma
    reach = hue.size // 10
    return np.asarray(gaussian_filter1d(minimum_filter1d(largest, 2 * reach + 1), reach / 3))


def _lab_from_rgb(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return np.asarray(np.cbrt(linear @ TO_CONES.T) @ TO_LAB.T)


def _rgb_from_lab(lab: NDArray[np.float64]) -> NDArray[np.float64]:
    linear = (lab @ np.linalg.inv(TO_LAB).T) ** 3 @ np.linalg.inv(TO_CONES).T
    low = np.clip(linear, 0.0, None)
    rgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * low ** (1 / 2.4) - 0.055)
    return np.asarray(rgb)
