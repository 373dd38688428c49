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
    latencies_s : deque of float
        Time from the arrival of a frame to its maps, in s, for the last 10,000 frames.
    first_s, last_s : float
        Times at which the first and the last map were complete, in s.
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
    latencies_s: deque[float] = field(default_factory=lambda: deque(maxlen=LATENCIES))
    first_s: float = 0.0
    last_s: float = 0.0
    memory_start_bytes: int = 0
    memory_end_bytes: int = 0
    memory_peak_bytes: int = 0

    def add(self, finished_s: float, latency_s: float, /) -> None:
        """Record an analysed frame."""
        memory = resident_bytes()
        if self.frames == 0:
            self.first_s, self.memory_start_bytes = finished_s, memory
        self.frames += 1
        self.last_s, self.memory_end_bytes = finished_s, memory
        self.memory_peak_bytes = max(self.memory_peak_bytes, memory)
        self.latencies_s.append(latency_s)

    @property
    def frames_per_second(self) -> float:
        """Sustained rate from the first to the last map; NaN with fewer than two maps."""
        return (
            (self.frames - 1) / (self.last_s - self.first_s) if self.last_s > self.first_s else float("nan")
        )

    def latency_s(self, percentile: float, /) -> float:
        """Return a percentile of the latencies, in s; NaN without latencies."""
        return float(np.percentile(self.latencies_s, percentile)) if self.latencies_s else float("nan")

    def to_dict(self) -> dict[str, Any]:
        """Return the statistics in a form that can be written as JSON."""
        counts = ("received", "dropped", "rejected", "unfinished", "missed", "delivered", "queue_depth_max")
        return {
            "frames": self.frames,
            "frames_per_second": self.frames_per_second,
            "latency_median_s": self.latency_s(50),
            "latency_p99_s": self.latency_s(99),
            **{name: getattr(self, name) for name in counts},
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
        import resource  # not available on Windows

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
