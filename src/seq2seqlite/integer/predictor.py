"""A program in the place of a network: lifetimes of TPSFs."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.decay import Lifetimes, TimeAxis
from seq2seqlite.errors import InputError
from seq2seqlite.integer.interpreter import run
from seq2seqlite.integer.program import COUNT_BITS, Program
from seq2seqlite.integer.reduction import FRACTION_BITS, Reduced
from seq2seqlite.models import FRACTION_OF_A_COUNT

__all__ = ["ProgramPredictor", "lifetimes_from_codes", "whole_counts"]


class ProgramPredictor:
    """An integer program as a predictor of :mod:`seq2seqlite.imaging`.

    Parameters
    ----------
    program : Program
        Program.

    Examples
    --------
    >>> from seq2seqlite.integer import load_program
    >>> ProgramPredictor(load_program("seq2seqlite-tcspc-80mhz-int8")).kind
    'integer program'
    """

    kind = "integer program"

    def __init__(self, program: Program, /) -> None:
        self.program = program

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.program.name

    @property
    def axis(self) -> TimeAxis:
        """Gates that it takes."""
        return self.program.axis

    @property
    def rising_edge_ns(self) -> float:
        """Where the rising edge has to be, in ns."""
        return self.program.rising_edge_ns

    def lifetimes(self, tpsf: ArrayLike, /) -> Lifetimes:
        """Return lifetimes, shape (n,), of counts, shape (n, n_gates)."""
        return lifetimes_from_codes(self.program, run(self.program, whole_counts(tpsf)).lifetimes)


def whole_counts(tpsf: ArrayLike, /) -> NDArray[np.int64]:
    """Return counts as the whole numbers of 16 bits that a program takes.

    Whole counts stay what they are, others (of re-binned data) are taken in 1/64; a decay that does not fit
    is scaled down by a power of two, which the normalisation takes out again.

    Parameters
    ----------
    tpsf : array_like, shape (n, n_gates)
        Counts, not negative.

    Returns
    -------
    ndarray of int64, shape (n, n_gates)

    Raises
    ------
    InputError
        If a count is negative or not finite.

    Examples
    --------
    >>> whole_counts([[0.5, 1.0], [0.0, 65536.0]]).tolist()
    [[32, 64], [0, 32768]]
    """
    counts = np.asarray(tpsf)
    top = 2**COUNT_BITS - 1
    exact = np.asarray(counts, np.float64)
    if counts.size and not (np.isfinite(exact).all() and exact.min() >= 0):
        raise InputError("counts must be finite and >= 0")
    scale = 1 if np.issubdtype(counts.dtype, np.integer) else FRACTION_OF_A_COUNT
    peak = np.rint(exact.max(axis=-1, keepdims=True, initial=0) * scale)
    down = np.ceil(np.log2(np.maximum((peak + 1) / (top + 1), 1)))
    return np.asarray(np.minimum(np.rint(exact * scale * 2.0**-down), top), np.int64)


def lifetimes_from_codes(program: Program, codes: Reduced, /) -> Lifetimes:
    """Return codes as lifetimes in ns; NaN where there is no component, or the pixel is dark."""
    table = program.reduction
    present = codes.has_short | codes.has_long
    return Lifetimes(
        np.where(present, table.to_ns(codes.tau_mean), np.nan),
        np.where(codes.has_short, table.to_ns(codes.tau_short), np.nan),
        np.where(codes.has_long, table.to_ns(codes.tau_long), np.nan),
        np.where(present, codes.fraction * 2.0**-FRACTION_BITS, np.nan),
    )
