"""Three components and scattered light: the bound, fits that reach it, and the same model everywhere."""

import numpy as np
import pytest

from seq2seqlite.decay import FitModel, Lifetimes, ParametricIrf, Quantities, TimeAxis, expected_tpsf
from seq2seqlite.errors import InputError
from seq2seqlite.estimators import Estimate, Reason
from seq2seqlite.estimators.crlb import cramer_rao_bound
from seq2seqlite.estimators.maximum_likelihood import MaximumLikelihood
from seq2seqlite.regions import decay_columns
from seq2seqlite.responses import aligned_irf, decay_curve, fit_lifetimes, goodness_of, standard_errors

AXIS, IRF = TimeAxis(135, 0.09, 12.5), ParametricIrf(1.5, 0.25, 0.1, 0.3)
# From the shortest lifetime to that of a laser period.
TAUS = ((0.2, 1.0, 4.0), (0.1, 0.6, 3.0), (0.3, 1.5, 12.0))
AMPLITUDES = (0.5, 0.3, 0.2)
REPEATS = 80
# Of the standard deviation of 80 samples, 8 %, and of their mean, three.
SPREAD, MEAN = 0.24, 3 / np.sqrt(REPEATS)
# Standard errors by numerical and automatic derivatives.
DERIVATIVES = 1e-4


def decay(taus, amplitudes=AMPLITUDES, *, photons=1e6, background=100.0, scatter=0.0):
    """Return expected counts, of whose photons above the background a share is scattered."""
    found = expected_tpsf(amplitudes, taus, axis=AXIS, irf=IRF, photons=photons, background=background)
    prompt = expected_tpsf([1.0], [1e-4], axis=AXIS, irf=IRF, photons=photons * scatter / (1 - scatter))
    return found + prompt


@pytest.mark.parametrize("taus", TAUS)
@pytest.mark.parametrize("scatter", [0.0, 0.2])
def test_bound_is_that_of_the_information_of_the_curve(taus, scatter):
    counts = decay(taus, scatter=scatter)
    curve = decay_curve(
        counts, axis=AXIS, irf=IRF, taus_ns=taus, amplitudes=AMPLITUDES, scatter_fraction=scatter
    )
    errors = standard_errors(curve, axis=AXIS, irf=IRF)
    bound = cramer_rao_bound(
        taus[0], tau_middle_ns=taus[1], tau_long_ns=taus[2], amplitude_fraction=0.5,
        amplitude_fraction_middle=0.3, scatter_fraction=scatter, free_scatter=scatter > 0,
        axis=AXIS, irf=IRF, photons=1e6, background=100.0,
    )  # fmt: skip
    for name, error in errors.items():
        assert getattr(bound, name).item() == pytest.approx(error, rel=DERIVATIVES), name
    assert np.isfinite([bound.tau_middle_ns, bound.amplitude_fraction_middle]).all()


def test_three_lifetimes_reach_the_bound():
    photons, background = 3e7, 4e5  # so many that the bound applies, and a background far above zero
    mean = [decay(taus, photons=photons, background=background) for taus in TAUS]
    counts = np.random.default_rng(1).poisson(np.repeat(mean, REPEATS, axis=0))
    found = MaximumLikelihood(AXIS, IRF, components=3).lifetimes(counts)
    assert (found.reason == Reason.OK).all()
    for number, taus in enumerate(TAUS):
        bound = cramer_rao_bound(
            taus[0], tau_middle_ns=taus[1], tau_long_ns=taus[2], amplitude_fraction=0.5,
            amplitude_fraction_middle=0.3, axis=AXIS, irf=IRF, photons=photons, background=background,
        )  # fmt: skip
        own = slice(number * REPEATS, (number + 1) * REPEATS)
        for name, truth in (*zip(("short", "middle", "long"), taus, strict=True), ("mean", None)):
            values = getattr(found, f"tau_{name}_ns")[own]
            expected = getattr(bound, f"tau_{name}_ns").item()
            assert np.std(values) == pytest.approx(expected, rel=SPREAD), (taus, name)
            assert np.median(getattr(found, f"tau_{name}_std_ns")[own]) == pytest.approx(expected, rel=0.1)
            assert truth is None or abs(np.mean(values) - truth) < MEAN * 1.2 * expected


def test_scattered_light_is_a_component():
    counts = np.random.default_rng(1).poisson(
        np.broadcast_to(decay([2.0], [1.0], photons=4000, background=1.0, scatter=0.2), (REPEATS, 135))
    )
    found = MaximumLikelihood(AXIS, IRF, scatter=True).lifetimes(counts)
    bound = cramer_rao_bound(
        2.0, axis=AXIS, irf=IRF, photons=4000, background=1.0, scatter_fraction=0.2, free_scatter=True
    )
    assert (found.reason == Reason.OK).all()
    for values, truth, error in (
        (found.tau_mean_ns, 2.0, bound.tau_mean_ns),
        (found.scatter_fraction, 0.2, bound.scatter_fraction),
        (found.photons, 4000, bound.photons),
    ):
        assert np.mean(values) == pytest.approx(truth, abs=MEAN * error)
        assert np.std(values) == pytest.approx(error, rel=SPREAD)
    without = MaximumLikelihood(AXIS, IRF).lifetimes(counts)
    assert np.mean(without.tau_mean_ns) < 1.7  # scattered light reads as a shorter lifetime


