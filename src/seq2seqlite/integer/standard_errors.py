"""Standard errors in integer arithmetic: logarithms of the counts, and the errors of programs with a decoder.

``docs/spec/integer.md`` specifies each rule.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.errors import InputError
from seq2seqlite.integer.lifetime_table import Reduced
from seq2seqlite.models import ErrorTable
from seq2seqlite.models.architecture import DIRECT_OUTPUTS

__all__ = [
    "ERROR_BITS",
    "ERROR_TABLE",
    "LOG_COUNTS",
    "LOG_FRACTION_BITS",
    "MAX_ERROR",
    "N_OCTAVES",
    "TAU_PART_BITS",
    "ErrorCodes",
    "count_level",
    "detector_counts",
    "log_counts",
]

LOG_FRACTION_BITS = 8
"""Fraction bits of a logarithm to base 2: steps of 2**-8 octaves, 0.3 %."""
ERROR_BITS = 16
"""Bit width of the logarithm of a standard error."""
N_OCTAVES = 33
"""Octaves of the counts: those of a pixel of 65,536 gates with 65,535 counts each. Factors are given at
their ends."""
MAX_ERROR = (1 << (ERROR_BITS - 1)) - 1
"""Highest code of the logarithm of a standard error; the lowest is its negative."""
TAU_PART_BITS = LOG_FRACTION_BITS - 1
"""Binary places of a position between two columns of a table of errors, which are half an octave apart."""
N_HALF_OCTAVES = 32
"""Half octaves of the codes of lifetimes."""
ERROR_TABLE = "errors/table"
"""Name of the table of errors among a program's arrays."""

MAX_PHOTONS_BITS = 32
MAX_PHOTONS = (1 << MAX_PHOTONS_BITS) - 1

Codes = NDArray[np.int64]

_MANTISSA = np.arange(1 << LOG_FRACTION_BITS)
LOG_COUNTS: NDArray[np.int64] = np.rint(
    (1 << LOG_FRACTION_BITS) * np.log2(1 + (_MANTISSA + 0.5) / (1 << LOG_FRACTION_BITS))
).astype(np.int64)
"""Logarithm to base 2 of ``1 + (m + 1/2) / 256`` for m from 0 to 255, in steps of ``2**-8``."""


def log_counts(counts: NDArray[np.int64], /) -> NDArray[np.int64]:
    """Return the logarithm to base 2 of counts, in steps of ``2**-8``; 0 for counts below 1.

    Parameters
    ----------
    counts : ndarray of int64
        Counts, less than 2**48.

    Returns
    -------
    ndarray of int64
        Within 0.4 % of a count of the exact logarithm.

    See Also
    --------
    ErrorCodes : Table of standard errors over these logarithms.

    Examples
    --------
    >>> log_counts(np.array([1, 2, 1000])).tolist(), round(256 * np.log2(1000))
    ([1, 257, 2552], 2551)
    """
    counts = np.maximum(counts, 1)
    octave = np.frexp(counts.astype(np.float64))[1].astype(np.int64) - 1
    mantissa = ((counts << LOG_FRACTION_BITS) >> octave) - (1 << LOG_FRACTION_BITS)
    return np.asarray((octave << LOG_FRACTION_BITS) + LOG_COUNTS[mantissa])


def count_level(counts: NDArray[np.int64], exponent: ArrayLike, /) -> NDArray[np.int64]:
    """Return the level of the counts: their logarithm, without the factor by which they were multiplied.

    Parameters
    ----------
    counts : ndarray of int64
        Counts of the program.
    exponent : array_like of int
        The counts are those of the detector times 2 to the power of this.

    See Also
    --------
    log_counts : Logarithm of the counts.
    """
    return np.asarray(log_counts(counts) - (np.asarray(exponent, np.int64) << LOG_FRACTION_BITS))


def detector_counts(counts: ArrayLike, exponent: ArrayLike, /) -> NDArray[np.int64]:
    """Return counts in units of the detector's, rounded down, and at most ``2**32 - 1``.

    Parameters
    ----------
    counts : array_like of int
        Sums of counts, which are those of the detector times 2 to the power of ``exponent``.
    exponent : array_like of int
        Exponent.

    Returns
    -------
    ndarray of int64

    See Also
    --------
    seq2seqlite.integer.scaled_counts : Counts for a program, and their exponent.

    Examples
    --------
    >>> detector_counts([640, 100, 7], [6, 0, -2]).tolist()
    [10, 100, 28]
    """
    values, places = np.broadcast_arrays(np.asarray(counts, np.int64), np.asarray(exponent, np.int64))
    right, left = np.clip(places, 0, 63), np.clip(-places, 0, MAX_PHOTONS_BITS)
    most = MAX_PHOTONS >> left
    return np.asarray(np.where(values > most, MAX_PHOTONS, (np.minimum(values, most) << left) >> right))


