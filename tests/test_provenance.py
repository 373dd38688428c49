import platform
import re
import subprocess
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

import seq2seqlite
from seq2seqlite import provenance as module
from seq2seqlite.provenance import DEPENDENCIES, provenance, versions

ROOT = Path(__file__).parents[1]


def requirement_names(project, *extras):
    listed = [
        *project["dependencies"],
        *(line for name in extras for line in project["optional-dependencies"][name]),
    ]
    return {re.split(r"[^A-Za-z0-9_.-]", line)[0] for line in listed}


def test_dependencies_are_those_of_pyproject():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    computing = requirement_names(project, "ics", "hdf5", "train", "cluster", "hardware")
    assert computing - {"dask"} <= set(DEPENDENCIES)
    assert set(DEPENDENCIES) <= computing | {"distributed"}


def test_versions_name_python_and_the_package():
    found = versions()
    assert found["seq2seqlite"] == seq2seqlite.__version__
    assert found["python"] == platform.python_version()
    assert found["numpy"] == np.__version__


def test_missing_extra_has_no_version(monkeypatch):
    monkeypatch.setattr(module, "DEPENDENCIES", ("a-package-that-nobody-has",))
    assert versions()["a-package-that-nobody-has"] is None


def test_provenance_carries_what_is_added_and_the_time():
    before = datetime.now(UTC).replace(microsecond=0)
    result = provenance(seed=3)
    assert result["seed"] == 3
    assert before <= datetime.fromisoformat(result["date_utc"]) <= datetime.now(UTC)


def git(folder, *words):
    author = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "-C", str(folder), *author, *words], check=True, capture_output=True)


def test_commit_says_whether_the_checkout_was_changed(tmp_path):
    git(tmp_path, "init")
    (tmp_path / "file").write_text("one")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "-m", "one")
    clean = module._commit(tmp_path)
    assert clean is not None
    assert re.fullmatch("[0-9a-f]{40}", clean)
    (tmp_path / "file").write_text("two")
    assert module._commit(tmp_path) == f"{clean}-dirty"


def test_no_commit_outside_of_a_checkout(tmp_path):
    assert module._commit(tmp_path) is None


def test_repository_without_commits_has_none(tmp_path):
    git(tmp_path, "init")
    assert module._commit(tmp_path) is None
