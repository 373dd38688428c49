"""Designs of an acquisition: which gates of an instrument are measured, how long and with how many bits."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from seq2seqlite.decay import GatedIrf, Irf, SpadFrameDetector, TimeAxis
from seq2seqlite.errors import InputError
from seq2seqlite.simulation.instrument import Instrument

__all__ = ["BINARY_FRAMES_PER_SECOND", "Design", "instrument_designs"]

BINARY_FRAMES_PER_SECOND = {"swissspad3": 88_000.0, "narrow-gate": 88_000.0, "spad512s": 100_000.0}
"""One-bit frames per second of the cameras of shipped instruments.

SwissSPAD3 with one gate: 88,000 continuously and 97,700 in bursts; with two gates 44,000 and 49,800
(M. Wayne et al., IEEE Trans. Electron Devices 69, 2865 (2022), doi:10.1109/TED.2022.3168249). SPAD512S:
100,000 (axiomoptics.com/products/spad512s).
"""

STEPS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30)
# Parts of the series: starts and lengths in quarters of all gates.
QUARTERS = 4
# Gates beyond the number of parameters: without any, the fit cannot be checked.
SPARE_GATES = 1
BITS = (4, 6, 8)
MAX_BITS = 16


@dataclass(frozen=True)
class Design:
    """Choice of gates, gate length and bits.

    Parameters
    ----------
    n_gates : int
        Number of gates.
    first_gate : int
        Index of the first gate on the axis of the instrument.
    every : int
        Steps of the instrument's axis from gate to gate.
    gate_step_ns, gate_length_ns : float
        Step from gate to gate, and length of a gate, in ns.
    bits : int, optional
        Bits of the counter of a gate, which sums ``2**bits - 1`` one-bit frames; None for a detector without
        one-bit frames.

    See Also
    --------
    instrument_designs : Return the designs of an instrument.

    Examples
    --------
    >>> Design(135, 0, 1, 0.09, 3.0, bits=8).binary_frames
    34425
    """

    n_gates: int
    first_gate: int
    every: int
    gate_step_ns: float
    gate_length_ns: float
    bits: int | None = None

    @property
    def frames_per_gate(self) -> int:
        """Number of one-bit frames of a gate; 1 without one-bit frames."""
        return 1 if self.bits is None else 2**self.bits - 1

    @property
    def binary_frames(self) -> int | None:
        """Number of one-bit frames of the whole acquisition; None without one-bit frames."""
        return None if self.bits is None else self.n_gates * self.frames_per_gate

    @property
    def gates(self) -> slice:
        """Gates on the axis of the instrument."""
        return slice(self.first_gate, self.first_gate + self.n_gates * self.every, self.every)

    def axis(self, instrument: Instrument, /) -> TimeAxis:
        """Return the time axis of this design, for estimators; see :meth:`response`."""
        sampled = instrument.gate is not None
        axis = TimeAxis(
            self.n_gates,
            self.gate_step_ns,
            instrument.axis.period_ns,
            gate_length_ns=None if sampled else self.gate_length_ns,
        )
        return axis.sampled() if sampled else axis

    def response(self, irf: Irf, /, *, instrument: Instrument) -> Irf:
        """Return a response of the instrument relative to the first gate of this design."""
        moved = irf.moved(-self.first_gate * instrument.axis.gate_width_ns)
        if isinstance(moved, GatedIrf):
            return replace(moved, gate=replace(moved.gate, length_ns=self.gate_length_ns))
        return moved


def instrument_designs(
    instrument: Instrument,
    /,
    *,
    n_parameters: int,
    gate_length_ns: Sequence[float] = (),
    bits: Sequence[int] = (),
    gate_by_gate: bool,
) -> list[Design]:
    """Return the designs of an instrument; the first is the instrument with all its gates.

    Parameters
    ----------
    instrument : Instrument
        Instrument.
    n_parameters : int
        Number of parameters of the decay. A design has more gates than that.
    gate_length_ns : sequence of float
        Lengths of the gates, in ns; default: bottom, middle and top of the range of a camera with ``[gate]``,
        otherwise the length of the instrument's gates.
    bits : sequence of int
        Bits of the counter of a gate, for cameras with one-bit frames; empty for other detectors.
    gate_by_gate : bool
        Whether each gate has an exposure of its own. Designs then measure every k-th gate of the series, or a
        part of it. Otherwise they add up k adjacent gates.

    Returns
    -------
    list of Design

    Raises
    ------
    InputError
        If a gate length or a number of bits is not possible, or the instrument has too few gates.

    See Also
    --------
    plan_designs : Return photons, speed and precision of designs.
    """
    axis = instrument.axis
    lengths = _lengths(instrument, gate_length_ns)
    for value in bits:
        if not 1 <= value <= MAX_BITS:
            raise InputError(f"bits={value} must be between 1 and {MAX_BITS} (e.g. 8)")
    if axis.n_gates <= n_parameters:
        raise InputError(
            f"instrument {instrument.name} has {axis.n_gates} gates; {n_parameters} parameters of a decay "
            f"require at least {n_parameters + SPARE_GATES}"
        )

    def step(k: int) -> float:
        return round(k * axis.gate_width_ns, 9)

    counters: Iterable[int | None] = sorted(set(bits), reverse=True) or (None,)
    if not gate_by_gate:
        if gate_length_ns:
            raise InputError(
                f"gate_length_ns={list(gate_length_ns)} is only for time-gated cameras; omit it for "
                f"instrument {instrument.name}"
            )
        return [
            Design(axis.n_gates // k, 0, k, step(k), step(k))
            for k in STEPS
            if axis.n_gates // k >= n_parameters + SPARE_GATES
        ]
    return [
        Design(n, first, k, step(k), length, bits=counter)
        for length in lengths
        for first, n, k in _selections(axis.n_gates, least=n_parameters + SPARE_GATES)
        for counter in counters
    ]


def default_bits(instrument: Instrument, /) -> tuple[int, ...]:
    """Return the numbers of bits to compare: those of the instrument's counter, and fewer."""
    if not isinstance(instrument.detector, SpadFrameDetector):
        return BITS
    own = int(instrument.detector.n_frames).bit_length()
    return tuple(sorted({own, *(value for value in BITS if value < own)}))


def _lengths(instrument: Instrument, given: Sequence[float]) -> list[float]:
    """Return the gate lengths; the first is that of the reference design."""
    period = instrument.axis.period_ns
    for value in given:
        if not 0 < value <= period:
            raise InputError(f"gate_length_ns={value:g} must be > 0 and <= period_ns={period:g}")
    if given:
        return list(dict.fromkeys(given))
    if instrument.gate is None:
        return [instrument.axis.integration_ns]
    low, high = instrument.gate.length_ns
    return list(dict.fromkeys(round(value, 9) for value in ((low + high) / 2, low, high)))


def _selections(n_gates: int, /, *, least: int) -> Iterator[tuple[int, int, int]]:
    """Yield first gate, number of gates and step of every k-th gate of parts of a series."""
    found = set()
    for size in range(QUARTERS, 0, -1):
        for start in range(QUARTERS - size + 1):
            first, last = (round(n_gates * end / QUARTERS) for end in (start, start + size))
            for k in STEPS:
                selection = (first, (last - first) // k, k)
                if selection[1] >= least and selection not in found:
                    found.add(selection)
                    yield selection
