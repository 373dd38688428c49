"""Build plans of the front ends of cameras and photon counters."""

from amaranth.back import rtlil

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.design import Design, DesignOptions
from seq2seqlite.hardware.frontends.budget import corner_turn_latency
from seq2seqlite.hardware.frontends.front_end_core import FRONT_END_CORE, FrontEndCore
from seq2seqlite.hardware.frontends.gate_series import GATE_SERIES, GateSeries
from seq2seqlite.hardware.frontends.parameters import EventsShape, SeriesShape
from seq2seqlite.hardware.frontends.photon_events import PHOTON_EVENTS, PhotonEvents
from seq2seqlite.hardware.gateware.parameters import Shape
from seq2seqlite.hardware.plan import BuildPlan
from seq2seqlite.integer import COUNT_BITS

__all__ = ["core_latency", "front_end_core_plan", "front_end_plan", "input_plan"]


def front_end_plan(shape: SeriesShape | EventsShape, /) -> BuildPlan:
    """Return the build plan of a front end, whose only file is its Verilog.

    Parameters
    ----------
    shape : SeriesShape or EventsShape
        Parameters of the front end.

    Returns
    -------
    BuildPlan
        Plan of ``seq2seqlite_gate_series.v`` or ``seq2seqlite_photon_events.v``. No tool runs before it is
        executed.

    See Also
    --------
    front_end_core_plan : Return the build plan of a front end and the engines behind it.
    seq2seqlite.hardware.frontends.parameters.SeriesShape : Parameters of a gate-series front end.
    seq2seqlite.hardware.frontends.parameters.EventsShape : Parameters of a photon-event front end.
    """
    if isinstance(shape, SeriesShape):
        name, component = GATE_SERIES, GateSeries(shape)
    else:
        name, component = PHOTON_EVENTS, PhotonEvents(shape)
    return BuildPlan({f"{name}.il": rtlil.convert(component, name=name, emit_src=False)})


def front_end_core_plan(design: Design, shape: SeriesShape | EventsShape, /) -> BuildPlan:
    """Return the build plan of a front end and the engines behind it, as one core.

    Parameters
    ----------
    design : Design
        Engines.
    shape : SeriesShape or EventsShape
        Parameters of the front end, with the gates and lanes of the engines.

    Returns
    -------
    BuildPlan
        Plan of the files of the design, of the front end, and of ``seq2seqlite_front_end_core.v``, the top
        module. No tool runs before it is executed.

    Raises
    ------
    InputError
        If front end and engines have different gates or lanes, the engines have counts of 8 bits, or the
        front end has a response map and the engines have no responses.

    See Also
    --------
    front_end_plan : Return the build plan of a front end, whose only file is its Verilog.
    seq2seqlite.hardware.design.make_design : Build a design.
    """
    engines = design.plan()
    return BuildPlan(
        {**engines.files, **input_plan(shape, design.shape, design.options).files}, kept=engines.kept
    )


def input_plan(shape: SeriesShape | EventsShape, engine: Shape, options: DesignOptions, /) -> BuildPlan:
    """Return the build plan of a front end and of the core, without the files of the engines.

    Parameters
    ----------
    shape : SeriesShape or EventsShape
        Parameters of the front end.
    engine : Shape
        Parameters of an engine.
    options : DesignOptions
        Options of the design.

    Raises
    ------
    InputError
        As for :func:`front_end_core_plan`.

    See Also
    --------
    front_end_core_plan : Return the build plan of a front end and the engines behind it.
    """
    for name in ("n_gates", "lanes"):
        wanted, found = getattr(engine, name), getattr(shape, name)
        if found != wanted:
            raise InputError(f"{name}={found} of the front end must be {wanted}, as the engines have")
    if engine.count_bits != COUNT_BITS:
        raise InputError(
            f"count_bits={engine.count_bits} of the engines must be {COUNT_BITS}, the width of the "
            "counts of a front end"
        )
    if engine.sequence_numbers:
        raise InputError(
            "sequence_numbers=True of the engines must be False; no packet of a front end is lost on the way"
        )
    if shape.map_bits and not engine.responses:
        raise InputError(
            f"map_bits={shape.map_bits} of the front end must be 0, because program {engine.program.name} "
            "does not use a response"
        )
    core = FrontEndCore(shape, engine, options.result_width)
    files = {f"{FRONT_END_CORE}.il": rtlil.convert(core, name=FRONT_END_CORE, emit_src=False)}
    return BuildPlan({**front_end_plan(shape).files, **files})


def core_latency(
    design: Design, shape: SeriesShape, /, *, memory_latency: int = 0, beat_clocks: float = 1.0
) -> int:
    """Return an upper limit of the clock cycles from the last beat of a frame to its last result.

    Parameters
    ----------
    design : Design
        Engines.
    shape : SeriesShape
        Parameters of the front end.
    memory_latency, beat_clocks : int, float
        Latency of the memory, and clock cycles per beat, in clock cycles; see
        :func:`~seq2seqlite.hardware.frontends.budget.corner_turn_latency`.

    Returns
    -------
    int
        The corner turn with engines that accept a pixel every ``design.clocks_per_pixel``, one batch of an
        engine, and the delivery of its results one after another. A memory that pauses can exceed it.

    See Also
    --------
    seq2seqlite.hardware.frontends.budget.corner_turn_latency :
        Return the clock cycles from the last beat of a frame to the last beat of its packets.
    """
    turned = corner_turn_latency(
        shape,
        memory_latency=memory_latency,
        pixel_clocks=design.clocks_per_pixel,
        beat_clocks=beat_clocks,
    )
    return turned + design.latency_clocks + design.shape.slots * design.shape.n_gates
