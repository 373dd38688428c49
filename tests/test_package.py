import os
import re
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

import seq2seqlite
from seq2seqlite.resources import configs_folder, pretrained_folder

ROOT = Path(__file__).parents[1]
INSTRUMENTS = {"narrow-gate.toml", "tcspc-80mhz.toml"}
LONGEST_FILE = 500


def test_no_source_file_is_too_long():
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in ROOT.glob("src/**/*.py")}
    assert lengths
    assert {path: n for path, n in lengths.items() if n > LONGEST_FILE} == {}


def test_names_of_the_package_are_those_of_their_homes():
    from seq2seqlite.io.measurement import read
    from seq2seqlite.models import load_model

    assert seq2seqlite.read is read
    assert seq2seqlite.load_model is load_model
    assert set(seq2seqlite.__all__) <= set(dir(seq2seqlite))


def test_unknown_name_of_the_package():
    with pytest.raises(AttributeError, match="module 'seq2seqlite' has no attribute 'reed'"):
        _ = seq2seqlite.reed


def test_importing_the_package_imports_nothing_heavy():
    script = "import sys, seq2seqlite; print(sorted({'numpy', 'xarray', 'jax', 'scipy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_checkout_has_instruments_and_models():
    assert {file.name for file in (configs_folder() / "instruments").iterdir()} >= INSTRUMENTS
    assert pretrained_folder().is_dir()


def test_every_extra_is_documented():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    page = (ROOT / "docs/how-to/install.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|.*\| \d+ packages?, \d+ MB \|$", page, re.MULTILINE)
    assert sorted(rows) == sorted(extras["optional-dependencies"])


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The files of a wheel of this checkout, unpacked."""
    folder = tmp_path_factory.mktemp("wheel")
    build = "from hatchling.build import build_wheel; import sys; print(build_wheel(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", build, str(folder)], cwd=ROOT, check=True, capture_output=True, text=True
    )
    with zipfile.ZipFile(folder / done.stdout.split()[-1]) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_wheel_finds_its_own_instruments_and_models(wheel):
    script = "from seq2seqlite.resources import *; print(configs_folder()); print(pretrained_folder())"
    environment = {**os.environ, "PYTHONPATH": str(wheel)}
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, env=environment, cwd=wheel
    )
    configs, pretrained = map(Path, done.stdout.split())
    assert configs == wheel / "seq2seqlite" / "configs"
    assert pretrained == wheel / "seq2seqlite" / "pretrained"
    assert {file.name for file in (configs / "instruments").iterdir()} >= INSTRUMENTS


def test_metadata_of_the_wheel_has_readme_and_address(wheel):
    (folder,) = wheel.glob("seq2seqlite-*.dist-info")
    metadata = Parser().parsestr((folder / "METADATA").read_text(encoding="utf-8"))
    assert metadata.get_all("Project-URL") == ["Paper, https://arxiv.org/abs/2410.00948"]
    assert "# seq2seqlite" in metadata.get_payload()
    assert metadata["Description-Content-Type"] == "text/markdown"
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert "https://arxiv.org/abs/2410.00948" in citation


def test_wheel_has_every_file_of_the_package(wheel):
    tracked = subprocess.run(
        ["git", "ls-files", "src/seq2seqlite"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    packed = {path.relative_to(wheel).as_posix() for path in wheel.rglob("*") if path.is_file()}
    assert "src/seq2seqlite/py.typed" in tracked
    assert {name.removeprefix("src/") for name in tracked} - packed == set()
