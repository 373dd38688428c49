"""Link of a core with a front end: subscriptions, packets of results, sessions, and a slow memory."""

import numpy as np
import pytest

from seq2seqlite.hardware.cosim.board import BoardPacket
from seq2seqlite.hardware.cosim.camera import CameraFeed
from seq2seqlite.hardware.gateware.csr import REGISTERS
from seq2seqlite.hardware.gateware.register_map import ID
from seq2seqlite.hardware.wire.front_end_registers import SERIES_ID, SERIES_REGISTERS, register_addresses
from seq2seqlite.hardware.wire.link_packets import (
    ANSWER,
    ErrorCode,
    Kind,
    LinkStatus,
    packet,
    packet_from_bytes,
    pixel_requests,
    register_request,
)
from seq2seqlite.hardware.wire.memory_status import FAILED, MemoryStatus

from .camera_boards import NUMBER, PIXELS, SLOW, beats_of, expected_of, images_of

SESSION, OTHER, PEER = 0xC0FFEE, 0xBEEF, 0x1234_C0A80164
FRONT_END = {name: 0x100 + address for name, address in register_addresses(SERIES_REGISTERS).items()}
RESULTS, RECORD_WORDS, PER_PACKET = Kind.RESULTS | ANSWER, 4, 91


def opening(session=SESSION, *, wait=True):
    """Return the requests that open a session and set up the front end."""
    settings = [
        (REGISTERS["ID"], None),
        (FRONT_END["ID"], None),
        (FRONT_END["BASE1"], 0x8000),
        (FRONT_END["CONTROL"], 2 * wait),
        (REGISTERS["FLUSH_CLOCKS"], 1000),
    ]
    return [
        packet(Kind.OPEN, [session], sequence=1),
        register_request(settings, session=session, sequence=0),
    ]


def subscription(frames, session=SESSION, sequence=5):
    return packet(Kind.FRAMES, [frames], session=session, sequence=sequence)


def read(*names, session=SESSION, sequence=1):
    return register_request([(FRONT_END[name], None) for name in names], session=session, sequence=sequence)


def sent_to(packets, peer=PEER):
    return [BoardPacket(data, peer) for data in packets]


def answers_of(run):
    """Return the answers without results, and the frames: (session, number) to (first pixel, body)."""
    others, frames = [], {}
    for data, peer in run.answers:
        found = packet_from_bytes(data)
        if found.kind == RESULTS:
            assert peer == PEER
            frames.setdefault((found.session, found.sequence), []).append((found.argument, found.body))
        else:
            others.append(found)
    return others, frames


def words_of(parts):
    """Return the words of a frame, shape (pixels, words), without their numbers."""
    assert [first for first, _ in parts] == list(range(0, PIXELS, PER_PACKET))
    assert [len(body) for _, body in parts[:-1]] == [PER_PACKET * RECORD_WORDS] * (len(parts) - 1)
    words = np.concatenate([body for _, body in parts]).reshape(PIXELS, RECORD_WORDS)
    words[:, NUMBER] = 0
    return words


@pytest.mark.parametrize(("gaps", "stalls", "clock"), [(0, 0, 1), (0.3, 0.4, 0.37)])
def test_results_of_a_camera(camera_board, gaps, stalls, clock):
    project, _series, board = camera_board
    images = images_of(project.program, 3)
    feed = CameraFeed(beats_of(images), clock=clock, gaps=gaps, memory=SLOW)
    requests = [*opening(), subscription(3), packet(Kind.STATUS, [0], sequence=9)]
    run = board.run(sent_to(requests), gaps=gaps, stalls=stalls, camera=feed)
    assert run.violations == 0
    others, frames = answers_of(run)
    assert [other.kind for other in others] == [0x82, 0x83, 0x85, 0x81]
    assert others[1].body.tolist()[:2] == [ID, SERIES_ID]
    assert others[2].body.tolist() == [0, 0, PIXELS, PER_PACKET]
    status = LinkStatus.from_body(others[3].body)
    assert (status.max_pixels, status.frame_pixels) == (0, PIXELS)
    assert MemoryStatus.from_word(status.memory).ready
    assert list(frames) == [(SESSION, number) for number in range(3)]
    expected = expected_of(project.program, images)
    for number, parts in enumerate(frames.values()):
        np.testing.assert_array_equal(words_of(parts), expected[number])


