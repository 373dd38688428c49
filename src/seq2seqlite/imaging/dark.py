"""Dark level of a camera in the decays of its pixels."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seq2seqlite.decay import Lifetimes
from seq2seqlite.imaging.mask import Selection, neighbourhood_sum
from seq2seqlite.io.signal import Survey
from seq2seqlite.protocols import BackgroundPredictor, PixelPredictor, Predictor, uses_background
from seq2seqlite.rebinning.plan import Rebinner

__all__ = ["DarkLevel", "correct_maps", "corrected_intensity"]


@dataclass(frozen=True)
class DarkLevel:
    """Dark level of each pixel of an image, on the time axis of a predictor.

    Parameters
    ----------
    level : ndarray, shape (Y * X,)
        Counts per bin of the measurement, after binning of the pixels.
    profile : ndarray, shape (n_gates,)
        Gates of a predictor for one count in each bin.

    See Also
    --------
    corrected_intensity : Photons without the dark level.
    """

    level: NDArray[np.float64]
    profile: NDArray[np.float64]

    @classmethod
    def of(
        cls, data: xr.DataArray, selection: Selection, rebinner: Rebinner, /, *, binning: int = 0
    ) -> "DarkLevel":
        """Return the dark level of a measurement with a coordinate ``dark``.

        Parameters
        ----------
        data : xarray.DataArray, dims ('Y', 'X', 'H')
            Measurement.
        selection : Selection
            Pixels whose counts are added to those of their neighbours.
        rebinner : Rebinner
            Re-binning to the time axis of a predictor.
        binning : int
            As for :class:`~seq2seqlite.imaging.MapOptions`.
        """
        level = np.where(selection.usable, data.coords["dark"].values, 0.0)
        profile = np.asarray(rebinner.apply(np.ones((1, data.sizes["H"])))[0], np.float64)
        return cls(neighbourhood_sum(level, binning=binning).reshape(-1), profile)

    def lifetimes(self, predictor: Predictor, tpsf: NDArray[Any], pixels: NDArray[np.intp], /) -> Lifetimes:
        """Return the lifetimes of decays with the dark level.

        Parameters
        ----------
        predictor : Predictor
            Model or estimator. One that uses a known background gets the dark level; for others it is
            subtracted, and negative counts, which they do not accept, become zero.
        tpsf : ndarray, shape (n, n_gates)
            Counts.
        pixels : ndarray of int, shape (n,)
            Flat indices of the pixels in the image.
        """
        background = self.level[pixels, None] * self.profile
        if isinstance(predictor, BackgroundPredictor) and uses_background(predictor):
            return predictor.lifetimes_above(tpsf, background.mean(axis=1), pixels)
        light = np.maximum(tpsf - background, 0.0).astype(np.float32)
        if isinstance(predictor, PixelPredictor):
            return predictor.lifetimes_at(light, pixels)
        return predictor.lifetimes(light)


def corrected_intensity(data: xr.DataArray, found: Survey, /) -> NDArray[np.float32]:
    """Return the photons of each pixel without the dark level, divided by the sensitivity of the pixel.

    Parameters
    ----------
    data : xarray.DataArray, dims ('Y', 'X', 'H')
        Measurement; its coordinate ``flat``, if it has one, is the sensitivity.
    found : Survey
        Its survey.

    Returns
    -------
    ndarray of float32, shape (Y, X)
        Not negative; NaN in bad pixels.

    See Also
    --------
    seq2seqlite.io.Corrections : Files with the dark level and the sensitivity.
    """
    image = found.signal if found.dark is None else np.maximum(found.signal, 0.0)
    if "flat" in data.coords:
        image = image / data.coords["flat"].values
    if found.bad is not None:
        image = np.where(found.bad, np.nan, image)
    return image.astype(np.float32)


def correct_maps(maps: dict[str, NDArray[np.float32]], data: xr.DataArray, found: Survey, /) -> None:
    """Replace the intensity by the corrected one, and flag bad pixels in the map of the quality check."""
    maps["intensity"] = corrected_intensity(data, found)
    if found.bad is not None and "flagged" in maps:
        maps["flagged"][found.bad] = 1.0
