"""Counts to input codes, one a clock: baseline off, cut at zero, divided by the peak."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.gateware.parameters import Shape
from seq2seqlite.hardware.gateware.serial_arithmetic import Divider, delayed, times_constant
from seq2seqlite.integer import COUNT_BITS

__all__ = ["Normaliser"]


class Normaliser(Component):
    """``floor((signal top + divisor / 2) / divisor)``, rounded as the program rounds.

    The divisor is the peak of the pixel's signals, or 1 where it has none.

    Parameters
    ----------
    shape : Shape
        Widths.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape_ = shape
        bits = shape.input_bits
        self._divider = Divider(shape.signal_bits + bits, shape.signal_bits, bits)
        super().__init__(
            {
                "count": In(COUNT_BITS),
                "baseline": In(shape.signal_bits),
                "divisor": In(shape.signal_bits),
                "code": Out(bits),
            }
        )

    @staticmethod
    def latency(shape: Shape) -> int:
        """Return the clocks from count to code."""
        return 4 + shape.input_bits

    def elaborate(self, platform: object) -> Module:
        """Return the stages."""
        m = Module()
        shape = self.shape_
        m.submodules.divider = divider = self._divider
        scaled = Signal(shape.signal_bits, reset_less=True)
        m.d.sync += scaled.eq(times_constant(self.count, shape.program.n_baseline))
        difference = Signal(signed(shape.signal_bits + 1))
        m.d.comb += difference.eq(scaled - delayed(m, self.baseline, 1, name="baseline"))
        signal = Signal(shape.signal_bits, reset_less=True)
        m.d.sync += signal.eq(Mux(difference[-1], 0, difference[: shape.signal_bits]))
        divisor = delayed(m, self.divisor, 2, name="divisor")
        # 2**bits signal + (divisor / 2 - signal): an adder a clock.
        rest = Signal(signed(shape.signal_bits + 1), reset_less=True)
        numerator = Signal(len(divider.numerator), reset_less=True)
        m.d.sync += [
            rest.eq((divisor >> 1) - signal),
            numerator.eq((delayed(m, signal, 1, name="signal") << shape.input_bits) + rest),
        ]
        m.d.comb += [
            divider.numerator.eq(numerator),
            divider.divisor.eq(delayed(m, divisor, 2, name="divisor_again")),
            self.code.eq(divider.quotient),
        ]
        return m
