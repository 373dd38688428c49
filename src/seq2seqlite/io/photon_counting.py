"""Readers of photon-counting formats (PTU, SDT, LIF, ICS), based on third-party packages."""

import locale
import math
import re
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seq2seqlite.errors import InputError
from seq2seqlite.io.declared_sizes import check_lif_blocks, check_ptu_dimensions, check_sdt_sizes
from seq2seqlite.io.read_options import ReadOptions, needed_gate_width_ns, summed_warning
from seq2seqlite.io.reader_errors import reading
from seq2seqlite.io.signal import saturated_pixels, signal_from_counts
from seq2seqlite.limits import BoundedFile, require_memory

__all__ = [
    "opened_ptu",
    "ptu_frames",
    "read_ics",
    "read_lif",
    "read_ptu",
    "read_sdt",
    "sdt_blocks",
    "signal_from_ptu",
]

# A block with this fraction of the photons is the IRF; the others contain crosstalk between detectors.
DOMINANT_SHARE = 0.95


def read_ptu(path: Path, options: ReadOptions, /) -> xr.DataArray:
    """Read a PicoQuant T3 image, summed over frames, with the bins of one laser period."""
    with opened_ptu(path) as (ptu, stream):
        data = signal_from_ptu(ptu, path, options)
        data.attrs["sha256"] = stream.sha256()
        return data


@contextmanager
def opened_ptu(path: Path, /) -> Iterator[tuple[Any, BoundedFile]]:
    """Open a PTU file, and check that it has all photon records that its header declares."""
    import ptufile

    with reading(path, "PTU"), BoundedFile(path) as stream, ptufile.PtuFile(stream) as ptu:
        stored = (path.stat().st_size - ptu.record_offset) // 4
        if stored < ptu.number_records:
            raise InputError(
                f"{path} contains {stored:,} of the {ptu.number_records:,} photon records that its header "
                "declares, so that it is truncated; copy it again"
            )
        if stored > ptu.number_records:
            raise InputError(
                f"{path} contains {stored:,} photon records, but its header declares "
                f"{ptu.number_records:,}, so that it is damaged; export it again"
            )
        yield ptu, stream


def signal_from_ptu(ptu: Any, path: Path, options: ReadOptions, /) -> xr.DataArray:
    """Return the image of an open PTU file, summed over frames, with the bins of one laser period.

    Parameters
    ----------
    ptu : ptufile.PtuFile
        T3 measurement, or part of one.
    path : pathlib.Path
        Path for error messages.
    options : ReadOptions
        Options of the reader.
    """
    if not ptu.is_t3:
        raise InputError(f"{path} is a T2 measurement without times after the laser pulse; record in T3 mode")
    check_ptu_dimensions(path, ptu)
    by_channel = np.atleast_2d(ptu.decode_histogram(dtime=None)).sum(axis=-1, dtype=np.int64)
    index = _channel_index(path, options.channel, by_channel, first=min(ptu.active_channels, default=0))
    first, last = _ptu_frames(ptu, path, options)
    if ptu.is_image:
        require_memory(
            4 * math.prod(ptu.shape[1:]), what=f"{path}: image {ptu.shape[1:]}", remedy="copy the file again"
        )
        chosen = [slice(first, last, -1), *[None] * (len(ptu.shape) - 1)]  # a step of -1 sums
        counts = ptu.decode_image(chosen, channel=index, dtime=0, dtype=np.uint32, keepdims=False)
    else:
        counts = np.atleast_2d(ptu.decode_histogram(dtime=0))[index]
    data = _ptu_signal(ptu, path, options, counts, photons=int(by_channel[index]))
    if options.frame == -1 and options.frames is None and last - first > 1:
        data.attrs["warnings"] = [summed_warning(path, last - first)]
    return data


def ptu_frames(ptu: Any, path: Path, options: ReadOptions, first: int, last: int, /) -> list[xr.DataArray]:
    """Return some frames of an open PTU file, one by one.

    Parameters
    ----------
    ptu, path, options
        As for :func:`signal_from_ptu`, which should have read the sum of all frames before.
    first, last : int
        First and last (exclusive) frame.
    """
    by_channel = np.atleast_2d(ptu.decode_histogram(dtime=None)).sum(axis=-1, dtype=np.int64)
    index = _channel_index(path, options.channel, by_channel, first=min(ptu.active_channels, default=0))
    chosen = [slice(first, last), *[None] * (len(ptu.shape) - 1)]
    frames = ptu.decode_image(chosen, channel=index, dtime=0, dtype=np.uint32, keepdims=True)[..., 0, :]
    return [_ptu_signal(ptu, path, options, frame, photons=int(frame.sum())) for frame in frames]


