"""Decoder of T3 records of photon counters: photons with their gate, and markers, with a common time."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.frontends.parameters import EventsShape
from seq2seqlite.hardware.gateware.register_slices import RegisterSlice

__all__ = ["MICRO_BITS", "TIME_BITS", "RecordDecoder", "event_layout"]

TIME_BITS = 32
"""Width of the time in excitation periods; differences of times are exact modulo this width."""
MICRO_BITS = 15
"""Width of a micro-time: that of the widest record format."""
CHANNEL_BITS = 6
MARKER_BITS = 4
PICOHARP_SYNC, PICOHARP_MICRO, PICOHARP_SPECIAL = 16, 12, 15
PICOHARP_CHANNELS = 4
GENERIC_SYNC, GENERIC_OVERFLOW = 10, 0x3F


def event_layout(shape: EventsShape, /) -> data.StructLayout:
    """Return the layout of an event.

    ``markers`` is 0 for a photon. ``counted`` is high for a photon with a gate and a selected channel.
    """
    gate_bits = max(1, (shape.n_gates - 1).bit_length())
    return data.StructLayout({"time": TIME_BITS, "markers": MARKER_BITS, "counted": 1, "gate": gate_bits})


class RecordDecoder(Component):
    """Record decoder: unwraps the time of T3 records and looks the micro-time up in the bin table.

    Formats (PicoQuant's, 32 bits; the bit fields are those of the ptufile package, ``_ptufile.pyx``):

    * ``"picoharp-t3"``: sync counter (15:0), micro-time (27:16), channel (31:28) from 1. Channel 15 is an
      overflow if the micro-time is 0, and otherwise a marker with the bits of the micro-time.
    * ``"generic-t3"``: sync counter (9:0), micro-time (24:10), channel (30:25), special (31). Special records
      are overflows if the channel is 63, by as many periods of the counter as the sync counter contains (at
      least one), and markers with the bits of the channel if that is 1 to 15.

    Parameters
    ----------
    shape : EventsShape
        Parameters of the front end.

    Attributes
    ----------
    i : Signature(32), in
        Records.
    channels : Signal(32), in
        Bit ``c`` selects channel ``c``, counted from 0.
    table_write, table_index, table_data : Signal, in
        Write port of the bin table: strobe, micro-time, and its entry: gate (15:0), and in bit 16 whether
        photons with that micro-time are counted.
    o : Signature(event_layout(shape)), out
        Events, three clock cycles later, one per clock cycle.
    """

    def __init__(self, shape: EventsShape) -> None:
        self.shape_ = shape
        super().__init__(
            {
                "i": In(stream.Signature(32)),
                "channels": In(32),
                "table_write": In(1),
                "table_index": In(shape.micro_bits),
                "table_data": In(17),
                "o": Out(stream.Signature(event_layout(shape))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the decoder, and the table behind it; both advance if the output slice is ready."""
        m = Module()
        shape = self.shape_
        layout = event_layout(shape)
        m.submodules.slice = output = RegisterSlice(layout)
        step = Signal()
        m.d.comb += [step.eq(output.i.ready), self.i.ready.eq(step)]
        accepted = self.i.valid & step
        decode = self._picoharp if shape.records == "picoharp-t3" else self._generic
        photon, markers, time, micro, channel = decode(m, self.i.payload, accepted)
        gate_bits = len(output.i.payload.gate)
        m.submodules.table = table = Memory(shape=gate_bits + 1, depth=2**shape.micro_bits, init=[])
        writer, reader = table.write_port(), table.read_port()
        stages = [Signal(layout, name=f"event_{stage}") for stage in range(2)]
        valid = [Signal(name=f"valid_{stage}") for stage in range(2)]
        address = Signal(shape.micro_bits)
        m.d.comb += [
            writer.addr.eq(self.table_index),
            writer.data.eq(Cat(self.table_data[:gate_bits], self.table_data[16])),
            writer.en.eq(self.table_write),
            reader.addr.eq(address),
            reader.en.eq(step),
            output.i.valid.eq(valid[1]),
            output.i.payload.eq(stages[1]),
            output.i.payload.gate.eq(reader.data[:-1]),
            output.i.payload.counted.eq(stages[1].counted & reader.data[-1]),
            self.o.valid.eq(output.o.valid),
            self.o.payload.eq(output.o.payload),
            output.o.ready.eq(self.o.ready),
        ]
        selected = self.channels.bit_select(channel[:5], 1) & ~channel[5:].any()
        in_table = ~micro[shape.micro_bits :].any()
        with m.If(step):
            m.d.sync += [
                valid[0].eq(accepted & (photon | (markers != 0))),
                stages[0].time.eq(time),
                stages[0].markers.eq(Mux(photon, 0, markers)),
                stages[0].counted.eq(photon & selected & in_table),
                address.eq(micro),
                valid[1].eq(valid[0]),
                stages[1].eq(stages[0]),
            ]
        return m

    def _picoharp(self, m: Module, record: Value, accepted: Value) -> tuple[Value, ...]:
        """Return photon, markers, time, micro-time and channel of a PicoHarp record."""
        special = record[28:] == PICOHARP_SPECIAL
        micro = record[PICOHARP_SYNC : PICOHARP_SYNC + PICOHARP_MICRO]
        high = Signal(TIME_BITS - PICOHARP_SYNC)
        with m.If(accepted & special & (micro == 0)):
            m.d.sync += high.eq(high + 1)
        channel = Signal(CHANNEL_BITS)
        m.d.comb += channel.eq(record[28:] - 1)  # 0 becomes 63: not selected
        return (
            ~special & (channel < PICOHARP_CHANNELS),
            Mux(special, micro[:MARKER_BITS], 0),
            Cat(record[:PICOHARP_SYNC], high),
            Cat(micro, Signal(MICRO_BITS - PICOHARP_MICRO)),
            channel,
        )

    def _generic(self, m: Module, record: Value, accepted: Value) -> tuple[Value, ...]:
        """Return photon, markers, time, micro-time and channel of a generic record."""
        special, channel = record[31], record[25:31]
        sync = record[:GENERIC_SYNC]
        high = Signal(TIME_BITS - GENERIC_SYNC)
        with m.If(accepted & special & (channel == GENERIC_OVERFLOW)):
            m.d.sync += high.eq(high + Mux(sync == 0, 1, sync))
        is_marker = special & ~channel[MARKER_BITS:].any()
        return ~special, Mux(is_marker, channel[:MARKER_BITS], 0), Cat(sync, high), record[10:25], channel
