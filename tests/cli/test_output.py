import json
from pathlib import Path

import numpy as np
import pytest

from seq2seqlite.cli.output import OPTIONS, with_option_names, write_json
from seq2seqlite.errors import InputError
from seq2seqlite.json_text import json_text


def test_numpy_paths_and_missing_values_are_plain_json():
    result = {
        "n": np.int64(3),
        "axis": np.array([[0.5, np.inf]]),
        "rmse": np.float32(0.25),
        "file": Path("a") / "b.ptu",
        "empty": float("nan"),
        "nested": {"ok": np.True_, "pair": (1, None)},
    }
    assert json.loads(json_text(result)) == {
        "n": 3,
        "axis": [[0.5, None]],
        "rmse": 0.25,
        "file": str(Path("a") / "b.ptu"),
        "empty": None,
        "nested": {"ok": True, "pair": [1, None]},
    }


def test_a_thing_without_a_meaning_in_json_is_a_bug(tmp_path):
    with pytest.raises(TypeError, match="not JSON serializable"):
        write_json(tmp_path / "result.json", {"thing": object()})
    assert list(tmp_path.iterdir()) == []


def test_no_file_is_written_without_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_json(None, {"n": 1})
    assert list(tmp_path.iterdir()) == []


def test_file_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(
        InputError, match=r"^cannot write .*file/result\.json: .*; free space or choose another folder$"
    ):
        write_json(tmp_path / "file" / "result.json", {"n": 1})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pass period_ns in ns", "pass period_ns in ns (option --period-ns)"),
        ("min_photons=9, binning=0; change them", " (options --min-photons, --binning)"),
        ("no data for timeout_s=3 s", "(option --timeout)"),
        ("file_format='x' is unknown", "(option --format)"),
        ("--period-ns: period_ns=0 must be > 0", "must be > 0"),
        ("a/min_photons.npz: 3x3 binning", "3x3 binning"),
        ("block=2 does not exist", "block=2 does not exist"),
    ],
)
def test_errors_name_the_options_of_the_running_command(text, expected):
    names = ("period_ns", "min_photons", "binning", "timeout")
    options = {name: f"--{name.replace('_', '-')}" for name in names} | {"file_format": "--format"}
    token = OPTIONS.set(options)
    try:
        assert with_option_names(text).endswith(expected)
        assert with_option_names(text).startswith(text)
    finally:
        OPTIONS.reset(token)
