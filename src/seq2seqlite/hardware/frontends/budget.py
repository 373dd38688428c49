"""Memory, bandwidth and latency of a corner turn, and of gate-sequential processing, by formula.

The formulas are derived in ``docs/explanation/front-ends.md``.
"""

from dataclasses import dataclass

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.frontends.parameters import SeriesShape

__all__ = ["Budget", "Memory", "corner_turn_budget", "corner_turn_latency", "gate_sequential_budget"]

WRITE_CLOCKS = 21
"""Clock cycles of the stages from the last beat of a frame to the first request, without burst and memory."""
MAP_CLOCKS = 4
"""Clock cycles of the stages of a response map."""
REQUEST_CLOCKS = 5
"""Clock cycles of the stages between the end of a tile and the start of the one that takes its place."""
NORMALISATION_BYTES = 8
"""Baseline and divisor of a pixel, which gate-sequential processing takes from the frame before."""


@dataclass(frozen=True)
class Memory:
    """External memory of a front end: bandwidth and latency.

    Parameters
    ----------
    megabytes_per_s : float
        Sustained bandwidth of reads and writes together, in 10**6 bytes per second.
    latency_clocks : int
        Clock cycles of the design from a read address to its data, and from data to the write response.

    See Also
    --------
    corner_turn_budget : Return memory, bandwidth and latency of a corner turn.
    """

    megabytes_per_s: float
    latency_clocks: int = 0

    def __post_init__(self) -> None:
        if self.megabytes_per_s <= 0:
            raise InputError(f"megabytes_per_s={self.megabytes_per_s} must be above 0")
        if self.latency_clocks < 0:
            raise InputError(f"latency_clocks={self.latency_clocks} must not be negative")


@dataclass(frozen=True)
class Budget:
    """Requirements of a way to bring a gate series to the network.

    Parameters
    ----------
    memory_bytes : int
        External memory that is occupied.
    traffic_bytes : int
        Bytes that are written and read per frame.
    latency_s : float
        Time from the last gate of a frame until the network has received, or processed, its last pixel, in s.
    frame_s : float
        Shortest time per frame: the larger one of memory and engines, in s.

    See Also
    --------
    corner_turn_budget : Return memory, bandwidth and latency of a corner turn.
    gate_sequential_budget : Return memory, bandwidth and latency of gate-sequential processing.
    """

    memory_bytes: int
    traffic_bytes: int
    latency_s: float
    frame_s: float

    def megabytes_per_s(self, frames_per_s: float, /) -> float:
        """Return the bandwidth for a frame rate, in 10**6 bytes per second."""
        return self.traffic_bytes * frames_per_s / 1e6


def corner_turn_latency(
    shape: SeriesShape, /, *, memory_latency: int = 0, pixel_clocks: float = 0.0, beat_clocks: float = 1.0
) -> int:
    """Return the clock cycles from the last beat of a frame to the last beat of its packets.

    Parameters
    ----------
    shape : SeriesShape
        Parameters of the front end.
    memory_latency : int
        Clock cycles from a read address to its data, and from the last data to the write response.
    pixel_clocks : float
        Clock cycles that the engines need per pixel; at least the beats of a packet.
    beat_clocks : float
        Clock cycles that the memory needs per beat.

    Returns
    -------
    int
        Exact for a memory that accepts enough bursts in advance and does not pause; otherwise a lower limit.

    See Also
    --------
    corner_turn_budget : Return memory, bandwidth and latency of a corner turn.

    Examples
    --------
    >>> corner_turn_latency(SeriesShape(n_gates=135, pixels=250_000), pixel_clocks=135)
    33751109
    """
    if pixel_clocks < 0 or beat_clocks < 1:
        raise InputError(
            f"pixel_clocks={pixel_clocks} must not be negative, and beat_clocks={beat_clocks} at least 1"
        )
    read = shape.tile_beats * beat_clocks
    per_pixel = max(pixel_clocks, shape.words)
    begin = WRITE_CLOCKS + shape.burst * beat_clocks + memory_latency
    # A tile is requested when the tile two before it was delivered: the tile buffer has room for two.
    done_before = done = begin - REQUEST_CLOCKS
    arrived = 0.0
    for tile in range(shape.tiles):
        arrived = max(done_before + REQUEST_CLOCKS + memory_latency + read, arrived + read)
        last = tile == shape.tiles - 1
        pixels = shape.last_tile_pixels if last else shape.tile_pixels
        done_before, done = done, max(done, arrived) + pixels * per_pixel
    return round(done) + MAP_CLOCKS * (shape.map_bits > 0)


