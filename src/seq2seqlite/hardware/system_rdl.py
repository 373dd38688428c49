"""SystemRDL 2.0 description of the registers of a design, for generators of drivers and documentation."""

from collections.abc import Iterator

from seq2seqlite.hardware.design import Design
from seq2seqlite.hardware.gateware.register_map import constants, registers, resets

__all__ = ["system_rdl"]

ACCESS = {"read-only": "r", "read-write": "rw", "write-only": "w"}
"""Property ``sw`` of a field by the access of its register."""


def system_rdl(design: Design, /) -> str:
    """Return the address map of a design in SystemRDL 2.0: registers, fields, access and reset values.

    The fields of a register that describes the design have constants as reset values; those of write-only
    registers have none.

    See Also
    --------
    seq2seqlite.hardware.register_header.register_header : The registers as a C header.
    seq2seqlite.hardware.ip_xact.component_xml : The registers in IP-XACT.
    """
    return "\n".join(_lines(design)) + "\n"


def _lines(design: Design) -> Iterator[str]:
    options = design.options
    described = constants(design.shape, options.engines, options.result_width)
    fields = resets(design.shape, options.engines, options.result_width)
    yield f"// Registers of {options.top} ({design.program.name}): AXI4-Lite, 32 bits. By seq2seqlite."
    yield f"addrmap {options.top} {{"
    yield f'  name = "{design.program.name}";'
    yield "  default regwidth = 32;"
    yield "  littleendian;"
    for register in registers(design.shape):
        by_design = register.access == "read-only" or register.cleared_by_one
        driven = "na" if register.name in described else "w" if by_design else "r"
        clearing = " onwrite = woclr;" if register.cleared_by_one else ""
        yield ""
        yield "  reg {"
        yield f'    desc = "{register.summary}";'
        for part, value in fields[register.name]:
            reset = "" if value is None else f" = 0x{value:X}"
            bits = f"[{part.low + part.bits - 1}:{part.low}]"
            access = f"sw = {ACCESS[register.access]}; hw = {driven};"
            yield f"    field {{ {access}{clearing} }} {part.name}{bits}{reset};"
        yield f"  }} {register.name} @ 0x{register.address:02X};"
    yield "};"
