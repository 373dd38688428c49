"""Head of direct programs: lifetimes, fraction and standard errors of a pixel from its last state.

One unit per clock cycle is multiplied and added, for some outputs at a time. The rest is a fixed sequence
of steps.
"""

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In, Out
from numpy.typing import NDArray

from seq2seqlite.hardware.gateware.count_exponent import EXPONENT_BITS, detector_counts
from seq2seqlite.hardware.gateware.parameters import Shape as EngineShape
from seq2seqlite.hardware.gateware.pipeline import copied, delayed
from seq2seqlite.hardware.wire.results import PHOTON_BITS
from seq2seqlite.integer import FRACTION_BITS, TAU_BITS, DirectProgram
from seq2seqlite.integer.interpreter import scaled
from seq2seqlite.integer.standard_errors import ERROR_BITS, LOG_COUNTS, LOG_FRACTION_BITS, N_OCTAVES

__all__ = ["DirectHead", "user_info_layout"]

MEAN, SHORT, LONG, FRACTION = range(4)
N_ERRORS = 4
# Outputs in the order of their computation: short and long are limited by the mean, which must be ready.
ORDER = (MEAN, FRACTION, SHORT, LONG, 4, 5, 6, 7)
UNLIMITED = ORDER.index(SHORT)
"""Number of outputs before those that the mean limits."""
LANES = (1, 2, 4, 8)
GROUP_BITS = 2
GROUP = 1 << GROUP_BITS
"""Units among which the first of two stages selects."""
SAMPLED_BITS = 48
"""Bits of a pixel that are sampled with one enable."""
PAUSES = 2
"""Clock cycles between fraction and short lifetime, in which the mean lifetime gets ready."""
MAC_LATENCY = 8
"""Clock cycles from the address of a unit to the sum that contains it."""
LIMIT_LATENCY = 4
"""Clock cycles from the choice of a sum to its shifted and limited value."""
ERROR_LATENCY = LIMIT_LATENCY + 3
"""Clock cycles from the choice of a sum to the error in its register."""
LEVEL_CLOCKS = 3
"""Clock cycles from the position of the leading one to the place in the table of factors."""
FACTOR_CLOCKS = 9
"""Clock cycles from the address of a factor to the register with the offset of its error."""
FACTOR_INTERVAL = 2
"""Clock cycles per factor."""
MAX_ERROR = (1 << (ERROR_BITS - 1)) - 1


def user_info_layout(shape: EngineShape, /) -> data.StructLayout:
    """Return the layout of the pixel status of an engine with standard errors.

    ``missing`` flags a pixel whose response is not in the bank, ``given`` one whose response is known.
    """
    return data.StructLayout(
        {
            "photons": shape.total_bits,
            "dark": 1,
            "malformed": 1,
            "missing": 1,
            "given": 1,
            "exponent": signed(EXPONENT_BITS),
            **({"absent": 1} if shape.sequence_numbers else {}),
        }
    )


@dataclass(frozen=True)
class Schedule:
    """Clock cycles in which a head does its steps, counted from the sampling of a pixel.

    Parameters
    ----------
    lanes : int
        Outputs that are computed at a time.
    first_product : int
        First address of a unit.
    factors : int
        First address of a factor.
    clocks : int
        Clock cycles until all outputs are valid.
    """

    lanes: int
    first_product: int
    factors: int
    clocks: int

    @property
    def passes(self) -> int:
        """Number of passes over the units."""
        return len(ORDER) // self.lanes


def schedule(shape: EngineShape, /) -> Schedule:
    """Return the schedule with the fewest multipliers that keeps up with the ring, or else the fastest."""
    units, factors = shape.program.units, shape.total_bits + LEVEL_CLOCKS
    last_offset = factors + (N_ERRORS - 1) * FACTOR_INTERVAL + FACTOR_CLOCKS
    for lanes in LANES:
        passes, period = len(ORDER) // lanes, _period(units, lanes)
        # From the first product of a pass to the choice of its first sum.
        chosen = units + MAC_LATENCY + 1
        # Errors are the second half of the outputs; with eight lanes they follow the lifetimes in one pass.
        first_error = passes // 2 * period if passes > 1 else N_ERRORS + PAUSES
        first_product = max(0, last_offset - (first_error + chosen + LIMIT_LATENCY))
        last_sum = first_product + (passes - 1) * period + chosen + lanes + PAUSES - 1
        found = Schedule(lanes, first_product, factors, last_sum + ERROR_LATENCY)
        if DirectHead.OVERHEAD + found.clocks <= shape.n_gates:
            break
    return found


