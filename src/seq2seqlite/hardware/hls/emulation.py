"""C simulation of an HLS project with the local C++ compiler, and comparison with its program."""

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.cosim.inputs import Inputs
from seq2seqlite.hardware.eda.process import Heartbeat, ToolError, run_tool, run_tools
from seq2seqlite.hardware.eda.verilator import cpp_compiler, cpp_options
from seq2seqlite.hardware.hls.functions import ap_types_folder
from seq2seqlite.hardware.hls.project import HlsProject, read_hls
from seq2seqlite.hardware.hls.vectors import BANK_FILE, INPUTS_FILE, expected_values, input_texts
from seq2seqlite.hardware.wire.bitpack import n_words
from seq2seqlite.hardware.wire.results import DIRECT_RECORD_BITS, Records, records_from_words
from seq2seqlite.integer import AnyProgram, DirectProgram

__all__ = ["HlsCheck", "HlsEmulator", "compile_hls", "simulate_hls"]

HEADERS = Path(__file__).with_name("headers")
# Without inlining (-O0), a pixel of 32 units takes half a second. Higher levels double the compile time.
OPTIONS = ("-O1", "-fno-exceptions", "-std=c++14")
# The files use the same types, which take seconds to instantiate: together they compile in half the time.
ONE_FILE_BYTES = 64 << 10
CHANNELS = 3


@dataclass(frozen=True)
class HlsCheck:
    """Result of a C simulation.

    Parameters
    ----------
    pixels : int
        Number of pixels.
    mismatches : int
        Number of pixels that differ from the program in any code of the SFD or, of a direct program, of the
        result.
    compile_seconds, run_seconds : float
        Duration of the compilation and of the simulation.

    See Also
    --------
    simulate_hls : Compile an HLS project, simulate raw counts, and compare the results with its program.
    """

    pixels: int
    mismatches: int
    compile_seconds: float
    run_seconds: float


@dataclass(frozen=True)
class HlsEmulator:
    """Compiled C simulation of an HLS project.

    Parameters
    ----------
    program : Program or DirectProgram
        Program that the C++ computes.
    executable : pathlib.Path
        Executable that :func:`compile_hls` built.
    compile_seconds : float
        Duration of the compilation.

    See Also
    --------
    compile_hls : Compile the C++ of a project and its test bench.
    """

    program: AnyProgram
    executable: Path
    compile_seconds: float

    def sfd(
        self,
        counts: ArrayLike,
        /,
        *,
        inputs: Inputs | None = None,
        time_limit_s: float = 3600,
        heartbeat: Heartbeat | None = None,
    ) -> NDArray[np.int64]:
        """Simulate raw counts, and return the SFD codes, shape (n, 3, n_gates).

        Parameters
        ----------
        counts : array_like of int, shape (n, n_gates)
            Raw counts, 0 to 65535. They are normalised as in the program.
        inputs : Inputs, optional
            Bank of responses and index of each pixel, of a program that gets the response; by default one
            unknown response.
        time_limit_s : float
            Time limit in seconds.
        heartbeat : callable, optional
            Called every second.

        Raises
        ------
        InputError
            If the counts or inputs do not fit the program, or the simulation fails or exceeds the time limit.
        """
        if isinstance(self.program, DirectProgram):
            raise InputError(f"program {self.program.name} is a direct program; use records")
        values = self._values(counts, inputs, 0, time_limit_s=time_limit_s, heartbeat=heartbeat)
        return values.reshape(len(values), self.program.n_gates, CHANNELS).transpose(0, 2, 1)

    def records(
        self,
        counts: ArrayLike,
        /,
        *,
        inputs: Inputs | None = None,
        min_photons: int = 0,
        time_limit_s: float = 3600,
        heartbeat: Heartbeat | None = None,
    ) -> Records:
        """Simulate raw counts with a direct program, and return the records of the results.

        Parameters
        ----------
        counts : array_like of int, shape (n, n_gates)
            Raw counts, 0 to 65535. They are normalised as in the program.
        inputs : Inputs, optional
            Bank of responses, and index and exponent of each pixel; by default one unknown response.
        min_photons : int
            Pixels with fewer counts are flagged as below threshold.
        time_limit_s : float
            Time limit in seconds.
        heartbeat : callable, optional
            Called every second.

        Raises
        ------
        InputError
            If the program is not a direct program, the counts or inputs do not fit it, or the simulation
            fails or exceeds the time limit.
        """
        if not isinstance(self.program, DirectProgram):
            raise InputError(f"program {self.program.name} is not a direct program; use sfd")
        values = self._values(counts, inputs, min_photons, time_limit_s=time_limit_s, heartbeat=heartbeat)
        return records_from_words(values.astype(np.uint32))

    def check(
        self,
        counts: ArrayLike,
        /,
        *,
        inputs: Inputs | None = None,
        min_photons: int = 0,
        time_limit_s: float = 3600,
        heartbeat: Heartbeat | None = None,
    ) -> HlsCheck:
        """Simulate raw counts and compare the results with the program.

        Parameters are those of :meth:`records`; ``inputs`` belongs to programs that get the response, and
        ``min_photons`` to direct programs.

        Raises
        ------
        InputError
            If the counts or inputs do not fit the program, or the simulation fails or exceeds the time limit.
        """
        expected = expected_values(self.program, counts, inputs, min_photons=min_photons)
        started = time.monotonic()
        received = self._values(counts, inputs, min_photons, time_limit_s=time_limit_s, heartbeat=heartbeat)
        wrong = int((received != expected).any(axis=1).sum())
        return HlsCheck(len(expected), wrong, self.compile_seconds, time.monotonic() - started)

    def _values(
        self,
        counts: ArrayLike,
        inputs: Inputs | None,
        min_photons: int,
        /,
        *,
        time_limit_s: float,
        heartbeat: Heartbeat | None,
    ) -> NDArray[np.int64]:
        """Simulate raw counts, and return the numbers that the test bench writes, one row per pixel."""
        program, n = self.program, len(np.asarray(counts))
        texts = input_texts(program, counts, inputs)
        with tempfile.TemporaryDirectory(prefix="seq2seqlite-") as name:
            folder = Path(name)
            for file, text in texts.items():
                (folder / file).write_text(text)
            arguments: list[str | Path] = [
                folder / file for file in (INPUTS_FILE, BANK_FILE) if file in texts
            ]
            arguments.append(folder / "out")
            columns = program.n_gates * CHANNELS
            if isinstance(program, DirectProgram):
                arguments.append(str(min_photons))
                columns = n_words(DIRECT_RECORD_BITS)
            run_tool(
                "the C simulation",
                [self.executable, *arguments],
                log=folder / "log.txt",
                time_limit_s=time_limit_s,
                heartbeat=heartbeat,
            )
            numbers = np.array((folder / "out").read_text().split(), np.int64)
        if numbers.size != n * columns:
            raise ToolError(
                f"the C simulation wrote {numbers.size} numbers instead of {n * columns}; write it again"
            )
        return numbers.reshape(n, columns)


