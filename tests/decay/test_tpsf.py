"""The forward model against closed forms."""

import numpy as np
import pytest
from scipy.special import erfc

from seq2seqlite.decay import (
    ForwardModel,
    MeasuredIrf,
    ParametricIrf,
    TimeAxis,
    expected_response,
    expected_tpsf,
    harmonics_needed,
    mean_arrival_ns,
)
from seq2seqlite.errors import InputError

# The Fourier series is cut where a Gaussian IRF has fallen by 4e-6 and gate and decay by 100 more.
SERIES_TOLERANCE = 1e-6
PERIOD = TimeAxis(n_gates=125, gate_width_ns=0.1, period_ns=12.5)


def gaussian_convolved_exponential(times_ns, *, tau_ns, center_ns, sigma_ns):
    """Rate of a unit-area exponential convolved with a Gaussian, after one pulse."""
    x = (times_ns - center_ns) / sigma_ns
    ratio = sigma_ns / tau_ns
    return np.exp(ratio**2 / 2 - x * ratio) * erfc((ratio - x) / np.sqrt(2)) / (2 * tau_ns)


@pytest.mark.parametrize("tau_ns", [0.1, 0.5, 2.0, 6.0])
@pytest.mark.parametrize("fwhm_ns", [0.1, 0.3])
def test_mono_exponential_is_the_periodic_closed_form_integrated_over_the_gate(tau_ns, fwhm_ns):
    axis = TimeAxis(n_gates=100, gate_width_ns=0.12, period_ns=12.5, gate_length_ns=0.3)
    irf = ParametricIrf(center_ns=1.5, fwhm_ns=fwhm_ns)
    nodes, weights = np.polynomial.legendre.leggauss(24)
    times = axis.starts_ns[:, None] + 0.15 * (nodes + 1)
    rate = sum(
        gaussian_convolved_exponential(
            times + pulse * axis.period_ns, tau_ns=tau_ns, center_ns=1.5, sigma_ns=irf.narrowest_sigma_ns
        )
        for pulse in range(-1, 16)
    )
    expected = 0.15 * rate @ weights
    actual = expected_tpsf([1.0], [tau_ns], axis=axis, irf=irf)
    np.testing.assert_allclose(actual, expected, atol=SERIES_TOLERANCE)


def test_photons_are_conserved_and_background_adds():
    irf = ParametricIrf(center_ns=1.5, fwhm_ns=0.2, tail_fraction=0.3, tail_ns=0.4)
    tpsf = expected_tpsf([[0.3, 0.7]], [[0.4, 5.0]], axis=PERIOD, irf=irf, photons=[1000.0], background=[2.0])
    assert tpsf.sum() == pytest.approx(1000 + 2 * 125, rel=1e-9)


def test_wide_gates_count_a_photon_once_for_each_gate_that_is_open():
    wide = TimeAxis(n_gates=125, gate_width_ns=0.1, period_ns=12.5, gate_length_ns=0.3)
    tpsf = expected_tpsf([1.0], [2.0], axis=wide, irf=ParametricIrf(1.5, 0.2), photons=1000)
    assert tpsf.sum() == pytest.approx(3000, rel=1e-9)


def test_mean_arrival_is_delay_plus_lifetime_where_the_decay_fits_the_period():
    axis = TimeAxis(n_gates=2000, gate_width_ns=0.05, period_ns=100.0)
    irf = ParametricIrf(center_ns=1.5, fwhm_ns=0.3, tail_fraction=0.5, tail_ns=0.4)
    tpsf = expected_tpsf([0.4, 0.6], [0.5, 3.0], axis=axis, irf=irf)
    intensity_mean_tau = (0.4 * 0.5**2 + 0.6 * 3.0**2) / (0.4 * 0.5 + 0.6 * 3.0)
    middle = axis.starts_ns + 0.025
    assert mean_arrival_ns(tpsf, axis_ns=middle) == pytest.approx(irf.mean_ns + intensity_mean_tau, abs=1e-5)


