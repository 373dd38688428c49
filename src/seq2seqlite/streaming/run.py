"""The stream: a source, a bounded queue, the analysis, sinks."""

import queue as queues
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from seq2seqlite.errors import InputError
from seq2seqlite.streaming.queue import BoundedQueue, Ended, Policy
from seq2seqlite.streaming.sinks import FrameMaps, Sink
from seq2seqlite.streaming.sources import Clock, Delivery, Source
from seq2seqlite.streaming.stages import Outcome, Stage
from seq2seqlite.streaming.statistics import StreamStatistics

__all__ = ["StreamError", "run_stream"]

# Seconds until the stream looks again whether it was asked to end.
LOOK_S = 0.1
# Frames of maps between analysis and sinks: a slow disk may lag so far behind, then it holds up the analysis.
MAPS_WAITING = 2
# Rejected frames that are reported each; more are only counted.
REPORTS = 5
# Seconds that a source gets to end its thread. One that hangs in a driver is left behind.
SOURCE_END_S = 2.0

Delivered = TypeVar("Delivered", bound=Delivery)


class StreamError(InputError):
    """A stream that could not go on.

    Parameters
    ----------
    message : str
        One line.
    statistics : StreamStatistics
        What was done till then, and is valid.
    """

    def __init__(self, message: str, statistics: StreamStatistics, /) -> None:
        super().__init__(message)
        self.statistics = statistics


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
    """Analyse what a source delivers, while it delivers.

    Parameters
    ----------
    source : Source
        Frames, or gates; iterated in a thread of its own.
    stage : Stage
        :class:`FrameStage` or :class:`GateStage`; it works in the calling thread, and keeps the order.
    sinks : sequence of Sink
        Take the maps, in another thread.
    policy : Policy
        What a full queue does: let the source wait, or drop the oldest frame and count it.
    queue : int
        Most items that wait: frames, or gates.
    frames : int, optional
        End after so many frames are analysed.
    duration_s : float, optional
        End after this time, in s.
    timeout_s : float, optional
        Most time without anything from the source, in s; then it has stalled, which is an error.
    stop : threading.Event, optional
        Set from elsewhere, it ends the stream after the frame in work.
    progress : callable, optional
        Called with the statistics and the present depth of the queue, after each frame and while waiting.
    report : callable, optional
        Called with one line for each rejected frame, up to five, and for what else is to be said.
    clock : Clock, optional
        Time, the same as the source's.

    Returns
    -------
    StreamStatistics
        ``received = frames + dropped + rejected + unfinished``.

    Raises
    ------
    StreamError
        If the source stalls or fails, a sink cannot write, the frames do not fit the model, or none is
        valid.
        Its ``statistics`` say what was done, and that stays valid.
    """
    _check_limits(frames, duration_s, timeout_s)
    run = _Run(source, stage, BoundedQueue(queue, policy), clock or Clock())
    run.progress, run.report = progress, report
    run.limits = (frames, duration_s, timeout_s)
    return run.perform(list(sinks), stop or threading.Event())


