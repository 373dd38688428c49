"""Whole compressions of tiny networks: the techniques together, and stopped ones that go on."""

import dataclasses

import jax
import numpy as np
import pytest

from seq2seqlite.compression import CompressionRecipe, Distillation, QuantisationPlan, Sparsity
from seq2seqlite.compression.compiled import CompiledCompressionObjective, compression_objective
from seq2seqlite.compression.compress import compress
from seq2seqlite.compression.objective import CompressionObjective
from seq2seqlite.errors import InputError
from seq2seqlite.models import Network, load_model
from seq2seqlite.simulation.decay_set import simulated_set
from seq2seqlite.simulation.instrument import load_instrument
from seq2seqlite.training.loop import train
from seq2seqlite.training.recipe import Recipe

TINY = Recipe(
    name="tiny",
    instrument="narrow-gate",
    layers=(8,),
    cell="lite",
    steps=24,
    batch=32,
    warmup_steps=2,
    learning_rate=0.02,
    validation_decays=64,
    validation_every=6,
)
STUDENT = "seq2seqlite-narrow-gate-float"


class Stopped(Exception):
    pass


@pytest.fixture(scope="module")
def tpsf():
    return simulated_set(load_instrument("narrow-gate"), 200, seed=5, split="validation").tpsf


def of_another_axis(folder):
    """Write a student for gates of 80 ps."""
    content = load_model(STUDENT).content
    axis = dataclasses.replace(content.axis, gate_width_ns=0.08)
    Network(dataclasses.replace(content, name="other", axis=axis)).write(folder / "other.npz")
    return folder / "other.npz"


def everything():
    """All techniques at once."""
    return CompressionRecipe(
        TINY,
        Distillation((STUDENT,), cached_decays=128),
        Sparsity(weights=0.3, units=0.25, end=0.5),
        QuantisationPlan(weight_bits=5, bias_bits=8, learned=True, penalty=1e-3),
    )


def test_techniques_compose_and_the_network_is_whole(tmp_path, tpsf):
    model = compress(everything()).model
    content = model.content
    assert model.architecture.layers == (6,)
    assert model.kind == "quantised network"
    content.quantisation.check(content.parameters)
    assert not content.parameters["decoder/0/kernel"].any()
    kernels = [v for k, v in content.parameters.items() if k.endswith("kernel") and k != "decoder/0/kernel"]
    zeros = sum(int((value == 0).sum()) for value in kernels)
    assert zeros >= 0.29 * sum(value.size for value in kernels)
    model.write(tmp_path / "tiny.npz")
    np.testing.assert_array_equal(load_model(tmp_path / "tiny.npz").sfd(tpsf), model.sfd(tpsf))


def test_stopped_compression_goes_on_bit_for_bit(tmp_path, monkeypatch):
    monkeypatch.setattr("seq2seqlite.training.loop.CHECKPOINT_SECONDS", 0.0)
    whole = compress(everything()).model.content

    def stop(step, steps, loss):
        if step == 14:
            raise Stopped

    checkpoint = tmp_path / "checkpoint.npz"
    with pytest.raises(Stopped):
        compress(everything(), checkpoint=checkpoint, progress=stop)
    resumed = compress(everything(), checkpoint=checkpoint).model.content
    for name, value in whole.parameters.items():
        np.testing.assert_array_equal(resumed.parameters[name], value)


def test_student_learns_a_teachers_output_and_trajectory(tmp_path, tpsf):
    teacher = train(dataclasses.replace(TINY, name="teacher", layers=(6, 5), cell="standard", steps=30)).model
    teacher.write(tmp_path / "teacher.npz")

    def distance(weight, **more):
        distillation = Distillation((str(tmp_path / "teacher.npz"),), weight=weight, **more)
        recipe = CompressionRecipe(dataclasses.replace(TINY, steps=60), distillation)
        return float(np.abs(compress(recipe).model.sfd(tpsf) - teacher.sfd(tpsf)).mean())

    truth = distance(0.0)
    assert distance(1.0) < truth
    assert distance(1.0, cached_decays=512) < truth
    assert distance(1.0, trajectory_weight=0.1) < truth


