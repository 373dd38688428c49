"""Direct networks: objective, training, model files and predictors."""

import dataclasses
import pickle
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from seq2seqlite.decay import LifetimesWithErrors
from seq2seqlite.errors import InputError
from seq2seqlite.gru.direct_engine import DirectEngine
from seq2seqlite.models import Network, load_model
from seq2seqlite.predictors import load_predictor
from seq2seqlite.simulation import Simulator, load_instrument
from seq2seqlite.training import Recipe
from seq2seqlite.training.calibration import error_factor
from seq2seqlite.training.direct import DirectObjective
from seq2seqlite.training.loop import train

INSTRUMENT = """
name = "wide"
axis = { n_gates = 40, gate_width_ns = 0.3, period_ns = 12.5 }
gate = { length_ns = [2.0, 3.0], length_spread = 0.02, rise_ns = [0.1, 0.3], fall_ns = 0.2 }
irf = { center_ns = [1.2, 1.8], fwhm_ns = [0.2, 0.4], n_irfs = 16 }
decays = { tau_ns = [0.3, 3.0], mono_exponential = 0.5, mono_tau = "both" }
"""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    file = tmp_path_factory.mktemp("direct") / "wide.toml"
    file.write_text(INSTRUMENT, encoding="utf-8")
    return Recipe(
        name="wide-direct", instrument=str(file), layers=(8,), cell="lite", output="lifetimes",
        response_lifetimes_ns=(0.0, 1.0), steps=60, batch=64, warmup_steps=10, learning_rate=1e-2,
        validation_decays=256, validation_every=30,
    )  # fmt: skip


@pytest.fixture(scope="module")
def network(recipe: Recipe) -> Network:
    return train(recipe).model


def test_gradient_equals_that_of_jax(recipe: Recipe) -> None:
    objective = DirectObjective(recipe)
    simulator = objective.simulator("train")
    batch = objective.batch(simulator, simulator.chunk(3, n=48))
    parameters = objective.start()
    loss, gradient = objective.loss_and_gradient(parameters, batch, 0)
    wanted_loss, wanted = jax.value_and_grad(objective.loss)(parameters, batch, 0)
    assert float(loss) == pytest.approx(float(wanted_loss), rel=1e-5)
    assert set(gradient) == set(wanted)
    for name, value in wanted.items():
        np.testing.assert_allclose(gradient[name], value, atol=1e-4 * np.abs(value).max(), err_msg=name)


def test_training_reduces_the_error_and_resumes_bit_for_bit(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train(recipe)
    errors = [row["validation_total_rmse"] for row in whole.curve]
    assert errors[-1] < errors[0]
    checkpoint = tmp_path / "training.npz"
    # The state is saved at the end: stop after a part of the steps, as an interrupted training does.
    state: dict[str, int] = {}

    def interrupt(step: int, _: int, __: float) -> None:
        state["step"] = step
        if step == 37:
            raise KeyboardInterrupt

    monkeypatch.setattr("seq2seqlite.training.loop.CHECKPOINT_SECONDS", 0.0)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, checkpoint=checkpoint, progress=interrupt)
    again = train(recipe, checkpoint=checkpoint)
    assert state["step"] == 37
    for name, value in whole.model.content.parameters.items():
        np.testing.assert_array_equal(value, again.model.content.parameters[name])


def test_model_file_keeps_everything(network: Network, tmp_path: Path) -> None:
    file = tmp_path / "direct.npz"
    network.write(file)
    again = load_model(file).content
    for field in dataclasses.fields(again):
        if field.name != "parameters":
            assert getattr(again, field.name) == getattr(network.content, field.name)
    assert again.architecture.direct
    assert again.response_lifetimes_ns == (0.0, 1.0)
    assert again.tau_range_ns == (0.3, 3.0)
    assert again.error_scale is not None
    assert len(again.error_scale.given[0]) == 4