@dataclass(frozen=True)
class ErrorCodes:
    """Table of the standard errors of a program with a decoder.

    Parameters
    ----------
    octave : int
        Row 0 belongs to ``2**octave`` counts, and each further row to twice as many.
    half_octave : int
        Column 0 belongs to the code ``2**(half_octave / 2)`` of the mean lifetime, and each further column to
        one that is ``sqrt(2)`` times as long.
    table : ndarray of int64, shape (2, n_octaves, n_half_octaves, 4)
        Logarithms to base 2 of the standard errors times the square root of the counts, in steps of
        ``2**-8``: for an unknown and for a given response, and for each quantity.

    See Also
    --------
    seq2seqlite.models.ErrorTable : Standard errors of a network, from held-out decays.
    """

    octave: int
    half_octave: int
    table: Codes

    def __post_init__(self) -> None:
        shape = self.table.shape
        if len(shape) != 4 or shape[0] != 2 or shape[3] != len(DIRECT_OUTPUTS) or min(shape[1:3]) < 2:
            raise InputError(f"array {ERROR_TABLE} must have shape (2, C, K, 4) with C, K >= 2, not {shape}")
        for name, first, n, most in (
            ("error_octave", self.octave, shape[1], N_OCTAVES + 1),
            ("error_half_octave", self.half_octave, shape[2], N_HALF_OCTAVES + 1),
        ):
            if first < 0 or first + n > most:
                raise InputError(f"{name}={first} must be between 0 and {most - n}, for a table of {n}")
        if np.abs(self.table).max() > MAX_ERROR:
            raise InputError(f"array {ERROR_TABLE} must have codes of {ERROR_BITS} bits")

    @classmethod
    def of_table(cls, table: ErrorTable, /, *, tau_step_ns: float) -> "ErrorCodes":
        """Return the table of a network, interpolated at the octaves of the counts and of the lifetimes.

        Parameters
        ----------
        table : ErrorTable
            Standard errors of the network.
        tau_step_ns : float
            Value of the lowest bit of a lifetime.
        """
        octaves = _places(np.log2(table.counts), N_OCTAVES)
        halves = _places(2 * np.log2(np.divide(table.tau_ns, tau_step_ns)), N_HALF_OCTAVES)
        counts, tau_ns = np.meshgrid(2.0**octaves, tau_step_ns * 2.0 ** (halves / 2), indexing="ij")
        logarithms = [
            table.logarithms(counts.ravel(), tau_ns.ravel(), response_given=given) for given in (False, True)
        ]
        codes = np.rint((1 << LOG_FRACTION_BITS) * np.stack(logarithms) / np.log(2))
        codes = np.clip(codes, -MAX_ERROR, MAX_ERROR).reshape(2, len(octaves), len(halves), -1)
        return cls(int(octaves[0]), int(halves[0]), codes.astype(np.int64))

    def log_errors(self, level: Codes, given: NDArray[np.bool_], lifetimes: Reduced, /) -> Codes:
        """Return the logarithms of the standard errors, shape (n, 4); 0 for a quantity without a value.

        Parameters
        ----------
        level : ndarray of int64, shape (n,)
            Logarithm to base 2 of the counts of the detector, in steps of ``2**-8``.
        given : ndarray of bool, shape (n,)
            Which pixels have a response that is known.
        lifetimes : Reduced
            Codes of the lifetimes.
        """
        n_rows, n_columns = self.table.shape[1:3]
        row = level - (self.octave << LOG_FRACTION_BITS)
        row, part = _divided(row, n_rows, LOG_FRACTION_BITS)
        column = log_counts(lifetimes.tau_mean) - (self.half_octave << TAU_PART_BITS)
        column, tau_part = _divided(column, n_columns, TAU_PART_BITS)
        response = given.astype(np.int64)
        here, there = (
            _between(
                self.table[response, at, column],
                self.table[response, at, column + 1],
                tau_part,
                TAU_PART_BITS,
            )
            for at in (row, row + 1)
        )
        errors = _between(here, there, part, LOG_FRACTION_BITS) - (level >> 1)[:, None]
        either = lifetimes.has_short | lifetimes.has_long
        present = np.stack([either, lifetimes.has_short, lifetimes.has_long, either], axis=1)
        return np.where(present, np.clip(errors, -MAX_ERROR, MAX_ERROR), 0)


def _places(values: NDArray[np.float64], most: int) -> NDArray[np.int64]:
    """Return whole numbers from 0 to ``most`` that enclose all values, at least two."""
    first = int(np.clip(np.floor(values[0]), 0, most - 1))
    last = int(np.clip(np.ceil(values[-1]), first + 1, most))
    return np.arange(first, last + 1)


def _divided(place: Codes, n: int, bits: int) -> tuple[Codes, Codes]:
    """Return the point below each place on an axis of ``n`` points, and the position behind it."""
    inside = np.clip(place, 0, ((n - 1) << bits) - 1)
    return inside >> bits, inside & ((1 << bits) - 1)


def _between(here: Codes, there: Codes, part: Codes, bits: int) -> Codes:
    """Return values interpolated between two points, rounded to nearest with ties upwards."""
    return np.asarray(here + (((there - here) * part[:, None] + (1 << (bits - 1))) >> bits))
