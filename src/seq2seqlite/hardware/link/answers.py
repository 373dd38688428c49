"""Sender of answers: those of the executor of requests, and the results of pixels."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.gateware.parameters import Shape
from seq2seqlite.hardware.wire.bitpack import n_words
from seq2seqlite.hardware.wire.link_packets import (
    ANSWER,
    HEADER_WORDS,
    IDENTIFICATION,
    LINK_VERSION,
    PACKET_WORDS,
    PEER_BITS,
    Kind,
)

__all__ = ["AnswerSender", "ResultQueue", "answer_layout"]

WORD_BITS = 32
RESULT_WORDS = 512
"""Depth of the queue of results: at least the results of one request."""


def answer_layout() -> data.StructLayout:
    """Return the layout of an answer without its body: header, receiver, and number of words."""
    return data.StructLayout(
        {
            "kind": 8,
            "sequence": 32,
            "argument": 32,
            "peer": PEER_BITS,
            "body_words": range(PACKET_WORDS + 1),
        }
    )


class ResultQueue(Component):
    """Queues of the requests whose pixels are in the design, and of the results that it delivered.

    Parameters
    ----------
    shape : Shape
        Parameters of an engine.
    result_width : int
        Width of a beat of results.
    max_requests : int
        Requests that the queue holds.
    max_pixels : int
        Largest number of pixels of a request.

    Attributes
    ----------
    room : Signal(1), out
        Whether another request may be added.
    add : Signal(1), in
        Strobe that adds the request with ``sequence``, ``pixels`` and ``peer``.
    data, valid, ready : Signal, in, in, out
        Results of the design.
    complete : Signal(1), out
        Whether all results of the first request are there.
    answer : Signal(answer_layout()), out
        Its answer.
    take : Signal(1), in
        Strobe that removes the request; its results remain.
    word : Signal(32), out
        First word of the results.
    advance : Signal(1), in
        Strobe that removes the word.
    """

    def __init__(self, shape: Shape, result_width: int, max_requests: int, max_pixels: int) -> None:
        self.shape_, self.result_width = shape, result_width
        self.max_requests, self.max_pixels = max_requests, max_pixels
        super().__init__(
            {
                "room": Out(1),
                "add": In(1),
                "sequence": In(32),
                "pixels": In(range(max_pixels + 1)),
                "peer": In(PEER_BITS),
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
        """Build the queues, and the conversion of beats to words."""
        m = Module()
        request = data.StructLayout({"sequence": 32, "pixels": len(self.pixels), "peer": PEER_BITS})
        m.submodules.requests = requests = SyncFIFOBuffered(width=request.size, depth=self.max_requests)
        m.submodules.results = results = SyncFIFOBuffered(width=WORD_BITS, depth=RESULT_WORDS)
        head = data.View(request, requests.r_data)
        record_words = n_words(self.shape_.record_bits)
        assert self.max_pixels * record_words <= RESULT_WORDS
        per_beat = self.result_width // WORD_BITS
        part = Signal(range(max(per_beat, 2)))
        is_last_part = part == per_beat - 1
        m.d.comb += [
            self.room.eq(requests.w_rdy),
            requests.w_en.eq(self.add),
            requests.w_data.eq(Cat(self.sequence, self.pixels, self.peer)),
            requests.r_en.eq(self.take),
            results.w_en.eq(self.valid),
            results.w_data.eq(self.data.word_select(part, WORD_BITS)),
            self.ready.eq(results.w_rdy & is_last_part),
            self.answer.kind.eq(Kind.PIXELS | ANSWER),
            self.answer.sequence.eq(head.sequence),
            self.answer.argument.eq(head.pixels),
            self.answer.peer.eq(head.peer),
            self.answer.body_words.eq(head.pixels * record_words),
            self.complete.eq(requests.r_rdy & (results.level >= self.answer.body_words)),
            self.word.eq(results.r_data),
            results.r_en.eq(self.advance),
        ]
        with m.If(self.valid & results.w_rdy):
            m.d.sync += part.eq(Mux(is_last_part, 0, part + 1))
        return m


class AnswerSender(Component):
    """Sender of whole answers, of those of the executor first.

    Attributes
    ----------
    session : Signal(32), in
        Open session, at the start of an answer.
    control : Signature(answer_layout()), in
        Answers of the executor; ``ready`` is high in the last clock cycle of their transmission.
    index : Signal(range(PACKET_WORDS)), out
        Index of the word of the body of such an answer that is required in the next clock cycle.
    control_word : Signal(32), in
        That word.
    pixels_complete, pixels, pixels_word : Signal, in
        Answer of a pixels request, and the first word of the results.
    pixels_take, pixels_advance : Signal(1), out
        Strobes that remove the answer and the word.
    hold : Signal(1), in
        Prevents the start of further answers with results.
    idle : Signal(1), out
        Whether no answer is being sent.
    tx_data, tx_valid, tx_ready, tx_last, tx_peer, tx_length : out, out, in, out, out, out
        Packets, as in docs/spec/link.md.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "session": In(32),
                "control": In(stream.Signature(answer_layout())),
                "index": Out(range(PACKET_WORDS)),
                "control_word": In(WORD_BITS),
                "pixels_complete": In(1),
                "pixels": In(answer_layout()),
                "pixels_take": Out(1),
                "pixels_word": In(WORD_BITS),
                "pixels_advance": Out(1),
                "hold": In(1),
                "idle": Out(1),
                "tx_data": Out(WORD_BITS),
                "tx_valid": Out(1),
                "tx_ready": In(1),
                "tx_last": Out(1),
                "tx_peer": Out(PEER_BITS),
                "tx_length": Out(16),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the choice of an answer, and its header and body."""
        m = Module()
        answer, is_control = Signal(answer_layout()), Signal()
        session = Signal.like(self.session)
        left, header_left = Signal(range(PACKET_WORDS + 1)), Signal(range(HEADER_WORDS + 1))
        position = Signal(range(PACKET_WORDS))
        sent = self.tx_valid & self.tx_ready
        ends = sent & (left == 1)
        first = Cat(answer.kind, Const(LINK_VERSION, 8), Const(IDENTIFICATION, 16))
        m.d.comb += [
            self.idle.eq(~self.tx_valid),
            self.tx_valid.eq(left != 0),
            self.tx_last.eq(left == 1),
            self.tx_peer.eq(answer.peer),
            self.tx_length.eq((answer.body_words + HEADER_WORDS) << 2),
            self.control.ready.eq(is_control & ends),
            self.index.eq(position + (sent & (header_left == 0))),
            self.pixels_advance.eq(sent & (header_left == 0) & ~is_control),
        ]
        with m.Switch(header_left):
            words: list[Value] = [answer.argument, answer.sequence, session, first]
            for number, word in enumerate(words, 1):
                with m.Case(number):
                    m.d.comb += self.tx_data.eq(word)
            with m.Default():
                m.d.comb += self.tx_data.eq(Mux(is_control, self.control_word, self.pixels_word))
        with m.If(sent):
            m.d.sync += [left.eq(left - 1), position.eq(self.index)]
            with m.If(header_left != 0):
                m.d.sync += header_left.eq(header_left - 1)
        chosen = Signal(answer_layout())
        with m.If(self.idle & self.control.valid):
            m.d.comb += chosen.eq(self.control.payload)
        with m.Elif(self.idle & self.pixels_complete & ~self.hold):
            m.d.comb += [chosen.eq(self.pixels), self.pixels_take.eq(1)]
        with m.If(chosen.body_words != 0):
            m.d.sync += [
                answer.eq(chosen),
                is_control.eq(~self.pixels_take),
                session.eq(self.session),
                left.eq(chosen.body_words + HEADER_WORDS),
                header_left.eq(HEADER_WORDS),
                position.eq(0),
            ]
        return m
