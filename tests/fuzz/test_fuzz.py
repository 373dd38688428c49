"""A fixed part of the fuzz test; the whole is ``python -m tests.fuzz``."""

import json
import os
import subprocess
import sys
from pathlib import Path


def test_mutated_files_are_read_or_refused() -> None:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "tests.fuzz", "--seed", "15", "--files", "200", "--structured", "100"]
    environment = os.environ | {"PYTHONPATH": f"{root / 'src'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    result = json.loads(done.stdout)
    assert result["failures"] == []
    assert sum(result["answers"].values()) == 300
    assert result["peak_mb"] < 1000
