"""Control and status registers of the front ends, as specified in docs/spec/front-ends.md."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.errors import InputError

__all__ = [
    "EVENT_REGISTERS",
    "MAP_REGISTERS",
    "SERIES_REGISTERS",
    "VERSION",
    "Register",
    "front_end_registers",
    "map_words",
    "register_addresses",
    "second_base",
]

VERSION = 2
"""Version of the specification of the front ends."""

SERIES_ID = 0x53325347
EVENTS_ID = 0x53324556
WORD_BITS = 32
PAGE_BYTES = 4096
"""Largest burst in bytes."""


@dataclass(frozen=True)
class Register:
    """A control and status register (CSR) of a front end.

    Parameters
    ----------
    name : str
        Name in the specification.
    kind : str
        ``"constant"``, ``"setting"`` (read and write), ``"index"`` (a setting that increments with each write
        of the data register after it), ``"data"`` (write strobe) or ``"counter"`` (read only).
    bits : int
        Width of a setting.
    reset : int
        Reset value of a setting.

    See Also
    --------
    register_addresses : Return the byte address of each register by name.
    """

    name: str
    kind: Literal["constant", "setting", "index", "data", "counter"]
    bits: int = 32
    reset: int = 0


MAP_REGISTERS = (
    Register("MAP_BITS", "constant"),
    Register("MAP_INDEX", "index", 24),
    Register("MAP_DATA", "data"),
)
"""Registers of the response map, the last ones of a front end that has one."""

SERIES_REGISTERS = (
    Register("ID", "constant"),
    Register("VERSION", "constant"),
    Register("SHAPE", "constant"),
    Register("PIXELS", "constant"),
    Register("CONTROL", "setting", 2),
    Register("FRAMES_PER_GATE", "setting", 16, 255),
    Register("DARK_LEVEL", "setting", 16),
    Register("BASE0", "setting"),
    Register("BASE1", "setting"),
    Register("TABLE_INDEX", "index", 12),
    Register("TABLE_DATA", "data", 16),
    Register("MASK_INDEX", "index", 20),
    Register("MASK_DATA", "data"),
    Register("FRAMES_IN", "counter"),
    Register("FRAMES_OUT", "counter"),
    Register("FRAMES_DROPPED", "counter"),
    Register("FRAMES_MALFORMED", "counter"),
    Register("MEMORY_ERRORS", "counter"),
    *MAP_REGISTERS,
)
"""Registers of the gate-series front end, in the order of their addresses."""

EVENT_REGISTERS = (
    Register("ID", "constant"),
    Register("VERSION", "constant"),
    Register("SHAPE", "constant"),
    Register("IMAGE", "constant"),
    Register("PIXEL_SYNCS", "setting", 24),
    Register("MARKERS", "setting", 16, 0x0421),
    Register("CHANNELS", "setting", 32, 0xFFFFFFFF),
    Register("TABLE_INDEX", "index", 15),
    Register("TABLE_DATA", "data", 17),
    Register("PHOTONS", "counter"),
    Register("PHOTONS_OUTSIDE", "counter"),
    Register("PIXELS_OUT", "counter"),
    Register("FRAMES_OUT", "counter"),
    Register("LINES_MISSING", "counter"),
    Register("STALLED_IN", "counter"),
    *MAP_REGISTERS,
)
"""Registers of the photon-event front end, in the order of their addresses."""


def front_end_registers(registers: tuple[Register, ...], /, *, map_bits: int) -> tuple[Register, ...]:
    """Return the registers of a front end with, or without (``map_bits`` is 0), a response map.

    See Also
    --------
    register_addresses : Return the byte address of each register by name.
    """
    return registers if map_bits else registers[: -len(MAP_REGISTERS)]


def register_addresses(registers: tuple[Register, ...], /) -> dict[str, int]:
    """Return the byte address of each register by name.

    See Also
    --------
    Register : A control and status register (CSR) of a front end.

    Examples
    --------
    >>> register_addresses(SERIES_REGISTERS)["CONTROL"]
    16
    """
    return {register.name: 4 * index for index, register in enumerate(registers)}


def second_base(*, n_gates: int, pixels: int, count_bits: int) -> int:
    """Return an address of the second frame buffer behind the first one at 0, for tiles of any size.

    Parameters
    ----------
    n_gates, pixels, count_bits : int
        Dimensions of a front end (CSRs ``SHAPE`` and ``PIXELS``).

    See Also
    --------
    register_addresses : Return the byte address of each register by name.

    Examples
    --------
    >>> second_base(n_gates=100, pixels=1, count_bits=8)
    409600
    """
    burst_bytes = PAGE_BYTES  # of the largest tile of one gate
    tiles = -(-pixels * count_bits // 8 // burst_bytes)
    return tiles * n_gates * burst_bytes


def map_words(indices: ArrayLike, /, *, map_bits: int) -> NDArray[np.uint32]:
    """Return the words of a response map, as they are written to ``MAP_DATA``.

    Parameters
    ----------
    indices : array_like of int, shape (...)
        Index of the response of each pixel, in the order of the packets.
    map_bits : int
        Width of an index in the map of the front end (CSR ``MAP_BITS``), 1 to 6.

    Returns
    -------
    ndarray of uint32, shape (ceil(n_pixels / (32 // map_bits)),)
        ``32 // map_bits`` pixels per word, the first one in the lowest bits.

    Raises
    ------
    InputError
        If an index does not fit ``map_bits``.

    See Also
    --------
    register_addresses : Return the byte address of each register by name.
    seq2seqlite.hardware.wire.results.response_words : The words of a response itself.

    Examples
    --------
    >>> [hex(word) for word in map_words([1, 2, 3, 4, 5, 6], map_bits=6).tolist()]
    ['0x5103081', '0x6']
    """
    values = np.ravel(np.asarray(indices))
    if not 1 <= map_bits <= 6:
        raise InputError(f"map_bits={map_bits} must be between 1 and 6")
    if values.dtype.kind not in "iu" or (values.size and not 0 <= values.min() <= values.max() < 2**map_bits):
        raise InputError(f"indices must be integers from 0 to {2**map_bits - 1} with map_bits={map_bits}")
    entries = WORD_BITS // map_bits
    padded = np.pad(values, (0, -values.size % entries)).astype(np.uint32).reshape(-1, entries)
    shifts = np.arange(entries, dtype=np.uint32) * np.uint32(map_bits)
    return np.asarray(np.bitwise_or.reduce(padded << shifts, axis=1), np.uint32)
