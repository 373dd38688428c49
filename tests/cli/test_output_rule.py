"""Commands replace only what they wrote: one line, exit code 2, and every byte as before."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import seq2seqlite
from seq2seqlite.cli.app import main
from seq2seqlite.cli.output import COMMAND, check_outputs, write_json
from seq2seqlite.errors import InputError

SOURCE = str(Path(seq2seqlite.__file__).parents[1])
TINY = "seq2seqlite-tcspc-80mhz-tiny"


def measurement(path, tau_ns=2.0):
    times = np.arange(125) * 0.1
    decay = 100 * np.exp(-np.clip(times - 2, 0, None) / tau_ns) / (1 + np.exp(-(times - 2) / 0.05))
    counts = np.broadcast_to(decay.round().astype(np.uint16), (4, 5, 125))
    np.savez(path, tpsf=counts, gate_width_ns=0.1, period_ns=12.5)
    return path


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    measurement("b.npz")
    Path("hard.npz").hardlink_to("b.npz")
    Path("link.npz").symlink_to("b.npz")
    Path("recipe.toml").write_text("name = 'x'")
    Path("notes.json").write_text('{"mine": 1}')
    Path("list.json").write_text("[1]")
    return tmp_path


IMAGE = "image b.npz --model rld-3 --out X"
SIMULATE = "simulate --instrument narrow-gate --n 10 --out set.npz"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (f"{IMAGE} --json b.npz", "--json b.npz is an input of this command; choose another name"),
        (f"{IMAGE} --json hard.npz", "--json hard.npz is an input of this command; choose another name"),
        (f"{IMAGE} --json link.npz", "--json link.npz is an input of this command; choose another name"),
        (f"{IMAGE} --json ./X/../b.npz", "is an input of this command; choose another name"),
        (f"{IMAGE} --mask notes.json --json notes.json", "is an input of this command"),
        (f"{IMAGE} --json notes.json", "notes.json exists and was not written by 'seq2seqlite image --json'"),
        (f"{IMAGE} --json list.json", "list.json exists and was not written by"),
        (f"{IMAGE} --json X/summary.json", "--json X/summary.json has the name of an output file in X"),
        (f"{IMAGE} --json X/tau_mean_ns.tif", "--json X/tau_mean_ns.tif has the name of an output file in X"),
        (f"{IMAGE} --json X/TAU_MEAN_NS.TIF", "--json X/TAU_MEAN_NS.TIF has the name of an output file in X"),
        ("stream b.npz --model x --json b.npz", "--json b.npz is an input of this command"),
        (f"{SIMULATE} --json set.npz", "--json set.npz and --out set.npz are the same file"),
        (f"{SIMULATE} --json SET.NPZ", "--json SET.NPZ and --out set.npz are the same file"),
        (f"{SIMULATE.replace('set', 'b')}", "b.npz exists and is not a simulated set of decays; move it or"),
        ("train --recipe recipe.toml --out . --json recipe.toml", "--json recipe.toml is an input"),
        ("compress --recipe recipe.toml --out . --json recipe.toml", "--json recipe.toml is an input"),
        ("study --config recipe.toml --out . --json recipe.toml", "--json recipe.toml is an input"),
        (f"lower --model {TINY} --out a.program --json recipe.toml", "recipe.toml exists and was not"),
        ("evaluate --model x --data b.npz --json b.npz", "--json b.npz is an input of this command"),
        ("benchmark accuracy --json recipe.toml", "recipe.toml exists and was not written by"),
        ("models --json notes.json", "notes.json exists and was not written by 'seq2seqlite models --json'"),
        ("versions --json notes.json", "notes.json exists and was not written by"),
        ("hardware synthesize --model x --json notes.json", "by 'seq2seqlite hardware synthesize --json'"),
        ("hardware explore --frame 5x5 --fps 1 --target x --json notes.json", "notes.json exists"),
        (f"hardware hls --model {TINY} --out b.npz", "Invalid value for '--out'"),
        ("image b.npz --model rld-3 --out", "Option '--out' requires an argument"),
        (f"{IMAGE} --binning 100000", "binning=100000 sums 200001 x 200001 pixels, but the image has only"),
    ],
)  # fmt: skip
def test_refused_before_any_work(folder, capsys, words, text):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert main(words.split()) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("error: ")
    assert printed.err.count("\n") == 1
    assert text in printed.err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("words", [["--out", ""], ["--out="]])
def test_empty_output_folder(folder, capsys, words):
    before = sorted(folder.iterdir())
    assert main(["image", "b.npz", "--model", "rld-3", *words]) == 2
    assert capsys.readouterr().err == "error: --out is empty; pass a value\n"
    assert sorted(folder.iterdir()) == before


def test_same_command_replaces_its_own_result_and_no_other(tmp_path):
    file = tmp_path / "r.json"
    COMMAND.set("seq2seqlite image")
    for rows in ({"n": 1}, {"n": 2}, [{"n": 3}], []):
        write_json(file, rows)
        if rows:
            check_outputs("seq2seqlite image", {"json_file": file})
            with pytest.raises(
                InputError, match=r"r\.json exists and was not written by 'seq2seqlite train --json'"
            ):
                check_outputs("seq2seqlite train", {"json_file": file})
    COMMAND.set("seq2seqlite")


def test_output_inside_the_measurement_is_refused(tmp_path):
    gates = tmp_path / "gates"
    gates.mkdir()
    for out in (gates, gates / "maps"):
        with pytest.raises(InputError, match=r"--out .* is (an input of this command|inside the input)"):
            check_outputs("seq2seqlite image", {"files": [gates], "out": out})


def test_results_of_two_measurements_are_not_mixed(folder):
    """The maps of the quality check of A do not stay beside the lifetimes of B."""
    measurement("a.npz", 1.0)
    words = ["--model", "rld-3", "--out", "X"]
    assert main(["image", "a.npz", *words, "--quality"]) == 0
    assert (folder / "X" / "flagged.tif").is_file()
    (folder / "X" / "notes.txt").write_text("mine")
    assert main(["image", "b.npz", *words]) == 0
    summary = json.loads((folder / "X" / "summary.json").read_text())
    there = {path.name for path in (folder / "X").iterdir()}
    assert there == {*summary["outputs"], "summary.json", "notes.txt"}
    assert "flagged.tif" not in there
    assert main(["image", "b.npz", *words, "--format", "ome-tiff"]) == 0
    there = {path.name for path in (folder / "X").iterdir()}
    figures = {"lifetime.png", "decay.png", "phasor.png"}
    assert there == {"maps.ome.tif", *figures, "irf.csv", "summary.json", "notes.txt"}


def test_foreign_maps_are_not_replaced(folder, capsys):
    (folder / "X").mkdir()
    (folder / "X" / "intensity.tif").write_text("mine")
    assert main(IMAGE.split()) == 2
    assert "X/intensity.tif is not recorded as a result of seq2seqlite; move it" in capsys.readouterr().err
    assert [path.name for path in (folder / "X").iterdir()] == ["intensity.tif"]


def test_model_of_another_recipe_is_not_replaced(folder, capsys):
    recipe = (
        'name = "{}"\ninstrument = "narrow-gate"\nlayers = [4]\ncell = "lite"\nsteps = 5\nwarmup_steps = 1\n'
    )
    Path("recipe.toml").write_text(recipe.format("tiny"))
    Path("tiny.json").write_text(json.dumps({"recipe": {"name": "tiny"}}))
    Path("tiny.npz").write_text("model")
    assert main(["train", "--recipe", "recipe.toml", "--out", "."]) == 2
    assert "tiny.npz was not made by this recipe; move it with its card" in capsys.readouterr().err
    assert main(["train", "--recipe", "recipe.toml", "--out", "new", "--json", "new/tiny.json"]) == 2
    assert "is an output file of this command; choose" in capsys.readouterr().err
    Path("recipe.toml").write_text(recipe.format("../evil"))
    assert main(["train", "--recipe", "recipe.toml", "--out", "new"]) == 2
    assert "name='../evil' must be 1 to 64 letters" in capsys.readouterr().err
    assert not Path("new").exists()


@pytest.mark.parametrize("encoding", ["ascii", pytest.param("latin-1", marks=pytest.mark.exhaustive)])
def test_console_that_cannot_show_a_file_name(tmp_path, encoding):
    (tmp_path / "日本").mkdir()
    measurement(tmp_path / "日本" / "µ.npz")
    words = ["image", "日本/µ.npz", "--model", "rld-3", "--out", "out 日本"]
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "LC_ALL": "C", "PYTHONPATH": SOURCE}
    command = [sys.executable, "-m", "seq2seqlite", *words]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\\u65e5\\u672c" in done.stdout
    assert (tmp_path / "out 日本" / "summary.json").is_file()


def test_reports_do_not_replace_files_of_others(folder, capsys):
    Path("X").mkdir()
    Path("X/report.html").write_text("mine")
    assert main(["study", "--config", "quick", "--out", "X"]) == 2
    assert "X/report.html is not recorded as a result of seq2seqlite" in capsys.readouterr().err
    Path("X/accuracy.md").write_text("mine")
    assert main(["benchmark", "accuracy", "--out", "X"]) == 2
    assert "X/accuracy.md is not recorded as a result of seq2seqlite" in capsys.readouterr().err
    Path("X/front.png").write_text("mine")
    words = ["hardware", "explore", "--frame", "5x5", "--fps", "1", "--target", "ecp5-85f", "--out", "X"]
    assert main(words) == 2
    assert "X/front.png was not written by hardware explore; move it" in capsys.readouterr().err
    Path("X/study.json").write_text('{"study": "paper", "rows": [], "about": {}}')
    assert main(["study", "--config", "quick", "--out", "X"]) == 2
    assert "X has the report of study 'paper', not of 'quick'" in capsys.readouterr().err
