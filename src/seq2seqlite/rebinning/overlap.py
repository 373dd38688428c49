"""Overlap of the bins of one periodic time axis with the gates of another."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.decay import TimeAxis

__all__ = ["MAX_LAYERS", "Placement", "layers", "place"]

# A period that exceeds the model's by up to this fraction of it is cut; a longer one is folded. Folding part
# of a period doubles the background in the gates of the baseline, which shortens the lifetimes; cutting a
# much longer period loses more than that (docs/decisions/0009).
MAX_CUT = 0.25
# A longer period, in periods of the model, is an error (1.2 MHz for a model of 80 MHz).
MAX_LAYERS = 64
# Uncovered fraction that is attributed to rounding of the bin widths.
NEGLIGIBLE_SHARE = 1e-6


@dataclass(frozen=True)
class Placement:
    """Assignment of bins to gates.

    Parameters
    ----------
    weights : ndarray, shape (n_bins, n_gates)
        Fraction of each bin that lies in each gate; a row sums to 1 if the bin is entirely within the window.
    coverage : ndarray, shape (n_gates,)
        Measured fraction of each gate.
    n_layers : int
        Number of model periods that are folded onto each other.
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
    """Return the overlap of bins with gates that start at time ``cut_ns`` on a circular axis.

    Parameters
    ----------
    n_bins : int
        Number of bins.
    width_ns, period_ns, start_ns : float
        Bin width, period and start of the first bin, in ns.
    live : slice
        Bins within the TAC window.
    cut_ns : float
        Time that becomes the start of the first gate, in ns.
    axis : TimeAxis
        Time axis of the gates.

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
    beyond = np.maximum(begin + width_ns - period_ns, 0.0)  # part of the bin at the cut that wraps around
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
    """Return the number of model periods onto which a measurement with another period is folded.

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
    """Return the overlap of bins with gates, in ns, shape (n_bins, n_gates, n_layers)."""
    common = np.minimum(end[:, None, None], ends) - np.maximum(begin[:, None, None], gates)
    return np.asarray(np.maximum(common, 0.0))
