"""From the time axis of a measurement to that of a model, photon-conserving and circular."""

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

# Silent ends of a TAC range leave 10 to 15 % of a period unmeasured. Between the end of the tail and the
# level before the pulse a straight line is then within the noise; over longer gaps it is not.
MAX_INTERPOLATED = 0.15
# A window may exceed the period by this share (calibration of the TAC); more is a wrong period.
MAX_EXCESS = 0.02
# Passes that bring the edge of the re-binned decay to its place: each leaves a few per cent of the rest.
ALIGNMENT_PASSES = 4
# Axes are one where they differ by less than this share.
SAME_AXIS = 1e-4
# Pixels re-binned at a time: what is copied for it stays in the cache.
CACHED_PIXELS = 1024
# Fewer gates show no edge.
MIN_GATES = 3


@dataclass(frozen=True)
class Rebinning:
    """What was done to the time axis.

    Parameters
    ----------
    source_bins, source_width_ns, source_period_ns, source_start_ns
        Axis of the measurement.
    live_bins : tuple of int
        First and last (exclusive) bin that records photons; the others are the silent ends of a TAC range.
    target_gates, target_width_ns, target_period_ns
        Axis of the model.
    shift_ns : float
        Added to the times of the measurement, modulo its period, so that the rising edge lies where the model
        has it.
    rising_edge_ns : float
        Where it lies then: where the model has it, or, of bins as wide as its gates, within half a gate.
    folded : int
        Model periods laid on each other (1: no fold).
    missing_ns : float
        Part of the model's window that was not measured.
    filled : {'none', 'interpolated', 'extrapolated'}
        How it was filled.
    gates_filled : int
        Gates concerned.
    tail_ns : float or None
        Lifetime of the extrapolated tail.
    photons_in, photons_out, photons_dropped, photons_filled : float
        ``photons_out = photons_in - photons_dropped + photons_filled``: dropped are those outside the model's
        window, filled those that stand in for what was not measured.
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

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a dictionary for JSON."""
        return asdict(self) | {"live_bins": list(self.live_bins)}


