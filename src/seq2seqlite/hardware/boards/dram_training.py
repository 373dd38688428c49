"""Sequencer that initialises a DDR3 memory behind LiteDRAM and trains its delays, without a processor."""

from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.boards.dram_program import SECTIONS, WORD_BITS, Op, Step, TrainingProgram
from seq2seqlite.hardware.gateware.clock_domain import add_domain
from seq2seqlite.hardware.wire.memory_status import BITSLIP_BITS, DELAY_BITS, PASSING_BITS, STATUS_BITS

__all__ = ["CSR_ADDRESS_BITS", "DRAM_TRAINING", "DramTraining"]

DRAM_TRAINING = "seq2seqlite_dram_training"
"""Name of the module."""
CSR_ADDRESS_BITS = 14
"""Width of a word address of LiteX's CSR bus."""
SHORTEST_WINDOW = 2
"""Settings in a row that must pass: at an edge of a window, a setting may pass once and fail later."""
ATTEMPTS = 8
"""Attempts to apply the chosen setting, whose effect may depend on the moment at which it is applied."""
WAIT_BITS = 20


@dataclass(frozen=True)
class _Lane:
    """Registers of a byte lane: row of passing settings, longest row, its middle, and passing settings."""

    row: Signal
    best: Signal
    delay: Signal
    bitslip: Signal
    passing: Signal


class _Section:
    """Registers and strobes of the section in execution."""

    def __init__(self, program: TrainingProgram) -> None:
        self.entries: dict[str, int] = {}
        steps: list[Step] = []
        for name in SECTIONS:
            self.entries[name] = len(steps)
            steps += [*program.sections[name], Step(Op.END)]
        layout = data.StructLayout({"op": 3, "address": CSR_ADDRESS_BITS, "value": WORD_BITS})
        init = [{"op": step.op, "address": step.address, "value": step.value} for step in steps]
        self.memory = Memory(shape=layout, depth=len(init), init=init)
        self.start, self.entry = Signal(), Signal(range(len(steps)))
        self.done = Signal()
        self.lanes = Signal(program.lanes)  # that are being set
        self.passes = Signal(program.lanes)  # in the last test

    def run(self, m: Module, name: str) -> Value:
        """Run a section in the present state; return the strobe of its end."""
        m.d.comb += [self.start.eq(1), self.entry.eq(self.entries[name])]
        return self.done


class _Search:
    """Registers of the search: the present setting, and the byte lanes."""

    def __init__(self, program: TrainingProgram) -> None:
        self.delay, self.bitslip = Signal(range(program.delays)), Signal(range(program.bitslips))
        self.lane, self.attempts = Signal(range(max(2, program.lanes))), Signal(range(ATTEMPTS))
        widths = {
            "row": DELAY_BITS + 1,
            "best": DELAY_BITS + 1,
            "delay": DELAY_BITS,
            "bitslip": BITSLIP_BITS,
            "passing": PASSING_BITS,
        }
        self.lanes = [
            _Lane(**{name: Signal(bits, name=f"{name}_{index}") for name, bits in widths.items()})
            for index in range(program.lanes)
        ]


