"""Bounded queue that counts dropped frames."""

import threading
from collections import deque
from enum import StrEnum
from typing import Generic, TypeVar

from seq2seqlite.errors import InputError
from seq2seqlite.streaming.sources import Delivery

__all__ = ["BoundedQueue", "Ended", "Policy"]

Delivered = TypeVar("Delivered", bound=Delivery)


class Policy(StrEnum):
    """Action when an item arrives at a full queue.

    See Also
    --------
    BoundedQueue : Thread-safe queue of at most ``bound`` items between a source and its analysis.
    """

    BLOCK = "block"
    """Block the source until there is space; for files, and cameras that can wait."""
    DROP_OLDEST = "drop-oldest"
    """Drop and count the oldest frame; for cameras that cannot wait."""


class Ended(Exception):  # noqa: N818 - not an error
    """Signal that the queue is empty and closed.

    See Also
    --------
    BoundedQueue : Thread-safe queue of at most ``bound`` items between a source and its analysis.
    """


class BoundedQueue(Generic[Delivered]):
    """Thread-safe queue of at most ``bound`` items between a source and its analysis.

    Frames are dropped as a whole: dropping an item also drops all other items of its frame, including those
    that arrive later.

    Parameters
    ----------
    bound : int
        Largest number of items.
    policy : Policy
        Action when an item arrives at a full queue.

    Raises
    ------
    InputError
        If the bound is not positive.

    Attributes
    ----------
    received, dropped, missed : int
        Number of frames that arrived, of those among them that were dropped, and of those that never arrived
        according to gaps in the frame numbers.
    depth_max : int
        Largest number of items so far.

    See Also
    --------
    Policy : Action when an item arrives at a full queue.
    run_stream : Analyse the frames or gates of a source during the measurement.
    """

    def __init__(self, bound: int, policy: Policy | str, /) -> None:
        if bound < 1:
            raise InputError(f"queue={bound} must be >= 1 frame")
        if policy not in list(Policy):
            raise InputError(f"policy={str(policy)!r} is unknown; choose one of {', '.join(Policy)}")
        self.bound, self.policy = bound, Policy(policy)
        self.received = self.dropped = self.missed = self.depth_max = 0
        self._items: deque[Delivered] = deque()
        self._changed = threading.Condition()
        self._last_received: int | None = None
        self._last_dropped: int | None = None
        self._gap = self._finished = self._closed = False

    def put(self, item: Delivered, /) -> bool:
        """Add an item; if the queue is full, block or drop the oldest frame.

        Returns False if the queue is closed.
        """
        with self._changed:
            if self._closed:
                return False
            if item.frame != self._last_received:
                if self._last_received is not None:
                    self.missed += max(item.frame - self._last_received - 1, 0)
                self._last_received = item.frame
                self.received += 1
            if self.policy is Policy.BLOCK:
                self._changed.wait_for(lambda: len(self._items) < self.bound or self._closed)
            if self._closed:
                return False
            if item.frame != self._last_dropped and len(self._items) == self.bound:
                self._drop_oldest()
            if item.frame != self._last_dropped:
                self._items.append(item)
                self.depth_max = max(self.depth_max, len(self._items))
                self._changed.notify_all()
            return True

    def get(self, timeout_s: float, /) -> tuple[Delivered, bool] | None:
        """Remove and return the next item, and whether a frame was dropped before it; None after the timeout.

        Raises
        ------
        Ended
            If the queue is empty and closed.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._items or self._finished, timeout_s):
                return None
            if not self._items:
                raise Ended
            item, gap = self._items.popleft(), self._gap
            self._gap = False
            self._changed.notify_all()
            return item, gap

    def finish(self) -> None:
        """Close the queue for new items; remaining items can still be retrieved."""
        with self._changed:
            self._finished = True
            self._changed.notify_all()

    def close(self) -> None:
        """Close the queue, discard its items, and wake all waiting threads."""
        with self._changed:
            self._closed = self._finished = True
            self._items.clear()
            self._changed.notify_all()

    def __len__(self) -> int:
        return len(self._items)

    def _drop_oldest(self) -> None:
        oldest = self._items[0].frame
        while self._items and self._items[0].frame == oldest:
            self._items.popleft()
        self.dropped += 1
        self._last_dropped, self._gap = oldest, True
