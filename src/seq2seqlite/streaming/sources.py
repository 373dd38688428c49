"""Interface of stream sources, and the items that they deliver."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import xarray as xr
from numpy.typing import NDArray

__all__ = ["Clock", "Delivery", "Frame", "Gate", "Photons", "Source", "Spoilt"]


@dataclass(frozen=True)
class Frame:
    """Complete frame of histograms.

    Parameters
    ----------
    frame : int
        Number of the frame. A gap in the numbers means that the source lost frames.
    arrived_s : float
        Time at which the frame was complete, on the :class:`Clock` of the source, in s.
    data : xarray.DataArray, dims ('Y', 'X', 'H')
        Counts, as returned by :func:`seq2seqlite.io.read`.
    name : str
        Name of the file of this frame; empty if it has no file of its own.

    See Also
    --------
    Gate : One gate of a frame, for all pixels.
    Source : Source of frames, gates or photons, such as a camera, a file or a folder.
    """

    frame: int
    arrived_s: float
    data: xr.DataArray
    name: str = ""


@dataclass(frozen=True)
class Gate:
    """One gate of a frame, for all pixels.

    Parameters
    ----------
    frame : int
        Number of the frame.
    arrived_s : float
        Time at which the gate was complete, in s.
    gate : int
        Number of the gate, from 0.
    counts : ndarray of unsigned integers, shape (Y, X)
        Counts of the gate.

    See Also
    --------
    Frame : Complete frame of histograms.
    GateStage : Analysis gate by gate, so that the maps are ready soon after the last gate.
    """

    frame: int
    arrived_s: float
    gate: int
    counts: NDArray[Any]


@dataclass(frozen=True)
class Photons:
    """Photon events of one frame.

    Parameters
    ----------
    frame : int
        Number of the frame.
    arrived_s : float
        Time at which the events were complete, in s.
    pixel : ndarray of int, shape (n,)
        Pixel of each photon: row times width plus column.
    bin : ndarray of int, shape (n,)
        Bin of each photon in the decay.
    last : bool
        Whether these events complete the frame.

    See Also
    --------
    FramesOfPhotons : Source of frames, accumulated from a source of photon events.
    """

    frame: int
    arrived_s: float
    pixel: NDArray[Any]
    bin: NDArray[Any]
    last: bool = False


@dataclass(frozen=True)
class Spoilt:
    """Placeholder for an invalid frame, which is reported and counted.

    Parameters
    ----------
    frame : int
        Number of the frame.
    arrived_s : float
        Time at which the error was detected, in s.
    why : str
        Error message with value, rule and remedy.

    See Also
    --------
    Frame : Complete frame of histograms.
    """

    frame: int
    arrived_s: float
    why: str


class Delivery(Protocol):
    """Common interface of all items that a source delivers.

    See Also
    --------
    Frame : Complete frame of histograms.
    Gate : One gate of a frame, for all pixels.
    Photons : Photon events of one frame.
    """

    @property
    def frame(self) -> int:
        """Number of the frame."""
        ...

    @property
    def arrived_s(self) -> float:
        """Time at which the item was complete, in s."""
        ...


Delivered_co = TypeVar("Delivered_co", bound=Delivery, covariant=True)


class Source(Protocol[Delivered_co]):
    """Source of frames, gates or photons, such as a camera, a file or a folder.

    A source is iterated once, in a separate thread; :meth:`stop` is called from another thread. Frame numbers
    increase.

    Attributes
    ----------
    name : str
        Name for messages.

    See Also
    --------
    ReplayedFrames : Source that replays frames in memory, once or repeatedly.
    SpoolFolder : Source of frames from the files in a folder, in the order of the numbers in their names.
    GrowingPtu : Source of the frames of a PicoQuant T3 image during its recording.
    IterableSource : Source of frames from a Python iterable, such as a generator.
    QueueSource : Source of frames that another thread hands over, such as the callback of a camera SDK.
    """

    @property
    def name(self) -> str:
        """Name for messages."""
        ...

    def __iter__(self) -> Iterator[Delivered_co]:
        """Yield items as they arrive, until the measurement ends."""
        ...

    def stop(self) -> None:
        """End the iteration soon, even while it waits for data."""
        ...


class Clock:
    """Monotonic clock whose waits can be ended by another thread.

    See Also
    --------
    Source : Source of frames, gates or photons, such as a camera, a file or a folder.

    Examples
    --------
    >>> clock = Clock()
    >>> clock.stop()
    >>> clock.wait(60.0)
    True
    """

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def now(self) -> float:
        """Return the time, in s."""
        return time.monotonic()

    def wait(self, seconds: float, /) -> bool:
        """Wait for a time; return True, without further delay, if the clock is stopped."""
        return self._stopped.wait(max(seconds, 0.0))

    def stop(self) -> None:
        """End all current and future waits."""
        self._stopped.set()
