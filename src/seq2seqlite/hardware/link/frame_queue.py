"""Queue of the results of a camera's frames, as packets that are sent without a request."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.gateware.parameters import Shape
from seq2seqlite.hardware.link.answers import answer_layout
from seq2seqlite.hardware.wire.bitpack import n_words
from seq2seqlite.hardware.wire.link_packets import (
    ANSWER,
    FRAMES_WORDS,
    PACKET_WORDS,
    PEER_BITS,
    Kind,
    results_pixels,
)

__all__ = ["FrameQueue"]

WORD_BITS = 32
RESULT_WORDS = 512
"""Depth of the queue of results: more than a packet, so that it never waits for one that cannot end."""
PACKETS = 4


class FrameQueue(Component):
    """Queue of the results of frames, and of the packets that they form.

    A frame is sent if frames are subscribed when its first result arrives. The results of other frames are
    discarded, so that a board without a computer does not block the camera.

    Parameters
    ----------
    shape : Shape
        Parameters of an engine.
    result_width : int
        Width of a beat of results.
    pixels : int
        Pixels of a frame.

    Attributes
    ----------
    subscribe : Signal(1), in
        Strobe that subscribes the next ``frames`` frames for ``sender``.
    connected : Signal(1), out
        Whether frames were subscribed since the reset.
    wanted : Signal(1), out
        Whether further frames are subscribed.
    index : Signal(range(PACKET_WORDS)), in
        Index of a word of the answer to a frames request.
    answer_word : Signal(32), out
        That word, one clock cycle later.
    data, valid, ready : Signal, in, in, out
        Results of the design.
    complete, answer, take, word, advance : out, out, in, out, in
        Packets; see :class:`~seq2seqlite.hardware.link.answers.ResultQueue`.
    """

    def __init__(self, shape: Shape, result_width: int, pixels: int) -> None:
        self.shape_, self.result_width, self.frame_pixels = shape, result_width, pixels
        super().__init__(
            {
                "subscribe": In(1),
                "frames": In(WORD_BITS),
                "sender": In(PEER_BITS),
                "connected": Out(1),
                "wanted": Out(1),
                "index": In(range(PACKET_WORDS)),
                "answer_word": Out(WORD_BITS),
                "data": In(result_width),
                "valid": In(1),
                "ready": Out(1),
                "complete": Out(1),
                "answer": Out(answer_layout()),
                "take": In(1),
                "word": Out(WORD_BITS),
                "advance": In(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the position in the frame, and the queues of words and packets."""
        m = Module()
        pixels, record_words = self.frame_pixels, n_words(self.shape_.record_bits)
        per_packet, per_beat = results_pixels(self.shape_.record_bits), self.result_width // WORD_BITS
        assert per_packet * record_words <= RESULT_WORDS
        header = data.StructLayout(
            {"frame": 32, "first": range(max(2, pixels)), "words": range(PACKET_WORDS + 1)}
        )
        m.submodules.results = results = SyncFIFOBuffered(width=WORD_BITS, depth=RESULT_WORDS)
        m.submodules.packets = packets = SyncFIFOBuffered(width=header.size, depth=PACKETS)
        part, place = Signal(range(max(2, per_beat))), Signal(range(max(2, record_words)))
        number, words = Signal(range(per_packet + 1)), Signal(range(PACKET_WORDS + 1), init=1)
        pixel, first, frame = Signal(range(max(2, pixels))), Signal(range(max(2, pixels))), Signal(32)
        begins, sends, passes, accepted = Signal(init=1), Signal(), Signal(), Signal()
        ends_pixel, ends_frame, ends_packet = Signal(), Signal(), Signal()
        left, peer = Signal(WORD_BITS), Signal(PEER_BITS)
        is_last_part = part == per_beat - 1
        m.d.comb += [
            self.wanted.eq(left != 0),
            passes.eq(Mux(begins, self.wanted, sends)),
            accepted.eq(self.valid & (~passes | (results.w_rdy & packets.w_rdy))),
            self.ready.eq(accepted & is_last_part),
            ends_pixel.eq(place == record_words - 1),
            ends_frame.eq(ends_pixel & (pixel == pixels - 1)),
            ends_packet.eq(ends_frame | (ends_pixel & (number == per_packet - 1))),
            results.w_en.eq(accepted & passes),
            results.w_data.eq(self.data.word_select(part, WORD_BITS)),
            packets.w_en.eq(accepted & passes & ends_packet),
            packets.w_data.eq(Cat(frame, first, words)),
        ]
        with m.If(accepted):
            m.d.sync += [
                part.eq(Mux(is_last_part, 0, part + 1)),
                place.eq(Mux(ends_pixel, 0, place + 1)),
                words.eq(Mux(ends_packet, 1, words + 1)),
                begins.eq(ends_frame),
                sends.eq(passes),
            ]
            with m.If(ends_pixel):
                m.d.sync += [number.eq(number + 1), pixel.eq(pixel + 1)]
            with m.If(ends_packet):
                m.d.sync += [number.eq(0), first.eq(pixel + 1)]
            with m.If(ends_frame):
                m.d.sync += [pixel.eq(0), first.eq(0), frame.eq(frame + 1)]
            with m.If(begins & self.wanted):
                m.d.sync += left.eq(left - 1)
        with m.If(self.subscribe):
            m.d.sync += [left.eq(self.frames), peer.eq(self.sender)]
            with m.If(self.frames != 0):
                m.d.sync += self.connected.eq(1)
        with m.Switch(self.index):
            with m.Case(0):
                m.d.sync += self.answer_word.eq(frame)
            with m.Case(1):
                m.d.sync += self.answer_word.eq(pixel)
            with m.Case(2):
                m.d.sync += self.answer_word.eq(pixels)
            with m.Case(FRAMES_WORDS - 1):
                m.d.sync += self.answer_word.eq(per_packet)
        head = data.View(header, packets.r_data)
        m.d.comb += [
            self.complete.eq(packets.r_rdy),
            packets.r_en.eq(self.take),
            self.answer.kind.eq(Kind.RESULTS | ANSWER),
            self.answer.sequence.eq(head.frame),
            self.answer.argument.eq(head.first),
            self.answer.peer.eq(peer),
            self.answer.body_words.eq(head.words),
            self.word.eq(results.r_data),
            results.r_en.eq(self.advance),
        ]
        return m
