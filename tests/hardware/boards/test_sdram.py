"""SDRAM controller with a model of the memory that checks the order and the times of its commands."""

import numpy as np
import pytest
from amaranth.hdl import ClockDomain, ClockSignal, Module, ResetSignal
from amaranth.sim import Simulator

from seq2seqlite.hardware.boards.sdram import Sdram, SdramTiming

# RAS, CAS, WE, as in the data sheets of SDR SDRAM (low is active).
NOP, ACTIVATE, READ, WRITE = (1, 1, 1), (0, 1, 1), (1, 0, 1), (1, 0, 0)
PRECHARGE, REFRESH, LOAD_MODE = (0, 1, 0), (0, 0, 1), (0, 0, 0)
CAS_LATENCY = 2
ROW_BYTES = 1024


class Memory:
    """Model of the memory, a command per clock cycle; times in ns are those of the slowest speed grade."""

    def __init__(self, mhz):
        self.period = 1e3 / mhz
        self.now, self.words, self.open = 0, {}, {}
        self.times = dict.fromkeys(("activate", "precharge", "refresh", "mode", "write"), -(10**9))
        self.refreshes, self.mode = [], None
        self.output, self.pending = {}, None
        self.drove = self.enabled = False

    def ns_since(self, name):
        return (self.now - self.times[name]) * self.period

    def command(self, code, a, ba, data):
        """Execute the command of a clock cycle; return the word that is driven at its end, or None.

        The clock of the memory rises within the cycle, so that it drives a word into the next cycle.
        """
        self.now += 1
        if self.pending and code not in {NOP, WRITE}:
            raise AssertionError("a write burst was interrupted")
        if self.pending and code == NOP:
            self.store(*self.pending, data)
            self.pending, self.times["write"] = None, self.now
        if code != NOP:
            self.check_free()
            getattr(self, {ACTIVATE: "activate", READ: "read", WRITE: "write", PRECHARGE: "precharge",
                           REFRESH: "refresh", LOAD_MODE: "load_mode"}[code])(a, ba, data)  # fmt: skip
        word = self.output.pop(self.now, None)
        assert not (data[1] and (word is not None or self.drove)), "both sides drive the data"
        self.drove, self.enabled = word is not None, data[1]
        return word

    def check_free(self):
        assert self.now * self.period >= 100e3, "a command before the end of the power-on time"
        assert self.ns_since("precharge") >= 20
        assert self.ns_since("refresh") >= 66
        assert self.now - self.times["mode"] >= 2

    def activate(self, a, ba, *_):
        assert self.mode == 0x21
        assert ba not in self.open
        self.open[ba] = a
        self.times["activate"] = self.now

    def at(self, a, ba):
        assert self.ns_since("activate") >= 20
        assert not a & 0x400, "auto-precharge is not used"
        return self.open[ba], ba, a & 0x1FF

    def read(self, a, ba, *_):
        row, bank, column = self.at(a, ba)
        assert self.now + CAS_LATENCY - 1 not in self.output, "two bursts overlap"
        for n in range(2):
            self.output[self.now + CAS_LATENCY - 1 + n] = self.words.get((row, bank, column + n), 0xDEAD)

    def write(self, a, ba, data):
        row, bank, column = self.at(a, ba)
        self.store(row, bank, column, data)
        self.pending = (row, bank, column + 1)

    def store(self, row, bank, column, data):
        dq, driven, dm = data
        assert driven
        assert self.enabled, "the data is not driven in the clock cycle before"
        before = self.words.get((row, bank, column), 0xDEAD)
        mask = (0 if dm & 1 else 0xFF) | (0 if dm & 2 else 0xFF00)
        self.words[row, bank, column] = before & ~mask | dq & mask

    def precharge(self, a, *_):
        assert a & 0x400
        if self.open:
            assert self.ns_since("activate") >= 44
            assert self.ns_since("write") >= 15
        self.open.clear()
        self.times["precharge"] = self.now

    def refresh(self, *_):
        assert not self.open
        self.refreshes.append(self.now)
        self.times["refresh"] = self.now

    def load_mode(self, a, *_):
        assert len(self.refreshes) >= 2
        assert not self.open
        self.mode = a
        self.times["mode"] = self.now


