"""The front of a design: packets of raw counts in, beats and facts of whole pixels out."""

from amaranth.hdl import Cat, Const, Module, Mux, ResetInserter, Signal, Value, signed
from amaranth.lib import data, stream
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.gateware.arithmetic import delayed, next_in_turn, times_constant
from seq2seqlite.hardware.gateware.frame_counter import FrameCounter
from seq2seqlite.hardware.gateware.shape import Shape
from seq2seqlite.hardware.gateware.streams import beat
from seq2seqlite.hardware.records import PHOTON_BITS
from seq2seqlite.integer import COUNT_BITS

__all__ = ["Receiver", "facts_layout"]

SETTLED = 20
"""Clocks after which the facts of the last packet have certainly reached its engine."""


def facts_layout(shape: Shape, /) -> data.StructLayout:
    """Return what is known of a pixel when its packet has ended."""
    return data.StructLayout(
        {
            "baseline": shape.signal_bits,
            "divisor": shape.signal_bits,
            "photons": PHOTON_BITS,
            "dark": 1,
            "malformed": 1,
        }
    )


class Receiver(Component):
    """Takes packets, gives each to the next engine in turn, and measures it on the way.

    A packet is taken only when its engine has room for it. At a frame's end, and after a pause, a flush tells
    all engines to start with what they have.

    Parameters
    ----------
    shape : Shape
        Widths and lengths.
    engines : int
        Number of engines.
    """

    def __init__(self, shape: Shape, engines: int) -> None:
        self.shape_, self.engines = shape, engines
        super().__init__(
            {
                "i": In(stream.Signature(beat(shape.beat_bits))),
                "reset": In(1),
                "frame_pixels": In(32),
                "min_photons": In(32),
                "flush_clocks": In(32),
                "room": In(engines),
                "allocate": Out(engines),
                "write": Out(engines),
                "data": Out(shape.beat_bits),
                "word": Out(range(shape.words)),
                "done": Out(engines),
                "facts": Out(facts_layout(shape)),
                "flush": Out(1),
                "short": Out(1),
                "long": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Return the packet's state machine and the measuring pipeline behind it."""
        m = Module()
        shape = self.shape_
        word, final = Signal(range(shape.words)), Signal(init=int(shape.words == 1))
        engine = Signal(range(max(self.engines, 2)))
        inside, surplus, settled = Signal(), Signal(), Signal()
        taken, first, accepted = Signal(), Signal(), Signal()
        ends, malformed = Signal(), Signal()
        frame = FrameCounter()
        m.submodules.frame = ResetInserter(self.reset)(frame)
        begins = self._may_begin(m, engine, first, ends) & settled  # long after the frame's counter is ready
        m.d.comb += [
            self.i.ready.eq(~self.reset & (surplus | inside | begins)),
            accepted.eq(self.i.valid & self.i.ready),
            taken.eq(accepted & ~surplus),
            first.eq(taken & ~inside),
            ends.eq(taken & (self.i.payload.last | final)),
            malformed.eq(self.i.payload.last ^ final),
            frame.frame_pixels.eq(self.frame_pixels),
            # Pixels end more than two clocks apart.
            frame.next.eq(delayed(m, ends, 1, name="ends", reset_less=False)),
        ]
        with m.If(accepted):
            with m.If(surplus):
                m.d.sync += surplus.eq(~self.i.payload.last)
            with m.Elif(ends):
                m.d.sync += [inside.eq(0), word.eq(0), surplus.eq(~self.i.payload.last)]
                m.d.sync += final.eq(shape.words == 1)
                m.d.sync += engine.eq(next_in_turn(engine, self.engines))
            with m.Else():
                m.d.sync += [inside.eq(1), word.eq(word + 1), final.eq(word == shape.words - 2)]
        with m.If(self.reset):
            # The rest of a packet that was arriving is forgotten too.
            m.d.sync += [inside.eq(0), word.eq(0), engine.eq(0), surplus.eq(surplus | inside)]
            m.d.sync += final.eq(shape.words == 1)
        self._flush(m, inside | first, ends & frame.last, settled)
        selected = Signal(self.engines)
        m.d.comb += selected.eq(Const(1, self.engines) << engine)
        m.d.sync += [
            self.allocate.eq(Mux(first, selected, 0)),
            self.write.eq(Mux(taken & ~self.reset, selected, 0)),
            self.data.eq(self.i.payload.data),
            self.word.eq(word),
            self.short.eq(ends & malformed & self.i.payload.last),
            self.long.eq(ends & malformed & ~self.i.payload.last),
        ]
        self._measure(m, taken & ~self.reset, word, first, ends, malformed, selected)
        return m

    def _may_begin(self, m: Module, engine: Value, first: Value, ends: Value) -> Signal:
        """Return whether the next packet's engine has room, found out in the clock before.

        An engine counts a packet two clocks after its first beat; only then it is asked again.
        """
        may = Signal()
        now = self.room.bit_select(engine, 1)
        after = self.room.bit_select(next_in_turn(engine, self.engines), 1)
        uncounted = first | delayed(m, first, 1, name="first", reset_less=False)
        m.d.sync += may.eq(Mux(ends, after, now) & ~uncounted)
        return may

    def _flush(self, m: Module, busy: Value, frame_ends: Value, settled: Signal) -> None:
        """Give a flush when the facts of a frame's last pixel, or of the last before a pause, are there."""
        settling, pause = Signal(range(SETTLED + 1)), Signal(32)
        waiting, paused = Signal(), Signal()
        was_busy = delayed(m, busy, 1, name="busy", reset_less=False)
        m.d.sync += [
            # In the wait's last clocks the engines close their banks, and say what room they have.
            self.flush.eq(settling == 3),
            settled.eq((settling <= 1) & ~frame_ends & ~paused),
            paused.eq(waiting & (self.flush_clocks != 0) & (pause >= self.flush_clocks) & ~paused & ~busy),
        ]
        with m.If(frame_ends | (paused & ~busy)):
            m.d.sync += [settling.eq(SETTLED), waiting.eq(0), pause.eq(0)]
        with m.Elif(settling != 0):
            m.d.sync += settling.eq(settling - 1)
        with m.Elif(was_busy):
            m.d.sync += [waiting.eq(1), pause.eq(0)]
        with m.Elif(waiting):
            m.d.sync += pause.eq(pause + 1)
        with m.If(self.reset):
            m.d.sync += [settling.eq(0), waiting.eq(0), pause.eq(0), paused.eq(0)]

    def _measure(
        self,
        m: Module,
        taken: Value,
        word: Signal,
        first: Value,
        ends: Value,
        malformed: Value,
        selected: Value,
    ) -> None:
        shape = self.shape_
        control = Signal(4 + self.engines)  # taken, first, ends, malformed, engine
        m.d.sync += control.eq(Cat(taken, first, ends & taken, malformed, selected))
        lanes = [self.i.payload.data.word_select(lane, COUNT_BITS) for lane in range(shape.lanes)]
        photons = [self._masked(m, value, word, lane, shape.n_gates) for lane, value in enumerate(lanes)]
        baseline = [
            self._masked(m, value, word, lane, shape.program.n_baseline) for lane, value in enumerate(lanes)
        ]
        now, level = Value.cast(control), 0
        most = list(photons)
        while len(photons) > 1:
            photons = _halved(m, photons, lambda a, b: a + b, f"photons_{level}")
            baseline = _halved(m, baseline, lambda a, b: a + b, f"baseline_{level}")
            most = _halved(m, most, lambda a, b: Mux(a > b, a, b), f"most_{level}")
            now, level = delayed(m, now, 1, name=f"control_{level}", reset_less=False), level + 1
        total, base = Signal(PHOTON_BITS + 8), Signal(shape.signal_bits)
        top = Signal(COUNT_BITS)
        with m.If(now[0]):
            m.d.sync += [
                total.eq(Mux(now[1], 0, total) + photons[0]),
                base.eq(Mux(now[1], 0, base) + baseline[0]),
                top.eq(Mux(~now[1] & (top > most[0]), top, most[0])),
            ]
        now = delayed(m, now, 1, name="summed", reset_less=False)
        self._conclude(m, now, total, base, top)

    def _conclude(self, m: Module, now: Value, total: Signal, base: Signal, top: Signal) -> None:
        """Give the facts: an adder or a comparison a clock."""
        shape = self.shape_
        scaled, peak = Signal(shape.signal_bits, reset_less=True), Signal(signed(shape.signal_bits + 1))
        m.d.sync += [
            scaled.eq(times_constant(top, shape.program.n_baseline)),
            peak.eq(scaled - delayed(m, base, 1, name="base")),
        ]
        late, base = delayed(m, total, 2, name="total"), delayed(m, base, 2, name="base_again")
        empty, few, beyond = Signal(), Signal(), Signal()
        m.d.sync += [
            empty.eq(peak <= 0),
            few.eq(late < self.min_photons),
            beyond.eq(late[PHOTON_BITS:].any()),
        ]
        late, base, peak = (
            delayed(m, value, 1, name=name)
            for value, name in ((late, "total_again"), (base, "base_last"), (peak, "peak"))
        )
        now = delayed(m, now, 3, name="concluding", reset_less=False)
        m.d.sync += [
            self.done.eq(Mux(now[2], now[4:], 0)),
            self.facts.baseline.eq(base),
            # Without a signal all numerators are 0: the divisor only has to be something else.
            self.facts.divisor.eq(Mux(empty, 1, peak[: shape.signal_bits])),
            self.facts.photons.eq(Mux(beyond, 2**PHOTON_BITS - 1, late[:PHOTON_BITS])),
            self.facts.dark.eq(empty | few),
            self.facts.malformed.eq(now[3]),
        ]

    def _masked(self, m: Module, value: Value, word: Signal, lane: int, n: int) -> Signal:
        """Return a lane's count where its gate is one of the first ``n``, else 0; a clock later."""
        shape = self.shape_
        masked = Signal(COUNT_BITS, reset_less=True)
        words = -(-(n - lane) // shape.lanes)  # beats in which this lane counts
        m.d.sync += masked.eq(value if words >= shape.words else Mux(word < max(words, 0), value, 0))
        return masked


def _halved(m: Module, values: list[Value], join: object, name: str) -> list[Value]:
    """Return pairs of values joined, a clock later."""
    assert callable(join)
    joined = []
    for index in range(0, len(values) - 1, 2):
        value = join(values[index], values[index + 1])
        later = Signal(Value.cast(value).shape(), name=f"{name}_{index}", reset_less=True)
        m.d.sync += later.eq(value)
        joined.append(later)
    return joined
