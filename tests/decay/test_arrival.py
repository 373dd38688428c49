"""The rising edge of a measured decay."""

import numpy as np
import pytest

from seq2seqlite.decay import ParametricIrf, TimeAxis, expected_tpsf, rising_edge_ns
from seq2seqlite.errors import InputError

AXIS = TimeAxis(n_gates=125, gate_width_ns=0.1, period_ns=12.5)


@pytest.mark.parametrize("shift", [0, 7, 60, 110, 124])
def test_edge_follows_a_circular_shift(shift):
    tpsf = expected_tpsf([1.0], [2.0], axis=AXIS, irf=ParametricIrf(1.5, 0.2), photons=1e5, background=50)
    edge = rising_edge_ns(tpsf, bin_width_ns=0.1)
    moved = rising_edge_ns(np.roll(tpsf, shift), bin_width_ns=0.1)
    assert moved == pytest.approx((edge + shift * 0.1) % 12.5, abs=1e-9)
    assert edge == pytest.approx(1.4, abs=0.1)


@pytest.mark.parametrize(
    "counts", [np.full(125, 100), np.zeros(125), np.random.default_rng(0).poisson(1000, 125)]
)
def test_flat_decay_has_no_edge(counts):
    with pytest.raises(InputError, match="no rising edge: the decay is flat within its noise"):
        rising_edge_ns(counts, bin_width_ns=0.1)
