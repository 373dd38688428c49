"""What a stream has done: frames, rate, latency, memory."""

import os
import sys
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["StreamStatistics", "resident_bytes"]

# Latencies kept for the percentiles: the last ones, so that a stream without end needs no more memory.
LATENCIES = 10_000


@dataclass
class StreamStatistics:
    """What a stream has done so far.

    Parameters
    ----------
    received : int
        Frames that the source delivered, whole or in part: the sum of the four that follow.
    frames : int
        Frames analysed.
    dropped : int
        Frames that the queue dropped, as the policy says.
    rejected : int
        Frames that were no valid ones.
    unfinished : int
        Frames that were waiting or in work when the stream was ended.
    missed : int
        Frames that the source itself lost, by its numbers; not among those received.
    delivered : int
        Analysed frames that all sinks have taken.
    queue_depth_max : int
        Most items (frames, or gates) that waited at a time.
    ended : str
        Why the stream ended.
    warnings : list of str
        Remarks of the analysis, e.g. lifetimes outside of the range of the model.
    latencies_s : deque of float
        Time from the arrival of a frame to its maps, in s, of the last 10,000 frames.
    first_s, last_s : float
        When the first and the last map were finished, in s.
    memory_start_bytes, memory_end_bytes, memory_peak_bytes : int
        Resident memory of the process after the first map, after the last one, and the most after any.
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
        """Count a frame that is analysed."""
        memory = resident_bytes()
        if self.frames == 0:
            self.first_s, self.memory_start_bytes = finished_s, memory
        self.frames += 1
        self.last_s, self.memory_end_bytes = finished_s, memory
        self.memory_peak_bytes = max(self.memory_peak_bytes, memory)
        self.latencies_s.append(latency_s)

    @property
    def frames_per_second(self) -> float:
        """Sustained rate, from the first map to the last; NaN before the second."""
        return (
            (self.frames - 1) / (self.last_s - self.first_s) if self.last_s > self.first_s else float("nan")
        )

    def latency_s(self, percentile: float, /) -> float:
        """Return a percentile of the latencies, in s; NaN where there is none."""
        return float(np.percentile(self.latencies_s, percentile)) if self.latencies_s else float("nan")

    def to_dict(self) -> dict[str, Any]:
        """Return all that for JSON."""
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
    """Return the resident memory of this process, in bytes; the most that it ever was where /proc is missing.

    Examples
    --------
    >>> resident_bytes() > 1e6
    True
    """
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        import resource  # where there is no /proc; not on Windows

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
