"""Front end, design and link as one core, with the ports of docs/spec/link.md."""

from amaranth.hdl import Instance, Module, Signal
from amaranth.lib.wiring import Component, In, Member, Out

from seq2seqlite.hardware.frontends.axi import axi_manager
from seq2seqlite.hardware.frontends.front_end_core import FRONT_END_CORE, core_ports
from seq2seqlite.hardware.frontends.memory_gate import MemoryGate
from seq2seqlite.hardware.frontends.parameters import SeriesShape
from seq2seqlite.hardware.gateware.clock_domain import add_domain
from seq2seqlite.hardware.gateware.parameters import Shape
from seq2seqlite.hardware.link.camera_link import CameraLink, camera_design_ports
from seq2seqlite.hardware.link.camera_port import CameraPort, camera_ports
from seq2seqlite.hardware.link.link import packet_ports
from seq2seqlite.hardware.wire.memory_status import STATUS_BITS

__all__ = ["CAMERA_CORE", "CameraCore", "memory_ports"]

CAMERA_CORE = "seq2seqlite_camera_core"
"""Name of the module."""


def memory_ports(series: SeriesShape, /) -> dict[str, Member]:
    """Return the ports of the AXI4 manager by name."""
    ports = axi_manager(address_bits=series.address_bits, data_bits=series.data_bits)
    return {f"m_axi_{name}": member for name, member in ports.items()}


class CameraCore(Component):
    """Core of a board with a camera: images in, packets with results out.

    Parameters
    ----------
    series : SeriesShape
        Parameters of the front end, with the gates and lanes of the engine.
    shape : Shape
        Parameters of an engine.
    engines : int
        Number of engines.
    result_width : int
        Width of a beat of results.
    port_bits : int
        Width of a word of the camera.

    Attributes
    ----------
    aclk, aresetn : Signal(1), in
        Clock, and synchronous active-low reset (low for at least two clock cycles).
    rx_*, tx_* : in, out
        Packets.
    camera_* : in, out
        Camera, in its own clock domain.
    camera_wanted : Signal(1), out
        Whether further frames are subscribed.
    m_axi_* : out, in
        AXI4 manager of the frame buffers.
    memory_status : Signal(32), in
        Status of the memory; see :mod:`~seq2seqlite.hardware.wire.memory_status`. No burst begins before the
        memory is ready.
    """

    def __init__(
        self, series: SeriesShape, shape: Shape, engines: int, result_width: int, port_bits: int
    ) -> None:
        self.series, self.shape_, self.engines = series, shape, engines
        self.result_width, self.port_bits = result_width, port_bits
        super().__init__(
            {
                "aclk": In(1),
                "aresetn": In(1),
                **packet_ports(),
                **camera_ports(port_bits),
                "camera_wanted": Out(1),
                **memory_ports(series),
                "memory_status": In(STATUS_BITS),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Instantiate the front end with its engines, and connect camera, memory and link."""
        m = Module()
        series = self.series
        add_domain(m, self.aclk, self.aresetn)
        m.submodules.link = link = CameraLink(self.shape_, self.engines, self.result_width, series.pixels)
        m.submodules.camera = camera = CameraPort(self.port_bits, series.input_bits)
        m.submodules.gate = gate = MemoryGate(address_bits=series.address_bits, data_bits=series.data_bits)
        for part, ports in ((link, packet_ports()), (camera, camera_ports(self.port_bits))):
            for name, member in ports.items():
                port, own = getattr(self, name), getattr(part, name)
                m.d.comb += port.eq(own) if member.flow is Out else own.eq(port)
        memory = {}
        for name, member in memory_ports(series).items():
            port, own = getattr(self, name), getattr(gate, name.replace("m_axi", "o"))
            m.d.comb += port.eq(own) if member.flow is Out else own.eq(port)
            memory[name] = getattr(gate, name.replace("m_axi", "i"))
        ready = Signal()
        m.d.comb += [
            gate.stop.eq(link.stop),
            gate.ready.eq(self.memory_status[0]),
            link.memory_status.eq(self.memory_status),
            link.stopped.eq(gate.stopped),
            self.camera_wanted.eq(link.wanted),
            camera.reset.eq(~self.aresetn),
            camera.o.ready.eq(ready | ~link.connected),  # words without a subscriber are discarded
        ]
        ports = core_ports(series, self.shape_, self.result_width)
        inside = {
            **memory,
            **{name: getattr(link, name) for name in camera_design_ports(self.result_width)},
            "aclk": self.aclk,
            "s_axis_tdata": camera.o.payload.data,
            "s_axis_tvalid": camera.o.valid & link.connected,
            "s_axis_tready": ready,
            "s_axis_tuser": camera.o.payload.first,
            "s_axis_tlast": camera.o.payload.last,
        }
        m.submodules.design = Instance(
            FRONT_END_CORE,
            **{
                f"{'o' if member.flow is Out else 'i'}_{name}": inside.get(
                    name, Signal(member.shape, name=name)
                )
                for name, member in ports.items()
            },
        )
        return m
