"""Maximum likelihood: reaches the bound, knows its errors, shares lifetimes, refuses what it cannot fit."""

import numpy as np
import pytest

from seq2seqlite.decay import ForwardModel, ParametricIrf, TimeAxis, harmonics_needed
from seq2seqlite.errors import InputError
from seq2seqlite.estimators import Reason
from seq2seqlite.estimators.crlb import cramer_rao_bound
from seq2seqlite.estimators.fisher_scoring import CHUNK
from seq2seqlite.estimators.maximum_likelihood import MaximumLikelihood
from seq2seqlite.estimators.model_curves import chebyshev_shapes, fourier_shapes, shapes_and_slopes
from seq2seqlite.estimators.shared_lifetimes import fit_shared_lifetimes

REPEATS = 2000
# Of the standard deviation of 2,000 samples, 1.6 %, three.
SPREAD = 0.05


@pytest.mark.parametrize("tau_ns", [0.5, 1.0, 2.0, 3.0, 4.0])
def test_one_lifetime_reaches_the_bound(expected, axis, irf, tau_ns):
    counts = np.random.default_rng(1).poisson(np.broadcast_to(expected(tau_ns), (REPEATS, axis.n_gates)))
    found = MaximumLikelihood(axis, irf).lifetimes(counts)
    bound = cramer_rao_bound(tau_ns, axis=axis, irf=irf, photons=1000, background=0.2).tau_mean_ns
    assert found.converged.all()
    assert np.sqrt(np.mean((found.tau_mean_ns - tau_ns) ** 2)) / bound < 1.1
    assert np.mean(found.chi_square) == pytest.approx(1, abs=0.02)


def test_two_lifetimes_and_their_errors(expected, axis, irf):
    mean = expected([0.5, 2.5], [0.5, 0.5], photons=10_000)
    counts = np.random.default_rng(1).poisson(np.broadcast_to(mean, (REPEATS, axis.n_gates)))
    found = MaximumLikelihood(axis, irf, components=2).lifetimes(counts)
    assert (found.reason == Reason.OK).all()
    for name, truth in (("mean", 1.5), ("short", 0.5), ("long", 2.5)):
        values, errors = getattr(found, f"tau_{name}_ns"), getattr(found, f"tau_{name}_std_ns")
        assert np.mean(values) == pytest.approx(truth, abs=0.02)
        assert np.std(values) == pytest.approx(np.median(errors), rel=0.08)
    assert np.mean(found.amplitude_fraction) == pytest.approx(0.5, abs=0.01)


def test_free_delay_is_found(expected, axis, irf):
    counts = np.random.default_rng(1).poisson(np.broadcast_to(expected(1.0), (500, axis.n_gates)))
    found = MaximumLikelihood(axis, irf.moved(-0.15), max_shift_ns=0.3).lifetimes(counts)
    assert np.mean(found.shift_ns) == pytest.approx(0.15, abs=0.005)
    bound = cramer_rao_bound(1.0, axis=axis, irf=irf, photons=1000, background=0.2, free_shift=True)
    assert np.std(found.tau_mean_ns) == pytest.approx(bound.tau_mean_ns, rel=2 * SPREAD)


def test_bright_decays_are_fitted_in_double_precision(expected, axis, irf):
    found = MaximumLikelihood(axis, irf, components=2).lifetimes(
        expected([0.5, 2.5], [0.5, 0.5], photons=1e8)[None]
    )
    assert found.tau_short_ns.item() == pytest.approx(0.5, rel=1e-3)
    assert found.chi_square.item() < 0.01


def test_held_lifetimes(expected, axis, irf):
    fit = MaximumLikelihood(axis, irf, components=2, fixed_tau_ns=(0.5, 2.5))
    found = fit.lifetimes(expected([0.5, 2.5], [0.3, 0.7])[None])
    assert found.amplitude_fraction.item() == pytest.approx(0.3, abs=1e-3)
    assert (found.tau_short_ns.item(), found.tau_long_ns.item()) == pytest.approx((0.5, 2.5))
    assert found.reason.item() == Reason.OK


def test_shared_lifetimes_at_few_photons(axis, irf):
    from seq2seqlite.decay import expected_tpsf

    rng = np.random.default_rng(2)
    fraction = rng.uniform(0.1, 0.9, 600)
    mean = expected_tpsf(
        np.stack([fraction, 1 - fraction], axis=1),
        [0.5, 2.5],
        axis=axis,
        irf=irf,
        photons=np.full(600, 100.0),
    )
    shared = fit_shared_lifetimes(MaximumLikelihood(axis, irf, components=2), rng.poisson(mean + 0.05))
    assert shared.converged
    for found, error, truth in zip(shared.tau_ns, shared.tau_std_ns, (0.5, 2.5), strict=True):
        assert abs(found - truth) < 4 * error
        assert error < 0.1
    assert np.nanmean(shared.pixels.amplitude_fraction - fraction) == pytest.approx(0, abs=0.03)


def test_bad_pixels_have_a_reason_and_spoil_no_other(expected, axis, irf):
    counts = np.array([expected(2.0)] * 7)
    counts[0, 3] = np.nan
    counts[1, 3] = -1
    counts[2] = 0
    counts[3] = 0
    counts[3, 20] = 50
    counts[4] = np.random.default_rng(1).poisson(3.0, axis.n_gates)  # nothing but background
    counts[5] = np.roll(counts[5], 60)  # not where the IRF is
    found = MaximumLikelihood(axis, irf).lifetimes(counts)
    assert found.reason.tolist() == [
        Reason.INVALID_COUNTS, Reason.INVALID_COUNTS, Reason.NO_PHOTONS, Reason.ONE_BIN, Reason.NO_SIGNAL,
        Reason.NO_SIGNAL, Reason.OK,
    ]  # fmt: skip
    assert np.isnan(found.tau_mean_ns[:6]).all()
    assert found.tau_mean_ns[6] == pytest.approx(2.0, rel=1e-3)


