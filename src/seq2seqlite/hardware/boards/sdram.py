"""Controller of an SDR SDRAM of 16 bits, with its initialisation: the memory of a front end."""

from dataclasses import dataclass
from math import ceil

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib.wiring import Component, In, Member, Out

from seq2seqlite.hardware.frontends.axi import axi_manager
from seq2seqlite.hardware.gateware.clock_domain import add_domain
from seq2seqlite.hardware.wire.memory_status import READY, STATUS_BITS

__all__ = ["ADDRESS_BITS", "DATA_BITS", "ROW_BYTES", "SDRAM", "Sdram", "SdramTiming", "sdram_pins"]

SDRAM = "seq2seqlite_sdram"
"""Name of the module."""
ROW_BITS, BANK_BITS, COLUMN_BITS = 13, 2, 9
ADDRESS_BITS = ROW_BITS + BANK_BITS + COLUMN_BITS + 1
"""Width of a byte address: 32 MiB."""
DATA_BITS = 32
"""Width of a beat: two words of the memory."""
ROW_BYTES = 2 << COLUMN_BITS
"""Bytes of a row, which a burst must not leave."""
WORD_BITS = 16
READ_CLOCKS = 4
"""Clock cycles from the issue of a read command until its first word is at ``dq_i``: the registers of the
commands here and at the pins, a CAS latency of 2, and the register of the data at the pins."""
MODE = 1 | 2 << 4
"""Mode register: bursts of two words, sequential, CAS latency 2."""
MODE_CLOCKS = 2
"""From loading the mode to the next command (tMRD)."""
BURST_BITS = 8
REFRESHES = 8
ALL_BANKS = 1 << 10

# RAS, CAS, WE, active high.
NOP, ACTIVATE, READ, WRITE, PRECHARGE, REFRESH, LOAD_MODE = 0b000, 0b100, 0b010, 0b011, 0b101, 0b110, 0b111


@dataclass(frozen=True)
class SdramTiming:
    """Times of a memory in clock cycles.

    Parameters
    ----------
    clock_mhz : float
        Frequency of the clock, at most 100 MHz (CAS latency 2).

    See Also
    --------
    Sdram : Controller of the memory.
    """

    clock_mhz: float

    def clocks(self, ns: float, /) -> int:
        """Return the clock cycles that last at least a time in ns."""
        return ceil(ns * self.clock_mhz / 1e3 - 1e-9)

    @property
    def startup(self) -> int:
        """Wait after power-on: 200 µs."""
        return self.clocks(200e3)

    @property
    def refresh_period(self) -> int:
        """Interval of refresh commands: 8192 in 64 ms."""
        return int(7800 * self.clock_mhz / 1e3)

    @property
    def refresh(self) -> int:
        """From a refresh command to the next command (tRFC)."""
        return self.clocks(66)

    @property
    def precharge(self) -> int:
        """From a precharge command to the next command (tRP)."""
        return self.clocks(21)

    @property
    def activate(self) -> int:
        """From an activate command to a read or write (tRCD)."""
        return self.clocks(21)

    @property
    def row(self) -> int:
        """From an activate command to a precharge (tRAS)."""
        return self.clocks(45)

    @property
    def write(self) -> int:
        """From the last word that is written to a precharge (tWR)."""
        return max(2, self.clocks(15))


def sdram_pins() -> dict[str, Member]:
    """Return the ports to the memory by name. They have registers at the pins in addition.

    ``dq_oe`` rises at least one clock cycle before the first word that is written.
    """
    return {
        "a": Out(ROW_BITS),
        "ba": Out(BANK_BITS),
        "ras_n": Out(1, init=1),
        "cas_n": Out(1, init=1),
        "we_n": Out(1, init=1),
        "dm": Out(2),
        "dq_o": Out(WORD_BITS),
        "dq_oe": Out(1),
        "dq_i": In(WORD_BITS),
    }


