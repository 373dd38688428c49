"""Lifetime maps of a measurement, computed block by block."""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.decay import Irf, derived_quantity
from seq2seqlite.errors import InputError
from seq2seqlite.estimators import Estimate
from seq2seqlite.histogram import Spread
from seq2seqlite.imaging.dark import DarkLevel, correct_maps
from seq2seqlite.imaging.mask import (
    MIN_PHOTONS,
    Selection,
    check_binning,
    neighbourhood_sum,
    read_mask,
    select,
)
from seq2seqlite.imaging.no_lifetime import no_lifetime, nothing_chosen
from seq2seqlite.imaging.options import MapOptions
from seq2seqlite.imaging.quality import Quality, QualityCheck
from seq2seqlite.imaging.range_check import RangeCheck
from seq2seqlite.io.signal import Survey, check_alike, decay_of, strips, survey
from seq2seqlite.maps import QUALITY_MAPS, long_names, map_dataset
from seq2seqlite.protocols import (
    MeasuredPredictor,
    PixelPredictor,
    Predictor,
    SharingPredictor,
    error_maps,
    fit_model,
    missing_irf,
    quantities,
    tau_range_ns,
)
from seq2seqlite.rebinning.plan import Rebinner, plan_rebinning

__all__ = ["Analysis", "analyse_measurement", "lifetime_map", "map_measurement"]

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
    also: Sequence[str] = (),
    donor_tau_ns: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> xr.Dataset:
    """Compute the lifetime maps of a measurement.

    Parameters
    ----------
    data : xarray.DataArray, dims ('Y', 'X', 'H')
        Measurement as returned by :func:`read`; may be lazy (dask). Its survey is not repeated.
    predictor : Predictor
        Model or estimator.
    min_photons, binning, mask, extrapolate, quality, block_pixels, also, donor_tau_ns
        As for :class:`~seq2seqlite.imaging.MapOptions`.
    progress : callable, optional
        Called with the number of predicted pixels and of pixels to predict.

    Returns
    -------
    xarray.Dataset
        float32 maps (Y, X): ``tau_mean_ns``, NaN where not analysed, and ``intensity`` (counts of each pixel,
        unbinned). Predictors of two lifetimes add ``tau_short_ns``, ``tau_long_ns`` and
        ``amplitude_fraction`` (of the short component), and their ``tau_mean_ns`` is amplitude-weighted;
        other estimators have other means, see the attribute ``long_name`` of the map. Predictors that
        estimate standard errors add ``tau_mean_std_ns`` and so on.
        Attributes: those of ``data``, ``model``, ``predictor``, ``quantities`` (meanings of the maps),
        ``rebinning`` (a :class:`Rebinning`), thresholds, ``pixels``, ``pixels_analysed``,
        ``pixels_saturated``, ``seconds``, and ``warnings``: lines that say if the lifetimes lie outside of
        the range of the predictor.
        With ``quality`` also the maps ``chi_square`` (reduced), ``deviation`` (by how many standard errors
        the counts would have the lifetimes longer) and ``flagged`` (1: unreliable), and the attribute
        ``quality``.

    Raises
    ------
    InputError
        If counts are invalid, all pixels are saturated or below the threshold, the axis does not fit the
        model, or no pixel has a lifetime.

    See Also
    --------
    seq2seqlite.imaging.map_measurement : The same with the options as one object.
    """
    options = MapOptions(
        min_photons, binning, mask, extrapolate, quality, block_pixels, tuple(also), donor_tau_ns
    )
    return map_measurement(data, predictor, options, progress=progress)


