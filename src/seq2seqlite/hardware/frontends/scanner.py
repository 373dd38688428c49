"""Scanner: assigns photons to the pixels of a laser-scanned image."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.frontends.parameters import EventsShape
from seq2seqlite.hardware.frontends.record_decoder import TIME_BITS, event_layout
from seq2seqlite.hardware.gateware.register_slices import RegisterSlice

__all__ = ["Scanner", "token_layout"]


def token_layout(shape: EventsShape, /) -> data.StructLayout:
    """Return the layout of a token: ``advance`` to the next pixel, then count a ``photon`` in ``gate``."""
    return data.StructLayout({"advance": 1, "photon": 1, "gate": event_layout(shape)["gate"].shape})


class Scanner(Component):
    """Scanner: follows line, frame and pixel markers, and delivers every pixel of every frame once.

    A line begins at its start marker. Its pixels last ``pixel_syncs`` excitation periods each, or end at
    pixel markers. A photon after the last pixel of a line is outside. A stop marker, the next start marker
    or a frame marker completes a line: pixels that have not begun are empty. A frame marker completes a
    frame: lines that have not begun are empty. Lines beyond the last one of a frame are ignored.

    An event takes one clock cycle. Each further pixel that begins and is empty takes one more.

    Parameters
    ----------
    shape : EventsShape
        Parameters of the front end.

    Attributes
    ----------
    i : Signature(event_layout(shape)), in
        Events.
    pixel_syncs : Signal(24), in
        Excitation periods of a pixel; 0 if pixel markers end the pixels.
    line_start, line_stop, frame, pixel : Signal(4), in
        Masks of the marker bits. Without a frame marker (0), a frame begins after the last line of a frame.
    o : Signature(token_layout(shape)), out
        Tokens. The first pixel of a frame begins without ``advance``; its last one ends with it.
    counted, outside, missing : Signal(1), out
        Strobe for a photon that is counted; for one that is not, because of its channel, its micro-time or
        its time; for a line that is added to complete a frame.
    """

    def __init__(self, shape: EventsShape) -> None:
        self.shape_ = shape
        super().__init__(
            {
                "i": In(stream.Signature(event_layout(shape))),
                "pixel_syncs": In(24),
                "line_start": In(4),
                "line_stop": In(4),
                "frame": In(4),
                "pixel": In(4),
                "o": Out(stream.Signature(token_layout(shape))),
                "counted": Out(1),
                "outside": Out(1),
                "missing": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the decision on an event, and the registers of the position."""
        m = Module()
        shape = self.shape_
        event = self.i.payload
        m.submodules.slice = output = RegisterSlice(token_layout(shape))
        # in_line: photons belong to pixels. line_open: pixels of the line are still to be delivered.
        in_line, line_open, last_pixel = Signal(), Signal(), Signal()
        pixel, lines = Signal(range(max(2, shape.line_pixels))), Signal(range(shape.lines + 1))
        boundary, next_boundary = Signal(TIME_BITS), Signal(TIME_BITS)
        timed = Signal()
        m.d.sync += timed.eq(self.pixel_syncs != 0)
        go = self.i.valid & output.i.ready
        is_photon = event.markers == 0
        starts, stops, ends_frame, ends_pixel = (
            (event.markers & mask).any() for mask in (self.line_start, self.line_stop, self.frame, self.pixel)
        )
        # Whether the pixel has ended, and the next one as well: signs of differences modulo 2**32.
        late = timed & ~(event.time - boundary)[TIME_BITS - 1]
        later = ~(event.time - next_boundary)[TIME_BITS - 1]
        closes = ~is_photon & line_open & (starts | stops | ends_frame)
        incomplete = ends_frame & (lines != 0) & (lines != shape.lines)
        advance, photon, consume, begin_line, add_line = (
            Signal(name=name) for name in ("advance", "photon", "consume", "begin_line", "add_line")
        )
        new_frame = ends_frame | (~self.frame.any() & (lines == shape.lines))
        with m.If(is_photon):
            m.d.comb += [
                advance.eq(in_line & late),
                photon.eq(in_line & event.counted & Mux(late, ~last_pixel & ~later, 1)),
                consume.eq(~(in_line & late & later & ~last_pixel)),
            ]
        with m.Elif(closes & ~last_pixel):
            m.d.comb += advance.eq(1)
        with m.Elif(incomplete):
            m.d.comb += [advance.eq(closes), add_line.eq(1)]
        with m.Else():
            m.d.comb += [
                consume.eq(1),
                advance.eq(closes | (ends_pixel & in_line & ~timed)),
                begin_line.eq(starts & (new_frame | (lines != shape.lines))),
            ]
        m.d.comb += [
            self.i.ready.eq(output.i.ready & consume),
            output.i.valid.eq(go & (advance | photon)),
            output.i.payload.advance.eq(advance),
            output.i.payload.photon.eq(photon),
            output.i.payload.gate.eq(event.gate),
            self.o.valid.eq(output.o.valid),
            self.o.payload.eq(output.o.payload),
            output.o.ready.eq(self.o.ready),
        ]
        m.d.sync += [
            self.counted.eq(go & photon),
            self.outside.eq(go & is_photon & consume & ~photon),
            self.missing.eq(go & add_line),
        ]
        with m.If(go):
            with m.If(advance):
                m.d.sync += [
                    pixel.eq(pixel + 1),
                    last_pixel.eq(pixel == shape.line_pixels - 2),
                    boundary.eq(next_boundary),
                    next_boundary.eq(next_boundary + self.pixel_syncs),
                ]
                with m.If(last_pixel):
                    m.d.sync += [line_open.eq(0), in_line.eq(0)]
            with m.If(begin_line | add_line):
                m.d.sync += [
                    pixel.eq(0),
                    last_pixel.eq(shape.line_pixels == 1),
                    line_open.eq(1),
                    in_line.eq(begin_line),
                    boundary.eq(event.time + self.pixel_syncs),
                    next_boundary.eq(event.time + (self.pixel_syncs << 1)),
                ]
            with m.If(consume & ~is_photon & new_frame & (ends_frame | starts)):
                m.d.sync += lines.eq(begin_line)
            with m.Elif(begin_line | add_line):
                m.d.sync += lines.eq(lines + 1)
        return m
