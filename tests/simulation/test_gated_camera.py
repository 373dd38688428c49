"""Instruments with gates, measured responses, and the scale of the errors."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seq2seqlite.decay import GatedIrf, ParametricIrf, TimeAxis
from seq2seqlite.errors import InputError
from seq2seqlite.estimators.crlb import cramer_rao_bound
from seq2seqlite.simulation import Instrument, Simulator, load_instrument
from seq2seqlite.simulation.simulator import measured_response

TABLE: dict[str, Any] = {
    "name": "camera",
    "axis": {"n_gates": 60, "gate_width_ns": 0.2, "period_ns": 12.5},
    "gate": {"length_ns": [1.0, 4.0], "length_spread": 0.02, "rise_ns": [0.1, 0.3], "fall_ns": 0.2},
    "irf": {"center_ns": [1.2, 1.8], "fwhm_ns": [0.2, 0.4], "n_irfs": 24},
    "decays": {"tau_ns": [0.2, 3.0]},
}


def camera(**changes: Any) -> Instrument:
    """Return the camera with other values in its tables."""
    table = {name: dict(value) if isinstance(value, dict) else value for name, value in TABLE.items()}
    for key, values in changes.items():
        table[key] = {**table.get(key, {}), **values}
    return Instrument.from_dict(table)


def test_description_survives_a_round_trip(tmp_path: Path) -> None:
    instrument = camera(response={"counts": [1e4, 1e5]})
    assert Instrument.from_dict(instrument.to_dict()) == instrument
    assert "gate" not in load_instrument("tcspc-80mhz").to_dict()


def test_every_pixel_has_a_gate_of_its_own() -> None:
    irfs = Simulator(camera(), seed=1, split="train").irfs
    gates = [irf.gate for irf in irfs if isinstance(irf, GatedIrf)]
    assert len(gates) == 24
    lengths = np.array([gate.length_ns for gate in gates])
    assert lengths.min() < 2
    assert lengths.max() > 3
    fixed = Simulator(camera().with_gate_length(3.0), seed=1, split="train").irfs
    lengths = np.array([irf.gate.length_ns for irf in fixed if isinstance(irf, GatedIrf)])
    assert lengths.mean() == pytest.approx(3.0, abs=0.03)
    assert 0.02 < lengths.std() < 0.1


def test_rising_edge_does_not_depend_on_the_gate_length() -> None:
    edges = []
    for length in (1.0, 4.0):
        simulator = Simulator(camera().with_gate_length(length), seed=1, split="train")
        response = simulator._forward.response(simulator.irf_coefficients).mean(axis=0)
        edges.append(np.flatnonzero(response > response.max() / 2)[0] * 0.2)
    assert edges == pytest.approx([1.5, 1.5], abs=0.25)


def test_responses_do_not_change_the_decays() -> None:
    plain, given = (Simulator(camera(), seed=3, split="train", responses=flag) for flag in (False, True))
    first, second = plain.decays(3000), given.decays(3000)
    np.testing.assert_array_equal(first.tpsf, second.tpsf)
    assert first.response is None
    assert second.response is not None
    assert second.response.shape == (3000, 60)
    unknown = second.response.sum(axis=1) == 0
    assert unknown.mean() == pytest.approx(0.12, abs=0.03)
    counts = second.response.sum(axis=1)[~unknown]
    assert counts.min() > 800
    assert counts.max() < 1.1e7
    np.testing.assert_array_equal(second[100:103].response, second.response[100:103])


def test_measured_response_has_the_errors_that_its_table_says() -> None:
    instrument = camera(
        gate={"length_ns": 3.0, "length_spread": 0.0},
        irf={"center_ns": 1.5},
        response={"counts": 1e7, "shift_ns": 0.05, "misaligned": 0.0, "unknown": 0.0, "background": 0.0},
    )
    simulator = Simulator(instrument, seed=1, split="train")
    index = np.zeros(4000, np.intp)
    measured = simulator.measured_responses(index, np.random.default_rng(1))
    center = measured @ instrument.axis.starts_ns / measured.sum(axis=1)
    assert center.std() == pytest.approx(0.05, rel=0.05)
    assert center.mean() == pytest.approx(simulator.irfs[0].mean_ns, abs=0.005)


def test_bound_is_the_cramer_rao_bound_of_one_lifetime() -> None:
    instrument = camera(decays={"background": 0.02, "mono_exponential": 1.0})
    simulator = Simulator(instrument, seed=1, split="train")
    decays = simulator.decays(40)
    found = simulator.bound_ns(decays)
    for index in range(40):
        irf = simulator.irfs[decays.irf_index[index]]
        coefficients = simulator.irf_coefficients[decays.irf_index[index]]
        shape = simulator._forward.tpsf([1.0], [decays.tau_mean_ns[index]], coefficients)
        signal = decays.photons[index] * 0.98
        wanted = cramer_rao_bound(
            decays.tau_mean_ns[index],
            axis=instrument.forward_axis,
            irf=irf,
            photons=signal / shape.sum(),
            background=decays.photons[index] * 0.02 / 60,
        )
        assert found[index] == pytest.approx(wanted.tau_mean_ns.item(), rel=0.03)


def test_response_of_a_photon_counter_is_its_histogram() -> None:
    counts = measured_response(ParametricIrf(2.0, 0.3), axis=TimeAxis(100, 0.1, 10.0), counts=1e6)
    assert counts.sum() == pytest.approx(1e6, rel=0.01)
    assert counts @ (np.arange(100) + 0.5) * 0.1 / counts.sum() == pytest.approx(2.0, abs=0.005)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gate": {"length_ns": 0.0}}, r"gate.length_ns=\[0.0, 0.0\] must be > 0"),
        ({"gate": {"length_ns": [4.0, 1.0]}}, r"gate.length_ns=\[4.0, 1.0\] must be \[low, high\]"),
        ({"gate": {"length_ns": 12.4}}, r"gate.length_ns=\[12.4, 12.4\] .* must be <= period_ns=12.5"),
        ({"gate": {"length_spread": 0.5}}, "gate.length_spread=0.5 must be between 0 and 0.3"),
        ({"gate": {"rise_ns": -1.0}}, "gate.rise_ns="),
        ({"gate": {"rise": 1.0}}, "gate has an unknown key 'rise'"),
        (
            {"axis": {"gate_length_ns": 3.0}},
            r"axis.gate_length_ns=3.0 and \[gate\] both give",
        ),
        ({"response": {"counts": 0.0}}, r"response.counts=\[0.0, 0.0\] must be between 1 and 1e\+09"),
        ({"response": {"unknown": 2.0}}, "response.unknown=2.0 must be between 0 and 1"),
        ({"response": {"shift_ns": -1.0}}, "response.shift_ns=-1.0 must be >= 0"),
        ({"response": {"background": 1.0}}, r"response.background=\[1.0, 1.0\] must be <= 0.99"),
        (
            {"decays": {"background_prior": "normal"}},
            "decays.background_prior='normal' is unknown; choose one of uniform, ",
        ),
        (
            {"decays": {"background_prior": "log-uniform", "background": [0.0, 0.1]}},
            r"decays.background=\[0.0, 0.1\] must be > 0 for background_prior='log-uniform'",
        ),
        ({"decays": {"mono_tau": "normal"}}, "decays.mono_tau='normal' is unknown; choose one of uniform, "),
    ],
)
def test_invalid_description_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        camera(**changes)


def test_gate_length_outside_of_the_range_is_refused() -> None:
    with pytest.raises(InputError, match="gate_length_ns=5.0 of instrument camera must be between 1 and 4"):
        camera().with_gate_length(5.0)
    with pytest.raises(InputError, match=r"instrument tcspc-80mhz has no \[gate\]"):
        load_instrument("tcspc-80mhz").with_gate_length(3.0)


@pytest.mark.parametrize("kind", ["log-uniform", "both"])
def test_distribution_of_lifetimes_has_short_ones(kind: str) -> None:
    uniform = Simulator(camera(decays={"mono_exponential": 1.0}), seed=1, split="train").decays(4000)
    other = Simulator(
        camera(decays={"mono_exponential": 1.0, "mono_tau": kind}), seed=1, split="train"
    ).decays(4000)
    expected = {"log-uniform": np.log(2) / np.log(15), "both": (np.log(2) / np.log(15) + 0.2 / 2.8) / 2}
    assert (uniform.tau_mean_ns < 0.4).mean() == pytest.approx(0.2 / 2.8, abs=0.02)
    assert (other.tau_mean_ns < 0.4).mean() == pytest.approx(expected[kind], abs=0.02)


def test_log_uniform_background_is_mostly_small() -> None:
    ranges = {"background": [0.001, 0.3], "background_prior": "log-uniform"}
    background = Simulator(camera(decays=ranges), seed=1, split="train").decays(4000).background
    assert (background < 0.01).mean() == pytest.approx(np.log(10) / np.log(300), abs=0.02)
    assert background.max() < 0.3
