"""A network that uses the response of the instrument, together with the response for a measurement."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.decay import Irf, Lifetimes, Quantities, TimeAxis, expected_response
from seq2seqlite.predictors.pixel_bank import PixelBank
from seq2seqlite.protocols import LiveBins, Predictor, ResponsePredictor, error_maps, quantities, tau_range_ns
from seq2seqlite.responses import placed_irf

__all__ = ["ResponseModel"]

# The columns of a response are normalised: any number of counts far above one describes it.
COUNTS = 1e9
# The share of background in a summed decay is known within some tenths of its value, or some hundredths.
BACKGROUND_EXCESS = 1.3
BACKGROUND_ERROR = 0.03


@dataclass(frozen=True)
class ResponseModel:
    """A network and the response of an instrument, whose delay is not yet that of the decays.

    Parameters
    ----------
    model : ResponsePredictor
        Network that uses the response.
    measured : Irf, optional
        Measured response, with any delay. Default: one is fitted to the summed decay.
    gate_length_ns : float, optional
        Length of the gates of a camera, in ns.
    shift_ns : float, optional
        Delay of the decays against the measured response, in ns; default: the one that fits best.

    See Also
    --------
    seq2seqlite.responses.placed_irf : Alignment, or fit, of the response with the summed decay.
    """

    model: ResponsePredictor
    measured: Irf | None = None
    gate_length_ns: float | None = None
    shift_ns: float | None = None

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.model.name

    @property
    def kind(self) -> str:
        """Kind of network and back end."""
        return self.model.kind

    @property
    def axis(self) -> TimeAxis:
        """Time axis of the TPSFs that the model accepts."""
        return self.model.axis

    @property
    def rising_edge_ns(self) -> float:
        """Required position of the rising edge, in ns."""
        return self.model.rising_edge_ns

    @property
    def tau_range_ns(self) -> tuple[float, float] | None:
        """Range of the lifetimes that the model was trained for, in ns; None if it is unknown."""
        return tau_range_ns(self.model)

    @property
    def instrument(self) -> str:
        """Name of the instrument that the model was trained for."""
        return self.model.instrument

    @property
    def n_parameters(self) -> int:
        """Number of weights."""
        return self.model.n_parameters

    @property
    def quantities(self) -> Quantities:
        """Quantities that the model determines."""
        return quantities(self.model)

    @property
    def error_maps(self) -> tuple[str, ...]:
        """Standard errors that the model predicts."""
        return error_maps(self.model)

    def on_decay(
        self, decay: NDArray[Any], /, *, delay_ns: float = 0.0, rebinner: LiveBins | None = None
    ) -> tuple[Predictor, dict[str, Any]]:
        """Return the model for decays with the delay of a summed decay, and how its response was obtained.

        Parameters
        ----------
        decay : ndarray, shape (n_gates,)
            Summed decay of the measurement on the axis of the model.
        delay_ns : float
            Time that was added to the measurement to bring it onto the axis of the model, in ns.
        rebinner : LiveBins, optional
            Re-binning that gave this decay. A measured response is then aligned with the measurement itself,
            and re-binned like the decays, because bins that do not fit the gates widen both.
        """
        axis, onto = self.axis, None
        if rebinner is not None and self.measured is not None and self.gate_length_ns is None:
            axis, onto = rebinner.live_axis, rebinner.from_live
            decay, delay_ns = rebinner.live_total, -rebinner.live_start_ns
        placed = placed_irf(
            np.asarray(decay, np.float64),
            axis=axis,
            measured=self.measured,
            gate_length_ns=self.gate_length_ns,
            shift_ns=None if self.shift_ns is None else self.shift_ns + delay_ns,
        )
        predictor = PixelBank.of(placed.irf, lambda irf: self._with(irf, placed.axis, onto))
        described = placed.described(delay_ns)
        most, share = self._max_background, placed.background(decay)
        if most is not None:
            described["background"] = round(share, 4)
            if share > min(BACKGROUND_EXCESS * most, most + BACKGROUND_ERROR):
                described["warning"] = (
                    f"{share:.1%} of the counts are background, more than the {most:.0%} that {self.name} "
                    "was trained for: its lifetimes are wrong; use an estimator, or pass the dark level of a "
                    "camera as dark"
                )
        return predictor, described

    @property
    def _max_background(self) -> float | None:
        most: float | None = getattr(self.model, "max_background", None)
        return most

    def _with(
        self, irf: Irf, axis: TimeAxis, onto: Callable[[NDArray[Any]], NDArray[Any]] | None
    ) -> ResponsePredictor:
        shape = expected_response(irf, axis=axis)
        shape = shape if onto is None else onto(shape)
        return self.model.with_response(COUNTS * shape / shape.sum())

    def lifetimes(self, tpsf: NDArray[Any], /) -> Lifetimes:
        """Return lifetimes without the response: its delay is unknown before :meth:`on_decay`."""
        return self.model.lifetimes(tpsf)
