"""Maximum likelihood with a known background of each pixel, instead of counts without it."""

import numpy as np
import pytest

from seq2seqlite.decay import IrfBank, ParametricIrf, TimeAxis, expected_tpsf
from seq2seqlite.estimators import Estimate
from seq2seqlite.estimators.maximum_likelihood import MaximumLikelihood
from seq2seqlite.predictors.native_axis import NativeAxisPredictor
from seq2seqlite.predictors.pixel_bank import PixelBank

AXIS = TimeAxis(64, 0.19, 12.5)
IRF = ParametricIrf(2.0, 0.3)
TAU_NS = 2.0


def decays(background: np.ndarray, photons: float) -> np.ndarray:
    shape = expected_tpsf([1.0], [TAU_NS], axis=AXIS, irf=IRF, photons=photons)
    return shape + background[:, None]


def stds(found: Estimate) -> np.ndarray:
    assert found.tau_mean_std_ns is not None
    return found.tau_mean_std_ns


def test_each_pixel_has_its_own_background() -> None:
    background = np.linspace(0.0, 30.0, 100)
    fit = MaximumLikelihood(AXIS, IRF)
    found = fit.lifetimes_above(decays(background, 2000.0), background)
    np.testing.assert_allclose(found.tau_mean_ns, TAU_NS, rtol=1e-3)
    np.testing.assert_allclose(np.asarray(found.background), background, rtol=1e-5, atol=1e-5)
    free = fit.lifetimes(decays(background, 2000.0))
    assert (stds(found)[5:] < 0.95 * stds(free)[5:]).all()


def test_a_wrong_background_is_not_corrected() -> None:
    background = np.full(20, 10.0)
    found = MaximumLikelihood(AXIS, IRF).lifetimes_above(decays(background, 2000.0), background - 5)
    assert (found.tau_mean_ns > 1.15 * TAU_NS).all()


def test_known_background_is_right_where_subtraction_is_biased() -> None:
    background = np.full(250, 10.0)
    counts = np.random.default_rng(2).poisson(decays(background, 500.0)).astype(np.float32)
    fit = MaximumLikelihood(AXIS, IRF)
    known = fit.lifetimes_above(counts, background)
    subtracted = fit.lifetimes(np.maximum(counts - background[:, None], 0))
    scatter = np.subtract(*np.percentile(known.tau_mean_ns, [84, 16])) / 2
    assert np.median(known.tau_mean_ns) == pytest.approx(TAU_NS, abs=4 * scatter / 250**0.5)
    assert np.median(stds(known)) == pytest.approx(scatter, rel=0.2)  # error bars hold
    other = np.subtract(*np.percentile(subtracted.tau_mean_ns, [84, 16])) / 2
    assert np.median(stds(subtracted)) < 0.85 * other  # and after subtraction they do not


def test_adapters_pass_the_background_on() -> None:
    background = np.array([0.0, 10.0, 20.0, 30.0])
    bank = IrfBank((IRF, ParametricIrf(2.5, 0.3)), np.array([[0, 1], [1, 0]]))
    fit = NativeAxisPredictor(PixelBank.of(bank, lambda irf: MaximumLikelihood(AXIS, irf)), 2.0)
    assert fit.uses_background
    pixels = np.array([0, 3])  # of the first response
    found = fit.lifetimes_above(decays(background, 2000.0)[pixels], background[pixels], pixels)
    np.testing.assert_allclose(found.tau_mean_ns, TAU_NS, rtol=1e-3)
