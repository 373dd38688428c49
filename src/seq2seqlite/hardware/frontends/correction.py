"""Correction of counts: saturation by a table, dark level, and mask of pixels."""

from amaranth.hdl import Array, Module, Mux, Signal, Value
from amaranth.lib import stream
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.frontends.parameters import SeriesShape
from seq2seqlite.hardware.gateware.register_slices import RegisterSlice, beat
from seq2seqlite.integer import COUNT_BITS

__all__ = ["MASK_WORD", "Correction"]

MASK_WORD = 32
"""Pixels per word of the mask."""


class Correction(Component):
    """Correction of the counts of each pixel, in this order: table, dark level, mask.

    Parameters
    ----------
    shape : SeriesShape
        Parameters of the front end.

    Attributes
    ----------
    i : Signature(beat(lanes * 16)), in
        Packets of raw counts; the pixels of a frame follow each other.
    use_table : Signal(1), in
        Whether to replace each count by an entry of the table.
    dark_level : Signal(16), in
        Level that is subtracted. Differences below 0 become 0.
    table_write, table_index, table_data : Signal, in
        Write port of the table: strobe, index, and the corrected count of 16 bits.
    mask_write, mask_index, mask_data : Signal, in
        Write port of the mask: strobe, index of a word, and a bit for each of 32 pixels, the first one in bit
        0. All counts of a pixel whose bit is 1 become 0.
    o : Signature(beat(lanes * 16)), out
        Packets of corrected counts.
    """

    def __init__(self, shape: SeriesShape) -> None:
        self.shape_ = shape
        self.mask_words = -(-shape.pixels // MASK_WORD)
        super().__init__(
            {
                "i": In(stream.Signature(beat(shape.lanes * COUNT_BITS))),
                "use_table": In(1),
                "dark_level": In(COUNT_BITS),
                "table_write": In(1),
                "table_index": In(shape.table_bits),
                "table_data": In(COUNT_BITS),
                "mask_write": In(1),
                "mask_index": In(range(max(2, self.mask_words))),
                "mask_data": In(MASK_WORD),
                "o": Out(stream.Signature(beat(shape.lanes * COUNT_BITS))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the pipeline of four stages; all advance together if the output slice is ready."""
        m = Module()
        shape = self.shape_
        m.submodules.slice = output = RegisterSlice(beat(shape.lanes * COUNT_BITS))
        step = Signal()
        m.d.comb += [step.eq(output.i.ready), self.i.ready.eq(step)]
        masked = self._mask(m, step)
        corrected = []
        for lane in range(shape.lanes):
            count = self.i.payload.data.word_select(lane, COUNT_BITS)
            corrected.append(self._lane(m, lane, count, step))
        valid, last = self.i.valid, self.i.payload.last
        for stage in range(3):
            later_valid, later_last = Signal(name=f"valid_{stage}"), Signal(name=f"last_{stage}")
            with m.If(step):
                m.d.sync += [later_valid.eq(valid), later_last.eq(last)]
            valid, last = later_valid, later_last
        held = Signal(beat(shape.lanes * COUNT_BITS), reset_less=True)
        ready = Signal()
        with m.If(step):
            m.d.sync += [ready.eq(valid), held.last.eq(last)]
            for lane, count in enumerate(corrected):
                m.d.sync += held.data.word_select(lane, COUNT_BITS).eq(Mux(masked, 0, count))
        m.d.comb += [
            output.i.valid.eq(ready),
            output.i.payload.eq(held),
            self.o.valid.eq(output.o.valid),
            self.o.payload.eq(output.o.payload),
            output.o.ready.eq(self.o.ready),
        ]
        return m

    def _lane(self, m: Module, lane: int, count: Value, step: Value) -> Value:
        """Return the corrected count of a lane, three stages later."""
        shape = self.shape_
        init = list(range(2**shape.table_bits))
        m.submodules[f"table_{lane}"] = table = Memory(shape=COUNT_BITS, depth=len(init), init=init)
        writer, reader = table.write_port(), table.read_port()
        index, raw, raw_later = Signal(shape.table_bits), Signal(COUNT_BITS), Signal(COUNT_BITS)
        level = Signal(COUNT_BITS + 1)
        chosen = Mux(self.use_table, reader.data, raw_later)
        m.d.comb += [
            writer.addr.eq(self.table_index),
            writer.data.eq(self.table_data),
            writer.en.eq(self.table_write),
            reader.addr.eq(index),
            reader.en.eq(step),
        ]
        with m.If(step):
            m.d.sync += [
                index.eq(Mux(count[shape.table_bits :].any(), len(init) - 1, count[: shape.table_bits])),
                raw.eq(count),
                raw_later.eq(raw),
                level.eq(chosen - self.dark_level),
            ]
        return Mux(level[-1], 0, level[:COUNT_BITS])

    def _mask(self, m: Module, step: Value) -> Value:
        """Return whether the pixel of the third stage is masked."""
        shape = self.shape_
        m.submodules.mask = mask = Memory(shape=MASK_WORD, depth=self.mask_words, init=[])
        writer, reader = mask.write_port(), mask.read_port()
        m.d.comb += [
            writer.addr.eq(self.mask_index),
            writer.data.eq(self.mask_data),
            writer.en.eq(self.mask_write),
        ]
        # The pixel of the beat that is accepted, its word one stage later, and its bit two stages later.
        pixel = Signal(range(max(2, shape.pixels)))
        with m.If(step & self.i.valid & self.i.payload.last):
            m.d.sync += pixel.eq(Mux(pixel == shape.pixels - 1, 0, pixel + 1))
        bits, bits_later, masked = Signal(5), Signal(5), Signal()
        word = Signal(len(reader.addr))
        m.d.comb += [reader.addr.eq(word), reader.en.eq(step)]
        with m.If(step):
            m.d.sync += [
                word.eq(pixel[5:]),
                bits.eq(pixel[:5]),
                bits_later.eq(bits),
                masked.eq(Array(reader.data)[bits_later]),
            ]
        return masked
