"""IP-XACT description (IEEE 1685-2014) of a design: ports, registers and files, for IP catalogues."""

import xml.etree.ElementTree as ET

from seq2seqlite.hardware.design import Design, verilog_files
from seq2seqlite.hardware.gateware.register_map import registers, resets
from seq2seqlite.version import __version__

__all__ = ["component_xml"]

SPIRIT = "http://www.accellera.org/XMLSchema/IPXACT/1685-2014"
MEMORY_MAP = "s_axil"
"""Name of the bus interface of the registers, and of their memory map."""
LOGICAL = {"ACLK": "CLK", "ARESETN": "RST", "IRQ": "INTERRUPT"}
"""Logical names of ports whose bus interface has another name."""
STREAM, LITE = ("axi4stream", "1.0", "interface"), ("aximm", "1.0", "interface")


def component_xml(design: Design, /) -> str:
    """Return the IP-XACT component: bus interfaces, memory map, all ports with their widths, and files.

    See Also
    --------
    seq2seqlite.hardware.register_header.register_header : The registers as a C header.
    seq2seqlite.hardware.system_rdl.system_rdl : The registers in SystemRDL.
    """
    from seq2seqlite.hardware.gateware.top import IRQ, top_ports

    ports = top_ports(design.shape, design.options.result_width)
    ET.register_namespace("ipxact", SPIRIT)
    component = _element(None, "component")
    for name, text in (
        ("vendor", "seq2seqlite"),
        ("library", "fluorescence"),
        ("name", design.options.top),
        ("version", __version__),
    ):
        _element(component, name, text)
    buses = _element(component, "busInterfaces")
    names = list(ports)
    _bus(buses, "s_axis", STREAM, [n for n in names if n.startswith("s_axis_")], role="slave")
    _bus(buses, "m_axis", STREAM, [n for n in names if n.startswith("m_axis_")], role="master")
    _bus(buses, "s_axil", LITE, [n for n in names if n.startswith("s_axil_")], role="slave")
    _bus(buses, "aclk", ("clock", "1.0", "signal"), ["aclk"], role="slave")
    _bus(buses, "aresetn", ("reset", "1.0", "signal"), ["aresetn"], role="slave")
    _bus(buses, IRQ, ("interrupt", "1.0", "signal"), [IRQ], role="master")
    _memory_map(_element(component, "memoryMaps"), design)
    listed = _element(_element(component, "model"), "ports")
    for name, member in ports.items():
        _port(listed, name, "in" if member.flow.name == "In" else "out", member.shape)
    files = _element(_element(component, "fileSets"), "fileSet")
    _element(files, "name", "verilog")
    for name in verilog_files(design.program):
        file = _element(files, "file")
        _element(file, "name", name)
        _element(file, "fileType", "verilogSource")
    ET.indent(component)
    return ET.tostring(component, encoding="unicode", xml_declaration=True) + "\n"


def _bus(parent: ET.Element, name: str, kind: tuple[str, str, str], ports: list[str], *, role: str) -> None:
    bus = _element(parent, "busInterface")
    _element(bus, "name", name)
    bus_type = _element(bus, "busType")
    for key, value in (
        ("vendor", "xilinx.com"),
        ("library", kind[2]),
        ("name", kind[0]),
        ("version", kind[1]),
    ):
        bus_type.set(key, value)
    maps = _element(_element(_element(bus, "abstractionTypes"), "abstractionType"), "portMaps")
    for port in ports:
        mapped = _element(maps, "portMap")
        logical = port.removeprefix(f"{name}_").upper()
        _element(_element(mapped, "logicalPort"), "name", LOGICAL.get(logical, logical))
        _element(_element(mapped, "physicalPort"), "name", port)
    found = _element(bus, role)
    if name == MEMORY_MAP:
        _element(found, "memoryMapRef").set("memoryMapRef", MEMORY_MAP)


def _memory_map(parent: ET.Element, design: Design) -> None:
    """Describe the registers, each with its fields or one field of 32 bits."""
    from seq2seqlite.hardware.gateware.axi_lite import ADDRESS_BITS

    options = design.options
    fields = resets(design.shape, options.engines, options.result_width)
    listed = _element(parent, "memoryMap")
    _element(listed, "name", MEMORY_MAP)
    block = _element(listed, "addressBlock")
    for name, text in (
        ("name", "registers"),
        ("baseAddress", "'h0"),
        ("range", str(1 << ADDRESS_BITS)),
        ("width", "32"),
        ("usage", "register"),
    ):
        _element(block, name, text)
    for each in registers(design.shape):
        register = _element(block, "register")
        for name, text in (
            ("name", each.name),
            ("description", each.summary),
            ("addressOffset", f"'h{each.address:02X}"),
            ("size", "32"),
            ("access", each.access),
        ):
            _element(register, name, text)
        for part, value in fields[each.name]:
            field = _element(register, "field")
            _element(field, "name", part.name)
            _element(field, "bitOffset", str(part.low))
            if value is not None:
                reset = _element(_element(field, "resets"), "reset")
                _element(reset, "value", f"'h{value:X}")
            _element(field, "bitWidth", str(part.bits))
            if each.cleared_by_one:
                _element(field, "modifiedWriteValue", "oneToClear")
    _element(listed, "addressUnitBits", "8")


def _port(parent: ET.Element, name: str, direction: str, width: object) -> None:
    port = _element(parent, "port")
    _element(port, "name", name)
    wire = _element(port, "wire")
    _element(wire, "direction", direction)
    if isinstance(width, int) and width > 1:
        vector = _element(_element(wire, "vectors"), "vector")
        _element(vector, "left", str(width - 1))
        _element(vector, "right", "0")


def _element(parent: ET.Element | None, tag: str, text: str | None = None) -> ET.Element:
    name = f"{{{SPIRIT}}}{tag}"
    element = ET.Element(name) if parent is None else ET.SubElement(parent, name)
    element.text = text
    return element
