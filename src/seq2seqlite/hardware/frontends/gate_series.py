"""Top level of the gate-series front end, with the ports of docs/spec/front-ends.md."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib.wiring import Component, In, Member, Out, connect

from seq2seqlite.hardware.frontends.axi import axi_manager
from seq2seqlite.hardware.frontends.bit_summer import BitSummer
from seq2seqlite.hardware.frontends.corner_turn import CornerTurn
from seq2seqlite.hardware.frontends.correction import Correction
from seq2seqlite.hardware.frontends.csr import FrontEndRegisters
from seq2seqlite.hardware.frontends.frame_tracker import image_beat
from seq2seqlite.hardware.frontends.parameters import SeriesShape
from seq2seqlite.hardware.frontends.response_map import add_output
from seq2seqlite.hardware.gateware.axi_lite import axi_lite, connect_ports
from seq2seqlite.hardware.gateware.clock_domain import add_domain
from seq2seqlite.hardware.gateware.parameters import USER_BITS
from seq2seqlite.hardware.gateware.register_slices import RegisterSlice
from seq2seqlite.hardware.wire.front_end_registers import (
    SERIES_ID,
    SERIES_REGISTERS,
    VERSION,
    front_end_registers,
)
from seq2seqlite.integer import COUNT_BITS

__all__ = ["GATE_SERIES", "GateSeries", "bus_ports", "series_ports"]

GATE_SERIES = "seq2seqlite_gate_series"
"""Name of the module."""


def bus_ports(input_bits: int, output_bits: int, map_bits: int, /) -> dict[str, Member]:
    """Return the ports that all front ends have: clock, reset, input, packets, AXI4-Lite."""
    return {
        "aclk": In(1),
        "aresetn": In(1),
        "s_axis_tdata": In(input_bits),
        "s_axis_tvalid": In(1),
        "s_axis_tready": Out(1),
        "m_axis_tdata": Out(output_bits),
        "m_axis_tvalid": Out(1),
        "m_axis_tready": In(1),
        "m_axis_tlast": Out(1),
        **({"m_axis_tuser": Out(USER_BITS)} if map_bits else {}),
        **{f"s_axil_{name}": member for name, member in axi_lite().items()},
    }


def series_ports(shape: SeriesShape, /) -> dict[str, Member]:
    """Return the ports of a gate-series front end by name."""
    memory = axi_manager(address_bits=shape.address_bits, data_bits=shape.data_bits)
    return {
        **bus_ports(shape.input_bits, shape.lanes * COUNT_BITS, shape.map_bits),
        "s_axis_tlast": In(1),
        "s_axis_tuser": In(1),
        **{f"m_axi_{name}": member for name, member in memory.items()},
    }


class GateSeries(Component):
    """Top-level module of the gate-series front end.

    Parameters
    ----------
    shape : SeriesShape
        Parameters of the front end.

    Attributes
    ----------
    aclk, aresetn : Signal(1), in
        Clock, and synchronous active-low reset (low for at least two clock cycles).
    s_axis_tdata : Signal(input_bits), in
        Counts or one-bit pixels, the first pixel in the lowest bits.
    s_axis_tvalid, s_axis_tready, s_axis_tlast, s_axis_tuser : Signal(1), in, out, in, in
        AXI4-Stream handshake of the camera. TLAST on the last beat of an image, TUSER on the first beat of a
        frame. TREADY is high except during a reset, unless ``CONTROL`` enables back-pressure.
    m_axis_tdata : Signal(lanes * 16), out
        Packets of counts, one for each pixel: the input of the engine.
    m_axis_tvalid, m_axis_tready, m_axis_tlast : Signal(1), out, in, out
        AXI4-Stream handshake of the packets; TLAST on the last beat of a pixel.
    m_axis_tuser : Signal(16), out
        Index of the response of the pixel; only with a response map.
    m_axi_* : out, in
        AXI4 manager of the frame buffers; see :func:`~seq2seqlite.hardware.frontends.axi.axi_manager`.
    s_axil_* : in, out
        AXI4-Lite subordinate of the CSRs; see :func:`~seq2seqlite.hardware.gateware.axi_lite.axi_lite`.
    """

    def __init__(self, shape: SeriesShape) -> None:
        self.shape_ = shape
        super().__init__(series_ports(shape))

    def elaborate(self, platform: object) -> Module:
        """Connect the components in the order of the data flow."""
        m = Module()
        shape = self.shape_
        add_domain(m, self.aclk, self.aresetn)
        constants = {
            "ID": SERIES_ID,
            "VERSION": VERSION,
            "SHAPE": shape.n_gates | shape.lanes << 16 | shape.count_bits << 24,
            "PIXELS": shape.pixels,
            **({"MAP_BITS": shape.map_bits} if shape.map_bits else {}),
        }
        wanted = front_end_registers(SERIES_REGISTERS, map_bits=shape.map_bits)
        m.submodules.registers = registers = FrontEndRegisters(wanted, constants)
        m.submodules.input = input_slice = RegisterSlice(image_beat(shape.input_bits))
        m.submodules.corner_turn = corner_turn = CornerTurn(shape)
        m.submodules.correction = correction = Correction(shape)
        connect_ports(m, self, registers, axi_lite(), prefix="s_axil_")
        memory = axi_manager(address_bits=shape.address_bits, data_bits=shape.data_bits)
        connect_ports(m, self, corner_turn, memory, prefix="m_axi_")
        use_table, wait = registers.control
        m.d.comb += [
            input_slice.i.valid.eq(self.s_axis_tvalid),
            input_slice.i.payload.data.eq(self.s_axis_tdata),
            input_slice.i.payload.first.eq(self.s_axis_tuser),
            input_slice.i.payload.last.eq(self.s_axis_tlast),
            self.s_axis_tready.eq(input_slice.i.ready),
            corner_turn.base.eq(Cat(registers.base0[: shape.address_bits], registers.base1)),
            corner_turn.wait.eq(wait),
            correction.use_table.eq(use_table),
            correction.dark_level.eq(registers.dark_level),
            correction.table_write.eq(registers.table_data_write),
            correction.table_index.eq(registers.table_index),
            correction.table_data.eq(registers.table_data),
            correction.mask_write.eq(registers.mask_data_write),
            correction.mask_index.eq(registers.mask_index),
            correction.mask_data.eq(registers.mask_data),
        ]
        connect(m, corner_turn.o, correction.i)
        add_output(m, self, correction.o, registers, shape)
        dropped, malformed = corner_turn.dropped, corner_turn.malformed
        started = corner_turn.started
        if shape.frame_bits:
            m.submodules.summer = summer = BitSummer(shape)
            connect(m, input_slice.o, summer.i)
            connect(m, summer.o, corner_turn.i)
            m.d.comb += [
                summer.frames.eq(registers.frames_per_gate),
                summer.wait.eq(wait),
                corner_turn.abandon.eq(summer.abandon),
            ]
            dropped, malformed = dropped | summer.dropped, malformed | summer.malformed
            started = Signal()
            m.d.sync += started.eq(summer.i.valid & summer.i.ready & summer.i.payload.first)
        else:
            connect(m, input_slice.o, corner_turn.i)
        m.d.comb += registers.events.eq(
            Cat(started, corner_turn.delivered, dropped, malformed, corner_turn.error)
        )
        return m
