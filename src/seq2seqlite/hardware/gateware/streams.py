"""Streams between the parts, a register slice that cuts every path across one, and a queue."""

from typing import Any

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import data, stream
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import Component, In, Out

__all__ = ["RegisterSlice", "RegisteredFifo", "beat", "result_beat"]


def beat(bits: int, /) -> data.StructLayout:
    """Return the payload of a beat in: data and last."""
    return data.StructLayout({"data": bits, "last": 1})


def result_beat(bits: int, /) -> data.StructLayout:
    """Return the payload of a beat out: data, last of a frame, last of a pixel."""
    return data.StructLayout({"data": bits, "last": 1, "ends": 1})


class RegisterSlice(Component):
    """Two registers for beats: no path from either side to the other, and a beat a clock.

    ``forget`` drops what waits behind the beat that is offered.

    Parameters
    ----------
    payload : shape
        What a beat is.
    """

    def __init__(self, payload: Any) -> None:
        self.payload = payload
        super().__init__(
            {"i": In(stream.Signature(payload)), "o": Out(stream.Signature(payload)), "forget": In(1)}
        )

    def elaborate(self, platform: object) -> Module:
        """Return the slice."""
        m = Module()
        spare, waits = Signal(self.payload, reset_less=True), Signal()
        held, full = Signal(self.payload, reset_less=True), Signal()
        kept = waits & ~self.forget
        m.d.comb += [self.i.ready.eq(~waits), self.o.valid.eq(full), self.o.payload.eq(held)]
        with m.If(self.o.ready | ~full):
            m.d.sync += [full.eq((self.i.valid & ~waits) | kept), waits.eq(0)]
            with m.If(waits):
                m.d.sync += held.eq(spare)
            with m.Else():
                m.d.sync += held.eq(self.i.payload)
        with m.Elif(self.i.valid & self.i.ready):
            m.d.sync += [spare.eq(self.i.payload), waits.eq(1)]
        with m.Elif(self.forget):
            m.d.sync += waits.eq(0)
        return m


class RegisteredFifo(Component):
    """A queue in a block memory whose output is a register: such memories are slow.

    Whoever writes knows that there is room.

    Parameters
    ----------
    payload : shape
        What an entry is.
    depth : int
        Entries that fit.
    paused : bool
        Whether a clock lies between two entries that leave; then nothing waits for who takes them.
    """

    def __init__(self, payload: Any, depth: int, *, paused: bool = True) -> None:
        self.payload, self.depth, self.paused = payload, depth, paused
        super().__init__({"write": In(1), "i": In(payload), "o": Out(stream.Signature(payload))})

    def elaborate(self, platform: object) -> Module:
        """Return the memory and the register behind it, which is loaded when it is empty."""
        m = Module()
        width = Value.cast(self.i).shape().width
        m.submodules.queue = queue = SyncFIFOBuffered(width=width, depth=self.depth)
        full, held = Signal(), Signal(width, reset_less=True)
        loads = ~full if self.paused else ~full | self.o.ready
        m.d.comb += [
            queue.w_en.eq(self.write),
            queue.w_data.eq(self.i),
            queue.r_en.eq(loads),
            self.o.valid.eq(full),
            Value.cast(self.o.payload).eq(held),
        ]
        with m.If(loads):
            m.d.sync += [held.eq(queue.r_data), full.eq(queue.r_rdy)]
        with m.Elif(self.o.ready):
            m.d.sync += full.eq(0)
        return m
