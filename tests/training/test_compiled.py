"""Students with a decoder that get the response: objective, training, model files, predictors, refusals."""

import dataclasses
import pickle
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from seq2seqlite import export_model, import_model
from seq2seqlite.archive import Header
from seq2seqlite.compression import CompressionRecipe, QuantisationPlan
from seq2seqlite.compression.compress import compress
from seq2seqlite.compression.ptq import quantise_network
from seq2seqlite.cpu import NetworkEngine, ProgramEngine
from seq2seqlite.decay import Lifetimes, LifetimesWithErrors, lifetimes_from_sfd, sfd_from_lifetimes
from seq2seqlite.errors import InputError
from seq2seqlite.evaluation.networks import evaluate_responses
from seq2seqlite.jax_back_end import JaxNetwork
from seq2seqlite.maps import ERROR_MAPS
from seq2seqlite.models import ErrorTable, Network, load_model
from seq2seqlite.predictors import load_any_program, load_predictor
from seq2seqlite.protocols import error_maps
from seq2seqlite.simulation import Simulator, load_instrument
from seq2seqlite.simulation.simulator import measured_response
from seq2seqlite.training import Recipe
from seq2seqlite.training.compiled import CompiledObjective
from seq2seqlite.training.loop import train
from seq2seqlite.training.loss import lifetimes_jax
from seq2seqlite.training.objective import Objective

INSTRUMENT = """
name = "wide"
axis = { n_gates = 40, gate_width_ns = 0.3, period_ns = 12.5 }
gate = { length_ns = [2.0, 3.0], length_spread = 0.02, rise_ns = [0.1, 0.3], fall_ns = 0.2 }
irf = { center_ns = [1.2, 1.8], fwhm_ns = [0.2, 0.4], n_irfs = 16 }
decays = { tau_ns = [0.3, 3.0], mono_exponential = 0.5, mono_tau = "both" }
"""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    file = tmp_path_factory.mktemp("compiled") / "wide.toml"
    file.write_text(INSTRUMENT, encoding="utf-8")
    return Recipe(
        name="wide-sfd", instrument=str(file), layers=(8,), cell="lite", response_lifetimes_ns=(0.0, 1.0),
        lifetime_weight=0.01, steps=60, batch=64, warmup_steps=10, learning_rate=1e-2, validation_decays=256,
        validation_every=30,
    )  # fmt: skip


@pytest.fixture(scope="module")
def network(recipe: Recipe) -> Network:
    return train(recipe).model


@pytest.mark.parametrize(
    "change", [{}, {"response_lifetimes_ns": (), "lifetime_weight": 0.0, "amplitude_weight": 0.5}]
)
def test_loss_and_gradient_equal_those_of_jax(
    recipe: Recipe, network: Network, change: dict[str, Any]
) -> None:
    recipe = dataclasses.replace(recipe, **change)
    compiled, objective = CompiledObjective(recipe), Objective(recipe)
    simulator = compiled.simulator("train")
    batch = compiled.batch(simulator, simulator.chunk(3, n=48))
    # With a trained network, lifetimes take part in the loss.
    parameters = objective.start() if change else network.content.parameters
    loss, gradient = compiled.loss_and_gradient(parameters, batch, 0)
    wanted_loss, wanted = jax.jit(objective.loss_and_gradient)(parameters, batch, 0)
    assert float(loss) == pytest.approx(float(wanted_loss), rel=1e-5)
    assert set(gradient) == set(wanted)
    for name, value in wanted.items():
        np.testing.assert_allclose(gradient[name], value, atol=1e-4 * np.abs(value).max(), err_msg=name)
    assert not gradient["decoder/0/kernel"].any()
    found = compiled.validation(parameters, batch, 0)
    np.testing.assert_allclose(found, objective.validation(parameters, batch, 0), rtol=1e-4)


