"""Engine: computes the lifetimes of one pixel every ``n_gates`` clock cycles."""

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
from seq2seqlite.hardware.gateware.pipeline import delayed, modulo_increment
from seq2seqlite.hardware.gateware.pixel_buffer import PixelBuffer, packet_ports
from seq2seqlite.hardware.gateware.register_slices import AlternatingSlice, RegisteredFifo, RegisterSlice
from seq2seqlite.hardware.gateware.rings import Rings
from seq2seqlite.hardware.gateware.sfd_buffer import SfdBuffer
from seq2seqlite.hardware.gateware.trapezoid import TrapezoidalAccumulator

__all__ = ["Engine"]


class Engine(Component):
    """Engine: pixel buffer, normaliser, rings, and lifetime units or SFD buffer.

    Parameters
    ----------
    shape : Shape
        Parameters of the engine.

    Attributes
    ----------
    room, allocate, write, data, word, done, facts, flush : in, out
        Packet ports; see :func:`~seq2seqlite.hardware.gateware.pixel_buffer.packet_ports`.
    o : Signature(payload_bits), out
        Results in the order of the packets. A batch starts only if its results fit the buffers, so that
        back-pressure never stalls the rings.
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
        """Return the latency from the start of a batch to its first result, in clock cycles."""
        front = PixelBuffer.LATENCY + Normaliser.latency(shape)
        return front + 2 * shape.n_gates * shape.slots + shape.head_latency + Reducer.clocks(shape)

    def elaborate(self, platform: object) -> Module:
        """Connect the components in the order of the data flow."""
        m = Module()
        shape = self.shape_
        self._reset_before: Value = ResetSignal()
        buffer, rings = PixelBuffer(shape), Rings(shape)
        m.submodules.buffer = self._with_own_reset(m, buffer, "buffer")
        m.submodules.normaliser = normaliser = Normaliser(shape)
        m.submodules.rings = self._with_own_reset(m, rings, "rings")
        # Blocks placed far apart are connected register to register, so routing gets a full clock cycle.
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
        infos = self._status_fifo(m, buffer)
        paused = shape.output == "lifetimes"
        m.submodules.output = output = (AlternatingSlice if paused else RegisterSlice)(shape.payload_bits)
        connect_sink = self._sums if shape.output == "lifetimes" else self._sfd
        delivered = connect_sink(m, rings, infos, output.i)
        m.d.comb += [
            self.o.valid.eq(output.o.valid),
            self.o.payload.eq(output.o.payload),
            output.o.ready.eq(self.o.ready),
        ]
        self._reserve(m, buffer, delivered)
        return m

    def _reserve(self, m: Module, buffer: PixelBuffer, delivered: Value) -> None:
        """Drive the credit that starts a batch only if its results will fit, because the rings cannot stall.

        The counts of started and delivered pixels lag by a few clock cycles. This is safe: a batch takes far
        longer, and a late delivery only keeps its space reserved for longer.
        """
        shape = self.shape_
        reserved, change = Signal(range(shape.capacity + 1)), Signal(range(-1, shape.slots + 1))
        n_started, n_delivered = Signal(range(shape.slots + 1)), Signal()
        m.d.sync += [
            n_started.eq(Mux(buffer.start, buffer.pixels, 0)),
            n_delivered.eq(delivered),
            change.eq(n_started - n_delivered),
            reserved.eq(reserved + change),
            buffer.credit.eq(reserved <= shape.capacity - shape.slots),
        ]

    def _with_own_reset(self, m: Module, part: Component, name: str) -> Elaboratable:
        """Return a component with its own reset register, to limit fan-out and wire length of the reset.

        Each reset lags one clock cycle behind the previous one, because synthesis merges equal registers.
        """
        reset = Signal(name=f"reset_{name}", init=1, reset_less=True)
        domain = ClockDomain(f"{name}_domain", local=True)
        m.domains += domain
        m.d.sync += reset.eq(self._reset_before)
        self._reset_before = reset
        m.d.comb += [domain.clk.eq(ClockSignal()), domain.rst.eq(reset)]
        return DomainRenamer(domain.name)(part)

    def _status_fifo(self, m: Module, buffer: PixelBuffer) -> RegisteredFifo:
        """Return a FIFO of the status of the pixels in progress, in order."""
        layout = info_layout()
        # Pixels in the packet buffer, and pixels with reserved results.
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
        """Connect enough lifetime units, in round-robin order, to keep up with the rings."""
        shape = self.shape_
        sink = TrapezoidalAccumulator(shape)
        m.submodules.sink = self._with_own_reset(m, sink, "sink")
        self._connect_sink(m, rings, sink)
        n_reducers = -(-Reducer.clocks(shape) // shape.n_gates)
        reducers = [Reducer(shape) for _ in range(n_reducers)]
        write_index, read_index = Signal(range(max(n_reducers, 2))), Signal(range(max(n_reducers, 2)))
        delivered, accepted = Signal(), Signal()
        for index, reducer in enumerate(reducers):
            m.submodules[f"reducer_{index}"] = self._with_own_reset(m, reducer, f"reducer_{index}")
            m.d.comb += [
                reducer.i.valid.eq(sink.o.valid & infos.o.valid & (write_index == index)),
                reducer.i.payload.sums.eq(sink.o.payload),
                reducer.i.payload.info.eq(infos.o.payload),
            ]
            with m.If(write_index == index):
                m.d.comb += delivered.eq(reducer.i.valid & reducer.i.ready)
            with m.If(read_index == index):
                m.d.comb += [
                    output.valid.eq(reducer.o.valid),
                    output.payload.eq(reducer.o.payload),
                    reducer.o.ready.eq(output.ready),
                ]
        m.d.comb += [
            sink.o.ready.eq(delivered),
            infos.o.ready.eq(delivered),
            accepted.eq(output.valid & output.ready),
        ]
        with m.If(delivered):
            m.d.sync += write_index.eq(modulo_increment(write_index, n_reducers))
        with m.If(accepted):
            m.d.sync += read_index.eq(modulo_increment(read_index, n_reducers))
        return delivered

    def _sfd(self, m: Module, rings: Rings, infos: RegisteredFifo, output: Any) -> Signal:
        """Connect the buffer of raw SFDs."""
        sink = SfdBuffer(self.shape_)
        m.submodules.sink = self._with_own_reset(m, sink, "sink")
        self._connect_sink(m, rings, sink)
        delivered = Signal()
        m.d.comb += [
            sink.info.valid.eq(infos.o.valid),
            sink.info.payload.eq(infos.o.payload),
            infos.o.ready.eq(sink.info.ready),
            delivered.eq(sink.info.ready),
            output.valid.eq(sink.o.valid),
            output.payload.eq(sink.o.payload),
            sink.o.ready.eq(output.ready),
        ]
        return delivered

    def _connect_sink(self, m: Module, rings: Rings, sink: TrapezoidalAccumulator | SfdBuffer) -> None:
        m.d.comb += [
            sink.start.eq(rings.sink_start),
            sink.pixels.eq(rings.sink_pixels),
            sink.codes.eq(rings.outputs),
            rings.sink_ends.eq(sink.ends),
        ]
