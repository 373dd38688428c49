"""Streams between the parts, and a register slice that cuts every path across one."""

from typing import Any

from amaranth.hdl import Module, Signal
from amaranth.lib import data, stream
from amaranth.lib.wiring import Component, In, Out

__all__ = ["RegisterSlice", "beat"]


def beat(bits: int, /) -> data.StructLayout:
    """Return the payload of an AXI4-Stream beat: data and last."""
    return data.StructLayout({"data": bits, "last": 1})


class RegisterSlice(Component):
    """Two registers for beats: no path from either side to the other, and a beat a clock.

    Parameters
    ----------
    payload : shape
        What a beat is.
    """

    def __init__(self, payload: Any) -> None:
        self.payload = payload
        super().__init__({"i": In(stream.Signature(payload)), "o": Out(stream.Signature(payload))})

    def elaborate(self, platform: object) -> Module:
        """Return the slice."""
        m = Module()
        spare, spare_full = Signal(self.payload), Signal()
        held, full = Signal(self.payload), Signal()
        m.d.comb += [self.i.ready.eq(~spare_full), self.o.valid.eq(full), self.o.payload.eq(held)]
        with m.If(self.o.ready | ~full):
            m.d.sync += [full.eq(self.i.valid | spare_full), spare_full.eq(0)]
            with m.If(spare_full):
                m.d.sync += held.eq(spare)
            with m.Else():
                m.d.sync += held.eq(self.i.payload)
        with m.Elif(self.i.valid & self.i.ready):
            m.d.sync += [spare.eq(self.i.payload), spare_full.eq(1)]
        return m
