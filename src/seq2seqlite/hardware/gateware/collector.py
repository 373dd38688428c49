"""Output stage of a design: collects, numbers, frames and serialises the results of all engines."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.gateware.frame_counter import FrameCounter
from seq2seqlite.hardware.gateware.parameters import Shape
from seq2seqlite.hardware.gateware.pipeline import modulo_increment
from seq2seqlite.hardware.gateware.register_slices import result_beat
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
        was accepted.
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
        engine, part = Signal(range(max(self.engines, 2))), Signal(range(max(shape.payloads, 2)))
        full, payload, is_last_part = Signal(), Signal(shape.payload_bits, reset_less=True), Signal()
        accept, sent = Signal(), Signal()
        # Lifetime records have an idle clock cycle between them; SFD words are delivered back to back.
        free = ~full if shape.output == "lifetimes" else ~full | sent
        m.d.comb += [
            accept.eq(self.valid.bit_select(engine, 1) & free),
            self.ready.bit_select(engine, 1).eq(free),
        ]
        with m.If(free):
            m.d.sync += [
                payload.eq(self.payloads.word_select(engine, shape.payload_bits)),
                is_last_part.eq(part == shape.payloads - 1),
            ]
        with m.If(accept):
            m.d.sync += [full.eq(1), part.eq(modulo_increment(part, shape.payloads))]
            with m.If(part == shape.payloads - 1):
                m.d.sync += engine.eq(modulo_increment(engine, self.engines))
        with m.Elif(sent):
            m.d.sync += full.eq(0)
        m.submodules.frame = frame = FrameCounter()
        m.d.comb += [frame.frame_pixels.eq(self.frame_pixels), frame.next.eq(sent & is_last_part)]
        beats = -(-shape.record_bits // self.result_width)
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
