"""Photon events to histograms: against a NumPy model, and against ptufile's image of the hazelnut."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.frontends.parameters import EventsShape
from seq2seqlite.hardware.frontends.record_decoder import RecordDecoder

from .events import (
    FRAME,
    PIXEL,
    START,
    STOP,
    beats_of,
    counted,
    counters,
    decoded,
    histograms,
    records_of,
    settings,
)
from .series import counts_of

HAZELNUT_PIXEL_SYNCS = 494
HAZELNUT = EventsShape(n_gates=132, lines=256, line_pixels=256, lanes=4)


@pytest.fixture
def small(front_end, small_events):
    return small_events, front_end(small_events, "events-small")


def pixels_of(run, shape):
    """Return the packets of a run as pixels, shape (n, n_gates)."""
    assert run.unstable == 0
    last = np.tile(np.arange(shape.words) == shape.words - 1, len(run.out) // shape.words)
    np.testing.assert_array_equal(run.out.last, last)
    return counts_of(run, shape).reshape(-1, shape.words * shape.lanes)[:, : shape.n_gates]


def scanned(shape, rng, *, pixel_syncs, faults=True):
    """Return events (time, markers, micro, channel) of a scan, with everything that can go wrong in one."""
    time, events = 0, []

    def photons(n, span):
        times = np.sort(rng.integers(0, span, n)) + time
        events.extend((int(at), 0, int(rng.integers(0, 40)), int(rng.integers(0, 4))) for at in times)

    for _ in range(9):
        for line in range(shape.lines + int(rng.integers(-1, 2)) * faults):
            time += int(rng.integers(1, 100_000 if rng.random() < 0.1 else 50))
            photons(2, 1)  # between lines: outside
            # A marker record may have several bits.
            events.append((time, START | FRAME * (line == 0 and rng.random() < 0.3), 0, 0))
            for pixel in range(shape.line_pixels):
                photons(0 if rng.random() < 0.3 else int(rng.integers(0, 60)), pixel_syncs)
                time += pixel_syncs
                if pixel < shape.line_pixels - 1:
                    events.append((time, PIXEL, 0, 0))
                if faults and rng.random() < 0.05:
                    break  # the line ends early
            time += int(rng.integers(0, 30))  # and photons after its last pixel are outside
            photons(3, 1)
            if rng.random() < 0.8 or not faults:
                events.append((time, STOP, 0, 0))
        events.append((time, FRAME | STOP * (rng.random() < 0.5), 0, 0))
    return np.array(events, np.int64).T


@pytest.mark.parametrize(("gaps", "stalls"), [(0, 0), (0.5, 0), (0, 0.8), (0.3, 0.3)])
@pytest.mark.parametrize("pixel_syncs", [40, 0], ids=["by-time", "by-markers"])
def test_every_photon_is_in_its_pixel(small, gaps, stalls, pixel_syncs):
    shape, simulator = small
    events = scanned(shape, np.random.default_rng(2), pixel_syncs=40)
    table = np.where(np.arange(32) < 30, np.arange(32) * shape.n_gates // 30, -1)
    channels = 0b1011
    expected, counts = histograms(
        shape, events, table=table.tolist(), pixel_syncs=pixel_syncs, channels=channels
    )
    records = records_of(*events.tolist())
    np.testing.assert_array_equal(decoded(records), events)
    run = simulator.run(
        beats_of(records),
        before=settings(table=table, pixel_syncs=pixel_syncs, channels=channels),
        after=counters(),
        gaps=gaps,
        stalls=stalls,
    )
    np.testing.assert_array_equal(pixels_of(run, shape), expected)
    found = counted(run)
    assert (
        tuple(found[name] for name in ("PHOTONS", "PHOTONS_OUTSIDE", "PIXELS_OUT", "LINES_MISSING")) == counts
    )
    assert found["FRAMES_OUT"] == len(expected) // (shape.lines * shape.line_pixels)
    assert counts[0] == expected.sum() > 1000
    assert counts[3] > 0


def test_frames_without_frame_markers(small):
    shape, simulator = small
    events = scanned(shape, np.random.default_rng(3), pixel_syncs=40, faults=False)
    with_markers, _ = histograms(shape, events, table=list(range(11)), pixel_syncs=40)
    without = events[:, events[1] != FRAME]
    run = simulator.run(
        beats_of(records_of(*without.tolist())),
        before=settings(table=range(11), pixel_syncs=40, markers=0x0021),
        after=counters(),
    )
    np.testing.assert_array_equal(pixels_of(run, shape), with_markers)
    assert counted(run)["FRAMES_OUT"] == 9


@pytest.mark.parametrize("per_pixel", [11, 40])
def test_one_event_is_accepted_per_clock_cycle_also_across_pixels(small, per_pixel):
    """All photons in few gates: each count is read before the one before it is written."""
    shape, simulator = small
    rng = np.random.default_rng(4)
    assert per_pixel >= shape.words + 5
    pixel_syncs = 5 * per_pixel
    n = shape.lines * shape.line_pixels * per_pixel
    time = 1 + np.arange(n) * pixel_syncs // per_pixel
    gates = np.where(np.arange(n) // per_pixel % 2, rng.integers(0, 3, n), 5)
    line = per_pixel * shape.line_pixels
    events = []
    for at, gate in zip(time.tolist(), gates.tolist(), strict=True):
        if len(events) % (line + 1) == 0:
            events.append((at, START, 0, 0))
        events.append((at, 0, gate, 0))
    events.append((int(time[-1]) + 5, STOP, 0, 0))
    events = np.array(events, np.int64).T
    expected, _ = histograms(shape, events, table=list(range(11)), pixel_syncs=pixel_syncs)
    assert len(expected) == shape.lines * shape.line_pixels
    assert (expected.sum(axis=1) == per_pixel).all()
    run = simulator.run(
        beats_of(records_of(*events.tolist())), before=settings(table=range(11), pixel_syncs=pixel_syncs)
    )
    np.testing.assert_array_equal(pixels_of(run, shape), expected)
    assert (np.diff(run.in_clock) == 1).all()


def test_counts_saturate(small):
    shape, simulator = small
    n = 65_540
    times = np.ones(n + 2, np.int64)
    markers = np.zeros(n + 2, np.int64)
    markers[0], markers[-1] = START, STOP
    events = np.stack([times, markers, 3 * (markers == 0), 0 * times])
    run = simulator.run(
        beats_of(records_of(*events.tolist())), before=settings(table=range(11), pixel_syncs=40)
    )
    found = pixels_of(run, shape)
    assert found[0].tolist() == [0, 0, 0, 65535, 0, 0, 0, 0, 0, 0, 0]
    assert not found[1:].any()


def hazelnut_run(front_end, hazelnut_ptu, n_records):
    import ptufile

    with ptufile.PtuFile(hazelnut_ptu) as file:
        assert file.global_pixel_time == HAZELNUT_PIXEL_SYNCS
        records = file.read_records()[:n_records]
        image = file.decode_image(channel=0, dtime=0)  # bins of one laser period
    run = front_end(HAZELNUT, "events-hazelnut").run(
        beats_of(records),
        before=settings(table=range(132), pixel_syncs=HAZELNUT_PIXEL_SYNCS, markers=0x0421),
        after=counters(),
    )
    return pixels_of(run, HAZELNUT), image.reshape(-1, 132), counted(run)


def test_the_first_lines_of_the_hazelnut(front_end, hazelnut_ptu):
    pixels, image, _ = hazelnut_run(front_end, hazelnut_ptu, 150_000)
    assert len(pixels) > 30 * 256
    np.testing.assert_array_equal(pixels, image[: len(pixels)])


@pytest.mark.hardware_full
def test_the_whole_hazelnut(front_end, hazelnut_ptu):
    pixels, image, found = hazelnut_run(front_end, hazelnut_ptu, None)
    np.testing.assert_array_equal(pixels, image)
    assert found == {
        "PHOTONS": 6_064_854,
        "PHOTONS_OUTSIDE": 269,
        "PIXELS_OUT": 5 * 65_536,
        "FRAMES_OUT": 5,
        "LINES_MISSING": 0,
    }


def generic_records(rng, n):
    """Return generic T3 records, and the events in them as (time, markers, micro, channel)."""
    records, events, high = [], [], 0
    for _ in range(n):
        kind, sync, micro = rng.random(), int(rng.integers(0, 1024)), int(rng.integers(0, 2**15))
        if kind < 0.2:
            records.append(1 << 31 | 63 << 25 | (periods := int(rng.integers(0, 4))))
            high += max(periods, 1)
        elif kind < 0.3:
            records.append(1 << 31 | (marker := int(rng.integers(1, 16))) << 25 | sync)
            events.append((high << 10 | sync, marker, 0, 0))
        elif kind < 0.35:
            records.append(1 << 31 | int(rng.integers(16, 63)) << 25 | sync)  # reserved
        else:
            channel = int(rng.integers(0, 64))
            records.append(channel << 25 | micro << 10 | sync)
            events.append((high << 10 | sync, 0, micro, channel))
    return records, events


def test_generic_records():
    shape = EventsShape(n_gates=16, lines=2, line_pixels=2, micro_bits=14, records="generic-t3")
    decoder = RecordDecoder(shape)
    records, events = generic_records(np.random.default_rng(5), 400)
    channels, found = 0xF0F0_1234, []

    async def source(ctx):
        ctx.set(decoder.channels, channels)
        for entry in range(16):
            ctx.set(decoder.table_write, 1)
            ctx.set(decoder.table_index, entry * 1000)
            ctx.set(decoder.table_data, 1 << 16 | entry)
            await ctx.tick()
        ctx.set(decoder.table_write, 0)
        ctx.set(decoder.i.valid, 1)
        for record in records:
            ctx.set(decoder.i.payload, record)
            await ctx.tick().until(decoder.i.ready)
        ctx.set(decoder.i.valid, 0)

    async def sink(ctx):
        rng = np.random.default_rng(6)
        while len(found) < len(events):
            ctx.set(decoder.o.ready, int(rng.random() < 0.6))
            _, _, valid, ready, payload = await ctx.tick().sample(
                decoder.o.valid, decoder.o.ready, decoder.o.payload
            )
            if valid and ready:
                found.append((payload.time, payload.markers, payload.counted, payload.gate))

    simulator = Simulator(decoder)
    simulator.add_clock(1e-6)
    simulator.add_testbench(source)
    simulator.add_testbench(sink)
    simulator.run()
    for (time, markers, is_counted, gate), (true_time, true_markers, micro, channel) in zip(
        found, events, strict=True
    ):
        in_table = micro % 1000 == 0 and micro < 16_000
        assert (time, markers) == (true_time, true_markers)
        assert is_counted == (not markers and in_table and channel < 32 and channels >> channel & 1)
        assert not is_counted or gate == micro // 1000


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"n_gates": 0}, "n_gates=0 must be between 1 and 65535"),
        ({"lines": 0}, "lines=0 must be between 1 and 65535"),
        ({"line_pixels": 70000}, "line_pixels=70000 must be between 1 and 65535"),
        ({"lanes": 5}, "lanes=5 must be one of 1, 2, 4, 8, 16"),
        ({"micro_bits": 16}, "micro_bits=16 must be between 1 and 15"),
        ({"records": "t2"}, "records='t2' must be 'picoharp-t3' or 'generic-t3'"),
    ],
)
def test_shapes_that_cannot_be_built(options, text):
    with pytest.raises(InputError, match=text):
        EventsShape(**{"n_gates": 7, "lines": 4, "line_pixels": 4} | options)
