"""What imaging asks of whatever turns decays into lifetimes, and of who can say where that is."""

from collections.abc import Hashable
from typing import Any, Protocol, runtime_checkable

import xarray as xr
from numpy.typing import NDArray

from seq2seqlite.decay import Irf, Lifetimes, TimeAxis

__all__ = ["GateSequentialPredictor", "Predictor", "PredictorSource"]


@runtime_checkable
class Predictor(Protocol):
    """Turns TPSFs into lifetimes: a float network, an integer program, an engine or simulated hardware.

    Attributes
    ----------
    name : str
        Name of the model, e.g. ``"seq2seqlite-tcspc-80mhz-float"``.
    kind : str
        What computes, e.g. ``"float network"``.
    axis : TimeAxis
        Gates that it takes.
    rising_edge_ns : float
        Where :func:`seq2seqlite.decay.rising_edge_ns` of a TPSF has to be on that axis, in ns.
    """

    @property
    def name(self) -> str:
        """Name of the model."""
        ...

    @property
    def kind(self) -> str:
        """What computes."""
        ...

    @property
    def axis(self) -> TimeAxis:
        """Gates that it takes."""
        ...

    @property
    def rising_edge_ns(self) -> float:
        """Where the rising edge has to be, in ns."""
        ...

    def lifetimes(self, tpsf: NDArray[Any], /) -> Lifetimes:
        """Return lifetimes, shape (n,), of TPSFs, shape (n, n_gates), raw counts with background."""
        ...


@runtime_checkable
class GateSequentialPredictor(Protocol):
    """Takes the gates of a frame one after another, each of all pixels, and keeps a state a pixel.

    Peak and baseline of a decay are known only at its end; what scale it takes till then, e.g. that of the
    frame before, is its own affair.

    Attributes
    ----------
    name, kind, axis, rising_edge_ns
        As of :class:`Predictor`.
    n_gates : int
        Gates of a frame: those of its axis.
    """

    @property
    def name(self) -> str:
        """Name of the model."""
        ...

    @property
    def kind(self) -> str:
        """What computes."""
        ...

    @property
    def axis(self) -> TimeAxis:
        """Gates that it takes."""
        ...

    @property
    def rising_edge_ns(self) -> float:
        """Where the rising edge has to be, in ns."""
        ...

    @property
    def n_gates(self) -> int:
        """Gates of a frame."""
        ...

    def begin(self, n_pixels: int, /) -> None:
        """Begin a frame; one that is not finished is given up."""
        ...

    def advance(self, counts: NDArray[Any], /) -> None:
        """Take the next gate: unsigned integers, shape (n_pixels,)."""
        ...

    def finish(self) -> Lifetimes:
        """Return the lifetimes, shape (n_pixels,), after the last gate."""
        ...


class PredictorSource(Hashable, Protocol):
    """Says where a predictor is to be had: sent to other processes in the place of networks.

    An implementation is small, can be pickled, and equals another one if its predictors give the same.
    """

    def predictor(self, data: xr.DataArray, /) -> Predictor:
        """Return the predictor for a measurement; only its axis and its summed decay are looked at."""
        ...

    def irf(self) -> Irf | None:
        """Return the measured IRF, if there is one."""
        ...

    def described(self) -> dict[str, Any]:
        """Return names and digests of all that the predictor is made of, ready for JSON."""
        ...
