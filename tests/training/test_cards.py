"""The shipped models do what their cards say."""

import math

import numpy as np
import pytest

from seq2seqlite.datasets import instrument_names, reference_set
from seq2seqlite.models import load_model, model_card, model_names
from seq2seqlite.training import evaluate_decays, last_fifth_improvement, load_recipe

FAMILIES = ("seq2seq", "seq2seqlite")
# Cards give six significant digits. On the CPU that made them these come back exactly; the order of float32
# sums, which differs between CPUs, can change the last one or two.
LAST_DIGITS = 2e-5


def assert_equal_to_the_last_digits(actual, expected, path):
    if isinstance(expected, dict):
        assert actual.keys() == expected.keys(), path
        for key in expected:
            assert_equal_to_the_last_digits(actual[key], expected[key], f"{path}.{key}")
    elif isinstance(expected, list):
        for index, (one, other) in enumerate(zip(actual, expected, strict=True)):
            assert_equal_to_the_last_digits(one, other, f"{path}[{index}]")
    elif isinstance(expected, float):
        assert math.isclose(actual, expected, rel_tol=LAST_DIGITS, abs_tol=LAST_DIGITS), path
    else:
        assert actual == expected, path


def test_each_instrument_has_a_teacher_and_a_student():
    expected = {f"{family}-{name}-float" for family in FAMILIES for name in instrument_names()}
    assert expected <= set(model_names())


@pytest.mark.parametrize("instrument", instrument_names())
def test_metrics_of_teacher_and_student_come_back(instrument):
    data = reference_set(instrument, n=20_000)
    total = {}
    for family in FAMILIES:
        card = model_card(f"{family}-{instrument}-float")
        assert card["reference"]["n"] == 20_000
        assert card["reference"]["sha256"] == data.sha256
        metrics = evaluate_decays(load_model(card["name"]), data)
        assert_equal_to_the_last_digits(metrics, card["reference"]["metrics"], card["name"])
        total[family] = metrics["total"]["rmse"]
    assert total["seq2seqlite"] <= 1.10 * total["seq2seq"]


@pytest.mark.parametrize("name", model_names())
def test_card_says_how_the_model_came_about(name):
    card = model_card(name)
    assert card["licence"] == "BSD-3-Clause"
    assert card["recipe"] == load_recipe(name).to_dict()
    assert card["parameters"] == load_model(name).architecture.n_parameters
    assert card["instrument"]["name"] == card["recipe"]["instrument"]
    curve = card["training"]["curve"]
    assert curve[-1]["step"] == card["training"]["steps"]
    assert card["training"]["last_fifth_improvement"] == pytest.approx(last_fifth_improvement(curve))
    assert card["training"]["best_validation_loss"] == min(row["validation_loss"] for row in curve)


@pytest.mark.parametrize("instrument", instrument_names())
def test_teacher_is_trained_out(instrument):
    assert model_card(f"seq2seq-{instrument}-float")["training"]["last_fifth_improvement"] < 0.02


def test_student_reads_the_lifetimes_of_bright_decays():
    data = reference_set("tcspc-80mhz", n=2000)
    assert data.truth is not None
    bright = data.tpsf.sum(axis=1) > 5000
    predicted = load_model("seq2seqlite-tcspc-80mhz-float").lifetimes(data.tpsf[bright])
    error = predicted.tau_mean_ns - data.truth.tau_mean_ns[bright]
    assert np.median(np.abs(error)) < 0.2
    assert abs(np.median(error)) < 0.1
