"""Photon-conserving re-binning from the circular time axis of a measurement to that of a model."""

from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from seq2seqlite.decay import TimeAxis, rising_edge_ns
from seq2seqlite.errors import InputError
from seq2seqlite.io.signal import gate_width_ns, period_ns
from seq2seqlite.rebinning.fill import extrapolation, interpolation
from seq2seqlite.rebinning.overlap import MAX_LAYERS, Placement, layers, place
from seq2seqlite.rebinning.tac_window import live_bins

__all__ = ["Rebinner", "Rebinning", "plan_rebinning"]

# A TAC window leaves 10 to 15 % of a period unmeasured. Linear interpolation between the end of the tail and
# the baseline before the next pulse is then within the noise; over longer gaps it is not.
MAX_INTERPOLATED = 0.15
# A window may exceed the period by this fraction (calibration of the TAC); if longer, the period is wrong.
MAX_EXCESS = 0.02
# Iterations of the alignment of the rising edge; each reduces the error to a few per cent of its value.
ALIGNMENT_PASSES = 4
# Relative tolerance in the comparison of time axes.
SAME_AXIS = 1e-4
# Pixels re-binned at a time, so that the copied counts stay in the CPU cache.
CACHED_PIXELS = 1024
# Smallest number of gates in which a rising edge can be found.
MIN_GATES = 3


@dataclass(frozen=True)
class Rebinning:
    """Record of a re-binning: time axes before and after, shift, folded and filled gates.

    Parameters
    ----------
    source_bins, source_width_ns, source_period_ns, source_start_ns
        Time axis of the measurement.
    live_bins : tuple of int
        TAC window: first and last (exclusive) bin that can record photons.
    target_gates, target_width_ns, target_period_ns
        Time axis of the model.
    shift_ns : float
        Time added to the measurement, modulo its period, which moves the rising edge to the position that the
        model requires.
    rising_edge_ns : float
        Position of the rising edge after the shift. It differs from the model's by up to half a gate if the
        bins are as wide as the gates.
    folded : int
        Number of model periods that were folded onto each other (1: no folding).
    missing_ns : float
        Part of the model's window that was not measured, in ns.
    filled : {'none', 'interpolated', 'extrapolated'}
        Method by which the missing part was filled.
    gates_filled : int
        Number of filled gates.
    tail_ns : float or None
        Lifetime of the extrapolated tail, in ns.
    photons_in, photons_out, photons_dropped, photons_filled : float
        Photon balance: ``photons_out = photons_in - photons_dropped + photons_filled``. Dropped photons are
        outside of the model's window; filled ones replace the part that was not measured.

    See Also
    --------
    plan_rebinning : Plan the re-binning of a measurement to the time axis of a model.
    """

    source_bins: int
    source_width_ns: float
    source_period_ns: float
    source_start_ns: float
    live_bins: tuple[int, int]
    target_gates: int
    target_width_ns: float
    target_period_ns: float
    shift_ns: float
    rising_edge_ns: float
    folded: int
    missing_ns: float
    filled: Literal["none", "interpolated", "extrapolated"]
    gates_filled: int
    tail_ns: float | None
    photons_in: float
    photons_out: float
    photons_dropped: float
    photons_filled: float

    @property
    def json_fields(self) -> dict[str, Any]:
        """Fields as a dictionary for JSON."""
        return asdict(self) | {"live_bins": list(self.live_bins)}


@dataclass(frozen=True)
class Rebinner:
    """Planned re-binning to the time axis of a model, for any part of an image.

    Parameters
    ----------
    done : Rebinning
        Record of the re-binning.
    matrix : ndarray, shape (n_bins, n_gates)
        The whole operation: assignment of bins to gates, followed by the filling of missing gates.
    total : ndarray, shape (n_bins,)
        Summed decay of the measurement, in counts.

    See Also
    --------
    plan_rebinning : Plan the re-binning of a measurement.
    """

    done: Rebinning
    matrix: NDArray[np.float64] = field(repr=False)
    total: NDArray[np.float64] = field(repr=False)

    @cached_property
    def decay(self) -> NDArray[np.float64]:
        """Summed decay of the measurement on the time axis of the model, shape (n_gates,)."""
        return np.asarray(self.apply(self.total[None])[0], np.float64)

    @property
    def live_axis(self) -> TimeAxis:
        """Time axis of the bins within the TAC window."""
        start, stop = self.done.live_bins
        return TimeAxis(stop - start, self.done.source_width_ns, self.done.source_period_ns)

    @property
    def live_start_ns(self) -> float:
        """Time of the measurement at which the TAC window starts, in ns."""
        return self.done.source_start_ns + self.done.live_bins[0] * self.done.source_width_ns

    @property
    def live_total(self) -> NDArray[np.float64]:
        """Summed decay of the measurement within the TAC window, in counts."""
        return self.total[slice(*self.done.live_bins)]

    def from_live(self, values: ArrayLike, /) -> NDArray[np.float64]:
        """Return values of the bins within the TAC window on the time axis of the model, shape (n_gates,)."""
        bins = np.zeros(len(self.matrix))
        bins[slice(*self.done.live_bins)] = values
        return np.asarray(self.apply(bins[None])[0], np.float64)

    def apply(self, counts: ArrayLike, /) -> NDArray[Any]:
        """Return counts on the time axis of the model, shape (n, n_bins) to (n, n_gates).

        The result is float64, or the unchanged counts if they are on the axis of the model already.
        """
        values = np.asarray(counts)
        if self._is_identity:
            return values
        gates = np.empty((len(values), self.matrix.shape[1]))
        for first in range(0, len(values), CACHED_PIXELS):
            part = slice(first, first + CACHED_PIXELS)
            rebinned = self._sparse @ np.ascontiguousarray(values[part].T, np.float64)
            np.maximum(rebinned.T, 0.0, out=gates[part])  # only an extrapolated gate can be negative
        return gates

    @cached_property
    def _is_identity(self) -> bool:
        return np.array_equal(self.matrix, np.eye(*self.matrix.shape))

    @cached_property
    def _sparse(self) -> Any:
        # A bin overlaps two or three gates: 40 times fewer operations than with the dense matrix.
        return csr_array(self.matrix.T)


