"""Executor of requests: checks each packet, performs it, and answers all but those of pixels."""

from amaranth.hdl import Array, Cat, Module, Mux, Signal, Value
from amaranth.lib import stream
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.gateware.parameters import Shape
from seq2seqlite.hardware.gateware.serial_arithmetic import times_constant
from seq2seqlite.hardware.link.answers import answer_layout
from seq2seqlite.hardware.wire.link_packets import (
    ANSWER,
    COUNT_WIDTHS,
    FRAMES_WORDS,
    HEADER_WORDS,
    IDENTIFICATION,
    LINK_VERSION,
    MAX_ACCESSES,
    MIN_WORDS,
    PACKET_WORDS,
    PEER_BITS,
    ErrorCode,
    Kind,
    pixel_words,
)

__all__ = ["Executor"]

RESET_CLOCKS, SETTLING_CLOCKS = 8, 8
"""Clock cycles of the reset of the design, and of that of the queues alone after it."""


class Executor(Component):
    """Executor of requests, one after another.

    Parameters
    ----------
    shape : Shape
        Parameters of an engine.
    max_pixels : int
        Largest number of pixels of a request.
    status_words : int
        Words of the body of a status answer.
    camera : bool
        Whether the core has a front end: it executes *frames* requests instead of *pixels* requests.

    Attributes
    ----------
    present, n_words, sender, word, advance, remove : in, in, in, in, out, out
        Reader of the packet buffer.
    malformed, refused : Signal(1), out
        Strobes of requests that are not executed because of their form, and for another reason.
    session : Signal(32), out
        Open session; 0: none.
    hold : Signal(1), out
        Prevents the start of answers with results.
    idle : Signal(1), in
        Whether no answer is being sent, and the design may be reset.
    reset_design, reset_queues : Signal(1), out
        Resets of the design, and of the pixels and results outside of it.
    opened : Signal(1), out
        Strobe at the start of a new session.
    sequence : Signal(32), out
        Sequence number of the request.
    feed, pixels, narrow, feeding, feed_advance : out, out, out, in, in
        Control of the pixel feeder.
    room, add : Signal(1), in, out
        Queue of requests with pixels, which gets ``sequence``, ``pixels`` and ``sender``.
    access, accesses, accessing, access_advance : out, out, in, in
        Control of the execution of registers requests.
    subscribe : Signal(1), out
        Strobe of a frames request, whose number of frames is ``word``, and whose sender is ``sender``.
    is_next, is_last : Signal(1), in
        Whether such a request is to be executed, or was the last one.
    executed, access_words : in
        Number of its accesses that were executed, and words of its answer.
    answer : Signature(answer_layout()), out
        Answer without its body.
    kind : Signal(8), out
        Kind of the request.
    error : Signal(2), out
        Reason of an error, whose body is ``kind``; 0: none.
    is_access, is_frames : Signal(1), out
        Whether the body has the values of registers, or answers a frames request. That of other answers is a
        status.
    """

    def __init__(self, shape: Shape, max_pixels: int, status_words: int, *, camera: bool = False) -> None:
        self.shape_, self.max_pixels, self.status_words = shape, max_pixels, status_words
        self.camera = camera
        super().__init__(
            {
                "present": In(1),
                "n_words": In(range(PACKET_WORDS + 1)),
                "sender": In(PEER_BITS),
                "word": In(32),
                "advance": Out(1),
                "remove": Out(1),
                "malformed": Out(1),
                "refused": Out(1),
                "session": Out(32),
                "hold": Out(1),
                "idle": In(1),
                "reset_design": Out(1),
                "reset_queues": Out(1),
                "opened": Out(1),
                "sequence": Out(32),
                "feed": Out(1),
                "pixels": Out(range(max_pixels + 1)),
                "narrow": Out(1),
                "feeding": In(1),
                "feed_advance": In(1),
                "room": In(1),
                "add": Out(1),
                "access": Out(1),
                "accesses": Out(range(MAX_ACCESSES + 1)),
                "subscribe": Out(1),
                "accessing": In(1),
                "access_advance": In(1),
                "is_next": In(1),
                "is_last": In(1),
                "executed": In(range(MAX_ACCESSES + 1)),
                "access_words": In(range(MAX_ACCESSES + 1)),
                "answer": Out(stream.Signature(answer_layout())),
                "kind": Out(8),
                "error": Out(2),
                "is_access": Out(1),
                "is_frames": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the state machine."""
        m = Module()
        header = Array(Signal(32, name=f"header_{number}") for number in range(HEADER_WORDS))
        first, session, sequence, argument = header
        kind, place = first[:8], Signal(range(HEADER_WORDS))
        answer = self.answer.payload
        m.d.comb += [
            self.sequence.eq(sequence),
            self.pixels.eq(argument),
            self.accesses.eq(argument),
            self.narrow.eq(argument[16:24] == COUNT_WIDTHS[0]),
            self.kind.eq(kind),
            self.is_access.eq(kind == Kind.REGISTERS),
            self.is_frames.eq((kind == Kind.FRAMES) & self.camera),
            answer.sequence.eq(sequence),
            answer.peer.eq(self.sender),
            answer.kind.eq(kind | ANSWER),
            answer.body_words.eq(self.status_words),
        ]
        with m.If(self.error != 0):
            m.d.comb += [
                answer.kind.eq(Kind.ERROR),
                answer.argument.eq(self.error),
                answer.body_words.eq(MIN_WORDS - HEADER_WORDS),
            ]
        with m.Elif(self.is_access):
            m.d.comb += [answer.argument.eq(self.executed), answer.body_words.eq(self.access_words)]
        with m.Elif(self.is_frames):
            m.d.comb += answer.body_words.eq(FRAMES_WORDS)
        good, known, owned, is_new = self._checks(m, first, session, argument)
        with m.FSM():
            with m.State("IDLE"):
                m.d.sync += place.eq(0)
                with m.If(self.present):
                    m.next = "HEADER"
            with m.State("HEADER"):
                m.d.comb += self.advance.eq(1)
                m.d.sync += [header[place].eq(self.word), place.eq(place + 1)]
                with m.If(place == HEADER_WORDS - 1):
                    m.next = "MULTIPLY"
            with m.State("MULTIPLY"):  # the registers of _checks have a clock cycle each
                m.next = "COMPARE"
            with m.State("COMPARE"):
                m.next = "CHOOSE"
            with m.State("CHOOSE"):
                self._choose(m, good, known=known, owned=owned, is_new=is_new)
            self._open(m)
            if not self.camera:
                with m.State("FEED"):
                    m.d.comb += self.advance.eq(self.feed_advance)
                    with m.If(~self.feeding):
                        m.next = "REMOVE"
            with m.State("ACCESS"):
                m.d.comb += self.advance.eq(self.access_advance)
                with m.If(~self.accessing):
                    m.next = "ANSWER"
            with m.State("ANSWER"):
                m.d.comb += self.answer.valid.eq(1)
                with m.If(self.answer.ready):
                    m.next = "REMOVE"
            with m.State("REMOVE"):
                m.d.comb += self.remove.eq(1)
                m.next = "IDLE"
        return m

    def _checks(
        self, m: Module, first: Signal, session: Signal, argument: Signal
    ) -> tuple[dict[Kind, Signal], Signal, Signal, Signal]:
        """Return checks of the request, each in a register.

        These are whether it has the form of each kind, its version is supported, its session is the open one,
        and the first word of its body is the number of another session.
        """
        n_words = self.n_words
        fits_accesses = Signal()
        m.d.sync += fits_accesses.eq(
            (argument != 0) & (argument <= MAX_ACCESSES) & (n_words == (self.accesses << 1) + HEADER_WORDS)
        )
        alone = n_words == MIN_WORDS
        forms = {
            Kind.STATUS: alone,
            Kind.OPEN: alone & (self.word != 0),
            Kind.REGISTERS: fits_accesses,
            **({Kind.FRAMES: alone} if self.camera else {Kind.PIXELS: self._fits_pixels(m, argument)}),
        }
        good = {}
        for kind, form in forms.items():
            good[kind] = Signal(name=f"good_{kind.name.lower()}")
            identified = (first[16:] == IDENTIFICATION) & (first[:8] == kind)
            m.d.sync += good[kind].eq(identified & form)
        known, owned, is_new = Signal(), Signal(), Signal()
        m.d.sync += [
            is_new.eq(self.word != self.session),
            known.eq(first[8:16] == LINK_VERSION),
            owned.eq((session == self.session) & (self.session != 0)),
        ]
        return good, known, owned, is_new

    def _fits_pixels(self, m: Module, argument: Signal) -> Value:
        """Return whether the argument and the size are those of a pixels request."""
        shape = self.shape_
        pixels, width = argument[:16], argument[16:24]
        few = Signal()
        m.d.sync += few.eq((pixels != 0) & (pixels <= self.max_pixels) & (argument[24:] == 0))
        fits = []
        for bits in (bits for bits in COUNT_WIDTHS if bits <= shape.count_bits):
            words = pixel_words(shape.n_gates, bits, has_user=bool(shape.user_bits))
            required = Signal(range(self.max_pixels * words + HEADER_WORDS + 1), name=f"words_{bits}")
            m.d.sync += required.eq(times_constant(self.pixels, words) + HEADER_WORDS)
            fits.append((required == self.n_words) & (width == bits))
        return few & Cat(fits).any()

    def _choose(
        self, m: Module, good: dict[Kind, Signal], *, known: Signal, owned: Signal, is_new: Signal
    ) -> None:
        """Build the choice of the next state."""
        payload = good[Kind.FRAMES if self.camera else Kind.PIXELS]
        of_session = good[Kind.REGISTERS] | payload
        m.d.sync += self.error.eq(0)
        with m.If(~(good[Kind.STATUS] | good[Kind.OPEN] | of_session)):
            m.d.comb += self.malformed.eq(1)
            m.next = "REMOVE"
        with m.Elif(~known | (of_session & ~owned)):
            m.d.comb += self.refused.eq(1)
            m.d.sync += self.error.eq(Mux(known, ErrorCode.SESSION, ErrorCode.VERSION))
            m.next = "ANSWER"
        with m.Elif(good[Kind.OPEN] & is_new):
            m.next = "HOLD"
        with m.Elif(good[Kind.REGISTERS] & self.is_next):
            m.d.comb += self.access.eq(1)
            m.next = "ACCESS"
        if self.camera:
            with m.Elif(payload):
                m.d.comb += self.subscribe.eq(1)
                m.next = "ANSWER"
        else:
            with m.Elif(payload & self.room):
                m.d.comb += [self.add.eq(1), self.feed.eq(1)]
                m.next = "FEED"
        refused = good[Kind.REGISTERS] & ~self.is_last
        with m.Elif(refused if self.camera else payload | refused):
            m.d.comb += self.refused.eq(1)
            m.next = "REMOVE"
        with m.Else():
            m.next = "ANSWER"

    def _open(self, m: Module) -> None:
        """Build the states that open a session: wait for the answer being sent, then discard all pixels."""
        resetting = Signal(range(RESET_CLOCKS + SETTLING_CLOCKS))
        with m.State("HOLD"):
            m.d.comb += self.hold.eq(1)
            m.d.sync += resetting.eq(0)
            with m.If(self.idle):
                m.next = "RESET"
        with m.State("RESET"):
            m.d.comb += [
                self.hold.eq(1),
                self.reset_queues.eq(1),
                self.reset_design.eq(resetting < RESET_CLOCKS),
            ]
            m.d.sync += resetting.eq(resetting + 1)
            with m.If(resetting == RESET_CLOCKS + SETTLING_CLOCKS - 1):
                m.d.comb += self.opened.eq(1)
                m.d.sync += self.session.eq(self.word)
                m.next = "ANSWER"
