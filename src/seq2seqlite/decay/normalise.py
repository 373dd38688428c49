"""Normalisation of TPSFs for the networks: subtract the baseline, clamp at zero, divide by the peak."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.errors import InputError

__all__ = ["BASELINE_GATES", "normalise_to_codes", "normalise_tpsf"]

BASELINE_GATES = 10


def normalise_tpsf(tpsf: ArrayLike, /, *, n_baseline: int = BASELINE_GATES) -> NDArray[np.float32]:
    """Return TPSFs normalised to the range 0 to 1, the input of the networks.

    Parameters
    ----------
    tpsf : array_like, shape (..., n_gates)
        Counts.
    n_baseline : int
        Leading gates, before the rising edge, whose mean is the baseline; 0 for data without dark gates:
        then nothing is subtracted.

    Returns
    -------
    ndarray of float32, shape (..., n_gates)
        ``max(tpsf - baseline, 0)`` divided by its peak; zeros for a decay without counts above the baseline.

    See Also
    --------
    normalise_to_codes : The same normalisation in integer arithmetic.

    Examples
    --------
    >>> normalise_tpsf([1, 1, 5, 3], n_baseline=2).tolist()
    [0.0, 0.0, 1.0, 0.5]
    """
    counts = np.asarray(tpsf, dtype=np.float32)
    _check(counts.shape, n_baseline)
    signal = counts
    if n_baseline:
        signal = np.clip(counts - counts[..., :n_baseline].mean(axis=-1, keepdims=True), 0, None)
    peak = signal.max(axis=-1, keepdims=True)
    return np.asarray(np.divide(signal, peak, out=np.zeros_like(signal), where=peak > 0))


def normalise_to_codes(
    tpsf: ArrayLike, /, *, bits: int, n_baseline: int = BASELINE_GATES
) -> NDArray[np.int64]:
    """Return TPSFs normalised to integer codes from 0 to ``2**bits - 1``, in integer arithmetic only.

    Parameters
    ----------
    tpsf : array_like of int, shape (..., n_gates)
        Counts.
    bits : int
        Width of a code, 1 to 16.
    n_baseline : int
        Leading gates whose mean is the baseline; 0 for no subtraction.

    Returns
    -------
    ndarray of int64, shape (..., n_gates)
        ``floor(signal (2**bits - 1) / peak + 1/2)``. The signal is scaled by ``n_baseline`` so that the mean
        of a baseline remains an integer. Zeros for a decay without counts above the baseline.

    Raises
    ------
    InputError
        If the counts are not integers or a value is out of range.

    See Also
    --------
    normalise_tpsf : The same normalisation in floating point.

    Examples
    --------
    >>> normalise_to_codes([1, 1, 5, 3], bits=8, n_baseline=2).tolist()
    [0, 0, 255, 128]
    """
    counts = np.asarray(tpsf)
    if not np.issubdtype(counts.dtype, np.integer):
        raise InputError(f"counts must be integers to compute integer codes, not {counts.dtype}; round them")
    if not 1 <= bits <= 16:
        raise InputError(f"bits={bits} must be between 1 and 16")
    _check(counts.shape, n_baseline)
    wide = counts.astype(np.int64)
    signal = np.clip(max(n_baseline, 1) * wide - wide[..., :n_baseline].sum(axis=-1, keepdims=True), 0, None)
    peak = signal.max(axis=-1, keepdims=True)
    top = 2**bits - 1
    return np.asarray(np.where(peak > 0, (2 * signal * top + peak) // np.maximum(2 * peak, 1), 0))


def _check(shape: tuple[int, ...], n_baseline: int) -> None:
    if not shape or shape[-1] <= n_baseline:
        raise InputError(
            f"a TPSF of shape {shape} must have more than n_baseline={n_baseline} gates, as its last axis"
        )
    if n_baseline < 0:
        raise InputError(f"n_baseline={n_baseline} must be >= 0")
