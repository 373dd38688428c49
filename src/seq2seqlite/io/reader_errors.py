"""Conversion of third-party reader errors into one `InputError` line."""

import logging
import re
import threading
from collections.abc import Iterator
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

    The filter is never removed, so that concurrent readers have no state to restore. A log record of a thread
    outside of :func:`reading` (the thread pool of a reader) is attributed to all files being read.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._active: dict[int, list[list[logging.LogRecord]]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(record, "seq2seqlite_passed_on", False):
            return True
        with self._lock:
            own = self._active.get(threading.get_ident())
            collecting = [own[-1]] if own else [stack[-1] for stack in self._active.values()]
            if record.levelno >= logging.WARNING:
                for records in collecting:
                    records.append(record)
        return not collecting

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
