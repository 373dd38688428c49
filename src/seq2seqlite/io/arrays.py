"""Readers of decays in plain arrays: ``.npz``, zarr and text."""

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seq2seqlite.archive import read_arrays
from seq2seqlite.errors import InputError
from seq2seqlite.io.read_options import ReadOptions, needed_gate_width_ns
from seq2seqlite.io.reader_errors import reading
from seq2seqlite.io.signal import UNEVEN_STEP, signal_from_counts
from seq2seqlite.limits import available_memory, require_memory

__all__ = ["number_of", "read_npz", "read_text", "read_zarr", "zarr_fields"]

NUMBERS = ("gate_width_ns", "period_ns", "gate_length_ns")
"""Step between gates, laser period, and length of the gates of a camera, in ns."""
MAX_BINS = 2**17
# Largest plausible compression ratio of counts; above it, chunks of the store are missing.
MAX_COMPRESSION = 5000
# Chunks that hold only the fill value may be missing; more than these, and than four a file, are lost.
MISSING_CHUNKS = 1000
# Smaller arrays are read at once: each block of a lazy array has a cost.
EAGER_BYTES = 2**26
# Two columns that are separated by a semicolon, tab or space, with a decimal comma in the first.
DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+(?:[eE][-+]?\d+)?(?:\s*;\s*|\s+)[-+]?\d+(?:,\d+)?(?:[eE][-+]?\d+)?")
CALIBRATION = re.compile(r"time calibration:\s*([-+.\deE]+?)\s*(ns|ps)/ch", re.IGNORECASE)


