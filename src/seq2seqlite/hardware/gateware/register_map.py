"""Register map of a design: the CSRs of ``docs/spec/hardware.md``, their fields and constants."""

from dataclasses import dataclass
from typing import Literal

from seq2seqlite.hardware.gateware.parameters import Shape, tau_fraction_bits

__all__ = [
    "DEFAULT_FLUSH_CLOCKS",
    "ID",
    "REGISTERS",
    "VERSION",
    "Field",
    "Register",
    "constants",
    "registers",
    "resets",
]

ID = 0x53325351
VERSION = 2
DEFAULT_FLUSH_CLOCKS = 65536


@dataclass(frozen=True)
class Field:
    """Field of a CSR: some of its bits.

    Parameters
    ----------
    name : str
        Name.
    low, bits : int
        Lowest bit, and number of bits.

    See Also
    --------
    Register : Control and status register with its fields.
    """

    name: str
    low: int
    bits: int


@dataclass(frozen=True)
class Register:
    """Control and status register (CSR) of a design.

    Parameters
    ----------
    name : str
        Name in the specification.
    address : int
        Byte address.
    access : str
        ``"read-only"``, ``"read-write"`` or ``"write-only"``.
    summary : str
        What it contains.
    fields : tuple of Field
        Its parts; empty for one value of 32 bits.
    reset : int
        Value after ``aresetn``, of registers that are not constants.
    of_responses : bool
        Whether the register exists in designs with responses only.
    cleared_by_one : bool
        Whether writing 1 to a bit clears it, and writing 0 does nothing.
    of_sequence_numbers : bool
        Whether the register exists in designs with sequence numbers only.

    See Also
    --------
    registers : Registers of a design.
    constants : Values of the registers that describe a design.
    """

    name: str
    address: int
    access: Literal["read-only", "read-write", "write-only"]
    summary: str
    fields: tuple[Field, ...] = ()
    reset: int = 0
    of_responses: bool = False
    cleared_by_one: bool = False
    of_sequence_numbers: bool = False

    @property
    def parts(self) -> tuple[Field, ...]:
        """Fields, or one field of 32 bits named ``VALUE``."""
        return self.fields or (Field("VALUE", 0, 32),)


def _fields(*parts: tuple[str, int, int]) -> tuple[Field, ...]:
    return tuple(Field(*part) for part in parts)


INTERRUPTS = (("FRAME", 0, 1), ("MALFORMED", 1, 1))

