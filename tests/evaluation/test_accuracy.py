"""The accuracy table: same decays for all, rows with exactly their keys, the bound reached by the fit."""

import json

import numpy as np
import pytest

from seq2seqlite.cli.app import main
from seq2seqlite.decay import Decay
from seq2seqlite.errors import InputError
from seq2seqlite.evaluation.accuracy import ROW_KEYS, component_rows, measure, mono_rows
from seq2seqlite.evaluation.conditions import Conditions, simulated_decays
from seq2seqlite.integer import load_program, write_program
from seq2seqlite.predictors import predictors_for
from seq2seqlite.simulation.instrument import load_instrument

PREDICTORS = ["centre-of-mass", "mle-mono", "seq2seqlite-narrow-gate-float"]


@pytest.fixture(scope="module")
def conditions():
    return Conditions(
        load_instrument("narrow-gate"), photons=(1000.0,), repeats=256, n_irfs=2,
        decays=(Decay(1.0, 1.0), Decay(2.0, 2.0), Decay(0.4, 2.5, 0.3)),
    )  # fmt: skip


@pytest.fixture(scope="module")
def measured(conditions):
    return measure(conditions, predictors_for(conditions.instrument, PREDICTORS))


def test_rows_have_their_keys_and_the_fit_reaches_the_bound(conditions, measured):
    rows = mono_rows(conditions, measured)
    assert [tuple(row) for row in rows] == [ROW_KEYS] * 6
    ratios = {(row["predictor"], row["tau_ns"]): row["rmse_over_crlb"] for row in rows}
    assert ratios["mle-mono", 1.0] < 1.15
    assert ratios["centre-of-mass", 1.0] > 1.3
    assert ratios["seq2seqlite-narrow-gate-float", 1.0] < 2.5
    for row in rows:
        assert row["rmse_ns"] == pytest.approx(np.hypot(row["bias_ns"], row["std_ns"]))
        assert row["pixels_per_second"] > 0


def test_intervals_of_the_fit_hold_the_truth(conditions, measured):
    rows = mono_rows(conditions, measured)
    assert {row["quantity"] for row in rows} == {"tau_mean_ns"}
    for row in rows:
        if row["predictor"] in ("mle-mono", "centre-of-mass"):
            assert row["response"] == "given"
            assert row["coverage_68"] == pytest.approx(0.683, abs=0.11)  # 256 decays: 3.8 standard errors
            # 256 decays: 3.8 standard errors; those of the centre of mass are a linear approximation.
            width = 0.05 if row["predictor"] == "mle-mono" else 0.08
            assert row["coverage_95"] == pytest.approx(0.954, abs=width)
        else:
            assert row["coverage_68"] is row["coverage_95"] is None
    given = {row["predictor"]: row["response"] for row in rows}
    assert given["centre-of-mass"] == "given"
    assert given["seq2seqlite-narrow-gate-float"] == "unknown"


def test_components_are_those_of_decays_with_two_lifetimes(conditions, measured):
    rows = component_rows(conditions, measured)
    quantities = [row["quantity"] for row in rows if row["predictor"] == "seq2seqlite-narrow-gate-float"]
    assert quantities == ["tau_mean_ns", "tau_short_ns", "tau_long_ns", "amplitude_fraction"]
    assert [row["quantity"] for row in rows if row["predictor"] == "mle-mono"] == ["tau_mean_ns"]


def test_decays_are_the_same_again(conditions):
    first, again = (next(iter(simulated_decays(conditions))) for _ in range(2))
    np.testing.assert_array_equal(first.tpsf, again.tpsf)
    assert first.tpsf.sum(axis=1).mean() == pytest.approx(1000, rel=0.01)


def test_command_writes_a_list_of_rows(tmp_path, capsys):
    out, file = tmp_path / "out", tmp_path / "rows.json"
    arguments = ["benchmark", "accuracy", "--repeats", "8", "--photons", "1000", "--out", str(out)]
    assert main([*arguments, "--predictor", "centre-of-mass", "--json", str(file)]) == 0
    rows = json.loads(file.read_text())
    assert {tuple(row) for row in rows} == {(*ROW_KEYS, "written_by")}
    assert {item.name for item in out.iterdir()} == {
        "accuracy.json", "accuracy.md", "accuracy.png", "components.json", "settings.json",
    }  # fmt: skip
    assert "| `centre-of-mass` |" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (["--predictor", "fit"], "model 'fit' is unknown; choose one of centre-of-mass"),
        (["--repeats", "4"], "repeats=4 must be >= n_irfs=8"),
        (["--photons", "0"], "must be > 0, and background"),
    ],
)
def test_bad_input_is_one_line(capsys, more, text):
    assert main(["benchmark", "accuracy", *more]) == 2
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert text in printed


def test_a_program_file_is_a_predictor(tmp_path):
    instrument, file = load_instrument("tcspc-80mhz"), tmp_path / "tiny.program"
    write_program(file, load_program("seq2seqlite-tcspc-80mhz-tiny"))
    predictor = predictors_for(instrument, [str(file)])[str(file)](None)
    assert predictor.kind == "integer program, CPU back end"


def test_model_of_another_axis():
    instrument = load_instrument("narrow-gate")
    from dataclasses import replace

    other = replace(instrument, axis=replace(instrument.axis, n_gates=100))
    with pytest.raises(InputError, match="model seq2seqlite-narrow-gate-float requires TimeAxis"):
        predictors_for(other, ["seq2seqlite-narrow-gate-float"])
