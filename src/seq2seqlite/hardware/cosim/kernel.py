"""Simulation of one kernel with Verilator: ``module k (input clk, input [N-1:0] d, output [M-1:0] q)``."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.eda.process import Heartbeat, run_tool
from seq2seqlite.hardware.eda.verilator import Compilation, compile_model
from seq2seqlite.hardware.wire.bitpack import n_words

__all__ = ["KernelSimulator", "compile_kernel", "run_kernel"]

HARNESS = Path(__file__).with_name("kernel_harness.cpp")


@dataclass(frozen=True)
class KernelSimulator:
    """Compiled simulation of a kernel.

    Parameters
    ----------
    program : pathlib.Path
        Executable that :func:`compile_kernel` built.
    in_bits, out_bits : int
        Widths of ``d`` and ``q``.

    See Also
    --------
    compile_kernel : Compile the simulation of a kernel.
    """

    program: Path
    in_bits: int
    out_bits: int

    def run(self, words: ArrayLike, /, *, time_limit_s: float = 600) -> NDArray[np.uint32]:
        """Simulate the kernel and return its output words.

        Parameters
        ----------
        words : array_like of uint32, shape (n, n_words(in_bits))
            Input words, one per clock cycle, in the form of
            :func:`~seq2seqlite.hardware.wire.bitpack.pack_codes`.
        time_limit_s : float
            Time limit in seconds.

        Returns
        -------
        ndarray of uint32, shape (n, n_words(out_bits))

        Raises
        ------
        InputError
            If the words have another width, or the simulation fails.
        """
        rows = np.ascontiguousarray(words, dtype="<u4")
        if rows.ndim != 2 or rows.shape[1] != n_words(self.in_bits):
            raise InputError(
                f"words of shape {rows.shape} do not fit d of {self.in_bits} bits, "
                f"which has shape (n, {n_words(self.in_bits)})"
            )
        with tempfile.TemporaryDirectory(prefix="seq2seqlite-") as name:
            folder = Path(name)
            (folder / "in").write_bytes(rows.tobytes())
            run_tool(
                "the simulation",
                [self.program, folder / "in", folder / "out", str(len(rows))],
                log=folder / "log.txt",
                time_limit_s=time_limit_s,
            )
            out = np.fromfile(folder / "out", "<u4").astype(np.uint32)
        return out.reshape(len(rows), n_words(self.out_bits))


def compile_kernel(
    files: Sequence[Path],
    /,
    *,
    module: str,
    latency: int,
    in_bits: int,
    out_bits: int,
    out_dir: Path,
    compilation: Compilation | None = None,
    time_limit_s: float = 3600,
    heartbeat: Heartbeat | None = None,
) -> KernelSimulator:
    """Compile the simulation of a kernel.

    Parameters
    ----------
    files : sequence of pathlib.Path
        Verilog files.
    module : str
        Name of the kernel. Its ports are ``clk`` (optional if the latency is 0), ``d`` and ``q``.
    latency : int
        Latency from ``d`` to ``q`` in clock cycles; 0: combinational.
    in_bits, out_bits : int
        Widths of ``d`` and ``q``.
    out_dir : pathlib.Path
        Build folder. This and the other parameters are those of
        :func:`~seq2seqlite.hardware.eda.verilator.compile_model`.

    Returns
    -------
    KernelSimulator

    Raises
    ------
    ToolError
        If a tool is missing, fails, or exceeds the time limit.

    See Also
    --------
    run_kernel : Compile a kernel and simulate words; ``compile_kernel`` followed by its ``run``.
    seq2seqlite.hardware.cosim.stream.compile_stream :
        Compile a design with the ports of ``docs/spec/hardware.md``.
    """
    program = compile_model(
        files,
        top=module,
        harness=HARNESS,
        out_dir=out_dir,
        defines={"IN_BITS": in_bits, "OUT_BITS": out_bits, "LATENCY": f"{latency}u"},
        compilation=compilation,
        time_limit_s=time_limit_s,
        heartbeat=heartbeat,
    )
    return KernelSimulator(program, in_bits, out_bits)


def run_kernel(
    files: Sequence[Path],
    words: ArrayLike,
    /,
    *,
    module: str,
    latency: int,
    in_bits: int,
    out_bits: int,
    out_dir: Path,
) -> NDArray[np.uint32]:
    """Compile a kernel and simulate words; :func:`compile_kernel` followed by its ``run``.

    See Also
    --------
    compile_kernel : Compile the simulation of a kernel.
    """
    kernel = compile_kernel(
        files, module=module, latency=latency, in_bits=in_bits, out_bits=out_bits, out_dir=out_dir
    )
    return kernel.run(words)
