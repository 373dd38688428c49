"""Simulation of one kernel with Verilator: ``module k (input clk, input [N-1:0] d, output [M-1:0] q)``."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.cosim.executable import Executable, compile_harness
from seq2seqlite.hardware.eda.process import Heartbeat
from seq2seqlite.hardware.eda.verilator import Compilation
from seq2seqlite.hardware.wire.bitpack import n_words

__all__ = ["KernelSimulator", "compile_kernel"]


@dataclass(frozen=True)
class KernelSimulator:
    """Compiled simulation of a kernel.

    Parameters
    ----------
    executable : Executable
        Executable that :func:`compile_kernel` built. Its ports are ``d`` and ``q``.

    See Also
    --------
    compile_kernel : Compile the simulation of a kernel.
    """

    executable: Executable

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
        in_bits = self.executable.in_bits
        rows = np.ascontiguousarray(words, dtype="<u4")
        if rows.ndim != 2 or rows.shape[1] != n_words(in_bits):
            raise InputError(
                f"words of shape {rows.shape} do not fit d of {in_bits} bits, "
                f"which has shape (n, {n_words(in_bits)})"
            )
        stimulus = struct.pack("<Q", len(rows)) + rows.tobytes()
        record, _ = self.executable.simulate(stimulus, time_limit_s=time_limit_s)
        out = np.frombuffer(record, "<u4").astype(np.uint32)
        return out.reshape(len(rows), n_words(self.executable.out_bits))


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
    seq2seqlite.hardware.cosim.stream.compile_stream :
        Compile a design with the ports of ``docs/spec/hardware.md``.
    """
    executable = compile_harness(
        "kernel_harness.cpp",
        files,
        top=module,
        in_bits=in_bits,
        out_bits=out_bits,
        out_dir=out_dir,
        defines={"LATENCY": f"{latency}u"},
        compilation=compilation,
        time_limit_s=time_limit_s,
        heartbeat=heartbeat,
    )
    return KernelSimulator(executable)
