"""Studies: the grid, runs that fail, and tables that are the same however often a study was killed."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seq2seqlite.cli.app import main
from seq2seqlite.errors import InputError
from seq2seqlite.reports.study_tables import reference_error, study_rows
from seq2seqlite.studies.folder import RunResult, claimed, read_result
from seq2seqlite.studies.runs import perform
from seq2seqlite.studies.study import load_study, study_names

# The order of XLA's float32 sums depends on the cores that a process has, and rounding to bits amplifies it.
SUMS_ON_OTHER_CORES = 1e-3

TINY = """
name = "tiny"
instrument = "narrow-gate"
teacher = "seq2seqlite-narrow-gate-float"
reference_decays = 300
bound_repeats = 8
examples = ["float 6", "8 bits", "seq2seqlite-narrow-gate-float"]

[defaults.training]
layers = [6]
cell = "lite"
steps = 8
batch = 32
warmup_steps = 2
validation_decays = 64
validation_every = 4

[[run]]
group = "kd"
label = "float {layers}"
seeds = [1, 2]
[run.vary]
"training.layers" = [[6], [4, 4]]

[[run]]
group = "ptq"
label = "{weight_bits} bits"
[run.vary]
"quantisation.weight_bits" = [8, 4]
[run.training]
start_from = "run:float 6"
steps = 0
[run.quantisation]
method = "ptq"

[[run]]
group = "qat"
label = "too narrow"
[run.quantisation]
weight_bits = 4
weight_integer_bits = -6

[[run]]
group = "qat"
label = "diverges"
[run.training]
learning_rate = 1e30
clip_norm = 1e30
warmup_steps = 0
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("study") / "tiny.toml"
    path.write_text(TINY)
    return path


def table(folder):
    whole = json.loads((folder / "study.json").read_text())
    about = whole.pop("about")
    assert about["provenance"]["versions"]["da4ml"]
    return whole


