"""What users of other systems meet: patterns, equal names, byte order marks, decimal commas, consoles."""

import io
import json
import os
import subprocess
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import pytest

from seq2seqlite.cli import hardware
from seq2seqlite.cli.app import COMMANDS, main
from seq2seqlite.cli.progress import progress_bar
from seq2seqlite.decay import ParametricIrf, TimeAxis, expected_tpsf
from seq2seqlite.errors import InputError
from seq2seqlite.io import read
from seq2seqlite.io.expand import expanded
from seq2seqlite.simulation import instrument_names, load_instrument
from seq2seqlite.version import __version__
from seq2seqlite.workflows.image import write_lifetime_maps

OPTIONS = ["--model", "rld-3", "--no-decay", "--no-phasor"]


def measurement(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    axis = TimeAxis(125, 0.1, 12.5)
    tpsf = expected_tpsf([1.0], [2.0], axis=axis, irf=ParametricIrf(1.5, 0.2), photons=2000)
    np.savez(path, tpsf=np.round(tpsf)[None, None], gate_width_ns=0.1, period_ns=12.5)
    return path


def test_patterns_and_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [measurement(tmp_path / "in" / name) for name in ("a.npz", "b.npz", "c[1].npz")]
    assert expanded([f"{tmp_path}/in/*.npz"]) == files
    assert expanded([tmp_path / "in"]) == files
    assert expanded([files[2]]) == files[2:]  # an existing name is not a pattern
    with pytest.raises(InputError, match="no file matches"):
        expanded([f"{tmp_path}/*.ptu"])
    for name in ("G0.png", "G1.png"):
        (tmp_path / "in" / name).touch()
    assert expanded([tmp_path / "in"]) == [tmp_path / "in"]  # a gate series is one measurement
    out = tmp_path / "out"
    assert main(["image", f"{tmp_path}/in/[ab].npz", *OPTIONS, "--out", str(out)]) == 0
    assert {item.name for item in out.iterdir() if item.is_dir()} == {"a.npz", "b.npz"}


def test_equal_names_from_two_folders(tmp_path: Path) -> None:
    files = [measurement(tmp_path / day / "a.npz") for day in ("monday", "tuesday")]
    out = tmp_path / "out"
    assert main(["image", *map(str, files), *OPTIONS, "--out", str(out)]) == 0
    assert {item.name for item in out.iterdir() if item.is_dir()} == {"monday-a.npz", "tuesday-a.npz"}
    rows = (out / "batch.csv").read_text(encoding="utf-8").splitlines()
    assert [row.split(",")[0] for row in rows] == ["file", "monday-a.npz", "tuesday-a.npz"]
    assert main(["image", str(files[0]), str(files[0]), *OPTIONS, "--out", str(out)]) == 2


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"seq2seqlite {__version__}\n"


def test_instruments_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["instruments", "--json", "all.json"]) == 0
    assert set(json.loads(Path("all.json").read_text())["instruments"]) == set(instrument_names())
    assert main(["instruments", "--copy", "swissspad3"]) == 0
    assert load_instrument("swissspad3.toml").axis == load_instrument("swissspad3").axis
    assert load_instrument("swissspad3.toml").name == "my-swissspad3"
    capsys.readouterr()
    assert main(["instruments", "--copy", "swissspad3"]) == 2
    assert "swissspad3.toml exists; choose another name" in capsys.readouterr().err
    assert main(["instruments", "--copy", "none"]) == 2
    assert "copy='none' is unknown; choose one of" in capsys.readouterr().err


def test_toml_with_a_byte_order_mark(tmp_path: Path) -> None:
    assert main(["instruments", "--copy", "tcspc-80mhz", "--out", str(tmp_path / "a.toml")]) == 0
    content = (tmp_path / "a.toml").read_bytes()
    (tmp_path / "a.toml").write_bytes(b"\xef\xbb\xbf" + content)
    assert load_instrument(tmp_path / "a.toml").name == "a"


