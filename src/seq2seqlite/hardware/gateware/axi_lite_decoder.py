"""AXI4-Lite decoder: one bus to several subordinates, chosen by the high address bits."""

from amaranth.hdl import Module, Signal
from amaranth.lib.wiring import Component, Out, Signature

from seq2seqlite.hardware.gateware.axi_lite import ADDRESS_BITS, axi_lite

__all__ = ["AxiLiteDecoder"]

DECERR = 3


class AxiLiteDecoder(Component):
    """AXI4-Lite decoder with one access in progress in each direction.

    Address bits from 8 upwards select the subordinate. An access to one that does not exist is answered with
    DECERR, and reads 0.

    Parameters
    ----------
    subordinates : int
        Number of subordinates.

    Attributes
    ----------
    aw*, w*, b*, ar*, r* : in, out
        AXI4-Lite subordinate; see :func:`~seq2seqlite.hardware.gateware.axi_lite.axi_lite`.
    to : array of Signature(axi_lite()).flip(), out
        AXI4-Lite managers, one for each subordinate.
    """

    def __init__(self, subordinates: int) -> None:
        self.subordinates = subordinates
        select_bits = max(1, (subordinates - 1).bit_length())
        super().__init__(
            {
                **axi_lite(address_bits=ADDRESS_BITS + select_bits),
                "to": Out(Signature(axi_lite()).flip()).array(subordinates),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build both directions: accept an access, pass it on, return the response."""
        m = Module()
        is_reset = Signal()  # an access that is accepted during the reset would be lost
        m.d.sync += is_reset.eq(1)
        self._writes(m, is_reset)
        self._reads(m, is_reset)
        return m

    def _writes(self, m: Module, is_reset: Signal) -> None:
        address, chosen = self._address(m, self.awaddr, "write")
        data, strobes = Signal(32), Signal(4)
        address_left, data_left, waits = Signal(), Signal(), Signal()
        idle = Signal()
        m.d.comb += [
            idle.eq(is_reset & ~waits & ~self.bvalid),
            self.awready.eq(idle & self.wvalid),
            self.wready.eq(idle & self.awvalid),
        ]
        with m.If(idle & self.awvalid & self.wvalid):
            m.d.sync += [
                address.eq(self.awaddr),
                data.eq(self.wdata),
                strobes.eq(self.wstrb),
                *(flag.eq(1) for flag in (address_left, data_left, waits)),
            ]
        with m.If(self.bvalid & self.bready):
            m.d.sync += self.bvalid.eq(0)
        with m.If(waits), m.Switch(chosen):
            for index, bus in enumerate(self.to):
                with m.Case(index):
                    m.d.comb += [bus.awvalid.eq(address_left), bus.wvalid.eq(data_left), bus.bready.eq(1)]
                    with m.If(bus.awready):
                        m.d.sync += address_left.eq(0)
                    with m.If(bus.wready):
                        m.d.sync += data_left.eq(0)
                    with m.If(bus.bvalid):
                        m.d.sync += [waits.eq(0), self.bvalid.eq(1), self.bresp.eq(bus.bresp)]
            with m.Default():
                m.d.sync += [waits.eq(0), self.bvalid.eq(1), self.bresp.eq(DECERR)]
        for bus in self.to:
            m.d.comb += [bus.awaddr.eq(address), bus.wdata.eq(data), bus.wstrb.eq(strobes)]

    def _reads(self, m: Module, is_reset: Signal) -> None:
        address, chosen = self._address(m, self.araddr, "read")
        address_left, waits = Signal(), Signal()
        m.d.comb += self.arready.eq(is_reset & ~waits & ~self.rvalid)
        with m.If(self.arready & self.arvalid):
            m.d.sync += [address.eq(self.araddr), address_left.eq(1), waits.eq(1)]
        with m.If(self.rvalid & self.rready):
            m.d.sync += self.rvalid.eq(0)
        with m.If(waits), m.Switch(chosen):
            for index, bus in enumerate(self.to):
                with m.Case(index):
                    m.d.comb += [bus.arvalid.eq(address_left), bus.rready.eq(1)]
                    with m.If(bus.arready):
                        m.d.sync += address_left.eq(0)
                    with m.If(bus.rvalid):
                        m.d.sync += [
                            *(waits.eq(0), self.rvalid.eq(1)),
                            *(self.rdata.eq(bus.rdata), self.rresp.eq(bus.rresp)),
                        ]
            with m.Default():
                m.d.sync += [waits.eq(0), self.rvalid.eq(1), self.rdata.eq(0), self.rresp.eq(DECERR)]
        for bus in self.to:
            m.d.comb += bus.araddr.eq(address)

    def _address(self, m: Module, port: Signal, name: str) -> tuple[Signal, Signal]:
        """Return the register of an address, and its bits that select the subordinate."""
        address = Signal(len(port), name=f"{name}_address")
        chosen = Signal(len(port) - ADDRESS_BITS, name=f"{name}_select")
        m.d.comb += chosen.eq(address[ADDRESS_BITS:])
        return address, chosen
