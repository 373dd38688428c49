"""Packet receiver: distributes packets of raw counts to the engines and measures each pixel."""

from amaranth.hdl import Cat, Const, Module, Mux, ResetSignal, Signal, Value, signed
from amaranth.lib import data, stream
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.gateware.count_exponent import EXPONENT_BITS, LIMIT_LATENCY, scaled_limit
from seq2seqlite.hardware.gateware.frame_counter import FrameCounter
from seq2seqlite.hardware.gateware.parameters import ROOM_CLOCKS, Shape, packet_clocks
from seq2seqlite.hardware.gateware.pipeline import copied, delayed, modulo_increment
from seq2seqlite.hardware.gateware.register_slices import beat
from seq2seqlite.hardware.gateware.response_bank import (
    BASE_LATENCY,
    INDEX_BITS,
    LOOKUP_LATENCY,
    base_address,
    looked_up,
)
from seq2seqlite.hardware.gateware.serial_arithmetic import times_constant

__all__ = ["Receiver", "facts_layout", "slot_facts"]

EXPONENT = slice(8, 8 + EXPONENT_BITS)
"""Bits of TUSER that contain the exponent of the counts."""
CONCLUDING = 6
"""Clock cycles from the sums of the lanes to the registers of the status."""
SETTLED = 24
"""Clock cycles after which the status of the last packet, and a flush, have certainly reached the engine."""


def facts_layout(shape: Shape, /) -> data.StructLayout:
    """Return the layout of the pixel status, which is complete after the last beat of a packet.

    ``dark`` flags a pixel below threshold, ``malformed`` a packet of the wrong length, and ``absent`` one
    that is missing, in designs with sequence numbers. Of programs with standard errors: ``base`` is the
    address of the response, ``missing`` flags a response that is not in the bank, ``given`` one that is
    known, and ``exponent`` is that of the counts.
    """
    user = {"missing": 1, "given": 1, "exponent": signed(EXPONENT_BITS)} if shape.has_errors else {}
    return data.StructLayout(
        {
            **slot_facts(shape),
            "photons": shape.total_bits,
            "dark": 1,
            "malformed": 1,
            **({"absent": 1} if shape.sequence_numbers else {}),
            **user,
        }
    )


def slot_facts(shape: Shape, /) -> dict[str, int]:
    """Return the names and widths of the part of the status that the pixel buffer stores with the counts."""
    base = {"base": shape.index_bits} if shape.responses else {}
    baseline = shape.signal_bits if shape.program.n_baseline else 0
    return {"baseline": baseline, "divisor": shape.signal_bits, **base}


