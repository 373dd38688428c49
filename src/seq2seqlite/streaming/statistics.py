"""Statistics of a stream: frames, rate, latency and memory."""

import os
import sys
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["StreamStatistics", "resident_bytes"]

# Number of most recent latencies that are kept for the percentiles, which bounds the memory.
LATENCIES = 10_000


@dataclass
class StreamStatistics:
    """Statistics of a stream so far.

    Parameters
    ----------
    received : int
        Frames that the source delivered completely or in part: the sum of the next four numbers.
    frames : int
        Analysed frames.
    dropped : int
        Frames that the queue dropped according to its policy.
    rejected : int
        Invalid frames.
    unfinished : int
        Frames that were waiting or being processed when the stream ended.
    missed : int
        Frames that the source lost according to gaps in the frame numbers; not included in ``received``.
    delivered : int
        Analysed frames that all sinks have processed.
    queue_depth_max : int
        Largest number of waiting items (frames or gates).
    ended : str
        Why the stream ended.
    warnings : list of str
        Remarks of the analysis, e.g. lifetimes outside of the range of the model.
    backlog : int
        Analysed frames of the initial backlog, which are not included in rate and latencies: those that had
        arrived before the first maps were complete, and all that arrived while the analysis was catching up.
        0 until it has caught up.
    latencies_s : deque of float
        Time from the arrival of a frame to its maps, in s, for the last 10,000 frames after the backlog.
    first_s, last_s : float
        Times at which the first and the last map were complete, in s.
    caught_up_s : float, optional
        Time at which the first map after the backlog was complete, in s; None before, and without a backlog.
    memory_start_bytes, memory_end_bytes, memory_peak_bytes : int
        Resident memory of the process after the first map, after the last map, and its maximum after any map.

    See Also
    --------
    run_stream : Analyse the frames or gates of a source during the measurement.
    """

    received: int = 0
    frames: int = 0
    dropped: int = 0
    rejected: int = 0
    unfinished: int = 0
    missed: int = 0
    delivered: int = 0
    queue_depth_max: int = 0
    ended: str = ""
    warnings: list[str] = field(default_factory=list)
    backlog: int = 0
    latencies_s: deque[float] = field(default_factory=lambda: deque(maxlen=LATENCIES))
    first_s: float = 0.0
    last_s: float = 0.0
    caught_up_s: float | None = None
    memory_start_bytes: int = 0
    memory_end_bytes: int = 0
    memory_peak_bytes: int = 0
    _catching_up: bool = field(default=True, init=False, repr=False, compare=False)

    def add(self, finished_s: float, latency_s: float, /) -> None:
        """Record an analysed frame."""
        memory = resident_bytes()
        if self.frames == 0:
            self.first_s, self.memory_start_bytes = finished_s, memory
        elif self._catching_up and finished_s - latency_s >= self.last_s:  # it did not wait for another frame
            self._catching_up = False
            if self.frames > 1:
                self.backlog, self.caught_up_s = self.frames, finished_s
                self.latencies_s.clear()
        self.frames += 1
        self.last_s, self.memory_end_bytes = finished_s, memory
        self.memory_peak_bytes = max(self.memory_peak_bytes, memory)
        self.latencies_s.append(latency_s)

    @property
    def frames_per_second(self) -> float:
        """Sustained rate from the first to the last map; NaN with fewer than two maps.

        With two maps after the backlog, the rate is that after the backlog.
        """
        frames, from_s = self.frames, self.first_s
        if self.caught_up_s is not None and self.frames > self.backlog + 1:
            frames, from_s = self.frames - self.backlog, self.caught_up_s
        return (frames - 1) / (self.last_s - from_s) if self.last_s > from_s else float("nan")

    def latency_s(self, percentile: float, /) -> float:
        """Return a percentile of the latencies, in s; NaN without latencies."""
        return float(np.percentile(self.latencies_s, percentile)) if self.latencies_s else float("nan")

    def to_dict(self) -> dict[str, Any]:
        """Return the statistics in a form that can be written as JSON."""
        counts = ("received", "dropped", "rejected", "unfinished", "missed", "delivered", "backlog")
        return {
            "frames": self.frames,
            "frames_per_second": self.frames_per_second,
            "latency_median_s": self.latency_s(50),
            "latency_p99_s": self.latency_s(99),
            **{name: getattr(self, name) for name in counts},
            "queue_depth_max": self.queue_depth_max,
            "ended": self.ended,
            "warnings": list(self.warnings),
            "memory": {
                "start_bytes": self.memory_start_bytes,
                "end_bytes": self.memory_end_bytes,
                "peak_bytes": self.memory_peak_bytes,
            },
        }


def resident_bytes() -> int:
    """Return the resident memory of this process, in bytes; its maximum so far on systems without /proc.

    Returns 0 on Windows, where Python's library does not know it.

    See Also
    --------
    StreamStatistics : Statistics of a stream so far.
    seq2seqlite.limits.available_memory : Return the available memory in bytes.

    Examples
    --------
    >>> resident_bytes() > 1e6
    True
    """
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        try:
            import resource
        except ImportError:
            return 0
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
