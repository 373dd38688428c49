"""The stream as a whole: order, counts that add up, each bad source told in one line, memory bounded."""

import csv
import errno
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import xarray as xr

from seq2seqlite.errors import InputError
from seq2seqlite.imaging.frame_analysis import lifetime_map
from seq2seqlite.protocols import Predictor
from seq2seqlite.streaming.replay import ReplayedFrames
from seq2seqlite.streaming.run import StreamError, run_stream
from seq2seqlite.streaming.sinks import CallbackSink, FrameMaps, MapFolder, MapTable, Sink
from seq2seqlite.streaming.sources import Frame, Spoilt
from seq2seqlite.streaming.stages import FrameStage, Outcome
from seq2seqlite.streaming.statistics import StreamStatistics, resident_bytes

# For events that must come, however busy the machine is.
DEADLINE_S = 300
REPLACE, START = "replace them with 0", "start a new stream for it"
RAW, CHECK = "pass raw counts, including the background", "check the channel, the data set and the shutter"


def added_up(done: StreamStatistics) -> bool:
    return done.received == done.frames + done.dropped + done.rejected + done.unfinished


class GatedStage:
    """A consumer that works on a frame until the test lets it go on."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Semaphore(0), threading.Semaphore(0)
        self.processed: list[int] = []

    def process(self, item: Any, /, *, gap: bool) -> Outcome:
        del gap
        self.begun.release()
        assert self.go_on.acquire(timeout=DEADLINE_S)
        self.processed.append(item.frame)
        return Outcome(maps=xr.Dataset(attrs={"frame": item.frame}))

    def end(self) -> Outcome:
        return Outcome()


def test_maps_come_in_order_and_are_those_of_single_frames(
    predictor: Predictor, tau_image: Callable[..., xr.DataArray], fake_clock: Any
) -> None:
    images = [tau_image(tau) for tau in (1.0, 1.5, 2.0)]
    taken: list[FrameMaps] = []
    done = run_stream(
        ReplayedFrames(images, fps=2, repeat=2, clock=fake_clock),
        FrameStage(predictor),
        sinks=[CallbackSink(taken.append)],
        queue=2,
        clock=fake_clock,
    )
    assert [result.frame for result in taken] == [0, 1, 2, 3, 4, 5]
    alone = lifetime_map(images[0], predictor)["tau_mean_ns"].values
    np.testing.assert_array_equal(taken[0].maps["tau_mean_ns"].values, alone)
    np.testing.assert_array_equal(taken[3].maps["tau_mean_ns"].values, alone)
    assert taken[2].maps["tau_mean_ns"].mean() > taken[1].maps["tau_mean_ns"].mean() > alone.mean()
    assert (done.received, done.frames, done.delivered, done.ended) == (6, 6, 6, "end of the source")
    assert (done.dropped, done.rejected, done.unfinished, done.missed) == (0, 0, 0, 0)
    assert done.queue_depth_max <= 2
    assert 0 < done.memory_start_bytes <= done.memory_peak_bytes


def test_a_slow_consumer_drops_the_oldest_and_counts_exactly(listed: Any) -> None:
    stage = GatedStage()

    def camera() -> Iterator[Frame]:
        for number in range(20):
            yield Frame(number, 0.0, xr.DataArray())
            if number == 0:
                assert stage.begun.acquire(timeout=DEADLINE_S)  # the rest comes while it works on the first

    source = listed(camera(), hold=True)
    found: list[StreamStatistics] = []
    thread = threading.Thread(
        target=lambda: found.append(run_stream(source, stage, policy="drop-oldest", queue=3, frames=4))
    )
    thread.start()
    assert source.given.wait(DEADLINE_S)
    for _ in range(4):
        stage.go_on.release()
    thread.join(DEADLINE_S)
    (done,) = found
    assert stage.processed == [0, 17, 18, 19]
    assert (done.received, done.frames, done.dropped, done.unfinished) == (20, 4, 16, 0)
    assert done.queue_depth_max == 3


def test_a_source_that_may_be_held_up_loses_nothing(listed: Any) -> None:
    stage = GatedStage()
    for _ in range(20):
        stage.go_on.release()
    source = listed([Frame(number, 0.0, xr.DataArray()) for number in range(20)])
    done = run_stream(source, stage, policy="block", queue=1)
    assert stage.processed == list(range(20))
    assert (done.frames, done.dropped, done.queue_depth_max) == (20, 0, 1)


def spoilt_frames(tau_image: Callable[..., xr.DataArray]) -> list[Any]:
    good = tau_image()
    nan, negative, dark = good.copy(deep=True), good.copy(deep=True), good * 0
    nan[0, 1, 7] = np.nan
    negative[1, 2, 3] = -4
    return [
        Frame(0, 0.0, dark.assign_attrs(good.attrs)),
        Frame(1, 0.0, good),
        Frame(2, 0.0, nan),
        Frame(3, 0.0, negative),
        Frame(4, 0.0, good[:1]),
        Spoilt(5, 0.0, "f5.npz: not a readable npz file"),
        Frame(8, 0.0, dark.assign_attrs(good.attrs)),
        Frame(9, 0.0, good),
    ]


def test_frames_that_are_none_are_rejected_counted_and_told(
    listed: Any, predictor: Predictor, tau_image: Callable[..., xr.DataArray]
) -> None:
    lines: list[str] = []
    taken: list[FrameMaps] = []
    done = run_stream(
        listed(spoilt_frames(tau_image)),
        FrameStage(predictor),
        sinks=[CallbackSink(taken.append)],
        report=lines.append,
    )
    assert [result.frame for result in taken] == [1, 8, 9]  # a frame that is dark later is one all the same
    assert (done.received, done.frames, done.rejected, done.missed) == (8, 3, 5, 2)
    assert added_up(done)
    assert lines == [
        f"rejected: frame 0: image.npz: all 6 pixels are zero; {CHECK}",
        "rejected: frame 2: image.npz: counts must be finite, found 1 NaN or infinite; " + REPLACE,
        "rejected: frame 3: image.npz: counts must be >= 0, found -4; " + RAW,
        "rejected: frame 4: image.npz: shape (1, 3, 250) differs from the shape (2, 3, 250) of the "
        "first frame; " + START,
        "rejected: f5.npz: not a readable npz file",
        "rejected: further frames are only counted",
    ]


def test_no_valid_frame_is_an_error(
    listed: Any, predictor: Predictor, tau_image: Callable[..., xr.DataArray]
) -> None:
    frames = [Frame(number, 0.0, tau_image() * np.nan) for number in range(3)]
    with pytest.raises(
        StreamError, match=r"^all 3 frames were rejected; reason of the last: frame 2: .*NaN"
    ) as caught:
        run_stream(listed(frames), FrameStage(predictor))
    assert (caught.value.statistics.rejected, caught.value.statistics.frames) == (3, 0)


def test_frames_that_do_not_fit_the_model_end_the_stream(
    listed: Any, predictor: Predictor, tau_image: Callable[..., xr.DataArray]
) -> None:
    unknown = tau_image().assign_attrs(period_ns=None)
    source = listed([Frame(0, 0.0, unknown)], hold=True)
    with pytest.raises(
        StreamError,
        match=r"^image\.npz: the laser period is unknown; pass period_ns in ns \(e\.g\. 12\.5 for 80 MHz\) "
        r"\(frames analysed before: 0, delivered: 0; these results are valid\)$",
    ) as caught:
        run_stream(source, FrameStage(predictor))
    assert source.stopped.is_set()
    assert caught.value.statistics.unfinished == 1


def test_a_source_that_stalls(
    listed: Any, predictor: Predictor, tau_image: Callable[..., xr.DataArray], tmp_path: Path
) -> None:
    source = listed([Frame(number, 0.0, tau_image()) for number in range(2)], hold=True)
    with pytest.raises(
        StreamError,
        match=r"^camera: no data for timeout_s=2 s; check the camera or use a longer timeout "
        r"\(frames analysed "
        r"before: 2, delivered: 2; these results are valid\)$",
    ) as caught:
        run_stream(source, FrameStage(predictor), sinks=[MapFolder(tmp_path)], timeout_s=2)
    assert source.stopped.is_set()
    assert caught.value.statistics.ended == "failed"
    assert sorted(item.name for item in tmp_path.iterdir()) == ["frame-000000.tif", "frame-000001.tif"]


@pytest.mark.parametrize(
    ("failure", "text"),
    [
        (InputError("a.ptu: cut"), r"^a\.ptu: cut \(frames analysed before: 2"),
        (
            OSError(errno.EIO, "Input/output error"),
            r"^camera: Input/output error \(frames analysed before: 2",
        ),
    ],
)
def test_a_source_that_fails(
    listed: Any,
    predictor: Predictor,
    tau_image: Callable[..., xr.DataArray],
    failure: BaseException,
    text: str,
) -> None:
    source = listed([Frame(number, 0.0, tau_image()) for number in range(2)], failure=failure)
    with pytest.raises(StreamError, match=text):
        run_stream(source, FrameStage(predictor))


def test_a_bug_of_a_source_or_sink_keeps_its_traceback(
    listed: Any, predictor: Predictor, tau_image: Callable[..., xr.DataArray]
) -> None:
    frames = [Frame(0, 0.0, tau_image())]
    with pytest.raises(ZeroDivisionError):
        run_stream(listed(frames, failure=ZeroDivisionError()), FrameStage(predictor))
    with pytest.raises(ZeroDivisionError):
        run_stream(listed(frames), FrameStage(predictor), sinks=[CallbackSink(lambda _: 1 / 0)])  # type: ignore[arg-type]


def test_a_full_disk_ends_the_stream_and_leaves_whole_files(
    listed: Any,
    predictor: Predictor,
    tau_image: Callable[..., xr.DataArray],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write, written = tifffile.imwrite, []

    def filling(path: Path, *arguments: Any, **options: Any) -> None:
        written.append(path)
        if len(written) > 3:
            path.write_bytes(b"half a file")
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, *arguments, **options)

    monkeypatch.setattr(tifffile, "imwrite", filling)
    source = listed([Frame(number, 0.0, tau_image()) for number in range(50)])
    with pytest.raises(
        StreamError,
        match=r"^cannot write .*frame-000003\.tif: No space left on device; free space or choose another "
        r"folder \(frames analysed before: \d+, delivered: 3; these results are valid\)$",
    ) as caught:
        run_stream(source, FrameStage(predictor), sinks=[MapFolder(tmp_path)], queue=1)
    done = caught.value.statistics
    assert added_up(done)
    assert done.frames < 50
    names = sorted(item.name for item in tmp_path.iterdir())
    assert names == ["frame-000000.tif", "frame-000001.tif", "frame-000002.tif"]
    assert tifffile.imread(tmp_path / names[2]).shape == (5, 2, 3)


def test_limits(predictor: Predictor, tau_image: Callable[..., xr.DataArray], fake_clock: Any) -> None:
    def endless() -> ReplayedFrames:
        return ReplayedFrames([tau_image()], repeat=None)

    done = run_stream(endless(), FrameStage(predictor), frames=3, queue=2)
    assert (done.frames, done.ended) == (3, "3 frames")
    assert added_up(done)
    assert done.unfinished <= 4  # those in the queue, and the one that waited for room
    stop = threading.Event()
    done = run_stream(
        endless(), FrameStage(predictor), sinks=[CallbackSink(lambda _: stop.set())], stop=stop, queue=1
    )
    assert done.ended == "stopped"
    assert done.delivered == done.frames >= 1
    source = ReplayedFrames([tau_image()], fps=10, repeat=None, clock=fake_clock)
    done = run_stream(source, FrameStage(predictor), duration_s=2, clock=fake_clock, queue=1)
    assert done.ended == "2 s"
    for options, text in (
        ({"frames": 0}, "^frames=0 must be >= 1$"),
        ({"duration_s": 0.0}, "^duration_s=0 must be > 0$"),
        ({"timeout_s": -1.0}, "^timeout_s=-1 must be > 0$"),
    ):
        with pytest.raises(InputError, match=text):
            run_stream(endless(), FrameStage(predictor), **options)


def test_statistics_are_those_of_known_times() -> None:
    done = StreamStatistics()
    for number in range(101):
        done.add(10 + number / 4, 0.01 * number)
    assert done.frames_per_second == 4
    assert done.latency_s(50) == pytest.approx(0.5)
    assert done.latency_s(99) == pytest.approx(0.99)
    told = done.to_dict()
    assert {"frames", "frames_per_second", "latency_median_s", "latency_p99_s", "queue_depth_max"} < set(told)
    assert set(told["memory"]) == {"start_bytes", "end_bytes", "peak_bytes"}
    for _ in range(20_000):
        done.add(0.0, 1.0)
    assert len(done.latencies_s) == 10_000  # a stream without end does not grow


def test_a_backlog_does_not_raise_the_rate() -> None:
    done = StreamStatistics()
    for number in range(10):  # ten frames wait on the disk, and are analysed at 10 frames/s
        done.add(1 + 0.1 * number, 1 + 0.1 * number)
    assert done.frames_per_second == pytest.approx(10)  # as long as nothing else is known
    assert done.backlog == 0
    for number in range(4):  # then the camera sends one in 2 s
        done.add(4.1 + 2 * number, 0.1)
    assert done.backlog == 10
    assert done.frames_per_second == pytest.approx(0.5)
    assert list(done.latencies_s) == [0.1] * 4
    assert done.to_dict()["backlog"] == 10
    for number in range(10):  # a later backlog arrived within the time that is counted
        done.add(12 + 0.1 * number, 2)
    assert (done.backlog, done.first_s) == (10, 1)


def test_an_analysis_that_never_catches_up_has_its_own_rate() -> None:
    done = StreamStatistics()
    for number in range(11):  # one frame in 0.1 s arrives, and one in 0.2 s is analysed
        done.add(0.2 * (number + 1), 0.2 * (number + 1) - 0.1 * number)
    assert done.backlog == 0
    assert done.frames_per_second == pytest.approx(5)


def test_names_of_files_stay_in_the_outputs(
    listed: Any, predictor: Predictor, tau_image: Callable[..., xr.DataArray], tmp_path: Path
) -> None:
    frames = [Frame(0, 5.0, tau_image(), "cell,7.ptu"), Frame(1, 5.0, tau_image())]
    for _ in range(2):  # the second stream replaces the files of the first
        sinks: list[Sink] = [MapFolder(tmp_path), MapTable(tmp_path / "frames.csv")]
        run_stream(listed(frames), FrameStage(predictor), sinks=sinks)
    names = sorted(item.name for item in tmp_path.iterdir())
    assert names == ["frame-000000-cell,7.tif", "frame-000001.tif", "frames.csv"]
    with (tmp_path / "frames.csv").open(encoding="utf-8", newline="") as file:
        assert [row["file"] for row in csv.DictReader(file)] == ["cell,7.ptu", ""]
    with tifffile.TiffFile(tmp_path / names[0]) as tiff:
        assert "file = cell,7.ptu\n" in (tiff.imagej_metadata or {})["Info"]


def test_a_model_that_the_first_valid_frame_determines(
    listed: Any, predictor: Predictor, tau_image: Callable[..., xr.DataArray]
) -> None:
    asked: list[xr.DataArray] = []

    def predictor_of(data: xr.DataArray) -> Predictor:
        asked.append(data)
        return predictor

    images = [tau_image(tau) for tau in (1.0, 2.0)]
    items = [Spoilt(0, 0.0, "broken"), Frame(1, 0.0, images[0]), Frame(2, 0.0, images[1])]
    stage = FrameStage(predictor_of)
    assert stage.predictor is None
    done = run_stream(listed(items), stage)
    assert (done.frames, done.rejected, len(asked)) == (2, 1, 1)
    assert stage.predictor is predictor
    assert asked[0] is images[0]


def test_memory_is_unknown_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_proc(*_: Any) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", without_proc)
    monkeypatch.setitem(sys.modules, "resource", None)
    assert resident_bytes() == 0


def test_table_and_folder(
    listed: Any, predictor: Predictor, tau_image: Callable[..., xr.DataArray], tmp_path: Path
) -> None:
    source = listed([Frame(number, 5.0, tau_image(1.0 + number)) for number in range(2)])
    taken: list[FrameMaps] = []
    sinks: list[Sink] = [MapFolder(tmp_path), MapTable(tmp_path / "frames.csv"), CallbackSink(taken.append)]
    run_stream(source, FrameStage(predictor), sinks=sinks)
    header, *rows = [line.split(",") for line in (tmp_path / "frames.csv").read_text().splitlines()]
    assert header[:5] == ["frame", "arrived_s", "latency_s", "pixels_analysed", "tau_mean_ns_median"]
    assert [row[0] for row in rows] == ["0", "1"]
    for row, result in zip(rows, taken, strict=True):
        median = float(np.median(result.maps["tau_mean_ns"].values))
        assert float(row[4]) == pytest.approx(median, rel=1e-4)
    with tifffile.TiffFile(tmp_path / "frame-000001.tif") as file:
        labels, stack = (file.imagej_metadata or {})["Labels"], file.asarray()
    assert labels == [
        "tau_mean_ns ns", "tau_short_ns ns", "tau_long_ns ns", "amplitude_fraction", "intensity photons",
    ]  # fmt: skip
    np.testing.assert_array_equal(stack[0], taken[1].maps["tau_mean_ns"].values)
    with pytest.raises(InputError, match=r"^cannot write .*frames\.csv: File exists; free space or"):
        MapTable(tmp_path / "frames.csv" / "frames.csv")


def test_frames_of_an_earlier_stream_are_removed_and_other_files_refused(
    listed: Any, predictor: Predictor, tau_image: Callable[..., xr.DataArray], tmp_path: Path
) -> None:
    for n in (3, 2):
        source = listed([Frame(number, 5.0, tau_image(1.0 + number)) for number in range(n)])
        run_stream(source, FrameStage(predictor), sinks=[MapFolder(tmp_path), MapTable(tmp_path / "f.csv")])
    names = sorted(item.name for item in tmp_path.iterdir())
    assert names == ["f.csv", "frame-000000.tif", "frame-000001.tif"]
    table = (tmp_path / "f.csv").read_text()
    sinks: list[Sink] = [MapFolder(tmp_path), MapTable(tmp_path / "f.csv")]
    with pytest.raises(StreamError, match="rejected"):
        run_stream(listed([Spoilt(0, 0.0, "broken")]), FrameStage(predictor), sinks=sinks)
    assert names == sorted(item.name for item in tmp_path.iterdir())
    assert (tmp_path / "f.csv").read_text() == table  # a stream without frames keeps earlier results
    (tmp_path / "frame-000007.tif").write_text("mine")
    (tmp_path / "mine.csv").write_text("a,b")
    with pytest.raises(InputError, match=r"frame-000007\.tif was not written by a stream; move it or"):
        MapFolder(tmp_path)
    with pytest.raises(InputError, match=r"mine\.csv was not written by a stream; move it or choose another"):
        MapTable(tmp_path / "mine.csv")


def test_memory_does_not_grow_with_the_number_of_frames(predictor: Predictor) -> None:
    rng = np.random.default_rng(1)
    times = np.arange(250) * 0.05
    decay = 40 * np.exp(-np.clip(times - 2, 0, None)) / (1 + np.exp(-(times - 2) / 0.05)) + 1
    counts = rng.poisson(decay, (100, 100, 250)).astype(np.uint16)
    from seq2seqlite.io.signal import signal_from_counts

    data = signal_from_counts(counts, source="a", file_format="npz", gate_width_ns=0.05, period_ns=12.5)

    class Copying(ReplayedFrames):
        def __iter__(self) -> Any:
            for frame in super().__iter__():
                yield Frame(frame.frame, frame.arrived_s, frame.data.copy())  # 5 MB, as of a camera

    seen: list[int] = []
    done = run_stream(
        Copying([data], repeat=24),
        FrameStage(predictor),
        queue=2,
        progress=lambda now, depth: seen.append(depth) if now.frames else None,
    )
    assert max(seen) <= 2
    assert done.memory_peak_bytes - done.memory_start_bytes < 8 * counts.nbytes  # not the 24 of all frames
