"""Centre of mass, rapid lifetimes, phasor: exact without noise, honest errors with it, reasons else."""

import numpy as np
import pytest

from seq2seqlite.decay import Lifetimes
from seq2seqlite.errors import InputError
from seq2seqlite.estimators import (
    ESTIMATORS,
    CentreOfMass,
    Phasor,
    RapidLifetime,
    Reason,
    estimator_named,
    rld_from_gates,
    rld_from_three_gates,
)
from seq2seqlite.protocols import Predictor
from seq2seqlite.responses import goodness_of


@pytest.mark.parametrize("name", ESTIMATORS)
def test_all_are_predictors_that_read_a_clean_decay(expected, axis, irf, name):
    estimator = estimator_named(name, axis=axis, irf=irf)
    assert isinstance(estimator, Predictor)
    # Few enough photons for single precision, which the other tests have compiled.
    found = estimator.lifetimes(expected(1.5, photons=5e4, background=1.0)[None])
    assert found.tau_mean_ns.item() == pytest.approx(1.5, rel=0.03)
    assert found.reason.item() == Reason.OK
    assert estimator.rising_edge_ns == pytest.approx(1.4, abs=0.1)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_bad_pixels_have_a_reason(expected, axis, irf, name):
    counts = np.array([expected(2.0)] * 5)
    counts[0, 3] = np.nan
    counts[1] = 0
    counts[2] = 0
    counts[2, 20] = 50
    counts[3] = 3.0
    found = estimator_named(name, axis=axis, irf=irf).lifetimes(counts)
    assert found.reason[:3].tolist() == [Reason.INVALID_COUNTS, Reason.NO_PHOTONS, Reason.ONE_BIN]
    assert found.reason[3] in {Reason.NO_SIGNAL, Reason.NO_DECAY}
    assert np.isnan(found.tau_mean_ns[:4]).all()
    assert np.isfinite(found.tau_mean_ns[4])


@pytest.mark.parametrize("name", ESTIMATORS)
def test_no_irf_is_one_line(axis, name):
    with pytest.raises(InputError, match=f"{name} requires the instrument's IRF"):
        estimator_named(name, axis=axis, irf=None)


def test_unknown_estimator(axis, irf):
    with pytest.raises(InputError, match="estimator 'fit' is unknown; choose one of centre-of-mass, rld-2"):
        estimator_named("fit", axis=axis, irf=irf)


@pytest.mark.parametrize("tau_ns", [0.3, 1.0, 3.0, 6.0])
def test_centre_of_mass_corrects_window_and_earlier_pulses(expected, axis, irf, tau_ns):
    found = CentreOfMass(axis, irf).lifetimes(expected(tau_ns)[None])
    assert found.tau_mean_ns.item() == pytest.approx(tau_ns, rel=2e-3)


def test_centre_of_mass_knows_its_error(expected, axis, irf):
    counts = np.random.default_rng(1).poisson(np.broadcast_to(expected(2.0), (2000, axis.n_gates)))
    found = CentreOfMass(axis, irf).lifetimes(counts)
    assert np.std(found.tau_mean_ns) == pytest.approx(np.median(found.tau_mean_std_ns), rel=0.08)


@pytest.mark.parametrize("n_gates", [2, 3, 5])
def test_rapid_lifetimes_know_their_error(expected, axis, irf, n_gates):
    counts = np.random.default_rng(1).poisson(
        np.broadcast_to(expected(2.0, photons=10_000, background=0.0), (2000, axis.n_gates))
    )
    found = RapidLifetime(axis, irf, n_gates=n_gates).lifetimes(counts)
    # The baseline of two and five gates has a noise of its own, which the error leaves out.
    assert np.std(found.tau_mean_ns) == pytest.approx(np.median(found.tau_mean_std_ns), rel=0.35)


def test_phasor_of_a_reference_dye(expected, axis):
    phasor = Phasor(axis, reference=expected(3.0, background=0.0), reference_tau_ns=3.0)
    found = phasor.lifetimes(expected(3.0, background=0.0)[None])
    assert found.tau_mean_ns.item() == pytest.approx(3.0, rel=1e-6)
    assert phasor.rising_edge_ns == pytest.approx(1.4, abs=0.1)


def test_phasor_projection_turns_photons_into_amplitude(expected, axis, irf):
    phasor = Phasor(axis, irf, components_ns=(0.5, 2.5), n_baseline=0)
    found = phasor.lifetimes(expected([0.5, 2.5], [0.3, 0.7], background=0.0)[None])
    assert found.amplitude_fraction.item() == pytest.approx(0.3, abs=0.02)
    assert found.tau_mean_ns.item() == pytest.approx(1.9, abs=0.05)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda axis, irf: RapidLifetime(axis, irf, n_gates=1), "n_gates=1 must be between 2 and 64"),
        (
            lambda axis, irf: RapidLifetime(axis, irf, first_gate=134),
            "gates 134 to 135 of 135 are too few for n_gates=2; use fewer wide gates",
        ),
        (
            lambda axis, irf: rld_from_gates([1.0], width_ns=1.0),
            r"sums has shape \(1,\); its last axis must have two or more gates",
        ),
        (
            lambda axis, irf: rld_from_three_gates([1.0, 2.0], width_ns=1.0),
            r"sums has shape \(2,\); its last axis must have three gates",
        ),
        (
            lambda axis, irf: Phasor(axis, irf, components_ns=(2.0, 1.0)),
            r"components_ns=\(2.0, 1.0\) must be \(short, long\)",
        ),
        (
            lambda axis, irf: Phasor(axis, reference=np.ones(135)),
            "reference_tau_ns=None must be the lifetime of the reference, > 0 ns",
        ),
    ],
)
def test_options_out_of_range(axis, irf, call, text):
    with pytest.raises(InputError, match=text):
        call(axis, irf)


def test_goodness_sees_a_wrong_lifetime_and_pile_up(expected, axis, irf):
    from seq2seqlite.decay import PileUpDetector

    rng = np.random.default_rng(1)
    mean = np.broadcast_to(expected(2.0, photons=3000), (400, axis.n_gates))

    def deviation(counts, tau_ns, **options):
        tau = np.full(400, tau_ns)
        found = goodness_of(Lifetimes(tau, tau, tau, tau / tau / 2), counts, axis=axis, irf=irf, **options)
        return found.stretch / found.stretch_std, found.chi_square

    right, chi_square = deviation(rng.poisson(mean), 2.0)
    assert np.std(right) == pytest.approx(1, abs=0.12)
    assert np.mean(chi_square) == pytest.approx(1, abs=0.03)
    assert np.median(deviation(rng.poisson(mean), 1.8)[0]) > 2.5
    piled = PileUpDetector(15_000).sample(mean, rng)
    assert np.median(deviation(piled, 2.0)[0]) < -2
    assert np.median(deviation(piled, 2.0, pulses=15_000)[0]) == pytest.approx(0, abs=0.3)
    with pytest.raises(InputError, match="pulses=10 must exceed the photons of every pixel"):
        deviation(piled, 2.0, pulses=10)
