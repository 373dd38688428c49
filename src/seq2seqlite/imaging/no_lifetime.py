"""Errors of measurements without any lifetime: no pixel can be analysed, or none has a result."""

from collections import Counter
from typing import Any

import numpy as np

from seq2seqlite.errors import InputError
from seq2seqlite.estimators import Reason
from seq2seqlite.imaging.mask import Selection
from seq2seqlite.imaging.options import MapOptions
from seq2seqlite.io.signal import Survey

__all__ = ["TooDarkError", "all_saturated", "no_lifetime", "nothing_chosen", "too_dark"]


class TooDarkError(InputError):
    """Measurement without a usable pixel: all pixels are saturated or below threshold."""


def all_saturated(name: str, n: int, kind: np.dtype[Any], /) -> TooDarkError:
    """Return the error for a measurement in which all pixels with counts are saturated."""
    limit = f" at {np.iinfo(kind).max}" if kind.kind in "ui" else ""
    return TooDarkError(
        f"{name}: all {n} pixels with counts are saturated{limit}; "
        "measure with less light or a wider data type"
    )


def too_dark(name: str, min_photons: float, most: float, binning: int, /) -> TooDarkError:
    """Return the error for a measurement in which all pixels are below threshold."""
    return TooDarkError(
        f"{name}: all pixels are below the threshold min_photons={min_photons:g} (the brightest has {most:g} "
        f"counts with binning={binning}); use a smaller min_photons or a larger binning"
    )


def nothing_chosen(
    found: Survey, selection: Selection, options: MapOptions, /, *, kind: np.dtype[Any]
) -> TooDarkError:
    """Return the error for an image without a pixel to analyse, whose counts are of a type."""
    if found.saturated.all() or not found.intensity[~found.saturated].any():
        return all_saturated(found.source, int(found.saturated.sum()), kind)
    most = float(selection.photons[selection.usable].max(initial=0.0))
    return too_dark(found.source, options.min_photons, most, options.binning)


def no_lifetime(name: str, model: str, reasons: Counter[int], /) -> InputError:
    """Return the error of a measurement in which no analysed pixel has a lifetime.

    Parameters
    ----------
    name : str
        Name of the measurement.
    model : str
        Name of the predictor.
    reasons : Counter
        Pixels by the reason of the estimator; empty for a network.
    """
    if not reasons:
        return InputError(
            f"{name}: model {model} found no lifetime in any pixel: no signal above the baseline before the "
            f"rising edge; use a larger binning, or check the counts and the laser period"
        )
    ((reason, n),) = reasons.most_common(1)
    return InputError(
        f"{name}: {model} found no lifetime in any pixel; {n / reasons.total():.0%} of them: "
        f"{Reason(reason).meaning} ({Reason(reason).name}); use a larger binning, check irf and period_ns, "
        "or choose another model"
    )
