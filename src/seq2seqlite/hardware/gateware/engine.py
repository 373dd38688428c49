"""Engine: computes the lifetimes of one pixel every ``n_gates`` clock cycles."""

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import (
    Cat,
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
from amaranth.lib import data, stream
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.gateware.direct_head import DirectHead, user_info_layout
from seq2seqlite.hardware.gateware.error_unit import ErrorUnit, reduced_layout
from seq2seqlite.hardware.gateware.lifetime_unit import Reducer, info_layout
from seq2seqlite.hardware.gateware.normaliser import Normaliser
from seq2seqlite.hardware.gateware.parameters import Shape
from seq2seqlite.hardware.gateware.pipeline import delayed, modulo_increment
from seq2seqlite.hardware.gateware.pixel_buffer import PixelBuffer, packet_ports
from seq2seqlite.hardware.gateware.register_slices import AlternatingSlice, RegisteredFifo, RegisterSlice
from seq2seqlite.hardware.gateware.response_bank import ResponseBank, bank_write_layout
from seq2seqlite.hardware.gateware.rings import EncoderRing, Rings
from seq2seqlite.hardware.gateware.sfd_buffer import SfdBuffer
from seq2seqlite.hardware.gateware.trapezoid import TrapezoidalAccumulator

__all__ = ["Engine"]

OFFER_LATENCY = 1
"""Clock cycles from the arrival of a pixel to its offer to a unit."""


class Engine(Component):
    """Engine: pixel buffer, normaliser, rings, and lifetime units, SFD buffer or heads of a direct program.

    Parameters
    ----------
    shape : Shape
        Parameters of the engine.

    Attributes
    ----------
    room, allocate, write, data, word, done, facts, flush : in, out
        Packet ports; see :func:`~seq2seqlite.hardware.gateware.pixel_buffer.packet_ports`.
    bank : Signal(bank_write_layout(shape)), in
        Write port of the bank of responses; only of an engine with responses.
    o : Signature(payload_bits), out
        Results in the order of the packets. A batch starts only if its results fit the buffers, so that
        back-pressure never stalls the rings.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape_ = shape
        super().__init__(
            {
                **packet_ports(shape),
                **({"bank": In(bank_write_layout(shape))} if shape.responses else {}),
                "o": Out(stream.Signature(shape.payload_bits)),
            }
        )

    @staticmethod
    def latency(shape: Shape) -> int:
        """Return the latency from the start of a batch to its first result, in clock cycles."""
        front = PixelBuffer.LATENCY + Normaliser.latency(shape)
        if shape.direct is not None:
            return front + shape.n_gates * shape.slots + OFFER_LATENCY + DirectHead.clocks(shape)
        units = OFFER_LATENCY + Reducer.clocks(shape)
        if shape.has_errors:
            units += OFFER_LATENCY + ErrorUnit.clocks(shape)
        return front + 2 * shape.n_gates * shape.slots + shape.head_latency + units

    def elaborate(self, platform: object) -> Module:
        """Connect the components in the order of the data flow."""
        m = Module()
        shape = self.shape_
        self._reset_before: Value = ResetSignal()
        buffer = PixelBuffer(shape)
        m.submodules.buffer = self._with_own_reset(m, buffer, "buffer")
        m.submodules.normaliser = normaliser = Normaliser(shape)
        # Blocks placed far apart are connected register to register, so routing gets a full clock cycle.
        for name in ("allocate", "write", "data", "word", "done", "facts", "flush"):
            is_data = name in {"data", "word", "facts"}
            arrived = delayed(m, getattr(self, name), 1, name=name, reset_less=is_data)
            m.d.comb += getattr(buffer, name).eq(arrived)
        m.d.sync += self.room.eq(buffer.room)
        m.d.comb += [
            normaliser.count.eq(buffer.count),
            normaliser.baseline.eq(buffer.slot.baseline),
            normaliser.divisor.eq(buffer.slot.divisor),
        ]
        paused = shape.output == "lifetimes"
        m.submodules.output = output = (AlternatingSlice if paused else RegisterSlice)(shape.payload_bits)
        codes = self._codes(m, buffer, normaliser.code)
        if shape.direct is not None:
            delivered = self._direct(m, buffer, codes, output.i)
        else:
            rings = self._rings(m, buffer, codes)
            connect_sink = self._sums if shape.output == "lifetimes" else self._sfd
            layout = user_info_layout(shape) if shape.has_errors else info_layout(shape)
            delivered = connect_sink(m, rings, self._status_fifo(m, buffer, layout), output.i)
        m.d.comb += [
            self.o.valid.eq(output.o.valid),
            self.o.payload.eq(output.o.payload),
            output.o.ready.eq(self.o.ready),
        ]
        self._reserve(m, buffer, delivered)
        return m

    def _codes(self, m: Module, buffer: PixelBuffer, code: Value) -> Value:
        """Return the input code with the codes of the response, from the bank of responses."""
        shape = self.shape_
        if not shape.responses:
            return code
        m.submodules.bank = bank = ResponseBank(shape, Normaliser.latency(shape))
        m.d.comb += [
            bank.base.eq(buffer.slot.base),
            bank.gate.eq(buffer.gate),
            bank.write.eq(delayed(m, self.bank, 1, name="bank_write", reset_less=False)),
        ]
        return Cat(code, bank.codes)

    def _rings(self, m: Module, buffer: PixelBuffer, codes: Value) -> Rings:
        """Build the encoder ring, the decoder ring and the head."""
        rings = Rings(self.shape_)
        m.submodules.rings = self._with_own_reset(m, rings, "rings")
        m.d.comb += rings.codes.eq(codes)
        self._start(m, buffer, rings)
        return rings

    def _start(self, m: Module, buffer: PixelBuffer, rings: Rings | EncoderRing) -> None:
        """Start the rings three clock cycles before the first input code."""
        lead = PixelBuffer.LATENCY + Normaliser.latency(self.shape_) - 2
        m.d.comb += [
            rings.start.eq(delayed(m, buffer.start, lead, name="start", reset_less=False)),
            rings.pixels.eq(delayed(m, buffer.pixels, lead, name="pixels")),
        ]

    def _direct(self, m: Module, buffer: PixelBuffer, codes: Value, output: Any) -> Signal:
        """Build the ring of a direct program, and the heads behind it."""
        shape = self.shape_
        ring, states = EncoderRing(shape), RegisteredFifo(shape.state_bits, shape.capacity)
        m.submodules.ring = self._with_own_reset(m, ring, "ring")
        m.submodules.states = self._with_own_reset(m, states, "states")
        m.d.comb += [ring.codes.eq(codes), states.write.eq(ring.valid), states.i.eq(ring.state)]
        self._start(m, buffer, ring)
        infos = self._status_fifo(m, buffer, user_info_layout(shape))
        heads = [DirectHead(shape) for _ in range(-(-DirectHead.clocks(shape) // shape.n_gates))]
        for head in heads:
            m.d.comb += [head.i.payload.state.eq(states.o.payload), head.i.payload.info.eq(infos.o.payload)]
        return self._share(m, heads, (states.o, infos.o), output, name="head")

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

    def _status_fifo(self, m: Module, buffer: PixelBuffer, layout: data.StructLayout) -> RegisteredFifo:
        """Return a FIFO of the status of the pixels in progress, in order."""
        # Pixels in the packet buffer, and pixels with reserved results.
        depth = 2 * self.shape_.slots + self.shape_.capacity
        m.submodules.infos = infos = RegisteredFifo(layout, depth, paused=self.shape_.output != "sfd")
        info = Signal(layout, reset_less=True)
        m.d.sync += [info[name].eq(buffer.facts[name]) for name, _ in layout]
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
        reducers = [Reducer(shape) for _ in range(-(-Reducer.clocks(shape) // shape.n_gates))]
        for reducer in reducers:
            m.d.comb += [
                reducer.i.payload.sums.eq(sink.o.payload),
                reducer.i.payload.info.eq(infos.o.payload),
            ]
        if not shape.has_errors:
            return self._share(m, reducers, (sink.o, infos.o), output, name="reducer")
        m.submodules.reduced = reduced = AlternatingSlice(reduced_layout(shape))
        delivered = self._share(m, reducers, (sink.o, infos.o), reduced.i, name="reducer")
        units = [ErrorUnit(shape) for _ in range(ErrorUnit.units(shape))]
        for unit in units:
            m.d.comb += unit.i.payload.eq(reduced.o.payload)
        self._share(m, units, (reduced.o,), output, name="error_unit")
        return delivered

    def _share(
        self, m: Module, units: Sequence[Any], sources: Sequence[Any], output: Any, *, name: str
    ) -> Signal:
        """Share pixels among units in round-robin order; return the strobe when a unit accepts one.

        A pixel is available when all sources are valid, and taken from all of them at once. It is offered one
        clock cycle later, from a register: sources and units are far apart.
        """
        write_index, read_index = Signal(range(max(len(units), 2))), Signal(range(max(len(units), 2)))
        delivered, accepted, offered = Signal(), Signal(), Signal()
        m.d.sync += offered.eq(Cat(source.valid for source in sources).all() & ~delivered)
        for index, unit in enumerate(units):
            m.submodules[f"{name}_{index}"] = self._with_own_reset(m, unit, f"{name}_{index}")
            m.d.comb += unit.i.valid.eq(offered & (write_index == index))
            with m.If(write_index == index):
                m.d.comb += delivered.eq(unit.i.valid & unit.i.ready)
            with m.If(read_index == index):
                m.d.comb += [
                    output.valid.eq(unit.o.valid),
                    output.payload.eq(unit.o.payload),
                    unit.o.ready.eq(output.ready),
                ]
        m.d.comb += [source.ready.eq(delivered) for source in sources]
        m.d.comb += accepted.eq(output.valid & output.ready)
        with m.If(delivered):
            m.d.sync += write_index.eq(modulo_increment(write_index, len(units)))
        with m.If(accepted):
            m.d.sync += read_index.eq(modulo_increment(read_index, len(units)))
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
