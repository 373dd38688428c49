"""Predictors of the CPU back end, for integer programs and float students."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.cpu.counts import scaled_counts
from seq2seqlite.cpu.kernels import GROUP, predict
from seq2seqlite.cpu.network_back_end import NetworkBackEnd
from seq2seqlite.cpu.packing import Compiled, compiled_network, compiled_program, with_response
from seq2seqlite.decay import Lifetimes, counts_for, lifetimes_from_areas
from seq2seqlite.errors import InputError
from seq2seqlite.integer import Program, ProgramPredictor, Reduced, Result, lifetimes_from_codes
from seq2seqlite.integer.interpreter import log_errors, photons_of
from seq2seqlite.integer.predictor import Inputs
from seq2seqlite.integer.responses import known_responses
from seq2seqlite.models import Network

__all__ = ["NetworkEngine", "ProgramEngine", "available_threads", "in_threads", "pixels_of_a_task"]

# Maximum number of pixels of a task. A task takes a few milliseconds, so that all threads finish together.
TASK = 64 * GROUP


def available_threads(threads: int | None = None, /) -> int:
    """Return the requested number of threads, or the number of CPU cores available to this process.

    Raises
    ------
    InputError
        If ``threads`` is less than 1.

    See Also
    --------
    in_threads : Call ``work`` with slices of ``range(n)`` of length ``step``, in several threads.
    """
    if threads is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if threads < 1:
        raise InputError(f"threads={threads} must be >= 1")
    return threads


def in_threads(n: int, threads: int, work: Callable[[slice], None], /, *, step: int) -> None:
    """Call ``work`` with slices of ``range(n)`` of length ``step``, in several threads.

    See Also
    --------
    available_threads :
        Return the requested number of threads, or the number of CPU cores available to this process.
    """
    parts = [slice(start, min(start + step, n)) for start in range(0, n, step)]
    if threads == 1 or len(parts) == 1:
        for part in parts:
            work(part)
        return
    with ThreadPoolExecutor(threads) as pool:
        for future in [pool.submit(work, part) for part in parts]:
            future.result()


def pixels_of_a_task(n: int, threads: int, /) -> int:
    """Return the number of pixels of a task: whole groups, so that few pixels occupy all threads.

    See Also
    --------
    in_threads : Call ``work`` with slices of ``range(n)`` of length ``step``, in several threads.
    """
    return min(TASK, GROUP * max(-(-n // (GROUP * threads)), 1))


@dataclass(frozen=True)
class _Sums:
    """Kernel results for n pixels; see :class:`~seq2seqlite.integer.Result` for ``sfd`` and ``dark``."""

    firsts: NDArray[Any]
    areas: NDArray[Any]
    dark: NDArray[np.bool_]
    sfd: NDArray[Any]


def _empty(compiled: Compiled, n: int, *, sfd: bool) -> _Sums:
    wide, narrow = (np.int64, np.int32) if compiled.packing > 1 else (np.float64, np.float32)
    shape = (n if sfd else 0, 3, compiled.n_gates)
    return _Sums(
        np.empty((n, 2), wide), np.empty((n, 2), wide), np.empty(n, np.bool_), np.empty(shape, narrow)
    )


def _sums(compiled: Compiled, counts: NDArray[Any], threads: int, *, sfd: bool) -> _Sums:
    n = len(counts)
    found = _empty(compiled, n, sfd=sfd)

    def work(part: slice) -> None:
        predict(
            compiled.encoder,
            compiled.decoder,
            compiled.head,
            compiled.scratch(),
            compiled.units,
            counts[part],
            compiled.n_baseline,
            found.dark[part],
            found.firsts[part],
            found.areas[part],
            found.sfd[part],
        )

    in_threads(n, threads, work, step=pixels_of_a_task(n, threads))
    return found


class ProgramEngine(ProgramPredictor):
    """Integer program compiled for this CPU; equals :func:`seq2seqlite.integer.run` bit for bit.

    Parameters
    ----------
    program : Program
        Program.
    response : array_like, shape (n_gates,), optional
        Response of the instrument on the axis of the program, with the delay of the decays, for a program
        that gets it; by default unknown.
    threads : int, optional
        Number of threads; by default one per core available to this process.

    Raises
    ------
    UnfitError
        If the ranges of the program exceed the registers; use the interpreter instead.

    See Also
    --------
    NetworkEngine : Float student compiled for this CPU; equals its ``Network`` up to rounding.
    seq2seqlite.integer.ProgramPredictor :
        Integer program run by the interpreter; implements ``SfdPredictor``.

    Examples
    --------
    >>> from seq2seqlite.integer import load_program
    >>> ProgramEngine(load_program("seq2seqlite-tcspc-80mhz-int8")).kind
    'integer program, CPU back end'
    """

    kind = "integer program, CPU back end"

    def __init__(
        self, program: Program, /, *, response: ArrayLike | None = None, threads: int | None = None
    ) -> None:
        super().__init__(program, response=response)
        self.threads = available_threads(threads)
        self._asked = threads
        self.compiled = compiled_program(program)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the program; its packing depends on the CPU."""
        return partial(type(self), response=self.response, threads=self._asked), (self.program,)

    def with_response(self, response: ArrayLike | None, /) -> "ProgramEngine":
        """Return this predictor for decays of another response; None for an unknown one."""
        return ProgramEngine(self.program, response=response, threads=self._asked)

    def lifetimes(self, tpsf: ArrayLike, /) -> Lifetimes:
        """Return lifetimes, shape (n,), for counts of shape (n, n_gates); with errors if there are any."""
        inputs = self._of_pixels(tpsf)
        found = self._sums(inputs, sfd=False)  # SFDs are not stored
        lifetimes = self._reduced(found, found.dark)
        errors = self._log_errors(inputs, lifetimes)
        return lifetimes_from_codes(self.program, lifetimes, log_errors=errors)

    def _scaled(self, tpsf: ArrayLike) -> tuple[NDArray[np.integer], NDArray[np.int64]]:
        return scaled_counts(counts_for(tpsf, axis=self.axis, name=self.name))

    def _results(self, inputs: Inputs, min_photons: int) -> Result:
        found = self._sums(inputs, sfd=True)
        photons = photons_of(self.program, inputs.counts.sum(axis=1, dtype=np.int64), inputs.exponent)
        dark = found.dark | (photons < min_photons)
        lifetimes = self._reduced(found, dark)
        errors = self._log_errors(inputs, lifetimes)
        return Result(found.sfd.astype(np.int64), lifetimes, photons, dark, errors)

    def _sums(self, inputs: Inputs, *, sfd: bool) -> _Sums:
        """Return the sums of all pixels, computed response by response."""
        counts = inputs.counts.astype(np.uint16, copy=False)
        if not self.program.n_columns:
            return _sums(self.compiled, counts, self.threads, sfd=sfd)
        if len(inputs.bank) == 1:
            return _sums(self._with(inputs.bank[0]), counts, self.threads, sfd=sfd)
        found = _empty(self.compiled, len(counts), sfd=sfd)
        for number in np.unique(inputs.chosen):
            rows = inputs.chosen == number
            part = _sums(self._with(inputs.bank[number]), counts[rows], self.threads, sfd=sfd)
            for name, value in vars(part).items():
                if len(value):
                    getattr(found, name)[rows] = value
        return found

    def _with(self, response: NDArray[np.int64]) -> Compiled:
        return replace(self.compiled, encoder=with_response(self.compiled.encoder, self.program, response))

    def _reduced(self, found: _Sums, dark: NDArray[np.bool_]) -> Reduced:
        return self.program.reduction.reduce_areas(found.firsts, found.areas).darkened(dark)

    def _log_errors(self, inputs: Inputs, lifetimes: Reduced) -> NDArray[np.int64] | None:
        if self.program.errors is None:
            return None
        sums = inputs.counts.sum(axis=1, dtype=np.int64)
        given = known_responses(inputs.bank)[inputs.chosen]
        return log_errors(self.program, lifetimes, sums, given, count_exponent=inputs.exponent)


