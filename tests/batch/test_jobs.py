"""Batches: failures stay with their file, what is finished is not done again, a full disk stops all."""

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seq2seqlite.batch import stack as stack_module
from seq2seqlite.batch.options import JobOptions
from seq2seqlite.batch.resume import Record, input_state
from seq2seqlite.batch.run import map_files
from seq2seqlite.errors import HaltError
from seq2seqlite.files import sha256_of
from seq2seqlite.io import Corrections, ReadOptions


@pytest.fixture(autouse=True)
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes longer than all else here."""
    monkeypatch.setattr("seq2seqlite.results.map_writer.write_figure", lambda *_, **__: None)


@pytest.fixture
def inputs(tmp_path: Path, write_stack: Callable[..., np.ndarray]) -> list[Path]:
    """Two images, the second damaged, and a stack."""
    counts = write_stack(tmp_path / "c.zarr")
    np.savez(tmp_path / "a.npz", tpsf=counts[0], gate_width_ns=0.1, period_ns=12.5)
    (tmp_path / "b.npz").write_bytes(b"damaged")
    return [tmp_path / name for name in ("a.npz", "b.npz", "c.zarr")]


def run(files: list[Path], source: Any, out: Path, **more: Any) -> dict[str, Any]:
    options = more.pop("options", JobOptions())
    folders = [out / file.name for file in files]
    done = list(map_files(files, folders, source, options, manifest=out / "manifest.json", **more))
    return {item.path.name: item for item in done}


def states(found: dict[str, Any]) -> dict[str, str]:
    return {name: item.state for name, item in found.items()}


def test_failures_stay_with_their_file_and_are_tried_again(
    tmp_path: Path, source: Any, inputs: list[Path]
) -> None:
    out = tmp_path / "out"
    first = run(inputs, source, out)
    assert states(first) == {"a.npz": "done", "b.npz": "failed", "c.zarr": "done"}
    assert "b.npz is not a valid npz file" in first["b.npz"].reason
    rows = json.loads((out / "manifest.json").read_text())["inputs"]
    assert [(Path(row["input"]).name, row["state"]) for row in rows] == list(states(first).items())
    shutil.copy(inputs[0], inputs[1])  # copied again from the instrument
    second = run(inputs, source, out)
    assert states(second) == {"a.npz": "skipped", "b.npz": "done", "c.zarr": "skipped"}
    assert second["a.npz"].summary == json.loads((out / "a.npz" / "summary.json").read_text())


def test_what_makes_a_finished_job_be_done_again(
    tmp_path: Path, source: Any, inputs: list[Path], another_source: Any
) -> None:
    out, files = tmp_path / "out", [inputs[0], inputs[2]]
    dimmer = JobOptions(min_photons=50)

    def becomes(state: str, source: Any = source, **more: Any) -> None:
        source.asked = 0
        assert set(states(run(files, source, out, **more)).values()) == {state}
        assert (source.asked > 0) is (state == "done")

    becomes("done")
    becomes("skipped")
    becomes("done", again=True)
    becomes("done", options=dimmer)
    becomes("skipped", options=dimmer)
    becomes("done")
    becomes("done", another_source)
    becomes("done")
    (tmp_path / "new").mkdir()
    files = [file.rename(tmp_path / "new" / file.name) for file in files]  # is the same input elsewhere
    becomes("skipped")
    for file in (files[0], files[1] / "zarr.json"):  # was written anew
        os.utime(file, (1, 1))
    becomes("done")
    (out / "a.npz" / "tau_mean_ns.tif").unlink()
    shutil.rmtree(out / "c.zarr" / "maps.ome.zarr")
    becomes("done")
    (out / "a.npz" / "tau_mean_ns.tif").write_bytes(b"cut short")
    chunks = [file for file in (out / "c.zarr" / "maps.ome.zarr" / "0" / "c").rglob("*") if file.is_file()]
    chunks[0].unlink()
    becomes("done")
    for file in files:
        (out / file.name / "summary.json").write_text("{")
    becomes("done")
    becomes("skipped")


def test_folder_of_another_input_is_refused(tmp_path: Path, source: Any, inputs: list[Path]) -> None:
    out = tmp_path / "out"
    run([inputs[0]], source, out)
    other = tmp_path / "other" / "a.npz"
    other.parent.mkdir()
    with np.load(inputs[0]) as found:
        np.savez(other, **{**found, "tpsf": found["tpsf"][:5]})
    done = run([other], source, out)["a.npz"]
    assert done.reason == (
        f"{out}/a.npz contains the maps of {inputs[0]}, not of {other}; choose another output folder, or "
        "delete it"
    )
    records = ("[]", "3", "[" * 100_000, '["input", "made_by", "done"]')
    for record in (*records, '{"input": 1, "made_by": {}, "done": true}'):
        (out / "a.npz" / "job.json").write_text(record)
        assert run([other], source, out)["a.npz"].reason == (
            f"{out}/a.npz/job.json was not written by seq2seqlite; delete it"
        )


def test_stack_does_not_replace_an_image_that_is_not_recorded(
    tmp_path: Path, source: Any, inputs: list[Path]
) -> None:
    foreign = tmp_path / "out" / "c.zarr" / "maps.ome.zarr"
    foreign.mkdir(parents=True)
    (foreign / "mine").write_text("")
    done = run([inputs[2]], source, tmp_path / "out")["c.zarr"]
    assert done.state == "failed"
    assert "maps.ome.zarr is not recorded as a result of seq2seqlite; move it" in str(done.reason)
    assert [item.name for item in foreign.parent.iterdir()] == ["maps.ome.zarr"]
    assert [item.name for item in foreign.iterdir()] == ["mine"]


class Interruption(BaseException):
    """Stands in for kill -9 of a process that does all by itself."""


def interrupted(name: str, calls: int, patch: pytest.MonkeyPatch) -> None:
    """Let a function of the tiles' module be interrupted after some calls."""
    from seq2seqlite.batch import tiles as stack_tiles

    whole, left = getattr(stack_tiles, name), iter(range(calls))

    def limited(*arguments: Any, **more: Any) -> Any:
        if next(left, None) is None:
            raise Interruption
        return whole(*arguments, **more)

    patch.setattr(stack_tiles, name, limited)


