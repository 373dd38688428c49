"""Parameters of the front ends: dimensions, widths and what follows from them."""

from dataclasses import dataclass
from typing import Literal

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.targets import LANES
from seq2seqlite.integer import COUNT_BITS, MAX_BANK

__all__ = ["EventsShape", "SeriesShape"]

PAGE_BYTES = 4096
"""Address boundary that an AXI burst must not cross."""
MAX_BURST = 256
"""Largest number of beats of an AXI burst."""
MAX_TABLE_BITS = 12
MAX_MAP_BITS = (MAX_BANK - 1).bit_length()
FEWEST_BEATS = 3
"""Beats of a one-bit frame that are still in the pipeline of the summation when the next frame begins."""


def _power_of_two(value: int) -> bool:
    return value > 0 and value & (value - 1) == 0


def _check_map_bits(map_bits: int) -> None:
    if not 0 <= map_bits <= MAX_MAP_BITS:
        raise InputError(f"map_bits={map_bits} must be between 0 and {MAX_MAP_BITS}")


@dataclass(frozen=True)
class SeriesShape:
    """Parameters of a gate-series front end. Raises `InputError` for an unsupported combination.

    Parameters
    ----------
    n_gates : int
        Gates of a frame; those of the program that the engine computes.
    pixels : int
        Pixels of an image.
    lanes : int
        Counts per beat of the packets; the same as those of the engine.
    count_bits : int
        Width of a count in memory and, unless the camera delivers one-bit frames, at the input: 8 or 16.
    data_bits : int
        Width of the data of the AXI4 manager, and of the input of counts: 32 to 512, a power of two.
    tile_pixels : int
        Pixels of a tile, and of a memory burst: a power of two. A burst has up to 256 beats and 4096 bytes.
    frame_bits : int
        One-bit pixels per input beat of a camera that delivers one-bit frames; 0 for counts.
    table_bits : int
        Logarithm of the length of the saturation table. Larger counts use the last entry.
    address_bits : int
        Width of an address.
    fifo_bursts : int
        Depth of the write FIFO in bursts.
    map_bits : int
        Width of the index of the response of each pixel, up to 6, in the response map; 0: no map.

    See Also
    --------
    EventsShape : Parameters of a photon-event front end.
    seq2seqlite.hardware.frontends.budget.corner_turn_budget :
        Return bandwidth, memory and latency of a corner turn.
    """

    n_gates: int
    pixels: int
    lanes: int = 1
    count_bits: Literal[8, 16] = 8
    data_bits: int = 64
    tile_pixels: int = 64
    frame_bits: int = 0
    table_bits: int = 8
    address_bits: int = 32
    fifo_bursts: int = 16
    map_bits: int = 0

    def __post_init__(self) -> None:
        if self.n_gates < 1 or self.pixels < 1:
            raise InputError(f"n_gates={self.n_gates} and pixels={self.pixels} must be at least 1")
        if self.lanes not in LANES:
            raise InputError(f"lanes={self.lanes} must be one of {', '.join(map(str, LANES))}")
        if self.count_bits not in {8, 16}:
            raise InputError(f"count_bits={self.count_bits} must be 8 or 16")
        if not (_power_of_two(self.data_bits) and 32 <= self.data_bits <= 512):
            raise InputError(f"data_bits={self.data_bits} must be a power of two from 32 to 512")
        self._check_tile()
        if self.frame_bits and (self.frame_bits % self.beat_counts or self.frame_bits < 0):
            raise InputError(
                f"frame_bits={self.frame_bits} must be 0 or a multiple of the {self.beat_counts} counts of a "
                "memory beat"
            )
        if self.frame_bits and self.pixels <= FEWEST_BEATS * self.frame_bits:
            raise InputError(
                f"pixels={self.pixels} must be more than {FEWEST_BEATS} beats of frame_bits={self.frame_bits}"
            )
        if not 1 <= self.table_bits <= MAX_TABLE_BITS:
            raise InputError(f"table_bits={self.table_bits} must be between 1 and {MAX_TABLE_BITS}")
        if not _power_of_two(self.fifo_bursts) or self.fifo_bursts < 2:
            raise InputError(f"fifo_bursts={self.fifo_bursts} must be a power of two, at least 2")
        _check_map_bits(self.map_bits)
        if 2 * self.frame_bytes > 2**self.address_bits:
            raise InputError(
                f"two frames of {self.frame_bytes} bytes exceed address_bits={self.address_bits}"
            )

    def _check_tile(self) -> None:
        smallest = max(self.beat_counts, self.lanes)
        largest = min(MAX_BURST * self.beat_counts, PAGE_BYTES * 8 // self.count_bits)
        if not (_power_of_two(self.tile_pixels) and smallest <= self.tile_pixels <= largest):
            raise InputError(
                f"tile_pixels={self.tile_pixels} must be a power of two from {smallest} to {largest} with "
                f"data_bits={self.data_bits}, count_bits={self.count_bits} and lanes={self.lanes}"
            )

    @property
    def beat_counts(self) -> int:
        """Counts per beat of the memory."""
        return self.data_bits // self.count_bits

    @property
    def image_beats(self) -> int:
        """Memory beats of the image of one gate."""
        return -(-self.pixels // self.beat_counts)

    @property
    def burst(self) -> int:
        """Beats per burst: a tile of one gate."""
        return self.tile_pixels // self.beat_counts

    @property
    def last_burst(self) -> int:
        """Beats of the last burst that is written of an image."""
        return self.image_beats - (self.tiles - 1) * self.burst

    @property
    def burst_bytes(self) -> int:
        """Size of a burst in bytes."""
        return self.tile_pixels * self.count_bits // 8

    @property
    def tiles(self) -> int:
        """Tiles of an image. The last one may be incomplete."""
        return -(-self.pixels // self.tile_pixels)

    @property
    def last_tile_pixels(self) -> int:
        """Pixels of the last tile."""
        return self.pixels - (self.tiles - 1) * self.tile_pixels

    @property
    def tile_beats(self) -> int:
        """Memory beats of a tile: all its gates."""
        return self.n_gates * self.burst

    @property
    def tile_bytes(self) -> int:
        """Size of a tile in memory, in bytes."""
        return self.n_gates * self.burst_bytes

    @property
    def frame_bytes(self) -> int:
        """Size of a frame buffer in memory, in bytes, including the padding of the last tile."""
        return self.tiles * self.tile_bytes

    @property
    def words(self) -> int:
        """Beats per packet."""
        return -(-self.n_gates // self.lanes)

    @property
    def banks(self) -> int:
        """Memories of the tile buffer: a beat of either side finds its counts in different ones."""
        return max(self.beat_counts, self.lanes)

    @property
    def input_bits(self) -> int:
        """Width of an input beat."""
        return self.frame_bits or self.data_bits


@dataclass(frozen=True)
class EventsShape:
    """Parameters of a photon-event front end. Raises `InputError` for an unsupported combination.

    Parameters
    ----------
    n_gates : int
        Gates of the histogram; those of the program that the engine computes.
    lines, line_pixels : int
        Lines of an image and pixels of a line.
    lanes : int
        Counts per beat of the packets; the same as those of the engine.
    micro_bits : int
        Logarithm of the length of the bin table. Larger micro-times are not counted.
    records : str
        Record format: ``"picoharp-t3"``, or ``"generic-t3"`` (HydraHarp 2, TimeHarp 260, MultiHarp).
    map_bits : int
        Width of the index of the response of each pixel, up to 6, in the response map; 0: no map.

    See Also
    --------
    SeriesShape : Parameters of a gate-series front end.
    """

    n_gates: int
    lines: int
    line_pixels: int
    lanes: int = 1
    micro_bits: int = 12
    records: Literal["picoharp-t3", "generic-t3"] = "picoharp-t3"
    map_bits: int = 0

    def __post_init__(self) -> None:
        for name in ("n_gates", "lines", "line_pixels"):
            if not 1 <= getattr(self, name) < 2**16:
                raise InputError(f"{name}={getattr(self, name)} must be between 1 and {2**16 - 1}")
        if self.lanes not in LANES:
            raise InputError(f"lanes={self.lanes} must be one of {', '.join(map(str, LANES))}")
        if not 1 <= self.micro_bits <= 15:
            raise InputError(f"micro_bits={self.micro_bits} must be between 1 and 15")
        if self.records not in {"picoharp-t3", "generic-t3"}:
            raise InputError(f"records={self.records!r} must be 'picoharp-t3' or 'generic-t3'")
        _check_map_bits(self.map_bits)

    @property
    def pixels(self) -> int:
        """Pixels of an image."""
        return self.lines * self.line_pixels

    @property
    def words(self) -> int:
        """Beats per packet."""
        return -(-self.n_gates // self.lanes)

    @property
    def packet_bits(self) -> int:
        """Width of a beat of a packet."""
        return COUNT_BITS * self.lanes
