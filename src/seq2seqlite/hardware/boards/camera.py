"""Core of a board system with a front end for a camera."""

from seq2seqlite.hardware.board_core import CAMERA_CORE, camera_core_plan
from seq2seqlite.hardware.boards.front_end import PORT_BITS
from seq2seqlite.hardware.boards.project import Core
from seq2seqlite.hardware.design import Design
from seq2seqlite.hardware.frontends.gate_series import GATE_SERIES
from seq2seqlite.hardware.frontends.parameters import SeriesShape

__all__ = ["camera_core"]


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
    seq2seqlite.hardware.boards.front_end.camera_series : Front end of a board.
    """
    return Core(
        design.program,
        camera_core_plan(design, series, port_bits=PORT_BITS),
        CAMERA_CORE,
        f"{CAMERA_CORE}.link",
        (GATE_SERIES, f"{CAMERA_CORE}.camera", f"{CAMERA_CORE}.gate"),
        {"frame_pixels": series.pixels, "pixel_bits": 1 if series.frame_bits else series.count_bits},
    )
