"""A whole design: registers, receiver, engines, collector, and the ports of docs/spec/hardware.md."""

from amaranth.hdl import Cat, ClockDomain, ClockSignal, DomainRenamer, Instance, Module, Signal, Value
from amaranth.lib.wiring import Component, In, Member, Out, connect

from seq2seqlite.hardware.gateware.collector import Collector
from seq2seqlite.hardware.gateware.csr import Registers, axi_lite
from seq2seqlite.hardware.gateware.packet_receiver import Receiver
from seq2seqlite.hardware.gateware.parameters import Shape
from seq2seqlite.hardware.gateware.register_slices import RegisterSlice, beat, result_beat

__all__ = ["ENGINE", "TOP", "Top", "top_ports"]

TOP = "seq2seqlite_top"
ENGINE = "engine"


def top_ports(shape: Shape, result_width: int, /) -> dict[str, Member]:
    """Return the ports of a design by name."""
    return {
        "aclk": In(1),
        "aresetn": In(1),
        "s_axis_tdata": In(shape.beat_bits),
        "s_axis_tvalid": In(1),
        "s_axis_tready": Out(1),
        "s_axis_tlast": In(1),
        "m_axis_tdata": Out(result_width),
        "m_axis_tvalid": Out(1),
        "m_axis_tready": In(1),
        "m_axis_tlast": Out(1),
        **{f"s_axil_{name}": member for name, member in axi_lite().items()},
    }


