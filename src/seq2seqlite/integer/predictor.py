"""Predictor that runs an integer program."""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.decay import Lifetimes, LifetimesWithErrors, TimeAxis, counts_for
from seq2seqlite.errors import InputError
from seq2seqlite.integer.direct import DirectResult, run_direct
from seq2seqlite.integer.direct_program import DirectProgram
from seq2seqlite.integer.interpreter import Result, run
from seq2seqlite.integer.lifetime_table import FRACTION_BITS, Reduced
from seq2seqlite.integer.program import COUNT_BITS, EncoderProgram, Program
from seq2seqlite.integer.responses import checked_inputs, response_codes
from seq2seqlite.integer.standard_errors import LOG_FRACTION_BITS
from seq2seqlite.maps import ERROR_MAPS
from seq2seqlite.models import FRACTION_OF_A_COUNT
from seq2seqlite.training_range import training_range_ns

__all__ = [
    "BankPredictor",
    "DirectPredictor",
    "Inputs",
    "ProgramMetadata",
    "ProgramPredictor",
    "direct_lifetimes_from_codes",
    "lifetimes_from_codes",
    "scaled_counts",
]


class ProgramMetadata:
    """What a predictor of an integer program says of its model.

    Parameters
    ----------
    program : EncoderProgram
        Program.

    See Also
    --------
    ProgramPredictor : Predictor of a program with a decoder.
    DirectPredictor : Predictor of a direct program.
    """

    program: EncoderProgram

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.program.name

    @property
    def axis(self) -> TimeAxis:
        """Time axis of the TPSFs that the program accepts."""
        return self.program.axis

    @property
    def rising_edge_ns(self) -> float:
        """Required position of the rising edge, in ns."""
        return self.program.rising_edge_ns

    @property
    def instrument(self) -> str:
        """Name of the instrument that the model was trained for."""
        return self.program.instrument

    @property
    def n_parameters(self) -> int:
        """Number of weights."""
        return self.program.n_parameters


class BankPredictor(ProgramMetadata):
    """Predictor of an integer program that may get the response of the decays.

    Parameters
    ----------
    program : Program or DirectProgram
        Program.
    response : array_like, shape (n_gates,), optional
        Response of the instrument on the axis of the program, with the delay of the decays; by default
        unknown.

    See Also
    --------
    seq2seqlite.integer.response_codes : Codes of a response in the bank of a program.
    """

    kind = "integer program"
    program: Program | DirectProgram

    def __init__(self, program: Program | DirectProgram, /, *, response: ArrayLike | None = None) -> None:
        self.program = program
        self.response = None if response is None else np.asarray(response, np.float64)
        self.bank = response_codes(program, response)[None]

    def with_response(self, response: ArrayLike | None, /) -> Self:
        """Return this predictor for decays of another response; None for an unknown one."""
        return type(self)(self.program, response=response)

    @property
    def max_background(self) -> float | None:
        """Largest share of background in the counts in the training; None if it does not matter."""
        return self.program.max_background if self.error_maps else None

    @property
    def uses_response(self) -> bool:
        """Whether the response of the instrument is an input of the network."""
        return self.program.n_columns > 0

    @property
    def response_given(self) -> bool:
        """Whether the program has the response of the decays."""
        return self.response is not None

    @property
    def error_maps(self) -> tuple[str, ...]:
        """Standard errors that the program predicts: those of all quantities, or none."""
        has_errors = isinstance(self.program, DirectProgram) or self.program.errors is not None
        return tuple(ERROR_MAPS) if has_errors else ()

    def _scaled(self, tpsf: ArrayLike) -> tuple[NDArray[np.integer], NDArray[np.int64]]:
        """Return the result of :func:`scaled_counts`."""
        return scaled_counts(counts_for(tpsf, axis=self.axis, name=self.name))

    def _checked(
        self, tpsf: ArrayLike, bank: ArrayLike | None, index: ArrayLike | None, count_exponent: ArrayLike
    ) -> "Inputs":
        """Return checked inputs; the bank is by default that of the response of this predictor."""
        counts, table, chosen = checked_inputs(
            self.program, tpsf, bank=self.bank if bank is None else bank, index=index
        )
        return Inputs(
            counts, table, chosen, np.broadcast_to(np.asarray(count_exponent, np.int64), len(counts))
        )

    def _of_pixels(self, tpsf: ArrayLike) -> "Inputs":
        """Return the inputs for decays of the response of this predictor."""
        counts, exponent = self._scaled(tpsf)
        return Inputs(counts, self.bank, np.zeros(len(counts), np.int64), exponent)