def map_measurement(
    data: xr.DataArray,
    predictor: Predictor,
    options: MapOptions = MapOptions(),  # noqa: B008 - frozen
    /,
    *,
    irf: Irf | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> xr.Dataset:
    """Compute the lifetime maps of a measurement as :func:`lifetime_map`, with the options as one object.

    Parameters
    ----------
    data, predictor, progress
        As for :func:`lifetime_map`, which describes result and errors.
    options : MapOptions
        Options of the analysis.
    irf : Irf, optional
        Measured IRF for the quality maps; default: that of ``options.quality``.

    See Also
    --------
    lifetime_map : The same with the options as arguments.
    """
    return analyse_measurement(data, predictor, options, irf=irf, progress=progress)[0]


def analyse_measurement(
    data: xr.DataArray,
    predictor: Predictor,
    options: MapOptions = MapOptions(),  # noqa: B008 - frozen
    /,
    *,
    irf: Irf | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> "tuple[xr.Dataset, Analysis]":
    """Return the maps of :func:`map_measurement`, and the steps by which they were computed."""
    began = time.perf_counter()
    found = survey(data, block_pixels=options.block_pixels).check()
    reasons: Counter[int] = Counter()
    analysis = Analysis.plan(data, found, predictor, options, irf=irf)
    maps = analysis.maps(data, found, reasons=reasons, progress=progress)
    if not np.isfinite(maps["tau_mean_ns"].values).any():
        raise no_lifetime(found.source, predictor.name, reasons)
    maps.attrs["seconds"] = time.perf_counter() - began
    return maps, analysis


@dataclass(frozen=True)
class Analysis:
    """Steps from counts to maps, for measurements, frames of a stream and tiles of a stack.

    Parameters
    ----------
    predictor : Predictor
        Model or estimator.
    options : MapOptions
        Options of the analysis.
    mask : ndarray of bool, shape (Y, X)
        Pixels to analyse.
    starts_ns : ndarray, shape (H,)
        Time axis of the measurement, in ns.
    rebinner : Rebinner
        Re-binning from that axis to the model's.
    check : QualityCheck, optional
        Comparison of predictions with counts.
    decay_warnings : tuple of str
        Warnings of the summed decay, and of a missing IRF.
    response : dict, optional
        How the response of the instrument was obtained, for a predictor that uses it.

    See Also
    --------
    Analysis.plan : Plan for an image, or for frames by their first.
    Analysis.for_decay : Plan for the summed decay of a stack.
    """

    predictor: Predictor
    options: MapOptions
    mask: NDArray[np.bool_]
    starts_ns: NDArray[np.float64]
    rebinner: Rebinner
    check: QualityCheck | None = None
    decay_warnings: tuple[str, ...] = ()
    response: dict[str, Any] | None = None

    @classmethod
    def plan(
        cls,
        first: xr.DataArray,
        found: Survey,
        predictor: Predictor | Callable[[xr.DataArray], Predictor],
        options: MapOptions = MapOptions(),  # noqa: B008 - frozen
        /,
        *,
        irf: Irf | None = None,
    ) -> "Analysis":
        """Plan the analysis of an image, or of frames with its shape and time axis.

        Parameters
        ----------
        first : xarray.DataArray, dims ('Y', 'X', 'H')
            Image, or first frame.
        found : Survey
            Its survey; the summed decay determines the re-binning to the time axis of the model.
        predictor, options, irf
            As for :func:`map_measurement`. A function of ``first`` that returns the predictor is called if
            any pixel can be analysed.

        Raises
        ------
        InputError
            If the mask or the time axis does not fit.
        TooDarkError
            If no pixel can be analysed.
        """
        shape = (first.sizes["Y"], first.sizes["X"])
        check_binning(options.binning, shape)
        mask = read_mask(options.mask, shape=shape)
        selection = select(found, mask, binning=options.binning, min_photons=options.min_photons)
        if not selection.chosen.any():
            raise nothing_chosen(found, selection, options, kind=first.dtype)
        if not isinstance(predictor, Predictor):
            predictor = predictor(first)
        analysed = decay_of(first, selection.chosen) if isinstance(predictor, SharingPredictor) else None
        return cls.for_decay(
            first,
            found.decay,
            predictor,
            options,
            mask=mask,
            irf=irf,
            analysed=analysed,
            dark=found.dark_sum,
        )

    @classmethod
    def for_decay(
        cls,
        data: xr.DataArray,
        decay: NDArray[np.float64],
        predictor: Predictor,
        options: MapOptions,
        /,
        *,
        mask: NDArray[np.bool_],
        irf: Irf | None = None,
        analysed: NDArray[np.float64] | None = None,
        dark: float = 0.0,
    ) -> "Analysis":
        """Plan the analysis for a summed decay.

        Parameters
        ----------
        data : xarray.DataArray, dims ('Y', 'X', 'H')
            Any measurement with the time axis.
        decay : ndarray, shape (H,)
            Summed decay, in counts.
        predictor, options, irf
            As for :func:`map_measurement`.
        mask : ndarray of bool, shape (Y, X)
            Pixels to analyse.
        analysed : ndarray, shape (H,), optional
            Summed decay of the analysed pixels; required for shared lifetimes.
        dark : float
            Dark level of the summed decay, in counts per bin.

        Raises
        ------
        InputError
            If the time axis does not fit the model, or shared lifetimes cannot be fitted.
        """
        quantities(predictor).check(options.also, name=predictor.name)
        axis, edge_ns = predictor.axis, predictor.rising_edge_ns
        rebinner = plan_rebinning(
            data,
            decay=decay,
            axis=axis,
            edge_ns=edge_ns,
            model=predictor.name,
            extrapolate=options.extrapolate,
        )
        if isinstance(predictor, SharingPredictor):
            assert analysed is not None, "callers pass it with such a predictor"
            predictor = predictor.with_shared_lifetimes(rebinner.apply(analysed[None])[0])
        response: dict[str, Any] | None = getattr(predictor, "response", None)
        if isinstance(predictor, MeasuredPredictor):
            light = replace(rebinner, total=np.maximum(decay - dark, 0.0)) if dark else rebinner
            predictor, response = predictor.on_decay(
                light.decay, delay_ns=light.done.shift_ns, rebinner=light
            )
        shape = getattr(predictor, "image_shape", mask.shape)
        if shape != mask.shape:
            raise InputError(f"the IRF of each pixel has shape {shape}, but the image {mask.shape}")
        too_much = () if response is None or "warning" not in response else (response.pop("warning"),)
        return cls(
            predictor,
            options,
            mask,
            np.asarray(data.coords["H"], np.float64),
            rebinner,
            None
            if options.quality is None
            else QualityCheck(
                options.quality,
                rebinner.decay,
                axis=axis,
                irf=irf,
                gate_length_ns=data.attrs.get("gate_length_ns"),
                shift_ns=response["shift_ns"] + rebinner.done.shift_ns
                if response is not None and response["origin"] == "fixed"
                else None,
                model=fit_model(predictor),
            ),
            (
                *missing_irf(predictor),
                *too_much,
                *getattr(predictor, "warnings", ()),
                *RangeCheck.of(predictor).of_decay(rebinner.decay, axis=axis, edge_ns=edge_ns),
            ),
            response,
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the computed maps."""
        return (*self._predicted, *self.options.also, *(() if self.check is None else QUALITY_MAPS))

    @property
    def _predicted(self) -> tuple[str, ...]:
        """Names of the maps that the predictor returns."""
        return (*quantities(self.predictor).names, *error_maps(self.predictor))

    def described(self) -> dict[str, Any]:
        """Return ``model``, ``predictor``, thresholds, ``rebinning``, meanings of the maps, and so on."""
        done = {
            "model": self.predictor.name,
            "predictor": self.predictor.kind,
            "min_photons": float(self.options.min_photons),
            "binning": int(self.options.binning),
            "rebinning": self.rebinner.done,
            "quantities": long_names((*self.names, "intensity"), quantities=quantities(self.predictor)),
            "tau_range_ns": tau_range_ns(self.predictor),
        }
        shared = getattr(self.predictor, "shared_lifetimes", None)
        if shared is not None:
            done["shared_lifetimes"] = shared
        if self.options.donor_tau_ns is not None:
            done["donor_tau_ns"] = self.options.donor_tau_ns
        if self.response is not None:
            done["irf"] = self.response
        return done if self.check is None else done | {"quality": self.check.described()}

    def warnings(self, lifetimes: NDArray[np.float32] | Spread, /) -> list[str]:
        """Return the warnings of the summed decay, and those of the mean lifetimes of all pixels."""
        return [*self.decay_warnings, *RangeCheck.of(self.predictor).of_lifetimes(lifetimes)]

    def maps(
        self,
        frame: xr.DataArray,
        found: Survey,
        /,
        *,
        reasons: Counter[int] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> xr.Dataset:
        """Return the maps of a frame; all values are NaN if all pixels are below threshold.

        Parameters
        ----------
        frame : xarray.DataArray, dims ('Y', 'X', 'H')
            Frame with the shape and time axis of the first.
        found : Survey
            Its survey, with valid counts.
        reasons : Counter, optional
            The pixels are added to it by the reason of an estimator
            (:class:`~seq2seqlite.estimators.Reason`).
        progress : callable, optional
            Called with the number of predicted pixels and of pixels to predict.

        Returns
        -------
        xarray.Dataset
            Maps as returned by :func:`lifetime_map`.

        Raises
        ------
        InputError
            If the shape or time axis differs from the first frame.
        """
        began = time.perf_counter()
        check_alike(frame, shape=self.mask.shape, starts_ns=self.starts_ns)
        options = self.options
        selection = select(found, self.mask, binning=options.binning, min_photons=options.min_photons)
        maps = self.predict(frame, selection, reasons=reasons, progress=progress)
        maps["intensity"] = found.intensity.astype(np.float32)
        if found.bad is not None:
            correct_maps(maps, frame, found)
        done_how = {
            **self.described(),
            **selection.numbers,
            "seconds": time.perf_counter() - began,
            "warnings": [*frame.attrs.get("warnings", ()), *self.warnings(maps["tau_mean_ns"])],
        }
        return map_dataset(maps, dict(frame.attrs) | done_how, quantities=quantities(self.predictor))

    def predict(
        self,
        data: xr.DataArray,
        selection: Selection,
        /,
        *,
        reasons: Counter[int] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> dict[str, NDArray[np.float32]]:
        """Return the maps of a measurement or of some rows of it, without its intensity.

        Parameters
        ----------
        data : xarray.DataArray, dims ('Y', 'X', 'H')
            Counts, which are read once.
        selection : Selection
            Pixels to predict, and to add to the sums of neighbours.
        reasons, progress
            As for :meth:`maps`.

        Returns
        -------
        dict of ndarray of float32, shape (Y, X)
            Maps by name, as in :attr:`names`; NaN where a pixel is not predicted.
        """
        maps = {name: np.full(selection.chosen.shape, np.nan, np.float32) for name in self.names}
        done, todo = 0, int(selection.chosen.sum())
        dark = None
        if "dark" in data.coords:
            dark = DarkLevel.of(data, selection, self.rebinner, binning=self.options.binning)
        for index, tpsf in _batches(self.tpsfs(data, selection), min(self.options.block_pixels, BATCH)):
            if dark is not None:
                lifetimes = dark.lifetimes(self.predictor, tpsf, index)
            elif isinstance(self.predictor, PixelPredictor):
                lifetimes = self.predictor.lifetimes_at(tpsf, index)
            else:
                lifetimes = self.predictor.lifetimes(tpsf)
            values = {name: getattr(lifetimes, name) for name in self._predicted}
            for name in self.options.also:
                values[name] = derived_quantity(name, lifetimes, donor_tau_ns=self.options.donor_tau_ns)
            if reasons is not None and isinstance(lifetimes, Estimate):
                reasons.update(lifetimes.reason.tolist())
            if self.check is not None:
                values |= self.check.maps(lifetimes, tpsf, pixels=index)
            for name, image in maps.items():
                image.reshape(-1)[index] = values[name]
            done += index.size
            if progress is not None:
                progress(done, todo)
        return maps

    def tpsfs(
        self, data: xr.DataArray, selection: Selection, /
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[Any]]]:
        """Yield flat indices and re-binned TPSFs of the chosen pixels, strip by strip."""
        width, binning = data.sizes["X"], self.options.binning
        for rows, above, counts in strips(data, block_pixels=self.options.block_pixels, halo=binning):
            index = np.flatnonzero(selection.chosen[rows])
            if index.size == 0:
                continue
            if binning:
                top = rows.start - above
                inside = selection.usable[top : top + counts.shape[0], :, None]
                counts = neighbourhood_sum(np.where(inside, counts, 0), binning=binning)  # noqa: PLW2901
            pixels = counts[above : above + rows.stop - rows.start].reshape(-1, counts.shape[-1])
            tpsf = self.rebinner.apply(pixels if index.size == len(pixels) else pixels[index])
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
