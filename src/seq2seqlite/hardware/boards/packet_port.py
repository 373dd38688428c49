"""Port between a network and the core: checks and buffers of packets, and clock domain crossing."""

from amaranth.hdl import ClockDomain, DomainRenamer, Module, Mux, Signal
from amaranth.lib.cdc import PulseSynchronizer
from amaranth.lib.wiring import Component, In, Member, Out, connect

from seq2seqlite.hardware.boards.packet_store import (
    HEADER_WORDS,
    LENGTH_BITS,
    WORD_BITS,
    AddHeader,
    Crossing,
    PacketStore,
    RemoveHeader,
)
from seq2seqlite.hardware.link.link import packet_ports
from seq2seqlite.hardware.wire.link_packets import MIN_WORDS, PACKET_WORDS, PEER_BITS

__all__ = ["PACKET_PORT", "PacketPort", "core_ports"]

PACKET_PORT = "seq2seqlite_packet_port"
"""Name of the module."""
WORD_BYTES = WORD_BITS // 8
RECEIVED_WORDS, SENT_WORDS = 2048, 1024
LONGEST = PACKET_WORDS + HEADER_WORDS


def core_ports() -> dict[str, Member]:
    """Return the ports towards ``seq2seqlite_board_core`` by name, of which ``rx`` are received packets."""
    return {
        "aclk": In(1),
        "aresetn": In(1),
        **{name: member.flip() for name, member in packet_ports().items()},
    }


class PacketPort(Component):
    """Top-level module between the packets of a network and those of the core.

    Received packets are dropped and counted if they are damaged, if they have not 5 to 368 whole words, or if
    the memory is full: a network cannot wait. The lower limit also keeps out payloads that Ethernet pads, for
    which LiteEth loses the flag of a damaged frame. A packet is sent when all of it is in the memory, because
    an Ethernet frame must not pause.

    Attributes
    ----------
    clk, rst : Signal(1), in
        Clock of the network side, and its synchronous reset.
    i_data, i_valid, i_ready, i_last : Signal, in, in, out, in
        Received packets, with a word in each beat. ``i_ready`` is low for two clock cycles at the start of a
        packet, and never otherwise.
    i_peer : Signal(48), in
        IPv4 address (31:0) and UDP port (47:32) of the sender, constant during a packet.
    i_length : Signal(16), in
        Length of the packet in bytes, read at its last beat.
    i_error : Signal(1), in
        Whether the packet is damaged, read at its last beat.
    o_data, o_valid, o_ready, o_last, o_peer, o_length : Signal, out, out, in, out, out, out
        Packets to be sent. Their beats follow without a pause.
    dropped : Signal(1), out
        High for one clock cycle for each dropped packet.
    aclk, aresetn, rx_*, tx_* : in, out
        Clock, reset and packets of the core, in its clock domain; see :func:`core_ports`.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "clk": In(1),
                "rst": In(1),
                "i_data": In(WORD_BITS),
                "i_valid": In(1),
                "i_ready": Out(1),
                "i_last": In(1),
                "i_peer": In(PEER_BITS),
                "i_length": In(LENGTH_BITS),
                "i_error": In(1),
                "o_data": Out(WORD_BITS),
                "o_valid": Out(1),
                "o_ready": In(1),
                "o_last": Out(1),
                "o_peer": Out(PEER_BITS),
                "o_length": Out(LENGTH_BITS),
                "dropped": Out(1),
                **core_ports(),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Connect the components of both directions in the order of the data flow."""
        m = Module()
        m.domains.bus = bus = ClockDomain(local=True)
        m.domains.core = core = ClockDomain(local=True)
        m.d.comb += [bus.clk.eq(self.clk), bus.rst.eq(self.rst)]
        m.d.comb += [core.clk.eq(self.aclk), core.rst.eq(~self.aresetn)]
        self._receive(m)
        self._send(m)
        return m

    def _receive(self, m: Module) -> None:
        add, remove = AddHeader(), RemoveHeader()
        store = PacketStore(RECEIVED_WORDS, low=MIN_WORDS + HEADER_WORDS, high=LONGEST, drop=True)
        m.submodules.rx_add = DomainRenamer("bus")(add)
        m.submodules.rx_store = DomainRenamer("bus")(store)
        m.submodules.rx_crossing = crossing = Crossing("bus", "core")
        m.submodules.rx_remove = DomainRenamer("core")(remove)
        m.submodules.rx_dropped = pulse = PulseSynchronizer("bus", "core")
        connect(m, add.o, store.i)
        connect(m, store.o, crossing.i)
        connect(m, crossing.o, remove.i)
        received = Signal(LENGTH_BITS, init=WORD_BYTES)  # bytes with those of the beat at the input
        with m.If(self.i_valid & self.i_ready):
            m.d.bus += received.eq(Mux(self.i_last, WORD_BYTES, received + WORD_BYTES))
        m.d.comb += [
            add.i.valid.eq(self.i_valid),
            add.i.payload.data.eq(self.i_data),
            add.i.payload.last.eq(self.i_last),
            add.peer.eq(self.i_peer),
            self.i_ready.eq(add.i.ready),
            store.bad.eq(self.i_error | (self.i_length != received)),
            self.dropped.eq(store.dropped),
            pulse.i.eq(store.dropped),
            self.rx_dropped.eq(pulse.o),
            self.rx_valid.eq(remove.o.valid),
            self.rx_data.eq(remove.o.payload.data),
            self.rx_last.eq(remove.o.payload.last),
            self.rx_peer.eq(remove.peer),
            remove.o.ready.eq(self.rx_ready),
        ]

    def _send(self, m: Module) -> None:
        add, remove = AddHeader(), RemoveHeader()
        store = PacketStore(SENT_WORDS, low=HEADER_WORDS + 1, high=LONGEST, drop=False)
        m.submodules.tx_add = DomainRenamer("core")(add)
        m.submodules.tx_crossing = crossing = Crossing("core", "bus")
        m.submodules.tx_store = DomainRenamer("bus")(store)
        m.submodules.tx_remove = DomainRenamer("bus")(remove)
        connect(m, add.o, crossing.i)
        connect(m, crossing.o, store.i)
        connect(m, store.o, remove.i)
        m.d.comb += [
            add.i.valid.eq(self.tx_valid),
            add.i.payload.data.eq(self.tx_data),
            add.i.payload.last.eq(self.tx_last),
            add.peer.eq(self.tx_peer),
            add.length.eq(self.tx_length),
            self.tx_ready.eq(add.i.ready),
            self.o_valid.eq(remove.o.valid),
            self.o_data.eq(remove.o.payload.data),
            self.o_last.eq(remove.o.payload.last),
            self.o_peer.eq(remove.peer),
            self.o_length.eq(remove.length),
            remove.o.ready.eq(self.o_ready),
        ]