def _period(units: int, lanes: int) -> int:
    """Return the clock cycles of a pass, in which the sums of the pass before it are taken in turn."""
    return max(units, lanes + PAUSES + 1)


class DirectHead(Component):
    """Head of a direct program, one pixel at a time.

    Parameters
    ----------
    shape : EngineShape
        Parameters of the engine.

    Attributes
    ----------
    i : Signature({state, info}), in
        Last state and status of a pixel. ``i.ready`` is high one clock cycle after the payload was sampled.
    o : Signature(payload_bits), out
        Result record without its pixel number. The next pixel is accepted after its delivery.
    """

    OVERHEAD = 4
    """Clock cycles per pixel besides the schedule: sampling and delivery."""

    def __init__(self, shape: EngineShape) -> None:
        assert shape.direct is not None
        self.shape_, self.program, self.schedule = shape, shape.direct, schedule(shape)
        head = self.program.accumulators["head"]
        self._fraction_bits = head.fraction_bits
        self._sum_shape = signed(head.bits + 1)  # one more for the rounding
        self._weights = _weights(self.program, self.schedule.lanes)
        self._factors = Memory(shape=signed(ERROR_BITS), depth=512, init=_factors(self.program))
        # A mantissa near 2 has a logarithm of one octave.
        self._logarithms = Memory(
            shape=LOG_FRACTION_BITS + 1, depth=len(LOG_COUNTS), init=LOG_COUNTS.tolist()
        )
        pixel = data.StructLayout({"state": shape.state_bits, "info": user_info_layout(shape)})
        super().__init__({"i": In(stream.Signature(pixel)), "o": Out(stream.Signature(shape.payload_bits))})

    @staticmethod
    def clocks(shape: EngineShape) -> int:
        """Return the clock cycles per pixel, including its delivery."""
        return schedule(shape).clocks + DirectHead.OVERHEAD

    def elaborate(self, platform: object) -> Module:
        """Build the states, the step counter, and the parts that they control."""
        m = Module()
        step, begins, runs, stays = self._states(m)
        pixel = self._sampled(m, stays)
        offsets = self._offsets(m, pixel.info, step, runs, begins)
        sums, taken = self._sums(m, pixel.state, step, runs)
        values, errors = self._outputs(m, sums, taken, offsets)
        # The schedule is longer than the serial shift.
        photons = detector_counts(m, pixel.info.photons, pixel.info.exponent, begins, bits=PHOTON_BITS)
        self._deliver(m, pixel.info, photons, values, errors)
        return m

    def _states(self, m: Module) -> tuple[Signal, Signal, Signal, Signal]:
        """Build the states and the handshakes.

        Returns the step of the schedule, the states of the first clock cycle of a pixel and of the ones until
        all outputs are valid, and whether the next clock cycle waits for a pixel.
        """
        plan = self.schedule
        step = Signal(range(plan.clocks + 1))
        # One register per state, because what the states control is far apart.
        idle, begins, runs, delivers = Signal(init=1), Signal(), Signal(), Signal()
        stays, ends = Signal(), Signal()
        m.d.comb += [
            self.i.ready.eq(begins),  # sampled in the previous clock cycle
            self.o.valid.eq(delivers),
            stays.eq(idle & ~self.i.valid | delivers & self.o.ready),
        ]
        m.d.sync += [
            idle.eq(stays),
            begins.eq(idle & self.i.valid),
            step.eq(Mux(begins, 0, step + 1)),
            ends.eq(runs & (step == plan.clocks - 2)),
            runs.eq(begins | runs & ~ends),
            delivers.eq(ends | delivers & ~self.o.ready),
        ]
        return step, begins, runs, stays

    def _sampled(self, m: Module, stays: Signal) -> Signal:
        """Return the register of the pixel, which follows the input while the head waits."""
        pixel = Signal(self.i.payload.shape(), reset_less=True)
        given = Value.cast(self.i.payload)
        for number, first in enumerate(range(0, len(given), SAMPLED_BITS)):
            samples = copied(m, stays, name=f"samples_{number}", init=1)
            with m.If(samples):
                m.d.sync += pixel.as_value()[first : first + SAMPLED_BITS].eq(
                    given[first : first + SAMPLED_BITS]
                )
        return pixel

    def _sums(
        self, m: Module, state: Value, step: Value, runs: Value
    ) -> tuple[list[Signal], tuple[Value, Value]]:
        """Build the multipliers; return the sums of a pass, and a strobe with the number of the pass.

        The strobe is high when the sums are valid. They stay valid for the length of a pass.
        """
        units, plan = self.program.units, self.schedule
        period = _period(units, plan.lanes)
        unit, number, active = Signal(range(period)), Signal(range(max(plan.passes, 2))), Signal()
        address = Signal(range(max(plan.passes * units + 1, 2)))  # number * units + unit
        with m.If(runs & (step == plan.first_product)):
            m.d.sync += [active.eq(1), unit.eq(0), number.eq(0), address.eq(0)]
        with m.Elif(active):
            m.d.sync += [unit.eq(unit + 1), address.eq(address + (unit < units))]
            with m.If(unit == period - 1):
                m.d.sync += [unit.eq(0), number.eq(number + 1)]
                with m.If(number == plan.passes - 1):
                    m.d.sync += active.eq(0)
        rom = Memory(shape=self._weights.word_bits, depth=len(self._weights.words), init=self._weights.words)
        m.submodules.weights = rom
        reader = rom.read_port()
        m.d.comb += reader.addr.eq(address)
        first, last = active & (unit == 0), active & (unit == units - 1)
        begins = delayed(m, first, MAC_LATENCY - 2, name="begins", reset_less=False)
        ends = delayed(m, last, MAC_LATENCY - 1, name="ends", reset_less=False)
        chosen = self._operand(m, state, unit)
        weights = delayed(m, reader.data, 3, name="weight")
        number_summed = delayed(m, number, MAC_LATENCY - 2, name="number_summed")
        bits, found = self._weights.bits, []
        for lane in range(plan.lanes):
            weight = weights.word_select(lane, bits).as_signed()
            operand = copied(m, chosen, name=f"factor_{lane}", reset_less=True).as_signed()
            product = Signal(signed(len(operand) + bits), name=f"product_{lane}", reset_less=True)
            total = Signal(self._sum_shape, name=f"total_{lane}", reset_less=True)
            taken = Signal(self._sum_shape, name=f"sum_{lane}", reset_less=True)
            initial = Array(self._initial(lane + plan.lanes * number) for number in range(plan.passes))
            # A multiplier has registers of its own on both sides, because its place on the FPGA is fixed.
            later = copied(m, product, name=f"product_{lane}_again").as_signed()
            m.d.sync += [
                product.eq(operand * weight),
                total.eq(Mux(begins, initial[number_summed], total) + (later << self._weights.shift)),
            ]
            with m.If(ends):
                m.d.sync += taken.eq(total)
            found.append(taken)
        strobe = delayed(m, ends, 1, name="summed", reset_less=False)
        return found, (strobe, delayed(m, number, MAC_LATENCY, name="number_taken"))

    def _operand(self, m: Module, state: Value, unit: Value) -> Value:
        """Return the state of a unit, three clock cycles later."""
        bits, units = self.program.formats.state.bits, self.program.units
        groups = []
        for first in range(0, units, GROUP):
            low = copied(m, unit[:GROUP_BITS], name=f"unit_{first // GROUP}")
            codes = [state.word_select(min(first + k, units - 1), bits) for k in range(GROUP)]
            group = Signal(bits, name=f"states_{first // GROUP}", reset_less=True)
            m.d.sync += group.eq(Array(codes)[low])
            groups.append(group)
        high = delayed(m, unit[GROUP_BITS:], 2, name="group") if len(groups) > 1 else Const(0, 1)
        return delayed(m, Array(groups)[high] if len(groups) > 1 else groups[0], 1, name="operand")

    def _initial(self, place: int) -> int:
        """Return the bias of an output on the grid of the sum, plus the constant that rounds it."""
        output = ORDER[place]
        bias = int(scaled(self.program.head_bias, self._fraction_bits, np.int64)[0, output])
        shift = self._shift(output)
        return bias + (1 << (shift - 1) if shift > 0 else 0)

    def _shift(self, output: int) -> int:
        """Return the binary places by which the sum of an output is shifted to the right."""
        if output == FRACTION:
            return self._fraction_bits - FRACTION_BITS
        grid = self.program.formats.output.fraction_bits if output < FRACTION else LOG_FRACTION_BITS
        return self._fraction_bits - grid

    def _outputs(
        self, m: Module, sums: list[Signal], taken: tuple[Value, Value], offsets: list[Signal]
    ) -> tuple[list[Signal], list[Signal]]:
        """Choose one sum after another, shift and limit it, and store the lifetimes and the errors."""
        lanes = self.schedule.lanes
        strobe, number = taken
        values = [
            Signal(FRACTION_BITS + 1 if i == FRACTION else TAU_BITS, name=f"value_{i}") for i in range(4)
        ]
        errors = [Signal(signed(ERROR_BITS), name=f"error_{i}") for i in range(N_ERRORS)]
        place, choosing, group = Signal(range(lanes + PAUSES)), Signal(), Signal.like(number)
        # Short and long are chosen some clock cycles later, because the mean limits them.
        lane, used = Signal(range(max(lanes, 2))), Signal()
        next_place, later = Signal(range(lanes + PAUSES + 1)), Signal()
        m.d.comb += [next_place.eq(place + 1), later.eq(next_place >= UNLIMITED + PAUSES)]
        with m.If(strobe):
            m.d.sync += [place.eq(0), choosing.eq(1), group.eq(number), lane.eq(0), used.eq(1)]
        with m.Elif(choosing):
            remains = next_place != lanes + PAUSES
            m.d.sync += [
                place.eq(next_place),
                choosing.eq(remains),
                lane.eq(Mux(later, next_place - PAUSES, next_place)),
                used.eq(remains & (later | (next_place < min(UNLIMITED, lanes)))),
            ]
        output = Signal(range(len(ORDER)))
        m.d.comb += output.eq(Array(ORDER)[(group * lanes + lane)[:3]])
        chosen = Signal(self._sum_shape, reset_less=True)
        m.d.sync += chosen.eq(Array(sums)[lane] if lanes > 1 else sums[0])
        # By the number of clock cycles since the sum was chosen.
        outputs = [delayed(m, output, age, name=f"output_{age}") for age in range(ERROR_LATENCY)]
        strobes = [
            delayed(m, used, age, name=f"used_{age}", reset_less=False) for age in range(ERROR_LATENCY)
        ]
        value, low, high = self._shift_and_limits(m, chosen, outputs[1], values[MEAN])
        below, above = Signal(reset_less=True), Signal(reset_less=True)
        limited = Signal(low.shape(), reset_less=True)
        m.d.sync += [
            below.eq(value < low),
            above.eq(value > high),
            limited.eq(
                Mux(
                    below,
                    delayed(m, low, 1, name="low"),
                    Mux(above, delayed(m, high, 1, name="high"), delayed(m, value, 1, name="value")),
                )
            ),
        ]
        for i, stored in enumerate(values):
            with m.If(strobes[LIMIT_LATENCY] & (outputs[LIMIT_LATENCY] == i)):
                m.d.sync += stored.eq(limited)
        total = Signal(signed(len(limited) + 2), reset_less=True)
        m.d.sync += total.eq(limited + Array(offsets)[outputs[LIMIT_LATENCY][:2]])
        too_low, too_high = Signal(reset_less=True), Signal(reset_less=True)
        m.d.sync += [too_low.eq(total < -MAX_ERROR), too_high.eq(total > MAX_ERROR)]
        inside = delayed(m, total[:ERROR_BITS], 1, name="total_again").as_signed()
        error = Mux(too_low, -MAX_ERROR, Mux(too_high, MAX_ERROR, inside))
        for i, stored in enumerate(errors):
            with m.If(strobes[LIMIT_LATENCY + 2] & (outputs[LIMIT_LATENCY + 2] == N_ERRORS + i)):
                m.d.sync += stored.eq(error)
        return values, errors

    def _shift_and_limits(
        self, m: Module, chosen: Signal, output: Value, mean: Signal
    ) -> tuple[Signal, Signal, Signal]:
        """Return a sum on the grid of its output, and the lowest and highest code of that output."""
        program = self.program
        is_error, is_fraction = output[2], output == FRACTION
        shifted = [_shifted(chosen, self._shift(kind)) for kind in (MEAN, FRACTION, N_ERRORS)]
        value = Signal(signed(max(len(one) for one in shifted)), name="shifted", reset_less=True)
        m.d.sync += value.eq(Mux(is_error, shifted[2], Mux(is_fraction, shifted[1], shifted[0])))
        limit = signed(max(TAU_BITS, FRACTION_BITS + 1, ERROR_BITS) + 1)
        low, high = (Signal(limit, name=name, reset_less=True) for name in ("lowest", "highest"))
        lows = {MEAN: program.tau_low, SHORT: program.tau_low, LONG: mean, FRACTION: 0}
        highs = {MEAN: program.tau_high, SHORT: mean, LONG: program.tau_high, FRACTION: 1 << FRACTION_BITS}
        m.d.sync += [
            low.eq(Mux(is_error, -MAX_ERROR, Array(lows[i] for i in range(4))[output[:2]])),
            high.eq(Mux(is_error, MAX_ERROR, Array(highs[i] for i in range(4))[output[:2]])),
        ]
        return value, low, high

    def _offsets(self, m: Module, info: Value, step: Value, runs: Value, begins: Value) -> list[Signal]:
        """Return what is added to the logarithm of each error: its factor, minus half that of the counts."""
        bits = self.shape_.total_bits
        m.submodules.factors, m.submodules.logarithms = self._factors, self._logarithms
        counts, octave = Signal(bits, reset_less=True), Signal(range(bits), reset_less=True)
        # The leading one moves to the top within ``bits - 1`` steps.
        with m.If(begins):
            m.d.sync += [counts.eq(Mux(info.photons == 0, 1, info.photons)), octave.eq(bits - 1)]
        with m.Elif(~counts[-1]):
            m.d.sync += [counts.eq(counts << 1), octave.eq(octave - 1)]
        logarithm = self._logarithms.read_port()
        m.d.comb += logarithm.addr.eq(counts[bits - 1 - LOG_FRACTION_BITS : bits - 1])
        level = Signal(signed(18), reset_less=True)
        exponent = info.exponent
        octaves = Signal(signed(EXPONENT_BITS + 2), reset_less=True)
        fraction = delayed(m, logarithm.data, 1, name="logarithm")
        m.d.sync += [octaves.eq(octave - exponent), level.eq((octaves << LOG_FRACTION_BITS) + fraction)]
        top = (N_OCTAVES << LOG_FRACTION_BITS) - 1
        place = Signal(range(top + 1), reset_less=True)
        half = Signal(signed(17), reset_less=True)
        m.d.sync += [place.eq(Mux(level < 0, 0, Mux(level > top, top, level))), half.eq(level >> 1)]
        # Two reads per factor: at the octave of the counts, and at the next.
        factor = self._factors.read_port()
        read = Signal(range(N_ERRORS * FACTOR_INTERVAL + 1))
        reading = Signal()
        with m.If(runs & (step == self.schedule.factors - 1)):
            m.d.sync += [read.eq(0), reading.eq(1)]
        with m.Elif(reading):
            m.d.sync += [read.eq(read + 1), reading.eq(read != N_ERRORS * FACTOR_INTERVAL - 1)]
        octave_read = Signal(range(N_OCTAVES + 1))
        m.d.comb += octave_read.eq(place[LOG_FRACTION_BITS:] + read[0])
        m.d.sync += factor.addr.eq(Cat(read[1:3], octave_read, info.given))
        here, there = Signal(signed(ERROR_BITS), reset_less=True), Signal(signed(ERROR_BITS), reset_less=True)
        m.d.sync += [there.eq(factor.data), here.eq(there)]
        difference = Signal(signed(ERROR_BITS + 1), reset_less=True)
        product = Signal(signed(ERROR_BITS + 2 + LOG_FRACTION_BITS), reset_less=True)
        # The place stays the same. Its own register has a reset, unlike the registers inside a multiplier.
        part = delayed(m, Cat(place[:LOG_FRACTION_BITS], Const(0, 1)), 1, name="part").as_signed()
        m.d.sync += [difference.eq(there - here), product.eq(difference * part)]
        base = delayed(m, here, 2, name="base")
        interpolated = (product + (1 << (LOG_FRACTION_BITS - 1))) >> LOG_FRACTION_BITS
        rounded = Signal(signed(ERROR_BITS + 2), reset_less=True)
        offset = Signal(signed(18), reset_less=True)
        based = Signal(signed(18), reset_less=True)
        m.d.sync += [rounded.eq(interpolated), based.eq(base - half), offset.eq(based + rounded)]
        return self._stored_offsets(m, reading & read[0], read[1:3], offset)

    def _stored_offsets(self, m: Module, second: Value, index: Value, offset: Signal) -> list[Signal]:
        strobe = delayed(m, second, FACTOR_CLOCKS - 2, name="offset_valid", reset_less=False)
        chosen = delayed(m, index, FACTOR_CLOCKS - 2, name="offset_index")
        stored = [Signal(offset.shape(), name=f"offset_{i}", reset_less=True) for i in range(N_ERRORS)]
        for i, signal in enumerate(stored):
            with m.If(strobe & (chosen == i)):
                m.d.sync += signal.eq(offset)
        return stored

    def _deliver(
        self, m: Module, info: Value, photons: Value, values: list[Signal], errors: list[Signal]
    ) -> None:
        """Drive the record. All results of a pixel that is not usable are 0."""
        usable = Signal()
        m.d.sync += usable.eq(~(info.dark | info.malformed | info.missing))
        results = Cat(values[MEAN], values[SHORT], values[LONG], values[FRACTION])
        absent = info.absent if self.shape_.sequence_numbers else Const(0, 1)
        flags = Cat(usable.replicate(3), info.dark, info.malformed, info.missing, absent, Const(0, 1))
        m.d.comb += self.o.payload.eq(
            Cat(Mux(usable, results, 0), photons, flags, Mux(usable, Cat(*errors), 0))
        )


