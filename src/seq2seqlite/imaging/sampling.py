"""The TPSFs that a predictor would get of a measurement."""

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
    """Return TPSFs of a measurement on a predictor's axis, as :func:`lifetime_map` would give them to it.

    Parameters
    ----------
    data : xarray.DataArray, dims ('Y', 'X', 'H')
        Measurement.
    predictor : Predictor
        Model.
    n : int
        How many, spread evenly over the pixels that are analysed; fewer where there are not so many.
    min_photons : float
        Pixels with fewer counts are left out.

    Returns
    -------
    ndarray of float32, shape (n, n_gates)
        Re-binned counts.

    Raises
    ------
    InputError
        As :func:`lifetime_map`.
    """
    recorder = _Recorder(predictor)
    lifetime_map(data, recorder, min_photons=min_photons)
    tpsfs = np.concatenate(recorder.seen)
    chosen = np.linspace(0, len(tpsfs) - 1, min(n, len(tpsfs))).round().astype(np.intp)
    return np.asarray(tpsfs[chosen], np.float32)


class _Recorder:
    """A predictor that keeps what it is given."""

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
        nothing = np.full(len(tpsf), np.nan)
        return Lifetimes(nothing, nothing, nothing, nothing)
