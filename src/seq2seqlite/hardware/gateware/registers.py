"""The AXI4-Lite registers of a design."""

from amaranth.hdl import Cat, Const, Module, Signal, Value
from amaranth.lib.wiring import Component, In, Member, Out

from seq2seqlite.integer import Program

__all__ = ["COUNTERS", "REGISTERS", "Registers", "axi_lite"]

ID = 0x53325351
VERSION = 1
RESET_CLOCKS = 24
SETTLING_CLOCKS = 4
"""Clocks between the end of the engines' reset and the first beat that is taken again."""
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
    """Settings, counters and the soft reset.

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
                "reset": Out(1),
                "quiet": Out(1),  # nothing is taken: from before the reset until after it
                "frame_pixels": Out(32),
                "min_photons": Out(32),
                "flush_clocks": Out(32, init=DEFAULT_FLUSH_CLOCKS),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Return the registers behind the bus."""
        m = Module()
        resetting, asks_reset = Signal(range(RESET_CLOCKS + 1)), Signal()
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
        for index, counter in enumerate(counters.values()):
            with m.If(self.reset):
                m.d.sync += counter.eq(0)
            with m.Elif(self.events[index] & ~counter[32]):
                m.d.sync += counter.eq(counter + 1)
        digest = self.program.sha256
        shape = self.program.n_gates | self.program.units << 16 | self.engines << 24
        constants = {
            "ID": ID,
            "VERSION": VERSION,
            "HASH0": int(digest[:8], 16),
            "HASH1": int(digest[8:16], 16),
            "SHAPE": shape,
        }
        shown = {name: counter[:32] | counter[32].replicate(32) for name, counter in counters.items()}
        self._read(m, {name: Const(value, 32) for name, value in constants.items()} | writable | shown)
        return m

    def _write(self, m: Module, writable: dict[str, Signal], asks_reset: Signal) -> None:
        """Take address and data together, write a clock later, then answer."""
        takes, taken = Signal(), Signal()
        address, data = Signal(6, reset_less=True), Signal(32, reset_less=True)
        strobes = Signal(4, reset_less=True)
        m.d.comb += [
            takes.eq(self.awvalid & self.wvalid & ~self.bvalid & ~taken),
            self.awready.eq(takes),
            self.wready.eq(takes),
        ]
        m.d.sync += taken.eq(takes)
        with m.If(takes):
            m.d.sync += [address.eq(self.awaddr[2:]), data.eq(self.wdata), strobes.eq(self.wstrb)]
        with m.If(taken):
            m.d.sync += self.bvalid.eq(1)
            mask = Cat(*(strobe.replicate(8) for strobe in strobes))
            with m.Switch(address):
                for name, register in writable.items():
                    with m.Case(REGISTERS[name] >> 2):
                        m.d.sync += register.eq((data & mask) | (register & ~mask))
                with m.Case(REGISTERS["CONTROL"] >> 2):
                    m.d.comb += asks_reset.eq(data[0] & strobes[0])
        with m.Elif(self.bready):
            m.d.sync += self.bvalid.eq(0)

    def _read(self, m: Module, readable: dict[str, Value]) -> None:
        """Take the address, look the register up a clock later, and answer."""
        takes, taken = Signal(), Signal()
        address = Signal(6, reset_less=True)
        m.d.comb += [takes.eq(self.arvalid & ~self.rvalid & ~taken), self.arready.eq(takes)]
        m.d.sync += taken.eq(takes)
        with m.If(takes):
            m.d.sync += address.eq(self.araddr[2:])
        with m.If(taken):
            m.d.sync += self.rvalid.eq(1)
            with m.Switch(address):
                for name, value in readable.items():
                    with m.Case(REGISTERS[name] >> 2):
                        m.d.sync += self.rdata.eq(value)
                with m.Default():
                    m.d.sync += self.rdata.eq(0)
        with m.Elif(self.rready):
            m.d.sync += self.rvalid.eq(0)
