"""Predictor that runs an integer program."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.decay import Lifetimes, TimeAxis, counts_for
from seq2seqlite.errors import InputError
from seq2seqlite.integer.interpreter import Result, run
from seq2seqlite.integer.lifetime_table import FRACTION_BITS, Reduced
from seq2seqlite.integer.program import COUNT_BITS, Program
from seq2seqlite.models import FRACTION_OF_A_COUNT
from seq2seqlite.training_range import training_range_ns

__all__ = ["ProgramPredictor", "lifetimes_from_codes", "whole_counts"]


class ProgramPredictor:
    """Integer program run by the interpreter; implements :class:`~seq2seqlite.protocols.SfdPredictor`.

    Parameters
    ----------
    program : Program
        Program.

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

    kind = "integer program"

    def __init__(self, program: Program, /) -> None:
        self.program = program

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
    def tau_range_ns(self) -> tuple[float, float] | None:
        """Range of the lifetimes that the model was trained for, in ns; None if it is unknown."""
        return training_range_ns(self.instrument)

    @property
    def n_parameters(self) -> int:
        """Number of weights."""
        return self.program.n_parameters

    def run(self, tpsf: ArrayLike, /, *, min_photons: int = 0) -> Result:
        """Run the program; see :func:`seq2seqlite.integer.run` for parameters, result and errors."""
        return run(self.program, tpsf, min_photons=min_photons)

    def sfd(self, tpsf: ArrayLike, /) -> NDArray[np.float32]:
        """Return decays without IRF, shape (n, 3, n_gates), for counts of shape (n, n_gates)."""
        codes = self.run(self.counts(tpsf)).sfd
        return (codes * self.program.formats.output.step).astype(np.float32)

    def lifetimes(self, tpsf: ArrayLike, /) -> Lifetimes:
        """Return lifetimes, shape (n,), for counts of shape (n, n_gates)."""
        return lifetimes_from_codes(self.program, self.run(self.counts(tpsf)).lifetimes)

    def counts(self, tpsf: ArrayLike, /) -> NDArray[np.integer]:
        """Return TPSFs as 16-bit counts, the input of the program (see :func:`whole_counts`)."""
        return whole_counts(counts_for(tpsf, axis=self.axis, name=self.name))


def whole_counts(tpsf: ArrayLike, /) -> NDArray[np.int64]:
    """Return counts as 16-bit integers, the input of a program.

    Integer counts are unchanged. Other counts, as in re-binned data, are multiplied by 64 and rounded. A
    decay that exceeds 16 bits is divided by a power of two; the normalisation cancels all these factors.

    Parameters
    ----------
    tpsf : array_like, shape (n, n_gates)
        Counts, >= 0.

    Returns
    -------
    ndarray of int64, shape (n, n_gates)

    Raises
    ------
    InputError
        If a count is negative or not finite.

    See Also
    --------
    ProgramPredictor.counts : Counts as input of a program.

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
    """Return codes as lifetimes in ns; NaN for absent components and pixels below threshold.

    See Also
    --------
    seq2seqlite.integer.Reduced : Codes of the lifetimes of n pixels, as int64 arrays of shape (n,).
    ProgramPredictor : Integer program run by the interpreter; implements ``SfdPredictor``.
    """
    table = program.reduction
    present = codes.has_short | codes.has_long
    return Lifetimes(
        np.where(present, table.to_ns(codes.tau_mean), np.nan),
        np.where(codes.has_short, table.to_ns(codes.tau_short), np.nan),
        np.where(codes.has_long, table.to_ns(codes.tau_long), np.nan),
        np.where(present, codes.fraction * 2.0**-FRACTION_BITS, np.nan),
    )
