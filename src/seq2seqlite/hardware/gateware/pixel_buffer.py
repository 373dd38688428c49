"""Two banks of pixels: packets come in one after another, gates go out slot by slot."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In, Member, Out

from seq2seqlite.hardware.gateware.packet_receiver import facts_layout
from seq2seqlite.hardware.gateware.parameters import Shape
from seq2seqlite.hardware.gateware.sequencer import Sequencer
from seq2seqlite.hardware.gateware.serial_arithmetic import delayed
from seq2seqlite.integer import COUNT_BITS

__all__ = ["PixelBuffer", "packet_ports"]

FREED_EARLY = 6
"""Clocks before a bank's last gate in which it is freed: two less than to the next beat that is written."""


def packet_ports(shape: Shape, /) -> dict[str, Member]:
    """Return the ports by which packets come in: what the receiver drives, and the room that it asks for."""
    return {
        "room": Out(1),
        "allocate": In(1),
        "write": In(1),
        "data": In(shape.beat_bits),
        "word": In(range(shape.words)),
        "done": In(1),
        "facts": In(facts_layout(shape)),
        "flush": In(1),
    }


class PixelBuffer(Component):
    """Fills one bank while the other is read, and transposes: gate by gate of all slots.

    A bank is closed when it is full, or by a flush when it has a pixel; a batch starts when a bank is closed,
    the ring is free and ``credit`` says that its results have room.

    Parameters
    ----------
    shape : Shape
        Widths and lengths.
    """

    LATENCY = 4
    """Clocks from the sequencer to the count."""

    def __init__(self, shape: Shape) -> None:
        self.shape_ = shape
        self._size = shape.slots * shape.words  # of a bank
        self._counts = Memory(shape=shape.beat_bits, depth=shape.buffer_words, init=[])
        self._facts = Memory(shape=2 * shape.signal_bits, depth=2 * shape.slots, init=[])
        super().__init__(
            {
                **packet_ports(shape),
                "credit": In(1),
                "start": Out(1),
                "pixels": Out(range(shape.slots + 1)),  # of the batch that starts
                "count": Out(COUNT_BITS),
                "baseline": Out(shape.signal_bits),
                "divisor": Out(shape.signal_bits),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Return the banks and their book-keeping."""
        m = Module()
        shape = self.shape_
        m.submodules.sequencer = sequencer = Sequencer(shape.slots, shape.n_gates)
        m.submodules.counts, m.submodules.facts_memory = self._counts, self._facts
        closed, held = Signal(2), [Signal(range(shape.slots + 1), name=f"held_{bank}") for bank in range(2)]
        # The bank that packets are allocated in, and the one in which their facts arrive a little later.
        filling, filled = Signal(), Signal(range(shape.slots))
        arriving, arrived = Signal(), Signal(range(shape.slots + 1))
        reading = Signal()
        m.d.comb += self.room.eq(~closed.bit_select(filling, 1))
        # What a count reaches is known a clock after it: packets begin and end some clocks apart.
        fills, completes, holds_some = Signal(), Signal(), Signal()
        flushed, closes = Signal(), Signal()
        m.d.sync += [
            fills.eq(filled == shape.slots - 1),
            completes.eq(arrived == shape.slots - 1),
            holds_some.eq(arrived != 0),
            flushed.eq(self.flush & holds_some),
            closes.eq(self.done & completes | self.flush & holds_some),
        ]
        with m.If(self.allocate):
            m.d.sync += filled.eq(filled + 1)
            with m.If(fills):
                m.d.sync += [filled.eq(0), filling.eq(~filling)]
        with m.If(self.done):
            m.d.sync += arrived.eq(arrived + 1)
        with m.If(closes):
            m.d.sync += [arrived.eq(0), arriving.eq(~arriving), closed.bit_select(arriving, 1).eq(1)]
            for bank in range(2):
                with m.If(arriving == bank):
                    m.d.sync += held[bank].eq(arrived)
        with m.If(flushed):
            # A flush comes when nothing is under way: both stand in the same bank.
            m.d.sync += [filled.eq(0), filling.eq(~filling)]
        # A clock late, which a batch of many clocks does not notice.
        waits = Signal()
        m.d.sync += waits.eq(closed.bit_select(reading, 1) & self.credit & ~self.start)
        m.d.comb += [
            self.start.eq(waits & (~sequencer.run | sequencer.ends)),
            sequencer.start.eq(self.start),
            self.pixels.eq(Mux(reading, held[1], held[0])),
        ]
        bank_read = Signal()
        with m.If(self.start):
            m.d.sync += [bank_read.eq(reading), reading.eq(~reading)]
        # Free for packets shortly before its last gate begins to be read: the first beat is written after
        # that, none overtakes what is read, and the ring goes on without a pause though packets come no
        # faster than it takes them.
        nears_end = sequencer.gate == shape.n_gates - 2
        frees = Signal()
        m.d.sync += frees.eq(
            sequencer.run & nears_end & (sequencer.slot == max(shape.slots - FREED_EARLY, 0))
        )
        with m.If(frees):
            m.d.sync += closed.bit_select(bank_read, 1).eq(0)
        self._write(m, filling, fills, flushed, arriving, closes)
        self._read(m, sequencer, reading, bank_read)
        return m

    def _write(
        self, m: Module, filling: Value, fills: Value, flushed: Value, arriving: Value, closes: Value
    ) -> None:
        """Store beats slot behind slot; a packet that is too short leaves the end of its slot."""
        shape = self.shape_
        counts, facts = self._counts.write_port(), self._facts.write_port()
        begins, next_begins = Signal(range(2 * self._size)), Signal(range(2 * self._size))
        other_bank = Mux(filling, 0, self._size)
        with m.If(self.allocate):
            m.d.sync += begins.eq(next_begins)
            m.d.sync += next_begins.eq(Mux(fills, other_bank, next_begins + shape.words))
        with m.Elif(flushed):
            m.d.sync += next_begins.eq(other_bank)
        facts_at = Signal(range(2 * shape.slots))
        known = delayed(m, self.done, 1, name="known", reset_less=False)
        with m.If(known):
            m.d.sync += facts_at.eq(facts_at + 1)
        with m.If(closes):
            m.d.sync += facts_at.eq(Mux(arriving, 0, shape.slots))
        # Addresses come from registers: memories of many blocks are far apart.
        m.d.sync += counts.addr.eq(begins + delayed(m, self.word, 1, name="word"))
        m.d.comb += [
            counts.en.eq(delayed(m, self.write, 2, name="write", reset_less=False)),
            counts.data.eq(delayed(m, self.data, 2, name="data")),
            facts.en.eq(known),
            facts.addr.eq(facts_at),
            facts.data.eq(delayed(m, Cat(self.facts.baseline, self.facts.divisor), 1, name="known_facts")),
        ]

    def _read(self, m: Module, sequencer: Sequencer, reading: Value, bank_read: Value) -> None:
        """Read a gate of all slots, then the next gate of all."""
        shape = self.shape_
        counts, facts = self._counts.read_port(), self._facts.read_port()
        begins, at = Signal(range(2 * self._size)), Signal(range(2 * self._size))
        lane = Signal(range(max(shape.lanes, 2)))
        last_lane = lane == shape.lanes - 1
        with m.If(self.start):
            bank_begins = Mux(reading, self._size, 0)
            m.d.sync += [begins.eq(bank_begins), at.eq(bank_begins), lane.eq(0)]
        with m.Elif(sequencer.run & sequencer.wraps):
            following = begins + last_lane
            m.d.sync += [begins.eq(following), at.eq(following), lane.eq(Mux(last_lane, 0, lane + 1))]
        with m.Else():
            m.d.sync += at.eq(at + shape.words)
        m.d.comb += counts.addr.eq(at)
        m.d.sync += facts.addr.eq(Mux(bank_read, shape.slots, 0) + sequencer.slot)
        # Block memories are slow: a clock for their output alone, another for the way.
        beat = delayed(m, counts.data, 2, name="beat")
        known = delayed(m, facts.data, 2, name="facts")
        count = Signal(COUNT_BITS, reset_less=True)
        if shape.lanes == 1:
            m.d.sync += count.eq(beat)
        else:
            m.d.sync += count.eq(beat.word_select(delayed(m, lane, 3, name="lane"), COUNT_BITS))
        m.d.comb += [
            self.count.eq(count),
            self.baseline.eq(known[: shape.signal_bits]),
            self.divisor.eq(known[shape.signal_bits :]),
        ]
