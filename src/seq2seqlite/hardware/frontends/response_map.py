"""Response map: the index of the response of each pixel, which accompanies its packet as TUSER."""

from typing import Any

from amaranth.hdl import Array, Module, Mux, Signal
from amaranth.lib import stream
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In, Out, connect

from seq2seqlite.hardware.frontends.csr import FrontEndRegisters
from seq2seqlite.hardware.frontends.parameters import EventsShape, SeriesShape
from seq2seqlite.hardware.gateware.parameters import USER_BITS
from seq2seqlite.hardware.gateware.pipeline import modulo_increment
from seq2seqlite.hardware.gateware.register_slices import RegisterSlice, beat
from seq2seqlite.hardware.wire.front_end_registers import WORD_BITS
from seq2seqlite.integer import COUNT_BITS

__all__ = ["ResponseMap", "add_output"]

ROW_WORDS = 8
"""Words per entry of the memory. Yosys needs quadratic time for the initial values of a deep memory."""


class ResponseMap(Component):
    """Response map in block memory, read pixel after pixel in the order of the packets.

    A word of 32 bits has ``32 // map_bits`` pixels. An index is read when its packet arrives, so that the
    first packet after a write sees it.

    Parameters
    ----------
    shape : SeriesShape or EventsShape
        Parameters of the front end. ``map_bits`` is not 0.

    Attributes
    ----------
    i : Signature(beat(lanes * 16)), in
        Packets; the pixels of a frame follow each other.
    write : Signal(1), in
        Write strobe of the map.
    index : Signal(range(words)), in
        Word to write.
    data : Signal(32), in
        Indices of its pixels, the first pixel in the lowest bits.
    o : Signature(beat(lanes * 16, 16)), out
        The same packets, with TUSER.
    """

    def __init__(self, shape: SeriesShape | EventsShape) -> None:
        self.shape_ = shape
        self.entries = WORD_BITS // shape.map_bits
        self.words = -(-shape.pixels // self.entries)
        super().__init__(
            {
                "i": In(stream.Signature(beat(shape.lanes * COUNT_BITS))),
                "write": In(1),
                "index": In(range(max(2, self.words))),
                "data": In(WORD_BITS),
                "o": Out(stream.Signature(beat(shape.lanes * COUNT_BITS, USER_BITS))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the memory and the pipeline of three stages; all advance if the output slice is ready."""
        m = Module()
        shape, bits = self.shape_, self.shape_.map_bits
        word_bits = self.entries * bits
        m.submodules.slice = output = RegisterSlice(beat(shape.lanes * COUNT_BITS, USER_BITS))
        rows = -(-self.words // ROW_WORDS)
        m.submodules.map = memory = Memory(shape=ROW_WORDS * word_bits, depth=rows, init=[])
        writer, reader = memory.write_port(granularity=word_bits), memory.read_port()
        word, entry = Signal(range(max(2, self.words))), Signal(range(self.entries))
        step = output.i.ready
        row_bits = ROW_WORDS.bit_length() - 1
        m.d.comb += [
            self.i.ready.eq(step),
            writer.addr.eq(self.index[row_bits:]),
            writer.data.eq(self.data[:word_bits].replicate(ROW_WORDS)),
            writer.en.eq(self.write << self.index[:row_bits]),
            reader.addr.eq(word[row_bits:]),
            reader.en.eq(step),
        ]
        frame_ends = (word == self.words - 1) & (entry == (shape.pixels - 1) % self.entries)
        with m.If(step & self.i.valid & self.i.payload.last):
            m.d.sync += entry.eq(Mux(frame_ends, 0, modulo_increment(entry, self.entries)))
            with m.If(frame_ends):
                m.d.sync += word.eq(0)
            with m.Elif(entry == self.entries - 1):
                m.d.sync += word.eq(word + 1)
        # Stage 1: the memory; 2: the word of its row; 3: the entry of the word.
        stages: list[dict[str, Any]] = []
        for number in range(2):
            stage = {
                "packet": Signal(self.i.payload.shape(), name=f"packet_{number}", reset_less=True),
                "valid": Signal(name=f"valid_{number}"),
                "entry": Signal.like(entry, name=f"entry_{number}", reset_less=True),
            }
            source = (
                stages[-1] if stages else {"packet": self.i.payload, "valid": self.i.valid, "entry": entry}
            )
            with m.If(step):
                m.d.sync += [register.eq(source[name]) for name, register in stage.items()]
            stages.append(stage)
        at, chosen = Signal(row_bits, reset_less=True), Signal(word_bits, reset_less=True)
        found, valid = Signal(output.payload, reset_less=True), Signal()
        packet, index = stages[-1]["packet"], Array(chosen.word_select(n, bits) for n in range(self.entries))
        with m.If(step):
            m.d.sync += [
                at.eq(word[:row_bits]),
                chosen.eq(reader.data.word_select(at, word_bits)),
                valid.eq(stages[-1]["valid"]),
                found.data.eq(packet.data),
                found.last.eq(packet.last),
                found.user.eq(index[stages[-1]["entry"]]),  # the exponent of the counts is 0
            ]
        m.d.comb += [
            output.i.valid.eq(valid),
            output.i.payload.eq(found),
            self.o.valid.eq(output.o.valid),
            self.o.payload.eq(output.o.payload),
            output.o.ready.eq(self.o.ready),
        ]
        return m


def add_output(
    m: Module, ports: Any, packets: Any, registers: FrontEndRegisters, shape: SeriesShape | EventsShape, /
) -> None:
    """Connect the packets to the output ports of a front end, through its response map if it has one."""
    if shape.map_bits:
        m.submodules.response_map = response_map = ResponseMap(shape)
        connect(m, packets, response_map.i)
        m.d.comb += [
            response_map.write.eq(registers.map_data_write),
            response_map.index.eq(registers.map_index),
            response_map.data.eq(registers.map_data),
            ports.m_axis_tuser.eq(response_map.o.payload.user),
        ]
        packets = response_map.o
    m.d.comb += [
        ports.m_axis_tvalid.eq(packets.valid),
        ports.m_axis_tdata.eq(packets.payload.data),
        ports.m_axis_tlast.eq(packets.payload.last),
        packets.ready.eq(ports.m_axis_tready),
    ]
