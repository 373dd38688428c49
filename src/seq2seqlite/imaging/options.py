"""What a user may say about a file, and how readers' failures become one line."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from seq2seqlite.errors import InputError

__all__ = ["ReadOptions", "needed_gate_width_ns", "reading"]

# Loggers of the field's readers. They report some damage as a warning only, and give what they found.
READERS = ("liffile", "ptufile", "sdtfile", "tifffile")
DAMAGE = re.compile("invalid page offset|corrupted|failed to reshape")


@dataclass(frozen=True)
class ReadOptions:
    """Choices and missing metadata; see :func:`seq2seqlite.imaging.read`."""

    channel: int | None = None
    block: int | None = None
    gate_width_ns: float | None = None
    period_ns: float | None = None
    frame: int = -1
    drop: tuple[str, ...] = ()

    def period_or(self, stored_ns: float | None, /) -> float | None:
        """Return the period that the user gives, else the one stored, if any."""
        return stored_ns if self.period_ns is None else self.period_ns


@contextmanager
def reading(path: Path, file_format: str, /) -> Iterator[None]:
    """Turn whatever a reader raises for a damaged or foreign file into one InputError line.

    The field's readers raise anything on such files, from ``AssertionError`` to ``UnboundLocalError``; only
    calls into them belong into this block. Damage that they only log is an error as well; what else they log
    is passed on when the file was read.
    """
    try:
        with _logged() as records:
            yield
    except InputError:
        raise
    except MemoryError as error:
        raise InputError(
            f"{path}: more memory is needed than there is ({_first_line(error)}); the file is damaged, or "
            f"save a part of the image"
        ) from error
    except Exception as error:
        raise _unreadable(path, file_format, _first_line(error)) from error
    for record in records:
        if DAMAGE.search(record.getMessage()):
            raise _unreadable(path, file_format, record.getMessage())
    for record in records:
        logging.getLogger(record.name).handle(record)


class _Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@contextmanager
def _logged() -> Iterator[list[logging.LogRecord]]:
    """Keep what the readers log from the user's eyes, and give it."""
    collector = _Collector()
    loggers = [logging.getLogger(name) for name in READERS]
    before = [logger.propagate for logger in loggers]
    for logger in loggers:
        logger.addHandler(collector)
        logger.propagate = False
    try:
        yield collector.records
    finally:
        for logger, propagate in zip(loggers, before, strict=True):
            logger.removeHandler(collector)
            logger.propagate = propagate


def _unreadable(path: Path, file_format: str, why: str) -> InputError:
    return InputError(
        f"{path}: not a readable {file_format} file ({why}); it is cut short, damaged or of another format: "
        f"copy it again"
    )


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def needed_gate_width_ns(path: Path, given: float | None, stored: float | None = None, /) -> float:
    """Return the gate width that the user gives, else the one stored.

    Raises
    ------
    InputError
        If neither is known.
    """
    width = given if given is not None else stored
    if width is None:
        raise InputError(f"{path} does not say its gate width; pass --gate-width-ns (e.g. 0.09)")
    return width