def test_engine_equals_the_network(network: Network, recipe: Recipe, tmp_path: Path) -> None:
    simulator = Simulator(load_instrument(recipe.instrument), seed=2, split="reference", responses=True)
    decays = simulator.chunk(0, n=100)
    assert decays.response is not None
    tpsf, response = decays.tpsf, decays.response[int(decays.response.sum(axis=1).argmax())]
    file = tmp_path / "direct.npz"
    network.write(file)
    engine = load_predictor(file)
    assert isinstance(engine, DirectEngine)
    blind, given = engine.lifetimes(tpsf), engine.with_response(response).lifetimes(tpsf)
    wanted = network.with_response(response).lifetimes(tpsf)
    for field in dataclasses.fields(given):
        ours, theirs = getattr(given, field.name), getattr(wanted, field.name)
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=1e-5, err_msg=field.name)
    assert not np.array_equal(blind.tau_mean_ns, given.tau_mean_ns)
    few = engine.with_response(response).lifetimes(tpsf[11:14])
    np.testing.assert_array_equal(few.tau_mean_ns, given.tau_mean_ns[11:14])
    copy = pickle.loads(pickle.dumps(engine.with_response(response)))  # noqa: S301 - our own
    np.testing.assert_array_equal(copy.lifetimes(tpsf).tau_mean_std_ns, given.tau_mean_std_ns)


def test_lifetimes_are_physical_and_dark_pixels_nan(network: Network) -> None:
    rng = np.random.default_rng(1)
    tpsf = rng.integers(0, 2**16, size=(200, 40))
    tpsf[7] = 0
    found = network.lifetimes(tpsf)
    assert isinstance(found, LifetimesWithErrors)
    kept = np.delete(np.arange(200), 7)
    assert all(np.isnan(getattr(found, field.name)[7]) for field in dataclasses.fields(found))
    assert (found.tau_short_ns[kept] <= found.tau_mean_ns[kept]).all()
    assert (found.tau_mean_ns[kept] <= found.tau_long_ns[kept]).all()
    assert (found.tau_mean_std_ns[kept] > 0).all()
    assert ((found.amplitude_fraction[kept] >= 0) & (found.amplitude_fraction[kept] <= 1)).all()


def test_errors_contain_the_truth_as_often_as_they_say(network: Network, recipe: Recipe) -> None:
    simulator = Simulator(load_instrument(recipe.instrument), seed=99, split="validation", responses=True)
    objective = DirectObjective(recipe)
    decays = simulator.decays(8192)
    batch = objective.batch(simulator, decays)
    assert decays.response is not None
    assert network.content.error_scale is not None
    two = decays.tau_short_ns < decays.tau_long_ns
    for given in (True, False):
        chosen = (decays.response.sum(axis=1) > 0) == given
        outputs = objective.outputs(network.content.parameters, batch)[chosen]
        factors = network.content.error_scale.factors(batch.counts[chosen], response_given=given)
        std = np.exp(outputs[:, 4:]) / np.sqrt(batch.counts[chosen])[:, None] * factors
        ratio = np.abs(outputs[:, :4] - batch.targets[chosen]) / std
        assert 0.62 < (ratio[:, 0] < 1).mean() < 0.78
        assert (ratio[:, 0] < 2).mean() > 0.90
        assert 0.50 < (ratio[two[chosen], 3] < 1).mean() < 0.82


def test_factor_of_normal_errors_is_their_standard_deviation() -> None:
    ratio = np.abs(np.random.default_rng(1).normal(0, 1.7, 200_000))
    assert error_factor(ratio) == pytest.approx(1.7, rel=0.01)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"output": "lifetime"}, "output='lifetime' is unknown; choose one of sfd, lifetimes"),
        ({"cell": "standard"}, "output='lifetimes' needs one layer with cell='lite'"),
        ({"layers": (8, 8)}, "output='lifetimes' needs one layer with cell='lite'"),
        ({"lifetime_weight": 0.1}, r"lifetime_weight=0\.1 needs output='sfd'"),
        ({"response_lifetimes_ns": (-1.0,)}, r"response_lifetimes_ns=\[-1\.0\] must be between 0 and 1000"),
        ({"response_lifetimes_ns": (1.0,) * 16}, "n_inputs=17 must be between 1 and 16"),
    ],
)
def test_invalid_recipe_is_refused(recipe: Recipe, change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        dataclasses.replace(recipe, **change)


def test_what_a_direct_network_does_not_do(network: Network) -> None:
    with pytest.raises(InputError, match="predicts lifetimes directly; it has no decay without IRF"):
        network.sfd(np.ones((1, 40)))
    with pytest.raises(InputError, match="model seq2seqlite-tcspc-80mhz-float does not use a response"):
        load_model("seq2seqlite-tcspc-80mhz-float").with_response(np.ones(135))
