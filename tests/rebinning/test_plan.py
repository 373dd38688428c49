"""Re-binning conserves photons, folds to the steady state, and puts edges where the model has them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from seq2seqlite.decay import TimeAxis, rising_edge_ns
from seq2seqlite.errors import InputError
from seq2seqlite.io.signal import signal_from_counts
from seq2seqlite.rebinning.overlap import place
from seq2seqlite.rebinning.plan import Rebinner, plan_rebinning

TCSPC = TimeAxis(n_gates=135, gate_width_ns=0.09, period_ns=12.5)
EDGE_NS = 1.5
# Sums of some hundred products of doubles.
ROUNDING = 1e-12


def pulse(
    n_bins: int,
    width_ns: float,
    *,
    period_ns: float,
    tau_ns: float = 2.0,
    at_ns: float = 2.0,
    level: float = 0.0,
) -> NDArray[np.float64]:
    """Steady state of an exponential with a Gaussian IRF (sigma 0.1 ns), integrated over bins."""
    fine = np.linspace(0, n_bins * width_ns, n_bins * 40, endpoint=False) + width_ns / 80
    period = np.arange(round(period_ns / 0.005)) * 0.005
    irf = np.exp(-0.5 * ((period - at_ns) / 0.1) ** 2)
    decay = np.exp(-period / tau_ns)
    circular = np.fft.irfft(np.fft.rfft(irf) * np.fft.rfft(decay), n=period.size)
    curve = np.interp(fine % period_ns, period, circular, period=period_ns)
    return np.asarray(1e6 * curve.reshape(n_bins, 40).mean(axis=1) / curve.sum() + level)


def plan(
    counts: NDArray[np.float64],
    width_ns: float,
    period_ns: float | None,
    *,
    axis: TimeAxis = TCSPC,
    extrapolate: bool = False,
) -> Rebinner:
    data = signal_from_counts(
        counts, source="x.npz", file_format="npz", gate_width_ns=width_ns, period_ns=period_ns
    )
    return plan_rebinning(data, decay=counts, axis=axis, edge_ns=EDGE_NS, model="m", extrapolate=extrapolate)


@given(
    n_bins=st.integers(2, 300),
    filling=st.floats(0.05, 1.0),
    n_gates=st.integers(2, 200),
    fold=st.integers(1, 3),
    cut_ns=st.floats(-50, 50),
    seed=st.integers(0, 2**32 - 1),
)
def test_photons_are_conserved_for_any_width_and_shift(
    *, n_bins: int, filling: float, n_gates: int, fold: int, cut_ns: float, seed: int
) -> None:
    axis = TimeAxis(n_gates=n_gates, gate_width_ns=12.5 / n_gates, period_ns=12.5)
    counts = np.random.default_rng(seed).integers(0, 10_000, n_bins)
    placed = place(
        n_bins,
        filling * fold * 12.5 / n_bins,
        fold * 12.5,
        0.3,
        live=slice(0, n_bins),
        cut_ns=cut_ns,
        axis=axis,
    )
    assert (placed.weights >= 0).all()
    np.testing.assert_allclose((counts @ placed.weights).sum(), counts.sum(), rtol=ROUNDING)


@given(width_ns=st.floats(0.01, 1.0), cut_ns=st.floats(0, 3), seed=st.integers(0, 2**32 - 1))
def test_gates_are_differences_of_the_cumulative_sum(width_ns: float, cut_ns: float, seed: int) -> None:
    axis = TimeAxis(n_gates=50, gate_width_ns=0.1, period_ns=40.0)
    n_bins = int(np.ceil(9.0 / width_ns))
    counts = np.random.default_rng(seed).poisson(50, n_bins)
    placed = place(n_bins, width_ns, 40.0, 0.0, live=slice(0, n_bins), cut_ns=cut_ns, axis=axis)
    edges = np.append(axis.starts_ns, 5.0) + cut_ns
    upto = np.interp(edges, np.arange(n_bins + 1) * width_ns, np.append(0, counts.cumsum()))
    np.testing.assert_allclose(counts @ placed.weights, np.diff(upto), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("tau_ns", [0.5, 3.0, 20.0])
def test_fold_of_25_ns_is_the_steady_state_of_12_5_ns(tau_ns: float) -> None:
    axis = TimeAxis(n_gates=125, gate_width_ns=0.1, period_ns=12.5)

    def steady(n_bins: int, period_ns: float) -> NDArray[np.float64]:
        edges = np.arange(n_bins + 1) * 0.1
        return np.asarray(-np.diff(np.exp(-edges / tau_ns)) / (1 - np.exp(-period_ns / tau_ns)))

    placed = place(250, 0.1, 25.0, 0.0, live=slice(0, 250), cut_ns=0.0, axis=axis)
    assert placed.n_layers == 2
    np.testing.assert_allclose(steady(250, 25.0) @ placed.weights, steady(125, 12.5), rtol=1e-9)


@pytest.mark.parametrize(
    ("n_bins", "width_ns", "period_ns", "at_ns"),
    [
        (250, 0.05, 12.5, 2.0),
        (132, 0.09697, 12.817, 0.95),
        (257, 0.09697, 25.0, 0.6),
        (3000, 0.004166, 12.5, 9.0),
    ],
)
def test_edge_lands_where_the_model_has_it(
    n_bins: int, width_ns: float, period_ns: float, at_ns: float
) -> None:
    counts = pulse(n_bins, width_ns, period_ns=period_ns, at_ns=at_ns)
    rebinner = plan(counts, width_ns, period_ns)
    gates = rebinner.apply(counts[None])[0]
    assert rising_edge_ns(gates, bin_width_ns=0.09) == pytest.approx(EDGE_NS, abs=0.01)
    done = rebinner.done
    assert gates.sum() == pytest.approx(done.photons_in - done.photons_dropped + done.photons_filled)
    assert done.photons_out == pytest.approx(gates.sum())
    assert done.folded == (2 if period_ns == 25.0 else 1)


def test_silent_ends_of_the_tac_are_interpolated_and_counted() -> None:
    counts = pulse(256, 0.0468, period_ns=12.5, at_ns=3.0, level=500.0)
    whole = plan(counts, 0.0468, 12.5).apply(counts[None])[0]
    counts[:9], counts[243:] = 0, 0
    rebinner = plan(counts, 0.0468, 12.5)
    assert rebinner.done.live_bins == (10, 242)
    assert rebinner.done.filled == "interpolated"
    assert rebinner.done.missing_ns == pytest.approx(
        12.5 - 232 * 0.0468, abs=0.36
    )  # part lies behind the window
    np.testing.assert_allclose(rebinner.apply(counts[None])[0], whole, rtol=0.1)


def test_extrapolation_restores_the_tail_of_each_pixel() -> None:
    whole = pulse(250, 0.05, period_ns=12.5, level=20.0)
    truth = plan(whole, 0.05, 12.5).apply(whole[None])[0]
    rebinner = plan(whole[:160], 0.05, 12.5, extrapolate=True)
    assert rebinner.done.filled == "extrapolated"
    assert rebinner.done.tail_ns == pytest.approx(2.0, rel=0.1)
    np.testing.assert_allclose(
        rebinner.apply(3 * whole[None, :160])[0], 3 * truth, rtol=0.05, atol=0.03 * truth.max()
    )


def test_short_window_is_refused_with_the_remedy() -> None:
    counts = pulse(150, 0.04, period_ns=12.5, at_ns=1.0)
    with pytest.raises(
        InputError,
        match=r"the window of 6\.00 ns is shorter than the 12\.15 ns of model m; use a .* extrapolate=True",
    ):
        plan(counts, 0.04, 12.5)


def test_unknown_period_is_never_assumed() -> None:
    with pytest.raises(
        InputError,
        match=r"^x\.npz: the laser period is unknown; pass period_ns in ns \(e\.g\. 12\.5 for 80 MHz\)$",
    ):
        plan(pulse(250, 0.05, period_ns=12.5), 0.05, None)


def test_window_longer_than_the_period_is_refused() -> None:
    with pytest.raises(
        InputError, match=r"the window of 25\.00 ns is longer than period_ns=12\.5; pass the laser period"
    ):
        plan(pulse(500, 0.05, period_ns=25.0), 0.05, 12.5)


def test_axis_that_cannot_be_meant_is_refused() -> None:
    counts = pulse(250, 0.05, period_ns=12.5)
    with pytest.raises(
        InputError,
        match=r"^x\.npz: period_ns=1e\+06 must be at most 64 times the 12\.5 ns of model m; pass the laser",
    ):
        plan(counts, 0.05, 1e6)
    with pytest.raises(
        InputError,
        match=r"the window of 2\.5e-10 ns is shorter than 3 gates of model m; check gate_width_ns=1e-12",
    ):
        plan(counts, 1e-12, 12.5)


def test_76_mhz_is_cut_and_leaves_the_baseline_alone() -> None:
    counts = pulse(252, 13.158 / 252, period_ns=13.158, level=20.0)
    rebinner = plan(counts, 13.158 / 252, 13.158)
    assert rebinner.done.folded == 1
    level = 20.0 * 0.09 / (13.158 / 252)
    np.testing.assert_allclose(rebinner.apply(counts[None])[0, :8], level, rtol=0.15)


def test_flat_data_has_no_rising_edge() -> None:
    flat = np.random.default_rng(0).poisson(1000, 250).astype(np.float64)
    with pytest.raises(InputError, match="no rising edge: the decay is flat within its noise"):
        plan(flat, 0.05, 12.5)


def test_decay_that_begins_at_its_peak_has_no_rising_edge() -> None:
    with pytest.raises(
        InputError, match=r"no rising edge found: the 150 bins start at the peak and do not cover 5\.00 ns"
    ):
        plan(1e5 * np.exp(-np.arange(150) * 0.05 / 1.5), 0.05, 12.5, extrapolate=True)


def test_counts_in_their_place_are_left_as_they_are() -> None:
    on_axis = pulse(135, 0.09, period_ns=12.5, at_ns=1.53)
    placed = plan(on_axis, 0.09, 12.5)
    counts = np.arange(270, dtype=np.uint16).reshape(2, 135)
    assert placed.apply(counts) is counts
    assert (placed.done.shift_ns, placed.done.filled) == (0.0, "none")
    assert placed.done.photons_out == placed.done.photons_in
    found = rising_edge_ns(on_axis, bin_width_ns=0.09)
    assert placed.done.rising_edge_ns == pytest.approx(found, abs=1e-9)
    assert 0.02 < abs(found - EDGE_NS) < 0.045


@pytest.mark.parametrize("gates", [-2, 1, 5])
def test_bins_as_wide_as_the_gates_move_by_whole_ones(gates: int) -> None:
    in_place = pulse(135, 0.09, period_ns=12.5, at_ns=1.53)
    moved = plan(pulse(135, 0.09, period_ns=12.5, at_ns=1.53 + 0.09 * gates), 0.09, 12.5)
    assert moved.done.shift_ns == pytest.approx(-0.09 * gates)
    assert abs(moved.done.rising_edge_ns - EDGE_NS) < 0.045
    counts = pulse(135, 0.09, period_ns=12.5, at_ns=1.53 + 0.09 * gates)[None]
    within = slice(5, 125)  # what wraps comes a period later, which is no whole number of gates
    np.testing.assert_allclose(moved.apply(counts)[0, within], counts[0, 5 + gates : 125 + gates], rtol=1e-9)
    np.testing.assert_allclose(moved.apply(counts)[0, within], in_place[within], rtol=1e-3)


def test_parts_re_binned_alone_are_the_whole_re_binned() -> None:
    planned = plan(pulse(250, 0.05, period_ns=12.5), 0.05, 12.5)
    counts = np.random.default_rng(1).integers(0, 200, (2500, 250)).astype(np.uint8)
    expected = np.maximum(counts @ planned.matrix, 0)
    np.testing.assert_allclose(planned.apply(counts), expected, rtol=ROUNDING)
    np.testing.assert_array_equal(planned.apply(counts[700:900]), planned.apply(counts)[700:900])
