"""Adapter that makes any predictor gate-sequential: it stores the gates and predicts after the last one."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.decay import Lifetimes, Quantities, TimeAxis
from seq2seqlite.errors import InputError
from seq2seqlite.protocols import Predictor, quantities, tau_range_ns

__all__ = ["CollectedGates"]

# Pixels predicted at a time, whose decays are gathered from all gates.
BATCH = 4096


class CollectedGates:
    """Gate-sequential adapter: exact, but it starts the prediction only after the last gate.

    Parameters
    ----------
    predictor : Predictor
        Predictor to adapt.

    See Also
    --------
    seq2seqlite.cpu.GateSequential : Integer program that accepts a frame gate by gate.
    seq2seqlite.streaming.GateStage :
        Analysis gate by gate, so that the maps are ready soon after the last gate.
    """

    def __init__(self, predictor: Predictor, /) -> None:
        self.predictor = predictor
        self._gates: NDArray[Any] = np.zeros((0, 0), np.uint8)
        self._taken = 0

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.predictor.name

    @property
    def kind(self) -> str:
        """Implementation."""
        return f"{self.predictor.kind}, gates collected"

    @property
    def axis(self) -> TimeAxis:
        """Time axis of the TPSFs."""
        return self.predictor.axis

    @property
    def rising_edge_ns(self) -> float:
        """Required position of the rising edge, in ns."""
        return self.predictor.rising_edge_ns

    @property
    def tau_range_ns(self) -> tuple[float, float] | None:
        """Range of the lifetimes of the predictor, in ns; None if it is unknown."""
        return tau_range_ns(self.predictor)

    @property
    def quantities(self) -> Quantities:
        """Quantities that the predictor determines."""
        return quantities(self.predictor)

    @property
    def n_gates(self) -> int:
        """Number of gates of a frame."""
        return self.predictor.axis.n_gates

    def begin(self, n_pixels: int, /) -> None:
        """Begin a frame."""
        if self._gates.shape[1] != n_pixels:
            self._gates = np.zeros((self.n_gates, n_pixels), self._gates.dtype)
        self._taken = 0

    def advance(self, counts: NDArray[Any], /) -> None:
        """Accept the next gate, shape (n_pixels,)."""
        if self._taken == self.n_gates:
            raise InputError(
                f"all {self.n_gates} gates of the frame are stored; call begin() for the next frame"
            )
        if not np.can_cast(counts.dtype, self._gates.dtype):
            self._gates = self._gates.astype(np.promote_types(counts.dtype, self._gates.dtype))
        self._gates[self._taken] = counts
        self._taken += 1

    def finish(self) -> Lifetimes:
        """Return the lifetimes, shape (n_pixels,)."""
        if self._taken < self.n_gates:
            raise InputError(
                f"only {self._taken} of {self.n_gates} gates are stored; call advance() for each of the "
                "others"
            )
        n_pixels = self._gates.shape[1]
        parts = [
            self.predictor.lifetimes(np.ascontiguousarray(self._gates[:, first : first + BATCH].T))
            for first in range(0, n_pixels, BATCH)
        ]
        return Lifetimes(
            *(
                np.concatenate([getattr(part, name) for part in parts])
                for name in ("tau_mean_ns", "tau_short_ns", "tau_long_ns", "amplitude_fraction")
            )
        )
