"""Choice of frames of a series: their sum, each of them, or the sum of a range."""

import re
from pathlib import Path

from seq2seqlite.errors import InputError

__all__ = ["EACH", "SUM", "check_frames", "frame_range", "summed_warning"]

SUM, EACH = "sum", "each"
RANGE = re.compile(r"(\d*):(\d*)")


def check_frames(frames: str | None, /) -> None:
    """Raise InputError unless a choice of frames is None, ``"sum"``, ``"each"`` or a range ``"A:B"``."""
    if frames is None or frames in (SUM, EACH) or RANGE.fullmatch(frames):
        return
    raise InputError(
        f"frames={frames} must be sum, each, or a range A:B of frames, which are counted from 0 (e.g. 0:10)"
    )


def frame_range(frames: str | None, n_frames: int, /, *, source: Path) -> tuple[int, int]:
    """Return the first and last (exclusive) frame that a choice selects.

    Parameters
    ----------
    frames : str or None
        ``"sum"``, ``"each"`` and None select all frames; ``"A:B"`` those from A to B - 1, where A or B may
        be empty.
    n_frames : int
        Number of frames of the measurement.
    source : pathlib.Path
        Measurement, for the message.

    Raises
    ------
    InputError
        If the range is empty or exceeds the measurement.

    Examples
    --------
    >>> frame_range("2:", 10, source=Path("a.ptu"))
    (2, 10)
    """
    check_frames(frames)
    found = RANGE.fullmatch(frames or "")
    if found is None:
        return 0, n_frames
    first, last = int(found[1] or 0), int(found[2] or n_frames)
    if not first < last <= n_frames:
        raise InputError(
            f"{source}: frames={frames} must be a range A:B with A < B <= {n_frames}, the number of frames"
        )
    return first, last


def summed_warning(source: Path, n_frames: int, /) -> str:
    """Return the warning that the frames of a measurement were summed without a choice."""
    return (
        f"the {n_frames} frames of {source.name} were summed, so that changes between them are lost; pass "
        "frames='each' for a map of each frame, or frames='sum' to sum them without this warning"
    )
