"""Quantisation-aware training of networks with a decoder that get the response."""

from dataclasses import replace

import jax
import numpy as np
import pytest
from tests.training.test_compiled import INSTRUMENT

from seq2seqlite.compression import CompressionRecipe, Distillation, QuantisationPlan, Sparsity
from seq2seqlite.compression.compiled import CompiledCompressionObjective, compression_objective
from seq2seqlite.compression.compress import compress
from seq2seqlite.compression.objective import CompressionObjective
from seq2seqlite.decay import LifetimesWithErrors
from seq2seqlite.errors import InputError
from seq2seqlite.integer import ProgramPredictor, lower
from seq2seqlite.models.model_file import read_model_file
from seq2seqlite.simulation.instrument import load_instrument
from seq2seqlite.simulation.simulator import Simulator
from seq2seqlite.training import Recipe
from seq2seqlite.training.loop import train

PLAN = QuantisationPlan(
    bias_bits=12, head_bits=12, gate_bits=7, full_gate=True, state_bits=10, operand_bits=8, output_bits=12
)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    folder = tmp_path_factory.mktemp("response")
    (folder / "wide.toml").write_text(INSTRUMENT, encoding="utf-8")
    first = Recipe(
        name="wide-sfd", instrument=str(folder / "wide.toml"), layers=(8,), cell="lite",
        response_lifetimes_ns=(0.0, 1.0), lifetime_weight=0.01, steps=100, batch=64, warmup_steps=10,
        learning_rate=1e-2, validation_decays=512, validation_every=50,
    )  # fmt: skip
    train(first).model.write(folder / "wide-sfd.npz")
    return replace(
        first, name="wide-int8", start_from=str(folder / "wide-sfd.npz"), steps=60, learning_rate=4e-3
    )


@pytest.fixture(scope="module")
def result(recipe):
    return compress(CompressionRecipe(recipe, quantisation=PLAN))


def test_gradient_equals_that_of_jax(recipe):
    whole = CompressionRecipe(recipe, sparsity=Sparsity(weights=0.3), quantisation=PLAN)
    compiled, objective = compression_objective(whole), CompressionObjective(whole)
    assert isinstance(compiled, CompiledCompressionObjective)
    batch = next(compiled.batches(compiled.simulator("train"), start=3))
    steps = batch.inputs[..., 1:] / PLAN_RESPONSE_STEP
    np.testing.assert_array_equal(steps, np.round(steps))
    parameters, step = jax.device_put(objective.start()), 40
    loss, gradient = compiled.loss_and_gradient(parameters, batch, step)
    wanted_loss, wanted = jax.jit(objective.loss_and_gradient)(parameters, batch, step)
    assert float(loss) == pytest.approx(float(wanted_loss), rel=1e-4)
    assert set(gradient) == set(wanted)
    for name, value in wanted.items():
        np.testing.assert_allclose(gradient[name], value, atol=1e-3 * np.abs(value).max(), err_msg=name)
    found, expected = (one.validation(parameters, batch, step) for one in (compiled, objective))
    np.testing.assert_allclose(found, expected, rtol=1e-4)


PLAN_RESPONSE_STEP = 2.0 ** (PLAN.response_integer_bits - PLAN.response_bits)


def test_training_recovers_what_rounding_lost(recipe):
    narrow = CompressionRecipe(recipe, quantisation=replace(PLAN, weight_bits=4))
    objective = compression_objective(narrow)
    simulator = objective.simulator("validation")
    batch = objective.batch(simulator, simulator.decays(recipe.validation_decays))
    before, _ = objective.validation(objective.start(), batch, recipe.steps)
    assert compress(narrow).summary["best_validation_loss"] < 0.9 * before


def test_the_errors_of_the_program_are_calibrated(recipe, result):
    """On decays that were not used, about 68 % lie within one standard error of the truth."""
    network, program = result.model, lower(result.model)
    assert (program.n_baseline, program.n_columns, program.spec_version) == (0, 2, 2)
    instrument = load_instrument(recipe.instrument)
    decays = Simulator(instrument, seed=2, split="reference", responses=True).decays(2000)

    def inside(found, rows):
        assert isinstance(found, LifetimesWithErrors)
        return np.abs(found.tau_mean_ns - decays.tau_mean_ns[rows]) <= found.tau_mean_std_ns

    known = np.flatnonzero(decays.response.any(axis=1))[:300]
    one_by_one = [
        inside(
            ProgramPredictor(program, response=decays.response[row]).lifetimes(decays.tpsf[row, None]), row
        )
        for row in known
    ]
    assert 0.58 < np.mean(one_by_one) < 0.80
    given = network.with_response(decays.response[known]).lifetimes(decays.tpsf[known])
    assert np.mean(one_by_one) == pytest.approx(inside(given, known).mean(), abs=0.04)
    shares = [
        inside(one.lifetimes(decays.tpsf), slice(None)).mean() for one in (ProgramPredictor(program), network)
    ]
    assert shares[0] == pytest.approx(shares[1], abs=0.02)


def test_the_file_of_a_student_keeps_its_formats(result, tmp_path):
    result.model.write(tmp_path / "student.npz")
    again = read_model_file(tmp_path / "student.npz")
    assert again.quantisation.activations.response == result.model.formats.response
    assert again.error_table == result.model.content.error_table
    assert lower(type(result.model)(again)).sha256 == lower(result.model).sha256


@pytest.mark.parametrize(
    ("change", "options", "text"),
    [
        ({}, {"distillation": Distillation(("any",))}, "is not available with distillation; remove"),
        ({"layers": (8, 8)}, {}, r"needs one layer with cell='lite', not layers=\[8, 8\] with cell='lite'"),
        (
            {},
            {"quantisation": QuantisationPlan(method="ptq", weights_only=True)},
            "needs quantisation.weights_only=false and write_back='round'",
        ),
        (
            {},
            {"quantisation": QuantisationPlan(write_back="residual-bits", residual_bits=2)},
            "needs quantisation.weights_only=false and write_back='round'",
        ),
    ],
)
def test_what_such_a_training_does_not_support_is_refused(recipe, change, options, text):
    with pytest.raises(InputError, match=text):
        CompressionRecipe(replace(recipe, **change), **options)