def test_steady_state_holds_the_tails_of_earlier_pulses():
    irf = ParametricIrf(center_ns=1.5, fwhm_ns=0.2)
    tpsf = expected_tpsf([1.0], [6.0], axis=PERIOD, irf=irf)
    # Long after the pulse the periodic decay is an exponential divided by 1 - exp(-T / tau).
    late = PERIOD.starts_ns > 4
    sigma = irf.narrowest_sigma_ns
    start = np.exp(-(PERIOD.starts_ns - 1.5) / 6 + (sigma / 6) ** 2 / 2)
    closed = start * (1 - np.exp(-0.1 / 6)) / (1 - np.exp(-12.5 / 6))
    np.testing.assert_allclose(tpsf[late], closed[late], atol=SERIES_TOLERANCE)


def test_irf_with_finer_bins_than_the_gates_gives_what_its_formula_gives():
    bin_width_ns = 12.5 / 4096
    centers = (np.arange(4096) + 0.5) * bin_width_ns
    sigma = ParametricIrf(1.5, 0.2).narrowest_sigma_ns
    measured = MeasuredIrf(np.exp(-0.5 * ((centers - 1.5) / sigma) ** 2), bin_width_ns=bin_width_ns)
    for tau_ns in (0.3, 3.0):
        from_bins = expected_tpsf([1.0], [tau_ns], axis=PERIOD, irf=measured)
        from_formula = expected_tpsf([1.0], [tau_ns], axis=PERIOD, irf=ParametricIrf(1.5, 0.2))
        np.testing.assert_allclose(from_bins, from_formula, atol=5e-6)  # its bins widen it by their width


def test_measured_irf_has_the_counts_of_its_bins():
    """Also where it is narrower than a bin: its density is not wider than the counts."""
    counts = np.zeros(125)
    counts[10:16] = [3, 40, 200, 90, 30, 8]
    measured = MeasuredIrf(counts, bin_width_ns=0.1)
    np.testing.assert_allclose(expected_response(measured, axis=PERIOD), counts / counts.sum(), atol=2e-3)
    sampled = expected_response(measured.sampled(), axis=PERIOD.sampled())
    np.testing.assert_allclose(sampled, counts / counts.sum(), atol=2e-3)
    assert measured.sampled().within(1.0, 1.4).mean_ns < measured.sampled().mean_ns
    assert measured.mean_ns - measured.sampled().mean_ns == pytest.approx(0.05)


@pytest.mark.parametrize(("n_bins", "background"), [(3125, 1_000), (3125, 30_000), (250, 10_000)])
def test_background_of_a_measured_irf_leaves_no_pedestal(n_bins, background):
    """Also with less than one count in a bin: a pedestal counts as decay, and shortens all lifetimes."""
    rng = np.random.default_rng(seed=1)
    times = np.concatenate([rng.normal(2.0, 0.1, 100_000), rng.uniform(0, 12.5, background)])
    irf = MeasuredIrf(np.histogram(times, bins=n_bins, range=(0, 12.5))[0], bin_width_ns=12.5 / n_bins)
    outside = np.abs(np.arange(n_bins) * irf.bin_width_ns - 2.0) > 0.5
    assert irf.weights.min() >= 0
    assert irf.weights[outside].sum() < 0.01
    assert irf.mean_ns == pytest.approx(2.0, abs=0.05)


@pytest.mark.parametrize("length_ns", [1.0, 6.0, 10.0])
def test_background_beside_a_gate_that_is_open_for_most_of_the_period(length_ns):
    """SwissSPAD2 has gates of 10 ns: four fifths of the response are its plateau."""
    starts_ns = np.arange(135) * 0.09
    is_open = (2.0 + length_ns - starts_ns) % 12.5 < length_ns
    counts = np.random.default_rng(seed=1).poisson(np.where(is_open, 20_200, 200))
    weights = MeasuredIrf(counts, bin_width_ns=0.09).weights
    assert weights[is_open].sum() == pytest.approx(1, abs=1e-3)
    assert weights[is_open].std() < 0.02 * weights[is_open].mean()


