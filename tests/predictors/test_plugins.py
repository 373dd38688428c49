"""Models and estimators of other packages: found by name, used as any other, and failing in one line."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from seq2seqlite import load_predictor
from seq2seqlite.cli.app import main
from seq2seqlite.decay import ParametricIrf, TimeAxis
from seq2seqlite.errors import InputError
from seq2seqlite.predictors.plugins import plugins
from seq2seqlite.predictors.source import predictor_source

AXIS = TimeAxis(125, 0.1, 12.5)
MODULE = """
from seq2seqlite.decay import Lifetimes, TimeAxis

class Constant:
    kind = "constant"
    rising_edge_ns = 2.0

    def __init__(self, name, axis, tau_ns):
        self.name, self.axis, self.tau_ns = name, axis, tau_ns

    def lifetimes(self, tpsf):
        tau = tpsf[:, 0] * 0.0 + self.tau_ns
        return Lifetimes(tau, tau, tau, tau * 0.0 + 0.5)

def model():
    return Constant("their-model", TimeAxis(125, 0.1, 12.5), 1.25)

def estimator(axis, irf):
    return Constant("their-estimator", axis, irf.mean_ns)

def broken():
    raise RuntimeError("no weights")

def incomplete():
    return object()
"""
POINTS = """
[seq2seqlite.models]
their-model = their_package:model
broken = their_package:broken
incomplete = their_package:incomplete
gone = their_package:gone
seq2seqlite-tcspc-80mhz-tiny = their_package:broken
[seq2seqlite.estimators]
their-estimator = their_package:estimator
"""


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Another package on the path, as pip installs it."""
    site = tmp_path / "site"
    info = site / "their_package-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-package\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(POINTS)
    (site / "their_package.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(site))
    plugins.cache_clear()
    yield
    plugins.cache_clear()


def test_a_model_of_another_package() -> None:
    model = load_predictor("their-model", axis=AXIS)
    assert (model.name, model.kind) == ("their-model", "constant")
    np.testing.assert_array_equal(model.lifetimes(np.ones((3, 125))).tau_mean_ns, 1.25)
    with pytest.raises(InputError, match="model their-model requires .*, but the decays have"):
        load_predictor("their-model", axis=TimeAxis(100, 0.1, 12.5))
    with pytest.raises(InputError, match="backend='cpu' is for models of this package; model 'their-model'"):
        load_predictor("their-model", backend="cpu")


def test_an_estimator_of_another_package_gets_axis_and_irf() -> None:
    irf = ParametricIrf(2.5, 0.2)
    found = load_predictor("their-estimator", axis=AXIS, irf=irf)
    assert found.axis == AXIS
    assert found.lifetimes(np.ones((1, 125))).tau_mean_ns[0] == irf.mean_ns
    with pytest.raises(InputError, match="estimator 'their-estimator' needs the time axis and the IRF"):
        load_predictor("their-estimator")


def test_the_command_line_uses_it_and_results_name_its_package(tmp_path: Path) -> None:
    decay = np.where(np.arange(125) < 20, 1, 1 + 200 * np.exp(-np.arange(125) / 15.0))
    counts = np.broadcast_to(decay, (4, 5, 125)).astype(np.uint16)
    file = tmp_path / "cell.npz"
    np.savez(file, tpsf=counts, gate_width_ns=0.1, period_ns=12.5)
    out = tmp_path / "out"
    words = ["image", str(file), "--model", "their-model", "--out", str(out), "--no-decay", "--no-phasor"]
    assert main(words) == 0
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert (summary["model"], summary["tau_mean_ns"]["median"]) == ("their-model", 1.25)
    assert predictor_source("their-model").described()["package"] == "their-package 1.2"
    assert "package" not in predictor_source("seq2seqlite-tcspc-80mhz-tiny").described()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("broken", r"'broken' of their-package 1.2 cannot be loaded \(RuntimeError: no weights\); update"),
        ("gone", r"'gone' of their-package 1.2 cannot be loaded \(AttributeError: .*\); update or remove"),
        ("incomplete", "'incomplete' of their-package 1.2 lacks name, kind, axis, rising_edge_ns, lifetimes"),
        ("unknown", "model 'unknown' is unknown; choose one of .*their-estimator, their-model, broken"),
    ],
)
def test_what_cannot_be_loaded_is_one_line(name: str, text: str) -> None:
    with pytest.raises(InputError, match=text):
        load_predictor(name)


def test_the_names_of_this_package_come_first() -> None:
    assert load_predictor("seq2seqlite-tcspc-80mhz-tiny").kind.startswith("integer program")