def _ptu_frames(ptu: Any, path: Path, options: ReadOptions) -> tuple[int, int]:
    """Return the first and last (exclusive) frame to be summed."""
    n_frames = ptu.shape[0] if ptu.is_image else 1
    if options.frame == -1:
        return options.frame_range(n_frames, source=path)
    if ptu.is_image and not 0 <= options.frame < n_frames:
        raise InputError(
            f"{path}: frame={options.frame} must be below {n_frames}, the number of frames, or -1 for all"
        )
    return options.frame, options.frame + 1


def _ptu_signal(
    ptu: Any, path: Path, options: ReadOptions, counts: NDArray[Any], *, photons: int
) -> xr.DataArray:
    step = np.diff(ptu.coords["X"][:2]) if ptu.is_image and "X" in ptu.coords else np.zeros(0)
    stored_width, frequency = float(ptu.tcspc_resolution) * 1e9, float(ptu.frequency)
    return signal_from_counts(
        counts,
        source=path,
        file_format="PTU",
        gate_width_ns=needed_gate_width_ns(path, options.gate_width_ns, stored_width),
        period_ns=options.period_or(1e9 / frequency if frequency > 0 else None),
        photons_in_file=photons,
        pixel_size_um=float(step[0]) * 1e6 if step.size and step[0] > 0 else None,
    )


def read_sdt(path: Path, options: ReadOptions, /, *, dominant: bool = False) -> xr.DataArray:
    """Read one measurement data block of a Becker & Hickl SDT file, or the sum of several.

    With ``dominant``, a block that contains nearly all photons is selected by default, because the others
    contain crosstalk. With ``frames``, the blocks are frames.

    The period is derived from the measured sync rate of the block, not from the TAC range, which is shorter.
    """
    blocks, of_block = sdt_blocks(path, options)
    if options.frames is None:
        index = _block_index(path, options.block, blocks, dominant=dominant)
        return of_block(index, blocks[index])
    first, last = options.frame_range(len(blocks), source=path)
    shapes = sorted({block.shape for block in blocks[first:last]})
    if len(shapes) > 1:
        raise InputError(
            f"{path}: frames={options.frames} requires blocks of one shape, not {shapes[0]} and "
            f"{shapes[-1]}; pass a range of blocks with frames, or one block"
        )
    summed = np.asarray(np.sum(blocks[first:last], axis=0, dtype=np.uint32))
    saturated = np.any([saturated_pixels(block) for block in blocks[first:last]], axis=0)
    return of_block(first, summed, saturated)


def sdt_blocks(path: Path, options: ReadOptions, /) -> tuple[list[NDArray[Any]], Callable[..., xr.DataArray]]:
    """Return the counts of all data blocks, and a function that returns a signal.

    Its parameters are the index of a block, its counts, and optionally the pixels that are known to be
    saturated.
    """
    import sdtfile

    with reading(path, "SDT"):
        check_sdt_sizes(path)
    with reading(path, "SDT"), path.open("rb") as stream, sdtfile.SdtFile(stream) as sdt:
        blocks, times = list(sdt.data), list(sdt.times)
        periods = [_sdt_period_ns(sdt.measure_info[head.meas_desc_block_no]) for head in sdt.block_headers]
    if options.frames is not None and options.block is not None:
        raise InputError(
            f"{path}: block={options.block} cannot be combined with frames={options.frames}, because the "
            "blocks are the frames; omit one of them"
        )

    def of_block(
        index: int, counts: NDArray[Any], saturated: NDArray[np.bool_] | None = None
    ) -> xr.DataArray:
        if options.channel and counts.ndim != 4:
            raise InputError(
                f"{path}: channel={options.channel} does not exist, because an SDT file is divided into "
                f"blocks; pass block={index} or another block instead"
            )
        if counts.ndim == 4:
            by_channel = counts.reshape(counts.shape[0], -1).sum(axis=1, dtype=np.int64)
            channel = _channel_index(path, options.channel, by_channel, first=0)
            counts, saturated = counts[channel], None if saturated is None else saturated[channel]
        if saturated is not None:
            saturated = saturated.reshape(*saturated.shape, *[1] * (2 - saturated.ndim))
        width_ns = float(times[index][1] - times[index][0]) * 1e9
        return signal_from_counts(
            counts,
            source=path,
            file_format="SDT",
            gate_width_ns=needed_gate_width_ns(path, options.gate_width_ns, width_ns),
            period_ns=options.period_or(periods[index]),
            saturated=saturated,
        )

    return blocks, of_block


