"""Packets as words with a header: checks, storage, and clock domain crossing."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream
from amaranth.lib.fifo import AsyncFIFO
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.frontends.burst_fifo import BurstFifo
from seq2seqlite.hardware.gateware.register_slices import beat
from seq2seqlite.hardware.wire.link_packets import PEER_BITS

__all__ = [
    "HEADER_WORDS",
    "LENGTH_BITS",
    "WORD_BITS",
    "AddHeader",
    "Crossing",
    "PacketStore",
    "RemoveHeader",
]

WORD_BITS = 32
LENGTH_BITS = 16
HEADER_WORDS = 2
"""Words in front of a packet: IPv4 address; UDP port (15:0) and length in bytes (31:16)."""


class AddHeader(Component):
    """Inserts the header in front of each packet.

    Attributes
    ----------
    i : Signature(beat(32)), in
        Packets.
    peer : Signal(48), in
        Host of the packet, constant from its first to its last beat.
    length : Signal(16), in
        Length of the packet in bytes, constant likewise.
    o : Signature(beat(32)), out
        Packets with headers.
    """

    def __init__(self) -> None:
        packets = stream.Signature(beat(WORD_BITS))
        super().__init__(
            {"i": In(packets), "peer": In(PEER_BITS), "length": In(LENGTH_BITS), "o": Out(packets)}
        )

    def elaborate(self, platform: object) -> Module:
        """Build the counter of header words and the multiplexer."""
        m = Module()
        left = Signal(range(HEADER_WORDS + 1), init=HEADER_WORDS)
        m.d.comb += self.o.valid.eq(self.i.valid)
        with m.Switch(left):
            with m.Case(2):
                m.d.comb += self.o.payload.data.eq(self.peer[:32])
            with m.Case(1):
                m.d.comb += self.o.payload.data.eq(Cat(self.peer[32:], self.length))
            with m.Default():
                m.d.comb += [self.o.payload.eq(self.i.payload), self.i.ready.eq(self.o.ready)]
        with m.If(self.o.valid & self.o.ready):
            with m.If(left != 0):
                m.d.sync += left.eq(left - 1)
            with m.Elif(self.i.payload.last):
                m.d.sync += left.eq(HEADER_WORDS)
        return m


class RemoveHeader(Component):
    """Removes the header in front of each packet.

    Attributes
    ----------
    i : Signature(beat(32)), in
        Packets with headers.
    o : Signature(beat(32)), out
        Packets.
    peer, length : Signal(48), Signal(16), out
        Content of the header, constant from the first to the last beat of a packet.
    """

    def __init__(self) -> None:
        packets = stream.Signature(beat(WORD_BITS))
        super().__init__(
            {"i": In(packets), "o": Out(packets), "peer": Out(PEER_BITS), "length": Out(LENGTH_BITS)}
        )

    def elaborate(self, platform: object) -> Module:
        """Build the counter of header words and the registers of the header."""
        m = Module()
        left = Signal(range(HEADER_WORDS + 1), init=HEADER_WORDS)
        inside = left == 0
        m.d.comb += [
            self.o.payload.eq(self.i.payload),
            self.o.valid.eq(self.i.valid & inside),
            self.i.ready.eq(self.o.ready | ~inside),
        ]
        with m.If(self.i.valid & self.i.ready):
            with m.If(~inside):
                m.d.sync += left.eq(left - 1)
            with m.Elif(self.i.payload.last):
                m.d.sync += left.eq(HEADER_WORDS)
        with m.If(self.i.valid):
            with m.If(left == HEADER_WORDS):
                m.d.sync += self.peer[:32].eq(self.i.payload.data)
            with m.Elif(left == 1):
                m.d.sync += Cat(self.peer[32:], self.length).eq(self.i.payload.data)
        return m


class PacketStore(Component):
    """Memory that delivers a packet when all of it has arrived without an error.

    Parameters
    ----------
    depth : int
        Words of the memory, a power of two.
    low, high : int
        Least and largest number of words of a packet, including its header.
    drop : bool
        Whether a packet that does not fit is dropped. Otherwise the store waits for space.

    Attributes
    ----------
    i : Signature(beat(32)), in
        Packets with headers. ``i.ready`` is always high if ``drop``.
    bad : Signal(1), in
        Drops the packet; read at its last beat.
    o : Signature(beat(32)), out
        Good packets in order; once the first beat is valid, all beats follow without a pause.
    dropped : Signal(1), out
        High for one clock cycle for each dropped packet.
    """

    def __init__(self, depth: int, *, low: int, high: int, drop: bool) -> None:
        self.depth, self.low, self.high, self.drop = depth, low, high, drop
        packets = stream.Signature(beat(WORD_BITS))
        super().__init__({"i": In(packets), "bad": In(1), "o": Out(packets), "dropped": Out(1)})

    def elaborate(self, platform: object) -> Module:
        """Build the word counter and the memory, from which the words of a bad packet are withdrawn."""
        m = Module()
        m.submodules.memory = memory = BurstFifo(WORD_BITS, self.depth)
        words = Signal(range(self.high + 2), init=1)  # including the word at the input
        overrun = Signal()
        fits = ~memory.full & (words <= self.high)
        accepted, last = self.i.valid & self.i.ready, self.i.payload.last
        good = fits & ~overrun & ~self.bad & (words >= self.low)
        m.d.comb += [
            self.i.ready.eq(1 if self.drop else ~memory.full),
            memory.i.eq(self.i.payload.data),
            memory.write.eq(accepted & ~overrun & fits & (~last | good)),
            memory.commit.eq(accepted & last & good),
            memory.withdraw.eq(accepted & last & ~good),
            self.o.valid.eq(memory.o.valid),
            self.o.payload.eq(memory.o.payload),
            memory.o.ready.eq(self.o.ready),
        ]
        m.d.sync += self.dropped.eq(memory.withdraw)
        with m.If(accepted):
            m.d.sync += overrun.eq((overrun | ~fits) & ~last)
            with m.If(last):
                m.d.sync += words.eq(1)
            with m.Elif(fits):
                m.d.sync += words.eq(words + 1)
        return m


class Crossing(Component):
    """Asynchronous FIFO from one clock domain to another.

    Parameters
    ----------
    source, sink : str
        Clock domains of the two sides.

    Attributes
    ----------
    i, o : Signature(beat(32)), in, out
        Words of packets.
    """

    DEPTH = 16

    def __init__(self, source: str, sink: str) -> None:
        self.source, self.sink = source, sink
        packets = stream.Signature(beat(WORD_BITS))
        super().__init__({"i": In(packets), "o": Out(packets)})

    def elaborate(self, platform: object) -> Module:
        """Build the FIFO."""
        m = Module()
        m.submodules.fifo = fifo = AsyncFIFO(
            width=WORD_BITS + 1, depth=self.DEPTH, w_domain=self.source, r_domain=self.sink
        )
        m.d.comb += [
            fifo.w_data.eq(self.i.payload),
            fifo.w_en.eq(self.i.valid),
            self.i.ready.eq(fifo.w_rdy),
            self.o.payload.eq(fifo.r_data),
            self.o.valid.eq(fifo.r_rdy),
            fifo.r_en.eq(self.o.ready),
        ]
        return m
