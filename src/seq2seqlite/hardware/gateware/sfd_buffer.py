"""Buffer of the decoder outputs, from which raw SFDs are delivered pixel by pixel."""

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import stream
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.gateware.lifetime_unit import info_layout
from seq2seqlite.hardware.gateware.parameters import Shape
from seq2seqlite.hardware.gateware.pipeline import delayed, modulo_increment
from seq2seqlite.hardware.gateware.sequencer import Sequencer

__all__ = ["SfdBuffer"]

WORDS = 8
"""Depth of the output FIFO of the SFD memory: enough for one word per clock cycle."""


class SfdBuffer(Component):
    """SFD buffer: stores the SFDs of four batches and delivers them pixel by pixel.

    Parameters
    ----------
    shape : Shape
        Parameters of the engine.

    Attributes
    ----------
    start, pixels, codes, ends
        As those of :class:`~seq2seqlite.hardware.gateware.trapezoid.TrapezoidalAccumulator`.
    info : Signature(info_layout(shape)), in
        Status of the pixels in order. An entry is accepted with the last word that is read of its pixel.
    o : Signature(payload_bits), out
        Codes of one gate; ``n_gates`` words per pixel. All words of a pixel that is below threshold or
        malformed are 0.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape_ = shape
        super().__init__(
            {
                "start": In(1),
                "pixels": In(range(shape.slots + 1)),
                "codes": In(len(shape.channels) * shape.program.formats.output.bits),
                "ends": Out(1),
                "info": In(stream.Signature(info_layout(shape))),
                "o": Out(stream.Signature(shape.payload_bits)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the transposing memory: written gate by gate, read pixel by pixel."""
        m = Module()
        shape = self.shape_
        m.submodules.sequencer = sequencer = Sequencer(shape.slots, shape.n_gates)
        size = shape.capacity * shape.n_gates
        m.submodules.memory = memory = Memory(shape=len(self.codes), depth=size, init=[])
        writer, reader = memory.write_port(), memory.read_port()
        m.d.comb += [
            sequencer.start.eq(self.start),
            self.ends.eq(sequencer.ends),
            writer.en.eq(sequencer.run & (sequencer.slot < self.pixels)),
            writer.data.eq(self.codes),
        ]
        self._write_address(m, sequencer, writer.addr, size)
        stored = Signal(range(shape.capacity + 1))
        gate, pixel_read = Signal(range(shape.n_gates)), Signal()
        m.d.sync += stored.eq(stored + Mux(sequencer.ends, self.pixels, 0) - pixel_read)
        # A word is read only if the output FIFO can take it when it leaves the memory pipeline.
        m.submodules.words = words = SyncFIFOBuffered(width=len(self.codes), depth=WORDS)
        read, in_flight = Signal(), Signal(range(WORDS + 1))
        m.d.comb += [
            read.eq((stored != 0) & self.info.valid & (in_flight != WORDS)),
            pixel_read.eq(read & (gate == shape.n_gates - 1)),
            self.info.ready.eq(pixel_read),
            words.r_en.eq(self.o.ready),
            self.o.valid.eq(words.r_rdy),
            self.o.payload.eq(words.r_data),
        ]
        usable = delayed(m, ~(self.info.payload.dark | self.info.payload.malformed), 2, name="usable")
        at = Signal(range(size))
        word = delayed(m, reader.data, 1, name="word")
        m.d.comb += [reader.addr.eq(at), words.w_data.eq(Mux(usable, word, 0))]
        m.d.comb += words.w_en.eq(delayed(m, read, 2, name="read", reset_less=False))
        m.d.sync += in_flight.eq(in_flight + read - (self.o.valid & self.o.ready))
        with m.If(read):
            m.d.sync += [
                at.eq(modulo_increment(at, size)),
                gate.eq(Mux(pixel_read, 0, gate + 1)),
            ]
        return m

    def _write_address(self, m: Module, sequencer: Sequencer, address: Value, size: int) -> None:
        """Drive the write address: ``(begin + s) n_gates + t``, modulo the size, for gate t of slot s."""
        shape = self.shape_
        batch_begin, row, at = (Signal(range(size), name=name) for name in ("batch_begin", "row", "at"))
        next_gate = at + shape.n_gates
        m.d.comb += address.eq(at)
        next_batch = Signal(range(size))  # gate 0 of the slot after the last pixel of the batch
        with m.If(sequencer.run):
            with m.If(sequencer.wraps):
                m.d.sync += [row.eq(row + 1), at.eq(row + 1)]
            with m.Else():
                m.d.sync += at.eq(Mux(next_gate >= size, next_gate - size, next_gate))
            with m.If(sequencer.first & (sequencer.slot == self.pixels - 1)):
                m.d.sync += next_batch.eq(Mux(next_gate >= size, next_gate - size, next_gate))
        with m.If(sequencer.ends):
            m.d.sync += [batch_begin.eq(next_batch), row.eq(next_batch), at.eq(next_batch)]
        with m.If(self.start & ~sequencer.ends):
            m.d.sync += [row.eq(batch_begin), at.eq(batch_begin)]
