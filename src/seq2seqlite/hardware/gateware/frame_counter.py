"""Counter of the pixels of a frame."""

from amaranth.hdl import Module, Signal
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.gateware.pipeline import delayed
from seq2seqlite.hardware.wire.results import NUMBER_BITS

__all__ = ["FrameCounter"]


class FrameCounter(Component):
    """Pixel counter that marks the last pixel of each frame.

    Attributes
    ----------
    frame_pixels : Signal(32), in
        Pixels of a frame; 0 disables framing.
    next : Signal(1), in
        Strobe at the end of a pixel.
    ready : Signal(1), out
        Whether ``last`` is valid: low in the clock cycle after ``next``, while the comparator settles.
    pixel : Signal(32), out
        Number of the current pixel in its frame.
    last : Signal(1), out
        Whether the current pixel is the last of its frame.
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
        """Build the counter. The 32-bit comparison has its own pipeline stage."""
        m = Module()
        following, is_last, settled = Signal(NUMBER_BITS, init=1), Signal(), Signal()
        frame_pixels = delayed(m, self.frame_pixels, 1, name="frame_pixels")
        m.d.sync += [is_last.eq(following == frame_pixels), settled.eq(~self.next)]
        m.d.comb += [self.ready.eq(settled), self.last.eq(is_last)]
        with m.If(self.next):
            with m.If(self.last):
                m.d.sync += [self.pixel.eq(0), following.eq(1)]
            with m.Else():
                m.d.sync += [self.pixel.eq(following), following.eq(following + 1)]
        return m
