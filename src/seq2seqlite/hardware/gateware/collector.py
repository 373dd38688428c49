"""The back of a design: results of the engines in turn, numbered, framed, cut to the width of the bus."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.gateware.arithmetic import next_in_turn
from seq2seqlite.hardware.gateware.frame_counter import FrameCounter
from seq2seqlite.hardware.gateware.shape import Shape
from seq2seqlite.hardware.gateware.streams import result_beat
from seq2seqlite.hardware.records import RECORD_BITS

__all__ = ["Collector"]


class Collector(Component):
    """Takes a pixel of each engine in turn, which is the order of the packets.

    Parameters
    ----------
    shape : Shape
        Widths and lengths.
    engines : int
        Number of engines.
    result_width : int
        Width of a beat of the output.
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
        """Return the turn-taking and the cutting."""
        m = Module()
        shape = self.shape_
        engine = Signal(range(max(self.engines, 2)))
        part = Signal(range(max(shape.payloads, 2)))
        full, last, ends = Signal(), Signal(), Signal()
        width = max(self._item_bits, self.result_width)
        item, left = Signal(width), Signal(range(width // self.result_width + 1))
        payload = Signal(shape.payload_bits)
        m.d.comb += payload.eq(self.payloads.word_select(engine, shape.payload_bits))
        takes, ends_pixel = Signal(), Signal()
        # A new one enters in the clock in which the last beat of the old one leaves.
        free = ~full | (self.o.ready & (left == 1))
        m.submodules.frame = frame = FrameCounter()
        if shape.payloads == 1:
            free &= frame.ready
        m.d.comb += [
            frame.frame_pixels.eq(self.frame_pixels),
            frame.next.eq(ends_pixel),
            takes.eq(self.valid.bit_select(engine, 1) & free),
            self.ready.bit_select(engine, 1).eq(free),
            self.o.valid.eq(full),
            self.o.payload.data.eq(item[: self.result_width]),
            self.o.payload.last.eq(last & (left == 1)),
            self.o.payload.ends.eq(ends & (left == 1)),
        ]
        m.d.comb += ends_pixel.eq(takes & (part == shape.payloads - 1))
        ends_frame = ends_pixel & frame.last
        with m.If(self.o.ready & full):
            m.d.sync += [item.eq(item >> self.result_width), left.eq(left - 1)]
            with m.If(left == 1):
                m.d.sync += full.eq(0)
        with m.If(takes):
            m.d.sync += [
                full.eq(1),
                item.eq(payload if shape.output == "sfd" else Cat(payload, frame.pixel)),
                left.eq(width // self.result_width),
                last.eq(ends_frame),
                ends.eq(ends_pixel),
                part.eq(Mux(ends_pixel, 0, part + 1)),
            ]
        with m.If(ends_pixel):
            m.d.sync += engine.eq(next_in_turn(engine, self.engines))
        return m

    @property
    def _item_bits(self) -> int:
        return self.shape_.sfd_word_bits if self.shape_.output == "sfd" else RECORD_BITS
