"""Compilation with Numba, with a cache on disk if a folder is writable."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit

from seq2seqlite.cpu.isa import ISA

__all__ = ["compiled", "source_digest"]


def compiled(function: Callable[..., Any], /) -> Any:
    """Return a function that is compiled on its first call and releases the interpreter's lock.

    Compiled code is cached beside the package or in the user's cache folder. If neither folder is writable,
    each process compiles the function again.
    """
    try:
        return njit(nogil=True, cache=True)(function)
    except RuntimeError:  # Numba's: "no locator available"
        return njit(nogil=True)(function)


def source_digest(*sources: str | Path) -> str:
    """Return a digest of the instruction set, the sources of this package, and additional source files.

    Numba's cache only checks the file of the compiled function. Its key includes the values in the closure of
    the function: a function that refers to this digest is compiled again when a source changes.
    """
    digest = hashlib.sha256(ISA.name.encode())
    for path in [*sorted(Path(__file__).parent.glob("*.py")), *map(Path, sources)]:
        digest.update(path.read_bytes())
    return digest.hexdigest()
