"""Normalisation of counts to input codes: subtract the baseline, clip at zero, divide by the peak."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.gateware.parameters import Shape
from seq2seqlite.hardware.gateware.pipeline import delayed
from seq2seqlite.hardware.gateware.serial_arithmetic import Divider, times_constant

__all__ = ["Normaliser"]


class Normaliser(Component):
    """Normaliser of counts with a throughput of one count per clock cycle.

    The code is ``floor((signal top + divisor / 2) / divisor)``, rounded as in the program.

    Parameters
    ----------
    shape : Shape
        Parameters of the engine.

    Attributes
    ----------
    count : Signal(count_bits), in
        Count of one gate.
    baseline : Signal(signal_bits), in
        Baseline sum of the pixel, in the same clock cycle as ``count``.
    divisor : Signal(signal_bits), in
        Peak of the pixel's signals, or 1 if the pixel has no signal. In the same clock cycle as ``count``.
    code : Signal(input_bits), out
        Input code, :meth:`latency` clock cycles after ``count``.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape_ = shape
        bits = shape.input_bits
        self._divider = Divider(shape.signal_bits + bits, shape.signal_bits, bits)
        super().__init__(
            {
                "count": In(shape.count_bits),
                "baseline": In(shape.signal_bits),
                "divisor": In(shape.signal_bits),
                "code": Out(bits),
            }
        )

    @staticmethod
    def latency(shape: Shape) -> int:
        """Return the latency from ``count`` to ``code``, in clock cycles."""
        return 4 + shape.input_bits

    def elaborate(self, platform: object) -> Module:
        """Build the pipeline stages."""
        m = Module()
        shape = self.shape_
        m.submodules.divider = divider = self._divider
        scaled = Signal(shape.signal_bits, reset_less=True)
        m.d.sync += scaled.eq(times_constant(self.count, shape.baseline_scale))
        difference = Signal(signed(shape.signal_bits + 1))
        m.d.comb += difference.eq(scaled - delayed(m, self.baseline, 1, name="baseline"))
        signal = Signal(shape.signal_bits, reset_less=True)
        m.d.sync += signal.eq(Mux(difference[-1], 0, difference[: shape.signal_bits]))
        divisor = delayed(m, self.divisor, 2, name="divisor")
        # 2**bits signal + (divisor / 2 - signal), with one adder per pipeline stage.
        rest = Signal(signed(shape.signal_bits + 1), reset_less=True)
        numerator = Signal(len(divider.numerator), reset_less=True)
        m.d.sync += [
            rest.eq((divisor >> 1) - signal),
            numerator.eq((delayed(m, signal, 1, name="signal") << shape.input_bits) + rest),
        ]
        m.d.comb += [
            divider.numerator.eq(numerator),
            divider.divisor.eq(delayed(m, divisor, 2, name="divisor_delayed")),
            self.code.eq(divider.quotient),
        ]
        return m
