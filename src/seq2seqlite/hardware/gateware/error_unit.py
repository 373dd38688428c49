"""Standard errors of programs with a decoder: look-up in the table of errors, one pixel at a time."""

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.gateware.count_exponent import EXPONENT_BITS, detector_counts
from seq2seqlite.hardware.gateware.parameters import Shape
from seq2seqlite.hardware.gateware.pipeline import delayed
from seq2seqlite.hardware.wire.results import FLAG_BITS, PHOTON_BITS, RESULT_BITS, Flag
from seq2seqlite.integer import TAU_BITS, ErrorCodes
from seq2seqlite.integer.standard_errors import (
    ERROR_BITS,
    LOG_COUNTS,
    LOG_FRACTION_BITS,
    MAX_ERROR,
    TAU_PART_BITS,
)

__all__ = ["ErrorUnit", "reduced_layout"]

N_ERRORS = 4
PLACING = 4
"""Clock cycles from the logarithm of the counts to the row and the column of the table."""
INTERVAL = 8
"""Clock cycles per quantity: four entries of the table are read, and three interpolations made."""
SECOND = 1
"""Clock cycle of an interval in which the interpolation between the rows of the quantity before it starts."""
ROUNDED = 13
"""Clock cycles from the first entry of a quantity to its error, which is limited and stored then."""
LEVEL = signed(18)


def reduced_layout(shape: Shape, /) -> data.StructLayout:
    """Return the layout of a reduced pixel: its record without photons, its counts, and their exponent.

    ``given`` flags a response that is known.
    """
    return data.StructLayout(
        {
            "record": RESULT_BITS,
            "photons": shape.total_bits,
            "given": 1,
            "exponent": signed(EXPONENT_BITS),
        }
    )


