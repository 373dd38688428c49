"""Response map: the index of each pixel in its packets, with random back-pressure, and its words."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.frontends.parameters import EventsShape, SeriesShape
from seq2seqlite.hardware.frontends.response_map import ResponseMap
from seq2seqlite.hardware.wire.front_end_registers import (
    EVENT_REGISTERS,
    SERIES_REGISTERS,
    map_words,
    register_addresses,
)

FRAMES = 3
# A last word with one pixel, packets of one beat; two words; one bit a pixel; two rows; one word.
SHAPES = [
    SeriesShape(4, 21, lanes=4, data_bits=32, tile_pixels=4, map_bits=6),
    EventsShape(7, 4, 5, lanes=4, map_bits=3),
    EventsShape(3, 7, 11, lanes=2, map_bits=1),
    EventsShape(3, 11, 9, lanes=4, map_bits=4),
    EventsShape(2, 1, 3, lanes=2, map_bits=5),
]


def simulated(shape, frames, *, gaps, stalls, seed):
    """Return (data, user, last) of all output beats; frame ``f`` follows the load of map ``frames[f]``."""
    rng = np.random.default_rng(seed)
    dut, out = ResponseMap(shape), []
    beats = [(pixel << 8 | word, word == shape.words - 1) for pixel in range(shape.pixels)
             for word in range(shape.words)]  # fmt: skip

    async def source(ctx):
        for frame, indices in enumerate(frames):
            for number, word in enumerate(map_words(indices, map_bits=shape.map_bits).tolist()):
                ctx.set(dut.write, 1)
                ctx.set(dut.index, number)
                ctx.set(dut.data, word)
                await ctx.tick()
            ctx.set(dut.write, 0)
            for data, last in beats:
                while rng.random() < gaps:
                    await ctx.tick()
                ctx.set(dut.i.payload.data, data)
                ctx.set(dut.i.payload.last, last)
                ctx.set(dut.i.valid, 1)
                await ctx.tick().until(dut.i.ready)
                ctx.set(dut.i.valid, 0)
            while len(out) < (frame + 1) * len(beats):  # a change in a frame may affect some of its pixels
                await ctx.tick()

    async def sink(ctx):
        expected = len(frames) * len(beats)
        while len(out) < expected:
            ctx.set(dut.o.ready, int(rng.random() >= stalls))
            _, _, valid, ready, payload = await ctx.tick().sample(dut.o.valid, dut.o.ready, dut.o.payload)
            if valid and ready:
                out.append((payload.data, payload.user, payload.last))

    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(source, background=True)
    simulator.add_testbench(sink)
    simulator.run()
    return beats, out


@pytest.mark.parametrize(("gaps", "stalls"), [(0, 0), (0.4, 0.5)])
@pytest.mark.parametrize("shape", SHAPES, ids=["series-6", "events-3", "events-1", "events-4", "events-5"])
def test_each_packet_has_the_index_of_its_pixel(shape, gaps, stalls):
    rng = np.random.default_rng(shape.map_bits)
    frames = rng.integers(0, 2**shape.map_bits, (FRAMES, shape.pixels))
    beats, out = simulated(shape, frames, gaps=gaps, stalls=stalls, seed=5)
    expected = [
        (data, index, last)
        for indices in frames.tolist()
        for (data, last), index in zip(beats, np.repeat(indices, shape.words).tolist(), strict=True)
    ]
    assert out == expected


def test_words_of_a_map():
    indices = np.arange(12).reshape(3, 4)
    words = map_words(indices, map_bits=4)
    assert words.tolist() == [0x76543210, 0x0000BA98]
    assert map_words(np.full(33, 1), map_bits=1).tolist() == [0xFFFFFFFF, 1]


def test_the_registers_of_the_map_follow_those_of_version_1():
    assert register_addresses(SERIES_REGISTERS)["MAP_BITS"] == 0x48
    assert register_addresses(EVENT_REGISTERS)["MAP_BITS"] == 0x3C


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: map_words([0, 8], map_bits=3), "indices must be integers from 0 to 7 with map_bits=3"),
        (lambda: map_words([-1], map_bits=3), "indices must be integers from 0 to 7 with map_bits=3"),
        (lambda: map_words([0.5], map_bits=3), "indices must be integers from 0 to 7 with map_bits=3"),
        (lambda: map_words([0], map_bits=7), "map_bits=7 must be between 1 and 6"),
        (lambda: SeriesShape(2, 99, map_bits=7), "map_bits=7 must be between 0 and 6"),
        (lambda: EventsShape(2, 9, 9, map_bits=-1), "map_bits=-1 must be between 0 and 6"),
    ],
)
def test_maps_that_do_not_exist(call, text):
    with pytest.raises(InputError, match=text):
        call()
