"""Measurements as arrays (Y, X, H) with a time axis and metadata, and checks of their counts."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.errors import InputError

__all__ = [
    "Measurement",
    "Survey",
    "check_alike",
    "decay_of",
    "gate_width_ns",
    "period_ns",
    "saturated_pixels",
    "signal_from_counts",
    "strips",
    "survey",
    "with_references",
]

# Relative tolerance of the bin width, because files store rounded times.
UNEVEN_STEP = 0.02
# Largest count up to which all integers are exact in float64.
MAX_COUNT = 2.0**53
# Longest gate if the laser period is unknown.
MAX_GATE_NS = 1e6
# With more bins than this, strips have fewer pixels, so that the memory of a strip is constant.
USUAL_BINS = 256
# Up to this size, a strip of a lazy array is as high as its chunks, so that each chunk is loaded once.
MAX_STRIP_BYTES = 2**26


@dataclass(frozen=True)
class Survey:
    """Result of one pass over the counts of a measurement.

    Parameters
    ----------
    source : str
        Name of the measurement, for messages.
    intensity : ndarray, shape (Y, X)
        Counts of each pixel.
    saturated : ndarray of bool, shape (Y, X)
        Pixels with a bin at the maximum of its integer type.
    decay : ndarray, shape (H,)
        Summed decay of the pixels that are neither saturated nor bad.
    fault : str
        Why the counts are invalid (negative, not finite or too large); empty for valid counts.
    bad : ndarray of bool, shape (Y, X), optional
        Hot and dead pixels of a camera.
    dark : ndarray, shape (Y, X), optional
        Dark level of a camera, in counts per gate, which the counts contain.

    See Also
    --------
    Measurement : Measurement with its survey.
    """

    source: str
    intensity: NDArray[np.float64]
    saturated: NDArray[np.bool_]
    decay: NDArray[np.float64]
    fault: str = ""
    bad: NDArray[np.bool_] | None = None
    dark: NDArray[np.float64] | None = None

    @property
    def excluded(self) -> NDArray[np.bool_]:
        """Pixels that are saturated or bad, shape (Y, X)."""
        return self.saturated if self.bad is None else self.saturated | self.bad

    @property
    def signal(self) -> NDArray[np.float64]:
        """Counts of each pixel without its dark level, shape (Y, X); noise makes some negative."""
        return self.intensity if self.dark is None else self.intensity - self.decay.size * self.dark

    @property
    def dark_sum(self) -> float:
        """Dark level of the summed decay, in counts per gate."""
        return 0.0 if self.dark is None else float(self.dark[~self.excluded].sum())

    @property
    def photons(self) -> float:
        """Sum of all counts; an int if it is a whole number."""
        return _number(self.intensity.sum())

    def check(self, *, may_be_dark: bool = False) -> Self:
        """Return this survey after checking that the counts are valid.

        Parameters
        ----------
        may_be_dark : bool
            Accept counts that are all zero, for parts of a measurement.

        Raises
        ------
        InputError
            If a count is negative, not finite or above 2^53, or all counts are zero.
        """
        if self.fault:
            raise InputError(f"{self.source}: {self.fault}")
        if not may_be_dark and not self.intensity.any():
            raise InputError(
                f"{self.source}: all {self.intensity.size} pixels are zero; check the channel, the data set "
                f"and the shutter"
            )
        return self


class Measurement(xr.DataArray):  # type: ignore[no-untyped-call]
    """Counts (Y, X, H) with their survey, as returned by :func:`signal_from_counts` and the readers.

    The survey describes exactly these counts. Arrays in memory are therefore read-only: the assignment of an
    item first copies them, and an array derived from a measurement (a copy, a part of it) has no survey.

    See Also
    --------
    survey : Survey of any array of counts.

    Examples
    --------
    >>> data = signal_from_counts([[1, 2, 3]], source="a.txt", file_format="text", gate_width_ns=0.1)
    >>> data.survey.photons, data.copy().survey
    (6, None)
    """

    __slots__ = ("_surveyed",)
    _surveyed: tuple[Any, Survey]

    @property
    def survey(self) -> Survey | None:
        """Survey of the counts; None for changed counts, and for an array derived from a measurement."""
        array, found = getattr(self, "_surveyed", (None, None))
        return found if array is self.variable.data else None

    def __setitem__(self, key: Any, value: Any) -> None:
        if self.survey is not None and isinstance(self.data, np.ndarray):
            self.data = self.data.copy()
        super().__setitem__(key, value)


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
    gate_length_ns: float | None = None,
    saturated: NDArray[np.bool_] | None = None,
) -> Measurement:
    """Return counts as a measurement with time axis, metadata and survey.

    Parameters
    ----------
    counts : array, shape (Y, X, H), or (n, H), or (H,)
        Counts, which are read once; a lazy array stays lazy. An array in memory is not copied, and must not
        be changed afterwards: the measurement is a read-only view of it. Counts of type float16, whose sums
        overflow, become float32.
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
    gate_length_ns : float, optional
        Length of the gates of a camera, in ns, if it differs from the step between them.
    saturated : ndarray of bool, shape (Y, X), optional
        Pixels that are known to be saturated, besides those with a count at the maximum of its integer type.

    Returns
    -------
    Measurement
        Dims ``('Y', 'X', 'H')``, coordinate ``H`` in ns (start of each bin), attributes ``gate_width_ns``,
        ``period_ns``, ``photons``, ``photons_in_file``, ``pixel_size_um``, ``source``, ``format``.

    Raises
    ------
    InputError
        If the shape has no time axis, the counts are not numbers, or a width or period is not positive.
        Invalid counts are recorded by the survey; :meth:`Survey.check` raises them.

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
    check_gate_length(gate_length_ns, period_ns, source=source)
    if array.dtype == np.float16:
        array = array.astype(np.float32)
    if isinstance(array, np.ndarray):
        array = array.view()
        array.flags.writeable = False
    data = Measurement(
        array,
        dims=("Y", "X", "H"),
        coords={"H": ("H", start_ns + np.arange(array.shape[-1]) * gate_width_ns, {"units": "ns"})},
        name="tpsf",
        attrs={
            "source": str(source),
            "format": file_format,
            "gate_width_ns": float(gate_width_ns),
            "period_ns": None if period_ns is None else float(period_ns),
        },
    )
    found = survey(data, saturated=saturated)
    data._surveyed = (data.variable.data, found)  # noqa: SLF001 - nothing else sets it
    data.attrs["photons"] = found.photons
    data.attrs["photons_in_file"] = found.photons if photons_in_file is None else photons_in_file
    data.attrs["pixel_size_um"] = pixel_size_um
    if gate_length_ns is not None:
        data.attrs["gate_length_ns"] = float(gate_length_ns)
    return data


