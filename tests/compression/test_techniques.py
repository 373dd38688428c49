"""Each technique by itself, against what it must do by definition."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seq2seqlite.compression import QuantisationPlan, Sparsity, qat
from seq2seqlite.compression.cost import cost_figures
from seq2seqlite.compression.distillation import CachedSet, Teachers
from seq2seqlite.compression.formats import (
    activation_formats,
    best_format,
    channel_fraction_bits,
    in_channels,
    weight_formats,
)
from seq2seqlite.compression.ptq import quantise_network
from seq2seqlite.compression.reduction import REDUCED_LAYERS, parameters_saved
from seq2seqlite.compression.sparsity import (
    only_units,
    progress_at,
    prune_units,
    prune_weights,
    surviving_units,
)
from seq2seqlite.compression.write_back import dead_zone_fraction
from seq2seqlite.errors import InputError
from seq2seqlite.evaluation.networks import evaluate_decays
from seq2seqlite.hardware.resources.estimate import lut_estimate
from seq2seqlite.models import SEQ2SEQLITE, Architecture, Format, initial_parameters, load_model, predict_sfd
from seq2seqlite.simulation.decay_set import reference_set
from seq2seqlite.training.objective import Batch

INPUTS = np.random.default_rng(0).random((5, 12)).astype(np.float32)


@pytest.fixture(scope="module")
def student():
    return load_model("seq2seqlite-narrow-gate-float")


@pytest.fixture(scope="module")
def data():
    return reference_set("narrow-gate", n=400)


def test_reduction_has_the_sizes_of_the_paper():
    assert {(64, 64), (64, 16), (45, 45), (32, 32), (16, 16)} < set(REDUCED_LAYERS)
    assert parameters_saved(SEQ2SEQLITE.n_parameters) == pytest.approx(1 - 6627 / 299139)


def test_pruning_rises_cubically():
    sparsity = Sparsity(weights=0.5, begin=0.2, end=0.6)
    assert [float(progress_at(sparsity, step, 100)) for step in (0, 20, 40, 60, 90)] == pytest.approx(
        [0, 0, 1 - 0.5**3, 1, 1]
    )


def test_weights_pruned_are_the_smallest_and_as_many_as_asked():
    architecture = Architecture((9,), "lite")
    parameters = initial_parameters(architecture, seed=1)
    pruned = prune_weights(parameters, 0.4)
    names = [name for name in parameters if name.endswith("kernel") and name != "decoder/0/kernel"]
    before = np.concatenate([parameters[name].ravel() for name in names])
    after = np.concatenate([np.asarray(pruned[name]).ravel() for name in names])
    assert np.count_nonzero(after == 0) == round(0.4 * before.size)
    assert np.abs(before[after == 0]).max() < np.abs(before[after != 0]).min()
    np.testing.assert_array_equal(pruned["decoder/0/bias"], parameters["decoder/0/bias"])
    np.testing.assert_array_equal(prune_weights(parameters, 0.0)["head/kernel"], parameters["head/kernel"])


@pytest.mark.parametrize("layers", [(9,), (8, 6)])
def test_network_without_its_pruned_units_computes_the_same(layers):
    architecture = Architecture(layers, "lite")
    rng = np.random.default_rng(2)
    parameters = {
        name: (value + 0.1 * rng.normal(size=value.shape)).astype(np.float32)
        for name, value in initial_parameters(architecture, seed=1).items()
    }
    pruned = {name: np.asarray(value) for name, value in prune_units(architecture, parameters, 0.34).items()}
    kept = surviving_units(architecture, pruned)
    smaller = Architecture(tuple(len(units) for units in kept), "lite")
    assert smaller.layers == tuple(units - int(0.34 * units) for units in layers)
    arrays = only_units(architecture, pruned, kept)
    assert {name: value.shape for name, value in arrays.items()} == smaller.parameter_shapes
    np.testing.assert_allclose(
        predict_sfd(smaller, arrays, INPUTS), predict_sfd(architecture, pruned, INPUTS), atol=1e-6
    )


def test_best_format_is_the_best_of_all():
    values = np.random.default_rng(0).normal(size=200)

    def error(fmt):
        return float(
            ((np.clip(np.round(values / fmt.step) * fmt.step, fmt.low, fmt.high) - values) ** 2).sum()
        )

    chosen = best_format(values, 4)
    others = [Format(True, i, 3 - i) for i in range(-4, 6)]
    assert error(chosen) == pytest.approx(min(error(fmt) for fmt in others))


def test_quantised_after_training(student, data):
    exact = evaluate_decays(student, data)["total"]["rmse"]

    def error(**plan):
        network = quantise_network(student, QuantisationPlan(method="ptq", **plan))
        return evaluate_decays(network, data)["total"]["rmse"]

    assert error(weight_bits=16, weights_only=True) == pytest.approx(exact, rel=1e-3)
    assert error(weight_bits=8, weights_only=True) == pytest.approx(exact, rel=0.1)
    wide = {f"{name}_bits": 14 for name in ("input", "state", "gate", "candidate", "product", "output")}
    assert error(weight_bits=14, **wide) == pytest.approx(exact, rel=0.01)
    assert error(weight_bits=8) > 1.5 * exact  # why quantisation-aware training exists
    quantised = quantise_network(student, QuantisationPlan(method="ptq"))
    with pytest.raises(InputError, match="is already quantised; start from a float model"):
        quantise_network(quantised, QuantisationPlan(method="ptq"))
    with pytest.raises(InputError, match="does not support fixed-point activations; set weights_only"):
        quantise_network(load_model("seq2seq-narrow-gate-float"), QuantisationPlan(method="ptq"))


def test_integer_bits_that_cannot_hold_the_weights_are_refused(student):
    plan = QuantisationPlan(method="ptq", weight_bits=4, weight_integer_bits=-3)
    with pytest.raises(
        InputError, match=r"quantisation.weight_integer_bits=-3 with 4 bits limits weights to .*"
    ):
        weight_formats(student.content.parameters, plan)


def test_straight_through_rounds_forward_and_clips_backward():
    fmt = Format(True, 0, 2)
    values = jnp.array([0.3, -0.6, 5.0])
    assert qat.straight_through(values, fmt).tolist() == [0.25, -0.5, 0.75]
    gradient = jax.grad(lambda x: qat.straight_through(x, fmt).sum())(values)
    assert gradient.tolist() == [1.0, 1.0, 0.0]


def test_learned_width_rounds_each_weight_on_its_own_grid():
    fmt = Format(True, 0, 5)
    values, bits = jnp.array([0.3, 0.3, 0.3, 0.999]), jnp.array([1.2, 3.0, 0.4, 2.0])
    weights = qat.learned_weights(values, bits, fmt)
    assert weights.tolist() == [0.5, 0.25, 0.0, 0.75]
    assert qat.magnitude_bits(weights, jnp.round(bits)).tolist() == [1, 2, 0, 2]
    slope = jax.grad(lambda b: qat.learned_weights(values, b, fmt).sum())(bits)
    np.testing.assert_allclose(slope, np.log(2) * (np.minimum(values, fmt.high) - weights), rtol=1e-5)


def test_effective_bit_operations_count_bits_of_weight_and_operand():
    formats = activation_formats(QuantisationPlan(input_bits=4, state_bits=6))
    weights = {"encoder/0/kernel": jnp.array([0.5, 0.0]), "encoder/0/recurrent_kernel": jnp.array([0.75])}
    widths = {"encoder/0/kernel": jnp.array([3.0, 3.0]), "encoder/0/recurrent_kernel": jnp.array([2.2])}
    assert float(qat.effective_bit_operations(weights, widths, formats)) == 4 * 3 + 6 * 2
    slopes = jax.grad(lambda w: qat.effective_bit_operations(weights, w, formats))(widths)
    assert slopes["encoder/0/kernel"].tolist() == [4.0, 0.0]


def test_teachers_are_averaged_and_cached(student, data):
    other = load_model("seq2seq-narrow-gate-float")
    teachers = Teachers([student, other])
    inputs = student.inputs(data.tpsf[:8])
    both = np.asarray(teachers.sfd(inputs)).transpose(1, 2, 0)
    mean = (student.sfd(data.tpsf[:8]) + other.sfd(data.tpsf[:8])) / 2
    np.testing.assert_allclose(both, mean, atol=2e-5)

    targets = np.zeros((inputs.shape[1], 4, 3), np.float32)
    fresh = [Batch(inputs[:4], targets), Batch(inputs[4:], targets)]

    def cached(start):
        return CachedSet(teachers, iter(fresh), decays=7, batch=4).batches(start=start, seed=1)

    batches = [batch for batch, _ in zip(cached(0), range(6), strict=False)]
    for batch in batches:
        expected = np.asarray(teachers.sfd(batch.inputs))
        np.testing.assert_allclose(batch.soft_targets, expected, atol=2e-5)
    first_round = np.concatenate([batch.inputs for batch in batches[:2]])
    assert {row.tobytes() for row in first_round} == {row.tobytes() for row in inputs}
    np.testing.assert_array_equal(next(cached(5)).inputs, batches[5].inputs)


def test_residual_bits_open_the_dead_zone(student, data):
    def fraction(**plan):
        network = quantise_network(student, QuantisationPlan(method="ptq", state_bits=5, **plan))
        return dead_zone_fraction(network, data.tpsf[:50])["decoder"]

    plain = fraction()
    assert plain > 0.5
    wide = quantise_network(student, QuantisationPlan(method="ptq", state_bits=12, candidate_bits=12))
    assert dead_zone_fraction(wide, data.tpsf[:50])["decoder"] < 0.5 * plain
    with pytest.raises(InputError, match="has a floating-point state, which has no dead zone"):
        dead_zone_fraction(student, data.tpsf[:50])


def test_cost_figures_of_a_quantised_student(student):
    def cost(**plan):
        return cost_figures(quantise_network(student, QuantisationPlan(method="ptq", **plan)))

    eight, four = cost(weight_bits=8), cost(weight_bits=4, bias_bits=8)
    assert eight["parameters"] == 6627
    assert eight["weight_memory_bits"] == 8 * eight["nonzero_weights"]
    assert eight["mean_weight_bits"] == pytest.approx(8 * eight["nonzero_weights"] / 6627, abs=1e-4)
    assert eight["state_bits"] == 8
    assert cost(write_back="residual-bits", residual_bits=3)["state_bits"] == 11
    assert eight["macs_per_pixel"] == 135 * (2 * 32 * 96 + 96 + 96)
    assert eight["lut_estimate"] == sum(eight["lut_estimate_parts"].values())
    assert four["lut_estimate"] < 0.7 * eight["lut_estimate"]
    floating = cost_figures(student)
    assert (floating["lut_estimate"], floating["mean_weight_bits"]) == (None, 32.0)
    with pytest.raises(InputError, match="a LUT estimate requires a quantised model"):
        lut_estimate(student)


def test_each_channel_has_its_own_binary_point(student):
    kernel = np.array([[0.9, 0.1, 0.0], [-0.5, -0.12, 0.0]], np.float32)
    assert channel_fraction_bits(kernel, 2).tolist() == [1, 4, 1]
    np.testing.assert_array_equal(in_channels(kernel, 2), [[0.5, 0.0625, 0.0], [-0.5, -0.0625, 0.0]])
    rounded = qat.straight_through_channels(jnp.asarray(kernel), channel_fraction_bits(kernel, 2), 2)
    np.testing.assert_array_equal(rounded, in_channels(kernel, 2))
    plan = QuantisationPlan(method="ptq", weight_bits=3, head_bits=8, per_channel=True)
    content = quantise_network(student, plan).content
    one = quantise_network(student, dataclasses.replace(plan, per_channel=False)).content
    content.quantisation.check(content.parameters)
    name, exact = "encoder/0/recurrent_kernel", student.content.parameters

    def error(found):
        return float(((found.parameters[name] - exact[name]) ** 2).sum())

    assert error(content) < error(one)
    assert content.quantisation.bits_of(name, content.parameters[name]).max() == 3
    assert content.quantisation.weights[name].bits > 3
    with pytest.raises(InputError, match="per_channel=true requires learned = false"):
        QuantisationPlan(per_channel=True, learned=True)