@pytest.mark.parametrize(
    "text",
    [
        "0,0;10\n0,5;20\n1,0;5\n",
        "0,0\t10,0\n0,5\t20,0\n1,0\t5,0\n",
        "\ufefftime;counts\n0,0; 10\n0,5; 20\n1; 5\n",
    ],
)
def test_decimal_commas(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    data = read(tmp_path / "a.csv", period_ns=12.5)
    assert data.attrs["gate_width_ns"] == 0.5
    np.testing.assert_array_equal(data.values.ravel(), [10, 20, 5])


def test_commas_between_columns_stay_so(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("\ufeff0.0,10\n0.5,20\n1.0,5\n", encoding="utf-8")
    np.testing.assert_array_equal(read(tmp_path / "a.csv").values.ravel(), [10, 20, 5])
    (tmp_path / "b.csv").write_text("1, 10\n2, 20\n3, 5\n", encoding="utf-8")
    np.testing.assert_array_equal(read(tmp_path / "b.csv", gate_width_ns=0.1).values.ravel(), [10, 20, 5])


def test_a_console_of_another_encoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = measurement(tmp_path / "z\u00e4hlung \u2192.npz")
    console = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", console)
    out = tmp_path / "out"
    assert main(["image", str(file), *OPTIONS, "--out", str(out)]) == 0
    assert "\u2192" in (out / "summary.json").read_text("utf-8")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_every_command_prints_on_a_console_of_another_encoding(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = io.BytesIO()
    console = io.TextIOWrapper(raw, encoding=encoding)
    monkeypatch.setattr(sys, "stdout", console)
    names = [*COMMANDS, *(f"hardware {name}" for name in hardware.COMMANDS)]
    for name in names:
        assert main([*name.split(), "--help"]) == 0
    for name in ("models", "instruments", "versions", "fetch"):
        assert main([name]) == 0
    console.flush()
    assert raw.getvalue().decode(encoding).count("Usage: seq2seqlite") == len(names)


def test_the_c_locale(tmp_path: Path) -> None:
    environment = {**os.environ, "LC_ALL": "C", "LANG": "C", "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-m", "seq2seqlite", "image", "z\u00e4hlung \u2192.npz", "--out", "out"],
        cwd=tmp_path, env=environment, capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == b"error: z\\xe4hlung \\u2192.npz does not exist; check the path\n"


def test_a_name_that_is_not_utf_8_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [measurement(tmp_path / "a.npz"), measurement(tmp_path / "z\udce4.npz")]  # of an old disk
    out = tmp_path / "out"
    assert main(["image", *map(str, files), *OPTIONS, "--out", str(out)]) == 2
    assert capsys.readouterr().err.endswith("z\\udce4.npz': the name is not valid UTF-8; rename the file\n")
    assert not out.exists()


def test_a_progress_bar_is_shown_before_the_first_step(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with progress_bar("a.ptu"):
        pass
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("FORCE_COLOR", "1")  # Rich takes stderr for a terminal
    with progress_bar("a.ptu"):
        pass
    assert "a.ptu" in capsys.readouterr().err


def test_an_image_shows_that_its_model_is_loaded(tmp_path: Path) -> None:
    shown: list[str] = []

    def progress(label: str) -> AbstractContextManager[None]:
        shown.append(label)
        return nullcontext()

    file = measurement(tmp_path / "a.npz")
    write_lifetime_maps(file, "rld-3", tmp_path / "out", decay_figure=False, phasor=False, progress=progress)
    assert shown == ["loading the model", "a.npz"]


def test_help_has_groups_of_options_and_names_extras(capsys: pytest.CaptureFixture[str]) -> None:
    """Square brackets would be markup, which the help does not show."""
    assert main(["image", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for group in ("Reading the measurement", "Instrument response", "Maximum-likelihood fit", "Figures"):
        assert f" {group} " in text
    assert "requires the extra train" in text
    assert "requires the extra cluster" in text
