"""What a source delivers, and the one thing that the pipeline asks of whatever delivers it."""

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
    """A whole frame of histograms.

    Parameters
    ----------
    frame : int
        Its number; a jump says that the source itself lost frames.
    arrived_s : float
        When it was complete, by the source's :class:`Clock`, in s.
    data : xarray.DataArray, dims ('Y', 'X', 'H')
        Counts, as :func:`seq2seqlite.io.measurement` gives them.
    """

    frame: int
    arrived_s: float
    data: xr.DataArray


@dataclass(frozen=True)
class Gate:
    """One gate of all pixels of a frame.

    Parameters
    ----------
    frame : int
        Number of the frame.
    arrived_s : float
        When the gate was complete, in s.
    gate : int
        Number of the gate, from 0.
    counts : ndarray of unsigned integers, shape (Y, X)
        Counts in it.
    """

    frame: int
    arrived_s: float
    gate: int
    counts: NDArray[Any]


@dataclass(frozen=True)
class Photons:
    """Photon events of a frame.

    Parameters
    ----------
    frame : int
        Number of the frame.
    arrived_s : float
        When they were complete, in s.
    pixel : ndarray of int, shape (n,)
        Where each was seen: row times width plus column.
    bin : ndarray of int, shape (n,)
        In which bin of the decay.
    last : bool
        Whether the frame is complete with them.
    """

    frame: int
    arrived_s: float
    pixel: NDArray[Any]
    bin: NDArray[Any]
    last: bool = False


@dataclass(frozen=True)
class Spoilt:
    """A frame that a source cannot deliver: it is counted and reported in its turn.

    Parameters
    ----------
    frame : int
        Number of the frame.
    arrived_s : float
        When this was known, in s.
    why : str
        What is wrong with it: value, rule, remedy.
    """

    frame: int
    arrived_s: float
    why: str


class Delivery(Protocol):
    """What all of these have."""

    @property
    def frame(self) -> int:
        """Number of the frame."""
        ...

    @property
    def arrived_s(self) -> float:
        """When it was complete, in s."""
        ...


Delivered_co = TypeVar("Delivered_co", bound=Delivery, covariant=True)


class Source(Protocol[Delivered_co]):
    """Where frames, gates or photons come from: a camera, a file, a folder.

    Iterated once, in a thread of its own; :meth:`stop` is called from another. Frames are numbered in rising
    order.

    Attributes
    ----------
    name : str
        Name for messages.
    """

    @property
    def name(self) -> str:
        """Name for messages."""
        ...

    def __iter__(self) -> Iterator[Delivered_co]:
        """Give what arrives, when it arrives; end where the measurement ends."""
        ...

    def stop(self) -> None:
        """Make the iteration end soon, also where it is waiting."""
        ...


class Clock:
    """Monotonic time, and waits that another thread can end.

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
        """Wait; return True, at once, where the clock is stopped."""
        return self._stopped.wait(max(seconds, 0.0))

    def stop(self) -> None:
        """End all waits, now and later."""
        self._stopped.set()
