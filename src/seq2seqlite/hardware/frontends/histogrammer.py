"""Histogram builder: counts the photons of a pixel in block memory, and delivers it as a packet."""

from itertools import pairwise

from amaranth.hdl import Array, Module, Mux, Signal, Value
from amaranth.lib import stream
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.frontends.parameters import EventsShape
from seq2seqlite.hardware.frontends.scanner import token_layout
from seq2seqlite.hardware.gateware.pipeline import delayed
from seq2seqlite.hardware.gateware.register_slices import RegisterSlice, beat
from seq2seqlite.integer import COUNT_BITS

__all__ = ["DRAIN_CLOCKS", "Histogrammer"]

DRAIN_CLOCKS = 4
"""Clock cycles after the end of a pixel until its last photon is in the memory."""


class Histogrammer(Component):
    """Histogram builder with two memories: one counts a pixel, the other one delivers the pixel before it.

    One token is accepted per clock cycle, also for photons in the same gate: counts that are not yet in the
    memory are forwarded. A pixel ends at once if the packet of the pixel before it was delivered. A memory is
    cleared while it is read. Counts saturate at 65535.

    Parameters
    ----------
    shape : EventsShape
        Parameters of the front end.

    Attributes
    ----------
    i : Signature(token_layout(shape)), in
        Tokens.
    o : Signature(beat(lanes * 16)), out
        Packets, one for each ``advance``.
    """

    def __init__(self, shape: EventsShape) -> None:
        self.shape_ = shape
        super().__init__(
            {
                "i": In(stream.Signature(token_layout(shape))),
                "o": Out(stream.Signature(beat(shape.lanes * COUNT_BITS))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the read-modify-write pipeline, the readout and the memories that they share."""
        m = Module()
        shape = self.shape_
        bank, busy, clearing = Signal(), Signal(), Signal(init=1)
        clear_word = Signal(range(max(2, shape.words)))
        advance = Signal()
        m.d.comb += [
            self.i.ready.eq(~clearing & ~(self.i.payload.advance & busy)),
            advance.eq(self.i.valid & self.i.ready & self.i.payload.advance),
        ]
        with m.If(clearing):
            m.d.sync += clear_word.eq(clear_word + 1)
            with m.If(clear_word == shape.words - 1):
                m.d.sync += clearing.eq(0)
        with m.If(advance):
            m.d.sync += bank.eq(~bank)
        memories = [Memory(shape=shape.lanes * COUNT_BITS, depth=shape.words, init=[]) for _ in range(2)]
        readers, writers = [], []
        for index, memory in enumerate(memories):
            m.submodules[f"histogram_{index}"] = memory
            readers.append(memory.read_port())
            writers.append(memory.write_port(granularity=COUNT_BITS))
        counting = self._count(m, bank ^ advance, readers)
        reading = self._deliver(m, advance, bank, busy, readers)
        for index, (reader, writer) in enumerate(zip(readers, writers, strict=True)):
            delivers = reading["reading"] & (reading["bank"] == index)
            m.d.comb += [
                reader.addr.eq(Mux(delivers, reading["word"], counting["read_word"])),
                reader.en.eq(Mux(delivers, reading["step"], 1)),
            ]
            with m.If(clearing):
                m.d.comb += [writer.addr.eq(clear_word), writer.data.eq(0), writer.en.eq(-1)]
            with m.Elif(delivers):
                m.d.comb += [
                    writer.addr.eq(reading["read_word"]),
                    writer.data.eq(0),
                    writer.en.eq(reading["clear"].replicate(shape.lanes)),
                ]
            with m.Else():
                enabled = counting["valid"] & (counting["bank"] == index)
                m.d.comb += [
                    writer.addr.eq(counting["word"]),
                    writer.data.eq(counting["count"].replicate(shape.lanes)),
                    writer.en.eq(Mux(enabled, 1 << counting["lane"], 0)),
                ]
        return m

    def _count(self, m: Module, bank: Value, readers: list[Value]) -> dict[str, Value]:
        """Build the read-modify-write pipeline; return its read address and its write operation.

        Stages: 0 address, 1 memory, 2 sum, 3 write. The counts of the three photons before are forwarded.
        """
        shape = self.shape_
        lane_bits = shape.lanes.bit_length() - 1
        gate = self.i.payload.gate
        values = {
            "valid": self.i.valid & self.i.ready & self.i.payload.photon,
            "bank": bank,
            "word": gate[lane_bits:],
            "lane": gate[:lane_bits],
        }
        stages: list[dict[str, Value]] = []
        for stage in range(6):
            values = {
                name: delayed(m, value, 1, name=f"{name}_{stage}", reset_less=name != "valid")
                for name, value in values.items()
            }
            stages.append(values)
        word = Mux(stages[1]["bank"], readers[1].data, readers[0].data)
        found = Signal(COUNT_BITS, reset_less=True)
        lane = stages[1]["lane"]
        m.d.sync += found.eq(word.word_select(lane, COUNT_BITS) if lane_bits else word)
        # Whether photon 1, 2 or 3 before this one has the same gate, when this one is in stage 2.
        same = []
        for before in range(1, 4):
            other = stages[1 + before]
            equal = other["valid"]
            for name in ("bank", "word", "lane"):
                equal &= stages[1][name] == other[name]
            same.append(delayed(m, equal, 1, name=f"same_{before}"))
        counts = [Signal(COUNT_BITS, name=f"count_{before}", reset_less=True) for before in range(1, 4)]
        base = found
        for flag, count in reversed(list(zip(same, counts, strict=True))):
            base = Mux(flag, count, base)
        m.d.sync += counts[0].eq(base + ~base.all())
        m.d.sync += [later.eq(count) for count, later in pairwise(counts)]
        return {"read_word": stages[0]["word"], "count": counts[0], **stages[3]}

    def _deliver(
        self, m: Module, advance: Value, bank: Value, busy: Signal, readers: list[Value]
    ) -> dict[str, Value]:
        """Build the readout of a complete pixel; return how it uses the ports of its memory."""
        shape = self.shape_
        m.submodules.slice = output = RegisterSlice(beat(shape.lanes * COUNT_BITS))
        word, read_word = (Signal(range(max(2, shape.words)), name=name) for name in ("word", "read_word"))
        reading, issue, pending, from_bank = Signal(), Signal(), Signal(), Signal()
        step, last = Signal(), Signal()
        start = delayed(m, advance, DRAIN_CLOCKS - 1, name="drained", reset_less=False)
        m.d.comb += [
            step.eq(output.i.ready),
            last.eq(read_word == shape.words - 1),
            output.i.valid.eq(pending),
            output.i.payload.data.eq(Array(reader.data for reader in readers)[from_bank]),
            output.i.payload.last.eq(last),
            self.o.valid.eq(output.o.valid),
            self.o.payload.eq(output.o.payload),
            output.o.ready.eq(self.o.ready),
        ]
        with m.If(advance):
            m.d.sync += [busy.eq(1), from_bank.eq(bank)]
        with m.If(start):
            m.d.sync += [reading.eq(1), issue.eq(1), word.eq(0)]
        with m.If(step):
            m.d.sync += [pending.eq(issue), read_word.eq(word)]
            with m.If(issue):
                m.d.sync += word.eq(word + 1)
                with m.If(word == shape.words - 1):
                    m.d.sync += [issue.eq(0), word.eq(0)]
            with m.If(pending & last):
                m.d.sync += [reading.eq(0), busy.eq(0)]
        return {
            "reading": reading,
            "bank": from_bank,
            "step": step,
            "word": word,
            "read_word": read_word,
            "clear": pending & step,
        }
