"""Gate-sequential prediction: the encoder processes each time gate as a time-gated camera delivers it."""

from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.cpu.constants import BYTES_OF_ZERO
from seq2seqlite.cpu.jit import compiled
from seq2seqlite.cpu.kernels import GROUP, advance, decode, input_code
from seq2seqlite.cpu.predictors import ProgramEngine, in_threads
from seq2seqlite.decay import Lifetimes, TimeAxis
from seq2seqlite.errors import InputError
from seq2seqlite.integer import COUNT_BITS, Program, lifetimes_from_codes

__all__ = ["NORMALISATIONS", "GateSequential", "unfit_gate_after_gate"]

NORMALISATIONS = ("after-edge", "previous-frame", "running")
"""Methods to estimate the peak used for the normalisation before all gates are known."""

EDGE_MARGIN_NS = 1.0
"""``after-edge`` uses the peak of the gates up to this time after the rising edge, in ns."""
CATCH_UP = 4
"""Maximum number of gates that the encoder processes per new gate while it catches up."""
TASK = 256  # groups


class GateSequential:
    """Integer program that accepts a frame gate by gate.

    Parameters
    ----------
    program : Program
        Program; the CPU back end must support it.
    normalisation : str
        Estimate of the peak, which is not known before the last gate. ``"after-edge"``: the peak of the gates
        up to 1 ns after the rising edge; the encoder starts late and catches up. ``"previous-frame"``: the
        peak of the pixel in the previous frame; the first frame is encoded after its last gate.
        ``"running"``: the maximum of the gates received so far. Counts above the peak are clipped.
    threads : int, optional
        Number of threads; by default one per core available to this process.

    Raises
    ------
    InputError
        If the normalisation is unknown, or the CPU back end does not support the program.

    See Also
    --------
    seq2seqlite.cpu.ProgramEngine : Integer program compiled for this CPU; equals ``run`` bit for bit.
    seq2seqlite.predictors.collected_gates.CollectedGates :
        Gate-sequential adapter: exact, but it starts the prediction only after the last gate.

    Notes
    -----
    Between two gates only the state of each pixel is stored, one code per unit (32 bytes for an 8-bit student
    with 32 units), and for ``after-edge`` also the gates not yet encoded.
    """

    kind = "integer program, CPU back end, gate after gate"

    def __init__(
        self, program: Program, /, *, normalisation: str = "after-edge", threads: int | None = None
    ) -> None:
        if normalisation not in NORMALISATIONS:
            raise InputError(
                f"normalisation={normalisation!r} is unknown; choose one of {', '.join(NORMALISATIONS)}"
            )
        reason = unfit_gate_after_gate(program)
        if reason:
            raise InputError(
                f"program {program.name} {reason}, which the analysis gate after gate does not support; use "
                "whole pixels"
            )
        self.engine = ProgramEngine(program, threads=threads)
        self.normalisation = normalisation
        self._previous: NDArray[np.int64] | None = None
        self._waiting: deque[NDArray[np.uint16]] = deque()
        self._n_pixels = -1
        self._received = -1

    @property
    def program(self) -> Program:
        """Integer program."""
        return self.engine.program

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.engine.name

    @property
    def axis(self) -> TimeAxis:
        """Time axis of the frames."""
        return self.engine.axis

    @property
    def rising_edge_ns(self) -> float:
        """Required position of the rising edge, in ns."""
        return self.engine.rising_edge_ns

    @property
    def tau_range_ns(self) -> tuple[float, float] | None:
        """Range of the lifetimes that the model was trained for, in ns; None if it is unknown."""
        return self.engine.tau_range_ns

    @property
    def n_gates(self) -> int:
        """Number of gates of a frame."""
        return self.program.n_gates

    @property
    def first_gates(self) -> int:
        """Number of gates required before the encoder can start."""
        n_baseline = self.program.n_baseline
        if self.normalisation != "after-edge":
            return n_baseline
        edge = (self.rising_edge_ns + EDGE_MARGIN_NS) / self.axis.gate_width_ns
        return min(max(int(np.ceil(edge)), n_baseline + 1), self.n_gates)

    def begin(self, n_pixels: int, /) -> None:
        """Begin a frame; an unfinished frame is discarded.

        Raises
        ------
        InputError
            If ``n_pixels`` is less than 1.
        """
        if n_pixels < 1:
            raise InputError(f"n_pixels={n_pixels} must be >= 1")
        weights = self.engine.compiled
        if n_pixels != self._n_pixels:
            self._previous = None
            groups = -(-n_pixels // GROUP)
            self._states = np.empty((groups, weights.state_rows * GROUP), np.int32)
            self._inputs = np.zeros(groups * GROUP, np.int32)
        self._n_pixels = n_pixels
        self._states[:] = BYTES_OF_ZERO if weights.packing == 4 else 0
        self._baseline = np.zeros(n_pixels, np.int64)
        self._highest = np.zeros(n_pixels, np.int64)
        self._waiting.clear()
        self._received = 0

    def advance(self, counts: NDArray[Any], /) -> None:
        """Accept the next gate.

        Parameters
        ----------
        counts : ndarray of int, shape (n_pixels,)
            Counts of one gate, 0 to 65535.

        Raises
        ------
        InputError
            If no frame has begun, the frame is complete, or the counts have a wrong shape, type or range.
        """
        gate = self._checked(counts)
        if self._received < self.program.n_baseline:
            self._baseline += gate
        np.maximum(self._highest, gate, out=self._highest)
        self._waiting.append(gate)
        self._received += 1
        if self._received == self.first_gates:
            self._early = self._peak()
        if self._scale_is_known():
            for _ in range(min(CATCH_UP, len(self._waiting))):
                self._encode(self._waiting.popleft())

    def finish(self) -> Lifetimes:
        """Return the lifetimes of the frame, shape (n_pixels,).

        Raises
        ------
        InputError
            If a gate is missing.
        """
        if self._received != self.n_gates:
            raise InputError(
                f"the frame has only {max(self._received, 0)} of {self.n_gates} gates; pass all of "
                "them to advance before finish"
            )
        while self._waiting:
            self._encode(self._waiting.popleft())
        self._previous, self._received = self._peak(), -1
        weights, n = self.engine.compiled, self._n_pixels
        firsts, areas = np.empty((n, 2), np.int64), np.empty((n, 2), np.int64)
        sfd = np.empty((0, 3, self.n_gates), np.int32)

        def work(part: slice) -> None:
            pixels = slice(part.start * GROUP, part.stop * GROUP)
            decode(
                weights.decoder,
                weights.head,
                weights.scratch(),
                weights.units,
                self._states[part],
                self.n_gates,
                firsts[pixels],
                areas[pixels],
                sfd,
            )

        in_threads(len(self._states), self.engine.threads, work, step=TASK)
        reduced = self.program.reduction.reduce_areas(firsts, areas).darkened(self._previous <= 0)
        return lifetimes_from_codes(self.program, reduced)

    def _checked(self, counts: NDArray[Any]) -> NDArray[np.uint16]:
        if not 0 <= self._received < self.n_gates:
            raise InputError(
                f"no frame is open, or it already has all {self.n_gates} gates; call begin for a new frame"
            )
        gate = np.asarray(counts)
        if gate.shape != (self._n_pixels,):
            raise InputError(f"counts of a gate must have shape ({self._n_pixels},), not {gate.shape}")
        if not np.issubdtype(gate.dtype, np.integer):
            raise InputError(f"counts of a gate must be integers, not {gate.dtype}; round them")
        if gate.dtype != np.uint16 and (gate.min() < 0 or gate.max() >= 2**COUNT_BITS):
            raise InputError(
                f"counts from {gate.min()} to {gate.max()} must be between 0 and {2**COUNT_BITS - 1} "
                f"({COUNT_BITS} bits); scale them down"
            )
        return gate.astype(np.uint16)  # a copy, because a camera may reuse its buffer

    def _scale_is_known(self) -> bool:
        if self.normalisation == "previous-frame" and self._previous is None:
            return self._received == self.n_gates
        return self._received >= self.first_gates

    def _peak(self) -> NDArray[np.int64]:
        """Return the current peak above the baseline, multiplied by ``n_baseline``."""
        return self.program.n_baseline * self._highest - self._baseline

    def _scale(self) -> NDArray[np.int64]:
        """Return the peak used for the normalisation."""
        if self.normalisation == "after-edge":
            return self._early
        return self._peak() if self._previous is None or self.normalisation == "running" else self._previous

    def _encode(self, gate: NDArray[np.uint16]) -> None:
        weights = self.engine.compiled
        _codes(
            gate,
            self._baseline,
            self._scale(),
            self.program.n_baseline,
            self.program.formats.input.high_code,
            self._inputs,
        )

        def work(part: slice) -> None:
            pixels = slice(part.start * GROUP, part.stop * GROUP)
            advance(
                weights.encoder,
                weights.scratch(),
                weights.units,
                self._states[part],
                self._inputs[pixels],
            )

        in_threads(len(self._states), self.engine.threads, work, step=TASK)


def unfit_gate_after_gate(program: Program, /) -> str:
    """Return why a program cannot accept a frame gate by gate, or an empty string.

    See Also
    --------
    GateSequential : Program that accepts a frame gate by gate.
    """
    if program.n_columns or not program.n_baseline:
        return "gets the response or subtracts no baseline"
    if program.formats.operand is not None:
        return "keeps more bits of its state than its matrix products use"
    return ""


@compiled
def _codes(
    gate: NDArray[np.uint16],
    baseline: NDArray[np.int64],
    peak: NDArray[np.int64],
    n_baseline: int,
    high: int,
    inputs: NDArray[np.int32],
) -> None:  # pragma: no cover - compiled
    """Write the input codes of one gate; counts above the estimated peak are clipped."""
    for pixel in range(gate.size):
        signal = n_baseline * np.int64(gate[pixel]) - baseline[pixel]
        inputs[pixel] = input_code(signal, peak[pixel], high) if peak[pixel] > 0 else 0
