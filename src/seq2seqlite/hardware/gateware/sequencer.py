"""Where a ring stands: which slot, which gate."""

from amaranth.hdl import Module
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
        gate = self.gate
        m.d.sync += self.ends.eq(self.run & self.last & (self.slot == self.slots - 2))
        with m.If(self.start):
            m.d.sync += [self.run.eq(1), self.slot.eq(0), gate.eq(0), self.first.eq(1), self.last.eq(0)]
            m.d.sync += self.wraps.eq(0)
        with m.Elif(self.ends):
            m.d.sync += [self.run.eq(0), self.slot.eq(0), self.first.eq(0), self.last.eq(0), self.wraps.eq(0)]
        with m.Elif(self.run & self.wraps):
            m.d.sync += [
                self.slot.eq(0),
                gate.eq(gate + 1),
                self.first.eq(0),
                self.last.eq(gate == self.n_gates - 2),
                self.wraps.eq(0),
            ]
        with m.Elif(self.run):
            m.d.sync += [self.slot.eq(self.slot + 1), self.wraps.eq(self.slot == self.slots - 2)]
        return m
