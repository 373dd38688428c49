"""IRFs from summed decays: a known one put into place, an unknown one fitted."""

import numpy as np
import pytest

from seq2seqlite.decay import MeasuredIrf, ParametricIrf, expected_tpsf
from seq2seqlite.errors import InputError
from seq2seqlite.responses import aligned_irf, fit_irf


def summed(axis, irf):
    taus = np.linspace(0.2, 3.0, 30)
    return np.random.default_rng(1).poisson(
        expected_tpsf(np.ones(30), taus, axis=axis, irf=irf, photons=1e6, background=300.0)
    )


@pytest.mark.parametrize("away_ns", [-4.0, 0.3, 6.0])
def test_known_irf_is_put_into_place(axis, irf, away_ns):
    found = aligned_irf(irf.moved(away_ns), summed(axis, irf), axis=axis)
    assert found.mean_ns == pytest.approx(irf.mean_ns, abs=0.01)


def test_measured_irf_is_put_into_place(axis):
    measured = MeasuredIrf(np.exp(-0.5 * ((np.arange(200) - 60) / 5) ** 2).round(4), bin_width_ns=0.02)
    decay = summed(axis, measured.changed(mean_ns=2.0))
    assert aligned_irf(measured, decay, axis=axis).mean_ns == pytest.approx(2.0, abs=0.01)


def test_unknown_irf_is_fitted(axis):
    found = fit_irf(summed(axis, ParametricIrf(1.8, 0.4)), axis=axis)
    assert found.fwhm_ns == pytest.approx(0.4, abs=0.02)
    assert found.mean_ns == pytest.approx(1.8, abs=0.03)


def test_decays_that_say_nothing(axis, irf):
    with pytest.raises(InputError, match=r"decay has shape \(9,\), but the axis requires \(135,\)"):
        aligned_irf(irf, np.ones(9), axis=axis)
    with pytest.raises(
        InputError, match="the summed decay has no photons, or has negative or non-finite counts"
    ):
        fit_irf(np.zeros(135), axis=axis)
