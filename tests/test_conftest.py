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


@pytest.mark.parametrize(("ci", "refused", "closing"), [("true", 3, "2 errors"), ("", 0, "3 skipped")])
def test_skip_is_a_failure_in_ci_alone(tmp_path, ci, refused, closing):
    shutil.copy(ROOT / "conftest.py", tmp_path)
    for name, code in SKIPS.items():
        (tmp_path / name).write_text(code)
    options = ["-p", "no:cacheprovider", "--continue-on-collection-errors", "--tb=no", "-rfE"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "CI": ci},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.stdout.count("skipped, which CI does not allow") == refused
    assert closing in done.stdout.splitlines()[-1]
