"""Build plans of board cores: a design, with or without a front end, and its link to a computer."""

from amaranth.back import rtlil

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.design import Design, DesignOptions
from seq2seqlite.hardware.front_ends import input_plan
from seq2seqlite.hardware.frontends.parameters import SeriesShape
from seq2seqlite.hardware.gateware.parameters import Shape
from seq2seqlite.hardware.link.board_core import BOARD_CORE, BoardCore
from seq2seqlite.hardware.link.camera_core import CAMERA_CORE, CameraCore
from seq2seqlite.hardware.plan import BuildPlan
from seq2seqlite.hardware.wire.link_packets import HEADER_WORDS, PACKET_WORDS, max_pixels

__all__ = [
    "BOARD_CORE",
    "CAMERA_CORE",
    "board_core_plan",
    "camera_core_plan",
    "camera_link_plan",
    "link_plan",
]

CAMERA_WIDTHS = (8, 16, 32)
"""Widths of a word of the camera, in bits."""


def board_core_plan(design: Design, /) -> BuildPlan:
    """Return the build plan of a design and its link, as one core.

    Parameters
    ----------
    design : Design
        Design that delivers lifetimes.

    Returns
    -------
    BuildPlan
        Plan of the files of the design, and of ``seq2seqlite_board_core.v``, the top module, whose name
        has the prefix of the design. No tool runs before it is executed.

    Raises
    ------
    InputError
        If the design delivers raw SFDs, or a pixel does not fit a packet.

    See Also
    --------
    link_plan : Return the build plan of the link of a project.
    seq2seqlite.hardware.wire.link_packets.packet : Packets of the link.
    """
    parts = design.plan(), link_plan(design.shape, design.options)
    return BuildPlan({name: text for part in parts for name, text in part.files.items()}, kept=parts[0].kept)


def link_plan(shape: Shape, options: DesignOptions, /) -> BuildPlan:
    """Return the build plan of the top module of a board core, without the files of the design.

    Parameters
    ----------
    shape : Shape
        Parameters of an engine.
    options : DesignOptions
        Options of the design.

    Raises
    ------
    InputError
        If the design delivers raw SFDs, or a pixel does not fit a packet.

    See Also
    --------
    board_core_plan : Return the build plan of a design and its link.
    """
    _check_output(options)
    if shape.sequence_numbers:
        raise InputError(
            "sequence_numbers=True of a design with a link must be False; the link repeats lost packets"
        )
    has_user = bool(shape.user_bits)
    if not max_pixels(shape.n_gates, shape.count_bits, has_user=has_user, record_bits=shape.record_bits):
        most = (PACKET_WORDS - HEADER_WORDS - has_user) * 32 // shape.count_bits
        raise InputError(
            f"n_gates={shape.n_gates} of program {shape.program.name} must be at most {most}, so that a "
            "pixel fits a packet of the link"
        )
    core = BoardCore(shape, options.engines, options.result_width)
    top = options.prefix + BOARD_CORE
    return BuildPlan({f"{BOARD_CORE}.il": rtlil.convert(core, name=top, emit_src=False)})


def camera_core_plan(design: Design, series: SeriesShape, /, *, port_bits: int) -> BuildPlan:
    """Return the build plan of a front end for a camera, a design and its link, as one core.

    Parameters
    ----------
    design : Design
        Design that delivers lifetimes.
    series : SeriesShape
        Parameters of the front end, with the gates and lanes of the design.
    port_bits : int
        Width of a word of the camera.

    Returns
    -------
    BuildPlan
        Plan of the files of the design, of the front end, and of ``seq2seqlite_camera_core.v``, the top
        module.

    Raises
    ------
    InputError
        If the design delivers raw SFDs or has a prefix, the front end does not fit the design, or
        ``port_bits`` is not 8, 16 or 32, or wider than a beat of the front end.

    See Also
    --------
    board_core_plan : The same without a front end.
    """
    parts = design.plan(), camera_link_plan(series, design.shape, design.options, port_bits=port_bits)
    return BuildPlan({name: text for part in parts for name, text in part.files.items()}, kept=parts[0].kept)


def camera_link_plan(
    series: SeriesShape, shape: Shape, options: DesignOptions, /, *, port_bits: int
) -> BuildPlan:
    """Return the build plan of a core with a front end, without the files of the design.

    Parameters
    ----------
    series : SeriesShape
        Parameters of the front end.
    shape : Shape
        Parameters of an engine.
    options : DesignOptions
        Options of the design.
    port_bits : int
        Width of a word of the camera.

    Raises
    ------
    InputError
        As for :func:`camera_core_plan`.

    See Also
    --------
    camera_core_plan : Return the build plan of the whole core.
    """
    _check_output(options)
    if options.prefix:
        raise InputError(f"prefix={options.prefix!r} of a design with a front end must be empty")
    if port_bits not in CAMERA_WIDTHS or series.input_bits % port_bits:
        widths = [str(bits) for bits in CAMERA_WIDTHS if not series.input_bits % bits]
        raise InputError(f"port_bits={port_bits} must be one of {', '.join(widths)}")
    core = CameraCore(series, shape, options.engines, options.result_width, port_bits)
    top = {f"{CAMERA_CORE}.il": rtlil.convert(core, name=CAMERA_CORE, emit_src=False)}
    return BuildPlan({**input_plan(series, shape, options).files, **top})


def _check_output(options: DesignOptions) -> None:
    if options.output != "lifetimes":
        raise InputError(f"output={options.output!r} of a design with a link must be 'lifetimes'")
