"""Validation of the counts passed to a predictor."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.decay.axis import TimeAxis
from seq2seqlite.errors import InputError

__all__ = ["counts_for", "without_invalid"]


def counts_for(tpsf: ArrayLike, /, *, axis: TimeAxis, name: str) -> NDArray[Any]:
    """Return TPSFs as a contiguous, writable array, with invalid decays set to zero.

    Parameters
    ----------
    tpsf : array_like, shape (n, n_gates)
        Counts.
    axis : TimeAxis
        Time axis of the predictor.
    name : str
        Name of the predictor, for error messages.

    Returns
    -------
    ndarray, shape (n, n_gates)
        The counts; see :func:`without_invalid` for invalid decays.

    Raises
    ------
    InputError
        If the shape does not match the axis, or the counts are neither integers nor floats.

    See Also
    --------
    without_invalid : Set invalid decays to zero.

    Examples
    --------
    >>> counts_for([[1, 2], [3, -4]], axis=TimeAxis(2, 1.0, 4.0), name="example").tolist()
    [[1, 2], [0, 0]]
    """
    # Numba would compile the kernels again for read-only arrays; a copy is cheaper.
    counts = np.require(np.asarray(tpsf), requirements=["C", "W"])
    if counts.ndim != 2 or counts.shape[1] != axis.n_gates:
        raise InputError(
            f"TPSFs have shape {counts.shape}, but model {name} requires (n, {axis.n_gates}); re-bin them"
        )
    if counts.dtype.kind not in "uif":
        raise InputError(f"counts must be integers or floats, not {counts.dtype}")
    return without_invalid(counts)


def without_invalid(counts: NDArray[Any], /) -> NDArray[Any]:
    """Return counts with every decay that has a negative, NaN or infinite count set to zero.

    Predictors return NaN for a decay of zeros, so an invalid pixel does not affect the other pixels.

    Parameters
    ----------
    counts : ndarray, shape (n, n_gates)
        Counts; returned without a copy if all of them are valid.

    See Also
    --------
    counts_for : Return TPSFs as a contiguous, writable array, with invalid decays set to zero.

    Examples
    --------
    >>> without_invalid(np.array([[1.0, 2.0], [np.nan, 1.0]])).tolist()
    [[1.0, 2.0], [0.0, 0.0]]
    """
    if counts.dtype.kind == "u" or not counts.size:
        return counts
    if counts.min() >= 0 and counts.max() < np.inf:  # false if a count is NaN
        return counts
    valid = np.all((counts >= 0) & (counts < np.inf), axis=1, keepdims=True)
    return np.where(valid, counts, counts.dtype.type(0))
