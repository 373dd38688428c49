"""One resolver: names and files to predictors, for Python and for every command."""

import dataclasses
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seq2seqlite
from seq2seqlite.cli.app import main
from seq2seqlite.cpu import packing
from seq2seqlite.decay import ParametricIrf, TimeAxis
from seq2seqlite.errors import InputError
from seq2seqlite.estimators import ESTIMATORS
from seq2seqlite.evaluation.networks import evaluate_decays
from seq2seqlite.integer import Program, lower, write_program
from seq2seqlite.models import Network, load_model, model_names
from seq2seqlite.predictors import load_predictor, load_program, predictors_for, resolve
from seq2seqlite.predictors.source import predictor_source
from seq2seqlite.simulation.decay_set import reference_set
from seq2seqlite.simulation.instrument import load_instrument

TINY, FLOAT, TEACHER = (
    "seq2seqlite-tcspc-80mhz-tiny",
    "seq2seqlite-tcspc-80mhz-float",
    "seq2seq-tcspc-80mhz-float",
)
AXIS = TimeAxis(135, 0.09, 12.5)


@pytest.fixture
def own_model(tmp_path: Path) -> Path:
    """A model of a shipped instrument whose name does not contain it."""
    path = tmp_path / "mine.npz"
    Network(dataclasses.replace(load_model(TINY).content, name="mine")).write(path)
    return path


@pytest.mark.parametrize(
    ("name", "backend", "kind"),
    [
        (TINY, "auto", "integer program, CPU back end"),
        (TINY, "numpy", "integer program"),
        (TINY, "cpu", "integer program, CPU back end"),
        (TINY, "jax", "integer program, JAX on cpu"),
        (FLOAT, "auto", "float network, CPU back end"),
        (FLOAT, "numpy", "float network"),
        (FLOAT, "jax", "float network, JAX on cpu"),
        (TEACHER, "auto", "float network"),
        (TEACHER, "jax", "float network, JAX on cpu"),
    ],
)
def test_back_ends(name: str, backend: str, kind: str) -> None:
    assert seq2seqlite.load_predictor(name, backend=backend).kind == kind


def test_all_kinds_of_names(own_model: Path, tmp_path: Path, tiny: Program) -> None:
    write_program(tmp_path / "a.program", tiny)
    assert load_predictor(own_model).name == "mine"
    assert load_predictor(str(tmp_path / "a.program")).kind == "integer program, CPU back end"
    assert load_predictor("phasor", axis=AXIS, irf=ParametricIrf(1.5, 0.2)).name == "phasor"
    assert {load_predictor(name).name for name in model_names()} == set(model_names())


def test_teacher_on_jax_agrees_with_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolve, "_without_cpu", lambda: "jax")  # as with a GPU
    tpsf = reference_set("tcspc-80mhz", n=20).tpsf
    found, expected = load_predictor(TEACHER), load_model(TEACHER)
    assert found.kind == "float network, JAX on cpu"
    np.testing.assert_allclose(
        found.lifetimes(tpsf).tau_mean_ns, expected.lifetimes(tpsf).tau_mean_ns, rtol=2e-3
    )


