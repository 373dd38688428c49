"""One engine: a pixel every ``n_gates`` clocks, from packets' beats to results."""

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

from seq2seqlite.hardware.gateware.arithmetic import delayed, next_in_turn
from seq2seqlite.hardware.gateware.normaliser import Normaliser
from seq2seqlite.hardware.gateware.pixel_buffer import PixelBuffer, packet_ports
from seq2seqlite.hardware.gateware.reducer import Reducer, info_layout
from seq2seqlite.hardware.gateware.rings import Rings
from seq2seqlite.hardware.gateware.shape import Shape
from seq2seqlite.hardware.gateware.sink import SfdSink, SumSink
from seq2seqlite.hardware.gateware.streams import RegisteredFifo

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
        for name in ("allocate", "write", "data", "word", "done", "facts", "flush"):
            m.d.comb += getattr(buffer, name).eq(getattr(self, name))
        m.d.comb += [
            self.room.eq(buffer.room),
            normaliser.count.eq(buffer.count),
            normaliser.baseline.eq(buffer.baseline),
            normaliser.divisor.eq(buffer.divisor),
            rings.code.eq(normaliser.code),
        ]
        lead = PixelBuffer.LATENCY + Normaliser.latency(shape) - 1
        m.d.comb += [
            rings.start.eq(delayed(m, buffer.start, lead, name="start", reset_less=False)),
            rings.pixels.eq(delayed(m, buffer.pixels, lead, name="pixels")),
        ]
        infos = self._remember(m)
        leaves = self._sums(m, rings, infos) if shape.output == "lifetimes" else self._sfd(m, rings, infos)
        # A batch starts only if its results will have room: the rings cannot wait.
        promised = Signal(range(shape.capacity + 1))
        m.d.sync += promised.eq(promised + Mux(buffer.start, buffer.pixels, 0) - leaves)
        m.d.sync += buffer.credit.eq(promised <= shape.capacity - shape.slots)
        return m

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

    def _remember(self, m: Module) -> RegisteredFifo:
        """Return what is known of the pixels between the packets and their results, in order."""
        layout = info_layout()
        # Those in the buffer and those whose results are promised.
        depth = 2 * self.shape_.slots + self.shape_.capacity
        m.submodules.infos = infos = RegisteredFifo(layout, depth, paused=self.shape_.output != "sfd")
        info = Signal(layout)
        m.d.comb += [
            info.photons.eq(self.facts.photons),
            info.dark.eq(self.facts.dark),
            info.malformed.eq(self.facts.malformed),
            infos.write.eq(self.done),
            infos.i.eq(info),
        ]
        return infos

    def _sums(self, m: Module, rings: Rings, infos: RegisteredFifo) -> Signal:
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
                    self.o.valid.eq(reducer.o.valid),
                    self.o.payload.eq(reducer.o.payload),
                    reducer.o.ready.eq(self.o.ready),
                ]
        m.d.comb += [sink.o.ready.eq(leaves), infos.o.ready.eq(leaves), taken.eq(self.o.valid & self.o.ready)]
        with m.If(leaves):
            m.d.sync += to.eq(next_in_turn(to, n_reducers))
        with m.If(taken):
            m.d.sync += of.eq(next_in_turn(of, n_reducers))
        return leaves

    def _sfd(self, m: Module, rings: Rings, infos: RegisteredFifo) -> Signal:
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
            self.o.valid.eq(sink.o.valid),
            self.o.payload.eq(sink.o.payload),
            sink.o.ready.eq(self.o.ready),
        ]
        return leaves

    def _connect_sink(self, m: Module, rings: Rings, sink: SumSink | SfdSink) -> None:
        m.d.comb += [
            sink.start.eq(rings.sink_start),
            sink.pixels.eq(rings.sink_pixels),
            sink.codes.eq(rings.outputs),
            rings.sink_ends.eq(sink.ends),
        ]
