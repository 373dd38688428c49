"""Cocotb tests of a whole design against docs/spec/hardware.md; all run in one simulation, each from a reset.

The golden model is the program's interpreter. Facts of the design come as variables ``BENCH_…``.
"""

import os
import random
from pathlib import Path

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, Event, First, RisingEdge, SimTimeoutError, Timer, with_timeout
from cocotbext.axi import (
    AxiLiteBus,
    AxiLiteMaster,
    AxiStreamBus,
    AxiStreamFrame,
    AxiStreamSink,
    AxiStreamSource,
)

from seq2seqlite.hardware.wire.beats import Beats
from seq2seqlite.hardware.wire.results import (
    DIRECT_RECORD_BITS,
    RECORD_BITS,
    Flag,
    records_from_result,
    records_from_words,
    response_words,
    words_from_beats,
    words_from_records,
)
from seq2seqlite.integer import DirectProgram, read_program, response_codes, run, run_direct

ID, VERSION, HASH0, HASH1, SHAPE, CONTROL = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x14
FRAME_PIXELS, MIN_PHOTONS, FLUSH_CLOCKS = 0x18, 0x1C, 0x20
PIXELS_IN, PIXELS_OUT, SHORT_PACKETS, LONG_PACKETS = 0x24, 0x28, 0x2C, 0x30
DARK_PIXELS, STALLED_IN, STALLED_OUT, FRAMES_OUT = 0x34, 0x38, 0x3C, 0x40
CAPABILITIES, WIDTHS, CODES, NO_RESPONSE, RESPONSE_BASE = 0x44, 0x48, 0x4C, 0x50, 0x54
RESPONSE_OPEN, RESPONSE_WORD, RESPONSE_COMPLETE, RESPONSE_STATUS = 0x58, 0x5C, 0x60, 0x64
STATUS, INTERRUPT_ENABLE, INTERRUPTS = 0x68, 0x6C, 0x70
FREE = 0x74  # the first address without a register

LANES = int(os.environ.get("BENCH_LANES", "1"))
WIDTH = int(os.environ.get("BENCH_WIDTH", "32"))
ENGINES = int(os.environ.get("BENCH_ENGINES", "1"))
RESPONSES = int(os.environ.get("BENCH_RESPONSES", "0"))
PROGRAM = read_program(Path(os.environ["BENCH_PROGRAM"])) if "BENCH_PROGRAM" in os.environ else None
DIRECT = isinstance(PROGRAM, DirectProgram)
BITS = DIRECT_RECORD_BITS if DIRECT else RECORD_BITS
BEATS = BITS // WIDTH  # of a record
CLOCK_NS = 10
PATIENCE = 200_000  # clocks: far more than any of these tests needs
QUIET = 5_000  # clocks in which what is still under way would come
SHORT_QUIET = 4000  # the same, for a batch or two: twice its latency


