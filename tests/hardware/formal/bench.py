"""Properties of streams, as assertions in Amaranth, and faults that violate them."""

from collections.abc import Callable
from dataclasses import dataclass

from amaranth.back import rtlil
from amaranth.hdl import Assert, Assume, ClockDomain, Module, Signal, Value

from seq2seqlite.hardware.eda.yosys import Proof, prove

NAME = "property"
TAG_BITS = 4


class Bench:
    """Module of a property: free inputs, assumptions and assertions; the reset is never active.

    Parameters
    ----------
    fault : str
        Fault to insert, which a property must find; empty for none.
    """

    def __init__(self, fault: str = "") -> None:
        self.m, self.fault = Module(), fault
        self.m.domains.sync = domain = ClockDomain(reset_less=True)
        self.inputs = [domain.clk]
        self.fault_used = not fault

    def free(self, shape: object, name: str) -> Signal:
        """Return an input with any value in each clock cycle."""
        signal = Signal(shape, name=name)
        self.inputs.append(signal)
        return signal

    def constant(self, shape: object, name: str) -> Signal:
        """Return an input with any value, the same in all clock cycles."""
        signal, before, is_later = self.free(shape, name), Signal(shape), Signal()
        self.m.d.sync += [before.eq(signal), is_later.eq(1)]
        self.assume(~is_later | (Value.cast(before) == Value.cast(signal)))
        return signal

    def assume(self, condition: Value) -> None:
        self.m.d.comb += Assume(condition)

    def check(self, condition: Value) -> None:
        self.m.d.comb += Assert(condition)

    def check_if(self, when: Value, condition: Value) -> None:
        self.check(~when | condition)

    def later(self, value: Value, name: str = "") -> Signal:
        """Return a value of the clock cycle before; 0 in the first one."""
        before = Signal(Value.cast(value).shape(), name=name or None)
        self.m.d.sync += before.eq(value)
        return before

    def counter(self, event: Value, name: str, bits: int = TAG_BITS) -> Signal:
        count = Signal(bits, name=name)
        self.m.d.sync += count.eq(count + event)
        return count

    def has_fault(self, name: str) -> bool:
        """Return whether to insert this fault."""
        self.fault_used |= self.fault == name
        return self.fault == name

    def offers(self, valid: Value, ready: Value, *payload: Value, name: str) -> list[Value]:
        """Check that an offer stays, unchanged, until it is accepted; return valid and payload.

        The faults ``NAME withdrawn`` and ``NAME changed`` violate it.
        """
        if self.has_fault(f"{name} withdrawn"):
            valid = valid & ~self.later(valid & ~ready)
        if self.has_fault(f"{name} changed"):
            payload = (payload[0] ^ self.later(valid & ~ready), *payload[1:])
        waited = self.later(valid & ~ready, f"{name}_waited")
        self.check_if(waited, valid)
        for number, value in enumerate(payload):
            before = self.later(value, f"{name}_payload_{number}")
            self.check_if(waited, before == Value.cast(value))
        return [valid, *payload]

    def assume_offers(self, valid: Value, ready: Value, *payload: Value) -> None:
        """Assume that an offer to the design stays, unchanged, until it is accepted."""
        waited = self.later(valid & ~ready)
        self.assume(~waited | valid)
        for value in payload:
            self.assume(~waited | (self.later(value) == Value.cast(value)))

    def in_order(self, put: Value, data: Value, taken: Value, found: Value, *, capacity: int) -> None:
        """Check that data leave in the order in which they entered, none lost or doubled.

        One element, the ``tag``-th, is followed; it is any of them. The faults ``lost``, ``doubled`` and
        ``swapped`` violate it.
        """
        if self.has_fault("lost"):
            put = put | self.later(put)
        if self.has_fault("doubled"):
            taken = taken & ~(self.counter(taken, "doubles") == 1)
        if self.has_fault("swapped"):
            found = found ^ 1
        entered, left = self.counter(put, "entered"), self.counter(taken, "left")
        tag = self.constant(TAG_BITS, "tag")
        kept, is_in = Signal(Value.cast(data).shape(), name="kept"), Signal(name="is_in")
        with self.m.If(put & (entered == tag) & ~is_in):
            self.m.d.sync += [kept.eq(data), is_in.eq(1)]
        gone = self.later(taken & (left == tag), "gone")
        done = Signal()
        with self.m.If(gone):
            self.m.d.sync += done.eq(1)
        here = taken & (left == tag) & ~done & ~gone
        self.check_if(here, is_in & (Value.cast(found) == kept))
        self.check((entered - left)[:TAG_BITS] <= capacity)


@dataclass(frozen=True)
class Property:
    """A property of a part of the gateware.

    Parameters
    ----------
    part, claim : str
        What is checked, for the table.
    build : callable
        Builds the property in a bench.
    steps : int
        Clock cycles of the check.
    faults : tuple of str
        Faults, each of which the property must find.
    induction : bool
        Whether it is proved by induction.
    quick : bool
        Whether it is checked in the suite of tests.
    """

    part: str
    claim: str
    build: Callable[[Bench], None]
    steps: int
    faults: tuple[str, ...]
    induction: bool = False
    quick: bool = True

    def prove(self, fault: str = "", *, time_limit_s: float = 3600) -> Proof:
        """Check the property, of the gateware or of a variant with a fault."""
        bench = Bench(fault)
        self.build(bench)
        assert bench.fault_used, fault
        text = rtlil.convert(bench.m, ports=bench.inputs, name=NAME, emit_src=False)
        # A fault is found in the first clock cycles; induction would only be slower.
        induction = self.induction and not fault
        return prove(text, top=NAME, steps=self.steps, induction=induction, time_limit_s=time_limit_s)
