"""Lifetime unit: computes lifetimes from areas and first samples, one pixel at a time."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.gateware.direct_head import user_info_layout
from seq2seqlite.hardware.gateware.error_unit import reduced_layout
from seq2seqlite.hardware.gateware.parameters import Shape
from seq2seqlite.hardware.gateware.serial_arithmetic import SerialDivider, SerialMultiplier, times_constant
from seq2seqlite.hardware.wire.results import PHOTON_BITS, RESULT_BITS
from seq2seqlite.integer import FRACTION_BITS, KNOT_BITS, RATIO_BITS, SHARE, TAU_BITS

__all__ = ["Reducer", "info_layout", "sums_layout"]

PART_BITS = RATIO_BITS - KNOT_BITS
SHORT, LONG, FRACTION = range(3)


def sums_layout(shape: Shape, /) -> data.StructLayout:
    """Return the layout of the trapezoidal sums of a pixel: twice the areas, and the first samples."""
    area = signed(shape.area_bits) if shape.program.formats.output.signed else shape.area_bits
    return data.StructLayout(
        {
            "area_short": area,
            "area_long": area,
            "first_short": shape.first_bits,
            "first_long": shape.first_bits,
        }
    )


def info_layout(shape: Shape, /) -> data.StructLayout:
    """Return the layout of the pixel status that is delivered with the lifetimes."""
    absent = {"absent": 1} if shape.sequence_numbers else {}
    return data.StructLayout({"photons": PHOTON_BITS, "dark": 1, "malformed": 1, **absent})


class Reducer(Component):
    """Lifetime unit: three divisions, two table look-ups and the mean of a pixel, in sequence.

    Parameters
    ----------
    shape : Shape
        Parameters of the engine.

    Attributes
    ----------
    i : Signature({sums, info}), in
        Sums and status of a pixel. ``i.ready`` is high one clock cycle after the payload was sampled.
    o : Signature(96), out
        Result record without its pixel number; of a program with standard errors
        :func:`~seq2seqlite.hardware.gateware.error_unit.reduced_layout`. The next pixel is accepted after its
        delivery.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape_ = shape
        numerator_bits = max(shape.area_bits + RATIO_BITS - 1, shape.first_bits + FRACTION_BITS)
        self._divider = SerialDivider(numerator_bits, shape.first_bits + 1, shape.quotient_bits)
        self._multiplier = SerialMultiplier(TAU_BITS + 1, FRACTION_BITS + 1)
        codes = [int(code) for code in shape.with_decoder.reduction.tau_codes]
        # One extra entry: the interpolation reads the knot after the last.
        self._table = Memory(shape=TAU_BITS, depth=len(codes) + 1, init=[*codes, codes[-1]])
        info = user_info_layout(shape) if shape.has_errors else info_layout(shape)
        pixel = data.StructLayout({"sums": sums_layout(shape), "info": info})
        result = reduced_layout(shape) if shape.has_errors else RESULT_BITS
        super().__init__({"i": In(stream.Signature(pixel)), "o": Out(stream.Signature(result))})

    @staticmethod
    def clocks(shape: Shape) -> int:
        """Return the maximum number of clock cycles per pixel, including its delivery."""
        return 3 * (shape.quotient_bits + 3) + FRACTION_BITS + 11

    def elaborate(self, platform: object) -> Module:
        """Build the two state machines: division, and look-up of lifetimes."""
        m = Module()
        m.submodules.divider, m.submodules.multiplier = self._divider, self._multiplier
        m.submodules.table = self._table
        pixel = Signal(self.i.payload.shape(), reset_less=True)
        task, fraction = Signal(2), Signal(FRACTION_BITS + 1, reset_less=True)
        division_starts, mean_starts = Signal(), Signal()
        m.d.comb += self._divider.start.eq(division_starts)
        m.d.sync += [division_starts.eq(0), mean_starts.eq(0)]
        first_sum = Signal(self.shape_.first_bits + 1, reset_less=True)
        m.d.sync += first_sum.eq(pixel.sums.first_short + pixel.sums.first_long)
        self._operands(m, pixel.sums, first_sum, task)
        with m.FSM():
            with m.State("IDLE"):
                m.d.sync += [pixel.eq(self.i.payload), task.eq(SHORT)]
                with m.If(self.i.valid):
                    m.next = "ADD"
            with m.State("ADD"):
                m.d.comb += self.i.ready.eq(1)  # the payload was sampled in the previous clock cycle
                m.next = "CHOOSE"
            with m.State("CHOOSE"):
                m.d.sync += division_starts.eq(1)
                m.next = "START"
            with m.State("START"):
                m.next = "DIVIDE"
            with m.State("DIVIDE"), m.If(self._divider.done):
                m.d.sync += task.eq(task + 1)
                m.next = "CHOOSE"
                with m.If(task == FRACTION):
                    m.d.sync += fraction.eq(self._divider.quotient)
                    m.next = "AVERAGE"
            # A look-up is shorter than a division, so that both lifetimes are valid here.
            with m.State("AVERAGE"):
                m.d.sync += mean_starts.eq(1)
                m.next = "DIFFER"
            with m.State("DIFFER"):
                m.next = "MULTIPLY"
            with m.State("MULTIPLY"), m.If(self._multiplier.done):
                m.next = "ROUND"
            with m.State("ROUND"):
                m.next = "SUM"
            with m.State("SUM"):
                m.next = "DELIVER"
            with m.State("DELIVER"):
                m.d.comb += self.o.valid.eq(1)
                with m.If(self.o.ready):
                    m.next = "IDLE"
        has_component = self._components(m, pixel, first_sum)
        tau = self._look_up(m, task, has_component, mean_starts, fraction)
        self._deliver(m, pixel.info, fraction, tau, has_component)
        return m

    def _operands(self, m: Module, sums: Value, first_sum: Value, task: Value) -> None:
        """Select the operands of the division, one clock cycle before it starts."""
        shape = self.shape_
        first = Mux(task == SHORT, sums.first_short, sums.first_long)
        area = Mux(task == SHORT, sums.area_short, sums.area_long)
        if shape.program.formats.output.signed:
            area = Mux(area < 0, 0, area)[: shape.area_bits]
        with m.If(task == FRACTION):
            m.d.sync += [
                self._divider.numerator.eq(sums.first_short << FRACTION_BITS),
                self._divider.divisor.eq(first_sum),
            ]
        with m.Else():
            # The ratio of twice the area and twice the first sample.
            m.d.sync += [
                self._divider.numerator.eq(area << (RATIO_BITS - 1)),
                self._divider.divisor.eq(first),
            ]

    def _components(self, m: Module, pixel: Value, first_sum: Value) -> Signal:
        """Return which components are present, the short one in the lowest bit."""
        sums, has_component, usable = pixel.sums, Signal(2), Signal()
        info = pixel.info
        missing = info.missing if self.shape_.has_errors else 0
        m.d.sync += usable.eq(~(info.dark | info.malformed | missing))
        for index, first in enumerate((sums.first_short, sums.first_long)):
            # 50 = 32 + 18, with one adder per pipeline stage.
            part, scaled = (Signal(self.shape_.first_bits + 6, reset_less=True) for _ in range(2))
            low = SHARE & ~(1 << (SHARE.bit_length() - 1))
            m.d.sync += [
                part.eq(times_constant(first, low)),
                scaled.eq(part + (first << (SHARE.bit_length() - 1))),
                has_component[index].eq((scaled > first_sum) & usable),
            ]
        return has_component

    def _look_up(
        self, m: Module, task: Value, has_component: Signal, mean_starts: Value, fraction: Value
    ) -> tuple[Signal, Signal]:
        """Build the table look-up with linear interpolation, and return the lifetimes of both components."""
        divider, multiplier, last = self._divider, self._multiplier, self.shape_.last_knot
        table = self._table.read_port()
        knot, part = Signal(range(last + 2)), Signal(PART_BITS, reset_less=True)
        tau_low, tau_high = (Signal(TAU_BITS, reset_less=True) for _ in range(2))
        interpolated, is_long = Signal(TAU_BITS, reset_less=True), Signal()
        difference = Signal(signed(TAU_BITS + 1), reset_less=True)
        tau = Signal(TAU_BITS, name="tau_short"), Signal(TAU_BITS, name="tau_long")
        ratio_knot = divider.quotient[PART_BITS:]
        starts, looked_up = Signal(), Signal(TAU_BITS, reset_less=True)
        m.d.sync += [starts.eq(0), looked_up.eq(table.data)]
        m.d.comb += [
            table.addr.eq(knot),
            multiplier.start.eq(starts | mean_starts),
            multiplier.a.eq(tau_high - tau_low),
            multiplier.b.eq(part),
            multiplier.b_used.eq(PART_BITS),
        ]
        with m.FSM(name="look_up"):
            with m.State("IDLE"), m.If(divider.done & (task != FRACTION)):
                m.d.sync += [
                    knot.eq(Mux(divider.overflow | (ratio_knot >= last), last, ratio_knot)),
                    part.eq(divider.quotient[:PART_BITS]),
                    is_long.eq(task == LONG),
                ]
                m.next = "HERE"
            with m.State("HERE"):
                m.d.sync += knot.eq(knot + 1)
                m.next = "THERE"
            with m.State("THERE"):
                m.next = "TAKE"
            with m.State("TAKE"):
                m.d.sync += tau_low.eq(looked_up)
                m.next = "BETWEEN"
            with m.State("BETWEEN"):
                m.d.sync += [tau_high.eq(looked_up), starts.eq(1)]
                m.next = "START"
            with m.State("START"):
                m.next = "MULTIPLY"
            with m.State("MULTIPLY"), m.If(multiplier.done):
                m.d.sync += interpolated.eq(multiplier.high + multiplier.low[-1])
                m.next = "SUM"
            with m.State("SUM"):
                component_tau = tau_low + interpolated
                for index, component in enumerate(tau):
                    with m.If(is_long == index):
                        m.d.sync += component.eq(Mux(has_component[index], component_tau, 0))
                m.next = "IDLE"
        m.d.sync += difference.eq(tau[SHORT] - tau[LONG])
        # fraction short + (1 - fraction) long = long + fraction (short - long)
        with m.If(mean_starts):
            m.d.comb += [
                multiplier.a.eq(difference),
                multiplier.b.eq(fraction),
                multiplier.b_used.eq(FRACTION_BITS + 1),
            ]
        return tau

    def _deliver(
        self, m: Module, info: Value, fraction: Value, tau: tuple[Signal, Signal], has_component: Signal
    ) -> None:
        """Round and add the product of the mean, then drive the output; one clock cycle each."""
        multiplier = self._multiplier
        product = Cat(multiplier.low[FRACTION_BITS:], multiplier.high).as_signed()
        rounded, mean = Signal(TAU_BITS, reset_less=True), Signal(TAU_BITS, reset_less=True)
        usable = Signal()
        m.d.sync += [
            rounded.eq(product + multiplier.low[FRACTION_BITS - 1]),
            mean.eq(tau[LONG] + rounded),
            usable.eq(has_component.any()),
        ]
        record = Cat(Mux(usable, mean, 0), tau[SHORT], tau[LONG], Mux(usable, fraction, 0))
        flags = Cat(usable, has_component, info.dark, info.malformed)
        absent = (info.absent,) if self.shape_.sequence_numbers else ()
        if not self.shape_.has_errors:
            m.d.comb += self.o.payload.eq(Cat(record, info.photons, flags, Const(0, 1), *absent))
            return
        m.d.comb += [
            self.o.payload.record.eq(Cat(record, Const(0, PHOTON_BITS), flags, info.missing, *absent)),
            self.o.payload.photons.eq(info.photons),
            self.o.payload.given.eq(info.given),
            self.o.payload.exponent.eq(info.exponent),
        ]
