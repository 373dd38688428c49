"""Options of the readers: selection of data, and metadata that are missing in a file."""

import re
from dataclasses import dataclass
from pathlib import Path

from seq2seqlite.errors import InputError
from seq2seqlite.io.cameras.corrections import Corrections

__all__ = ["EACH", "SUM", "MissingWidthError", "ReadOptions", "needed_gate_width_ns", "summed_warning"]

# Frames of a series: their sum, each of them, or the sum of a range.
SUM, EACH = "sum", "each"
RANGE = re.compile(r"(\d*):(\d*)")


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
    corrections: Corrections = Corrections()  # noqa: RUF009 - frozen

    def __post_init__(self) -> None:
        if self.frames not in (None, SUM, EACH) and not RANGE.fullmatch(self.frames):
            raise InputError(
                f"frames={self.frames} must be sum, each, or a range A:B of frames, which are counted from 0 "
                "(e.g. 0:10)"
            )
        if self.frame_time_s is not None and not 0 < self.frame_time_s < float("inf"):
            raise InputError(f"frame_time_s={self.frame_time_s} must be finite and > 0 (e.g. 1.5)")

    def period_or(self, stored_ns: float | None, /) -> float | None:
        """Return the period of the options, otherwise the stored one, otherwise None."""
        return stored_ns if self.period_ns is None else self.period_ns

    def frame_range(self, n_frames: int, /, *, source: Path) -> tuple[int, int]:
        """Return the first and last (exclusive) of ``n_frames`` frames that ``frames`` selects.

        ``"sum"``, ``"each"`` and None select all frames; ``"A:B"`` those from A to B - 1, where A or B may be
        empty.

        Raises
        ------
        InputError
            If the range is empty or exceeds the measurement.

        Examples
        --------
        >>> ReadOptions(frames="2:").frame_range(10, source=Path("a.ptu"))
        (2, 10)
        """
        found = RANGE.fullmatch(self.frames or "")
        if found is None:
            return 0, n_frames
        first, last = int(found[1] or 0), int(found[2] or n_frames)
        if not first < last <= n_frames:
            raise InputError(
                f"{source}: frames={self.frames} must be a range A:B with A < B <= {n_frames}, the number of "
                "frames"
            )
        return first, last


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


def summed_warning(source: Path, n_frames: int, /) -> str:
    """Return the warning that the frames of a measurement were summed without a choice."""
    return (
        f"the {n_frames} frames of {source.name} were summed, so that changes between them are lost; pass "
        "frames='each' for a map of each frame, or frames='sum' to sum them without this warning"
    )
