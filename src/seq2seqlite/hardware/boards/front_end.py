"""Front end of a board for a camera, with the memory of the board."""

from typing import Literal

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.boards.board import SDR, BoardMemory
from seq2seqlite.hardware.frontends.parameters import SeriesShape
from seq2seqlite.hardware.wire.front_end_registers import second_base

__all__ = ["PORT_BITS", "camera_series"]

PORT_BITS = 16
"""Width of a word of the camera at the pins of a board."""
TILE_PIXELS = 64
"""Pixels of a burst: few enough for the tile buffer in block memory."""


def camera_series(
    n_gates: int,
    lanes: int,
    /,
    *,
    pixels: int,
    pixel_bits: Literal[1, 8, 16],
    memory: BoardMemory = SDR,
    map_bits: int = 0,
) -> SeriesShape:
    """Return the front end of a board with a memory.

    Parameters
    ----------
    n_gates, lanes : int
        Those of the design.
    pixels : int
        Pixels of an image.
    pixel_bits : int
        Width of a pixel of the camera: 1 (one-bit frames, summed to counts of 8 bits), 8 or 16.
    memory : BoardMemory
        Memory of the board.
    map_bits : int
        Width of an index of the response map.

    Raises
    ------
    InputError
        If the frames exceed the memory.

    See Also
    --------
    seq2seqlite.hardware.boards.camera.camera_core : Core of a board system with this front end.
    """
    count_bits: Literal[8, 16] = 16 if pixel_bits == 16 else 8
    if 2 * second_base(n_gates=n_gates, pixels=pixels, count_bits=count_bits) > memory.size_bytes:
        raise InputError(
            f"two frames of {pixels} pixels with {n_gates} gates of {count_bits} bits exceed the memory of "
            f"{memory.size_bytes >> 20} MiB; use a smaller image or fewer gates"
        )
    return SeriesShape(
        n_gates,
        pixels,
        lanes=lanes,
        count_bits=count_bits,
        data_bits=memory.data_bits,
        tile_pixels=TILE_PIXELS,
        frame_bits=PORT_BITS if pixel_bits == 1 else 0,
        address_bits=memory.address_bits,
        map_bits=map_bits,
    )
