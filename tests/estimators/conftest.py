"""One instrument, and decays of known lifetime on it."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from seq2seqlite.decay import ParametricIrf, TimeAxis, expected_tpsf

AXIS = TimeAxis(n_gates=135, gate_width_ns=0.09, period_ns=12.5)
IRF = ParametricIrf(1.5, 0.25, 0.1, 0.3)


@pytest.fixture
def axis() -> TimeAxis:
    return AXIS


@pytest.fixture
def irf() -> ParametricIrf:
    return IRF


def _expected(
    tau_ns: float | list[float], amplitudes: list[float] | None = None, **more: float
) -> NDArray[np.float64]:
    taus = np.atleast_1d(tau_ns)
    settings = {"photons": 1000.0, "background": 0.2} | more
    return expected_tpsf(amplitudes or [1.0], taus, axis=AXIS, irf=IRF, **settings)


@pytest.fixture
def expected() -> Callable[..., NDArray[np.float64]]:
    return _expected