def test_no_pixels_at_all(axis, irf):
    assert MaximumLikelihood(axis, irf).lifetimes(np.empty((0, axis.n_gates))).tau_mean_ns.shape == (0,)


def test_chunks_do_not_show(expected, axis, irf):
    counts = np.random.default_rng(1).poisson(np.broadcast_to(expected(2.0), (CHUNK + 5, axis.n_gates)))
    seen = []
    fit = MaximumLikelihood(axis, irf)
    whole = fit.lifetimes(counts, progress=lambda done, todo: seen.append((done, todo)))
    assert seen == [(CHUNK, CHUNK + 5), (CHUNK + 5, CHUNK + 5)]
    last = fit.lifetimes(counts[-5:])
    np.testing.assert_allclose(whole.tau_mean_ns[-5:], last.tau_mean_ns, rtol=1e-4)


def test_shapes_are_the_forward_model(axis, irf):
    forward = ForwardModel(axis, harmonics_needed(irf.narrowest_sigma_ns, period_ns=axis.period_ns))
    coefficients = irf.coefficients(forward.n_harmonics, period_ns=axis.period_ns)
    tau = np.array([0.1, 0.7, 3.0], np.float32)
    exact = forward.tpsf(np.ones((3, 1)), tau[:, None], coefficients)
    for shapes in (
        fourier_shapes(forward, coefficients),
        chebyshev_shapes(forward, coefficients, tau_ns=(0.03, 40.0)),
    ):
        value, slope, _ = shapes_and_slopes(shapes, np.log(tau), None)
        np.testing.assert_allclose(value.T, exact, atol=3e-6)
        step = 1e-3
        more, less = (
            forward.tpsf(np.ones((3, 1)), (tau * np.exp(by))[:, None], coefficients) for by in (step, -step)
        )
        np.testing.assert_allclose(slope.T, (more - less) / (2 * step), atol=3e-5)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"components": 4}, "components=4 must be 1, 2 or 3"),
        ({"scatter": True, "max_shift_ns": 0.1}, "scatter=True requires max_shift_ns=0, not 0.1; align"),
        ({"max_shift_ns": 9.0}, "max_shift_ns=9.0 must be between 0 and half the period of 12.5 ns"),
        (
            {"tau_bounds_ns": (2.0, 1.0)},
            r"tau_bounds_ns=\(2.0, 1.0\) must be \(low, high\) with 0 < low < high",
        ),
        ({"gates": slice(0, 3)}, "3 gates are too few for 3 parameters; extend"),
        ({"fixed_tau_ns": (1.0, 2.0)}, r"fixed_tau_ns=\(1.0, 2.0\) must be 1 lifetimes > 0"),
    ],
)
def test_options_out_of_range(axis, irf, options, text):
    with pytest.raises(InputError, match=text):
        MaximumLikelihood(axis, irf, **options)


def test_whole_calls_that_are_impossible(axis, irf):
    with pytest.raises(
        InputError, match="mle-mono requires the instrument's IRF; pass a measured IRF, or fit one"
    ):
        MaximumLikelihood(axis, None)
    with pytest.raises(InputError, match=r"TPSFs have shape \(2, 9\), but mle-mono requires \(n, 135\)"):
        MaximumLikelihood(axis, irf).lifetimes(np.ones((2, 9)))
    with pytest.raises(InputError, match="requires fixed_tau_ns=None and max_shift_ns=0; align the IRF"):
        fit_shared_lifetimes(MaximumLikelihood(axis, irf, max_shift_ns=0.1), np.ones((1, 135)))
    with pytest.raises(InputError, match="no pixel has photons in more than one bin; check the data"):
        fit_shared_lifetimes(MaximumLikelihood(axis, irf), np.zeros((1, 135)))


def test_bound_of_an_ideal_detector():
    axis = TimeAxis(n_gates=2000, gate_width_ns=0.02, period_ns=40.0)
    bound = cramer_rao_bound(
        [0.5, 1.0, 2.0], axis=axis, irf=ParametricIrf(2.0, 0.03), photons=400, free_background=False
    )
    np.testing.assert_allclose(bound.tau_mean_ns, np.array([0.5, 1.0, 2.0]) / 20, rtol=5e-3)


def test_bound_grows_with_what_is_unknown(axis, irf):
    def of(**options):
        return cramer_rao_bound(2.0, axis=axis, irf=irf, photons=1000, background=0.2, **options).tau_mean_ns

    assert of(free_background=False) < of() < of(free_shift=True)
    two = cramer_rao_bound(0.5, tau_long_ns=2.5, axis=axis, irf=irf, photons=1000)
    assert two.tau_mean_ns.shape == ()
    assert np.isfinite([two.tau_short_ns, two.tau_long_ns, two.amplitude_fraction, two.photons]).all()
    with pytest.raises(
        InputError, match="too narrow for a period of 12.5 ns: its Fourier series would be truncated"
    ):
        cramer_rao_bound(2.0, axis=axis, irf=ParametricIrf(1.5, 0.001), photons=1000)
    with pytest.raises(InputError, match="tau_ns, tau_middle_ns, tau_long_ns and photons must be > 0"):
        cramer_rao_bound(0.0, axis=axis, irf=irf, photons=1000)