def test_stack_goes_on_where_it_was_stopped(
    tmp_path: Path,
    source: Any,
    inputs: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    bytes_of: Callable[[Path], dict[str, bytes]],
) -> None:
    monkeypatch.setattr(stack_module, "TILE_PIXELS", 200)  # nine tiles
    files, out, reference = [inputs[2]], tmp_path / "out", tmp_path / "reference"
    run(files, source, reference)
    parts, finished = out / "c.zarr" / ".parts", []
    for name, calls in (("survey", 2), ("_write", 5), ("_write", 4), ("open_maps", 3), ("_write_maps", 1)):
        with monkeypatch.context() as patch, pytest.raises(Interruption):
            interrupted(name, calls, patch)
            run(files, source, out)
        finished.append((len([*parts.glob("survey-*")]), len([*parts.glob("maps-*")])))
    assert finished == [(2, 0), (7, 0), (9, 2), (9, 5), (9, 6)]
    seen: list[tuple[int, int]] = []
    assert states(run(files, source, out, progress=lambda _: Watched(seen))) == {"c.zarr": "done"}
    assert seen == [(done, 18) for done in (9, 15, 16, 17, 18)]
    assert bytes_of(out / "c.zarr" / "maps.ome.zarr") == bytes_of(reference / "c.zarr" / "maps.ome.zarr")


def test_tile_whose_chunk_was_lost_is_mapped_again(
    tmp_path: Path,
    source: Any,
    inputs: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    bytes_of: Callable[[Path], dict[str, bytes]],
) -> None:
    monkeypatch.setattr(stack_module, "TILE_PIXELS", 200)
    files, out, reference = [inputs[2]], tmp_path / "out", tmp_path / "reference"
    run(files, source, reference)
    with monkeypatch.context() as patch, pytest.raises(Interruption):
        interrupted("_write_maps", 4, patch)
        run(files, source, out)
    image = out / "c.zarr" / "maps.ome.zarr"
    next(file for file in sorted((image / "0" / "c").rglob("*")) if file.is_file()).unlink()
    assert states(run(files, source, out)) == {"c.zarr": "done"}
    assert bytes_of(image) == bytes_of(reference / "c.zarr" / "maps.ome.zarr")


class Watched:
    """A progress bar that keeps what it is told."""

    def __init__(self, seen: list[tuple[int, int]]) -> None:
        self.seen = seen

    def __enter__(self) -> Callable[[int, int], None]:
        return lambda done, todo: self.seen.append((done, todo))

    def __exit__(self, *_: object) -> None:
        return


