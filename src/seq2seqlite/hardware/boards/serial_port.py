"""Port of the engines for a serial line: frames of docs/spec/serial-link.md, and packets."""

from amaranth.hdl import Cat, ClockDomain, DomainRenamer, Module, Mux, Signal
from amaranth.lib import stream
from amaranth.lib.crc import Processor
from amaranth.lib.crc.catalog import CRC32_ISO_HDLC
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.boards.packet_port import PacketPort, core_ports
from seq2seqlite.hardware.boards.packet_store import LENGTH_BITS, WORD_BITS
from seq2seqlite.hardware.gateware.register_slices import beat
from seq2seqlite.hardware.wire.serial_frames import END, END_MARK, ESCAPE, ESCAPE_MARK

__all__ = ["SERIAL_PORT", "FrameReceiver", "FrameSender", "SerialPort"]

SERIAL_PORT = "seq2seqlite_serial_port"
"""Name of the module."""
CRC_BYTES = WORD_BYTES = 4


class FrameReceiver(Component):
    """Receives frames of bytes, and delivers their packets word by word.

    Attributes
    ----------
    byte : Signal(8), in
        Received byte.
    valid : Signal(1), in
        High for one clock cycle for each byte. Bytes are at least four clock cycles apart.
    o : Signature(beat(32)), out
        Packets. A beat is lost if the next one comes before it is accepted.
    length : Signal(16), out
        Length of the packet in bytes, at its last beat.
    error : Signal(1), out
        Whether the frame is damaged, at the last beat of its packet.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "byte": In(8),
                "valid": In(1),
                "o": Out(stream.Signature(beat(WORD_BITS))),
                "length": Out(LENGTH_BITS),
                "error": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the decoder of escape sequences, the CRC, and the words that wait for the end of a frame."""
        m = Module()
        m.submodules.crc = crc = Processor(CRC32_ISO_HDLC(data_width=8))
        escaped, wrong, any_byte = Signal(), Signal(), Signal()
        content, ends, taken = Signal(8), Signal(), Signal()
        received, word = Signal(LENGTH_BITS), Signal(WORD_BITS)
        waiting, full = Signal(2 * WORD_BITS), Signal(range(3))  # older word lowest; the last one is the CRC
        emit = Signal()
        m.d.comb += [
            ends.eq(self.valid & (self.byte == END)),
            taken.eq(self.valid & ~ends & ((self.byte != ESCAPE) | escaped)),
            content.eq(self.byte),
            crc.data.eq(content),
            crc.valid.eq(taken),
            crc.start.eq(ends),
        ]
        with m.If(escaped & (self.byte == END_MARK)):
            m.d.comb += content.eq(END)
        with m.Elif(escaped & (self.byte == ESCAPE_MARK)):
            m.d.comb += content.eq(ESCAPE)
        with m.Elif(escaped & taken):
            m.d.sync += wrong.eq(1)
        with m.If(self.valid):
            m.d.sync += [escaped.eq((self.byte == ESCAPE) & ~escaped), any_byte.eq(~ends)]
        with m.If(taken):
            m.d.sync += [received.eq(received + 1), word.eq(Cat(word[8:], content))]
        complete = Signal()  # one clock cycle after the last byte of a word
        m.d.sync += complete.eq(taken & (received[:2] == 3))
        m.d.comb += emit.eq((complete & (full == 2)) | (ends & any_byte))
        with m.If(complete):
            m.d.sync += [waiting.eq(Cat(waiting[WORD_BITS:], word)), full.eq(Mux(full == 0, 1, 2))]
        with m.If(ends):
            m.d.sync += [received.eq(0), full.eq(0), wrong.eq(0)]
        with m.If(emit):
            m.d.sync += [
                self.o.valid.eq(1),
                self.o.payload.data.eq(waiting[:WORD_BITS]),
                self.o.payload.last.eq(ends),
                self.length.eq(received - CRC_BYTES),
                self.error.eq(wrong | escaped | (full != 2) | ~crc.match_detected),
            ]
        with m.Elif(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        return m


class FrameSender(Component):
    """Sends packets as frames of bytes.

    Attributes
    ----------
    i : Signature(beat(32)), in
        Packets.
    o : Signature(8), out
        Bytes of the frames.
    """

    def __init__(self) -> None:
        super().__init__({"i": In(stream.Signature(beat(WORD_BITS))), "o": Out(stream.Signature(8))})

    def elaborate(self, platform: object) -> Module:
        """Build the sequence of a frame, the CRC and the escape sequences."""
        m = Module()
        m.submodules.crc = crc = Processor(CRC32_ISO_HDLC(data_width=8))
        index, second = Signal(2), Signal()
        content, special, moves = Signal(8), Signal(), Signal()
        m.d.comb += [
            special.eq((content == END) | (content == ESCAPE)),
            crc.data.eq(content),
        ]

        def send_content() -> None:
            """Send a byte, as an escape sequence of two bytes where necessary."""
            m.d.comb += self.o.valid.eq(1)
            with m.If(special & ~second):
                m.d.comb += self.o.payload.eq(ESCAPE)
            with m.Elif(special):
                m.d.comb += self.o.payload.eq(Mux(content == END, END_MARK, ESCAPE_MARK))
            with m.Else():
                m.d.comb += self.o.payload.eq(content)
            with m.If(self.o.ready):
                m.d.comb += moves.eq(~special | second)
                m.d.sync += [second.eq(special & ~second), index.eq(index + moves)]

        with m.FSM():
            with m.State("start"):
                m.d.comb += [self.o.valid.eq(self.i.valid), self.o.payload.eq(END), crc.start.eq(1)]
                with m.If(self.i.valid & self.o.ready):
                    m.next = "content"
            with m.State("content"):
                m.d.comb += content.eq(self.i.payload.data.word_select(index, 8))
                with m.If(self.i.valid):
                    send_content()
                    m.d.comb += crc.valid.eq(moves)
                    with m.If(moves & (index == WORD_BYTES - 1)):
                        m.d.comb += self.i.ready.eq(1)
                        with m.If(self.i.payload.last):
                            m.next = "check"
            with m.State("check"):
                m.d.comb += content.eq(crc.crc.word_select(index, 8))
                send_content()
                with m.If(moves & (index == CRC_BYTES - 1)):
                    m.next = "end"
            with m.State("end"):
                m.d.comb += [self.o.valid.eq(1), self.o.payload.eq(END)]
                with m.If(self.o.ready):
                    m.next = "start"
        return m


class SerialPort(Component):
    """Top-level module between the bytes of a serial line and the packets of the core.

    Attributes
    ----------
    clk, rst : Signal(1), in
        Clock of the serial line, and its synchronous reset.
    i_byte, i_valid : Signal(8), Signal(1), in
        Received bytes; ``i_valid`` is high for one clock cycle for each.
    o_byte, o_valid, o_ready : Signal(8), Signal(1), Signal(1), out, out, in
        Bytes to be sent.
    dropped : Signal(1), out
        High for one clock cycle for each dropped packet.
    aclk, aresetn, rx_*, tx_* : in, out
        Clock, reset and packets of the core; see
        :func:`~seq2seqlite.hardware.boards.packet_port.core_ports`. The peer of all packets is 0.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "clk": In(1),
                "rst": In(1),
                "i_byte": In(8),
                "i_valid": In(1),
                "o_byte": Out(8),
                "o_valid": Out(1),
                "o_ready": In(1),
                "dropped": Out(1),
                **core_ports(),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Connect the frames with the packet port."""
        m = Module()
        m.domains.line = line = ClockDomain(local=True)
        receiver, sender = FrameReceiver(), FrameSender()
        m.submodules.receiver = DomainRenamer("line")(receiver)
        m.submodules.sender = DomainRenamer("line")(sender)
        m.submodules.port = port = PacketPort()
        for name, member in core_ports().items():
            here, there = getattr(self, name), getattr(port, name)
            m.d.comb += here.eq(there) if member.flow is Out else there.eq(here)
        m.d.comb += [
            line.clk.eq(self.clk),
            line.rst.eq(self.rst),
            port.clk.eq(self.clk),
            port.rst.eq(self.rst),
            receiver.byte.eq(self.i_byte),
            receiver.valid.eq(self.i_valid),
            port.i_data.eq(receiver.o.payload.data),
            port.i_valid.eq(receiver.o.valid),
            port.i_last.eq(receiver.o.payload.last),
            port.i_length.eq(receiver.length),
            port.i_error.eq(receiver.error),
            receiver.o.ready.eq(port.i_ready),
            sender.i.valid.eq(port.o_valid),
            sender.i.payload.data.eq(port.o_data),
            sender.i.payload.last.eq(port.o_last),
            port.o_ready.eq(sender.i.ready),
            self.o_byte.eq(sender.o.payload),
            self.o_valid.eq(sender.o.valid),
            sender.o.ready.eq(self.o_ready),
            self.dropped.eq(port.dropped),
        ]
        return m
