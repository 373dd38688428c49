"""Columns of the response as inputs of a network."""

import numpy as np
import pytest

from seq2seqlite.decay import Gate, GatedIrf, ParametricIrf, TimeAxis, expected_tpsf
from seq2seqlite.errors import InputError
from seq2seqlite.models import response_columns

AXIS = TimeAxis(135, 0.09, 12.5)


@pytest.mark.parametrize("tau_ns", [0.5, 2.0, 8.0])
@pytest.mark.parametrize("gate_ns", [0.5, 3.0])
def test_column_is_the_decay_of_its_lifetime(tau_ns: float, gate_ns: float) -> None:
    irf = GatedIrf(ParametricIrf(1.5 + gate_ns, 0.3), Gate(gate_ns, 0.2, 0.2))
    pulse = expected_tpsf([1.0], [1e-3], axis=AXIS.sampled(), irf=irf, photons=1e7)
    decay = expected_tpsf([1.0], [tau_ns], axis=AXIS.sampled(), irf=irf)
    column = response_columns(pulse, [tau_ns], axis=AXIS)[:, 0]
    # The sum over gates of 90 ps takes the place of an integral: curves are shifted by half a gate at most.
    falling = slice(int(decay.argmax()) + 2, None)
    scaled = column / column.max()
    np.testing.assert_allclose(scaled[falling], (decay / decay.max())[falling], atol=0.01 + 0.055 / tau_ns)
    assert np.linalg.norm(column) == pytest.approx(3, rel=1e-5)


def test_columns_do_not_depend_on_scale_and_background() -> None:
    rng = np.random.default_rng(1)
    pulse = 1e6 * expected_tpsf([1.0], [1e-3], axis=AXIS, irf=ParametricIrf(1.5, 0.3))
    first = response_columns(pulse, [0.0, 1.0], axis=AXIS)
    np.testing.assert_allclose(response_columns(5 * pulse + 700, [0.0, 1.0], axis=AXIS), first, atol=1e-6)
    noisy = response_columns(rng.poisson(pulse), [0.0, 1.0], axis=AXIS)
    assert np.abs(noisy - first).max() < 0.05


def test_unknown_response_gives_zeros() -> None:
    assert not response_columns(np.zeros((2, 135)), [0.0, 1.0, 3.0], axis=AXIS).any()


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (np.ones(134), r"a response of shape \(134,\) must have n_gates=135 gates"),
        (3.0, r"a response of shape \(\) must have n_gates=135 gates"),
        (np.full(135, -1.0), "a response has negative or non-finite counts"),
        (np.full(135, np.nan), "a response has negative or non-finite counts"),
    ],
)
def test_invalid_response_is_refused(response: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        response_columns(response, [0.0], axis=AXIS)  # type: ignore[arg-type]