def full(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("function", ["zarr.storage._local._put", "numpy.savez", "tifffile.imwrite"])
def test_full_disk_stops_all_and_what_is_finished_is_valid(
    tmp_path: Path,
    source: Any,
    inputs: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    *,
    function: str,
    bytes_of: Callable[[Path], dict[str, bytes]],
) -> None:
    files, out = [inputs[0], inputs[2]], tmp_path / "out"
    run(files, source, tmp_path / "reference")
    with monkeypatch.context() as patch:
        patch.setattr(function, full)
        with pytest.raises(
            HaltError, match=r"^cannot write .*: No space left on device; free space or choose"
        ):
            run(files, source, out)
    rows = json.loads((out / "manifest.json").read_text())["inputs"]
    assert [row["state"] for row in rows] == ([] if function == "tifffile.imwrite" else ["done"])
    assert not list(out.rglob("maps-*.npz"))
    assert set(states(run(files, source, out)).values()) <= {"done", "skipped"}
    assert bytes_of(out / "c.zarr" / "maps.ome.zarr") == bytes_of(
        tmp_path / "reference" / "c.zarr" / "maps.ome.zarr"
    )


def test_bug_is_raised_when_the_others_are_done(
    tmp_path: Path, source: Any, inputs: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from seq2seqlite.batch import jobs as batch

    whole = vars(batch)["read_measurement"]

    def buggy(path: Path, *options: Any) -> Any:
        return whole(path, *options) if path.name != "b.npz" else 1 / 0

    monkeypatch.setattr(batch, "read_measurement", buggy)
    with pytest.raises(ZeroDivisionError) as caught:
        run(inputs, source, tmp_path / "out")
    assert "buggy" in caught.value.__notes__[0]
    rows = json.loads((tmp_path / "out" / "manifest.json").read_text())["inputs"]
    assert [row["state"] for row in rows] == ["done", "failed", "done"]
    assert rows[1]["reason"] == f"{inputs[1]}: bug: ZeroDivisionError: division by zero"


def test_left_overs_of_killed_writers_are_removed(
    tmp_path: Path, source: Any, inputs: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from seq2seqlite.batch import map_stack as stack_maps

    whole = vars(stack_maps)["create_ome_zarr"]

    def littered(path: Path, *arguments: Any, **more: Any) -> None:
        whole(path, *arguments, **more)
        (path / "0" / "c").mkdir()
        (path / "0" / "c" / "0.1234.partial").write_bytes(b"ha")

    monkeypatch.setattr(stack_maps, "create_ome_zarr", littered)
    run([inputs[2]], source, tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*.partial"))


def test_state_of_a_folder_is_that_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.tif").write_bytes(b"12")
    before = input_state(tmp_path / "a")
    assert (before["files"], before["bytes"], before["name"]) == (1, 2, "a")
    (tmp_path / "a" / "2.tif").write_bytes(b"3")
    after = input_state(tmp_path / "a")
    assert (after["files"], after["bytes"]) == (2, 3)
    assert before["changed"] != after["changed"]
    record = Record(tmp_path / "out", after, {"model": "m"})
    record.begin()
    assert record.finished() is None  # begun, not finished


def test_other_corrections_are_another_job(tmp_path: Path, inputs: list[Path], source: Any) -> None:
    shape = np.load(inputs[0])["tpsf"].shape[:2]
    dark = tmp_path / "dark.npy"

    def state(level: float) -> str:
        np.save(dark, np.full(shape, level))
        options = JobOptions(min_photons=50, read=ReadOptions(corrections=Corrections(dark=str(dark))))
        return run(inputs[:1], source, tmp_path / "out", options=options)["a.npz"].state

    assert state(0.0) == "done"
    assert state(0.0) == "skipped"
    assert state(0.1) == "done"  # the same name with other counts
    summary = json.loads((tmp_path / "out/a.npz/summary.json").read_text())
    assert summary["corrections"]["dark_level"] == pytest.approx(0.1)
    assert summary["corrections"]["dark"]["sha256"] == sha256_of(dark)


def test_stacks_have_no_corrections(tmp_path: Path, inputs: list[Path], source: Any) -> None:
    options = JobOptions(read=ReadOptions(corrections=Corrections(dark=1.0)))
    done = run(inputs[2:], source, tmp_path / "out", options=options)["c.zarr"]
    assert done.state == "failed"
    assert "is a stack; dark=1.0 is for single images: omit it" in (done.reason or "")