def saturated_pixels(counts: NDArray[Any], /) -> NDArray[np.bool_]:
    """Return which pixels of counts, shape (..., H), have a bin at the maximum of their integer type.

    For counts that are summed to a wider type, in which saturation cannot be recognised.

    Examples
    --------
    >>> saturated_pixels(np.array([[1, 255], [3, 4]], np.uint8)).tolist()
    [True, False]
    """
    if counts.dtype.kind not in "ui":
        return np.zeros(counts.shape[:-1], np.bool_)
    return np.asarray((counts == np.iinfo(counts.dtype).max).any(axis=-1))


def with_references(
    data: xr.DataArray,
    /,
    *,
    dark: NDArray[np.float64] | None = None,
    flat: NDArray[np.float64] | None = None,
    bad: NDArray[np.bool_] | None = None,
) -> Measurement:
    """Return a measurement with the properties of the pixels of its camera, as coordinates (Y, X).

    The counts stay as they are: coordinate ``dark`` is the dark level that they contain, in counts per gate,
    ``flat`` the relative sensitivity of the pixels, and ``bad`` marks hot and dead pixels.

    Parameters
    ----------
    data : Measurement
        Measurement.
    dark, flat, bad : ndarray, shape (Y, X), optional
        Properties of the pixels.

    See Also
    --------
    seq2seqlite.io.Corrections : Files with these properties.
    """
    none_bad = np.zeros((data.sizes["Y"], data.sizes["X"]), np.bool_)
    known = {"dark": dark, "flat": flat, "bad": none_bad if bad is None else bad}
    coords = {name: (("Y", "X"), values) for name, values in known.items() if values is not None}
    result = Measurement(data.assign_coords(coords))
    result._surveyed = (result.variable.data, survey(result, saturated=survey(data).saturated))  # noqa: SLF001
    return result


