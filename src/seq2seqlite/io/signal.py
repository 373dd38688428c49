"""The one form in which a measurement travels: an array (Y, X, H), its time axis, what is known of it."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.errors import InputError

__all__ = ["Survey", "gate_width_ns", "period_ns", "sha256_of", "signal_from_counts", "strips", "survey"]

# Starts of bins may deviate from an even step by this share of it: files store them rounded.
UNEVEN_STEP = 0.02
# Above this a float no longer tells a count from the next.
MAX_COUNT = 2.0**53
# Pixels with more bins come in smaller strips, so that a strip's memory stays the same.
USUAL_BINS = 256


def signal_from_counts(
    counts: Any,
    /,
    *,
    source: str | Path,
    file_format: str,
    gate_width_ns: float,
    period_ns: float | None = None,
    start_ns: float = 0.0,
    photons_in_file: float | None = None,
    pixel_size_um: float | None = None,
) -> xr.DataArray:
    """Return counts as a signal.

    Parameters
    ----------
    counts : array, shape (Y, X, H), or (n, H), or (H,)
        Counts; a lazy array stays lazy.
    source : path-like
        File that they come from.
    file_format : str
        Its format, e.g. ``"PTU"``.
    gate_width_ns : float
        Step from bin to bin, in ns.
    period_ns : float, optional
        Laser period, in ns; None where the file does not say.
    start_ns : float
        Start of the first bin, in ns.
    photons_in_file : number, optional
        All photons of the file; default: those in ``counts``.
    pixel_size_um : float, optional
        Edge of a pixel, in um.

    Returns
    -------
    xarray.DataArray
        Dims ``('Y', 'X', 'H')``, coordinate ``H`` in ns (start of each bin), attributes ``gate_width_ns``,
        ``period_ns``, ``photons``, ``photons_in_file``, ``pixel_size_um``, ``source``, ``format``.

    Raises
    ------
    InputError
        If there is no time axis or its step is not positive.

    Examples
    --------
    >>> signal_from_counts([[1, 2, 3]], source="a.txt", file_format="text", gate_width_ns=0.1).sizes
    Frozen({'Y': 1, 'X': 1, 'H': 3})
    """
    array = counts if hasattr(counts, "ndim") else np.asarray(counts)
    if array.ndim == 1:
        array = array[None, None, :]
    elif array.ndim == 2:
        array = array[:, None, :]
    if array.ndim != 3 or array.shape[-1] < 2 or 0 in array.shape:
        raise InputError(
            f"{source}: shape {tuple(array.shape)} is no image of decays; give (Y, X, H) with 2 bins or more"
        )
    for name, value in (("gate_width_ns", gate_width_ns), ("period_ns", period_ns)):
        if value is not None and not (np.isfinite(value) and value > 0):
            raise InputError(
                f"{source}: {name}={value} must be finite and > 0 (e.g. {0.09 if 'gate' in name else 12.5})"
            )
    _check_kind(array.dtype, source)
    total = _number(array.sum(dtype=np.uint64 if array.dtype.kind == "u" else np.float64))
    return xr.DataArray(
        array,
        dims=("Y", "X", "H"),
        coords={"H": ("H", start_ns + np.arange(array.shape[-1]) * gate_width_ns, {"units": "ns"})},
        name="tpsf",
        attrs={
            "source": str(source),
            "format": file_format,
            "gate_width_ns": float(gate_width_ns),
            "period_ns": None if period_ns is None else float(period_ns),
            "photons": total,
            "photons_in_file": total if photons_in_file is None else photons_in_file,
            "pixel_size_um": pixel_size_um,
        },
    )


def gate_width_ns(data: xr.DataArray, /) -> float:
    """Return the step of the time axis, in ns.

    Raises
    ------
    InputError
        If ``data`` is no signal with dims ``('Y', 'X', 'H')`` and an even coordinate ``H``.
    """
    if data.dims != ("Y", "X", "H") or "H" not in data.coords or data.sizes["H"] < 2:
        raise InputError(
            f"dims={tuple(data.dims)} must be ('Y', 'X', 'H') with a coordinate H in ns; read it with read()"
        )
    steps = np.diff(np.asarray(data.coords["H"], np.float64))
    width = float(np.mean(steps))
    if not (width > 0 and np.all(np.abs(steps - width) <= UNEVEN_STEP * width)):
        raise InputError(
            f"time axis H is uneven: steps {steps.min():g} to {steps.max():g} ns; give evenly spaced gates"
        )
    return width


def period_ns(data: xr.DataArray, /) -> float:
    """Return the laser period, in ns.

    Raises
    ------
    InputError
        If the measurement does not know it: nothing is assumed.
    """
    value = data.attrs.get("period_ns")
    if value is None:
        raise InputError("the laser period is unknown; pass --period-ns (e.g. 12.5 for 80 MHz)")
    return float(value)


def strips(
    data: xr.DataArray, /, *, block_pixels: int, halo: int = 0
) -> Iterator[tuple[slice, int, NDArray[Any]]]:
    """Give the image in strips of whole rows, each loaded when its turn comes.

    Parameters
    ----------
    data : xarray.DataArray, dims ('Y', 'X', 'H')
        Signal, lazy or in memory.
    block_pixels : int
        About as many pixels a strip; fewer where there are more than 256 bins.
    halo : int
        Rows added above and below, where there are any.

    Yields
    ------
    rows : slice
        Rows of the strip without halo.
    above : int
        Rows of halo above it.
    counts : ndarray, shape (rows with halo, X, H)
    """
    height = data.sizes["Y"]
    pixels = block_pixels * min(1.0, USUAL_BINS / data.sizes["H"])
    n_rows = max(1, int(pixels) // data.sizes["X"])
    for first in range(0, height, n_rows):
        last = min(first + n_rows, height)
        top = max(first - halo, 0)
        yield slice(first, last), first - top, np.asarray(data[top : min(last + halo, height)].values)


@dataclass(frozen=True)
class Survey:
    """What one pass over a signal finds.

    Parameters
    ----------
    intensity : ndarray, shape (Y, X)
        Counts of each pixel.
    saturated : ndarray of bool, shape (Y, X)
        Pixels with a bin at the greatest value of their integer type.
    decay : ndarray, shape (H,)
        Summed decay of the pixels that are not saturated.
    """

    intensity: NDArray[np.float64]
    saturated: NDArray[np.bool_]
    decay: NDArray[np.float64]


def survey(data: xr.DataArray, /, *, block_pixels: int = 16384, may_be_dark: bool = False) -> Survey:
    """Return intensity, saturation and summed decay of a signal, and refuse counts that are none.

    Parameters
    ----------
    data : xarray.DataArray, dims ('Y', 'X', 'H')
        Signal, lazy or in memory.
    block_pixels : int
        Pixels held in memory at a time.
    may_be_dark : bool
        Accept counts that are all zero: of a part of a measurement.

    Raises
    ------
    InputError
        If a count is negative or not finite, or all are zero.
    """
    name = data.attrs.get("source", "data")
    limit = np.iinfo(data.dtype).max if data.dtype.kind in "ui" else None
    intensity = np.zeros((data.sizes["Y"], data.sizes["X"]))
    saturated = np.zeros(intensity.shape, np.bool_)
    decay = np.zeros(data.sizes["H"])
    for rows, _, counts in strips(data, block_pixels=block_pixels):
        _check_counts(counts, name)
        intensity[rows] = counts.sum(axis=-1, dtype=np.float64)
        if limit is not None:
            saturated[rows] = (counts == limit).any(axis=-1)
        valid = counts[~saturated[rows]] if saturated[rows].any() else counts.reshape(-1, decay.size)
        decay += valid.sum(axis=0, dtype=np.float64)
    if not may_be_dark and not intensity.any():
        raise InputError(f"{name}: all {intensity.size} pixels are zero; check channel, block and shutter")
    return Survey(intensity, saturated, decay)


def sha256_of(path: Path, /) -> str:
    """Return the SHA-256 of a file, or of all files of a folder in the order of their names."""
    digest = hashlib.sha256()
    for file in [path] if path.is_file() else sorted(item for item in path.rglob("*") if item.is_file()):
        with file.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()


def _check_kind(kind: np.dtype[Any], name: str | Path) -> None:
    if kind.kind not in "uif":
        raise InputError(f"{name}: counts of type {kind} are no numbers; give integers or floats")


def _check_counts(counts: NDArray[Any], name: str) -> None:
    _check_kind(counts.dtype, name)
    if counts.dtype.kind == "f" and not np.isfinite(counts).all():
        bad = int((~np.isfinite(counts)).sum())
        raise InputError(
            f"{name}: counts must be finite, found {bad} NaN or infinite; replace them by 0 or mask them out"
        )
    if counts.dtype.kind in "if" and (counts < 0).any():
        raise InputError(
            f"{name}: counts must be >= 0, found {counts.min():g}; give raw counts, with their background"
        )
    if counts.dtype.itemsize >= 4 and counts.size and float(counts.max()) > MAX_COUNT:
        raise InputError(
            f"{name}: counts must be <= 2^53, found {counts.max():g}; give raw counts, not scaled"
        )


def _number(value: ArrayLike) -> float:
    number = np.asarray(value).item()
    if isinstance(number, float) and number.is_integer():
        return int(number)
    return number  # type: ignore[no-any-return]
