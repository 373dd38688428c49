"""What a user may say about a file, and how readers' failures become one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from seq2seqlite.errors import InputError

__all__ = ["ReadOptions", "needed_gate_width_ns", "reading"]


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
    calls into them belong into this block.
    """
    try:
        yield
    except (InputError, MemoryError):
        raise
    except Exception as error:
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"{path}: not a readable {file_format} file ({why}); it is cut short, damaged or of another "
            f"format: "
            f"copy it again"
        ) from error


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