class NetworkEngine(NetworkBackEnd):
    """Float student compiled for this CPU; equals its :class:`~seq2seqlite.models.Network` up to rounding.

    Parameters
    ----------
    network : Network
        Network with one layer, the ``lite`` cell and floating-point activations.
    threads : int, optional
        Number of threads; by default one per core available to this process.

    Raises
    ------
    UnfitError
        If the network has several layers, another cell or quantised activations.

    See Also
    --------
    ProgramEngine : Integer program compiled for this CPU; equals ``run`` bit for bit.
    seq2seqlite.models.Network : Trained network, float or quantised; implements ``SfdPredictor``.
    """

    def __init__(self, network: Network, /, *, threads: int | None = None) -> None:
        super().__init__(network)
        self.threads = available_threads(threads)
        self._asked = threads
        self.compiled = compiled_network(network)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the network; the layout of its weights depends on the CPU."""
        return partial(type(self), threads=self._asked), (self.network,)

    @property
    def kind(self) -> str:
        """Kind of network and back end."""
        return f"{self.network.kind}, CPU back end"

    def with_response(self, response: ArrayLike | None, /) -> "NetworkEngine":
        """Return this predictor for decays of another response; see :meth:`Network.with_response`."""
        return NetworkEngine(self.network.with_response(response), threads=self._asked)

    def sfd(self, tpsf: ArrayLike, /) -> NDArray[np.float32]:
        """Return decays without IRF; see :meth:`Network.sfd` for parameters, result and errors."""
        return self._sums(tpsf, sfd=True).sfd

    def lifetimes(self, tpsf: ArrayLike, /) -> Lifetimes:
        """Return lifetimes, shape (n,), for counts of shape (n, n_gates)."""
        found = self._sums(tpsf, sfd=False)
        lifetimes = lifetimes_from_areas(found.firsts, found.areas / 2, axis=self.axis)
        return self.network.with_errors(lifetimes, tpsf).without(found.dark)

    def _sums(self, tpsf: ArrayLike, *, sfd: bool) -> _Sums:
        counts = counts_for(tpsf, axis=self.axis, name=self.name).astype(np.float32, copy=False)
        return _sums(self.compiled, counts, self.threads, sfd=sfd)
