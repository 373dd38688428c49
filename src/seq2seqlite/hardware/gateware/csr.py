"""The AXI4-Lite registers of a design."""

from amaranth.hdl import Array, Cat, Const, Module, Signal, Value
from amaranth.lib.wiring import Component, In, Member, Out

from seq2seqlite.hardware.gateware.register_slices import RegisterSlice
from seq2seqlite.hardware.gateware.serial_arithmetic import delayed
from seq2seqlite.integer import Program

__all__ = ["COUNTERS", "REGISTERS", "Registers", "axi_lite"]

ID = 0x53325351
VERSION = 1
RESET_CLOCKS = 24
SETTLING_CLOCKS = 4
"""Clocks between the end of the engines' reset and the first beat that is taken again."""
DEFAULT_FLUSH_CLOCKS = 65536
GROUP = 4
"""Registers that a read chooses among in a clock."""
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
}
"""Addresses, as docs/spec/hardware.md has them."""
COUNTERS = tuple(name for name, address in REGISTERS.items() if address >= REGISTERS["PIXELS_IN"])
"""Registers that count events."""


def axi_lite() -> dict[str, Member]:
    """Return the members of an AXI4-Lite subordinate, as ports without prefix."""
    return {
        "awaddr": In(8),
        "awvalid": In(1),
        "awready": Out(1),
        "wdata": In(32),
        "wstrb": In(4),
        "wvalid": In(1),
        "wready": Out(1),
        "bresp": Out(2),
        "bvalid": Out(1),
        "bready": In(1),
        "araddr": In(8),
        "arvalid": In(1),
        "arready": Out(1),
        "rdata": Out(32),
        "rresp": Out(2),
        "rvalid": Out(1),
        "rready": In(1),
    }


class Registers(Component):
    """CSRs, and the reset sequence of the engines and counters (domain ``work``).

    A write to ``CONTROL`` and ``aresetn`` start the same sequence: resets travel down an engine in registers,
    which takes longer than the two clock cycles that ``aresetn`` may be low.

    Parameters
    ----------
    program : Program
        Whose hash and shape it tells.
    engines : int
        Number of engines.
    """

    def __init__(self, program: Program, engines: int) -> None:
        self.program, self.engines = program, engines
        super().__init__(
            {
                **axi_lite(),
                "events": In(len(COUNTERS)),
                "reset": Out(1, init=1),
                "quiet": Out(1, init=1),  # nothing is taken: from before the reset until after it
                "frame_pixels": Out(32),
                "min_photons": Out(32),
                "flush_clocks": Out(32, init=DEFAULT_FLUSH_CLOCKS),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Return the registers behind the bus."""
        m = Module()
        resetting, asks_reset = Signal(range(RESET_CLOCKS + 1), init=RESET_CLOCKS), Signal()
        frame_pixels = Signal(32)
        writable = {
            "FRAME_PIXELS": frame_pixels,
            "MIN_PHOTONS": self.min_photons,
            "FLUSH_CLOCKS": self.flush_clocks,
        }
        self._write(m, writable, asks_reset)
        with m.If(asks_reset):
            m.d.sync += [resetting.eq(RESET_CLOCKS), self.frame_pixels.eq(frame_pixels)]
        with m.Elif(resetting != 0):
            m.d.sync += resetting.eq(resetting - 1)
        m.d.sync += [
            self.reset.eq(resetting > SETTLING_CLOCKS),
            self.quiet.eq(asks_reset | (resetting != 0)),
        ]
        # One bit more says that a counter is full: no long AND in front of the carry chain.
        counters = {name: Signal(33, name=name.lower()) for name in COUNTERS}
        events = delayed(m, self.events, 1, name="events")
        for index, counter in enumerate(counters.values()):
            with m.If(events[index] & ~counter[32]):
                m.d.work += counter.eq(counter + 1)
        digest = self.program.sha256
        shape = self.program.n_gates | self.program.units << 16 | self.engines << 24
        constants = {
            "ID": ID,
            "VERSION": VERSION,
            "HASH0": int(digest[:8], 16),
            "HASH1": int(digest[8:16], 16),
            "SHAPE": shape,
        }
        self._read(m, {name: Const(value, 32) for name, value in constants.items()} | writable | counters)
        return m

    def _write(self, m: Module, writable: dict[str, Signal], asks_reset: Signal) -> None:
        """Take address and data together, find the register, write, answer: a clock each."""
        m.submodules.aw, m.submodules.w = at, words = RegisterSlice(6), RegisterSlice(36)
        m.d.comb += [
            at.i.valid.eq(self.awvalid),
            at.i.payload.eq(self.awaddr[2:]),
            self.awready.eq(at.i.ready),
            words.i.valid.eq(self.wvalid),
            words.i.payload.eq(Cat(self.wdata, self.wstrb)),
            self.wready.eq(words.i.ready),
        ]
        finds, writes, answers = Signal(), Signal(), Signal()
        m.d.comb += [
            finds.eq(at.o.valid & words.o.valid & ~writes & ~answers & ~self.bvalid),
            at.o.ready.eq(writes),
            words.o.ready.eq(writes),
        ]
        m.d.sync += [writes.eq(finds), answers.eq(writes)]
        data, strobes = words.o.payload[:32], words.o.payload[32:]
        mask = Cat(*(strobe.replicate(8) for strobe in strobes))
        for name, register in writable.items():
            found = Signal(name=f"writes_{name.lower()}")
            m.d.sync += found.eq(finds & (at.o.payload == REGISTERS[name] >> 2))
            with m.If(found):
                m.d.sync += register.eq((data & mask) | (register & ~mask))
        control = finds & (at.o.payload == REGISTERS["CONTROL"] >> 2)
        m.d.sync += asks_reset.eq(control & data[0] & strobes[0])
        with m.If(answers):
            m.d.sync += self.bvalid.eq(1)
        with m.Elif(self.bready):
            m.d.sync += self.bvalid.eq(0)

    def _read(self, m: Module, readable: dict[str, Value]) -> None:
        """Look up by the low part of the address, then by the rest, and answer: a clock each."""
        m.submodules.ar = at = RegisterSlice(6)
        seeks, found = Signal(), Signal()
        m.d.comb += [
            at.i.valid.eq(self.arvalid),
            at.i.payload.eq(self.araddr[2:]),
            self.arready.eq(at.i.ready),
            seeks.eq(at.o.valid & ~found & ~self.rvalid),
            at.o.ready.eq(found),
        ]
        rest = Signal(range(2 ** len(at.o.payload) // GROUP))
        m.d.sync += [found.eq(seeks), rest.eq(at.o.payload // GROUP)]
        values = {REGISTERS[name] >> 2: value for name, value in readable.items()}
        groups = []
        for group in range(max(values) // GROUP + 1):
            chosen = Signal(33, name=f"group_{group}", reset_less=True)
            members = Array(values.get(group * GROUP + index, Const(0, 32)) for index in range(GROUP))
            m.d.sync += chosen.eq(members[at.o.payload % GROUP])
            groups.append(chosen)
        with m.If(found):
            m.d.sync += [self.rvalid.eq(1), self.rdata.eq(0)]
            with m.Switch(rest):
                for group, chosen in enumerate(groups):
                    with m.Case(group):
                        # A counter that is full shows all ones.
                        m.d.sync += self.rdata.eq(chosen[:32] | chosen[32].replicate(32))
        with m.Elif(self.rready):
            m.d.sync += self.rvalid.eq(0)
