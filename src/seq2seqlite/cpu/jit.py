"""Compilation with Numba, with a cache on disk if a folder is writable."""

from collections.abc import Callable
from typing import Any

from numba import njit

__all__ = ["compiled"]


def compiled(function: Callable[..., Any], /) -> Any:
    """Return a function that is compiled on its first call and releases the interpreter's lock.

    Compiled code is cached beside the package or in the user's cache folder. If neither folder is writable,
    each process compiles the function again.
    """
    try:
        return njit(nogil=True, cache=True)(function)
    except RuntimeError:  # Numba's: "no locator available"
        return njit(nogil=True)(function)
