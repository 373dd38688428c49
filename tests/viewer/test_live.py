"""Handover, ring buffers and decays of the page of a stream, without a browser."""

import dataclasses
import json
import urllib.error
import urllib.request

import numpy as np
import pytest
import xarray as xr

from seq2seqlite import stream
from seq2seqlite.cli.app import main
from seq2seqlite.errors import InputError
from seq2seqlite.streaming import ReplayedFrames, ReplayedGates, StreamError, StreamStatistics
from seq2seqlite.viewer import LiveFeed, Outline, ViewState, live_server
from seq2seqlite.viewer.live.decays import LiveDecays
from seq2seqlite.viewer.live.feed import BUSY_SHARE, IDLE_SHARE, Pace, bounded
from seq2seqlite.viewer.live.plots import numbers_table
from seq2seqlite.viewer.live.trends import ALL, Trends

MODEL = "seq2seqlite-tcspc-80mhz-tiny"
START = ViewState("camera", MODEL)
LEFT = Outline("left", ((0.0, 0.0), (3.0, 0.0), (3.0, 4.0), (0.0, 4.0)))


@pytest.fixture
def image(decay_image):
    """A frame of 4 x 6 pixels of 1 to 2 ns."""
    exact = decay_image(np.linspace(1.0, 2.0, 6)[None, :] * np.ones((4, 1)), photons=5000.0, width_ns=0.1)
    return exact.copy(data=np.random.default_rng(1).poisson(exact.values).astype(np.uint16))


@pytest.fixture
def feed(image):
    """The feed of a stream of three frames that has ended."""
    found = LiveFeed()
    found.end(stream(ReplayedFrames([image], repeat=3), MODEL, backend="numpy", **found.hooks))
    return found


def test_the_feed_keeps_references_and_the_numbers_of_the_stream(image, feed):
    assert [frame.frame for frame in feed.frames] == [0, 1, 2]
    assert all(frame.data is image for frame in feed.frames)
    assert (feed.ended, feed.error, feed.waiting) == (True, "", 0)
    assert feed.kept_bytes == 3 * (image.nbytes + feed.frames[0].maps_bytes)
    table = numbers_table(feed.statistics, feed.waiting, {"PIXELS_IN": 7})
    for name in ("frames", "received", "dropped", "rejected", "missed", "unfinished", "queue_depth_max"):
        assert f"<td data-q='{name}'>{feed.statistics[name]}</td>" in table
    assert f"<td data-q='latency_median_s'>{feed.statistics['latency_median_s']:.3f}</td>" in table
    assert "<td data-q='PIXELS_IN'>7</td>" in table


def test_kept_frames_are_bounded(feed):
    frame = feed.frames[0]
    frames = tuple(dataclasses.replace(frame, frame=number) for number in range(10))
    kept = bounded(frames, maps_bytes=4 * frame.maps_bytes, counts_bytes=2 * frame.counts_bytes)
    assert [one.frame for one in kept] == [6, 7, 8, 9]
    assert [one.counts_bytes > 0 for one in kept] == [False, False, True, True]
    (newest,) = bounded(frames, maps_bytes=0, counts_bytes=0)
    assert newest is frames[-1]
    assert len(bounded(frames, maps_bytes=10**9, counts_bytes=10**9, most=3)) == 3


def test_progress_needs_a_small_share_of_the_time(monkeypatch):
    clock = iter([0.0, 0.01, 0.5, 1.02, 1.03])  # the first look takes 10 ms: the next is due after 1 s
    monkeypatch.setattr("seq2seqlite.viewer.live.feed.time.monotonic", lambda: next(clock))
    feed, done = LiveFeed.__new__(LiveFeed), StreamStatistics(frames=1)
    feed.statistics, feed._statistics_due_s = {}, 0.0
    seen = []
    for frames, waiting in ((1, 4), (2, 3), (3, 2)):
        done.frames = frames
        feed.progress(done, waiting)
        seen.append((feed.statistics["frames"], feed.waiting))
    assert seen == [(1, 4), (1, 3), (3, 2)]


def test_pages_give_way_to_an_analysis_with_waiting_frames():
    feed = LiveFeed()
    for waiting, share in ((0, IDLE_SHARE), (1, BUSY_SHARE)):
        feed.waiting, pace = waiting, Pace(feed)
        assert (pace.interval_s(1) > 0) == bool(waiting)
        assert pace.interval_s(2) == 2 * pace.interval_s(1)
        pace.spend(0.02, 100.0)
        assert pace._due_s == pytest.approx(100.0 + 0.02 / share)
        pace.spend(0.02, 100.0)
        assert pace._due_s == pytest.approx(100.0 + 0.04 / share)


