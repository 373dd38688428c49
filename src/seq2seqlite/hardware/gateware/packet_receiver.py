"""The front of a design: packets of raw counts in, beats and facts of whole pixels out."""

from amaranth.hdl import Cat, Const, Module, Mux, ResetSignal, Signal, Value, signed
from amaranth.lib import data, stream
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.gateware.frame_counter import FrameCounter
from seq2seqlite.hardware.gateware.parameters import PACKET_CLOCKS, Shape
from seq2seqlite.hardware.gateware.register_slices import beat
from seq2seqlite.hardware.gateware.serial_arithmetic import copied, delayed, next_in_turn, times_constant
from seq2seqlite.hardware.wire.results import PHOTON_BITS
from seq2seqlite.integer import COUNT_BITS

__all__ = ["Receiver", "facts_layout"]

SETTLED = 24
"""Clocks after which the facts of the last packet have certainly reached its engine, and a flush as well."""


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

    A reset of the domain ``sync`` forgets all pixels. What comes during it is dropped, and the rest of the
    packet under way then: where packets end is kept in the domain ``bus``.

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
        m.submodules.frame = frame = FrameCounter()
        has_ended = delayed(m, ends, 1, name="ends", reset_less=False)
        # Packets end three clocks apart: one until the frame's counter is told, two until it knows. Those of
        # few beats wait for that.
        has_just_ended = delayed(m, ends | has_ended, 1, name="just_ended", reset_less=False)
        begins = self._may_begin(m, engine, first, ends) & settled  # long after the frame's counter is ready
        m.d.comb += [
            self.i.ready.eq(surplus | (inside | begins) & ~(has_just_ended & (self.i.payload.last | final))),
            accepted.eq(self.i.valid & self.i.ready),
            taken.eq(accepted & ~surplus),
            first.eq(taken & ~inside),
            ends.eq(taken & (self.i.payload.last | final)),
            malformed.eq(self.i.payload.last ^ final),
            frame.frame_pixels.eq(self.frame_pixels),
            frame.next.eq(has_ended),
        ]
        with m.If(ends):
            m.d.sync += [inside.eq(0), word.eq(0), final.eq(shape.words == 1)]
            m.d.sync += engine.eq(next_in_turn(engine, self.engines))
        with m.Elif(taken):
            m.d.sync += [inside.eq(1), word.eq(word + 1), final.eq(word == shape.words - 2)]
        self._drop(m, accepted, ends, surplus)
        self._flush(m, inside | first, ends & frame.last, settled)
        selected = Signal(self.engines)
        m.d.comb += selected.eq(Const(1, self.engines) << engine)
        is_last = delayed(m, self.i.payload.last, 1, name="is_last")
        is_final = delayed(m, final, 1, name="is_final")
        m.d.sync += [
            self.allocate.eq(Mux(first, selected, 0)),
            self.write.eq(Mux(taken, selected, 0)),
            self.short.eq(has_ended & is_last & ~is_final),
            self.long.eq(has_ended & ~is_last & is_final),
        ]
        m.d.comb += [
            self.data.eq(delayed(m, self.i.payload.data, 1, name="data")),
            self.word.eq(delayed(m, word, 1, name="word")),
        ]
        self._measure(m, taken, word, first, ends, malformed, selected)
        return m

    def _drop(self, m: Module, accepted: Value, ends: Value, surplus: Signal) -> None:
        """Drop what is behind the end of a packet, what comes in a reset, and the rest of the packet then."""
        under_way, was_reset = Signal(), Signal()  # a packet, whether it is dropped or not
        m.d.bus += was_reset.eq(ResetSignal())
        with m.If(accepted):
            m.d.bus += under_way.eq(~self.i.payload.last)
        with m.If(ResetSignal()):
            m.d.bus += surplus.eq(1)
        with m.Elif(accepted & self.i.payload.last):
            m.d.bus += surplus.eq(0)
        with m.Elif(was_reset & ~accepted):
            m.d.bus += surplus.eq(under_way)
        with m.Elif(ends):
            m.d.bus += surplus.eq(1)

    def _may_begin(self, m: Module, engine: Value, first: Value, ends: Value) -> Signal:
        """Return whether the next packet's engine has room, found out in the clock before.

        An engine counts a packet some clocks after its first beat; only then it is asked again.
        """
        may = Signal()
        now = self.room.bit_select(engine, 1)
        after = self.room.bit_select(next_in_turn(engine, self.engines), 1)
        uncounted = recent = first
        for clock in range(1, PACKET_CLOCKS - 1):
            recent = delayed(m, recent, 1, name=f"first_{clock}", reset_less=False)
            uncounted |= recent
        m.d.sync += may.eq(Mux(ends, after, now) & ~uncounted)
        return may

    def _flush(self, m: Module, busy: Value, frame_ends: Value, settled: Signal) -> None:
        """Give a flush when the facts of a frame's last pixel, or of the last before a pause, are there."""
        settling, pause = Signal(range(SETTLED + 1)), Signal(32)
        waiting, long_enough, paused, closing = Signal(), Signal(), Signal(), Signal()
        was_busy = delayed(m, busy, 1, name="busy", reset_less=False)
        flush_clocks = delayed(m, self.flush_clocks, 1, name="flush_clocks")
        flushes = delayed(m, flush_clocks != 0, 1, name="flushes")
        m.d.sync += [
            # In the wait's last clocks the engines close their banks, and say what room they have.
            self.flush.eq(settling == PACKET_CLOCKS + 1),
            settled.eq((settling <= 1) & ~frame_ends & ~paused & ~closing),
            long_enough.eq(flushes & (pause >= flush_clocks) & ~was_busy & ~closing),
            paused.eq(waiting & long_enough & ~paused & ~closing & ~busy),
            closing.eq(frame_ends | (paused & ~busy)),
            pause.eq(Mux(was_busy | closing, 0, pause + 1)),
        ]
        with m.If(closing):
            m.d.sync += [settling.eq(SETTLED), waiting.eq(0)]
        with m.Elif(settling != 0):
            m.d.sync += settling.eq(settling - 1)
        with m.Elif(was_busy):
            m.d.sync += waiting.eq(1)

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
        control = Signal(3 + self.engines)  # taken, first, malformed, whose packet ends
        m.d.sync += control.eq(Cat(taken, first, malformed, Mux(ends, selected, 0)))
        counts = delayed(m, self.i.payload.data, 1, name="counts")
        lanes = [counts.word_select(lane, COUNT_BITS) for lane in range(shape.lanes)]
        photons = [self._masked(m, value, word, lane, shape.n_gates) for lane, value in enumerate(lanes)]
        baseline = [
            self._masked(m, value, word, lane, shape.program.n_baseline) for lane, value in enumerate(lanes)
        ]
        before, level = control, 0
        most = list(photons)
        while len(photons) > 1:
            photons = _halved(m, photons, lambda a, b: a + b, f"photons_{level}")
            baseline = _halved(m, baseline, lambda a, b: a + b, f"baseline_{level}")
            most = _halved(m, most, lambda a, b: Mux(a > b, a, b), f"most_{level}")
            before, level = delayed(m, before, 1, name=f"control_{level}", reset_less=False), level + 1
        total, base = Signal(PHOTON_BITS + 8, reset_less=True), Signal(shape.signal_bits, reset_less=True)
        top = Signal(COUNT_BITS, reset_less=True)
        # Each sum has its own register for taken and first: they may lie apart.
        of_total, of_base, of_top = (
            copied(m, before[:2], name=f"counts_{name}") for name in ("photons", "baseline", "most")
        )
        with m.If(of_total[0]):
            m.d.sync += total.eq(Mux(of_total[1], 0, total) + photons[0])
        with m.If(of_base[0]):
            m.d.sync += base.eq(Mux(of_base[1], 0, base) + baseline[0])
        with m.If(of_top[0]):
            m.d.sync += top.eq(Mux(~of_top[1] & (top > most[0]), top, most[0]))
        now = delayed(m, before, 2, name="summed", reset_less=False)
        self._conclude(m, now, total, base, top)

    def _conclude(self, m: Module, now: Value, total: Signal, base: Signal, top: Signal) -> None:
        """Give the facts: an adder or a comparison a clock."""
        shape = self.shape_
        scaled = Signal(shape.signal_bits, reset_less=True)
        peak = Signal(signed(shape.signal_bits + 1), reset_less=True)
        m.d.sync += [
            scaled.eq(times_constant(top, shape.program.n_baseline)),
            peak.eq(scaled - delayed(m, base, 1, name="base")),
        ]
        late, base = delayed(m, total, 2, name="total"), delayed(m, base, 2, name="base_again")
        empty, few, beyond = (Signal(reset_less=True) for _ in range(3))
        m.d.sync += [
            empty.eq(peak <= 0),
            few.eq(late < delayed(m, self.min_photons, 1, name="min_photons")),
            beyond.eq(late[PHOTON_BITS:].any()),
        ]
        late, base, peak = (
            delayed(m, value, 1, name=name)
            for value, name in ((late, "total_again"), (base, "base_last"), (peak, "peak"))
        )
        now = delayed(m, now, 3, name="concluding", reset_less=False)
        facts = Signal(facts_layout(shape), reset_less=True)
        m.d.sync += [
            self.done.eq(now[3:]),
            facts.baseline.eq(base),
            # Without a signal all numerators are 0: the divisor only has to be something else.
            facts.divisor.eq(Mux(empty, 1, peak[: shape.signal_bits])),
            facts.photons.eq(Mux(beyond, 2**PHOTON_BITS - 1, late[:PHOTON_BITS])),
            facts.dark.eq(empty | few),
            facts.malformed.eq(now[2]),
        ]
        m.d.comb += self.facts.eq(facts)

    def _masked(self, m: Module, value: Value, word: Signal, lane: int, n: int) -> Signal:
        """Return a lane's count where its gate is one of the first ``n``, else 0; a clock later.

        ``word`` is a clock ahead of ``value``: what is compared comes from a register.
        """
        shape = self.shape_
        masked = Signal(COUNT_BITS, reset_less=True)
        words = -(-(n - lane) // shape.lanes)  # beats in which this lane counts
        if words >= shape.words:
            m.d.sync += masked.eq(value)
        else:
            beyond = Signal(reset_less=True)
            m.d.sync += [beyond.eq(word >= max(words, 0)), masked.eq(Mux(beyond, 0, value))]
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
