"""The networks: sizes of the paper, NumPy equal to JAX, the hand-written gradient equal to JAX's own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seq2seqlite.errors import InputError
from seq2seqlite.models import SEQ2SEQ, SEQ2SEQLITE, Architecture, initial_parameters, predict_sfd
from seq2seqlite.models import jax_forward as differentiable

ARCHITECTURES = [Architecture((12, 8), "standard"), Architecture((9,), "lite"), Architecture((6, 5), "lite")]
# Both compute in float32 with values near 1, over 20 gates; only the order of their sums differs.
FLOAT32_TOLERANCE = 2e-5


def rough_parameters(architecture):
    """Large enough that the hard gates reach their rails."""
    rng = np.random.default_rng(1)
    initial = initial_parameters(architecture, seed=3)
    return {name: (2 * v + 0.2 * rng.normal(size=v.shape)).astype(np.float32) for name, v in initial.items()}


INPUTS = np.random.default_rng(0).random((7, 20)).astype(np.float32)


def test_parameter_counts_are_those_of_the_paper():
    assert SEQ2SEQ.n_parameters == 299_139
    assert SEQ2SEQLITE.n_parameters == 6_627
    # 1,036,800 / 4 clocks for 4 multipliers in the field notes leave head and input out
    assert SEQ2SEQLITE.macs_per_decay(135) == 135 * (2 * 32 * 96 + 96 + 96)


def test_a_lite_step_by_hand():
    architecture = Architecture((1,), "lite")
    zero = {name: np.zeros(shape, np.float32) for name, shape in architecture.parameter_shapes.items()}
    values = {
        "encoder/0/kernel": [[0.4, 0.2, 3.0]],
        "decoder/0/kernel": [[9.0, 9.0, 9.0]],
        "decoder/0/bias": [0.0, -5.0, 0.25],
        "head/kernel": [[1.0, 2.0, 0.0]],
        "head/bias": [0.0, 0.0, 0.5],
    }
    parameters = {**zero, **{name: np.array(value, np.float32) for name, value in values.items()}}
    # Encoder: z = 0.5 * 0.4 + 0.5 = 0.7, candidate clipped to 1: h = 0.3. Decoder (idle kernel never acts): z
    # = 0.5, reset 0, candidate 0.25: h = 0.275.
    sfd = predict_sfd(architecture, parameters, np.ones((1, 1), np.float32))
    np.testing.assert_allclose(sfd[0, :, 0], [0.275, 0.55, 0.5], rtol=1e-6)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_numpy_equals_jax(architecture):
    parameters = rough_parameters(architecture)
    by_jax = np.asarray(differentiable.predict_sfd_jax(architecture, parameters, INPUTS)).transpose(1, 2, 0)
    by_numpy = predict_sfd(architecture, parameters, INPUTS)
    assert by_numpy.shape == (7, 3, 20)
    np.testing.assert_allclose(by_numpy, by_jax, atol=FLOAT32_TOLERANCE)


@pytest.mark.parametrize(
    "architecture", [*ARCHITECTURES[:2], pytest.param(ARCHITECTURES[2], marks=pytest.mark.exhaustive)]
)
def test_gradient_equals_jaxs_own(architecture, monkeypatch):
    parameters = rough_parameters(architecture)

    def loss(parameters):
        return jnp.sum(jnp.sin(3 * differentiable.predict_sfd_jax(architecture, parameters, INPUTS)))

    ours = jax.grad(loss)(parameters)
    monkeypatch.setattr(
        differentiable, "_standard_gru", lambda *args: differentiable._standard_scan(*args)[0]
    )
    monkeypatch.setattr(differentiable, "_lite_gru", lambda *args: differentiable._lite_scan(*args)[0])
    automatic = jax.grad(loss)(parameters)
    for name, gradient in automatic.items():
        scale = float(jnp.abs(gradient).max())
        np.testing.assert_allclose(
            ours[name], gradient, atol=FLOAT32_TOLERANCE * max(scale, 1.0), err_msg=name
        )
        assert (scale > 0) == (name != "decoder/0/kernel"), name


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: Architecture((32,), "gru"), "cell='gru' is unknown; choose one of standard, lite"),
        (lambda: Architecture((), "lite"), r"layers=\[\] must have one or more numbers of units > 0"),
        (
            lambda: Architecture((32, 0), "lite"),
            r"layers=\[32, 0\] must have one or more numbers of units > 0",
        ),
    ],
)
def test_bad_architecture_says_value_and_rule(call, text):
    with pytest.raises(InputError, match=text):
        call()
