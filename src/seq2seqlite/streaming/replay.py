"""Sources that replay measurements at a frame rate, as whole frames or gate by gate."""

from collections.abc import Iterator, Sequence
from itertools import count

import numpy as np
import xarray as xr

from seq2seqlite.errors import InputError
from seq2seqlite.streaming.sources import Clock, Frame, Gate

__all__ = ["ReplayedFrames", "ReplayedGates"]


class ReplayedFrames:
    """Source that replays frames in memory, once or repeatedly.

    Parameters
    ----------
    frames : sequence of xarray.DataArray, dims ('Y', 'X', 'H')
        Measurements, e.g. one read from a file, or some of a simulated camera.
    fps : float, optional
        Frame rate in frames/s; None: as fast as possible. A delay postpones all later frames; the source does
        not catch up.
    repeat : int, optional
        Number of repetitions of each frame; None: endless.
    clock : Clock, optional
        Clock of the stream.

    Raises
    ------
    InputError
        If there are no frames, or the frame rate or number of repetitions is not positive.

    See Also
    --------
    ReplayedGates : Source that replays frames gate by gate, like a time-gated camera.
    seq2seqlite.simulation.simulated_frames :
        Return simulated camera frames of one scene, with independent noise in each frame.

    Examples
    --------
    >>> from seq2seqlite.io import signal_from_counts
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
    """Source that replays frames gate by gate, like a time-gated camera.

    Parameters
    ----------
    frames : sequence of xarray.DataArray, dims ('Y', 'X', 'H')
        Measurements with integer counts; they are copied, gate by gate.
    fps : float, optional
        Frame rate in frames/s; a gate is delivered every 1 / (fps n_gates) s.
    repeat : int, optional
        Number of repetitions of each frame; None: endless.
    clock : Clock, optional
        Clock of the stream.

    Raises
    ------
    InputError
        As for :class:`ReplayedFrames`, or if counts are not integers.

    See Also
    --------
    ReplayedFrames : Source that replays frames in memory, once or repeatedly.
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
                raise InputError(
                    f"{self.name}: counts of gates must be integers, not {data.dtype}; pass raw counts"
                )
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
    """Pacing of a source at a fixed rate."""

    def __init__(self, clock: Clock, period_s: float) -> None:
        self.clock, self.period_s, self.due_s = clock, period_s, clock.now()

    def waits(self) -> bool:
        """Wait until the next item is due; return True if the clock is stopped."""
        stopped = self.clock.wait(self.due_s - self.clock.now())
        if self.clock.now() - self.due_s > self.period_s:  # delayed by more than jitter: do not catch up
            self.due_s = self.clock.now()
        self.due_s += self.period_s
        return stopped


def _numbers(n: int, repeat: int | None) -> Iterator[int]:
    return count() if repeat is None else iter(range(n * repeat))


def _check(n: int, fps: float | None, repeat: int | None) -> None:
    if n == 0:
        raise InputError("frames is empty; at least one frame is required")
    if fps is not None and not (np.isfinite(fps) and fps > 0):
        raise InputError(f"fps={fps} must be finite and > 0 (e.g. 0.5)")
    if repeat is not None and repeat < 1:
        raise InputError(f"repeat={repeat} must be >= 1, or None for an endless stream")
