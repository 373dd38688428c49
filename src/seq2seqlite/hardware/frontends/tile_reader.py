"""Tile reader: reads complete frames from memory and delivers them pixel by pixel."""

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import stream
from amaranth.lib.wiring import Component, In, Member, Out

from seq2seqlite.hardware.frontends.axi import INCR, axi_manager
from seq2seqlite.hardware.frontends.parameters import SeriesShape
from seq2seqlite.hardware.frontends.tile_buffer import TileBuffer
from seq2seqlite.hardware.gateware.pipeline import modulo_increment
from seq2seqlite.hardware.gateware.register_slices import beat
from seq2seqlite.integer import COUNT_BITS

__all__ = ["TileReader", "read_channels"]


def read_channels(shape: SeriesShape, /) -> dict[str, Member]:
    """Return the read channels of the AXI4 manager."""
    ports = axi_manager(address_bits=shape.address_bits, data_bits=shape.data_bits)
    return {name: port for name, port in ports.items() if name.startswith(("ar", "r"))}


class TileReader(Component):
    """Tile reader: AXI4 read channels of the corner turn, and the tile buffer behind them.

    Parameters
    ----------
    shape : SeriesShape
        Parameters of the front end.

    Attributes
    ----------
    written : Signal(2), in
        Strobe of each frame buffer when it contains a complete frame. The buffers alternate, from buffer 0.
    base : Signal(2 * address_bits), in
        Address of each frame buffer, buffer 0 in the lowest bits.
    ar*, r* : in, out
        AXI4 read channels; see :func:`~seq2seqlite.hardware.frontends.axi.axi_manager`. ``rready`` is always
        high: a tile is requested only if the tile buffer has room for it.
    release : Signal(2), out
        Strobe of each frame buffer when its last beat was read.
    o : Signature(beat(lanes * 16)), out
        Packets of counts, one for each pixel. The contents of unused lanes are undefined.
    delivered : Signal(1), out
        Strobe when the last beat of a frame was accepted from ``o``.
    error : Signal(1), out
        Strobe when a read response was not OKAY.
    """

    def __init__(self, shape: SeriesShape) -> None:
        self.shape_ = shape
        super().__init__(
            {
                "written": In(2),
                "base": In(2 * shape.address_bits),
                **read_channels(shape),
                "release": Out(2),
                "o": Out(stream.Signature(beat(shape.lanes * COUNT_BITS))),
                "delivered": Out(1),
                "error": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the requests, and count tiles and pixels."""
        m = Module()
        shape = self.shape_
        m.submodules.tiles = tiles = TileBuffer(shape)
        m.d.comb += [
            tiles.valid.eq(self.rvalid),
            tiles.data.eq(self.rdata),
            self.rready.eq(1),
            self.o.valid.eq(tiles.o.valid),
            self.o.payload.eq(tiles.o.payload),
            tiles.o.ready.eq(self.o.ready),
            self.arsize.eq((shape.data_bits // 8).bit_length() - 1),
            self.arburst.eq(INCR),
            self.arlen.eq(shape.burst - 1),
        ]
        m.d.sync += self.error.eq(self.rvalid & self.rresp[1])
        self._request(m, tiles.done)
        tile, buffer = Signal(range(max(2, shape.tiles))), Signal()
        frame_ends = tiles.received & (tile == shape.tiles - 1)
        with m.If(tiles.received):
            m.d.sync += tile.eq(modulo_increment(tile, shape.tiles))
        with m.If(frame_ends):
            m.d.sync += buffer.eq(~buffer)
        for index in range(2):
            m.d.sync += self.release[index].eq(frame_ends & (buffer == index))
        pixel = Signal(range(max(2, shape.pixels)))
        pixel_ends = self.o.valid & self.o.ready & self.o.payload.last
        with m.If(pixel_ends):
            m.d.sync += pixel.eq(modulo_increment(pixel, shape.pixels))
        m.d.sync += self.delivered.eq(pixel_ends & (pixel == shape.pixels - 1))
        return m

    def _request(self, m: Module, done: Value) -> None:
        """Request the bursts of a tile, in the order of the addresses, if the tile buffer has room for it."""
        shape = self.shape_
        full, buffer, active, requesting = Signal(2), Signal(), Signal(), Signal()
        burst, tile = Signal(range(max(2, shape.n_gates))), Signal(range(max(2, shape.tiles)))
        reserved = Signal(range(3))  # tiles that are requested and not yet done
        begins, reserve = Signal(), Signal()
        m.d.comb += [
            begins.eq(~active & full.bit_select(buffer, 1)),
            reserve.eq(active & ~requesting & (reserved != 2)),
        ]
        m.d.sync += reserved.eq(reserved + reserve - done)
        with m.If(begins):
            m.d.sync += [active.eq(1), self.araddr.eq(self.base.word_select(buffer, shape.address_bits))]
        with m.If(reserve):
            m.d.sync += [requesting.eq(1), self.arvalid.eq(1)]
        with m.If(self.arvalid & self.arready):
            m.d.sync += [
                self.araddr.eq(self.araddr + shape.burst_bytes),
                burst.eq(modulo_increment(burst, shape.n_gates)),
            ]
            with m.If(burst == shape.n_gates - 1):
                m.d.sync += [requesting.eq(0), self.arvalid.eq(0)]
                m.d.sync += tile.eq(modulo_increment(tile, shape.tiles))
                with m.If(tile == shape.tiles - 1):
                    m.d.sync += [active.eq(0), buffer.eq(~buffer)]
        for index in range(2):
            with m.If(self.written[index]):
                m.d.sync += full[index].eq(1)
            with m.Elif(begins & (buffer == index)):
                m.d.sync += full[index].eq(0)
