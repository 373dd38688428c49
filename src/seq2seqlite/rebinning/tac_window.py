"""Which bins of a TCSPC window really record photons."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["live_bins"]

# Bins beside a silent run, over this time, tell how many photons the run would have held.
NEIGHBOURHOOD_NS = 0.3
# So many expected photons make a run of zeros impossible (probability below 1e-8).
MIN_EXPECTED = 20.0
# Towards the run the level may fall to this share, not more: the toe of an IRF and the end of a fast decay
# fade, a limit cuts.
MIN_LEVEL_AT_LIMIT = 0.4


def live_bins(decay: ArrayLike, /, *, gate_width_ns: float) -> slice:
    """Return the bins that the electronics fill: without the silent ends that TAC limits leave.

    A time-to-amplitude converter is used on 80 to 90 % of its range; the bins outside hold exactly no photon
    and are not measured darkness. Taking them for data puts a hole of some gates into the folded decay.

    Parameters
    ----------
    decay : array_like, shape (n_bins,)
        Summed decay of an image, in counts.
    gate_width_ns : float
        Width of a bin, in ns.

    Returns
    -------
    slice
        Bins that record; one bin more is left out beside a silent end, as the limit cuts through it.

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
    )  # without IRF the first bins are the peak
    start = first + 1 if before_edge and _is_silent(first, leading[::-1]) else 0
    end = last - 1 if _is_silent(counts.size - last, trailing) else counts.size
    return slice(start, end)


def _is_silent(run: int, towards: NDArray[np.float64]) -> bool:
    """Return whether ``run`` zeros follow impossibly on the counts ``towards`` them."""
    if towards.size < 2 or towards.mean() * min(run, towards.size) < MIN_EXPECTED:
        return False
    far, near = np.array_split(towards, 2)
    return bool(near.mean() >= MIN_LEVEL_AT_LIMIT * far.mean())
