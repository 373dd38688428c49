"""AXI4-Lite manager that performs one access after another."""

from amaranth.hdl import Module
from amaranth.lib.wiring import Component, In, Member, Out

from seq2seqlite.hardware.gateware.axi_lite import ADDRESS_BITS, axi_lite

__all__ = ["RegisterAccess", "axi_lite_manager"]


def axi_lite_manager(*, address_bits: int = ADDRESS_BITS) -> dict[str, Member]:
    """Return the ports of an AXI4-Lite manager, without prefix."""
    ports = axi_lite(address_bits=address_bits)
    return {name: (In if port.flow is Out else Out)(port.shape) for name, port in ports.items()}


class RegisterAccess(Component):
    """AXI4-Lite manager with one access in progress.

    Parameters
    ----------
    address_bits : int
        Width of an address.

    Attributes
    ----------
    start : Signal(1), in
        Strobe of an access, with ``write``, ``address`` and ``data``.
    done : Signal(1), out
        Strobe of its end, with the ``value`` that was read or written.
    aw*, w*, b*, ar*, r* : out, in
        AXI4-Lite manager.
    """

    def __init__(self, address_bits: int = ADDRESS_BITS) -> None:
        super().__init__(
            {
                "start": In(1),
                "write": In(1),
                "address": In(address_bits),
                "data": In(32),
                "done": Out(1),
                "value": Out(32),
                **axi_lite_manager(address_bits=address_bits),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the channels: a request stays valid until it is accepted, a response is awaited."""
        m = Module()
        m.d.comb += [
            self.awaddr.eq(self.araddr),
            self.wstrb.eq(0xF),
            self.bready.eq(1),
            self.rready.eq(1),
        ]
        m.d.sync += self.done.eq(0)
        for name in ("aw", "w", "ar"):
            with m.If(getattr(self, f"{name}ready")):
                m.d.sync += getattr(self, f"{name}valid").eq(0)
        with m.If(self.bvalid):
            m.d.sync += [self.done.eq(1), self.value.eq(self.wdata)]
        with m.If(self.rvalid):
            m.d.sync += [self.done.eq(1), self.value.eq(self.rdata)]
        with m.If(self.start):
            m.d.sync += [
                *(self.awvalid.eq(self.write), self.wvalid.eq(self.write), self.arvalid.eq(~self.write)),
                *(self.araddr.eq(self.address), self.wdata.eq(self.data)),
            ]
        return m
