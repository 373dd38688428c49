"""Stream payloads, register slices and a FIFO in block memory."""

from typing import Any

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import data, stream
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.gateware.pipeline import delayed, modulo_increment

__all__ = ["AlternatingSlice", "ForwardSlice", "RegisterSlice", "RegisteredFifo", "beat", "result_beat"]


def beat(bits: int, user_bits: int = 0, /) -> data.StructLayout:
    """Return the layout of an input beat: ``data``, ``last`` (TLAST), and ``user`` (TUSER) if it has one."""
    user = {"user": user_bits} if user_bits else {}
    return data.StructLayout({"data": bits, "last": 1, **user})


def result_beat(bits: int, /) -> data.StructLayout:
    """Return the layout of an output beat: ``data``, ``last`` of the frame, ``last_of_pixel``."""
    return data.StructLayout({"data": bits, "last": 1, "last_of_pixel": 1})


class RegisterSlice(Component):
    """Fully registered slice (skid buffer) with a throughput of one beat per clock cycle.

    There is no combinational path between the two sides.

    Parameters
    ----------
    payload : shape
        Shape of the payload.

    Attributes
    ----------
    i : Signature(payload), in
        Source. ``i.ready`` is low during a reset, because a reset inside the design ends some clock cycles
        after the reset of the bus.
    o : Signature(payload), out
        Sink. ``o.valid`` rises one clock cycle after an accepted ``i.valid``. Once asserted it stays high,
        with an unchanged payload, until ``o.ready`` (AXI4-Stream, section 2.2.1).
    forget : Signal(1), in
        Discards the beat that waits behind the one offered at ``o``.
    """

    def __init__(self, payload: Any) -> None:
        self.payload = payload
        super().__init__(
            {"i": In(stream.Signature(payload)), "o": Out(stream.Signature(payload)), "forget": In(1)}
        )

    def elaborate(self, platform: object) -> Module:
        """Build the output register and the skid register."""
        m = Module()
        skid, skid_full = Signal(self.payload, reset_less=True), Signal()
        held, full = Signal(self.payload, reset_less=True), Signal()
        ready = Signal()  # low while the skid register is full, and during a reset
        accept, pending = self.i.valid & ready, skid_full & ~self.forget
        m.d.comb += [self.i.ready.eq(ready), self.o.valid.eq(full), self.o.payload.eq(held)]
        with m.If(ready):  # loaded regardless of valid, to keep the clock enable free of logic
            m.d.sync += skid.eq(self.i.payload)
        with m.If(self.o.ready | ~full):
            m.d.sync += [full.eq(accept | pending), skid_full.eq(0), ready.eq(1)]
            with m.If(skid_full):
                m.d.sync += held.eq(skid)
            with m.Else():
                m.d.sync += held.eq(self.i.payload)
        with m.Elif(accept):
            m.d.sync += [skid_full.eq(1), ready.eq(0)]
        with m.Elif(self.forget | ~skid_full):
            m.d.sync += [skid_full.eq(0), ready.eq(1)]
        return m


class _OneRegister(Component):
    """Stream through one register of a payload."""

    def __init__(self, payload: Any) -> None:
        self.payload = payload
        super().__init__({"i": In(stream.Signature(payload)), "o": Out(stream.Signature(payload))})


class AlternatingSlice(_OneRegister):
    """Half-rate register slice (half buffer): one beat every second clock cycle.

    There is no combinational path between the two sides, and only one register.

    Parameters
    ----------
    payload : shape
        Shape of the payload.

    Attributes
    ----------
    i : Signature(payload), in
        Source. ``i.ready`` is high while the register is empty.
    o : Signature(payload), out
        Sink. ``o.valid`` rises one clock cycle after an accepted ``i.valid``.
    """

    def elaborate(self, platform: object) -> Module:
        """Build the register, which is loaded while it is empty."""
        m = Module()
        full, held = Signal(), Signal(self.payload, reset_less=True)
        m.d.comb += [self.i.ready.eq(~full), self.o.valid.eq(full), self.o.payload.eq(held)]
        with m.If(~full):
            m.d.sync += [held.eq(self.i.payload), full.eq(self.i.valid)]
        with m.Elif(self.o.ready):
            m.d.sync += full.eq(0)
        return m


