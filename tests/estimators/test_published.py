"""Published values on others' measurements: FLIMLib's regression decay, Atto550, NADH of yeast."""

import numpy as np
import pytest

from seq2seqlite.datasets import read_irf
from seq2seqlite.decay import MeasuredIrf, TimeAxis, intensity_fraction_from_amplitude
from seq2seqlite.estimators import apparent_lifetimes, aligned_irf, phasor_from_tpsf, rld_from_three_gates
from seq2seqlite.estimators.maximum_likelihood import MaximumLikelihood

# FLIMLib's own run of this decay (settings in the data's manifest): bins 9 to 190 from bin 40 on.
FLIMLIB_BIN_NS = 0.058628749
FIRST, LAST = 9, 190
# FLIMLib computes in 32 bits and prints seven digits; its sums of cosines keep five.
SINGLE, SINGLE_SUMS = 5e-7, 1e-5
# FLIMLib knows no laser period. One that is long beside every lifetime is none.
NO_PERIOD_NS = 60.0


@pytest.fixture(scope="module")
def flimlib_decay(shared_data):
    return np.loadtxt(shared_data / "flimlib/data.dat", skiprows=1)[40:230]


@pytest.fixture(scope="module")
def flimlib_irf(shared_data):
    prompt = np.loadtxt(shared_data / "flimlib/prompt.dat", skiprows=1)
    return MeasuredIrf([*prompt, *np.zeros(24)], bin_width_ns=FLIMLIB_BIN_NS)


def test_flimlib_triple_integral(flimlib_decay):
    width = (LAST - FIRST) // 3
    sums = flimlib_decay[FIRST : FIRST + 3 * width].reshape(3, width).sum(axis=1)
    tau, std, background = rld_from_three_gates(sums, width_ns=width * FLIMLIB_BIN_NS)
    assert float(tau) == pytest.approx(2.392674, rel=SINGLE)
    assert background / width == pytest.approx(208.731979, rel=SINGLE_SUMS)
    assert 0.003 < std < 0.03


def test_flimlib_phasor(flimlib_decay):
    real, imag = phasor_from_tpsf(flimlib_decay[FIRST:LAST], background=208.731979)
    window_ns = (LAST - FIRST) * FLIMLIB_BIN_NS
    assert np.mean(apparent_lifetimes(real, imag, window_ns=window_ns)) == pytest.approx(2.330856, rel=SINGLE_SUMS)


@pytest.mark.parametrize("components", [1, 2])
def test_flimlib_maximum_likelihood(flimlib_decay, flimlib_irf, components):
    axis = TimeAxis(flimlib_decay.size, FLIMLIB_BIN_NS, NO_PERIOD_NS)
    fit = MaximumLikelihood(
        axis, flimlib_irf, components=components, gates=slice(FIRST, LAST), tau_bounds_ns=(0.05, 20.0)
    )
    found = fit.lifetimes(flimlib_decay[None])
    assert found.converged.all()
    if components == 1:
        assert found.tau_mean_ns.item() == pytest.approx(2.2685, rel=1e-3)
    else:
        assert found.tau_long_ns.item() == pytest.approx(2.84177, rel=1e-2)
        assert found.tau_short_ns.item() == pytest.approx(0.77975, rel=1e-2)
