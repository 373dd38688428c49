"""Handover from a running stream to its page: the newest frames and numbers, without locks or queues."""

import os
import threading
import time
from collections.abc import Mapping
from typing import Any

from seq2seqlite.streaming.observed import ObservedFrame
from seq2seqlite.streaming.statistics import StreamStatistics

__all__ = ["LiveFeed", "Pace", "bounded"]

MAPS_BYTES = COUNTS_BYTES = 64 * 2**20
MOST_FRAMES = 100
# Largest share of the time of the analysis that taking the statistics may need.
STATISTICS_SHARE = 0.01
# Lines of the stream (warnings, rejected frames) that are kept.
LINES = 5
# Shares of the time in which the page may compute: while frames wait for the analysis, and while it is idle.
BUSY_SHARE, IDLE_SHARE = 0.025, 0.5
# Processor time in s that a browser on the same computer needs for an update, without a graphics processor.
WINDOW_S = 0.1
# Delay in s that does not postpone an update: that of a look for something new.
SLACK_S = 0.02


def bounded(
    frames: tuple[ObservedFrame, ...], /, *, maps_bytes: int, counts_bytes: int, most: int = MOST_FRAMES
) -> tuple[ObservedFrame, ...]:
    """Return the newest frames whose maps fit a memory limit; older ones without counts, to fit another.

    The newest frame is always kept.
    """
    kept: list[ObservedFrame] = []
    maps = counts = 0
    for frame in reversed(frames[-most:]):
        maps += frame.maps_bytes
        counts += frame.counts_bytes
        if kept and maps > maps_bytes:
            break
        kept.append(frame.without_counts() if kept and counts > counts_bytes else frame)
    return tuple(reversed(kept))


class LiveFeed:
    """Newest frames and statistics of a running stream, for the pages that show them.

    The stream calls :meth:`observe`, :meth:`progress`, :meth:`prepare` and :meth:`report` in the thread of
    the analysis. They replace references to immutable values, without copying frames or waiting. Pages read
    the references at their own rate, and skip what is replaced before.

    Parameters
    ----------
    maps_bytes, counts_bytes : int
        Limits of the memory of the kept frames: of their maps, and of their counts. The newest frame is kept
        in any case.

    Attributes
    ----------
    frames : tuple of ObservedFrame
        Newest frames, the last one at the end; older ones without counts.
    statistics : mapping
        Numbers of :meth:`StreamStatistics.to_dict`, at the end those of ``stream.json``; empty before the
        first frame.
    waiting : int
        Items in the queue.
    error : str
        Why the stream failed; empty if it did not.
    ended : bool
        Whether the stream has ended, or failed.
    preparation : str
        What is done before the first frame.
    lines : tuple of str
        Latest warnings and rejected frames.

    See Also
    --------
    seq2seqlite.stream : Computes the frames; its parameters ``observe``, ``progress`` and ``report``.
    live_server : Server of the page.

    Examples
    --------
    >>> from seq2seqlite import stream
    >>> feed = LiveFeed()
    >>> feed.end(stream("camera", "seq2seqlite-tcspc-80mhz-tiny", shape=(4, 5), frames=2, **feed.hooks))
    >>> [frame.frame for frame in feed.frames], feed.statistics["frames"]
    ([0, 1], 2)
    """

    def __init__(self, *, maps_bytes: int = MAPS_BYTES, counts_bytes: int = COUNTS_BYTES) -> None:
        self.limits = {"maps_bytes": maps_bytes, "counts_bytes": counts_bytes}
        self.frames: tuple[ObservedFrame, ...] = ()
        self.statistics: Mapping[str, Any] = {}
        self.waiting, self.error, self.ended = 0, "", False
        self.preparation = "waiting for the first frame"
        self.lines: tuple[str, ...] = ()
        self.changed_s = time.monotonic()
        self._statistics_due_s = 0.0

    @property
    def hooks(self) -> dict[str, Any]:
        """Arguments of :func:`seq2seqlite.stream` that connect it to this feed."""
        return {
            "observe": self.observe,
            "progress": self.progress,
            "simulating": self.prepare,
            "report": self.report,
        }

    def observe(self, frame: ObservedFrame, /) -> None:
        """Accept an analysed frame."""
        self.frames = bounded((*self.frames, frame), **self.limits)
        self.changed_s = time.monotonic()

    def progress(self, done: StreamStatistics, waiting: int, /) -> None:
        """Accept the statistics, if taking them is not too frequent."""
        self.waiting, began_s = waiting, time.monotonic()
        if done.frames + done.rejected and began_s >= self._statistics_due_s:
            self.statistics = done.to_dict()
            now_s = time.monotonic()
            self._statistics_due_s = now_s + (now_s - began_s) / STATISTICS_SHARE

    def prepare(self, done: int, parts: int, /) -> None:
        """Accept the progress of the simulation of a camera."""
        self.preparation = f"simulating the camera, {done / parts:.0%}"

    def report(self, line: str, /) -> None:
        """Accept a warning, or the report of a rejected frame."""
        self.lines = (*self.lines, line)[-LINES:]

    def end(self, result: Mapping[str, Any], /) -> None:
        """Accept the end of the stream and its result, as in ``stream.json``."""
        self.statistics, self.waiting, self.ended = result, 0, True

    def fail(self, message: str, result: Mapping[str, Any] | None = None, /) -> None:
        """Accept the failure of the stream, and its result until then."""
        self.error = message
        self.end(self.statistics if result is None else result)

    @property
    def kept_bytes(self) -> int:
        """Memory of the kept frames, in bytes; a source that repeats frames shares the memory of counts."""
        return sum(frame.maps_bytes + frame.counts_bytes for frame in self.frames)


class Pace:
    """Limit of the share of time in which the pages of a stream compute.

    Python runs one thread at a time, so that drawing would slow an analysis with waiting frames. An analysis
    that waits for its source is not slowed. The processor time of the calling threads is counted, with what
    they did between the calls, such as sending.

    Parameters
    ----------
    feed : LiveFeed
        Feed of the stream.

    See Also
    --------
    LiveFeed : Newest frames and statistics.
    """

    def __init__(self, feed: LiveFeed, /) -> None:
        self.feed = feed
        self._due_s = 0.0
        self._threads = threading.local()

    @property
    def _busy(self) -> bool:
        return self.feed.waiting > 0 and not self.feed.ended

    def interval_s(self, windows: int, /) -> float:
        """Return the shortest time between two updates of each of some windows, in s, for their browsers."""
        return windows * WINDOW_S / (BUSY_SHARE * (os.cpu_count() or 1)) if self._busy else 0.0

    def due(self) -> bool:
        """Account for the processor time of this thread since its last call, and return whether to update."""
        now_s, used_s = time.monotonic(), time.thread_time()
        self.spend(used_s - getattr(self._threads, "used_s", used_s), now_s)
        self._threads.used_s = used_s
        return now_s + SLACK_S >= self._due_s

    def spend(self, used_s: float, now_s: float, /) -> None:
        """Postpone the next update by a processor time, divided by the allowed share, in s."""
        share = BUSY_SHARE if self._busy else IDLE_SHARE
        self._due_s = max(self._due_s, now_s) + used_s / share
