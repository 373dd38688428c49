"""What becomes of the decoder's outputs: sums for lifetimes, or the SFD itself."""

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
"""Words on their way out of the SFD's memory: enough for one a clock."""


class SumSink(Component):
    """Adds up the components of all slots, and gives the sums of a pixel when its decay has ended.

    Parameters
    ----------
    shape : Shape
        Widths and lengths.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape_ = shape
        super().__init__(
            {
                "start": In(1),  # the clock before the first outputs
                "pixels": In(range(shape.slots + 1)),
                "codes": In(len(shape.channels) * shape.program.formats.output.bits),
                "ends": Out(1),
                "o": Out(stream.Signature(sums_layout(shape))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Return the accumulators, in a memory, and a store of finished ones that never overflows."""
        m = Module()
        shape, layout = self.shape_, sums_layout(self.shape_)
        m.submodules.sequencer = sequencer = Sequencer(shape.slots, shape.n_gates)
        m.submodules.sums = memory = Memory(shape=layout, depth=shape.slots, init=[])
        m.submodules.store = store = RegisteredFifo(layout, shape.capacity)
        reader, writer = memory.read_port(), memory.write_port()
        # The memory's output has a register of its own: block memories are slow.
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
        valid = delayed(m, delayed(m, sequencer.slot, 1, name="slot_again") < pixels, 1, name="valid")
        codes = delayed(m, self.codes, 2, name="codes")
        old, new, kept = Signal(layout, reset_less=True), Signal(layout), Signal(layout, reset_less=True)
        m.d.sync += [old.eq(reader.data), kept.eq(new)]
        self._add(m, new, old, codes, first, last)
        m.d.comb += [
            sequencer.start.eq(self.start),
            reader.addr.eq(sequencer.slot),
            writer.addr.eq(delayed(m, slot, 1, name="slot_written")),
            writer.en.eq(delayed(m, run, 1, name="run_written", reset_less=False)),
            writer.data.eq(kept),
            store.write.eq(delayed(m, run & last & valid, 1, name="ended", reset_less=False)),
            store.i.eq(kept),
            self.ends.eq(sequencer.ends),
            self.o.valid.eq(store.o.valid),
            self.o.payload.eq(store.o.payload),
            store.o.ready.eq(self.o.ready),
        ]
        return m

    def _add(self, m: Module, new: Signal, old: Value, codes: Value, first: Value, last: Value) -> None:
        """Twice the trapezoid rule: the first and the last sample once, the others twice."""
        bits, is_signed = self.shape_.program.formats.output.bits, self.shape_.program.formats.output.signed
        for index, name in enumerate(("short", "long")):
            code = codes.word_select(index, bits)
            code = code.as_signed() if is_signed else code
            begin = getattr(old, f"first_{name}")
            positive = Mux(code < 0, 0, code) if is_signed else code
            weighted = Mux(first | last, code, code << 1)
            m.d.comb += [
                getattr(new, f"area_{name}").eq(Mux(first, 0, getattr(old, f"area_{name}")) + weighted),
                getattr(new, f"first_{name}").eq(Mux(first, positive, begin)),
            ]


class SfdSink(Component):
    """Keeps the SFDs of four batches, and gives them pixel by pixel.

    Parameters
    ----------
    shape : Shape
        Widths and lengths.
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
        """Return the memory that transposes."""
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
        gate, gone = Signal(range(shape.n_gates)), Signal()
        m.d.sync += stored.eq(stored + Mux(sequencer.ends, self.pixels, 0) - gone)
        # A word is read when there is room for it behind the memory's register.
        m.submodules.words = words = SyncFIFOBuffered(width=len(self.codes), depth=WORDS)
        reads, under_way = Signal(), Signal(range(WORDS + 1))
        m.d.comb += [
            reads.eq((stored != 0) & self.info.valid & (under_way != WORDS)),
            gone.eq(reads & (gate == shape.n_gates - 1)),
            self.info.ready.eq(gone),
            words.r_en.eq(self.o.ready),
            self.o.valid.eq(words.r_rdy),
            self.o.payload.eq(words.r_data),
        ]
        lit = delayed(m, ~(self.info.payload.dark | self.info.payload.malformed), 2, name="lit")
        at = Signal(range(size))
        word = delayed(m, reader.data, 1, name="word")
        m.d.comb += [reader.addr.eq(at), words.w_data.eq(Mux(lit, word, 0))]
        m.d.comb += words.w_en.eq(delayed(m, reads, 2, name="reads", reset_less=False))
        m.d.sync += under_way.eq(under_way + reads - (self.o.valid & self.o.ready))
        with m.If(reads):
            m.d.sync += [
                at.eq(next_in_turn(at, size)),
                gate.eq(Mux(gone, 0, gate + 1)),
            ]
        return m

    def _write_address(self, m: Module, sequencer: Sequencer, address: Value, size: int) -> None:
        """Put gate ``t`` of slot ``s`` at ``(begin + s) n_gates + t``, around the end of the memory."""
        shape = self.shape_
        begins, row, at = (Signal(range(size), name=name) for name in ("begins", "row", "at"))
        further = at + shape.n_gates
        m.d.comb += address.eq(at)
        after = Signal(range(size))  # the slot behind the batch's last pixel, at gate 0
        with m.If(sequencer.run):
            with m.If(sequencer.wraps):
                m.d.sync += [row.eq(row + 1), at.eq(row + 1)]
            with m.Else():
                m.d.sync += at.eq(Mux(further >= size, further - size, further))
            with m.If(sequencer.first & (sequencer.slot == self.pixels - 1)):
                m.d.sync += after.eq(Mux(further >= size, further - size, further))
        with m.If(sequencer.ends):
            m.d.sync += [begins.eq(after), row.eq(after), at.eq(after)]
        with m.If(self.start & ~sequencer.ends):
            m.d.sync += [row.eq(begins), at.eq(begins)]
