"""Execution of registers requests, each exactly once."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.gateware.axi_lite import ADDRESS_BITS, axi_lite
from seq2seqlite.hardware.gateware.register_map import REGISTERS
from seq2seqlite.hardware.link.register_access import RegisterAccess, axi_lite_manager
from seq2seqlite.hardware.wire.link_packets import MAX_ACCESSES, PACKET_WORDS

__all__ = ["RegisterRequests"]

CONTROL = next(register.address for register in REGISTERS if register.name == "CONTROL")
WRITE_BIT = 31


class RegisterRequests(Component):
    """Execution of the accesses of a request, with a memory of the last answer.

    Parameters
    ----------
    address_bits : int
        Width of the address of a CSR.

    Attributes
    ----------
    sequence : Signal(32), in
        Sequence number of the request.
    is_next, is_last : Signal(1), out
        Whether the request is to be executed, or was the last one; one clock cycle after ``sequence``.
    start : Signal(1), in
        Strobe that executes the request with ``accesses``.
    accesses : Signal(range(MAX_ACCESSES + 1)), in
        Number of accesses, at least 1.
    busy : Signal(1), out
        High from the clock cycle after ``start`` until the end.
    word, advance : Signal, in, out
        Reader of the body.
    forget : Signal(1), in
        Strobe that starts a new session.
    executed : Signal(range(MAX_ACCESSES + 1)), out
        Number of accesses of the last request that were executed.
    body_words : Signal(range(MAX_ACCESSES + 1)), out
        Words of its answer.
    index : Signal(range(PACKET_WORDS)), in
        Index of a word of its answer.
    answer_word : Signal(32), out
        That word, one clock cycle later.
    aw*, w*, b*, ar*, r* : out, in
        AXI4-Lite manager.
    """

    def __init__(self, address_bits: int = ADDRESS_BITS) -> None:
        self.address_bits = address_bits
        self._values = Memory(shape=32, depth=1 << MAX_ACCESSES.bit_length(), init=[])
        super().__init__(
            {
                "sequence": In(32),
                "is_next": Out(1),
                "is_last": Out(1),
                "start": In(1),
                "accesses": In(range(MAX_ACCESSES + 1)),
                "busy": Out(1),
                "word": In(32),
                "advance": Out(1),
                "forget": In(1),
                "executed": Out(range(MAX_ACCESSES + 1)),
                "body_words": Out(range(MAX_ACCESSES + 1)),
                "index": In(range(PACKET_WORDS)),
                "answer_word": Out(32),
                **axi_lite_manager(address_bits=address_bits),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the order of requests, and the accesses of one."""
        m = Module()
        m.submodules.values = self._values
        m.submodules.access = access = RegisterAccess(self.address_bits)
        for name, member in axi_lite(address_bits=self.address_bits).items():
            port, own = getattr(self, name), getattr(access, name)
            m.d.comb += own.eq(port) if member.flow is Out else port.eq(own)
        reader, writer = self._values.read_port(), self._values.write_port()
        following, last, any_last = Signal(32), Signal(32), Signal()
        m.d.sync += [
            self.is_next.eq(self.sequence == following),
            self.is_last.eq((self.sequence == last) & any_last),
        ]
        place, refused = Signal(range(MAX_ACCESSES + 1)), Signal()
        writes, is_control = Signal(), Signal()
        m.d.comb += [
            reader.addr.eq(self.index),
            self.answer_word.eq(reader.data),
            writer.addr.eq(place),
            writer.data.eq(Mux(refused, 0, access.value)),
            access.data.eq(self.word),
            access.write.eq(writes),
        ]
        ends = place == self.body_words - 1
        with m.FSM() as machine:
            m.d.comb += self.busy.eq(~machine.ongoing("IDLE"))
            with m.State("IDLE"), m.If(self.start):
                m.d.sync += [place.eq(0), refused.eq(0), self.executed.eq(0)]
                m.d.sync += [self.body_words.eq(self.accesses), last.eq(following), any_last.eq(1)]
                m.d.sync += following.eq(following + 1)
                m.next = "ADDRESS"
            with m.State("ADDRESS"):
                m.d.comb += self.advance.eq(1)
                m.d.sync += [
                    writes.eq(self.word[WRITE_BIT]),
                    access.address.eq(self.word),
                    is_control.eq(self.word[WRITE_BIT] & (self.word[2 : self.address_bits] == CONTROL >> 2)),
                ]
                m.next = "ACCESS"
            with m.State("ACCESS"):
                m.d.comb += [self.advance.eq(1), access.start.eq(~refused & ~is_control)]
                m.d.sync += refused.eq(refused | is_control)
                m.next = "WAIT"
            with m.State("WAIT"), m.If(refused | access.done):
                m.d.comb += writer.en.eq(1)
                m.d.sync += [place.eq(place + 1), self.executed.eq(self.executed + ~refused)]
                m.next = "ADDRESS"
                with m.If(ends):
                    m.next = "IDLE"
        with m.If(self.forget):
            m.d.sync += [following.eq(0), any_last.eq(0)]
        return m