def test_validation_in_parts_is_that_of_all_decays(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    objective = CompiledObjective(recipe)
    simulator = objective.simulator("validation")
    batch = objective.batch(simulator, simulator.decays(100))
    whole = objective.validation(objective.start(), batch, 0)
    monkeypatch.setattr("seq2seqlite.training.compiled.BATCH", 32)
    np.testing.assert_allclose(objective.validation(objective.start(), batch, 0), whole, rtol=1e-5)


def test_lifetimes_in_the_loss_are_those_of_the_sfd(recipe: Recipe) -> None:
    axis = load_instrument(recipe.instrument).axis
    rng = np.random.default_rng(1)
    short, long = np.sort(rng.uniform(0.3, 3.0, (2, 60)), axis=0)
    fraction = rng.uniform(0.1, 0.9, 60)
    fraction[:3] = 0.01, 0.99, 0.5  # absent components
    sfd = sfd_from_lifetimes(fraction, short, long, axis=axis).astype(np.float32)
    sfd[3] = 0.0  # no amplitude
    wanted = lifetimes_from_sfd(sfd, axis=axis)
    columns = [wanted.tau_mean_ns, wanted.tau_short_ns, wanted.tau_long_ns, wanted.amplitude_fraction]
    found, present = map(np.asarray, lifetimes_jax(jax.numpy.asarray(sfd.transpose(2, 0, 1)), axis=axis))
    np.testing.assert_array_equal(present, np.isfinite(np.stack(columns, axis=1)))
    for index, column in enumerate(columns):
        known = present[:, index]
        np.testing.assert_allclose(found[known, index], column[known], rtol=2e-3)


def test_training_learns_from_the_response_and_subtracts_no_baseline(
    recipe: Recipe, network: Network
) -> None:
    content = network.content
    assert content.n_baseline == 0
    assert content.response_lifetimes_ns == (0.0, 1.0)
    assert content.tau_range_ns == (0.3, 3.0)
    assert content.max_background == 0.05
    assert content.architecture.n_inputs == 3
    assert not content.architecture.direct
    blind = train(dataclasses.replace(recipe, response_lifetimes_ns=(), steps=2, warmup_steps=1)).model
    assert blind.content.n_baseline > 0
    assert not blind.uses_response


def test_model_file_keeps_everything(network: Network, tmp_path: Path) -> None:
    network.write(tmp_path / "sfd.npz")
    again = load_model(tmp_path / "sfd.npz").content
    for field in dataclasses.fields(again):
        if field.name != "parameters":
            assert getattr(again, field.name) == getattr(network.content, field.name)


def test_back_ends_equal_the_network(network: Network, recipe: Recipe) -> None:
    simulator = Simulator(load_instrument(recipe.instrument), seed=2, split="reference", responses=True)
    decays = simulator.chunk(0, n=100)
    assert decays.response is not None
    tpsf, response = decays.tpsf.copy(), decays.response[int(decays.response.sum(axis=1).argmax())]
    tpsf[5], tpsf[6] = 0, 7  # no counts, and the same in all gates
    blind = network.sfd(tpsf)
    for back_end in (NetworkEngine(network, threads=1), JaxNetwork(network)):
        given = back_end.with_response(response)
        assert given.uses_response
        assert given.response_given
        assert not back_end.response_given
        wanted = network.with_response(response)
        np.testing.assert_allclose(given.sfd(tpsf), wanted.sfd(tpsf), atol=1e-5)
        np.testing.assert_allclose(back_end.sfd(tpsf), blind, atol=1e-5)
        found = given.lifetimes(tpsf).tau_mean_ns
        assert np.isnan(found[[5, 6]]).all()
        np.testing.assert_allclose(found, wanted.lifetimes(tpsf).tau_mean_ns, rtol=1e-3)
        copy = pickle.loads(pickle.dumps(given))  # noqa: S301 - our own
        np.testing.assert_array_equal(copy.sfd(tpsf), given.sfd(tpsf))
    assert np.abs(wanted.sfd(tpsf) - blind).max() > 1e-3


def test_errors_contain_the_truth_as_often_as_they_say(network: Network, recipe: Recipe) -> None:
    simulator = Simulator(load_instrument(recipe.instrument), seed=99, split="validation", responses=True)
    decays = simulator.decays(4096)
    two = decays.tau_short_ns < decays.tau_long_ns
    response = measured_response(simulator.irfs[0], axis=simulator.instrument.forward_axis, counts=1e5)
    for predictor in (network.with_response(response), network):
        chosen = (decays.irf_index == 0) | (not predictor.response_given)
        found = predictor.lifetimes(decays.tpsf[chosen])
        assert isinstance(found, LifetimesWithErrors)
        assert error_maps(predictor) == tuple(ERROR_MAPS)
        ratio = np.abs(found.tau_mean_ns - decays.tau_mean_ns[chosen]) / found.tau_mean_std_ns
        assert 0.6 < (ratio < 1).mean() < 0.8
        assert (ratio < 2).mean() > 0.88
        fraction = np.abs(found.amplitude_fraction - decays.amplitude_fraction[chosen])[two[chosen]]
        assert 0.5 < (fraction < found.amplitude_fraction_std[two[chosen]]).mean() < 0.85
        absent = np.isnan(found.tau_short_ns)
        np.testing.assert_array_equal(np.isnan(found.tau_short_std_ns), absent)


def test_error_table_is_interpolated_and_constant_beyond_its_ends() -> None:
    cells = (((1.0,) * 4, (4.0,) * 4), ((16.0,) * 4, (64.0,) * 4))
    table = ErrorTable((100.0, 10_000.0), (1.0, 4.0), cells, cells)
    mean = np.array([1.0, 2.0, 2.0, 0.1, 9.0, np.nan])
    counts = np.array([[100], [100], [1000], [1], [10**6], [100]])
    lifetimes = Lifetimes(mean, mean, mean, mean)
    found = table.with_errors(lifetimes, counts=counts, response_given=True)
    wanted = np.array([1.0, 2.0, 8.0, 1.0, 64.0, np.nan]) / np.sqrt(counts[:, 0])
    np.testing.assert_allclose(found.tau_mean_std_ns, wanted)
    np.testing.assert_allclose(found.amplitude_fraction_std, wanted)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"counts": [2.0, 1.0]}, r"error_table\.counts=\[2\.0, 1\.0\] must be 1 to 64 ascending numbers > 0"),
        ({"tau_ns": []}, r"error_table\.tau_ns=\[\] must be 1 to 64 ascending"),
        ({"given": [[[1.0] * 4]]}, r"error_table\.given must have the shape \(1, 2, 4\)"),
        ({"unknown": [[[1.0] * 4, [0.0] * 4]]}, r"error_table\.unknown must have .* numbers > 0"),
        ({"unknown": [[[1.0] * 4, [1.0]]]}, r"error_table\.unknown must have the shape"),
        ({"more": 1}, "error_table must have the keys counts, tau_ns, given and unknown"),
    ],
)
def test_invalid_error_table_is_refused(change: dict[str, Any], message: str) -> None:
    cells = (((1.0,) * 4, (4.0,) * 4),)
    table = ErrorTable((100.0,), (1.0, 4.0), cells, cells)
    good = Header({"error_table": table.to_dict()}, where="model file x", remedy="train again")
    assert ErrorTable.from_header(good, "error_table") == table
    bad = Header({"error_table": table.to_dict() | change}, where="model file x", remedy="train again")
    with pytest.raises(InputError, match=message):
        ErrorTable.from_header(bad, "error_table")


