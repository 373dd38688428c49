"""FIFO of the last states of pixels, between the ring of a direct engine and its heads."""

from amaranth.hdl import Module
from amaranth.lib import stream
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.gateware.parameters import Shape

__all__ = ["StateFifo"]


class StateFifo(Component):
    """FIFO of states. It has no full flag: the engine starts a batch only if its states fit.

    There is no register behind the memory, because the heads register the state that they sample.

    Parameters
    ----------
    shape : Shape
        Parameters of the engine.

    Attributes
    ----------
    write : Signal(1), in
        Write strobe of ``i``.
    i : Signal(state_bits), in
        State.
    o : Signature(state_bits), out
        States in order.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape_ = shape
        super().__init__(
            {"write": In(1), "i": In(shape.state_bits), "o": Out(stream.Signature(shape.state_bits))}
        )

    def elaborate(self, platform: object) -> Module:
        """Build the FIFO in block memory."""
        m = Module()
        m.submodules.queue = queue = SyncFIFOBuffered(
            width=self.shape_.state_bits, depth=self.shape_.capacity
        )
        m.d.comb += [
            queue.w_en.eq(self.write),
            queue.w_data.eq(self.i),
            self.o.valid.eq(queue.r_rdy),
            self.o.payload.eq(queue.r_data),
            queue.r_en.eq(self.o.ready),
        ]
        return m