def plan_rebinning(
    data: xr.DataArray,
    /,
    *,
    decay: ArrayLike,
    axis: TimeAxis,
    edge_ns: float,
    model: str = "the model",
    extrapolate: bool = False,
) -> Rebinner:
    """Plan the re-binning of a measurement to the time axis of a model.

    Parameters
    ----------
    data : xarray.DataArray, dims ('Y', 'X', 'H')
        Signal; only its time axis is used.
    decay : array_like, shape (H,)
        Summed decay of the signal, in counts.
    axis : TimeAxis
        Time axis of the model. Gates are treated as adjacent; the model accounts for
        longer, overlapping gates.
    edge_ns : float
        Position of the half height of the rising edge on that axis, in ns.
    model : str
        Name of the model for error messages.
    extrapolate : bool
        Extend a window that is too short by the exponential tail of the summed decay.

    Returns
    -------
    Rebinner

    Raises
    ------
    InputError
        If the period is unknown or shorter than the window, no rising edge is found, or the window is too
        short.

    See Also
    --------
    Rebinner : Planned re-binning to the time axis of a model, for any part of an image.
    seq2seqlite.rebinning.tac_window.live_bins :
        Return the bins within the TAC window, without the empty bins at both ends.

    Notes
    -----
    The counts are assumed to be uniformly distributed within a bin, so that each gate is the difference of
    the cumulative sum at its ends. A longer period is folded modulo the model's. This sum equals the steady
    state at the shorter period if the window covers the whole period or the whole decay. An excess below 25 %
    of the model's period is cut off before the rising edge instead, where folding would only double the
    background of a few gates. Bins as wide as the gates are shifted by a whole number of bins, or not at all
    if they are in place.
    """
    try:
        return _planned(data, np.asarray(decay, np.float64), _Target(axis, edge_ns, model, extrapolate))
    except InputError as error:
        raise InputError(f"{data.attrs.get('source', 'data')}: {error}") from None


def _planned(data: xr.DataArray, total: NDArray[np.float64], target: "_Target") -> Rebinner:
    axis = target.axis
    source = _source(data, total, target)
    cut, offset_ns = _cut(source, target)
    in_place = cut == source.start_ns and _is_on(source, axis)
    placed = source.place(axis, cut)
    fill, tail_ns, filled = _filling(placed, total, target)
    matrix = np.eye(axis.n_gates) if in_place else placed.weights @ fill
    photons_in, kept = float(total.sum()), float((total @ placed.weights).sum())
    photons_out = float(np.maximum(total @ matrix, 0).sum())
    done = Rebinning(
        source_bins=total.size,
        source_width_ns=source.width_ns,
        source_period_ns=source.period_ns,
        source_start_ns=source.start_ns,
        live_bins=(source.live.start, source.live.stop),
        target_gates=axis.n_gates,
        target_width_ns=axis.gate_width_ns,
        target_period_ns=axis.period_ns,
        shift_ns=float((source.period_ns / 2 - cut) % source.period_ns - source.period_ns / 2),
        rising_edge_ns=float(target.edge_ns + offset_ns),
        folded=placed.n_layers,
        missing_ns=_missing_ns(placed, axis),
        filled=filled,
        gates_filled=int((placed.coverage < 1).sum()),
        tail_ns=tail_ns,
        photons_in=photons_in,
        photons_out=photons_out,
        photons_dropped=photons_in - kept,
        photons_filled=photons_out - kept,
    )
    return Rebinner(done, matrix, total)


@dataclass(frozen=True)
class _Source:
    """Time axis and summed decay of a measurement."""

    total: NDArray[np.float64]
    width_ns: float
    period_ns: float
    start_ns: float
    live: slice

    def place(self, axis: TimeAxis, cut_ns: float) -> Placement:
        return place(
            self.total.size,
            self.width_ns,
            self.period_ns,
            self.start_ns,
            live=self.live,
            cut_ns=cut_ns,
            axis=axis,
        )


@dataclass(frozen=True)
class _Target:
    """Time axis and options that the model requires."""

    axis: TimeAxis
    edge_ns: float
    model: str
    extrapolate: bool


