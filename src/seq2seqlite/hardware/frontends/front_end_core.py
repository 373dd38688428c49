"""Front end and engines as one core, with the ports of docs/spec/front-ends.md."""

from collections.abc import Mapping
from typing import TypeVar

from amaranth.hdl import Const, Instance, Module, Signal, Value
from amaranth.lib.wiring import Component, Member, Out

from seq2seqlite.hardware.frontends.gate_series import GATE_SERIES, series_ports
from seq2seqlite.hardware.frontends.parameters import EventsShape, SeriesShape
from seq2seqlite.hardware.frontends.photon_events import PHOTON_EVENTS, events_ports
from seq2seqlite.hardware.gateware.axi_lite import ADDRESS_BITS, axi_lite, connect_ports
from seq2seqlite.hardware.gateware.axi_lite_decoder import AxiLiteDecoder
from seq2seqlite.hardware.gateware.clock_domain import add_domain
from seq2seqlite.hardware.gateware.parameters import TOP, USER_BITS, Shape
from seq2seqlite.hardware.gateware.top import IRQ, top_ports

__all__ = ["FRONT_END_CORE", "FrontEndCore", "core_ports"]

FRONT_END_CORE = "seq2seqlite_front_end_core"
"""Name of the module."""
REGISTERS = axi_lite(address_bits=ADDRESS_BITS + 1)
RESULTS, CSRS = "m_axis_", "s_axil_"

T = TypeVar("T")


def core_ports(front_end: SeriesShape | EventsShape, shape: Shape, result_width: int, /) -> dict[str, Member]:
    """Return the ports of a core by name."""
    input_ports = series_ports(front_end) if isinstance(front_end, SeriesShape) else events_ports(front_end)
    inputs = {name: port for name, port in input_ports.items() if not name.startswith(RESULTS)}
    engine_ports = top_ports(shape, result_width)
    results = {name: port for name, port in engine_ports.items() if name.startswith((RESULTS, IRQ))}
    return {**inputs, **results, **_named(CSRS, REGISTERS)}


class FrontEndCore(Component):
    """Core of a front end and the engines behind it: images or photon events in, results out.

    The CSRs of the engines are at the addresses from 0, those of the front end from 256. Without a response
    map in the front end, direct programs use the response ``RESPONSE_BASE`` for all pixels.

    Parameters
    ----------
    front_end : SeriesShape or EventsShape
        Parameters of the front end, with the gates and lanes of the engine.
    shape : Shape
        Parameters of an engine.
    result_width : int
        Width of an output beat.

    Attributes
    ----------
    aclk, aresetn : Signal(1), in
        Clock, and synchronous active-low reset (low for at least two clock cycles).
    s_axis_* : in, out
        AXI4-Stream of the front end.
    m_axis_* : out, in
        AXI4-Stream of the results.
    m_axi_* : out, in
        AXI4 manager of the frame buffers; only with a gate-series front end.
    s_axil_* : in, out
        AXI4-Lite subordinate with 9 address bits.
    irq : Signal(1), out
        Interrupt of the engines.
    """

    def __init__(self, front_end: SeriesShape | EventsShape, shape: Shape, result_width: int) -> None:
        if isinstance(front_end, SeriesShape):
            self.front_end, self.input_ports = GATE_SERIES, series_ports(front_end)
        else:
            self.front_end, self.input_ports = PHOTON_EVENTS, events_ports(front_end)
        self.engines, self.engine_ports = shape.prefix + TOP, top_ports(shape, result_width)
        super().__init__(core_ports(front_end, shape, result_width))

    def elaborate(self, platform: object) -> Module:
        """Instantiate front end and engines, and connect the packets between them."""
        m = Module()
        add_domain(m, self.aclk, self.aresetn)
        m.submodules.decoder = decoder = AxiLiteDecoder(2)
        connect_ports(m, self, decoder, REGISTERS, prefix=CSRS)
        to_engines, to_front_end = ({name: getattr(bus, name) for name in axi_lite()} for bus in decoder.to)
        packets = {
            name.removeprefix(RESULTS): Signal(port.shape, name=name.replace("m_axis", "packets"))
            for name, port in self.input_ports.items()
            if name.startswith(RESULTS)
        }
        inside = _named(RESULTS, packets) | _named(CSRS, to_front_end)
        m.submodules.front_end = self._instance(self.front_end, self.input_ports, inside)
        inside = _named("s_axis_", {"tuser": Const(0, USER_BITS), **packets}) | _named(CSRS, to_engines)
        m.submodules.engines = self._instance(self.engines, self.engine_ports, inside)
        return m

    def _instance(self, module: str, ports: Mapping[str, Member], inside: Mapping[str, Value]) -> Instance:
        """Return an instance with connections inside the core; its other ports are those of the core."""
        return Instance(
            module,
            **{
                f"{'o' if port.flow is Out else 'i'}_{name}": inside.get(name, getattr(self, name, None))
                for name, port in ports.items()
            },
        )


def _named(prefix: str, values: Mapping[str, T]) -> dict[str, T]:
    return {f"{prefix}{name}": value for name, value in values.items()}
