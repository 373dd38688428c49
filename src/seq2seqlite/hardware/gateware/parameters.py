"""Parameters of an engine: widths, depths and latencies derived from the program and the design options."""

from dataclasses import dataclass
from typing import Literal

from seq2seqlite.hardware.wire.results import FLAG_BITS, PHOTON_BITS, sfd_word_bits
from seq2seqlite.integer import COUNT_BITS, FRACTION_BITS, KNOT_BITS, RATIO_BITS, TAU_BITS, Program

__all__ = ["PACKET_CLOCKS", "Shape"]

PACKET_CLOCKS = 5
"""Minimum clock cycles between the first beats of two packets, after which ``room`` includes the first."""


@dataclass(frozen=True)
class Shape:
    """Parameters of an engine and of the blocks around it.

    Parameters
    ----------
    program : Program
        Program that the engine runs.
    slots : int
        Number of pixels that circulate in a ring, equal to the latency of the step kernels in clock cycles.
    head_latency : int
        Latency of the head kernel in clock cycles.
    lanes : int
        Counts per input beat.
    output : str
        ``"lifetimes"`` or ``"sfd"``.
    """

    program: Program
    slots: int
    head_latency: int
    lanes: int
    output: Literal["lifetimes", "sfd"]

    @property
    def n_gates(self) -> int:
        """Gates of a pixel; also the clock cycles that an engine needs per pixel."""
        return self.program.n_gates

    @property
    def words(self) -> int:
        """Beats per packet."""
        return -(-self.n_gates // self.lanes)

    @property
    def buffer_words(self) -> int:
        """Depth of the packet memory with its two banks.

        It is a power of two, so that synthesis splits the memory by width rather than by depth. No
        multiplexer is then needed behind the slow outputs of the block memories.
        """
        return 1 << (2 * self.slots * self.words - 1).bit_length()

    @property
    def beat_bits(self) -> int:
        """Width of an input beat."""
        return COUNT_BITS * self.lanes

    @property
    def signal_bits(self) -> int:
        """Width of a baseline sum and of a signal, which are counts times the number of baseline gates."""
        return (self.program.n_baseline * ((1 << COUNT_BITS) - 1)).bit_length()

    @property
    def input_bits(self) -> int:
        """Width of an input code."""
        return self.program.formats.input.bits

    @property
    def state_bits(self) -> int:
        """Width of the state of all units, including the stored rounding residue."""
        return self.program.units * self.program.formats.state_bits

    @property
    def channels(self) -> tuple[int, ...]:
        """Head outputs that the design uses: 0 total, 1 short, 2 long."""
        return (0, 1, 2) if self.output == "sfd" else (1, 2)

    @property
    def first_bits(self) -> int:
        """Width of the first sample of an SFD, clipped at 0."""
        return self.program.formats.output.high_code.bit_length()

    @property
    def area_bits(self) -> int:
        """Width of twice an area; signed if the outputs are signed."""
        fmt = self.program.formats.output
        return (2 * self.n_gates * fmt.high_code).bit_length() + int(fmt.signed)

    @property
    def quotient_bits(self) -> int:
        """Width of a ratio code or a fraction code, whichever is wider."""
        return max(self.n_gates.bit_length() + RATIO_BITS, FRACTION_BITS + 1)

    @property
    def last_knot(self) -> int:
        """Index of the last entry of the lifetime table."""
        return self.n_gates << KNOT_BITS

    @property
    def capacity(self) -> int:
        """Results that an engine can store: two batches in the rings, one being delivered, one spare."""
        return 1 << (4 * self.slots - 1).bit_length()

    @property
    def sfd_word_bits(self) -> int:
        """Width of a raw SFD word: three codes, padded to a power of two."""
        return sfd_word_bits(self.program)

    @property
    def payload_bits(self) -> int:
        """Width of the payload that an engine delivers: a gate of an SFD or the lifetimes of a pixel."""
        return self.sfd_word_bits if self.output == "sfd" else 4 * TAU_BITS + PHOTON_BITS + FLAG_BITS

    @property
    def payloads(self) -> int:
        """Payloads per pixel."""
        return self.n_gates if self.output == "sfd" else 1
