"""Numba's compiler; what it makes is kept on disk where there is a place for it."""

from collections.abc import Callable
from typing import Any

from numba import njit

__all__ = ["compiled"]


def compiled(function: Callable[..., Any], /) -> Any:
    """Return a function compiled on its first call, without the interpreter's lock.

    Without a folder that can be written, beside the package or the user's own, each process compiles anew.
    """
    try:
        return njit(nogil=True, cache=True)(function)
    except RuntimeError:  # Numba's: "no locator available"
        return njit(nogil=True)(function)
