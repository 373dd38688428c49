"""Arithmetic in fixed point: division and multiplication, all at once or a bit a clock; delay, turns."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib.wiring import Component, In, Out

__all__ = [
    "Divider",
    "SerialDivider",
    "SerialMultiplier",
    "copied",
    "delayed",
    "next_in_turn",
    "times_constant",
]


def delayed(m: Module, value: Value, clocks: int, /, *, name: str, reset_less: bool = True) -> Value:
    """Return ``value`` as it was some clocks ago.

    Control signals have to be reset (``reset_less=False``); data need not be, and may become shift registers.
    """
    for clock in range(clocks):
        later = Signal(Value.cast(value).shape(), name=f"{name}_{clock + 1}", reset_less=reset_less)
        m.d.sync += later.eq(value)
        value = later
    return value


def copied(m: Module, value: Value, /, *, name: str) -> Signal:
    """Return ``value`` as it was a clock ago, in a register that is not shared with others of the same value.

    Its users may lie far from theirs.
    """
    copy = Signal(Value.cast(value).shape(), name=name, attrs={"keep": 1})
    m.d.sync += copy.eq(value)
    return copy


def next_in_turn(value: Value, count: int, /) -> Value:
    """Return the number after ``value`` of 0 to ``count - 1``, and 0 after the last."""
    return Mux(value == count - 1, 0, value + 1)


def times_constant(value: Value, constant: int, /) -> Value:
    """Return the product of an unsigned value and a positive constant, as shifts and sums."""
    terms = [value << bit for bit in range(constant.bit_length()) if constant >> bit & 1]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


class Divider(Component):
    """Whole quotient of two unsigned numbers, one bit a clock, a division started every clock.

    Parameters
    ----------
    numerator_bits, divisor_bits, quotient_bits : int
        Widths. Where the quotient needs more bits than it has, ``overflow`` says so.

    Notes
    -----
    Restoring division; the quotient comes ``quotient_bits`` clocks after its operands. The divisor must not
    be 0 where the result matters.
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
        """Return the stages."""
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
            if stage < bits - 1:  # a delay of no bits would be a wire [-1:0] in Verilog
                rest = low[: bits - 1 - stage]
                low = Cat(delayed(m, rest, 1, name=f"rest_{stage}"), Const(0, stage + 1))
            overflow = delayed(m, overflow, 1, name=f"overflow_{stage}")
            remainder, quotient = new, digits
        m.d.comb += [self.quotient.eq(quotient), self.overflow.eq(overflow)]
        return m


class SerialDivider(Component):
    """Whole quotient of two unsigned numbers in as many clocks as it has bits.

    Parameters
    ----------
    numerator_bits, divisor_bits, quotient_bits : int
        Widths.

    Notes
    -----
    ``start`` takes the operands; ``done`` is high for one clock, in which ``quotient`` is there, or
    ``overflow`` says that it needs more bits.
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
        """Return the registers and the one stage between them."""
        m = Module()
        bits, width = self.quotient_bits, len(self.divisor)
        remainder, divisor, left = Signal(width), Signal(width), Signal(range(bits + 1))
        busy = Signal()  # left != 0
        high = self.numerator[bits:] if len(self.numerator) > bits else Const(0, 1)
        shifted = Cat(self.quotient[-1], remainder)
        difference = Signal(signed(width + 2))
        m.d.comb += difference.eq(shifted - divisor)
        m.d.sync += self.done.eq(left == 1)
        with m.If(self.start):
            m.d.sync += [
                remainder.eq(high),
                divisor.eq(self.divisor),
                self.quotient.eq(self.numerator[:bits]),
                self.overflow.eq(high >= self.divisor),
                left.eq(bits),
                busy.eq(1),
            ]
        with m.Elif(busy):
            fits = ~difference[-1]
            m.d.sync += [
                remainder.eq(Mux(fits, difference, shifted)),
                self.quotient.eq(Cat(fits, self.quotient)),
                left.eq(left - 1),
                busy.eq(left != 1),
            ]
        return m


class SerialMultiplier(Component):
    """Product of a signed and an unsigned number, a bit of the latter a clock.

    Parameters
    ----------
    a_bits : int
        Width of the signed factor.
    b_bits : int
        Width of the unsigned factor.

    Notes
    -----
    ``start`` takes the factors, and of ``b`` as many bits as ``b_used`` says; ``done`` is high for one clock.
    The product is then ``high * 2**b_used`` and what stands in the ``b_used`` highest bits of ``low``.
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
        """Return the registers and the one adder between them."""
        m = Module()
        a, left, busy = Signal(self.a.shape()), Signal(range(self.b_bits + 1)), Signal()
        total = Signal(signed(len(self.a) + 1))
        m.d.comb += total.eq(self.high + Mux(self.low[0], a, 0))
        m.d.sync += self.done.eq(left == 1)
        with m.If(self.start):
            m.d.sync += [a.eq(self.a), self.low.eq(self.b), self.high.eq(0), left.eq(self.b_used)]
            m.d.sync += busy.eq(self.b_used != 0)
        with m.Elif(busy):
            m.d.sync += [Cat(self.low, self.high).eq(Cat(self.low[1:], total)), left.eq(left - 1)]
            m.d.sync += busy.eq(left != 1)
        return m
