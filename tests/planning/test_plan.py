"""Plans: Fisher information, photons, speed and precision, and maximum likelihood beside them."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seq2seqlite import plan_acquisition
from seq2seqlite.decay import Decay
from seq2seqlite.errors import InputError
from seq2seqlite.estimators.crlb import cramer_rao_bound
from seq2seqlite.planning import (
    Design,
    MeanError,
    gate_information,
    instrument_designs,
    plan_designs,
)
from seq2seqlite.simulation import load_instrument

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "planning.py"
ALL = slice(None)


@pytest.fixture(scope="module")
def benchmark():
    specification = importlib.util.spec_from_file_location("planning_benchmark", BENCHMARK)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize("sample", [Decay(0.5, 0.5), Decay(0.6, 2.5, 0.4)])
@pytest.mark.parametrize("name", ["tcspc-80mhz", "swissspad3"])
def test_poisson_information_is_that_of_the_cramer_rao_bound(name, sample):
    instrument = load_instrument(name)
    irf, axis = instrument.middle_irf(), instrument.forward_axis
    found = gate_information(instrument, sample, background=0.05)
    light = 4000.0
    per_step = light if instrument.gate is None else light * 2.5 / axis.gate_width_ns
    bound = cramer_rao_bound(
        sample.tau_short_ns, axis=axis, irf=irf, photons=0.95 * per_step,
        tau_long_ns=None if sample.mono else sample.tau_long_ns,
        amplitude_fraction=sample.amplitude_fraction,
        background=0.05 * per_step * axis.weight_ns / axis.period_ns,
    )  # fmt: skip
    error = found.mean_error(np.array([light]), gates=ALL, one_bit=False)
    assert error.relative[0] * sample.tau_mean_ns == pytest.approx(bound.tau_mean_ns.item(), rel=1e-4)


def test_one_bit_information_is_that_of_bernoulli_trials():
    found = gate_information(load_instrument("spad512s"), Decay(2.0, 2.0), background=0.05)
    light = 1.5  # up to 0.7 photons in a gate
    probability = -np.expm1(-light * found.counts)
    slopes = light * found.slopes * (1 - probability)
    information = (slopes / (probability * (1 - probability))) @ slopes.T
    expected = np.sqrt(np.linalg.inv(information)[0, 0]) / 2.0
    errors = found.mean_error(np.array([light, 1e-4]), gates=ALL, one_bit=True)
    assert errors.relative[0] == pytest.approx(expected, rel=1e-9)
    dim = found.mean_error(np.array([1e-4]), gates=ALL, one_bit=False)
    assert errors.relative[1] == pytest.approx(dim.relative[0], rel=1e-4)


@pytest.mark.parametrize("known", [0.0, 0.5, 1.5])
def test_error_with_a_background_that_cannot_be_negative(known):
    z, other = np.random.default_rng(3).normal(size=(2, 400_000))
    correlation = -0.8
    lifetime = correlation * np.maximum(z, -known) + 0.6 * other
    error = MeanError(np.array([0.1]), np.array([correlation]), np.array([known]))
    assert error.after(1)[0] == pytest.approx(0.1 * np.sqrt(np.mean(lifetime**2)), rel=5e-3)


def test_gates_that_do_not_determine_the_lifetime_have_an_infinite_error():
    found = gate_information(load_instrument("swissspad3"), Decay(2.0, 2.0), background=0.02)
    assert found.mean_error(np.ones(1), gates=slice(0, 2), one_bit=True).after(255).tolist() == [np.inf]


def test_predicted_precision_is_that_of_maximum_likelihood(benchmark):
    """Five designs of four instruments, with one-bit frames up to an occupancy of 70 %."""
    designs = (  # of 27 gates each, so that the fit is compiled once
        ("swissspad3", Design(27, 0, 5, 0.45, 3.0, bits=8), 88_000.0),
        ("swissspad3", Design(27, 0, 4, 0.36, 2.0, bits=10), 88_000.0),
        ("spad512s", Design(27, 0, 2, 0.366978, 5.0, bits=9), 100_000.0),
        ("iccd", Design(27, 0, 5, 0.2, 0.3), None),
        ("tcspc-80mhz", Design(27, 0, 5, 0.45, 0.45), None),
    )
    found = list(benchmark.checks(n=1000, designs=designs))
    assert len(found) == 2 * len(designs)
    assert [check for check in found if abs(check.simulated / check.predicted - 1) > 0.1] == []
    worst = [max(found[i].predicted, found[i + 1].predicted) for i in range(0, len(found), 2)]
    assert worst == pytest.approx([0.05] * 5, rel=1e-3)
    assert max(check.occupancy or 0 for check in found) > 0.5


def test_speed_of_a_camera():
    plan = plan_acquisition("swissspad3", [0.5, 2.5], bits=[8], binary_frames_per_second=44_000)
    whole = plan.designs[0]
    assert (whole.design.n_gates, whole.design.binary_frames) == (135, 34_425)
    assert whole.frames_per_second == pytest.approx(44_000 / 34_425)
    assert whole.photons_per_second * 34_425 / 44_000 == pytest.approx(whole.incident_photons)
    assert [p.precision for p in plan.designs if p.reached and abs(p.precision / 0.05 - 1) > 1e-3] == []
    assert whole.precision_same_time == pytest.approx(whole.precision)
    assert all(planned.occupancy < 0.8 + 1e-9 for planned in plan.designs)
    fast = max((planned for planned in plan.best), key=lambda planned: planned.frames_per_second)
    assert fast.frames_per_second > 5 * whole.frames_per_second  # and it needs more light
    assert fast.photons_per_second > 4 * whole.photons_per_second


def test_fewer_gates_and_merged_bins_cost_little_where_they_should():
    """Every fifth gate in the same time is as good as all gates; nine bins are nearly as good as 135."""
    camera = plan_acquisition("swissspad3", [2.5], bits=[8], gate_length_ns=[3.0])
    fifth = next(p for p in camera.designs if p.design == Design(27, 0, 5, 0.45, 3.0, bits=8))
    assert fifth.precision_same_time == pytest.approx(0.05, rel=0.03)
    confocal = plan_acquisition("tcspc-80mhz", [2.5], photons_per_second=1e5)
    nine = next(p for p in confocal.designs if p.design.n_gates == 9)
    assert 1 < nine.photons / confocal.designs[0].photons < 1.1
    assert nine.frames_per_second == pytest.approx(1e5 / nine.incident_photons)


def test_photons_fall_with_the_square_of_the_precision():
    strict, loose = (
        plan_acquisition("tcspc-80mhz", [2.0], precision=precision, background=0.3).designs[0]
        for precision in (0.01, 0.02)
    )
    assert strict.photons / loose.photons == pytest.approx(4.0, rel=0.02)
    assert loose.precision == pytest.approx(0.02, rel=1e-6)


def test_given_light_gives_the_precision():
    needed = plan_acquisition("swissspad3", [2.5], bits=[8], gate_length_ns=[3.0]).designs[0]
    plan = plan_acquisition(
        "swissspad3", [2.5], bits=[8], gate_length_ns=[3.0], photons_per_second=needed.photons_per_second
    )
    assert plan.designs[0].precision == pytest.approx(0.05, rel=1e-3)
    assert plan.designs[0].photons == pytest.approx(needed.photons, rel=1e-3)
    assert all(planned.precision < 0.3 for planned in plan.best)


def test_two_lifetimes_need_more_photons_than_one():
    one = plan_acquisition("tcspc-80mhz", [0.5, 2.5], precision=0.1).designs[0]
    two = plan_acquisition("tcspc-80mhz", [0.5, 2.5], precision=0.1, components=2).designs[0]
    assert two.photons > 3 * one.photons


@pytest.mark.parametrize("name", ["swissspad3", "spad512s", "iccd", "narrow-gate"])
def test_designs_are_axes_within_the_period(name):
    instrument = load_instrument(name)
    designs = instrument_designs(instrument, n_parameters=3, gate_by_gate=True)
    for design in designs:
        assert design.axis(instrument).n_gates == design.n_gates >= 4
        assert len(np.arange(instrument.axis.n_gates)[design.gates]) == design.n_gates
    assert designs[0].n_gates == instrument.axis.n_gates
    assert len(set(designs)) == len(designs) > 50


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"tau_ns": []}, "tau_ns is empty; pass one or more lifetimes"),
        ({"tau_ns": [-1.0]}, "tau_ns=-1 must be finite and > 0"),
        ({"tau_ns": [1.0], "components": 2}, "must be two different lifetimes for components=2"),
        ({"components": 3}, "components=3 must be 1 or 2"),
        ({"precision": 5.0}, "precision=5 must be > 0 and < 1"),
        ({"background": 1.0}, "background=1 must be >= 0 and < 1"),
        ({"bits": [20]}, "bits=20 must be between 1 and 16"),
        ({"max_occupancy": 1.0}, "max_occupancy=1 must be > 0 and < 1"),
        ({"gate_length_ns": [20.0]}, "gate_length_ns=20 must be > 0 and <= period_ns=12.5"),
        ({"photons_per_second": -2.0}, "photons_per_second=-2 must be finite and > 0"),
        ({"binary_frames_per_second": float("nan")}, "binary_frames_per_second=nan must be finite"),
        ({"instrument": "tcspc-80mhz", "bits": [8]}, "is only for cameras with one-bit frames"),
        ({"instrument": "tcspc-80mhz", "gate_length_ns": [1]}, "is only for time-gated cameras"),
        ({"out": "plan.pdf"}, "out=plan.pdf must end in .png"),
    ],
)
def test_invalid_options(options, text):
    values = {"instrument": "swissspad3", "tau_ns": [2.0], **options}
    with pytest.raises(InputError, match=text.replace("(", r"\(")):
        plan_acquisition(values.pop("instrument"), values.pop("tau_ns"), **values)


def test_detector_without_a_noise_model_here():
    from seq2seqlite.decay import IccdDetector

    instrument = replace(load_instrument("iccd"), detector=IccdDetector(gain=3.0))
    with pytest.raises(
        InputError, match="supports detectors of kind photon-counting and spad-frames, not iccd"
    ):
        plan_acquisition(instrument, [2.0])


def test_plan_of_own_designs():
    instrument = load_instrument("spad512s")
    (found,) = plan_designs(
        instrument, [Decay(2.0, 2.0)], [Design(33, 0, 2, 0.366978, 6.0, bits=8)],
        precision=0.05, background=0.02, gate_by_gate=True,
    )  # fmt: skip
    assert found.reached
    assert found.frames_per_second is None
