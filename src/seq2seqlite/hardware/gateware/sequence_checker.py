"""Check of the sequence numbers of packets: pixels whose packet is missing keep their place in the image."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.gateware.parameters import SEQUENCE_BITS, USER_BITS, Shape
from seq2seqlite.hardware.gateware.register_slices import RegisterSlice, beat

__all__ = ["SequenceChecker"]


class SequenceChecker(Component):
    """Check of sequence numbers: adds a packet for each one that is missing, and drops late ones.

    A packet that is added has one beat of zeros. A gap costs one clock cycle besides the packets that are
    added; packets in sequence pass at one beat per clock cycle.

    Parameters
    ----------
    shape : Shape
        Parameters of an engine.
    bits : int
        Width of a sequence number.

    Attributes
    ----------
    i : Signature(beat(beat_bits, user_bits)), in
        Input beats, with the number of the packet in TUSER of its first beat.
    o : Signature(beat(beat_bits, packet_user_bits)), out
        Beats for the packet receiver.
    absent : Signal(1), out
        Whether the beat of ``o`` is a packet that was added.
    late : Signal(1), out
        Strobe when a packet is dropped, because its number is before the expected one.
    discard : Signal(1), in
        High during a reset behind this component: all beats pass, and the next packet has number 0.
    """

    def __init__(self, shape: Shape, *, bits: int = SEQUENCE_BITS) -> None:
        self.shape_, self.bits = shape, bits
        super().__init__(
            {
                "i": In(stream.Signature(beat(shape.beat_bits, shape.user_bits))),
                "o": Out(stream.Signature(beat(shape.beat_bits, shape.packet_user_bits))),
                "absent": Out(1),
                "late": Out(1),
                "discard": In(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the comparison, a register slice behind it, and the choice of what is passed on."""
        m = Module()
        shape = self.shape_
        checked = data.StructLayout(
            {
                "beat": beat(shape.beat_bits, shape.packet_user_bits),
                "first": 1,
                "in_sequence": 1,
                "late": 1,
                "missing": self.bits - 1,
            }
        )
        m.submodules.checked = queue = RegisterSlice(checked)
        self._compare(m, queue)
        self._pass(m, queue)
        return m

    def _compare(self, m: Module, queue: RegisterSlice) -> None:
        """Compare the number of each packet with the expected one."""
        given, found = self.i.payload, queue.i.payload
        inside, expected = Signal(), Signal(self.bits)
        number, ahead = Signal(self.bits), Signal(self.bits)
        m.d.comb += [
            number.eq(given.user[USER_BITS:]),
            ahead.eq(number - expected),
            found.beat.data.eq(given.data),
            found.beat.last.eq(given.last),
            found.first.eq(~inside),
            found.in_sequence.eq(number == expected),
            found.late.eq(ahead[-1]),
            found.missing.eq(ahead[:-1]),
            queue.i.valid.eq(self.i.valid),
            self.i.ready.eq(queue.i.ready),
        ]
        if self.shape_.packet_user_bits:
            m.d.comb += found.beat.user.eq(given.user[:USER_BITS])
        accepted = self.i.valid & self.i.ready
        with m.If(accepted):
            m.d.sync += inside.eq(~given.last)
        with m.If(self.discard):
            m.d.sync += expected.eq(0)
        with m.Elif(accepted & ~inside & ~ahead[-1]):
            m.d.sync += expected.eq(number + 1)

    def _pass(self, m: Module, queue: RegisterSlice) -> None:
        """Pass beats on, add packets before one that is ahead, and drop those that are late."""
        waiting = queue.o.payload
        left, filling, filled = Signal(self.bits - 1), Signal(), Signal()
        dropping, drops, gap = Signal(), Signal(), Signal()
        ahead = waiting.first & ~waiting.in_sequence & ~waiting.late
        m.d.comb += [
            gap.eq(queue.o.valid & ahead & ~filled & ~self.discard),
            drops.eq(Mux(waiting.first, waiting.late & ~self.discard, dropping)),
            self.o.valid.eq(filling | (queue.o.valid & ~gap & ~drops)),
            self.o.payload.eq(waiting.beat),
            self.absent.eq(filling),
            queue.o.ready.eq(~filling & ~gap & (self.o.ready | drops)),
            self.late.eq(queue.o.valid & queue.o.ready & waiting.first & drops),
        ]
        with m.If(filling):
            m.d.comb += [self.o.payload.eq(0), self.o.payload.last.eq(1)]
        with m.If(queue.o.valid & queue.o.ready):
            m.d.sync += [filled.eq(0), dropping.eq(drops & ~waiting.beat.last)]
        with m.If(self.discard):
            m.d.sync += [filling.eq(0), filled.eq(0)]
        with m.Elif(filling & self.o.ready):
            m.d.sync += left.eq(left - 1)
            with m.If(left == 1):
                m.d.sync += [filling.eq(0), filled.eq(1)]
        with m.Elif(gap & ~filling):
            m.d.sync += [filling.eq(1), left.eq(waiting.missing)]
