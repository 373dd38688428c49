"""Phasors of the pixels of a measurement, calibrated with phasorpy."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seq2seqlite.errors import InputError
from seq2seqlite.figures import DecayRecord, PhasorOptions, PhasorRecord
from seq2seqlite.imaging.dark import corrected_intensity
from seq2seqlite.imaging.frame_analysis import Analysis
from seq2seqlite.imaging.mask import neighbourhood_sum
from seq2seqlite.io.measurement import read_measurement
from seq2seqlite.io.read_options import ReadOptions
from seq2seqlite.io.signal import gate_width_ns, period_ns, strips, survey

__all__ = ["map_phasors", "phasor_record"]

MHZ_NS = 1e3
# Relative difference of gate widths and laser periods of sample and reference, which files round.
SAME = 1e-3


def phasor_record(
    data: xr.DataArray,
    chosen: NDArray[np.bool_],
    decay: DecayRecord,
    options: PhasorOptions = PhasorOptions(),  # noqa: B008 - frozen
    /,
    *,
    usable: NDArray[np.bool_] | None = None,
    binning: int = 0,
    reference: xr.DataArray | None = None,
) -> PhasorRecord:
    r"""Return the phasors of a measurement at the frequency of the laser.

    Parameters
    ----------
    data : xarray.DataArray, dims ('Y', 'X', 'H')
        Measurement; it is read once.
    chosen : ndarray of bool, shape (Y, X)
        Pixels to show.
    decay : DecayRecord
        Summed decay of these pixels. Its gates are those of the phasors, and its response, if it has one,
        calibrates them.
    options : PhasorOptions
        Calibration, filter and cursors.
    usable : ndarray of bool, shape (Y, X), optional
        Pixels that may be added to their neighbours; default: all.
    binning : int
        Neighbours on each side whose counts are added, as for :func:`~seq2seqlite.imaging.lifetime_map`.
    reference : xarray.DataArray, optional
        Measurement of the reference dye, if ``options`` has its lifetime.

    Returns
    -------
    PhasorRecord

    Raises
    ------
    InputError
        If the time axis of the reference differs from that of the measurement, or it has no counts.

    See Also
    --------
    seq2seqlite.figures.phasor_figure : Figure of the record.
    seq2seqlite.figures.decay_record : Summed decay of the pixels.
    seq2seqlite.estimators.Phasor : Lifetimes from phasors.

    Notes
    -----
    The phasor of a decay is :math:`G + iS = \sum_k n_k e^{2\pi i t_k / T} / \sum_k n_k` with the centres
    :math:`t_k` of the gates and the laser period :math:`T`. Division by the phasor of the response, or of a
    reference dye relative to that of its lifetime, moves single exponentials to the universal circle
    :math:`(G - 1/2)^2 + S^2 = 1/4`, if the gates cover the period and there is no background.
    """
    from phasorpy.lifetime import phasor_calibrate
    from phasorpy.phasor import phasor_filter_median

    waves = _waves(decay)
    summed, total = _sums(data, decay, waves)
    usable = np.ones(chosen.shape, np.bool_) if usable is None else usable
    summed = neighbourhood_sum(np.where(usable, summed, 0), binning=binning)
    total = neighbourhood_sum(np.where(usable, total, 0), binning=binning)
    with np.errstate(divide="ignore", invalid="ignore"):
        phasors = np.where(chosen & (total > 0), summed / total, np.nan)
    real, imag, mean = phasors.real, phasors.imag, np.where(np.isfinite(phasors), total, np.nan)
    light = decay.counts - decay.dark
    centre = (light @ waves) / max(light.sum(), 1.0)
    known, tau_ns, calibration = _calibration(data, decay, waves, options, reference)
    frequency = MHZ_NS / decay.axis.period_ns
    if calibration is not None:
        aim = (1.0, known.real, known.imag, frequency, tau_ns)
        real, imag = phasor_calibrate(real, imag, *aim)
        centre = complex(*(float(value) for value in phasor_calibrate(centre.real, centre.imag, *aim)))
    if options.medians and np.isfinite(real).any():
        _, real, imag = phasor_filter_median(mean, real, imag, repeat=options.medians, size=3)
    shown = chosen & np.isfinite(real) & np.isfinite(imag)
    return PhasorRecord(
        np.where(shown, real, np.nan).astype(np.float32),
        np.where(shown, imag, np.nan).astype(np.float32),
        corrected_intensity(data, survey(data)),
        (float(centre.real), float(centre.imag)),
        frequency,
        decay.axis.window_ns / decay.axis.period_ns,
        options,
        decay.source,
        calibration,
    )


def map_phasors(
    data: xr.DataArray,
    maps: xr.Dataset,
    analysis: Analysis,
    decay: DecayRecord,
    /,
    *,
    options: PhasorOptions,
    read: ReadOptions,
) -> PhasorRecord:
    """Return the phasors of the pixels with a lifetime, as ``image`` writes them.

    Parameters
    ----------
    data : xarray.DataArray, dims ('Y', 'X', 'H')
        Measurement.
    maps : xarray.Dataset
        Its maps.
    analysis : Analysis
        Steps by which they were computed.
    decay : DecayRecord
        Summed decay of the pixels with a lifetime.
    options : PhasorOptions
        Calibration, filter and cursors.
    read : ReadOptions
        Options of the reader. Those of the format also apply to a reference of the same format.

    Raises
    ------
    InputError
        As :func:`phasor_record`, or if the reference cannot be read.

    See Also
    --------
    phasor_record : The same for any pixels.
    """
    reference, path = None, options.reference
    if path is not None:
        given = Path(str(data.attrs["source"]))
        if path.suffix.lower() != given.suffix.lower():
            read = replace(read, channel=None, block=None, drop=(), frame=-1)
        reference = read_measurement(path, read)
    return phasor_record(
        data,
        np.isfinite(maps["tau_mean_ns"].values),
        decay,
        options,
        usable=analysis.mask & ~survey(data).excluded,
        binning=analysis.options.binning,
        reference=reference,
    )


def _waves(decay: DecayRecord) -> NDArray[np.complex128]:
    """Return the wave of the laser frequency at the centres of the gates, shape (n_gates,)."""
    middles = decay.axis.starts_ns + decay.axis.gate_width_ns / 2
    return np.asarray(np.exp(2j * np.pi * middles / decay.axis.period_ns))


def _sums(
    data: xr.DataArray, decay: DecayRecord, waves: NDArray[np.complex128]
) -> tuple[NDArray[np.complex128], NDArray[np.float64]]:
    """Return the sums of counts without the dark level, times the wave and alone, shape (Y, X)."""
    shape = (data.sizes["Y"], data.sizes["X"])
    summed, total = np.zeros(shape, np.complex128), np.zeros(shape)
    parts = np.stack([waves.real, waves.imag, np.ones(waves.size)], axis=1)
    for rows, _, counts in strips(data, block_pixels=16384):
        real, imag, total[rows] = np.moveaxis(decay.window(counts) @ parts, -1, 0)
        summed[rows] = real + 1j * imag
    if "dark" in data.coords:
        dark = data.coords["dark"].values
        summed, total = summed - dark * waves.sum(), total - dark * waves.size
    return summed, total


def _calibration(
    data: xr.DataArray,
    decay: DecayRecord,
    waves: NDArray[np.complex128],
    options: PhasorOptions,
    reference: xr.DataArray | None,
) -> tuple[complex, float, str | None]:
    """Return the phasor of the calibration, its lifetime in ns, and what it is."""
    if reference is not None and options.reference_tau_ns is not None:
        _check_alike(data, reference)
        known = survey(reference).check()
        counts = decay.window(known.decay) - known.dark_sum
        if not counts.sum() > 0:
            raise InputError(f"{reference.attrs['source']}: the reference has no counts in the window")
        return complex(counts @ waves / counts.sum()), options.reference_tau_ns, "reference"
    if decay.irf is not None and decay.irf.sum() > 0:
        return complex(decay.irf @ waves / decay.irf.sum()), 0.0, decay.origin
    return 1.0 + 0j, 0.0, None


def _check_alike(data: xr.DataArray, reference: xr.DataArray) -> None:
    name = reference.attrs["source"]
    for what, here, there in (
        ("gates", data.sizes["H"], reference.sizes["H"]),
        ("ns of gate width", gate_width_ns(data), gate_width_ns(reference)),
        ("ns of laser period", period_ns(data), period_ns(reference)),
    ):
        if abs(here - there) > SAME * here:
            raise InputError(
                f"reference={name} has {there:.5g} {what}, but the measurement {here:.5g}; record both with "
                "the same settings"
            )
