"""Frames of a camera at a board: assembly of their packets, and settings of the front end."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.wire.bitpack import n_words
from seq2seqlite.hardware.wire.front_end_registers import (
    SERIES_REGISTERS,
    register_addresses,
    second_base,
)
from seq2seqlite.hardware.wire.link_packets import Packet, results_pixels
from seq2seqlite.hardware.wire.results import Records, records_from_words

__all__ = ["BoardFrame", "CameraSettings", "FrameAssembly"]

FRONT_END = 0x100
"""Address of the CSRs of the front end."""
LATE = 8
"""Packets of later frames that may overtake one of an earlier frame before its pixels count as missing."""
WORD_BITS, NUMBERS = 32, 1 << 32
MASK_PIXELS = 32


@dataclass(frozen=True)
class CameraSettings:
    """Settings of the front end of a board.

    Parameters
    ----------
    frames_per_gate : int
        One-bit frames of a gate, of a camera that delivers them: 1 to 65535.
    table : ndarray of int, shape (n,), optional
        Saturation table, for example of :func:`~seq2seqlite.hardware.camera.saturation_table`.
    dark_level : int
        Counts that are subtracted in each gate, 0 to 65535.
    mask : ndarray of bool, shape (pixels,), optional
        Pixels whose counts become 0, in the order in which the camera delivers them.
    waits : bool
        Whether the front end stops the camera (``camera_ready``) instead of dropping frames.

    Raises
    ------
    InputError
        If a number is out of range.

    See Also
    --------
    seq2seqlite.hardware.host.board.Board.frames : Frames of the camera.
    """

    frames_per_gate: int = 255
    table: NDArray[np.integer] | None = None
    dark_level: int = 0
    mask: NDArray[np.bool_] | None = None
    waits: bool = False

    def __post_init__(self) -> None:
        for name, low in (("frames_per_gate", 1), ("dark_level", 0)):
            if not low <= getattr(self, name) < 1 << 16:
                raise InputError(f"{name}={getattr(self, name)} must be {low} to {(1 << 16) - 1}")
        if self.table is not None and not 0 <= np.min(self.table) <= np.max(self.table) < 1 << 16:
            raise InputError(f"entries of table must be 0 to {(1 << 16) - 1}")

    def accesses(self, *, n_gates: int, pixels: int, count_bits: int) -> list[tuple[int, int]]:
        """Return the accesses that set up the front end: byte address and value.

        Raises
        ------
        InputError
            If the mask does not have a value for each pixel.
        """
        values = [
            ("CONTROL", int(self.table is not None) | 2 * int(self.waits)),
            ("FRAMES_PER_GATE", self.frames_per_gate),
            ("DARK_LEVEL", self.dark_level),
            ("BASE0", 0),
            ("BASE1", second_base(n_gates=n_gates, pixels=pixels, count_bits=count_bits)),
        ]
        if self.table is not None:
            values += [("TABLE_INDEX", 0), *(("TABLE_DATA", int(entry)) for entry in self.table)]
        mask = np.zeros(pixels, np.bool_) if self.mask is None else np.asarray(self.mask, np.bool_)
        if mask.shape != (pixels,):
            raise InputError(f"mask of shape {mask.shape} must have a value for each of the {pixels} pixels")
        padded = np.pad(mask.astype(np.uint8), (0, -pixels % MASK_PIXELS))
        words = np.packbits(padded, bitorder="little").view("<u4")
        values += [("MASK_INDEX", 0), *(("MASK_DATA", int(word)) for word in words)]
        addresses = register_addresses(SERIES_REGISTERS)
        return [(FRONT_END + addresses[name], value) for name, value in values]


@dataclass(frozen=True)
class BoardFrame:
    """Results of a frame of a camera at a board.

    Parameters
    ----------
    number : int
        Number of the frame in the session. Numbers that are left out are those of lost frames.
    records : Records
        Results of all pixels, in the order in which the camera delivers them. Those of missing pixels are 0.
    missing : ndarray of bool, shape (pixels,)
        Pixels whose results were lost on the way.

    See Also
    --------
    seq2seqlite.hardware.host.board.Board.frames : Frames of the camera.
    """

    number: int
    records: Records
    missing: NDArray[np.bool_]


class _Part:
    """Frame whose packets are arriving."""

    def __init__(self, pixels: int, words: int) -> None:
        self.words = np.zeros((pixels, words), np.uint32)
        self.missing = np.ones(pixels, np.bool_)
        self.overtaken = 0


class FrameAssembly:
    """Frames from packets that may be lost, repeated or reordered.

    Parameters
    ----------
    pixels : int
        Pixels of a frame.
    record_bits : int
        Bits of a result.

    See Also
    --------
    BoardFrame : Results of a frame.
    """

    def __init__(self, pixels: int, record_bits: int) -> None:
        self.pixels, self.record_words = pixels, n_words(record_bits)
        self._per_packet = results_pixels(record_bits)
        self._open: dict[int, _Part] = {}
        self._next = 0  # no earlier frame is accepted

    def add(self, packet: Packet, /) -> bool:
        """Add a packet of results; return whether it was used, so not repeated, late or malformed."""
        first = packet.argument
        number = self._next + (packet.sequence - self._next + NUMBERS // 2) % NUMBERS - NUMBERS // 2
        n = min(self._per_packet, self.pixels - first)
        valid = first % self._per_packet == 0 and packet.body.size == n * self.record_words
        if not valid or number < self._next:
            return False
        part = self._open.setdefault(number, _Part(self.pixels, self.record_words))
        if not part.missing[first]:
            return False
        part.words[first : first + n] = packet.body.reshape(n, self.record_words)
        part.missing[first : first + n] = False
        for earlier, one in self._open.items():
            one.overtaken += earlier < number
        return True

    def finished(self, *, before: int | None = None) -> Iterator[BoardFrame]:
        """Yield the frames that are complete, or whose missing packets are lost, in their order.

        Parameters
        ----------
        before : int, optional
            Frames with a number modulo 2**32 before this one are not waited for any longer.
        """
        end = self._next
        if before is not None:
            end += (before - end + NUMBERS // 2) % NUMBERS - NUMBERS // 2
        while self._open:
            number = min(self._open)
            part = self._open[number]
            if part.missing.any() and part.overtaken <= LATE and number >= end:
                return
            del self._open[number]
            self._next = number + 1
            yield BoardFrame(number, records_from_words(part.words), part.missing)