def read_npz(path: Path, options: ReadOptions, /) -> xr.DataArray:
    """Read decays from an archive with ``tpsf`` (Y, X, H) or (n, H), and :data:`NUMBERS`."""
    fields: dict[str, Any] = dict(
        read_arrays(path, names=frozenset(("tpsf", *NUMBERS)), max_bytes=available_memory() // 3)
    )
    return _from_fields(path, "npz", fields, options)


def read_zarr(path: Path, options: ReadOptions, /) -> xr.DataArray:
    """Read decays from a zarr store, lazily if dask is installed.

    The store is an array with :data:`NUMBERS` as attributes, or a group with an array ``tpsf`` and these as
    attributes or arrays.
    """
    stored, fields = zarr_fields(path)
    if stored is not None:
        with reading(path, "zarr"):
            _check_zarr_size(path, stored)
            fields["tpsf"] = _lazy(stored)
    with reading(path, "zarr"):  # sums the counts, and so decodes all chunks
        return _from_fields(path, "zarr", fields, options)


def zarr_fields(path: Path, /) -> tuple[Any, dict[str, Any]]:
    """Return the decay array of a zarr store (or None) and its metadata.

    Raises
    ------
    InputError
        If the path is not a zarr store.
    """
    import zarr

    with reading(path, "zarr"):
        node = zarr.open(str(path), mode="r")
        fields: dict[str, Any] = dict(node.attrs)
        if not isinstance(node, zarr.Group):
            return node, fields
        names = set(node.array_keys())
        fields |= {name: _scalar(path, name, node[name]) for name in NUMBERS if name in names}
        if "tpsf" not in names:
            return None, fields
        stored = node["tpsf"]
        return stored, dict(stored.attrs) | fields


def read_text(path: Path, options: ReadOptions, /) -> xr.DataArray:
    """Read one decay from a text file with one column (counts) or two (channel or time in ns, and counts)."""
    require_memory(40 * path.stat().st_size, what=f"{path}", remedy="pass one decay, not an image")
    with reading(path, "text"):
        text = path.read_text("utf-8-sig", errors="replace")  # headers may contain a µ in any encoding
    header, rows = _numbers(path, text)
    if rows.shape[0] < 3:
        raise InputError(f"{path} contains {rows.shape[0]} rows of numbers; a decay requires at least 3")
    if rows.shape[1] > 2:
        raise InputError(f"{path} has {rows.shape[1]} columns; it must have counts, or time and counts")
    counts, stored = rows[:, -1], None
    if rows.shape[1] == 2:
        steps = np.diff(rows[:, 0])
        if not np.allclose(steps, steps.mean(), rtol=UNEVEN_STEP) or steps.mean() <= 0:
            raise InputError(
                f"{path}: the first column is not evenly spaced; it must be the time in ns or the channel"
            )
        stored = None if np.all(steps == 1) else float(steps.mean())  # steps of 1 are channels, not ns
    elif counts[0] == counts.size - 1:
        counts = counts[1:]  # files of FLIMLib start with the number of bins
    if found := CALIBRATION.search(header):
        stored = float(found[1]) * (1e-3 if found[2].lower() == "ps" else 1.0)
    return signal_from_counts(
        counts,
        source=path,
        file_format="text",
        gate_width_ns=needed_gate_width_ns(path, options.gate_width_ns, stored),
        period_ns=options.period_ns,
    )


def _scalar(path: Path, name: str, stored: Any) -> Any:
    if math.prod(stored.shape) != 1 or math.prod(stored.chunks) > MAX_BINS:
        raise InputError(f"{path}: {name} must be one number, not an array of shape {stored.shape}")
    return np.asarray(stored)


def _check_zarr_size(path: Path, stored: Any) -> None:
    """Reject a store whose declared shape or chunks are larger than its data can be."""
    shape, size = tuple(stored.shape), int(stored.dtype.itemsize)
    total, chunk = size * math.prod(shape), size * math.prod(stored.chunks)
    if shape and shape[-1] > MAX_BINS:
        raise InputError(
            f"{path}: {shape[-1]:,} bins exceed the limit of {MAX_BINS:,}; time must be the last axis"
        )
    require_memory(
        4 * min(chunk, total),
        what=f"{path}: chunks of {stored.chunks}",
        remedy="use 64 MiB",
    )
    require_memory(
        64 * math.prod(shape[:-1]), what=f"{path}: the maps of shape {shape[:-1]}", remedy="store parts"
    )
    sizes = [file.stat().st_size for file in path.rglob("*") if file.is_file()]
    on_disk = sum(sizes)
    pieces = zip(shape, stored.shards or stored.chunks, strict=True)
    n_chunks = math.prod(-(-length // max(1, size)) for length, size in pieces)
    if n_chunks > MISSING_CHUNKS + 4 * len(sizes):
        raise InputError(
            f"{path} declares {n_chunks:,} chunks and holds {len(sizes):,} files; chunks are missing: "
            "copy it again"
        )
    if total > max(2**30, MAX_COMPRESSION * on_disk):
        raise InputError(
            f"{path} declares {total / 2**30:.3g} GiB but contains {on_disk:,} bytes, so that chunks are "
            f"missing; copy it again"
        )


def _lazy(stored: Any) -> Any:
    if stored.nbytes <= EAGER_BYTES:
        return stored[:]
    try:
        import dask.array
    except ImportError:  # optional dependency: without it, read the array into memory
        return stored[:]
    return dask.array.from_zarr(stored)  # type: ignore[no-untyped-call]


def _from_fields(path: Path, file_format: str, fields: dict[str, Any], options: ReadOptions) -> xr.DataArray:
    if "tpsf" not in fields:
        raise InputError(f"{path} has no array 'tpsf'; store counts as tpsf, shape (Y, X, H) or (n, H)")
    if fields["tpsf"].ndim not in (2, 3):
        raise InputError(f"{path}: tpsf has shape {fields['tpsf'].shape}; it must be (Y, X, H) or (n, H)")
    width, period, length = (number_of(path, fields, name) for name in NUMBERS)
    return signal_from_counts(
        fields["tpsf"],
        source=path,
        file_format=file_format,
        gate_width_ns=needed_gate_width_ns(path, options.gate_width_ns, width),
        period_ns=options.period_or(period),
        gate_length_ns=options.gate_length_ns or length,
    )


def number_of(path: Path, fields: dict[str, Any], name: str, /) -> float | None:
    """Return a number from the metadata of a file, or None if it is missing."""
    if name not in fields:
        return None
    value = np.asarray(fields[name])
    if value.size != 1 or value.dtype.kind not in "uif":
        text = " ".join(str(value).split())
        raise InputError(
            f"{path}: {name}={text if len(text) <= 60 else f'{text[:57]}...'} must be one number"
        )
    return float(value.reshape(()))


def _numbers(path: Path, text: str) -> tuple[str, NDArray[np.float64]]:
    header: list[str] = []
    rows: list[list[float]] = []
    lines = text.splitlines()
    comma = any(DECIMAL_COMMA.fullmatch(line.strip()) for line in lines)
    for number, line in enumerate(lines, start=1):
        plain = line.replace(",", ".") if comma else line
        words = [word for word in re.split(r"[\s;]+" if comma else r"[\s,;]+", plain.strip()) if word]
        try:
            values = [float(word) for word in words]
        except ValueError:
            values = []
        if values and (not rows or len(values) == len(rows[0])):
            rows.append(values)
        elif rows and words:
            raise InputError(
                f"{path}: line {number} {line.strip()[:40]!r} differs from the rows above; remove all text "
                f"after the first row of numbers"
            )
        else:
            header.append(line)
    return "\n".join(header), np.asarray(rows, np.float64).reshape(len(rows), len(rows[0]) if rows else 1)