@pytest.fixture(scope="module")
def undisturbed(config, tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed")
    assert main(["study", "--config", str(config), "--out", str(out)]) == 0
    return out


def test_study_records_every_run_and_marks_the_failed_ones(undisturbed):
    whole = table(undisturbed)
    rows = {(row["group"], row["label"], row["seed"]): row for row in whole["rows"]}
    assert len(rows) == 1 + 4 + 2 + 2
    assert rows["models", "seq2seqlite-narrow-gate-float", None]["ratio"] == 1.0
    assert rows["kd", "float 4x4", 2]["parameters"] == 375
    assert rows["ptq", "4 bits", 1]["mean_weight_bits"] < 4
    assert "weight_integer_bits=-6 with" in rows["qat", "too narrow", 1]["failure"]
    assert rows["qat", "diverges", 1]["failure"].startswith("the training diverged at step 4")
    summary = next(one for one in whole["summaries"] if one["label"] == "float 6")
    errors = [rows["kd", "float 6", seed]["figures"]["total"]["rmse"] for seed in (1, 2)]
    assert summary["rmse"] == pytest.approx(sum(errors) / 2)
    assert summary["spread"] == pytest.approx(abs(errors[0] - errors[1]) / 2**0.5)
    assert set(whole["pareto"]["lut_estimate"]) <= {rows["ptq", f"{n} bits", 1]["run"] for n in (4, 8)}


def test_report_has_tables_pictures_and_identities(undisturbed):
    page = (undisturbed / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 3
    assert "failed: the training diverged" in page
    text = (undisturbed / "study.md").read_text(encoding="utf-8")
    for row in table(undisturbed)["rows"]:
        assert f"`{row['run']}`" in text
        assert row["run"] in page


def test_killed_study_ends_with_the_same_table(config, undisturbed, tmp_path):
    code = "import sys; from seq2seqlite.cli.app import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "study", "--config", str(config), "--out", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)
    until = time.monotonic() + 300
    while process.poll() is None and len(list(tmp_path.glob("runs/*/result.json"))) < 2:
        assert time.monotonic() < until
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "study.json").exists()
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*/result.json")}
    assert main(["study", "--config", str(config), "--out", str(tmp_path)]) == 0
    assert {path: path.stat().st_mtime_ns for path in kept} == kept  # finished runs were not done again
    assert table(tmp_path) == table(undisturbed)
    assert (tmp_path / "study.md").read_bytes() == (undisturbed / "study.md").read_bytes()


def test_two_processes_give_the_same_table(config, undisturbed, tmp_path):
    code = (
        "import sys; from seq2seqlite.cli.app import main\n"
        "if __name__ == '__main__': sys.exit(main(sys.argv[1:]))"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    command = [sys.executable, str(script), "study", "--config", str(config), "--out", str(tmp_path / "out")]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    subprocess.run([*command, "--workers", "2"], env=environment, check=True, capture_output=True)
    rows, expected = (table(folder)["rows"] for folder in (tmp_path / "out", undisturbed))
    for row, other in zip(rows, expected, strict=True):
        assert (row["run"], row["failure"]) == (other["run"], other["failure"])
        for channel in ("total", "short", "long"):
            if other["failure"] is None:
                error = other["figures"][channel]["rmse"]
                assert row["figures"][channel]["rmse"] == pytest.approx(error, rel=SUMS_ON_OTHER_CORES)


@pytest.mark.parametrize("name", study_names())
def test_shipped_studies_are_read(name):
    study = load_study(name)
    assert study.name == name
    assert len({run.id for run in study.runs}) == len(study.runs)


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ('name = "tiny"', 'name = "tiny"\nsize = 3', "the study has an unknown key 'size'"),
        ('label = "too narrow"', 'label = "x"\nlabels = 1', r"\[\[run\]\] has an unknown key 'labels'"),
        ('"run:float 6"', '"run:float 7"', "refers to 'run:float 7', but no earlier run has this label"),
        ("reference_decays = 300", "reference_decays = 0", "reference_decays=0 must be >= 1"),
        ('"8 bits", ', '"9 bits", ', "examples has '9 bits', which is neither the label of a run"),
        ('label = "diverges"', 'label = "d"\nseeds = [1, 1]', "run 'd' of group 'qat' occurs twice"),
        ("weight_bits = 4\n", "weight_bit = 4\n", r"\[quantisation\] has an unknown key 'weight_bit'"),
        ('label = "diverges"', "label = 3", "run.label=3 must be a string"),
        ('label = "diverges"', 'label = "d"\nseeds = 2', "run.seeds=2 must be a list of values"),
        ("[[6], [4, 4]]", "4", r"run.vary.training.layers=4 must be a list of values"),
        ("[defaults.training]", "[defaults.trainin]", r"\[defaults\] has an unknown key 'trainin'"),
        ('teacher = "seq', 'teacher = "sequ', "model 'sequ2seqlite-narrow-gate-float' is unknown"),
    ],
)
def test_bad_study_says_value_and_rule(tmp_path, old, new, text):
    assert old in TINY
    (tmp_path / "bad.toml").write_text(TINY.replace(old, new))
    with pytest.raises(InputError, match=f"bad.toml: .*{text}"):
        load_study(tmp_path / "bad.toml")


def test_changed_result_is_refused(config, tmp_path, capsys):
    run = load_study(config).runs[0]
    (tmp_path / "runs" / run.id).mkdir(parents=True)
    for damaged in ("{", "[" * 100_000):
        (tmp_path / "runs" / run.id / "result.json").write_text(damaged)
        assert main(["study", "--config", str(config), "--out", str(tmp_path)]) == 2
        assert "result.json cannot be read" in capsys.readouterr().err
    assert main(["study", "--config", str(config), "--out", str(tmp_path), "--workers", "0"]) == 2
    assert "workers=0 must be >= 1 (option --workers)" in capsys.readouterr().err


def test_row_has_the_names_that_scripts_use(undisturbed):
    rows = {row["name"]: row for row in table(undisturbed)["rows"]}
    row = rows["ptq: 8 bits"]
    assert row["rmse_total"] == row["figures"]["total"]["rmse"]
    assert row["rmse_over_crlb_10000"] == row["figures"]["over_bound"]["10000"] > 1
    assert row["lut_estimate"] == row["figures"]["cost"]["lut_estimate"] > 0
    assert (row["decays_trained"], row["converged"]) == (8 * 32, False)
    assert rows["models: seq2seqlite-narrow-gate-float"]["decays_trained"] == 15000 * 128


