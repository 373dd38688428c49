"""Completion of commands, options and names by the shell."""

import pytest

from seq2seqlite.cli.app import main
from seq2seqlite.estimators import ESTIMATORS
from seq2seqlite.io.sample_data import sample_sets
from seq2seqlite.models import model_names
from seq2seqlite.simulation import instrument_names


@pytest.mark.parametrize(
    ("line", "completions"),
    [
        ("st", ["stream", "study"]),
        ("hardware place", ["place-and-route"]),
        ("image a.ptu --conditi", ["--conditions"]),
        ("image a.ptu --model phas", ["phasor"]),
        ("image a.ptu --model ", sorted([*model_names(), *ESTIMATORS])),
        ("image a.ptu --backend c", ["cpu"]),
        ("image a.ptu --model my", []),  # the scripts of Typer complete names of files then
        ("hardware build --model seq2seqlite-spad512s-direct-i", ["seq2seqlite-spad512s-direct-int8"]),
        ("plan --instrument ", instrument_names()),
        ("evaluate --reference swiss", ["swissspad3"]),
        ("instruments --copy icc", ["iccd"]),
        ("stream sp", ["spad512s"]),
        ("stream ca", ["camera"]),
        ("fetch ", sorted(sample_sets())),
    ],
)
def test_completions(
    line: str, completions: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = f"seq2seqlite {line}"
    monkeypatch.setenv("_SEQ2SEQLITE_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(words.count(" ")))
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 0
    assert capsys.readouterr().out.split() == completions


@pytest.mark.parametrize(
    ("shell", "start"),
    [
        ("bash", "complete -o default -F"),
        ("zsh", "#compdef seq2seqlite"),
        ("fish", "complete --command seq2"),
    ],
)
def test_the_script_of_a_shell(
    shell: str, start: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("typer.completion._get_shell_name", lambda: shell)
    with pytest.raises(SystemExit) as ended:
        main(["--show-completion"])
    assert not ended.value.code
    assert start in capsys.readouterr().out


def test_installation(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr("typer._completion_shared._get_shell_name", lambda: "bash")
    with pytest.raises(SystemExit):
        main(["--install-completion"])
    assert "bash completion installed in" in capsys.readouterr().out
    script = (home / ".bash_completions" / "seq2seqlite.sh").read_text(encoding="utf-8")
    assert "_SEQ2SEQLITE_COMPLETE=complete_bash" in script
