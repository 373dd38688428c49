"""Consumers of the decoder outputs: trapezoidal sums for lifetimes, or a buffer of raw SFDs."""

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import stream
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.gateware.lifetime_unit import info_layout, sums_layout
from seq2seqlite.hardware.gateware.parameters import Shape
from seq2seqlite.hardware.gateware.register_slices import RegisteredFifo
from seq2seqlite.hardware.gateware.sequencer import Sequencer
from seq2seqlite.hardware.gateware.serial_arithmetic import delayed, next_in_turn

__all__ = ["SfdSink", "SumSink"]


WORDS = 8
"""Depth of the output FIFO of the SFD memory: enough for one word per clock cycle."""


class SumSink(Component):
    """Trapezoidal accumulator: integrates both components of all slots.

    The sums of a pixel are delivered after its last gate.

    Parameters
    ----------
    shape : Shape
        Parameters of the engine.

    Attributes
    ----------
    start : Signal(1), in
        Starts a batch; asserted in the clock cycle before the first ``codes``.
    pixels : Signal(range(slots + 1)), in
        Number of pixels of the batch. Slots above it are computed but not delivered.
    codes : Signal(channels * output bits), in
        Outputs of the head for one slot and gate, a new slot in each clock cycle.
    ends : Signal(1), out
        High in the last clock cycle of the batch.
    o : Signature(sums_layout(shape)), out
        Sums of a pixel, in slot order. There is no back-pressure towards ``codes``: the engine starts a batch
        only if its results fit.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape_ = shape
        super().__init__(
            {
                "start": In(1),
                "pixels": In(range(shape.slots + 1)),
                "codes": In(len(shape.channels) * shape.program.formats.output.bits),
                "ends": Out(1),
                "o": Out(stream.Signature(sums_layout(shape))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the accumulators in a memory, and a FIFO of finished sums that never overflows."""
        m = Module()
        shape, layout = self.shape_, sums_layout(self.shape_)
        m.submodules.sequencer = sequencer = Sequencer(shape.slots, shape.n_gates)
        m.submodules.sums = memory = Memory(shape=layout, depth=shape.slots, init=[])
        m.submodules.store = store = RegisteredFifo(layout, shape.capacity)
        reader, writer = memory.read_port(), memory.write_port()
        # The memory output is registered once more, because block memories are slow.
        slot, run, first, last = (
            delayed(m, value, 2, name=name, reset_less=False)
            for name, value in (
                ("slot", sequencer.slot),
                ("run", sequencer.run),
                ("first", sequencer.first),
                ("last", sequencer.last),
            )
        )
        pixels = delayed(m, self.pixels, 1, name="pixels")
        valid = delayed(m, delayed(m, sequencer.slot, 1, name="slot_delayed") < pixels, 1, name="valid")
        codes = delayed(m, self.codes, 2, name="codes")
        old, new, result = (
            Signal(layout, reset_less=True),
            Signal(layout),
            Signal(layout, reset_less=True),
        )
        m.d.sync += [old.eq(reader.data), result.eq(new)]
        self._add(m, new, old, codes, first, last)
        m.d.comb += [
            sequencer.start.eq(self.start),
            reader.addr.eq(sequencer.slot),
            writer.addr.eq(delayed(m, slot, 1, name="slot_written")),
            writer.en.eq(delayed(m, run, 1, name="run_written", reset_less=False)),
            writer.data.eq(result),
            store.write.eq(delayed(m, run & last & valid, 1, name="ended", reset_less=False)),
            store.i.eq(result),
            self.ends.eq(sequencer.ends),
            self.o.valid.eq(store.o.valid),
            self.o.payload.eq(store.o.payload),
            store.o.ready.eq(self.o.ready),
        ]
        return m

    def _add(self, m: Module, new: Signal, old: Value, codes: Value, first: Value, last: Value) -> None:
        """Add a sample by twice the trapezoidal rule: weight 1 at the first and last gate, otherwise 2."""
        bits, is_signed = self.shape_.program.formats.output.bits, self.shape_.program.formats.output.signed
        for index, name in enumerate(("short", "long")):
            code = codes.word_select(index, bits)
            code = code.as_signed() if is_signed else code
            first_sample = getattr(old, f"first_{name}")
            positive = Mux(code < 0, 0, code) if is_signed else code
            weighted = Mux(first | last, code, code << 1)
            m.d.comb += [
                getattr(new, f"area_{name}").eq(Mux(first, 0, getattr(old, f"area_{name}")) + weighted),
                getattr(new, f"first_{name}").eq(Mux(first, positive, first_sample)),
            ]


class SfdSink(Component):
    """SFD buffer: stores the SFDs of four batches and delivers them pixel by pixel.

    Parameters
    ----------
    shape : Shape
        Parameters of the engine.

    Attributes
    ----------
    start, pixels, codes, ends
        As those of :class:`SumSink`.
    info : Signature(info_layout()), in
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
                "info": In(stream.Signature(info_layout())),
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
                at.eq(next_in_turn(at, size)),
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