class _Run:
    """One run of a stream; all but the source and the sinks happens in one thread."""

    progress: Callable[[StreamStatistics, int], None] | None
    report: Callable[[str], None] | None
    limits: tuple[int | None, float | None, float | None]

    def __init__(
        self, source: Source[Any], stage: Stage[Any], waiting: BoundedQueue[Any], clock: Clock
    ) -> None:
        self.source, self.stage, self.queue, self.clock = source, stage, waiting, clock
        self.statistics = StreamStatistics()
        self.failure: BaseException | None = None  # of the source
        self.last_why = ""

    def perform(self, sinks: list[Sink], stop: threading.Event) -> StreamStatistics:
        producer = threading.Thread(target=self._produce, name=f"source {self.source.name}", daemon=True)
        taker = _SinkThread(sinks)
        producer.start()
        try:
            self.statistics.ended = self._consume(taker, stop)
            self._raise_source_failure()
        except InputError as error:
            self._end(producer, taker)
            self.statistics.ended = "failed"
            raise StreamError(f"{error}{self._so_far()}", self.statistics) from error
        except BaseException:
            self._end(producer, taker)
            raise
        self._end(producer, taker)
        if taker.failure is not None:
            self.statistics.ended = "failed"
            raise StreamError(f"{taker.failure}{self._so_far()}", self.statistics) from taker.failure
        if self.statistics.frames == 0 and self.statistics.rejected:
            why = f"none of {self.statistics.rejected} frames is valid, the last: {self.last_why}"
            raise StreamError(why, self.statistics)
        return self.statistics

    def _produce(self) -> None:
        """Put what the source delivers into the queue, until either ends."""
        try:
            for item in self.source:
                if not self.queue.put(item):
                    break
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits for it
            self.failure = error
        finally:
            self.queue.finish()

    def _consume(self, taker: "_SinkThread", stop: threading.Event) -> str:
        """Work until something ends the stream, and return what."""
        frames, duration_s, timeout_s = self.limits
        began_s = heard_s = self.clock.now()
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
                self._account(self.stage.end(), taker, None)
                return "end of the source"
            if got is None:
                if timeout_s is not None and self.clock.now() - heard_s >= timeout_s:
                    raise InputError(
                        f"{self.source.name}: nothing came for {timeout_s:g} s; check the camera or raise "
                        f"--timeout"
                    )
                self._show()
                continue
            item, gap = got
            self._account(self.stage.process(item, gap=gap), taker, item)
            heard_s = self.clock.now()

    def _account(self, outcome: Outcome, taker: "_SinkThread", item: Delivery | None) -> None:
        for why in outcome.rejected:
            self.statistics.rejected += 1
            self.last_why = why
            if self.statistics.rejected <= REPORTS:
                self._say(f"rejected: {why}")
            if self.statistics.rejected == REPORTS:
                self._say("rejected: further frames are only counted")
        for remark in outcome.remarks:
            self.statistics.warnings.append(remark)
            self._say(remark)
        if outcome.maps is not None and item is not None:
            now_s = self.clock.now()
            self.statistics.add(now_s, now_s - item.arrived_s)
            taker.put(FrameMaps(item.frame, item.arrived_s, now_s - item.arrived_s, outcome.maps))
        if outcome.maps is not None or outcome.rejected:
            self.statistics.delivered = taker.delivered
            self._show()

    def _end(self, producer: threading.Thread, taker: "_SinkThread") -> None:
        """End both threads, and bring the statistics up to date."""
        self.source.stop()
        self.queue.close()
        producer.join(SOURCE_END_S)
        taker.finish()
        self._update()
        done = self.statistics
        done.delivered = taker.delivered
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

    def _say(self, line: str) -> None:
        if self.report is not None:
            self.report(line)

    def _so_far(self) -> str:
        done = self.statistics
        return f" (frames analysed before: {done.frames}, delivered: {done.delivered}; they stay valid)"


class _SinkThread:
    """Gives maps to all sinks, in order, until one fails."""

    def __init__(self, sinks: list[Sink]) -> None:
        self.sinks, self.delivered = sinks, 0
        self.failure: InputError | None = None
        self._bug: BaseException | None = None
        self._queue: queues.Queue[FrameMaps | None] = queues.Queue(MAPS_WAITING)
        self._thread = threading.Thread(target=self._work, name="sinks", daemon=True)
        self._thread.start()

    def put(self, result: FrameMaps) -> None:
        """Hand over maps, waiting for room."""
        self._raise_failure()
        self._queue.put(result)

    def finish(self) -> None:
        """Wait until all that was handed over is taken."""
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
        """Take all there is, also after a failure: whoever hands over never waits in vain."""
        while (result := self._queue.get()) is not None:
            if self.failure is None and self._bug is None:
                self.delivered += self._did([partial(sink.put, result) for sink in self.sinks])
        self._did([sink.close for sink in self.sinks])

    def _did(self, actions: list[Callable[[], None]]) -> bool:
        """Do all, and return whether that went well."""
        try:
            for action in actions:
                action()
        except InputError as error:
            self.failure = self.failure or error
            return False
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits for it
            self._bug = self._bug or error
            return False
        return True


def _check_limits(frames: int | None, duration_s: float | None, timeout_s: float | None) -> None:
    if frames is not None and frames < 1:
        raise InputError(f"frames={frames} must be >= 1")
    for name, value in (("duration", duration_s), ("timeout", timeout_s)):
        if value is not None and not value > 0:
            raise InputError(f"{name}={value:g} s must be > 0")
