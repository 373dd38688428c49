"""Lifetimes from decays without IRF, and the two fractions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seq2seqlite.decay import (
    ParametricIrf,
    TimeAxis,
    amplitude_fraction_from_intensity,
    expected_tpsf,
    intensity_fraction_from_amplitude,
    lifetimes_from_sfd,
    sfd_from_lifetimes,
)
from seq2seqlite.errors import InputError

AXIS = TimeAxis(n_gates=135, gate_width_ns=0.09, period_ns=12.5)
# Linear interpolation in a table of 8192 lifetimes over four decades.
TABLE_TOLERANCE = 1e-5


def test_lifetimes_come_back_from_the_sfd_also_where_window_or_gate_is_too_coarse():
    rng = np.random.default_rng(1)
    short, long = np.sort(rng.uniform(0.05, 8.0, (2, 500)), axis=0)
    fraction = rng.uniform(0.05, 0.95, 500)
    result = lifetimes_from_sfd(sfd_from_lifetimes(fraction, short, long, axis=AXIS), axis=AXIS)
    np.testing.assert_allclose(result.tau_short_ns, short, rtol=TABLE_TOLERANCE)
    np.testing.assert_allclose(result.tau_long_ns, long, rtol=TABLE_TOLERANCE)
    np.testing.assert_allclose(result.amplitude_fraction, fraction, rtol=1e-12)
    np.testing.assert_allclose(
        result.tau_mean_ns, fraction * short + (1 - fraction) * long, rtol=TABLE_TOLERANCE
    )


def test_absent_component_has_no_lifetime_but_the_mean_has():
    result = lifetimes_from_sfd(sfd_from_lifetimes([0.0, 1.0], 0.5, 2.0, axis=AXIS), axis=AXIS)
    assert np.isnan(result.tau_short_ns[0])
    assert np.isnan(result.tau_long_ns[1])
    np.testing.assert_allclose(result.tau_mean_ns, [2.0, 0.5], rtol=TABLE_TOLERANCE)


def test_empty_decay_has_no_lifetime():
    assert np.isnan(lifetimes_from_sfd(np.zeros((3, 135)), axis=AXIS).tau_mean_ns)


def test_sfd_of_another_axis_is_refused():
    with pytest.raises(InputError, match=r"sfd has shape \(3, 100\); its last axes must be \(3, 135\)"):
        lifetimes_from_sfd(np.zeros((3, 100)), axis=AXIS)


@given(st.floats(0, 1), st.floats(0.05, 10), st.floats(0.05, 10))
def test_fractions_convert_back(amplitude_fraction, tau_short_ns, tau_long_ns):
    taus = {"tau_short_ns": tau_short_ns, "tau_long_ns": tau_long_ns}
    intensity = intensity_fraction_from_amplitude(amplitude_fraction, **taus)
    assert amplitude_fraction_from_intensity(intensity, **taus) == pytest.approx(
        amplitude_fraction, abs=1e-12
    )


def test_intensity_fraction_is_the_share_of_photons_in_the_simulated_histogram():
    irf = ParametricIrf(1.5, 0.2)
    axis = TimeAxis(n_gates=125, gate_width_ns=0.1, period_ns=12.5)
    both = expected_tpsf([0.6, 0.4], [0.5, 4.0], axis=axis, irf=irf)
    share = float(intensity_fraction_from_amplitude(0.6, tau_short_ns=0.5, tau_long_ns=4.0))
    short, long = (expected_tpsf([1.0], [tau], axis=axis, irf=irf) for tau in (0.5, 4.0))
    np.testing.assert_allclose(both, share * short + (1 - share) * long, atol=1e-12)
    assert share == pytest.approx(0.3 / 1.9)
