"""Commands and options in README and documentation exist, with values of the right type."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from seq2seqlite.cli.app import _load

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def commands(page: Path) -> list[str]:
    """Return the commands of a page; continued lines are joined."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    return re.findall(r"^\s*\$ (seq2seqlite (?!-).*)$", text, re.MULTILINE)


def parse(command: str) -> None:
    """Parse the arguments of a command without running it."""
    _, *words = shlex.split(command, comments=True)
    package = "seq2seqlite.cli"
    if words[0] == "hardware":
        package, words = f"{package}.hardware", words[1:]
    _load(package, words[0]).make_context(words[0], words[1:])


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=lambda page: page.stem)
def test_documented_commands_are_valid(page: Path) -> None:
    for command in commands(page):
        parse(command)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ("image a.ptu --models phasor --out maps", typer.TyperException),
        ("hardware build --model a --target ecp5-85f --engines many --out b", typer.TyperException),
        ("images a.ptu", ModuleNotFoundError),
    ],
)
def test_a_wrong_command_is_found(wrong: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        parse(f"seq2seqlite {wrong}")
