"""The one thing that imaging asks of whatever turns decays into lifetimes."""

from typing import Any, Protocol, runtime_checkable

from numpy.typing import NDArray

from seq2seqlite.decay import Lifetimes, TimeAxis

__all__ = ["Predictor"]


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
