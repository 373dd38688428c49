"""Responses of cameras with gates, from the summed decay of an image."""

import numpy as np
import pytest

import seq2seqlite
from seq2seqlite.decay import (
    Gate,
    GatedIrf,
    IrfBank,
    MeasuredIrf,
    ParametricIrf,
    TimeAxis,
    expected_response,
    expected_tpsf,
)
from seq2seqlite.errors import InputError
from seq2seqlite.imaging import lifetime_map
from seq2seqlite.imaging.quality import Quality
from seq2seqlite.io import signal_from_counts
from seq2seqlite.predictors.source import predictor_source
from seq2seqlite.responses import fit_gated_irf, placed_irf

SPAD = TimeAxis(67, 0.183489, 12.3305)
WIDE = TimeAxis(135, 0.09, 12.5)
ICCD = TimeAxis(140, 0.04, 12.5)


def summed(irf, axis, lifetimes, photons=1e7):
    amplitudes = [1 / len(lifetimes)] * len(lifetimes)
    decay = expected_tpsf(amplitudes, lifetimes, axis=axis.sampled(), irf=irf, photons=photons)
    return np.random.default_rng(1).poisson(decay + 0.02 * photons / axis.n_gates)


@pytest.mark.parametrize("lifetimes", [[2.0], [0.4, 2.5]])
@pytest.mark.parametrize(
    ("axis", "irf", "nominal_ns"),
    [
        (SPAD, GatedIrf(ParametricIrf(8.0, 0.25), Gate(6.1, 0.5, 0.9)), 6.0),
        (WIDE, GatedIrf(ParametricIrf(4.0, 0.25), Gate(3.05, 0.2, 0.3)), 3.0),
        (ICCD, GatedIrf(ParametricIrf(1.0, 0.15), Gate(0.3, 0.1, 0.15)), 0.3),
    ],
)
def test_delay_and_edges_come_back(axis, irf, nominal_ns, lifetimes):
    decay = summed(irf, axis, lifetimes)
    found = fit_gated_irf(decay, axis=axis, gate_length_ns=nominal_ns)
    away = (found.mean_ns - irf.mean_ns + axis.period_ns / 2) % axis.period_ns - axis.period_ns / 2
    assert abs(away) < 0.03
    assert found.gate.length_ns == pytest.approx(
        irf.gate.length_ns, abs=max(0.05, 0.2 * nominal_ns * (nominal_ns < 1))
    )


def test_measured_response_of_a_camera_is_aligned_on_the_sampled_axis():
    irf = GatedIrf(ParametricIrf(8.0, 0.25), Gate(6.1, 0.5, 0.9))
    placed = placed_irf(summed(irf, SPAD, [2.0]), axis=SPAD, measured=irf.moved(-1.3), gate_length_ns=6.0)
    assert (placed.origin, placed.axis) == ("aligned", SPAD.sampled())
    assert placed.shift_ns == pytest.approx(1.3, abs=0.005)
    assert placed.described(0.5)["shift_ns"] == pytest.approx(0.8, abs=0.005)


@pytest.mark.parametrize("lifetimes", [[0.3], [1.0], [0.5, 2.5]])
@pytest.mark.parametrize("fwhm_ns", [0.06, 0.15, 0.25])
def test_response_in_the_bins_of_the_decay_is_not_moved(fwhm_ns, lifetimes):
    """A density that is constant in each bin is wider than the response, and was moved by 0.012 ns."""
    axis = TimeAxis(135, 0.09, 12.5)
    irf = ParametricIrf(1.55, fwhm_ns, 0.1, 0.3)
    measured = MeasuredIrf(1e6 * expected_response(irf, axis=axis), bin_width_ns=0.09)
    amplitudes = [1 / len(lifetimes)] * len(lifetimes)
    decay = expected_tpsf(amplitudes, lifetimes, axis=axis, irf=irf, photons=1e6, background=170)
    assert abs(placed_irf(decay, axis=axis, measured=measured).shift_ns) < 0.003


