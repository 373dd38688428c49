"""Reader of FLIM-TIFF and OME-TIFF files with a time axis."""

from dataclasses import dataclass
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
from seq2seqlite.io.signal import UNEVEN_STEP, saturated_pixels, signal_from_counts
from seq2seqlite.limits import BoundedFile, require_memory

__all__ = ["TiffFrames", "read_tiff", "tiff_frames"]

NS_PER_UNIT = {"ns": 1.0, "ps": 1e-3, "us": 1e3, "µs": 1e3, "s": 1e9}
UM_PER_UNIT = {"um": 1.0, "µm": 1.0, "\\u00b5m": 1.0, "micron": 1.0, "nm": 1e-3, "mm": 1e3, "cm": 1e4}
S_PER_UNIT = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "min": 60.0, "h": 3600.0}
# Steps along the axes: name, attribute of the OME element Pixels, units, and default unit of OME.
OME_STEPS = (
    ("pixel_size_um", "PhysicalSizeX", UM_PER_UNIT, "um"),
    ("z_step_um", "PhysicalSizeZ", UM_PER_UNIT, "um"),
    ("frame_time_s", "TimeIncrement", S_PER_UNIT, "s"),
)


def read_tiff(path: Path, options: ReadOptions, /) -> xr.DataArray:
    """Read a TIFF whose pages are gates.

    The time axis is the OME lifetime axis (``ModuloAlong`` of type ``lifetime``), an axis ``H``, or that of
    ImSpector. If the file does not identify a time axis but a gate width is passed, the only stack axis is
    used. With ``frames``, axes T and Z are frames, which are summed.
    """
    found = tiff_frames(path, options)
    return found if isinstance(found, xr.DataArray) else found.summed(path, options)


@dataclass(frozen=True)
class TiffFrames:
    """Frames of a TIFF, shape (n, Y, X, H), along the axes ``"t"`` and ``"z"``, in memory."""

    counts: NDArray[Any]
    axes: dict[str, int]
    gate_width_ns: float | None
    steps: dict[str, float]
    sha256: str

    def signal(
        self,
        path: Path,
        options: ReadOptions,
        counts: NDArray[Any],
        /,
        saturated: NDArray[np.bool_] | None = None,
    ) -> xr.DataArray:
        """Return counts (Y, X, H) as a measurement."""
        width = self.gate_width_ns
        data = signal_from_counts(
            counts,
            source=path,
            file_format="OME-TIFF" if width is not None else "TIFF",
            gate_width_ns=needed_gate_width_ns(path, options.gate_width_ns, width),
            period_ns=options.period_ns,
            pixel_size_um=self.steps.get("pixel_size_um"),
            saturated=saturated,
        )
        data.attrs["sha256"] = self.sha256
        return data

    def summed(self, path: Path, options: ReadOptions, /) -> xr.DataArray:
        """Return the sum of the selected frames."""
        first, last = options.frame_range(len(self.counts), source=path)
        chosen = self.counts[first:last]
        if len(chosen) == 1:
            return self.signal(path, options, chosen[0])
        kind = np.float64 if chosen.dtype.kind == "f" else np.int64 if chosen.dtype.kind == "i" else np.uint64
        saturated = np.asarray(saturated_pixels(chosen).any(axis=0))
        return self.signal(path, options, chosen.sum(axis=0, dtype=kind), saturated)


def tiff_frames(path: Path, options: ReadOptions, /) -> TiffFrames | xr.DataArray:
    """Return the frames of a TIFF, or the image of an ImSpector TIFF, which has one."""
    with reading(path, "TIFF"), BoundedFile(path) as stream, tifffile.TiffFile(stream) as tif:
        if tif.pages.first.tags.valueof(271, "") == "ImSpector":
            return _imspector(path, options)
        series = _with_exact_ends(tif, stream).series[0]
        axes, shape = series.axes, series.shape
        if tif.ome_metadata:
            width, steps = _ome(tif.ome_metadata)
        else:
            width, steps = None, _imagej_steps(tif)
        time = _time_axis(path, axes, shape, options)
        require_memory(2 * series.nbytes, what=f"{path}: stack {shape}", remedy="save a part of the image")
        counts = series.asarray()
        digest = stream.sha256()
    names = ["H" if index == time else axis for index, axis in enumerate(axes)]
    sizes = {
        axis.lower(): counts.shape[names.index(axis)]
        for axis in "TZ"
        if options.frames is not None and axis in names and counts.shape[names.index(axis)] > 1
    }
    counts = _arranged(path, counts, names, axes, options)
    return TiffFrames(counts, sizes, width, steps, digest)


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


