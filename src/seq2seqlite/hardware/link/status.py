"""Body of a status answer."""

from amaranth.hdl import Array, Const, Module, Signal, Value
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.wire.link_packets import PACKET_WORDS

__all__ = ["StatusBody"]


class StatusBody(Component):
    """Words of a status answer: limits, and counters of events.

    Parameters
    ----------
    limits : tuple of int
        Values of the first words.
    n_events : int
        Number of counters behind them.
    constants : tuple of int
        Values of the words behind the counters.
    n_inputs : int
        Number of the words behind the constants.

    Attributes
    ----------
    events : Signal(2 * n_events), in
        Events in this clock cycle, a number of two bits for each counter.
    inputs : Signal(32 * n_inputs), in
        Words behind the constants.
    index : Signal(range(PACKET_WORDS)), in
        Index of a word.
    word : Signal(32), out
        That word, one clock cycle later. It stays the same until the index changes.
    """

    def __init__(
        self, limits: tuple[int, ...], n_events: int, constants: tuple[int, ...] = (), n_inputs: int = 0
    ) -> None:
        self.limits, self.n_events, self.constants, self.n_inputs = limits, n_events, constants, n_inputs
        self.n_words = len(limits) + n_events + len(constants) + n_inputs
        super().__init__(
            {
                "events": In(2 * n_events),
                "inputs": In(32 * n_inputs),
                "index": In(range(PACKET_WORDS)),
                "word": Out(32),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the counters and the choice of a word."""
        m = Module()
        counters = [Signal(32, name=f"counter_{number}") for number in range(self.n_events)]
        for number, counter in enumerate(counters):
            m.d.sync += counter.eq(counter + self.events.word_select(number, 2))
        limits, constants = ([Const(value, 32) for value in each] for each in (self.limits, self.constants))
        inputs = (self.inputs.word_select(number, 32) for number in range(self.n_inputs))
        words: list[Value] = [*limits, *counters, *constants, *inputs]
        before = Signal.like(self.index, init=PACKET_WORDS)
        m.d.sync += before.eq(self.index)
        with m.If(self.index != before):
            m.d.sync += self.word.eq(Array(words)[self.index[: (self.n_words - 1).bit_length()]])
        return m
