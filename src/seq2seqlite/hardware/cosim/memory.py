"""Memory model at the AXI4 manager of a design in co-simulation."""

from dataclasses import dataclass

from seq2seqlite.errors import InputError

__all__ = ["MemoryModel", "MemoryTraffic"]


@dataclass(frozen=True)
class MemoryModel:
    """Memory with random latency and pauses. Its initial content is random.

    Parameters
    ----------
    size_bytes : int
        Size in bytes.
    stalls : float
        Probability per cycle that a channel pauses.
    latency_clocks, jitter_clocks : int
        Clock cycles between an address and its first beat, or the last beat and its response: at least
        ``latency_clocks``, and up to ``jitter_clocks`` more at random.
    refresh_every, refresh_clocks : int
        Period and length of pauses of the whole memory, such as refresh cycles; 0: none.

    See Also
    --------
    MemoryTraffic : Transfers between an AXI4 manager and the memory.
    """

    size_bytes: int = 1 << 20
    stalls: float = 0.0
    latency_clocks: int = 0
    jitter_clocks: int = 0
    refresh_every: int = 0
    refresh_clocks: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.stalls < 1:
            raise InputError(f"stalls={self.stalls} must be a probability, at least 0 and below 1")

    @property
    def settings(self) -> tuple[int, ...]:
        """Settings in the order of the harness."""
        return (
            self.size_bytes,
            int(self.stalls * 2**32),
            self.latency_clocks,
            self.jitter_clocks + 1,
            self.refresh_every,
            self.refresh_clocks,
        )


@dataclass(frozen=True)
class MemoryTraffic:
    """Transfers between an AXI4 manager and the memory.

    Parameters
    ----------
    beats_read, beats_written : int
        Beats.
    bursts_read, bursts_written : int
        Bursts.
    violations : int
        Violations of the AXI rules by the manager: an offer that changed or was withdrawn, a wrong WLAST, a
        burst across 4 KiB or beyond the memory, a wrong size or type. 0 in a correct design.

    See Also
    --------
    MemoryModel : Memory with random latency and pauses.
    """

    beats_read: int
    beats_written: int
    bursts_read: int
    bursts_written: int
    violations: int
