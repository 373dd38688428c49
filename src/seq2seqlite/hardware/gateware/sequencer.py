"""Where a ring stands: which slot, which gate."""

from amaranth.hdl import Module, Signal
from amaranth.lib.wiring import Component, In, Out

__all__ = ["Sequencer"]


class Sequencer(Component):
    """Counts the slots and gates of one batch, from the clock after ``start`` on.

    Parameters
    ----------
    slots, n_gates : int
        Lengths, 2 or more.
    """

    def __init__(self, slots: int, n_gates: int) -> None:
        assert min(slots, n_gates) > 1
        self.slots, self.n_gates = slots, n_gates
        super().__init__(
            {
                "start": In(1),
                "run": Out(1),
                # These say something only in a run.
                "slot": Out(range(slots)),
                "gate": Out(range(n_gates)),
                "first": Out(1),  # gate
                "last": Out(1),  # gate
                "wraps": Out(1),  # the slot is the last
                "ends": Out(1),  # the last clock
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Return the counters; everything that they say comes from a register."""
        m = Module()
        slot, gate = (Signal(range(n), reset_less=True) for n in (self.slots, self.n_gates))
        first, last, wraps = (Signal(reset_less=True) for _ in range(3))
        m.d.comb += [
            self.slot.eq(slot),
            self.gate.eq(gate),
            self.first.eq(first),
            self.last.eq(last),
            self.wraps.eq(wraps),
        ]
        m.d.sync += self.ends.eq(self.run & last & (slot == self.slots - 2))
        with m.If(self.start):
            m.d.sync += [self.run.eq(1), slot.eq(0), gate.eq(0), first.eq(1), last.eq(0), wraps.eq(0)]
        with m.Elif(self.ends):
            m.d.sync += self.run.eq(0)
        with m.Elif(wraps):
            m.d.sync += [
                slot.eq(0),
                gate.eq(gate + 1),
                first.eq(0),
                last.eq(gate == self.n_gates - 2),
                wraps.eq(0),
            ]
        with m.Else():
            m.d.sync += [slot.eq(slot + 1), wraps.eq(slot == self.slots - 2)]
        return m
