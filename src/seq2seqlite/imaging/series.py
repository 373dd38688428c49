"""Lifetime maps of series: frames along time and depth."""

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from seq2seqlite.decay import Irf
from seq2seqlite.imaging.frame_analysis import Analysis
from seq2seqlite.imaging.no_lifetime import no_lifetime, too_dark
from seq2seqlite.imaging.options import MapOptions
from seq2seqlite.io.series import Series
from seq2seqlite.io.signal import survey
from seq2seqlite.protocols import Predictor

__all__ = ["analyse_series", "frames_of", "map_series"]

DIMS = {"t": "T", "z": "Z"}


def map_series(
    series: Series,
    predictor: Predictor,
    options: MapOptions = MapOptions(),  # noqa: B008 - frozen
    /,
    *,
    irf: Irf | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> xr.Dataset:
    """Compute the lifetime maps of all frames of a series.

    Parameters
    ----------
    series : Series
        Series as returned by :func:`~seq2seqlite.io.read_series`.
    predictor, options, irf
        As for :func:`map_measurement`. An estimator requires the IRF and the axis of the sum of the frames.
    progress : callable, optional
        Called with the number of finished frames and of all frames.

    Returns
    -------
    xarray.Dataset
        Maps as returned by :func:`lifetime_map`, with dims ('T', 'Z', 'Y', 'X'), of which T and Z are those
        of the series; coordinates ``T`` in s and ``Z`` in um where the steps are known. All maps have the
        re-binning and the response of the sum of the frames, because all frames come from one instrument.

    Raises
    ------
    InputError
        As for :func:`lifetime_map`, if no pixel of any frame has a lifetime.

    See Also
    --------
    lifetime_map : Compute the lifetime maps of a measurement.
    seq2seqlite.io.read_series : Read the frames of a measurement, one by one.
    """
    return analyse_series(series, predictor, options, irf=irf, progress=progress)[0]


def analyse_series(
    series: Series,
    predictor: Predictor,
    options: MapOptions,
    /,
    *,
    irf: Irf | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[xr.Dataset, Analysis]:
    """Return the maps of :func:`map_series`, and the steps by which they were computed."""
    began = time.perf_counter()
    whole = survey(series.summed, block_pixels=options.block_pixels).check()
    analysis = Analysis.plan(series.summed, whole, predictor, options, irf=irf)
    reasons: Counter[int] = Counter()
    frames: list[xr.Dataset] = []
    for frame in series.frames():
        found = survey(frame, block_pixels=options.block_pixels).check(may_be_dark=True)
        frames.append(analysis.maps(frame, found, reasons=reasons))
        if progress is not None:
            progress(len(frames), series.n_frames)
    maps = _joined(series, frames)
    if not np.isfinite(maps["tau_mean_ns"].values).any():
        if not any(maps_of_frame.attrs["pixels_analysed"] for maps_of_frame in frames):
            most = float(maps["intensity"].max())
            raise too_dark(f"frames of {whole.source}", options.min_photons, most, options.binning)
        raise no_lifetime(whole.source, predictor.name, reasons)
    maps.attrs["warnings"] = [
        *series.summed.attrs.get("warnings", ()),
        *analysis.warnings(maps["tau_mean_ns"].values),
    ]
    maps.attrs["seconds"] = time.perf_counter() - began
    return maps, analysis


def _joined(series: Series, frames: list[xr.Dataset]) -> xr.Dataset:
    """Return the maps of all frames, with the axes of the series."""
    dims = [DIMS[axis] for axis in series.axes]
    shape = tuple(series.axes.values())
    steps = {"T": (series.frame_time_s, "s"), "Z": (series.z_step_um, "um")}
    coords = {
        dim: (dim, np.arange(size) * step, {"units": unit})
        for dim, size in zip(dims, shape, strict=True)
        for step, unit in [steps[dim]]
        if step is not None
    }
    variables = {
        name: (
            (*dims, *image.dims),
            np.stack([one[name].values for one in frames]).reshape(*shape, *image.shape),
            image.attrs,
        )
        for name, image in frames[0].data_vars.items()
    }
    totals = {
        name: sum(one.attrs[name] for one in frames)
        for name in ("pixels", "pixels_analysed", "pixels_saturated")
    }
    attrs = frames[0].attrs | dict(series.summed.attrs) | totals
    attrs |= {
        "axes": dict(series.axes),
        "frames": math.prod(shape),
        "frame_time_s": series.frame_time_s,
        "z_step_um": series.z_step_um,
        "labels": list(series.labels),
        "series": [_frame_summary(one) for one in frames],
    }
    return xr.Dataset(variables, coords=coords, attrs=attrs)


def _frame_summary(maps: xr.Dataset) -> dict[str, Any]:
    """Return number of analysed pixels, photons and median lifetime of a frame, ready for JSON."""
    values = maps["tau_mean_ns"].values
    finite = values[np.isfinite(values)]
    return {
        "pixels_analysed": maps.attrs["pixels_analysed"],
        "photons": float(maps["intensity"].values.sum(dtype=np.float64)),
        "tau_mean_ns_median": float(np.median(finite.astype(np.float64))) if finite.size else None,
    }


def frames_of(maps: xr.Dataset, /) -> list[tuple[dict[str, Any], xr.Dataset]]:
    """Return the maps (Y, X) of each frame, with its index, time and depth; of one image, itself.

    Parameters
    ----------
    maps : xarray.Dataset
        Result of :func:`map_series` or :func:`lifetime_map`.

    Returns
    -------
    list of (dict, xarray.Dataset)
        For a frame, its index along ``t`` and ``z``, ``time_s`` and ``z_um`` where the steps are known, and
        ``frame_file`` in a series of files.

    See Also
    --------
    map_series : Compute the lifetime maps of all frames of a series.
    """
    axes: Mapping[str, int] = maps.attrs.get("axes", {})
    if not axes:
        return [({}, maps)]
    steps = {"t": ("time_s", maps.attrs["frame_time_s"]), "z": ("z_um", maps.attrs["z_step_um"])}
    found = []
    for number, index in enumerate(np.ndindex(*axes.values())):
        place: dict[str, Any] = dict(zip(axes, index, strict=True))
        for axis in axes:
            name, step = steps[axis]
            if step is not None:
                place[name] = place[axis] * float(step)
        if maps.attrs["labels"]:
            place["frame_file"] = maps.attrs["labels"][number]
        found.append((place, maps.isel({DIMS[axis]: place[axis] for axis in axes})))
    return found
