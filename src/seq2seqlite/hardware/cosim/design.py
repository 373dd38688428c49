"""Simulation of a project through its buses, and comparison with its program."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.decay import Lifetimes
from seq2seqlite.errors import InputError
from seq2seqlite.hardware.cosim.inputs import Inputs, result_words
from seq2seqlite.hardware.cosim.stream import Access, StreamRun, StreamSimulator, compile_stream
from seq2seqlite.hardware.eda.process import Heartbeat
from seq2seqlite.hardware.gateware.csr import REGISTERS
from seq2seqlite.hardware.gateware.csr import counters as counter_names
from seq2seqlite.hardware.project import Project
from seq2seqlite.hardware.wire.results import (
    Flag,
    beats_from_counts,
    records_from_words,
    words_from_beats,
)
from seq2seqlite.integer import (
    DirectPredictor,
    DirectProgram,
    DirectResult,
    Program,
    ProgramPredictor,
    lifetimes_from_codes,
)
from seq2seqlite.integer.predictor import BankPredictor
from seq2seqlite.integer.predictor import Inputs as ProgramInputs
from seq2seqlite.training_range import training_range_ns

__all__ = [
    "MIN_BATCHES",
    "DirectHardwarePredictor",
    "HardwarePredictor",
    "Simulation",
    "Simulator",
    "compile_project",
]

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
        inputs: Inputs | None = None,
        missing: NDArray[np.bool_] | None = None,
        after: Sequence[Access] = (),
        heartbeat: Heartbeat | None = None,
    ) -> tuple[NDArray[np.uint32], StreamRun]:
        """Simulate counts, and return the words of the results and the run.

        Parameters are those of :meth:`check`, and ``after``: CSR accesses after the last result.

        Returns
        -------
        words : ndarray of uint32, shape (n words_per_pixel, m)
            Results, in the form of :func:`~seq2seqlite.hardware.wire.results.words_from_beats`.
        run : StreamRun
            Beats and their clock cycles.

        Raises
        ------
        InputError
            If the counts do not fit the design, a probability is not in [0, 1), or the simulation fails.
        """
        project, shape = self.project, self.project.shape
        n = len(np.asarray(counts))
        beats_out = n * self._words_per_pixel * max(1, shape.record_bits // project.options.result_width)
        inputs = inputs or Inputs()
        user, sent = inputs.user(shape, n), np.ones(n, np.bool_) if missing is None else ~missing
        loads = inputs.accesses(shape)
        run_ = self.stream.run(
            beats_from_counts(
                np.asarray(counts)[sent],
                lanes=shape.lanes,
                user=None if user is None else user[sent],
                count_bits=shape.count_bits,
            ),
            n_expected=beats_out,
            before=[
                Access(REGISTERS["FLUSH_CLOCKS"], FLUSH_CLOCKS),
                Access(REGISTERS["MIN_PHOTONS"], min_photons),
                *(access for access in loads if not access.after_beats),
            ],
            during=[access for access in loads if access.after_beats],
            after=after,
            gaps=gaps,
            stalls=stalls,
            seed=seed,
            heartbeat=heartbeat,
        )
        return words_from_beats(run_.out, word_bits=shape.record_bits), run_

    def check(
        self,
        counts: ArrayLike,
        /,
        *,
        gaps: float = 0.0,
        stalls: float = 0.0,
        seed: int = 0,
        min_photons: int = 0,
        inputs: Inputs | None = None,
        missing: NDArray[np.bool_] | None = None,
        heartbeat: Heartbeat | None = None,
    ) -> Simulation:
        """Simulate counts and compare the results with those of the program.

        Parameters
        ----------
        counts : array_like of int, shape (n, n_gates)
            Raw counts that fit the design.
        gaps, stalls : float
            Source and sink throttling: probability per cycle that the source deasserts TVALID, and that the
            sink deasserts TREADY.
        seed : int
            Seed of the throttling.
        min_photons : int
            Pixels with fewer counts are flagged as below threshold.
        inputs : Inputs, optional
            Responses, their index and the exponents of the counts, for a program that gets them; by default
            one unknown response.
        missing : ndarray of bool, shape (n,), optional
            Pixels whose packet is not sent, but not the last one. The design needs sequence numbers.
        heartbeat : callable, optional
            Called every second.

        Returns
        -------
        Simulation

        Raises
        ------
        InputError
            If the counts do not fit the program, packets are missing of a design without sequence numbers, a
            probability is not in [0, 1), or the simulation fails.
        """
        program = self.project.program
        if missing is not None and (not self.project.options.sequence_numbers or missing[-1:].any()):
            raise InputError("missing packets need a design with sequence numbers, and the last packet")
        result = (inputs or Inputs()).expected(program, counts, min_photons=min_photons)
        received, took = self.words(
            counts,
            gaps=gaps,
            stalls=stalls,
            seed=seed,
            min_photons=min_photons,
            inputs=inputs,
            missing=missing,
            heartbeat=heartbeat,
        )
        expected = result_words(self.project.shape, result, missing=missing)
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

    def _steady(self, took: StreamRun) -> float | None:
        """Return the clock cycles per pixel over complete batches, without the first and the last."""
        shape = self.project.shape
        per_pixel = self._words_per_pixel * max(1, shape.record_bits // self.project.options.result_width)
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
    stream = compile_stream(
        project.verilog,
        top=project.options.top,
        in_bits=project.shape.beat_bits,
        user_bits=project.shape.user_bits,
        out_bits=project.options.result_width,
        out_dir=out_dir,
        heartbeat=heartbeat,
    )
    return Simulator(project, stream)


class _Counted:
    """Words of the results of a simulated design, and the sums of its counters."""

    simulator: Simulator

    def counters(self) -> dict[str, float]:
        """Return the counters of the design, summed over all simulations: CSRs, clock cycles and run time."""
        return dict(self._sums)

    @cached_property
    def _sums(self) -> Counter[str]:
        return Counter()

    def _words(
        self, counts: NDArray[np.integer], *, min_photons: int = 0, inputs: Inputs | None = None
    ) -> NDArray[np.uint32]:
        names = counter_names(self.simulator.project.shape)
        reads = [Access(REGISTERS[name]) for name in names]
        words, run_ = self.simulator.words(counts, min_photons=min_photons, inputs=inputs, after=reads)
        values = run_.registers[-len(names) :] if run_.end == "done" else ()
        self._sums.update(dict(zip(names, values, strict=False)))
        self._sums.update({"clock_cycles": run_.clocks, "simulation_s": run_.seconds})
        return words


class HardwarePredictor(_Counted, BankPredictor):
    """Predictor for :mod:`seq2seqlite.imaging` that runs the simulation of a design.

    Parameters
    ----------
    simulator : Simulator
        Compiled project that delivers lifetimes.
    response : array_like, shape (n_gates,), optional
        Response of the instrument on the axis of the program, for a program that gets it; by default unknown.

    Raises
    ------
    InputError
        If the project delivers raw SFDs, or its program is a direct one.

    See Also
    --------
    Simulator : Compiled simulation of a project.
    seq2seqlite.integer.ProgramPredictor :
        Integer program run by the interpreter; implements ``SfdPredictor``.
    """

    kind = "simulated hardware"
    program: Program

    def __init__(self, simulator: Simulator, /, *, response: ArrayLike | None = None) -> None:
        if simulator.project.shape.direct is not None:
            raise InputError(
                f"program {simulator.project.program.name} is a direct one; use DirectHardwarePredictor"
            )
        if simulator.project.options.output != "lifetimes":
            raise InputError("output='sfd' of the design must be 'lifetimes'; build it with that option")
        super().__init__(simulator.project.shape.with_decoder, response=response)
        self.simulator = simulator

    def with_response(self, response: ArrayLike | None, /) -> "HardwarePredictor":
        """Return this predictor for decays of another response; None for an unknown one."""
        return HardwarePredictor(self.simulator, response=response)

    @property
    def tau_range_ns(self) -> tuple[float, float] | None:
        """Range of the lifetimes that the model was trained for, in ns; None if it is unknown."""
        return self.program.tau_range_ns or training_range_ns(self.instrument)

    def lifetimes(self, tpsf: ArrayLike, /) -> Lifetimes:
        """Return lifetimes, shape (n,), of counts, shape (n, n_gates); with errors if there are any."""
        counts, bank, index, exponent = self._of_pixels(tpsf)
        if not len(counts):  # a simulation needs at least one result to end
            return ProgramPredictor(self.program).lifetimes(counts)
        found = records_from_words(self._words(counts, inputs=Inputs(bank, index, exponent)))
        return lifetimes_from_codes(self.program, found.reduced, log_errors=found.log_errors)


class DirectHardwarePredictor(_Counted, DirectPredictor):
    """Predictor for :mod:`seq2seqlite.imaging` that runs the simulation of a direct design.

    Parameters
    ----------
    simulator : Simulator
        Compiled project of a direct program.
    response : array_like, shape (n_gates,), optional
        Response of the instrument on the axis of the program; by default unknown.

    See Also
    --------
    HardwarePredictor : Predictor of a program with a decoder.
    """

    kind = "simulated hardware"

    def __init__(self, simulator: Simulator, /, *, response: ArrayLike | None = None) -> None:
        program = simulator.project.program
        if not isinstance(program, DirectProgram):
            raise InputError(f"program {program.name} has a decoder; use HardwarePredictor")
        super().__init__(program, response=response)
        self.simulator = simulator

    def with_response(self, response: ArrayLike | None, /) -> "DirectHardwarePredictor":
        """Return this predictor for decays of another response; None for an unknown one."""
        return DirectHardwarePredictor(self.simulator, response=response)

    def _results(self, inputs: ProgramInputs, min_photons: int) -> DirectResult:
        counts, bank, index, exponent = inputs
        if not len(counts):  # a simulation needs at least one result to end
            return super()._results(inputs, min_photons)
        sent = Inputs(bank, index, exponent)
        found = records_from_words(self._words(counts, min_photons=min_photons, inputs=sent))
        assert found.log_errors is not None
        return DirectResult(found.reduced, found.log_errors, found.photons, found.has(Flag.DARK))
