"""Estimators over the whole range of lifetimes, periods, edges and backgrounds that the command accepts."""

import numpy as np
import pytest

from seq2seqlite.decay import ParametricIrf, TimeAxis, expected_tpsf
from seq2seqlite.errors import InputError
from seq2seqlite.estimators import Phasor, Reason, estimator_named
from seq2seqlite.estimators.registry import ESTIMATORS

IRF = ParametricIrf(1.5, 0.25, 0.1, 0.3)
AXES = {
    "80 MHz": TimeAxis(135, 0.09, 12.5),
    "80 MHz, whole period": TimeAxis(125, 0.1, 12.5),
    "80 MHz, window of 10 ns": TimeAxis(256, 0.039, 12.5),
    "40 MHz": TimeAxis(250, 0.1, 25.0),
    "20 MHz": TimeAxis(256, 0.1953, 50.0),
}
LIFETIMES_NS = (0.1, 0.3, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0)
MONO = [name for name in ESTIMATORS if name not in ("mle-bi", "mle-tri")]
PHOTONS = 20_000
TOLERANCE = 0.02
# Interpolation in the tables; a fit ends within 1 % at four fifths of the period.
NOISE_FREE = 0.01
# A median over this many noisy decays is known to a quarter of a per cent for the best estimators.
REPEATS = 500


def decays(axis, irf, background, taus=LIFETIMES_NS):
    shape = expected_tpsf(np.ones((len(taus), 1)), np.array(taus)[:, None], axis=axis, irf=irf)
    signal = shape / shape.sum(axis=1, keepdims=True) * PHOTONS * (1 - background)
    return signal + PHOTONS * background / axis.n_gates


@pytest.mark.parametrize("background", [0.0, 0.05])
@pytest.mark.parametrize("axis", AXES.values(), ids=AXES)
@pytest.mark.parametrize("name", MONO)
def test_decays_without_noise(name, axis, background):
    found = estimator_named(name, axis=axis, irf=IRF).lifetimes(decays(axis, IRF, background))
    known = np.isfinite(found.tau_mean_ns)
    np.testing.assert_allclose(found.tau_mean_ns[known], np.array(LIFETIMES_NS)[known], rtol=NOISE_FREE)
    assert (found.reason[~known] == Reason.NO_DECAY).all()
    if not name.startswith("rld"):
        assert known.all()
    else:  # gates of a third or half of the window resolve lifetimes from about a quarter of their width on
        resolved = (np.array(LIFETIMES_NS) > axis.window_ns / 6) & (np.array(LIFETIMES_NS) < 7)
        assert known[resolved].all()


@pytest.mark.parametrize("background", [0.0, 0.05])
@pytest.mark.parametrize("name", ["centre-of-mass", "phasor", "mle-mono", "rld-2", "rld-3"])
def test_median_of_noisy_decays(name, background):
    axis, taus = AXES["80 MHz"], np.array([0.3, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0])
    mean = np.repeat(decays(axis, IRF, background, taus), REPEATS, axis=0)
    counts = np.random.default_rng(3).poisson(mean)
    found = estimator_named(name, axis=axis, irf=IRF).lifetimes(counts).tau_mean_ns.reshape(-1, REPEATS)
    given = np.isfinite(found).mean(axis=1)
    # Where the gates cannot tell, nearly no decay has a value; elsewhere nearly each has one.
    assert ((given < 0.05) | (given > 0.95)).all(), given
    if not name.startswith("rld"):
        assert (given == 1).all()
    assert (given[taus >= 2] > 0.95).all()
    used = given > 0.95
    # The median survives the curvature of a logarithm. Its error is 1.25 times that of a mean.
    tau, std = np.nanmedian(found[used], axis=1), 1.25 * np.nanstd(found[used], axis=1)
    # A fit without background to find takes noise for some, since a background cannot be negative.
    tolerance = 0.03 if (name, background) == ("mle-mono", 0.0) else TOLERANCE
    allowed = tolerance * taus[used] + 2.5 * std / np.sqrt(REPEATS)
    assert (np.abs(tau - taus[used]) < allowed).all(), tau / taus[used]


