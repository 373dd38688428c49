"""Corner turn in external memory: images gate after gate in, complete pixels out."""

from amaranth.hdl import Module
from amaranth.lib import stream
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import Component, In, Out, connect

from seq2seqlite.hardware.frontends.axi import axi_manager
from seq2seqlite.hardware.frontends.burst_fifo import BurstFifo
from seq2seqlite.hardware.frontends.burst_writer import BurstWriter, write_channels
from seq2seqlite.hardware.frontends.frame_tracker import FrameTracker, burst_layout, image_beat
from seq2seqlite.hardware.frontends.parameters import SeriesShape
from seq2seqlite.hardware.frontends.tile_reader import TileReader, read_channels
from seq2seqlite.hardware.gateware.axi_lite import connect_ports
from seq2seqlite.hardware.gateware.register_slices import beat
from seq2seqlite.integer import COUNT_BITS

__all__ = ["CornerTurn"]


class CornerTurn(Component):
    """Corner turn: two frame buffers in external memory, one written while the other one is read.

    Parameters
    ----------
    shape : SeriesShape
        Parameters of the front end.

    Attributes
    ----------
    i : Signature(image_beat(data_bits)), in
        Beats of the images, gate after gate.
    wait : Signal(1), in
        Whether to apply back-pressure instead of dropping frames.
    abandon : Signal(1), in
        Strobe that drops the frame in progress.
    base : Signal(2 * address_bits), in
        Address of each frame buffer, buffer 0 in the lowest bits; multiples of ``burst_bytes``.
    aw*, w*, b*, ar*, r* : in, out
        AXI4 manager; see :func:`~seq2seqlite.hardware.frontends.axi.axi_manager`.
    o : Signature(beat(lanes * 16)), out
        Packets of raw counts, one for each pixel.
    started, dropped, malformed, delivered, error : Signal(1), out
        Strobes of the counters: a frame begins, is dropped, is malformed, is delivered; a memory response is
        an error.
    """

    def __init__(self, shape: SeriesShape) -> None:
        self.shape_ = shape
        super().__init__(
            {
                "i": In(stream.Signature(image_beat(shape.data_bits))),
                "wait": In(1),
                "abandon": In(1),
                "base": In(2 * shape.address_bits),
                **axi_manager(address_bits=shape.address_bits, data_bits=shape.data_bits),
                "o": Out(stream.Signature(beat(shape.lanes * COUNT_BITS))),
                "started": Out(1),
                "dropped": Out(1),
                "malformed": Out(1),
                "delivered": Out(1),
                "error": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Connect tracker, FIFOs, writer and reader."""
        m = Module()
        shape = self.shape_
        m.submodules.tracker = tracker = FrameTracker(shape)
        m.submodules.fifo = fifo = BurstFifo(shape.data_bits, shape.fifo_bursts * shape.burst)
        width = burst_layout().size
        m.submodules.bursts = bursts = SyncFIFOBuffered(width=width, depth=2 * shape.fifo_bursts)
        m.submodules.writer = writer = BurstWriter(shape)
        m.submodules.reader = reader = TileReader(shape)
        connect_ports(m, self, writer, write_channels(shape), prefix="")
        connect_ports(m, self, reader, read_channels(shape), prefix="")
        connect(m, fifo.o, writer.i)
        m.d.comb += [
            tracker.i.valid.eq(self.i.valid),
            tracker.i.payload.eq(self.i.payload),
            self.i.ready.eq(tracker.i.ready),
            tracker.wait.eq(self.wait),
            tracker.abandon.eq(self.abandon),
            fifo.write.eq(tracker.write),
            fifo.commit.eq(tracker.commit),
            fifo.withdraw.eq(tracker.withdraw),
            fifo.i.eq(tracker.data),
            tracker.full.eq(fifo.full),
            bursts.w_en.eq(tracker.describe),
            bursts.w_data.eq(tracker.burst),
            tracker.describe_full.eq(~bursts.w_rdy),
            writer.bursts.valid.eq(bursts.r_rdy),
            writer.bursts.payload.eq(bursts.r_data),
            bursts.r_en.eq(writer.bursts.ready),
            writer.base.eq(self.base),
            reader.base.eq(self.base),
            reader.written.eq(writer.written),
            tracker.release.eq(reader.release),
            self.o.valid.eq(reader.o.valid),
            self.o.payload.eq(reader.o.payload),
            reader.o.ready.eq(self.o.ready),
            self.started.eq(tracker.started),
            self.dropped.eq(tracker.dropped),
            self.malformed.eq(tracker.malformed),
            self.delivered.eq(reader.delivered),
            self.error.eq(writer.error | reader.error),
        ]
        return m
