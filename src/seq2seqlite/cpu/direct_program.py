"""Integer programs of direct networks on the CPU back end."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.cpu.counts import scaled_counts
from seq2seqlite.cpu.kernels import GROUP, encode
from seq2seqlite.cpu.packing import compiled_encoder, response_sums
from seq2seqlite.cpu.predictors import TASK, available_threads, in_threads
from seq2seqlite.decay import LifetimesWithErrors, counts_for
from seq2seqlite.integer import (
    DirectPredictor,
    DirectProgram,
    DirectResult,
    Reduced,
    direct_lifetimes_from_codes,
)
from seq2seqlite.integer.direct import checked_bank, checked_index, direct_results
from seq2seqlite.integer.interpreter import checked_counts

__all__ = ["DirectProgramEngine"]


class DirectProgramEngine(DirectPredictor):
    """Program of a direct network compiled for this CPU; equals ``run_direct`` bit for bit.

    Parameters
    ----------
    program : DirectProgram
        Program.
    response : array_like, shape (n_gates,), optional
        Response of the instrument on the axis of the program, with the delay of the decays; by default
        unknown.
    threads : int, optional
        Number of threads; by default one per core available to this process.

    Raises
    ------
    UnfitError
        If the ranges of the program exceed the registers; use the interpreter instead.

    See Also
    --------
    seq2seqlite.integer.run_direct : Reference, with a bank of responses.
    ProgramEngine : The same for programs with a decoder.

    Notes
    -----
    The response is a bias of each gate: it is the same for all pixels that have it. Pixels are processed
    response by response.
    """

    kind = "integer program, CPU back end"

    def __init__(
        self,
        program: DirectProgram,
        /,
        *,
        response: ArrayLike | None = None,
        threads: int | None = None,
    ) -> None:
        super().__init__(program, response=response)
        self._asked, self.threads = threads, available_threads(threads)
        self.compiled = compiled_encoder(program)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the program; its packing depends on the CPU."""
        return partial(type(self), response=self.response, threads=self._asked), (self.program,)

    def with_response(self, response: ArrayLike | None, /) -> "DirectProgramEngine":
        """Return this predictor for decays of another response; None for an unknown one."""
        return DirectProgramEngine(self.program, response=response, threads=self._asked)

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
        """Run the program; see :func:`~seq2seqlite.integer.run_direct` for parameters, result and errors.

        The bank is by default that of the response of this predictor.
        """
        counts = checked_counts(self.program, tpsf).astype(np.uint16)
        table = checked_bank(self.program, self.bank if bank is None else bank)
        chosen = checked_index(index, n=len(counts), n_responses=len(table))
        if len(table) == 1:
            return self._of_one(counts, table[0], min_photons, count_exponent)
        exponents = np.broadcast_to(np.asarray(count_exponent, np.int64), len(counts))
        found = _empty(len(counts))
        for number in np.unique(chosen):
            rows = chosen == number
            part = self._of_one(counts[rows], table[number], min_photons, exponents[rows])
            _fill(found, rows, part)
        return found

    def lifetimes(self, tpsf: ArrayLike, /) -> LifetimesWithErrors:
        """Return lifetimes and standard errors, shape (n,), for counts of shape (n, n_gates)."""
        counts, exponent = scaled_counts(counts_for(tpsf, axis=self.axis, name=self.name))
        found = self._of_one(counts, self.bank[0], 0, exponent)
        return direct_lifetimes_from_codes(self.program, found)

    def _of_one(
        self,
        counts: NDArray[np.uint16],
        response: NDArray[np.int64],
        min_photons: int,
        count_exponent: ArrayLike,
    ) -> DirectResult:
        """Return the results of pixels with the same response."""
        n, program, compiled = len(counts), self.program, self.compiled
        layer = compiled.with_biases(*response_sums(program, response))
        exponents = np.broadcast_to(np.asarray(count_exponent, np.int64), n)
        found = _empty(n)

        def work(part: slice) -> None:
            pixels = counts[part]
            states = np.empty((len(pixels), program.units), np.int32)
            dark = np.empty(len(pixels), np.bool_)
            encode(layer, compiled.scratch(), compiled.units, pixels, dark, states)
            photons = pixels.sum(axis=1, dtype=np.int64)
            results = direct_results(
                program,
                states.astype(np.int64),
                photons=photons,
                dark=dark | (photons < min_photons),
                given=np.full(len(pixels), response.any()),
                count_exponent=exponents[part],
            )
            _fill(found, part, results)

        share = GROUP * max(-(-n // (GROUP * self.threads)), 1)
        in_threads(n, self.threads, work, step=min(TASK, share))
        return found


def _empty(n: int) -> DirectResult:
    mean, short, long, fraction = (np.empty(n, np.int64) for _ in range(4))
    lifetimes = Reduced(mean, short, long, fraction, np.empty(n, np.bool_), np.empty(n, np.bool_))
    return DirectResult(lifetimes, np.empty((n, 4), np.int64), np.empty(n, np.int64), np.empty(n, np.bool_))


def _fill(found: DirectResult, rows: slice | NDArray[np.bool_], part: DirectResult) -> None:
    for name, value in vars(found.lifetimes).items():
        value[rows] = getattr(part.lifetimes, name)
    for name in ("log_errors", "photons", "dark"):
        getattr(found, name)[rows] = getattr(part, name)
