"""Lifetime maps as the channels of an OME-TIFF or OME-Zarr (OME-NGFF 0.5) image."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from seq2seqlite.maps import MAP_UNITS

__all__ = ["LEVEL", "create_ome_zarr", "describe_channels", "open_maps", "write_ome_tiff"]

# Array of full resolution, the only resolution level in the OME-Zarr group.
LEVEL = "0"
# Channel colours for viewers that overlay several channels.
COLOURS = {
    "tau_mean_ns": "00FF00",
    "tau_short_ns": "00FFFF",
    "tau_long_ns": "FF8000",
    "amplitude_fraction": "FF00FF",
    "intensity": "FFFFFF",
}
OTHER_COLOUR = "FFFF00"


def create_ome_zarr(
    path: Path,
    names: Sequence[str],
    /,
    *,
    frames: Mapping[str, int],
    shape: tuple[int, int],
    rows: int,
    steps: Mapping[str, float | None],
) -> None:
    """Create an OME-Zarr image filled with NaN, replacing any existing image at ``path``.

    Parameters
    ----------
    path : pathlib.Path
        Folder of the image.
    names : sequence of str
        Names of the maps, in the order of the channels.
    frames : mapping of str to int
        Number of frames along each of the optional axes ``"t"`` and ``"z"``.
    shape : tuple of int
        Shape (Y, X) of a frame.
    rows : int
        Rows of a chunk, which holds one channel of one frame at full width. Processes that write whole chunks
        need no locks.
    steps : mapping of str to float or None
        ``pixel_size_um``, ``z_step_um``, ``frame_time_s``; None where unknown.

    Notes
    -----
    Axes are ordered t, c, z, y, x, as OME-NGFF 0.5 requires. An axis with an unknown step has no unit and a
    scale of 1.
    """
    import zarr

    sizes = {"t": frames.get("t"), "c": len(names), "z": frames.get("z"), "y": shape[0], "x": shape[1]}
    axes = {axis: size for axis, size in sizes.items() if size is not None}
    described, scale = _axes(axes, steps)
    multiscale: Any = {
        "name": path.name.partition(".")[0],
        "axes": described,
        "datasets": [{"path": LEVEL, "coordinateTransformations": [{"type": "scale", "scale": scale}]}],
    }
    group = zarr.open_group(
        str(path),
        mode="w",
        zarr_format=3,
        attributes={
            "ome": {"version": "0.5", "multiscales": [multiscale]},
            "seq2seqlite": {
                "units": {name: MAP_UNITS[name] for name in names}
            },  # OME-NGFF has no units for channels
        },
    )
    chunk = {"y": min(rows, shape[0]), "x": shape[1]}
    group.create_array(
        LEVEL,
        shape=tuple(axes.values()),
        chunks=tuple(chunk.get(axis, 1) for axis in axes),
        dtype="float32",
        fill_value=np.nan,
        dimension_names=list(axes),
    )


def open_maps(path: Path, /) -> Any:
    """Open the zarr array of an OME-Zarr image of :func:`create_ome_zarr` for writing."""
    import zarr

    return zarr.open_array(str(path / LEVEL), mode="r+")


def describe_channels(path: Path, ranges: Mapping[str, tuple[float, float, float, float]], /) -> None:
    """Write names, colours and display ranges of the channels of an OME-Zarr image.

    Parameters
    ----------
    path : pathlib.Path
        Folder of the image.
    ranges : mapping of str to tuple of float
        Minimum, start and end of the display range, and maximum of each channel, in channel order.
    """
    import zarr

    group: Any = zarr.open_group(str(path), mode="r+")
    channels = [
        {
            "label": name,
            "active": name == "tau_mean_ns",
            "coefficient": 1,
            "color": COLOURS.get(name, OTHER_COLOUR),
            "family": "linear",
            "inverted": False,
            "window": dict(zip(("min", "start", "end", "max"), values, strict=True)),
        }
        for name, values in ranges.items()
    ]
    group.attrs["ome"] = dict(group.attrs["ome"]) | {"omero": {"channels": channels}}


def write_ome_tiff(
    path: Path,
    maps: Mapping[str, NDArray[np.float32]],
    /,
    *,
    axes: str = "",
    steps: Mapping[str, float | None],
) -> None:
    """Write maps as the channels of one OME-TIFF.

    Parameters
    ----------
    path : pathlib.Path
        File to write.
    maps : mapping of str to ndarray
        Maps by name, each of shape (Y, X), or (T, Z, Y, X) with the axes of a series.
    axes : {"", "t", "z", "tz"}
        Axes before Y.
    steps : mapping of str to float or None
        ``pixel_size_um``, ``z_step_um``, ``frame_time_s``; None where unknown.
    """
    units = ", ".join(f"{name} in {MAP_UNITS[name]}" for name in maps if MAP_UNITS[name])
    metadata: dict[str, Any] = {
        "axes": f"C{axes.upper()}YX",
        "Channel": {"Name": list(maps)},
        "Description": f"{units}; NaN: not analysed",
    }
    known = {"pixel_size_um": "xy", "z_step_um": "z" if "z" in axes else ""}
    for name, along in known.items():
        for axis in along.upper() if steps.get(name) else "":
            metadata |= {f"PhysicalSize{axis}": steps[name], f"PhysicalSize{axis}Unit": "µm"}
    if "t" in axes and steps.get("frame_time_s"):
        metadata |= {"TimeIncrement": steps["frame_time_s"], "TimeIncrementUnit": "s"}
    tifffile.imwrite(
        path, np.stack(list(maps.values())), ome=True, photometric="minisblack", metadata=metadata
    )


def _axes(
    axes: Mapping[str, int], steps: Mapping[str, float | None]
) -> tuple[list[dict[str, str]], list[float]]:
    """Return the axes metadata of OME-NGFF, and the step along each axis."""
    kinds = {
        "t": ("time", "second", steps.get("frame_time_s")),
        "c": ("channel", "", None),
        "z": ("space", "micrometer", steps.get("z_step_um")),
        "y": ("space", "micrometer", steps.get("pixel_size_um")),
        "x": ("space", "micrometer", steps.get("pixel_size_um")),
    }
    described, scale = [], []
    for axis in axes:
        kind, unit, step = kinds[axis]
        described.append({"name": axis, "type": kind} | ({"unit": unit} if step else {}))
        scale.append(float(step or 1.0))
    return described, scale
