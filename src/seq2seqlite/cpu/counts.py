"""Conversion of measured counts to the input of the kernels."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.cpu.jit import compiled
from seq2seqlite.errors import InputError
from seq2seqlite.integer import COUNT_BITS
from seq2seqlite.models import FRACTION_OF_A_COUNT

__all__ = ["scaled_counts"]


def scaled_counts(tpsf: NDArray[Any], /) -> tuple[NDArray[np.uint16], NDArray[np.int64]]:
    """Return the results of :func:`seq2seqlite.integer.scaled_counts`, computed in one pass.

    Parameters
    ----------
    tpsf : ndarray, shape (n, n_gates)
        Counts, >= 0.

    Returns
    -------
    counts : ndarray of uint16, shape (n, n_gates)
    exponent : ndarray of int64, shape (n,)

    Raises
    ------
    InputError
        If a count is negative or not finite.

    Examples
    --------
    >>> counts, exponent = scaled_counts(np.array([[0.5, 1.0], [0.0, 65536.0]]))
    >>> counts.tolist(), exponent.tolist()
    ([[32, 64], [0, 32768]], [6, -1])
    """
    exponent = np.zeros(len(tpsf), np.int64)
    if tpsf.dtype in {np.dtype(np.uint8), np.dtype(np.uint16)}:
        return tpsf.astype(np.uint16, copy=False), exponent
    if tpsf.dtype.kind not in "uif":
        raise InputError(f"counts must be integers or floats, not {tpsf.dtype}")
    whole = np.issubdtype(tpsf.dtype, np.integer)
    kind = np.int64 if whole else np.float64 if tpsf.dtype.itemsize > 4 else np.float32
    result = np.empty(tpsf.shape, np.uint16)
    scale = 1 if whole else FRACTION_OF_A_COUNT
    if not _rounded(tpsf.astype(kind, copy=False), scale, result, exponent):
        raise InputError("counts must be finite and >= 0")
    return result, exponent


@compiled
def _rounded(
    tpsf: NDArray[Any], scale: int, result: NDArray[np.uint16], exponent: NDArray[np.int64]
) -> bool:  # pragma: no cover - compiled
    """Write integer counts; return whether all counts were finite and not negative."""
    top = 2**COUNT_BITS - 1
    for i in range(tpsf.shape[0]):
        peak, good = 0.0, 1
        for t in range(tpsf.shape[1]):
            value = np.float64(tpsf[i, t])
            good &= int(0 <= value < np.inf)
            peak = max(peak, value)
        if not good:
            return False
        factor, rounded = np.float64(scale), np.rint(peak * scale)
        while (rounded + 1) * factor > (top + 1) * np.float64(scale):
            factor *= 0.5
        exponent[i] = np.int64(np.rint(np.log2(factor)))
        for t in range(tpsf.shape[1]):
            result[i, t] = np.uint16(min(np.rint(np.float64(tpsf[i, t]) * factor), np.float64(top)))
    return True
