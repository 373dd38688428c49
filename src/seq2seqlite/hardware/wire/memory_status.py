"""Status of the memory of a board: a word, as specified in docs/spec/link.md."""

from dataclasses import dataclass

__all__ = [
    "BITSLIP_BITS",
    "DELAY_BITS",
    "FAILED",
    "PASSING_BITS",
    "READY",
    "STATUS_BITS",
    "LaneTraining",
    "MemoryStatus",
]

STATUS_BITS = 32
READY, FAILED = 1, 2
"""Bits of the word: the memory may be used; its training has failed."""
FIRST_LANE, LANE_BITS = 8, 12
DELAY_BITS, BITSLIP_BITS, PASSING_BITS = 3, 2, 6
"""Widths of the fields of a byte lane, from the lowest bit."""


@dataclass(frozen=True)
class LaneTraining:
    """Result of the training of a byte lane.

    Parameters
    ----------
    delay, bitslip : int
        Chosen setting.
    passing : int
        Settings that passed, of all bitslips.

    See Also
    --------
    MemoryStatus : Status of the memory.
    """

    delay: int
    bitslip: int
    passing: int


@dataclass(frozen=True)
class MemoryStatus:
    """Status of the memory of a board.

    Parameters
    ----------
    ready : bool
        Whether the memory is initialised, and trained if that is necessary.
    failed : bool
        Whether the training has failed. The front end then drops all frames.
    lanes : tuple of LaneTraining
        Results of the byte lanes; all 0 of a memory that needs no training.

    See Also
    --------
    seq2seqlite.hardware.wire.link_packets.LinkStatus : Status of a board.

    Examples
    --------
    >>> MemoryStatus.from_word(0x06A_063_01).lanes[0]
    LaneTraining(delay=3, bitslip=0, passing=3)
    """

    ready: bool
    failed: bool
    lanes: tuple[LaneTraining, ...]

    @classmethod
    def from_word(cls, word: int, /) -> "MemoryStatus":
        """Return the status in a word."""
        return cls(
            bool(word & READY),
            bool(word & FAILED),
            tuple(_lane(word >> at) for at in range(FIRST_LANE, STATUS_BITS, LANE_BITS)),
        )


def _lane(bits: int) -> LaneTraining:
    found = []
    for width in (DELAY_BITS, BITSLIP_BITS, PASSING_BITS):
        found.append(bits & (1 << width) - 1)
        bits >>= width
    return LaneTraining(*found)
