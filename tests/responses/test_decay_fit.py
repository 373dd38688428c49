"""Lifetimes of a summed decay against the truth and the maximum-likelihood estimator."""

import numpy as np
import pytest

from seq2seqlite.decay import ParametricIrf, TimeAxis, expected_tpsf
from seq2seqlite.errors import InputError
from seq2seqlite.estimators import estimator_named
from seq2seqlite.responses import decay_curve, fit_lifetimes

AXIS, IRF = TimeAxis(250, 0.05, 12.5), ParametricIrf(2.0, 0.2)


def counts(shares: list[float], taus: list[float], photons: float) -> np.ndarray:
    tpsf = expected_tpsf(shares, taus, axis=AXIS, irf=IRF, photons=photons, background=20)
    return np.random.default_rng(1).poisson(tpsf)


@pytest.mark.parametrize(
    ("shares", "taus"), [([0.5, 0.5], [0.5, 2.5]), ([0.7, 0.3], [0.4, 1.4]), ([0.9, 0.1], [0.2, 5.0])]
)
def test_the_fit_is_that_of_maximum_likelihood(shares: list[float], taus: list[float]) -> None:
    decay = counts(shares, taus, 2e6)
    found = fit_lifetimes(decay, axis=AXIS, irf=IRF)
    assert found.taus_ns == pytest.approx(taus, rel=0.02)
    assert found.amplitude_fractions == pytest.approx(shares, rel=0.02)
    assert found.photons == pytest.approx(2e6, rel=0.005)
    assert found.background == pytest.approx(20, abs=25)  # similar to a long lifetime
    assert 0.7 < found.chi_square < 1.3
    other = estimator_named("mle-bi", axis=AXIS, irf=IRF).lifetimes(decay[None])
    assert found.tau_mean_ns == pytest.approx(other.tau_mean_ns.item(), rel=2e-3)
    assert found.chi_square == pytest.approx(other.chi_square.item(), rel=2e-3)


def test_one_lifetime() -> None:
    decay = counts([1.0], [2.0], 1e6)
    found = fit_lifetimes(decay, axis=AXIS, irf=IRF, components=1)
    assert (len(found.taus_ns), found.amplitude_fractions) == (1, (1.0,))
    assert found.taus_ns[0] == pytest.approx(2.0, rel=0.01)
    assert (
        fit_lifetimes(counts([0.5, 0.5], [0.5, 2.5], 1e6), axis=AXIS, irf=IRF, components=1).chi_square > 50
    )


@pytest.mark.parametrize("photons", [1e4, 1e6])
def test_a_second_lifetime_that_is_not_there(photons: float) -> None:
    """Its amplitude would be noise, and so would be the amplitude-weighted mean."""
    found = fit_lifetimes(counts([1.0], [2.0], photons), axis=AXIS, irf=IRF)
    assert len(found.taus_ns) == 1
    assert found.tau_mean_ns == pytest.approx(2.0, rel=0.05)


def test_the_curve_of_wrong_lifetimes_has_a_large_chi_square() -> None:
    decay = counts([0.5, 0.5], [0.5, 2.5], 1e6)
    right = decay_curve(decay, axis=AXIS, irf=IRF, taus_ns=[2.5, 0.5], amplitudes=[2, 2])
    wrong = decay_curve(decay, axis=AXIS, irf=IRF, taus_ns=[0.9, 2.5], amplitudes=[0.5, 0.5])
    assert (right.taus_ns, right.amplitude_fractions) == ((0.5, 2.5), (0.5, 0.5))
    assert right.chi_square < 1.3
    assert wrong.chi_square > 10
    np.testing.assert_allclose(right.expected.sum(), decay.sum(), rtol=1e-3)


def test_decays_that_cannot_be_fitted() -> None:
    with pytest.raises(InputError, match="components=4 must be 1, 2 or 3"):
        fit_lifetimes(np.ones(250), axis=AXIS, irf=IRF, components=4)
    with pytest.raises(InputError, match="the summed decay has no photons"):
        fit_lifetimes(np.zeros(250), axis=AXIS, irf=IRF)
    with pytest.raises(InputError, match=r"decay has shape \(3,\)"):
        decay_curve(np.ones(3), axis=AXIS, irf=IRF, taus_ns=[1.0], amplitudes=[1.0])
