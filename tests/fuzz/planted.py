"""Planted defects of readers, which the harness has to report."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

Reader = Callable[[Path], Any]


def _raises(_: Path) -> Any:
    raise KeyError("no such field")


def _sleeps(path: Path) -> Any:
    """Exceed the time limit below a handler of any exception, as third-party readers have them."""
    from seq2seqlite.io.reader_errors import reading

    with reading(path, "planted"):
        time.sleep(600)


def _loops(_: Path) -> Any:
    """Loop in C, where no signal handler of Python runs."""
    return sum(range(10**12))


def _allocates(path: Path) -> Any:
    """Allocate beyond the limit where the reader reports it as a damaged file."""
    from seq2seqlite.io.reader_errors import reading

    with reading(path, "planted"):
        return np.ones(2 * 10**8)


def _dies(_: Path) -> Any:
    os._exit(9)


def _several_lines(_: Path) -> Any:
    from seq2seqlite.errors import InputError

    raise InputError("damaged\ncopy it again")


def _miscounts(reader: Reader) -> Reader:
    """Ignore the checksum: return other counts where the reader refuses."""
    from seq2seqlite.errors import InputError

    def wrong(path: Path) -> Any:
        try:
            return reader(path)
        except InputError:
            return SimpleNamespace(values=np.zeros(3))

    return wrong


PLANTED: dict[str, Callable[[Reader], Reader]] = {
    "KeyError": lambda _: _raises,
    "sleep": lambda _: _sleeps,
    "loop": lambda _: _loops,
    "memory": lambda _: _allocates,
    "exit": lambda _: _dies,
    "lines": lambda _: _several_lines,
    "counts": _miscounts,
}
