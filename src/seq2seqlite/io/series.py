"""Series of frames along time and depth, and measurements with several channels."""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from seq2seqlite.errors import InputError
from seq2seqlite.files import sha256_of
from seq2seqlite.io.measurement import SERIES_FILES, existing, read_measurement
from seq2seqlite.io.photon_counting import opened_ptu, ptu_frames, sdt_blocks
from seq2seqlite.io.read_options import EACH, SUM, ReadOptions
from seq2seqlite.io.reader_errors import reading
from seq2seqlite.io.signal import gate_width_ns, signal_from_counts, survey
from seq2seqlite.io.tiff import TiffFrames, tiff_frames

__all__ = ["Series", "each_channel", "open_series", "read_series"]

# Frames of a PTU file are decoded in blocks of about this size.
BLOCK_BYTES = 2**28


@dataclass(frozen=True)
class Series:
    """Frames of one measurement, with the same shape and time axis of the decays.

    Parameters
    ----------
    summed : xarray.DataArray, dims ('Y', 'X', 'H')
        Sum of the frames, which determines the delay of the instrument response.
    axes : mapping of str to int
        Number of frames along ``"t"``, ``"z"`` or both, in this order.
    frame_time_s, z_step_um : float, optional
        Steps along these axes, in s and um; None where unknown.
    labels : tuple of str
        Names of the frames; empty if they have only numbers.

    See Also
    --------
    read_series : Read a series from a file or folder.
    seq2seqlite.imaging.map_series : Lifetime maps of all frames.
    """

    summed: xr.DataArray
    axes: Mapping[str, int]
    load: Callable[[], Iterator[xr.DataArray]] = field(repr=False, compare=False)
    frame_time_s: float | None = None
    z_step_um: float | None = None
    labels: tuple[str, ...] = ()

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return int(np.prod(list(self.axes.values()), dtype=np.int64))

    def frames(self) -> Iterator[xr.DataArray]:
        """Yield the frames as measurements, dims ('Y', 'X', 'H'), with the last axis varying fastest."""
        return self.load()


def read_series(
    path: str | os.PathLike[str],
    /,
    *,
    channel: int | None = None,
    gate_width_ns: float | None = None,
    period_ns: float | None = None,
    frame_time_s: float | None = None,
    gate_length_ns: float | None = None,
) -> Series:
    """Read the frames of a measurement, one by one.

    Parameters
    ----------
    path : path-like
        PTU file with frames, SDT file whose data blocks are frames, TIFF with an axis T or Z, or folder of
        PTU, SDT, ICS or npz files of one time point each, in the order of the numbers in their names.
    channel, gate_width_ns, period_ns, gate_length_ns
        As for :func:`read`.
    frame_time_s : float, optional
        Time between two frames, in s, if the file does not contain it.

    Returns
    -------
    Series

    Raises
    ------
    InputError
        As for :func:`read`, or if the measurement has no frames, or they differ in shape or time axis.

    See Also
    --------
    read : Read one measurement; sums frames.
    seq2seqlite.imaging.map_series : Lifetime maps of all frames.
    """
    options = ReadOptions(
        channel=channel,
        gate_width_ns=gate_width_ns,
        period_ns=period_ns,
        gate_length_ns=gate_length_ns,
        frames=EACH,
        frame_time_s=frame_time_s,
    )
    return open_series(Path(path), options)


def open_series(path: Path, options: ReadOptions, /) -> Series:
    """Read a series with the options of :func:`read_series` as one object; see there."""
    file = existing(path)
    options.corrections.refuse(file, "a series, whose frames are mapped one by one")
    if file.is_dir():
        found = _folder(file, options)
    else:
        opener = OPENERS.get(file.suffix.lower())
        if opener is None:
            raise InputError(
                f"{file}: frames={options.frames} is only for {' '.join(OPENERS)} files, and for folders of "
                f"{' '.join(SERIES_FILES)} files; omit it"
            )
        found = opener(file, options)
    if options.gate_length_ns is not None:
        found.summed.attrs["gate_length_ns"] = float(options.gate_length_ns)
    time_s = options.frame_time_s if options.frame_time_s is not None else found.frame_time_s
    return replace(found, frame_time_s=time_s)


