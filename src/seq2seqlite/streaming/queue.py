"""A queue of bounded length that says what it drops."""

import threading
from collections import deque
from enum import StrEnum
from typing import Generic, TypeVar

from seq2seqlite.errors import InputError
from seq2seqlite.streaming.sources import Delivery

__all__ = ["BoundedQueue", "Ended", "Policy"]

Delivered = TypeVar("Delivered", bound=Delivery)


class Policy(StrEnum):
    """What a full queue does with what arrives."""

    BLOCK = "block"
    """The source waits: for files, and for cameras that can."""
    DROP_OLDEST = "drop-oldest"
    """The frame that has waited longest is dropped, and counted: for cameras that cannot wait."""


class Ended(Exception):  # noqa: N818 - it is the end, not an error
    """No item is left, and none will come."""


class BoundedQueue(Generic[Delivered]):
    """Items between a source and its analysis, never more than ``bound``.

    Frames are dropped whole: with the oldest item goes all else of its frame, what is still to come included.

    Parameters
    ----------
    bound : int
        Most items held.
    policy : Policy
        What happens when one more arrives.

    Raises
    ------
    InputError
        If the bound is not positive.

    Attributes
    ----------
    received, dropped, missed : int
        Frames that arrived, those among them that were dropped, and those that never came, by the numbers of
        the others.
    depth_max : int
        Most items that were held at a time.
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
        """Add an item, waiting or dropping for it; return False where nothing is taken any more."""
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
        """Return the next item, and whether something was dropped just before it; None after the timeout.

        Raises
        ------
        Ended
            If no item is left and none will come.
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
        """Say that nothing more will be put."""
        with self._changed:
            self._finished = True
            self._changed.notify_all()

    def close(self) -> None:
        """Take nothing any more, and let whoever waits go on."""
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