def test_two_lifetimes_leave_out_the_middle_one():
    found = MaximumLikelihood(AXIS, IRF, components=3, fixed_tau_ns=(0.4, 1.0, 2.5)).lifetimes(
        decay([0.4, 2.5], [0.3, 0.7])[None]
    )
    assert (found.tau_short_ns.item(), found.tau_long_ns.item()) == pytest.approx((0.4, 2.5))
    assert np.isnan(found.tau_middle_ns.item())
    assert found.amplitude_fraction_middle.item() == pytest.approx(0, abs=1e-3)
    assert found.tau_mean_ns.item() == pytest.approx(0.3 * 0.4 + 0.7 * 2.5, rel=1e-3)


def test_goodness_knows_all_components():
    taus, scatter = (0.3, 1.2, 4.0), 0.15
    counts = np.round(decay(taus, scatter=scatter))
    one = np.ones(1)
    found = Estimate(
        one, 0.3 * one, 4.0 * one, 0.5 * one, np.zeros(1, np.uint8),
        tau_middle_ns=1.2 * one, amplitude_fraction_middle=0.3 * one, scatter_fraction=scatter * one,
    )  # fmt: skip
    right = goodness_of(found, counts[None], axis=AXIS, irf=IRF)
    assert right.chi_square.item() < 0.01
    assert abs(right.stretch.item()) < 1e-3
    wrong = goodness_of(Lifetimes(one, one, one, one / 2), counts[None], axis=AXIS, irf=IRF)
    assert wrong.chi_square.item() > 100
    counts[60:64] += 5000  # a reflection
    chosen = [*range(60), *range(64, 135)]
    assert goodness_of(found, counts[None], axis=AXIS, irf=IRF, gates=chosen).chi_square.item() < 0.01


def test_summed_decay_with_three_lifetimes_and_scattered_light():
    taus = (0.3, 1.2, 4.0)
    counts = np.round(decay(taus, photons=1e8, background=1e4, scatter=0.15))
    counts[100:104] += 1e6  # a reflection
    chosen = (*range(100), *range(104, 135))
    found = fit_lifetimes(counts, axis=AXIS, irf=IRF, components=3, scatter=True, gates=chosen)
    assert found.taus_ns == pytest.approx(taus, rel=0.02)
    assert found.amplitude_fractions == pytest.approx(AMPLITUDES, abs=0.01)
    assert found.scatter_fraction == pytest.approx(0.15, abs=0.003)
    assert found.chi_square < 0.1
    fixed = fit_lifetimes(
        counts, axis=AXIS, irf=IRF, components=3, scatter=True, gates=chosen, fixed_tau_ns=taus
    )
    assert fixed.taus_ns == taus
    assert fixed.amplitude_fractions == pytest.approx(AMPLITUDES, abs=1e-3)
    two = fit_lifetimes(np.round(decay([0.5, 3.0], [0.5, 0.5])), axis=AXIS, irf=IRF, components=3)
    assert len(two.taus_ns) == 2


def test_columns_of_regions():
    def columns(model, counts):
        return decay_columns(counts[None], axis=AXIS, irf=IRF, model=model)[0]

    counts = decay((0.3, 1.2, 4.0), scatter=0.15)
    every = columns(FitModel(3, scatter=True, fixed_tau_ns=(0.3, 1.2, 4.0)), counts)
    assert list(every) == [
        "decay_tau_mean_ns", "decay_tau_short_ns", "decay_tau_long_ns", "decay_amplitude_fraction",
        "decay_tau_middle_ns", "decay_amplitude_fraction_middle", "decay_scatter_fraction",
        "decay_chi_square",
    ]  # fmt: skip
    assert list(every.values())[:7] == pytest.approx([1.31, 0.3, 4.0, 0.5, 1.2, 0.3, 0.15], rel=3e-3)
    # A fixed lifetime without photons has the fraction 0; a fitted one is missing.
    absent = columns(FitModel(2, fixed_tau_ns=(0.3, 2.0)), decay([2.0], [1.0]))
    assert (absent["decay_tau_short_ns"], absent["decay_amplitude_fraction"]) == (
        0.3,
        pytest.approx(0, abs=1e-3),
    )
    assert set(columns(FitModel(3), np.ones(135)).values()) == {None}


def test_delay_of_a_decay_with_scattered_light():
    counts = decay([0.5, 2.5], [0.3, 0.7], scatter=0.1)
    found = aligned_irf(IRF.moved(0.4), counts, axis=AXIS, scatter=True)
    assert found.mean_ns == pytest.approx(IRF.mean_ns, abs=2e-3)
    assert abs(aligned_irf(IRF.moved(0.4), counts, axis=AXIS).mean_ns - IRF.mean_ns) > 0.01


def test_quantities_of_three_lifetimes():
    Quantities(3).check(("tau_intensity_ns", "photon_fraction", "fret_efficiency"), name="mle-tri")
    with pytest.raises(
        InputError, match="bound_free_ratio needs two lifetimes, but model mle-tri determines three"
    ):
        Quantities(3).check(("bound_free_ratio",), name="mle-tri")