@dataclass(frozen=True)
class Rebinner:
    """Re-bins any part of the image that it was planned for.

    Parameters
    ----------
    done : Rebinning
        What it does.
    matrix : ndarray, shape (n_bins, n_gates)
        The whole operation: shares of bins in gates, then gates that were not measured from the others.
    """

    done: Rebinning
    matrix: NDArray[np.float64] = field(repr=False)

    def apply(self, counts: ArrayLike, /) -> NDArray[Any]:
        """Return counts on the model's axis, shape (n, n_bins) to (n, n_gates).

        They are of float64, or the counts as they are where those are on the model's axis already.
        """
        values = np.asarray(counts)
        if self._is_identity:
            return values
        gates = np.empty((len(values), self.matrix.shape[1]))
        for first in range(0, len(values), CACHED_PIXELS):
            part = slice(first, first + CACHED_PIXELS)
            moved = self._sparse @ np.ascontiguousarray(values[part].T, np.float64)
            np.maximum(moved.T, 0.0, out=gates[part])  # only an extrapolated gate can be negative
        return gates

    @cached_property
    def _is_identity(self) -> bool:
        return np.array_equal(self.matrix, np.eye(*self.matrix.shape))

    @cached_property
    def _sparse(self) -> Any:
        # A bin falls into two or three gates: 40 times less work than with the whole matrix.
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
    """Return how to bring a measurement to the axis of a model.

    Parameters
    ----------
    data : xarray.DataArray, dims ('Y', 'X', 'H')
        Signal; only its axis is looked at.
    decay : array_like, shape (H,)
        Its summed decay, in counts.
    axis : TimeAxis
        Gates of the model. They are taken as side by side; a longer gate length is left to the model.
    edge_ns : float
        Where the half height of the rising edge has to lie on that axis, in ns.
    model : str
        Name for messages.
    extrapolate : bool
        Fill a window that is too short with the exponential tail of the summed decay.

    Returns
    -------
    Rebinner

    Raises
    ------
    InputError
        If the period is unknown or shorter than the window, there is no rising edge, or the window is too
        short.

    Notes
    -----
    Bins are taken as constant densities, so each gate gets the difference of the cumulative sum at its ends.
    A longer period is folded modulo the model's: the steady state of the shorter period is that sum, as long
    as the window covers its own period or the whole decay. An excess below 25 % of the model's period is cut
    off just before the edge instead, where it would only double the background of a few gates. Bins as wide
    as the gates are moved by whole ones, and left alone where they are in their place.
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
    return Rebinner(done, matrix)


@dataclass(frozen=True)
class _Source:
    """Axis and summed decay of a measurement."""

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
    """What the model asks for."""

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
            f"window {window:.2f} ns is longer than period_ns={period:g}; give the laser period of the "
            f"measurement with --period-ns"
        )
    if layers(period, target.axis.period_ns) > MAX_LAYERS:
        raise InputError(
            f"period_ns={period:g} is more than {MAX_LAYERS} times the {target.axis.period_ns:g} ns of model "
            f"{target.model}; give the laser period of the measurement with --period-ns"
        )
    if window < MIN_GATES * target.axis.gate_width_ns:
        raise InputError(
            f"window {window:.3g} ns is shorter than {MIN_GATES} gates of model {target.model}; check "
            f"gate_width_ns={width:g}"
        )
    live = slice(live.start, live.stop - max(0, int(np.ceil(excess / width - 1e-6))))
    return _Source(total, width, period, float(data.coords["H"].values[0]), live)


def _cut(source: _Source, target: _Target) -> tuple[float, float]:
    """Return the time of the measurement that becomes the model's zero, and how late the edge is then, in ns.

    Bins as wide as the model's gates are moved by whole ones. The half height of a sum of decays moves by a
    gate with their lifetimes, so less than half a gate is not known to be an offset, and a shift by part of a
    gate would blur the decays (docs/decisions/0024).
    """
    width = source.width_ns
    if not np.isclose(width, target.axis.gate_width_ns, rtol=SAME_AXIS, atol=0):
        return _aligned_cut(source, target), 0.0
    exact = _first_edge_ns(source, target.axis) - target.edge_ns
    cut = source.start_ns + round((exact - source.start_ns) / width) * width
    return cut, exact - cut


def _aligned_cut(source: _Source, target: _Target) -> float:
    """Return the time of the measurement that becomes the model's zero, in ns.

    The edge is judged on the model's axis, as the model's own was: bins of another width show another half
    height.
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
    """Return whether a measurement has a model's own gates."""
    own = (source.total.size, source.width_ns, source.period_ns)
    gates = (axis.n_gates, axis.gate_width_ns, axis.period_ns)
    return source.live == slice(0, axis.n_gates) and np.allclose(own, gates, rtol=SAME_AXIS, atol=0)


def _first_edge_ns(source: _Source, axis: TimeAxis) -> float:
    """Return the time of the rising edge in the measurement, on bins about as wide as the model's gates."""
    step, live = max(1, round(axis.gate_width_ns / source.width_ns)), source.live
    counts = source.total[live][: (live.stop - live.start) // step * step].reshape(-1, step).sum(axis=1)
    edge = rising_edge_ns(counts, bin_width_ns=1.0)
    gap = source.period_ns - (live.stop - live.start) * source.width_ns
    if edge > np.argmax(counts) and gap > MAX_INTERPOLATED * source.period_ns:
        raise InputError(
            f"no rising edge: the {source.total.size} bins begin at the peak and leave {gap:.2f} ns of the "
            "period unmeasured; measure from before the pulse on"
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
            f"window {axis.window_ns - missing_ns:.2f} ns is shorter than the {axis.window_ns:.2f} ns of "
            f"model {target.model}; use a model for this instrument or --extrapolate"
        )
    matrix, tail_ns = extrapolation(
        placed.coverage, total @ placed.weights, axis=axis, edge_ns=target.edge_ns
    )
    return matrix, tail_ns, "extrapolated"
