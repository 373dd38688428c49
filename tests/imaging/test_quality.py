"""The quality flag of maps: silent where predictions agree with the counts, loud where they do not."""

import numpy as np
import pytest

from seq2seqlite.decay import ParametricIrf, TimeAxis, expected_tpsf
from seq2seqlite.estimators import CentreOfMass
from seq2seqlite.imaging.frame_analysis import lifetime_map
from seq2seqlite.imaging.quality import Quality
from seq2seqlite.io.signal import signal_from_counts
from seq2seqlite.predictors.native_axis import NativeAxisPredictor, native_axis
from seq2seqlite.results.summary import Summary

AXIS = TimeAxis(n_gates=135, gate_width_ns=0.09, period_ns=12.5)
IRF = ParametricIrf(1.5, 0.25)


def image(irf):
    expected = expected_tpsf([1.0], [2.0], axis=AXIS, irf=irf, photons=3000, background=0.5)
    counts = np.random.default_rng(1).poisson(np.broadcast_to(expected, (10, 20, 135)))
    return signal_from_counts(counts, source="a.npz", file_format="npz", gate_width_ns=0.09, period_ns=12.5)


@pytest.mark.parametrize("irf", [IRF.moved(3.0), None])
def test_agreement_is_not_flagged(irf):
    maps = lifetime_map(image(IRF), CentreOfMass(AXIS, IRF), quality=Quality(irf))
    assert float(maps["flagged"].mean()) < 0.1
    assert float(maps["chi_square"].median()) == pytest.approx(1, abs=0.1)
    summary = Summary.of(maps).to_dict()
    assert summary["pixels_flagged"] == int(maps["flagged"].sum())
    assert summary["quality"]["irf"] == ("fitted to the summed decay" if irf is None else "given, aligned")


def test_a_predictor_with_a_wrong_irf_is_flagged():
    wrong = CentreOfMass(AXIS, ParametricIrf(1.5, 0.25, 0.5, 1.0))
    maps = lifetime_map(image(IRF), wrong, quality=Quality(IRF))
    assert float(maps["flagged"].mean()) > 0.9
    assert float(maps["deviation"].median()) > 2.5  # the counts would have the lifetimes longer


def test_maps_without_a_check_have_no_flag():
    assert "flagged" not in lifetime_map(image(IRF), CentreOfMass(AXIS, IRF))


def test_an_estimator_works_on_the_bins_of_the_measurement():
    data = image(IRF)
    axis, decay, edge_ns, _ = native_axis(data)
    assert (axis, decay.sum()) == (AXIS, data.values.sum())
    maps = lifetime_map(data, NativeAxisPredictor(CentreOfMass(axis, IRF), edge_ns))
    direct = CentreOfMass(AXIS, IRF).lifetimes(data.values.reshape(-1, 135)).tau_mean_ns
    np.testing.assert_allclose(maps["tau_mean_ns"].values.ravel(), direct, rtol=1e-4)
