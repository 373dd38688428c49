"""Maps that a source computes itself, such as a board with a camera."""

from dataclasses import dataclass

import xarray as xr

from seq2seqlite.streaming.stages import Outcome

__all__ = ["ReadyMaps", "ReadyStage"]


@dataclass(frozen=True)
class ReadyMaps:
    """Maps of a frame.

    Parameters
    ----------
    frame : int
        Number of the frame. A gap in the numbers means that the source lost frames.
    arrived_s : float
        Time at which the maps were complete, on the :class:`Clock` of the source, in s.
    maps : xarray.Dataset
        Maps, as for :class:`FrameMaps`.
    missing : int
        Pixels that were lost on the way, which are NaN.

    See Also
    --------
    ReadyStage : Stage that accepts it.
    """

    frame: int
    arrived_s: float
    maps: xr.Dataset
    missing: int = 0


class ReadyStage:
    """Stage for maps that need no further analysis. The first frame with missing pixels is a remark.

    See Also
    --------
    FrameStage : Analysis of whole frames.
    """

    def __init__(self) -> None:
        self._remarked = False

    def process(self, item: ReadyMaps, /, *, gap: bool) -> Outcome:
        """Return the maps of the frame."""
        del gap  # frames are independent of each other
        if not item.missing or self._remarked:
            return Outcome(item.maps)
        self._remarked = True
        remark = f"frame {item.frame}: {item.missing} pixels were lost on the way; lost pixels are NaN"
        return Outcome(item.maps, remarks=(remark,))

    def end(self) -> Outcome:
        """Return an empty outcome: no frame is in progress."""
        return Outcome()
