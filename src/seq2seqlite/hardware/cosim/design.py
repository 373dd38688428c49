"""Simulation of a project through its buses, and comparison with its program."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.decay import Lifetimes, TimeAxis, counts_for
from seq2seqlite.errors import InputError
from seq2seqlite.hardware.cosim.stream import Access, StreamRun, StreamSimulator, compile_stream
from seq2seqlite.hardware.eda.process import Heartbeat
from seq2seqlite.hardware.gateware.csr import REGISTERS
from seq2seqlite.hardware.project import Project
from seq2seqlite.hardware.wire.results import (
    RECORD_BITS,
    beats_from_counts,
    records_from_result,
    records_from_words,
    sfd_word_bits,
    sfd_words_from_result,
    words_from_beats,
    words_from_records,
)
from seq2seqlite.integer import ProgramPredictor, Result, lifetimes_from_codes, run, whole_counts
from seq2seqlite.training_range import training_range_ns

__all__ = ["MIN_BATCHES", "HardwarePredictor", "Simulation", "Simulator", "compile_project"]

FLUSH_CLOCKS = 4096
MIN_BATCHES = 4
"""Minimum number of batches to measure the steady state: the first fills the rings, the last is excluded."""


@dataclass(frozen=True)
class Simulation:
    """Results and clock cycles of a simulation of a design.

    Parameters
    ----------
    pixels : int
        Number of pixels sent.
    mismatches : int
        Number of pixels whose result differs from the program, including missing and surplus pixels, and
        violations of the handshake.
    clocks_per_pixel : float or None
        Clock cycles per pixel in the steady state, over complete batches. None with source or sink
        throttling, or with fewer than ``MIN_BATCHES`` batches.
    first_result_clocks : int
        Clock cycles from the first accepted beat to the first delivered beat; -1 without a delivered beat.
    clocks : int
        Total clock cycles.
    seconds : float
        Run time in seconds.

    See Also
    --------
    Simulator : Compiled simulation of a project.
    """

    pixels: int
    mismatches: int
    clocks_per_pixel: float | None
    first_result_clocks: int
    clocks: int
    seconds: float


@dataclass(frozen=True)
class Simulator:
    """Compiled simulation of a project.

    Parameters
    ----------
    project : Project
        Project that is simulated.
    stream : StreamSimulator
        Simulator of its top-level module.

    See Also
    --------
    compile_project : Compile the Verilog of a project with Verilator.
    HardwarePredictor : Predictor for ``imaging`` that runs the simulation of a design.
    """

    project: Project
    stream: StreamSimulator

    @property
    def batch(self) -> int:
        """Number of pixels in a batch of all engines."""
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
        """Simulate counts, and return the words of the results and the run.

        Parameters are those of :meth:`check`.

        Returns
        -------
        words : ndarray of uint32, shape (n words_per_pixel, m)
            Results, in the form of :func:`~seq2seqlite.hardware.wire.results.words_from_beats`.
        run : StreamRun
            Beats and their clock cycles.

        Raises
        ------
        InputError
            If the counts do not fit 16 bits, a probability is not in [0, 1), or the simulation fails.
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
        """Simulate counts and compare the results with those of the program.

        Parameters
        ----------
        counts : array_like of int, shape (n, n_gates)
            Raw counts, 0 to 65535.
        gaps, stalls : float
            Source and sink throttling: probability per cycle that the source deasserts TVALID, and that the
            sink deasserts TREADY.
        seed : int
            Seed of the throttling.
        min_photons : int
            Pixels with fewer counts are flagged as below threshold.
        heartbeat : callable, optional
            Called every second.

        Returns
        -------
        Simulation

        Raises
        ------
        InputError
            If the counts do not fit the program, a probability is not in [0, 1), or the simulation fails.
        """
        project = self.project
        result = run(project.program, counts, min_photons=min_photons)
        received, took = self.words(
            counts, gaps=gaps, stalls=stalls, seed=seed, min_photons=min_photons, heartbeat=heartbeat
        )
        expected = self._expected(result)
        n, per_pixel = len(result.dark), self._words_per_pixel
        same = np.zeros(len(expected), np.bool_)
        n_common = min(len(received), len(expected))
        same[:n_common] = (received[:n_common] == expected[:n_common]).all(axis=1)
        wrong = int((~same.reshape(n, per_pixel).all(axis=1)).sum()) + max(len(received) - len(expected), 0)
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
        """Return the clock cycles per pixel over complete batches, without the first and the last."""
        per_pixel = self._words_per_pixel * max(1, self._word_bits // self.project.options.result_width)
        ends = took.out_clock[per_pixel - 1 :: per_pixel]
        batches = len(ends) // self.batch
        if batches < MIN_BATCHES:
            return None
        first, last = self.batch, (batches - 1) * self.batch
        return float(ends[last] - ends[first]) / (last - first)


def compile_project(project: Project, /, *, out_dir: Path, heartbeat: Heartbeat | None = None) -> Simulator:
    """Compile the Verilog of a project with Verilator.

    Parameters
    ----------
    project : Project
        Project to simulate.
    out_dir : pathlib.Path
        Build folder.
    heartbeat : callable, optional
        Called every second.

    Returns
    -------
    Simulator

    Raises
    ------
    ToolError
        If Verilator or a C++ compiler is missing or fails.

    See Also
    --------
    seq2seqlite.hardware.project.read_project : Read the project in a folder.
    Simulator : Compiled simulation of a project.
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
    """Predictor for :mod:`seq2seqlite.imaging` that runs the simulation of a design.

    Parameters
    ----------
    simulator : Simulator
        Compiled project that delivers lifetimes.

    Raises
    ------
    InputError
        If the project delivers raw SFDs.

    See Also
    --------
    Simulator : Compiled simulation of a project.
    seq2seqlite.integer.ProgramPredictor :
        Integer program run by the interpreter; implements ``SfdPredictor``.
    """

    kind = "simulated hardware"

    def __init__(self, simulator: Simulator, /) -> None:
        if simulator.project.options.output != "lifetimes":
            raise InputError("output='sfd' of the design must be 'lifetimes'; build it with that option")
        self.simulator = simulator

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.simulator.project.program.name

    @property
    def axis(self) -> TimeAxis:
        """Time axis of the counts."""
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
        """Required position of the rising edge, in ns."""
        return self.simulator.project.program.rising_edge_ns

    def lifetimes(self, tpsf: ArrayLike, /) -> Lifetimes:
        """Return lifetimes, shape (n,), of counts, shape (n, n_gates)."""
        counts = whole_counts(counts_for(tpsf, axis=self.axis, name=self.name))
        if not len(counts):  # a simulation needs at least one result to end
            return ProgramPredictor(self.simulator.project.program).lifetimes(counts)
        words, _ = self.simulator.words(counts)
        return lifetimes_from_codes(self.simulator.project.program, records_from_words(words).reduced)
