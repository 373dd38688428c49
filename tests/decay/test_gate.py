"""Time gates with edges, and responses that include them."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import erf

from seq2seqlite.decay import Gate, GatedIrf, ParametricIrf, TimeAxis, expected_tpsf
from seq2seqlite.errors import InputError

PERIOD_NS = 12.5


@pytest.mark.parametrize("length_ns", [0.3, 1.0, 3.0, 6.0, 12.5])
def test_steep_gate_equals_the_ideal_gate_of_the_axis(length_ns: float) -> None:
    axis = TimeAxis(125, 0.1, PERIOD_NS, gate_length_ns=length_ns)
    irf = ParametricIrf(4.0, 0.2, tail_fraction=0.2, tail_ns=0.3)
    ideal = expected_tpsf([0.4, 0.6], [0.4, 2.5], axis=axis, irf=irf)
    gated = expected_tpsf([0.4, 0.6], [0.4, 2.5], axis=axis.sampled(), irf=GatedIrf(irf, Gate(length_ns)))
    np.testing.assert_allclose(gated / gated.sum(), ideal / ideal.sum(), atol=1e-7)


def test_edges_of_a_gate_are_gaussian_integrals() -> None:
    gate = Gate(3.0, rise_ns=0.5, fall_ns=0.2)
    rise, fall = 0.5 / 2.563103, 0.2 / 2.563103

    def profile(t: float) -> float:
        opened = 0.5 * (1 + erf(t / rise / np.sqrt(2)))
        return float(opened - 0.5 * (1 + erf((t - 3.0) / fall / np.sqrt(2))))

    for k, factor in enumerate(gate.coefficients(12, period_ns=PERIOD_NS)):
        omega = 2 * np.pi * k / PERIOD_NS
        real = quad(lambda t, w=omega: profile(t) * np.cos(w * t), -3, 6, limit=400)[0]
        imaginary = quad(lambda t, w=omega: profile(t) * np.sin(w * t), -3, 6, limit=400)[0]
        assert factor == pytest.approx((real + 1j * imaginary) / 3.0, abs=1e-6)


def test_response_rises_one_gate_before_the_pulse() -> None:
    axis = TimeAxis(1250, 0.01, PERIOD_NS).sampled()
    response = GatedIrf(ParametricIrf(5.0, 0.2), Gate(3.0, 0.1, 0.1))
    counts = expected_tpsf([1.0], [1e-3], axis=axis, irf=response)
    above = np.flatnonzero(counts > counts.max() / 2) * 0.01
    assert above[[0, -1]] == pytest.approx([2.0, 5.0], abs=0.02)
    assert response.mean_ns == pytest.approx((counts @ axis.starts_ns) / counts.sum(), abs=0.01)
    assert response.moved(1.0).mean_ns == pytest.approx(response.mean_ns + 1.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Gate(0.0), r"length_ns=0\.0 of a gate must be finite and > 0"),
        (lambda: Gate(float("nan")), "length_ns=nan of a gate"),
        (lambda: Gate(1.0, rise_ns=-0.1), r"rise_ns=-0\.1 of a gate must be finite and >= 0"),
        (lambda: Gate(1.0, fall_ns=float("inf")), "fall_ns=inf of a gate"),
        (
            lambda: Gate(13.0).coefficients(3, period_ns=12.5),
            r"length_ns=13\.0 .* must be <= period_ns=12\.5",
        ),
    ],
)
def test_invalid_gate_is_refused(make: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()  # type: ignore[operator]
