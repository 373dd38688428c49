"""Lifetime maps of a measurement, computed block by block."""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.errors import InputError
from seq2seqlite.estimators import Estimate
from seq2seqlite.imaging.histogram import Spread
from seq2seqlite.imaging.mask import MIN_PHOTONS, neighbourhood_sum, read_mask
from seq2seqlite.imaging.no_lifetime import no_lifetime
from seq2seqlite.imaging.quality import Quality, QualityCheck
from seq2seqlite.imaging.range_check import RangeCheck
from seq2seqlite.io.signal import Survey, strips, survey
from seq2seqlite.maps import LIFETIME_MAPS, QUALITY_MAPS, map_dataset
from seq2seqlite.protocols import Predictor, tau_range_ns
from seq2seqlite.rebinning.plan import Rebinner, plan_rebinning

__all__ = [
    "Analysis",
    "FrameAnalysis",
    "TooDarkError",
    "all_saturated",
    "bright_enough",
    "check_binning",
    "check_settings",
    "lifetime_map",
    "photons_of",
    "plan_analysis",
    "too_dark",
]

# Pixels predicted at a time: a few seconds of a slow predictor between two progress updates.
BATCH = 4096


def lifetime_map(
    data: xr.DataArray,
    predictor: Predictor,
    /,
    *,
    min_photons: float = MIN_PHOTONS,
    binning: int = 0,
    mask: str | os.PathLike[str] | ArrayLike | None = None,
    extrapolate: bool = False,
    quality: Quality | None = None,
    block_pixels: int = 16384,
    progress: Callable[[int, int], None] | None = None,
) -> xr.Dataset:
    """Compute the lifetime maps of a measurement.

    Parameters
    ----------
    data : xarray.DataArray, dims ('Y', 'X', 'H')
        Measurement as returned by :func:`read`; may be lazy (dask).
    predictor : Predictor
        Model or estimator.
    min_photons : float
        Photon threshold: pixels with fewer counts, after binning, are below threshold and not analysed. At
        the default of 100 photons, the standard error of a lifetime is at least 10 %.
    binning : int
        Neighbours on each side whose counts are added to those of a pixel, so that (2 binning + 1)² pixels
        are summed; the image size does not change.
    mask : path-like or array_like, optional
        Mask, nonzero where pixels are analysed; other pixels are also excluded from the sums of neighbours.
    extrapolate : bool
        Extend a window that is shorter than the model's by an exponential tail.
    quality : Quality, optional
        Settings of the quality maps, which compare each reconvolved prediction with its counts and flag
        unreliable pixels.
    block_pixels : int
        Pixels held in memory at a time.
    progress : callable, optional
        Called with the number of predicted pixels and of pixels to predict.

    Returns
    -------
    xarray.Dataset
        float32 maps (Y, X): ``tau_mean_ns`` (amplitude-weighted), ``tau_short_ns``, ``tau_long_ns``,
        ``amplitude_fraction`` (of the short component), NaN where not analysed, and ``intensity`` (counts of
        each pixel, unbinned). Attributes: those of ``data``, ``model``, ``predictor``, ``rebinning`` (a
        :class:`Rebinning`), thresholds, ``pixels``, ``pixels_analysed``, ``pixels_saturated``, ``seconds``,
        and ``warnings``: lines that say if the lifetimes lie outside of the range of the predictor.
        With ``quality`` also the maps ``chi_square`` (reduced), ``deviation`` (by how many standard errors
        the counts would have the lifetimes longer) and ``flagged`` (1: not to be believed), and the attribute
        ``quality``.

    Raises
    ------
    InputError
        If counts are invalid, all pixels are saturated or below the threshold, the axis does not fit the
        model, or no pixel has a lifetime.

    See Also
    --------
    seq2seqlite.read : Read a measurement as an array of decays.
    seq2seqlite.imaging.write_maps :
        Write float32 maps, the figure ``lifetime.png`` and ``summary.json`` to a folder.
    seq2seqlite.write_lifetime_maps :
        Write the lifetime maps of one or more measurement files; the command ``image``.
    """
    began = time.perf_counter()
    frames = FrameAnalysis(
        data,
        predictor,
        min_photons=min_photons,
        binning=binning,
        mask=mask,
        extrapolate=extrapolate,
        quality=quality,
        block_pixels=block_pixels,
    )
    maps = frames.maps(data, found=frames.found, progress=progress)
    if not np.isfinite(maps["tau_mean_ns"].values).any():
        raise no_lifetime(str(data.attrs.get("source", "data")), predictor.name, frames.reasons)
    maps.attrs["seconds"] = time.perf_counter() - began
    return maps