class DramTraining(Component):
    """Sequencer of a DDR3 memory.

    After the reset it initialises the memory, then tests all bitslips and delays for all byte lanes together.
    For each byte lane it chooses the middle of the longest row of delays that pass with one bitslip (the
    first one of several), applies it and tests the memory again. It has failed if no row has two settings, or
    the last test fails each time. Then the controller does not get the memory.

    Parameters
    ----------
    program : TrainingProgram
        Steps of the memory, and the numbers of its settings.

    Attributes
    ----------
    aclk, aresetn : Signal(1), in
        Clock, and synchronous active-low reset.
    csr_adr, csr_we, csr_re, csr_dat_w, csr_dat_r : out, out, out, out, in
        Manager of LiteX's CSR bus: a write takes one clock cycle, data is read in the next one.
    status : Signal(32), out
        State and result; see :mod:`~seq2seqlite.hardware.wire.memory_status`.
    """

    def __init__(self, program: TrainingProgram) -> None:
        self.program = program
        super().__init__(
            {
                "aclk": In(1),
                "aresetn": In(1),
                "csr_adr": Out(CSR_ADDRESS_BITS),
                "csr_we": Out(1),
                "csr_re": Out(1),
                "csr_dat_w": Out(WORD_BITS),
                "csr_dat_r": In(WORD_BITS),
                "status": Out(STATUS_BITS),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the execution of a section, and the search that runs the sections."""
        m = Module()
        add_domain(m, self.aclk, self.aresetn)
        section = _Section(self.program)
        self._execute(m, section)
        self._search(m, section)
        return m

    def _execute(self, m: Module, section: _Section) -> None:
        """Build the state machine of the steps."""
        m.submodules.memory = section.memory
        reader = section.memory.read_port()
        at, wait, step = Signal.like(section.entry), Signal(WAIT_BITS), reader.data
        m.d.comb += [
            reader.addr.eq(at),
            self.csr_adr.eq(step.address),
            self.csr_dat_w.eq(Mux(step.op == Op.WRITE_LANES, section.lanes, step.value)),
        ]
        with m.FSM():
            with m.State("IDLE"), m.If(section.start):
                m.d.sync += [at.eq(section.entry), section.passes.eq(-1)]
                m.next = "FETCH"
            with m.State("FETCH"):
                m.next = "EXECUTE"
            with m.State("EXECUTE"):
                m.d.sync += [at.eq(at + 1), wait.eq(step.value)]
                m.next = "FETCH"
                with m.Switch(step.op):
                    with m.Case(Op.WRITE, Op.WRITE_LANES):
                        m.d.comb += self.csr_we.eq(1)
                    with m.Case(Op.WAIT):
                        m.next = "WAIT"
                    with m.Case(Op.CHECK, Op.DETECT):
                        m.d.sync += at.eq(at)
                        m.d.comb += self.csr_re.eq(1)
                        m.next = "COMPARE"
                    with m.Default():
                        m.d.comb += section.done.eq(1)
                        m.next = "IDLE"
            with m.State("WAIT"):
                m.d.sync += wait.eq(wait - 1)
                with m.If(wait == 0):
                    m.next = "FETCH"
            with m.State("COMPARE"):
                m.d.sync += at.eq(at + 1)
                m.d.sync += section.passes.eq(section.passes & self._passing(step))
                m.next = "FETCH"

    def _passing(self, step: data.View) -> Value:
        """Return the byte lanes whose part of a word that is read is right."""
        lanes, found = self.program.lanes, self.csr_dat_r
        equal = [found.word_select(i, 8) == step.value.word_select(i, 8) for i in range(WORD_BITS // 8)]
        checked = Cat(Cat(equal[lane::lanes]).all() for lane in range(lanes))
        return Mux(step.op == Op.DETECT, found[:lanes], checked)

    def _search(self, m: Module, section: _Section) -> None:
        """Build the state machine of the training, and the status."""
        search, ready, failed = _Search(self.program), Signal(), Signal()
        results = [Cat(one.delay, one.bitslip, one.passing, Const(0, 1)) for one in search.lanes]
        m.d.comb += self.status.eq(Cat(ready, failed, Const(0, 6), *results))
        with m.FSM():
            self._scan(m, section, search)
            self._apply(m, section, search)
            with m.State("FINISH"), m.If(section.run(m, "finish")):
                m.next = "READY"
            with m.State("READY"):
                m.d.sync += ready.eq(1)
            with m.State("FAILED"):
                m.d.sync += failed.eq(1)

    def _scan(self, m: Module, section: _Section, search: _Search) -> None:
        """Build the states that initialise the memory and test all settings."""
        program, delay, bitslip = self.program, search.delay, search.bitslip
        with m.State("INITIALISE"), m.If(section.run(m, "initialise")):
            m.d.sync += section.lanes.eq(-1)
            m.next = "RESET"
        with m.State("RESET"), m.If(section.run(m, "reset")):
            m.next = "TEST"
        with m.State("TEST"), m.If(section.run(m, "test")):
            m.next = "JUDGE"
        with m.State("JUDGE"):
            for one, passes in zip(search.lanes, section.passes, strict=True):
                self._judge(m, one, passes, delay, bitslip)
            m.next = "DELAY"
            with m.If(delay == program.delays - 1):
                m.next = "BITSLIP"
                with m.If(bitslip == program.bitslips - 1):
                    m.next = "DECIDE"
        with m.State("DELAY"), m.If(section.run(m, "delay")):
            m.d.sync += delay.eq(delay + 1)
            m.next = "TEST"
        with m.State("BITSLIP"), m.If(section.run(m, "bitslip")):
            m.d.sync += [delay.eq(0), bitslip.eq(bitslip + 1)]
            m.next = "TEST"
        with m.State("DECIDE"):
            m.next = "APPLY"
            with m.If(~Cat(one.best >= SHORTEST_WINDOW for one in search.lanes).all()):
                m.next = "FAILED"

    def _apply(self, m: Module, section: _Section, search: _Search) -> None:
        """Build the states that apply the chosen settings, one byte lane after another, and test them."""
        delay, bitslip, lane, attempts = search.delay, search.bitslip, search.lane, search.attempts
        with m.State("APPLY"):
            m.d.sync += section.lanes.eq(1 << lane)
            with m.Switch(lane):
                for index, one in enumerate(search.lanes):
                    with m.Case(index):
                        m.d.sync += [delay.eq(one.delay), bitslip.eq(one.bitslip)]
            m.next = "APPLY_RESET"
        with m.State("APPLY_RESET"), m.If(section.run(m, "reset")):
            m.next = "APPLY_BITSLIP"
        with m.State("APPLY_BITSLIP"):
            with m.If(bitslip == 0):
                m.next = "APPLY_DELAY"
            with m.Else(), m.If(section.run(m, "bitslip")):
                m.d.sync += bitslip.eq(bitslip - 1)
        with m.State("APPLY_DELAY"):
            with m.If(delay == 0):
                m.d.sync += lane.eq(lane + 1)
                m.next = "APPLY"
                with m.If(lane == self.program.lanes - 1):
                    m.next = "VERIFY"
            with m.Else(), m.If(section.run(m, "delay")):
                m.d.sync += delay.eq(delay - 1)
        with m.State("VERIFY"), m.If(section.run(m, "test")):
            m.d.sync += [attempts.eq(attempts + 1), lane.eq(0)]
            m.next = "APPLY"
            with m.If(section.passes.all()):
                m.next = "FINISH"
            with m.Elif(attempts == ATTEMPTS - 1):
                m.next = "FAILED"

    def _judge(self, m: Module, one: _Lane, passes: Value, delay: Signal, bitslip: Signal) -> None:
        """Record the result of a setting; the first one of a bitslip begins a row."""
        row = Signal.like(one.row)
        m.d.comb += row.eq(Mux(passes, Mux(delay == 0, 0, one.row) + 1, 0))
        m.d.sync += [one.row.eq(row), one.passing.eq(one.passing + passes)]
        with m.If(row > one.best):
            m.d.sync += [one.best.eq(row), one.delay.eq(delay - (row >> 1)), one.bitslip.eq(bitslip)]
