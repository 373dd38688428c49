"""One instrument."""

import pytest

from seq2seqlite.decay import ParametricIrf, TimeAxis


@pytest.fixture
def axis() -> TimeAxis:
    return TimeAxis(n_gates=135, gate_width_ns=0.09, period_ns=12.5)


@pytest.fixture
def irf() -> ParametricIrf:
    return ParametricIrf(1.5, 0.25, 0.1, 0.3)
