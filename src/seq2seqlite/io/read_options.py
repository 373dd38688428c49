"""Options of the readers: selection of data, and metadata that are missing in a file."""

from dataclasses import dataclass
from pathlib import Path

from seq2seqlite.errors import InputError
from seq2seqlite.io.frame_choice import check_frames

__all__ = ["MissingWidthError", "ReadOptions", "needed_gate_width_ns"]


class MissingWidthError(InputError):
    """Bin width that is neither stored in a file nor passed as an option."""


@dataclass(frozen=True)
class ReadOptions:
    """Options of the readers; see the parameters of :func:`seq2seqlite.io.read`.

    See Also
    --------
    read : Read a measurement as an array of decays.
    """

    channel: int | None = None
    block: int | None = None
    gate_width_ns: float | None = None
    period_ns: float | None = None
    frame: int = -1
    drop: tuple[str, ...] = ()
    gate_length_ns: float | None = None
    frames: str | None = None
    frame_time_s: float | None = None

    def __post_init__(self) -> None:
        check_frames(self.frames)
        if self.frame_time_s is not None and not 0 < self.frame_time_s < float("inf"):
            raise InputError(f"frame_time_s={self.frame_time_s} must be finite and > 0 (e.g. 1.5)")

    def period_or(self, stored_ns: float | None, /) -> float | None:
        """Return the period of the options, otherwise the stored one, otherwise None."""
        return stored_ns if self.period_ns is None else self.period_ns


def needed_gate_width_ns(path: Path, given: float | None, stored: float | None = None, /) -> float:
    """Return the gate width of the options, otherwise the stored one.

    Raises
    ------
    MissingWidthError
        If both are unknown.
    """
    width = given if given is not None else stored
    if width is None:
        raise MissingWidthError(
            f"{path} does not contain its gate width; pass gate_width_ns in ns (e.g. 0.09)"
        )
    return width
