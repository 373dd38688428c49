"""Sources of frames that Python code supplies: an iterable, or a queue that another thread fills."""

import threading
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import Any

import xarray as xr
from numpy.typing import ArrayLike

from seq2seqlite.errors import InputError
from seq2seqlite.io.signal import signal_from_counts
from seq2seqlite.streaming.queue import BoundedQueue, Ended, Policy
from seq2seqlite.streaming.sources import Clock, Frame, Gate, Spoilt

__all__ = ["IterableSource", "QueueSource"]

# Longest time between two checks of the queue, in s; items and the end of the queue are noticed at once.
LOOK_S = 1.0


class IterableSource:
    """Source of frames from a Python iterable, such as a generator.

    Parameters
    ----------
    frames : iterable
        Counts, array_like of shape (Y, X, H); measurements, as returned by :func:`seq2seqlite.read`;
        or :class:`Frame`, :class:`Gate` and :class:`Spoilt` objects with increasing frame numbers. Counts
        and measurements are numbered from 0. An iterable is advanced when the queue of the stream has
        space, in the thread of the source.
    gate_width_ns : float, optional
        Step between the gates of counts, in ns; measurements have their own.
    period_ns, gate_length_ns : float, optional
        Laser period, and length of the gates of a camera, of counts, in ns.
    name : str
        Name of the source, for messages and attributes.
    clock : Clock, optional
        Clock of the stream.

    Raises
    ------
    InputError
        If ``frames`` is not iterable, or a single measurement. Counts that are not a frame are reported and
        counted during the stream.

    See Also
    --------
    QueueSource : Source of frames that another thread hands over, such as the callback of a camera SDK.
    seq2seqlite.stream : Accepts an iterable as its source.

    Examples
    --------
    >>> source = IterableSource(([[n, n + 1]] for n in range(3)), gate_width_ns=0.1)
    >>> [frame.frame for frame in source]
    [0, 1, 2]
    """

    def __init__(
        self,
        frames: Iterable[Any],
        /,
        *,
        gate_width_ns: float | None = None,
        period_ns: float | None = None,
        gate_length_ns: float | None = None,
        name: str = "frames",
        clock: Clock | None = None,
    ) -> None:
        if isinstance(frames, xr.DataArray):
            raise InputError("source is one measurement; pass a list or generator of measurements")
        try:
            self._frames = iter(frames)
        except TypeError:
            raise InputError(
                f"source is of type {type(frames).__name__}; pass a file, a folder, a source or an iterable "
                "of frames"
            ) from None
        self.name, self._clock = name, clock or Clock()
        self._frame_of = _converter(name, gate_width_ns, period_ns, gate_length_ns)

    def __iter__(self) -> Iterator[Any]:  # frames for FrameStage, or gates for GateStage
        for number, item in zip(count(), self._frames, strict=False):
            if self._clock.wait(0):
                return
            yield self._frame_of(item, number, self._clock.now())

    def stop(self) -> None:
        self._clock.stop()


class QueueSource:
    """Source of frames that another thread hands over, such as the callback of a camera SDK.

    Parameters
    ----------
    gate_width_ns, period_ns, gate_length_ns : float, optional
        Axis of counts, as for :class:`IterableSource`.
    bound : int
        Largest number of items that wait in this queue, in addition to those in the queue of the stream.
    policy : Policy
        Action of :meth:`put` if the queue is full: drop and count the oldest frame, or block the caller.
    name : str
        Name of the source, for messages and attributes.
    clock : Clock, optional
        Clock of the stream.

    Raises
    ------
    InputError
        If the bound or the policy is invalid.

    See Also
    --------
    IterableSource : Source of frames from a Python iterable, such as a generator.
    Policy : Action when an item arrives at a full queue.

    Notes
    -----
    The stream numbers of dropped frames are missing, and count as ``missed`` in its statistics. Frames that
    are put before the stream starts wait, as far as the queue has space.

    Examples
    --------
    >>> source = QueueSource(gate_width_ns=0.1, bound=2)
    >>> [source.put([[n, n + 1]]) for n in range(3)]
    [True, True, True]
    >>> source.close()
    >>> [frame.frame for frame in source], source.dropped
    ([1, 2], 1)
    """

    def __init__(
        self,
        *,
        gate_width_ns: float | None = None,
        period_ns: float | None = None,
        gate_length_ns: float | None = None,
        bound: int = 4,
        policy: Policy | str = Policy.DROP_OLDEST,
        name: str = "queue",
        clock: Clock | None = None,
    ) -> None:
        self.name, self._clock = name, clock or Clock()
        self._queue: BoundedQueue[Frame | Gate | Spoilt] = BoundedQueue(bound, policy)
        self._frame_of = _converter(name, gate_width_ns, period_ns, gate_length_ns)
        self._numbers, self._numbering = count(), threading.Lock()
        self._failure: BaseException | None = None
        self._ended = False

    @property
    def received(self) -> int:
        """Number of frames that were put."""
        return self._queue.received

    @property
    def dropped(self) -> int:
        """Number of frames that were dropped because the queue was full."""
        return self._queue.dropped

    def put(self, item: ArrayLike | xr.DataArray | Frame | Gate | Spoilt, /) -> bool:
        """Hand over an item, from any thread.

        Parameters
        ----------
        item
            Counts, a measurement, a :class:`Frame`, :class:`Gate` or :class:`Spoilt`, as for
            :class:`IterableSource`. Counts are not copied: copy a buffer that the SDK uses again.

        Returns
        -------
        bool
            False if the source is closed or the stream has ended; the item is then discarded.
        """
        if self._ended:
            return False
        with self._numbering:  # numbers increase in the order of the queue
            return self._queue.put(self._frame_of(item, next(self._numbers), self._clock.now()))

    def close(self) -> None:
        """End the stream after the items that wait."""
        self._ended = True
        self._queue.finish()

    def fail(self, error: BaseException, /) -> None:
        """End the stream after the items that wait, and raise an exception of the producer from it."""
        self._failure = error
        self.close()

    def __iter__(self) -> Iterator[Any]:  # frames for FrameStage, or gates for GateStage
        while True:
            try:
                got = self._queue.get(LOOK_S)
            except Ended:
                break
            if got is not None:
                yield got[0]
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        self._ended = True
        self._queue.close()


def _converter(
    name: str, gate_width_ns: float | None, period_ns: float | None, gate_length_ns: float | None
) -> Callable[[Any, int, float], Frame | Gate | Spoilt]:
    """Return a function of an item, its number and its time of arrival that returns the item as a frame."""

    def frame_of(item: Any, number: int, arrived_s: float) -> Frame | Gate | Spoilt:
        if isinstance(item, Frame | Gate | Spoilt):
            return item
        if isinstance(item, xr.DataArray):
            return Frame(number, arrived_s, item)
        if gate_width_ns is None:
            return Spoilt(number, arrived_s, f"{name}: counts need gate_width_ns; pass it, or measurements")
        try:
            data = signal_from_counts(
                item,
                source=name,
                file_format="counts",
                gate_width_ns=gate_width_ns,
                period_ns=period_ns,
                gate_length_ns=gate_length_ns,
            )
        except InputError as error:
            return Spoilt(number, arrived_s, str(error))
        return Frame(number, arrived_s, data)

    return frame_of
