"""Parameters of an engine: widths, depths and latencies derived from the program and the design options."""

from dataclasses import dataclass
from typing import Literal

from seq2seqlite.hardware.wire.results import NUMBER_BITS, PHOTON_BITS, RESULT_BITS, sfd_word_bits
from seq2seqlite.integer import (
    COUNT_BITS,
    FRACTION_BITS,
    KNOT_BITS,
    RATIO_BITS,
    AnyProgram,
    DirectProgram,
    Program,
)
from seq2seqlite.integer.standard_errors import ERROR_BITS

__all__ = [
    "ENGINE",
    "ROOM_CLOCKS",
    "SEQUENCE_BITS",
    "TOP",
    "USER_BITS",
    "Shape",
    "input_clocks",
    "packet_clocks",
    "tau_fraction_bits",
]

TOP, ENGINE = "seq2seqlite_top", "engine"
"""Names of the modules of a design and of an engine, without the prefix of the design."""
ROOM_CLOCKS = 5
"""Minimum clock cycles between two packets of an engine, after which ``room`` includes the first."""
FRAME_CLOCKS = 3
"""Minimum clock cycles between two packets, after which it is known whether the second ends a frame."""
SEQUENCE_BITS = 16
"""Width of a sequence number, which follows the other bits of TUSER."""
USER_BITS = 16
"""Width of TUSER without sequence number: index of the response (5:0), reserved (7:6), exponent (15:8)."""

BLOCK_WIDTHS = {10: 18, 11: 9}
"""Data bits of a block memory (18 kbit on Xilinx, 16 kbit and parity on ECP5) by its address bits."""


@dataclass(frozen=True)
class Shape:
    """Parameters of an engine and of the blocks around it.

    Parameters
    ----------
    program : Program or DirectProgram
        Program that the engine runs: a direct program, or one with a decoder.
    slots : int
        Number of pixels that circulate in a ring, equal to the latency of the step kernels in clock cycles.
    head_latency : int
        Latency of the head kernel in clock cycles; 0 for a direct program, whose head has no kernel.
    lanes : int
        Counts per input beat.
    output : str
        ``"lifetimes"`` or ``"sfd"``.
    responses : int
        Responses that the bank holds; 0 for a program without responses.
    prefix : str
        Prefix of the names of all modules.
    count_bits : int
        Width of a count at the input: 8 or 16.
    sequence_numbers : bool
        Whether packets have a sequence number in TUSER.
    """

    program: AnyProgram
    slots: int
    head_latency: int
    lanes: int
    output: Literal["lifetimes", "sfd"]
    responses: int = 0
    prefix: str = ""
    count_bits: int = COUNT_BITS
    sequence_numbers: bool = False

    @property
    def direct(self) -> DirectProgram | None:
        """The program, if it is a direct one."""
        return self.program if isinstance(self.program, DirectProgram) else None

    @property
    def with_decoder(self) -> Program:
        """The program, which has a decoder; for blocks that direct engines do not have."""
        assert isinstance(self.program, Program)
        return self.program

    @property
    def has_errors(self) -> bool:
        """Whether the program gives standard errors, so that its packets have TUSER."""
        return not isinstance(self.program, Program) or self.program.errors is not None

    @property
    def response_bits(self) -> int:
        """Width of the codes of a response at one gate: all its columns."""
        response = self.program.formats.response
        return 0 if response is None else response.bits * self.program.n_columns

    @property
    def bank_words(self) -> int:
        """Depth of the memory of the responses: a word per response and gate."""
        return self.responses * self.n_gates

    @property
    def bank_block_bits(self) -> int:
        """Address bits of the block memories of the responses, such that few of them are needed."""
        return min(BLOCK_WIDTHS, key=self.bank_blocks)

    def bank_blocks(self, address_bits: int, /) -> int:
        """Return the number of block memories of the responses, for their number of address bits."""
        per_word = -(-self.response_bits // BLOCK_WIDTHS[address_bits])
        return -(-self.bank_words >> address_bits) * per_word

    @property
    def index_bits(self) -> int:
        """Width of an address in the bank of responses."""
        return max(self.bank_words - 1, 1).bit_length() if self.responses else 0

    @property
    def user_bits(self) -> int:
        """Width of TUSER of a packet; 0 where the design has no such port."""
        return USER_BITS + SEQUENCE_BITS if self.sequence_numbers else self.packet_user_bits

    @property
    def packet_user_bits(self) -> int:
        """Width of the part of TUSER that belongs to the pixel; 0 for a program without standard errors."""
        return USER_BITS if self.has_errors else 0

    @property
    def baseline_scale(self) -> int:
        """Factor of the counts in a signal: the number of baseline gates, or 1 without a baseline."""
        return max(self.program.n_baseline, 1)

    @property
    def total_bits(self) -> int:
        """Width of the sum of the counts of a pixel in its status."""
        if not self.has_errors:
            return PHOTON_BITS
        return max(PHOTON_BITS, (self.n_gates * self.max_count).bit_length())

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
        return self.count_bits * self.lanes

    @property
    def max_count(self) -> int:
        """Largest count."""
        return (1 << self.count_bits) - 1

    @property
    def signal_bits(self) -> int:
        """Width of a baseline sum and of a signal, which are counts times the number of baseline gates."""
        return (self.baseline_scale * self.max_count).bit_length()

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
        """Results that an engine can store: those in the rings, one batch being delivered, one spare."""
        batches = 4 if self.direct is None else 3  # a direct engine has one ring
        return 1 << (batches * self.slots - 1).bit_length()

    @property
    def sfd_word_bits(self) -> int:
        """Width of a raw SFD word: three codes, padded to a power of two."""
        return sfd_word_bits(self.with_decoder)

    @property
    def payload_bits(self) -> int:
        """Width of the payload that an engine delivers: a gate of an SFD or the lifetimes of a pixel."""
        if self.output == "sfd":
            return self.sfd_word_bits
        return RESULT_BITS + (4 * ERROR_BITS if self.has_errors else 0)

    @property
    def record_bits(self) -> int:
        """Width of what is delivered per payload, including the pixel number of a record."""
        return self.sfd_word_bits if self.output == "sfd" else self.payload_bits + NUMBER_BITS

    def record_beats(self, result_width: int, /) -> int:
        """Return the output beats of a record."""
        return -(-self.record_bits // result_width)

    @property
    def payloads(self) -> int:
        """Payloads per pixel."""
        return self.n_gates if self.output == "sfd" else 1


def packet_clocks(engines: int, /) -> int:
    """Return the minimum clock cycles between the first beats of two packets, for a number of engines.

    With several engines, other packets are between two of the same engine.
    """
    return max(FRAME_CLOCKS, -(-ROOM_CLOCKS // engines))


def input_clocks(shape: Shape, engines: int, /) -> float:
    """Return the clock cycles per pixel in the steady state, limited by the engines or the input."""
    return max(shape.n_gates / engines, float(shape.words), float(packet_clocks(engines)))


def tau_fraction_bits(program: AnyProgram, /) -> int:
    """Return the fraction bits b of a lifetime: its codes are in steps of ``2**-b`` ns."""
    if isinstance(program, Program):
        return program.reduction.tau_fraction_bits
    return program.formats.output.fraction_bits
