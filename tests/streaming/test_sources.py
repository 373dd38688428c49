"""Sources: paced, in order, only whole frames, and a word on each that is not."""

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import ptufile
import pytest
import xarray as xr

from seq2seqlite.errors import InputError
from seq2seqlite.io.measurement import SUFFIXES, read
from seq2seqlite.io.read_options import ReadOptions
from seq2seqlite.streaming.growing_ptu import GrowingPtu
from seq2seqlite.streaming.photon_frames import FramesOfPhotons
from seq2seqlite.streaming.replay import ReplayedFrames, ReplayedGates
from seq2seqlite.streaming.sources import Clock, Frame, Photons, Spoilt
from seq2seqlite.streaming.spool_folder import SpoolFolder


def test_replay_keeps_its_rate(fake_clock: Any, tau_image: Callable[..., xr.DataArray]) -> None:
    source = ReplayedFrames([tau_image(1.0), tau_image(2.0)], fps=4, repeat=3, clock=fake_clock)
    frames = list(source)
    assert [frame.frame for frame in frames] == [0, 1, 2, 3, 4, 5]
    np.testing.assert_allclose([frame.arrived_s - 100 for frame in frames], np.arange(6) / 4)
    assert frames[4].data is frames[0].data
    assert frames[1].data is not frames[0].data


def test_a_replay_that_was_held_up_does_not_hurry(
    fake_clock: Any, tau_image: Callable[..., xr.DataArray]
) -> None:
    times = []
    for frame in ReplayedFrames([tau_image()], fps=1, repeat=4, clock=fake_clock):
        times.append(frame.arrived_s - 100)
        if frame.frame == 1:
            fake_clock.time_s += 5  # the queue was full
    assert times == [0, 1, 6, 7]


def test_a_stopped_replay_ends(fake_clock: Any, tau_image: Callable[..., xr.DataArray]) -> None:
    source = ReplayedFrames([tau_image()], fps=1, repeat=None, clock=fake_clock)
    taken = []
    for frame in source:
        taken.append(frame.frame)
        if frame.frame == 2:
            source.stop()
    assert taken == [0, 1, 2]


