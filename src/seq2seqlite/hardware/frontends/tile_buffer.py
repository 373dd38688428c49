"""Tile buffer: transposes the tiles that are read from memory, from gate after gate to pixel after pixel."""

from dataclasses import dataclass

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import stream
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.frontends.parameters import SeriesShape
from seq2seqlite.hardware.gateware.pipeline import modulo_increment
from seq2seqlite.hardware.gateware.register_slices import RegisterSlice, beat
from seq2seqlite.integer import COUNT_BITS

__all__ = ["TileBuffer"]


@dataclass(frozen=True)
class _Bank:
    """Registers in front of the ports of one memory."""

    write: Signal
    write_address: Signal
    write_data: Signal
    read_address: Signal
    read_data: Value


class TileBuffer(Component):
    """Tile buffer with room for two tiles: one is delivered pixel by pixel while the next one arrives.

    It consists of ``banks`` memories. Gate ``g`` of pixel ``p`` is in memory ``(p + g) % banks``, so that the
    pixels of a memory beat, and also the gates of a packet beat, are in different memories. Barrel shifters
    bring them to their places.

    Parameters
    ----------
    shape : SeriesShape
        Parameters of the front end.

    Attributes
    ----------
    valid : Signal(1), in
        Whether ``data`` is the next beat of a tile. The buffer must have room for the tile.
    data : Signal(data_bits), in
        Beat of a tile: pixels of one gate, the first pixel in the lowest bits.
    received : Signal(1), out
        Strobe when the last beat of a tile was received.
    done : Signal(1), out
        Strobe when a tile was read, so that there is room for another one.
    o : Signature(beat(lanes * 16)), out
        Packets of counts, one for each pixel. The contents of unused lanes are undefined.
    """

    def __init__(self, shape: SeriesShape) -> None:
        self.shape_ = shape
        super().__init__(
            {
                "valid": In(1),
                "data": In(shape.data_bits),
                "received": Out(1),
                "done": Out(1),
                "o": Out(stream.Signature(beat(shape.lanes * COUNT_BITS))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the memories, the way into them, and the way out of them."""
        m = Module()
        step = Signal()  # the stages of the way out advance together
        banks = self._banks(m, step)
        # A tile is issued with its last address, and done when that was read.
        stored, issued, filled = Signal(), Signal(), Signal(range(3))
        m.d.sync += filled.eq(filled + stored - issued)
        self._fill(m, banks, stored)
        self._empty(m, banks, step=step, issue=step & (filled != 0), issued=issued)
        return m

    def _banks(self, m: Module, step: Value) -> list[_Bank]:
        """Build the memories, with registers in front of their ports."""
        shape = self.shape_
        depth = 2 * (shape.tile_pixels // shape.banks) * shape.words * shape.lanes
        banks = []
        for index in range(shape.banks):
            m.submodules[f"bank_{index}"] = memory = Memory(shape=shape.count_bits, depth=depth, init=[])
            writer, reader = memory.write_port(), memory.read_port()
            bank = _Bank(
                Signal(name=f"write_{index}"),
                Signal(len(writer.addr), name=f"write_address_{index}", reset_less=True),
                Signal(shape.count_bits, name=f"write_data_{index}", reset_less=True),
                Signal(len(reader.addr), name=f"read_address_{index}", reset_less=True),
                reader.data,
            )
            m.d.comb += [
                writer.en.eq(bank.write),
                writer.addr.eq(bank.write_address),
                writer.data.eq(bank.write_data),
                reader.addr.eq(bank.read_address),
                reader.en.eq(step),
            ]
            banks.append(bank)
        return banks

    def _fill(self, m: Module, banks: list[_Bank], stored: Signal) -> None:
        """Write the beats: a stage for the position, and one for the rotation."""
        shape = self.shape_
        share = shape.banks // shape.beat_counts  # beats that fill one address of all memories
        share_bits, burst_bits = share.bit_length() - 1, shape.burst.bit_length() - 1
        count, half = Signal(range(max(2, shape.tile_beats))), Signal()
        gate, in_burst = count[burst_bits:], count[:burst_bits]
        valid, ends, words = Signal(), Signal(), Signal(shape.data_bits, reset_less=True)
        address, offset = Signal(len(count)), Signal(shape.banks.bit_length() - 1)
        last = count == shape.tile_beats - 1
        with m.If(self.valid):
            m.d.sync += count.eq(Mux(last, 0, count + 1))
        m.d.sync += [
            valid.eq(self.valid),
            ends.eq(self.valid & last),
            words.eq(self.data),
            address.eq(count[share_bits:]),
            offset.eq(gate + in_burst[:share_bits] * shape.beat_counts),
            stored.eq(ends),
        ]
        m.d.comb += self.received.eq(ends)
        with m.If(ends):
            m.d.sync += half.eq(~half)
        counts = [words.word_select(index, shape.count_bits) for index in range(shape.beat_counts)] * share
        enabled: list[Value] = [valid & (index < shape.beat_counts) for index in range(shape.banks)]
        rotated_counts, rotated_enabled = _rotated(counts, offset), _rotated(enabled, offset)
        for bank, one, enable in zip(banks, rotated_counts, rotated_enabled, strict=True):
            m.d.sync += [
                bank.write.eq(enable),
                bank.write_address.eq(Cat(half, address)),
                bank.write_data.eq(one),
            ]

    def _empty(self, m: Module, banks: list[_Bank], *, step: Signal, issue: Value, issued: Signal) -> None:
        """Read the packets: a stage for the addresses, one for the memories, and one for the rotation."""
        shape = self.shape_
        m.submodules.slice = output = RegisterSlice(beat(shape.lanes * COUNT_BITS))
        m.d.comb += step.eq(output.i.ready)
        lane_bits, bank_bits = shape.lanes.bit_length() - 1, shape.banks.bit_length() - 1
        pixel, word = Signal(range(shape.tile_pixels)), Signal(range(max(2, shape.words)))
        tile, half = Signal(range(max(2, shape.tiles))), Signal()
        last_word, last_tile = word == shape.words - 1, tile == shape.tiles - 1
        last_pixel = pixel == Mux(last_tile, shape.last_tile_pixels - 1, shape.tile_pixels - 1)
        m.d.comb += issued.eq(issue & last_word & last_pixel)
        with m.If(issue):
            m.d.sync += word.eq(modulo_increment(word, shape.words))
            with m.If(last_word):
                m.d.sync += pixel.eq(Mux(last_pixel, 0, pixel + 1))
        with m.If(issued):
            m.d.sync += [half.eq(~half), tile.eq(modulo_increment(tile, shape.tiles))]
        # Lane i is in bank (shift + i) % banks, so bank b has lane (b - shift) % banks.
        shift = Signal(bank_bits)
        m.d.comb += shift.eq(pixel + word * shape.lanes)
        stage = {"valid": issue, "last": last_word, "issued": issued, "shift": shift}
        stages = []
        for number in range(2):
            registers = {name: Signal(len(value), name=f"{name}_{number}") for name, value in stage.items()}
            with m.If(step):
                m.d.sync += [register.eq(stage[name]) for name, register in registers.items()]
            stages.append(stage := registers)
        m.d.comb += self.done.eq(step & stages[0]["issued"])
        packet, valid = Signal(beat(shape.lanes * COUNT_BITS), reset_less=True), Signal()
        lanes = _rotated([bank.read_data for bank in banks], -stage["shift"])[: shape.lanes]
        with m.If(step):
            for index, bank in enumerate(banks):
                lane = (index - shift)[:lane_bits]
                m.d.sync += bank.read_address.eq(Cat(half, pixel[bank_bits:], lane, word))
            m.d.sync += [valid.eq(stage["valid"]), packet.last.eq(stage["last"])]
            for index, count in enumerate(lanes):
                m.d.sync += packet.data.word_select(index, COUNT_BITS).eq(count)
        m.d.comb += [
            output.i.valid.eq(valid),
            output.i.payload.eq(packet),
            self.o.valid.eq(output.o.valid),
            self.o.payload.eq(output.o.payload),
            output.o.ready.eq(self.o.ready),
        ]


def _rotated(items: list[Value], amount: Value, /) -> list[Value]:
    """Return items so that item ``i`` is at index ``(i + amount) % len(items)``, by a barrel shifter.

    The number of items is a power of two.
    """
    for bit in range(len(items).bit_length() - 1):
        by = 1 << bit
        items = [Mux(amount[bit], items[index - by], item) for index, item in enumerate(items)]
    return items
