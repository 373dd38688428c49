import errno
import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

from seq2seqlite.cli import app as app_module
from seq2seqlite.cli import hardware
from seq2seqlite.cli.app import COMMANDS, main
from seq2seqlite.errors import InputError

HEAVY = {"jax", "matplotlib", "xarray", "phasorpy", "scipy"}
ALL = COMMANDS | {f"hardware {name}": text for name, text in hardware.COMMANDS.items()}


def run(monkeypatch, capsys, function):
    """Run a command ``versions`` that does what ``function`` does."""
    monkeypatch.setattr(app_module, "import_module", lambda name: SimpleNamespace(versions=function))
    code = main(["versions"])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            InputError("photons=-1 must be >= 0; leave out the pixel"),
            "photons=-1 must be >= 0; leave out the pixel",
        ),
        (
            FileNotFoundError(errno.ENOENT, "No such file or directory", "a.ptu"),
            "a.ptu: No such file or directory",
        ),
        (OSError("the reader's\nown words"), "the reader's own words"),
    ],
)
def test_expected_error_is_one_line_and_exit_code_2(monkeypatch, capsys, error, line):
    def function():
        raise error

    assert run(monkeypatch, capsys, function) == (2, "", f"error: {line}\n")


def test_bug_keeps_its_traceback(monkeypatch, capsys):
    def function():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(monkeypatch, capsys, function)


def test_interrupt_is_exit_code_130(monkeypatch, capsys):
    def function():
        raise KeyboardInterrupt

    assert run(monkeypatch, capsys, function)[0] == 130


def test_missing_extra_is_named(monkeypatch, capsys):
    def without_jax(name):
        raise ModuleNotFoundError("No module named 'jax'", name="jax")

    monkeypatch.setattr(app_module, "import_module", without_jax)
    assert main(["versions"]) == 2
    assert capsys.readouterr().err == (
        "error: this command requires jax; install it with pip install 'seq2seqlite[train]'\n"
    )


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["versions", "--fast"], "No such option: --fast"),
        (["version"], "No such command 'version'. Did you mean 'versions'?"),
        (["versions", "--json"], "Option '--json' requires an argument."),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(capsys, words, line):
    assert main(words) == 2
    assert capsys.readouterr().err == f"error: {line}\n"


@pytest.mark.parametrize(
    ("words", "commands"),
    [([], COMMANDS), (["--help"], COMMANDS), (["hardware", "--help"], hardware.COMMANDS)],
)
def test_help_lists_every_command(capsys, words, commands):
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert [name for name in commands if name not in printed] == []


@pytest.mark.parametrize("name", ALL)
def test_list_of_commands_says_what_each_says_of_itself(capsys, name):
    assert main([*name.split(), "--help"]) == 0
    assert ALL[name] in " ".join(capsys.readouterr().out.split())


def test_versions_are_printed_and_written(capsys, tmp_path):
    file = tmp_path / "versions.json"
    assert main(["versions", "--json", str(file)]) == 0
    printed = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    written = json.loads(file.read_text())
    assert written["versions"]["numpy"] == printed["numpy"]
    assert {"date_utc", "commit", "platform", "versions", "written_by"} == set(written)


def test_listing_and_versions_start_without_heavy_packages():
    script = (
        "import sys; from seq2seqlite.cli.app import main; main(['--help']); main(['versions']);"
        f"sys.exit(str(sorted({HEAVY} & set(sys.modules))))"
    )
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)
    assert done.stderr.strip() == "[]"


def test_every_command_shows_its_help_without_the_training_extra():
    names = [name for name in ALL if name != "hardware"]
    script = (
        "import sys; sys.modules.update(dict.fromkeys(['jax', 'jaxlib', 'optax']));"
        "from seq2seqlite.cli.app import main\n"
        f"for name in {names!r}: print('HELP', main([*name.split(), '--help']))"
    )
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    texts = done.stdout.split("HELP 0\n")
    assert len(texts) == len(names) + 1
    assert all("--json" in text for text in texts[:-1])
