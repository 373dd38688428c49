"""Reader of FLIM-TIFF and OME-TIFF files with a time axis."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import tifffile
import xarray as xr
from numpy.typing import NDArray

from seq2seqlite.errors import InputError
from seq2seqlite.io.read_options import ReadOptions, needed_gate_width_ns
from seq2seqlite.io.reader_errors import reading
from seq2seqlite.io.signal import signal_from_counts
from seq2seqlite.limits import BoundedFile, require_memory

__all__ = ["read_tiff"]

NS_PER_UNIT = {"ns": 1.0, "ps": 1e-3, "us": 1e3, "µs": 1e3, "s": 1e9}
UM_PER_UNIT = {"um": 1.0, "µm": 1.0, "\\u00b5m": 1.0, "micron": 1.0, "nm": 1e-3, "mm": 1e3, "cm": 1e4}


def read_tiff(path: Path, options: ReadOptions, /) -> xr.DataArray:
    """Read a TIFF whose pages are gates.

    The time axis is the OME lifetime axis (``ModuloAlong`` of type ``lifetime``), an axis ``H``, or that of
    ImSpector. If the file does not identify a time axis but a gate width is passed, the only stack axis is
    used.
    """
    with reading(path, "TIFF"), BoundedFile(path) as stream, tifffile.TiffFile(stream) as tif:
        if tif.pages.first.tags.valueof(271, "") == "ImSpector":
            return _imspector(path, options)
        series = tif.series[0]
        axes, shape = series.axes, series.shape
        width, pixel = _ome(tif.ome_metadata) if tif.ome_metadata else (None, _imagej_pixel_um(tif))
        time = _time_axis(path, axes, shape, options)
        require_memory(2 * series.nbytes, what=f"{path}: stack {shape}", remedy="save a part of the image")
        counts = series.asarray()
        digest = stream.sha256()
    counts = _to_yxh(path, counts, axes, time, options.channel)
    data = signal_from_counts(
        counts,
        source=path,
        file_format="OME-TIFF" if width is not None else "TIFF",
        gate_width_ns=needed_gate_width_ns(path, options.gate_width_ns, width),
        period_ns=options.period_ns,
        pixel_size_um=pixel,
    )
    data.attrs["sha256"] = digest
    return data


def _time_axis(path: Path, axes: str, shape: tuple[int, ...], options: ReadOptions) -> int:
    if "H" in axes:
        return axes.index("H")
    stacks = [
        index
        for index, (axis, size) in enumerate(zip(axes, shape, strict=True))
        if axis not in "YXSC" and size > 1
    ]
    if options.gate_width_ns is not None and len(stacks) == 1:
        return stacks[0]
    if len(stacks) > 1:
        remedy = "save one stack of gates"
    elif stacks:
        remedy = "if its pages are gates, pass gate_width_ns in ns"
    else:
        remedy = "pass a stack of gates, or the folder of gate images"
    raise InputError(f"{path} has no time axis (axes {axes!r}, shape {tuple(shape)}); {remedy}")


def _to_yxh(path: Path, counts: NDArray[Any], axes: str, time: int, channel: int | None) -> NDArray[Any]:
    names = ["H" if index == time else axis for index, axis in enumerate(axes)]
    if channel and "C" not in names:
        raise InputError(
            f"{path}: channel={channel} does not exist, because the axes {axes!r} include no "
            f"channels; omit it"
        )
    for index in reversed(range(counts.ndim)):
        if names[index] in "YXH":
            continue
        size, is_channel = counts.shape[index], names[index] == "C"
        chosen = channel if is_channel and channel is not None else 0 if size == 1 else -1
        if not 0 <= chosen < size:
            remedy = f"choose one of channel=0 to {size - 1}, or " if is_channel else ""
            raise InputError(
                f"{path} has {size} items along axis {names[index]!r} (axes {axes!r}); {remedy}save only the "
                f"one to be analysed"
            )
        counts = counts.take(chosen, axis=index)
        del names[index]
    if sorted(names) != ["H", "X", "Y"]:
        raise InputError(f"{path}: axes {axes!r} must be Y, X and time; save one image of decays")
    return counts.transpose([names.index(name) for name in "YXH"])


def _ome(xml: str, /) -> tuple[float | None, float | None]:
    """Return the gate width in ns and the pixel size in um from OME metadata, None if missing."""
    width = pixel = None
    for element in ET.fromstring(xml).iter():  # noqa: S314 - expat limits entity expansion since 2.4.1
        tag, found = element.tag.rpartition("}")[2], element.attrib
        if tag.startswith("ModuloAlong") and found.get("Type") == "lifetime" and "Unit" in found:
            step = float(found.get("Step", 1.0)) * NS_PER_UNIT.get(found["Unit"], np.nan)
            width = step if np.isfinite(step) else None
        elif tag == "Pixels" and pixel is None and "PhysicalSizeX" in found:
            size = float(found["PhysicalSizeX"]) * UM_PER_UNIT.get(
                found.get("PhysicalSizeXUnit", "um"), np.nan
            )
            pixel = size if np.isfinite(size) else None
    return width, pixel


def _imagej_pixel_um(tif: tifffile.TiffFile, /) -> float | None:
    unit = str((tif.imagej_metadata or {}).get("unit", ""))
    pixels, units = tif.pages.first.tags.valueof(282, (0, 1))
    return units / pixels * UM_PER_UNIT[unit] if unit in UM_PER_UNIT and pixels else None


def _imspector(path: Path, options: ReadOptions) -> xr.DataArray:
    from phasorpy.io import signal_from_imspector_tiff

    signal = signal_from_imspector_tiff(path).squeeze()
    if set(signal.dims) != {"Y", "X", "H"}:
        raise InputError(f"{path}: dims {signal.dims} must be Y, X and H; save one plane and one time point")
    times = np.asarray(signal.coords["H"], np.float64)
    pixel = float(np.diff(signal.coords["X"][:2])[0]) if "X" in signal.coords else 0.0
    return signal_from_counts(
        signal.transpose("Y", "X", "H").values,
        source=path,
        file_format="ImSpector TIFF",
        gate_width_ns=needed_gate_width_ns(path, options.gate_width_ns, float(times[1] - times[0])),
        period_ns=options.period_ns,
        pixel_size_um=pixel if pixel > 0 else None,
    )
