"""Frames of Python code: iterables, and a queue that the callback of an SDK fills."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import xarray as xr

from seq2seqlite.errors import InputError
from seq2seqlite.protocols import Predictor
from seq2seqlite.streaming.python_sources import IterableSource, QueueSource
from seq2seqlite.streaming.run import StreamError, run_stream
from seq2seqlite.streaming.sinks import CallbackSink
from seq2seqlite.streaming.sources import Frame, Gate, Spoilt
from seq2seqlite.streaming.stages import FrameStage

AXIS: dict[str, Any] = {"gate_width_ns": 0.05, "period_ns": 12.5}
DEADLINE_S = 300


@pytest.fixture
def counts(tau_image: Callable[..., xr.DataArray]) -> np.ndarray:
    return tau_image().values


def test_a_generator_of_counts_and_measurements(
    counts: np.ndarray, tau_image: Callable[..., xr.DataArray], predictor: Predictor, fake_clock: Any
) -> None:
    taken: list[int] = []

    def camera() -> Iterator[Any]:
        yield counts
        yield tau_image(2.0)
        yield np.zeros(5)  # not a frame, because it has no light
        yield "no counts"
        yield counts

    source = IterableSource(camera(), **AXIS, clock=fake_clock)
    done = run_stream(
        source, FrameStage(predictor), sinks=[CallbackSink(lambda one: taken.append(one.frame))], queue=1
    )
    assert taken == [0, 1, 4]
    assert (done.frames, done.rejected, done.dropped, done.ended) == (3, 2, 0, "end of the source")


def test_frames_keep_their_numbers_and_the_axis_is_that_of_the_counts(counts: np.ndarray) -> None:
    own = [Frame(3, 0.0, xr.DataArray()), Gate(5, 0.0, 0, np.zeros((1, 1))), Spoilt(9, 0.0, "broken")]
    assert list(IterableSource(own)) == own
    (frame,) = IterableSource([counts], gate_width_ns=0.05, period_ns=12.5, gate_length_ns=2.0, name="a")
    assert isinstance(frame, Frame)
    assert frame.data.attrs | {"gate_length_ns": 2.0, "source": "a", **AXIS} == frame.data.attrs
    (spoilt,) = IterableSource([counts])
    assert isinstance(spoilt, Spoilt)
    assert spoilt.why == "frames: counts need gate_width_ns; pass it, or measurements"


def test_a_stopped_iterable_is_not_advanced(counts: np.ndarray) -> None:
    source = IterableSource(iter([counts] * 9), **AXIS)
    for frame in source:
        if frame.frame == 1:
            source.stop()
    assert frame.frame == 1


def test_what_is_not_an_iterable_of_frames(tau_image: Callable[..., xr.DataArray]) -> None:
    with pytest.raises(InputError, match=r"^source is of type int; pass a file, a folder, a source or an it"):
        IterableSource(7)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"^source is one measurement; pass a list or generator of"):
        IterableSource(tau_image())
    with pytest.raises(InputError, match=r"^queue=0 must be >= 1 frame$"):
        QueueSource(bound=0)


def test_a_callback_that_is_faster_than_the_analysis_drops_the_oldest(
    counts: np.ndarray, predictor: Predictor
) -> None:
    source = QueueSource(**AXIS, bound=3)
    assert all(source.put(counts) for _ in range(10))
    source.close()
    taken: list[int] = []
    done = run_stream(
        source, FrameStage(predictor), sinks=[CallbackSink(lambda one: taken.append(one.frame))]
    )
    assert taken == [7, 8, 9]
    assert (source.received, source.dropped) == (10, 7)
    assert (done.received, done.frames, done.ended) == (3, 3, "end of the source")
    assert source.put(counts) is False


def test_dropped_frames_are_missed_by_the_stream(counts: np.ndarray) -> None:
    source = QueueSource(**AXIS, bound=2)
    source.put(counts)
    frames = iter(source)
    assert next(frames).frame == 0
    for _ in range(5):
        source.put(counts)
    source.close()
    assert [frame.frame for frame in frames] == [4, 5]  # the gap in the numbers: frames 1 to 3
    assert source.dropped == 3


def test_a_producer_that_may_wait_loses_nothing(counts: np.ndarray, predictor: Predictor) -> None:
    source = QueueSource(**AXIS, bound=1, policy="block")
    put: list[bool] = []

    def produce() -> None:
        put.extend(source.put(counts) for _ in range(12))
        source.close()

    thread = threading.Thread(target=produce)
    thread.start()
    done = run_stream(source, FrameStage(predictor), queue=1)
    thread.join(DEADLINE_S)
    assert (put, done.frames, done.missed, source.dropped) == ([True] * 12, 12, 0, 0)


def test_an_end_of_the_stream_releases_a_producer_that_waits(
    counts: np.ndarray, predictor: Predictor
) -> None:
    source = QueueSource(**AXIS, bound=1, policy="block")
    put: list[bool] = []

    def produce() -> None:
        while not put or put[-1]:
            put.append(source.put(counts))

    thread = threading.Thread(target=produce)
    thread.start()
    done = run_stream(source, FrameStage(predictor), queue=1, frames=2)
    thread.join(DEADLINE_S)
    assert not thread.is_alive()
    assert (done.frames, put[-1]) == (2, False)


@pytest.mark.parametrize(
    ("error", "raised", "text"),
    [
        (
            InputError("camera unplugged"),
            StreamError,
            r"^camera unplugged \(frames analysed before: 2, deliv",
        ),
        (
            OSError(5, "Input/output error"),
            StreamError,
            r"^queue: Input/output error \(frames analysed befor",
        ),
        (ZeroDivisionError("in the SDK"), ZeroDivisionError, r"^in the SDK$"),
    ],
)
def test_an_exception_of_the_producer_ends_the_stream(
    counts: np.ndarray, predictor: Predictor, error: Exception, raised: type[Exception], text: str
) -> None:
    source = QueueSource(**AXIS)
    source.put(counts)
    source.put(counts)
    source.fail(error)
    with pytest.raises(raised, match=text):
        run_stream(source, FrameStage(predictor))
