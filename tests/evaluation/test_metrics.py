"""Metrics against hand-made numbers."""

import numpy as np
import pytest

from seq2seqlite.evaluation.metrics import lifetime_metrics, sfd_metrics
from seq2seqlite.training.curve import last_fifth_improvement


def test_rmse_and_r2_are_pooled_l2_is_averaged_over_decays():
    truth = np.zeros((2, 3, 4))
    truth[:, :] = [[[0.0, 1.0, 2.0, 3.0]]]
    predicted = truth.copy()
    predicted[0, 0, 0] += 2.0  # one gate of one decay
    metrics = sfd_metrics(predicted, truth)
    assert metrics["total"] == {
        "rmse": pytest.approx(np.sqrt(4 / 8), rel=1e-5),
        "r2": pytest.approx(1 - 4 / 10),
        "r2_per_decay": pytest.approx(1 - 0.5 * 4 / 5),
        "l2": 1.0,
    }
    assert metrics["short"] == {"rmse": 0.0, "r2": 1.0, "r2_per_decay": 1.0, "l2": 0.0}


def test_faint_component_does_not_determine_the_pooled_r2():
    truth = np.zeros((2, 3, 4))
    truth[0, :], truth[1, :] = [0.0, 1.0, 2.0, 3.0], [0.0, 1e-4, 2e-4, 3e-4]
    metrics = sfd_metrics(truth + 0.01, truth)["short"]
    assert metrics["r2"] > 0.999
    assert metrics["r2_per_decay"] < -1000  # published definition: the mean over decays


def test_absent_component_has_no_r2_and_is_left_out():
    truth = np.zeros((2, 3, 4))
    truth[0] = [0.0, 1.0, 2.0, 3.0]
    metrics = sfd_metrics(truth, truth)["short"]
    assert (metrics["r2"], metrics["r2_per_decay"]) == (1.0, 1.0)
    predicted = truth.copy()
    predicted[1] = [5.0, -5.0, 5.0, -5.0]
    assert sfd_metrics(predicted, truth)["short"]["r2"] == 1.0


def test_lifetime_errors_by_photons_leave_out_what_has_no_lifetime():
    predicted = {"tau_mean_ns": np.array([1.0, 2.0, np.nan, 4.0]), "other": np.zeros(4)}
    truth = {"tau_mean_ns": np.array([1.5, 2.0, 3.0, 2.0])}
    metrics = lifetime_metrics(predicted, truth, photons=np.array([300, 300, 300, 6000]))
    assert list(metrics) == ["tau_mean_ns"]
    row = metrics["tau_mean_ns"]
    assert row["n"] == 3
    assert row["rmse"] == pytest.approx(np.sqrt((0.25 + 4) / 3), rel=1e-5)
    assert row["median_abs_error"] == 0.5
    assert row["bias"] == 0.5
    assert [part["photons"] for part in row["by_photons"]] == [[200.0, 500.0], [5000.0, 10000.0]]
    assert row["by_photons"][0]["n"] == 2


def test_last_fifth_compares_best_with_best_before():
    curve = [{"step": s, "validation_loss": v} for s, v in [(20, 4.0), (80, 2.0), (90, 1.9), (100, 1.95)]]
    assert last_fifth_improvement(curve) == pytest.approx(0.05)
    assert np.isnan(last_fifth_improvement([]))
