"""Arithmetic of the gateware, every case of small widths and random ones of the widths in use."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from seq2seqlite.hardware.gateware.lifetime_unit import Reducer
from seq2seqlite.hardware.gateware.normaliser import Normaliser
from seq2seqlite.hardware.gateware.parameters import Shape
from seq2seqlite.hardware.gateware.serial_arithmetic import Divider, SerialDivider, SerialMultiplier
from seq2seqlite.integer import Reduction, normalise


def simulate(component, bench):
    simulator = Simulator(component)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


@pytest.mark.parametrize(
    ("numerator_bits", "divisor_bits", "quotient_bits"), [(7, 4, 4), (5, 3, 6), (6, 3, 3)]
)
def test_every_division_of_small_numbers(numerator_bits, divisor_bits, quotient_bits):
    divider = Divider(numerator_bits, divisor_bits, quotient_bits)
    cases = [(n, d) for d in range(1, 2**divisor_bits) for n in range(2**numerator_bits)]
    found = []

    async def bench(ctx):
        for numerator, divisor in cases + [(0, 1)] * quotient_bits:
            ctx.set(divider.numerator, numerator)
            ctx.set(divider.divisor, divisor)
            found.append((ctx.get(divider.quotient), ctx.get(divider.overflow)))
            await ctx.tick()

    simulate(divider, bench)
    for (numerator, divisor), (quotient, overflow) in zip(cases, found[quotient_bits:], strict=True):
        assert overflow == (numerator // divisor >= 2**quotient_bits)
        assert overflow or quotient == numerator // divisor


def test_every_serial_division_of_small_numbers():
    divider = SerialDivider(6, 3, 4)

    async def bench(ctx):
        for divisor in range(1, 8):
            for numerator in range(64):
                ctx.set(divider.numerator, numerator)
                ctx.set(divider.divisor, divisor)
                ctx.set(divider.start, 1)
                await ctx.tick()
                ctx.set(divider.start, 0)
                await ctx.tick().until(divider.done)
                overflow = ctx.get(divider.overflow)
                assert overflow == (numerator // divisor >= 16)
                assert overflow or ctx.get(divider.quotient) == numerator // divisor

    simulate(divider, bench)


def test_every_serial_product_of_small_numbers():
    multiplier = SerialMultiplier(4, 4)

    async def bench(ctx):
        for a in range(-8, 8):
            for used in (3, 4):
                for b in range(2**used):
                    ctx.set(multiplier.a, a)
                    ctx.set(multiplier.b, b)
                    ctx.set(multiplier.b_used, used)
                    ctx.set(multiplier.start, 1)
                    await ctx.tick()
                    ctx.set(multiplier.start, 0)
                    await ctx.tick().until(multiplier.done)
                    low = ctx.get(multiplier.low) >> (4 - used)
                    assert ctx.get(multiplier.high) * 2**used + low == a * b

    simulate(multiplier, bench)


def shape_of(program):
    return Shape(program, 16, 4, 1, "lifetimes")


def test_the_normaliser_is_the_programs(tiny):
    normaliser = Normaliser(shape_of(tiny))
    rng = np.random.default_rng(0)
    counts = np.where(rng.random((12, 1)) < 0.5, 65536, 40) * rng.random((12, tiny.n_gates))
    counts = counts.astype(np.int64)
    counts[3] = 0
    baseline = counts[:, : tiny.n_baseline].sum(axis=1)
    peak = np.maximum(tiny.n_baseline * counts.max(axis=1) - baseline, 1)
    latency = Normaliser.latency(normaliser.shape_)
    found = []

    async def bench(ctx):
        for pixel in range(len(counts)):
            for gate in range(tiny.n_gates):
                ctx.set(normaliser.count, int(counts[pixel, gate]))
                ctx.set(normaliser.baseline, int(baseline[pixel]))
                ctx.set(normaliser.divisor, int(peak[pixel]))
                found.append(ctx.get(normaliser.code))
                await ctx.tick()
        for _ in range(latency):
            found.append(ctx.get(normaliser.code))
            await ctx.tick()

    simulate(normaliser, bench)
    np.testing.assert_array_equal(
        np.reshape(found[latency:], counts.shape), normalise(tiny, counts), strict=False
    )


@pytest.mark.parametrize("signed", [False, True])
def test_the_reducer_is_the_programs(tiny, odd_program, signed):
    program = odd_program(1) if signed else tiny
    reducer, fmt = Reducer(shape_of(program)), program.formats.output
    rng = np.random.default_rng(0)
    # Decays, and SFDs that no network gives: silence, one sample, all full, noise.
    sfd = np.zeros((120, 3, program.n_gates), np.int64)
    gates = np.arange(program.n_gates)
    tau = np.exp(rng.uniform(np.log(0.2), np.log(400), (60, 2, 1)))
    sfd[:60, 1:] = fmt.high_code * rng.random((60, 2, 1)) * np.exp(-gates / tau)
    sfd[60:110, 1:] = rng.integers(fmt.low_code, fmt.high_code + 1, (50, 2, program.n_gates))
    sfd[111, 1, 0] = 1
    sfd[112, 1:] = fmt.high_code
    sfd[113, 2, 3:] = fmt.high_code
    first = np.maximum(sfd[:, 1:, 0], 0)
    area = 2 * sfd[:, 1:].sum(axis=2) - sfd[:, 1:, 0] - sfd[:, 1:, -1]
    expected = Reduction.of_axis(program.axis).reduce(sfd)
    taken = []

    async def bench(ctx):
        ctx.set(reducer.o.ready, 1)
        for pixel in range(len(sfd)):
            sums = reducer.i.payload.sums
            ctx.set(sums.area_short, int(area[pixel, 0]))
            ctx.set(sums.area_long, int(area[pixel, 1]))
            ctx.set(sums.first_short, int(first[pixel, 0]))
            ctx.set(sums.first_long, int(first[pixel, 1]))
            ctx.set(reducer.i.valid, 1)
            clocks = 0
            while not ctx.get(reducer.o.valid):
                await ctx.tick()
                ctx.set(reducer.i.valid, 0)
                clocks += 1
            payload = ctx.get(reducer.o.payload)
            found = [payload >> 16 * field & 0xFFFF for field in range(4)]
            codes = (expected.tau_mean, expected.tau_short, expected.tau_long, expected.fraction)
            assert found == [int(code[pixel]) for code in codes], pixel
            flags = payload >> 88
            assert (flags & 2 > 0, flags & 4 > 0) == (expected.has_short[pixel], expected.has_long[pixel])
            taken.append(clocks + 1)
            await ctx.tick()

    simulate(reducer, bench)
    assert max(taken) <= Reducer.clocks(reducer.shape_)  # so many clocks are planned for
