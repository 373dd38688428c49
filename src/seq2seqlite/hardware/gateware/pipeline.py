"""Helpers for pipelines: delays, register duplication and round-robin counters."""

from amaranth.hdl import Module, Mux, Signal, Value

__all__ = ["copied", "delayed", "modulo_increment"]


def delayed(m: Module, value: Value, clocks: int, /, *, name: str, reset_less: bool = True) -> Value:
    """Return ``value`` delayed by a number of clock cycles.

    Control signals need a reset (``reset_less=False``). Data does not, and may become shift registers.
    """
    for cycle in range(clocks):
        delayed_value = Signal(Value.cast(value).shape(), name=f"{name}_{cycle + 1}", reset_less=reset_less)
        m.d.sync += delayed_value.eq(value)
        value = delayed_value
    return value


def copied(m: Module, value: Value, /, *, name: str, init: int = 0, reset_less: bool = False) -> Signal:
    """Return ``value`` delayed by one clock cycle in a duplicated register that synthesis must not merge.

    The duplicate can be placed near its users.
    """
    copy = Signal(Value.cast(value).shape(), name=name, init=init, reset_less=reset_less, attrs={"keep": 1})
    m.d.sync += copy.eq(value)
    return copy


def modulo_increment(value: Value, count: int, /) -> Value:
    """Return ``(value + 1) % count``, the round-robin successor of ``value``."""
    return Mux(value == count - 1, 0, value + 1)
