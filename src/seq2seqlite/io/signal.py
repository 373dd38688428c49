"""Measurements as arrays (Y, X, H) with a time axis and metadata, and checks of their counts."""

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

# Relative tolerance of the bin width, because files store rounded times.
UNEVEN_STEP = 0.02
# Largest count up to which all integers are exact in float64.
MAX_COUNT = 2.0**53
# With more bins than this, strips have fewer pixels, so that the memory of a strip is constant.
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
    """Return counts as a measurement with time axis and metadata.

    Parameters
    ----------
    counts : array, shape (Y, X, H), or (n, H), or (H,)
        Counts; a lazy array stays lazy.
    source : path-like
        File of the counts, or another name.
    file_format : str
        Format of the file, e.g. ``"PTU"``.
    gate_width_ns : float
        Bin width, in ns.
    period_ns : float, optional
        Laser period, in ns; None if unknown.
    start_ns : float
        Start of the first bin, in ns.
    photons_in_file : number, optional
        Number of all photons in the file; default: the sum of ``counts``.
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
        If the shape has no time axis, or a width or period is not positive.

    See Also
    --------
    read : Read a measurement as an array of decays.
    seq2seqlite.lifetime_map : Compute the lifetime maps of a measurement.

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
            f"{source}: shape {tuple(array.shape)} must be (Y, X, H), (n, H) or (H,), with at least 2 bins"
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
    """Return the bin width of the time axis, in ns.

    Raises
    ------
    InputError
        If ``data`` does not have dims ``('Y', 'X', 'H')`` and an evenly spaced coordinate ``H``.
    """
    if data.dims != ("Y", "X", "H") or "H" not in data.coords or data.sizes["H"] < 2:
        raise InputError(
            f"dims={tuple(data.dims)} must be ('Y', 'X', 'H') with a coordinate H in ns; use read() or "
            f"signal_from_counts()"
        )
    steps = np.diff(np.asarray(data.coords["H"], np.float64))
    width = float(np.mean(steps))
    if not (width > 0 and np.all(np.abs(steps - width) <= UNEVEN_STEP * width)):
        raise InputError(
            f"the steps of time axis H must be equal, found {steps.min():g} to {steps.max():g} ns; use "
            f"evenly spaced gates"
        )
    return width


def period_ns(data: xr.DataArray, /) -> float:
    """Return the laser period, in ns.

    Raises
    ------
    InputError
        If the period is unknown; there is no default value.
    """
    value = data.attrs.get("period_ns")
    if value is None:
        raise InputError("the laser period is unknown; pass period_ns in ns (e.g. 12.5 for 80 MHz)")
    return float(value)


def strips(
    data: xr.DataArray, /, *, block_pixels: int, halo: int = 0
) -> Iterator[tuple[slice, int, NDArray[Any]]]:
    """Yield the image in strips of whole rows, which are loaded one at a time.

    Parameters
    ----------
    data : xarray.DataArray, dims ('Y', 'X', 'H')
        Signal, lazy or in memory.
    block_pixels : int
        Approximate number of pixels of a strip; fewer with more than 256 bins.
    halo : int
        Rows to add above and below, as far as the image extends.

    Yields
    ------
    rows : slice
        Rows of the strip, without the additional rows.
    above : int
        Number of additional rows above the strip.
    counts : ndarray, shape (rows with additional rows, X, H)
        Counts.
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
    """Result of one pass over a measurement.

    Parameters
    ----------
    intensity : ndarray, shape (Y, X)
        Counts of each pixel.
    saturated : ndarray of bool, shape (Y, X)
        Pixels with a bin at the maximum of its integer type.
    decay : ndarray, shape (H,)
        Summed decay of the pixels that are not saturated.
    """

    intensity: NDArray[np.float64]
    saturated: NDArray[np.bool_]
    decay: NDArray[np.float64]


def survey(data: xr.DataArray, /, *, block_pixels: int = 16384, may_be_dark: bool = False) -> Survey:
    """Return intensity, saturation and summed decay of a measurement, and reject invalid counts.

    Parameters
    ----------
    data : xarray.DataArray, dims ('Y', 'X', 'H')
        Signal, lazy or in memory.
    block_pixels : int
        Pixels held in memory at a time.
    may_be_dark : bool
        Accept counts that are all zero, for parts of a measurement.

    Raises
    ------
    InputError
        If a count is negative or not finite, or all counts are zero.
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
        raise InputError(
            f"{name}: all {intensity.size} pixels are zero; check the channel, the data set and the shutter"
        )
    return Survey(intensity, saturated, decay)


def sha256_of(path: Path, /) -> str:
    """Return the SHA-256 of a file, or of all files in a folder in the order of their names.

    See Also
    --------
    seq2seqlite.outputs.describe_output : Return size and digest of a file or folder.
    """
    digest = hashlib.sha256()
    for file in [path] if path.is_file() else sorted(item for item in path.rglob("*") if item.is_file()):
        with file.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()


def _check_kind(kind: np.dtype[Any], name: str | Path) -> None:
    if kind.kind not in "uif":
        raise InputError(f"{name}: counts must be integers or floats, not {kind}; convert them")


def _check_counts(counts: NDArray[Any], name: str) -> None:
    _check_kind(counts.dtype, name)
    if counts.dtype.kind == "f" and not np.isfinite(counts).all():
        bad = int((~np.isfinite(counts)).sum())
        raise InputError(f"{name}: counts must be finite, found {bad} NaN or infinite; replace them with 0")
    if counts.dtype.kind in "if" and (counts < 0).any():
        raise InputError(
            f"{name}: counts must be >= 0, found {counts.min():g}; pass raw counts, including the background"
        )
    if counts.dtype.itemsize >= 4 and counts.size and float(counts.max()) > MAX_COUNT:
        raise InputError(
            f"{name}: counts must be <= 2^53, found {counts.max():g}; pass raw counts, without scaling"
        )


def _number(value: ArrayLike) -> float:
    number = np.asarray(value).item()
    if isinstance(number, float) and number.is_integer():
        return int(number)
    return number  # type: ignore[no-any-return]
