"""CSRs (control and status registers) of a design, accessed over AXI4-Lite."""

from amaranth.hdl import Cat, Const, Module, Signal, Value
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.gateware import register_map
from seq2seqlite.hardware.gateware.axi_lite import Writes, accept_writes, answer_reads, axi_lite
from seq2seqlite.hardware.gateware.parameters import Shape
from seq2seqlite.hardware.gateware.pipeline import delayed
from seq2seqlite.hardware.gateware.response_bank import INDEX_BITS, load_status

__all__ = ["COUNTERS", "LOADING", "REGISTERS", "Registers", "counters"]

RESET_CLOCKS = 24
"""Clock cycles of the reset sequence."""
SETTLING_CLOCKS = 4
"""Clock cycles between the end of the engine reset and the first beat that is accepted."""
REGISTERS = {register.name: register.address for register in register_map.REGISTERS}
"""Byte addresses of the CSRs, as specified in docs/spec/hardware.md."""
COUNTERS = (
    "PIXELS_IN",
    "PIXELS_OUT",
    "SHORT_PACKETS",
    "LONG_PACKETS",
    "DARK_PIXELS",
    "STALLED_IN",
    "STALLED_OUT",
    "FRAMES_OUT",
)
"""CSRs that count events, in every design."""
INSIDE_BITS = 20
"""Width of the number of pixels in a design, which is less than 2,000 for each engine."""
LOADING = {"open": "RESPONSE_OPEN", "write": "RESPONSE_WORD", "complete": "RESPONSE_COMPLETE"}
"""CSRs whose writes are passed on as strobes, by the name of the strobe; only with responses."""


def counters(shape: Shape, /) -> tuple[str, ...]:
    """Return the names of the CSRs of a design that count events."""
    of_responses = ("NO_RESPONSE",) if shape.responses else ()
    of_sequence_numbers = ("MISSING_PIXELS", "LATE_PACKETS") if shape.sequence_numbers else ()
    return (*COUNTERS, *of_responses, *of_sequence_numbers)


