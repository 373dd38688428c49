"""Stacks: their dims and tiles, maps that are those of each frame, and refusals of one line."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from seq2seqlite.batch import stack as stack_module
from seq2seqlite.batch.options import JobOptions
from seq2seqlite.batch.run import map_files
from seq2seqlite.batch.stack import open_stack
from seq2seqlite.errors import InputError
from seq2seqlite.imaging.frame_analysis import lifetime_map
from seq2seqlite.imaging.quality import Quality
from seq2seqlite.io.read_options import ReadOptions
from seq2seqlite.io.signal import signal_from_counts

# The stand-in predictor sums float32 in an order that depends on the size of its batch.
FLOAT32_SUMS = 1e-5


def run(file: Path, source: Any, options: JobOptions, out: Path) -> Any:
    (done,) = map_files([file], [out], source, options, manifest=out / "manifest.json")
    return done


@pytest.mark.parametrize("binning", [0, 2])
@pytest.mark.parametrize("quality", [False, True])
def test_maps_are_those_of_all_frames_in_one_image(
    tmp_path: Path,
    source: Any,
    write_stack: Callable[..., np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
    *,
    binning: int,
    quality: bool,
) -> None:
    monkeypatch.setattr(stack_module, "TILE_PIXELS", 200)  # 8 rows of 16: three tiles a frame
    file, out = tmp_path / "a.zarr", tmp_path / "out"
    counts = write_stack(file)
    np.save(tmp_path / "mask.npy", np.random.default_rng(0).random((20, 16)) > 0.1)
    mask = tmp_path / "mask.npy"
    done = run(
        file, source, JobOptions(binning=binning, mask=mask, quality=Quality() if quality else None), out
    )
    assert (done.state, done.reason) == ("done", None)
    assert len(open_stack(file).tiles) == 9
    image: Any = zarr.open_group(str(out / "maps.ome.zarr"), mode="r")
    maps, names = image["0"], image.attrs["ome"]["omero"]["channels"]
    assert maps.shape == (3, 8 if quality else 5, 20, 16)
    # frames side by side, with a gap that no binning bridges: one image of the same summed decay
    whole = np.zeros((20, 3 * 20, 125), np.uint16)
    masks = np.zeros((20, 3 * 20))
    for frame in range(3):
        whole[:, 20 * frame : 20 * frame + 16] = counts[frame]
        masks[:, 20 * frame : 20 * frame + 16] = np.load(mask)
    data = signal_from_counts(whole, source="w", file_format="npz", gate_width_ns=0.1, period_ns=12.5)
    expected = lifetime_map(
        data, source.held, binning=binning, mask=masks, quality=Quality() if quality else None
    )
    for channel, described in enumerate(names):
        for frame in range(3):
            wanted = expected[described["label"]].values[:, 20 * frame : 20 * frame + 16]
            np.testing.assert_allclose(maps[frame, channel], wanted, rtol=FLOAT32_SUMS, atol=1e-4)
    assert done.summary["pixels_analysed"] == expected.attrs["pixels_analysed"]
    assert done.summary["photons"] == counts.sum()
    median = float(np.nanmedian(expected["tau_mean_ns"]))
    assert done.summary["tau_mean_ns"]["median"] == pytest.approx(median, rel=0.005)
    assert done.summary == json.loads((out / "summary.json").read_text())
    assert not (out / ".parts").exists()


def test_a_stack_is_never_read_whole(
    tmp_path: Path, source: Any, write_stack: Callable[..., np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack_module, "TILE_PIXELS", 200)
    write_stack(tmp_path / "a.zarr")
    largest = 0
    read = zarr.Array.__getitem__

    def watched(array: Any, place: Any) -> Any:
        nonlocal largest
        values = np.asarray(read(array, place))
        largest = max(largest, values.size)
        return values

    monkeypatch.setattr(zarr.Array, "__getitem__", watched)
    assert run(tmp_path / "a.zarr", source, JobOptions(binning=1), tmp_path / "out").state == "done"
    assert 0 < largest <= (8 + 2) * 16 * 125  # a tile and its halo, of 3 x 20 rows


@pytest.mark.parametrize(
    ("shape", "dims", "axes"),
    [
        ((2, 20, 16), None, "tcyx"),
        ((2, 20, 16), ("z", "y", "x", "h"), "czyx"),
        ((2, 2, 20, 16), None, "tczyx"),
        ((20, 16), None, "cyx"),
    ],
)
def test_axes_of_the_image(
    tmp_path: Path,
    source: Any,
    write_stack: Callable[..., np.ndarray],
    *,
    shape: tuple[int, ...],
    dims: tuple[str, ...] | None,
    axes: str,
) -> None:
    file, steps = tmp_path / "a.zarr", {"pixel_size_um": 0.25, "z_step_um": 1.5, "frame_time_s": 3.0}
    counts = write_stack(file, shape, dims=dims, group=dims is None, **steps)
    assert run(file, source, JobOptions(file_format="ome-zarr"), tmp_path / "out").state == "done"
    image: Any = zarr.open_group(str(tmp_path / "out" / "maps.ome.zarr"), mode="r")
    (multiscale,) = image.attrs["ome"]["multiscales"]
    assert "".join(axis["name"] for axis in multiscale["axes"]) == axes
    ((transformation,),) = (dataset["coordinateTransformations"] for dataset in multiscale["datasets"])
    step = {"t": 3.0, "c": 1.0, "z": 1.5, "y": 0.25, "x": 0.25}
    assert transformation["scale"] == [step[axis] for axis in axes]
    intensity = image["0"][:].take(4, axis=axes.index("c"))
    np.testing.assert_array_equal(intensity, counts.sum(axis=-1))


def test_large_chunks_are_tiles(tmp_path: Path, write_stack: Callable[..., np.ndarray]) -> None:
    write_stack(tmp_path / "small.zarr", (2, 20, 16), chunk_rows=3)
    assert open_stack(tmp_path / "small.zarr").tile_rows == 4096 // 3 * 3  # whole chunks
    write_stack(tmp_path / "wide.zarr", (1, 40, 2000), chunk_rows=40)
    assert open_stack(tmp_path / "wide.zarr").tile_rows == 40  # one chunk, of 20 MB
    array = zarr.create_array(
        str(tmp_path / "huge.zarr"),
        shape=(3, 4000, 4000, 125),
        chunks=(1, 2000, 4000, 125),
        dtype="uint16",
        attributes={"gate_width_ns": 0.1},
    )
    with pytest.raises(InputError, match=r"chunks of \(1, 2000, .* take 1\.9 GiB each, .*64 MiB or less"):
        open_stack(tmp_path / "huge.zarr")
    assert array.ndim == 4


def empty(path: Path, shape: tuple[int, ...], **settings: Any) -> None:
    attributes = {"gate_width_ns": 0.1, "period_ns": 12.5} | settings.pop("attributes", {})
    zarr.create_array(
        str(path), shape=shape, dtype=settings.pop("dtype", "uint16"), attributes=attributes, **settings
    )


@pytest.mark.parametrize(
    ("shape", "settings", "text"),
    [
        ((2, 2, 2, 4, 4, 125), {}, r"has dims \(\?, \?, \?, y, x, h\); they must be \(t, z, y, x, h\)"),
        ((2, 4, 4, 125), {"dimension_names": ("c", "y", "x", "h")}, r"dims \(c, y, x, h\); they must be"),
        ((125, 2, 4, 4), {"dimension_names": ("h", "t", "y", "x")}, r"dims \(h, t, y, x\); they must be"),
        ((0, 4, 4, 125), {}, r"a stack of shape \(0, 4, 4, 125\) contains no decays; at least 2 bins"),
        ((2, 4, 4, 1), {}, r"a stack of shape \(2, 4, 4, 1\) contains no decays; at least 2 bins"),
        ((2, 4, 4, 125), {}, r"all 32 pixels are zero; check the channel, .* shutter"),
        ((2, 4, 4, 125), {"attributes": {"z_step_um": -1.0}}, r"z_step_um=-1\.0 must be finite and > 0"),
        ((2, 4, 4, 125), {"attributes": {"period_ns": "x"}}, r"period_ns=x must be one number"),
        ((2, 4, 4, 125), {"dtype": "complex64"}, r"counts must be integers or floats, not complex64"),
    ],
)
def test_refusals(
    tmp_path: Path, source: Any, *, shape: tuple[int, ...], settings: dict[str, Any], text: str
) -> None:
    empty(tmp_path / "bad.zarr", shape, **settings)
    done = run(tmp_path / "bad.zarr", source, JobOptions(), tmp_path / "out")
    assert done.state == "failed"
    assert re.search(rf"bad\.zarr.*{text}", done.reason)
    assert "\n" not in done.reason
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["inputs"] == [
        {
            "input": str(tmp_path / "bad.zarr"),
            "folder": str(tmp_path / "out"),
            "state": "failed",
            "reason": done.reason,
        }
    ]


@pytest.mark.parametrize(
    ("change", "options", "text"),
    [
        (
            lambda counts: counts,
            {"min_photons": 1e6},
            r"below the threshold min_photons=1e\+06 \(the brightest",
        ),
        (lambda counts: counts * 0 + 65535, {}, r"all 960 pixels with counts are saturated at 65535"),
        (
            lambda counts: counts,
            {"file_format": "tiff"},
            r"is a stack, and file_format='tiff' is for images; use",
        ),
        (lambda counts: counts - 1.0, {}, r"counts must be >= 0, found -1; pass raw counts"),
        (lambda counts: counts * np.nan, {}, r"counts must be finite, found \d+ NaN or infinite; replace"),
        (lambda counts: counts, {"mask": Path("none.npy")}, r"none\.npy does not exist; check the path of"),
        (
            lambda counts: counts,
            {"read": ReadOptions(period_ns=6.0)},
            r"the window of 12\.50 ns is longer than",
        ),
    ],
)
def test_refusals_by_content(
    tmp_path: Path,
    source: Any,
    write_stack: Callable[..., np.ndarray],
    *,
    change: Callable[[np.ndarray], np.ndarray],
    options: dict[str, Any],
    text: str,
) -> None:
    file = tmp_path / "bad.zarr"
    changed = change(write_stack(file).astype(np.uint16))
    zarr.create_array(
        str(file),
        data=changed if changed.dtype == np.float64 else changed.astype(np.uint16),
        attributes={"gate_width_ns": 0.1, "period_ns": 12.5},
        overwrite=True,
    )
    done = run(file, source, JobOptions(**options), tmp_path / "out")
    assert done.state == "failed"
    assert re.search(text, done.reason)
    assert "\n" not in done.reason


def test_unknown_format_and_settings_stop_before_the_first_file(tmp_path: Path, source: Any) -> None:
    empty(tmp_path / "a.zarr", (2, 4, 4, 125))
    with pytest.raises(
        InputError, match=r"file_format='png' is unknown; choose one of tiff, ome-tiff, ome-zarr"
    ):
        run(tmp_path / "a.zarr", source, JobOptions(file_format="png"), tmp_path / "out")
    with pytest.raises(InputError, match=r"binning=-1 must be >= 0 \(1 sums 3 x 3 pixels\)"):
        run(tmp_path / "a.zarr", source, JobOptions(binning=-1), tmp_path / "out")
    assert not (tmp_path / "out" / "job.json").exists()