class Inputs(NamedTuple):
    """Checked inputs of a program; see :func:`seq2seqlite.integer.run`.

    Parameters
    ----------
    counts : ndarray of int, shape (n, n_gates)
        Counts of 16 bits.
    bank : ndarray of int64, shape (n_responses, n_gates, n_columns)
        Codes of the responses.
    chosen, exponent : ndarray of int64, shape (n,)
        Index of the response of each pixel, and binary logarithm of the factor of its counts.

    See Also
    --------
    BankPredictor : Predictor that makes them.
    """

    counts: NDArray[np.integer]
    bank: NDArray[np.int64]
    chosen: NDArray[np.int64]
    exponent: NDArray[np.int64]


class ProgramPredictor(BankPredictor):
    """Integer program run by the interpreter; implements :class:`~seq2seqlite.protocols.SfdPredictor`.

    Parameters
    ----------
    program : Program
        Program.
    response : array_like, shape (n_gates,), optional
        Response of the instrument on the axis of the program, with the delay of the decays, for a program
        that gets it; by default unknown.

    See Also
    --------
    seq2seqlite.integer.run : Run a program on raw counts.
    seq2seqlite.cpu.ProgramEngine : Integer program compiled for this CPU; equals ``run`` bit for bit.

    Examples
    --------
    >>> from seq2seqlite.integer import load_program
    >>> ProgramPredictor(load_program("seq2seqlite-tcspc-80mhz-int8")).kind
    'integer program'
    """

    program: Program

    def __init__(self, program: Program, /, *, response: ArrayLike | None = None) -> None:
        super().__init__(program, response=response)

    @property
    def tau_range_ns(self) -> tuple[float, float] | None:
        """Range of the lifetimes that the model was trained for, in ns; None if it is unknown."""
        return self.program.tau_range_ns or training_range_ns(self.instrument)

    def run(
        self,
        tpsf: ArrayLike,
        /,
        *,
        bank: ArrayLike | None = None,
        index: ArrayLike | None = None,
        min_photons: int = 0,
        count_exponent: ArrayLike = 0,
    ) -> Result:
        """Run the program; see :func:`seq2seqlite.integer.run` for parameters, result and errors.

        The bank is by default that of the response of this predictor.
        """
        return self._results(self._checked(tpsf, bank, index, count_exponent), min_photons)

    def sfd(self, tpsf: ArrayLike, /) -> NDArray[np.float32]:
        """Return decays without IRF, shape (n, 3, n_gates), for counts of shape (n, n_gates)."""
        codes = self._results(self._of_pixels(tpsf), 0).sfd
        return (codes * self.program.formats.output.step).astype(np.float32)

    def lifetimes(self, tpsf: ArrayLike, /) -> Lifetimes:
        """Return lifetimes, shape (n,), for counts of shape (n, n_gates); with errors if there are any."""
        found = self._results(self._of_pixels(tpsf), 0)
        return lifetimes_from_codes(self.program, found.lifetimes, log_errors=found.log_errors)

    def _results(self, inputs: Inputs, min_photons: int) -> Result:
        """Return the results of checked inputs; back ends compute them in other ways."""
        counts, bank, index, exponent = inputs
        return run(
            self.program, counts, bank=bank, index=index, min_photons=min_photons, count_exponent=exponent
        )


class DirectPredictor(BankPredictor):
    """Integer program of a direct network run by the interpreter, with the response of the decays.

    Parameters
    ----------
    program : DirectProgram
        Program.
    response : array_like, shape (n_gates,), optional
        Response of the instrument on the axis of the program, with the delay of the decays; by default
        unknown.

    See Also
    --------
    seq2seqlite.integer.run_direct : Run a program on raw counts, with a bank of responses.
    seq2seqlite.cpu.DirectProgramEngine : Program compiled for this CPU; equals ``run_direct`` bit for bit.
    """

    direct = True
    program: DirectProgram

    def __init__(self, program: DirectProgram, /, *, response: ArrayLike | None = None) -> None:
        super().__init__(program, response=response)

    @property
    def tau_range_ns(self) -> tuple[float, float]:
        """Range of the lifetimes that the model was trained for, in ns."""
        step = self.program.formats.output.step
        return 2 * self.program.tau_low * step, self.program.tau_high * step / 2

    def run(
        self,
        tpsf: ArrayLike,
        /,
        *,
        bank: ArrayLike | None = None,
        index: ArrayLike | None = None,
        min_photons: int = 0,
        count_exponent: ArrayLike = 0,
    ) -> DirectResult:
        """Run the program; see :func:`seq2seqlite.integer.run_direct` for parameters, result and errors.

        The bank is by default that of the response of this predictor.
        """
        return self._results(self._checked(tpsf, bank, index, count_exponent), min_photons)

    def lifetimes(self, tpsf: ArrayLike, /) -> LifetimesWithErrors:
        """Return lifetimes and standard errors, shape (n,), for counts of shape (n, n_gates)."""
        return direct_lifetimes_from_codes(self.program, self._results(self._of_pixels(tpsf), 0))

    def _results(self, inputs: Inputs, min_photons: int) -> DirectResult:
        """Return the results of checked inputs; back ends compute them in other ways."""
        counts, bank, index, exponent = inputs
        return run_direct(
            self.program, counts, bank=bank, index=index, min_photons=min_photons, count_exponent=exponent
        )


