"""Top level of a design: CSRs, packet receiver, engines and collector, with the ports of the specification.

``docs/spec/hardware.md`` is normative.
"""

from amaranth.hdl import Cat, ClockDomain, ClockSignal, Const, DomainRenamer, Instance, Module, Signal, Value
from amaranth.lib.wiring import Component, In, Member, Out, connect

from seq2seqlite.hardware.gateware.axi_lite import axi_lite, connect_ports
from seq2seqlite.hardware.gateware.clock_domain import add_domain
from seq2seqlite.hardware.gateware.collector import Collector
from seq2seqlite.hardware.gateware.csr import LOADING, Registers
from seq2seqlite.hardware.gateware.packet_receiver import Receiver
from seq2seqlite.hardware.gateware.parameters import ENGINE, Shape
from seq2seqlite.hardware.gateware.pipeline import delayed
from seq2seqlite.hardware.gateware.register_slices import ForwardSlice, RegisterSlice, beat, result_beat
from seq2seqlite.hardware.gateware.response_bank import ResponseLoader
from seq2seqlite.hardware.gateware.sequence_checker import SequenceChecker

__all__ = ["IRQ", "PORT_GROUPS", "Top", "top_ports"]

IRQ = "irq"
"""Name of the port of the interrupt."""
PORT_GROUPS = {
    "aclk": "Clock, and synchronous reset (active low)",
    "s_axis_tdata": "AXI4-Stream: packets of counts, one per pixel",
    "m_axis_tdata": "AXI4-Stream: results",
    "s_axil_awaddr": "AXI4-Lite: control and status registers",
    IRQ: "Interrupt, high while it is pending",
}
"""Heading of each group of ports, by its first port."""
IN_STREAMS = 16
"""Most pixels in the slices and in the collector, outside the engines."""


def top_ports(shape: Shape, result_width: int, /) -> dict[str, Member]:
    """Return the ports of a design by name: clock, reset, AXI4-Stream in and out, AXI4-Lite, interrupt."""
    return {
        "aclk": In(1),
        "aresetn": In(1),
        "s_axis_tdata": In(shape.beat_bits),
        "s_axis_tvalid": In(1),
        "s_axis_tready": Out(1),
        "s_axis_tlast": In(1),
        **({"s_axis_tuser": In(shape.user_bits)} if shape.user_bits else {}),
        "m_axis_tdata": Out(result_width),
        "m_axis_tvalid": Out(1),
        "m_axis_tready": In(1),
        "m_axis_tlast": Out(1),
        **{f"s_axil_{name}": member for name, member in axi_lite().items()},
        IRQ: Out(1),
    }


