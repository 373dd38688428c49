"""Formulas of bandwidth and latency: against measurements in simulation, and in closed form."""

from dataclasses import replace

import pytest

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.cosim.memory import MemoryModel
from seq2seqlite.hardware.frontends.budget import (
    Memory,
    corner_turn_budget,
    corner_turn_latency,
    gate_sequential_budget,
)
from seq2seqlite.hardware.frontends.parameters import SeriesShape

from .series import counts_beats, settings
from .test_gate_series import SHAPES, random_frames


@pytest.mark.parametrize(
    ("name", "latency"), [("eight-bit", 0), ("eight-bit", 10), *(("sixteen-bit", n) for n in (0, 10, 40))]
)
def test_latency_and_traffic_are_those_of_the_simulation(front_end, name, latency):
    shape = SHAPES[name]
    run = front_end(shape, f"series-{name}").run(
        counts_beats(shape, random_frames(shape, 1)),
        n_expected=shape.pixels * shape.words,
        before=settings(wait=True),
        memory=MemoryModel(latency_clocks=latency),
    )
    assert run.out_clock[-1] - run.in_clock[-1] == corner_turn_latency(shape, memory_latency=latency)
    budget = corner_turn_budget(shape, Memory(1000, latency), clock_mhz=100)
    beats = run.traffic.beats_read + run.traffic.beats_written
    assert budget.traffic_bytes == beats * shape.data_bits // 8


def test_a_response_map_delays_the_packets(front_end):
    shape = replace(SHAPES["eight-bit"], map_bits=4)
    run = front_end(shape, "series-map").run(
        counts_beats(shape, random_frames(shape, 1)),
        n_expected=shape.pixels * shape.words,
        before=settings(wait=True),
    )
    assert run.out_clock[-1] - run.in_clock[-1] == corner_turn_latency(shape)
    assert corner_turn_latency(shape) == corner_turn_latency(SHAPES["eight-bit"]) + 4


def test_a_corner_turn_by_hand():
    shape = SeriesShape(n_gates=135, pixels=250_000, lanes=16, data_bits=256)
    assert (shape.tiles, shape.tile_bytes) == (3907, 8640)
    fast = corner_turn_budget(shape, Memory(9000), clock_mhz=200, engines=9)
    assert fast.memory_bytes == 2 * 3907 * 8640
    assert fast.traffic_bytes == 135 * 250_016 + 3907 * 8640
    assert fast.frame_s == pytest.approx(250_000 * 15 / 200e6)  # engines
    assert fast.latency_s == pytest.approx(250_000 * 15 / 200e6, rel=1e-3)
    assert fast.megabytes_per_s(30) == pytest.approx(30 * fast.traffic_bytes / 1e6)
    slow = corner_turn_budget(shape, Memory(600), clock_mhz=200, engines=9)
    assert slow.frame_s == pytest.approx(fast.traffic_bytes / 600e6)
    assert slow.latency_s == pytest.approx(shape.frame_bytes / 600e6, rel=1e-3)  # all of it is read


def test_gate_sequential_by_hand():
    options = {"n_gates": 10, "pixels": 1000, "state_bits": 250, "clock_mhz": 100}
    found = gate_sequential_budget(memory=Memory(1000), **options)
    assert found.memory_bytes == 1000 * (32 + 8)
    assert found.traffic_bytes == 10 * 1000 * (64 + 8)
    assert found.latency_s == pytest.approx(1000 * 72 / 1e9)  # memory
    assert found.frame_s == pytest.approx(10 * found.latency_s)
    by_kernel = gate_sequential_budget(memory=Memory(1e6), **options)
    assert by_kernel.latency_s == pytest.approx(1000 / 100e6)
    decoder = gate_sequential_budget(memory=Memory(1e6, 50), has_decoder=True, engines=2, **options)
    assert decoder.latency_s == pytest.approx(1000 * 10 / 2 / 100e6 + 50 / 100e6)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: Memory(0), "megabytes_per_s=0 must be above 0"),
        (lambda: Memory(1, -1), "latency_clocks=-1 must not be negative"),
        (
            lambda: corner_turn_budget(SeriesShape(2, 99), Memory(1), clock_mhz=0),
            "clock_mhz=0 must be above 0, and engines=1 at least 1",
        ),
        (
            lambda: corner_turn_latency(SeriesShape(2, 99), pixel_clocks=-1),
            "pixel_clocks=-1 must not be negative, and beat_clocks=1.0 at least 1",
        ),
    ],
)
def test_values_without_a_budget(call, text):
    with pytest.raises(InputError, match=text):
        call()
