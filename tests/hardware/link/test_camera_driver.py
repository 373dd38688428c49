"""Driver of a board with a camera: assembly of frames, and a simulated board behind a socket."""

import itertools

import numpy as np
import pytest
from tests.hardware.frontends.series import corrected

from seq2seqlite import stream
from seq2seqlite.errors import InputError
from seq2seqlite.hardware.camera import one_bit_frames, saturation_table
from seq2seqlite.hardware.cosim.board import Faults
from seq2seqlite.hardware.cosim.camera import CameraFeed, camera_beats
from seq2seqlite.hardware.host import Board, BoardError
from seq2seqlite.hardware.host.camera import LATE, CameraSettings, FrameAssembly
from seq2seqlite.hardware.stimulus import made_up_bank
from seq2seqlite.hardware.wire.link_packets import ANSWER, Kind, Packet
from seq2seqlite.hardware.wire.memory_status import FAILED
from seq2seqlite.hardware.wire.results import words_from_records
from seq2seqlite.integer import run_direct, write_program
from seq2seqlite.integer.predictor import direct_lifetimes_from_codes
from seq2seqlite.streaming import CallbackSink

from .camera_boards import NUMBER, PIXELS, SLOW, beats_of, expected_of, images_of

RECORD_BITS, PER_PACKET, TIMEOUT_S = 128, 91, 60.0
IMAGES = 4  # of the simulated camera, which repeats them


def packets_of(number, pixels=PIXELS):
    """Return the packets of a frame, whose words are those of their pixels."""
    words = np.arange(4 * pixels, dtype=np.uint32).reshape(pixels, 4) + np.uint32(number)
    return [
        Packet(Kind.RESULTS | ANSWER, 1, number % 2**32, first, words[first : first + PER_PACKET].reshape(-1))
        for first in range(0, pixels, PER_PACKET)
    ]


def test_frames_from_any_order_of_packets():
    assembly = FrameAssembly(PIXELS, RECORD_BITS)
    packets = [packet for number in range(5) for packet in packets_of(number)]
    order = [1, 0, 2, 2, 0, 5, 3, 6, 4, 7, 8, 8, 9, 12, 13, 14, 10, 11]
    found, used = [], []
    for place in order:
        used.append(assembly.add(packets[place]))
        found += assembly.finished()
    assert [frame.number for frame in found] == [0, 1, 2, 3, 4]
    assert not any(frame.missing.any() for frame in found)
    assert used.count(False) == 3
    for frame in found:
        whole = np.concatenate([packet.body for packet in packets_of(frame.number)]).reshape(PIXELS, 4)
        np.testing.assert_array_equal(words_from_records(frame.records), whole)


def test_lost_packets_and_frames_are_not_waited_for():
    assembly = FrameAssembly(PIXELS, RECORD_BITS)
    lost = {(0, 1), (2, 0), (2, 1), (2, 2), (3, 2)}
    found = []
    for number in range(9):
        for place, packet in enumerate(packets_of(number)):
            if (number, place) not in lost:
                assert assembly.add(packet)
                found += assembly.finished()
    assert [frame.number for frame in found] == [0, 1, 3, 4, 5, 6, 7, 8]
    assert [np.flatnonzero(frame.missing).tolist() for frame in found[:3]] == [
        list(range(PER_PACKET, 2 * PER_PACKET)),
        [],
        list(range(2 * PER_PACKET, PIXELS)),
    ]
    assert not assembly.add(packets_of(3)[2])  # too late
    assert LATE > 3  # packets of a frame, so that frame 0 waited for more than the next one


def test_the_last_packet_of_the_last_frame_is_lost():
    assembly = FrameAssembly(PIXELS, RECORD_BITS)
    for packet in packets_of(0)[:-1]:
        assembly.add(packet)
    assert list(assembly.finished(before=0)) == []
    (frame,) = assembly.finished(before=1)
    assert frame.missing.sum() == PIXELS - 2 * PER_PACKET


def test_packets_of_another_form_are_not_used():
    assembly = FrameAssembly(PIXELS, RECORD_BITS)
    good = packets_of(0)
    for first, body in (
        (1, good[0].body),
        (0, good[0].body[:-4]),
        (2 * PER_PACKET, good[0].body),
        (273, good[0].body),
    ):
        assert not assembly.add(Packet(good[0].kind, 1, 0, first, body))
    assert list(assembly.finished()) == []


def test_settings_out_of_range():
    with pytest.raises(InputError, match=r"dark_level=-1 must be 0 to 65535"):
        CameraSettings(dark_level=-1)
    with pytest.raises(InputError, match=r"frames_per_gate=0 must be 1 to 65535"):
        CameraSettings(frames_per_gate=0)
    with pytest.raises(InputError, match=r"entries of table must be 0 to 65535"):
        CameraSettings(table=np.array([70000]))
    with pytest.raises(InputError, match=r"mask of shape \(2,\) must have a value for each of the 3 pixels"):
        CameraSettings(mask=np.zeros(2)).accesses(n_gates=2, pixels=3, count_bits=8)