class ErrorUnit(Component):
    """Unit that appends the standard errors to a record, by two-dimensional interpolation in a table.

    Parameters
    ----------
    shape : Shape
        Parameters of the engine.

    Attributes
    ----------
    i : Signature(reduced_layout(shape)), in
        Record and counts of a pixel. ``i.ready`` is high one clock cycle after the payload was sampled.
    o : Signature(payload_bits), out
        Record with the errors. The next pixel is accepted after its delivery.
    """

    OVERHEAD = 4
    """Clock cycles per pixel besides the schedule: sampling and delivery."""

    def __init__(self, shape: Shape) -> None:
        errors = shape.with_decoder.errors
        assert errors is not None, "the program has a table of errors"
        self.shape_, self._codes = shape, errors
        self._column_bits = (errors.table.shape[2] - 1).bit_length()
        self._row_bits = (errors.table.shape[1] - 1).bit_length()
        words = _words(errors, self._row_bits, self._column_bits)
        self._table = Memory(shape=signed(ERROR_BITS), depth=len(words), init=words)
        # A mantissa near 2 has a logarithm of one octave.
        self._logarithms = Memory(
            shape=LOG_FRACTION_BITS + 1, depth=len(LOG_COUNTS), init=LOG_COUNTS.tolist()
        )
        super().__init__(
            {
                "i": In(stream.Signature(reduced_layout(shape))),
                "o": Out(stream.Signature(shape.payload_bits)),
            }
        )

    @staticmethod
    def clocks(shape: Shape) -> int:
        """Return the clock cycles per pixel, including its delivery."""
        return _steps(shape) + ErrorUnit.OVERHEAD

    @staticmethod
    def units(shape: Shape) -> int:
        """Return the number of units with which an engine keeps up with its rings; 0 without errors."""
        if not shape.has_errors or shape.direct is not None:
            return 0
        return -(-ErrorUnit.clocks(shape) // shape.n_gates)

    def elaborate(self, platform: object) -> Module:
        """Build the step counter and the parts that it controls."""
        m = Module()
        m.submodules.table, m.submodules.logarithms = self._table, self._logarithms
        n_steps = _steps(self.shape_)
        pixel = Signal(reduced_layout(self.shape_), reset_less=True)
        step, begins = Signal(range(n_steps + 1)), Signal()
        with m.FSM():
            with m.State("IDLE"):
                m.d.sync += [pixel.eq(self.i.payload), step.eq(0)]
                with m.If(self.i.valid):
                    m.next = "TAKE"
            with m.State("TAKE"):
                m.d.comb += [self.i.ready.eq(1), begins.eq(1)]  # sampled in the previous clock cycle
                m.next = "RUN"
            with m.State("RUN"):
                m.d.sync += step.eq(step + 1)
                with m.If(step == n_steps - 1):
                    m.next = "DELIVER"
            with m.State("DELIVER"):
                m.d.comb += self.o.valid.eq(1)
                with m.If(self.o.ready):
                    m.next = "IDLE"
        row, column, half_level = self._places(m, pixel, step, begins)
        errors = self._interpolated(m, step, pixel.given, row, column, half_level)
        flags = pixel.record[RESULT_BITS - FLAG_BITS :]
        valid, short, long = (
            flags[int(flag).bit_length() - 1] for flag in (Flag.VALID, Flag.HAS_SHORT, Flag.HAS_LONG)
        )
        present = (valid, short, long, valid)
        kept = (Mux(has, error, 0)[:ERROR_BITS] for has, error in zip(present, errors, strict=True))
        # The schedule is longer than the serial shift.
        photons = detector_counts(m, pixel.photons, pixel.exponent, begins, bits=PHOTON_BITS)
        lifetimes = pixel.record[: RESULT_BITS - FLAG_BITS - PHOTON_BITS]
        m.d.comb += self.o.payload.eq(Cat(lifetimes, photons, flags, *kept))
        return m

    def _places(self, m: Module, pixel: Value, step: Value, begins: Value) -> tuple[Signal, Signal, Signal]:
        """Return the row and the column with their fractions, and half the level, all registered."""
        shape, codes = self.shape_, self._codes
        tau = pixel.record[:TAU_BITS]
        counts, octave = _normalised(m, pixel.photons, begins, name="counts")
        lifetime, tau_octave = _normalised(m, tau, begins, name="tau")
        ready = _leading_clocks(shape)
        reader = self._logarithms.read_port()
        of_tau = Signal()
        m.d.sync += of_tau.eq(step == ready - 1)
        m.d.comb += reader.addr.eq(Mux(of_tau, _mantissa(lifetime), _mantissa(counts)))
        octaves = Signal(signed(EXPONENT_BITS + 2), reset_less=True)
        level, tau_level = Signal(LEVEL, reset_less=True), Signal(LEVEL, reset_less=True)
        m.d.sync += octaves.eq(octave - pixel.exponent)
        # The counts are looked up first; the memory has a latency of one clock cycle.
        with m.If(step == ready):
            m.d.sync += level.eq((octaves << LOG_FRACTION_BITS) + reader.data)
        with m.If(step == ready + 1):
            m.d.sync += tau_level.eq((tau_octave << LOG_FRACTION_BITS) + reader.data)
        half_level = Signal(LEVEL, reset_less=True)
        m.d.sync += half_level.eq(level >> 1)
        _, n_rows, n_columns, _ = codes.table.shape
        row = _limited(m, level, codes.octave << LOG_FRACTION_BITS, n_rows, LOG_FRACTION_BITS, name="row")
        column = _limited(
            m, tau_level, codes.half_octave << TAU_PART_BITS, n_columns, TAU_PART_BITS, name="column"
        )
        return row, column, half_level

    def _interpolated(
        self, m: Module, step: Value, given: Value, row: Signal, column: Signal, half_level: Signal
    ) -> list[Signal]:
        """Return the errors: entries are read one after another, and share one multiplier.

        Clock cycles from the first entry of a quantity: its entries in the first row are interpolated from 4,
        those in the second row from 6, and between the rows from 9, which is 1 of the next quantity.
        """
        read, reading = Signal(range(N_ERRORS * INTERVAL + ROUNDED)), Signal()
        with m.If(step == _leading_clocks(self.shape_) + PLACING - 1):
            m.d.sync += [read.eq(0), reading.eq(1)]
        with m.Elif(reading):
            m.d.sync += [read.eq(read + 1), reading.eq(read != (N_ERRORS - 1) * INTERVAL + ROUNDED)]
        table = self._table.read_port()
        at_row, at_column = Signal(self._row_bits), Signal(self._column_bits)
        m.d.comb += [
            at_row.eq(row[LOG_FRACTION_BITS:] + read[1]),
            at_column.eq(column[TAU_PART_BITS:] + read[0]),
        ]
        m.d.sync += table.addr.eq(Cat(read[3:5], at_column, at_row, given))
        here, there, result = (
            Signal(signed(ERROR_BITS), name=name, reset_less=True) for name in ("here", "there", "result")
        )
        m.d.sync += [there.eq(table.data), here.eq(there)]
        # Between the rows: the result of the first row is two clock cycles older than that of the second.
        second = read[:3] == SECOND
        low = Mux(second, delayed(m, result, 2, name="first_row"), here)
        high = Mux(second, result, there)
        part = Mux(second, row[:LOG_FRACTION_BITS], Cat(Const(0, 1), column[:TAU_PART_BITS]))
        difference = Signal(signed(ERROR_BITS + 1), reset_less=True)
        factor = Signal(LOG_FRACTION_BITS, reset_less=True)
        product = Signal(signed(ERROR_BITS + 2 + LOG_FRACTION_BITS), reset_less=True)
        rounded = (product + (1 << (LOG_FRACTION_BITS - 1))) >> LOG_FRACTION_BITS
        total = Signal(LEVEL, reset_less=True)
        m.d.sync += [
            difference.eq(high - low),
            factor.eq(part),
            product.eq(difference * Cat(factor, Const(0, 1)).as_signed()),
            result.eq(delayed(m, low, 2, name="low") + rounded),
            total.eq(result - half_level),
        ]
        errors = [Signal(signed(ERROR_BITS), name=f"error_{i}", reset_less=True) for i in range(N_ERRORS)]
        for i, error in enumerate(errors):
            with m.If(read == i * INTERVAL + ROUNDED):
                limited = Mux(total < -MAX_ERROR, -MAX_ERROR, Mux(total > MAX_ERROR, MAX_ERROR, total))
                m.d.sync += error.eq(limited)
        return errors


def _leading_clocks(shape: Shape) -> int:
    """Return the clock cycles until the leading ones of counts and lifetime are at the top, and one more."""
    return shape.total_bits // 2 + 1


def _steps(shape: Shape) -> int:
    """Return the clock cycles from the sampling of a pixel to its last error."""
    return _leading_clocks(shape) + PLACING + (N_ERRORS - 1) * INTERVAL + ROUNDED + 1


def _normalised(m: Module, value: Value, begins: Value, *, name: str) -> tuple[Signal, Signal]:
    """Return a value whose leading one moves to the top, and the position of the leading one; 1 for 0.

    It moves by one or two bits per clock cycle.
    """
    bits = len(value)
    moved, octave = (
        Signal(bits, name=name, reset_less=True),
        Signal(range(bits), name=f"{name}_octave", reset_less=True),
    )
    with m.If(begins):
        m.d.sync += [moved.eq(Mux(value == 0, 1, value)), octave.eq(bits - 1)]
    with m.Elif(~moved[-1]):
        with m.If(moved[-2]):
            m.d.sync += [moved.eq(moved << 1), octave.eq(octave - 1)]
        with m.Else():
            m.d.sync += [moved.eq(moved << 2), octave.eq(octave - 2)]
    return moved, octave


def _mantissa(value: Signal) -> Value:
    """Return the bits behind the leading one, as the address of a logarithm."""
    return value[len(value) - 1 - LOG_FRACTION_BITS : len(value) - 1]


def _limited(m: Module, level: Value, first: int, n: int, bits: int, *, name: str) -> Signal:
    """Return the place of a level on an axis of ``n`` points, two clock cycles later."""
    top = ((n - 1) << bits) - 1
    raw = Signal(signed(19), name=f"{name}_raw", reset_less=True)
    place = Signal(range(top + 1), name=name, reset_less=True)
    m.d.sync += [raw.eq(level - first), place.eq(Mux(raw < 0, 0, Mux(raw > top, top, raw)))]
    return place


def _words(codes: ErrorCodes, row_bits: int, column_bits: int) -> list[int]:
    """Return the table at the addresses {given, row, column, quantity}."""
    table = np.zeros((2, 1 << row_bits, 1 << column_bits, N_ERRORS), np.int64)
    table[:, : codes.table.shape[1], : codes.table.shape[2]] = codes.table
    return [int(code) for code in table.reshape(-1)]
