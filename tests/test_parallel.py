"""Workers of Dask give the same bytes as this process, whoever is killed, and say in one line why not."""

import logging
import math
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from seq2seqlite.batch.options import JobOptions
from seq2seqlite.batch.run import map_files
from seq2seqlite.errors import HaltError, InputError
from seq2seqlite.parallel import DaskWorkers, workers_for
from seq2seqlite.predictors.source import NamedSource, predictor_source

MODEL = "seq2seqlite-tcspc-80mhz-tiny"


@pytest.fixture(scope="module")
def two() -> Iterator[DaskWorkers]:
    with workers_for(2) as workers:
        assert isinstance(workers, DaskWorkers)
        yield workers


def run(files: list[Path], out: Path, source: NamedSource, **more: Any) -> dict[str, Any]:
    folders = [out / file.name for file in files]
    options = JobOptions(min_photons=50)
    done = map_files(files, folders, source, options, manifest=out / "manifest.json", **more)
    return {item.path.name: item for item in done}


class Killer:
    """A progress bar that kills a worker when the first tile of the second pass is done."""

    def __init__(self, workers: DaskWorkers) -> None:
        self.pids, self.killed = list(workers.client.run(os.getpid).values()), 0

    def __enter__(self) -> Callable[[int, int], None]:
        return self

    def __call__(self, done: int, todo: int) -> None:
        if done == todo // 2 + 1:
            os.kill(self.pids[0], signal.SIGKILL)
            self.killed += 1

    def __exit__(self, *_: object) -> None:
        return


def test_two_workers_one_of_them_killed_give_the_bytes_of_this_process(
    tmp_path: Path,
    two: DaskWorkers,
    write_stack: Callable[..., np.ndarray],
    bytes_of: Callable[[Path], dict[str, bytes]],
) -> None:
    write_stack(tmp_path / "a.zarr", (6, 20, 16))
    source, killer = predictor_source(MODEL), Killer(two)
    here = run([tmp_path / "a.zarr"], tmp_path / "here", source)["a.zarr"]
    there = run([tmp_path / "a.zarr"], tmp_path / "there", source, workers=two, progress=lambda _: killer)
    assert (killer.killed, there["a.zarr"].state) == (1, "done")
    expected = bytes_of(tmp_path / "here" / "a.zarr" / "maps.ome.zarr")
    assert len(expected) == 2 + 6 * 5
    assert bytes_of(tmp_path / "there" / "a.zarr" / "maps.ome.zarr") == expected
    differ = ("seconds", "pixels_per_second", "provenance", "files", "source")
    for name in here.summary.keys() - set(differ):
        assert there["a.zarr"].summary[name] == here.summary[name]


