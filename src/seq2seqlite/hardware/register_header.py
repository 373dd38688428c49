"""C header of the registers of a design."""

from collections.abc import Iterator

from seq2seqlite.hardware.design import Design
from seq2seqlite.hardware.gateware.register_map import constants, registers

__all__ = ["register_header"]


def register_header(design: Design, /) -> str:
    """Return a C header: address of each register, its fields, and the constants of the design.

    Names start with the prefix of the design in upper case and ``SEQ2SEQLITE_``. A field has a ``SHIFT`` and
    a ``MASK`` of its bits in place; a constant has a ``VALUE``.

    See Also
    --------
    seq2seqlite.hardware.ip_xact.component_xml : The same for IP catalogues.
    seq2seqlite.hardware.gateware.register_map.registers : Registers of a design.
    """
    return "\n".join(_lines(design)) + "\n"


def _lines(design: Design) -> Iterator[str]:
    options = design.options
    prefix = f"{options.prefix}seq2seqlite".upper()
    values = constants(design.shape, options.engines, options.result_width)
    yield f"/* Registers of {options.top} ({design.program.name}): AXI4-Lite, 32 bits. By seq2seqlite. */"
    yield f"#ifndef {prefix}_REGISTERS_H"
    yield f"#define {prefix}_REGISTERS_H"
    for register in registers(design.shape):
        name = f"{prefix}_{register.name}"
        yield f"\n/* {register.access}: {register.summary} */"
        yield f"#define {name} 0x{register.address:02x}u"
        if register.name in values:
            yield f"#define {name}_VALUE 0x{values[register.name]:08x}u"
        for field in register.fields:
            yield f"#define {name}_{field.name}_SHIFT {field.low}u"
            yield f"#define {name}_{field.name}_MASK 0x{((1 << field.bits) - 1) << field.low:08x}u"
    yield "\n#endif"