def test_gates_come_one_after_another(fake_clock: Any, tau_image: Callable[..., xr.DataArray]) -> None:
    data = tau_image().astype(np.uint16)
    gates = list(ReplayedGates([data], fps=2, repeat=2, clock=fake_clock))
    assert [(gate.frame, gate.gate) for gate in gates] == [(f, g) for f in (0, 1) for g in range(250)]
    for gate in gates[:250]:
        np.testing.assert_array_equal(gate.counts, data.values[..., gate.gate])
    assert gates[-1].arrived_s - 100 == pytest.approx(1 - 1 / 500)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"fps": 0.0}, r"^fps=0.0 must be finite and > 0 \(e\.g\. 0\.5\)$"),
        ({"repeat": 0}, r"^repeat=0 must be >= 1, or None for an endless stream$"),
    ],
)
def test_bad_replays(tau_image: Callable[..., xr.DataArray], options: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        ReplayedFrames([tau_image()], **options)
    with pytest.raises(InputError, match="^frames is empty; at least one frame is required$"):
        ReplayedFrames([])
    with pytest.raises(InputError, match=r"counts of gates must be integers, not float64; pass raw counts$"):
        ReplayedGates([tau_image()])


class LookingClock(Clock):
    """A clock that does something at each look, and stops after the last."""

    def __init__(self, *looks: Callable[[], object]) -> None:
        super().__init__()
        self.looks = list(looks)

    def wait(self, seconds: float, /) -> bool:
        del seconds
        if not self.looks:
            return True
        self.looks.pop(0)()
        return False


def saved(path: Path, tau: xr.DataArray) -> None:
    np.savez(path, tpsf=tau.values, gate_width_ns=0.05, period_ns=12.5)


def test_a_spool_folder_gives_whole_files_in_order(
    tmp_path: Path, tau_image: Callable[..., xr.DataArray]
) -> None:
    def growing() -> None:  # a file that another program is still writing
        with (tmp_path / "f11.npz").open("ab") as file:
            file.write(content[len(content) // 2 :])

    saved(tmp_path / "whole.npz", tau_image())
    content = (tmp_path / "whole.npz").read_bytes()
    (tmp_path / "whole.npz").rename(tmp_path / "f9.npz")
    saved(tmp_path / "f10.npz", tau_image())
    (tmp_path / "notes.md").write_text("no frame")
    (tmp_path / ".f0.npz").write_bytes(b"hidden")
    (tmp_path / "f1.npz.part").write_bytes(b"not yet")
    (tmp_path / "f11.npz").write_bytes(content[: len(content) // 2])
    clock = LookingClock(
        growing, lambda: None, lambda: (tmp_path / "f12.npz").write_bytes(content), (tmp_path / "END").touch
    )
    read_files: list[str] = []

    def reader(path: Path) -> xr.DataArray:
        read_files.append(path.name)
        return read(path)

    frames = list(SpoolFolder(tmp_path, reader, suffixes=SUFFIXES, clock=clock))
    assert read_files == ["f9.npz", "f10.npz", "f11.npz", "f12.npz"]
    assert [frame.frame for frame in frames] == [0, 1, 2, 3]
    assert [getattr(frame, "name", "") for frame in frames] == read_files
    assert all(isinstance(frame, Frame) and frame.data.shape == (2, 3, 250) for frame in frames)


def test_a_file_that_waits_on_the_disk_has_arrived(
    tmp_path: Path, tau_image: Callable[..., xr.DataArray], fake_clock: Any
) -> None:
    for number in range(3):
        saved(tmp_path / f"f{number}.npz", tau_image())
    (tmp_path / "END").touch()
    times = []
    for frame in SpoolFolder(tmp_path, read, suffixes=SUFFIXES, clock=fake_clock):
        times.append(frame.arrived_s)
        fake_clock.time_s += 5  # the analysis of each takes 5 s
    assert times == [100, 100, 100]


def test_a_file_cut_short_is_spoilt_and_the_next_comes(
    tmp_path: Path, tau_image: Callable[..., xr.DataArray]
) -> None:
    (tmp_path / "a1.npz").write_bytes(b"PK no archive")
    saved(tmp_path / "a2.npz", tau_image())
    (tmp_path / "END").touch()
    first, second = SpoolFolder(tmp_path, read, suffixes=SUFFIXES)
    assert isinstance(first, Spoilt)
    assert "a1.npz is not a valid npz file" in first.why
    assert isinstance(second, Frame)
    with pytest.raises(InputError, match=r"none is not a folder; create it before starting the stream$"):
        SpoolFolder(tmp_path / "none", read, suffixes=SUFFIXES)


def recorded(counts: np.ndarray) -> tuple[bytes, bytes]:
    """Return a PTU file of frames (T, Y, X, H), and the same without the number of its records."""
    file = io.BytesIO()
    with ptufile.PtuWriter(file, counts.shape, 50e-9, 1e-9, 10e-6, has_frames=True) as ptu:
        ptu.write(counts)
        offset = ptu._number_records_offset
    content = file.getvalue()
    recording = content[:offset] + bytes(8) + content[offset + 8 :]  # as long as the recorder runs
    return content, recording


@pytest.fixture
def ptu() -> tuple[np.ndarray, bytes, bytes]:
    counts = np.random.default_rng(0).poisson(0.5, (3, 8, 9, 49)).astype(np.uint16)
    return counts, *recorded(counts)


@pytest.mark.parametrize("step", [997, 4001])
def test_a_growing_ptu_gives_each_frame_once_it_is_whole(
    tmp_path: Path, ptu: tuple[np.ndarray, bytes, bytes], step: int
) -> None:
    counts, content, recording = ptu
    file = tmp_path / "scan.ptu"
    ends = [*range(step, len(recording), step), len(recording)]
    seen: list[int] = []

    def grow(end: int) -> None:
        file.write_bytes(recording[:end])
        seen.append(end)

    clock = LookingClock(*[partial(grow, end) for end in ends], lambda: file.write_bytes(content))
    source = GrowingPtu(file, ReadOptions(), clock=clock)
    arrived = []
    for frame in source:
        assert isinstance(frame, Frame)
        np.testing.assert_array_equal(frame.data.values, counts[frame.frame])
        arrived.append(seen[-1])
    assert len(arrived) == 3
    assert arrived[0] < 0.7 * len(recording)  # long before the end


def test_frames_that_wait_in_a_ptu_have_arrived(
    tmp_path: Path, ptu: tuple[np.ndarray, bytes, bytes], fake_clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seq2seqlite.streaming.growing_ptu.RECORDS_AT_ONCE", 500)
    (tmp_path / "scan.ptu").write_bytes(ptu[1])
    times = []
    for frame in GrowingPtu(tmp_path / "scan.ptu", ReadOptions(), clock=fake_clock):
        times.append(frame.arrived_s)
        fake_clock.time_s += 5  # the analysis of each takes 5 s
    assert times == [100, 100, 100]


def test_a_ptu_that_ends_within_a_frame(tmp_path: Path, ptu: tuple[np.ndarray, bytes, bytes]) -> None:
    _, content, _ = ptu
    with ptufile.PtuFile(io.BytesIO(content)) as whole:
        kept = whole.number_records - 700
        offset, size = whole.record_offset, whole.record_offset + 4 * kept
    number = (len(content) - offset) // 4
    at = content.index(number.to_bytes(8, "little"))
    cut = bytearray(content[:size])
    cut[at : at + 8] = kept.to_bytes(8, "little")  # the recorder was stopped by hand
    (tmp_path / "scan.ptu").write_bytes(cut)
    *whole_frames, last = GrowingPtu(tmp_path / "scan.ptu", ReadOptions())
    assert [type(frame) for frame in whole_frames] == [Frame, Frame]
    assert isinstance(last, Spoilt)
    assert last.why.endswith("scan.ptu: frame 2 ended after line 6 of 8; it is skipped")


def test_files_that_cannot_be_followed(tmp_path: Path) -> None:
    (tmp_path / "a.ptu").write_bytes(b"GIF89a, really")
    with pytest.raises(
        InputError, match=r"a\.ptu: not a readable PTU file \(it starts with b'GIF89a'\); check"
    ):
        list(GrowingPtu(tmp_path / "a.ptu", ReadOptions()))
    with pytest.raises(
        InputError, match=r"a\.sdt: only \.ptu files can be read during their recording; replay"
    ):
        GrowingPtu(tmp_path / "a.sdt", ReadOptions())


def test_measured_ptu_in_pieces_is_the_file(shared_data: Path) -> None:
    file = shared_data / "ptu-tiny" / "ptu_example.ptu"
    frames = list(GrowingPtu(file, ReadOptions()))
    assert len(frames) == 2
    for number, frame in enumerate(frames):
        assert isinstance(frame, Frame)
        np.testing.assert_array_equal(frame.data.values, read(file, frame=number).values)


def test_photons_become_frames(listed: Any) -> None:
    rng = np.random.default_rng(2)
    pixel, gate = rng.integers(0, 6, 500), rng.integers(0, 4, 500)
    packets = [
        Photons(0, 1.0, pixel[:200], gate[:200]),
        Photons(0, 2.0, pixel[200:], gate[200:], last=True),
        Photons(1, 3.0, pixel[:9], gate[:9]),
        Photons(2, 4.0, np.array([6]), np.array([0]), last=True),
        Photons(3, 5.0, pixel[:5], gate[:5]),
    ]
    whole, cut, outside, last = FramesOfPhotons(listed(packets), shape=(2, 3, 4), gate_width_ns=0.1)
    assert isinstance(whole, Frame)
    expected = np.zeros((6, 4), int)
    for where, when in zip(pixel, gate, strict=True):
        expected[where, when] += 1
    np.testing.assert_array_equal(whole.data.values.reshape(6, 4), expected)
    assert (whole.arrived_s, whole.data.attrs["photons"]) == (2.0, 500)
    assert [(spoilt.frame, spoilt.why) for spoilt in (cut, outside, last) if isinstance(spoilt, Spoilt)] == [
        (1, "camera: frame 1 ended before its last photons; it is skipped"),
        (2, "camera: frame 2 has 1 photons outside of shape=(2, 3, 4); check shape and bins"),
        (3, "camera: frame 3 ended before its last photons; it is skipped"),
    ]
