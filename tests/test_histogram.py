"""Percentiles from merged parts are those of all values, to the width of a bin."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seq2seqlite.histogram import Spread

# Half a bin of 2^-9 of the value.
BIN = 2.0**-9


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=60), st.integers(0, 60))
def test_parts_in_any_order_are_the_whole(values: list[float], cut: int) -> None:
    parts = [Spread.of(values[:cut]), Spread.of(values[cut:])]
    whole, merged, turned = Spread.of(values), Spread.merged(parts), Spread.merged(parts[::-1])
    for found in (merged, turned):
        np.testing.assert_array_equal(found.keys, whole.keys)
        np.testing.assert_array_equal(found.counts, whole.counts)
    assert whole.n == len(values)
    low, high = whole.limits() or (np.nan, np.nan)
    assert low <= min(values) + 1e-30
    assert high >= max(values) - 1e-30


@pytest.mark.parametrize("percent", [2, 5, 50, 95, 98])
def test_percentiles(percent: float) -> None:
    values = np.random.default_rng(4).normal(1.0, 2.0, 10_001).astype(np.float32)
    exact = float(np.percentile(values, percent))
    found = Spread.of(values).percentile(percent)
    assert found == pytest.approx(exact, rel=2 * BIN)


def test_nothing_has_no_percentile() -> None:
    empty = Spread.of([np.nan, np.inf])
    assert (empty.n, empty.percentile(50), empty.limits()) == (0, None, None)
    assert Spread.merged([empty]).n == 0
