"""Estimators that work on the measurement's own bins, where a network needs its own."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seq2seqlite.decay import Lifetimes, TimeAxis, rising_edge_ns
from seq2seqlite.imaging.live import live_bins
from seq2seqlite.io.signal import gate_width_ns, period_ns, survey

__all__ = ["InPlace", "estimator_axis"]


class _Estimator(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def axis(self) -> TimeAxis: ...

    def lifetimes(self, tpsf: NDArray[Any], /) -> Lifetimes: ...


@dataclass(frozen=True)
class InPlace:
    """A predictor whose axis is that of the measurement, so that nothing is moved or re-binned.

    Parameters
    ----------
    estimator : estimator
        Takes TPSFs on its ``axis``.
    rising_edge_ns : float
        Where the rising edge of the measurement lies on that axis, in ns.
    """

    estimator: _Estimator
    rising_edge_ns: float

    @property
    def name(self) -> str:
        """Name of the estimator."""
        return self.estimator.name

    @property
    def kind(self) -> str:
        """What computes."""
        return self.estimator.kind

    @property
    def axis(self) -> TimeAxis:
        """Gates of the measurement."""
        return self.estimator.axis

    def lifetimes(self, tpsf: NDArray[Any], /) -> Lifetimes:
        """Return the lifetimes of TPSFs."""
        return self.estimator.lifetimes(tpsf)


def estimator_axis(data: xr.DataArray, /) -> tuple[TimeAxis, NDArray[np.float64], float]:
    """Return a measurement's own axis, without the silent ends of a TAC range.

    Parameters
    ----------
    data : xarray.DataArray, dims ('Y', 'X', 'H')
        Signal.

    Returns
    -------
    axis : TimeAxis
        Bins that record.
    decay : ndarray, shape (n_gates,)
        Summed decay on them.
    rising_edge_ns : float
        Its rising edge, in ns.

    Raises
    ------
    InputError
        If the period is unknown, counts are invalid, or nothing rises.
    """
    width, period = gate_width_ns(data), period_ns(data)
    total = survey(data).decay
    live = live_bins(total, gate_width_ns=width)
    most = int(period / width * (1 + 1e-9))
    live = slice(int(live.start), int(min(live.stop, live.start + most)))
    decay = total[live]
    return TimeAxis(decay.size, width, period), decay, rising_edge_ns(decay, bin_width_ns=width)
