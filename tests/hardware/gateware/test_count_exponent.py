"""Thresholds and counts that were multiplied by a power of two, against whole numbers in Python."""

import random

import pytest
from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator

from seq2seqlite.hardware.gateware.count_exponent import LIMIT_LATENCY, detector_counts, scaled_limit
from seq2seqlite.integer import detector_counts as expected_counts

WIDE = [0, 1, 2, 3, 99, 100, 2**16 - 1, 2**31, 2**32 - 2, 2**32 - 1]


def run(m, bench):
    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


def random_pairs(n, bits):
    rng = random.Random(1)  # noqa: S311
    return [(rng.getrandbits(rng.randint(1, bits)), rng.randint(-128, 127)) for _ in range(n)]


@pytest.mark.parametrize(
    "pairs",
    [
        [(limit, exponent) for limit in WIDE for exponent in range(-128, 128)],
        random_pairs(3000, 32),
    ],
)
def test_the_limit_is_the_smallest_sum_that_is_not_below_threshold(pairs):
    m, limit, exponent = Module(), Signal(32), Signal(8)
    found = scaled_limit(m, limit, exponent)

    async def bench(ctx):
        results = []
        for number in range(len(pairs) + LIMIT_LATENCY):
            if number < len(pairs):
                ctx.set(limit, pairs[number][0])
                ctx.set(exponent, pairs[number][1] & 0xFF)
            await ctx.tick()
            results.append(ctx.get(found))
        for (value, places), one in zip(pairs, results[LIMIT_LATENCY - 1 :], strict=False):
            exact = value << places if places >= 0 else -(-value >> -places)
            assert one == min(exact, 2**32), (value, places)

    run(m, bench)


def test_counts_of_the_detector_are_shifted_and_saturated():
    pairs = [(counts, exponent) for counts in (0, 1, 77, 2**24, 2**26 - 1) for exponent in range(-128, 128)]
    pairs += random_pairs(500, 26)
    m, counts, exponent, begins = Module(), Signal(26), Signal(8), Signal()
    found = detector_counts(m, counts, exponent.as_signed(), begins, bits=24)

    async def bench(ctx):
        for value, places in pairs:
            ctx.set(counts, value)
            ctx.set(exponent, places & 0xFF)
            ctx.set(begins, 1)
            await ctx.tick()
            ctx.set(begins, 0)
            for _ in range(3):  # valid after as many clock cycles as there are bits, and stable
                await ctx.tick().repeat(26)
                assert ctx.get(found) == min(int(expected_counts(value, places)), 2**24 - 1), (value, places)

    run(m, bench)