def corner_turn_budget(
    shape: SeriesShape, memory: Memory, /, *, clock_mhz: float, engines: int = 1, engine_clocks: int = 0
) -> Budget:
    """Return memory, bandwidth and latency of a corner turn.

    Parameters
    ----------
    shape : SeriesShape
        Parameters of the front end.
    memory : Memory
        External memory. While a frame is read after its last gate, the next one is not yet written.
    clock_mhz : float
        Clock frequency, in MHz.
    engines : int
        Number of engines that share the packets.
    engine_clocks : int
        Clock cycles of an engine per pixel; 0 for ``n_gates``.

    See Also
    --------
    corner_turn_latency : Return the clock cycles from the last beat of a frame to the last of its packets.
    gate_sequential_budget : Return memory, bandwidth and latency of gate-sequential processing.
    """
    _check(clock_mhz, engines)
    data_bytes = shape.data_bits // 8
    written = shape.n_gates * shape.image_beats * data_bytes
    traffic = written + shape.frame_bytes
    per_pixel = max((engine_clocks or shape.n_gates) / engines, shape.words)
    beat_clocks = max(1.0, data_bytes * clock_mhz / memory.megabytes_per_s)
    latency = corner_turn_latency(
        shape, memory_latency=memory.latency_clocks, pixel_clocks=per_pixel, beat_clocks=beat_clocks
    )
    engines_s = shape.pixels * per_pixel / (clock_mhz * 1e6)
    return Budget(
        memory_bytes=2 * shape.frame_bytes,
        traffic_bytes=traffic,
        latency_s=latency / (clock_mhz * 1e6),
        frame_s=max(engines_s, traffic / (memory.megabytes_per_s * 1e6)),
    )


def gate_sequential_budget(
    *,
    n_gates: int,
    pixels: int,
    state_bits: int,
    memory: Memory,
    clock_mhz: float,
    engines: int = 1,
    has_decoder: bool = False,
) -> Budget:
    """Return memory, bandwidth and latency of gate-sequential processing.

    The state of every pixel is in external memory. It is read, advanced by one encoder step and written when
    a gate arrives. After the last gate, a direct network needs the head only; a network with a decoder needs
    ``n_gates`` more steps per pixel.

    Parameters
    ----------
    n_gates, pixels : int
        Dimensions of a frame.
    state_bits : int
        Width of the state of a pixel. It is stored in whole bytes.
    memory : Memory
        External memory.
    clock_mhz : float
        Clock frequency, in MHz.
    engines : int
        Number of encoder kernels; each advances one pixel by one gate per clock cycle.
    has_decoder : bool
        Whether the network has a decoder.

    See Also
    --------
    corner_turn_budget : Return memory, bandwidth and latency of a corner turn.
    seq2seqlite.cpu.gate_sequential.GateSequential : The same on the CPU.

    Examples
    --------
    >>> found = gate_sequential_budget(
    ...     n_gates=135, pixels=250_000, state_bits=256, memory=Memory(9000), clock_mhz=200, engines=9
    ... )
    >>> found.memory_bytes, found.traffic_bytes
    (10000000, 2430000000)
    """
    _check(clock_mhz, engines)
    state_bytes = -(-state_bits // 8)
    gate_bytes = pixels * (2 * state_bytes + NORMALISATION_BYTES)
    hertz = clock_mhz * 1e6
    gate_s = max(gate_bytes / (memory.megabytes_per_s * 1e6), pixels / engines / hertz)
    decoder_s = has_decoder * pixels * n_gates / engines / hertz
    return Budget(
        memory_bytes=pixels * (state_bytes + NORMALISATION_BYTES),
        traffic_bytes=n_gates * gate_bytes,
        latency_s=max(gate_s, decoder_s) + memory.latency_clocks / hertz,
        frame_s=max(n_gates * gate_s, decoder_s),
    )


def _check(clock_mhz: float, engines: int) -> None:
    if clock_mhz <= 0 or engines < 1:
        raise InputError(f"clock_mhz={clock_mhz} must be above 0, and engines={engines} at least 1")