class TooDarkError(InputError):
    """Measurement without a usable pixel: all pixels are saturated or below threshold."""


class FrameAnalysis:
    """Analysis of frames with the same shape and time axis, planned with the first frame.

    Parameters
    ----------
    first : xarray.DataArray, dims ('Y', 'X', 'H')
        Frame whose summed decay determines the re-binning to the time axis of the model.
    predictor, min_photons, binning, mask, extrapolate, quality, block_pixels
        As for :func:`lifetime_map`.
    found : Survey, optional
        Survey of the first frame, if it has been computed already.

    Raises
    ------
    InputError
        As :func:`lifetime_map`.
    TooDarkError
        If no pixel of the first frame can be analysed.

    Attributes
    ----------
    analysis : Analysis
        Analysis of all frames.
    found : Survey
        What the first frame's counts showed.
    reasons : Counter
        Pixels of the last frame by the reason of an estimator (:class:`~seq2seqlite.estimators.Reason`).

    See Also
    --------
    lifetime_map : Compute the lifetime maps of a measurement.
    seq2seqlite.streaming.FrameStage : Analysis of whole frames, planned with the first valid frame.
    """

    def __init__(
        self,
        first: xr.DataArray,
        predictor: Predictor,
        /,
        *,
        min_photons: float = MIN_PHOTONS,
        binning: int = 0,
        mask: str | os.PathLike[str] | ArrayLike | None = None,
        extrapolate: bool = False,
        quality: Quality | None = None,
        block_pixels: int = 16384,
        found: Survey | None = None,
    ) -> None:
        check_settings(min_photons, binning, block_pixels)
        check_binning(binning, (first.sizes["Y"], first.sizes["X"]))
        self.min_photons, self.binning, self.block_pixels = min_photons, binning, block_pixels
        self.found = survey(first, block_pixels=block_pixels) if found is None else found
        self._mask = read_mask(mask, shape=(first.sizes["Y"], first.sizes["X"]))
        usable = self._mask & ~self.found.saturated
        if not self._chosen(usable, self.found).any():
            raise _nothing_chosen(usable, self.found, binning, min_photons, first)
        self.reasons: Counter[int] = Counter()
        self._shape, self._starts_ns = first.shape, np.asarray(first.coords["H"], np.float64)
        self.analysis = plan_analysis(
            first, self.found.decay, predictor, extrapolate=extrapolate, quality=quality
        )

    def maps(
        self,
        frame: xr.DataArray,
        /,
        *,
        found: Survey | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> xr.Dataset:
        """Return the maps of a frame; all values are NaN if all pixels are below threshold.

        Parameters
        ----------
        frame : xarray.DataArray, dims ('Y', 'X', 'H')
            Frame with the shape and time axis of the first.
        found : Survey, optional
            Survey of the frame, if it has been computed already.
        progress : callable, optional
            Called with the number of predicted pixels and of pixels to predict.

        Returns
        -------
        xarray.Dataset
            Maps as returned by :func:`lifetime_map`.

        Raises
        ------
        InputError
            If the shape or time axis differs from the first frame, or a count is negative or not finite.
        """
        began = time.perf_counter()
        self._check_alike(frame)
        if found is None:
            found = survey(frame, block_pixels=self.block_pixels, may_be_dark=True)
        usable = self._mask & ~found.saturated
        chosen = self._chosen(usable, found)
        self.reasons.clear()
        maps = self.analysis.maps(
            frame,
            usable,
            chosen,
            binning=self.binning,
            block_pixels=self.block_pixels,
            reasons=self.reasons,
            progress=progress,
        )
        maps["intensity"] = found.intensity.astype(np.float32)
        done_how = self.analysis.described() | {
            "rebinning": self.analysis.rebinner.done,
            "min_photons": float(self.min_photons),
            "binning": int(self.binning),
            "pixels": int(chosen.size),
            "pixels_analysed": int(chosen.sum()),
            "pixels_saturated": int(found.saturated.sum()),
            "seconds": time.perf_counter() - began,
            "warnings": self.analysis.warnings(Spread.of(maps["tau_mean_ns"])),
        }
        return map_dataset(maps, dict(frame.attrs) | done_how)

    def _chosen(self, usable: NDArray[np.bool_], found: Survey) -> NDArray[np.bool_]:
        photons = photons_of(found.intensity, usable, binning=self.binning)
        return usable & bright_enough(photons, self.min_photons)

    def _check_alike(self, frame: xr.DataArray) -> None:
        name = frame.attrs.get("source", "frame")
        if frame.shape != self._shape:
            raise InputError(
                f"{name}: shape {frame.shape} differs from the shape {self._shape} of the first frame; "
                f"start a new stream for it"
            )
        # Files store rounded times: axes that differ by less than half a gate are the same.
        half_gate_ns = 0.5 * float(self._starts_ns[1] - self._starts_ns[0])
        if np.abs(np.asarray(frame.coords["H"], np.float64) - self._starts_ns).max() > half_gate_ns:
            raise InputError(
                f"{name}: the time axis differs from that of the first frame; start a new stream for it"
            )


@dataclass(frozen=True)
class Analysis:
    """Steps from counts to maps, for whole measurements and for parts of them.

    Parameters
    ----------
    predictor : Predictor
        Model.
    rebinner : Rebinner
        Re-binning from the time axis of the measurement to the model's.
    check : QualityCheck, optional
        Comparison of predictions with counts.
    decay_warnings : tuple of str
        Warnings of the summed decay.
    """

    predictor: Predictor
    rebinner: Rebinner
    check: QualityCheck | None = None
    decay_warnings: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the computed maps."""
        return (*LIFETIME_MAPS, *(QUALITY_MAPS if self.check is not None else ()))

    def described(self) -> dict[str, Any]:
        """Return ``model``, ``predictor`` and, with a check, ``quality``."""
        done = {"model": self.predictor.name, "predictor": self.predictor.kind}
        return done if self.check is None else done | {"quality": self.check.described()}

    def warnings(self, lifetimes: Spread, /) -> list[str]:
        """Return the warnings of the summed decay, and those of the mean lifetimes of all pixels."""
        check = RangeCheck(self.predictor.name, tau_range_ns(self.predictor))
        return [*self.decay_warnings, *check.of_lifetimes(lifetimes)]

    def maps(
        self,
        data: xr.DataArray,
        usable: NDArray[np.bool_],
        chosen: NDArray[np.bool_],
        /,
        *,
        binning: int = 0,
        block_pixels: int = 16384,
        reasons: Counter[int] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> dict[str, NDArray[np.float32]]:
        """Return the maps of a measurement or of some rows of it.

        Parameters
        ----------
        data : xarray.DataArray, dims ('Y', 'X', 'H')
            Counts.
        usable : ndarray of bool, shape (Y, X)
            Pixels whose counts may be added to a sum of neighbours.
        chosen : ndarray of bool, shape (Y, X)
            Pixels to predict; the others are NaN.
        binning, block_pixels, progress
            As of :func:`lifetime_map`.
        reasons : Counter, optional
            The pixels are added to it by the reason of the estimator.

        Returns
        -------
        dict of ndarray of float32, shape (Y, X)
            Maps by name, as in :attr:`names`.
        """
        maps = {name: np.full(chosen.shape, np.nan, np.float32) for name in self.names}
        done, todo = 0, int(chosen.sum())
        selected = _selected(data, self.rebinner, usable, chosen, binning=binning, block_pixels=block_pixels)
        for index, tpsf in _batches(selected, min(block_pixels, BATCH)):
            lifetimes = self.predictor.lifetimes(tpsf)
            values = {name: getattr(lifetimes, name) for name in LIFETIME_MAPS}
            if reasons is not None and isinstance(lifetimes, Estimate):
                reasons.update(lifetimes.reason.tolist())
            if self.check is not None:
                values |= self.check.maps(lifetimes, tpsf)
            for name, image in maps.items():
                image.reshape(-1)[index] = values[name]
            done += index.size
            if progress is not None:
                progress(done, todo)
        return maps


def plan_analysis(
    data: xr.DataArray,
    decay: NDArray[np.float64],
    predictor: Predictor,
    /,
    *,
    extrapolate: bool = False,
    quality: Quality | None = None,
) -> Analysis:
    """Plan the analysis of a measurement.

    Parameters
    ----------
    data : xarray.DataArray, dims ('Y', 'X', 'H')
        Signal; only its time axis is used.
    decay : ndarray, shape (H,)
        Summed decay of the signal, in counts.
    predictor, extrapolate, quality
        As for :func:`lifetime_map`.

    Raises
    ------
    InputError
        If the time axis does not fit the model.
    """
    rebinner = plan_rebinning(
        data,
        decay=decay,
        axis=predictor.axis,
        edge_ns=predictor.rising_edge_ns,
        model=predictor.name,
        extrapolate=extrapolate,
    )
    gates = rebinner.apply(decay[None])[0]
    check = None if quality is None else QualityCheck(quality, gates, axis=predictor.axis)
    warnings = RangeCheck(predictor.name, tau_range_ns(predictor)).of_decay(
        gates, axis=predictor.axis, edge_ns=predictor.rising_edge_ns
    )
    return Analysis(predictor, rebinner, check, tuple(warnings))


def photons_of(
    intensity: NDArray[np.float64], usable: NDArray[np.bool_], /, *, binning: int
) -> NDArray[np.float64]:
    """Return the counts of each pixel after binning, shape (Y, X)."""
    return neighbourhood_sum(np.where(usable, intensity, 0.0), binning=binning)


def bright_enough(photons: NDArray[np.float64], min_photons: float, /) -> NDArray[np.bool_]:
    """Return where counts reach the photon threshold."""
    return photons >= min_photons - 1e-6  # cumulative sums of float counts have rounding errors


def check_settings(min_photons: float, binning: int = 0, block_pixels: int = 1) -> None:
    """Reject invalid settings."""
    if not (np.isfinite(min_photons) and min_photons > 0):
        raise InputError(f"min_photons={min_photons} must be finite and > 0 (e.g. 100)")
    if binning < 0:
        raise InputError(f"binning={binning} must be >= 0 (1 sums 3 x 3 pixels)")
    if block_pixels < 1:
        raise InputError(f"block_pixels={block_pixels} must be >= 1 (e.g. 16384)")


def check_binning(binning: int, shape: tuple[int, int], /) -> None:
    """Reject a binning that is larger than the image in both directions."""
    largest = (max(shape) - 1) // 2
    if binning > largest:
        raise InputError(
            f"binning={binning} sums {2 * binning + 1} x {2 * binning + 1} pixels, but the image has only "
            f"{shape[0]} x {shape[1]}; use at most {largest}"
        )


def all_saturated(name: str, n: int, kind: np.dtype[Any], /) -> TooDarkError:
    """Return the error for a measurement in which all pixels with counts are saturated."""
    return TooDarkError(
        f"{name}: all {n} pixels with counts are saturated at {np.iinfo(kind).max}; "
        "measure with less light or a wider data type"
    )


def too_dark(name: str, min_photons: float, most: float, binning: int, /) -> TooDarkError:
    """Return the error for a measurement in which all pixels are below threshold."""
    return TooDarkError(
        f"{name}: all pixels are below the threshold min_photons={min_photons:g} (the brightest has {most:g} "
        f"counts with binning={binning}); use a smaller min_photons or a larger binning"
    )


def _nothing_chosen(
    usable: NDArray[np.bool_], found: Survey, binning: int, min_photons: float, data: xr.DataArray
) -> TooDarkError:
    name = str(data.attrs.get("source", "data"))
    if found.saturated.all() or not found.intensity[~found.saturated].any():
        return all_saturated(name, int(found.saturated.sum()), data.dtype)
    photons = photons_of(found.intensity, usable, binning=binning)
    return too_dark(name, min_photons, float(photons[usable].max(initial=0.0)), binning)


def _selected(
    data: xr.DataArray,
    rebinner: Rebinner,
    usable: NDArray[np.bool_],
    chosen: NDArray[np.bool_],
    *,
    binning: int,
    block_pixels: int,
) -> Iterator[tuple[NDArray[np.intp], NDArray[Any]]]:
    """Yield flat indices and re-binned TPSFs of the chosen pixels, strip by strip."""
    width = data.sizes["X"]
    for rows, above, counts in strips(data, block_pixels=block_pixels, halo=binning):
        index = np.flatnonzero(chosen[rows])
        if index.size == 0:
            continue
        if binning:
            top = rows.start - above
            inside = usable[top : top + counts.shape[0], :, None]
            counts = neighbourhood_sum(np.where(inside, counts, 0), binning=binning)  # noqa: PLW2901
        strip = counts[above : above + rows.stop - rows.start]
        pixels = strip.reshape(-1, strip.shape[-1])
        tpsf = rebinner.apply(pixels if index.size == len(pixels) else pixels[index])
        yield index + rows.start * width, tpsf.astype(np.float32) if tpsf.dtype == np.float64 else tpsf


def _batches(
    parts: Iterator[tuple[NDArray[np.intp], NDArray[Any]]], size: int
) -> Iterator[tuple[NDArray[np.intp], NDArray[Any]]]:
    """Join parts into batches of one size (except the last): compilers specialise for each shape."""
    index, tpsf = np.zeros(0, np.intp), None
    for more, counts in parts:
        index = np.concatenate([index, more])
        tpsf = counts if tpsf is None or len(tpsf) == 0 else np.concatenate([tpsf, counts])
        whole = index.size // size * size
        for first in range(0, whole, size):
            yield index[first : first + size], tpsf[first : first + size]
        index, tpsf = index[whole:], tpsf[whole:]
    if tpsf is not None and index.size:
        yield index, tpsf