class Registers(Component):
    """CSRs, and the reset sequence of the engines and counters (domain ``work``).

    A write to ``CONTROL`` and ``aresetn`` start the same sequence: the reset passes through an engine in a
    chain of registers, which takes longer than the two clock cycles that ``aresetn`` may be low.

    Parameters
    ----------
    shape : Shape
        Parameters of an engine, some of which are readable over AXI4-Lite.
    engines : int
        Number of engines.
    result_width : int
        Width of an output beat.

    Attributes
    ----------
    aw*, w*, b*, ar*, r* : in, out
        AXI4-Lite subordinate. One access is in progress at a time; a read or write takes a few clock cycles.
    events : Signal(len(counters(shape))), in
        One strobe per counter, in the order of :func:`counters`. Counted two clock cycles later; counters
        saturate.
    reset : Signal(1), out
        Reset of the engines and counters.
    quiet : Signal(1), out
        High from the start of the reset sequence to its end: no beat is accepted or delivered.
    frame_pixels : Signal(32), out
        Pixels of a frame. A new value takes effect with the next soft reset.
    min_photons : Signal(32), out
        Pixels with fewer counts are flagged as below threshold.
    flush_clocks : Signal(32), out
        Idle clock cycles after which an incomplete batch is started; 0: never.
    response_base : Signal(6), out
        Value to be added to the index of the response of each packet. This and the following ports belong to
        designs with responses.
    open, write, complete : Signal(1), out
        Strobes of writes to the CSRs of ``LOADING``, with the ``value`` that was written.
    load_status : Signal(load_status()), in
        Value of ``RESPONSE_STATUS``.
    irq : Signal(1), out
        High while an interrupt is pending that is enabled.
    """

    def __init__(self, shape: Shape, engines: int, result_width: int) -> None:
        self.shape_, self.engines, self.result_width = shape, engines, result_width
        loading = {
            "response_base": Out(INDEX_BITS),
            **{name: Out(1) for name in LOADING},
            "value": Out(32),
            "load_status": In(load_status()),
        }
        super().__init__(
            {
                **axi_lite(),
                **(loading if shape.responses else {}),
                "events": In(len(counters(shape))),
                "reset": Out(1, init=1),
                "quiet": Out(1, init=1),
                "frame_pixels": Out(32),
                "min_photons": Out(32),
                "irq": Out(1),
                "flush_clocks": Out(32, init=register_map.DEFAULT_FLUSH_CLOCKS),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the CSRs, the event counters and the bus interface."""
        m = Module()
        resetting, reset_request = Signal(range(RESET_CLOCKS + 1), init=RESET_CLOCKS), Signal()
        frame_pixels, enabled = Signal(32), Signal(len(register_map.INTERRUPTS))
        writable = {
            "FRAME_PIXELS": frame_pixels,
            "MIN_PHOTONS": self.min_photons,
            "FLUSH_CLOCKS": self.flush_clocks,
            "INTERRUPT_ENABLE": enabled,
        }
        if self.shape_.responses:
            writable["RESPONSE_BASE"] = self.response_base
        writes = self._write(m, writable, reset_request)
        with m.If(reset_request):
            m.d.sync += [resetting.eq(RESET_CLOCKS), self.frame_pixels.eq(frame_pixels)]
        with m.Elif(resetting != 0):
            m.d.sync += resetting.eq(resetting - 1)
        m.d.sync += [
            self.reset.eq(resetting > SETTLING_CLOCKS),
            self.quiet.eq(reset_request | (resetting != 0)),
        ]
        # An extra bit marks a saturated counter, which avoids a wide AND in front of the carry chain.
        counts = {name: Signal(33, name=name.lower()) for name in counters(self.shape_)}
        events = delayed(m, self.events, 1, name="events")
        for index, counter in enumerate(counts.values()):
            with m.If(events[index] & ~counter[32]):
                m.d.work += counter.eq(counter + 1)
        status = {"STATUS": self._idle(m, events), "INTERRUPTS": self._interrupts(m, writes, events, enabled)}
        described = register_map.constants(self.shape_, self.engines, self.result_width)
        constants = {name: Const(value, 32) for name, value in described.items()}
        if self.shape_.responses:
            status["RESPONSE_STATUS"] = self.load_status
        readable = constants | writable | counts | status
        answer_reads(m, self, {REGISTERS[name]: Value.cast(value) for name, value in readable.items()})
        return m

    def _idle(self, m: Module, events: Value) -> Signal:
        """Return whether every packet that was counted has been delivered."""
        inside, idle = Signal(INSIDE_BITS), Signal(init=1)
        received, delivered = (events[COUNTERS.index(name)] for name in ("PIXELS_IN", "PIXELS_OUT"))
        m.d.work += [inside.eq(inside + received - delivered), idle.eq(inside == 0)]
        return idle

    def _interrupts(self, m: Module, writes: Writes, events: Value, enabled: Signal) -> Signal:
        """Return the pending interrupts, and build the output that they raise."""
        pending, cleared = Signal(len(enabled)), Signal(len(enabled))
        frame, short, long = (
            events[COUNTERS.index(name)] for name in ("FRAMES_OUT", "SHORT_PACKETS", "LONG_PACKETS")
        )
        with m.If(writes.at(REGISTERS["INTERRUPTS"], name="INTERRUPTS")):
            m.d.comb += cleared.eq(writes.over(Const(0, 32)))
        m.d.work += pending.eq((pending & ~cleared) | Cat(frame, short | long))
        m.d.sync += self.irq.eq((pending & enabled).any())
        return pending

    def _write(self, m: Module, writable: dict[str, Signal], reset_request: Signal) -> Writes:
        """Build the write channels, and what they write."""
        writes = accept_writes(m, self)
        for name, register in writable.items():
            with m.If(writes.at(REGISTERS[name], name=name)):
                m.d.sync += register.eq(writes.over(register))
        if self.shape_.responses:
            # Bytes without their strobe count as 0.
            m.d.sync += self.value.eq(writes.over(Const(0, 32)))
            for port, name in LOADING.items():
                m.d.sync += getattr(self, port).eq(writes.at(REGISTERS[name], name=name))
        control = writes.decode & (writes.address == REGISTERS["CONTROL"] >> 2)
        m.d.sync += reset_request.eq(control & writes.over(Const(0, 32))[0])
        return writes