class ForwardSlice(_OneRegister):
    """Register slice for a payload that takes logic to compute: nothing stands between it and the register.

    Its throughput is one beat per clock cycle. ``o.ready`` reaches ``i.ready`` through logic.

    Parameters
    ----------
    payload : shape
        Shape of the payload.

    Attributes
    ----------
    i : Signature(payload), in
        Source.
    o : Signature(payload), out
        Sink. ``o.valid`` rises one clock cycle after an accepted ``i.valid``.
    """

    def elaborate(self, platform: object) -> Module:
        """Build the register, which is loaded while it is empty or read."""
        m = Module()
        full, held = Signal(), Signal(self.payload, reset_less=True)
        m.d.comb += [
            self.i.ready.eq(self.o.ready | ~full),
            self.o.valid.eq(full),
            self.o.payload.eq(held),
        ]
        with m.If(self.i.ready):
            m.d.sync += [held.eq(self.i.payload), full.eq(self.i.valid)]
        return m


class RegisteredFifo(Component):
    """FIFO in block memory with a register at its output, because block memories are slow.

    The FIFO has no full flag: the writer must know that an entry is free.

    Parameters
    ----------
    payload : shape
        Shape of an entry.
    depth : int
        Number of entries.
    paused : bool
        Whether the output delivers at most one entry every fourth clock cycle. The register is then always
        loaded, and can be the one inside the block memory.

    Attributes
    ----------
    write : Signal(1), in
        Write strobe. The entry is lost if the FIFO is full.
    i : Signal(payload), in
        Entry to write, sampled with ``write``.
    o : Signature(payload), out
        Entries in order. ``o.valid`` rises three clock cycles after the first is written.
    """

    def __init__(self, payload: Any, depth: int, *, paused: bool = True) -> None:
        self.payload, self.depth, self.paused = payload, depth, paused
        super().__init__({"write": In(1), "i": In(payload), "o": Out(stream.Signature(payload))})

    def elaborate(self, platform: object) -> Module:
        """Build the FIFO and its output register."""
        return self._paused() if self.paused else self._full_rate()

    def _full_rate(self) -> Module:
        m = Module()
        width = Value.cast(self.i).shape().width
        m.submodules.queue = queue = SyncFIFOBuffered(width=width, depth=self.depth)
        m.submodules.behind = output_slice = RegisterSlice(width)
        m.d.comb += [
            queue.w_en.eq(self.write),
            queue.w_data.eq(self.i),
            output_slice.i.valid.eq(queue.r_rdy),
            output_slice.i.payload.eq(queue.r_data),
            queue.r_en.eq(output_slice.i.ready),
            self.o.valid.eq(output_slice.o.valid),
            Value.cast(self.o.payload).eq(output_slice.o.payload),
            output_slice.o.ready.eq(self.o.ready),
        ]
        return m

    def _paused(self) -> Module:
        m = Module()
        width = Value.cast(self.i).shape().width
        # An entry is read before it is valid, also while it is written; that value is not used.
        memory = Memory(shape=width, depth=self.depth, init=[], attrs={"no_rw_check": 1})
        m.submodules.memory = memory
        writer, reader = memory.write_port(), memory.read_port()
        level, found, valid, popped = Signal(range(self.depth + 1)), Signal(), Signal(), Signal()
        pop = valid & self.o.ready
        m.d.comb += [
            writer.en.eq(self.write),
            writer.data.eq(self.i),
            self.o.valid.eq(valid),
            Value.cast(self.o.payload).eq(delayed(m, reader.data, 1, name="entry")),
        ]
        m.d.sync += [
            popped.eq(pop),
            level.eq(level + self.write - popped),
            found.eq((level != 0) & ~pop & ~popped),
            valid.eq(found & ~pop & ~popped),
        ]
        with m.If(self.write):
            m.d.sync += writer.addr.eq(modulo_increment(writer.addr, self.depth))
        with m.If(popped):
            m.d.sync += reader.addr.eq(modulo_increment(reader.addr, self.depth))
        return m
