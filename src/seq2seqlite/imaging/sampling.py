"""TPSFs of a measurement, and their sum, on the time axis of a predictor."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seq2seqlite.imaging.frame_analysis import Analysis
from seq2seqlite.imaging.mask import MIN_PHOTONS, select
from seq2seqlite.imaging.options import MapOptions
from seq2seqlite.io.signal import decay_of, survey
from seq2seqlite.protocols import Predictor

__all__ = ["analysed_decay", "analysed_tpsfs"]


def analysed_decay(data: xr.DataArray, predictor: Predictor, options: MapOptions, /) -> NDArray[np.float64]:
    """Return the summed decay of the pixels of a measurement that are analysed.

    Parameters
    ----------
    data : xarray.DataArray, dims ('Y', 'X', 'H')
        Measurement.
    predictor : Predictor
        Model or estimator.
    options : MapOptions
        Options of the analysis.

    Returns
    -------
    ndarray, shape (n_gates,)
        Counts on the time axis of the predictor.

    Raises
    ------
    InputError
        As for :func:`lifetime_map`, except that no lifetimes are predicted.

    See Also
    --------
    analysed_tpsfs : Decays of some of these pixels.
    """
    found = survey(data, block_pixels=options.block_pixels).check()
    analysis = Analysis.plan(data, found, predictor, options)
    selection = select(found, analysis.mask, binning=options.binning, min_photons=options.min_photons)
    return np.asarray(analysis.rebinner.apply(decay_of(data, selection.chosen)[None])[0], np.float64)


def analysed_tpsfs(
    data: xr.DataArray, predictor: Predictor, /, *, n: int, min_photons: float = MIN_PHOTONS
) -> NDArray[np.float32]:
    """Return the TPSFs of a measurement that :func:`lifetime_map` would pass to a predictor.

    Parameters
    ----------
    data : xarray.DataArray, dims ('Y', 'X', 'H')
        Measurement.
    predictor : Predictor
        Model or estimator.
    n : int
        Largest number of TPSFs, evenly distributed over the analysed pixels.
    min_photons : float
        Pixels with fewer counts are below threshold and not analysed.

    Returns
    -------
    ndarray of float32, shape (n, n_gates)
        Re-binned counts.

    Raises
    ------
    InputError
        As for :func:`lifetime_map`, except that no lifetimes are predicted.

    See Also
    --------
    lifetime_map : Lifetime maps of a measurement.
    """
    found = survey(data).check()
    analysis = Analysis.plan(data, found, predictor, MapOptions(min_photons))
    parts = analysis.tpsfs(data, select(found, analysis.mask, min_photons=min_photons))
    tpsfs = np.concatenate([tpsf for _, tpsf in parts])
    chosen = np.linspace(0, len(tpsfs) - 1, min(n, len(tpsfs))).round().astype(np.intp)
    return np.asarray(tpsfs[chosen], np.float32)
