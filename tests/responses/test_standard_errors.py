"""Standard errors of a fit: the Cramér-Rao bound, which JAX computes with automatic derivatives."""

import numpy as np
import pytest

from seq2seqlite.decay import ParametricIrf, TimeAxis, expected_tpsf
from seq2seqlite.estimators.crlb import cramer_rao_bound
from seq2seqlite.responses import decay_curve, standard_errors

AXIS, IRF = TimeAxis(125, 0.1, 12.5), ParametricIrf(2.0, 0.2)
# Derivatives by finite differences, and rounding of the Fourier series.
TOLERANCE = 1e-3


def curve_of(fractions, taus, photons):
    decay = expected_tpsf(fractions, taus, axis=AXIS, irf=IRF, photons=photons, background=2.0)
    return decay_curve(decay, axis=AXIS, irf=IRF, taus_ns=taus, amplitudes=fractions)


def test_one_lifetime_has_the_cramer_rao_bound():
    curve = curve_of([1.0], [2.0], 5000)
    bound = cramer_rao_bound(2.0, axis=AXIS, irf=IRF, photons=curve.photons, background=curve.background)
    found = standard_errors(curve, axis=AXIS, irf=IRF)
    assert list(found) == ["tau_mean_ns"]
    assert found["tau_mean_ns"] == pytest.approx(bound.tau_mean_ns.item(), rel=TOLERANCE)


def test_two_lifetimes_have_the_cramer_rao_bound():
    curve = curve_of([0.7, 0.3], [0.5, 3.0], 1e5)
    bound = cramer_rao_bound(
        0.5, tau_long_ns=3.0, amplitude_fraction=0.7, axis=AXIS, irf=IRF,
        photons=curve.photons, background=curve.background,
    )  # fmt: skip
    found = standard_errors(curve, axis=AXIS, irf=IRF)
    assert list(found) == ["tau_mean_ns", "tau_short_ns", "tau_long_ns", "amplitude_fraction"]
    for name, value in found.items():
        assert value == pytest.approx(getattr(bound, name).item(), rel=TOLERANCE), name


def test_equal_lifetimes_have_no_errors():
    curve = curve_of([0.5, 0.5], [1.0, 1.0], 1e4)
    errors = standard_errors(curve, axis=AXIS, irf=IRF)
    assert not np.isfinite(errors["tau_short_ns"]) or errors["tau_short_ns"] > 1e3
