"""IP-XACT description (IEEE 1685-2014) of a design: ports, registers and files, for IP catalogues."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass

from seq2seqlite.hardware.design import Design, verilog_files
from seq2seqlite.hardware.gateware.register_map import registers, resets
from seq2seqlite.version import __version__

__all__ = ["BusInterface", "bus_interfaces", "component_xml"]

SPIRIT = "http://www.accellera.org/XMLSchema/IPXACT/1685-2014"
MEMORY_MAP = "s_axil"
"""Name of the bus interface of the registers, and of their memory map."""
LOGICAL = {"ACLK": "CLK", "ARESETN": "RST", "IRQ": "INTERRUPT"}
"""Logical names of ports whose bus interface has another name."""
VENDOR = "xilinx.com"
"""Vendor of the definitions of buses, whose names Vivado uses."""


@dataclass(frozen=True)
class BusInterface:
    """Bus interface of a design.

    Parameters
    ----------
    name : str
        Name, with which the names of the ports start.
    library, type : str
        Library (``"interface"`` or ``"signal"``) and name of the definition of the bus, as in Vivado.
    role : str
        ``"master"`` or ``"slave"``.
    ports : tuple of (str, str)
        Logical and physical name of each port.

    See Also
    --------
    bus_interfaces : Bus interfaces of a design.
    """

    name: str
    library: str
    type: str
    role: str
    ports: tuple[tuple[str, str], ...]


def component_xml(design: Design, /) -> str:
    """Return the IP-XACT component: bus interfaces, memory map, all ports with their widths, and files.

    See Also
    --------
    seq2seqlite.hardware.register_header.register_header : The registers as a C header.
    seq2seqlite.hardware.system_rdl.system_rdl : The registers in SystemRDL.
    """
    from seq2seqlite.hardware.gateware.top import top_ports

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
    for bus in bus_interfaces(design):
        _bus(buses, bus)
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


def bus_interfaces(design: Design, /) -> list[BusInterface]:
    """Return the bus interfaces of a design, which contain all of its ports.

    See Also
    --------
    component_xml : The interfaces in IP-XACT.
    """
    from seq2seqlite.hardware.gateware.top import IRQ, top_ports

    kinds = {
        "s_axis": ("interface", "axis", "slave"),
        "m_axis": ("interface", "axis", "master"),
        "s_axil": ("interface", "aximm", "slave"),
        "aclk": ("signal", "clock", "slave"),
        "aresetn": ("signal", "reset", "slave"),
        IRQ: ("signal", "interrupt", "master"),
    }
    names = list(top_ports(design.shape, design.options.result_width))
    found = []
    for bus, kind in kinds.items():
        logical = {
            name: name.removeprefix(f"{bus}_").upper() for name in names if f"{name}_".startswith(f"{bus}_")
        }
        ports = tuple((LOGICAL.get(text, text), name) for name, text in logical.items())
        found.append(BusInterface(bus, *kind, ports))
    return found


def _bus(parent: ET.Element, described: BusInterface) -> None:
    bus = _element(parent, "busInterface")
    _element(bus, "name", described.name)
    _vlnv(_element(bus, "busType"), described, described.type)
    abstraction = _element(_element(bus, "abstractionTypes"), "abstractionType")
    _vlnv(_element(abstraction, "abstractionRef"), described, f"{described.type}_rtl")
    maps = _element(abstraction, "portMaps")
    for logical, physical in described.ports:
        mapped = _element(maps, "portMap")
        _element(_element(mapped, "logicalPort"), "name", logical)
        _element(_element(mapped, "physicalPort"), "name", physical)
    found = _element(bus, described.role)
    if described.name == MEMORY_MAP:
        _element(found, "memoryMapRef").set("memoryMapRef", MEMORY_MAP)


def _vlnv(element: ET.Element, bus: BusInterface, name: str) -> None:
    for key, value in (("vendor", VENDOR), ("library", bus.library), ("name", name), ("version", "1.0")):
        element.set(key, value)


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
