"""The bound holds, drops are exact, frames are dropped whole, order is kept."""

import threading
from dataclasses import dataclass

import pytest

from seq2seqlite.errors import InputError
from seq2seqlite.streaming.queue import BoundedQueue, Ended


@dataclass(frozen=True)
class Item:
    frame: int
    part: int = 0
    arrived_s: float = 0.0


def drained(queue: BoundedQueue[Item]) -> list[tuple[Item, bool]]:
    found: list[tuple[Item, bool]] = []
    queue.finish()
    while True:
        try:
            got = queue.get(1.0)
        except Ended:
            return found
        assert got is not None
        found.append(got)


def test_the_oldest_goes_and_is_counted() -> None:
    queue = BoundedQueue[Item](3, "drop-oldest")
    for frame in range(10):
        assert queue.put(Item(frame))
        assert len(queue) <= 3
    assert (queue.received, queue.dropped, queue.depth_max) == (10, 7, 3)
    # the first that comes out says that something is missing before it
    assert [(item.frame, gap) for item, gap in drained(queue)] == [(7, True), (8, False), (9, False)]


def test_a_frame_is_dropped_whole_and_counted_once() -> None:
    queue = BoundedQueue[Item](4, "drop-oldest")
    for frame in range(2):
        for part in range(3):
            queue.put(Item(frame, part))
    # the fifth part dropped frame 0, whose parts made room for all of frame 1
    assert [(item.frame, item.part, gap) for item, gap in drained(queue)] == [
        (1, 0, True),
        (1, 1, False),
        (1, 2, False),
    ]
    assert (queue.received, queue.dropped) == (2, 1)


def test_a_frame_longer_than_the_queue_is_dropped_with_all_that_comes_of_it() -> None:
    queue = BoundedQueue[Item](2, "drop-oldest")
    for part in range(5):
        queue.put(Item(0, part))
    queue.put(Item(1))
    assert [(item.frame, gap) for item, gap in drained(queue)] == [(1, True)]
    assert (queue.received, queue.dropped) == (2, 1)


def test_a_full_queue_that_blocks_takes_the_next_when_there_is_room() -> None:
    queue = BoundedQueue[Item](1, "block")
    queue.put(Item(0))
    second_put = threading.Event()

    def put_second() -> None:
        queue.put(Item(1))
        second_put.set()

    thread = threading.Thread(target=put_second)
    thread.start()
    assert not second_put.wait(0.05)
    assert queue.get(1.0) == (Item(0), False)
    assert second_put.wait(300)
    thread.join()
    assert queue.get(1.0) == (Item(1), False)
    assert (queue.received, queue.dropped, queue.depth_max) == (2, 0, 1)


def test_close_lets_a_blocked_source_go_on() -> None:
    queue = BoundedQueue[Item](1, "block")
    queue.put(Item(0))
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(queue.put(Item(1))))
    thread.start()
    queue.close()
    thread.join(300)
    assert answers == [False]
    with pytest.raises(Ended):
        queue.get(1.0)


def test_nothing_in_time_is_none_and_jumps_are_counted() -> None:
    queue = BoundedQueue[Item](9, "block")
    assert queue.get(0.001) is None
    for frame in (5, 6, 9):
        queue.put(Item(frame))
    assert (queue.received, queue.missed) == (3, 2)


def test_bad_settings() -> None:
    with pytest.raises(InputError, match="^queue=0 must be >= 1 frame$"):
        BoundedQueue[Item](0, "block")
    with pytest.raises(InputError, match="^policy='newest' is unknown; choose one of block, drop-oldest$"):
        BoundedQueue[Item](1, "newest")
