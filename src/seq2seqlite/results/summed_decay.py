"""Summed decays of analysed pixels, with the response that the analysis used."""

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seq2seqlite.decay import Irf
from seq2seqlite.figures.decay_record import DecayRecord, decay_record
from seq2seqlite.imaging.frame_analysis import Analysis
from seq2seqlite.responses import PlacedIrf

__all__ = ["summed_decay"]


def summed_decay(
    data: xr.DataArray,
    maps: xr.Dataset,
    analysis: Analysis,
    measured: Irf | None,
    /,
    *,
    chosen: NDArray[np.bool_] | None = None,
    placed: PlacedIrf | None = None,
    curves: bool = True,
) -> DecayRecord:
    """Return the summed decay of pixels, with response, fit and prediction.

    Parameters
    ----------
    data : xarray.DataArray, dims ('Y', 'X', 'H')
        Measurement.
    maps : xarray.Dataset
        Its maps, or those of a series whose frames are summed in ``data``.
    analysis : Analysis
        Steps by which the maps were computed.
    measured : Irf or None
        Measured response.
    chosen : ndarray of bool, shape (Y, X), optional
        Pixels to add up; default: all pixels with a lifetime, in any frame.
    placed : PlacedIrf, optional
        Response of another record of this measurement, as for :func:`~seq2seqlite.figures.decay_record`.
    curves : bool
        As for :func:`~seq2seqlite.figures.decay_record`.

    See Also
    --------
    seq2seqlite.figures.decay_record : The same for any pixels and predictor.
    """
    if chosen is None:
        known_tau = np.isfinite(maps["tau_mean_ns"].values)
        chosen = known_tau.reshape(-1, *known_tau.shape[-2:]).any(axis=0)
    known: dict[str, Any] | None = analysis.response
    shift_ns = known["shift_ns"] if known is not None and known["origin"] == "fixed" else None
    return decay_record(
        data,
        chosen,
        analysis.predictor,
        analysis.rebinner,
        measured=measured,
        shift_ns=shift_ns,
        placed=placed,
        curves=curves,
    )
