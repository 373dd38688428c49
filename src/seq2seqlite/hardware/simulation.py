"""A project's Verilog, simulated through its buses, against the program."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.decay import Lifetimes, TimeAxis, counts_for
from seq2seqlite.errors import InputError
from seq2seqlite.hardware.gateware.registers import REGISTERS
from seq2seqlite.hardware.project import Project
from seq2seqlite.hardware.records import (
    RECORD_BITS,
    beats_from_counts,
    records_from_result,
    records_from_words,
    sfd_word_bits,
    sfd_words_from_result,
    words_from_beats,
    words_from_records,
)
from seq2seqlite.hardware.tools.process import Heartbeat
from seq2seqlite.hardware.tools.stream_simulation import Access, StreamRun, StreamSimulator, compile_stream
from seq2seqlite.integer import ProgramPredictor, Result, lifetimes_from_codes, run, whole_counts
from seq2seqlite.training_range import training_range_ns

__all__ = ["MIN_BATCHES", "HardwarePredictor", "Simulation", "Simulator", "compile_project"]

FLUSH_CLOCKS = 4096
MIN_BATCHES = 4
"""Batches that a steady state is measured over: the first fills the rings, the last may be short."""


@dataclass(frozen=True)
class Simulation:
    """What a simulation showed.

    Parameters
    ----------
    pixels : int
        Pixels sent.
    mismatches : int
        Pixels whose result is not the program's, missing and surplus ones included.
    clocks_per_pixel : float or None
        Clocks between results in the steady state: over whole batches, without gaps and stalls; None where
        there were some, or fewer than four batches.
    first_result_clocks : int
        Clocks from the first beat that was taken to the first that was delivered; -1 where none was.
    clocks : int
        Clocks in all.
    seconds : float
        Time that it took.
    """

    pixels: int
    mismatches: int
    clocks_per_pixel: float | None
    first_result_clocks: int
    clocks: int
    seconds: float


@dataclass(frozen=True)
class Simulator:
    """A compiled project.

    Parameters
    ----------
    project : Project
        Project.
    stream : StreamSimulator
        Its simulation.
    """

    project: Project
    stream: StreamSimulator

    @property
    def batch(self) -> int:
        """Pixels of a batch of all engines."""
        return self.project.shape.slots * self.project.options.engines

    def words(
        self,
        counts: ArrayLike,
        /,
        *,
        gaps: float = 0.0,
        stalls: float = 0.0,
        seed: int = 0,
        min_photons: int = 0,
        heartbeat: Heartbeat | None = None,
    ) -> tuple[NDArray[np.uint32], StreamRun]:
        """Return the words of the results of counts, and the run that gave them.

        Parameters are those of :meth:`check`.

        Returns
        -------
        words : ndarray of uint32, shape (n words_per_pixel, m)
            As :func:`~seq2seqlite.hardware.records.words_from_beats` gives them.
        run : StreamRun
            Beats and clocks.

        Raises
        ------
        InputError
            If the counts do not fit 16 bits, a probability is not in 0..1 (1 excluded), or the simulation
            fails.
        """
        project = self.project
        n = len(np.asarray(counts))
        beats_out = n * self._words_per_pixel * max(1, self._word_bits // project.options.result_width)
        run_ = self.stream.run(
            beats_from_counts(counts, lanes=project.options.input_lanes),
            n_expected=beats_out,
            before=[
                Access(REGISTERS["FLUSH_CLOCKS"], FLUSH_CLOCKS),
                Access(REGISTERS["MIN_PHOTONS"], min_photons),
            ],
            gaps=gaps,
            stalls=stalls,
            seed=seed,
            heartbeat=heartbeat,
        )
        return words_from_beats(run_.out, word_bits=self._word_bits), run_

    def check(
        self,
        counts: ArrayLike,
        /,
        *,
        gaps: float = 0.0,
        stalls: float = 0.0,
        seed: int = 0,
        min_photons: int = 0,
        heartbeat: Heartbeat | None = None,
    ) -> Simulation:
        """Compare a design's results with the program's.

        Parameters
        ----------
        counts : array_like of int, shape (n, n_gates)
            Raw counts, 0 to 65535.
        gaps, stalls : float
            Probabilities that nothing is offered, or taken, in a clock.
        seed : int
            Seed of these.
        min_photons : int
            Darker pixels are dark.
        heartbeat : callable, optional
            Called every second.

        Returns
        -------
        Simulation

        Raises
        ------
        InputError
            If the counts do not fit the program, a probability is not in 0..1 (1 excluded), or the simulation
            fails.
        """
        project = self.project
        result = run(project.program, counts, min_photons=min_photons)
        got, took = self.words(
            counts, gaps=gaps, stalls=stalls, seed=seed, min_photons=min_photons, heartbeat=heartbeat
        )
        expected = self._expected(result)
        n, per_pixel = len(result.dark), self._words_per_pixel
        same = np.zeros(len(expected), np.bool_)
        both = min(len(got), len(expected))
        same[:both] = (got[:both] == expected[:both]).all(axis=1)
        wrong = int((~same.reshape(n, per_pixel).all(axis=1)).sum()) + max(len(got) - len(expected), 0)
        return Simulation(
            n,
            wrong + took.unstable,
            self._steady(took) if not gaps and not stalls else None,
            int(took.out_clock[0] - took.in_clock[0]) if len(took.out) else -1,
            took.clocks,
            took.seconds,
        )

    @property
    def _words_per_pixel(self) -> int:
        return self.project.shape.payloads

    @property
    def _word_bits(self) -> int:
        shape = self.project.shape
        return sfd_word_bits(shape.program) if shape.output == "sfd" else RECORD_BITS

    def _expected(self, result: Result) -> NDArray[np.uint32]:
        if self.project.options.output == "sfd":
            return sfd_words_from_result(self.project.program, result)
        return words_from_records(records_from_result(result))

    def _steady(self, took: StreamRun) -> float | None:
        """Clocks a pixel over whole batches, from the second on, the last left out."""
        per_pixel = self._words_per_pixel * max(1, self._word_bits // self.project.options.result_width)
        ends = took.out_clock[per_pixel - 1 :: per_pixel]
        batches = len(ends) // self.batch
        if batches < MIN_BATCHES:
            return None
        first, last = self.batch, (batches - 1) * self.batch
        return float(ends[last] - ends[first]) / (last - first)


def compile_project(project: Project, /, *, out_dir: Path, heartbeat: Heartbeat | None = None) -> Simulator:
    """Compile a project's Verilog.

    Parameters
    ----------
    project : Project
        Project.
    out_dir : pathlib.Path
        Folder for what is compiled.
    heartbeat : callable, optional
        Called every second.

    Returns
    -------
    Simulator

    Raises
    ------
    ToolError
        If Verilator or a C++ compiler is missing or fails.
    """
    from seq2seqlite.hardware.gateware.top import TOP

    stream = compile_stream(
        project.verilog,
        top=TOP,
        in_bits=project.shape.beat_bits,
        out_bits=project.options.result_width,
        out_dir=out_dir,
        heartbeat=heartbeat,
    )
    return Simulator(project, stream)


class HardwarePredictor:
    """A simulated design as a predictor of :mod:`seq2seqlite.imaging`.

    Parameters
    ----------
    simulator : Simulator
        Compiled project that delivers lifetimes.

    Raises
    ------
    InputError
        If it delivers raw SFDs.
    """

    kind = "simulated hardware"

    def __init__(self, simulator: Simulator, /) -> None:
        if simulator.project.options.output != "lifetimes":
            raise InputError("this design delivers raw SFDs; build one that delivers lifetimes")
        self.simulator = simulator

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.simulator.project.program.name

    @property
    def axis(self) -> TimeAxis:
        """Gates that it takes."""
        return self.simulator.project.program.axis

    @property
    def instrument(self) -> str:
        """Name of the instrument that the model was trained for."""
        return self.simulator.project.program.instrument

    @property
    def tau_range_ns(self) -> tuple[float, float] | None:
        """Range of the lifetimes that the model was trained for, in ns; None if it is unknown."""
        return training_range_ns(self.instrument)

    @property
    def n_parameters(self) -> int:
        """Number of weights."""
        return self.simulator.project.program.n_parameters

    @property
    def rising_edge_ns(self) -> float:
        """Where the rising edge has to be, in ns."""
        return self.simulator.project.program.rising_edge_ns

    def lifetimes(self, tpsf: ArrayLike, /) -> Lifetimes:
        """Return lifetimes, shape (n,), of counts, shape (n, n_gates)."""
        counts = whole_counts(counts_for(tpsf, axis=self.axis, name=self.name))
        if not len(counts):  # a run ends with its last result
            return ProgramPredictor(self.simulator.project.program).lifetimes(counts)
        words, _ = self.simulator.words(counts)
        return lifetimes_from_codes(self.simulator.project.program, records_from_words(words).reduced)
