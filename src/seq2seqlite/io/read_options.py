"""Options of the readers: choices that a file leaves open, and metadata that it lacks."""

from dataclasses import dataclass
from pathlib import Path

from seq2seqlite.errors import InputError

__all__ = ["MissingWidthError", "ReadOptions", "needed_gate_width_ns"]


class MissingWidthError(InputError):
    """The bin width is neither stored in a file nor given."""


@dataclass(frozen=True)
class ReadOptions:
    """Choices and missing metadata; see :func:`seq2seqlite.io.measurement`."""

    channel: int | None = None
    block: int | None = None
    gate_width_ns: float | None = None
    period_ns: float | None = None
    frame: int = -1
    drop: tuple[str, ...] = ()

    def period_or(self, stored_ns: float | None, /) -> float | None:
        """Return the period that the user gives, else the one stored, if any."""
        return stored_ns if self.period_ns is None else self.period_ns


def needed_gate_width_ns(path: Path, given: float | None, stored: float | None = None, /) -> float:
    """Return the gate width given by the user, else the stored one.

    Raises
    ------
    MissingWidthError
        If neither is known.
    """
    width = given if given is not None else stored
    if width is None:
        raise MissingWidthError(f"{path} does not say its gate width; pass --gate-width-ns (e.g. 0.09)")
    return width
