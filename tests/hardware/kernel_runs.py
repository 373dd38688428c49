"""Kernels that are compiled and run at once."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.hardware.cosim.kernel import compile_kernel


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
    """Compile a kernel and simulate words; :func:`compile_kernel` followed by its ``run``."""
    kernel = compile_kernel(
        files, module=module, latency=latency, in_bits=in_bits, out_bits=out_bits, out_dir=out_dir
    )
    return kernel.run(words)
