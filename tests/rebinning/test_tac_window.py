"""Silent ends of a TAC range are told from true darkness."""

import numpy as np
import pytest

from seq2seqlite.rebinning.tac_window import live_bins


@pytest.mark.parametrize("tau_ns", [0.05, 0.3, 2.0, 6.0])
def test_clean_decay_that_ends_in_zeros_is_live_throughout(tau_ns: float) -> None:
    times = np.arange(256) * 0.05
    expected = 5000 * np.exp(-np.clip(times - 2, 0, None) / tau_ns) / (1 + np.exp(-(times - 2) / 0.04))
    for seed in range(20):
        counts = np.random.default_rng(seed).poisson(expected)
        assert live_bins(counts, gate_width_ns=0.05) == slice(0, 256)


def test_silent_ends_are_left_out_with_the_bin_that_the_limit_cuts() -> None:
    counts = np.random.default_rng(0).poisson(200, 256)
    counts[80:90] = 9000
    counts[:10], counts[240:] = 0, 0
    assert live_bins(counts, gate_width_ns=0.05) == slice(11, 239)