def simulate(mhz, traffic, *, gaps, seed):
    """Perform bursts (address, words to write or a number of beats to read); return what was read."""
    controller, memory, rng = Sdram(SdramTiming(mhz)), Memory(mhz), np.random.default_rng(seed)
    top = Module()
    top.domains.engines = ClockDomain()
    top.submodules.controller = controller
    top.d.comb += [controller.aclk.eq(ClockSignal("engines")), controller.aresetn.eq(~ResetSignal("engines"))]
    port = {name: getattr(controller, f"s_axi_{name}") for name in (
        "awaddr", "awlen", "awvalid", "awready", "wdata", "wstrb", "wlast", "wvalid", "wready", "bvalid",
        "bready", "araddr", "arlen", "arvalid", "arready", "rdata", "rlast", "rvalid", "rready")}  # fmt: skip
    found = []

    async def pins(ctx):
        before = (NOP, 0, 0, (0, 0, 0))  # the register of the commands at the pins
        while True:
            *_, ras, cas, we, a, ba, dq, driven, dm = await ctx.tick("engines").sample(
                controller.ras_n, controller.cas_n, controller.we_n, controller.a, controller.ba,
                controller.dq_o, controller.dq_oe, controller.dm,
            )  # fmt: skip
            word = memory.command(*before)
            ctx.set(controller.dq_i, int(rng.integers(2**16)) if word is None else word)
            before = ((ras, cas, we), a, ba, (dq, driven, dm))

    async def reads(ctx):
        beats = [[]]
        while True:
            *_, valid, data, last = await ctx.tick("engines").sample(
                *(port[n] for n in ("rvalid", "rdata", "rlast"))
            )
            beats[-1] += [data] * valid
            beats.extend([] for _ in range(valid and last))
            found[:] = beats[:-1]

    async def bursts(ctx):
        ctx.set(port["rready"], 1)
        ctx.set(port["bready"], 1)
        for address, content in traffic:
            if isinstance(content, int):
                await address_phase(ctx, port, "ar", address, content)
                wanted = len(found) + 1
                while len(found) < wanted and rng.random() < 0.5:  # sometimes the next burst does not wait
                    await ctx.tick("engines")
            else:
                await address_phase(ctx, port, "aw", address, len(content))
                await write(ctx, port, content, gaps, rng)
        await ctx.tick("engines").repeat(100)

    simulator = Simulator(top)
    simulator.add_clock(1e-6 / mhz, domain="engines")
    simulator.add_testbench(pins, background=True)
    simulator.add_testbench(reads, background=True)
    simulator.add_testbench(bursts)
    simulator.run()
    return found, memory


async def address_phase(ctx, port, channel, address, beats):
    ctx.set(port[f"{channel}addr"], address)
    ctx.set(port[f"{channel}len"], beats - 1)
    ctx.set(port[f"{channel}valid"], 1)
    await ctx.tick("engines").until(port[f"{channel}ready"])
    ctx.set(port[f"{channel}valid"], 0)


async def write(ctx, port, words, gaps, rng):
    for number, (word, strobes) in enumerate(words):
        while rng.random() < gaps:
            await ctx.tick("engines")
        ctx.set(port["wdata"], word)
        ctx.set(port["wstrb"], strobes)
        ctx.set(port["wlast"], int(number == len(words) - 1))
        ctx.set(port["wvalid"], 1)
        await ctx.tick("engines").until(port["wready"])
        ctx.set(port["wvalid"], 0)
    await ctx.tick("engines").until(port["bvalid"])


@pytest.mark.parametrize(("mhz", "gaps"), [(50, 0.0), (40, 0.3)])
def test_bursts(monkeypatch, mhz, gaps):
    monkeypatch.setattr(SdramTiming, "startup", property(lambda self: self.clocks(100e3 + 200)))
    rng = np.random.default_rng(0)
    content, traffic, expected = {}, [], []
    places = [0, ROW_BYTES - 64, 7 * 4096 + 2048, (1 << 25) - 64]
    for step in range(24):
        address = places[step % len(places)]
        n = int(rng.integers(1, 17))
        words = [(int(rng.integers(2**32)), 15 if step % 3 else int(rng.integers(16))) for _ in range(n)]
        if step >= 8 and rng.random() < 0.5:
            traffic.append((address, n))
            expected.append([content.get(address + 4 * k, 0xDEADDEAD) for k in range(n)])
            continue
        traffic.append((address, words))
        for k, (word, strobes) in enumerate(words):
            mask = sum(0xFF << 8 * b for b in range(4) if strobes >> b & 1)
            content[address + 4 * k] = content.get(address + 4 * k, 0xDEADDEAD) & ~mask | word & mask
    traffic += [(address, 16) for address in places]
    expected += [[content.get(address + 4 * k, 0xDEADDEAD) for k in range(16)] for address in places]
    found, memory = simulate(mhz, traffic, gaps=gaps, seed=1)
    assert found == expected
    later = np.diff(memory.refreshes[8:])
    assert later.size
    assert later.max() * 1e3 / mhz < 2 * 7813
