"""Shares of the bins of one periodic axis in the gates of another."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.decay import TimeAxis

__all__ = ["MAX_LAYERS", "Placement", "layers", "place"]

# Up to this share of the model's period a longer period is cut, beyond it is folded. A fold of part of a
# period doubles the background just where the baseline is taken, which shortens the lifetimes; of a much
# longer period, a cut loses more than that (docs/decisions/0009).
MAX_CUT = 0.25
# More periods than this (1.2 MHz at a model of 80 MHz) are a wrong period.
MAX_LAYERS = 64
# Below this a gate counts as wholly measured: rounding of bin widths.
NEGLIGIBLE_SHARE = 1e-6


@dataclass(frozen=True)
class Placement:
    """Where bins go.

    Parameters
    ----------
    weights : ndarray, shape (n_bins, n_gates)
        Share of each bin in each gate; a row sums to 1 where the bin lies wholly within the window.
    coverage : ndarray, shape (n_gates,)
        Measured share of each gate in the period after the cut.
    n_layers : int
        Periods of the model laid on each other.
    """

    weights: NDArray[np.float64]
    coverage: NDArray[np.float64]
    n_layers: int


def place(
    n_bins: int,
    width_ns: float,
    period_ns: float,
    start_ns: float,
    /,
    *,
    live: slice,
    cut_ns: float,
    axis: TimeAxis,
) -> Placement:
    """Return the shares of bins in gates when the gates start at ``cut_ns`` of a circular axis.

    Parameters
    ----------
    n_bins, width_ns, period_ns, start_ns
        Axis of the bins, in ns.
    live : slice
        Bins that count.
    cut_ns : float
        Time that becomes the start of the first gate.
    axis : TimeAxis
        Gates.

    Returns
    -------
    Placement

    Examples
    --------
    >>> axis = TimeAxis(n_gates=2, gate_width_ns=1.0, period_ns=2.0)
    >>> place(4, 1.0, 4.0, 0.0, live=slice(0, 4), cut_ns=0.5, axis=axis).weights.tolist()
    [[0.5, 0.5], [0.5, 0.5], [0.5, 0.5], [0.5, 0.5]]
    """
    index = np.arange(live.start, live.stop)
    begin = (start_ns + index * width_ns - cut_ns) % period_ns
    beyond = np.maximum(begin + width_ns - period_ns, 0.0)  # the bin that the cut divides
    n_layers = layers(period_ns, axis.period_ns)
    gates = axis.starts_ns[None, :, None] + np.arange(n_layers) * axis.period_ns
    ends = gates + axis.gate_width_ns
    shared = _shared(begin, begin + width_ns - beyond, gates, ends) + _shared(
        np.zeros_like(beyond), beyond, gates, ends
    )
    coverage = shared[:, :, 0].sum(axis=0) / axis.gate_width_ns
    weights = np.zeros((n_bins, axis.n_gates))
    weights[live] = shared.sum(axis=2) / width_ns
    return Placement(weights, np.where(coverage > 1 - NEGLIGIBLE_SHARE, 1.0, coverage), n_layers)


def layers(period_ns: float, model_period_ns: float, /) -> int:
    """Return how many periods of the model are laid on each other for a measurement of another period.

    Examples
    --------
    >>> layers(12.5, 12.5), layers(13.158, 12.5), layers(25.0, 12.5), layers(20.0, 12.5)
    (1, 1, 2, 2)
    """
    whole, rest = divmod(period_ns / model_period_ns, 1.0)
    return max(1, int(whole) + int(rest > MAX_CUT))


def _shared(
    begin: NDArray[np.float64],
    end: NDArray[np.float64],
    gates: NDArray[np.float64],
    ends: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the time that bins share with gates, shape (n_bins, n_gates, n_layers)."""
    common = np.minimum(end[:, None, None], ends) - np.maximum(begin[:, None, None], gates)
    return np.asarray(np.maximum(common, 0.0))