def direct_lifetimes_from_codes(program: DirectProgram, found: DirectResult, /) -> LifetimesWithErrors:
    """Return codes as lifetimes and standard errors in ns; NaN for pixels below threshold.

    See Also
    --------
    seq2seqlite.integer.run_direct : Codes of a program.
    """
    step, codes = program.formats.output.step, found.lifetimes
    return LifetimesWithErrors(
        codes.tau_mean * step,
        codes.tau_short * step,
        codes.tau_long * step,
        codes.fraction * 2.0**-FRACTION_BITS,
        *_standard_errors(found.log_errors),
    ).without(found.dark)


def scaled_counts(tpsf: ArrayLike, /) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return counts as 16-bit integers, and the binary logarithm of the factor they were multiplied by.

    Integer counts are unchanged. Other counts, as in re-binned data, are multiplied by 64 and rounded. A
    decay that exceeds 16 bits is divided by a power of two; the normalisation cancels all these factors.

    Parameters
    ----------
    tpsf : array_like, shape (n, n_gates)
        Counts, >= 0.

    Returns
    -------
    counts : ndarray of int64, shape (n, n_gates)
        Counts, the input of a program.
    exponent : ndarray of int64, shape (n,)
        Exponent of 2.

    Raises
    ------
    InputError
        If a count is negative or not finite.

    See Also
    --------
    seq2seqlite.integer.detector_counts : Counts of the detector, from counts and exponent.

    Examples
    --------
    >>> counts, exponent = scaled_counts([[0.5, 1.0], [0.0, 65536.0]])
    >>> counts.tolist(), exponent.tolist()
    ([[32, 64], [0, 32768]], [6, -1])
    """
    counts = np.asarray(tpsf)
    top = 2**COUNT_BITS - 1
    exact = np.asarray(counts, np.float64)
    if counts.size and not (np.isfinite(exact).all() and exact.min() >= 0):
        raise InputError("counts must be finite and >= 0")
    scale = 1 if np.issubdtype(counts.dtype, np.integer) else FRACTION_OF_A_COUNT
    peak = np.rint(exact.max(axis=-1, keepdims=True, initial=0) * scale)
    down = np.ceil(np.log2(np.maximum((peak + 1) / (top + 1), 1)))
    found = np.asarray(np.minimum(np.rint(exact * scale * 2.0**-down), top), np.int64)
    return found, (np.log2(scale) - down[..., 0]).astype(np.int64)


def lifetimes_from_codes(
    program: Program, codes: Reduced, /, *, log_errors: NDArray[np.int64] | None = None
) -> Lifetimes:
    """Return codes as lifetimes in ns; NaN for absent components and pixels below threshold.

    Parameters
    ----------
    program : Program
        Program.
    codes : Reduced
        Codes of the lifetimes of n pixels.
    log_errors : ndarray of int64, shape (n, 4), optional
        Logarithms of the standard errors, of a program that gives them.

    Returns
    -------
    Lifetimes
        With standard errors if they are given; NaN for a quantity without a value.

    See Also
    --------
    seq2seqlite.integer.Reduced : Codes of the lifetimes of n pixels, as int64 arrays of shape (n,).
    ProgramPredictor : Integer program run by the interpreter; implements ``SfdPredictor``.
    """
    table = program.reduction
    present = codes.has_short | codes.has_long
    values = (
        np.where(present, table.to_ns(codes.tau_mean), np.nan),
        np.where(codes.has_short, table.to_ns(codes.tau_short), np.nan),
        np.where(codes.has_long, table.to_ns(codes.tau_long), np.nan),
        np.where(present, codes.fraction * 2.0**-FRACTION_BITS, np.nan),
    )
    if log_errors is None:
        return Lifetimes(*values)
    std = _standard_errors(log_errors)
    known = (np.where(np.isnan(value), np.nan, one) for value, one in zip(values, std, strict=True))
    return LifetimesWithErrors(*values, *known)


def _standard_errors(log_errors: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return standard errors, shape (4, n), from their logarithms, shape (n, 4)."""
    return np.asarray(2.0 ** (log_errors.T / (1 << LOG_FRACTION_BITS)))
