"""Where a stream stands in its frame."""

from amaranth.hdl import Module, Signal
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.gateware.serial_arithmetic import delayed
from seq2seqlite.hardware.wire.results import NUMBER_BITS

__all__ = ["FrameCounter"]


class FrameCounter(Component):
    """Numbers pixels, and knows beforehand which is the last of a frame.

    ``next`` ends a pixel; in the clock after it ``ready`` is low while ``last`` is found out.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "frame_pixels": In(32),
                "next": In(1),
                "ready": Out(1),
                "pixel": Out(NUMBER_BITS),
                "last": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Return the counter; comparing 32 bits has a clock of its own."""
        m = Module()
        following, reached, known = Signal(NUMBER_BITS, init=1), Signal(), Signal()
        frame_pixels = delayed(m, self.frame_pixels, 1, name="frame_pixels")
        m.d.sync += [reached.eq(following == frame_pixels), known.eq(~self.next)]
        m.d.comb += [self.ready.eq(known), self.last.eq(reached)]
        with m.If(self.next):
            with m.If(self.last):
                m.d.sync += [self.pixel.eq(0), following.eq(1)]
            with m.Else():
                m.d.sync += [self.pixel.eq(following), following.eq(following + 1)]
        return m