@pytest.mark.parametrize("background", [0.0, 3.0])
@pytest.mark.parametrize("edge_ns", [0.05, 0.3, 3.0, 7.0, 11.0])
@pytest.mark.parametrize("name", ["centre-of-mass", "phasor", "rld-2", "rld-3"])
def test_any_place_of_the_edge(name, edge_ns, background):
    axis, irf = AXES["80 MHz"], ParametricIrf(edge_ns, 0.25, 0.1, 0.3)
    taus = np.array([0.3, 1.0, 3.0, 8.0])
    counts = decays(axis, irf, 0.0, taus) + background
    if (name, edge_ns) == ("rld-3", 11.0):
        with pytest.raises(InputError, match="are too few for n_gates=3; use fewer wide gates"):
            estimator_named(name, axis=axis, irf=irf)
        return
    found = estimator_named(name, axis=axis, irf=irf).lifetimes(counts).tau_mean_ns
    known = np.isfinite(found)
    np.testing.assert_allclose(found[known], taus[known], rtol=NOISE_FREE)
    assert known.all() or name.startswith("rld")


def test_phasor_is_that_of_phasorpy_where_nothing_is_subtracted():
    from phasorpy.lifetime import phasor_calibrate, phasor_to_normal_lifetime
    from phasorpy.phasor import phasor_from_signal

    axis = AXES["80 MHz, whole period"]
    signal = expected_tpsf(
        [[0.3, 0.7]] * 3 + [[1.0, 0.0]] * 4,
        [[0.5, 3.0], [1.0, 2.0], [0.5, 8.0], [0.3, 1], [2, 1], [6, 1], [8, 1]],
        axis=axis, irf=IRF, photons=PHOTONS,
    )  # fmt: skip
    reference = expected_tpsf([1.0], [2.0], axis=axis, irf=IRF)
    _, real, imag = phasor_from_signal(signal, axis=-1)
    known = phasor_from_signal(reference, axis=-1)
    real, imag = phasor_calibrate(real, imag, *known, frequency=80.0, lifetime=2.0)
    expected = phasor_to_normal_lifetime(real, imag, frequency=80.0)
    found = Phasor(axis, IRF, n_baseline=0).lifetimes(signal)
    np.testing.assert_allclose(found.tau_mean_ns, expected, rtol=1e-3)
    # A background is accounted for: the same lifetimes of one component. A long second component has another
    # tail in the baseline than the one lifetime that stands for both.
    bright = Phasor(axis, IRF).lifetimes(signal + 8.0)
    np.testing.assert_allclose(bright.tau_mean_ns[3:], expected[3:], rtol=1e-3)
    np.testing.assert_allclose(bright.tau_mean_ns[:2], expected[:2], rtol=0.05)
    np.testing.assert_allclose(bright.background[3:], 8.0, rtol=0.02)


def test_phasor_fractions_do_not_depend_on_the_background():
    axis = AXES["80 MHz"]
    phasor = Phasor(axis, IRF, components_ns=(0.5, 6.0))
    for background in (0.0, 5.0):
        tpsf = expected_tpsf(
            [0.3, 0.7], [0.5, 6.0], axis=axis, irf=IRF, photons=PHOTONS, background=background
        )
        assert phasor.lifetimes(tpsf[None]).amplitude_fraction.item() == pytest.approx(0.3, abs=1e-3)


def test_a_baseline_needs_an_irf():
    axis = AXES["80 MHz"]
    with pytest.raises(InputError, match="n_baseline=5 needs the IRF, which separates background from"):
        Phasor(axis, reference=np.ones(135), reference_tau_ns=2.0, n_baseline=5)


def test_a_reference_may_have_a_background():
    axis = AXES["80 MHz"]
    dye, tpsf = (
        expected_tpsf([1.0], [tau], axis=axis, irf=IRF, photons=PHOTONS, background=20.0)
        for tau in (3.0, 6.0)
    )
    found = Phasor(axis, IRF, reference=dye, reference_tau_ns=3.0).lifetimes(tpsf[None])
    assert found.tau_mean_ns.item() == pytest.approx(6.0, rel=1e-3)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_each_knows_its_range(name):
    low, high = estimator_named(name, axis=AXES["80 MHz"], irf=IRF).tau_range_ns
    assert 0 < low < 1
    assert high > 10
