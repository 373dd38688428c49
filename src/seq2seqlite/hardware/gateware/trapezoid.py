"""Trapezoidal sums of the decoder outputs, from which the lifetimes are computed."""

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import stream
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.gateware.lifetime_unit import sums_layout
from seq2seqlite.hardware.gateware.parameters import Shape
from seq2seqlite.hardware.gateware.pipeline import delayed
from seq2seqlite.hardware.gateware.register_slices import RegisteredFifo
from seq2seqlite.hardware.gateware.sequencer import Sequencer

__all__ = ["TrapezoidalAccumulator"]


class TrapezoidalAccumulator(Component):
    """Trapezoidal accumulator: integrates both components of all slots over the gates.

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