class Top(Component):
    """Top-level module: ``engines`` instances of one engine module behind one stream.

    Parameters
    ----------
    shape : Shape
        Parameters of an engine.
    engines : int
        Number of engines.
    result_width : int
        Width of an output beat.

    Attributes
    ----------
    aclk, aresetn : Signal(1), in
        Clock, and synchronous active-low reset (low for at least two clock cycles).
    s_axis_tdata : Signal(beat_bits), in
        Counts of ``count_bits`` bits, the first gate in the lowest bits.
    s_axis_tuser : Signal(16), in
        Index of the response and exponent of the counts, in the first beat of a packet; of direct programs.
        With sequence numbers 32 bits wide, in all designs.
    s_axis_tvalid, s_axis_tready, s_axis_tlast : Signal(1), in, out, in
        AXI4-Stream handshake of the packets; TLAST on the last beat of a pixel.
    m_axis_tdata : Signal(result_width), out
        Results.
    m_axis_tvalid, m_axis_tready, m_axis_tlast : Signal(1), out, in, out
        AXI4-Stream handshake of the results; TLAST on the last beat of a frame.
    s_axil_* : in, out
        AXI4-Lite subordinate of the CSRs; see :func:`~seq2seqlite.hardware.gateware.axi_lite.axi_lite`.
    irq : Signal(1), out
        High while an interrupt is pending that is enabled.
    """

    def __init__(self, shape: Shape, engines: int, result_width: int) -> None:
        self.shape_, self.engines, self.result_width = shape, engines, result_width
        super().__init__(top_ports(shape, result_width))

    def elaborate(self, platform: object) -> Module:
        """Connect the components in the order of the data flow."""
        m = Module()
        add_domain(m, self.aclk, self.aresetn)
        shape = self.shape_
        registers = Registers(shape, self.engines, self.result_width)
        self._domain(m, "control", Const(0))
        m.submodules.registers = DomainRenamer("control")(registers)
        connect_ports(m, self, registers, axi_lite(), prefix="s_axil_")
        # Two register slices per stream: one near the pins, one near the logic. The output slice keeps the
        # beat that it offers during a soft reset, because TVALID must not fall before TREADY. The slice near
        # the collector has one register, because the choice of a beat from a result takes logic.
        m.submodules.input_pins = input_pins = RegisterSlice(beat(shape.beat_bits, shape.user_bits))
        m.submodules.input = input_slice = RegisterSlice(beat(shape.beat_bits, shape.user_bits))
        m.submodules.output_pins = leaving = RegisterSlice(result_beat(self.result_width))
        output = ForwardSlice(result_beat(self.result_width))
        receiver = Receiver(shape, self.engines)
        collector = Collector(shape, self.engines, self.result_width)
        quiet, closed = Signal(init=1), Signal(init=1)
        m.d.sync += quiet.eq(registers.quiet)
        # Closes the input pins while the receiver discards the beats that the slices still hold.
        m.d.sync += closed.eq(registers.quiet | quiet)
        reset_work = self._domain(m, "work", registers.reset)
        self._domain(m, "receiving", quiet)
        m.submodules.receiver = DomainRenamer({"sync": "receiving", "bus": "sync"})(receiver)
        m.submodules.collector = DomainRenamer("work")(collector)
        m.submodules.output = DomainRenamer("work")(output)
        self._ports(m, input_pins, leaving, closed)
        connect(m, input_pins.o, input_slice.i)
        self._packets(m, input_slice, receiver, quiet)
        connect(m, collector.o, output.i)
        m.d.comb += [
            receiver.frame_pixels.eq(registers.frame_pixels),
            receiver.min_photons.eq(registers.min_photons),
            receiver.flush_clocks.eq(registers.flush_clocks),
            collector.frame_pixels.eq(registers.frame_pixels),
            self.irq.eq(registers.irq),
            leaving.forget.eq(quiet),
            leaving.i.valid.eq(output.o.valid & ~quiet),
            leaving.i.payload.eq(output.o.payload),
            output.o.ready.eq(leaving.i.ready),
        ]
        delivered = self._events(m, registers, receiver, leaving, quiet)
        loader = self._loader(m, registers, receiver, delivered, quiet) if shape.responses else None
        self._engines(m, reset_work, receiver, collector, loader)
        return m

    def _packets(self, m: Module, source: RegisterSlice, receiver: Receiver, quiet: Signal) -> None:
        """Connect the packets to the receiver, with a check of their sequence numbers if they have them."""
        if not self.shape_.sequence_numbers:
            connect(m, source.o, receiver.i)
            return
        m.submodules.sequence = checker = SequenceChecker(self.shape_)
        connect(m, source.o, checker.i)
        connect(m, checker.o, receiver.i)
        m.d.comb += [receiver.absent.eq(checker.absent), checker.discard.eq(quiet)]
        self._late = checker.late

    def _loader(
        self, m: Module, registers: Registers, receiver: Receiver, delivered: Value, quiet: Value
    ) -> ResponseLoader:
        """Build the loader of responses. It keeps its state through a soft reset."""
        shape = self.shape_
        inside = self.engines * (2 * shape.slots + shape.capacity) + IN_STREAMS
        loader = ResponseLoader(shape, inside)
        self._domain(m, "loading", Const(0))
        m.submodules.loader = DomainRenamer("loading")(loader)
        m.d.comb += [
            *(getattr(loader, name).eq(getattr(registers, name)) for name in (*LOADING, "value")),
            loader.accepted.eq(receiver.allocate.any()),
            loader.delivered.eq(delayed(m, delivered, 1, name="delivered", reset_less=False)),
            loader.discard.eq(quiet),
            registers.load_status.eq(loader.status),
            receiver.response_base.eq(registers.response_base),
            receiver.present.eq(loader.present),
            receiver.known.eq(loader.known),
        ]
        return loader

    def _domain(self, m: Module, name: str, reset: Value) -> Signal:
        """Add a clock domain with a registered reset, which includes ``reset``; return that register."""
        domain = ClockDomain(name, local=True)
        # Synthesis must not merge the registers of two domains: each is near its blocks.
        later = Signal(name=f"reset_{name}", init=1, attrs={"keep": 1})
        m.domains += domain
        m.d.sync += later.eq(reset)
        m.d.comb += [domain.clk.eq(ClockSignal()), domain.rst.eq(later)]
        return later

    def _ports(self, m: Module, input_slice: RegisterSlice, leaving: RegisterSlice, closed: Signal) -> None:
        m.d.comb += [
            input_slice.i.valid.eq(self.s_axis_tvalid & ~closed),
            input_slice.i.payload.data.eq(self.s_axis_tdata),
            input_slice.i.payload.last.eq(self.s_axis_tlast),
            *([input_slice.i.payload.user.eq(self.s_axis_tuser)] if self.shape_.user_bits else []),
            self.s_axis_tready.eq(input_slice.i.ready & ~closed),
            self.m_axis_tvalid.eq(leaving.o.valid),
            self.m_axis_tdata.eq(leaving.o.payload.data),
            self.m_axis_tlast.eq(leaving.o.payload.last),
            leaving.o.ready.eq(self.m_axis_tready),
        ]

    def _engines(
        self,
        m: Module,
        reset_work: Signal,
        receiver: Receiver,
        collector: Collector,
        loader: ResponseLoader | None,
    ) -> None:
        """Instantiate the engines. They are instances of one module, so that it is synthesised once."""
        bank = {} if loader is None else {"i_bank": loader.bank}
        size = self.shape_.payload_bits
        for index in range(self.engines):
            # One clock cycle after the reset of the other blocks: synthesis would merge equal registers.
            reset = Signal(name=f"reset_{index}", init=1)
            m.d.sync += reset.eq(reset_work)
            inputs = {f"i_{name}": getattr(receiver, name) for name in ("data", "word", "facts", "flush")}
            bits = {f"i_{name}": getattr(receiver, name)[index] for name in ("allocate", "write", "done")}
            m.submodules[f"engine_{index}"] = Instance(
                self.shape_.prefix + ENGINE,
                i_clk=ClockSignal(),
                i_rst=reset,
                **inputs,
                **bits,
                **bank,
                i_o__ready=collector.ready[index],
                o_room=receiver.room[index],
                o_o__valid=collector.valid[index],
                o_o__payload=collector.payloads[index * size : (index + 1) * size],
            )

    def _events(
        self, m: Module, registers: Registers, receiver: Receiver, leaving: RegisterSlice, quiet: Signal
    ) -> Value:
        """Drive the events in the order of the counters; return the strobe of a delivered result."""
        done, dark = receiver.done.any(), receiver.facts.dark & ~receiver.facts.malformed
        stalled_in = self.s_axis_tvalid & ~self.s_axis_tready
        stalled_out = self.m_axis_tvalid & ~self.m_axis_tready
        # A beat offered during a soft reset may be accepted after the counters were cleared. Not counted.
        stale = Signal()
        with m.If(leaving.o.ready | ~leaving.o.valid):
            m.d.sync += stale.eq(0)
        with m.Elif(quiet):
            m.d.sync += stale.eq(1)
        delivered = leaving.o.valid & leaving.o.ready & ~stale & ~quiet
        result = delivered & leaving.o.payload.last_of_pixel
        missing = [done & receiver.facts.missing] if self.shape_.responses else []
        if self.shape_.sequence_numbers:
            missing += [done & receiver.facts.absent, self._late & ~quiet]
        events = Cat(
            done,
            result,
            receiver.short,
            receiver.long,
            done & dark,
            stalled_in,
            stalled_out,
            delivered & leaving.o.payload.last,
            *missing,
        )
        later = Signal(len(events))
        m.d.sync += later.eq(events)
        m.d.comb += registers.events.eq(later)
        return result
