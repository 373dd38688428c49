"""Networks of other families: sizes, operations, training by the loop of the students, cost."""

import dataclasses

import jax
import numpy as np
import pytest

from seq2seqlite.errors import InputError
from seq2seqlite.protocols import SfdPredictor
from seq2seqlite.simulation import Simulator, load_instrument
from seq2seqlite.studies.baselines import BASELINES
from seq2seqlite.studies.baselines.networks import Baseline, Product
from seq2seqlite.studies.baselines.objective import BaselineNetwork, baseline_cost, train_baseline
from seq2seqlite.studies.runs import evaluated
from seq2seqlite.studies.study import load_study
from seq2seqlite.training import Recipe

RECIPE = Recipe(
    name="tiny", instrument="narrow-gate", layers=(1,), cell="lite", steps=12, batch=16, warmup_steps=2,
    learning_rate=0.01, validation_decays=32, validation_every=4,
)  # fmt: skip


@pytest.mark.parametrize("name", BASELINES)
def test_network_is_small_and_sees_the_whole_decay(name):
    baseline = BASELINES[name]
    assert 5_000 < baseline.n_parameters <= 10_000
    weights = baseline.start(1)
    inputs = np.random.default_rng(0).random((1, 135), np.float32)
    inputs = np.repeat(inputs, 4, axis=0)
    inputs[[1, 2, 3], [0, 40, 134]] += 1
    sfd = np.asarray(jax.jit(baseline.predict)(weights, inputs))
    assert sfd.shape == (135, 4, 3)
    assert (np.abs(sfd[67, 1:] - sfd[67, :1]).max(axis=-1) > 1e-6).all()
    assert baseline.macs(270) < 2.1 * baseline.macs(135)


def test_multiplications_are_those_of_all_products_at_all_gates():
    sizes = {"down0": 45, "down1": 15, "down2": 5, "middle": 5, "up0": 15, "up1": 45, "up2": 135, "head": 135}
    cnn = BASELINES["cnn"]
    assert cnn.macs(135) == sum(np.prod(cnn.shapes[f"{key}/kernel"]) * n for key, n in sizes.items())
    inner = 40 * 40 * (2 * 135 + 2) + 40 * (2 * 135) + 40 * 3 * 135
    assert BASELINES["mingru"].macs(135) == inner + 3 * 40 * 135


def test_min_gru_is_its_recurrence():
    baseline, inputs = BASELINES["mingru"], np.random.default_rng(1).random((3, 6)).astype(np.float32)
    weights = baseline.start(2)
    x = inputs.T[..., None].astype(np.float64)
    for layer in ("layer0", "layer1"):
        state, states = 0.0, []
        for row in x:
            gate = 1 / (1 + np.exp(-(row @ weights[f"{layer}/gate/kernel"]) - weights[f"{layer}/gate/bias"]))
            state = (1 - gate) * state + gate * (row @ weights[f"{layer}/kernel"])
            states.append(state)
        x = np.stack(states)
    first = np.maximum(x[-1] @ weights["middle/kernel"], 0) @ weights["target/kernel"]
    decay = np.exp(-np.exp(-weights["decoder/rate"].astype(np.float64)))
    expected = np.stack([decay**t * first @ weights["head/kernel"] for t in range(6)])
    np.testing.assert_allclose(baseline.predict(weights, inputs), expected, atol=1e-4)


def test_training_is_a_row_of_a_study(tmp_path, monkeypatch):
    # The adder graphs of this network take half a minute.
    monkeypatch.setattr("seq2seqlite.studies.baselines.objective.product_cost", lambda *_: 7.0)
    result = train_baseline(dataclasses.replace(RECIPE, tolerance=0.5, max_steps=20), "cnn")
    model = result.model
    assert isinstance(model, SfdPredictor)
    assert result.summary["steps"] >= 12
    losses = [row["validation_loss"] for row in result.curve]
    assert min(losses) < losses[0]
    (tmp_path / "study.toml").write_text(
        'name = "one"\ninstrument = "narrow-gate"\nteacher = "seq2seqlite-narrow-gate-float"\n'
        "reference_decays = 20\nbound_repeats = 8\n[defaults.training]\nlayers = [8]\ncell = 'lite'\n"
        "[[run]]\ngroup = 'baselines'\nlabel = 'a'\nbaseline = 'cnn'\n"
    )
    study = load_study(tmp_path / "study.toml")
    assert study.runs[0].baseline == "cnn"
    figures = evaluated(model, study)
    assert (figures["cost"]["parameters"], figures["cost"]["lut_estimate"]) == (8779, 8 * 7)
    assert figures["over_bound"]["1000"] > 1
    assert np.isnan(model.lifetimes(np.zeros((1, 135))).tau_mean_ns).all()
    model.write(tmp_path / "model.npz")
    with np.load(tmp_path / "model.npz") as found:
        assert set(found) == set(BASELINES["cnn"].shapes)
    text = (tmp_path / "study.toml").read_text()
    (tmp_path / "study.toml").write_text(text.replace("baseline = 'cnn'", "baseline = 'cn'"))
    with pytest.raises(InputError, match="run.baseline='cn' must be one of cnn, tcn, mingru, linear"):
        load_study(tmp_path / "study.toml")


def test_cost_of_one_adder_graph():
    baseline = Baseline(
        "one", {"a/kernel": (2, 1), "a/bias": (1,)}, lambda weights, x: x,
        (Product("a/kernel", "a/bias", lambda n: n),),
    )  # fmt: skip
    simulator = Simulator(load_instrument("narrow-gate"), seed=1, split="validation")

    def luts(kernel):
        weights = {"a/kernel": np.array(kernel), "a/bias": np.zeros(1)}
        return baseline_cost(BaselineNetwork(baseline, weights, simulator, name="one"))["lut_estimate"]

    assert luts([[0.0], [0.0]]) == 0
    assert luts([[0.5], [0.25]]) < luts([[0.6], [0.3]]) < 100
