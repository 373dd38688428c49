"""Counter of the slots and gates of a batch."""

from amaranth.hdl import Module, Signal
from amaranth.lib.wiring import Component, In, Out

__all__ = ["Sequencer"]


class Sequencer(Component):
    """Slot and gate counter of a ring.

    A batch takes ``slots * n_gates`` clock cycles, beginning one clock cycle after ``start``. All outputs are
    registered; ``slot``, ``gate``, ``first``, ``last`` and ``wraps`` are valid while ``run`` is high.

    Parameters
    ----------
    slots, n_gates : int
        Slots of the ring and gates of a pixel, 2 or more.

    Attributes
    ----------
    start : Signal(1), in
        Starts a batch. Allowed when ``run`` is low, and together with ``ends``.
    run : Signal(1), out
        High during a batch.
    slot : Signal(range(slots)), out
        Slot of this clock cycle; the fast index.
    gate : Signal(range(n_gates)), out
        Gate of this clock cycle.
    first, last : Signal(1), out
        High during the first and the last gate.
    wraps : Signal(1), out
        High in the last slot of a gate.
    ends : Signal(1), out
        High in the last clock cycle of the batch.
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
                "first": Out(1),
                "last": Out(1),
                "wraps": Out(1),
                "ends": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the counters. All outputs are registered."""
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
