"""Camera or photon counter, front end and engines in one simulation, against the integer program."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.camera import beats_of_images, one_bit_frames, saturation_table
from seq2seqlite.hardware.cosim.inputs import Inputs
from seq2seqlite.hardware.cosim.memory import MemoryModel
from seq2seqlite.hardware.cosim.stream import Access, compile_stream
from seq2seqlite.hardware.design import DesignOptions, make_design
from seq2seqlite.hardware.front_ends import core_latency, front_end_core_plan
from seq2seqlite.hardware.frontends.budget import corner_turn_latency
from seq2seqlite.hardware.frontends.front_end_core import FRONT_END_CORE
from seq2seqlite.hardware.frontends.parameters import EventsShape, SeriesShape
from seq2seqlite.hardware.gateware.csr import REGISTERS
from seq2seqlite.hardware.gateware.register_map import ID
from seq2seqlite.hardware.stimulus import made_up_counts
from seq2seqlite.hardware.targets import find_target
from seq2seqlite.hardware.wire.front_end_registers import EVENTS_ID, SERIES_ID, map_words
from seq2seqlite.hardware.wire.results import records_from_result, words_from_records
from seq2seqlite.integer import DirectProgram, load_any_program, response_codes, run, run_direct

from . import events, series

FRONT_END = 0x100
SLOW = MemoryModel(stalls=0.3, latency_clocks=10, jitter_clocks=20, refresh_every=500, refresh_clocks=60)
MIN_PHOTONS, FLUSH_CLOCKS = 200, 2000
WORDS = 4  # of 32 bits, of the record of a program with a decoder


def designed(program, shape, **options):
    return make_design(program, find_target("xc7k410t"), DesignOptions(lanes=shape.lanes, **options))


def compiled(design, shape, folder):
    files = []
    for name, text in front_end_core_plan(design, shape).execute().items():
        files.append(folder / name)
        files[-1].write_text(text)
    is_series = isinstance(shape, SeriesShape)
    return compile_stream(
        files,
        top=FRONT_END_CORE,
        in_bits=shape.input_bits if is_series else 32,
        out_bits=design.options.result_width,
        out_dir=folder / "simulation",
        memory_bits=shape.data_bits if is_series else 0,
        user_bits=int(is_series),
    )


def engine_settings(frame_pixels, *, design=None, bank=()):
    """Return the accesses that set up the engines, with the responses of a bank from index 1."""
    values = {"FRAME_PIXELS": frame_pixels, "MIN_PHOTONS": MIN_PHOTONS, "FLUSH_CLOCKS": FLUSH_CLOCKS}
    accesses = [Access(REGISTERS[name], value) for name, value in values.items()]
    if len(bank):
        accesses += Inputs(bank, slots=range(1, len(bank) + 1)).accesses(design.shape)
        accesses += [Access(REGISTERS["RESPONSE_BASE"], 1)]
    return [*accesses, Access(REGISTERS["CONTROL"], 1)]


def random_bank(program, n, rng):
    high = program.formats.response.high_code
    return rng.integers(0, high + 1, (n, program.n_gates, program.n_columns))


def at_front_end(accesses):
    return [access._replace(address=access.address + FRONT_END) for access in accesses]


def expected_words(program, counts, *, frame_pixels, bank=None, indices=(0,)):
    """Return the words of the results. ``indices`` has the response of each pixel of a frame."""
    if isinstance(program, DirectProgram):
        index = np.resize(indices, len(counts))
        result = run_direct(program, counts, bank=bank, index=index, min_photons=MIN_PHOTONS)
    else:
        result = run(program, counts, min_photons=MIN_PHOTONS)
    return words_from_records(records_from_result(result, frame_pixels=frame_pixels))


def assert_results(took, expected, *, frame_pixels, beats_per_result):
    """Check that a simulation delivered the results of whole frames, in order and bit for bit."""
    assert (took.end, took.unstable, took.traffic.violations) == ("done", 0, 0)
    np.testing.assert_array_equal(took.out.words.reshape(expected.shape), expected)
    frames = np.arange(len(took.out)) // beats_per_result % frame_pixels == frame_pixels - 1
    last_beat = np.arange(len(took.out)) % beats_per_result == beats_per_result - 1
    np.testing.assert_array_equal(took.out.last, frames & last_beat)


@pytest.mark.parametrize(("gaps", "stalls"), [(0, 0), (0.4, 0.5)])
def test_from_images_to_lifetimes(odd_program, built_once, gaps, stalls):
    program = odd_program(1, n_gates=20)
    shape = SeriesShape(20, 201, lanes=2, data_bits=32, tile_pixels=16, fifo_bursts=8)
    with built_once("core-series") as folder:
        simulator = compiled(designed(program, shape), shape, folder)
    frames = 3
    # As the camera delivers them: shape (frames, n_gates, pixels), 8 bits.
    images = np.minimum(made_up_counts(program, frames * 201), 255).reshape(frames, 201, 20).swapaxes(1, 2)
    mask = np.arange(201) % 50 == 7
    options = {"table": saturation_table(255), "dark_level": 2, "mask": mask}
    counts = series.corrected(images, **options).swapaxes(1, 2).reshape(-1, 20)
    took = simulator.run(
        series.counts_beats(shape, images),
        n_expected=frames * 201 * WORDS,
        before=[*engine_settings(201), *at_front_end(series.settings(wait=True, **options))],
        after=[Access(REGISTERS["ID"]), Access(FRONT_END), *at_front_end(series.counters())],
        memory=SLOW,
        gaps=gaps,
        stalls=stalls,
    )
    expected = expected_words(program, counts, frame_pixels=201)
    assert_results(took, expected, frame_pixels=201, beats_per_result=WORDS)
    assert took.registers[-7:] == (ID, SERIES_ID, frames, frames, 0, 0, 0)
    assert set(took.responses) == {"okay"}


def test_the_latency_of_the_core_is_between_its_limits(odd_program, built_once):
    program = odd_program(1, n_gates=20)
    shape = SeriesShape(20, 201, lanes=2, data_bits=32, tile_pixels=16, fifo_bursts=8)
    design = designed(program, shape)
    with built_once("core-series") as folder:
        simulator = compiled(design, shape, folder)
    took = simulator.run(
        series.counts_beats(shape, np.full((1, 20, 201), 9)),
        n_expected=201 * WORDS,
        before=[*engine_settings(201), *at_front_end(series.settings(wait=True))],
        memory=MemoryModel(latency_clocks=7),
    )
    latency = took.out_clock[-1] - took.in_clock[-1]
    engines = design.clocks_per_pixel
    assert latency > corner_turn_latency(shape, memory_latency=7, pixel_clocks=engines)
    assert latency <= core_latency(design, shape, memory_latency=7)


def test_from_photon_events_to_lifetimes_of_a_direct_program(odd_direct_program, built_once):
    program = odd_direct_program(9, n_gates=20)  # responses matter to 9
    shape = EventsShape(n_gates=20, lines=3, line_pixels=5, lanes=4, micro_bits=5, map_bits=3)
    design = designed(program, shape, result_width=64, responses=7)
    with built_once("core-events") as folder:
        simulator = compiled(design, shape, folder)
    rng = np.random.default_rng(6)
    # Four images of 15 pixels; photons of a decay, within the 40 periods of their pixel.
    listed, time = [], 0
    for _ in range(4):
        for _ in range(shape.lines):
            listed.append((time, events.START, 0, 0))
            for _ in range(shape.line_pixels):
                micro = np.minimum(rng.exponential(6, int(rng.integers(0, 900))), 40).astype(int)
                listed += [
                    (time + 40 * n // (len(micro) + 1), 0, each, 0) for n, each in enumerate(micro.tolist())
                ]
                time += 40
            listed.append((time, events.STOP, 0, 0))
        listed.append((time, events.FRAME, 0, 0))
    listed = np.array(listed, np.int64).T
    table = [gate if gate < 20 else -1 for gate in range(32)]
    counts, _ = events.histograms(shape, listed, table=table, pixel_syncs=40)
    assert len(counts) == 60
    bank, indices = random_bank(program, 6, rng), rng.integers(0, 6, 15)
    expected = expected_words(program, counts, frame_pixels=15, bank=bank, indices=indices)
    assert (expected != expected_words(program, counts, frame_pixels=15, bank=bank)).any()
    took = simulator.run(
        events.beats_of(events.records_of(*listed.tolist())),
        n_expected=expected.size // 2,
        before=[
            *engine_settings(15, design=design, bank=bank),
            *at_front_end(
                events.settings(
                    table=table, pixel_syncs=40, response_map=map_words(indices, map_bits=shape.map_bits)
                )
            ),
        ],
        after=[
            Access(REGISTERS["NO_RESPONSE"]),
            *at_front_end([Access(0), Access(events.ADDRESS["MAP_BITS"])]),
        ],
        stalls=0.3,
    )
    assert_results(took, expected, frame_pixels=15, beats_per_result=3)
    assert took.registers[-3:] == (0, EVENTS_ID, 3)


@pytest.mark.hardware_full
def test_three_frames_of_64_by_64_pixels(tiny, tmp_path):
    shape = SeriesShape(135, 64 * 64)
    images = np.minimum(made_up_counts(tiny, 3 * shape.pixels), 255).reshape(3, shape.pixels, 135)
    counts = images.reshape(-1, 135)
    took = compiled(designed(tiny, shape), shape, tmp_path).run(
        series.counts_beats(shape, images.swapaxes(1, 2)),
        n_expected=len(counts) * WORDS,
        before=[
            *engine_settings(shape.pixels),
            *at_front_end(series.settings(wait=True, bases=(0, 1 << 20))),
        ],
        memory=replace(SLOW, size_bytes=1 << 21),
        stalls=0.2,
    )
    expected = expected_words(tiny, counts, frame_pixels=shape.pixels)
    assert_results(took, expected, frame_pixels=shape.pixels, beats_per_result=WORDS)


@pytest.mark.hardware_full
def test_three_frames_of_64_by_64_pixels_with_their_responses(odd_direct_program, tmp_path):
    program = odd_direct_program(9, n_gates=31)
    shape = SeriesShape(31, 64 * 64, lanes=4, map_bits=6)
    design = designed(program, shape, result_width=64, engines=2)
    rng = np.random.default_rng(8)
    images = np.minimum(made_up_counts(program, 3 * shape.pixels), 255).reshape(3, shape.pixels, 31)
    bank, indices = random_bank(program, 63, rng), rng.integers(0, 63, shape.pixels)
    took = compiled(design, shape, tmp_path).run(
        series.counts_beats(shape, images.swapaxes(1, 2)),
        n_expected=3 * shape.pixels * 3,
        before=[
            *engine_settings(shape.pixels, design=design, bank=bank),
            *at_front_end(
                series.settings(wait=True, bases=(0, 1 << 20), words=map_words(indices, map_bits=6))
            ),
        ],
        after=[Access(REGISTERS["NO_RESPONSE"])],
        memory=replace(SLOW, size_bytes=1 << 21),
        gaps=0.2,
        stalls=0.2,
    )
    counts = images.reshape(-1, 31)
    expected = expected_words(program, counts, frame_pixels=shape.pixels, bank=bank, indices=indices)
    assert_results(took, expected, frame_pixels=shape.pixels, beats_per_result=3)
    assert took.registers[-1] == 0


@pytest.mark.hardware_full
def test_a_stripe_of_the_spad512s_series_as_one_bit_frames(shared_data, tmp_path):
    """The student of that camera, with the delay of each column's gate: one-bit frames in, lifetimes out."""
    program = load_any_program("seq2seqlite-spad512s-direct-int8")
    shape = SeriesShape(67, 2 * 512, lanes=2, frame_bits=64, map_bits=2)
    design = designed(program, shape, responses=4)
    files = sorted((shared_data / "spad512s").glob("*.png"))
    images = np.rint(np.array([plt.imread(file)[256:258] for file in files]) * 255).astype(np.int64)
    images = images.reshape(67, shape.pixels)
    bits = np.concatenate(list(one_bit_frames(images, n_frames=255)))
    table = saturation_table(255)
    # A gate of 6 ns that closes one image later in every quarter of a line, as by the skew of its signal.
    bank = [response_codes(program, np.where(np.arange(67) < last, 1000.0, 1.0)) for last in (32, 33, 34)]
    indices = np.tile(np.minimum(np.arange(512) // 128, 2), 2)
    counts = series.corrected(images, table=table).T
    expected = expected_words(
        program, counts, frame_pixels=shape.pixels, bank=np.stack(bank), indices=indices
    )
    took = compiled(design, shape, tmp_path).run(
        beats_of_images(bits, bits=1, width=64, frame_images=67 * 255),
        n_expected=expected.size,
        before=[
            *engine_settings(shape.pixels, design=design, bank=np.stack(bank)),
            *at_front_end(
                series.settings(
                    table=table,
                    frames_per_gate=255,
                    bases=(0, 1 << 18),
                    words=map_words(indices, map_bits=shape.map_bits),
                )
            ),
        ],
        after=at_front_end(series.counters()),
        memory=SLOW,
    )
    assert_results(took, expected, frame_pixels=shape.pixels, beats_per_result=6)
    assert series.counted(took) == {
        "FRAMES_IN": 1,
        "FRAMES_OUT": 1,
        "FRAMES_DROPPED": 0,
        "FRAMES_MALFORMED": 0,
        "MEMORY_ERRORS": 0,
    }


@pytest.mark.hardware_full
def test_the_photons_of_the_hazelnut(tiny, hazelnut_ptu, tmp_path):
    """All records of the file to the lifetimes of all pixels of its five frames."""
    import ptufile

    shape = EventsShape(n_gates=135, lines=256, line_pixels=256, lanes=4)
    with ptufile.PtuFile(hazelnut_ptu) as file:
        records = file.read_records()
        image = file.decode_image(channel=0, dtime=0).reshape(-1, 132)
    table = np.arange(132)  # a bin a gate
    counts = np.pad(image, ((0, 0), (0, 3))).astype(np.int64)
    took = compiled(designed(tiny, shape), shape, tmp_path).run(
        events.beats_of(records),
        n_expected=len(counts) * WORDS,
        before=[
            *engine_settings(256 * 256),
            *at_front_end(events.settings(table=table, pixel_syncs=494, markers=0x0421)),
        ],
        after=at_front_end(events.counters()),
    )
    expected = expected_words(tiny, counts, frame_pixels=256 * 256)
    assert_results(took, expected, frame_pixels=256 * 256, beats_per_result=WORDS)
    assert events.counted(took)["PHOTONS"] == 6_064_854


@pytest.mark.hardware_full
def test_the_photons_of_the_hazelnut_with_responses(odd_direct_program, hazelnut_ptu, tmp_path):
    """Five bins of the histogram per gate, and one of 63 responses for each of 65,536 pixels."""
    import ptufile

    program = odd_direct_program(9, n_gates=27)
    shape = EventsShape(n_gates=27, lines=256, line_pixels=256, lanes=4, map_bits=6)
    design = designed(program, shape, result_width=64, engines=2)
    rng = np.random.default_rng(9)
    with ptufile.PtuFile(hazelnut_ptu) as file:
        records = file.read_records()
        image = file.decode_image(channel=0, dtime=0).reshape(-1, 132)
    counts = np.pad(image, ((0, 0), (0, 3))).reshape(-1, 27, 5).sum(axis=2).astype(np.int64)
    bank, indices = random_bank(program, 63, rng), rng.integers(0, 63, shape.pixels)
    set_up = events.settings(
        table=np.arange(132) // 5,
        pixel_syncs=494,
        markers=0x0421,
        response_map=map_words(indices, map_bits=6),
    )
    took = compiled(design, shape, tmp_path).run(
        events.beats_of(records),
        n_expected=len(counts) * 3,
        before=[*engine_settings(shape.pixels, design=design, bank=bank), *at_front_end(set_up)],
        after=[Access(REGISTERS["NO_RESPONSE"]), *at_front_end(events.counters())],
    )
    expected = expected_words(program, counts, frame_pixels=shape.pixels, bank=bank, indices=indices)
    assert_results(took, expected, frame_pixels=shape.pixels, beats_per_result=3)
    assert events.counted(took)["PHOTONS"] == 6_064_854
    assert took.registers[-len(events.COUNTERS) - 1] == 0


def test_front_end_and_engines_must_fit(odd_program):
    design = make_design(odd_program(1, n_gates=20), find_target("xc7k410t"), DesignOptions(lanes=2))
    for shape, text in (
        (SeriesShape(21, 201, lanes=2), r"n_gates=21 of the front end must be 20"),
        (EventsShape(20, 3, 5, lanes=4), r"lanes=4 of the front end must be 2"),
        (
            EventsShape(20, 3, 5, lanes=2, map_bits=2),
            r"map_bits=2 of the front end must be 0, because program",
        ),
    ):
        with pytest.raises(InputError, match=text):
            front_end_core_plan(design, shape)
    narrow = make_design(odd_program(1, n_gates=20), find_target("xc7k410t"), DesignOptions(count_bits=8))
    with pytest.raises(
        InputError, match="count_bits=8 of the engines must be 16, the width of the counts of a"
    ):
        front_end_core_plan(narrow, SeriesShape(20, 201))
