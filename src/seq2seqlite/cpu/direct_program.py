"""Integer programs of direct networks on the CPU back end."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.cpu.counts import scaled_counts
from seq2seqlite.cpu.kernels import encode
from seq2seqlite.cpu.packing import compiled_encoder, with_response
from seq2seqlite.cpu.predictors import available_threads, in_threads, pixels_of_a_task
from seq2seqlite.decay import counts_for
from seq2seqlite.integer import DirectPredictor, DirectProgram, DirectResult, Reduced
from seq2seqlite.integer.direct import direct_results
from seq2seqlite.integer.predictor import Inputs

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

    def _scaled(self, tpsf: ArrayLike) -> tuple[NDArray[np.integer], NDArray[np.int64]]:
        return scaled_counts(counts_for(tpsf, axis=self.axis, name=self.name))

    def _results(self, inputs: Inputs, min_photons: int) -> DirectResult:
        counts, bank, index, exponent = inputs
        narrow = counts.astype(np.uint16, copy=False)
        if len(bank) == 1:
            return self._of_one(narrow, bank[0], min_photons, exponent)
        found = _empty(len(counts))
        for number in np.unique(index):
            rows = index == number
            _fill(found, rows, self._of_one(narrow[rows], bank[number], min_photons, exponent[rows]))
        return found

    def _of_one(
        self,
        counts: NDArray[np.uint16],
        response: NDArray[np.int64],
        min_photons: int,
        exponent: NDArray[np.int64],
    ) -> DirectResult:
        """Return the results of pixels with the same response."""
        n, program, compiled = len(counts), self.program, self.compiled
        layer = with_response(compiled.layer, program, response)
        found = _empty(n)

        def work(part: slice) -> None:
            pixels = counts[part]
            states = np.empty((len(pixels), program.units), np.int32)
            dark = np.empty(len(pixels), np.bool_)
            encode(layer, compiled.scratch(), compiled.units, pixels, dark, states)
            results = direct_results(
                program,
                states.astype(np.int64),
                counts=pixels.sum(axis=1, dtype=np.int64),
                dark=dark,
                given=np.full(len(pixels), response.any()),
                min_photons=min_photons,
                count_exponent=exponent[part],
            )
            _fill(found, part, results)

        in_threads(n, self.threads, work, step=pixels_of_a_task(n, self.threads))
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
