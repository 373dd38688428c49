"""Rate of the packet receiver, and which pixels engines get, with models of engines that hold few pixels."""

import random

import pytest
from amaranth.hdl import ClockDomain, Module
from amaranth.sim import Simulator

from seq2seqlite.hardware.gateware.packet_receiver import Receiver
from seq2seqlite.hardware.gateware.parameters import Shape, packet_clocks

ROOM_LATENCY = 3
"""Clock cycles from ``allocate`` of an engine to its ``room``: two registers and the state of the buffer."""
FRAME = 7


def built(program, *, engines, lanes):
    return Receiver(Shape(program, 10, 0, lanes, "lifetimes", 5), engines)


def simulate(receiver, packets, *, gaps=0.0, capacity=2, busy_clocks=0, seed=1):
    """Send packets, lists of counts, of a beat each; return what the engines saw.

    An engine holds ``capacity`` pixels, each for ``busy_clocks`` after its last beat.
    """
    rng = random.Random(seed)  # noqa: S311
    found = {"starts": [], "engines": [], "photons": [], "overfull": 0, "flushes": 0}
    m = Module()
    m.domains.sync = sync = ClockDomain()
    m.domains.bus = bus = ClockDomain(reset_less=True)
    m.d.comb += bus.clk.eq(sync.clk)
    m.submodules.receiver = receiver
    beats = [(count, place == len(packet) - 1) for packet in packets for place, count in enumerate(packet)]

    async def source(ctx):
        ctx.set(receiver.frame_pixels, FRAME)
        ctx.set(receiver.flush_clocks, 0)
        await ctx.tick().repeat(40)
        for count, last in beats:
            while rng.random() < gaps:
                await ctx.tick()
            ctx.set(receiver.i.payload.data, count)
            ctx.set(receiver.i.payload.last, last)
            ctx.set(receiver.i.valid, 1)
            await ctx.tick().until(receiver.i.ready)
            ctx.set(receiver.i.valid, 0)

    async def engines(ctx):
        n = receiver.engines
        held, rooms = [0] * n, [[1] * n for _ in range(ROOM_LATENCY)]
        leaving, clock, idle = {}, 0, 0
        while idle < 200:
            ctx.set(receiver.room, sum(bit << index for index, bit in enumerate(rooms.pop(0))))
            _, _, allocate, done, photons, flush = await ctx.tick().sample(
                receiver.allocate, receiver.done, receiver.facts.photons, receiver.flush
            )
            idle = 0 if allocate or done else idle + 1
            found["flushes"] += flush
            for engine in leaving.pop(clock, ()):
                held[engine] -= 1
            if allocate:
                engine = allocate.bit_length() - 1
                held[engine] += 1
                found["starts"].append(clock)
                found["engines"].append(engine)
                found["overfull"] += held[engine] > capacity
            if done:
                found["photons"].append((done.bit_length() - 1, photons))
                leaving.setdefault(clock + 1 + busy_clocks, []).append(done.bit_length() - 1)
            rooms.append([int(count < capacity) for count in held])
            clock += 1

    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(source, background=True)
    simulator.add_testbench(engines)
    simulator.run()
    return found


@pytest.mark.parametrize(
    ("engines", "lanes", "clocks"), [(1, 8, 5), (2, 8, 3), (3, 8, 3), (6, 24, 3), (4, 5, 5)]
)
def test_a_packet_takes_its_beats(odd_direct_program, engines, lanes, clocks):
    """24 gates: 3 beats of 8 lanes, 1 of 24, 5 of 5. One engine knows its room after 5 clock cycles."""
    receiver = built(odd_direct_program(9), engines=engines, lanes=lanes)
    words = -(-24 // lanes)
    assert clocks == max(words, packet_clocks(engines))
    packets = [[1 + number] * words for number in range(FRAME)]
    found = simulate(receiver, packets, capacity=FRAME)
    assert [after - before for before, after in zip(found["starts"], found["starts"][1:], strict=False)] == (
        [clocks] * (FRAME - 1)
    )


@pytest.mark.parametrize(("engines", "lanes"), [(1, 8), (2, 8), (2, 24), (3, 24), (5, 24), (5, 8)])
def test_an_engine_never_gets_more_than_it_has_room_for(odd_direct_program, engines, lanes):
    """Packets of one beat and more, back to back and with gaps, short and long ones among them."""
    receiver = built(odd_direct_program(9), engines=engines, lanes=lanes)
    rng, words = random.Random(engines), -(-24 // lanes)  # noqa: S311
    lengths = [rng.choice((words, words, 1, words + 2)) for _ in range(8 * FRAME)]
    lengths[FRAME - 2 :: FRAME] = [words] * 8  # with the next one the shortest end of a frame
    lengths[FRAME - 1 :: FRAME] = [1, min(2, words)] * 4
    packets = [[rng.randrange(1 << 10) for _ in range(length)] for length in lengths]
    expected = [(index % engines, sum(packet[:words])) for index, packet in enumerate(packets)]
    for seed, (gaps, capacity, busy_clocks) in enumerate(
        [(0.0, 1, 0), (0.0, 1, 9), (0.5, 1, 1), (0.2, 2, 23)]
    ):
        found = simulate(receiver, packets, gaps=gaps, capacity=capacity, busy_clocks=busy_clocks, seed=seed)
        assert found["overfull"] == 0
        assert found["engines"] == [engine for engine, _ in expected]
        assert found["photons"] == expected
        assert found["flushes"] == 8  # at the end of each frame, also if its last packets have few beats
