"""Conversion of the body of a pixels request to the input of a design."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream
from amaranth.lib.wiring import Component, In, Out, connect, flipped

from seq2seqlite.hardware.gateware.parameters import Shape
from seq2seqlite.hardware.gateware.register_slices import RegisterSlice, beat
from seq2seqlite.integer import COUNT_BITS

__all__ = ["PixelFeeder"]

WORD_BITS = 32


class PixelFeeder(Component):
    """Converter of words to packets of counts, up to two counts per clock cycle.

    Parameters
    ----------
    shape : Shape
        Parameters of an engine.
    max_pixels : int
        Largest number of pixels of a request.

    Attributes
    ----------
    start : Signal(1), in
        Strobe with the number of ``pixels``, at least 1, and whether their counts have 8 bits (``narrow``).
    busy : Signal(1), out
        High from the clock cycle after ``start`` until the last count has been read.
    word : Signal(32), in
        Current word of the body.
    advance : Signal(1), out
        Strobe that proceeds to the next word.
    o : Signature(beat(...)), out
        Packets.
    """

    def __init__(self, shape: Shape, max_pixels: int) -> None:
        self.shape_ = shape
        super().__init__(
            {
                "start": In(1),
                "pixels": In(range(max_pixels + 1)),
                "narrow": In(1),
                "busy": Out(1),
                "word": In(WORD_BITS),
                "advance": Out(1),
                "o": Out(stream.Signature(beat(shape.beat_bits, shape.user_bits))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the steps of a pixel, each of one part of a beat."""
        m = Module()
        shape = self.shape_
        together = min(shape.lanes, 2)  # counts of a step
        steps, parts = -(-shape.n_gates // together), shape.lanes // together
        m.submodules.output = output = RegisterSlice(beat(shape.beat_bits, shape.user_bits))
        connect(m, output.o, flipped(self.o))
        left, narrow = Signal.like(self.pixels), Signal()
        user_next, user = Signal(), Signal(max(shape.user_bits, 1))
        step, is_last_step = Signal(range(steps)), Signal()
        place, part = Signal(range(4)), Signal(range(max(parts, 2)))
        counts = self._counts(place, narrow, together)
        proceeds, completes = Signal(), Signal()
        width = together * shape.count_bits
        kept = Signal(shape.beat_bits, reset_less=True)
        filled = Cat(Mux(part == index, counts, kept.word_select(index, width)) for index in range(parts))
        reads = self.busy & ~user_next
        narrow_places, wide_places = (WORD_BITS // bits // together for bits in (8, shape.count_bits))
        places_used = Mux(narrow, narrow_places, wide_places)
        m.d.comb += [
            self.busy.eq(left != 0),
            is_last_step.eq(step == steps - 1),
            completes.eq(is_last_step | (part == parts - 1)),
            output.i.valid.eq(reads & completes),
            output.i.payload.data.eq(filled),
            output.i.payload.last.eq(is_last_step),
            proceeds.eq(reads & (output.i.ready | ~completes)),
            self.advance.eq(user_next | (proceeds & (is_last_step | (place == places_used - 1)))),
        ]
        if shape.user_bits:
            m.d.comb += output.i.payload.user.eq(user)
        with m.If(user_next):
            m.d.sync += [user.eq(self.word), user_next.eq(0)]
        with m.If(proceeds):
            m.d.sync += [
                kept.eq(filled),
                step.eq(step + 1),
                place.eq(Mux(self.advance, 0, place + 1)),
                part.eq(Mux(completes, 0, part + 1)),
            ]
            with m.If(is_last_step):
                m.d.sync += [step.eq(0), left.eq(left - 1)]
                m.d.sync += user_next.eq((left != 1) & bool(shape.user_bits))
        with m.If(self.start):
            m.d.sync += [left.eq(self.pixels), narrow.eq(self.narrow), user_next.eq(bool(shape.user_bits))]
        return m

    def _counts(self, place: Signal, narrow: Signal, together: int) -> Value:
        """Return the counts at a place in the word, with the width of the design."""
        bytes_ = [self.word.word_select(place * together + index, 8) for index in range(together)]
        if self.shape_.count_bits == 8:
            return Cat(bytes_)
        wide = self.word if together == 2 else self.word.word_select(place[:1], COUNT_BITS)
        return Mux(narrow, Cat(Cat(byte, Const(0, COUNT_BITS - 8)) for byte in bytes_), wide)