@pytest.mark.parametrize(("faults", "n"), [(Faults(), 6), (Faults(0.05, 0.05, 0.05, seed=3), 40)])
def test_maps_of_a_camera(camera_board, faults, n):
    """Every pixel is that of the integer program, or missing."""
    project, _, board = camera_board
    images = images_of(project.program, IMAGES)
    mask = np.arange(PIXELS) % 50 == 7
    settings = CameraSettings(dark_level=2, mask=mask, waits=True)
    counts = corrected(images, dark_level=2, mask=mask)
    expected = expected_of(project.program, counts, min_photons=100)
    feed = CameraFeed(beats_of(images), repeats=0, memory=SLOW)
    missing = wrong = 0
    with board.serve(camera=feed, faults=faults) as served:
        with Board.open(served.address, program=project.program, timeout_s=TIMEOUT_S) as opened:
            assert opened.frame_pixels == PIXELS
            frames = opened.frames(project.program, settings=settings, min_photons=100)
            for frame in itertools.islice(frames, n):
                words = words_from_records(frame.records)
                words[:, NUMBER] = 0
                wanted = np.where(frame.missing[:, None], 0, expected[frame.number % IMAGES])
                wrong += int((words != wanted).any(axis=1).sum())
                missing += int(frame.missing.sum())
            frames.close()
            counters = opened.camera_counters()
        network = served.statistics()
    assert (wrong, network["violations"]) == (0, 0)
    assert (counters["frames_dropped"], counters["frames_malformed"], counters["memory_errors"]) == (0, 0, 0)
    assert counters["frames_in"] >= n
    if faults.loss:
        assert network["answers_lost"] > 0
        assert 0 < missing < n * PIXELS // 2
    else:
        assert missing == 0


def test_a_board_with_a_camera_accepts_no_pixels(camera_board, decoder_board):
    project, _, board = camera_board
    with (
        board.serve() as served,
        Board.open(served.address, timeout_s=TIMEOUT_S) as opened,
        pytest.raises(BoardError, match=r"accepts no pixels; use it as the source of a stream"),
    ):
        opened.results(project.program, np.zeros((1, opened.n_gates), np.int64))
    other, board = decoder_board
    with (
        board.serve() as served,
        Board.open(served.address, timeout_s=TIMEOUT_S) as opened,
        pytest.raises(BoardError, match=r"has no front end for a camera; build its bitstream with --camera"),
    ):
        next(opened.frames(other.program))


def test_a_board_whose_memory_has_failed_is_not_used(camera_board):
    project, _, board = camera_board
    feed = CameraFeed(beats_of(images_of(project.program, 1)), memory_status=FAILED | 5 << 13)
    with (
        board.serve(camera=feed) as served,
        Board.open(served.address, timeout_s=TIMEOUT_S) as opened,
        pytest.raises(
            BoardError, match=r"training of the memory .* has failed \(.* lane: 5, 0\); reset the board"
        ),
    ):
        next(opened.frames(project.program))


def test_a_board_that_is_reset_during_the_frames(camera_board):
    project, _, board = camera_board
    feed = CameraFeed(beats_of(images_of(project.program, IMAGES)), repeats=0)
    with (
        board.serve(camera=feed) as served,
        Board.open(served.address, timeout_s=TIMEOUT_S) as opened,
        pytest.raises(BoardError, match=r"was reset, or another computer uses it"),
    ):
        for number, _ in enumerate(opened.frames(project.program, settings=CameraSettings(waits=True))):
            if number == 3:
                served.reset()


def one_bit_beats(counts, n_frames):
    """Return the words of one-bit frames whose sums are the counts, shape (frames, n_gates, pixels)."""
    frames = [one_bit_frames(each, n_frames=n_frames, seed=seed) for seed, each in enumerate(counts)]
    return camera_beats(np.stack([np.concatenate(list(one)) for one in frames]), bits=1, port_bits=16)


def test_one_bit_frames_and_responses_of_pixels(direct_camera_board):
    project, _, board = direct_camera_board
    program, n_frames = project.program, 15
    counts = np.minimum(images_of(program, IMAGES), n_frames)
    beats = one_bit_beats(counts, n_frames)
    bank, index = made_up_bank(program, 4), np.arange(PIXELS) % 4
    table = saturation_table(n_frames)
    expected = expected_of(program, corrected(counts, table=table), bank=bank, index=index, min_photons=20)
    settings = CameraSettings(frames_per_gate=n_frames, table=table, waits=True)
    with (
        board.serve(camera=CameraFeed(beats, repeats=0, memory=SLOW)) as served,
        Board.open(served.address, program=program, timeout_s=TIMEOUT_S) as opened,
    ):
        frames = opened.frames(program, settings=settings, bank=bank, index=index, min_photons=20)
        for frame in itertools.islice(frames, 5):
            words = words_from_records(frame.records)
            words[:, NUMBER] = 0
            assert not frame.missing.any()
            np.testing.assert_array_equal(words, expected[frame.number % IMAGES])
        frames.close()
        with pytest.raises(InputError, match=r"4 responses with an index up to 4 do not fit the bank"):
            next(opened.frames(program, bank=bank, index=index + 1))


def test_a_stream_of_a_direct_program(direct_camera_board, tmp_path):
    """Its maps have standard errors. The response is unknown."""
    project, _, board = direct_camera_board
    counts, taken, file = np.minimum(images_of(project.program, 1), 7), [], tmp_path / "direct.program"
    write_program(file, project.program)
    beats = one_bit_beats(counts, 7)
    with board.serve(camera=CameraFeed(beats, repeats=0)) as served:
        name = f"board:{served.address}?model={file}&timeout_s={TIMEOUT_S:g}&waits=1&frames_per_gate=7"
        stream(name, shape=(3, 67), frames=2, min_photons=1, sinks=[CallbackSink(taken.append)])
    unknown, index = made_up_bank(project.program, 1), np.zeros(PIXELS, np.int64)
    result = run_direct(project.program, counts[0].T, bank=unknown, index=index, min_photons=1)
    wanted = direct_lifetimes_from_codes(project.program, result)
    for one in taken:
        for name in ("tau_mean_ns", "tau_mean_std_ns", "amplitude_fraction_std"):
            found = one.maps[name].values.reshape(-1)
            np.testing.assert_array_equal(found, getattr(wanted, name).astype(np.float32))
