"""Sequencer of a DDR3 memory, alone, with a model of the CSR bus and of the settings that pass."""

import pytest
from amaranth.hdl import ClockDomain, ClockSignal, Module, ResetSignal
from amaranth.sim import Simulator

from seq2seqlite.hardware.boards.dram_program import PATTERNS, SECTIONS, DramWaits, training_program
from seq2seqlite.hardware.boards.dram_training import ATTEMPTS, DramTraining
from seq2seqlite.hardware.wire.memory_status import LaneTraining, MemoryStatus

PHASE = ("command", "command_issue", "address", "baddress", "wrdata", "wrdata_high", "rddata", "rddata_high")
SETTINGS = ("dly_sel", "rdly_dq_rst", "rdly_dq_inc", "rdly_dq_bitslip_rst", "rdly_dq_bitslip",
            "burstdet_clr", "burstdet_seen")  # fmt: skip
NAMES = ["control", *(f"pi{phase}_{name}" for phase in range(2) for name in PHASE), *SETTINGS]
PLACES = {name: 3 + 5 * number for number, name in enumerate(NAMES)}
CSRS: dict[str, tuple[int, ...]] = {name: (place,) for name, place in PLACES.items()}
CSRS |= {
    f"pi{phase}_{data}": (PLACES[f"pi{phase}_{data}"], PLACES[f"pi{phase}_{data}_high"])
    for phase in range(2)
    for data in ("wrdata", "rddata")
}
RAS, CAS, WE, CS, WREN, RDEN = 8, 4, 2, 1, 16, 32
INITIALISATION = [
    ("Release reset", 0, 0, "DFII_CONTROL_ODT|DFII_CONTROL_RESET_N", 30),
    ("Bring CKE high", 0, 0, "DFII_CONTROL_CKE|DFII_CONTROL_ODT|DFII_CONTROL_RESET_N", 20),
    (
        "Load Mode Register 2",
        0x200,
        2,
        "DFII_COMMAND_RAS|DFII_COMMAND_CAS|DFII_COMMAND_WE|DFII_COMMAND_CS",
        0,
    ),
    ("ZQ Calibration", 0x400, 0, "DFII_COMMAND_WE|DFII_COMMAND_CS", 100),
]
DELAYS, BITSLIPS, READ_PHASE, WRITE_PHASE, SETTLE = 8, 4, 0, 1, 6
PROGRAM = training_program(
    CSRS, INITIALISATION, read_phase=READ_PHASE, write_phase=WRITE_PHASE, lanes=2, delays=DELAYS,
    bitslips=BITSLIPS, waits=DramWaits(1, SETTLE),
)  # fmt: skip


