"""Quantisation-aware training and pruning of direct networks."""

from dataclasses import replace

import jax
import numpy as np
import pytest
from tests.training.test_direct import INSTRUMENT

from seq2seqlite.compression import CompressionRecipe, Distillation, QuantisationPlan, Sparsity
from seq2seqlite.compression.compress import compress
from seq2seqlite.compression.direct import DirectCompressionObjective
from seq2seqlite.decay import LifetimesWithErrors
from seq2seqlite.errors import InputError
from seq2seqlite.integer import DirectPredictor, lower_direct
from seq2seqlite.training import Recipe
from seq2seqlite.training.loop import train

PLAN = QuantisationPlan(
    bias_bits=12, head_bits=12, gate_bits=7, full_gate=True, state_bits=12, operand_bits=8
)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    folder = tmp_path_factory.mktemp("direct")
    (folder / "wide.toml").write_text(INSTRUMENT, encoding="utf-8")
    first = Recipe(
        name="wide-direct", instrument=str(folder / "wide.toml"), layers=(8,), cell="lite",
        output="lifetimes",
        response_lifetimes_ns=(0.0, 1.0), steps=150, batch=64, warmup_steps=10, learning_rate=1e-2,
        validation_decays=512, validation_every=50,
    )  # fmt: skip
    train(first).model.write(folder / "wide-direct.npz")
    return replace(first, name="wide-direct-int8", start_from=str(folder / "wide-direct.npz"), steps=60)


@pytest.mark.parametrize("share", [0.0, 0.4])
def test_gradient_equals_that_of_jax(recipe, share):
    objective = DirectCompressionObjective(
        CompressionRecipe(
            recipe,
            distillation=Distillation((recipe.start_from,), weight=share),
            sparsity=Sparsity(weights=0.3),
            quantisation=PLAN,
        )
    )
    simulator = objective.simulator("train")
    batch = objective.batch(simulator, simulator.chunk(3, n=48))
    parameters = objective.start()
    loss, gradient = objective.loss_and_gradient(parameters, batch, 40)
    wanted_loss, wanted = jax.value_and_grad(objective.loss)(parameters, batch, 40)
    assert float(loss) == pytest.approx(float(wanted_loss), rel=1e-4)
    assert set(gradient) == set(wanted)
    for name, value in wanted.items():
        np.testing.assert_allclose(gradient[name], value, atol=1e-3 * np.abs(value).max(), err_msg=name)


def test_a_student_equal_to_its_teacher_has_nothing_to_learn_from_it(recipe):
    teacher = Distillation((recipe.start_from,), weight=1.0)
    gradients = []
    for distillation in (None, teacher):
        objective = DirectCompressionObjective(CompressionRecipe(recipe, distillation=distillation))
        simulator = objective.simulator("train")
        batch = objective.batch(simulator, simulator.chunk(3, n=48))
        _, gradient = objective.loss_and_gradient(objective.start(), batch, 0)
        gradients.append(np.asarray(gradient["head/kernel"]))
    of_truth, of_teacher = gradients
    assert (np.abs(of_truth[:, :4]).max(axis=0) > 1e-3).all()
    np.testing.assert_allclose(of_teacher[:, :4], 0, atol=1e-4)
    # The standard errors are those of the truth.
    np.testing.assert_allclose(of_teacher[:, 4:], of_truth[:, 4:], rtol=1e-4, atol=1e-6)


def test_a_teacher_must_be_direct_and_get_the_same_response(recipe, tmp_path):
    other = replace(recipe, response_lifetimes_ns=(0.0,), start_from=None, steps=20)
    train(other).model.write(tmp_path / "other.npz")
    distillation = Distillation((str(tmp_path / "other.npz"),))
    objective = DirectCompressionObjective(CompressionRecipe(recipe, distillation=distillation))
    simulator = objective.simulator("train")
    with pytest.raises(InputError, match=r"teacher .* choose a direct float model with one layer"):
        objective.batch(simulator, simulator.chunk(3, n=4))


def test_training_recovers_what_rounding_lost(recipe):
    narrow = CompressionRecipe(recipe, quantisation=replace(PLAN, weight_bits=4))
    result = compress(narrow)
    objective = DirectCompressionObjective(narrow)
    simulator = objective.simulator("validation")
    batch = objective.batch(simulator, simulator.decays(recipe.validation_decays))
    before, _ = objective.validation(objective.start(), batch, recipe.steps)
    assert result.summary["best_validation_loss"] < 0.95 * before
    assert result.model.content.error_scale is not None
    assert result.model.content.max_background == pytest.approx(0.05)


def test_a_pruned_student_is_an_integer_program_with_errors(recipe):
    result = compress(
        CompressionRecipe(replace(recipe, steps=20), sparsity=Sparsity(units=0.5, end=0.5), quantisation=PLAN)
    )
    program = lower_direct(result.model)
    assert program.units == 4
    simulator = DirectCompressionObjective(CompressionRecipe(recipe)).simulator("validation")
    decays = simulator.chunk(0, n=64)
    found = DirectPredictor(program).lifetimes(decays.tpsf)
    assert isinstance(found, LifetimesWithErrors)
    expected = result.model.lifetimes(decays.tpsf)
    np.testing.assert_array_equal(found.tau_mean_ns, expected.tau_mean_ns)
    # The factors of a network of 20 steps change fast with the counts; they are interpolated between octaves.
    np.testing.assert_allclose(found.tau_mean_std_ns, expected.tau_mean_std_ns, rtol=0.1)
