"""Damage that a reader logs in its own worker threads is attributed to the file being read."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from seq2seqlite.errors import InputError
from seq2seqlite.io.reader_errors import reading


def _read(path: Path, message: str | None, both_read: threading.Barrier, out: dict[str, str]) -> None:
    """Read a file as tifffile does, logging in the worker thread of a pool."""
    try:
        with reading(path, "TIFF"):
            both_read.wait(30)
            with ThreadPoolExecutor(1) as pool:
                if message:
                    list(pool.map(logging.getLogger("tifffile").warning, [message]))
            both_read.wait(30)
        out[path.name] = "read"
    except InputError as error:
        out[path.name] = str(error)


def test_damage_logged_by_a_worker_refuses_the_damaged_file_only() -> None:
    for _ in range(20):
        both_read, out = threading.Barrier(2), dict[str, str]()
        threads = [
            threading.Thread(target=_read, args=(Path(name), message, both_read, out))
            for name, message in (("healthy.tif", None), ("damaged.tif", "failed to reshape"))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert out["healthy.tif"] == "read"
        assert "failed to reshape" in out["damaged.tif"]


def test_damage_logged_by_an_unknown_thread_refuses_every_file() -> None:
    """A pool that the reading thread does not hold cannot be attributed; no damage is lost."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()
        submit = pool.submit
        del pool
        with pytest.raises(InputError, match="failed to reshape"), reading(Path("a.tif"), "TIFF"):
            _wait_for(submit)


def _wait_for(submit: object) -> None:
    submit(logging.getLogger("tifffile").warning, "failed to reshape").result()  # type: ignore[operator]
