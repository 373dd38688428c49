"""Choices of the widget "Lifetime map", and the analysis that they stand for."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.batch import AnalysedImage, JobOptions, analyse_image
from seq2seqlite.errors import InputError
from seq2seqlite.estimators import ESTIMATORS
from seq2seqlite.figures import PhasorOptions
from seq2seqlite.imaging import MIN_PHOTONS, Quality
from seq2seqlite.io.read_options import SUM
from seq2seqlite.models import model_names
from seq2seqlite.napari.layers import OpenedMeasurement
from seq2seqlite.predictors import ChosenSource, FitOptions
from seq2seqlite.predictors.choice import unchosen_source
from seq2seqlite.predictors.source import FIT, predictor_source
from seq2seqlite.protocols import PredictorSource
from seq2seqlite.regions import Regions

__all__ = ["AUTOMATIC", "IRFS", "MEASURED", "NO_IRF", "MapSettings", "label_regions", "models"]

AUTOMATIC = "automatic"
"""Model that is chosen for the measurement, as ``image`` does without a model."""
NO_IRF, MEASURED = "none", "file"
IRFS = (NO_IRF, FIT, MEASURED)
"""Choices of the IRF: none, fitted to the summed decay, or measured."""


def models() -> list[str]:
    """Return the models and estimators that are offered."""
    return [AUTOMATIC, *model_names(), *ESTIMATORS]


@dataclass(frozen=True)
class MapSettings:
    """Choices of the widget, which are options of :func:`~seq2seqlite.write_lifetime_maps`.

    Parameters
    ----------
    model : str
        Name of a model or estimator, model file, or ``"automatic"``.
    irf : str
        ``"none"``, ``"fit"`` or the file of a measured IRF.
    irf_bin_width_ns : float, optional
        Bin width of the IRF in ns, if its file does not contain it.
    min_photons, binning, extrapolate
        As for :func:`~seq2seqlite.lifetime_map`.
    frames : {"sum", "each"}
        Frames of a series: their sum, or each of them.
    quality : bool
        Also map chi-square and deviation, and flag unreliable pixels.
    phasor : bool
        Also map the phasor coordinates.

    See Also
    --------
    seq2seqlite.write_lifetime_maps : Write the same maps to files.

    Examples
    --------
    >>> MapSettings(model="phasor", binning=1).options().binning
    1
    """

    model: str = AUTOMATIC
    irf: str = NO_IRF
    irf_bin_width_ns: float | None = None
    min_photons: float = MIN_PHOTONS
    binning: int = 0
    extrapolate: bool = False
    frames: str = SUM
    quality: bool = False
    phasor: bool = True

    def source(self) -> PredictorSource:
        """Return the source of the predictor, after loading model and IRF once to check them."""
        irf = None if self.irf == NO_IRF else self.irf
        if self.model == AUTOMATIC:
            return ChosenSource(
                unchosen_source(
                    backend="auto", fit=FitOptions(), irf=irf, irf_bin_width_ns=self.irf_bin_width_ns
                )
            )
        return predictor_source(self.model, irf=irf, irf_bin_width_ns=self.irf_bin_width_ns)

    def options(self) -> JobOptions:
        """Return the options of the analysis."""
        return JobOptions(
            min_photons=self.min_photons,
            binning=self.binning,
            extrapolate=self.extrapolate,
            quality=Quality() if self.quality else None,
            decay_figure=True,
            phasor=PhasorOptions() if self.phasor else None,
        )

    def analyse(
        self, opened: OpenedMeasurement, /, *, progress: Callable[[int, int], None] | None = None
    ) -> AnalysedImage:
        """Return the maps of a measurement, with all that its table of regions needs.

        Parameters
        ----------
        opened : OpenedMeasurement
            Measurement of a layer.
        progress : callable, optional
            As for :func:`~seq2seqlite.batch.analyse_image`.

        Raises
        ------
        InputError
            As for :func:`~seq2seqlite.lifetime_map`, or if the model or the IRF cannot be read.
        """
        options = replace(self.options(), read=replace(opened.read, frames=self.frames))
        return analyse_image(opened.chosen(self.frames), self.source(), options, progress=progress)


def label_regions(
    labels: ArrayLike, /, *, shape: tuple[int, int], name: str, step: tuple[int, ...] = ()
) -> Regions:
    """Return the regions of a layer of labels.

    Parameters
    ----------
    labels : array_like, shape (..., Y, X)
        Labels, 0 outside of all regions.
    shape : tuple of int
        Shape (Y, X) of the image.
    name : str
        Name of the layer in errors.
    step : tuple of int
        Displayed index of the axes before Y and X; of labels with these axes, this image is used.

    Raises
    ------
    InputError
        If the labels do not fit the image, or all are 0.

    See Also
    --------
    seq2seqlite.regions.region_table : Statistics of maps by region.

    Examples
    --------
    >>> label_regions([[0, 1]], shape=(1, 2), name="cells").names
    ('1',)
    """
    values: NDArray[np.generic] = np.asarray(labels)
    extra = values.ndim - 2
    if extra > 0:
        place = (*(0,) * extra, *step)[-extra:]
        values = values[tuple(min(index, size - 1) for index, size in zip(place, values.shape, strict=False))]
    if values.ndim != 2:
        raise InputError(f"{name} has shape {values.shape}; labels must be an image (Y, X)")
    return Regions.of_labels(values, shape=shape, name=name)
