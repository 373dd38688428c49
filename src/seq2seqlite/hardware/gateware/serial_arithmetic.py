"""Fixed-point dividers and multipliers (pipelined or bit-serial)."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.gateware.pipeline import delayed

__all__ = ["Divider", "SerialDivider", "SerialMultiplier", "times_constant"]


def times_constant(value: Value, constant: int, /) -> Value:
    """Return the product of an unsigned value and a positive constant, as shifts and adders."""
    terms = [value << bit for bit in range(constant.bit_length()) if constant >> bit & 1]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


class Divider(Component):
    """Pipelined divider of unsigned integers with a throughput of one division per clock cycle.

    Restoring division, one quotient bit per pipeline stage.

    Parameters
    ----------
    numerator_bits, divisor_bits, quotient_bits : int
        Widths of the ports.

    Attributes
    ----------
    numerator : Signal(numerator_bits), in
        Numerator.
    divisor : Signal(divisor_bits), in
        Divisor. The result is undefined if it is 0.
    quotient : Signal(quotient_bits), out
        Quotient, rounded down. Valid ``quotient_bits`` clock cycles after its operands.
    overflow : Signal(1), out
        Whether the quotient does not fit ``quotient_bits``. Valid with ``quotient``.
    """

    def __init__(self, numerator_bits: int, divisor_bits: int, quotient_bits: int) -> None:
        self.quotient_bits = quotient_bits
        super().__init__(
            {
                "numerator": In(numerator_bits),
                "divisor": In(divisor_bits),
                "quotient": Out(quotient_bits),
                "overflow": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the pipeline stages."""
        m = Module()
        bits, width = self.quotient_bits, len(self.divisor)
        high: Value = self.numerator[bits:] if len(self.numerator) > bits else Const(0, 1)
        low: Value = self.numerator[:bits]
        if len(low) < bits:
            low = Cat(low, Const(0, bits - len(low)))
        overflow: Value = high >= self.divisor
        remainder, divisor, quotient = high[:width], Value.cast(self.divisor), Value.cast(Const(0, 0))
        for stage in range(bits):
            shifted = Cat(low[bits - 1 - stage], remainder)
            difference = Signal(signed(width + 2), name=f"difference_{stage}")
            m.d.comb += difference.eq(shifted - divisor)
            fits = ~difference[-1]
            new = Signal(width, name=f"remainder_{stage}", reset_less=True)
            m.d.sync += new.eq(Mux(fits, difference[:width], shifted[:width]))
            digits = Signal(stage + 1, name=f"quotient_{stage}", reset_less=True)
            m.d.sync += digits.eq(Cat(fits, quotient))
            divisor = delayed(m, divisor, 1, name=f"divisor_{stage}")
            if stage < bits - 1:  # a register of 0 bits would be a wire [-1:0] in Verilog
                rest = low[: bits - 1 - stage]
                low = Cat(delayed(m, rest, 1, name=f"rest_{stage}"), Const(0, stage + 1))
            overflow = delayed(m, overflow, 1, name=f"overflow_{stage}")
            remainder, quotient = new, digits
        m.d.comb += [self.quotient.eq(quotient), self.overflow.eq(overflow)]
        return m


class SerialDivider(Component):
    """Bit-serial divider of unsigned integers: one quotient bit per clock cycle.

    Parameters
    ----------
    numerator_bits, divisor_bits, quotient_bits : int
        Widths of the ports.

    Attributes
    ----------
    start : Signal(1), in
        Samples the operands and starts a division.
    numerator : Signal(numerator_bits), in
        Numerator.
    divisor : Signal(divisor_bits), in
        Divisor. The result is undefined if it is 0.
    done : Signal(1), out
        High for one clock cycle, ``quotient_bits + 1`` clock cycles after ``start``.
    quotient : Signal(quotient_bits), out
        Quotient, rounded down. Valid with ``done``.
    overflow : Signal(1), out
        Whether the quotient does not fit ``quotient_bits``. Valid with ``done``.
    """

    def __init__(self, numerator_bits: int, divisor_bits: int, quotient_bits: int) -> None:
        self.quotient_bits = quotient_bits
        super().__init__(
            {
                "start": In(1),
                "numerator": In(numerator_bits),
                "divisor": In(divisor_bits),
                "done": Out(1),
                "quotient": Out(quotient_bits),
                "overflow": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the registers and the shift-and-subtract stage."""
        m = Module()
        bits, width = self.quotient_bits, len(self.divisor)
        remainder, divisor, remaining = Signal(width), Signal(width), Signal(range(bits + 1))
        busy = Signal()  # left != 0
        high = self.numerator[bits:] if len(self.numerator) > bits else Const(0, 1)
        shifted = Cat(self.quotient[-1], remainder)
        difference = Signal(signed(width + 2))
        m.d.comb += difference.eq(shifted - divisor)
        m.d.sync += self.done.eq(remaining == 1)
        with m.If(self.start):
            m.d.sync += [
                remainder.eq(high),
                divisor.eq(self.divisor),
                self.quotient.eq(self.numerator[:bits]),
                self.overflow.eq(high >= self.divisor),
                remaining.eq(bits),
                busy.eq(1),
            ]
        with m.Elif(busy):
            fits = ~difference[-1]
            m.d.sync += [
                remainder.eq(Mux(fits, difference, shifted)),
                self.quotient.eq(Cat(fits, self.quotient)),
                remaining.eq(remaining - 1),
                busy.eq(remaining != 1),
            ]
        return m


class SerialMultiplier(Component):
    """Bit-serial multiplier of a signed and an unsigned integer: one bit of the latter per clock cycle.

    The product is ``high * 2**b_used`` plus the ``b_used`` highest bits of ``low``.

    Parameters
    ----------
    a_bits : int
        Width of the signed factor.
    b_bits : int
        Width of the unsigned factor.

    Attributes
    ----------
    start : Signal(1), in
        Samples the factors and starts a multiplication.
    a : Signal(signed(a_bits)), in
        Signed factor.
    b : Signal(b_bits), in
        Unsigned factor.
    b_used : Signal(range(b_bits + 1)), in
        Number of low bits of ``b`` to use; 0 is not allowed.
    done : Signal(1), out
        High for one clock cycle, ``b_used + 1`` clock cycles after ``start``.
    high : Signal(signed(a_bits)), out
        High part of the product. Valid from ``done`` until the next ``start``.
    low : Signal(b_bits), out
        Low part of the product, left-aligned. Valid with ``high``.
    """

    def __init__(self, a_bits: int, b_bits: int) -> None:
        self.b_bits = b_bits
        super().__init__(
            {
                "start": In(1),
                "a": In(signed(a_bits)),
                "b": In(b_bits),
                "b_used": In(range(b_bits + 1)),
                "done": Out(1),
                "high": Out(signed(a_bits)),
                "low": Out(b_bits),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the registers and the shift-and-add stage."""
        m = Module()
        a, remaining, busy = Signal(self.a.shape()), Signal(range(self.b_bits + 1)), Signal()
        total = Signal(signed(len(self.a) + 1))
        m.d.comb += total.eq(self.high + Mux(self.low[0], a, 0))
        m.d.sync += self.done.eq(remaining == 1)
        with m.If(self.start):
            m.d.sync += [a.eq(self.a), self.low.eq(self.b), self.high.eq(0), remaining.eq(self.b_used)]
            m.d.sync += busy.eq(self.b_used != 0)
        with m.Elif(busy):
            m.d.sync += [Cat(self.low, self.high).eq(Cat(self.low[1:], total)), remaining.eq(remaining - 1)]
            m.d.sync += busy.eq(remaining != 1)
        return m
