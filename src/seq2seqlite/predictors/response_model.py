"""A network that uses the response of the instrument, together with the IRF of a measurement."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.decay import ForwardModel, Irf, Lifetimes, TimeAxis, harmonics_needed
from seq2seqlite.estimators import aligned_irf
from seq2seqlite.protocols import ResponsePredictor, error_maps, tau_range_ns

__all__ = ["ResponseModel"]

# The columns of a response are normalised: any number of counts far above one describes it.
COUNTS = 1e9


@dataclass(frozen=True)
class ResponseModel:
    """A network and the measured IRF of an instrument, whose delay is not yet that of the decays.

    Parameters
    ----------
    model : ResponsePredictor
        Network that uses the response.
    measured : Irf
        Measured IRF, with any delay.

    See Also
    --------
    seq2seqlite.estimators.aligned_irf : Alignment of the IRF with the summed decay.
    """

    model: ResponsePredictor
    measured: Irf

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
    def error_maps(self) -> tuple[str, ...]:
        """Standard errors that the model predicts."""
        return error_maps(self.model)

    def on_decay(self, decay: NDArray[Any], /) -> ResponsePredictor:
        """Return the model for decays with the delay of a summed decay.

        Parameters
        ----------
        decay : ndarray, shape (n_gates,)
            Summed decay of the measurement on the axis of the model.
        """
        placed = aligned_irf(self.measured, np.asarray(decay, np.float64), axis=self.axis)
        n_harmonics = harmonics_needed(placed.narrowest_sigma_ns, period_ns=self.axis.period_ns)
        forward = ForwardModel(self.axis, n_harmonics)
        shape = forward.response(placed.coefficients(n_harmonics, period_ns=self.axis.period_ns))
        return self.model.with_response(COUNTS * shape / shape.sum())

    def lifetimes(self, tpsf: NDArray[Any], /) -> Lifetimes:
        """Return the lifetimes of TPSFs, without the IRF: its delay is not known before :meth:`on_decay`."""
        return self.model.lifetimes(tpsf)