def test_program_that_does_not_fit_the_cpu_back_end(
    unfit: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_program(tmp_path / "odd.program", unfit)
    asked, reason = [], packing.unfit_program

    def counted(program: Program) -> str:
        asked.append(program.name)
        return reason(program)

    monkeypatch.setattr(packing, "unfit_program", counted)
    assert load_predictor(tmp_path / "odd.program").kind == "integer program"
    assert asked == [unfit.name]
    with pytest.raises(InputError, match=f"program {unfit.name}: .* only the interpreter runs it"):
        load_predictor(tmp_path / "odd.program", backend="cpu")


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        (
            "best",
            {},
            "model 'best' is unknown; choose one of centre-of-mass, .*, or give a .npz or .pro",
        ),
        ("notes.txt", {}, "model file notes.txt must end in .npz .* or .program"),
        ("none.npz", {}, "none.npz does not exist"),
        (TINY, {"backend": "cuda"}, "backend='cuda' is unknown; choose one of auto, numpy, cpu, jax"),
        (TINY, {"threads": 0}, "threads=0 must be >= 1"),
        (TINY, {"axis": TimeAxis(100, 0.09, 12.5)}, "requires TimeAxis.*, but the decays have TimeAxis"),
        (TEACHER, {"backend": "cpu"}, "is not a float network of one layer .*; use backend 'numpy' or 'jax'"),
        (
            "phasor",
            {},
            "estimator 'phasor' needs the time axis and the IRF of the measurement; pass",
        ),
        (
            "phasor",
            {"backend": "jax"},
            "backend='jax' is for models of this package; estimator 'phasor' has one impl",
        ),
    ],
)
def test_errors(
    name: str, options: dict[str, Any], text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("notes.txt").write_text("x")
    with pytest.raises(InputError, match=text):
        load_predictor(name, **options)


def test_options_of_an_irf_need_one() -> None:
    with pytest.raises(InputError, match=r"irf_range_ns=\(1, 5\) is an option of a measured IRF; pass irf"):
        predictor_source("phasor", irf_range_ns=(1, 5))
    with pytest.raises(InputError, match=r"irf_bin_width_ns=0\.1 is an option of a measured IRF; pass irf"):
        predictor_source(TINY, irf_bin_width_ns=0.1)


def test_programs(own_model: Path) -> None:
    assert load_program(own_model).sha256 == lower(load_model(own_model)).sha256
    with pytest.raises(InputError, match="model 'mle-bi' is an estimator; an integer program needs"):
        load_program("mle-bi")
    with pytest.raises(InputError, match="is a float network"):
        load_program(FLOAT)


def test_predictors_of_an_instrument_are_found_by_what_the_files_say() -> None:
    names = list(predictors_for(load_instrument("narrow-gate")))
    compared = [name for name in ESTIMATORS if name != "mle-tri"]
    assert names[: len(compared)] == compared
    assert names[len(compared) :] == [
        name for name in model_names() if load_model(name).instrument == "narrow-gate"
    ]


def test_workers_do_not_import_the_command_line(tmp_path: Path) -> None:
    source = predictor_source(TINY, backend="numpy", threads=1)
    assert source.described()["backend"] == "numpy"
    (tmp_path / "source.pickle").write_bytes(pickle.dumps(source))
    script = (
        "import pickle, sys; source = pickle.load(open('source.pickle', 'rb')); print(source.trained.kind, "
        "any(name.startswith('seq2seqlite.cli') for name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, check=True, capture_output=True, text=True,
        env={"PYTHONPATH": str(Path(seq2seqlite.__file__).parents[1])},
    )  # fmt: skip
    assert done.stdout.strip() == "integer program False"


def test_evaluate_takes_every_predictor(
    tmp_path: Path, tiny: Program, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("seq2seqlite.workflows.evaluate.REFERENCE_DECAYS", 200)
    write_program(tmp_path / "tiny.program", tiny)
    results = {}
    for model in ("phasor", TINY, str(tmp_path / "tiny.program")):
        words = ["evaluate", "--model", model, "--reference", "tcspc-80mhz"]
        assert main([*words, "--json", str(tmp_path / "result.json")]) == 0
        results[model] = json.loads((tmp_path / "result.json").read_text())
        del results[model]["provenance"], results[model]["written_by"]
    phasor, named, program = results.values()
    assert program == named
    assert named == evaluate_decays(load_model(TINY), reference_set("tcspc-80mhz", n=200)) | {
        "parameters": 507
    }
    assert "total" not in phasor
    assert phasor["parameters"] is None
    assert phasor["lifetime"]["tau_mean_ns"]["n"] > 100
    assert "phasor on 200 decays" in capsys.readouterr().out


def test_camera_of_an_own_model(own_model: Path, tmp_path: Path) -> None:
    words = ["stream", "camera", "--model", str(own_model), "--frame", "4x5", "--frames", "1"]
    assert main([*words, "--json", str(tmp_path / "result.json")]) == 0
    assert json.loads((tmp_path / "result.json").read_text())["frames"] == 1


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (
            ["stream", "camera", "--gates"],
            "gates=True requires a trained model, not model='phasor'; pass a shipped model",
        ),
        (["lower", "--out", "a.program"], "model 'phasor' is an estimator; an integer program needs"),
        (
            ["hardware", "build", "--target", "ecp5-85f", "--out", "b"],
            "model 'phasor' is an estimator",
        ),
        (["hardware", "synthesize", "--target", "ecp5-85f"], "model 'phasor' is an estimator; an integer"),
        (["evaluate", "--reference", "narrow-gate", "--backend", "jax"], "backend='jax' is for models"),
        (
            ["image", "a.npz", "--out", "o", "--backend", "no"],
            "'no' is not one of 'auto', 'numpy', 'cpu'",
        ),
    ],
)
def test_kinds_that_do_not_fit_a_command_give_one_line(
    words: list[str], text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.npz").write_bytes(b"")
    assert main([*words, "--model", "phasor"]) == 2
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert text in printed
