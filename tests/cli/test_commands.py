"""simulate, train, evaluate, models: one run each, and what goes wrong."""

import json

import numpy as np
import pytest

from seq2seqlite.cli.app import main
from seq2seqlite.decay import ParametricIrf, TimeAxis, expected_tpsf
from seq2seqlite.models import load_model

RECIPE = """
name = "tiny"
instrument = "mine.toml"
layers = [4]
cell = "lite"
steps = 10
batch = 16
warmup_steps = 2
validation_decays = 32
validation_every = 5
"""
INSTRUMENT = """
name = "mine"
[axis]
n_gates = 60
gate_width_ns = 0.2
period_ns = 12.5
[irf]
center_ns = [2.4, 2.6]
fwhm_ns = [0.2, 0.3]
n_irfs = 8
[decays]
tau_ns = [0.5, 4.0]
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "mine.toml").write_text(INSTRUMENT)
    (tmp_path / "recipe.toml").write_text(RECIPE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def cli(line):
    return main(line.split())


def test_from_an_instrument_to_a_model_and_its_metrics(folder, monkeypatch):
    monkeypatch.setattr("seq2seqlite.training.card.REFERENCE_DECAYS", 200)
    assert cli("simulate --instrument mine.toml --n 300 --seed 3 --out set.npz --json set.json") == 0
    manifest = json.loads((folder / "set.json").read_text())
    assert manifest["n"] == 300
    assert manifest["seed"] == 3
    assert manifest["instrument"]["axis"]["n_gates"] == 60

    assert cli("train --recipe recipe.toml --out trained --json card.json") == 0
    card = json.loads((folder / "card.json").read_text())
    assert card.pop("written_by") == "seq2seqlite train"
    assert card == json.loads((folder / "trained" / "tiny.json").read_text())
    assert card["recipe"]["instrument"] == "mine"
    assert card["training"]["decays"] == 160
    assert load_model(folder / "trained" / "tiny.npz").axis.n_gates == 60
    assert sorted(path.name for path in (folder / "trained").iterdir()) == ["tiny.json", "tiny.npz"]

    assert cli("evaluate --model trained/tiny.npz --data set.npz --json metrics.json") == 0
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["n"] == 300
    assert metrics["parameters"] == load_model("trained/tiny.npz").architecture.n_parameters
    for channel in ("total", "short", "long"):
        assert set(metrics[channel]) == {"rmse", "r2", "r2_per_decay", "l2"}
    assert {"rmse", "median_abs_error"} <= set(metrics["lifetime"]["tau_mean_ns"])


def test_from_a_trained_model_to_a_quantised_student(folder, monkeypatch):
    monkeypatch.setattr("seq2seqlite.training.card.REFERENCE_DECAYS", 200)
    assert cli("train --recipe recipe.toml --out .") == 0
    lines = ["[training]", RECIPE.replace('"tiny"', '"small"'), 'start_from = "tiny.npz"']
    lines += ["[distillation]", 'teachers = ["tiny.npz"]', "[quantisation]", "weight_bits = 4"]
    (folder / "compression.toml").write_text("\n".join(lines))
    assert cli("compress --recipe compression.toml --out made --json card.json") == 0
    card = json.loads((folder / "card.json").read_text())
    assert card["recipe"]["distillation"]["teachers"] == ["tiny"]
    assert card["recipe"]["training"]["start_from"] == "tiny"
    assert 0 < card["cost"]["mean_weight_bits"] <= 4
    assert sorted(path.name for path in (folder / "made").iterdir()) == ["small.json", "small.npz"]
    assert cli("evaluate --model made/small.npz --reference mine.toml --json metrics.json") == 0
    assert load_model("made/small.npz").kind == "quantised network"


def test_evaluate_without_truth_gives_medians(folder, capsys):
    tpsf = np.random.default_rng(0).poisson(50, (5, 135))
    np.savez(folder / "plain.npz", tpsf=tpsf, gate_width_ns=0.09, period_ns=12.5)
    arguments = "evaluate --model seq2seqlite-tcspc-80mhz-float --data plain.npz --json metrics.json"
    assert cli(arguments) == 0
    assert "median tau_mean_ns" in capsys.readouterr().out
    assert json.loads((folder / "metrics.json").read_text())["median"].keys() >= {"tau_mean_ns"}


@pytest.mark.parametrize(("n_gates", "width_ns"), [(135, 0.09), (243, 0.05)])
def test_evaluate_rebins_other_time_axes(folder, capsys, n_gates, width_ns):
    """A period of 12.15 ns, for a model with 12.5 ns."""
    axis = TimeAxis(n_gates=n_gates, gate_width_ns=width_ns, period_ns=12.15)
    tau = np.linspace(0.5, 4, 40)
    irf = ParametricIrf(1.5, 0.2)
    tpsf = [expected_tpsf([1.0], [one], axis=axis, irf=irf, photons=20_000) for one in tau]
    truth = {"tau_short_ns": tau, "tau_long_ns": tau, "amplitude_fraction": np.full(40, 0.5)}
    counts = np.random.default_rng(0).poisson(tpsf)
    np.savez(folder / "other.npz", tpsf=counts, gate_width_ns=width_ns, period_ns=12.15, **truth)
    arguments = "evaluate --model seq2seqlite-tcspc-80mhz-int8 --data other.npz --json metrics.json"
    assert cli(arguments) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "(period 12.15 ns) to 135 x 0.09 ns (period 12.5 ns): no metrics of the SFD" in printed
    metrics = json.loads((folder / "metrics.json").read_text())
    assert "total" not in metrics
    assert metrics["rebinning"]["source_period_ns"] == 12.15
    assert metrics["lifetime"]["tau_mean_ns"]["median_abs_error"] < 0.15


def test_empty_range_of_the_irf_is_one_line(folder, capsys):
    np.savez(folder / "a.npz", tpsf=np.ones((2, 2, 135), np.uint16), gate_width_ns=0.09, period_ns=12.5)
    np.savetxt(folder / "irf.txt", np.eye(1, 135, 20)[0])
    arguments = (
        "image a.npz --model phasor --out out --irf irf.txt --irf-bin-width-ns 0.09 --irf-range-ns 5 1"
    )
    assert cli(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert "5" in error
    assert not (folder / "out").exists()


def test_models_lists_the_cards(folder, capsys):
    assert cli("models --json models.json") == 0
    assert "seq2seqlite-narrow-gate-float" in capsys.readouterr().out
    row = json.loads((folder / "models.json").read_text())["models"]["seq2seq-narrow-gate-float"]
    assert row["parameters"] == 299_139
    assert row["instrument"] == "narrow-gate"
    row = json.loads((folder / "models.json").read_text())["models"]["seq2seqlite-narrow-gate-int8"]
    keys = (
        "parameters",
        "nonzero_weights",
        "mean_weight_bits",
        "state_bits",
        "macs_per_pixel",
        "lut_estimate",
    )
    assert [type(row[key]) for key in keys] == [int, int, float, int, int, int]
    assert row["state_bits"] == 8


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ("evaluate --model nothing --reference narrow-gate", "model 'nothing' is unknown; choose one of"),
        (
            "evaluate --model seq2seqlite-narrow-gate-float",
            "pass either reference=INSTRUMENT or data=FILE, but not both (options --reference, --data)",
        ),
        (
            "evaluate --model seq2seqlite-narrow-gate-float --reference nothing",
            "instrument 'nothing' is unknown; choose one of iccd, narrow-gate, spad512s",
        ),
        ("evaluate --model seq2seqlite-narrow-gate-float --data no.npz", "data file no.npz does not exist"),
        ("simulate --instrument mine.toml --n 0 --out set.npz", "n=0 must be >= 1"),
        ("simulate --instrument mine.toml --split test --out set.npz", "split='test' is unknown"),
        ("train --recipe nothing --out trained", "recipe 'nothing' is unknown; choose one of"),
        ("compress --recipe nothing --out made", "compression recipe 'nothing' is unknown; choose one of"),
        ("compress --recipe recipe.toml --out made", "the compression recipe has an unknown key 'name'"),
        ("study --config nothing --out made", "study 'nothing' is unknown; choose one of paper, quick"),
        ("train --recipe recipe.toml --fast", "No such option: --fast"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(folder, capsys, arguments, line):
    assert cli(arguments) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("error: ")
    assert line in printed
    assert printed.count("\n") == 1
    assert sorted(path.name for path in folder.iterdir()) == ["mine.toml", "recipe.toml"]
