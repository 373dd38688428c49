"""The training loop on tiny networks."""

import dataclasses

import numpy as np
import pytest

from seq2seqlite.errors import InputError
from seq2seqlite.evaluation.networks import evaluate_decays
from seq2seqlite.simulation.decay_set import simulated_set
from seq2seqlite.simulation.instrument import load_instrument
from seq2seqlite.training.loop import train
from seq2seqlite.training.objective import Objective
from seq2seqlite.training.recipe import Recipe, load_recipe, recipe_names
from seq2seqlite.training.stages import stages_of

TINY = Recipe(
    name="tiny",
    instrument="narrow-gate",
    layers=(6,),
    cell="lite",
    steps=24,
    batch=32,
    warmup_steps=2,
    learning_rate=0.02,
    validation_decays=64,
    validation_every=6,
)


class Stopped(Exception):
    pass


def test_loss_falls_and_the_curve_is_recorded():
    result = train(TINY)
    losses = [row["validation_loss"] for row in result.curve]
    assert [row["step"] for row in result.curve] == [6, 12, 18, 24]
    assert losses[-1] < 0.7 * losses[0]
    assert result.summary["decays"] == 24 * 32
    assert result.summary["best_validation_loss"] == min(losses)
    assert result.model.name == "tiny"


def test_stopped_training_goes_on_bit_for_bit(tmp_path, monkeypatch):
    monkeypatch.setattr("seq2seqlite.training.loop.CHECKPOINT_SECONDS", 0.0)
    whole = train(TINY)

    def stop(step, steps, loss):
        if step == 14:
            raise Stopped

    checkpoint = tmp_path / "checkpoint.npz"
    with pytest.raises(Stopped):
        train(TINY, checkpoint=checkpoint, progress=stop)
    steps = []
    resumed = train(TINY, checkpoint=checkpoint, progress=lambda step, steps_, loss: steps.append(step))
    assert steps[0] == 14  # the step whose end was never saved is done again
    assert resumed.curve == whole.curve
    for name, value in whole.model.content.parameters.items():
        np.testing.assert_array_equal(resumed.model.content.parameters[name], value)


def test_checkpoint_of_another_recipe_or_broken_is_refused(tmp_path):
    checkpoint = tmp_path / "checkpoint.npz"
    train(dataclasses.replace(TINY, steps=4), checkpoint=checkpoint)
    with pytest.raises(
        InputError, match="checkpoint.npz belongs to a different recipe; use another file, or delete it"
    ):
        train(TINY, checkpoint=checkpoint)
    checkpoint.write_bytes(checkpoint.read_bytes()[:500])
    with pytest.raises(
        InputError,
        match="checkpoint.npz is not a valid seq2seqlite checkpoint .*; delete it to restart the training",
    ):
        train(TINY, checkpoint=checkpoint)


def test_start_from_a_model_keeps_its_weights_and_patience_ends_early(tmp_path):
    first = train(TINY).model
    first.write(tmp_path / "first.npz")
    recipe = dataclasses.replace(
        TINY,
        start_from=str(tmp_path / "first.npz"),
        learning_rate=1e-12,
        patience=1,
        steps=200,
        validation_every=2,
    )
    result = train(recipe)
    assert result.summary["steps"] < 200
    for name, value in first.content.parameters.items():
        np.testing.assert_allclose(result.model.content.parameters[name], value, atol=1e-8)
    with pytest.raises(InputError, match=r"use the same layers and cell, or larger"):
        train(dataclasses.replace(recipe, layers=(min(recipe.layers) - 1,)))


def test_data_of_another_axis_are_refused(tmp_path):
    model = train(dataclasses.replace(TINY, steps=4)).model
    axis = dataclasses.replace(model.axis, gate_width_ns=0.08)
    other = type(model)(dataclasses.replace(model.content, axis=axis))
    data = simulated_set(load_instrument("narrow-gate"), 3, seed=5, split="validation")
    with pytest.raises(InputError, match="re-bin the data"):
        evaluate_decays(other, data)


def test_diverged_training_says_so():
    with pytest.raises(InputError, match="the training diverged at step 6"):
        train(dataclasses.replace(TINY, learning_rate=1e30, clip_norm=1e30, warmup_steps=0, layers=(4,)))


def test_every_shipped_recipe_is_valid():
    names = recipe_names()
    assert "seq2seqlite-tcspc-80mhz-float" in names
    for name in names:
        recipe = load_recipe(name)
        assert recipe.name == name
        assert Recipe.from_dict(recipe.to_dict()) == recipe


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "layres = [3]",
            "the recipe has an unknown key 'layres'; known keys are amplitude_weight, background, ",
        ),
        ("steps = 1.5", "steps=1.5 must be an integer"),
        ("learning_rate = 'fast'", "learning_rate='fast' must be a number"),
        ("learning_rate = 0", "learning_rate=0.0 must be > 0"),
        ("amplitude_weight = -1.0", "amplitude_weight=-1.0 must be >= 0"),
        ("channel_weights = [1, 2]", r"channel_weights=\[1.0, 2.0\] must be three numbers >= 0"),
        ("start_from = 3", "start_from=3 must be a string"),
        ("warmup_steps = 5000", "warmup_steps=5000 must be >= 0 and < steps=4000"),
        ("steps = ", "is not valid TOML"),
    ],
)
def test_bad_recipe_says_key_value_and_rule(tmp_path, text, message):
    path = tmp_path / "recipe.toml"
    path.write_text(f'name = "x"\ninstrument = "narrow-gate"\nlayers = [4]\ncell = "lite"\n{text}\n')
    with pytest.raises(InputError, match=message):
        load_recipe(path)


