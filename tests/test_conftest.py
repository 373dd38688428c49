import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SKIPS = {
    "test_call.py": "import pytest\ndef test_a(): pytest.skip('no data')\n",
    "test_mark.py": "import pytest\n@pytest.mark.skip(reason='no data')\ndef test_a(): pass\n",
    "test_module.py": "import pytest\npytest.skip('no data', allow_module_level=True)\n",
}
MEASURED = {
    "test_one.py": "def test_a(shared_data): pass\n",
    "test_two.py": "def test_a(shared_data): pass\ndef test_b(shared_data): pass\ndef test_c(): pass\n",
}
SEE = "see docs/reference/sample-data.md"
OF_FOLDER = f"measured data: 3 checks did not run, {SEE}: test_one.py (1), test_two.py (2)"


def run(folder, files, *options, **environment):
    """Run pytest on a project of the root conftest.py and ``files``; return the exit code and the lines."""
    project = folder / "project"
    project.mkdir()
    shutil.copy(ROOT / "conftest.py", project)
    for name, code in files.items():
        (project / name).write_text(code)
    # Plugins of napari and zarr take seconds to import.
    unused = ["cacheprovider", "napari", "napari-plugin-engine", "npe2", "zarr"]
    always = [*(f"-pno:{name}" for name in unused), "--continue-on-collection-errors", "--tb=no", "-rsfE"]
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith(("SEQ2SEQLITE_", "PYTEST_"))
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *always, *options, str(project)],
        cwd=project,
        env={**kept, **environment},
        check=False,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout.splitlines()


@pytest.mark.parametrize(("ci", "refused", "closing"), [("true", 4, "3 errors"), ("", 0, "4 skipped")])
def test_skip_is_a_failure_in_ci_alone(tmp_path, ci, refused, closing):
    """`make test` fetches the hazelnut image, so it must be there in CI."""
    _, lines = run(tmp_path, {**SKIPS, "test_image.py": "def test_a(hazelnut_ptu): pass\n"}, CI=ci)
    assert sum("skipped, which CI does not allow" in line for line in lines) == refused
    assert closing in lines[-1]
    line = f"measured data: 1 checks did not run, {SEE}: test_image.py (1)"
    assert (line in lines) != bool(ci)


@pytest.mark.parametrize(("ci", "options"), [("true", ["-n", "2"]), ("", [])])
def test_one_closing_line_names_the_checks_without_measured_data(tmp_path, ci, options):
    code, lines = run(tmp_path, MEASURED, *options, CI=ci)
    assert code == 0
    assert lines[-2] == OF_FOLDER
    assert "1 passed, 3 skipped" in lines[-1]
