"""Lifetimes beyond a range, in a mixture with lifetimes of the range."""

import numpy as np
import pytest

from seq2seqlite.decay import ParametricIrf, TimeAxis, expected_tpsf, longer_lifetime_ns


@pytest.mark.parametrize("fwhm_ns", [0.1, 0.4])
@pytest.mark.parametrize(
    ("shares", "taus", "beyond"),
    [
        ([1.0], [8.0], True),
        ([0.5, 0.5], [2.0, 10.0], True),
        ([0.8, 0.2], [1.0, 8.0], True),
        ([1.0], [5.8], False),
        ([0.9, 0.1], [0.2, 5.8], False),
        ([0.5, 0.5], [0.3, 3.0], False),
    ],
)
def test_a_longer_lifetime_in_a_mixture(
    shares: list[float], taus: list[float], beyond: bool, fwhm_ns: float
) -> None:
    axis = TimeAxis(135, 0.09, 12.5)
    irf = ParametricIrf(1.5, fwhm_ns)
    tpsf = expected_tpsf(shares, taus, axis=axis, irf=irf, photons=3e7, background=1e4)
    counts = np.random.default_rng(3).poisson(tpsf)
    found = longer_lifetime_ns(counts, axis=axis, edge_ns=1.45, range_ns=(0.1, 6.0))
    assert (found is not None) == beyond
    assert found is None or 7 < found < 14
    assert (
        longer_lifetime_ns(counts[:10] * 0, axis=TimeAxis(10, 0.09, 12.5), edge_ns=0.1, range_ns=(0.1, 6.0))
        is None
    )