def compile_hls(
    project: HlsProject,
    /,
    *,
    out_dir: Path,
    time_limit_s: float = 3600,
    heartbeat: Heartbeat | None = None,
) -> HlsEmulator:
    """Compile the C++ of a project and its test bench.

    Parameters
    ----------
    project : HlsProject
        Project to compile.
    out_dir : pathlib.Path
        Folder for objects, log and executable.
    time_limit_s : float
        Time limit in seconds.
    heartbeat : callable, optional
        Called every second.

    Raises
    ------
    ToolError
        If the compiler is missing, fails, or exceeds the time limit.

    See Also
    --------
    simulate_hls : Compile an HLS project, simulate raw counts, and compare the results with its program.
    HlsEmulator : Compiled C simulation of an HLS project.
    """
    compiler, started = cpp_compiler(), time.monotonic()
    out_dir.mkdir(parents=True, exist_ok=True)
    # The da4ml types are system headers, which suppresses their warnings.
    flags: list[str | Path] = [*OPTIONS, "-isystem", HEADERS, "-isystem", ap_types_folder(), *cpp_options()]
    sources = [*project.sources, project.folder / "testbench.cc"]
    if sum(source.stat().st_size for source in sources) < ONE_FILE_BYTES:
        together = out_dir / "together.cc"
        together.write_text("".join(f'#include "{source.absolute()}"\n' for source in sources))
        sources = [together]
    objects = [out_dir / f"{source.stem}.o" for source in sources]
    executable = out_dir / "testbench"
    compilations: list[list[str | Path]] = [
        [compiler, *flags, "-c", source, "-o", made] for source, made in zip(sources, objects, strict=True)
    ]
    link: list[str | Path] = [compiler, *objects, "-o", executable]
    for step, commands in (("compiler", compilations), ("linker", [link])):
        run_tools(
            "the C++ compiler",
            commands,
            log=out_dir / f"{step}.log",
            time_limit_s=time_limit_s,
            jobs=os.cpu_count() or 1,
            heartbeat=heartbeat,
        )
    return HlsEmulator(project.program, executable, time.monotonic() - started)


def simulate_hls(
    folder: str | os.PathLike[str],
    counts: ArrayLike,
    /,
    *,
    inputs: Inputs | None = None,
    time_limit_s: float = 3600,
    heartbeat: Heartbeat | None = None,
) -> HlsCheck:
    """Compile an HLS project, simulate raw counts, and compare the results with its program.

    Parameters
    ----------
    folder : path-like
        Folder written by :func:`~seq2seqlite.hardware.hls.write_hls`.
    counts : array_like of int, shape (n, n_gates)
        Raw counts, 0 to 65535.
    inputs : Inputs, optional
        Bank of responses, and index and exponent of each pixel, of a program that gets the response.
    time_limit_s : float
        Time limit for the compilation and for the simulation, in seconds.
    heartbeat : callable, optional
        Called every second.

    Returns
    -------
    HlsCheck

    Raises
    ------
    InputError
        If the folder does not contain an HLS project, the counts do not fit its program, or the C++ compiler
        is missing, fails, or exceeds the time limit.

    See Also
    --------
    compile_hls : Compile the C++ of a project and its test bench.
    HlsCheck : Result of a C simulation.
    """
    project = read_hls(Path(folder))
    with tempfile.TemporaryDirectory(prefix="seq2seqlite-") as name:
        emulator = compile_hls(project, out_dir=Path(name), time_limit_s=time_limit_s, heartbeat=heartbeat)
        return emulator.check(counts, inputs=inputs, time_limit_s=time_limit_s, heartbeat=heartbeat)
