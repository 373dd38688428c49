"""Compiled simulations: a Verilated module with one of the C++ harnesses of this package."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seq2seqlite.hardware.eda.process import Heartbeat, run_tool
from seq2seqlite.hardware.eda.verilator import Compilation, compile_model

__all__ = ["HEADER", "Executable", "compile_harness"]

HEADER = Path(__file__).with_name("harness.h")
"""C++ header that the harnesses share."""
MEMORY = Path(__file__).with_name("axi_memory.h")
CAMERA = Path(__file__).with_name("simulated_camera.h")
"""C++ header of the memory model."""


@dataclass(frozen=True)
class Executable:
    """Compiled simulation, which reads a stimulus file and writes a record file.

    Parameters
    ----------
    program : pathlib.Path
        Executable that :func:`compile_harness` built.
    in_bits, out_bits : int
        Widths of the input and the output port.

    See Also
    --------
    compile_harness : Compile an executable.
    """

    program: Path
    in_bits: int
    out_bits: int

    def simulate(
        self, stimulus: bytes, /, *, time_limit_s: float, heartbeat: Heartbeat | None = None
    ) -> tuple[bytes, float]:
        """Run the simulation.

        Parameters
        ----------
        stimulus : bytes
            Content of the stimulus file, in the form that the harness reads.
        time_limit_s : float
            Time limit in seconds.
        heartbeat : callable, optional
            Called every second.

        Returns
        -------
        record : bytes
            Content of the record file.
        seconds : float
            Run time in seconds.

        Raises
        ------
        InputError
            If the simulation fails, or exceeds the time limit.
        """
        with tempfile.TemporaryDirectory(prefix="seq2seqlite-") as name:
            folder = Path(name)
            (folder / "stimulus").write_bytes(stimulus)
            took = run_tool(
                "the simulation",
                [self.program, folder / "stimulus", folder / "record"],
                log=folder / "log.txt",
                time_limit_s=time_limit_s,
                heartbeat=heartbeat,
            )
            return (folder / "record").read_bytes(), took.seconds


def compile_harness(
    name: str,
    files: Sequence[Path],
    /,
    *,
    top: str,
    in_bits: int,
    out_bits: int,
    out_dir: Path,
    defines: Mapping[str, str | int] | None = None,
    compilation: Compilation | None = None,
    time_limit_s: float = 3600,
    heartbeat: Heartbeat | None = None,
) -> Executable:
    """Compile Verilog with a harness of this package.

    Parameters
    ----------
    name : str
        File name of the harness.
    files : sequence of pathlib.Path
        Verilog files.
    top : str
        Name of the module that the harness drives.
    in_bits, out_bits : int
        Widths of its input and output port: ``IN_BITS`` and ``OUT_BITS`` of the harness.
    out_dir : pathlib.Path
        Build folder. This and the other parameters are those of
        :func:`~seq2seqlite.hardware.eda.verilator.compile_model`.

    Returns
    -------
    Executable

    Raises
    ------
    ToolError
        If a tool is missing, fails, or exceeds the time limit.

    See Also
    --------
    Executable : Result of the compilation.
    """
    program = compile_model(
        files,
        top=top,
        harness=HEADER.with_name(name),
        headers=[HEADER, MEMORY, CAMERA],
        out_dir=out_dir,
        defines={"IN_BITS": in_bits, "OUT_BITS": out_bits, **(defines or {})},
        compilation=compilation,
        time_limit_s=time_limit_s,
        heartbeat=heartbeat,
    )
    return Executable(program, in_bits, out_bits)
