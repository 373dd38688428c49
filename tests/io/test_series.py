"""Frames and channels of measurements: what is summed, what is a series, and what is refused."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import numpy as np
import ptufile
import pytest
import tifffile

from seq2seqlite.errors import InputError
from seq2seqlite.io import ReadOptions, Series, each_channel, read, read_series
from seq2seqlite.io.series import open_series
from seq2seqlite.io.signal import survey

PERIOD_S, BIN_S = 12.55e-9, 0.1e-9
SHAPE = (3, 4, 5, 125)  # T, Y, X, H


@pytest.fixture
def counts() -> np.ndarray:
    return np.random.default_rng(1).poisson(2.0, SHAPE).astype(np.uint16)


@pytest.fixture
def ptu(tmp_path: Path, counts: np.ndarray) -> Path:
    """A PTU file with three frames and one channel."""
    file = tmp_path / "cells.ptu"
    ptufile.imwrite(file, counts, PERIOD_S, BIN_S, has_frames=True)
    return file


def test_frames_of_a_ptu_are_summed_with_a_warning(ptu: Path, counts: np.ndarray) -> None:
    data = read(ptu)
    np.testing.assert_array_equal(data.values, counts.sum(axis=0))
    (warning,) = data.attrs["warnings"]
    assert warning.startswith("the 3 frames of cells.ptu were summed")
    assert "frames='each'" in warning


@pytest.mark.parametrize(
    ("options", "chosen"),
    [
        ({"frames": "sum"}, slice(None)),
        ({"frames": "1:3"}, slice(1, 3)),
        ({"frames": "1:"}, slice(1, None)),
        ({"frames": ":2"}, slice(2)),
        ({"frame": 1}, slice(1, 2)),
    ],
)
def test_chosen_frames_are_summed_silently(
    ptu: Path, counts: np.ndarray, options: dict[str, Any], chosen: slice
) -> None:
    data = read(ptu, **options)
    np.testing.assert_array_equal(data.values, counts[chosen].sum(axis=0))
    assert "warnings" not in data.attrs


def test_one_frame_has_no_warning(tmp_path: Path, counts: np.ndarray) -> None:
    ptufile.imwrite(tmp_path / "one.ptu", counts[0], PERIOD_S, BIN_S)
    assert "warnings" not in read(tmp_path / "one.ptu").attrs


@pytest.mark.parametrize("block_bytes", [1, 2 * 4 * 4 * 5 * 125, 2**28])
def test_a_ptu_is_a_series(
    ptu: Path, counts: np.ndarray, monkeypatch: pytest.MonkeyPatch, block_bytes: int
) -> None:
    monkeypatch.setattr("seq2seqlite.io.series.BLOCK_BYTES", block_bytes)
    series = read_series(ptu)
    check(series, counts, {"t": 3})
    with ptufile.PtuFile(ptu) as opened:
        assert series.frame_time_s == pytest.approx(opened.frame_time)
    assert series.z_step_um is None
    assert "warnings" not in series.summed.attrs


def check(series: Series, counts: np.ndarray, axes: dict[str, int]) -> None:
    """Assert that a series has these frames, and their sum, twice."""
    assert (dict(series.axes), series.n_frames) == (axes, len(counts))
    for _ in range(2):
        found = list(series.frames())
        assert len(found) == len(counts)
        for frame, expected in zip(found, counts, strict=True):
            np.testing.assert_array_equal(frame.values, expected)
            assert frame.attrs["photons"] == expected.sum()
            assert frame.attrs["gate_width_ns"] == pytest.approx(0.1)
    np.testing.assert_array_equal(series.summed.values, counts.sum(axis=0))


def test_time_between_frames_can_be_given(ptu: Path) -> None:
    assert read_series(ptu, frame_time_s=2.5).frame_time_s == 2.5
    with pytest.raises(InputError, match=r"frame_time_s=0 must be finite and > 0"):
        read_series(ptu, frame_time_s=0)


@pytest.mark.parametrize(
    ("frames", "text"),
    [
        ("all", r"frames=all must be sum, each, or a range A:B of frames"),
        ("2", r"frames=2 must be sum, each, or a range"),
        ("-1:2", r"frames=-1:2 must be sum"),
        ("2:2", r"cells\.ptu: frames=2:2 must be a range A:B with A < B <= 3"),
        ("1:9", r"cells\.ptu: frames=1:9 must be a range A:B with A < B <= 3, the number of frames"),
        ("each", r"frames=each is for several maps, and this reads one measurement; use read_series"),
    ],
)
def test_invalid_choices(ptu: Path, frames: str, text: str) -> None:
    with pytest.raises(InputError, match=text):
        read(ptu, frames=frames)


def test_a_format_without_frames(tmp_path: Path, counts: np.ndarray) -> None:
    file = tmp_path / "a.npz"
    np.savez(file, tpsf=counts[0], gate_width_ns=0.1)
    with pytest.raises(InputError, match=r"frames=sum is only for \.ptu \.sdt \.lif \.tif \.tiff files"):
        read(file, frames="sum")
    with pytest.raises(InputError, match=r"frames=each is only for \.ptu \.sdt \.tif \.tiff files, and for"):
        read_series(file)


@pytest.mark.parametrize(("axes", "shape"), [("TZYXH", (2, 3)), ("ZYXH", (6,)), ("TYXH", (6,))])
def test_axes_of_a_tiff(tmp_path: Path, axes: str, shape: tuple[int, ...]) -> None:
    counts = np.random.default_rng(2).poisson(3.0, (6, 4, 5, 8)).astype(np.uint16)
    file = tmp_path / "stack.ome.tif"
    write_ome(file, counts.reshape(*shape, 4, 5, 8), axes)
    with pytest.raises(InputError, match=r"items along axis '[TZ]' .* pass frames='each' for a map of each"):
        read(file)
    series = read_series(file)
    check(series, counts, dict(zip(axes.lower(), shape, strict=False)))
    assert series.frame_time_s == (2.0 if "T" in axes else None)
    assert series.z_step_um == (0.5 if "Z" in axes else None)
    assert series.summed.attrs["pixel_size_um"] == pytest.approx(0.25)
    np.testing.assert_array_equal(read(file, frames="1:3").values, counts[1:3].sum(axis=0))


def write_ome(file: Path, counts: np.ndarray, axes: str) -> None:
    """Write an OME-TIFF with a lifetime axis, in bins of 100 ps."""
    metadata: dict[str, Any] = {"axes": axes.replace("YXH", "HYX"), "PhysicalSizeX": 0.25}
    if "T" in axes:
        metadata |= {"TimeIncrement": 2000.0, "TimeIncrementUnit": "ms"}
    if "Z" in axes:
        metadata |= {"PhysicalSizeZ": 500.0, "PhysicalSizeZUnit": "nm"}
    tifffile.imwrite(file, np.moveaxis(counts, -1, -3), ome=True, photometric="minisblack", metadata=metadata)
    xml = tifffile.tiffcomment(file)
    assert isinstance(xml, str)
    changed = xml.replace('Start="0" End="7"', 'Start="0" End="700" Step="100" Unit="ps"')
    assert changed != xml
    tifffile.tiffcomment(file, changed.encode())


def test_blocks_of_an_sdt_are_frames(tmp_path: Path, shared_data: Path, counts: np.ndarray) -> None:
    file = shared_data / "nadh-yeast" / "SDT_c01.sdt"
    series = read_series(file)
    blocks = [read(file, block=block) for block in range(2)]
    assert dict(series.axes) == {"t": 2}
    for frame, block in zip(series.frames(), blocks, strict=True):
        np.testing.assert_array_equal(frame.values, block.values)
    np.testing.assert_array_equal(read(file, frames="1:2").values, blocks[1].values)
    assert series.summed.attrs["photons"] == sum(block.attrs["photons"] for block in blocks)
    with pytest.raises(InputError, match=r"block=1 cannot be combined with frames=sum"):
        read(file, frames="sum", block=1)


@pytest.fixture
def folder(tmp_path: Path, counts: np.ndarray) -> Path:
    """A folder of measurements, whose names have numbers of different lengths."""
    folder = tmp_path / "series"
    folder.mkdir()
    for number, frame in zip((2, 10, 9), counts[[0, 2, 1]], strict=True):
        np.savez(folder / f"t{number}.npz", tpsf=frame, gate_width_ns=0.1, period_ns=12.5)
    return folder


def test_a_folder_is_a_series_in_the_order_of_its_numbers(folder: Path, counts: np.ndarray) -> None:
    series = read_series(folder, frame_time_s=60.0)
    check(series, counts, {"t": 3})
    assert series.labels == ("t2.npz", "t9.npz", "t10.npz")
    assert series.frame_time_s == 60.0
    with pytest.raises(InputError, match=r"contains measurements, not gate images; pass frames='each' if"):
        read(folder)


def test_folders_that_are_no_series(folder: Path, ptu: Path, counts: np.ndarray) -> None:
    np.savez(folder / "t11.npz", tpsf=counts[0, :2], gate_width_ns=0.1, period_ns=12.5)
    with pytest.raises(InputError, match=r"t11\.npz has shape \(2, 5, 125\) .* but t2\.npz has shape"):
        read_series(folder)
    (folder / "a.ptu").write_bytes(ptu.read_bytes())
    with pytest.raises(InputError, match=r"contains 5 files of \.npz \.ptu; a series requires at least 2"):
        read_series(folder)


def test_channels_with_photons(tmp_path: Path, counts: np.ndarray, shared_data: Path) -> None:
    file = tmp_path / "two.ptu"
    both = np.stack([counts, 0 * counts, counts // 2], axis=3)
    ptufile.imwrite(file, both, PERIOD_S, BIN_S)
    found = each_channel(file, ReadOptions(frames="sum"))
    assert found == [
        ("channel-0", ReadOptions(channel=0, frames="sum")),
        ("channel-2", ReadOptions(channel=2, frames="sum")),
    ]
    np.testing.assert_array_equal(open_series(file, found[1][1]).summed.values, (counts // 2).sum(axis=0))
    blocks = each_channel(shared_data / "nadh-yeast" / "SDT_c01.sdt", ReadOptions())
    assert blocks == [("block-0", ReadOptions(block=0)), ("block-1", ReadOptions(block=1))]
    with pytest.raises(InputError, match=r"channel=all is only for \.ptu \.sdt \.tif \.tiff files"):
        each_channel(_npz(tmp_path, counts), ReadOptions())


def _npz(folder: Path, counts: np.ndarray) -> Path:
    np.savez(folder / "a.npz", tpsf=counts[0], gate_width_ns=0.1)
    return folder / "a.npz"


def test_a_saturated_frame_saturates_the_sum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sum of frames has a wider type, in which saturation cannot be recognised."""
    counts = np.ones((3, 4, 5, 8), np.uint8)
    counts[1, 2, 3, 4] = 255
    write_ome(tmp_path / "stack.ome.tif", counts, "TYXH")
    folder = tmp_path / "course"
    folder.mkdir()
    for number, frame in enumerate(counts):
        np.savez(folder / f"t{number}.npz", tpsf=frame, gate_width_ns=0.1, period_ns=12.5)
    monkeypatch.setattr("seq2seqlite.io.photon_counting.check_sdt_sizes", lambda _: None)
    monkeypatch.setattr("sdtfile.SdtFile", lambda _: FakeSdt(counts))
    (tmp_path / "a.sdt").write_bytes(b"sdt")
    sums = [
        read(tmp_path / "stack.ome.tif", frames="sum"),
        read_series(tmp_path / "stack.ome.tif").summed,
        read_series(folder).summed,
        read(tmp_path / "a.sdt", frames="0:3"),
    ]
    for data in sums:
        assert np.argwhere(survey(data).saturated).tolist() == [[2, 3]]
        assert survey(data).decay.tolist() == [3 * 19] * 8
    assert not survey(read(tmp_path / "a.sdt", frames="2:3")).saturated.any()


class FakeSdt:
    """SDT file with some blocks of counts, in bins of 0.1 ns."""

    def __init__(self, counts: np.ndarray) -> None:
        self.data, self.times = list(counts), [np.arange(8) * 1e-10] * len(counts)
        self.measure_info = [np.zeros(1)]
        self.block_headers = [SimpleNamespace(meas_desc_block_no=0)] * len(counts)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass
