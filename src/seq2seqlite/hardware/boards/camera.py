"""Front end of a board system for a camera, and its core."""

from typing import Literal

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.board_core import CAMERA_CORE, camera_core_plan
from seq2seqlite.hardware.boards.project import Core
from seq2seqlite.hardware.boards.sdram import ADDRESS_BITS, DATA_BITS
from seq2seqlite.hardware.design import Design
from seq2seqlite.hardware.frontends.gate_series import GATE_SERIES
from seq2seqlite.hardware.frontends.parameters import SeriesShape
from seq2seqlite.hardware.wire.front_end_registers import second_base

__all__ = ["CAMERA_BITS", "PIXEL_BITS", "camera_core", "camera_series"]

CAMERA_BITS = 16
"""Width of a word of the camera at the pins of a board."""
PIXEL_BITS = (1, 8, 16)
"""Supported widths of a pixel of the camera."""
TILE_PIXELS = 64
"""Pixels of a burst: few enough for the tile buffer in block memory."""


def camera_series(
    n_gates: int, lanes: int, /, *, pixels: int, pixel_bits: Literal[1, 8, 16], map_bits: int = 0
) -> SeriesShape:
    """Return the front end of a board with an SDR SDRAM of 32 MiB.

    Parameters
    ----------
    n_gates, lanes : int
        Those of the design.
    pixels : int
        Pixels of an image.
    pixel_bits : int
        Width of a pixel of the camera: 1 (one-bit frames, summed to counts of 8 bits), 8 or 16.
    map_bits : int
        Width of an index of the response map.

    Raises
    ------
    InputError
        If the frames exceed the memory.

    See Also
    --------
    camera_core : Core of a board system with this front end.
    """
    count_bits: Literal[8, 16] = 16 if pixel_bits == 16 else 8
    if 2 * second_base(n_gates=n_gates, pixels=pixels, count_bits=count_bits) > 1 << ADDRESS_BITS:
        raise InputError(
            f"two frames of {pixels} pixels with {n_gates} gates of {count_bits} bits exceed the memory of "
            f"{1 << ADDRESS_BITS >> 20} MiB; use a smaller image or fewer gates"
        )
    return SeriesShape(
        n_gates,
        pixels,
        lanes=lanes,
        count_bits=count_bits,
        data_bits=DATA_BITS,
        tile_pixels=TILE_PIXELS,
        frame_bits=CAMERA_BITS if pixel_bits == 1 else 0,
        address_bits=ADDRESS_BITS,
        map_bits=map_bits,
    )


def camera_core(design: Design, series: SeriesShape, /) -> Core:
    """Return the core of a board system with a front end.

    Parameters
    ----------
    design : Design
        Design that delivers lifetimes.
    series : SeriesShape
        Front end, with the gates and lanes of the design.

    Raises
    ------
    InputError
        If the front end does not fit the design.

    See Also
    --------
    camera_series : Front end of a board.
    """
    return Core(
        design.program,
        camera_core_plan(design, series, camera_bits=CAMERA_BITS),
        CAMERA_CORE,
        f"{CAMERA_CORE}.link",
        (GATE_SERIES, f"{CAMERA_CORE}.camera", f"{CAMERA_CORE}.gate"),
        {"frame_pixels": series.pixels, "pixel_bits": 1 if series.frame_bits else series.count_bits},
    )
