"""FIFO of memory bursts, from which an unfinished burst can be withdrawn."""

from amaranth.hdl import Module, Signal
from amaranth.lib import data, stream
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.gateware.register_slices import RegisterSlice, beat

__all__ = ["BurstFifo"]


class BurstFifo(Component):
    """FIFO in block memory whose entries become readable burst by burst.

    Written entries are visible to the reader after a ``commit``. A ``withdraw`` removes those that were not
    committed.

    Parameters
    ----------
    width : int
        Width of the data of an entry.
    depth : int
        Number of entries, a power of two.

    Attributes
    ----------
    write : Signal(1), in
        Write strobe for ``i``. Must be low while ``full``.
    i : Signal(width), in
        Entry to write.
    commit : Signal(1), in
        Makes all entries readable, including the one written in the same clock cycle, which becomes the last
        of a burst.
    withdraw : Signal(1), in
        Removes the entries that were written after the last commit. ``write`` is then the first entry after
        them.
    full : Signal(1), out
        Whether there is no free entry. A ``withdraw`` frees entries one clock cycle later.
    o : Signature(beat(width)), out
        Entries in order. ``last`` marks the last entry of a burst.
    """

    def __init__(self, width: int, depth: int) -> None:
        self.width, self.depth = width, depth
        super().__init__(
            {
                "write": In(1),
                "i": In(width),
                "commit": In(1),
                "withdraw": In(1),
                "full": Out(1),
                "o": Out(stream.Signature(beat(width))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the memory with its three pointers, and the read pipeline of two stages."""
        m = Module()
        # One bit more than an address: full and empty differ in it.
        written, committed, read = (Signal(range(2 * self.depth), name=n) for n in ("w", "c", "r"))
        entry = data.StructLayout({"data": self.width, "last": 1})
        m.submodules.memory = memory = Memory(shape=entry, depth=self.depth, init=[])
        writer, reader = memory.write_port(), memory.read_port()
        begin, after = Signal.like(written), Signal.like(written)
        m.submodules.slice = output = RegisterSlice(beat(self.width))
        step, pending = Signal(), Signal()
        m.d.comb += [
            begin.eq(written),
            after.eq(begin + self.write),
            writer.addr.eq(begin[:-1]),
            writer.data.data.eq(self.i),
            writer.data.last.eq(self.commit),
            writer.en.eq(self.write),
            self.full.eq((written ^ read) == self.depth),
            step.eq(output.i.ready),
            reader.addr.eq(read[:-1]),
            reader.en.eq(step),
            output.i.valid.eq(pending),
            output.i.payload.data.eq(reader.data.data),
            output.i.payload.last.eq(reader.data.last),
            self.o.valid.eq(output.o.valid),
            self.o.payload.eq(output.o.payload),
            output.o.ready.eq(self.o.ready),
        ]
        with m.If(self.withdraw):
            m.d.comb += begin.eq(committed)
        m.d.sync += written.eq(after)
        with m.If(self.commit):
            m.d.sync += committed.eq(after)
        with m.If(step):
            m.d.sync += pending.eq(read != committed)
            with m.If(read != committed):
                m.d.sync += read.eq(read + 1)
        return m