def test_penalty_narrows_the_weights():
    def bits(penalty):
        plan = QuantisationPlan(weight_bits=6, learned=True, penalty=penalty)
        content = compress(CompressionRecipe(TINY, quantisation=plan)).model.content
        return sum(
            int(content.quantisation.bits_of(name, value).sum()) for name, value in content.parameters.items()
        )

    assert bits(1.0) < 0.8 * bits(0.0)


def test_taken_as_it_is_and_quantised_after(tmp_path):
    training = dataclasses.replace(TINY, layers=(32,), steps=0, warmup_steps=0, start_from=STUDENT)
    plain = compress(CompressionRecipe(training)).model
    np.testing.assert_array_equal(
        plain.content.parameters["head/kernel"], load_model(STUDENT).content.parameters["head/kernel"]
    )
    quantised = compress(CompressionRecipe(training, quantisation=QuantisationPlan(method="ptq")))
    assert (quantised.model.name, quantised.model.formats.state.bits) == ("tiny", 8)
    with pytest.raises(InputError, match="use the same layers and cell"):
        compress(CompressionRecipe(dataclasses.replace(training, layers=(8,))))
    with pytest.raises(InputError, match="was trained for .* train it"):
        compress(CompressionRecipe(dataclasses.replace(training, start_from=str(of_another_axis(tmp_path)))))


def test_teachers_that_do_not_fit_are_refused(tmp_path):
    def run(teacher):
        compress(CompressionRecipe(TINY, Distillation((teacher,))))

    expected = r"teacher other was trained for 135 gates of 0.08 ns, but the student's instrument has"
    with pytest.raises(InputError, match=expected):
        run(str(of_another_axis(tmp_path)))
    compress(everything()).model.write(tmp_path / "quantised.npz")
    with pytest.raises(InputError, match="teacher tiny is quantised; choose a float model"):
        run(str(tmp_path / "quantised.npz"))
    with pytest.raises(InputError, match="model 'nobody' is unknown"):
        run("nobody")


@pytest.mark.parametrize(
    "change",
    [
        {"distillation": Distillation((STUDENT,), weight=0.3)},
        {
            "sparsity": Sparsity(weights=0.3, units=0.25, end=0.5),
            "quantisation": QuantisationPlan(state_bits=7, operand_bits=5, learned=True, penalty=0.1),
        },
    ],
)
def test_compiled_gradient_equals_that_of_jax(change):
    training = dataclasses.replace(
        TINY, tolerance=0.01, max_steps=40, channel_weights=(16.0, 1.0, 1.0), amplitude_weight=0.1
    )
    recipe = CompressionRecipe(training, **change)
    compiled, objective = compression_objective(recipe), CompressionObjective(recipe)
    assert isinstance(compiled, CompiledCompressionObjective)
    batch = next(compiled.batches(compiled.simulator("train"), start=3))
    parameters, step = jax.device_put(objective.start()), 14
    loss, gradient = compiled.loss_and_gradient(parameters, batch, step)
    wanted_loss, wanted = jax.jit(objective.loss_and_gradient)(parameters, batch, step)
    assert float(loss) == pytest.approx(float(wanted_loss), rel=1e-4)
    assert set(gradient) == set(wanted)
    for name, value in wanted.items():
        np.testing.assert_allclose(gradient[name], value, atol=1e-3 * np.abs(value).max(), err_msg=name)
    found, expected = (one.validation(parameters, batch, step) for one in (compiled, objective))
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    if compiled.weights.learned:
        penalty = float(compiled.weights.penalty(compiled.weights.at(parameters, step)))
        fixed = dataclasses.replace(
            recipe, training=dataclasses.replace(training, tolerance=0.0, max_steps=0)
        )
        plain = CompressionObjective(fixed).validation(parameters, batch, step)
        assert found[0] == pytest.approx(plain[0] + penalty, rel=1e-4)
        assert penalty > 1e-3 * plain[0]


def test_trainings_of_a_fixed_number_of_steps_use_jax():
    assert type(compression_objective(CompressionRecipe(TINY))) is CompressionObjective
