"""Control and status registers of the front ends, as specified in docs/spec/front-ends.md."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["EVENT_REGISTERS", "SERIES_REGISTERS", "VERSION", "Register", "register_addresses"]

VERSION = 1
"""Version of the specification of the front ends."""

SERIES_ID = 0x53325347
EVENTS_ID = 0x53324556


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
)
"""Registers of the photon-event front end, in the order of their addresses."""


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