@dataclass(frozen=True)
class _Weights:
    """Weights of the head as words of a memory: one unit of a pass, for all lanes."""

    bits: int
    word_bits: int
    words: list[int]
    shift: int


def _weights(program: DirectProgram, lanes: int) -> _Weights:
    head, affine = program.accumulators["head"], program.head_kernel
    shift = head.fraction_bits - affine.format.fraction_bits - program.formats.state.fraction_bits
    bits, codes = affine.format.bits, np.asarray(affine.codes, np.int64)
    words = []
    for first in range(0, len(ORDER), lanes):
        for unit in codes:
            chosen = [int(unit[output]) % (1 << bits) for output in ORDER[first : first + lanes]]
            words.append(sum(code << (lane * bits) for lane, code in enumerate(chosen)))
    return _Weights(bits, bits * lanes, words, shift)


def _factors(program: DirectProgram) -> list[int]:
    """Return the factors at the addresses {given, octave (6 bits), quantity (2 bits)}."""
    table: NDArray[np.int64] = np.zeros((2, 64, N_ERRORS), np.int64)
    table[:, : program.factors.shape[1]] = program.factors
    return [int(code) for code in table.reshape(-1)]


def _shifted(value: Signal, places: int) -> Value:
    return value >> places if places >= 0 else value << -places