class Results:
    """Takes beats with random back-pressure, and watches that one which is offered stays."""

    def __init__(self, dut):
        self.dut, self.beats, self._stall, self.rng = dut, [], 0.0, random.Random(2)  # noqa: S311
        self.offered, self.arrived, self.changed = None, Event(), Event()
        self.task = cocotb.start_soon(self._run())

    @property
    def stall(self):
        """Probability that a beat is not taken in a clock."""
        return self._stall

    @stall.setter
    def stall(self, probability):
        self._stall = probability
        self.changed.set()

    async def _run(self):
        """Most clocks have no beat: as long as TREADY is constant, sleep until there is one."""
        dut, edge, driven = self.dut, RisingEdge(self.dut.aclk), None
        while True:
            ready = self.rng.random() >= self.stall
            if ready != driven:
                dut.m_axis_tready.value = int(ready)
                driven = ready
            await edge
            valid = int(dut.m_axis_tvalid.value)
            if not valid and self.offered is None:
                if self.stall in {0.0, 1.0} and ready == (self.stall == 0.0):
                    self.changed.clear()
                    await First(RisingEdge(dut.m_axis_tvalid), self.changed.wait())
                continue
            if not int(dut.aresetn.value):
                self.offered = None
                continue
            now = (int(dut.m_axis_tdata.value), int(dut.m_axis_tlast.value)) if valid else None
            if self.offered is not None:
                assert now == self.offered, "a beat that was offered and not taken has changed"
            self.offered = now if valid and not ready else None
            if valid and ready:
                self.beats.append(now)
                self.arrived.set()

    async def pixels(self, n):
        """Return the words of n pixels, one row each, and their beats' tlast, shape (n, BEATS)."""
        while len(self.beats) < n * BEATS:
            self.arrived.clear()
            try:
                await with_timeout(self.arrived.wait(), PATIENCE * CLOCK_NS, "ns")
            except SimTimeoutError:
                break
        assert len(self.beats) >= n * BEATS, f"{len(self.beats)} beats of {n * BEATS} came"
        taken, self.beats = self.beats[: n * BEATS], self.beats[n * BEATS :]
        data = b"".join(word.to_bytes(WIDTH // 8, "little") for word, _ in taken)
        last = np.array([bool(last) for _, last in taken]).reshape(n, BEATS)
        return np.frombuffer(data, "<u4").reshape(n, BITS // 32), last


class Bench:
    """A design with its bus models."""

    def __init__(self, dut):
        self.dut = dut
        cocotb.start_soon(Clock(dut.aclk, CLOCK_NS, unit="ns").start())
        dut.aresetn.value = 0
        self.source = AxiStreamSource(AxiStreamBus.from_prefix(dut, "s_axis"), dut.aclk, dut.aresetn, False)
        self.registers = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.aclk, dut.aresetn, False)
        self.out = Results(dut)
        self.rng = random.Random(1)  # noqa: S311

    async def reset(self):
        self.dut.aresetn.value = 0
        await ClockCycles(self.dut.aclk, 2)  # as long as the specification asks for
        self.dut.aresetn.value = 1
        await RisingEdge(self.dut.aclk)
        if RESPONSES:
            await self.load(0, response_codes(PROGRAM, None))

    async def load(self, number, codes):
        """Load a response as the specification describes it; return the status afterwards."""
        words = response_words(PROGRAM, codes)
        await self.registers.write_dword(RESPONSE_OPEN, number)
        while not (await self.read(RESPONSE_STATUS))[0] & 1:
            pass
        for word in words:
            await self.registers.write_dword(RESPONSE_WORD, int(word))
        await self.registers.write_dword(RESPONSE_COMPLETE, len(words))
        return (await self.read(RESPONSE_STATUS))[0]

    async def set_up(self, *, frame_pixels, min_photons=0, flush_clocks=0):
        await self.registers.write_dword(FRAME_PIXELS, frame_pixels)
        await self.registers.write_dword(MIN_PHOTONS, min_photons)
        await self.registers.write_dword(FLUSH_CLOCKS, flush_clocks)
        await self.soft_reset()

    async def soft_reset(self):
        await self.registers.write_dword(CONTROL, 1)

    def back_pressure(self, gaps, stalls):
        self.source.set_pause_generator(iter(lambda: self.rng.random() < gaps, None))
        self.out.stall = stalls

    async def accepted(self, n):
        """Wait until the design has taken n beats from now."""
        while n:
            await RisingEdge(self.dut.aclk)
            n -= int(self.dut.s_axis_tvalid.value) and int(self.dut.s_axis_tready.value)

    async def send(self, counts):
        for pixel in counts:
            await self.source.send(AxiStreamFrame(packet(pixel, self.rng)))

    async def read(self, *addresses):
        return [await self.registers.read_dword(address) for address in addresses]


async def quiet(dut, clocks=QUIET):
    """Wait for many clocks; ``ClockCycles`` would wake up in each of them."""
    await Timer(clocks * CLOCK_NS - CLOCK_NS // 2, "ns")
    await RisingEdge(dut.aclk)


async def started(dut, **registers):
    bench = Bench(dut)
    await bench.reset()
    await bench.set_up(**registers)
    return bench


def packet(counts, rng):
    """Return a pixel's bytes; what is in the last beat's unused lanes must not matter."""
    unused = -len(counts) % LANES
    return np.asarray(counts, "<u2").tobytes() + rng.randbytes(2 * unused)


def decays(n, seed=0):
    """Return counts that differ in everything: brightness, lifetime, background; some are empty."""
    rng = np.random.default_rng(seed)
    gate = np.arange(PROGRAM.n_gates)
    tau = rng.uniform(0.1, 0.8, (n, 1)) * PROGRAM.n_gates
    bright = np.where(rng.random((n, 1)) < 0.1, 0, 10 ** rng.uniform(0, 4, (n, 1)))
    return rng.poisson(
        bright * np.exp(-gate / tau) * (gate >= PROGRAM.n_baseline) + rng.uniform(0, 3, (n, 1))
    )


def result(counts, **options):
    return (run_direct if DIRECT else run)(PROGRAM, counts, **options)


def golden(counts, *, frame_pixels=0, first=0, **options):
    records = records_from_result(result(counts, **options), frame_pixels=frame_pixels, first=first)
    return words_from_records(records)


def assert_pixels(found, last, counts, *, frame_pixels, min_photons=0, first=0):
    np.testing.assert_array_equal(
        found, golden(counts, frame_pixels=frame_pixels, min_photons=min_photons, first=first)
    )
    number = np.arange(first, first + len(counts))
    ends = (number % frame_pixels == frame_pixels - 1) if frame_pixels else np.zeros(len(counts), bool)
    np.testing.assert_array_equal(last[:, -1], ends)
    assert not last[:, :-1].any()


def bench_test(function):
    return cocotb.test(timeout_time=20, timeout_unit="ms")(function)


@bench_test
async def registers(dut):
    bench = Bench(dut)
    await bench.reset()
    digest = PROGRAM.sha256
    assert await bench.read(ID, VERSION, HASH0, HASH1) == [
        0x53325351,
        2,
        int(digest[:8], 16),
        int(digest[8:16], 16),
    ]
    assert await bench.read(SHAPE, CONTROL) == [PROGRAM.n_gates | PROGRAM.units << 16 | ENGINES << 24, 0]
    for address, value in ((FRAME_PIXELS, 0xFFFFFFFF), (MIN_PHOTONS, 0x12345678), (FLUSH_CLOCKS, 0x80000001)):
        await bench.registers.write_dword(address, value)
    await bench.soft_reset()  # they keep their values
    assert await bench.read(FRAME_PIXELS, MIN_PHOTONS, FLUSH_CLOCKS) == [0xFFFFFFFF, 0x12345678, 0x80000001]
    for address in (ID, VERSION, HASH0, SHAPE, PIXELS_IN, CAPABILITIES, FREE, 0xFC):
        await bench.registers.write_dword(address, 0xFFFFFFFF)  # nothing there takes a value
    assert await bench.read(ID, PIXELS_IN, FRAMES_OUT, FREE, 0x80, 0xFC) == [0x53325351, 0, 0, 0, 0, 0]
    assert await bench.read(CAPABILITIES) == [DIRECT << 1 | (RESPONSES > 0) << 2 | DIRECT << 3]
    assert await bench.read(WIDTHS) == [LANES | WIDTH << 8 | BITS << 16]
    fmt = PROGRAM.formats
    tau_bits = fmt.output.fraction_bits if DIRECT else PROGRAM.reduction.tau_fraction_bits
    response_bits = fmt.response.bits if PROGRAM.n_columns else 0
    expected = tau_bits | RESPONSES << 8 | PROGRAM.n_columns << 16 | response_bits << 24
    assert await bench.read(CODES) == [expected]


@bench_test
async def frames_back_to_back(dut):
    bench = await started(dut, frame_pixels=10, min_photons=40)
    counts = decays(40)
    await bench.send(counts)
    found, last = await bench.out.pixels(40)
    assert_pixels(found, last, counts, frame_pixels=10, min_photons=40)
    assert await bench.read(PIXELS_IN, PIXELS_OUT, FRAMES_OUT, STALLED_OUT) == [40, 40, 4, 0]
    dark = int(result(counts, min_photons=40).dark.sum())
    assert 0 < dark < 40
    assert await bench.read(SHORT_PACKETS, LONG_PACKETS, DARK_PIXELS) == [0, 0, dark]


@bench_test
async def random_back_pressure(dut):
    bench = await started(dut, frame_pixels=25)
    counts = decays(100, seed=1)
    for gaps, stalls in ((0.5, 0.0), (0.0, 0.9), (0.3, 0.6), (0.9, 0.3)):
        bench.back_pressure(gaps, stalls)
        await bench.send(counts)
        found, last = await bench.out.pixels(100)
        assert_pixels(found, last, counts, frame_pixels=25)


@bench_test
async def output_that_nobody_takes(dut):
    n = 250 * ENGINES  # more than all buffers and rings hold
    bench = await started(dut, frame_pixels=n)
    bench.out.stall = 1.0
    counts = decays(n, seed=2)
    await bench.send(counts)
    await quiet(dut)
    waiting, stalled_in, stalled_out = await bench.read(PIXELS_IN, STALLED_IN, STALLED_OUT)
    assert 0 < waiting < n  # the design is full, and says so
    assert stalled_in > 0
    assert stalled_out > 0
    bench.out.stall = 0.0
    found, last = await bench.out.pixels(n)
    assert_pixels(found, last, counts, frame_pixels=n)


@bench_test
async def what_waits_in_the_port_is_not_delivered(dut):
    bench = await started(dut, frame_pixels=1)
    bench.out.stall = 1.0
    await bench.send(decays(3, seed=2))
    await quiet(dut)
    assert await bench.read(PIXELS_IN, PIXELS_OUT, FRAMES_OUT) == [3, 0, 0]


@bench_test
async def a_frame_of_few_pixels_ends_without_a_pause(dut):
    bench = await started(dut, frame_pixels=1)
    for frame_pixels in (1, 3):
        await bench.set_up(frame_pixels=frame_pixels, flush_clocks=0)
        counts = decays(2 * frame_pixels, seed=3)
        await bench.send(counts)
        assert_pixels(*await bench.out.pixels(len(counts)), counts, frame_pixels=frame_pixels)


@bench_test
async def a_frame_that_is_not_whole_waits_for_its_rest(dut):
    bench = await started(dut, frame_pixels=4, flush_clocks=0)
    counts = decays(4, seed=4)
    await bench.send(counts[:2])
    await quiet(dut)
    assert not bench.out.beats
    await bench.send(counts[2:])
    assert_pixels(*await bench.out.pixels(4), counts, frame_pixels=4)


@bench_test
async def a_pause_flushes_what_is_there(dut):
    bench = await started(dut, frame_pixels=1000, flush_clocks=100)
    counts = decays(9, seed=5)
    for part in (slice(0, 1), slice(1, 4), slice(4, 9)):
        await bench.send(counts[part])
        found, last = await bench.out.pixels(part.stop - part.start)
        assert_pixels(found, last, counts[part], frame_pixels=1000, first=part.start)


@bench_test
async def without_frames_numbers_go_on_and_nothing_is_last(dut):
    bench = await started(dut, frame_pixels=0, flush_clocks=50)
    bench.back_pressure(0.2, 0.2)
    counts = decays(70, seed=6)
    await bench.send(counts)
    assert_pixels(*await bench.out.pixels(70), counts, frame_pixels=0)
    assert await bench.read(PIXELS_OUT, FRAMES_OUT) == [70, 0]


@bench_test
async def malformed_packets(dut):
    n = PROGRAM.n_gates
    frame = 24
    bench = await started(dut, frame_pixels=frame)
    bench.back_pressure(0.2, 0.3)
    counts, beat = decays(frame, seed=7), 2 * LANES
    beats = -(-n // LANES)
    wrong = {1: 1, 2: beats - 1, 6: beats + 1, 7: 3 * beats, 8: 1, 9: 2 * beats + 1, 23: beats + 2}
    for index, pixel in enumerate(counts):
        length = wrong.get(index, beats)
        data = packet(pixel, bench.rng)
        await bench.source.send(AxiStreamFrame((data * 4)[: length * beat]))
    found, last = await bench.out.pixels(frame)
    good = np.setdiff1d(np.arange(frame), list(wrong))
    np.testing.assert_array_equal(found[good], golden(counts, frame_pixels=frame)[good])
    records = records_from_words(found)
    np.testing.assert_array_equal(records.number, np.arange(frame))
    np.testing.assert_array_equal(np.flatnonzero(records.has(Flag.MALFORMED)), sorted(wrong))
    bad = list(wrong)
    for field in (records.tau_mean, records.tau_short, records.tau_long, records.fraction):
        assert not field[bad].any()
    assert not (records.flags[bad] & (Flag.VALID | Flag.HAS_SHORT | Flag.HAS_LONG)).any()
    np.testing.assert_array_equal(np.flatnonzero(last), [last.size - 1])
    assert await bench.read(PIXELS_IN, SHORT_PACKETS, LONG_PACKETS) == [frame, 3, 4]
    again = decays(frame, seed=8)  # the frames after it are not affected
    await bench.send(again)
    assert_pixels(*await bench.out.pixels(frame), again, frame_pixels=frame)


@bench_test
async def packets_of_few_beats_end_frames(dut):
    """Directly behind the end of the one before: whether a pixel is a frame's last is known all the same."""
    frame = 3
    bench = await started(dut, frame_pixels=frame)
    counts = decays(8 * frame, seed=12)
    for index, pixel in enumerate(counts):
        data = packet(pixel, bench.rng)
        beats = (1, 2)[index // frame % 2] if index % frame == frame - 1 else None
        await bench.source.send(AxiStreamFrame(data[: 2 * LANES * beats] if beats else data))
    found, last = await bench.out.pixels(len(counts))
    np.testing.assert_array_equal(records_from_words(found).number, np.arange(len(counts)) % frame)
    np.testing.assert_array_equal(last[:, -1], np.arange(len(counts)) % frame == frame - 1)
    assert await bench.read(PIXELS_IN, SHORT_PACKETS, FRAMES_OUT) == [len(counts), 8, 8]


@bench_test
async def dark_pixels(dut):
    bench = await started(dut, frame_pixels=30, min_photons=500)
    counts = decays(30, seed=9)
    counts[3], counts[4], counts[5] = (
        0,
        100,
        65535,
    )  # nothing; flat, so nothing above the baseline; flat and full
    counts[6] = 0
    counts[6, -1] = 500  # as few as are enough
    counts[7] = 0
    counts[7, -1] = 499
    await bench.send(counts)
    found, last = await bench.out.pixels(30)
    assert_pixels(found, last, counts, frame_pixels=30, min_photons=500)
    dark = records_from_words(found).has(Flag.DARK)
    assert dark[[3, 4, 5, 7]].all()
    assert not dark[6]
    assert await bench.read(DARK_PIXELS) == [dark.sum()]


@bench_test
async def reset_in_mid_frame(dut):
    bench = await started(dut, frame_pixels=50)
    for pause in (0, 1, 7, 333, 2000):
        await bench.send(decays(20, seed=10))
        await ClockCycles(dut.aclk, pause)
        while not bench.source.empty():  # what the bus model has not begun with would be sent after the reset
            bench.source.queue.get_nowait()
        await bench.reset()
        bench.out.beats.clear()
        assert await bench.read(FRAMES_OUT, SHORT_PACKETS, LONG_PACKETS) == [0, 0, 0]
        await bench.set_up(frame_pixels=5)
        counts = decays(10, seed=11)
        await bench.send(counts)
        assert_pixels(*await bench.out.pixels(10), counts, frame_pixels=5)
        assert await bench.read(PIXELS_IN, PIXELS_OUT, FRAMES_OUT) == [10, 10, 2]


@bench_test
async def soft_reset_in_mid_packet(dut):
    bench = await started(dut, frame_pixels=8, min_photons=7)
    beats = -(-PROGRAM.n_gates // LANES)
    for arrived in sorted({1, 2, beats // 2, beats - 1}):
        # One pixel of a frame, and a part of the next; the rest of that arrives after the reset.
        await bench.send(decays(2, seed=12))
        await bench.accepted(beats + arrived)
        bench.source.pause = True
        await bench.soft_reset()
        bench.source.pause = False
        counts = decays(16, seed=14)
        await bench.send(counts)
        found, last = await bench.out.pixels(16)
        assert_pixels(found, last, counts, frame_pixels=8, min_photons=7)
        assert await bench.read(FRAME_PIXELS, MIN_PHOTONS) == [8, 7]
        assert await bench.read(PIXELS_IN, PIXELS_OUT, SHORT_PACKETS, LONG_PACKETS) == [16, 16, 0, 0]
        await quiet(dut)
        assert not bench.out.beats


@bench_test
async def soft_reset_while_packets_come(dut):
    bench = await started(dut, frame_pixels=0)
    beats = -(-PROGRAM.n_gates // LANES)
    for clocks in (1, 2, 3, 50, 777):
        counts, taken = decays(40, seed=17), 0
        await bench.send(counts)
        writing = cocotb.start_soon(_after(dut, clocks, bench.soft_reset))
        while not writing.done():
            await RisingEdge(dut.aclk)
            taken += int(dut.s_axis_tvalid.value) and int(dut.s_axis_tready.value)
        bench.out.beats.clear()
        begun = -(-taken // beats)
        await bench.registers.write_dword(FLUSH_CLOCKS, 100)
        assert_pixels(*await bench.out.pixels(40 - begun), counts[begun:], frame_pixels=0)
        assert await bench.read(PIXELS_IN, SHORT_PACKETS, LONG_PACKETS) == [40 - begun, 0, 0]
        await quiet(dut)
        assert not bench.out.beats


async def _after(dut, clocks, action):
    await ClockCycles(dut.aclk, clocks)
    await action()


@bench_test
async def a_beat_that_is_offered_stays_through_a_soft_reset(dut):
    bench = await started(dut, frame_pixels=4)
    bench.out.stall = 1.0
    before = decays(4, seed=15)
    await bench.send(before)
    for _ in range(PATIENCE):
        if bench.out.offered is not None:
            break
        await RisingEdge(dut.aclk)
    assert bench.out.offered is not None
    await ClockCycles(dut.aclk, 500)
    offered = bench.out.offered
    await bench.soft_reset()
    await ClockCycles(dut.aclk, 100)
    assert bench.out.offered == offered
    counts = decays(8, seed=16)
    await bench.send(counts)
    bench.out.stall = 0.0
    await quiet(dut)
    beats = bench.out.beats
    assert beats[0] == offered
    # Nothing of the pixels before the reset but the beat that was there to be seen.
    assert len(beats) == 1 + 8 * BEATS
    bench.out.beats = beats[1:]
    assert_pixels(*await bench.out.pixels(8), counts, frame_pixels=4)
    assert await bench.read(PIXELS_OUT, FRAMES_OUT) == [8, 2]  # the old beat is not counted


async def raw_started(dut):
    """Reset a design without bus models, for accesses that these do not make."""
    cocotb.start_soon(Clock(dut.aclk, CLOCK_NS, unit="ns").start())
    for name in ("s_axis_tvalid", "m_axis_tready", "s_axil_awvalid", "s_axil_wvalid", "s_axil_arvalid"):
        getattr(dut, name).value = 0
    dut.s_axil_bready.value = dut.s_axil_rready.value = 1
    await low_reset(dut, 2)


async def low_reset(dut, cycles):
    dut.aresetn.value = 0
    await ClockCycles(dut.aclk, cycles)
    dut.aresetn.value = 1
    await RisingEdge(dut.aclk)


async def handshake(dut, valid, ready):
    """Offer what is on the bus until it is taken."""
    getattr(dut, valid).value = 1
    for _ in range(PATIENCE):
        await RisingEdge(dut.aclk)
        if int(getattr(dut, ready).value):
            break
    getattr(dut, valid).value = 0


async def response(dut, valid, *values):
    for _ in range(PATIENCE):
        if int(getattr(dut, valid).value):
            break
        await RisingEdge(dut.aclk)
    found = [int(getattr(dut, name).value) for name in values]
    await RisingEdge(dut.aclk)
    return found


async def raw_write(dut, address, data, strobes=0xF):
    """Write without alignment of the address; return the response."""
    dut.s_axil_awaddr.value, dut.s_axil_wdata.value, dut.s_axil_wstrb.value = address, data, strobes
    await handshake(dut, "s_axil_awvalid", "s_axil_awready")
    await handshake(dut, "s_axil_wvalid", "s_axil_wready")
    return (await response(dut, "s_axil_bvalid", "s_axil_bresp"))[0]


async def raw_read(dut, address):
    """Read without alignment of the address; return the data and the response."""
    dut.s_axil_araddr.value = address
    await handshake(dut, "s_axil_arvalid", "s_axil_arready")
    return tuple(await response(dut, "s_axil_rvalid", "s_axil_rdata", "s_axil_rresp"))


@bench_test
async def csr_reset_values(dut):
    bench = Bench(dut)
    await bench.reset()
    counters = range(PIXELS_IN, FRAMES_OUT + 4, 4)
    assert await bench.read(FRAME_PIXELS, MIN_PHOTONS, FLUSH_CLOCKS) == [0, 0, 65536]
    assert await bench.read(*counters) == [0] * len(counters)
    for address in (FRAME_PIXELS, MIN_PHOTONS, FLUSH_CLOCKS):
        await bench.registers.write_dword(address, 5)
    await bench.send(decays(3))
    await bench.out.pixels(3)
    await bench.reset()
    assert await bench.read(FRAME_PIXELS, MIN_PHOTONS, FLUSH_CLOCKS) == [0, 0, 65536]
    assert await bench.read(*counters) == [0] * len(counters)


@bench_test
async def interrupts_and_idle(dut):
    bench = await started(dut, frame_pixels=3)
    assert await bench.read(STATUS, INTERRUPT_ENABLE, INTERRUPTS) == [1, 0, 0]
    bench.out.stall = 1.0
    await bench.send(decays(3))
    await RisingEdge(dut.m_axis_tvalid)
    assert await bench.read(STATUS, PIXELS_IN, INTERRUPTS) == [0, 3, 0]
    bench.out.stall = 0.0
    await bench.out.pixels(3)
    await ClockCycles(dut.aclk, 8)
    # Pending without being enabled; the malformed packet is not there.
    assert int(dut.irq.value) == 0
    assert await bench.read(STATUS, INTERRUPTS) == [1, 1]
    await bench.registers.write_dword(INTERRUPT_ENABLE, 0b01)
    await ClockCycles(dut.aclk, 4)
    assert int(dut.irq.value) == 1
    for value in (0b10, 0):  # clears another bit, or none
        await bench.registers.write_dword(INTERRUPTS, value)
        assert await bench.read(INTERRUPTS) == [1]
    await bench.registers.write_dword(INTERRUPTS, 0b01)
    await ClockCycles(dut.aclk, 4)
    assert int(dut.irq.value) == 0
    assert await bench.read(INTERRUPTS) == [0]
    # A packet of one beat too few: the other bit, which is not enabled.
    short = decays(1)[:, : -2 * LANES]
    await bench.send(short)
    await bench.send(decays(2))
    await bench.out.pixels(3)
    await ClockCycles(dut.aclk, 8)
    assert await bench.read(INTERRUPTS, INTERRUPT_ENABLE) == [0b11, 0b01]
    assert int(dut.irq.value) == 1
    await bench.soft_reset()  # clears what is pending, and keeps what is enabled
    await ClockCycles(dut.aclk, 40)
    assert await bench.read(STATUS, INTERRUPTS, INTERRUPT_ENABLE) == [1, 0, 0b01]
    assert int(dut.irq.value) == 0


@bench_test
async def every_access_is_answered_okay(dut):
    await raw_started(dut)
    for address in (*range(0, FREE, 4), FREE, 0x80, 0xFC):
        assert (await raw_read(dut, address))[1] == 0
        assert await raw_write(dut, address, 0xFFFFFFFF) == 0
    # Only the settings have changed: the others are read-only or not there.
    assert await raw_read(dut, ID) == (0x53325351, 0)
    assert await raw_read(dut, PIXELS_IN) == (0, 0)
    assert await raw_read(dut, FREE) == (0, 0)
    assert await raw_read(dut, FLUSH_CLOCKS) == (0xFFFFFFFF, 0)


@bench_test
async def address_bits_1_and_0_are_ignored_and_strobes_are_not(dut):
    await raw_started(dut)
    for offset in range(4):
        assert await raw_read(dut, ID + offset) == (0x53325351, 0)
        await raw_write(dut, MIN_PHOTONS + offset, 0x11111111 * (offset + 1))
        assert await raw_read(dut, MIN_PHOTONS + 3 - offset) == (0x11111111 * (offset + 1), 0)
    await raw_write(dut, MIN_PHOTONS, 0, 0b0101)
    assert await raw_read(dut, MIN_PHOTONS) == (0x44004400, 0)
    await raw_write(dut, FRAME_PIXELS, 0x12345678)
    await raw_write(dut, CONTROL, 1, 0b1110)  # without the strobe of bit 0: not a soft reset
    await ClockCycles(dut.aclk, 4)
    assert int(dut.s_axis_tready.value) == 1


@bench_test
async def the_input_opens_soon_after_a_reset(dut):
    await raw_started(dut)
    for cycles in (2, 3, 16):
        await low_reset(dut, cycles)
        assert await _cycles_until_open(dut) <= 32
        await raw_write(dut, CONTROL, 1)
        assert int(dut.s_axis_tready.value) == 0  # closed when the write is answered
        assert await _cycles_until_open(dut) <= 32


async def _cycles_until_open(dut):
    for cycle in range(PATIENCE):
        if int(dut.s_axis_tready.value):
            return cycle
        await RisingEdge(dut.aclk)
    return PATIENCE


@bench_test
async def reset_in_mid_packet(dut):
    """``aresetn`` forgets where packets end: what comes next begins one."""
    bench = await started(dut, frame_pixels=0)
    beats, arrived = -(-PROGRAM.n_gates // LANES), 1
    await bench.send(decays(1, seed=20))
    await bench.accepted(arrived)
    bench.source.pause = True
    await bench.reset()
    bench.source.clear()
    bench.source.pause = False
    await bench.registers.write_dword(FLUSH_CLOCKS, 50)
    rest = packet(decays(1, seed=20)[0], bench.rng)[2 * LANES * arrived :]
    counts = decays(4, seed=21)
    await bench.source.send(AxiStreamFrame(rest))
    await bench.send(counts)
    found, _ = await bench.out.pixels(5)
    records = records_from_words(found)
    np.testing.assert_array_equal(records.number, np.arange(5))
    np.testing.assert_array_equal(records.has(Flag.MALFORMED), [True] + [False] * 4)
    np.testing.assert_array_equal(found[1:], golden(counts, first=1))
    assert beats > arrived
    assert await bench.read(PIXELS_IN, SHORT_PACKETS, LONG_PACKETS) == [5, 1, 0]


@bench_test
async def reset_withdraws_an_offered_beat(dut):
    bench = await started(dut, frame_pixels=0, flush_clocks=50)
    bench.out.stall = 1.0
    await bench.send(decays(2, seed=22))
    for _ in range(PATIENCE):
        if bench.out.offered is not None:
            break
        await RisingEdge(dut.aclk)
    assert bench.out.offered is not None
    await bench.reset()
    assert int(dut.m_axis_tvalid.value) == 0
    bench.out.stall = 0.0
    await quiet(dut, SHORT_QUIET)
    assert not bench.out.beats
    assert await bench.read(PIXELS_OUT, STALLED_OUT) == [0, 0]


@bench_test
async def a_long_packet_is_counted_with_its_last_beat_in_place(dut):
    """Its pixel is delivered, however long its surplus takes."""
    bench = await started(dut, frame_pixels=0, flush_clocks=50)
    beats = -(-PROGRAM.n_gates // LANES)
    data = packet(decays(1, seed=23)[0], bench.rng)
    await bench.source.send(AxiStreamFrame(data * 3))
    await bench.accepted(beats)
    bench.source.pause = True
    await ClockCycles(dut.aclk, 16)
    assert await bench.read(PIXELS_IN, SHORT_PACKETS, LONG_PACKETS) == [1, 0, 1]
    found, _ = await bench.out.pixels(1)
    assert records_from_words(found).has(Flag.MALFORMED).all()
    bench.source.pause = False
    counts = decays(2, seed=24)
    await bench.send(counts)
    found, _ = await bench.out.pixels(2)
    np.testing.assert_array_equal(found, golden(counts, first=1))
    assert await bench.read(PIXELS_IN, SHORT_PACKETS, LONG_PACKETS) == [3, 0, 1]


@bench_test
async def min_photons_act_on_the_packet_that_is_arriving(dut):
    bench = await started(dut, frame_pixels=0, flush_clocks=50)
    beats = -(-PROGRAM.n_gates // LANES)
    counts = np.tile(decays(40, seed=25).sum(axis=0) + 1000 * (np.arange(PROGRAM.n_gates) == 8), (3, 1))
    limit = int(counts[0].sum()) + 1
    await bench.send(counts[:1])
    await bench.accepted(beats)
    await ClockCycles(dut.aclk, 16)  # until then its photons may be compared with either value
    await bench.send(counts[1:])
    await bench.accepted(beats - 1)  # all but the last beat
    bench.source.pause = True
    await bench.registers.write_dword(MIN_PHOTONS, limit)
    bench.source.pause = False
    found, _ = await bench.out.pixels(3)
    np.testing.assert_array_equal(records_from_words(found).has(Flag.DARK), [False, True, True])


@bench_test
async def flush_clocks_act_on_the_pause_that_is_running(dut):
    bench = await started(dut, frame_pixels=0, flush_clocks=0)
    counts = decays(3, seed=26)
    await bench.send(counts)
    await quiet(dut, SHORT_QUIET)
    assert not bench.out.beats
    await bench.registers.write_dword(FLUSH_CLOCKS, 0xFFFFFFFF)
    await quiet(dut, SHORT_QUIET)
    assert not bench.out.beats
    await bench.registers.write_dword(FLUSH_CLOCKS, SHORT_QUIET)  # the pause is longer already
    assert_pixels(*await bench.out.pixels(3), counts, frame_pixels=0)


@bench_test
async def frame_pixels_take_effect_at_the_next_soft_reset(dut):
    bench = await started(dut, frame_pixels=6)
    counts = decays(12, seed=17)
    await bench.registers.write_dword(FRAME_PIXELS, 4)
    assert await bench.read(FRAME_PIXELS) == [4]  # reads what was written, before it takes effect
    await bench.send(counts)
    assert_pixels(*await bench.out.pixels(12), counts, frame_pixels=6)
    await bench.soft_reset()
    await bench.send(counts)
    assert_pixels(*await bench.out.pixels(12), counts, frame_pixels=4)


@bench_test
async def registers_answer_while_pixels_stream(dut):
    bench = await started(dut, frame_pixels=60)
    bench.back_pressure(0.1, 0.1)
    counts = decays(60, seed=18)
    await bench.send(counts)
    seen = []
    while not seen or seen[-1][1] < 60:
        seen.append(await bench.read(PIXELS_IN, PIXELS_OUT))
        assert await bench.read(ID) == [0x53325351]
    assert seen == sorted(seen)
    assert all(taken >= given for taken, given in seen)
    assert_pixels(*await bench.out.pixels(60), counts, frame_pixels=60)


@bench_test
async def another_bus_model_sees_the_same_frames(dut):
    bench = await started(dut, frame_pixels=7)
    bench.out.task.cancel()
    sink = AxiStreamSink(AxiStreamBus.from_prefix(dut, "m_axis"), dut.aclk, dut.aresetn, False)
    sink.set_pause_generator(iter(lambda: bench.rng.random() < 0.5, None))
    counts = decays(21, seed=19)
    await bench.send(counts)
    expected = golden(counts, frame_pixels=7)
    for frame in range(3):
        data = np.frombuffer(bytes((await sink.recv()).tdata), "<u4")
        words = words_from_beats(
            Beats(data.reshape(-1, WIDTH // 32), np.zeros(7 * BEATS, bool)), word_bits=BITS
        )
        np.testing.assert_array_equal(words, expected[7 * frame : 7 * frame + 7])