class Injector:
    """Model of the CSRs, with a memory of one burst, which byte lanes read if their setting passes."""

    def __init__(self, passing, *, detected=None, worse_after=None):
        self.passing, self.detected = passing, detected or passing
        self.worse_after = worse_after  # number of tests after which nothing passes
        self.values, self.names = {}, {place: name for name, place in PLACES.items()}
        self.delay, self.bitslip = [5, 5], [3, 2]
        self.open, self.stored, self.seen, self.tests = None, [0] * 4, 0, 0
        self.commands, self.controls = [], []
        self.values[PLACES["control"]] = 1

    def write(self, clock, address, value):
        name = self.names[address]
        self.values[address] = value
        lanes = [lane for lane in range(2) if self.of("dly_sel") >> lane & 1]
        if name == "control":
            self.controls.append((clock, value))
        elif name == "burstdet_clr":
            self.seen = 0
        elif name == "rdly_dq_rst":
            self.set(self.delay, lanes, lambda _: 0)
        elif name == "rdly_dq_inc":
            self.set(self.delay, lanes, lambda delay: (delay + 1) % DELAYS)
        elif name == "rdly_dq_bitslip_rst":
            self.set(self.bitslip, lanes, lambda _: 0)
        elif name == "rdly_dq_bitslip":
            self.set(self.bitslip, lanes, lambda bitslip: (bitslip + 1) % BITSLIPS)
        elif name.endswith("command_issue"):
            self.issue(clock, int(name[2]))

    def of(self, name):
        return self.values.get(PLACES[name], 0)

    @staticmethod
    def set(values, lanes, change):
        assert lanes, "no byte lane is selected"
        for lane in lanes:
            values[lane] = change(values[lane])

    def issue(self, clock, phase):
        assert not self.of("control") & 1, "the controller has the memory"
        command = self.of(f"pi{phase}_command")
        where = self.of(f"pi{phase}_address"), self.of(f"pi{phase}_baddress")
        self.commands.append((clock, command, *where))
        if command == RAS | CS:
            assert self.open is None
            self.open = where
        elif command == RAS | WE | CS:
            self.open = None
        elif command == CAS | WE | CS | WREN:
            assert (phase, self.open) == (WRITE_PHASE, (0, 0))
            self.stored = [self.of(name) for name in self.data("wrdata")]
        elif command == CAS | CS | RDEN:
            assert (phase, self.open) == (READ_PHASE, (0, 0))
            assert not self.of("dly_sel"), "the DQS logic pauses"
            self.read()

    @staticmethod
    def data(name):
        return [f"pi{phase}_{name}{half}" for phase in range(2) for half in ("", "_high")]

    def read(self):
        self.tests += 1
        late = self.worse_after is not None and self.tests > self.worse_after
        settings = list(zip(self.bitslip, self.delay, strict=True))
        self.seen = sum(1 << lane for lane in range(2) if settings[lane] in self.detected[lane])
        for name, word in zip(self.data("rddata"), self.stored, strict=True):
            wrong = [lane for lane in range(2) if late or settings[lane] not in self.passing[lane]]
            self.values[PLACES[name]] = word ^ sum(0x0001_0000 << 8 * lane for lane in wrong)

    def fetch(self, address):
        return self.seen if self.names.get(address) == "burstdet_seen" else self.values.get(address, 0)


def train(injector, *, limit=200_000):
    """Run the training; return the status and the number of clock cycles."""
    training, top = DramTraining(PROGRAM), Module()
    top.domains.engines = ClockDomain()
    top.submodules.training = training
    top.d.comb += [training.aclk.eq(ClockSignal("engines")), training.aresetn.eq(~ResetSignal("engines"))]
    found = []

    async def bus(ctx):
        clock = 0
        while True:
            *_, address, write, read, data = await ctx.tick("engines").sample(
                training.csr_adr, training.csr_we, training.csr_re, training.csr_dat_w
            )
            clock += 1
            assert not (write and read)
            if write:
                injector.write(clock, address, data)
            ctx.set(training.csr_dat_r, injector.fetch(address))

    async def wait(ctx):
        for clock in range(0, limit, 100):
            await ctx.tick("engines").repeat(100)
            status = ctx.get(training.status)
            if status & 3:
                found.extend((MemoryStatus.from_word(status), clock))
                return

    simulator = Simulator(top)
    simulator.add_clock(1e-8, domain="engines")
    simulator.add_testbench(bus, background=True)
    simulator.add_testbench(wait)
    simulator.run()
    assert found, "the training did not end"
    return found


def window(*parts):
    """Return the settings of parts: bitslip, first delay, and number of delays."""
    return {(bitslip, first + n) for bitslip, first, length in parts for n in range(length)}


FULL = window((1, 2, 3))


