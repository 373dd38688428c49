"""Moments of a measured TPSF that need no model: mean arrival time and rising edge."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.errors import InputError

__all__ = ["mean_arrival_ns", "rising_edge_ns"]

# A rising edge has to stand this many standard deviations of the background above it.
EDGE_SIGMAS = 5.0


def mean_arrival_ns(tpsf: ArrayLike, /, *, axis_ns: ArrayLike) -> NDArray[np.float64]:
    """Return the mean photon arrival time.

    Parameters
    ----------
    tpsf : array_like, shape (..., n_gates)
        Counts.
    axis_ns : array_like, shape (n_gates,)
        Time of each gate, in ns.

    Returns
    -------
    ndarray, shape (...)
        Time in ns; NaN where there is no photon.

    Examples
    --------
    >>> mean_arrival_ns([1.0, 1.0], axis_ns=[0.0, 2.0]).item()
    1.0
    """
    counts = np.asarray(tpsf, np.float64)
    total = counts.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(counts @ np.asarray(axis_ns, np.float64) / total)


def rising_edge_ns(tpsf: ArrayLike, /, *, bin_width_ns: float) -> float:
    """Return where a TPSF rises through half of its height, on a circular axis.

    Parameters
    ----------
    tpsf : array_like, shape (n_bins,)
        Counts of one decay, best the sum of an image.
    bin_width_ns : float
        Width of a bin, in ns.

    Returns
    -------
    float
        Time of the half height before the peak, from the centre of the first bin, in ns, interpolated between
        bins; in ``[0, n_bins * bin_width_ns)``.

    Raises
    ------
    InputError
        If nothing stands out of the noise.

    Examples
    --------
    >>> rising_edge_ns([0, 0, 0, 50, 100, 80, 60, 40, 20, 10, 5], bin_width_ns=0.1)
    0.30000000000000004
    """
    counts = np.asarray(tpsf, np.float64)
    base = float(np.quantile(counts, 0.05))
    peak = int(np.argmax(counts))
    height = counts[peak] - base
    if height <= EDGE_SIGMAS * np.sqrt(max(base, 1.0)):
        raise InputError(
            "no rising edge: the decay is flat within its noise; check channel, period and exposure"
        )
    before = np.roll(counts, -peak - 1)[::-1] - base  # from the peak backwards in time, circular
    step = int(np.argmax(before < height / 2))
    if step == 0:
        raise InputError("no rising edge: the decay nowhere falls to half of its peak; check the period")
    part = (before[step - 1] - height / 2) / (before[step - 1] - before[step])
    return float((peak - (step - 1) - part) % counts.size * bin_width_ns)