def _source(data: xr.DataArray, total: NDArray[np.float64], target: _Target) -> _Source:
    width, period = gate_width_ns(data), period_ns(data)
    live = live_bins(total, gate_width_ns=width)
    window = (live.stop - live.start) * width
    excess = window - period
    if excess > MAX_EXCESS * period:
        raise InputError(
            f"the window of {window:.2f} ns is longer than period_ns={period:g}; pass the laser "
            f"period of the measurement as period_ns"
        )
    if layers(period, target.axis.period_ns) > MAX_LAYERS:
        raise InputError(
            f"period_ns={period:g} must be at most {MAX_LAYERS} times the {target.axis.period_ns:g} ns of "
            f"model {target.model}; pass the laser period of the measurement as period_ns"
        )
    if window < MIN_GATES * target.axis.gate_width_ns:
        raise InputError(
            f"the window of {window:.3g} ns is shorter than {MIN_GATES} gates of model {target.model}; check "
            f"gate_width_ns={width:g}"
        )
    live = slice(live.start, live.stop - max(0, int(np.ceil(excess / width - 1e-6))))
    return _Source(total, width, period, float(data.coords["H"].values[0]), live)


def _cut(source: _Source, target: _Target) -> tuple[float, float]:
    """Return the time that becomes zero on the model's axis, and the remaining delay of the edge, in ns.

    Bins as wide as the model's gates are shifted by a whole number of bins. The half height of a summed decay
    depends on the lifetimes by up to a gate, so a difference below half a gate may not be an offset, and a
    shift by a fraction of a gate would blur the decays (docs/decisions/0024).
    """
    width = source.width_ns
    if not np.isclose(width, target.axis.gate_width_ns, rtol=SAME_AXIS, atol=0):
        return _aligned_cut(source, target), 0.0
    exact = _first_edge_ns(source, target.axis) - target.edge_ns
    cut = source.start_ns + round((exact - source.start_ns) / width) * width
    return cut, exact - cut


def _aligned_cut(source: _Source, target: _Target) -> float:
    """Return the time of the measurement that becomes zero on the model's axis, in ns.

    The rising edge is measured on the model's axis, like that of the model, because its half height depends
    on the bin width.
    """
    axis = target.axis
    cut = _first_edge_ns(source, axis) - target.edge_ns
    for _ in range(ALIGNMENT_PASSES):
        placed = source.place(axis, cut)
        gates = source.total @ placed.weights @ _filling(placed, source.total, target)[0]
        found = rising_edge_ns(np.maximum(gates, 0), bin_width_ns=axis.gate_width_ns)
        cut += (found - target.edge_ns + axis.window_ns / 2) % axis.window_ns - axis.window_ns / 2
    return cut


def _is_on(source: _Source, axis: TimeAxis) -> bool:
    """Return whether the time axis of a measurement is that of the model."""
    own = (source.total.size, source.width_ns, source.period_ns)
    gates = (axis.n_gates, axis.gate_width_ns, axis.period_ns)
    return source.live == slice(0, axis.n_gates) and np.allclose(own, gates, rtol=SAME_AXIS, atol=0)


def _first_edge_ns(source: _Source, axis: TimeAxis) -> float:
    """Return the rising edge of a measurement, in bins about as wide as the model's gates, in ns."""
    step, live = max(1, round(axis.gate_width_ns / source.width_ns)), source.live
    counts = source.total[live][: (live.stop - live.start) // step * step].reshape(-1, step).sum(axis=1)
    edge = rising_edge_ns(counts, bin_width_ns=1.0)
    gap = source.period_ns - (live.stop - live.start) * source.width_ns
    if edge > np.argmax(counts) and gap > MAX_INTERPOLATED * source.period_ns:
        raise InputError(
            f"no rising edge found: the {source.total.size} bins start at the peak and do not cover "
            f"{gap:.2f} ns of the period; start the measurement before the pulse"
        )
    return float(source.start_ns + (live.start + edge * step) * source.width_ns)


def _missing_ns(placed: Placement, axis: TimeAxis) -> float:
    return float((1 - placed.coverage).sum() * axis.gate_width_ns)


def _filling(
    placed: Placement, total: NDArray[np.float64], target: _Target
) -> tuple[NDArray[np.float64], float | None, Literal["none", "interpolated", "extrapolated"]]:
    axis, missing_ns = target.axis, _missing_ns(placed, target.axis)
    if missing_ns == 0:
        return np.eye(axis.n_gates), None, "none"
    if missing_ns <= MAX_INTERPOLATED * axis.window_ns:
        return interpolation(placed.coverage), None, "interpolated"
    if not target.extrapolate:
        raise InputError(
            f"the window of {axis.window_ns - missing_ns:.2f} ns is shorter than the {axis.window_ns:.2f} "
            f"ns of model {target.model}; use a model for this instrument, or extrapolate=True"
        )
    matrix, tail_ns = extrapolation(
        placed.coverage, total @ placed.weights, axis=axis, edge_ns=target.edge_ns
    )
    return matrix, tail_ns, "extrapolated"