def test_joined_folders_give_the_same_table(config, undisturbed, tmp_path):
    study = load_study(config)
    parts = [tmp_path / "one", tmp_path / "two"]
    for index, run in enumerate(study.runs[:-1]):
        shutil.copytree(undisturbed / "runs" / run.id, parts[index % 2] / "runs" / run.id)
    out = tmp_path / "out"
    command = ["study", "--config", str(config), "--out", str(out)]
    command += ["--join", str(parts[0]), "--join", str(parts[1])]
    assert main([*command, "--report-only"]) == 0
    part = table(out)
    assert part["missing"] == ["qat: diverges, seed 1"]
    assert part["rows"] == table(undisturbed)["rows"][:-1]
    assert "Not finished: 1 of 8 runs." in (out / "study.md").read_text(encoding="utf-8")
    assert main(command) == 0
    assert table(out) == table(undisturbed)


def test_folder_without_runs_is_refused(config, tmp_path, capsys):
    command = ["study", "--config", str(config), "--out", str(tmp_path), "--report-only"]
    assert main([*command, "--join", str(tmp_path / "nothing")]) == 2
    assert "nothing does not have the runs of a study (folder 'runs')" in capsys.readouterr().err


def test_claimed_run_is_left_to_the_other_process(config, tmp_path):
    study = load_study(config)
    run = study.runs[-1]
    with claimed(tmp_path, run) as mine:
        assert mine
        assert perform(study, run, tmp_path) is None
    result = perform(study, run, tmp_path)
    assert result.failure.startswith("the training diverged")
    assert perform(study, run, tmp_path) == result == read_result(tmp_path, run)


def test_only_a_run_without_training_has_converged_if_its_source_has(config):
    study = load_study(config)
    figures = {"total": {"rmse": 0.2}}
    staged = {"decays": 10, "last_fifth_improvement": 0.001, "converged": True}
    results = {
        run.id: RunResult(run.id, figures, [], dict(staged) if run.recipe.training.steps else {})
        for run in study.runs
        if run.label != "float 4x4"
    }
    for run in study.runs:
        if (run.label, run.recipe.training.seed) == ("float 6", 2):
            results[run.id].summary["converged"] = False
    teacher = {study.teacher: {"total": {"rmse": 0.1}}}
    rows = study_rows(study, results, teacher)
    found = {(row.label, row.seed): (row.decays, row.gain, row.converged, row.ratio) for row in rows[1:]}
    assert found["8 bits", 1] == (10, 0.001, True, 2.0)
    assert not found["float 6", 2][2]
    assert ("float 4x4", 1) not in found
    source, rounded = (next(run for run in study.runs if run.label == name) for name in ("float 6", "8 bits"))
    results[source.id].summary["converged"] = False
    trained = dataclasses.replace(
        rounded, id="trained", recipe=dataclasses.replace(rounded.recipe, training=source.recipe.training)
    )
    results["trained"] = RunResult("trained", figures, [], staged)
    rows = study_rows(dataclasses.replace(study, runs=(*study.runs, trained)), results, teacher)
    found = {row.run: row.converged for row in rows[1:]}
    assert (found[source.id], found[rounded.id], found["trained"]) == (False, False, True)


def test_ratios_refer_to_a_teacher_of_the_study_once_it_has_finished(config):
    study = load_study(config)
    first = dataclasses.replace(study.runs[0], group="teacher")
    study = dataclasses.replace(study, runs=(first, *study.runs[1:]))
    known = {study.teacher: {"total": {"rmse": 0.1}}}
    assert reference_error(study, {}, known) == (study.teacher, 0.1)
    failed = {first.id: RunResult(first.id, None, [], {}, "diverged")}
    assert reference_error(study, failed, known) == (study.teacher, 0.1)
    results = {run.id: RunResult(run.id, {"total": {"rmse": 0.2}}, [], {}) for run in study.runs[:2]}
    assert reference_error(study, results, known) == (first.label, 0.2)
    assert [row.ratio for row in study_rows(study, results, known)] == [0.5, 1.0, 1.0]
