"""Counts in units of the detector, from counts that were multiplied by a power of two."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed

__all__ = ["EXPONENT_BITS", "LIMIT_LATENCY", "detector_counts", "scaled_limit"]

EXPONENT_BITS = 8
"""Width of the exponent of the counts in TUSER. The counts are those of the detector times 2 to its power."""
LIMIT_LATENCY = 5
"""Latency of :func:`scaled_limit`, in clock cycles."""
PLACES_PER_STAGE = 2
"""Bits of the exponent that are applied in a pipeline stage."""


def scaled_limit(m: Module, limit: Value, exponent: Value, /) -> Signal:
    """Return the smallest whole number that is at least ``limit * 2**exponent``.

    Parameters
    ----------
    m : Module
        Module to which the pipeline is added.
    limit : Value
        Number, constant or slowly changing.
    exponent : Value
        Exponent in two's complement, :data:`EXPONENT_BITS` wide.

    Returns
    -------
    Signal
        One bit wider than ``limit``, :data:`LIMIT_LATENCY` clock cycles after ``exponent``. Numbers that do
        not fit ``limit`` are replaced by the smallest one that does not.
    """
    bits = len(limit)
    negative = exponent[-1]
    values: list[Value] = [
        Mux(negative, limit >> 1, limit),
        # The complement of a negative exponent is smaller by 1 than its magnitude: one place is applied here.
        exponent[:-1] ^ negative.replicate(EXPONENT_BITS - 1),
        Const(0, 1),
        negative & limit[0],
        negative,
    ]
    number, places, too_large, remainder, negative = _registered(m, values, "first")
    whole = (bits - 1).bit_length()
    for first in range(0, whole, PLACES_PER_STAGE):
        for place in range(first, min(first + PLACES_PER_STAGE, whole)):
            step, used = 1 << place, places[place]
            too_large |= used & ~negative & number[bits - step :].any()
            remainder |= used & negative & number[:step].any()
            moved = Mux(negative, number >> step, (number << step)[:bits])
            number = Mux(used, moved, number)[:bits]
        if first + PLACES_PER_STAGE >= whole:  # exponents that move all bits out
            beyond = places[whole:].any()
            too_large |= beyond & ~negative & number.any()
            remainder |= beyond & negative & number.any()
            number = Mux(beyond, 0, number)[:bits]
        values = [number, places, too_large, remainder, negative]
        number, places, too_large, remainder, negative = _registered(m, values, str(first))
    found = Signal(bits + 1, name="limit", reset_less=True)
    m.d.sync += found.eq(Mux(too_large, 1 << bits, number + remainder))
    return found


def _registered(m: Module, values: list[Value], name: str) -> list[Value]:
    """Return the values of :func:`scaled_limit` one clock cycle later."""
    parts = "number", "places", "too_large", "remainder", "negative"
    registers = [
        Signal(Value.cast(value).shape(), name=f"limit_{part}_{name}", reset_less=True)
        for part, value in zip(parts, values, strict=True)
    ]
    m.d.sync += Cat(registers).eq(Cat(values))
    return list(registers)


def detector_counts(m: Module, counts: Value, exponent: Value, begins: Value, /, *, bits: int) -> Value:
    """Return the counts of a pixel in units of the detector: shifted by one place per clock cycle.

    Parameters
    ----------
    m : Module
        Module to which the registers are added.
    counts, exponent : Value
        Sum of the counts, and their exponent (signed), in the clock cycle of ``begins``.
    begins : Value
        Strobe of a new pixel.
    bits : int
        Width of the result, at most that of ``counts``.

    Returns
    -------
    Value
        Rounded down and saturated. It is valid, and does not change, one clock cycle after as many as
        ``counts`` has bits.
    """
    shifted, too_large = Signal(len(counts), name="shifted", reset_less=True), Signal(reset_less=True)
    places = Signal(signed(EXPONENT_BITS), name="places", reset_less=True)
    with m.If(begins):
        m.d.sync += [shifted.eq(counts), places.eq(exponent), too_large.eq(0)]
    with m.Elif(places < 0):
        m.d.sync += [shifted.eq(shifted << 1), too_large.eq(too_large | shifted[-1]), places.eq(places + 1)]
    with m.Elif(places > 0):
        m.d.sync += [shifted.eq(shifted >> 1), places.eq(places - 1)]
    return Mux(too_large | shifted[bits:].any(), (1 << bits) - 1, shifted[:bits])
