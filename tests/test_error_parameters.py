"""Errors of the library name Python parameters; only the command line adds the names of its options."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import seq2seqlite

ROOT = Path(seq2seqlite.__file__).parent
# The command line itself, and programs that are run with their own options.
EXEMPT = ("cli/", "hardware/", "io/sample_data.py")
MODULES = [
    path for path in sorted(ROOT.rglob("*.py")) if not path.relative_to(ROOT).as_posix().startswith(EXEMPT)
]
# Preceded by a space, so that a string that is an argument of another program is not found.
OPTION = re.compile(r"[\s(`](--[a-z][a-z-]*)")


def options_in(source: str) -> Iterator[str]:
    """Yield the command-line options in the strings of a module, including docstrings."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from OPTION.findall(node.value)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_string_names_a_command_line_option(module: Path) -> None:
    assert list(options_in(module.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("source", "options"),
    [
        ("raise ValueError('period unknown; pass --period-ns (e.g. 12.5)')", ["--period-ns"]),
        ("raise ValueError(f'{x}: raise '\n f'--timeout')", ["--timeout"]),
        ('"""Resolve ``--model`` and names."""', ["--model"]),
        ("raise ValueError('pass period_ns in ns')", []),
        ("run(['git', '--always'])", []),
    ],
)
def test_which_strings_are_found(source: str, options: list[str]) -> None:
    assert list(options_in(source)) == options