def test_unknown_recipe_lists_the_known(tmp_path):
    with pytest.raises(InputError, match="recipe 'x' is unknown; choose one of seq2seq-"):
        load_recipe("x")
    with pytest.raises(InputError, match="recipe file .*x.toml does not exist"):
        load_recipe(tmp_path / "x.toml")


def test_distance_weighs_channels_and_amplitude():
    recipe = dataclasses.replace(TINY, channel_weights=(4.0, 1.0, 1.0), amplitude_weight=0.5)
    targets = np.zeros((2, 3, 3), np.float32)
    predicted = targets.copy()
    predicted[0, :, 0] = 0.2
    assert float(Objective(recipe).distance(predicted, targets)) == pytest.approx(2 * 0.04 / 6)
    predicted[0, :, 0] = 0.0
    predicted[0, :, 1:] = [0.1, 0.3]  # an amplitude that is 0.4 too large
    assert float(Objective(recipe).distance(predicted, targets)) == pytest.approx(
        0.5 * (0.01 + 0.09) / 6 + 0.5 * 0.16
    )
    predicted[0, :, 2] = -0.1  # one component's excess is the other's lack
    assert float(Objective(recipe).distance(predicted, targets)) == pytest.approx(0.5 * 0.02 / 6)


STAGED = dataclasses.replace(TINY, steps=40, tolerance=0.05, max_steps=80, validation_every=4)


def test_stages_extend_the_constant_rate_by_a_fifth():
    stages = stages_of(dataclasses.replace(TINY, steps=1000, tolerance=0.1, max_steps=2000))
    assert [stage.end for stage in stages] == [800, 1000, 1250, 1562, 1952]
    assert [stage.begin for stage in stages] == [640, 800, 1000, 1250, 1562]
    with pytest.raises(InputError, match="warmup_steps=2 must be less than 64% of steps=3"):
        train(dataclasses.replace(STAGED, steps=3))


def test_staged_training_stops_when_the_last_fifth_gains_little(monkeypatch):
    losses = iter([10, 9, 8, 7, 6, 5, 4, 3.99, 3.98, 3.97, *[3.9] * 100])

    def validator(recipe, objective):
        return lambda parameters, step: (next(losses), 0.1)

    monkeypatch.setattr("seq2seqlite.training.loop._validator", validator)
    summary = train(STAGED).summary
    # Stages end at steps 32, 40, 50, 62 and 77; their first rows are at the constant rate.
    assert summary["converged"]
    assert summary["stage_losses"] == [3.99, 3.9]
    assert summary["last_fifth_improvement"] == pytest.approx(1 - 3.9 / 3.99)
    assert (summary["steps"], summary["decays"], summary["steps_computed"]) == (40, 40 * 32, 32 + 6 + 8)


ENDLESS = dataclasses.replace(STAGED, tolerance=1e-6, max_steps=40)


@pytest.fixture(scope="module")
def endless():
    return train(ENDLESS)


def test_staged_training_that_still_gains_at_its_ceiling_has_not_converged(endless):
    assert not endless.summary["converged"]
    assert endless.summary["steps"] == 40
    assert len(endless.summary["stage_losses"]) == 2
    cooled = [row for row in endless.curve if row["cool_down"]]
    assert {row["cool_down"] for row in cooled} == {1, 2}
    assert endless.summary["best_validation_loss"] == min(row["validation_loss"] for row in cooled)


# In the first cool-down, and at the constant rate after it.
@pytest.mark.parametrize("stop_at", [30, 34])
def test_staged_training_resumes_bit_for_bit(endless, tmp_path, monkeypatch, stop_at):
    monkeypatch.setattr("seq2seqlite.training.loop.CHECKPOINT_SECONDS", 0.0)
    recipe, whole = ENDLESS, endless
    calls = []

    def stop(step, steps, loss):
        calls.append(step)
        if len(calls) == stop_at:
            raise Stopped

    checkpoint = tmp_path / "checkpoint.npz"
    with pytest.raises(Stopped):
        train(recipe, checkpoint=checkpoint, progress=stop)
    resumed = train(recipe, checkpoint=checkpoint)
    assert resumed.curve == whole.curve
    assert resumed.summary["stage_losses"] == whole.summary["stage_losses"]
    assert train(recipe, checkpoint=checkpoint).curve == whole.curve  # it is finished
    for name, value in whole.model.content.parameters.items():
        np.testing.assert_array_equal(resumed.model.content.parameters[name], value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tolerance": 1.0}, "tolerance=1.0 must be >= 0 and < 1"),
        ({"tolerance": 0.1, "max_steps": 10}, "needs max_steps=10 >= steps=24"),
        ({"tolerance": 0.1, "max_steps": 50, "patience": 2}, "patience=2 to be 0"),
        ({"max_steps": 50}, "max_steps=50 needs a tolerance"),
    ],
)
def test_bad_convergence_settings_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        dataclasses.replace(TINY, **change)