@pytest.mark.parametrize(
    ("passing", "chosen"),
    [
        (
            (window((0, 2, 3)), window((2, 1, 4))),
            ((3, 0), (2, 2)),  # the lower one of two in the middle
        ),
        (
            (window((1, 0, 3)), window((3, 5, 3))),  # at the edges
            ((1, 1), (6, 3)),
        ),
        (
            (window((0, 5, 3), (1, 0, 3)), window((0, 0, 2), (0, 3, 4))),
            ((6, 0), (4, 0)),  # those of two bitslips are not one window; the second one of two is longer
        ),
        (
            (window((1, 1, 4), (3, 2, 3)), window((2, 1, 3), (3, 4, 3))),
            ((2, 1), (2, 2)),  # the first one is longer, or as long
        ),
        (
            (window(*((b, 0, 8) for b in range(4))), window((2, 6, 2), (0, 0, 1), (0, 3, 1), (0, 7, 1))),
            ((3, 0), (6, 2)),
        ),
    ],
)
def test_the_middle_of_the_longest_window_is_chosen(passing, chosen):
    injector = Injector(passing)
    status, _ = train(injector)
    lanes = (LaneTraining(*each, len(one)) for each, one in zip(chosen, passing, strict=True))
    assert status == MemoryStatus(True, False, tuple(lanes))
    assert list(zip(injector.delay, injector.bitslip, strict=True)) == list(chosen)
    assert injector.controls[-1][1] == 1
    assert injector.values[PLACES["dly_sel"]] == 0
    assert injector.tests == (DELAYS * BITSLIPS + 1) * len(PATTERNS)


@pytest.mark.parametrize(
    ("passing", "counts"),
    [
        ((set(), set()), (0, 0)),
        ((FULL, set()), (3, 0)),
        ((window((0, 3, 1), (1, 4, 1), (2, 0, 1)), FULL), (3, 3)),  # never two in a row
        ((window((0, 7, 1), (1, 0, 1)), FULL), (2, 3)),  # nor across bitslips
    ],
)
def test_a_memory_without_a_window_fails(passing, counts):
    injector = Injector(passing)
    status, _ = train(injector)
    assert (status.ready, status.failed) == (False, True)
    assert tuple(lane.passing for lane in status.lanes) == counts
    assert all(not value & 1 for _, value in injector.controls), "the controller got the memory"


def test_a_burst_that_was_not_detected_does_not_pass():
    """The data may be right by chance, while DQS arrives outside of the read pulse."""
    wide = window((1, 0, 8))
    injector = Injector((wide, wide), detected=(FULL, wide))
    status, _ = train(injector)
    assert status.lanes == (LaneTraining(3, 1, 3), LaneTraining(3, 1, 8))


def test_a_setting_that_fails_later_is_not_used():
    scan = DELAYS * BITSLIPS * len(PATTERNS)
    injector = Injector((FULL, FULL), worse_after=scan)
    status, _ = train(injector)
    assert (status.ready, status.failed) == (False, True)
    assert injector.tests == scan + ATTEMPTS * len(PATTERNS)
    assert [lane.passing for lane in status.lanes] == [3, 3]


def test_the_order_and_times_of_the_initialisation():
    injector = Injector((FULL, FULL))
    train(injector)
    values = [value for _, value in injector.controls]
    assert values == [0, 0b1100, 0b1110, 1]
    (begin, _), (released, _), (enabled, _), *_ = injector.controls
    assert released - begin >= 5000
    assert enabled - released >= 30
    (mode_clock, *mode), (zq_clock, *zq), (first_clock, *_), *_ = injector.commands
    assert mode_clock - enabled >= 20
    assert (mode, zq) == ([RAS | CAS | WE | CS, 0x200, 2], [WE | CS, 0x400, 0])
    assert first_clock - zq_clock >= 100
    gaps = [
        after[0] - before[0] for before, after in zip(injector.commands, injector.commands[1:], strict=False)
    ]
    assert min(gaps) >= SETTLE


def test_a_pattern_is_not_that_of_another_bitslip():
    """A shift of the beats, and zeros or ones that are stuck, change each byte lane of each pattern."""
    assert len(SECTIONS) == 6
    for pattern in PATTERNS:
        beats = [word >> 16 * half & 0xFFFF for word in pattern for half in range(2)]
        for lane in range(2):
            mine = [beat >> 8 * lane & 0xFF for beat in beats]
            assert all(mine[n:] + mine[:n] != mine for n in range(1, len(mine)))
            for bit in range(8):
                line = [byte >> bit & 1 for byte in mine]
                assert 0 < sum(line) < len(line)
