"""The rule for outputs: what may be replaced, what is removed, and what counts as unchanged."""

import json
import re
import string
from pathlib import Path

import numpy as np
import pytest

from seq2seqlite.config import check_name
from seq2seqlite.errors import InputError
from seq2seqlite.files import replace_folder_when_done, replace_when_done
from seq2seqlite.integer import write_program
from seq2seqlite.models import load_model
from seq2seqlite.outputs import OutputSet, describe_outputs, same_file, unchanged
from seq2seqlite.simulation.decay_set import reference_set, write_decay_set
from seq2seqlite.simulation.instrument import Instrument, load_instrument
from seq2seqlite.training.recipe import Recipe

MODEL = "seq2seqlite-tcspc-80mhz-tiny"


def outputs(folder, *names, **content):
    for name in names:
        (folder / name).write_text(name)
    record = {"outputs": describe_outputs(folder, names)} | content
    (folder / "record.json").write_text(json.dumps(record))
    return OutputSet(folder, {"record.json": ("outputs",)})


def test_recorded_files_are_replaced_or_removed_and_others_stay(tmp_path):
    found = outputs(tmp_path, "a.tif", "b.tif")
    (tmp_path / "mine.tif").write_text("mine")
    found.prepare({"a.tif", "record.json"})
    assert sorted(item.name for item in tmp_path.iterdir()) == ["a.tif", "mine.tif", "record.json"]


def test_file_that_is_not_recorded_is_not_replaced(tmp_path):
    found = outputs(tmp_path, "a.tif", "b.tif")
    (tmp_path / "mine.tif").write_text("mine")
    text = f"{tmp_path / 'mine.tif'} is not recorded as a result of seq2seqlite; move it or "
    text += "choose another folder"
    with pytest.raises(InputError, match=f"^{re.escape(text)}$"):
        found.prepare({"mine.tif", "record.json"})
    assert (tmp_path / "b.tif").exists()


def test_record_of_another_program_is_not_replaced(tmp_path):
    (tmp_path / "record.json").write_text('{"version": 1}')
    with pytest.raises(InputError, match=r"record\.json is not recorded as a result"):
        OutputSet(tmp_path, {"record.json": ("outputs",)}).check(["record.json"])


def test_recorded_paths_outside_of_the_folder_are_ignored(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "precious").write_text("")
    (tmp_path / "out" / "record.json").write_text(
        json.dumps({"outputs": {"../precious": {}, "..": {}, ".": {}}})
    )
    OutputSet(tmp_path / "out", {"record.json": ("outputs",)}).prepare({"record.json"})
    assert (tmp_path / "precious").exists()
    assert not unchanged(tmp_path / "out", {"../precious": {}})


@pytest.mark.parametrize("change", ["delete", "shorten", "alter"])
def test_changed_outputs_are_noticed(tmp_path, change):
    (tmp_path / "a.zarr" / "c").mkdir(parents=True)
    (tmp_path / "a.zarr" / "c" / "0").write_text("chunk")
    (tmp_path / "a.tif").write_text("whole")
    recorded = describe_outputs(tmp_path, ["a.zarr", "a.tif"])
    assert unchanged(tmp_path, json.loads(json.dumps(recorded)))
    if change == "delete":
        (tmp_path / "a.zarr" / "c" / "0").unlink()
    elif change == "shorten":
        (tmp_path / "a.zarr" / "c" / "0").write_text("ch")
    else:
        (tmp_path / "a.tif").write_text("other")
    assert not unchanged(tmp_path, recorded)


def test_links_and_case_name_the_same_file(tmp_path):
    file = tmp_path / "a.npz"
    file.write_text("")
    (tmp_path / "link").symlink_to(file)
    (tmp_path / "hard").hardlink_to(file)
    assert same_file(tmp_path / "link", file)
    assert same_file(tmp_path / "hard", file)
    assert same_file(tmp_path / "New.json", tmp_path / "x" / ".." / "new.json")
    assert not same_file(tmp_path / "b.npz", file)


@pytest.mark.parametrize("writer", [replace_when_done, replace_folder_when_done])
def test_empty_path_is_not_the_working_folder(writer, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="the output path is empty"), writer(""):
        pytest.fail("nothing can be written")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["set", "model", "program"])
def test_archives_replace_their_own_kind_only(tmp_path, kind, tiny):
    network = load_model(MODEL)
    writers = {
        "set": lambda path: write_decay_set(path, reference_set("tcspc-80mhz", n=20)),
        "model": network.write,
        "program": lambda path: write_program(path, tiny),
    }
    file = tmp_path / "a.npz"
    writers[kind](file)
    writers[kind](file)
    np.savez(tmp_path / "measurement.npz", tpsf=np.ones((2, 2, 8)))
    other = "model" if kind == "set" else "set"
    writers[other](tmp_path / "other.npz")
    for name in ("measurement.npz", "other.npz"):
        before = (tmp_path / name).read_bytes()
        with pytest.raises(
            InputError, match=rf"{name} exists and is not a .*; move it or choose another name"
        ):
            writers[kind](tmp_path / name)
        assert (tmp_path / name).read_bytes() == before


RULE_OF_NAMES = re.compile(
    r"(\d+) to (\d+) (?:ASCII )?letters, digits, ((?:`.`(?:,| or)? ?)+),? (?:and do\s+)?"
    r"not\s+(?:beginning|start) with `(.)`"
)


@pytest.mark.parametrize("page", ["spec/integer.md", "reference/outputs.md"])
def test_pages_state_the_rule_of_names(page):
    def accepted(name):
        try:
            check_name(name)
        except InputError:
            return False
        return True

    text = (Path(__file__).parents[1] / "docs" / page).read_text(encoding="utf-8")
    [(shortest, longest, others, not_first)] = RULE_OF_NAMES.findall(text)
    lengths = [n for n in range(200) if accepted("a" * n)]
    assert lengths == list(range(int(shortest), int(longest) + 1))
    allowed = {*string.ascii_letters, *string.digits, *re.findall("`(.)`", others)}
    characters = [chr(code) for code in range(256)]
    assert {one for one in characters if accepted("a" + one)} == allowed
    assert {one for one in characters if accepted(one)} == allowed - {not_first}


@pytest.mark.parametrize("name", ["a", "seq2seqlite-tcspc-80mhz-int8", "_x.1", "A" * 64])
def test_names(name):
    check_name(name)


@pytest.mark.parametrize(
    "name", ["", "../evil", "/evil", "a/b", "a\\b", ".hidden", "A" * 65, "a b", "é", "a\n", 3]
)
def test_names_that_are_not_file_names(name):
    with pytest.raises(InputError, match=r"^name=.* must be 1 to 64 letters, digits, '-', '_' or '\.'"):
        check_name(name)
    with pytest.raises(InputError, match="^name="):
        Recipe(name=name, instrument="narrow-gate", layers=(4,), cell="lite")
    with pytest.raises(InputError, match="^name="):
        Instrument.from_dict(load_instrument("narrow-gate").to_dict() | {"name": name})
