"""Misfits of a measurement, a model and a response, about which the user is warned."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import xarray as xr

from seq2seqlite.decay import Irf, MeasuredIrf
from seq2seqlite.models import load_model, model_names
from seq2seqlite.simulation.instrument import Instrument, load_instrument

__all__ = ["TCSPC", "camera_of", "coarse_irf", "cut_irf", "is_camera", "unknown_gate", "wrong_instrument"]

# Lengths of gates that exceed the range of the training by this share cause no warning.
LENGTH_TOLERANCE = 0.05
# Share of a measured IRF in two neighbouring bins above which its shape is unknown: its width at half maximum
# is then about 1.3 bins or less.
COARSE_SHARE = 0.9
# An IRF is cut off if its first or last bins have more than this share of its peak.
CUT_SHARE, CUT_BINS = 0.1, 2
# Formats of photon-counting electronics, which are never those of a camera, and their shipped instrument.
TCSPC_FORMATS = ("PTU", "SDT", "LIF", "ICS")
TCSPC = "tcspc-80mhz"


def is_camera(instrument: Instrument, /) -> bool:
    """Return whether an instrument is a time-gated camera rather than TCSPC electronics.

    See Also
    --------
    seq2seqlite.predictors.choice.choose_model : Return the default model of a measurement.
    """
    return instrument.gate is not None or instrument.name == "narrow-gate"


def coarse_irf(irf: Irf | None, /) -> list[str]:
    """Return a warning if a measured IRF has bins that are too wide to show its shape.

    See Also
    --------
    wrong_instrument : Warning about the model.
    """
    if not isinstance(irf, MeasuredIrf):
        return []
    weights = irf.weights
    share = float((weights + np.roll(weights, -1)).max())
    if share <= COARSE_SHARE:
        return []
    warning = (
        f"{share:.0%} of the measured IRF are in two bins of {irf.bin_width_ns:g} ns, which do not show its "
        "shape: short lifetimes may be wrong by a bin width; measure it with finer bins"
    )
    return [warning]


def cut_irf(irf: Irf | None, /, *, period_ns: float | None) -> list[str]:
    """Return a warning if a measured IRF does not begin or end in the dark, and does not cover the period.

    Parameters
    ----------
    irf : Irf or None
        Measured IRF; of a camera, with its gates.
    period_ns : float or None
        Laser period, in ns.

    See Also
    --------
    coarse_irf : Warning about wide bins.
    """
    if not isinstance(irf, MeasuredIrf) or period_ns is None:
        return []
    weights, missing_ns = irf.weights, period_ns - irf.weights.size * irf.bin_width_ns
    ends = {"start": weights[:CUT_BINS], "end": weights[-CUT_BINS:]}
    where = next((end for end, part in ends.items() if part.mean() > CUT_SHARE * weights.max()), None)
    if where is None or missing_ns <= irf.bin_width_ns:
        return []
    warning = (
        f"the measured IRF is cut off at the {where} of its window, and {missing_ns:.3g} ns of the laser "
        "period are missing: lifetimes will be wrong; record these delays, too, or move the window"
    )
    return [warning]


def unknown_gate(model: str, data: xr.DataArray, /) -> list[str]:
    """Return a warning if a network of a camera gets a response, but not the length of the gates.

    Parameters
    ----------
    model : str
        Name of a shipped model; other models and estimators cause no warning.
    data : xarray.DataArray
        Measurement.

    See Also
    --------
    wrong_instrument : Warning about the model.
    """
    instrument = camera_of(model)
    if instrument is None or instrument.gate is None:
        return []
    if data.attrs.get("gate_length_ns") is not None or data.attrs.get("format") in TCSPC_FORMATS:
        return []
    warning = (
        "the response is taken for that of an instrument without gates, because the length of the gates is "
        "unknown: lifetimes may be wrong; pass gate_length_ns in ns"
    )
    return [warning]


def wrong_instrument(model: str, data: xr.DataArray, /) -> list[str]:
    """Return a warning if a model is applied to a measurement of an instrument that it was not trained for.

    Parameters
    ----------
    model : str
        Name of a shipped model; other models and estimators cause no warning.
    data : xarray.DataArray
        Measurement: TCSPC does not suit the model of a camera, and gates must have a length of its range.

    See Also
    --------
    seq2seqlite.predictors.choice.choose_model : Return the default model of a measurement.
    """
    name, file_format = Path(model).stem, data.attrs.get("format")
    instrument = camera_of(model)
    if instrument is None:
        return []
    if file_format in TCSPC_FORMATS:
        warning = (
            f"{name} was trained for a time-gated camera, and {file_format} files are TCSPC measurements: "
            f"its lifetimes may be wrong; use a model for {TCSPC}, or an estimator"
        )
        return [warning]
    length = data.attrs.get("gate_length_ns")
    if instrument.gate is None or length is None:
        return []
    low, high = instrument.gate.length_ns
    if low * (1 - LENGTH_TOLERANCE) <= length <= high * (1 + LENGTH_TOLERANCE):
        return []
    warning = (
        f"{name} was trained for gates of {low:g} to {high:g} ns, and those of the measurement have "
        f"{length:g} ns: its lifetimes may be wrong; use an estimator, e.g. mle-mono"
    )
    return [warning]


@lru_cache(maxsize=64)
def camera_of(model: str, /) -> Instrument | None:
    """Return the camera of a shipped model; None for other models and estimators.

    See Also
    --------
    wrong_instrument : Warning about the model.
    """
    name = Path(model).stem
    instrument = load_instrument(load_model(name).instrument) if name in model_names() else None
    return instrument if instrument is not None and is_camera(instrument) else None
