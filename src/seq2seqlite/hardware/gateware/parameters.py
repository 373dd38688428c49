"""The numbers that a design's gateware is made of, all derived from the program and a few choices."""

from dataclasses import dataclass
from typing import Literal

from seq2seqlite.hardware.wire.results import FLAG_BITS, PHOTON_BITS, sfd_word_bits
from seq2seqlite.integer import COUNT_BITS, FRACTION_BITS, KNOT_BITS, RATIO_BITS, TAU_BITS, Program

__all__ = ["PACKET_CLOCKS", "Shape"]

PACKET_CLOCKS = 5
"""Clocks between the first beats of two packets, at the least: until an engine's room counts the former."""


@dataclass(frozen=True)
class Shape:
    """Widths and lengths of an engine and what surrounds it.

    Parameters
    ----------
    program : Program
        What it computes.
    slots : int
        Pixels that circulate in a ring: the latency of the step kernels.
    head_latency : int
        Clocks of the head kernel.
    lanes : int
        Counts a beat of the input.
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
        """Gates of a pixel: clocks that an engine takes for one."""
        return self.program.n_gates

    @property
    def words(self) -> int:
        """Beats of a packet."""
        return -(-self.n_gates // self.lanes)

    @property
    def buffer_words(self) -> int:
        """Depth of the memory of two banks of packets.

        A power of two: blocks then lie side by side, a bit or two each, without a choice behind their slow
        outputs.
        """
        return 1 << (2 * self.slots * self.words - 1).bit_length()

    @property
    def beat_bits(self) -> int:
        """Width of a beat of the input."""
        return COUNT_BITS * self.lanes

    @property
    def signal_bits(self) -> int:
        """Width of a baseline sum and of a signal: counts times the gates of the baseline."""
        return (self.program.n_baseline * ((1 << COUNT_BITS) - 1)).bit_length()

    @property
    def input_bits(self) -> int:
        """Width of an input code."""
        return self.program.formats.input.bits

    @property
    def state_bits(self) -> int:
        """Width of all units' state, with what is kept of its rounding."""
        return self.program.units * self.program.formats.state_bits

    @property
    def channels(self) -> tuple[int, ...]:
        """Outputs of the head that the design needs."""
        return (0, 1, 2) if self.output == "sfd" else (1, 2)

    @property
    def first_bits(self) -> int:
        """Width of a first sample, which is not negative."""
        return self.program.formats.output.high_code.bit_length()

    @property
    def area_bits(self) -> int:
        """Width of twice an area: signed where outputs are."""
        fmt = self.program.formats.output
        return (2 * self.n_gates * fmt.high_code).bit_length() + int(fmt.signed)

    @property
    def quotient_bits(self) -> int:
        """Width of a ratio's code, or of a fraction's where that is more."""
        return max(self.n_gates.bit_length() + RATIO_BITS, FRACTION_BITS + 1)

    @property
    def last_knot(self) -> int:
        """Index of the table's last lifetime."""
        return self.n_gates << KNOT_BITS

    @property
    def capacity(self) -> int:
        """Results that an engine can hold: two batches in the rings, one that leaves, one to spare."""
        return 1 << (4 * self.slots - 1).bit_length()

    @property
    def sfd_word_bits(self) -> int:
        """Width of a raw SFD's word: the three codes in a power of two."""
        return sfd_word_bits(self.program)

    @property
    def payload_bits(self) -> int:
        """Width of what an engine delivers at a time."""
        return self.sfd_word_bits if self.output == "sfd" else 4 * TAU_BITS + PHOTON_BITS + FLAG_BITS

    @property
    def payloads(self) -> int:
        """How many of these make a pixel."""
        return self.n_gates if self.output == "sfd" else 1
