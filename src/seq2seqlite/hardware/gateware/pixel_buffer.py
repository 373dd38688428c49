"""Double buffer of pixels, which transposes packets of one pixel to gates of all slots."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In, Member, Out

from seq2seqlite.hardware.gateware.packet_receiver import facts_layout, slot_facts
from seq2seqlite.hardware.gateware.parameters import Shape
from seq2seqlite.hardware.gateware.pipeline import delayed
from seq2seqlite.hardware.gateware.sequencer import Sequencer

__all__ = ["PixelBuffer", "packet_ports"]

FREED_EARLY = 6
"""Clock cycles between freeing a bank and the end of its last read.

Two less than the clock cycles until the next beat is written.
"""


def packet_ports(shape: Shape, /) -> dict[str, Member]:
    """Return the ports for packets, driven by the packet receiver.

    ``room`` : Signal(1), out
        Whether a packet can be accepted. It includes a packet ``ROOM_CLOCKS - 1`` clock cycles after its
        first beat.
    ``allocate`` : Signal(1), in
        Strobe with the first beat of a packet: reserves a slot.
    ``write`` : Signal(1), in
        Write strobe of ``data`` at ``word``.
    ``data`` : Signal(beat_bits), in
        Beat of the packet.
    ``word`` : Signal(range(words)), in
        Index of the beat in its packet.
    ``done`` : Signal(1), in
        Strobe when ``facts`` of a packet are valid, some clock cycles after its last beat.
    ``facts`` : Signal(facts_layout(shape)), in
        Status of the pixel.
    ``flush`` : Signal(1), in
        Strobe that starts an incomplete batch. No packet is in progress.
    """
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
    """Pixel buffer with two banks: one is filled while the other is read, gate by gate of all slots.

    A bank is closed when it is full, or by a flush if it holds at least one pixel. A batch starts when a bank
    is closed, the ring is idle and ``credit`` is high.

    Parameters
    ----------
    shape : Shape
        Parameters of the engine.

    Attributes
    ----------
    room, allocate, write, data, word, done, facts, flush : in, out
        Packet ports; see :func:`packet_ports`.
    credit : Signal(1), in
        Whether the results of another batch fit the buffers of the engine.
    start : Signal(1), out
        High in the clock cycle in which a batch starts.
    pixels : Signal(range(slots + 1)), out
        Number of pixels of the batch, valid with ``start``.
    count : Signal(count_bits), out
        Count of one slot and gate, ``LATENCY + 1`` clock cycles after ``start`` for the first slot and gate.
    gate : Signal(range(n_gates)), out
        Gate of ``count``.
    slot : Signal(StructLayout(slot_facts(shape))), out
        Status of the pixel of ``count``: baseline sum, peak, and address of its response.
    """

    LATENCY = 4
    """Latency from the sequencer to ``count``, in clock cycles."""

    def __init__(self, shape: Shape) -> None:
        self.shape_ = shape
        self._size = shape.slots * shape.words  # words per bank
        self._counts = Memory(shape=shape.beat_bits, depth=shape.buffer_words, init=[])
        self._slot_layout = data.StructLayout(slot_facts(shape))
        self._facts = Memory(shape=self._slot_layout.size, depth=2 * shape.slots, init=[])
        super().__init__(
            {
                **packet_ports(shape),
                "credit": In(1),
                "start": Out(1),
                "pixels": Out(range(shape.slots + 1)),
                "count": Out(shape.count_bits),
                "gate": Out(range(shape.n_gates)),
                "slot": Out(self._slot_layout),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the memories and the state of the two banks."""
        m = Module()
        shape = self.shape_
        m.submodules.sequencer = sequencer = Sequencer(shape.slots, shape.n_gates)
        m.submodules.counts, m.submodules.facts_memory = self._counts, self._facts
        closed, n_pixels = (
            Signal(2),
            [Signal(range(shape.slots + 1), name=f"n_pixels_{bank}") for bank in range(2)],
        )
        # The bank in which packets are allocated, and the bank to which the status arriving later belongs.
        filling, filled = Signal(), Signal(range(shape.slots))
        arriving, arrived = Signal(), Signal(range(shape.slots + 1))
        reading = Signal()
        m.d.comb += self.room.eq(~closed.bit_select(filling, 1))
        # Comparisons are registered. This is safe, as packets begin and end several clock cycles apart.
        bank_fills, bank_completes, not_empty = Signal(), Signal(), Signal()
        flushed, close_bank = Signal(), Signal()
        m.d.sync += [
            bank_fills.eq(filled == shape.slots - 1),
            bank_completes.eq(arrived == shape.slots - 1),
            not_empty.eq(arrived != 0),
            flushed.eq(self.flush & not_empty),
            close_bank.eq(self.done & bank_completes | self.flush & not_empty),
        ]
        with m.If(self.allocate):
            m.d.sync += filled.eq(filled + 1)
            with m.If(bank_fills):
                m.d.sync += [filled.eq(0), filling.eq(~filling)]
        with m.If(self.done):
            m.d.sync += arrived.eq(arrived + 1)
        with m.If(close_bank):
            m.d.sync += [arrived.eq(0), arriving.eq(~arriving), closed.bit_select(arriving, 1).eq(1)]
            for bank in range(2):
                with m.If(arriving == bank):
                    m.d.sync += n_pixels[bank].eq(arrived)
        with m.If(flushed):
            # No packet is in progress during a flush: both pointers select the same bank.
            m.d.sync += [filled.eq(0), filling.eq(~filling)]
        # One clock cycle late, which is negligible compared with the duration of a batch.
        bank_ready = Signal()
        m.d.sync += bank_ready.eq(closed.bit_select(reading, 1) & self.credit & ~self.start)
        m.d.comb += [
            self.start.eq(bank_ready & (~sequencer.run | sequencer.ends)),
            sequencer.start.eq(self.start),
            self.pixels.eq(Mux(reading, n_pixels[1], n_pixels[0])),
        ]
        bank_read = Signal()
        with m.If(self.start):
            m.d.sync += [bank_read.eq(reading), reading.eq(~reading)]
        # A bank is freed shortly before the read of its last gate ends. The first beat is written after that
        # and cannot overtake the read pointer, and the ring never idles, although packets arrive no faster
        # than they are processed.
        near_end = sequencer.gate == shape.n_gates - 2
        free_bank = Signal()
        m.d.sync += free_bank.eq(
            sequencer.run & near_end & (sequencer.slot == max(shape.slots - FREED_EARLY, 0))
        )
        with m.If(free_bank):
            m.d.sync += closed.bit_select(bank_read, 1).eq(0)
        self._write(m, filling, bank_fills, flushed, arriving, close_bank)
        self._read(m, sequencer, reading, bank_read)
        return m

    def _write(
        self, m: Module, filling: Value, bank_fills: Value, flushed: Value, arriving: Value, close_bank: Value
    ) -> None:
        """Build the write side: one slot after another. A short packet writes only the start of its slot."""
        shape = self.shape_
        counts, facts = self._counts.write_port(), self._facts.write_port()
        slot_begin, next_slot_begin = Signal(range(2 * self._size)), Signal(range(2 * self._size))
        other_bank = Mux(filling, 0, self._size)
        with m.If(self.allocate):
            m.d.sync += slot_begin.eq(next_slot_begin)
            m.d.sync += next_slot_begin.eq(Mux(bank_fills, other_bank, next_slot_begin + shape.words))
        with m.Elif(flushed):
            m.d.sync += next_slot_begin.eq(other_bank)
        facts_address = Signal(range(2 * shape.slots))
        facts_valid = delayed(m, self.done, 1, name="facts_valid", reset_less=False)
        with m.If(facts_valid):
            m.d.sync += facts_address.eq(facts_address + 1)
        with m.If(close_bank):
            m.d.sync += facts_address.eq(Mux(arriving, 0, shape.slots))
        stored = Cat(self.facts[name] for name in slot_facts(shape))
        # Addresses are registered, because the blocks of a large memory are placed far apart.
        m.d.sync += counts.addr.eq(slot_begin + delayed(m, self.word, 1, name="word"))
        m.d.comb += [
            counts.en.eq(delayed(m, self.write, 2, name="write", reset_less=False)),
            counts.data.eq(delayed(m, self.data, 2, name="data")),
            facts.en.eq(facts_valid),
            facts.addr.eq(facts_address),
            facts.data.eq(delayed(m, stored, 1, name="known_facts")),
        ]

    def _read(self, m: Module, sequencer: Sequencer, reading: Value, bank_read: Value) -> None:
        """Build the read side: one gate of all slots, then the next gate."""
        shape = self.shape_
        counts, facts = self._counts.read_port(), self._facts.read_port()
        slot_begin, address = Signal(range(2 * self._size)), Signal(range(2 * self._size))
        lane = Signal(range(max(shape.lanes, 2)))
        last_lane = lane == shape.lanes - 1
        with m.If(self.start):
            bank_begins = Mux(reading, self._size, 0)
            m.d.sync += [slot_begin.eq(bank_begins), address.eq(bank_begins), lane.eq(0)]
        with m.Elif(sequencer.run & sequencer.wraps):
            next_begin = slot_begin + last_lane
            m.d.sync += [
                slot_begin.eq(next_begin),
                address.eq(next_begin),
                lane.eq(Mux(last_lane, 0, lane + 1)),
            ]
        with m.Else():
            m.d.sync += address.eq(address + shape.words)
        m.d.comb += counts.addr.eq(address)
        m.d.sync += facts.addr.eq(Mux(bank_read, shape.slots, 0) + sequencer.slot)
        # Block memories are slow: one pipeline stage for their output register, another for routing.
        beat = delayed(m, counts.data, 2, name="beat")
        facts_valid = delayed(m, facts.data, 2, name="facts")
        count = Signal(shape.count_bits, reset_less=True)
        if shape.lanes == 1:
            m.d.sync += count.eq(beat)
        else:
            m.d.sync += count.eq(beat.word_select(delayed(m, lane, 3, name="lane"), shape.count_bits))
        m.d.comb += [
            self.count.eq(count),
            self.gate.eq(delayed(m, sequencer.gate, self.LATENCY, name="gate")),
            Value.cast(self.slot).eq(facts_valid),
        ]
