"""TPSFs of a measurement on the time axis of a predictor."""

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seq2seqlite.decay import Lifetimes, TimeAxis
from seq2seqlite.imaging.frame_analysis import lifetime_map
from seq2seqlite.imaging.mask import MIN_PHOTONS
from seq2seqlite.protocols import Predictor

__all__ = ["analysed_tpsfs"]


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
        As for :func:`lifetime_map`.

    See Also
    --------
    lifetime_map : Compute the lifetime maps of a measurement.
    seq2seqlite.read : Read a measurement as an array of decays.
    """
    recorder = _Recorder(predictor)
    lifetime_map(data, recorder, min_photons=min_photons)
    tpsfs = np.concatenate(recorder.seen)
    chosen = np.linspace(0, len(tpsfs) - 1, min(n, len(tpsfs))).round().astype(np.intp)
    return np.asarray(tpsfs[chosen], np.float32)


class _Recorder:
    """Predictor that stores the TPSFs passed to it."""

    kind = "recorder"

    def __init__(self, predictor: Predictor, /) -> None:
        self.predictor = predictor
        self.seen: list[NDArray[Any]] = []

    @property
    def name(self) -> str:
        return self.predictor.name

    @property
    def axis(self) -> TimeAxis:
        return self.predictor.axis

    @property
    def rising_edge_ns(self) -> float:
        return self.predictor.rising_edge_ns

    def lifetimes(self, tpsf: NDArray[Any], /) -> Lifetimes:
        self.seen.append(tpsf)
        any_value = np.ones(len(tpsf))
        return Lifetimes(any_value, any_value, any_value, any_value)