REGISTERS = (
    Register("ID", 0x00, "read-only", "constant"),
    Register("VERSION", 0x04, "read-only", "version of the specification"),
    Register("HASH0", 0x08, "read-only", "first 8 hexadecimal digits of the SHA-256 of the program"),
    Register("HASH1", 0x0C, "read-only", "next 8 hexadecimal digits of the SHA-256 of the program"),
    Register(
        "SHAPE",
        0x10,
        "read-only",
        "dimensions of the design",
        _fields(("N_GATES", 0, 16), ("UNITS", 16, 8), ("ENGINES", 24, 8)),
    ),
    Register("CONTROL", 0x14, "write-only", "control", _fields(("SOFT_RESET", 0, 1))),
    Register("FRAME_PIXELS", 0x18, "read-write", "pixels of a frame, from the next soft reset; 0: no frames"),
    Register("MIN_PHOTONS", 0x1C, "read-write", "pixels with fewer counts are below threshold"),
    Register(
        "FLUSH_CLOCKS",
        0x20,
        "read-write",
        "pause in clock cycles after which an incomplete batch starts; 0: only at the end of a frame",
        reset=DEFAULT_FLUSH_CLOCKS,
    ),
    Register("PIXELS_IN", 0x24, "read-only", "packets received"),
    Register("PIXELS_OUT", 0x28, "read-only", "results delivered"),
    Register("SHORT_PACKETS", 0x2C, "read-only", "packets with too few beats"),
    Register("LONG_PACKETS", 0x30, "read-only", "packets with too many beats"),
    Register("DARK_PIXELS", 0x34, "read-only", "pixels received that are below threshold and not malformed"),
    Register("STALLED_IN", 0x38, "read-only", "clock cycles with an input beat offered and not accepted"),
    Register("STALLED_OUT", 0x3C, "read-only", "clock cycles with an output beat offered and not accepted"),
    Register("FRAMES_OUT", 0x40, "read-only", "frames delivered"),
    Register(
        "CAPABILITIES",
        0x44,
        "read-only",
        "kind of design",
        _fields(
            ("RAW_SFD", 0, 1),
            ("DIRECT", 1, 1),
            ("RESPONSES", 2, 1),
            ("ERRORS", 3, 1),
            ("COUNTS_OF_8_BITS", 4, 1),
            ("SEQUENCE_NUMBERS", 5, 1),
        ),
    ),
    Register(
        "WIDTHS",
        0x48,
        "read-only",
        "widths of the streams",
        _fields(("LANES", 0, 8), ("RESULT_WIDTH", 8, 8), ("RESULT_BITS", 16, 16)),
    ),
    Register(
        "CODES",
        0x4C,
        "read-only",
        "formats of lifetimes and responses",
        _fields(
            ("TAU_FRACTION_BITS", 0, 8), ("N_RESPONSES", 8, 8), ("N_COLUMNS", 16, 8), ("RESPONSE_BITS", 24, 8)
        ),
    ),
    Register("NO_RESPONSE", 0x50, "read-only", "packets whose response is not complete", of_responses=True),
    Register(
        "RESPONSE_BASE",
        0x54,
        "read-write",
        "added to the index of each packet, from the next frame",
        _fields(("INDEX", 0, 6)),
        of_responses=True,
    ),
    Register("RESPONSE_OPEN", 0x58, "write-only", "index of the response to be loaded", of_responses=True),
    Register("RESPONSE_WORD", 0x5C, "write-only", "next word of the response", of_responses=True),
    Register("RESPONSE_COMPLETE", 0x60, "write-only", "number of words written", of_responses=True),
    Register(
        "RESPONSE_STATUS",
        0x64,
        "read-only",
        "state of the response that is being loaded",
        _fields(("READY", 0, 1), ("LOADED", 1, 1), ("FAILED", 2, 1), ("INDEX", 8, 6)),
        of_responses=True,
    ),
    Register(
        "STATUS",
        0x68,
        "read-only",
        "state of the design; idle: every packet that PIXELS_IN counts was delivered",
        _fields(("IDLE", 0, 1)),
        reset=1,
    ),
    Register("INTERRUPT_ENABLE", 0x6C, "read-write", "interrupts that raise irq", _fields(*INTERRUPTS)),
    Register(
        "INTERRUPTS",
        0x70,
        "read-write",
        "pending interrupts: frame delivered, malformed packet; writing 1 clears",
        _fields(*INTERRUPTS),
        cleared_by_one=True,
    ),
    Register(
        "MISSING_PIXELS", 0x74, "read-only", "pixels whose packet was missing", of_sequence_numbers=True
    ),
    Register("LATE_PACKETS", 0x78, "read-only", "packets that came too late", of_sequence_numbers=True),
)
"""Registers in the order of their addresses."""


def registers(shape: Shape, /) -> tuple[Register, ...]:
    """Return the registers of a design, in the order of their addresses.

    See Also
    --------
    constants : Values of the registers that describe a design.
    """
    return tuple(
        each
        for each in REGISTERS
        if (shape.responses or not each.of_responses)
        and (shape.sequence_numbers or not each.of_sequence_numbers)
    )


def resets(
    shape: Shape, engines: int, result_width: int, /
) -> dict[str, tuple[tuple[Field, int | None], ...]]:
    """Return the fields of each register of a design, by name, with their reset values.

    Registers that describe the design have constants as reset values; write-only registers have none.

    See Also
    --------
    registers : Registers of a design.
    """
    described = constants(shape, engines, result_width)
    found = {}
    for each in registers(shape):
        value = described.get(each.name, each.reset)
        stored = each.access != "write-only"
        found[each.name] = tuple(
            (part, value >> part.low & (1 << part.bits) - 1 if stored else None) for part in each.parts
        )
    return found


def constants(shape: Shape, engines: int, result_width: int, /) -> dict[str, int]:
    """Return the values of the registers that describe a design, by name.

    See Also
    --------
    registers : Registers of a design.
    """
    program = shape.program
    digest, response = program.sha256, program.formats.response
    columns = program.n_columns | (0 if response is None else response.bits) << 8
    flags = (
        shape.output == "sfd",
        shape.direct is not None,
        shape.responses > 0,
        shape.has_errors,
        shape.count_bits == 8,
        shape.sequence_numbers,
    )
    return {
        "ID": ID,
        "VERSION": VERSION,
        "HASH0": int(digest[:8], 16),
        "HASH1": int(digest[8:16], 16),
        "SHAPE": program.n_gates | program.units << 16 | engines << 24,
        "CAPABILITIES": sum(flag << bit for bit, flag in enumerate(flags)),
        "WIDTHS": shape.lanes | result_width << 8 | shape.record_bits << 16,
        "CODES": tau_fraction_bits(program) | shape.responses << 8 | columns << 16,
    }
