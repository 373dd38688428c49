"""Mean arrival time and rising edge of a measured TPSF, computed without a model."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.errors import InputError

__all__ = ["mean_arrival_ns", "rising_edge_ns"]

# Minimum height of a rising edge above the background, in standard deviations of the background.
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
        Time in ns; NaN for a decay without photons.

    See Also
    --------
    seq2seqlite.estimators.CentreOfMass : Lifetime from the mean arrival time.

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
    """Return the time at which a TPSF rises through half of its height, on a circular axis.

    Parameters
    ----------
    tpsf : array_like, shape (n_bins,)
        Counts of one decay, preferably the sum of all pixels of an image.
    bin_width_ns : float
        Width of a bin, in ns.

    Returns
    -------
    float
        Time of the half height before the peak, relative to the centre of the first bin and interpolated
        between bins, in ns; in the range ``[0, n_bins * bin_width_ns)``.

    Raises
    ------
    InputError
        If no rising edge exceeds the noise of the background.

    See Also
    --------
    seq2seqlite.responses.aligned_irf : Align an IRF with a decay.

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
        raise InputError("no rising edge: the decay does not fall to half of its peak; check the period")
    part = (before[step - 1] - height / 2) / (before[step - 1] - before[step])
    return float((peak - (step - 1) - part) % counts.size * bin_width_ns)
