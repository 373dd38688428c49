"""Top level of the photon-event front end, with the ports of docs/spec/front-ends.md."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib.wiring import Component, In, Member, connect

from seq2seqlite.hardware.frontends.csr import FrontEndRegisters
from seq2seqlite.hardware.frontends.gate_series import bus_ports
from seq2seqlite.hardware.frontends.histogrammer import Histogrammer
from seq2seqlite.hardware.frontends.parameters import EventsShape
from seq2seqlite.hardware.frontends.record_decoder import RecordDecoder
from seq2seqlite.hardware.frontends.response_map import add_output
from seq2seqlite.hardware.frontends.scanner import Scanner
from seq2seqlite.hardware.gateware.axi_lite import axi_lite, connect_ports
from seq2seqlite.hardware.gateware.clock_domain import add_domain
from seq2seqlite.hardware.gateware.register_slices import RegisterSlice
from seq2seqlite.hardware.wire.front_end_registers import (
    EVENT_REGISTERS,
    EVENTS_ID,
    VERSION,
    front_end_registers,
)

__all__ = ["PHOTON_EVENTS", "PhotonEvents", "events_ports"]

PHOTON_EVENTS = "seq2seqlite_photon_events"
"""Name of the module."""
RECORD_BITS = 32


def events_ports(shape: EventsShape, /) -> dict[str, Member]:
    """Return the ports of a photon-event front end by name."""
    return {**bus_ports(RECORD_BITS, shape.packet_bits, shape.map_bits), "s_axis_tlast": In(1)}


class PhotonEvents(Component):
    """Top-level module of the photon-event front end.

    Parameters
    ----------
    shape : EventsShape
        Parameters of the front end.

    Attributes
    ----------
    aclk, aresetn : Signal(1), in
        Clock, and synchronous active-low reset (low for at least two clock cycles).
    s_axis_tdata : Signal(32), in
        T3 records.
    s_axis_tvalid, s_axis_tready, s_axis_tlast : Signal(1), in, out, in
        AXI4-Stream handshake of the records. TLAST is ignored.
    m_axis_tdata : Signal(lanes * 16), out
        Packets of counts, one for each pixel: the input of the engine.
    m_axis_tvalid, m_axis_tready, m_axis_tlast : Signal(1), out, in, out
        AXI4-Stream handshake of the packets; TLAST on the last beat of a pixel.
    m_axis_tuser : Signal(16), out
        Index of the response of the pixel; only with a response map.
    s_axil_* : in, out
        AXI4-Lite subordinate of the CSRs; see :func:`~seq2seqlite.hardware.gateware.axi_lite.axi_lite`.
    """

    def __init__(self, shape: EventsShape) -> None:
        self.shape_ = shape
        super().__init__(events_ports(shape))

    def elaborate(self, platform: object) -> Module:
        """Connect the components in the order of the data flow."""
        m = Module()
        shape = self.shape_
        add_domain(m, self.aclk, self.aresetn)
        constants = {
            "ID": EVENTS_ID,
            "VERSION": VERSION,
            "SHAPE": shape.n_gates | shape.lanes << 16 | shape.micro_bits << 24,
            "IMAGE": shape.line_pixels | shape.lines << 16,
            **({"MAP_BITS": shape.map_bits} if shape.map_bits else {}),
        }
        wanted = front_end_registers(EVENT_REGISTERS, map_bits=shape.map_bits)
        m.submodules.registers = registers = FrontEndRegisters(wanted, constants)
        m.submodules.input = input_slice = RegisterSlice(RECORD_BITS)
        m.submodules.decoder = decoder = RecordDecoder(shape)
        m.submodules.scanner = scanner = Scanner(shape)
        m.submodules.histogrammer = histogrammer = Histogrammer(shape)
        connect_ports(m, self, registers, axi_lite(), prefix="s_axil_")
        connect(m, input_slice.o, decoder.i)
        connect(m, decoder.o, scanner.i)
        connect(m, scanner.o, histogrammer.i)
        masks = (scanner.line_start, scanner.line_stop, scanner.frame, scanner.pixel)
        m.d.comb += [
            input_slice.i.valid.eq(self.s_axis_tvalid),
            input_slice.i.payload.eq(self.s_axis_tdata),
            self.s_axis_tready.eq(input_slice.i.ready),
            decoder.channels.eq(registers.channels),
            decoder.table_write.eq(registers.table_data_write),
            decoder.table_index.eq(registers.table_index),
            decoder.table_data.eq(registers.table_data),
            scanner.pixel_syncs.eq(registers.pixel_syncs),
            *(mask.eq(registers.markers.word_select(index, 4)) for index, mask in enumerate(masks)),
        ]
        add_output(m, self, histogrammer.o, registers, shape)
        left = Signal(range(shape.pixels), init=shape.pixels - 1)
        pixel_ends = self.m_axis_tvalid & self.m_axis_tready & self.m_axis_tlast
        with m.If(pixel_ends):
            m.d.sync += left.eq(Mux(left == 0, shape.pixels - 1, left - 1))
        m.d.comb += registers.events.eq(
            Cat(
                scanner.counted,
                scanner.outside,
                pixel_ends,
                pixel_ends & (left == 0),
                scanner.missing,
                self.s_axis_tvalid & ~self.s_axis_tready,
            )
        )
        return m