def test_images_side_by_side(
    tmp_path: Path,
    two: DaskWorkers,
    write_stack: Callable[..., np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
    bytes_of: Callable[[Path], dict[str, bytes]],
) -> None:
    counts = write_stack(tmp_path / "s.zarr")
    for name, frame in zip("abc", counts, strict=True):
        np.savez(tmp_path / f"{name}.npz", tpsf=frame, gate_width_ns=0.1, period_ns=12.5)
    (tmp_path / "b.npz").write_bytes(b"damaged")
    monkeypatch.chdir(tmp_path)  # workers are elsewhere
    files, source = [Path("a.npz"), Path("b.npz"), Path("c.npz")], predictor_source("rld-3")
    there = run(files, Path("there"), source, workers=two)
    assert {name: item.state for name, item in there.items()} == {
        "a.npz": "done",
        "b.npz": "failed",
        "c.npz": "done",
    }
    assert "b.npz is not a valid npz file" in there["b.npz"].reason
    run(files[::2], Path("here"), source)
    for name in ("a.npz", "c.npz"):
        here, other = (bytes_of(tmp_path / side / name) for side in ("here", "there"))
        for file in here.keys() - {"summary.json", "job.json"}:
            assert here[file] == other[file], file


def test_deadly_job_fails_alone(two: DaskWorkers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(two.client.cluster.scheduler, "allowed_failures", 0)  # a new worker takes seconds
    (outcome,) = (outcome for _, outcome in two.run(os._exit, [1]))
    assert str(outcome.error) == (
        "its worker was killed once, probably because it ran out of memory; use fewer workers"
    )
    assert {job: outcome.result for job, outcome in two.run(math.fabs, [-1, -2])} == {-1: 1.0, -2: 2.0}


def test_bug_in_a_worker_keeps_its_type(two: DaskWorkers) -> None:
    ((_, outcome),) = two.run(cast("Any", len), [7])
    assert isinstance(outcome.error, TypeError)
    assert "Traceback" in outcome.error.__notes__[0]


def test_workers_keep_freed_memory(two: DaskWorkers) -> None:
    # Dask's own setting makes networks take twice as long.
    ((_, outcome),) = two.run(os.getenv, ["MALLOC_TRIM_THRESHOLD_"])
    assert (outcome.result, outcome.error) == (None, None)


def test_scheduler_by_address(two: DaskWorkers) -> None:
    address = two.client.scheduler.address
    with workers_for(1, address) as workers:
        assert not workers.in_process
        assert [outcome.result for _, outcome in workers.run(math.fabs, [-4])] == [4.0]


@pytest.mark.parametrize(
    ("n", "scheduler", "text"),
    [
        (0, None, r"workers=0 must be >= 1 \(e\.g\. the number of cores\)"),
        (2, "tcp://host:8786", r"scheduler tcp://host:8786 has its own workers; omit workers=2"),
        (1, "host:8786", r"scheduler 'host:8786' is not an address; use the form tcp://host:8786"),
        (1, "tcp://host", r"scheduler 'tcp://host' is not an address; use the form tcp://host:8786"),
        (1, "tcp://127.0.0.1:9", r"no Dask scheduler answered at tcp://127\.0\.0\.1:9 within 1 s; check the"),
    ],
)
def test_workers_that_cannot_be_had(
    monkeypatch: pytest.MonkeyPatch, *, n: int, scheduler: str | None, text: str
) -> None:
    monkeypatch.setattr("seq2seqlite.parallel.TIMEOUT_S", 1)
    with pytest.raises(InputError, match=text), workers_for(n, scheduler):
        pass


def test_scheduler_without_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    from distributed import LocalCluster

    monkeypatch.setattr("seq2seqlite.parallel.TIMEOUT_S", 1)
    with (
        LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address="127.0.0.1:0") as cluster,
        pytest.raises(InputError, match=r"has no worker after 1 s; start one with `dask worker tcp://"),
        workers_for(1, cluster.scheduler_address),
    ):
        pass


def test_scheduler_that_is_lost(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    from distributed import LocalCluster

    monkeypatch.setattr("seq2seqlite.parallel.TIMEOUT_S", 1)
    cluster = LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        silence_logs=logging.CRITICAL,
    )
    with (
        pytest.raises(
            HaltError, match=r"the connection to the scheduler was lost; restart it and repeat the command"
        ),
        workers_for(1, cluster.scheduler_address) as workers,
    ):
        for job, _ in workers.run(time.sleep, [0.0, 0.1, 2.0, 2.1]):
            if job == 0.1:
                cluster.close()
    assert capfd.readouterr().err == ""


def test_workers_of_another_version(two: DaskWorkers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seq2seqlite.parallel.__version__", "9.9")
    address = two.client.scheduler.address
    with (
        pytest.raises(
            InputError, match=r"worker tcp://.* has seq2seqlite .*; install seq2seqlite 9\.9 there"
        ),
        workers_for(1, address),
    ):
        pass


def test_networks_are_not_sent() -> None:
    import pickle

    source = predictor_source(MODEL)
    assert source.trained is not None
    sent = pickle.dumps(source)
    assert len(sent) < 1000
    found = pickle.loads(sent)  # noqa: S301 - our own
    assert (found, hash(found)) == (source, hash(source))
    assert re.fullmatch(r"[0-9a-f]{64}", found.digests[0])
