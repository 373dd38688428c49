"""The check of sequence numbers against a model, with any packets, back-pressure and resets behind it."""

import random

import pytest
from amaranth.hdl import Signal
from amaranth.sim import Simulator

from seq2seqlite.hardware.gateware.parameters import Shape
from seq2seqlite.hardware.gateware.sequence_checker import SequenceChecker

BITS = 6  # instead of 16, so that numbers often begin again at 0
MODULO = 1 << BITS


@pytest.fixture
def checker(odd_direct_program):
    return SequenceChecker(
        Shape(odd_direct_program(9), 10, 0, 1, "lifetimes", 5, sequence_numbers=True), bits=BITS
    )


def expected(packets):
    """Return the beats behind the check, as (data, last, user, absent), and the number of late packets."""
    beats, number, late = [], 0, 0
    for sent, data, user in packets:
        ahead = (sent - number) % MODULO
        if ahead >= MODULO // 2:
            late += 1
            continue
        beats += ahead * [(0, 1, 0, 1)]
        number = sent + 1
        beats += [(word, int(place == len(data) - 1), user, 0) for place, word in enumerate(data)]
    return beats, late


async def send(ctx, port, packets, rng, gaps):
    """Send packets; TUSER matters in their first beat only."""
    for sent, data, user in packets:
        for place, word in enumerate(data):
            while rng.random() < gaps:
                await ctx.tick()
            first = user | sent << 16
            ctx.set(port.payload.user, first if place == 0 else rng.getrandbits(32))
            ctx.set(port.payload.data, word)
            ctx.set(port.payload.last, place == len(data) - 1)
            ctx.set(port.valid, 1)
            await ctx.tick().until(port.ready)
            ctx.set(port.valid, 0)


def simulate(checker, packets, *, gaps=0.0, stalls=0.0, seed=1, clocks=3000, reset=(0, 0), later=()):
    """Return the beats that leave the check, and the late packets, without the clock cycles of a reset.

    The packets of ``later`` are sent after the reset behind the check.
    """
    rng, found, late = random.Random(seed), [], []  # noqa: S311
    resets = Signal(2)  # 2 after the reset

    async def source(ctx):
        await send(ctx, checker.i, packets, rng, gaps)
        await ctx.tick().until(resets == 2)
        await send(ctx, checker.i, later, rng, gaps)

    async def sink(ctx):
        offered = None
        for clock in range(clocks):
            discard = reset[0] <= clock < reset[1]
            ctx.set(checker.discard, discard)
            ctx.set(resets, 1 + (clock >= reset[1]))
            ctx.set(checker.o.ready, discard or rng.random() >= stalls)
            *_, valid, ready, absent, is_late, data, last, user = await ctx.tick().sample(
                checker.o.valid,
                checker.o.ready,
                checker.absent,
                checker.late,
                checker.o.payload.data,
                checker.o.payload.last,
                checker.o.payload.user,
            )
            beat = (data, last, user, absent)
            if discard:
                offered = None
                continue
            assert offered in (None, beat if valid else None), "a beat that was offered has changed"
            offered = beat if valid and not ready else None
            if valid and ready:
                found.append(beat)
            if is_late:
                late.append(clock)

    simulator = Simulator(checker)
    simulator.add_clock(1e-6)
    simulator.add_testbench(source, background=True)
    simulator.add_testbench(sink)
    simulator.run()
    return found, late


def stream(rng, n, *, start=0):
    """Return packets, some of them late or after a gap: number, words and other bits of TUSER."""
    number, packets = start, []
    for _ in range(n):
        data = [rng.getrandbits(16) for _ in range(rng.choice([1, 1, 2, 5]))]
        late = rng.choice([0, 0, 0, 1, 5, MODULO // 2])
        number += rng.choice([0, 0, 0, 1, 3, 17]) if not late else 0
        packets.append(((number - late) % MODULO, data, rng.getrandbits(16)))
        number += not late
    return packets


@pytest.mark.parametrize(("gaps", "stalls"), [(0.0, 0.0), (0.5, 0.0), (0.0, 0.6), (0.4, 0.4)])
def test_any_packets_with_any_back_pressure(checker, gaps, stalls):
    packets = [(0, [7], 3), *stream(random.Random(3), 150, start=1)]  # noqa: S311
    beats, n_late = expected(packets)
    found, late = simulate(checker, packets, gaps=gaps, stalls=stalls)
    # Beats other than the first have any value in TUSER, which the receiver ignores.
    firsts = [place for place in range(len(beats)) if place == 0 or beats[place - 1][1]]
    assert [beat[:2] + beat[3:] for beat in found] == [beat[:2] + beat[3:] for beat in beats]
    assert [found[place] for place in firsts] == [beats[place] for place in firsts]
    assert len(late) == n_late > 10
    assert sum(beat[3] for beat in beats) > 100


def test_packets_in_sequence_pass_without_a_pause(checker):
    packets = [(number % MODULO, [number], 0) for number in range(200)]
    found, _ = simulate(checker, packets, clocks=205)
    assert [beat[0] for beat in found] == list(range(200))


def test_a_reset_behind_it_restarts_the_numbers(checker):
    """Beats pass during the reset, the gap that is being filled is given up, and the next number is 0."""
    before = [(0, [1], 0), (30, [2, 3], 0)]  # the gap is longer than the time until the reset
    after = [(0, [10, 11], 5), (2, [12], 6)]
    found, late = simulate(checker, before, clocks=80, reset=(15, 40), later=after)
    assert found[0] == (1, 1, 0, 0)
    assert 5 < len(found[1:-4]) < 15
    assert set(found[1:-4]) == {(0, 1, 0, 1)}
    assert [beat[0] for beat in found[-4:]] == [10, 11, 0, 12]
    assert [beat[3] for beat in found[-4:]] == [0, 0, 1, 0]
    assert late == []