class Receiver(Component):
    """Packet receiver: distributes packets to the engines round robin, and measures each pixel.

    A packet is accepted only if its engine has room for it. At the end of a frame, and after an idle time, a
    flush starts the incomplete batches of all engines.

    A reset of the domain ``sync`` discards all pixels. Beats that arrive during the reset are dropped, and so
    is the rest of a packet that is then in progress. The packet boundary is tracked in the domain ``bus``,
    which is not reset.

    Parameters
    ----------
    shape : Shape
        Parameters of an engine.
    engines : int
        Number of engines.

    Attributes
    ----------
    i : Signature(beat(beat_bits)), in
        Input beats.
    frame_pixels : Signal(32), in
        Pixels of a frame; 0 disables framing.
    min_photons : Signal(32), in
        Pixels with fewer counts, of direct programs counts of the detector, are flagged as below threshold.
    flush_clocks : Signal(32), in
        Idle clock cycles before a flush; 0: never.
    room : Signal(engines), in
        Whether each engine can accept a packet.
    allocate : Signal(engines), out
        Strobe of one engine with the first beat of a packet, one clock cycle after the beat was accepted.
    write : Signal(engines), out
        Write strobe of one engine for ``data`` at ``word``.
    data : Signal(beat_bits), out
        Beat, shared by all engines.
    word : Signal(range(words)), out
        Index of the beat in its packet.
    done : Signal(engines), out
        Strobe of one engine when ``facts`` are valid, a fixed number of clock cycles after the last beat.
    facts : Signal(facts_layout(shape)), out
        Status of the pixel, shared by all engines.
    flush : Signal(1), out
        Strobe that starts incomplete batches, after ``facts`` of the last pixel have arrived.
    short, long : Signal(1), out
        Strobe when a packet ended early, or was longer than ``n_gates`` counts.
    absent : Signal(1), in
        Whether a beat of ``i`` is a packet that is missing, of one beat of zeros; only with sequence numbers.
    response_base : Signal(6), in
        Value added to the index of the response of each packet, from the start of the next frame.
    present, known : Signal(responses), in
        Which responses are in the bank, and which of them are not zero.
    """

    def __init__(self, shape: Shape, engines: int) -> None:
        self.shape_, self.engines = shape, engines
        flags = {"present": In(shape.responses), "known": In(shape.responses)}
        bank = {"response_base": In(INDEX_BITS), **flags} if shape.responses else {}
        absent = {"absent": In(1)} if shape.sequence_numbers else {}
        super().__init__(
            {
                "i": In(stream.Signature(beat(shape.beat_bits, shape.packet_user_bits))),
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
                **absent,
                **bank,
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the packet state machine and the measuring pipeline behind it."""
        m = Module()
        shape = self.shape_
        word, final = Signal(range(shape.words)), Signal(init=int(shape.words == 1))
        engine = Signal(range(max(self.engines, 2)))
        in_packet, dropping, settled = Signal(), Signal(), Signal()
        stored, first, accepted = Signal(), Signal(), Signal()
        ends, malformed = Signal(), Signal()
        absent = self.absent if shape.sequence_numbers else Const(0, 1)
        m.submodules.frame = frame = FrameCounter()
        has_ended = delayed(m, ends, 1, name="ends", reset_less=False)
        # Packets end at least three clock cycles apart: one until the frame counter is incremented, and two
        # until its output is valid. Packets of fewer beats wait for that.
        has_just_ended = delayed(m, ends | has_ended, 1, name="just_ended", reset_less=False)
        # No beat is accepted in the clock cycle before the rest of a packet is dropped.
        is_long = delayed(m, ends & ~self.i.payload.last, 1, name="is_long", reset_less=False)
        may_start = self._may_start(m, engine, first, ends) & settled & ~is_long
        m.d.comb += [
            self.i.ready.eq(
                dropping | (in_packet | may_start) & ~(has_just_ended & (self.i.payload.last | final))
            ),
            accepted.eq(self.i.valid & self.i.ready),
            stored.eq(accepted & ~dropping),
            first.eq(stored & ~in_packet),
            ends.eq(stored & (self.i.payload.last | final)),
            malformed.eq((self.i.payload.last ^ final) | absent),
            frame.frame_pixels.eq(self.frame_pixels),
            frame.next.eq(has_ended),
        ]
        with m.If(ends):
            m.d.sync += [in_packet.eq(0), word.eq(0), final.eq(shape.words == 1)]
            m.d.sync += engine.eq(modulo_increment(engine, self.engines))
        with m.Elif(stored):
            m.d.sync += [in_packet.eq(1), word.eq(word + 1), final.eq(word == shape.words - 2)]
        self._drop(m, accepted, is_long, dropping)
        self._flush(m, in_packet | first, ends & frame.last, settled)
        selected = Signal(self.engines)
        m.d.comb += selected.eq(Const(1, self.engines) << engine)
        is_last = delayed(m, self.i.payload.last, 1, name="is_last")
        is_final = delayed(m, final, 1, name="is_final")
        was_absent = delayed(m, absent, 1, name="was_absent") if shape.sequence_numbers else absent
        m.d.sync += [
            self.allocate.eq(Mux(first, selected, 0)),
            self.write.eq(Mux(stored, selected, 0)),
            self.short.eq(has_ended & is_last & ~is_final & ~was_absent),
            self.long.eq(has_ended & ~is_last & is_final),
        ]
        m.d.comb += [
            self.data.eq(delayed(m, self.i.payload.data, 1, name="data")),
            self.word.eq(delayed(m, word, 1, name="word")),
        ]
        user = self._user(m, first, ends, frame)
        self._measure(m, stored, word, first, ends, malformed, absent, selected, user)
        return m

    def _user(self, m: Module, first: Value, ends: Value, frame: FrameCounter) -> Value | None:
        """Return TUSER of the packet in progress, one clock cycle after its first beat; None without TUSER.

        The index includes the offset that applies to the frame of the packet.
        """
        shape = self.shape_
        if not shape.packet_user_bits:
            return None
        given = delayed(m, self.i.payload.user, 1, name="user")
        was_first = delayed(m, first, 1, name="first", reset_less=False)
        held = Signal(shape.packet_user_bits, reset_less=True)
        if not shape.responses:
            with m.If(was_first):
                m.d.sync += held.eq(given)
            return Mux(was_first, given, held)
        offset, begins, unframed = Signal(INDEX_BITS), Signal(init=1), Signal()
        m.d.sync += unframed.eq(self.frame_pixels == 0)
        with m.If(ends):
            m.d.sync += begins.eq(frame.last)
        starts = delayed(m, begins | unframed, 1, name="starts", reset_less=False)
        used = Mux(starts, self.response_base, offset)
        user = Cat((given[:INDEX_BITS] + used)[:INDEX_BITS], given[INDEX_BITS:])
        with m.If(was_first):
            m.d.sync += [held.eq(user), offset.eq(used)]
        return Mux(was_first, user, held)

    def _drop(self, m: Module, accepted: Value, is_long: Value, dropping: Signal) -> None:
        """Drop beats after the last gate of a packet, during a reset, and of a packet interrupted by it."""
        mid_packet, was_reset = Signal(), Signal()  # mid_packet includes packets that are being dropped
        m.d.bus += was_reset.eq(ResetSignal())
        with m.If(accepted):
            m.d.bus += mid_packet.eq(~self.i.payload.last)
        with m.If(ResetSignal() | is_long):
            m.d.bus += dropping.eq(1)
        # Every beat that is dropped is accepted at once.
        with m.Elif(self.i.valid & self.i.payload.last):
            m.d.bus += dropping.eq(0)
        with m.Elif(was_reset & ~self.i.valid):
            m.d.bus += dropping.eq(mid_packet)

    def _may_start(self, m: Module, engine: Value, first: Value, ends: Value) -> Signal:
        """Return whether the engine of the next packet has room, registered.

        ``room`` of an engine includes a packet only several clock cycles after its first beat. Packets start
        so far apart that the next one of the same engine comes after that.
        """
        may = Signal()
        now = self.room.bit_select(engine, 1)
        after = self.room.bit_select(modulo_increment(engine, self.engines), 1)
        too_early = recent = first
        for clock in range(1, packet_clocks(self.engines) - 1):
            recent = delayed(m, recent, 1, name=f"first_{clock}", reset_less=False)
            too_early |= recent
        m.d.sync += may.eq(Mux(ends, after, now) & ~too_early)
        return may

    def _flush(self, m: Module, busy: Value, frame_ends: Value, settled: Signal) -> None:
        """Build the flush: after the status of the last pixel of a frame, or before an idle time, arrived."""
        settling, idle_clocks = Signal(range(SETTLED + 1)), Signal(32)
        unflushed, timed_out, idle, closing = Signal(), Signal(), Signal(), Signal()
        was_busy = delayed(m, busy, 1, name="busy", reset_less=False)
        flush_clocks = delayed(m, self.flush_clocks, 1, name="flush_clocks")
        flush_enabled = delayed(m, flush_clocks != 0, 1, name="flush_enabled")
        m.d.sync += [
            # During the remaining clock cycles the engines close their banks and update their room.
            self.flush.eq(settling == ROOM_CLOCKS + 1),
            settled.eq((settling <= 1) & ~frame_ends & ~idle & ~closing),
            timed_out.eq(flush_enabled & (idle_clocks >= flush_clocks) & ~was_busy & ~closing),
            idle.eq(unflushed & timed_out & ~idle & ~closing & ~busy),
            closing.eq(frame_ends | (idle & ~busy)),
            idle_clocks.eq(Mux(was_busy | closing, 0, idle_clocks + 1)),
        ]
        with m.If(closing):
            m.d.sync += [settling.eq(SETTLED), unflushed.eq(0)]
        with m.Elif(settling != 0):
            m.d.sync += settling.eq(settling - 1)
        with m.Elif(was_busy):
            m.d.sync += unflushed.eq(1)

    def _measure(
        self,
        m: Module,
        stored: Value,
        word: Signal,
        first: Value,
        ends: Value,
        malformed: Value,
        absent: Value,
        selected: Value,
        user: Value | None,
    ) -> None:
        shape = self.shape_
        # Taken, first, malformed, engine whose packet ends, and with sequence numbers absent.
        flags = Cat(stored, first, malformed, Mux(ends, selected, 0))
        control = Signal(len(flags) + shape.sequence_numbers)
        m.d.sync += control.eq(Cat(flags, absent))
        counts = delayed(m, self.i.payload.data, 1, name="counts")
        lanes = [counts.word_select(lane, shape.count_bits) for lane in range(shape.lanes)]
        photons = [self._masked(m, value, word, lane, shape.n_gates) for lane, value in enumerate(lanes)]
        baseline = [
            self._masked(m, value, word, lane, shape.program.n_baseline) for lane, value in enumerate(lanes)
        ]
        minima = [
            self._masked(m, value, word, lane, shape.n_gates, otherwise=shape.max_count)
            for lane, value in enumerate(lanes)
        ]
        stage_control, level = control, 0
        maxima = list(photons)
        while len(photons) > 1:
            photons = _halved(m, photons, lambda a, b: a + b, f"photons_{level}")
            baseline = _halved(m, baseline, lambda a, b: a + b, f"baseline_{level}")
            maxima = _halved(m, maxima, lambda a, b: Mux(a > b, a, b), f"most_{level}")
            minima = _halved(m, minima, lambda a, b: Mux(a < b, a, b), f"least_{level}")
            stage_control, level = (
                delayed(m, stage_control, 1, name=f"control_{level}", reset_less=False),
                level + 1,
            )
        total, base = (
            Signal(shape.total_bits + 8, reset_less=True),
            Signal(shape.signal_bits, reset_less=True),
        )
        top, bottom = (Signal(shape.count_bits, name=name, reset_less=True) for name in ("top", "bottom"))
        # The control bits are duplicated for each sum, to limit fan-out and wire length.
        total_control, base_control, top_control = (
            copied(m, stage_control[:2], name=f"counts_{name}") for name in ("photons", "baseline", "maxima")
        )
        with m.If(total_control[0]):
            m.d.sync += total.eq(Mux(total_control[1], 0, total) + photons[0])
        with m.If(base_control[0]):
            m.d.sync += base.eq(Mux(base_control[1], 0, base) + baseline[0])
        with m.If(top_control[0]):
            m.d.sync += top.eq(Mux(~top_control[1] & (top > maxima[0]), top, maxima[0]))
            m.d.sync += bottom.eq(Mux(~top_control[1] & (bottom < minima[0]), bottom, minima[0]))
        sums_valid = delayed(m, stage_control, 2, name="summed", reset_less=False)
        found = self._response(m, user, 1 + level)
        limit = self._limit(m, first, 1 + level)
        self._conclude(m, sums_valid, total, base, top, bottom, limit, found)

    def _response(self, m: Module, user: Value | None, levels: int) -> dict[str, Value]:
        """Return the parts of the status that TUSER gives, in the clock cycle in which it is registered.

        ``levels`` is the number of clock cycles until the sums of the lanes are complete.
        """
        if user is None:
            return {}
        latency = levels + CONCLUDING - 1  # as many clock cycles after ``user``
        exponent = delayed(m, user[EXPONENT], latency, name="exponent").as_signed()
        if not self.shape_.responses:
            return {"missing": Const(0, 1), "given": Const(0, 1), "exponent": exponent}
        index = delayed(m, user[:INDEX_BITS], latency - BASE_LATENCY, name="index")
        last = delayed(m, index, BASE_LATENCY - LOOKUP_LATENCY, name="index_last")
        return {
            "base": base_address(m, index, self.shape_.n_gates, name="base"),
            "missing": ~looked_up(m, self.present, last, name="present"),
            "given": looked_up(m, self.known, last, name="known"),
            "exponent": exponent,
        }

    def _limit(self, m: Module, first: Value, levels: int) -> Value:
        """Return the smallest sum of counts that is not below threshold, for :meth:`_conclude`.

        ``levels`` is that of :meth:`_response`.
        """
        if not self.shape_.packet_user_bits:
            return delayed(m, self.min_photons, 1, name="min_photons")
        given, held = self.i.payload.user[EXPONENT], Signal(EXPONENT_BITS, reset_less=True)
        with m.If(first):
            m.d.sync += held.eq(given)
        # The comparison is one clock cycle before the status is registered.
        waiting = levels + CONCLUDING - 1 - LIMIT_LATENCY
        exponent = delayed(m, Mux(first, given, held), waiting, name="exponent_early")
        return scaled_limit(m, delayed(m, self.min_photons, 1, name="min_photons"), exponent)

    def _conclude(
        self,
        m: Module,
        sums_valid: Value,
        total: Value,
        base: Value,
        top: Value,
        bottom: Value,
        limit: Value,
        found: dict[str, Value],
    ) -> None:
        """Compute the pixel status, with one adder or comparison per pipeline stage."""
        shape = self.shape_
        # The limit takes one clock cycle longer than the sums.
        total, base, top, bottom = (
            delayed(m, value, 1, name=f"{name}_sum")
            for value, name in ((total, "total"), (base, "base"), (top, "top"), (bottom, "bottom"))
        )
        scaled = Signal(shape.signal_bits, reset_less=True)
        peak = Signal(signed(shape.signal_bits + 1), reset_less=True)
        m.d.sync += [
            scaled.eq(times_constant(top, shape.baseline_scale)),
            peak.eq(scaled - delayed(m, base, 1, name="base")),
        ]
        total_delayed, base = delayed(m, total, 2, name="total"), delayed(m, base, 2, name="base_again")
        empty, too_few, overflows = (Signal(reset_less=True) for _ in range(3))
        m.d.sync += [
            empty.eq(peak <= 0 if shape.program.n_baseline else self._flat(m, top, bottom)),
            too_few.eq(total_delayed < limit),
            overflows.eq(total_delayed[shape.total_bits :].any()),
        ]
        total_delayed, base, peak = (
            delayed(m, value, 1, name=name)
            for value, name in ((total_delayed, "total_again"), (base, "base_last"), (peak, "peak"))
        )
        sums_valid = delayed(m, sums_valid, 4, name="concluding", reset_less=False)
        facts = Signal(facts_layout(shape), reset_less=True)
        m.d.sync += [
            self.done.eq(sums_valid[3 : 3 + self.engines]),
            facts.baseline.eq(base),
            # Without a signal all numerators are 0, and any non-zero divisor is valid.
            facts.divisor.eq(Mux(empty, 1, peak[: shape.signal_bits])),
            facts.photons.eq(Mux(overflows, 2**shape.total_bits - 1, total_delayed[: shape.total_bits])),
            *(facts[name].eq(value) for name, value in found.items()),
            facts.dark.eq(empty | too_few),
            facts.malformed.eq(sums_valid[2]),
        ]
        if shape.sequence_numbers:
            m.d.sync += facts.absent.eq(sums_valid[-1])
            if "missing" in found:
                m.d.sync += facts.missing.eq(found["missing"] & ~sums_valid[-1])
        m.d.comb += self.facts.eq(facts)

    def _flat(self, m: Module, top: Value, bottom: Value) -> Value:
        """Return whether the input codes are the same in all gates, two clock cycles after the counts.

        The highest code is H = ``2**bits - 1``. The lowest equals it if ``2 H (top - bottom) <= top``.
        """
        bits, count_bits = self.shape_.input_bits + 1, self.shape_.count_bits
        spread, scaled = Signal(count_bits, reset_less=True), Signal(count_bits + bits, reset_less=True)
        m.d.sync += [spread.eq(top - bottom), scaled.eq((spread << bits) - (spread << 1))]
        return scaled <= delayed(m, top, 2, name="top")

    def _masked(
        self, m: Module, value: Value, word: Signal, lane: int, n: int, *, otherwise: int = 0
    ) -> Signal:
        """Return the count of a lane if its gate is one of the first ``n``, or else a constant.

        The result is one clock cycle later. ``word`` is one clock cycle ahead of ``value``, so that the
        comparison is registered.
        """
        shape = self.shape_
        masked = Signal(shape.count_bits, reset_less=True)
        words = -(-(n - lane) // shape.lanes)  # beats in which this lane is used
        if words >= shape.words:
            m.d.sync += masked.eq(value)
        else:
            overflows = Signal(reset_less=True)
            m.d.sync += [overflows.eq(word >= max(words, 0)), masked.eq(Mux(overflows, otherwise, value))]
        return masked


def _halved(m: Module, values: list[Value], join: object, name: str) -> list[Value]:
    """Return one level of a reduction tree: adjacent values combined, one clock cycle later."""
    assert callable(join)
    joined = []
    for index in range(0, len(values) - 1, 2):
        value = join(values[index], values[index + 1])
        later = Signal(Value.cast(value).shape(), name=f"{name}_{index}", reset_less=True)
        m.d.sync += later.eq(value)
        joined.append(later)
    return joined
