"""Design and link as one core, with the ports of docs/spec/link.md."""

from amaranth.hdl import Instance, Module, Signal
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.gateware.clock_domain import add_domain
from seq2seqlite.hardware.gateware.parameters import TOP, Shape
from seq2seqlite.hardware.gateware.top import top_ports
from seq2seqlite.hardware.link.link import Link, packet_ports

__all__ = ["BOARD_CORE", "BoardCore"]

BOARD_CORE = "seq2seqlite_board_core"
"""Name of the module, without the prefix of the design."""


class BoardCore(Component):
    """Core of a board: packets in, packets out.

    Parameters
    ----------
    shape : Shape
        Parameters of an engine.
    engines : int
        Number of engines.
    result_width : int
        Width of a beat of results.

    Attributes
    ----------
    aclk, aresetn : Signal(1), in
        Clock, and synchronous active-low reset (low for at least two clock cycles).
    rx_*, tx_* : in, out
        Packets.
    """

    def __init__(self, shape: Shape, engines: int, result_width: int) -> None:
        self.shape_, self.engines, self.result_width = shape, engines, result_width
        super().__init__({"aclk": In(1), "aresetn": In(1), **packet_ports()})

    def elaborate(self, platform: object) -> Module:
        """Instantiate the design, and connect it to the link."""
        m = Module()
        add_domain(m, self.aclk, self.aresetn)
        m.submodules.link = link = Link(self.shape_, self.engines, self.result_width)
        for name, member in packet_ports().items():
            port, own = getattr(self, name), getattr(link, name)
            m.d.comb += port.eq(own) if member.flow is Out else own.eq(port)
        inside = {
            name: getattr(link, name) if hasattr(link, name) else Signal(member.shape, name=name)
            for name, member in top_ports(self.shape_, self.result_width).items()
        }
        inside["aclk"] = self.aclk
        m.submodules.design = Instance(
            self.shape_.prefix + TOP,
            **{
                f"{'o' if member.flow is Out else 'i'}_{name}": inside[name]
                for name, member in top_ports(self.shape_, self.result_width).items()
            },
        )
        return m
