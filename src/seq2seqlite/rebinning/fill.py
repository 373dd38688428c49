"""Filling of gates that a measurement does not cover, by interpolation or extrapolation.

Both methods are linear in the counts and are returned as matrices.
"""

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.decay import TimeAxis
from seq2seqlite.errors import InputError

__all__ = ["extrapolation", "interpolation"]

# A gate of which less than this fraction was measured is filled from its neighbours, not scaled up.
MIN_COVERAGE = 0.5
# Gates over which the level of a pixel's tail is averaged: enough to reduce noise, few compared with a
# lifetime.
TAIL_GATES = 8
# Gap between the baseline region and the rising edge, in ns: excludes the foot of the IRF.
TOE_NS = 0.4


def interpolation(coverage: NDArray[np.float64], /) -> NDArray[np.float64]:
    """Return the matrix that fills gates by linear interpolation on the circular axis.

    Parameters
    ----------
    coverage : ndarray, shape (n_gates,)
        Measured fraction of each gate; a gate with half or more is scaled up instead.

    Returns
    -------
    ndarray, shape (n_gates, n_gates)
        Matrix; ``gates @ matrix`` is complete.

    Examples
    --------
    >>> import numpy as np
    >>> (np.array([4.0, 0.0, 2.0, 1.0]) @ interpolation(np.array([1.0, 0.0, 1.0, 0.5]))).tolist()
    [4.0, 3.0, 2.0, 2.0]
    """
    n_gates = coverage.size
    matrix = _scaled(coverage)
    known = np.flatnonzero(coverage >= MIN_COVERAGE)
    for gate in np.flatnonzero(coverage < MIN_COVERAGE):
        after = known[np.searchsorted(known, gate) % known.size]
        before = known[np.searchsorted(known, gate) - 1]
        ahead, back = (after - gate) % n_gates, (gate - before) % n_gates
        matrix[:, gate] = (matrix[:, before] * ahead + matrix[:, after] * back) / (ahead + back)
    return matrix


def extrapolation(
    coverage: NDArray[np.float64], total: NDArray[np.float64], /, *, axis: TimeAxis, edge_ns: float
) -> tuple[NDArray[np.float64], float | None]:
    """Return the matrix that continues each decay exponentially, and the lifetime of that tail.

    Parameters
    ----------
    coverage : ndarray, shape (n_gates,)
        Measured fraction of each gate.
    total : ndarray, shape (n_gates,)
        Summed decay on the model's axis, in counts.
    axis : TimeAxis
        Gates.
    edge_ns : float
        Position of the rising edge, in ns.

    Returns
    -------
    matrix : ndarray, shape (n_gates, n_gates)
        Matrix; ``gates @ matrix`` is complete. The tail has the lifetime of the summed decay, and the height
        of the pixel's own last gates above its own baseline before the pulse.
    tail_ns : float or None
        Lifetime of the tail, in ns; None if the decay ends within the window and its last level is continued.

    Raises
    ------
    InputError
        If the last measured gates do not decay.
    """
    matrix = _scaled(coverage)
    known = coverage >= MIN_COVERAGE
    edge = int(edge_ns / axis.gate_width_ns)
    after = np.flatnonzero(known & (np.arange(axis.n_gates) > edge))
    gaps = np.flatnonzero(np.diff(after) > 1)
    after = after[: gaps[0] + 1] if gaps.size else after  # gates after a gap belong to the next period
    before = np.flatnonzero(known & (axis.starts_ns < edge_ns - TOE_NS))
    last = after[-TAIL_GATES:]
    filled = total @ matrix
    if before.size and filled[before].mean() >= filled[last].mean():
        before = last  # the decay ends within the window: continue its last level
    base = float(filled[before].mean()) if before.size else 0.0
    baseline = matrix[:, before].mean(axis=1) if before.size else np.zeros(axis.n_gates)
    if before is last:
        matrix[:, ~known] = baseline[:, None]
        return matrix, None
    tail_ns = _tail_ns(filled[after] - base, axis)
    decay_there = np.exp((after[-1] - last) * axis.gate_width_ns / tail_ns).mean()
    height = (matrix[:, last].mean(axis=1) - baseline) / decay_there
    for gate in np.flatnonzero(~known):
        later_ns = (gate - after[-1]) * axis.gate_width_ns % axis.period_ns
        matrix[:, gate] = baseline + height * np.exp(-later_ns / tail_ns)
    return matrix, tail_ns


def _scaled(coverage: NDArray[np.float64]) -> NDArray[np.float64]:
    known = coverage >= MIN_COVERAGE
    return np.diag(np.divide(1.0, coverage, out=np.zeros_like(coverage), where=known))


def _tail_ns(signal: NDArray[np.float64], axis: TimeAxis) -> float:
    """Return the lifetime of the last half of a decay after its peak, by a weighted log-linear fit."""
    part = signal[int(np.argmax(signal)) :] if signal.size else signal
    part = part[part.size // 2 :]
    times, above = np.arange(part.size) * axis.gate_width_ns, part > 0
    if above.sum() >= 3:
        slope = float(np.polyfit(times[above], np.log(part[above]), 1, w=np.sqrt(part[above]))[0])
        if slope < 0:
            return float(np.clip(-1 / slope, axis.gate_width_ns, 10 * axis.period_ns))
    raise InputError(
        "the last measured gates do not decay, so that they cannot be extrapolated; measure a longer window"
    )
