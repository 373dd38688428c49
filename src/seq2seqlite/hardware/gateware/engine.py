"""One engine: a pixel every ``n_gates`` clocks, from packets' beats to results."""

from typing import Any

from amaranth.hdl import (
    ClockDomain,
    ClockSignal,
    DomainRenamer,
    Elaboratable,
    Module,
    Mux,
    ResetSignal,
    Signal,
    Value,
)
from amaranth.lib import stream
from amaranth.lib.wiring import Component, Out

from seq2seqlite.hardware.gateware.lifetime_unit import Reducer, info_layout
from seq2seqlite.hardware.gateware.normaliser import Normaliser
from seq2seqlite.hardware.gateware.parameters import Shape
from seq2seqlite.hardware.gateware.pixel_buffer import PixelBuffer, packet_ports
from seq2seqlite.hardware.gateware.register_slices import AlternatingSlice, RegisteredFifo, RegisterSlice
from seq2seqlite.hardware.gateware.rings import Rings
from seq2seqlite.hardware.gateware.serial_arithmetic import delayed, next_in_turn
from seq2seqlite.hardware.gateware.sink import SfdSink, SumSink

__all__ = ["Engine"]


class Engine(Component):
    """Buffer, normaliser, rings, reduction.

    Parameters
    ----------
    shape : Shape
        Widths and lengths.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape_ = shape
        super().__init__(
            {
                **packet_ports(shape),
                "o": Out(stream.Signature(shape.payload_bits)),
            }
        )

    @staticmethod
    def latency(shape: Shape) -> int:
        """Return the clocks from a batch's start to its first pixel's result."""
        front = PixelBuffer.LATENCY + Normaliser.latency(shape)
        return front + 2 * shape.n_gates * shape.slots + shape.head_latency + Reducer.clocks(shape)

    def elaborate(self, platform: object) -> Module:
        """Return the parts in the order of the data."""
        m = Module()
        shape = self.shape_
        self._reset_before: Value = ResetSignal()
        buffer, rings = PixelBuffer(shape), Rings(shape)
        m.submodules.buffer = self._with_own_reset(m, buffer, "buffer")
        m.submodules.normaliser = normaliser = Normaliser(shape)
        m.submodules.rings = self._with_own_reset(m, rings, "rings")
        # Parts that lie apart speak from register to register: a clock for the way alone.
        for name in ("allocate", "write", "data", "word", "done", "facts", "flush"):
            is_data = name in {"data", "word", "facts"}
            arrived = delayed(m, getattr(self, name), 1, name=name, reset_less=is_data)
            m.d.comb += getattr(buffer, name).eq(arrived)
        m.d.sync += self.room.eq(buffer.room)
        m.d.comb += [
            normaliser.count.eq(buffer.count),
            normaliser.baseline.eq(buffer.baseline),
            normaliser.divisor.eq(buffer.divisor),
            rings.code.eq(normaliser.code),
        ]
        lead = PixelBuffer.LATENCY + Normaliser.latency(shape) - 2
        m.d.comb += [
            rings.start.eq(delayed(m, buffer.start, lead, name="start", reset_less=False)),
            rings.pixels.eq(delayed(m, buffer.pixels, lead, name="pixels")),
        ]
        infos = self._remember(m, buffer)
        paused = shape.output == "lifetimes"
        m.submodules.output = output = (AlternatingSlice if paused else RegisterSlice)(shape.payload_bits)
        connect = self._sums if shape.output == "lifetimes" else self._sfd
        leaves = connect(m, rings, infos, output.i)
        m.d.comb += [
            self.o.valid.eq(output.o.valid),
            self.o.payload.eq(output.o.payload),
            output.o.ready.eq(self.o.ready),
        ]
        self._promise(m, buffer, leaves)
        return m

    def _promise(self, m: Module, buffer: PixelBuffer, leaves: Value) -> None:
        """Let a batch start only if its results will have room: the rings cannot wait.

        What starts and what leaves is counted some clocks late: a batch is far longer, and who leaves late
        only takes room for longer.
        """
        shape = self.shape_
        promised, change = Signal(range(shape.capacity + 1)), Signal(range(-1, shape.slots + 1))
        starting, left = Signal(range(shape.slots + 1)), Signal()
        m.d.sync += [
            starting.eq(Mux(buffer.start, buffer.pixels, 0)),
            left.eq(leaves),
            change.eq(starting - left),
            promised.eq(promised + change),
            buffer.credit.eq(promised <= shape.capacity - shape.slots),
        ]

    def _with_own_reset(self, m: Module, part: Component, name: str) -> Elaboratable:
        """Return a part with a register for its reset: one for a whole engine has too far to go.

        Each is a clock behind that of the part before, as equal registers would be merged.
        """
        reset = Signal(name=f"reset_{name}", init=1, reset_less=True)
        domain = ClockDomain(f"{name}_domain", local=True)
        m.domains += domain
        m.d.sync += reset.eq(self._reset_before)
        self._reset_before = reset
        m.d.comb += [domain.clk.eq(ClockSignal()), domain.rst.eq(reset)]
        return DomainRenamer(domain.name)(part)

    def _remember(self, m: Module, buffer: PixelBuffer) -> RegisteredFifo:
        """Return what is known of the pixels between the packets and their results, in order."""
        layout = info_layout()
        # Those in the buffer and those whose results are promised.
        depth = 2 * self.shape_.slots + self.shape_.capacity
        m.submodules.infos = infos = RegisteredFifo(layout, depth, paused=self.shape_.output != "sfd")
        info = Signal(layout, reset_less=True)
        m.d.sync += [
            info.photons.eq(buffer.facts.photons),
            info.dark.eq(buffer.facts.dark),
            info.malformed.eq(buffer.facts.malformed),
        ]
        m.d.comb += [
            infos.write.eq(delayed(m, buffer.done, 1, name="known", reset_less=False)),
            infos.i.eq(info),
        ]
        return infos

    def _sums(self, m: Module, rings: Rings, infos: RegisteredFifo, output: Any) -> Signal:
        """Reduce to lifetimes, by as many reducers in turn as keep up with the rings."""
        shape = self.shape_
        sink = SumSink(shape)
        m.submodules.sink = self._with_own_reset(m, sink, "sink")
        self._connect_sink(m, rings, sink)
        n_reducers = -(-Reducer.clocks(shape) // shape.n_gates)
        reducers = [Reducer(shape) for _ in range(n_reducers)]
        to, of = Signal(range(max(n_reducers, 2))), Signal(range(max(n_reducers, 2)))
        leaves, taken = Signal(), Signal()
        for index, reducer in enumerate(reducers):
            m.submodules[f"reducer_{index}"] = self._with_own_reset(m, reducer, f"reducer_{index}")
            m.d.comb += [
                reducer.i.valid.eq(sink.o.valid & infos.o.valid & (to == index)),
                reducer.i.payload.sums.eq(sink.o.payload),
                reducer.i.payload.info.eq(infos.o.payload),
            ]
            with m.If(to == index):
                m.d.comb += leaves.eq(reducer.i.valid & reducer.i.ready)
            with m.If(of == index):
                m.d.comb += [
                    output.valid.eq(reducer.o.valid),
                    output.payload.eq(reducer.o.payload),
                    reducer.o.ready.eq(output.ready),
                ]
        m.d.comb += [sink.o.ready.eq(leaves), infos.o.ready.eq(leaves), taken.eq(output.valid & output.ready)]
        with m.If(leaves):
            m.d.sync += to.eq(next_in_turn(to, n_reducers))
        with m.If(taken):
            m.d.sync += of.eq(next_in_turn(of, n_reducers))
        return leaves

    def _sfd(self, m: Module, rings: Rings, infos: RegisteredFifo, output: Any) -> Signal:
        """Give the SFD itself."""
        sink = SfdSink(self.shape_)
        m.submodules.sink = self._with_own_reset(m, sink, "sink")
        self._connect_sink(m, rings, sink)
        leaves = Signal()
        m.d.comb += [
            sink.info.valid.eq(infos.o.valid),
            sink.info.payload.eq(infos.o.payload),
            infos.o.ready.eq(sink.info.ready),
            leaves.eq(sink.info.ready),
            output.valid.eq(sink.o.valid),
            output.payload.eq(sink.o.payload),
            sink.o.ready.eq(output.ready),
        ]
        return leaves

    def _connect_sink(self, m: Module, rings: Rings, sink: SumSink | SfdSink) -> None:
        m.d.comb += [
            sink.start.eq(rings.sink_start),
            sink.pixels.eq(rings.sink_pixels),
            sink.codes.eq(rings.outputs),
            rings.sink_ends.eq(sink.ends),
        ]