def read_lif(path: Path, options: ReadOptions, /) -> xr.DataArray:
    """Read a TCSPC histogram from a Leica LIF file, if liffile can decode it."""
    import liffile

    with reading(path, "LIF"), BoundedFile(path) as stream, liffile.LifFile(stream) as lif:
        check_lif_blocks(path, lif)
        images: list[Any] = [image for image in lif.images if "H" in image.dims]
        if not images:
            raise InputError(
                f"{path} contains no decays, only {len(lif.images)} images without a time axis; export the "
                f"FLIM data"
            )
        block = options.block or 0
        if not 0 <= block < len(images):
            raise InputError(f"{path}: block={block} must be below {len(images)}, the number of FLIM images")
        image = images[block]
        if options.frames is not None:
            raise InputError(
                f"{path}: frames={options.frames} is not available for LIF files, whose frames are summed; "
                "export them as PTU in LAS X, and read the PTU file"
            )
        try:
            counts = image.asarray(frame=options.frame, channel=options.channel or 0)
        except NotImplementedError as error:
            raise InputError(
                f"{path}: no open-source reader can decode Leica's compressed FLIM records ({error}); export "
                "them as PTU in LAS X, and read the PTU file"
            ) from error
        width = float(np.diff(image.coords["H"][:2])[0]) * 1e9
        period = 1e3 / image.frequency if getattr(image, "frequency", 0) > 0 else None
        digest = stream.sha256()
    data = signal_from_counts(
        counts,
        source=path,
        file_format="LIF",
        gate_width_ns=needed_gate_width_ns(path, options.gate_width_ns, width),
        period_ns=options.period_or(period),
    )
    data.attrs["sha256"] = digest
    n_frames = int(getattr(image, "sizes", {}).get("T", 1))
    if options.frame == -1 and n_frames > 1:
        data.attrs["warnings"] = [f"the {n_frames} frames of {path.name} were summed"]
    return data


def read_ics(path: Path, options: ReadOptions, /) -> xr.DataArray:
    """Read an Image Cytometry Standard (ICS) file with a time axis, as written by B&H software and TRI2."""
    if (
        "IPython" in sys.modules
    ):  # DIPlib then uses a submodule that IPython itself imports in a terminal only
        with suppress(ImportError):
            import_module("IPython.terminal.pt_inputhooks")
    try:
        import diplib
    except ImportError as error:
        raise InputError(
            f"{path}: reading ICS requires the package diplib; install seq2seqlite[ics]"
        ) from error
    with reading(path, "ICS"), _same_locale():
        _check_ics_data(path)
        history = [str(line) for line in diplib.ImageReadICSInfo(str(path))["history"]]
        counts = np.asarray(diplib.ImageReadICS(str(path)))
    fields = {name: value.split() for name, _, value in (line.partition("\t") for line in history)}
    labels = fields.get("labels", [])
    if counts.ndim != 3 or "t" not in labels:
        raise InputError(
            f"{path} has no time axis (shape {counts.shape}, labels {labels}); pass an ICS file of decays"
        )
    axis = labels.index("t")
    with reading(path, "ICS"):
        stored_width = _ics_width_ns(history, fields, axis)
    return signal_from_counts(
        np.moveaxis(counts, counts.ndim - 1 - axis, -1),  # ICS lists the fastest axis first
        source=path,
        file_format="ICS",
        gate_width_ns=needed_gate_width_ns(path, options.gate_width_ns, stored_width),
        period_ns=options.period_ns,
    )


def _check_ics_data(path: Path, /) -> None:
    """Raise ValueError unless the counts of an ICS file are whole; diplib ignores checksum and length."""
    with path.open("rb") as header:
        fields = _ics_fields(header)
        begin = header.tell()
    data = path
    if fields.get("ics_version", ["2.0"])[0].startswith("1"):
        data, begin = path.with_suffix(".ids"), 0
        if not data.is_file():
            raise ValueError(f"version 1 without its counts in {data.name}")
    elif "source" in fields:
        raise ValueError("its counts are stored in another file")
    elif "end" not in fields:
        raise ValueError("its header has no end")
    with data.open("rb") as stream:
        stream.seek(begin)
        bits, *sizes = (int(word) for word in fields["sizes"])
        if bits <= 0 or min(sizes) <= 0:
            raise ValueError(f"sizes {fields['sizes']} are not positive")
        expected = bits // 8 * math.prod(sizes)
        require_memory(3 * expected, what=f"{path}: image {sizes}", remedy="copy the file again")
        compression = fields.get("compression", ["uncompressed"])[0]
        if compression == "gzip":
            found = _inflated_size(stream, expected)
        elif compression == "uncompressed":
            found = data.stat().st_size - begin
        else:
            raise ValueError(f"compression {compression!r}; only gzip and uncompressed are supported")
        if found != expected:
            raise ValueError(f"{found:,} of the declared {expected:,} bytes")