def test_irf_moves_and_widens_as_asked():
    measured = MeasuredIrf([0, 0, 0, 1, 2, 1, 0, 0, 0], bin_width_ns=0.05)
    changed = measured.changed(mean_ns=2.0, extra_fwhm_ns=0.3)
    assert changed.mean_ns == pytest.approx(2.0)
    omega = 2 * np.pi / 12.5
    ratio = changed.coefficients(1, period_ns=12.5)[1] / measured.coefficients(1, period_ns=12.5)[1]
    sigma = 0.3 / np.sqrt(8 * np.log(2))
    moved = np.exp(-1j * omega * (2.0 - measured.mean_ns) - 0.5 * (omega * sigma) ** 2)
    assert ratio == pytest.approx(moved, rel=1e-12)


def test_many_decays_equal_one_at_a_time():
    rng = np.random.default_rng(0)
    irf = ParametricIrf(1.5, 0.2)
    n_harmonics = harmonics_needed(irf.narrowest_sigma_ns, period_ns=12.5)
    model, coefficients = ForwardModel(PERIOD, n_harmonics), irf.coefficients(n_harmonics, period_ns=12.5)
    amplitudes, taus = rng.random((3, 70, 2)), rng.uniform(0.1, 5, (3, 70, 2))
    together = model.tpsf(amplitudes, taus, coefficients)
    assert together.shape == (3, 70, 125)
    alone = model.tpsf(amplitudes[2, 69], taus[2, 69], coefficients)
    np.testing.assert_allclose(together[2, 69], alone, rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: TimeAxis(135, 0.09, 12.0),
            r"n_gates=135 x gate_width_ns=0.09 = 12.15 ns is longer than period_ns=12.0",
        ),
        (lambda: TimeAxis(1, 0.09, 12.5), "n_gates=1 must be >= 2"),
        (lambda: TimeAxis(135, float("nan"), 12.5), "gate_width_ns=nan must be finite and > 0"),
        (lambda: ParametricIrf(1.0, 0.0), "fwhm_ns=0.0 must be finite and > 0"),
        (lambda: MeasuredIrf([1, -1, 3], bin_width_ns=0.1), "the IRF has negative or non-finite counts"),
        (lambda: MeasuredIrf([3, 3, 3], bin_width_ns=0.1), "the IRF is flat"),
        (
            lambda: expected_tpsf(
                [1.0], [1.0], axis=PERIOD, irf=MeasuredIrf(np.arange(300.0), bin_width_ns=0.1)
            ),
            r"the IRF extends over [\d.]+ ns, longer than the laser period of 12.5 ns",
        ),
        (
            lambda: expected_tpsf([1.0], [0.0], axis=PERIOD, irf=ParametricIrf(1, 0.2)),
            "lifetimes must be > 0 ns, not 0.0",
        ),
        (
            lambda: expected_tpsf([-1.0], [1.0], axis=PERIOD, irf=ParametricIrf(1, 0.2)),
            "amplitudes must be >= 0",
        ),
    ],
)
def test_bad_input_says_value_and_rule(call, text):
    with pytest.raises(InputError, match=text):
        call()


@pytest.mark.parametrize(("first_ns", "last_ns"), [(5.0, 1.0), (1.0, 1.0), (float("nan"), 1.0)])
def test_empty_range_of_an_irf_is_refused(first_ns, last_ns):
    irf = MeasuredIrf([0, 0, 0, 0, 5, 5, 0, 1], bin_width_ns=0.1)
    with pytest.raises(InputError, match=r"the IRF range from .* is empty; first_ns must be < last_ns"):
        irf.within(first_ns, last_ns)