def test_trends_are_medians_in_ring_buffers(feed):
    frame = feed.frames[0]
    frames = tuple(
        dataclasses.replace(frame, frame=number, arrived_s=10.0 + number, maps=frame.maps + number)
        for number in range(5)
    )
    trends, median = Trends(3), float(frame.maps["tau_mean_ns"].median())
    for number in range(1, 5):
        found = trends.update(frames[:number])
    np.testing.assert_allclose(found[ALL], [[1, 2, 3], median + np.array([1, 2, 3])])
    found = trends.update(frames, [LEFT])
    assert list(found) == [ALL, "left"]
    inside = float(np.median(frame.maps["tau_mean_ns"].values[:, :3]))
    np.testing.assert_allclose(found["left"], [[2, 3, 4], inside + np.array([2, 3, 4])])
    assert trends.update(frames, [LEFT])["left"].shape == (2, 3)  # each frame once
    assert trends.update(()) == {}


def test_decays_of_pixels_and_regions(image, feed):
    frame, decays = feed.frames[-1], LiveDecays()
    found = decays.selected(frame, dataclasses.replace(START, pixel=(4, 1)), fit=False)
    np.testing.assert_array_equal(found.record.counts, image.values[1, 4, : found.record.counts.size])
    assert found.network["tau_mean_ns"][0] == frame.maps["tau_mean_ns"].values[1, 4]
    assert found.record.predicted.chi_square < 2
    assert found.fit == {}
    found = decays.selected(frame, dataclasses.replace(START, pixel=(4, 1)), fit=True)
    assert found.fit["tau_mean_ns"][0] == pytest.approx(1.8, abs=0.2)
    state = dataclasses.replace(START, regions=(LEFT,), selected="left")
    found = decays.selected(frame, state, fit=False)
    assert (found.title, found.record.pixels) == ("region left", 12)
    assert found.network["tau_mean_ns"][0] == np.median(frame.maps["tau_mean_ns"].values[:, :3])
    assert found.record.counts.sum() == image.values[:, :3].sum()
    assert decays.selected(frame, START, fit=False).record.pixels == 24
    for state, message in (
        (dataclasses.replace(START, pixel=(6, 0)), "is outside of the image of 6 x 4 pixels"),
        (dataclasses.replace(START, selected="none"), "has no pixel with a lifetime in frame 2"),
    ):
        with pytest.raises(InputError, match=message):
            decays.selected(frame, state, fit=False)
    with pytest.raises(InputError, match="the counts of frame 2 are no longer kept"):
        decays.selected(frame.without_counts(), START, fit=False)


def test_decays_of_gates():
    feed, counts = LiveFeed(), np.zeros((2, 3, 135), np.uint16)
    counts[..., 16:] = np.round(500 * np.exp(-np.arange(119) * 0.09 / 1.5))
    counts[1, 2] //= 2
    source = ReplayedGates([xr.DataArray(counts, dims=("Y", "X", "H"))])
    feed.end(stream(source, MODEL, backend="numpy", gates=True, **feed.hooks))
    found = LiveDecays().selected(feed.frames[0], dataclasses.replace(START, pixel=(2, 1)), fit=True)
    np.testing.assert_array_equal(found.record.counts, counts[1, 2])
    assert (found.record.predicted, found.fit) == (None, {})


def test_failures_are_messages_and_results_stay(image):
    class Failing(ReplayedFrames):
        def __iter__(self):
            yield from super().__iter__()
            raise OSError(5, "the camera was unplugged")

    feed = LiveFeed()
    with pytest.raises(StreamError) as error:
        stream(Failing([image, -image.astype(np.int32)]), MODEL, backend="numpy", **feed.hooks)
    feed.fail(str(error.value), error.value.result)
    assert "the camera was unplugged" in feed.error
    assert feed.ended
    assert (feed.statistics["frames"], feed.statistics["rejected"], len(feed.frames)) == (1, 1, 1)
    assert feed.lines[-1].startswith("rejected: frame 1:")


def test_the_token_is_needed_where_it_is_asked_for():
    with live_server(LiveFeed(), source="camera", model=MODEL, token=True) as running:
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"http://127.0.0.1:{running.port}/", timeout=60)
        page = f"http://127.0.0.1:{running.port}/{running.token}/"
        assert running.url == page
        with urllib.request.urlopen(page, timeout=60) as reply:
            assert b"seq2seqlite" in reply.read()


def test_the_command_serves_the_page_during_the_stream(tmp_path, capsys):
    result = tmp_path / "result.json"
    words = ["stream", "camera", "--model", MODEL, "--frame", "4x5", "--frames", "2", "--json", str(result)]
    words += ["--backend", "numpy"]
    assert main([*words, "--view", "--no-browser", "--close-page"]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("http://127.0.0.1:")
    assert "2 frames analysed" in printed.out
    assert json.loads(result.read_text())["frames"] == 2
    assert main([*words, "--port", "5077"]) == 2
    assert "--port is an option of the page; add --view" in capsys.readouterr().err
    missing = ["stream", "camera", "--model", "missing.npz", "--view", "--no-browser", "--close-page"]
    assert main(missing) == 2
    printed = capsys.readouterr()
    assert printed.out.startswith("http://127.0.0.1:")
    assert "missing.npz" in printed.err
