"""Gate series through the corner turn in a memory that stalls, against a NumPy model."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.camera import OneBitCamera, beats_of_images, one_bit_frames, saturation_table
from seq2seqlite.hardware.cosim.memory import MemoryModel
from seq2seqlite.hardware.frontends.parameters import SeriesShape
from seq2seqlite.simulation import load_instrument, simulated_frames

from .series import (
    corrected,
    counted,
    counters,
    counts_beats,
    counts_of,
    cut,
    joined,
    packets,
    settings,
)

# Incomplete last tiles, bursts and packets; more and fewer lanes than counts in a memory beat.
SHAPES = {
    "eight-bit": SeriesShape(7, 201, lanes=2, data_bits=32, tile_pixels=16, fifo_bursts=8),
    "sixteen-bit": SeriesShape(6, 130, lanes=4, data_bits=64, tile_pixels=32, count_bits=16, fifo_bursts=4),
}
BITS = SeriesShape(3, 105, lanes=8, data_bits=32, tile_pixels=32, frame_bits=16, fifo_bursts=4)
SLOW = MemoryModel(stalls=0.3, latency_clocks=10, jitter_clocks=20, refresh_every=500, refresh_clocks=60)


@pytest.fixture(params=SHAPES)
def series(request, front_end):
    shape = SHAPES[request.param]
    return shape, front_end(shape, f"series-{request.param}")


@pytest.fixture
def eight_bit(front_end):
    return SHAPES["eight-bit"], front_end(SHAPES["eight-bit"], "series-eight-bit")


@pytest.fixture
def summing(front_end):
    return BITS, front_end(BITS, "series-bits")


def random_frames(shape, n, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 2**shape.count_bits, (n, shape.n_gates, shape.pixels))


def assert_frames(run, shape, frames):
    """Check that a run delivered exactly these frames, and that it followed the rules of both buses."""
    assert (run.unstable, run.traffic.violations) == (0, 0)
    beats, last = packets(shape, frames)
    np.testing.assert_array_equal(counts_of(run, shape), beats)
    np.testing.assert_array_equal(run.out.last, last)


@pytest.mark.parametrize(("gaps", "stalls"), [(0, 0), (0.6, 0), (0, 0.7), (0.4, 0.5)])
@pytest.mark.parametrize("memory", [MemoryModel(), SLOW], ids=["fast", "slow"])
def test_every_pixel_of_every_frame(series, gaps, stalls, memory):
    shape, simulator = series
    frames = random_frames(shape, 4)
    run = simulator.run(
        counts_beats(shape, frames),
        n_expected=4 * shape.pixels * shape.words,
        before=settings(wait=True),
        after=counters(),
        gaps=gaps,
        stalls=stalls,
        memory=memory,
    )
    assert_frames(run, shape, frames)
    traffic = run.traffic
    assert traffic.beats_written == frames.size // shape.pixels * shape.image_beats
    assert traffic.beats_read == 4 * shape.tiles * shape.tile_beats
    assert traffic.bursts_read == traffic.bursts_written == 4 * shape.tiles * shape.n_gates
    assert counted(run) == {
        "FRAMES_IN": 4,
        "FRAMES_OUT": 4,
        "FRAMES_DROPPED": 0,
        "FRAMES_MALFORMED": 0,
        "MEMORY_ERRORS": 0,
    }


def test_corrections(series):
    shape, simulator = series
    rng = np.random.default_rng(1)
    frames = random_frames(shape, 2) % 300
    options = {
        "table": rng.integers(0, 2**16, 256),
        "dark_level": 5000,
        "mask": rng.random(shape.pixels) < 0.2,
    }
    run = simulator.run(
        counts_beats(shape, frames),
        n_expected=2 * shape.pixels * shape.words,
        before=settings(wait=True, **options),
        memory=SLOW,
        stalls=0.3,
    )
    assert_frames(run, shape, corrected(frames, **options))


def delivered_frames(run, shape, frames):
    """Return which frames a run delivered, each of them whole."""
    assert (run.unstable, run.traffic.violations) == (0, 0)
    beats = counts_of(run, shape).reshape(-1, shape.pixels * shape.words, shape.lanes)
    expected = packets(shape, frames)[0].reshape(len(frames), *beats.shape[1:])
    found = []
    for one in beats:
        (matches,) = np.nonzero((expected == one).all(axis=(1, 2)))
        assert len(matches) == 1
        found.append(int(matches[0]))
    assert found == sorted(set(found))
    return found


@pytest.mark.parametrize(
    ("gaps", "stalls", "memory"),
    [
        (0, 0.9, MemoryModel()),
        (0.6, 0, MemoryModel(stalls=0.52, latency_clocks=10)),
        (0, 0, MemoryModel(refresh_every=4000, refresh_clocks=700)),
    ],
    ids=["slow-engine", "slow-memory", "memory-pauses"],
)
def test_an_overrun_drops_whole_frames(series, gaps, stalls, memory):
    shape, simulator = series
    frames = random_frames(shape, 12)
    run = simulator.run(
        counts_beats(shape, frames),
        before=settings(),
        after=counters(),
        gaps=gaps,
        stalls=stalls,
        memory=memory,
        drain_clocks=5000,
    )
    assert gaps or (np.diff(run.in_clock) == 1).all()  # the camera never waits
    found = delivered_frames(run, shape, frames)
    counts = counted(run)
    assert 0 < len(found) < 12
    assert counts["FRAMES_OUT"] == len(found)
    assert counts["FRAMES_DROPPED"] == counts["FRAMES_IN"] - len(found)
    assert counts["FRAMES_MALFORMED"] == 0


def test_malformed_frames_are_dropped_and_the_next_one_is_not_affected(eight_bit):
    shape, simulator = eight_bit
    frames = random_frames(shape, 6)
    image = shape.image_beats
    whole = [counts_beats(shape, frames[n : n + 1]) for n in range(6)]
    parts = [
        whole[0],
        cut(whole[1], np.arange(len(whole[1])) != 2 * image + 3),  # an image with a beat too few
        whole[2],
        cut(whole[3], slice(0, 3 * image)),  # images are missing: the next frame comes early
        whole[4],
        cut(whole[5], np.sort(np.append(np.arange(len(whole[5])), image + 3))),  # a beat too many
        cut(whole[0], slice(image, None)),  # a frame without its first image is ignored
        whole[5],
    ]
    run = simulator.run(
        joined(*parts),
        n_expected=4 * shape.pixels * shape.words,
        before=settings(wait=True),
        after=counters(),
        memory=SLOW,
    )
    assert_frames(run, shape, frames[[0, 2, 4, 5]])
    assert counted(run) | {"MEMORY_ERRORS": 0} == {
        "FRAMES_IN": 7,
        "FRAMES_OUT": 4,
        "FRAMES_DROPPED": 0,
        "FRAMES_MALFORMED": 3,
        "MEMORY_ERRORS": 0,
    }


def random_bits(shape, n, per_gate, probability=0.4, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.random((n, shape.n_gates, per_gate, shape.pixels)) < probability).astype(np.int64)


def bit_beats(shape, bits):
    images = bits.reshape(-1, shape.pixels)
    return beats_of_images(images, bits=1, width=shape.frame_bits, frame_images=shape.n_gates * bits.shape[2])


@pytest.mark.parametrize(
    ("per_gate", "gaps", "stalls", "memory"),
    [(1, 0, 0, SLOW), (9, 0, 0, MemoryModel()), (9, 0.5, 0.5, SLOW), (300, 0, 0.2, SLOW)],
)
def test_one_bit_frames_are_summed(summing, per_gate, gaps, stalls, memory):
    shape, simulator = summing
    bits = random_bits(shape, 3 if per_gate < 100 else 1, per_gate, 0.4 if per_gate < 100 else 0.9)
    frames = np.minimum(bits.sum(axis=2), 255)
    run = simulator.run(
        bit_beats(shape, bits),
        n_expected=len(bits) * shape.pixels * shape.words,
        before=settings(wait=True, frames_per_gate=per_gate),
        after=counters(),
        gaps=gaps,
        stalls=stalls,
        memory=memory,
    )
    assert_frames(run, shape, frames)
    assert counted(run)["FRAMES_IN"] == counted(run)["FRAMES_OUT"] == len(bits)
    assert per_gate != 300 or (frames == 255).any()  # sums saturate


def test_a_simulated_camera_at_its_rate_and_in_its_order(summing):
    """Simulated decays, as one-bit frames from the middle of the sensor outwards; the camera never waits."""
    shape, simulator = summing
    camera = OneBitCamera(7, 15, 97_700.0, line_order=(3, 2, 4, 1, 5, 0, 6))
    (scene,) = simulated_frames(load_instrument("swissspad3"), shape=(7, 15), n=1, photons=3000.0)
    counts = np.moveaxis(scene[..., 20 : 20 + shape.n_gates].astype(np.int64), -1, 0)
    bits = camera.delivered(np.concatenate(list(one_bit_frames(counts, n_frames=255))))
    run = simulator.run(
        beats_of_images(bits, bits=1, width=16, frame_images=shape.n_gates * 255),
        n_expected=shape.pixels * shape.words,
        before=settings(frames_per_gate=255),
        after=counters(),
        gaps=camera.source_gaps(clock_mhz=1.0, frame_bits=16),
        memory=SLOW,
    )
    assert_frames(run, shape, camera.delivered(counts)[None])
    assert counted(run)["FRAMES_OUT"] == 1
    pixels = counts_of(run, shape)[:, : shape.n_gates]
    np.testing.assert_array_equal(camera.arranged(pixels.T), counts)


def test_one_bit_frames_that_overrun_or_are_malformed(summing):
    shape, simulator = summing
    bits = random_bits(shape, 10, 8)
    whole = [bit_beats(shape, bits[n : n + 1]) for n in range(10)]
    beats = -(-shape.pixels // shape.frame_bits)
    parts = [*whole[:4], cut(whole[4], np.arange(len(whole[4])) != 12 * beats), *whole[5:8]]
    parts += [cut(whole[8], slice(0, 11 * beats)), whole[9]]
    run = simulator.run(
        joined(*parts), before=settings(frames_per_gate=8), after=counters(), drain_clocks=3000, memory=SLOW
    )
    counts = counted(run)
    found = delivered_frames(run, shape, bits.sum(axis=2))
    assert not {4, 8} & set(found)
    assert len(found) == counts["FRAMES_OUT"]
    assert counts["FRAMES_IN"] == 10
    assert counts["FRAMES_MALFORMED"] == 2
    # A malformed frame whose first images found no buffer was dropped as well.
    assert 0 <= counts["FRAMES_DROPPED"] - (10 - 2 - len(found)) <= 2
    run = simulator.run(
        joined(*parts[:4]),
        before=settings(frames_per_gate=8),
        after=counters(),
        stalls=0.97,
        drain_clocks=3000,
    )
    counts = counted(run)
    assert counts["FRAMES_DROPPED"] == 4 - counts["FRAMES_OUT"] > 0
    assert (np.diff(run.in_clock) == 1).all()


@pytest.mark.hardware_full
def test_a_line_of_the_spad512s_series_as_one_bit_frames(front_end, shared_data):
    shape = SeriesShape(67, 512, lanes=2, frame_bits=64)
    files = sorted((shared_data / "spad512s").glob("*.png"))
    lines = np.array([plt.imread(file)[256] for file in files])  # 8 bits, as 0 to 1
    counts = np.rint(lines * 255).astype(np.int64)
    assert counts.shape == (67, 512)
    bits = np.concatenate(list(one_bit_frames(counts, n_frames=255)))
    table = saturation_table(255)
    run = front_end(shape, "series-spad512s").run(
        beats_of_images(bits, bits=1, width=64, frame_images=67 * 255),
        n_expected=shape.pixels * shape.words,
        before=settings(table=table, frames_per_gate=255, bases=(0, 1 << 16)),
        after=counters(),
        memory=SLOW,
    )
    assert_frames(run, shape, [corrected(counts, table=table)])
    assert counted(run)["FRAMES_OUT"] == 1


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"n_gates": 0}, r"n_gates=0 and pixels=64 must be at least 1"),
        ({"lanes": 3}, r"lanes=3 must be one of 1, 2, 4, 8, 16"),
        ({"count_bits": 12}, r"count_bits=12 must be 8 or 16"),
        ({"data_bits": 48}, r"data_bits=48 must be a power of two from 32 to 512"),
        (
            {"tile_pixels": 48},
            r"tile_pixels=48 must be a power of two from 8 to 2048 with data_bits=64, coun",
        ),
        ({"tile_pixels": 4}, r"tile_pixels=4 must be a power of two from 8"),
        ({"frame_bits": 12}, r"frame_bits=12 must be 0 or a multiple of the 8 counts of a memory beat"),
        ({"frame_bits": 32}, r"pixels=64 must be more than 3 beats of frame_bits=32"),
        ({"table_bits": 13}, r"table_bits=13 must be between 1 and 12"),
        ({"fifo_bursts": 3}, r"fifo_bursts=3 must be a power of two, at least 2"),
        (
            {"pixels": 10**6, "address_bits": 20},
            r"two frames of \d+ bytes exceed address_bits=20",
        ),
    ],
)
def test_shapes_that_cannot_be_built(options, text):
    with pytest.raises(InputError, match=text):
        SeriesShape(**{"n_gates": 7, "pixels": 64} | options)
