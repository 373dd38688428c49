"""Cocotb tests of the responses of a direct design: loading, choice, and what a design does without one."""

import numpy as np
from cocotb.triggers import ClockCycles
from cocotbext.axi import AxiStreamFrame
from design_bench import (  # type: ignore[import-not-found]
    FLUSH_CLOCKS,
    LANES,
    NO_RESPONSE,
    PROGRAM,
    RESPONSE_BASE,
    RESPONSE_COMPLETE,
    RESPONSE_OPEN,
    RESPONSE_STATUS,
    RESPONSE_WORD,
    RESPONSES,
    assert_pixels,
    bench_test,
    decays,
    golden,
    packet,
    started,
)

from seq2seqlite.hardware.wire.results import Flag, records_from_words, response_words, user_words

READY, LOADED, FAILED = 1, 2, 4


def made_up_bank(n, seed=0):
    """Return the codes of n responses; the last is unknown."""
    rng, fmt = np.random.default_rng(seed), PROGRAM.formats.response
    bank = rng.integers(0, fmt.high_code + 1, (n, PROGRAM.n_gates, PROGRAM.n_columns))
    bank[-1] = 0
    return bank


async def send(bench, counts, index, exponent=0):
    for pixel, user in zip(counts, user_words(np.broadcast_to(index, len(counts)), exponent), strict=True):
        await bench.source.send(AxiStreamFrame(packet(pixel, bench.rng), tuser=int(user)))


def assert_missing(found):
    """All results of pixels without a response are 0; they are counted and numbered as the others."""
    records = records_from_words(found)
    assert (records.flags & ~int(Flag.DARK) == Flag.NO_RESPONSE).all()
    for field in (
        records.tau_mean,
        records.tau_short,
        records.tau_long,
        records.fraction,
        records.log_errors,
    ):
        assert not field.any()


@bench_test
async def each_pixel_has_a_response_of_its_own(dut):
    bench = await started(dut, frame_pixels=40)
    bank = made_up_bank(RESPONSES)
    for number, codes in enumerate(bank):
        assert await bench.load(number, codes) == LOADED | number << 8
    bench.back_pressure(0.2, 0.3)
    counts, rng = decays(80, seed=30), np.random.default_rng(3)
    index, exponent = rng.integers(0, RESPONSES, 80), rng.integers(-128, 128, 80)
    await send(bench, counts, index, exponent)
    options = {"bank": bank, "index": index, "count_exponent": exponent}
    found, _ = await bench.out.pixels(80)
    np.testing.assert_array_equal(found, golden(counts, frame_pixels=40, **options))
    assert len(np.unique(found[:, 0])) > 10
    assert await bench.read(NO_RESPONSE) == [0]


@bench_test
async def a_pixel_without_a_complete_response_is_flagged(dut):
    bench = await started(dut, frame_pixels=0, flush_clocks=50)
    codes = made_up_bank(2, seed=1)[0]
    words = response_words(PROGRAM, codes)
    # Too few words, too many, another number than was written, and an index that the design does not have.
    for number, n_words, stated in ((1, 3, 3), (1, len(words) + 1, len(words)), (1, len(words), 7)):
        await bench.registers.write_dword(RESPONSE_OPEN, number)
        await ClockCycles(dut.aclk, 64)
        assert await bench.read(RESPONSE_STATUS) == [READY | number << 8]
        for word in np.resize(words, n_words):
            await bench.registers.write_dword(RESPONSE_WORD, int(word))
        await bench.registers.write_dword(RESPONSE_COMPLETE, stated)
        assert await bench.read(RESPONSE_STATUS) == [FAILED | number << 8]
    assert await bench.load(RESPONSES, codes) == FAILED | RESPONSES << 8
    index = [1, 0, 2, RESPONSES, 63, 0]
    counts = decays(6, seed=31)
    await send(bench, counts, index)
    found, _ = await bench.out.pixels(6)
    known = np.array(index) == 0
    np.testing.assert_array_equal(found[known], golden(counts)[known])
    assert_missing(found[~known])
    np.testing.assert_array_equal(records_from_words(found).number, np.arange(6))
    assert await bench.read(NO_RESPONSE) == [4]
    assert await bench.load(1, codes) == LOADED | 1 << 8  # a failure does not last
    await send(bench, counts, 1)
    bank = np.stack([np.zeros_like(codes), codes])
    found, _ = await bench.out.pixels(6)
    np.testing.assert_array_equal(found, golden(counts, bank=bank, index=np.ones(6, int), first=6))


