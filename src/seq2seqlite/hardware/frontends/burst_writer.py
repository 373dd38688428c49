"""Burst writer: writes the images of a gate series to their places in the tiles of a frame in memory."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import Component, In, Member, Out

from seq2seqlite.hardware.frontends.axi import INCR, axi_manager
from seq2seqlite.hardware.frontends.frame_tracker import burst_layout
from seq2seqlite.hardware.frontends.parameters import SeriesShape
from seq2seqlite.hardware.gateware.register_slices import RegisterSlice, beat

__all__ = ["OUTSTANDING", "BurstWriter", "write_channels"]

OUTSTANDING = 16
"""Bursts whose write response may be outstanding."""


def write_channels(shape: SeriesShape, /) -> dict[str, Member]:
    """Return the write channels of the AXI4 manager."""
    ports = axi_manager(address_bits=shape.address_bits, data_bits=shape.data_bits)
    return {name: port for name, port in ports.items() if name[0] in "awb" and not name.startswith("ar")}


class BurstWriter(Component):
    """Burst writer: AXI4 write channels of the corner turn.

    Tile ``t`` of gate ``g`` is written to ``base + t * tile_bytes + g * burst_bytes``, so that a frame can be
    read in the order of the addresses. A burst begins when all its beats are in the write FIFO.

    Parameters
    ----------
    shape : SeriesShape
        Parameters of the front end.

    Attributes
    ----------
    bursts : Signature(burst_layout()), in
        Descriptors of the bursts in the write FIFO.
    i : Signature(beat(data_bits)), in
        Beats of the bursts; ``last`` marks the last one of a burst.
    base : Signal(2 * address_bits), in
        Address of each frame buffer, buffer 0 in the lowest bits; multiples of ``burst_bytes``.
    aw*, w*, b* : in, out
        AXI4 write channels; see :func:`~seq2seqlite.hardware.frontends.axi.axi_manager`.
    written : Signal(2), out
        Strobe of each frame buffer when the last write of a frame was acknowledged.
    error : Signal(1), out
        Strobe when a write response was not OKAY.
    """

    def __init__(self, shape: SeriesShape) -> None:
        self.shape_ = shape
        super().__init__(
            {
                "bursts": In(stream.Signature(burst_layout())),
                "i": In(stream.Signature(beat(shape.data_bits))),
                "base": In(2 * shape.address_bits),
                **write_channels(shape),
                "written": Out(2),
                "error": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the address generator, the data channel behind it, and the response channel."""
        m = Module()
        m.submodules.outstanding = outstanding = SyncFIFOBuffered(width=2, depth=OUTSTANDING)
        burst = Signal(burst_layout())
        fetched, issue = Signal(), Signal()
        m.d.comb += [
            self.bursts.ready.eq(~fetched & ~self.awvalid & outstanding.w_rdy),
            issue.eq(fetched),
            outstanding.w_en.eq(issue),
            outstanding.w_data.eq(Cat(burst.final, burst.buffer)),
        ]
        m.d.sync += fetched.eq(self.bursts.valid & self.bursts.ready)
        m.d.sync += burst.eq(self.bursts.payload)
        self._address(m, burst, issue)
        self._data(m, issue)
        m.d.comb += [self.bready.eq(1), outstanding.r_en.eq(self.bvalid)]
        is_final, buffer = outstanding.r_data
        for index in range(2):
            m.d.sync += self.written[index].eq(self.bvalid & is_final & (buffer == index))
        m.d.sync += self.error.eq(self.bvalid & self.bresp[1])
        return m

    def _address(self, m: Module, burst: Signal, issue: Signal) -> None:
        """Compute the address of a burst from that of the burst before it."""
        shape = self.shape_
        row, following = (Signal(shape.address_bits, name=name) for name in ("row", "following"))
        base = self.base.word_select(burst.buffer, shape.address_bits)
        at, this_row = Mux(burst.first, base, following), Mux(burst.first, base, row)
        next_row = this_row + shape.burst_bytes
        m.d.comb += [self.awsize.eq((shape.data_bits // 8).bit_length() - 1), self.awburst.eq(INCR)]
        with m.If(issue):
            m.d.sync += [
                self.awvalid.eq(1),
                self.awaddr.eq(at),
                self.awlen.eq(Mux(burst.turn, shape.last_burst - 1, shape.burst - 1)),
                row.eq(Mux(burst.turn, next_row, this_row)),
                following.eq(Mux(burst.turn, next_row, at + shape.tile_bytes)),
            ]
        with m.Elif(self.awready):
            m.d.sync += self.awvalid.eq(0)

    def _data(self, m: Module, issue: Signal) -> None:
        """Send the beats of the bursts whose address was issued."""
        shape = self.shape_
        m.submodules.data = output = RegisterSlice(beat(shape.data_bits))
        issued, ends = Signal(range(OUTSTANDING + 2)), Signal()
        allowed = issued != 0
        m.d.comb += [
            output.i.valid.eq(self.i.valid & allowed),
            output.i.payload.eq(self.i.payload),
            self.i.ready.eq(output.i.ready & allowed),
            ends.eq(self.i.valid & self.i.ready & self.i.payload.last),
            self.wvalid.eq(output.o.valid),
            self.wdata.eq(output.o.payload.data),
            self.wlast.eq(output.o.payload.last),
            self.wstrb.eq(-1),
            output.o.ready.eq(self.wready),
        ]
        m.d.sync += issued.eq(issued + issue - ends)