def test_frames_beyond_the_subscription_are_discarded(camera_board):
    project, _series, board = camera_board
    images = images_of(project.program, 4)
    feed = CameraFeed(beats_of(images), on_demand=False, memory=SLOW)
    run = board.run(sent_to([*opening(), subscription(2)]), camera=feed)
    _others, frames = answers_of(run)
    # The camera may begin before it is connected: those frames are not numbered.
    assert 1 <= len(frames) <= 2
    expected = expected_of(project.program, images)
    shift = next(n for n in range(3) if np.array_equal(expected[n], words_of(frames[SESSION, 0])))
    for (_, number), parts in frames.items():
        np.testing.assert_array_equal(words_of(parts), expected[number + shift])


def test_a_new_session_in_mid_frame(camera_board):
    """The bursts in progress end, the front end is reset without its memory, and later frames are right."""
    project, _series, board = camera_board
    images = images_of(project.program, 6)
    for delay in (3, 40):  # packets that keep the link busy, so that the reset comes at another time
        between = sent_to([packet(Kind.STATUS, [0])] * delay)
        feed = CameraFeed(beats_of(images), repeats=2, memory=SLOW)
        requests = [
            *sent_to([*opening(), subscription(6)]),
            *between,
            *sent_to([*opening(OTHER), subscription(6, OTHER)]),
        ]
        run = board.run(requests, camera=feed, stalls=0.5)
        assert run.violations == 0
        _, frames = answers_of(run)
        expected = expected_of(project.program, images)
        later = {number: parts for (session, number), parts in frames.items() if session == OTHER}
        assert sorted(later) == list(range(6))
        first = words_of(later[0])
        shift = next(n for n in range(6) if np.array_equal(expected[n], first))
        for number, parts in later.items():
            np.testing.assert_array_equal(words_of(parts), expected[(number + shift) % 6])


def test_a_camera_that_is_too_fast_loses_whole_frames(camera_board):
    project, _series, board = camera_board
    images = images_of(project.program, 12)
    feed = CameraFeed(beats_of(images), waits=False, on_demand=False, clock=1, memory=SLOW)
    run = board.run(sent_to([*opening(wait=False), subscription(100)]), camera=feed, stalls=0.5)
    assert run.violations == 0
    _, frames = answers_of(run)
    assert 0 < len(frames) < 12
    expected = expected_of(project.program, images)
    order = []
    for parts in frames.values():
        words = words_of(parts)
        order += [n for n in range(12) if np.array_equal(expected[n], words)]
    assert len(order) == len(frames)
    assert order == sorted(set(order))


def test_a_memory_that_is_not_ready(camera_board):
    """All frames are dropped and counted, and a new session is not delayed by bursts that never end."""
    project, _series, board = camera_board
    feed = CameraFeed(beats_of(images_of(project.program, 12)), waits=False, memory_status=FAILED | 3 << 13)
    requests = [
        *opening(wait=False),
        subscription(12),
        *[packet(Kind.STATUS, [0])] * 60,
        read("FRAMES_IN", "FRAMES_OUT", "FRAMES_DROPPED"),
        packet(Kind.OPEN, [OTHER], sequence=3),
        packet(Kind.STATUS, [0], sequence=9),
    ]
    run = board.run(sent_to(requests), camera=feed, gaps=0.99)
    assert run.violations == 0
    others, frames = answers_of(run)
    assert not frames
    counters, opened, status = others[-3:]
    assert counters.body.tolist() == [12, 0, 12]
    assert (opened.kind, opened.session) == (0x82, OTHER)
    memory = MemoryStatus.from_word(LinkStatus.from_body(status.body).memory)
    assert (memory.ready, memory.failed, memory.lanes[0].passing) == (False, True, 3)


def test_requests_that_are_not_executed(camera_board):
    _project, series, board = camera_board
    pixels = pixel_requests(
        np.zeros((1, series.n_gates), np.int64), count_bits=8, user=None, n_pixels=1, session=SESSION,
        first_sequence=3,
    )  # fmt: skip
    soft_reset = register_request([(REGISTERS["CONTROL"], 1)], session=SESSION, sequence=1)
    requests = [
        *opening(),
        *pixels,
        subscription(1, OTHER),
        packet(Kind.FRAMES, [1, 1], session=SESSION),
        soft_reset,
        packet(Kind.STATUS, [0]),
    ]
    others, frames = answers_of(board.run(sent_to(requests)))
    assert not frames
    error, reset, status = others[2:]
    assert (error.kind, error.argument, error.body.tolist()) == (Kind.ERROR, ErrorCode.SESSION, [Kind.FRAMES])
    assert (reset.kind, reset.argument) == (0x83, 0)
    counters = LinkStatus.from_body(status.body)
    assert (counters.packets_malformed, counters.packets_refused) == (2, 1)
