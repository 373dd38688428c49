"""Execution of a stream: source, bounded queue, analysis and sinks."""

import queue as queues
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from seq2seqlite.errors import InputError
from seq2seqlite.streaming.queue import BoundedQueue, Ended, Policy
from seq2seqlite.streaming.sinks import FrameMaps, Sink
from seq2seqlite.streaming.sources import Clock, Delivery, Frame, Source
from seq2seqlite.streaming.stages import Outcome, Stage
from seq2seqlite.streaming.statistics import StreamStatistics

__all__ = ["StreamError", "run_stream"]

# Polling interval in seconds for the conditions that end the stream.
LOOK_S = 0.1
# Largest number of frames that wait for the sinks; a slower disk then blocks the analysis.
MAPS_WAITING = 2
# Number of rejected frames that are reported; further ones are only counted.
REPORTS = 5
# Timeout in seconds for the thread of the source, which may hang in a driver.
SOURCE_END_S = 2.0

Delivered = TypeVar("Delivered", bound=Delivery)


class StreamError(InputError):
    """Failure of a stream.

    Parameters
    ----------
    message : str
        Reason, in one line.
    statistics : StreamStatistics
        Statistics of the stream until the failure. Results until then are valid.
    result : dict, optional
        Result of :func:`seq2seqlite.stream` until the failure; None for :func:`run_stream`.

    See Also
    --------
    run_stream : Raises this error.
    """

    def __init__(
        self, message: str, statistics: StreamStatistics, /, *, result: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.statistics, self.result = statistics, result


def run_stream(
    source: Source[Delivered],
    stage: Stage[Delivered],
    /,
    *,
    sinks: Sequence[Sink] = (),
    policy: Policy | str = Policy.BLOCK,
    queue: int = 4,
    frames: int | None = None,
    duration_s: float | None = None,
    timeout_s: float | None = None,
    stop: threading.Event | None = None,
    progress: Callable[[StreamStatistics, int], None] | None = None,
    report: Callable[[str], None] | None = None,
    clock: Clock | None = None,
) -> StreamStatistics:
    """Analyse the frames or gates of a source during the measurement.

    Parameters
    ----------
    source : Source
        Source of frames or gates; iterated in a separate thread.
    stage : Stage
        :class:`FrameStage` or :class:`GateStage`; runs in the calling thread, in the order of arrival.
    sinks : sequence of Sink
        Receivers of the maps, called in another thread.
    policy : Policy
        Action of a full queue: block the source, or drop and count the oldest frame.
    queue : int
        Largest number of waiting items (frames or gates).
    frames : int, optional
        Number of analysed frames after which the stream ends.
    duration_s : float, optional
        Time after which the stream ends, in s.
    timeout_s : float, optional
        Time without data from the source after which the stream fails, in s.
    stop : threading.Event, optional
        Event that ends the stream after the current frame.
    progress : callable, optional
        Called with the statistics and the current depth of the queue, after each frame and while waiting.
    report : callable, optional
        Called with one line for each of the first five rejected frames, and for warnings.
    clock : Clock, optional
        Clock, shared with the source.

    Returns
    -------
    StreamStatistics
        Statistics, with ``received = frames + dropped + rejected + unfinished``.

    Raises
    ------
    StreamError
        If the source stalls or fails, a sink cannot write, the frames do not fit the model, or all frames are
        invalid. Its ``statistics`` cover the results until then, which remain valid.

    See Also
    --------
    seq2seqlite.stream : Compute lifetime maps during a measurement; the command ``stream``.
    StreamError : Failure of a stream.
    """
    _check_limits(frames, duration_s, timeout_s)
    run = _Run(source, stage, BoundedQueue(queue, policy), clock or Clock())
    run.progress, run.report = progress, report
    run.limits = (frames, duration_s, timeout_s)
    return run.perform(list(sinks), stop or threading.Event())


class _Run:
    """State of one stream; only the source and the sinks run in other threads."""

    progress: Callable[[StreamStatistics, int], None] | None
    report: Callable[[str], None] | None
    limits: tuple[int | None, float | None, float | None]

    def __init__(
        self, source: Source[Any], stage: Stage[Any], waiting: BoundedQueue[Any], clock: Clock
    ) -> None:
        self.source, self.stage, self.queue, self.clock = source, stage, waiting, clock
        self.statistics = StreamStatistics()
        self.failure: BaseException | None = None  # exception raised by the source
        self.last_why = ""

    def perform(self, sinks: list[Sink], stop: threading.Event) -> StreamStatistics:
        producer = threading.Thread(target=self._produce, name=f"source {self.source.name}", daemon=True)
        sink_thread = _SinkThread(sinks)
        producer.start()
        try:
            self.statistics.ended = self._consume(sink_thread, stop)
            self._raise_source_failure()
        except InputError as error:
            self._end(producer, sink_thread)
            self.statistics.ended = "failed"
            raise StreamError(f"{error}{self._so_far()}", self.statistics) from error
        except BaseException:
            self._end(producer, sink_thread)
            raise
        self._end(producer, sink_thread)
        if sink_thread.failure is not None:
            self.statistics.ended = "failed"
            raise StreamError(
                f"{sink_thread.failure}{self._so_far()}", self.statistics
            ) from sink_thread.failure
        if self.statistics.frames == 0 and self.statistics.rejected:
            why = f"all {self.statistics.rejected} frames were rejected; reason of the last: {self.last_why}"
            raise StreamError(why, self.statistics)
        return self.statistics

    def _produce(self) -> None:
        """Put all items of the source into the queue, until the source ends or the queue is closed."""
        try:
            for item in self.source:
                if not self.queue.put(item):
                    break
        except BaseException as error:  # noqa: BLE001 - raised again in the main thread
            self.failure = error
        finally:
            self.queue.finish()

    def _consume(self, sink_thread: "_SinkThread", stop: threading.Event) -> str:
        """Process items until the stream ends, and return why it ended."""
        frames, duration_s, timeout_s = self.limits
        began_s = last_data_s = self.clock.now()
        while True:
            if stop.is_set():
                return "stopped"
            if frames is not None and self.statistics.frames >= frames:
                return f"{frames} frames"
            if duration_s is not None and self.clock.now() - began_s >= duration_s:
                return f"{duration_s:g} s"
            try:
                got = self.queue.get(LOOK_S)
            except Ended:
                self._account(self.stage.end(), sink_thread, None)
                return "end of the source"
            if got is None:
                if timeout_s is not None and self.clock.now() - last_data_s >= timeout_s:
                    raise InputError(
                        f"{self.source.name}: no data for timeout_s={timeout_s:g} s; check the camera or use "
                        f"a longer timeout"
                    )
                self._show()
                continue
            item, gap = got
            self._account(self.stage.process(item, gap=gap), sink_thread, item)
            last_data_s = self.clock.now()

    def _account(self, outcome: Outcome, sink_thread: "_SinkThread", item: Delivery | None) -> None:
        for why in outcome.rejected:
            self.statistics.rejected += 1
            self.last_why = why
            if self.statistics.rejected <= REPORTS:
                self._report(f"rejected: {why}")
            if self.statistics.rejected == REPORTS:
                self._report("rejected: further frames are only counted")
        for remark in outcome.remarks:
            self.statistics.warnings.append(remark)
            self._report(remark)
        if outcome.maps is not None and item is not None:
            now_s = self.clock.now()
            latency_s = now_s - item.arrived_s
            self.statistics.add(now_s, latency_s)
            name = item.name if isinstance(item, Frame) else ""
            sink_thread.put(FrameMaps(item.frame, item.arrived_s, latency_s, outcome.maps, name))
        if outcome.maps is not None or outcome.rejected:
            self.statistics.delivered = sink_thread.delivered
            self._show()

    def _end(self, producer: threading.Thread, sink_thread: "_SinkThread") -> None:
        """End both threads, and complete the statistics."""
        self.source.stop()
        self.queue.close()
        producer.join(SOURCE_END_S)
        sink_thread.finish()
        self._update()
        done = self.statistics
        done.delivered = sink_thread.delivered
        done.unfinished = done.received - done.frames - done.dropped - done.rejected

    def _raise_source_failure(self) -> None:
        if self.failure is not None and self.statistics.ended == "end of the source":
            if isinstance(self.failure, OSError):
                raise InputError(f"{self.source.name}: {self.failure.strerror or self.failure}")
            raise self.failure

    def _update(self) -> None:
        self.statistics.received, self.statistics.dropped = self.queue.received, self.queue.dropped
        self.statistics.missed, self.statistics.queue_depth_max = self.queue.missed, self.queue.depth_max

    def _show(self) -> None:
        self._update()
        if self.progress is not None:
            self.progress(self.statistics, len(self.queue))

    def _report(self, line: str) -> None:
        if self.report is not None:
            self.report(line)

    def _so_far(self) -> str:
        done = self.statistics
        return (
            f" (frames analysed before: {done.frames}, delivered: {done.delivered}; these results are valid)"
        )


class _SinkThread:
    """Thread that passes maps to all sinks, in order, until one fails."""

    def __init__(self, sinks: list[Sink]) -> None:
        self.sinks, self.delivered = sinks, 0
        self.failure: InputError | None = None
        self._bug: BaseException | None = None
        self._queue: queues.Queue[FrameMaps | None] = queues.Queue(MAPS_WAITING)
        self._thread = threading.Thread(target=self._work, name="sinks", daemon=True)
        self._thread.start()

    def put(self, result: FrameMaps) -> None:
        """Add maps to the queue of the thread, blocking while it is full."""
        self._raise_failure()
        self._queue.put(result)

    def finish(self) -> None:
        """Wait until all maps are processed."""
        self._queue.put(None)
        self._thread.join()
        if self._bug is not None:
            raise self._bug

    def _raise_failure(self) -> None:
        if self.failure is not None:
            raise self.failure
        if self._bug is not None:
            raise self._bug

    def _work(self) -> None:
        """Drain the queue even after a failure, so that the producer never deadlocks."""
        while (result := self._queue.get()) is not None:
            if self.failure is None and self._bug is None:
                self.delivered += self._succeeds([partial(sink.put, result) for sink in self.sinks])
        self._succeeds([sink.close for sink in self.sinks])

    def _succeeds(self, actions: list[Callable[[], None]]) -> bool:
        """Run all actions, and return whether all succeeded."""
        try:
            for action in actions:
                action()
        except InputError as error:
            self.failure = self.failure or error
            return False
        except BaseException as error:  # noqa: BLE001 - raised again in the main thread
            self._bug = self._bug or error
            return False
        return True


def _check_limits(frames: int | None, duration_s: float | None, timeout_s: float | None) -> None:
    if frames is not None and frames < 1:
        raise InputError(f"frames={frames} must be >= 1")
    for name, value in (("duration_s", duration_s), ("timeout_s", timeout_s)):
        if value is not None and not value > 0:
            raise InputError(f"{name}={value:g} must be > 0")
