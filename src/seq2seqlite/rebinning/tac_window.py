"""Detection of the TAC window: the bins of a TCSPC histogram that can record photons."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["live_bins"]

# The count rate over this time beside a run of zeros gives the counts expected in the run.
NEIGHBOURHOOD_NS = 0.3
# A run of zeros with this many expected counts is not due to chance (probability below 1e-8).
MIN_EXPECTED = 20.0
# Smallest ratio of the level beside the run to the level further away. The foot of an IRF and the end of a
# fast decay fall gradually; the limit of a TAC window is a step.
MIN_LEVEL_AT_LIMIT = 0.4


def live_bins(decay: ArrayLike, /, *, gate_width_ns: float) -> slice:
    """Return the bins within the TAC window, without the empty bins at both ends.

    A time-to-amplitude converter (TAC) is used on 80 to 90 % of its range. The bins outside this window are
    exactly zero because they cannot record photons; used as data, they would leave a gap of several gates in
    the folded decay.

    Parameters
    ----------
    decay : array_like, shape (n_bins,)
        Summed decay of an image, in counts.
    gate_width_ns : float
        Width of a bin, in ns.

    Returns
    -------
    slice
        Bins within the window. The bin at each detected limit is also excluded, as it is only partly covered.

    See Also
    --------
    seq2seqlite.predictors.native_axis.native_axis :
        Return the time axis of a measurement, without the empty bins at both ends of the TAC window.
    seq2seqlite.rebinning.plan_rebinning : Plan the re-binning of a measurement to the time axis of a model.

    Examples
    --------
    >>> live_bins([0, 0, 0, 30, 30, 30, 30, 900, 500, 300, 200, 150, 120, 0, 0, 0], gate_width_ns=0.1)
    slice(4, 12, None)
    >>> live_bins([0, 0, 0, 0, 900, 500, 300, 50, 3, 1, 0, 0, 0], gate_width_ns=0.1)
    slice(0, 13, None)
    """
    counts = np.asarray(decay, np.float64)
    filled = np.flatnonzero(counts)
    if filled.size == 0:
        return slice(0, counts.size)
    reach = max(3, round(NEIGHBOURHOOD_NS / gate_width_ns))
    first, last = int(filled[0]), int(filled[-1]) + 1
    leading, trailing = counts[first + 1 : first + 1 + reach], counts[max(last - 1 - reach, 0) : last - 1]
    before_edge = (
        counts[first : first + 1 + reach].max() < counts.max() / 2
    )  # in a decay without an IRF, the first bins are the peak
    start = first + 1 if before_edge and _is_silent(first, leading[::-1]) else 0
    end = last - 1 if _is_silent(counts.size - last, trailing) else counts.size
    return slice(start, end)


def _is_silent(run: int, towards: NDArray[np.float64]) -> bool:
    """Return whether ``run`` zeros beside the counts ``towards`` are not due to chance."""
    if towards.size < 2 or towards.mean() * min(run, towards.size) < MIN_EXPECTED:
        return False
    far, near = np.array_split(towards, 2)
    return bool(near.mean() >= MIN_LEVEL_AT_LIMIT * far.mean())
