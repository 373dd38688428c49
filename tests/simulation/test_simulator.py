"""The simulator: physics, reproducibility, disjoint splits."""

import dataclasses

import numpy as np
import pytest

from seq2seqlite.decay import ParametricIrf, PhotonCountingDetector, TimeAxis, expected_tpsf
from seq2seqlite.errors import InputError
from seq2seqlite.simulation.instrument import Instrument, load_instrument
from seq2seqlite.simulation.ranges import DecayRanges, IrfRanges
from seq2seqlite.simulation.simulator import Simulator

AXIS = TimeAxis(n_gates=120, gate_width_ns=0.1, period_ns=12.5)


def one_decay_instrument(**decays):
    return Instrument(
        name="fixed",
        axis=AXIS,
        irf=IrfRanges(center_ns=(1.5, 1.5), fwhm_ns=(0.2, 0.2), n_irfs=1),
        decays=DecayRanges(
            **{"tau_ns": (2.0, 2.0), "photons": (1000.0, 1000.0), "background": (0.04, 0.04), **decays}
        ),
        detector=PhotonCountingDetector(),
    )


def test_many_noisy_decays_average_to_the_forward_model():
    n = 20_000
    tpsf = Simulator(one_decay_instrument(), seed=3, split="train").decays(n).tpsf
    expected = expected_tpsf([1.0], [2.0], axis=AXIS, irf=ParametricIrf(1.5, 0.2))
    expected = 960 * expected / expected.sum() + 40 / 120
    # 120 means of Poisson counts: none is 5 standard errors off; variance equals mean within 8 %.
    assert np.all(np.abs(tpsf.mean(axis=0) - expected) < 5 * np.sqrt(expected / n))
    np.testing.assert_allclose(tpsf.var(axis=0), expected, rtol=0.08)


def test_a_decay_depends_on_seed_and_split_not_on_threads_or_length():
    instrument = load_instrument("narrow-gate")
    simulator = Simulator(instrument, seed=5, split="train")
    first = simulator.decays(5000, n_threads=1)
    np.testing.assert_array_equal(first.tpsf, simulator.decays(6000, n_threads=3).tpsf[:5000])
    np.testing.assert_array_equal(first.tpsf, Simulator(instrument, seed=5, split="train").decays(5000).tpsf)
    for other in (
        Simulator(instrument, seed=6, split="train"),
        Simulator(instrument, seed=5, split="reference"),
    ):
        assert (other.decays(100).tpsf != first.tpsf[:100]).any()


def test_stream_starts_anywhere():
    simulator = Simulator(load_instrument("narrow-gate"), seed=5, split="train")
    stream = simulator.stream(batch=8)
    batches = [next(stream) for _ in range(3)]
    np.testing.assert_array_equal(batches[2].tpsf, next(simulator.stream(batch=8, start=2)).tpsf)
    assert (batches[0].tpsf != batches[1].tpsf).any()


def test_irf_banks_of_the_splits_share_no_irf():
    banks = [
        {
            tuple(row[1:4])
            for row in Simulator(load_instrument("tcspc-80mhz"), seed=1, split=split).irf_coefficients
        }
        for split in ("train", "validation", "reference")
    ]
    assert all(len(bank) == 512 for bank in banks)
    assert not banks[0] & banks[1]
    assert not banks[0] & banks[2]
    assert not banks[1] & banks[2]


def test_decays_follow_the_instrument():
    instrument = load_instrument("tcspc-80mhz")
    decays = Simulator(instrument, seed=2, split="train").decays(20_000)
    mono = decays.tau_short_ns == decays.tau_long_ns
    assert mono.mean() == pytest.approx(0.2, abs=0.015)
    assert np.all(decays.amplitude_fraction[mono] == 0.5)
    assert np.all(decays.tau_short_ns <= decays.tau_long_ns)
    assert decays.tau_short_ns.min() >= 0.1
    assert decays.tau_long_ns.max() <= 6.0
    assert np.log(decays.photons).mean() == pytest.approx(np.log(2000), abs=0.05)
    assert decays.amplitude_fraction[~mono].mean() == pytest.approx(0.5, abs=0.01)
    # counts are Poisson around the photons asked for
    z = (decays.tpsf.sum(axis=1) - decays.photons) / np.sqrt(decays.photons)
    assert abs(z.mean()) < 0.04
    assert z.std() == pytest.approx(1, abs=0.03)


def test_sfd_is_the_decay_of_the_drawn_lifetimes():
    simulator = Simulator(one_decay_instrument(mono_exponential=1.0), seed=1, split="train")
    sfd = simulator.sfd(simulator.decays(2))
    np.testing.assert_allclose(sfd[0, 0], np.exp(-AXIS.starts_ns / 2), rtol=1e-6)
    np.testing.assert_allclose(sfd[0, 1], sfd[0, 2])


def test_baseline_gates_end_before_an_early_edge():
    early = dataclasses.replace(one_decay_instrument(), irf=IrfRanges(center_ns=(0.6, 0.6), n_irfs=1))
    assert Simulator(early, seed=1, split="train").n_baseline == 3
    assert Simulator(one_decay_instrument(), seed=1, split="train").n_baseline == 10


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda i: Simulator(i, seed=1, split="test"),
            "split='test' is unknown; choose one of train, validation, reference",
        ),
        (lambda i: Simulator(i, seed=-1, split="train"), "seed=-1 must be >= 0"),
        (lambda i: Simulator(i, seed=1, split="train").decays(0), "n=0 must be >= 1"),
    ],
)
def test_bad_input_says_value_and_rule(call, text):
    with pytest.raises(InputError, match=text):
        call(one_decay_instrument())
