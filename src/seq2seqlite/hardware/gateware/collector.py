"""Output stage of a design: collects, numbers, frames and serialises the results of all engines."""

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import stream
from amaranth.lib.wiring import Component, In, Out, connect

from seq2seqlite.hardware.gateware.frame_counter import FrameCounter
from seq2seqlite.hardware.gateware.parameters import Shape, input_clocks
from seq2seqlite.hardware.gateware.pipeline import modulo_increment
from seq2seqlite.hardware.gateware.register_slices import AlternatingSlice, result_beat
from seq2seqlite.hardware.wire.results import RESULT_BITS

__all__ = ["Collector"]


class Collector(Component):
    """Round-robin arbiter of the engines' results, which restores the order of the packets.

    Parameters
    ----------
    shape : Shape
        Parameters of an engine.
    engines : int
        Number of engines.
    result_width : int
        Width of an output beat.

    Attributes
    ----------
    valid : Signal(engines), in
        TVALID of each engine.
    ready : Signal(engines), out
        TREADY of each engine; high for at most the selected engine.
    payloads : Signal(engines * payload_bits), in
        Payload of each engine, engine 0 in the lowest bits.
    frame_pixels : Signal(32), in
        Pixels of a frame; 0 disables TLAST.
    o : Signature(result_beat(result_width)), out
        Output beats, least significant part of a result first. A result is offered one clock cycle after it
        was accepted, or two in a design whose output limits its rate: results then wait in a queue of one.
    """

    def __init__(self, shape: Shape, engines: int, result_width: int) -> None:
        self.shape_, self.engines, self.result_width = shape, engines, result_width
        super().__init__(
            {
                "valid": In(engines),
                "ready": Out(engines),
                "payloads": In(engines * shape.payload_bits),
                "frame_pixels": In(32),
                "o": Out(stream.Signature(result_beat(result_width))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the arbiter and the serialiser behind it."""
        m = Module()
        shape = self.shape_
        beats = shape.record_beats(self.result_width)
        queued = beats + 1 > input_clocks(shape, self.engines) and shape.output == "lifetimes"
        part, is_last_part = Signal(range(max(shape.payloads, 2))), Signal()
        full, payload = Signal(), Signal(shape.payload_bits, reset_less=True)
        accept, sent = Signal(), Signal()
        # SFD words are delivered back to back, and so are records from the queue. Between others is an idle
        # clock cycle, so that TREADY of the output does not reach the engines.
        free = ~full | sent if queued or shape.output == "sfd" else ~full
        source = self._selected(m, queued=queued, is_last_part=part == shape.payloads - 1)
        m.d.comb += [accept.eq(source.valid & free), source.ready.eq(free)]
        with m.If(free):
            m.d.sync += [payload.eq(source.payload), is_last_part.eq(part == shape.payloads - 1)]
        with m.If(accept):
            m.d.sync += [full.eq(1), part.eq(modulo_increment(part, shape.payloads))]
        with m.Elif(sent):
            m.d.sync += full.eq(0)
        m.submodules.frame = frame = FrameCounter()
        m.d.comb += [frame.frame_pixels.eq(self.frame_pixels), frame.next.eq(sent & is_last_part)]
        beat, final = Signal(range(max(beats, 2))), Signal(init=int(beats == 1))
        with m.If(full & self.o.ready):
            m.d.sync += [beat.eq(modulo_increment(beat, beats)), final.eq(beat == (beats - 2) % beats)]
        # The number stands behind the result; standard errors follow it.
        numbered = Cat(payload[:RESULT_BITS], frame.pixel, payload[RESULT_BITS:])
        item = payload if shape.output == "sfd" else numbered
        m.d.comb += [
            sent.eq(full & self.o.ready & final),
            self.o.valid.eq(full),
            self.o.payload.data.eq(item.word_select(beat, self.result_width)),
            self.o.payload.last.eq(frame.last & is_last_part & final),
            self.o.payload.last_of_pixel.eq(is_last_part & final),
        ]
        return m

    def _selected(self, m: Module, *, queued: bool, is_last_part: Value) -> stream.Interface:
        """Return the results of the engines in turn, from a register if ``queued``."""
        shape = self.shape_
        engine = Signal(range(max(self.engines, 2)))
        found = stream.Signature(shape.payload_bits).create()
        m.d.comb += [
            found.valid.eq(self.valid.bit_select(engine, 1)),
            found.payload.eq(self.payloads.word_select(engine, shape.payload_bits)),
            self.ready.bit_select(engine, 1).eq(found.ready),
        ]
        with m.If(found.valid & found.ready & is_last_part):
            m.d.sync += engine.eq(modulo_increment(engine, self.engines))
        if not queued:
            return found
        m.submodules.queue = queue = AlternatingSlice(shape.payload_bits)
        connect(m, found, queue.i)
        return queue.o