def _inflated_size(stream: BinaryIO, limit: int, /) -> int:
    """Return the decompressed size of a gzip member; zlib checks its CRC and length."""
    inflate = zlib.decompressobj(31)
    found = 0
    while not inflate.eof and (chunk := stream.read(1 << 16)):
        while chunk and not inflate.eof:
            found += len(inflate.decompress(chunk, 1 << 20))
            chunk = inflate.unconsumed_tail
            if found > limit:
                raise ValueError(f"more than the declared {limit:,} bytes")
    if not inflate.eof:
        raise ValueError("the gzip data are truncated")
    return found


def _ics_fields(stream: BinaryIO, /) -> dict[str, list[str]]:
    """Return version, layout and representation of an ICS header, ``source`` and ``end`` if there are any."""
    fields: dict[str, list[str]] = {}
    while line := stream.readline(1 << 16):
        words = line.decode("latin-1").split()
        if words[:1] in (["layout"], ["representation"]) and len(words) > 2:
            fields[words[1]] = words[2:]
        elif words[:1] in (["ics_version"], ["source"], ["end"]):
            fields[words[0]] = words[1:]
            if words == ["end"]:
                break
    return fields


@contextmanager
def _same_locale() -> Iterator[None]:
    """Restore the locale, which diplib's ICS reader sets to "C", in which Python decodes text as ASCII."""
    before = locale.setlocale(locale.LC_ALL)
    try:
        yield
    finally:
        locale.setlocale(locale.LC_ALL, before)


def _ics_width_ns(history: list[str], fields: dict[str, list[str]], axis: int) -> float | None:
    n_bins = int(fields["dimensions"][axis]) if axis < len(fields.get("dimensions", [])) else 0
    if n_bins and axis < len(fields.get("extents", [])) and fields["extents"][axis] != "?":
        return float(fields["extents"][axis]) * 1e9 / n_bins
    found = dict(re.findall(r"\[SP_(TAC_R|TAC_G),\w,([-+.\deE]+)\]", " ".join(history)))
    if n_bins and len(found) == 2:
        return float(found["TAC_R"]) * 1e9 / float(found["TAC_G"]) / n_bins
    return None


def _sdt_period_ns(info: Any) -> float | None:
    info = info[0] if np.ndim(info) else info
    names = info.dtype.names or ()
    if "StopInfo" not in names or ("syn_fd" in names and int(info["syn_fd"]) != 1):
        return None  # with a divider, the sync rate is not the laser's
    rate = (float(info["StopInfo"]["min_sync_rate"]) + float(info["StopInfo"]["max_sync_rate"])) / 2
    return 1e9 / rate if rate > 0 else None


def _channel_index(path: Path, channel: int | None, photons: NDArray[np.int64], /, *, first: int) -> int:
    filled = {first + index: int(count) for index, count in enumerate(photons) if count}
    listed = (
        ", ".join(f"{number} ({count:,} photons)" for number, count in filled.items()) or "none with photons"
    )
    if channel is None and len(filled) > 1:
        raise InputError(f"{path} has channels {listed}; choose one, e.g. channel={next(iter(filled))}")
    chosen = channel if channel is not None else next(iter(filled), first)
    if not 0 <= chosen - first < photons.size:
        raise InputError(f"{path}: channel={chosen} does not exist; it has channels {listed}")
    return chosen - first


def _block_index(path: Path, block: int | None, blocks: list[NDArray[Any]], /, *, dominant: bool) -> int:
    photons = [int(item.sum(dtype=np.uint64)) for item in blocks]
    if block is None and dominant and photons and max(photons) > DOMINANT_SHARE * sum(photons):
        return photons.index(max(photons))
    listed = ", ".join(
        f"{index} {item.shape} with {photons[index]:,} photons" for index, item in enumerate(blocks)
    )
    if block is None and len(blocks) != 1:
        raise InputError(
            f"{path} has {len(blocks)} measurement data blocks: {listed or 'none'}; choose one, e.g. block=0"
        )
    if block is not None and not 0 <= block < len(blocks):
        raise InputError(f"{path}: block={block} does not exist; it has blocks {listed}")
    return block or 0
