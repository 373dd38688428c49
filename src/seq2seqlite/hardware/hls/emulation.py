"""The C simulation: a project compiled with da4ml's types by the C++ compiler here, against its program."""

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.hardware.eda.process import Heartbeat, ToolError, run_tool, run_tools
from seq2seqlite.hardware.eda.verilator import cpp_compiler
from seq2seqlite.hardware.hls.functions import ap_types_folder
from seq2seqlite.hardware.hls.project import HlsProject, codes_text, read_hls
from seq2seqlite.integer import Program, normalise, run
from seq2seqlite.integer.interpreter import checked_counts

__all__ = ["HlsCheck", "HlsEmulator", "compile_hls", "simulate_hls"]

HEADERS = Path(__file__).with_name("headers")
# Without inlining a pixel of 32 units takes half a second; a higher level doubles the time to compile.
OPTIONS = ("-O1", "-fno-exceptions", "-std=c++14")
CHANNELS = 3


@dataclass(frozen=True)
class HlsCheck:
    """What a C simulation showed.

    Parameters
    ----------
    pixels : int
        Pixels.
    mismatches : int
        Pixels with a code that is not the program's.
    compile_seconds, run_seconds : float
        Times that compilation and simulation took.
    """

    pixels: int
    mismatches: int
    compile_seconds: float
    run_seconds: float


@dataclass(frozen=True)
class HlsEmulator:
    """A compiled project.

    Parameters
    ----------
    program : Program
        What it has to compute.
    executable : pathlib.Path
        What :func:`compile_hls` made.
    compile_seconds : float
        Time that it took.
    """

    program: Program
    executable: Path
    compile_seconds: float

    def sfd(
        self, counts: ArrayLike, /, *, time_limit_s: float = 3600, heartbeat: Heartbeat | None = None
    ) -> NDArray[np.int64]:
        """Return the SFD codes, shape (n, 3, n_gates), that the C++ makes of raw counts.

        Parameters
        ----------
        counts : array_like of int, shape (n, n_gates)
            Counts, 0 to 65535; the program normalises them.
        time_limit_s : float
            Limit in seconds.
        heartbeat : callable, optional
            Called every second.

        Raises
        ------
        InputError
            If the counts do not fit the program, the simulation fails, or the time is up.
        """
        codes = normalise(self.program, checked_counts(self.program, counts))
        with tempfile.TemporaryDirectory(prefix="seq2seqlite-") as name:
            folder = Path(name)
            (folder / "in").write_text(codes_text(codes))
            run_tool(
                "the C simulation",
                [self.executable, folder / "in", folder / "out"],
                log=folder / "log.txt",
                time_limit_s=time_limit_s,
                heartbeat=heartbeat,
            )
            words = np.array((folder / "out").read_text().split(), np.int64)
        shape = (len(codes), self.program.n_gates, CHANNELS)
        if words.size != np.prod(shape):
            raise ToolError(f"the C simulation gave {words.size} codes of {np.prod(shape)}")
        return words.reshape(shape).transpose(0, 2, 1)

    def check(
        self, counts: ArrayLike, /, *, time_limit_s: float = 3600, heartbeat: Heartbeat | None = None
    ) -> HlsCheck:
        """Compare the C++ with the program on raw counts; parameters as of :meth:`sfd`.

        Raises
        ------
        InputError
            As :meth:`sfd`.
        """
        expected = run(self.program, counts).sfd
        started = time.monotonic()
        got = self.sfd(counts, time_limit_s=time_limit_s, heartbeat=heartbeat)
        wrong = int((got != expected).any(axis=(1, 2)).sum())
        return HlsCheck(len(expected), wrong, self.compile_seconds, time.monotonic() - started)


def compile_hls(
    project: HlsProject,
    /,
    *,
    out_dir: Path,
    time_limit_s: float = 3600,
    heartbeat: Heartbeat | None = None,
) -> HlsEmulator:
    """Compile a project's C++ and its test.

    Parameters
    ----------
    project : HlsProject
        Project.
    out_dir : pathlib.Path
        Folder for objects, log and program.
    time_limit_s : float
        Limit in seconds.
    heartbeat : callable, optional
        Called every second.

    Raises
    ------
    ToolError
        If the compiler is missing, fails, or the time is up.
    """
    compiler, started = cpp_compiler(), time.monotonic()
    out_dir.mkdir(parents=True, exist_ok=True)
    # Types as system headers: their warnings are not ours.
    flags: list[str | Path] = [*OPTIONS, "-isystem", HEADERS, "-isystem", ap_types_folder()]
    sources = [*project.sources, project.folder / "testbench.cc"]
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
    time_limit_s: float = 3600,
    heartbeat: Heartbeat | None = None,
) -> HlsCheck:
    """Compile a project of :func:`~seq2seqlite.hardware.hls.write_hls` and compare it with its program.

    Parameters
    ----------
    folder : path-like
        Project.
    counts : array_like of int, shape (n, n_gates)
        Raw counts, 0 to 65535.
    time_limit_s : float
        Limit of compilation and of simulation, in seconds.
    heartbeat : callable, optional
        Called every second.

    Returns
    -------
    HlsCheck

    Raises
    ------
    InputError
        If the folder holds no project, the counts do not fit its program, or the C++ compiler is missing,
        fails, or is out of time.
    """
    project = read_hls(Path(folder))
    with tempfile.TemporaryDirectory(prefix="seq2seqlite-") as name:
        emulator = compile_hls(project, out_dir=Path(name), time_limit_s=time_limit_s, heartbeat=heartbeat)
        return emulator.check(counts, time_limit_s=time_limit_s, heartbeat=heartbeat)
