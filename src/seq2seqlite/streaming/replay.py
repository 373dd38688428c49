"""A measurement replayed at a frame rate: whole frames, or one gate after another."""

from collections.abc import Iterator, Sequence
from itertools import count

import numpy as np
import xarray as xr

from seq2seqlite.errors import InputError
from seq2seqlite.streaming.sources import Clock, Frame, Gate

__all__ = ["ReplayedFrames", "ReplayedGates"]


class ReplayedFrames:
    """Frames in memory, given one after the other and, repeated, again and again.

    Parameters
    ----------
    frames : sequence of xarray.DataArray, dims ('Y', 'X', 'H')
        Measurements, e.g. one read from a file, or some of a simulated camera.
    fps : float, optional
        Frames a second; None: as fast as they are taken. Where a frame is taken late, the next ones come the
        later: nothing is made up for.
    repeat : int, optional
        How often to give each; None: without end.
    clock : Clock, optional
        Time.

    Raises
    ------
    InputError
        If there is no frame, or the rate or number is not positive.

    Examples
    --------
    >>> from seq2seqlite.imaging import signal_from_counts
    >>> data = signal_from_counts([[1, 2]], source="a", file_format="npz", gate_width_ns=1.0)
    >>> [frame.frame for frame in ReplayedFrames([data], repeat=3)]
    [0, 1, 2]
    """

    def __init__(
        self,
        frames: Sequence[xr.DataArray],
        /,
        *,
        fps: float | None = None,
        repeat: int | None = 1,
        clock: Clock | None = None,
    ) -> None:
        _check(len(frames), fps, repeat)
        self.frames, self.repeat = tuple(frames), repeat
        self.name = str(frames[0].attrs.get("source", "replay"))
        self._clock = clock or Clock()
        self._period_s = 0.0 if fps is None else 1 / fps

    def __iter__(self) -> Iterator[Frame]:
        pace = _Pace(self._clock, self._period_s)
        for number in _numbers(len(self.frames), self.repeat):
            if pace.waits():
                return
            yield Frame(number, self._clock.now(), self.frames[number % len(self.frames)])

    def stop(self) -> None:
        self._clock.stop()


class ReplayedGates:
    """The same frames as a time-gated camera delivers them: gate 1 of all pixels, then gate 2, and so on.

    Parameters
    ----------
    frames : sequence of xarray.DataArray, dims ('Y', 'X', 'H')
        Measurements of integer counts; they are copied, gate by gate.
    fps : float, optional
        Frames a second: a gate comes every 1 / (fps n_gates) s.
    repeat : int, optional
        How often to give each frame; None: without end.
    clock : Clock, optional
        Time.

    Raises
    ------
    InputError
        As :class:`ReplayedFrames`, or if counts are no integers.
    """

    def __init__(
        self,
        frames: Sequence[xr.DataArray],
        /,
        *,
        fps: float | None = None,
        repeat: int | None = 1,
        clock: Clock | None = None,
    ) -> None:
        _check(len(frames), fps, repeat)
        self.name = str(frames[0].attrs.get("source", "replay"))
        for data in frames:
            if data.dtype.kind not in "ui":
                raise InputError(f"{self.name}: counts of type {data.dtype} are no gates; give integers")
        self.gates = [np.ascontiguousarray(np.moveaxis(data.values, -1, 0)) for data in frames]
        self.repeat = repeat
        self._clock = clock or Clock()
        self._period_s = 0.0 if fps is None else 1 / (fps * frames[0].sizes["H"])

    def __iter__(self) -> Iterator[Gate]:
        pace = _Pace(self._clock, self._period_s)
        for number in _numbers(len(self.gates), self.repeat):
            for gate, counts in enumerate(self.gates[number % len(self.gates)]):
                if pace.waits():
                    return
                yield Gate(number, self._clock.now(), gate, counts)

    def stop(self) -> None:
        self._clock.stop()


class _Pace:
    """Waits until the next is due."""

    def __init__(self, clock: Clock, period_s: float) -> None:
        self.clock, self.period_s, self.due_s = clock, period_s, clock.now()

    def waits(self) -> bool:
        """Wait; return True where the clock was stopped."""
        stopped = self.clock.wait(self.due_s - self.clock.now())
        if self.clock.now() - self.due_s > self.period_s:  # held up, not only late by some jitter
            self.due_s = self.clock.now()
        self.due_s += self.period_s
        return stopped


def _numbers(n: int, repeat: int | None) -> Iterator[int]:
    return count() if repeat is None else iter(range(n * repeat))


def _check(n: int, fps: float | None, repeat: int | None) -> None:
    if n == 0:
        raise InputError("0 frames are no stream; give 1 or more")
    if fps is not None and not (np.isfinite(fps) and fps > 0):
        raise InputError(f"fps={fps} must be finite and > 0 (e.g. 0.5)")
    if repeat is not None and repeat < 1:
        raise InputError(f"repeat={repeat} must be >= 1, or None for a stream without end")
