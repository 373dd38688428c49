"""Summed decay of a measurement, with its response, a fit, and the prediction of the model."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seq2seqlite.decay import Irf, TimeAxis, expected_response
from seq2seqlite.errors import InputError
from seq2seqlite.io.signal import decay_of, gate_width_ns, period_ns
from seq2seqlite.protocols import PixelPredictor, Predictor, fit_model
from seq2seqlite.rebinning.plan import Rebinner
from seq2seqlite.responses import DecayCurve, PlacedIrf, decay_curve, fit_lifetimes, placed_irf

__all__ = ["DecayRecord", "decay_record"]

# Photons that determine an unknown response.
MIN_PHOTONS = 10_000


@dataclass(frozen=True)
class DecayRecord:
    """Summed decay of the analysed pixels of a measurement.

    Parameters
    ----------
    axis : TimeAxis
        Gates of the measurement within the TAC window.
    start_ns : float
        Time of the first gate, in ns.
    counts : ndarray, shape (n_gates,)
        Counts.
    pixels : int
        Number of summed pixels.
    source, model : str
        Names of the measurement and of the predictor.
    dark : float
        Dark level of a camera, which the counts contain, in counts per gate.
    response : PlacedIrf, optional
        Response with the delay of the decay.
    irf : ndarray of shape (n_gates,), optional
        Response, as the instrument would record it with one photon. None without a response.
    origin : str, optional
        ``measured`` or ``fitted``.
    fit : DecayCurve, optional
        Fit of the predictor's number of lifetimes to the counts; None without a response.
    predicted : DecayCurve, optional
        Curve of the lifetimes that the predictor returns for the summed decay.

    See Also
    --------
    decay_record : Function that returns it.
    decay_figure : Figure of it.
    """

    axis: TimeAxis
    start_ns: float
    counts: NDArray[np.float64]
    pixels: int
    source: str
    model: str
    dark: float = 0.0
    response: PlacedIrf | None = None
    irf: NDArray[np.float64] | None = None
    origin: str | None = None
    fit: DecayCurve | None = None
    predicted: DecayCurve | None = None

    def window(self, decays: NDArray[np.float64], /) -> NDArray[np.float64]:
        """Return decays of the whole measurement, shape (..., H), within the TAC window."""
        first = round(self.start_ns / self.axis.gate_width_ns)
        return decays[..., first : first + self.axis.n_gates]

    def described(self) -> dict[str, Any]:
        """Return numbers of the fit and of the prediction, ready for JSON."""
        return {
            "pixels": self.pixels,
            "photons": float(self.counts.sum()),
            "irf": self.origin,
            "fit": None if self.fit is None else self.fit.described(),
            "predicted": None if self.predicted is None else self.predicted.described(),
        }


def decay_record(
    data: xr.DataArray,
    chosen: NDArray[np.bool_],
    predictor: Predictor,
    rebinner: Rebinner,
    /,
    *,
    measured: Irf | None = None,
    shift_ns: float | None = None,
    curves: bool = True,
    placed: PlacedIrf | None = None,
) -> DecayRecord:
    """Return the summed decay of some pixels, with its response, a fit and the prediction of a model.

    Parameters
    ----------
    data : xarray.DataArray, dims ('Y', 'X', 'H')
        Measurement.
    chosen : ndarray of bool, shape (Y, X)
        Pixels to add up.
    predictor : Predictor
        Model or estimator, complete with its response.
    rebinner : Rebinner
        Re-binning to the time axis of the predictor.
    measured : Irf, optional
        Measured response. Without one, the response of an estimator is used, or one is fitted to the decay.
    shift_ns : float, optional
        Delay of the measurement against the measured response, in ns; default: the one that fits best.
    curves : bool
        Fit lifetimes, and compute the curve of the model.
    placed : PlacedIrf, optional
        Response of another record of the same measurement, e.g. that of all pixels. It also serves decays
        with few photons.

    Returns
    -------
    DecayRecord
        Without response and curves if the response is unknown and cannot be fitted: with less than 10,000
        photons, or without a rising edge.

    See Also
    --------
    decay_figure : Figure of the record.
    seq2seqlite.responses.fit_lifetimes : Fit of the lifetimes.
    """
    whole = decay_of(data, chosen)
    first, last = rebinner.done.live_bins
    width, period = gate_width_ns(data), period_ns(data)
    counts = whole[first : min(last, first + int(period / width * (1 + 1e-9)))]
    axis = TimeAxis(counts.size, width, period)
    pixels = int(chosen.sum())
    dark = float(data.coords["dark"].values[chosen].sum()) if "dark" in data.coords else 0.0
    about = (first * width, counts, pixels, str(data.attrs.get("source", "")), predictor.name, dark)
    try:
        placed = placed or _placed(
            axis,
            counts,
            predictor,
            in_place=rebinner.done.shift_ns == 0,
            measured=measured,
            gate_length_ns=data.attrs.get("gate_length_ns"),
            shift_ns=None if shift_ns is None else shift_ns - first * width,
        )
    except InputError:
        placed = None
    if placed is None:
        return DecayRecord(axis, *about)
    irf = expected_response(placed.irf, axis=placed.axis)
    if not curves:
        return DecayRecord(placed.axis, *about, placed, irf, _origin(placed))
    # With free lifetimes, so that it shows whether those that the predictor fixes are right.
    model = replace(fit_model(predictor), fixed_tau_ns=())
    fit = fit_lifetimes(counts, axis=placed.axis, irf=placed.irf, **asdict(model))
    return DecayRecord(
        placed.axis,
        *about,
        placed,
        irf,
        _origin(placed),
        fit,
        _predicted(predictor, rebinner, np.maximum(whole - dark, 0.0), counts, placed),
    )


def _origin(placed: PlacedIrf) -> str:
    return "fitted" if placed.origin == "fitted" else "measured"


def _placed(
    axis: TimeAxis,
    counts: NDArray[np.float64],
    predictor: Predictor,
    *,
    in_place: bool,
    measured: Irf | None,
    gate_length_ns: float | None,
    shift_ns: float | None,
) -> PlacedIrf | None:
    """Return the response on the axis of the measurement; None if it is unknown."""
    own: Irf | None = getattr(predictor, "irf", None)
    if own is not None and in_place and predictor.axis.n_gates == axis.n_gates:
        return PlacedIrf(own, predictor.axis, "fitted" if measured is None else "aligned")
    if measured is None and counts.sum() < MIN_PHOTONS:
        return None
    return placed_irf(
        counts,
        axis=axis,
        measured=measured,
        gate_length_ns=gate_length_ns,
        shift_ns=shift_ns,
        scatter=fit_model(predictor).scatter,
    )


def _predicted(
    predictor: Predictor,
    rebinner: Rebinner,
    light: NDArray[np.float64],
    counts: NDArray[np.float64],
    placed: PlacedIrf,
) -> DecayCurve | None:
    """Return the curve of the lifetimes of a summed decay without dark level; None if unknown."""
    if isinstance(predictor, PixelPredictor) and getattr(predictor, "image_shape", None) is not None:
        return None  # the responses of the pixels differ
    try:
        found = predictor.lifetimes(rebinner.apply(light[None]).astype(np.float32))
        amplitudes, taus = (part[0] for part in found.components())
        if not amplitudes.any():
            return None
        unique, places = np.unique(taus[amplitudes > 0], return_inverse=True)
        scattered = getattr(found, "scatter_fraction", None)
        return decay_curve(
            counts,
            axis=placed.axis,
            irf=placed.irf,
            taus_ns=unique,
            amplitudes=np.bincount(places, amplitudes[amplitudes > 0]),
            scatter_fraction=0.0 if scattered is None else float(scattered[0]),
            gates=fit_model(predictor).gates,
        )
    except InputError:
        return None
