"""Published values on others' measurements: FLIMLib's regression decay, Atto550, NADH of yeast."""

import numpy as np
import pytest

from seq2seqlite.decay import MeasuredIrf, TimeAxis, intensity_fraction_from_amplitude
from seq2seqlite.estimators import apparent_lifetimes, phasor_from_tpsf, rld_from_three_gates
from seq2seqlite.estimators.maximum_likelihood import MaximumLikelihood
from seq2seqlite.io.irf import read_irf
from seq2seqlite.io.measurement import read
from seq2seqlite.responses import aligned_irf

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
    assert np.mean(apparent_lifetimes(real, imag, window_ns=window_ns)) == pytest.approx(
        2.330856, rel=SINGLE_SUMS
    )


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


def _channels(path):
    rows = [line.split() for line in path.read_text(encoding="latin-1").splitlines()]
    return np.array([float(row[1]) for row in rows if len(row) == 2 and row[0].isdigit()])


def test_atto550(shared_data):
    width, first, last = 0.02743484, 201, 2000
    decay = _channels(shared_data / "atto550/Atto550_DNA.txt")
    axis = TimeAxis(decay.size, width, decay.size * width)
    irf = MeasuredIrf(_channels(shared_data / "atto550/irf.txt"), bin_width_ns=width)
    irf = aligned_irf(irf, decay, axis=axis)
    mono, bi = (
        MaximumLikelihood(axis, irf, components=c, gates=slice(first, last), tau_bounds_ns=(0.05, 20.0))
        .lifetimes(decay[None])
        for c in (1, 2)
    )  # fmt: skip
    # The authors' 3.6 ns is a mean over the photons; one lifetime comes to the same.
    assert mono.tau_mean_ns.item() == pytest.approx(3.6, rel=0.03)
    share = intensity_fraction_from_amplitude(
        bi.amplitude_fraction, tau_short_ns=bi.tau_short_ns, tau_long_ns=bi.tau_long_ns
    )
    mean = share * bi.tau_short_ns + (1 - share) * bi.tau_long_ns
    assert mean.item() == pytest.approx(3.6, rel=0.035)


@pytest.mark.parametrize("bins_of_irf", [16, pytest.param(1, marks=pytest.mark.exhaustive)])
def test_nadh_of_yeast(shared_data, bins_of_irf):
    """The notebook's IRF has the image's bins; the finer bins of the file give the same lifetimes."""
    data = read(shared_data / "nadh-yeast/SDT_c01.sdt", block=1)
    decay = data.values.sum(axis=(0, 1), dtype=np.float64)[12:243]  # without the limits of the TAC
    axis = TimeAxis(decay.size, data.attrs["gate_width_ns"], data.attrs["period_ns"])
    fine = read_irf(shared_data / "nadh-yeast/IRF.sdt").within(2.5, 4.0)  # the notebook's own range
    irf = MeasuredIrf(
        fine.weights.reshape(-1, bins_of_irf).sum(axis=1), bin_width_ns=fine.bin_width_ns * bins_of_irf
    )
    fit = MaximumLikelihood(axis, aligned_irf(irf, decay, axis=axis), components=2, max_shift_ns=0.1)
    found = fit.lifetimes(decay[None])
    assert found.converged.all()
    assert found.tau_long_ns.item() == pytest.approx(2.567, abs=0.131)
    assert found.tau_short_ns.item() == pytest.approx(0.330, abs=0.012)
    # Values of both widths of the bins; an IRF that is constant in each wide bin gives 2.600 and 0.333 ns.
    assert found.tau_long_ns.item() == pytest.approx(2.612, rel=3e-3)
    assert found.tau_short_ns.item() == pytest.approx(0.338, rel=4e-3)
    # The notebook's fraction is the amplitude of the long component.
    assert 1 - found.amplitude_fraction.item() == pytest.approx(0.155, abs=0.03)