def _ptu(path: Path, options: ReadOptions) -> Series:
    summed = read_measurement(path, replace(options, frames=SUM))
    with opened_ptu(path) as (ptu, _):
        if not ptu.is_image:
            raise InputError(f"{path} is not an image; frames={options.frames} is for images: omit it")
        n_frames, frame_time_s = int(ptu.shape[0]), float(ptu.frame_time)
    size = max(1, BLOCK_BYTES // (4 * summed.size))

    def load() -> Iterator[xr.DataArray]:
        for first in range(0, n_frames, size):
            with opened_ptu(path) as (ptu, _):
                frames = ptu_frames(ptu, path, options, first, min(first + size, n_frames))
            yield from frames

    return Series(summed, {"t": n_frames}, load, frame_time_s if frame_time_s > 0 else None)


def _sdt(path: Path, options: ReadOptions) -> Series:
    blocks, of_block = sdt_blocks(path, replace(options, frames=SUM))
    summed = read_measurement(path, replace(options, frames=SUM))
    return Series(
        summed, {"t": len(blocks)}, lambda: (of_block(index, block) for index, block in enumerate(blocks))
    )


def _tiff(path: Path, options: ReadOptions) -> Series:
    found = tiff_frames(path, options)
    if not isinstance(found, TiffFrames):
        raise InputError(f"{path} has one frame; frames={options.frames} is for several: omit it")
    return Series(
        found.summed(path, replace(options, frames=SUM)),
        found.axes or {"t": 1},
        lambda: (found.signal(path, options, counts) for counts in found.counts),
        found.steps.get("frame_time_s"),
        found.steps.get("z_step_um"),
    )


OPENERS: dict[str, Callable[[Path, ReadOptions], Series]] = {
    ".ptu": _ptu,
    ".sdt": _sdt,
    ".tif": _tiff,
    ".tiff": _tiff,
}


def series_files(folder: Path, /) -> list[Path]:
    """Return the measurements of one format in a folder, in the order of the numbers in their names.

    Raises
    ------
    InputError
        If there are fewer than two, or of several formats.
    """
    found = [
        file
        for file in folder.iterdir()
        if file.is_file() and file.suffix.lower() in SERIES_FILES and not file.name.startswith(".")
    ]
    suffixes = sorted({file.suffix.lower() for file in found})
    if len(found) < 2 or len(suffixes) > 1:
        raise InputError(
            f"{folder} contains {len(found)} files of {' '.join(suffixes) or ' '.join(SERIES_FILES)}; a "
            "series requires at least 2 files of one format, one for each time point"
        )
    return sorted(found, key=_natural)


def _natural(file: Path) -> tuple[Any, ...]:
    """Return a sort key that orders frame-9 before frame-10."""
    words = re.split(r"(\d+)", file.name)
    return tuple(int(word) if word.isdecimal() else word for word in words)


def _folder(folder: Path, options: ReadOptions) -> Series:
    files = series_files(folder)
    of_file = replace(options, frames=SUM if files[0].suffix.lower() in OPENERS else None)
    first = read_measurement(files[0], of_file)
    counts = np.zeros(first.shape, np.float64 if first.dtype.kind == "f" else np.uint64)
    saturated = np.zeros(first.shape[:2], np.bool_)
    for file in files:
        frame = read_measurement(file, of_file)
        _check_alike(frame, first, file, files[0])
        counts += frame.values.astype(counts.dtype, copy=False)
        saturated |= survey(frame).saturated
    summed = signal_from_counts(
        counts,
        source=folder,
        file_format=f"series of {first.attrs['format']}",
        gate_width_ns=gate_width_ns(first),
        period_ns=first.attrs["period_ns"],
        pixel_size_um=first.attrs["pixel_size_um"],
        gate_length_ns=first.attrs.get("gate_length_ns"),
        saturated=saturated,
    )
    summed.attrs["sha256"] = [sha256_of(file) for file in files]
    labels = tuple(file.name for file in files)
    return Series(
        summed,
        {"t": len(files)},
        lambda: (read_measurement(file, of_file) for file in files),
        labels=labels,
    )


def _check_alike(frame: xr.DataArray, first: xr.DataArray, file: Path, other: Path) -> None:
    widths = gate_width_ns(frame), gate_width_ns(first)
    if frame.shape != first.shape or abs(widths[0] - widths[1]) > 1e-3 * widths[1]:
        raise InputError(
            f"{file} has shape {frame.shape} and bins of {widths[0]:.4g} ns, but {other.name} has shape "
            f"{first.shape} and bins of {widths[1]:.4g} ns; all files of a series must be alike"
        )


def each_channel(path: Path, options: ReadOptions, /) -> list[tuple[str, ReadOptions]]:
    """Return the options that read each channel with photons, with a name for it; of a TIFF, all channels.

    Parameters
    ----------
    path : pathlib.Path
        PTU, SDT or TIFF file. The channels of an SDT file are its data blocks.
    options : ReadOptions
        Options of the reader, without a channel.

    Raises
    ------
    InputError
        If the file cannot be read, or its format has no channels.

    See Also
    --------
    read : Read one channel of a measurement.
    """
    file, suffix = existing(path), path.suffix.lower()
    if suffix == ".ptu":
        with opened_ptu(file) as (ptu, _):
            photons = np.atleast_2d(ptu.decode_histogram(dtime=None)).sum(axis=-1)
            first = min(ptu.active_channels, default=0)
        found = {first + index: int(n) for index, n in enumerate(photons)}
        return _named("channel", found, file, options)
    if suffix == ".sdt":
        blocks, _ = sdt_blocks(file, options)
        if len(blocks) > 1:
            return _named("block", {i: int(part.sum()) for i, part in enumerate(blocks)}, file, options)
        parts = blocks[0] if blocks[0].ndim == 4 else blocks
        return _named("channel", {i: int(part.sum()) for i, part in enumerate(parts)}, file, options)
    if suffix in (".tif", ".tiff"):
        return _named("channel", _tiff_channels(file), file, options)
    raise InputError(f"{path}: channel=all is only for .ptu .sdt .tif .tiff files; omit it")


def _named(
    name: str, photons: Mapping[int, int], file: Path, options: ReadOptions
) -> list[tuple[str, ReadOptions]]:
    chosen: Sequence[int] = [number for number, n in photons.items() if n]
    if not chosen:
        raise InputError(f"{file}: no channel has photons; check the shutter")
    return [(f"{name}-{number}", _with(options, name, number)) for number in chosen]


def _with(options: ReadOptions, name: str, number: int) -> ReadOptions:
    return replace(options, block=number) if name == "block" else replace(options, channel=number)


def _tiff_channels(file: Path) -> dict[int, int]:
    import tifffile

    with reading(file, "TIFF"), tifffile.TiffFile(file) as tif:
        series = tif.series[0]
        n_channels = series.shape[series.axes.index("C")] if "C" in series.axes else 1
    return dict.fromkeys(range(n_channels), 1)
