"""Buffer of received packets: only whole packets of a valid size are passed on."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.wire.link_packets import MIN_WORDS, PACKET_WORDS, PEER_BITS

__all__ = ["PacketBuffer"]

MAX_PACKETS = 64


class PacketBuffer(Component):
    """Ring of received packets in block memory.

    A packet becomes visible with its last word. Packets that are too short or too long are discarded. The
    ring holds at least two of the largest packets; it never waits for a packet that cannot end.

    Parameters
    ----------
    depth : int
        Words of the ring, a power of two.

    Attributes
    ----------
    data, valid, ready, last, peer : Signal, in, in, out, in, in
        Words of the packets, and their sender.
    received, malformed : Signal(1), out
        Strobe at the end of a packet, and of one that is discarded.
    present : Signal(1), out
        Whether there is a packet.
    n_words : Signal(range(PACKET_WORDS + 1)), out
        Its size.
    sender : Signal(48), out
        Its sender.
    word : Signal(32), out
        Its current word; the first one when it becomes visible.
    advance : Signal(1), in
        Strobe that proceeds to the next word, which is valid in the following clock cycle.
    remove : Signal(1), in
        Strobe that removes the packet; ``present`` is low in the following clock cycle.
    """

    def __init__(self, depth: int) -> None:
        assert depth >= 2 * PACKET_WORDS
        assert depth & (depth - 1) == 0
        self.depth = depth
        self._memory = Memory(shape=32, depth=depth, init=[])
        super().__init__(
            {
                "data": In(32),
                "valid": In(1),
                "ready": Out(1),
                "last": In(1),
                "peer": In(PEER_BITS),
                "received": Out(1),
                "malformed": Out(1),
                "present": Out(1),
                "n_words": Out(range(PACKET_WORDS + 1)),
                "sender": Out(PEER_BITS),
                "word": Out(32),
                "advance": In(1),
                "remove": In(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the writer, the reader, and the queue of sizes and senders between them."""
        m = Module()
        m.submodules.memory = self._memory
        m.submodules.packets = packets = SyncFIFOBuffered(
            width=len(self.n_words) + PEER_BITS, depth=MAX_PACKETS
        )
        address = range(self.depth)
        first, read = Signal(address), Signal(address)  # of the packet that is read
        self._write(m, packets, first)
        reader, following = self._memory.read_port(), Signal(address)
        done = Signal()
        m.d.comb += [
            packets.r_en.eq(self.remove),
            self.present.eq(packets.r_rdy & ~done),
            self.n_words.eq(packets.r_data),
            self.sender.eq(packets.r_data >> len(self.n_words)),
            self.word.eq(reader.data),
            following.eq(Mux(self.remove, first + self.n_words, read + self.advance)),
            reader.addr.eq(following),
        ]
        m.d.sync += [read.eq(following), done.eq(self.remove)]
        with m.If(self.remove):
            m.d.sync += first.eq(first + self.n_words)
        return m

    def _write(self, m: Module, packets: SyncFIFOBuffered, first_read: Signal) -> None:
        """Build the writer. It stops at the start of the packet that is read."""
        writer = self._memory.write_port()
        address = range(self.depth)
        start, place, following = Signal(address), Signal(address), Signal(address)
        count, too_long, free = Signal(range(PACKET_WORDS + 1)), Signal(), Signal()
        accept, good = Signal(), Signal()
        is_reset = Signal()  # a word that is accepted during the reset would be lost
        m.d.sync += is_reset.eq(1)
        m.d.comb += [
            following.eq(place + 1),
            free.eq(following != first_read),
            self.ready.eq((free | too_long) & packets.w_rdy & is_reset),
            accept.eq(self.valid & self.ready),
            good.eq(~too_long & (count >= MIN_WORDS - 1)),
            writer.en.eq(accept & ~too_long),
            writer.addr.eq(place),
            writer.data.eq(self.data),
            packets.w_en.eq(accept & self.last & good),
            packets.w_data.eq(Cat((count + 1)[: len(self.n_words)], self.peer)),
            self.received.eq(accept & self.last),
            self.malformed.eq(accept & self.last & ~good),
        ]
        with m.If(accept):
            m.d.sync += count.eq(count + ~too_long)
            with m.If(~too_long):
                m.d.sync += [place.eq(following), too_long.eq(count == PACKET_WORDS - 1)]
            with m.If(self.last):
                m.d.sync += [count.eq(0), too_long.eq(0)]
                with m.If(good):
                    m.d.sync += [start.eq(following), place.eq(following)]
                with m.Else():
                    m.d.sync += place.eq(start)