def _arranged(
    path: Path, counts: NDArray[Any], names: list[str], axes: str, options: ReadOptions
) -> NDArray[Any]:
    """Return counts as frames, shape (n, Y, X, H), with T before Z."""
    channel, frames = options.channel, "TZ" if options.frames is not None else ""
    if channel and "C" not in names:
        raise InputError(
            f"{path}: channel={channel} does not exist, because the axes {axes!r} include no "
            f"channels; omit it"
        )
    for index in reversed(range(counts.ndim)):
        if names[index] in "YXH" or names[index] in frames:
            continue
        size, is_channel = counts.shape[index], names[index] == "C"
        chosen = channel if is_channel and channel is not None else 0 if size == 1 else -1
        if not 0 <= chosen < size:
            remedy = f"choose one of channel=0 to {size - 1}, or " if is_channel else ""
            remedy = "pass frames='each' for a map of each, or " if names[index] in "TZ" else remedy
            raise InputError(
                f"{path} has {size} items along axis {names[index]!r} (axes {axes!r}); {remedy}save only the "
                f"one to be analysed"
            )
        counts = counts.take(chosen, axis=index)
        del names[index]
    if sorted(name for name in names if name not in frames) != ["H", "X", "Y"]:
        raise InputError(f"{path}: axes {axes!r} must be Y, X and time; save one image of decays")
    counts = counts.transpose([names.index(name) for name in "TZYXH" if name in names])
    return counts.reshape(-1, *counts.shape[-3:])


def _with_exact_ends(tif: tifffile.TiffFile, stream: BoundedFile, /) -> tifffile.TiffFile:
    """Return a TIFF whose lifetime axes have as many gates as their start, step and end mean.

    tifffile counts one more if the sum of end and step is rounded up.
    """
    if not tif.ome_metadata:
        return tif
    root, changed = ET.fromstring(tif.ome_metadata), False  # noqa: S314 - as in _ome
    for element in root.iter():
        if not element.tag.rpartition("}")[2].startswith("ModuloAlong") or "Start" not in element.attrib:
            continue
        start, step = float(element.attrib["Start"]), float(element.attrib.get("Step", 1))
        span = float(element.attrib["End"]) - start
        if (
            0 < step < np.inf
            and np.isfinite(span)
            and np.ceil((start + span + step - start) / step) != (exact := np.rint(span / step) + 1)
        ):
            element.set("End", str(start + float(exact - 1.5) * step))
            changed = True
    if not changed:
        return tif
    stream.seek(0)
    return tifffile.TiffFile(stream, omexml=ET.tostring(root, encoding="unicode"))


def _gate_width_ns(modulo: ET.Element, /) -> float | None:
    """Return the step of a lifetime axis in ns, from its attributes or its labels; None if unknown."""
    found = modulo.attrib
    labels = [float(one.text or "nan") for one in modulo if one.tag.rpartition("}")[2] == "Label"]
    steps = np.diff(labels)
    step = float(found.get("Step", 1.0))
    if "Start" not in found and steps.size:
        step = float(steps.mean()) if np.allclose(steps, steps.mean(), rtol=UNEVEN_STEP) else np.nan
    width = step * NS_PER_UNIT.get(found.get("Unit", ""), np.nan)
    return width if np.isfinite(width) and width > 0 else None


def _ome(xml: str, /) -> tuple[float | None, dict[str, float]]:
    """Return the gate width in ns, None if missing, and the known steps along the axes, from OME metadata."""
    width, steps = None, dict[str, float]()
    for element in ET.fromstring(xml).iter():  # noqa: S314 - expat limits entity expansion since 2.4.1
        tag, found = element.tag.rpartition("}")[2], element.attrib
        if tag.startswith("ModuloAlong") and found.get("Type") == "lifetime":
            width = _gate_width_ns(element)
        elif tag == "Pixels" and not steps:
            values = {
                name: float(found[key]) * units.get(found.get(f"{key}Unit", default), np.nan)
                for name, key, units, default in OME_STEPS
                if key in found
            }
            steps = {name: value for name, value in values.items() if np.isfinite(value) and value > 0}
    return width, steps


def _imagej_steps(tif: tifffile.TiffFile, /) -> dict[str, float]:
    found = tif.imagej_metadata or {}
    unit, steps = str(found.get("unit", "")), dict[str, float]()
    pixels, units = tif.pages.first.tags.valueof(282, (0, 1))
    if unit in UM_PER_UNIT and pixels:
        steps["pixel_size_um"] = units / pixels * UM_PER_UNIT[unit]
    if unit in UM_PER_UNIT and found.get("spacing"):
        steps["z_step_um"] = float(found["spacing"]) * UM_PER_UNIT[unit]
    if found.get("finterval"):
        steps["frame_time_s"] = float(found["finterval"])
    return steps


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