@pytest.mark.parametrize("lifetimes", [[0.1], [0.3], [3.0], [0.5, 2.5]])
@pytest.mark.parametrize(
    ("axis", "irf", "length_ns"),
    [
        (SPAD, GatedIrf(ParametricIrf(7.5, 0.25, 0.1, 0.3), Gate(6.0, 0.5, 0.8)), 6.0),
        (WIDE, GatedIrf(ParametricIrf(4.0, 0.25, 0.1, 0.3), Gate(2.5, 0.2, 0.25)), 2.5),
        (ICCD, GatedIrf(ParametricIrf(0.9, 0.15, 0.1, 0.3), Gate(0.3, 0.1, 0.1)), 0.3),
    ],
)
def test_response_measured_gate_by_gate_belongs_to_the_starts_of_the_gates(axis, irf, length_ns, lifetimes):
    """A fixed one was half a gate late; for short lifetimes, no trial delay was near the true one."""
    counts = 1e6 * expected_response(irf, axis=axis.sampled())
    measured = MeasuredIrf(counts, bin_width_ns=axis.gate_width_ns)
    decay = summed(irf, axis, lifetimes)
    fixed = placed_irf(decay, axis=axis, measured=measured, gate_length_ns=length_ns, shift_ns=0.0)
    shape = expected_response(fixed.irf, axis=fixed.axis)
    np.testing.assert_allclose(shape / shape.sum(), counts / counts.sum(), atol=2e-4)
    found = placed_irf(decay, axis=axis, measured=measured, gate_length_ns=length_ns)
    assert abs(found.shift_ns) < 0.03


def test_delays_of_pixels_belong_to_the_starts_of_the_gates():
    irf = GatedIrf(ParametricIrf(4.0, 0.25), Gate(2.5, 0.2, 0.25))
    counts = 1e6 * expected_response(irf, axis=WIDE.sampled())
    bank = IrfBank.from_delays(MeasuredIrf(counts, bin_width_ns=0.09), [[-0.1, 0.1]])
    decay = summed(irf, WIDE, [2.0])
    placed = placed_irf(decay, axis=WIDE, measured=bank, gate_length_ns=2.5, shift_ns=0.0)
    assert placed.irf.mean_ns == pytest.approx(bank.mean_ns - 0.045)


def test_maps_of_a_camera_are_right_with_the_length_of_its_gates():
    irf = GatedIrf(ParametricIrf(4.0, 0.25), Gate(3.05, 0.2, 0.3))
    rng = np.random.default_rng(2)
    expected = expected_tpsf([1.0], [1.2], axis=WIDE.sampled(), irf=irf, photons=5000) + 1
    counts = rng.poisson(np.broadcast_to(expected, (12, 12, WIDE.n_gates)))
    names = {"source": "camera", "file_format": "simulated", "gate_width_ns": 0.09, "period_ns": 12.5}
    data = signal_from_counts(counts, **names, gate_length_ns=3.0)
    maps = lifetime_map(data, predictor_source("mle-mono").predictor(data), quality=Quality())
    assert float(maps["tau_mean_ns"].mean()) == pytest.approx(1.2, abs=0.03)
    assert float(maps["flagged"].mean()) < 0.1
    assert maps.attrs["irf"]["origin"] == "fitted"


@pytest.mark.parametrize("length", [0.0, -1.0, 13.0, np.nan])
def test_length_of_a_gate_is_checked(length, tmp_path):
    counts = np.ones(WIDE.n_gates, int)
    with pytest.raises(InputError, match="must be > 0 and <= the laser period"):
        fit_gated_irf(counts, axis=WIDE, gate_length_ns=length)
    np.savez(tmp_path / "a.npz", tpsf=counts[None], gate_width_ns=0.09, period_ns=12.5)
    with pytest.raises(
        InputError, match=r"gate_length_ns=.* must be > 0 and <= the laser period of 12\.5 ns"
    ):
        seq2seqlite.read(tmp_path / "a.npz", gate_length_ns=length)


def test_length_of_a_gate_is_an_attribute(tmp_path):
    np.savez(tmp_path / "a.npz", tpsf=np.ones((1, WIDE.n_gates), int), gate_width_ns=0.09, period_ns=12.5)
    assert seq2seqlite.read(tmp_path / "a.npz", gate_length_ns=3).attrs["gate_length_ns"] == 3.0
    assert "gate_length_ns" not in seq2seqlite.read(tmp_path / "a.npz").attrs


def test_response_longer_than_the_period_is_refused():
    counts = np.ones(WIDE.n_gates)
    counts[20:40] = 100
    long = MeasuredIrf(counts, bin_width_ns=1.0)
    assert long.span_ns == pytest.approx(18, abs=1)
    with pytest.raises(InputError, match=r"extends over 1[789] ns, longer than the laser period of 12\.5 ns"):
        placed_irf(counts, axis=WIDE, measured=long)
