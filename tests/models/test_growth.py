"""Larger networks that start with the function of a smaller one."""

import dataclasses

import numpy as np
import pytest

from seq2seqlite.errors import InputError
from seq2seqlite.models import Architecture, initial_parameters, predict_sfd
from seq2seqlite.models.growth import can_grow, grown_parameters

SMALL = Architecture((6,), "lite", n_inputs=3)


@pytest.mark.parametrize(
    ("small", "large"),
    [
        (SMALL, Architecture((9,), "lite", n_inputs=3)),
        (SMALL, Architecture((4, 6), "lite", n_inputs=3)),
        (SMALL, Architecture((5, 4, 8), "lite", n_inputs=3)),
        (Architecture((4, 5), "lite"), Architecture((3, 6, 7), "lite")),
    ],
)
def test_a_grown_network_computes_the_same_sfd(small: Architecture, large: Architecture) -> None:
    rng = np.random.default_rng(1)
    parameters = initial_parameters(small, seed=1)
    for name, value in parameters.items():
        parameters[name] = np.asarray(value + rng.normal(0, 0.1, value.shape), np.float32)
    inputs = rng.uniform(-4, 4, (5, 20, small.n_inputs)).astype(np.float32)
    grown = grown_parameters(parameters, small, large, seed=2)
    assert {name: value.shape for name, value in grown.items()} == large.parameter_shapes
    wanted = predict_sfd(small, parameters, inputs)
    assert np.ptp(wanted) > 0.1
    np.testing.assert_allclose(predict_sfd(large, grown, inputs), wanted, atol=1e-6)
    # New units are not dead: they read states, and weights behind them are all that keeps them out.
    assert grown["encoder/0/recurrent_kernel"][:, -1].any()


@pytest.mark.parametrize(
    "change",
    [
        {"cell": "standard"},
        {"n_inputs": 1},
        {"layers": (5,)},
        {"layers": (2, 6)},
        {"layers": (6, 5)},
        {"output": "lifetimes"},
    ],
)
def test_other_networks_are_refused(change: dict[str, object]) -> None:
    large = dataclasses.replace(Architecture((8,), "lite", n_inputs=3), **change)  # type: ignore[arg-type]
    assert not can_grow(SMALL, large)
    with pytest.raises(InputError, match="cannot start with the function of"):
        grown_parameters(initial_parameters(SMALL, seed=1), SMALL, large, seed=1)
