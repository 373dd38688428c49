"""The default model of a measurement, and warnings about models and responses that do not suit it."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy.special import ndtr

from seq2seqlite.cli.app import main
from seq2seqlite.decay import MeasuredIrf, ParametricIrf, TimeAxis, expected_tpsf
from seq2seqlite.errors import InputError
from seq2seqlite.io import signal_from_counts
from seq2seqlite.models import model_names
from seq2seqlite.predictors import choose_model
from seq2seqlite.predictors.choice import instrument_model, model_use
from seq2seqlite.predictors.misfits import coarse_irf, cut_irf, unknown_gate, wrong_instrument


def measured(file_format: str, *, width: float = 0.1, period: float = 12.5, **more: Any) -> xr.DataArray:
    axis = TimeAxis(int(period / width), width, period)
    tpsf = expected_tpsf([1.0], [2.0], axis=axis, irf=ParametricIrf(1.5, 0.2), photons=5000)
    counts = np.broadcast_to(tpsf.round().astype(np.uint16), (3, 3, tpsf.size))
    return signal_from_counts(
        counts, source="a", file_format=file_format, gate_width_ns=width, period_ns=period, **more
    )


@pytest.mark.parametrize(
    ("data", "irf_given", "model", "reason"),
    [
        (measured("PTU"), False, "seq2seqlite-tcspc-80mhz-float", r"period of the measurement \(12\.5 ns\)$"),
        (measured("PTU"), True, "seq2seqlite-tcspc-80mhz-direct-float", r"\(12\.5 ns\) and the IRF$"),
        (measured("series of PTU"), False, "seq2seqlite-tcspc-80mhz-float", r"trained for tcspc-80mhz"),
        (measured("SDT", period=25.0), False, "mle-bi", r"no shipped model fits: the laser period is 25 ns"),
        (
            measured("gate series", width=0.09, gate_length_ns=2.0),
            False,
            "seq2seqlite-swissspad3-direct-float",
            r"trained for swissspad3, .* gates 0\.09 ns apart and 2 ns long, without IRF",
        ),
        (
            measured("SPAD gate series", width=0.183489, period=12.33, gate_length_ns=6.0),
            True,
            "seq2seqlite-spad512s-direct-float",
            r"trained for spad512s, .* and the IRF",
        ),
        (
            measured("gate series", width=0.5, gate_length_ns=5.0),
            True,
            "mle-bi",
            r"no camera of the shipped models has gates 0\.5 ns apart and 5 ns long and a period of 12\.5 ns",
        ),
    ],
)
def test_default_model(data: xr.DataArray, irf_given: bool, model: str, reason: str) -> None:
    found = choose_model(data, irf_given=irf_given)
    assert found.model == model
    assert re.search(reason, found.reason)


def test_short_window_is_no_case_for_a_network() -> None:
    data = measured("PTU")
    part = signal_from_counts(
        data.values[..., :60], source="a", file_format="PTU", gate_width_ns=0.1, period_ns=12.5
    )
    assert choose_model(part).model == "mle-bi"


def test_maximum_likelihood_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seq2seqlite.predictors.choice.find_spec", lambda _: None)
    assert choose_model(measured("PTU")).model == "seq2seqlite-tcspc-80mhz-float"
    with pytest.raises(InputError, match=r"requires JAX: install seq2seqlite\[train\], or choose an estimat"):
        choose_model(measured("SDT", period=25.0))


@pytest.mark.parametrize(
    ("model", "file_format", "warned"),
    [
        ("seq2seqlite-spad512s-direct-int8", "PTU", True),
        ("seq2seqlite-narrow-gate-int8", "SDT", True),
        ("seq2seqlite-tcspc-80mhz-float", "PTU", False),
        ("seq2seqlite-spad512s-direct-int8", "SPAD gate series", False),
        ("seq2seqlite-spad512s-direct-int8", "npz", False),
        ("mle-mono", "PTU", False),
        ("mine.npz", "PTU", False),
    ],
)
def test_camera_model_on_tcspc_data(model: str, file_format: str, warned: bool) -> None:
    found = wrong_instrument(model, measured(file_format))
    assert len(found) == warned
    assert not warned or "was trained for a time-gated camera" in found[0]


@pytest.mark.parametrize(
    ("model", "length", "warned"),
    [
        ("seq2seqlite-swissspad3-direct-float", 4.1, False),
        ("seq2seqlite-swissspad3-float", 6.0, True),
        ("seq2seqlite-spad512s-direct-int8", 3.0, True),
        ("seq2seqlite-spad512s-direct-int8", 6.0, False),
        ("mle-mono", 6.0, False),
    ],
)
def test_gates_of_another_length(model: str, length: float, warned: bool) -> None:
    found = wrong_instrument(model, measured("gate series", gate_length_ns=length))
    assert len(found) == warned
    assert not warned or f"and those of the measurement have {length:g} ns: its lifetimes may" in found[0]


@pytest.mark.parametrize(("width_ns", "warned"), [(0.02, False), (0.08, False), (0.2, True), (0.4, True)])
def test_irf_in_wide_bins(width_ns: float, warned: bool) -> None:
    edges = np.arange(0, 5, width_ns)
    irf = MeasuredIrf(1e5 * np.diff(ndtr((edges - 2) / (0.15 / 2.355))), bin_width_ns=width_ns)
    found = coarse_irf(irf)
    assert len(found) == warned
    assert not warned or f"in two bins of {width_ns:g} ns, which do not show its shape" in found[0]
    assert coarse_irf(None) == coarse_irf(ParametricIrf(2.0, 0.01)) == []


@pytest.mark.parametrize(
    ("first_ns", "n_gates", "end"),
    [(1.0, 67, None), (-0.4, 67, "start"), (9.5, 67, "end"), (-0.5, 69, None)],  # 69 gates cover the period
)
def test_irf_that_is_cut_off(first_ns: float, n_gates: int, end: str | None) -> None:
    """A gate of 3 ns, sampled every 0.18 ns."""
    delays = np.arange(n_gates) * 0.18
    response = ((delays - first_ns) % 12.42 < 3.0).astype(float)
    if end == "end":
        response[delays < 1] = 0.0
    irf = MeasuredIrf(1e4 * response, bin_width_ns=0.18).sampled()
    found = cut_irf(irf, period_ns=12.42)
    assert len(found) == (end is not None)
    assert end is None or f"cut off at the {end} of its window, and 0.36 ns of the laser period" in found[0]
    assert cut_irf(None, period_ns=12.42) == cut_irf(irf, period_ns=None) == []


@pytest.mark.parametrize(
    ("model", "file_format", "gate", "warned"),
    [
        ("seq2seqlite-swissspad3-direct-float", "npz", {}, True),
        ("seq2seqlite-swissspad3-direct-float", "npz", {"gate_length_ns": 3.0}, False),
        ("seq2seqlite-swissspad3-direct-float", "PTU", {}, False),  # has another warning
        ("seq2seqlite-narrow-gate-direct-float", "npz", {}, False),
        ("mle-mono", "npz", {}, False),
    ],
)
def test_response_of_gates_of_unknown_length(
    model: str, file_format: str, gate: dict[str, float], warned: bool
) -> None:
    found = unknown_gate(model, measured(file_format, **gate))
    assert len(found) == warned
    assert not warned or "pass gate_length_ns in ns" in found[0]


def test_use_of_the_shipped_models() -> None:
    uses = {name: model_use(name)["use"] for name in model_names()}
    assert {name for name, use in uses.items() if use == "TCSPC"} == {
        name for name in uses if "tcspc-80mhz" in name
    }
    assert model_use("seq2seqlite-spad512s-direct-float")["gate_length_ns"] == [5.0, 7.0]


def test_image_prints_the_choice_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, out = tmp_path / "a.npz", tmp_path / "out"
    np.savez(file, tpsf=measured("npz").values, gate_width_ns=0.1, period_ns=12.5)
    assert main(["image", str(file), "--out", str(out), "--no-decay"]) == 0
    summary = json.loads((out / "summary.json").read_text())
    assert summary["model"] == "seq2seqlite-tcspc-80mhz-float"
    assert summary["model_choice"].startswith("model seq2seqlite-tcspc-80mhz-float: trained for tcspc-80mhz")
    assert capsys.readouterr().out.splitlines()[1] == summary["model_choice"]
    assert main(["image", str(file), "--out", str(out), "--backend", "none"]) == 2


def test_models_prints_instrument_and_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    (line, _) = (one.split() for one in lines if "seq2seqlite-spad512s-direct-int8" in one)
    assert line == ["seq2seqlite-spad512s-direct-int8", "camera", "5-7", "12.33", "0.1-5", "yes"]
    assert max(len(one) for one in lines) <= 80


@pytest.mark.parametrize(
    ("instrument", "irf_given", "model"),
    [
        ("tcspc-80mhz", False, "seq2seqlite-tcspc-80mhz-float"),
        ("tcspc-80mhz", True, "seq2seqlite-tcspc-80mhz-direct-float"),
        ("swissspad3", False, "seq2seqlite-swissspad3-direct-float"),
    ],
)
def test_default_model_of_an_instrument(instrument: str, irf_given: bool, model: str) -> None:
    found = instrument_model(instrument, irf_given=irf_given)
    assert found is not None
    assert (found.model, found.reason) == (model, f"trained for {instrument}")
    assert instrument_model("lab") is None
