"""CSRs (control and status registers) of a design, accessed over AXI4-Lite."""

from amaranth.hdl import Const, Module, Signal, Value
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.gateware.axi_lite import accept_writes, answer_reads, axi_lite
from seq2seqlite.hardware.gateware.parameters import Shape, tau_fraction_bits
from seq2seqlite.hardware.gateware.pipeline import delayed
from seq2seqlite.hardware.gateware.response_bank import INDEX_BITS, load_status

__all__ = ["COUNTERS", "LOADING", "REGISTERS", "Registers", "counters"]

ID = 0x53325351
VERSION = 2
RESET_CLOCKS = 24
"""Clock cycles of the reset sequence."""
SETTLING_CLOCKS = 4
"""Clock cycles between the end of the engine reset and the first beat that is accepted."""
DEFAULT_FLUSH_CLOCKS = 65536
REGISTERS = {
    "ID": 0x00,
    "VERSION": 0x04,
    "HASH0": 0x08,
    "HASH1": 0x0C,
    "SHAPE": 0x10,
    "CONTROL": 0x14,
    "FRAME_PIXELS": 0x18,
    "MIN_PHOTONS": 0x1C,
    "FLUSH_CLOCKS": 0x20,
    "PIXELS_IN": 0x24,
    "PIXELS_OUT": 0x28,
    "SHORT_PACKETS": 0x2C,
    "LONG_PACKETS": 0x30,
    "DARK_PIXELS": 0x34,
    "STALLED_IN": 0x38,
    "STALLED_OUT": 0x3C,
    "FRAMES_OUT": 0x40,
    "CAPABILITIES": 0x44,
    "WIDTHS": 0x48,
    "CODES": 0x4C,
    "NO_RESPONSE": 0x50,
    "RESPONSE_BASE": 0x54,
    "RESPONSE_OPEN": 0x58,
    "RESPONSE_WORD": 0x5C,
    "RESPONSE_COMPLETE": 0x60,
    "RESPONSE_STATUS": 0x64,
}
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
LOADING = {"open": "RESPONSE_OPEN", "write": "RESPONSE_WORD", "complete": "RESPONSE_COMPLETE"}
"""CSRs whose writes are passed on as strobes, by the name of the strobe; only with responses."""


def counters(shape: Shape, /) -> tuple[str, ...]:
    """Return the names of the CSRs of a design that count events."""
    return (*COUNTERS, "NO_RESPONSE") if shape.responses else COUNTERS


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
                "flush_clocks": Out(32, init=DEFAULT_FLUSH_CLOCKS),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the CSRs, the event counters and the bus interface."""
        m = Module()
        resetting, reset_request = Signal(range(RESET_CLOCKS + 1), init=RESET_CLOCKS), Signal()
        frame_pixels = Signal(32)
        writable = {
            "FRAME_PIXELS": frame_pixels,
            "MIN_PHOTONS": self.min_photons,
            "FLUSH_CLOCKS": self.flush_clocks,
        }
        if self.shape_.responses:
            writable["RESPONSE_BASE"] = self.response_base
        self._write(m, writable, reset_request)
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
        constants = {name: Const(value, 32) for name, value in self._constants().items()}
        status = {"RESPONSE_STATUS": self.load_status} if self.shape_.responses else {}
        readable = constants | writable | counts | status
        answer_reads(m, self, {REGISTERS[name]: Value.cast(value) for name, value in readable.items()})
        return m

    def _constants(self) -> dict[str, int]:
        """Return the CSRs that describe the design."""
        shape, program = self.shape_, self.shape_.program
        digest, response = program.sha256, program.formats.response
        direct = shape.direct is not None
        columns = program.n_columns | (0 if response is None else response.bits) << 8
        return {
            "ID": ID,
            "VERSION": VERSION,
            "HASH0": int(digest[:8], 16),
            "HASH1": int(digest[8:16], 16),
            "SHAPE": program.n_gates | program.units << 16 | self.engines << 24,
            "CAPABILITIES": int(shape.output == "sfd") | direct << 1 | (shape.responses > 0) << 2,
            "WIDTHS": shape.lanes | self.result_width << 8 | shape.record_bits << 16,
            "CODES": tau_fraction_bits(program) | shape.responses << 8 | columns << 16,
        }

    def _write(self, m: Module, writable: dict[str, Signal], reset_request: Signal) -> None:
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
