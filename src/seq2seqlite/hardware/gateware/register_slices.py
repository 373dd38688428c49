"""Streams between the parts, a register slice that cuts every path across one, and a queue."""

from typing import Any

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import data, stream
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import Component, In, Out

__all__ = ["AlternatingSlice", "RegisterSlice", "RegisteredFifo", "beat", "result_beat"]


def beat(bits: int, /) -> data.StructLayout:
    """Return the payload of a beat in: data and last."""
    return data.StructLayout({"data": bits, "last": 1})


def result_beat(bits: int, /) -> data.StructLayout:
    """Return the payload of a beat out: data, last of a frame, last of a pixel."""
    return data.StructLayout({"data": bits, "last": 1, "ends": 1})


class RegisterSlice(Component):
    """Two registers for beats: no path from either side to the other, and a beat a clock.

    ``forget`` drops what waits behind the beat that is offered. In a reset nothing is taken: ``ready`` is
    low, as a reset inside the design ends some clocks after the one of the bus.

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
        ready = Signal()  # not while a beat waits, nor in a reset
        takes, kept = self.i.valid & ready, waits & ~self.forget
        m.d.comb += [self.i.ready.eq(ready), self.o.valid.eq(full), self.o.payload.eq(held)]
        with m.If(ready):  # whatever comes: no gate in front of many flip-flops
            m.d.sync += spare.eq(self.i.payload)
        with m.If(self.o.ready | ~full):
            m.d.sync += [full.eq(takes | kept), waits.eq(0), ready.eq(1)]
            with m.If(waits):
                m.d.sync += held.eq(spare)
            with m.Else():
                m.d.sync += held.eq(self.i.payload)
        with m.Elif(takes):
            m.d.sync += [waits.eq(1), ready.eq(0)]
        with m.Elif(self.forget | ~waits):
            m.d.sync += [waits.eq(0), ready.eq(1)]
        return m


class AlternatingSlice(Component):
    """One register for beats: no path from either side to the other, and a beat every other clock.

    Parameters
    ----------
    payload : shape
        What a beat is.
    """

    def __init__(self, payload: Any) -> None:
        self.payload = payload
        super().__init__({"i": In(stream.Signature(payload)), "o": Out(stream.Signature(payload))})

    def elaborate(self, platform: object) -> Module:
        """Return the register, which is loaded when it is empty."""
        m = Module()
        full, held = Signal(), Signal(self.payload, reset_less=True)
        m.d.comb += [self.i.ready.eq(~full), self.o.valid.eq(full), self.o.payload.eq(held)]
        with m.If(~full):
            m.d.sync += [held.eq(self.i.payload), full.eq(self.i.valid)]
        with m.Elif(self.o.ready):
            m.d.sync += full.eq(0)
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
        Whether a clock lies between two entries that leave.
    """

    def __init__(self, payload: Any, depth: int, *, paused: bool = True) -> None:
        self.payload, self.depth, self.paused = payload, depth, paused
        super().__init__({"write": In(1), "i": In(payload), "o": Out(stream.Signature(payload))})

    def elaborate(self, platform: object) -> Module:
        """Return the memory and what stands behind it."""
        m = Module()
        width = Value.cast(self.i).shape().width
        m.submodules.queue = queue = SyncFIFOBuffered(width=width, depth=self.depth)
        m.submodules.behind = behind = AlternatingSlice(width) if self.paused else RegisterSlice(width)
        m.d.comb += [
            queue.w_en.eq(self.write),
            queue.w_data.eq(self.i),
            behind.i.valid.eq(queue.r_rdy),
            behind.i.payload.eq(queue.r_data),
            queue.r_en.eq(behind.i.ready),
            self.o.valid.eq(behind.o.valid),
            Value.cast(self.o.payload).eq(behind.o.payload),
            behind.o.ready.eq(self.o.ready),
        ]
        return m
