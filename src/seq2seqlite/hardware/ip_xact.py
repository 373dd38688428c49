"""IP-XACT description (IEEE 1685-2014) of the ports of a design, for IP catalogues such as Vivado's."""

import xml.etree.ElementTree as ET

from seq2seqlite.hardware.design import Design
from seq2seqlite.version import __version__

__all__ = ["component_xml"]

SPIRIT = "http://www.accellera.org/XMLSchema/IPXACT/1685-2014"
STREAM, LITE = ("axi4stream", "1.0", "interface"), ("aximm", "1.0", "interface")


def component_xml(design: Design, /) -> str:
    """Return the IP-XACT component: bus interfaces, clock, reset, and all ports with their widths."""
    from seq2seqlite.hardware.gateware.top import TOP, top_ports

    ports = top_ports(design.shape, design.options.result_width)
    ET.register_namespace("ipxact", SPIRIT)
    component = _element(None, "component")
    for name, text in (
        ("vendor", "seq2seqlite"),
        ("library", "fluorescence"),
        ("name", TOP),
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
    listed = _element(_element(component, "model"), "ports")
    for name, member in ports.items():
        _port(listed, name, "in" if member.flow.name == "In" else "out", member.shape)
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
        bus_type.set(f"{{{SPIRIT}}}{key}", value)
    maps = _element(_element(_element(bus, "abstractionTypes"), "abstractionType"), "portMaps")
    for port in ports:
        mapped = _element(maps, "portMap")
        logical = port.removeprefix(f"{name}_").upper()
        _element(
            _element(mapped, "logicalPort"), "name", {"ACLK": "CLK", "ARESETN": "RST"}.get(logical, logical)
        )
        _element(_element(mapped, "physicalPort"), "name", port)
    _element(bus, role)


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
