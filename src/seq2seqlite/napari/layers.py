"""Measurements and lifetime maps as layers of napari, in the form that readers of napari return."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seq2seqlite.figures import lifetime_colours
from seq2seqlite.figures.picture import GAMMA, NOT_ANALYSED, display_limits, white_level
from seq2seqlite.io.read_options import EACH, SUM, ReadOptions
from seq2seqlite.io.series import Series
from seq2seqlite.io.signal import survey

__all__ = ["KEY", "LayerData", "OpenedMeasurement", "map_layers", "measurement_layers"]

LayerData = tuple[NDArray[Any], dict[str, Any], str]
KEY = "seq2seqlite"
"""Entry of the metadata of a layer: its measurement, or the name of its map."""
# Maps that are visible at first, from the lowest to the highest; the brightness is that of the last.
SHOWN = ("tau_mean_ns", "intensity")


@dataclass(frozen=True)
class OpenedMeasurement:
    """Measurement of a layer.

    Parameters
    ----------
    path : pathlib.Path
        File or folder.
    read : ReadOptions
        Options of the reader, which select the channel.
    measured : xarray.DataArray or Series
        Counts, dims ('Y', 'X', 'H'), or the frames of a series.

    See Also
    --------
    measurement_layers : Layers of a measurement.
    """

    path: Path
    read: ReadOptions
    measured: xr.DataArray | Series

    @property
    def summed(self) -> xr.DataArray:
        """Counts, dims ('Y', 'X', 'H'); the sum of the frames of a series."""
        return self.measured.summed if isinstance(self.measured, Series) else self.measured

    @property
    def frames(self) -> tuple[str, ...]:
        """Choices of the frames: all as one image or, of a series, each of them."""
        return (SUM, EACH) if isinstance(self.measured, Series) else (SUM,)

    def chosen(self, frames: str, /) -> xr.DataArray | Series:
        """Return the sum of the frames, or all of them, as ``image`` reads them."""
        return self.measured if frames == EACH else self.summed


def measurement_layers(opened: OpenedMeasurement, /) -> list[LayerData]:
    """Return the intensity of a measurement as a layer, with its decays in the metadata.

    Parameters
    ----------
    opened : OpenedMeasurement
        Measurement.

    Returns
    -------
    list of (ndarray, dict, str)
        One image (Y, X), of a series (T, Z, Y, X), in photons. Its metadata have the counts ``decays``, an
        array with dims ('Y', 'X', 'H'), their ``gate_width_ns`` and ``period_ns``, and the measurement
        itself, which the widget uses.

    See Also
    --------
    map_layers : Layers of lifetime maps.
    get_reader : Reader that returns these layers.
    """
    data, measured = opened.summed, opened.measured
    steps: dict[str, tuple[float | None, str]] = {}
    if isinstance(measured, Series):
        frames = [survey(frame).intensity for frame in measured.frames()]
        image = np.stack(frames).reshape(*measured.axes.values(), *frames[0].shape)
        known = {"t": (measured.frame_time_s, "s"), "z": (measured.z_step_um, "um")}
        steps = {axis.upper(): known[axis] for axis in measured.axes}
    else:
        image = survey(data).intensity
    chosen = {"channel": opened.read.channel, "block": opened.read.block}
    part = "".join(f" {name} {number}" for name, number in chosen.items() if number is not None)
    metadata = {
        KEY: opened,
        "decays": data,
        **{name: data.attrs.get(name) for name in ("source", "format", "gate_width_ns", "period_ns")},
    }
    described = {
        "name": f"{opened.path.name}{part}",
        "metadata": metadata,
        "contrast_limits": _limits(image),
        "gamma": GAMMA,
    }
    return [(image.astype(np.float32), described | _axes(steps, data.attrs.get("pixel_size_um")), "image")]


def map_layers(maps: xr.Dataset, /, *, cmap: str | None = None, name: str | None = None) -> list[LayerData]:
    """Return lifetime maps as layers, with scale, units and the colours of ``lifetime.png``.

    Parameters
    ----------
    maps : xarray.Dataset
        Result of :func:`~seq2seqlite.lifetime_map` or :func:`~seq2seqlite.imaging.map_series`.
    cmap : str, optional
        Colours of the lifetimes, as for :func:`~seq2seqlite.figures.lifetime_colours`.
    name : str, optional
        Name of the measurement in the names of the layers; default: that of its file.

    Returns
    -------
    list of (ndarray, dict, str)
        An image for each map. The intensity is multiplied with the visible map, so that it is the
        brightness, as in :func:`~seq2seqlite.figures.lifetime_picture`. The metadata have the unit and the
        meaning of the map.

    See Also
    --------
    measurement_layers : Layer of the measurement.
    """
    steps = {
        dim: (maps.attrs.get(name), unit)
        for dim, name, unit in (("T", "frame_time_s", "s"), ("Z", "z_step_um", "um"))
        if dim in maps.dims
    }
    axes = _axes(steps, maps.attrs.get("pixel_size_um"))
    measurement = Path(str(maps.attrs.get("source", ""))).name if name is None else name
    names = [str(one) for one in maps.data_vars]
    ordered = [one for one in reversed(names) if one not in SHOWN] + [one for one in SHOWN if one in names]
    return [
        (
            maps[one].values,
            {
                "name": f"{one} {measurement}".strip(),
                "metadata": {KEY: one} | {key: maps[one].attrs[key] for key in ("units", "long_name")},
                "visible": one in SHOWN,
                **_appearance(one, maps[one].values, cmap),
                **axes,
            },
            "image",
        )
        for one in ordered
    ]


def _appearance(name: str, values: NDArray[np.floating], cmap: str | None) -> dict[str, Any]:
    """Return colours and range of a map."""
    if name == "intensity":
        return {"contrast_limits": _limits(values), "gamma": GAMMA, "blending": "multiplicative"}
    colours = lifetime_colours(cmap)
    return {
        "contrast_limits": display_limits(values),
        "colormap": {
            "name": colours.name,
            "colors": colours(np.linspace(0, 1, colours.N)),
            "nan_color": (NOT_ANALYSED, NOT_ANALYSED, NOT_ANALYSED, 1.0),
        },
    }


def _axes(steps: dict[str, tuple[float | None, str]], pixel_size_um: float | None) -> dict[str, Any]:
    """Return scale and units; axes without a known step have pixels."""
    known = {**steps, "Y": (pixel_size_um, "um"), "X": (pixel_size_um, "um")}
    return {
        "axis_labels": tuple(known),
        "scale": tuple(step or 1.0 for step, _ in known.values()),
        "units": tuple(unit if step else "pixel" for step, unit in known.values()),
    }


def _limits(intensity: NDArray[np.floating]) -> tuple[float, float]:
    """Return the range from black to white, as in pictures."""
    return 0.0, white_level(intensity)
