"""Conversion of third-party reader errors into one `InputError` line."""

import logging
import re
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from seq2seqlite.errors import InputError

__all__ = ["reading"]

# Loggers of the third-party readers, which report some damage only as a warning and return partial data.
READERS = ("liffile", "ptufile", "sdtfile", "tifffile")
DAMAGE = re.compile("invalid page offset|corrupted|failed to reshape")


@contextmanager
def reading(path: Path, file_format: str, /) -> Iterator[None]:
    """Convert any exception of a third-party reader into a one-line InputError.

    For a damaged or unsupported file, these readers may raise any exception, from ``AssertionError`` to
    ``UnboundLocalError``. The block should contain only calls of a reader. Damage that a reader only logs is
    also an error; other log records are passed on after the file was read.
    """
    try:
        with READER_LOG.collecting() as records:
            yield
    except InputError:
        raise
    except MemoryError as error:
        raise InputError(
            f"{path}: out of memory ({_first_line(error)}); the file is damaged or too large: copy it again, "
            f"or save a part of the image"
        ) from error
    except Exception as error:
        raise _unreadable(path, file_format, _first_line(error)) from error
    for record in records:
        if DAMAGE.search(record.getMessage()):
            raise _unreadable(path, file_format, record.getMessage())
    for record in records:
        record.seq2seqlite_passed_on = True
        logging.getLogger(record.name).handle(record)


class _ReaderLog(logging.Filter):
    """Filter that collects warnings of the readers during the reading of a file, separately for each thread.

    Installed once and for ever, so that overlapping readers have no state to restore. A record of a worker
    thread belongs to the file whose reading thread waits for the worker's pool. Only where no such thread is
    found, it is attributed to every file that is being read: a refused healthy file is better than an
    accepted damaged one.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._active: dict[int, list[list[logging.LogRecord]]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(record, "seq2seqlite_passed_on", False):
            return True
        with self._lock:
            own = self._active.get(threading.get_ident()) or self._active.get(self._starter() or 0)
            collecting = [own[-1]] if own else [stack[-1] for stack in self._active.values()]
            if record.levelno >= logging.WARNING:
                for records in collecting:
                    records.append(record)
        return not collecting

    def _starter(self) -> int | None:
        """Return the reading thread that has the current thread in a pool, or None."""
        worker, frames = threading.current_thread(), sys._current_frames()  # noqa: SLF001
        for ident in self._active:
            frame = frames.get(ident)
            while frame is not None:
                for value in list(frame.f_locals.values()):
                    # A pool lists a thread only after it was started, when it may have logged already.
                    if value is worker or (
                        isinstance(value, ThreadPoolExecutor) and worker in list(value._threads)  # noqa: SLF001
                    ):
                        return ident
                frame = frame.f_back
        return None

    @contextmanager
    def collecting(self) -> Iterator[list[logging.LogRecord]]:
        """Collect the log records of readers in this thread instead of passing them on."""
        records: list[logging.LogRecord] = []
        thread = threading.get_ident()
        with self._lock:
            self._active.setdefault(thread, []).append(records)
        try:
            yield records
        finally:
            with self._lock:
                self._active[thread].pop()
                if not self._active[thread]:
                    del self._active[thread]


READER_LOG = _ReaderLog()
for _name in READERS:
    logging.getLogger(_name).addFilter(READER_LOG)


def _unreadable(path: Path, file_format: str, why: str) -> InputError:
    return InputError(
        f"{path}: not a readable {file_format} file ({why}); it is truncated, damaged or of another format: "
        f"copy it again"
    )


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