class _State:
    """Registers of the state machine: timers, and the burst in progress."""

    def __init__(self, timing: SdramTiming) -> None:
        self.command = Signal(3)
        self.wait = Signal(range(timing.startup + 1), init=timing.startup)  # until the next command
        self.row = Signal(range(timing.row + 1))  # until a precharge
        self.address, self.column = Signal(ADDRESS_BITS), Signal(COLUMN_BITS)
        self.left = Signal(BURST_BITS + 1)  # beats to read, minus 1
        self.second = Signal()  # whether the second word of a beat is next
        self.ready = self.wait == 0

    def issue(self, m: Module, code: int, *, then: int) -> None:
        """Issue a command; the next one follows after ``then`` clock cycles."""
        m.d.comb += self.command.eq(code)
        m.d.sync += self.wait.eq(then - 1)


class Sdram(Component):
    """Controller of an SDR SDRAM of 4 banks, 8192 rows and 512 columns of 16 bits.

    It performs one burst after another: activate, read or write, precharge. Reads and writes alternate if
    both wait. It initialises the memory after its reset by itself. Bursts are of type INCR, with the full
    width, and must not leave a row of 1024 bytes. The manager must accept data and responses at once.

    Parameters
    ----------
    timing : SdramTiming
        Times of the memory.

    Attributes
    ----------
    aclk, aresetn : Signal(1), in
        Clock, and synchronous active-low reset.
    s_axi_* : in, out
        AXI4 subordinate; see :func:`~seq2seqlite.hardware.frontends.axi.axi_manager`.
    status : Signal(32), out
        Status; see :mod:`~seq2seqlite.hardware.wire.memory_status`. The memory needs no training.
    a, ba, ras_n, cas_n, we_n, dm, dq_o, dq_oe, dq_i : out, in
        Memory; see :func:`sdram_pins`. Its chip select is low, its clock enable high.
    """

    def __init__(self, timing: SdramTiming) -> None:
        self.timing = timing
        manager = axi_manager(address_bits=ADDRESS_BITS, data_bits=DATA_BITS)
        super().__init__(
            {
                "aclk": In(1),
                "aresetn": In(1),
                **{f"s_axi_{name}": member.flip() for name, member in manager.items()},
                "status": Out(STATUS_BITS),
                **sdram_pins(),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the state machine, and the path of the data that is read."""
        m = Module()
        timing, state = self.timing, _State(self.timing)
        add_domain(m, self.aclk, self.aresetn)
        m.d.sync += [
            Cat(self.we_n, self.cas_n, self.ras_n).eq(~state.command),
            self.dq_oe.eq(0),
            self.dm.eq(0),
            self.a.eq(0),
        ]
        for timer in (state.wait, state.row):
            with m.If(timer != 0):
                m.d.sync += timer.eq(timer - 1)
        due = self._refreshes(m, issued=(state.command == REFRESH))
        with m.FSM():
            self._initialise(m, state)
            with m.State("IDLE"), m.If(state.ready):
                with m.If(due):
                    state.issue(m, REFRESH, then=timing.refresh)
                with m.Else():
                    self._choose(m, state)
            for name in ("WRITE", "READ"):
                with m.State(f"ACTIVATE_TO_{name}"):
                    self._activate(m, state)
                    m.d.sync += self.dq_oe.eq(name == "WRITE")
                    m.next = name
            with m.State("WRITE"):
                m.d.sync += self.dq_oe.eq(1)
                self._write(m, state)
            with m.State("READ"), m.If(state.ready):
                m.d.sync += state.second.eq(~state.second)
                with m.If(~state.second):
                    state.issue(m, READ, then=1)
                    m.d.sync += [self.a.eq(state.column), state.column.eq(state.column + 2)]
                    m.d.sync += state.left.eq(state.left - 1)
                with m.Elif(state.left[-1]):  # below 0
                    m.next = "CLOSE"
            with m.State("CLOSE"), m.If(state.ready & (state.row == 0)):
                state.issue(m, PRECHARGE, then=timing.precharge)
                m.d.sync += self.a.eq(ALL_BANKS)
                m.next = "IDLE"
        with m.If(self.s_axi_bvalid & self.s_axi_bready):
            m.d.sync += self.s_axi_bvalid.eq(0)
        self._read(m, state.command == READ, state.left == 0)
        return m

    def _initialise(self, m: Module, state: "_State") -> None:
        """Build the states after a reset: all banks are closed, refreshed, and the mode is loaded."""
        timing, refreshes = self.timing, Signal(range(REFRESHES))
        with m.State("POWER_ON"), m.If(state.ready):
            state.issue(m, PRECHARGE, then=timing.precharge)
            m.d.sync += self.a.eq(ALL_BANKS)
            m.next = "INITIAL_REFRESH"
        with m.State("INITIAL_REFRESH"), m.If(state.ready):
            state.issue(m, REFRESH, then=timing.refresh)
            m.d.sync += refreshes.eq(refreshes + 1)
            with m.If(refreshes == REFRESHES - 1):
                m.next = "LOAD_MODE"
        with m.State("LOAD_MODE"), m.If(state.ready):
            state.issue(m, LOAD_MODE, then=MODE_CLOCKS)
            m.d.sync += [self.a.eq(MODE), self.ba.eq(0), self.status.eq(READY)]
            m.next = "IDLE"

    def _choose(self, m: Module, state: "_State") -> None:
        """Accept the address of a burst; a write after a read if both wait, and the other way round."""
        prefers_write = Signal()
        with m.If(self.s_axi_awvalid & (prefers_write | ~self.s_axi_arvalid)):
            m.d.comb += self.s_axi_awready.eq(1)
            m.d.sync += [state.address.eq(self.s_axi_awaddr), prefers_write.eq(0)]
            m.next = "ACTIVATE_TO_WRITE"
        with m.Elif(self.s_axi_arvalid):
            m.d.comb += self.s_axi_arready.eq(1)
            m.d.sync += [state.address.eq(self.s_axi_araddr), prefers_write.eq(1)]
            m.d.sync += state.left.eq(self.s_axi_arlen)
            m.next = "ACTIVATE_TO_READ"

    def _activate(self, m: Module, state: "_State") -> None:
        """Open the row of the burst."""
        state.issue(m, ACTIVATE, then=self.timing.activate)
        m.d.sync += [
            self.a.eq(state.address[-ROW_BITS:]),
            self.ba.eq(state.address[1 + COLUMN_BITS :]),
            state.column.eq(state.address[1:]),
            state.row.eq(self.timing.row - 1),
            state.second.eq(0),
        ]

    def _refreshes(self, m: Module, *, issued: Value) -> Value:
        """Count the refreshes that are due, which wait for the end of a burst; return whether one is."""
        period, due = Signal(range(self.timing.refresh_period)), Signal(range(REFRESHES + 1))
        another = period == 0
        m.d.sync += period.eq(Mux(another, self.timing.refresh_period - 1, period - 1))
        m.d.sync += due.eq(due + (another & (due != REFRESHES)) - (issued & (due != 0)))
        return due != 0

    def _write(self, m: Module, state: "_State") -> None:
        """Write two words for each beat, and respond after the last one."""
        second = state.second
        half = Mux(second, self.s_axi_wdata[WORD_BITS:], self.s_axi_wdata[:WORD_BITS])
        strobes = Mux(second, self.s_axi_wstrb[2:], self.s_axi_wstrb[:2])
        with m.If(state.ready & self.s_axi_wvalid):
            m.d.sync += [self.dq_o.eq(half), self.dm.eq(~strobes), second.eq(~second)]
            with m.If(~second):
                state.issue(m, WRITE, then=1)
                m.d.sync += [self.a.eq(state.column), state.column.eq(state.column + 2)]
            with m.Else():
                m.d.comb += self.s_axi_wready.eq(1)
                with m.If(self.s_axi_wlast):
                    m.d.sync += self.s_axi_bvalid.eq(1)
                    state.issue(m, NOP, then=self.timing.write)
                    m.next = "CLOSE"

    def _read(self, m: Module, starts: Value, last: Value) -> None:
        """Build the pipeline of the beats that are read."""
        begun, ends = Signal(READ_CLOCKS + 1), Signal(READ_CLOCKS + 1)
        low = Signal(WORD_BITS)
        m.d.sync += [
            begun.eq(Cat(starts, begun)),
            ends.eq(Cat(starts & last, ends)),
            low.eq(self.dq_i),
            self.s_axi_rvalid.eq(begun[READ_CLOCKS]),
            self.s_axi_rlast.eq(ends[READ_CLOCKS]),
            self.s_axi_rdata.eq(Cat(low, self.dq_i)),
        ]