def test_metrics_with_a_response_are_those_of_the_sfd(network: Network, recipe: Recipe) -> None:
    found = evaluate_responses(network, load_instrument(recipe.instrument), n=64)
    assert set(found) >= {"total", "short", "long", "lifetime"}
    assert 0 < found["total"]["rmse"] < 0.3


def test_onnx_file_keeps_the_network(network: Network, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    export_model(network, tmp_path / "sfd.onnx")
    found = import_model(tmp_path / "sfd.onnx", tmp_path / "again.npz")
    counts = np.random.default_rng(1).poisson(20.0, (5, 40))
    response = np.r_[np.zeros(5), np.full(8, 100.0), np.zeros(27)]
    np.testing.assert_array_equal(
        found.with_response(response).sfd(counts), network.with_response(response).sfd(counts)
    )


def test_encoder_of_a_direct_network_is_a_start(recipe: Recipe, tmp_path: Path) -> None:
    direct = dataclasses.replace(recipe, output="lifetimes", lifetime_weight=0.0, steps=2, warmup_steps=1)
    model = train(direct).model
    model.write(tmp_path / "direct.npz")
    chosen = dataclasses.replace(recipe, start_from=str(tmp_path / "direct.npz"))
    start = CompiledObjective(chosen).start()
    for name in ("encoder/0/kernel", "encoder/0/recurrent_kernel", "encoder/0/bias"):
        np.testing.assert_array_equal(start[name], model.content.parameters[name])
    assert start["head/kernel"].shape == (8, 3)
    other = dataclasses.replace(chosen, response_lifetimes_ns=(0.0, 2.0))
    with pytest.raises(InputError, match=r"has response_lifetimes_ns=\[0\.0, 1\.0\], but the recipe has"):
        CompiledObjective(other).start()
    network = dataclasses.replace(chosen, layers=(9,))
    with pytest.raises(InputError, match="use the same layers and cell"):
        CompiledObjective(network).start()


def test_quantised_network_is_an_integer_program(network: Network, tmp_path: Path) -> None:
    network.write(tmp_path / "sfd.npz")
    with pytest.raises(InputError, match="is a float network, but an integer program requires a fully"):
        load_any_program(tmp_path / "sfd.npz")
    quantise_network(network, QuantisationPlan(method="ptq")).write(tmp_path / "quantised.npz")
    assert load_any_program(tmp_path / "quantised.npz").n_columns == 2
    assert isinstance(load_predictor(tmp_path / "quantised.npz"), ProgramEngine)
    assert isinstance(load_predictor(tmp_path / "sfd.npz"), NetworkEngine)


def test_fixed_point_file_without_format_of_the_response_is_refused(network: Network, tmp_path: Path) -> None:
    blind = dataclasses.replace(network.content, response_lifetimes_ns=(), quantisation=None)
    kernel = blind.parameters["encoder/0/kernel"][:1]
    architecture = dataclasses.replace(blind.architecture, n_inputs=1)
    blind = dataclasses.replace(
        blind, parameters=blind.parameters | {"encoder/0/kernel": kernel}, architecture=architecture
    )
    quantised = quantise_network(Network(blind), QuantisationPlan(method="ptq")).content
    wide = np.repeat(quantised.parameters["encoder/0/kernel"], 3, axis=0)
    content = dataclasses.replace(
        quantised,
        architecture=network.architecture,
        response_lifetimes_ns=(0.0, 1.0),
        parameters=quantised.parameters | {"encoder/0/kernel": wide},
    )
    Network(content).write(tmp_path / "wrong.npz")
    with pytest.raises(InputError, match="must have one for the response if it has such inputs"):
        load_model(tmp_path / "wrong.npz")


def test_a_teacher_starts_with_the_function_of_the_student(
    recipe: Recipe, network: Network, tmp_path: Path
) -> None:
    network.write(tmp_path / "student.npz")
    grown = dataclasses.replace(
        recipe, layers=(12, 10), start_from=str(tmp_path / "student.npz"), steps=2, warmup_steps=0,
        learning_rate=1e-9, validation_every=1,
    )  # fmt: skip
    teacher = train(grown).model
    simulator = Objective(grown).simulator("validation")
    decays = simulator.chunk(1, n=32)
    assert decays.response is not None
    found, wanted = (model.with_response(decays.response[0]).sfd(decays.tpsf) for model in (teacher, network))
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    # Its standard errors are measured by JAX, those of the student by compiled code.
    table, of_student = teacher.content.error_table, network.content.error_table
    assert table is not None
    assert of_student is not None
    np.testing.assert_allclose(table.given, of_student.given, rtol=0.02)


def test_without_training_the_size_must_be_that_of_the_recipe(
    recipe: Recipe, network: Network, tmp_path: Path
) -> None:
    network.write(tmp_path / "student.npz")
    larger = dataclasses.replace(recipe, start_from=str(tmp_path / "student.npz"), steps=0, layers=(16,))
    plan = CompressionRecipe(larger, quantisation=QuantisationPlan(method="ptq"))
    with pytest.raises(InputError, match="without training"):
        compress(plan)
