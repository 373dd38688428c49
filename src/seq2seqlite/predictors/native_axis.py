"""Estimators on the time axis of a measurement, without re-binning."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seq2seqlite.decay import FitModel, Irf, Lifetimes, Quantities, TimeAxis, rising_edge_ns
from seq2seqlite.errors import InputError
from seq2seqlite.io.signal import gate_width_ns, period_ns, survey
from seq2seqlite.protocols import (
    BackgroundPredictor,
    PixelPredictor,
    Predictor,
    error_maps,
    fit_model,
    quantities,
    tau_range_ns,
    uses_background,
)
from seq2seqlite.rebinning.tac_window import live_bins

__all__ = ["NativeAxisPredictor", "native_axis"]


@dataclass(frozen=True)
class NativeAxisPredictor:
    """Estimator on the time axis of the measurement, so that decays are neither shifted nor re-binned.

    Parameters
    ----------
    estimator : Predictor
        Estimator on the axis of the measurement.
    rising_edge_ns : float
        Rising edge of the measurement on that axis, in ns.
    response : dict, optional
        How the response of the instrument was obtained.
    shared_lifetimes : dict, optional
        Fixed lifetimes that were fitted to summed decays.
    warnings : tuple of str
        Warnings about these lifetimes.

    See Also
    --------
    native_axis :
        Return the time axis of a measurement, without the empty bins at both ends of the TAC window.
    seq2seqlite.predictors.source.predictor_source :
        Return the source of a predictor, after loading the model and the IRF once to check them.
    """

    estimator: Predictor
    rising_edge_ns: float
    response: dict[str, Any] | None = None
    shared_lifetimes: dict[str, Any] | None = None
    warnings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the estimator."""
        return self.estimator.name

    @property
    def kind(self) -> str:
        """Method of the estimator."""
        return self.estimator.kind

    @property
    def axis(self) -> TimeAxis:
        """Time axis of the measurement."""
        return self.estimator.axis

    @property
    def tau_range_ns(self) -> tuple[float, float] | None:
        """Range of the lifetimes of the estimator, in ns; None if it is unknown."""
        return tau_range_ns(self.estimator)

    @property
    def irf(self) -> Irf | None:
        """Response of the estimator on the axis of the measurement."""
        found: Irf | None = getattr(self.estimator, "irf", None)
        return found

    @property
    def quantities(self) -> Quantities:
        """Quantities that the estimator determines."""
        return quantities(self.estimator)

    @property
    def fit_model(self) -> FitModel:
        """Model that is fitted to summed decays."""
        return fit_model(self.estimator)

    @property
    def error_maps(self) -> tuple[str, ...]:
        """Standard errors that the estimator returns."""
        return error_maps(self.estimator)

    def lifetimes(self, tpsf: NDArray[Any], /) -> Lifetimes:
        """Return the lifetimes of TPSFs."""
        return self.estimator.lifetimes(tpsf)

    def lifetimes_at(self, tpsf: NDArray[Any], pixels: NDArray[np.intp], /) -> Lifetimes:
        """Return the lifetimes of TPSFs of pixels, by flat index."""
        if isinstance(self.estimator, PixelPredictor):
            return self.estimator.lifetimes_at(tpsf, pixels)
        return self.estimator.lifetimes(tpsf)

    @property
    def uses_background(self) -> bool:
        """Whether the estimator uses a known background of each pixel."""
        return uses_background(self.estimator)

    def lifetimes_above(
        self, tpsf: NDArray[Any], background: NDArray[Any], pixels: NDArray[np.intp], /
    ) -> Lifetimes:
        """Return the lifetimes of TPSFs of pixels above a known background, if the estimator uses it."""
        assert isinstance(self.estimator, BackgroundPredictor), "uses_background is False"
        return self.estimator.lifetimes_above(tpsf, background, pixels)


def native_axis(data: xr.DataArray, /) -> tuple[TimeAxis, NDArray[np.float64], float, float]:
    """Return the time axis of a measurement, without the empty bins at both ends of the TAC window.

    Parameters
    ----------
    data : xarray.DataArray, dims ('Y', 'X', 'H')
        Signal; the survey of a :class:`~seq2seqlite.io.Measurement` is not repeated.

    Returns
    -------
    axis : TimeAxis
        Bins within the TAC window.
    decay : ndarray, shape (n_gates,)
        Summed decay on this axis.
    rising_edge_ns : float
        Rising edge of the summed decay, in ns.
    start_ns : float
        Start of the axis after the first bin of the measurement, in ns.

    Raises
    ------
    InputError
        If the period is unknown or shorter than two bins, counts are invalid, or no rising edge is found.

    See Also
    --------
    NativeAxisPredictor :
        Estimator on the time axis of the measurement, so that decays are neither shifted nor re-binned.
    seq2seqlite.rebinning.tac_window.live_bins :
        Return the bins within the TAC window, without the empty bins at both ends.
    """
    width, period = gate_width_ns(data), period_ns(data)
    total = survey(data).check().decay
    live = live_bins(total, gate_width_ns=width)
    most = int(period / width * (1 + 1e-9))
    if most < 2:
        raise InputError(
            f"gate_width_ns={width:g} must be at most half of period_ns={period:g}; check the units of both"
        )
    live = slice(int(live.start), int(min(live.stop, live.start + most)))
    decay = total[live]
    edge_ns = rising_edge_ns(decay, bin_width_ns=width)
    return TimeAxis(decay.size, width, period), decay, edge_ns, live.start * width
