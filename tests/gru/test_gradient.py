"""The compiled gradient of the lite layer, compared with JAX and with finite differences."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from seq2seqlite.cpu.isa import ISAS, VARIABLE, chosen_isa
from seq2seqlite.errors import InputError
from seq2seqlite.gru.gradient import lite_backward, lite_forward, lite_last_state
from seq2seqlite.models.jax_forward import _lite_gru

ROOT = Path(__file__).parents[2]
PARTS = ("kernel", "recurrent", "bias", "initial")
# Both sum in float32, in different orders.
RELATIVE = 1e-4
# Central differences in float64 against sums in float32.
FINITE = 2e-5


def problem(n_steps, n, k, units, *, seed=1, scale=1.0):
    """Return inputs, weights with the initial state, and the gradient with respect to the states."""
    rng = np.random.default_rng(seed)

    def drawn(*shape, width):
        return rng.normal(0, scale * width, shape).astype(np.float32)

    weights = (
        drawn(k, 3 * units, width=0.7),
        drawn(units, 3 * units, width=units**-0.5),
        drawn(3 * units, width=0.3),
        drawn(n, units, width=0.3),
    )
    return drawn(n_steps, n, k, width=1), weights, drawn(n_steps, n, units, width=1)


def of_jax(x, weights, d_states):
    def layer(kernel, recurrent, bias, initial):
        return _lite_gru(None, jax.numpy.einsum("tni,ij->tnj", x, kernel) + bias, recurrent, initial)

    states, pullback = jax.vjp(layer, *weights)
    return np.asarray(states), dict(zip(PARTS, map(np.asarray, pullback(d_states)), strict=True))


def assert_close(gradients, expected):
    for part, wanted in expected.items():
        found = getattr(gradients, part)
        assert found.shape == wanted.shape
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, wanted, rtol=0, atol=RELATIVE * np.abs(wanted).max(initial=0))


@pytest.mark.parametrize(
    ("n_steps", "n", "k", "units"),
    [
        (5, 1, 0, 5),
        (5, 1, 1, 32),
        (5, 17, 0, 32),
        (5, 17, 1, 5),
        (5, 17, 3, 32),
        (5, 1, 3, 5),
        (40, 70, 1, 32),  # several groups; the weight gradients are accumulated several times
        (16, 32, 8, 1),
        (3, 2, 1, 128),
    ],
)
def test_states_and_gradients_equal_those_of_jax(n_steps, n, k, units):
    x, weights, d_states = problem(n_steps, n, k, units)
    expected_states, expected = of_jax(x, weights, d_states)
    states, saved = lite_forward(x, *weights)
    np.testing.assert_allclose(states, expected_states, rtol=0, atol=RELATIVE)
    assert_close(lite_backward(saved, d_states), expected)


def test_gradient_at_the_last_state_only():
    x, weights, d_states = problem(20, 33, 1, 12)
    d_states[:-1] = 0
    expected_states, expected = of_jax(x, weights, d_states)
    state, saved = lite_last_state(x, *weights)
    np.testing.assert_allclose(state, expected_states[-1], rtol=0, atol=RELATIVE)
    assert_close(lite_backward(saved, d_states[-1]), expected)


def test_saturated_gates_and_candidates_have_no_gradient():
    x, weights, d_states = problem(20, 17, 1, 8, scale=4)
    _, saved = lite_forward(x, *weights)
    assert 0.3 < np.isin(saved.gates, (0, 1)).mean() < 0.9
    assert 0.3 < (np.abs(saved.candidates) == 1).mean() < 0.9
    assert_close(lite_backward(saved, d_states), of_jax(x, weights, d_states)[1])

    kernel, recurrent, bias, initial = (np.zeros_like(value) for value in weights)
    bias[:] = 1  # every gate is exactly 1, at the limit, where the gradient is zero
    states, saved = lite_forward(x, kernel, recurrent, bias, initial)
    gradients = lite_backward(saved, d_states)
    assert not states.any()
    assert not any(getattr(gradients, part).any() for part in ("kernel", "recurrent", "bias"))
    np.testing.assert_allclose(gradients.initial, d_states.sum(0), rtol=0, atol=RELATIVE * 10)


def float64_loss(x, weights, d_states):
    kernel, recurrent, bias, h = weights
    units, loss = len(recurrent), 0.0
    for inputs, gradient in zip(x, d_states, strict=True):
        projected = inputs @ kernel + bias
        gates = projected[:, : 2 * units] + h @ recurrent[:, : 2 * units]
        z, r = np.split(np.clip(0.5 * gates + 0.5, 0, 1), 2, axis=1)
        c = np.clip(projected[:, 2 * units :] + (r * h) @ recurrent[:, 2 * units :], -1, 1)
        h = c + z * (h - c)
        loss += np.sum(gradient * h)
    return loss


def test_gradients_equal_finite_differences():
    x, weights, d_states = problem(4, 3, 2, 3, seed=5, scale=0.6)
    gradients = lite_backward(lite_forward(x, *weights)[1], d_states)
    step = 1e-6
    for index, part in enumerate(PARTS):
        expected = np.zeros(weights[index].shape)
        for place in np.ndindex(expected.shape):
            losses = []
            for change in (step, -step):
                moved = [value.astype(np.float64) for value in weights]
                moved[index][place] += change
                losses.append(float64_loss(x, moved, d_states))
            expected[place] = (losses[0] - losses[1]) / (2 * step)
        assert np.abs(expected).max() > 0.1
        np.testing.assert_allclose(
            getattr(gradients, part), expected, rtol=0, atol=FINITE * np.abs(expected).max()
        )


def test_results_have_the_same_bits_for_any_number_of_threads():
    x, weights, d_states = problem(20, 150, 1, 9)

    def result(threads):
        states, saved = lite_forward(x, *weights, threads=threads)
        return (states, *lite_backward(saved, d_states, threads=threads))

    alone = result(1)
    for threads in (2, 3, 8):
        for one, other in zip(alone, result(threads), strict=True):
            np.testing.assert_array_equal(one, other)


def test_memory_is_reused_and_results_stay():
    x, weights, d_states = problem(20, 40, 1, 9)
    _, first = lite_forward(x, *weights)
    expected = lite_backward(first, d_states)
    lite_last_state(-x, *weights, reuse=first)
    _, again = lite_forward(x, *weights, reuse=first)
    assert again.states is first.states
    for one, other in zip(expected, lite_backward(again, d_states), strict=True):
        np.testing.assert_array_equal(one, other)
    _, other_shape = lite_forward(x[1:], *weights, reuse=first)
    assert other_shape.states is not first.states


def test_nan_is_not_hidden():
    x, weights, d_states = problem(3, 2, 1, 4)
    x[1, 0] = np.nan
    states, saved = lite_forward(x, *weights)
    assert np.isnan(states[1:, 0]).all()
    assert np.isfinite(states[:, 1]).all()
    assert np.isnan(lite_backward(saved, d_states).recurrent).any()


def supported_sets():
    for isa in ISAS:
        with contextlib.suppress(InputError):
            yield chosen_isa(isa).name


@pytest.mark.parametrize(
    "isa",
    [
        pytest.param(isa, marks=pytest.mark.exhaustive if isa == "avx512" else ())
        for isa in supported_sets()
        if isa != chosen_isa().name
    ],
)
def test_other_instruction_sets(isa):
    script = (
        "from tests.gru import test_gradient as t\n"
        "t.test_states_and_gradients_equal_those_of_jax(20, 17, 3, 5)\n"
        "t.test_gradient_at_the_last_state_only()\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, env={**os.environ, VARIABLE: isa}, check=True)


@pytest.mark.parametrize(
    ("place", "shape", "text"),
    [
        (0, (4, 3), r"x has shape \(4, 3\); it must be \(n_steps, n, k\), with one step and decay or more"),
        (0, (0, 3, 1), r"x has shape \(0, 3, 1\); it must be"),
        (1, (2, 6), r"kernel has shape \(2, 6\); for x of shape \(4, 3, 1\) and 2 units it must be \(1, 6\)"),
        (
            2,
            (2, 5),
            r"recurrent has shape \(2, 5\); for x of shape \(4, 3, 1\) and 2 units it must be \(2, 6\)",
        ),
        (3, (5,), r"bias has shape \(5,\); for x of shape \(4, 3, 1\) and 2 units it must be \(6,\)"),
        (
            4,
            (2, 2),
            r"initial has shape \(2, 2\); for x of shape \(4, 3, 1\) and 2 units it must be \(3, 2\)",
        ),
    ],
)
def test_wrong_shapes_are_rejected(place, shape, text):
    x, weights, _ = problem(4, 3, 1, 2)
    arguments = [x, *weights]
    arguments[place] = np.zeros(shape)
    with pytest.raises(InputError, match=f"^{text}"):
        lite_forward(*arguments)


def test_gradient_of_a_wrong_shape_is_rejected():
    x, weights, d_states = problem(4, 3, 1, 2)
    _, saved = lite_forward(x, *weights)
    text = r"^d_states has shape \(3, 3, 2\); it must be \(4, 3, 2\), or \(3, 2\) for the last state only$"
    with pytest.raises(InputError, match=text):
        lite_backward(saved, d_states[1:])