@bench_test
async def words_before_a_response_is_open_make_it_fail(dut):
    bench = await started(dut, frame_pixels=0, flush_clocks=0)
    codes = made_up_bank(2, seed=2)[0]
    words = response_words(PROGRAM, codes)
    await send(bench, decays(1, seed=32), 0)  # a batch that does not start: the pixel stays in the design
    await ClockCycles(dut.aclk, 200)
    await bench.registers.write_dword(RESPONSE_OPEN, 1)
    await ClockCycles(dut.aclk, 200)
    assert await bench.read(RESPONSE_STATUS) == [1 << 8]  # not ready
    for word in words:
        await bench.registers.write_dword(RESPONSE_WORD, int(word))
    await bench.registers.write_dword(RESPONSE_COMPLETE, len(words))
    assert await bench.read(RESPONSE_STATUS) == [FAILED | 1 << 8]


@bench_test
async def a_response_is_replaced_while_pixels_stream(dut):
    """Each pixel has the old response, none, or the new one, in this order; never a mixture."""
    bench = await started(dut, frame_pixels=50)
    old, new, _ = made_up_bank(3, seed=3)
    await bench.load(1, old)
    bench.back_pressure(0.1, 0.2)
    counts = np.tile(decays(50, seed=33) + 1, (12, 1))
    await send(bench, counts, 1)
    await bench.accepted(700)
    assert await bench.load(1, new) == LOADED | 1 << 8
    found, _ = await bench.out.pixels(len(counts))
    index = np.zeros(len(counts), int)
    expected = [golden(counts, frame_pixels=50, bank=[codes], index=index) for codes in (old, new)]
    is_old, is_new = ((found == words).all(axis=1) for words in expected)
    missing = records_from_words(found).has(Flag.NO_RESPONSE)
    assert (is_old | is_new | missing).all()
    assert_missing(found[missing])
    order = np.where(missing, 1, np.where(is_new & ~is_old, 2, 0))[(expected[0] != expected[1]).any(axis=1)]
    assert set(order) == {0, 1, 2}
    assert (np.diff(order) >= 0).all()
    assert await bench.read(NO_RESPONSE) == [int(missing.sum())]


@bench_test
async def the_base_changes_at_the_start_of_a_frame(dut):
    bench = await started(dut, frame_pixels=30)
    bank = made_up_bank(4, seed=4)
    for number, codes in enumerate(bank):
        await bench.load(number, codes)
    counts, index = decays(90, seed=34), np.arange(90) % 2
    await send(bench, counts[:10], index[:10])
    await bench.accepted(40)
    await bench.registers.write_dword(RESPONSE_BASE, 2)
    assert await bench.read(RESPONSE_BASE) == [2]
    await send(bench, counts[10:], index[10:])
    found, _ = await bench.out.pixels(90)
    used = index + 2 * (np.arange(90) >= 30)
    np.testing.assert_array_equal(found, golden(counts, frame_pixels=30, bank=bank, index=used))


@bench_test
async def a_soft_reset_keeps_responses_and_aresetn_does_not(dut):
    bench = await started(dut, frame_pixels=0, flush_clocks=50)
    bank = made_up_bank(2, seed=5)
    await bench.load(1, bank[0])
    counts = decays(20, seed=35)
    await bench.registers.write_dword(FLUSH_CLOCKS, 0)
    await send(bench, counts[:2], 1)
    await bench.accepted(2 * -(-PROGRAM.n_gates // LANES))
    await bench.soft_reset()  # both pixels are discarded, so that the next response can be opened
    await bench.registers.write_dword(FLUSH_CLOCKS, 50)
    assert await bench.load(2, bank[0]) == LOADED | 2 << 8
    await send(bench, counts, 1)
    index = np.zeros(20, int)
    found, _ = await bench.out.pixels(20)
    np.testing.assert_array_equal(found, golden(counts, bank=bank, index=index))
    await bench.reset()
    await bench.set_up(frame_pixels=0, flush_clocks=50)
    await send(bench, counts, 1)
    found, _ = await bench.out.pixels(20)
    assert_missing(found)
    await send(bench, counts, 0)
    assert_pixels(*await bench.out.pixels(20), counts, frame_pixels=0, first=20)