class Top(Component):
    """Connects ``engines`` instances of one engine module to one stream.

    Parameters
    ----------
    shape : Shape
        Widths and lengths.
    engines : int
        Number of engines.
    result_width : int
        Width of a beat of the output.
    """

    def __init__(self, shape: Shape, engines: int, result_width: int) -> None:
        self.shape_, self.engines, self.result_width = shape, engines, result_width
        super().__init__(top_ports(shape, result_width))

    def elaborate(self, platform: object) -> Module:
        """Return the parts in the order of the data."""
        m = Module()
        m.domains.sync = domain = ClockDomain()
        # Resets come from registers, not from a pin or a gate in front of hundreds of flip-flops.
        reset_bus = Signal(init=1, reset_less=True)
        m.d.sync += reset_bus.eq(~self.aresetn)
        m.d.comb += [domain.clk.eq(self.aclk), domain.rst.eq(reset_bus)]
        shape = self.shape_
        m.submodules.registers = registers = Registers(shape.program, self.engines)
        for name, member_of in axi_lite().items():
            port, member = getattr(self, f"s_axil_{name}"), getattr(registers, name)
            m.d.comb += port.eq(member) if member_of.flow is Out else member.eq(port)
        # One slice is at the pins, one at who uses it. What is offered outlives a soft reset.
        m.submodules.input_pins = input_pins = RegisterSlice(beat(shape.beat_bits))
        m.submodules.input = arriving = RegisterSlice(beat(shape.beat_bits))
        m.submodules.output_pins = leaving = RegisterSlice(result_beat(self.result_width))
        output = RegisterSlice(result_beat(self.result_width))
        receiver = Receiver(shape, self.engines)
        collector = Collector(shape, self.engines, self.result_width)
        quiet, closed = Signal(init=1), Signal(init=1)
        m.d.sync += quiet.eq(registers.quiet)
        # The input's pins, while the receiver drops what the slices still hold.
        m.d.sync += closed.eq(registers.quiet | quiet)
        reset_work = self._domain(m, "work", registers.reset)
        self._domain(m, "receiving", quiet)
        m.submodules.receiver = DomainRenamer({"sync": "receiving", "bus": "sync"})(receiver)
        m.submodules.collector = DomainRenamer("work")(collector)
        m.submodules.output = DomainRenamer("work")(output)
        self._ports(m, input_pins, leaving, closed)
        connect(m, input_pins.o, arriving.i)
        connect(m, arriving.o, receiver.i)
        connect(m, collector.o, output.i)
        m.d.comb += [
            receiver.frame_pixels.eq(registers.frame_pixels),
            receiver.min_photons.eq(registers.min_photons),
            receiver.flush_clocks.eq(registers.flush_clocks),
            collector.frame_pixels.eq(registers.frame_pixels),
            leaving.forget.eq(quiet),
            leaving.i.valid.eq(output.o.valid & ~quiet),
            leaving.i.payload.eq(output.o.payload),
            output.o.ready.eq(leaving.i.ready),
        ]
        self._engines(m, reset_work, receiver, collector)
        self._events(m, registers, receiver, leaving, quiet)
        return m

    def _domain(self, m: Module, name: str, reset: Value) -> Signal:
        """Add a domain that a soft reset resets as well, by a register, and return that."""
        domain, later = ClockDomain(name, local=True), Signal(name=f"reset_{name}", init=1)
        m.domains += domain
        m.d.sync += later.eq(reset)
        m.d.comb += [domain.clk.eq(ClockSignal()), domain.rst.eq(later)]
        return later

    def _ports(self, m: Module, arriving: RegisterSlice, leaving: RegisterSlice, closed: Signal) -> None:
        m.d.comb += [
            arriving.i.valid.eq(self.s_axis_tvalid & ~closed),
            arriving.i.payload.data.eq(self.s_axis_tdata),
            arriving.i.payload.last.eq(self.s_axis_tlast),
            self.s_axis_tready.eq(arriving.i.ready & ~closed),
            self.m_axis_tvalid.eq(leaving.o.valid),
            self.m_axis_tdata.eq(leaving.o.payload.data),
            self.m_axis_tlast.eq(leaving.o.payload.last),
            leaving.o.ready.eq(self.m_axis_tready),
        ]

    def _engines(self, m: Module, reset_work: Signal, receiver: Receiver, collector: Collector) -> None:
        """Instances, not submodules: identical engines are one module, synthesised once."""
        size = self.shape_.payload_bits
        for index in range(self.engines):
            # A clock behind that of the other parts: equal registers would be merged.
            reset = Signal(name=f"reset_{index}", init=1)
            m.d.sync += reset.eq(reset_work)
            inputs = {f"i_{name}": getattr(receiver, name) for name in ("data", "word", "facts", "flush")}
            bits = {f"i_{name}": getattr(receiver, name)[index] for name in ("allocate", "write", "done")}
            m.submodules[f"engine_{index}"] = Instance(
                ENGINE,
                i_clk=ClockSignal(),
                i_rst=reset,
                **inputs,
                **bits,
                i_o__ready=collector.ready[index],
                o_room=receiver.room[index],
                o_o__valid=collector.valid[index],
                o_o__payload=collector.payloads[index * size : (index + 1) * size],
            )

    def _events(
        self, m: Module, registers: Registers, receiver: Receiver, leaving: RegisterSlice, quiet: Signal
    ) -> None:
        """Events in the order of the counters' addresses."""
        done, dark = receiver.done.any(), receiver.facts.dark & ~receiver.facts.malformed
        stalled_in = self.s_axis_tvalid & ~self.s_axis_tready
        stalled_out = self.m_axis_tvalid & ~self.m_axis_tready
        # A beat offered through a soft reset may be taken after the counters were cleared: it is not counted.
        stale = Signal()
        with m.If(leaving.o.ready | ~leaving.o.valid):
            m.d.sync += stale.eq(0)
        with m.Elif(quiet):
            m.d.sync += stale.eq(1)
        delivered = leaving.o.valid & leaving.o.ready & ~stale & ~quiet
        events = Cat(
            done,
            delivered & leaving.o.payload.ends,
            receiver.short,
            receiver.long,
            done & dark,
            stalled_in,
            stalled_out,
            delivered & leaving.o.payload.last,
        )
        later = Signal(len(events))
        m.d.sync += later.eq(events)
        m.d.comb += registers.events.eq(later)