def check_gate_length(
    gate_length_ns: float | None, period_ns: float | None, /, *, source: str | Path
) -> None:
    """Raise InputError if the length of a gate is not positive or is longer than the laser period."""
    if gate_length_ns is not None and not 0 < gate_length_ns <= (period_ns or MAX_GATE_NS):
        raise InputError(
            f"{source}: gate_length_ns={gate_length_ns} must be > 0 and <= the laser period"
            + ("" if period_ns is None else f" of {period_ns:g} ns")
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
        Approximate number of pixels of a strip; fewer with more than 256 bins. Strips of a lazy array consist
        of whole chunks, unless these are large.
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
    height, n_rows = data.sizes["Y"], _strip_rows(data, block_pixels)
    for first in range(0, height, n_rows):
        last = min(first + n_rows, height)
        top = max(first - halo, 0)
        yield slice(first, last), first - top, np.asarray(data[top : min(last + halo, height)].values)


def decay_of(
    data: xr.DataArray, chosen: NDArray[np.bool_], /, *, block_pixels: int = 16384
) -> NDArray[np.float64]:
    """Return the summed decay of some pixels.

    Parameters
    ----------
    data : xarray.DataArray, dims ('Y', 'X', 'H')
        Signal, lazy or in memory.
    chosen : ndarray of bool, shape (Y, X)
        Pixels to add up.
    block_pixels : int
        As for :func:`strips`.

    Returns
    -------
    ndarray, shape (H,)
    """
    total = np.zeros(data.sizes["H"])
    for rows, _, counts in strips(data, block_pixels=block_pixels):
        total += counts[chosen[rows]].sum(axis=0, dtype=np.float64)
    return total


def survey(
    data: xr.DataArray, /, *, block_pixels: int = 16384, saturated: NDArray[np.bool_] | None = None
) -> Survey:
    """Return the survey of counts: that of a :class:`Measurement`, otherwise that of one pass over them.

    Parameters
    ----------
    data : xarray.DataArray, dims ('Y', 'X', 'H')
        Counts, lazy or in memory; read strip by strip.
    block_pixels : int
        Pixels held in memory at a time.
    saturated : ndarray of bool, shape (Y, X), optional
        Pixels that are known to be saturated.

    Raises
    ------
    InputError
        If the counts are not integers or floats.

    See Also
    --------
    Survey.check : Rejection of invalid counts.
    """
    if isinstance(data, Measurement) and data.survey is not None:
        return data.survey
    name = str(data.attrs.get("source", "data"))
    _check_kind(data.dtype, name)
    intensity = np.zeros((data.sizes["Y"], data.sizes["X"]))
    saturated = np.zeros(intensity.shape, np.bool_) if saturated is None else saturated.copy()
    bad, dark = (data.coords[one].values if one in data.coords else None for one in ("bad", "dark"))
    decay = np.zeros(data.sizes["H"])
    fault = ""
    with np.errstate(invalid="ignore", over="ignore"):  # a fault is reported once, by its text
        for rows, _, counts in strips(data, block_pixels=block_pixels):
            fault = fault or _fault(counts)
            intensity[rows] = counts.sum(axis=-1, dtype=np.float64)
            saturated[rows] |= saturated_pixels(counts)
            excluded = saturated[rows] if bad is None else saturated[rows] | bad[rows]
            valid = counts[~excluded] if excluded.any() else counts.reshape(-1, decay.size)
            decay += valid.sum(axis=0, dtype=np.float64)
    return Survey(name, intensity, saturated, decay, fault, bad, dark)


def _strip_rows(data: xr.DataArray, block_pixels: int) -> int:
    """Return the number of rows of a strip."""
    width, n_bins = data.sizes["X"], data.sizes["H"]
    n_rows = max(1, int(block_pixels * min(1.0, USUAL_BINS / n_bins)) // width)
    if data.chunks is None:
        return n_rows
    chunk_rows = max(data.chunks[0])
    if chunk_rows <= n_rows:
        return n_rows // chunk_rows * chunk_rows
    return chunk_rows if chunk_rows * width * n_bins * data.dtype.itemsize <= MAX_STRIP_BYTES else n_rows


def _check_kind(kind: np.dtype[Any], name: str | Path) -> None:
    if kind.kind not in "uif":
        raise InputError(f"{name}: counts must be integers or floats, not {kind}; convert them")


def _fault(counts: NDArray[Any]) -> str:
    """Return why counts are invalid, or an empty string."""
    if counts.dtype.kind == "f" and not np.isfinite(counts).all():
        bad = int((~np.isfinite(counts)).sum())
        return f"counts must be finite, found {bad} NaN or infinite; replace them with 0"
    if counts.dtype.kind in "if" and (counts < 0).any():
        return f"counts must be >= 0, found {counts.min():g}; pass raw counts, including the background"
    if counts.dtype.itemsize >= 4 and counts.size and float(counts.max()) > MAX_COUNT:
        return f"counts must be <= 2^53, found {counts.max():g}; pass raw counts, without scaling"
    return ""


def _number(value: ArrayLike) -> float:
    number = np.asarray(value).item()
    if isinstance(number, float) and number.is_integer():
        return int(number)
    return number  # type: ignore[no-any-return]


def check_alike(frame: xr.DataArray, /, *, shape: tuple[int, ...], starts_ns: NDArray[np.floating]) -> None:
    """Raise InputError if a frame has another shape (Y, X) or time axis than the first one of a stream."""
    name, expected = frame.attrs.get("source", "frame"), (*shape, starts_ns.size)
    if frame.shape != expected:
        raise InputError(
            f"{name}: shape {frame.shape} differs from the shape {expected} of the first frame; "
            f"start a new stream for it"
        )
    # Files store rounded times: axes that differ by less than half a gate are the same.
    half_gate_ns = 0.5 * float(starts_ns[1] - starts_ns[0])
    if np.abs(np.asarray(frame.coords["H"], np.float64) - starts_ns).max() > half_gate_ns:
        raise InputError(
            f"{name}: the time axis differs from that of the first frame; start a new stream for it"
        )
