"""Measurement of the properties of the pixels of a camera, from dark and flat frames or series."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seq2seqlite.decay import SpadFrameDetector
from seq2seqlite.errors import InputError
from seq2seqlite.io.cameras.corrections import HOT_SIGMAS, Corrections
from seq2seqlite.io.cameras.spad_series import camera_settings, one_bit_frames
from seq2seqlite.io.image_file import read_image
from seq2seqlite.io.signal import gate_width_ns, survey, with_references

__all__ = ["corrected", "hot_pixels"]

IMAGES = (".tif", ".tiff", ".png", ".npy")
# Standard deviation of normally distributed values, divided by their median absolute deviation.
MAD_SIGMA = 1.4826
# A pixel with less than this share of the median of a flat field is dead.
DEAD_SHARE = 0.1
# A dark series has light if its gates differ by more than this share, and by more than their noise explains.
UNEVEN_DARK = 0.02
UNEVEN_SIGMAS = 5.0
# Settings of Pi Imaging cameras on which the dark level depends.
DARK_SETTINGS = ("Mode", "Gate width", "Integration time")
SAME_STEP = 1e-3

Reader = Callable[[Path], xr.DataArray]


def hot_pixels(level: NDArray[np.floating], /, *, sigmas: float = HOT_SIGMAS, gates: int = 1) -> Any:
    """Return the pixels with a dark level far above that of the others.

    Parameters
    ----------
    level : ndarray, shape (Y, X)
        Dark level, in counts per gate.
    sigmas : float
        Threshold above the median, in robust standard deviations.
    gates : int
        Number of gates of which the level is the mean.

    Returns
    -------
    ndarray of bool, shape (Y, X)

    See Also
    --------
    Corrections : Files with the dark level.

    Notes
    -----
    The standard deviation is 1.4826 times the median absolute deviation, which up to half of the pixels
    cannot affect [1]_, and at least that of the photon noise of the median.

    References
    ----------
    .. [1] C. Leys et al., J. Exp. Soc. Psychol. 49, 764 (2013).

    Examples
    --------
    >>> hot_pixels(np.array([[4.0, 5.0], [6.0, 400.0]])).tolist()
    [[False, False], [False, True]]
    """
    middle = float(np.median(level))
    spread = MAD_SIGMA * float(np.median(np.abs(level - middle)))
    noise = math.sqrt(max(middle * gates, 1.0)) / gates
    return level > middle + sigmas * max(spread, noise)


def corrected(
    data: xr.DataArray, corrections: Corrections, read: Reader, /, *, dropped: int = 0
) -> xr.DataArray:
    """Return a measurement with the dark level, sensitivity and bad pixels of its camera.

    Parameters
    ----------
    data : Measurement
        Measurement, corrected for saturation.
    corrections : Corrections
        Files of the corrections.
    read : callable
        Reads a dark or flat series, without corrections.
    dropped : int
        Number of gates that were left out of the measurement, and may be in the dark series.

    Returns
    -------
    Measurement
        The same counts, with coordinates ``dark``, ``flat`` and ``bad`` (Y, X) and the attribute
        ``corrections``, ready for JSON.

    Raises
    ------
    InputError
        If a file cannot be read, does not fit the measurement or contains invalid values, or all pixels are
        bad.
    """
    shape, files = (data.sizes["Y"], data.sizes["X"]), corrections.files
    found, warnings = corrections.described(), list(data.attrs.get("warnings", ()))
    bad = np.zeros(shape, np.bool_)
    dark = flat = None
    if corrections.level is not None:
        dark = np.full(shape, corrections.level)
    elif "dark" in files:
        level = _Reference.read("dark", files["dark"], data, read, dropped)
        dark = level.image
        warnings += level.uneven()
        hot = hot_pixels(dark, sigmas=corrections.sigmas, gates=level.n_gates) | level.saturated
        bad |= hot
        found["pixels_hot"] = int(hot.sum())
    if dark is not None:
        found["dark_level"] = float(np.median(dark))
    if "flat" in files:
        light = _Reference.read("flat", files["flat"], data, read)
        # A series contains the dark level; an image is taken as it is.
        signal = light.image - dark if light.decay is not None and dark is not None else light.image
        middle = float(np.median(signal[~bad])) if not bad.all() else 0.0
        if not middle > 0:
            raise InputError(f"flat={corrections.flat} has a median of {middle:g}; it must have more light")
        dead = ((signal < DEAD_SHARE * middle) | light.saturated) & ~bad
        bad |= dead
        flat = np.where(bad, np.nan, signal / middle)
        found["pixels_dead"] = int(dead.sum())
    if "bad_pixels" in files:
        marked = _image("bad_pixels", files["bad_pixels"], shape)
        bad |= np.nan_to_num(marked, nan=1.0) != 0
    if bad.all():
        raise InputError(f"{data.attrs['source']}: all {bad.size} pixels are hot, dead or marked as bad")
    found["pixels_bad"] = int(bad.sum())
    result = with_references(data, dark=dark, flat=flat, bad=bad)
    result.attrs["corrections"] = found
    if warnings:
        result.attrs["warnings"] = warnings
    return result


@dataclass(frozen=True)
class _Reference:
    """Dark or flat frame: counts of one gate, or the mean of a series."""

    name: str
    image: NDArray[np.float64]
    saturated: NDArray[np.bool_]
    decay: NDArray[np.float64] | None = None  # of a series

    @property
    def n_gates(self) -> int:
        """Number of gates of which the image is the mean."""
        return 1 if self.decay is None else self.decay.size

    @classmethod
    def read(cls, what: str, path: Path, data: xr.DataArray, read: Reader, dropped: int = 0) -> "_Reference":
        """Read a frame or series, and check that it fits the measurement."""
        shape, name = (data.sizes["Y"], data.sizes["X"]), f"{what}={path}"
        if path.is_file() and path.suffix.lower() in IMAGES:
            values = _image(what, path, shape).astype(np.float64)
            saturated = np.zeros(shape, np.bool_)
            settings = camera_settings(path) if path.suffix.lower() == ".png" else {}
            if settings:
                _check_settings(name, settings, data)
                n_frames = one_bit_frames(path, settings)
                saturated = values >= n_frames
                values = SpadFrameDetector(n_frames).photons(values) * _repeats(data, n_frames)
            _check_values(name, values)
            return cls(name, values, saturated)
        series = read(path)
        if series.shape[:2] != shape:
            raise InputError(f"{name} has shape {series.shape[:2]}, but the measurement {shape}")
        if what == "dark":
            _check_gates(name, series, data, dropped)
            _check_settings(name, series.attrs.get("camera", {}), data)
        known = survey(series).check(may_be_dark=True)
        values = known.intensity / series.sizes["H"] * _repeats(data, series.attrs.get("one_bit_frames"))
        return cls(name, values, known.saturated, known.decay)

    def uneven(self) -> list[str]:
        """Return a warning if the gates of a dark series differ."""
        if self.decay is None or not self.decay.sum():
            return []
        middle = float(self.decay.mean())
        chi_square = float(((self.decay - middle) ** 2).mean() / middle)
        share = float(self.decay.std() / middle)
        noise = 1 + UNEVEN_SIGMAS * math.sqrt(2 / self.decay.size)
        if chi_square <= noise or share <= UNEVEN_DARK:
            return []
        warning = (
            f"{self.name}: the counts of the gates differ by {share:.1%}, although a dark level is the same "
            "in all of them; record it without laser and sample"
        )
        return [warning]


def _image(what: str, path: Path, shape: tuple[int, int]) -> NDArray[Any]:
    """Read an image of the shape of the measurement."""
    values = read_image(path, what=what.replace("_", " "))
    if values.shape != shape:
        raise InputError(f"{what}={path} has shape {values.shape}, but the measurement {shape}")
    return values


def _repeats(data: xr.DataArray, n_frames: int | None) -> float:
    """Return how many exposures of a reference one gate of the measurement is the sum of."""
    own = data.attrs.get("one_bit_frames")
    return 1.0 if own is None or n_frames is None else own / n_frames


def _check_values(name: str, values: NDArray[np.float64]) -> None:
    if not np.isfinite(values).all():
        bad = int((~np.isfinite(values)).sum())
        raise InputError(f"{name} has {bad} pixels that are NaN or infinite; mark them in bad_pixels instead")
    if (values < 0).any():
        raise InputError(f"{name} has {int((values < 0).sum())} negative pixels; save it without corrections")


def _check_gates(name: str, series: xr.DataArray, data: xr.DataArray, dropped: int) -> None:
    """Raise InputError if a dark series has other gates than the measurement."""
    if series.sizes["H"] not in (data.sizes["H"], data.sizes["H"] + dropped):
        raise InputError(
            f"{name} has {series.sizes['H']} gates, but the measurement {data.sizes['H']}; record both with "
            "the same gates"
        )
    widths = gate_width_ns(series), gate_width_ns(data)
    if abs(widths[0] - widths[1]) > SAME_STEP * widths[1]:
        raise InputError(
            f"{name} has gates {widths[0]:.4g} ns apart, but the measurement {widths[1]:.4g} ns; record both "
            "with the same gates"
        )


def _check_settings(name: str, settings: Any, data: xr.DataArray) -> None:
    """Raise InputError if a dark level was measured with other settings."""
    own = data.attrs.get("camera", {})
    for key in DARK_SETTINGS:
        if settings and own and settings.get(key) != own.get(key):
            raise InputError(
                f"{name} has {key!r} = {settings.get(key)!r}, but the measurement {own.get(key)!r}; record "
                "both with the same settings"
            )
