"""Build plans of the front ends of cameras and photon counters."""

from amaranth.back import rtlil

from seq2seqlite.hardware.frontends.gate_series import GATE_SERIES, GateSeries
from seq2seqlite.hardware.frontends.parameters import EventsShape, SeriesShape
from seq2seqlite.hardware.frontends.photon_events import PHOTON_EVENTS, PhotonEvents
from seq2seqlite.hardware.plan import BuildPlan

__all__ = ["front_end_plan"]


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
    seq2seqlite.hardware.frontends.parameters.SeriesShape : Parameters of a gate-series front end.
    seq2seqlite.hardware.frontends.parameters.EventsShape : Parameters of a photon-event front end.
    """
    if isinstance(shape, SeriesShape):
        name, component = GATE_SERIES, GateSeries(shape)
    else:
        name, component = PHOTON_EVENTS, PhotonEvents(shape)
    return BuildPlan({f"{name}.il": rtlil.convert(component, name=name, emit_src=False)})
