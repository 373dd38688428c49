"""Decays as plain arrays: ``.npz``, zarr and text."""

import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seq2seqlite.errors import InputError
from seq2seqlite.io.read_options import ReadOptions, needed_gate_width_ns
from seq2seqlite.io.reader_errors import reading
from seq2seqlite.io.signal import UNEVEN_STEP, signal_from_counts

__all__ = ["number_of", "read_npz", "read_text", "read_zarr", "zarr_fields"]

CALIBRATION = re.compile(r"time calibration:\s*([-+.\deE]+?)\s*(ns|ps)/ch", re.IGNORECASE)


def read_npz(path: Path, options: ReadOptions, /) -> xr.DataArray:
    """Return decays of an archive: ``tpsf`` (Y, X, H) or (n, H), ``gate_width_ns``, ``period_ns``."""
    with reading(path, "npz"):
        if not zipfile.is_zipfile(path):
            raise InputError(
                f"{path}: not a readable npz file (no zip archive); it is cut short or of another format"
            )
        with np.load(path, allow_pickle=False) as archive:
            fields = {
                name: archive[name]
                for name in ("tpsf", "gate_width_ns", "period_ns")
                if name in archive.files
            }
    return _from_fields(path, "npz", fields, options)


def read_zarr(path: Path, options: ReadOptions, /) -> xr.DataArray:
    """Return decays of a zarr store, loaded block by block when they are used if dask is installed.

    The store is an array with attributes ``gate_width_ns`` and ``period_ns``, or a group with an array
    ``tpsf`` and these as attributes or arrays.
    """
    stored, fields = zarr_fields(path)
    if stored is not None:
        with reading(path, "zarr"):
            fields["tpsf"] = _lazy(stored)
    return _from_fields(path, "zarr", fields, options)


def zarr_fields(path: Path, /) -> tuple[Any, dict[str, Any]]:
    """Return the array of decays of a zarr store, None where there is none, and what is said of it.

    Raises
    ------
    InputError
        If it is no zarr store.
    """
    import zarr

    with reading(path, "zarr"):
        node = zarr.open(str(path), mode="r")
        fields: dict[str, Any] = dict(node.attrs)
        if not isinstance(node, zarr.Group):
            return node, fields
        names = set(node.array_keys())
        fields |= {name: np.asarray(node[name]) for name in ("gate_width_ns", "period_ns") if name in names}
        if "tpsf" not in names:
            return None, fields
        stored = node["tpsf"]
        return stored, dict(stored.attrs) | fields


def read_text(path: Path, options: ReadOptions, /) -> xr.DataArray:
    """Return one decay from text: counts, or channel or time in ns and counts, below any header."""
    with reading(path, "text"):
        text = path.read_text("utf-8", errors="replace")  # headers hold a µ of any encoding
    header, rows = _numbers(path, text)
    if rows.shape[0] < 3:
        raise InputError(f"{path} holds {rows.shape[0]} lines of numbers; a decay needs 3 or more")
    if rows.shape[1] > 2:
        raise InputError(f"{path} has {rows.shape[1]} columns; give counts, or time and counts")
    counts, stored = rows[:, -1], None
    if rows.shape[1] == 2:
        steps = np.diff(rows[:, 0])
        if not np.allclose(steps, steps.mean(), rtol=UNEVEN_STEP) or steps.mean() <= 0:
            raise InputError(
                f"{path}: its first column does not rise evenly; give time in ns or channel, then counts"
            )
        stored = None if np.all(steps == 1) else float(steps.mean())  # 1, 2, 3 are channels, not ns
    elif counts[0] == counts.size - 1:
        counts = counts[1:]  # FLIMLib's files begin with the number of bins
    if found := CALIBRATION.search(header):
        stored = float(found[1]) * (1e-3 if found[2].lower() == "ps" else 1.0)
    return signal_from_counts(
        counts,
        source=path,
        file_format="text",
        gate_width_ns=needed_gate_width_ns(path, options.gate_width_ns, stored),
        period_ns=options.period_ns,
    )


def _lazy(stored: Any) -> Any:
    try:
        import dask.array
    except ImportError:  # an extra: without it the array is read into memory
        return stored[:]
    return dask.array.from_zarr(stored)  # type: ignore[no-untyped-call]


def _from_fields(path: Path, file_format: str, fields: dict[str, Any], options: ReadOptions) -> xr.DataArray:
    if "tpsf" not in fields:
        raise InputError(f"{path} has no array 'tpsf'; store counts as tpsf, shape (Y, X, H) or (n, H)")
    if fields["tpsf"].ndim not in (2, 3):
        raise InputError(f"{path}: tpsf has shape {fields['tpsf'].shape}; it must be (Y, X, H) or (n, H)")
    width, period = number_of(path, fields, "gate_width_ns"), number_of(path, fields, "period_ns")
    return signal_from_counts(
        fields["tpsf"],
        source=path,
        file_format=file_format,
        gate_width_ns=needed_gate_width_ns(path, options.gate_width_ns, width),
        period_ns=options.period_or(period),
    )


def number_of(path: Path, fields: dict[str, Any], name: str, /) -> float | None:
    """Return a number that a file says, None where it does not."""
    if name not in fields:
        return None
    value = np.asarray(fields[name])
    if value.size != 1 or value.dtype.kind not in "uif":
        raise InputError(f"{path}: {name}={value} must be one number")
    return float(value.reshape(()))


def _numbers(path: Path, text: str) -> tuple[str, NDArray[np.float64]]:
    header: list[str] = []
    rows: list[list[float]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = [word for word in re.split(r"[\s,;]+", line.strip()) if word]
        try:
            values = [float(word) for word in words]
        except ValueError:
            values = []
        if values and (not rows or len(values) == len(rows[0])):
            rows.append(values)
        elif rows and words:
            raise InputError(
                f"{path}: line {number} {line.strip()[:40]!r} is no row like those above; give numbers only"
            )
        else:
            header.append(line)
    return "\n".join(header), np.asarray(rows, np.float64).reshape(len(rows), len(rows[0]) if rows else 1)
