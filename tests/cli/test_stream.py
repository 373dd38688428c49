"""The command ``stream``: statistics, maps and JSON; one line and exit code 2 where it cannot go on."""

import json
import os
import signal
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from rich.status import Status

from seq2seqlite.cli.app import main
from seq2seqlite.cli.stream import Normalisation
from seq2seqlite.cpu.gate_sequential import NORMALISATIONS
from seq2seqlite.decay import Lifetimes, TimeAxis

KEYS = {
    "frames", "frames_per_second", "latency_median_s", "latency_p99_s", "queue_depth_max", "dropped",
    "memory", "rejected", "unfinished", "missed", "received", "delivered", "ended", "provenance",
}  # fmt: skip


@pytest.fixture
def npz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A measurement of 4 x 5 pixels, with a model that answers 2 ns everywhere."""

    def lifetimes(tpsf: np.ndarray, /) -> Lifetimes:
        two = np.full(len(tpsf), 2.0)
        return Lifetimes(two, two, two, two / 4)

    model = SimpleNamespace(
        name="two",
        instrument="narrow-gate",
        n_parameters=1,
        kind="constant",
        axis=TimeAxis(135, 0.09, 12.5),
        rising_edge_ns=1.5,
        lifetimes=lifetimes,
    )
    monkeypatch.setattr("seq2seqlite.predictors.source.load_predictor", lambda *_, **__: model)
    times = np.arange(250) * 0.05
    decay = 100 * np.exp(-np.clip(times - 2, 0, None) / 2) / (1 + np.exp(-(times - 2) / 0.05))
    counts = np.broadcast_to(decay.round().astype(np.uint16), (4, 5, 250))
    file = tmp_path / "cells.npz"
    np.savez(file, tpsf=counts, gate_width_ns=0.05, period_ns=12.5)
    return file


def stream(*words: object) -> int:
    return main(["stream", *map(str, words), "--model", "two"])


def test_a_file_is_replayed(npz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, result = tmp_path / "out", tmp_path / "result.json"
    assert stream(npz, "--repeat", 3, "--fps", 100, "--out", out, "--json", result) == 0
    told = json.loads(result.read_text())
    assert set(told) >= KEYS
    assert (told["frames"], told["delivered"], told["dropped"], told["policy"]) == (3, 3, 0, "block")
    assert told["fps"] == 100
    printed = capsys.readouterr()
    assert printed.err == ""
    assert printed.out.startswith("3 frames analysed, ")
    assert "; end of the source\nlatency " in printed.out
    assert "3 received: 0 dropped, 0 rejected, 0 unfinished; 0 lost by the source\n" in printed.out
    names = sorted(item.name for item in out.iterdir())
    assert names == [*(f"frame-{n:06d}.tif" for n in range(3)), "frames.csv", "stream.json"]
    assert json.loads((out / "stream.json").read_text())["frames"] == 3


@pytest.mark.parametrize("gates", [[], ["--gates"]])
def test_a_camera_of_the_models_instrument(npz: Path, tmp_path: Path, gates: list[str]) -> None:
    result = tmp_path / "result.json"
    words = ["--frame", "6x7", "--photons", 300, "--frames", 4, "--policy", "drop-oldest", "--json", result]
    assert stream("camera", *words, *gates) == 0
    told = json.loads(result.read_text())
    assert (told["frames"], told["ended"], told["gates"]) == (4, "4 frames", bool(gates))
    assert told["received"] == told["frames"] + told["dropped"] + told["rejected"] + told["unfinished"]
    assert told["predictor"] == ("constant, gates collected" if gates else "constant")
    assert told["normalisation"] == ("whole" if gates else None)


def test_a_model_is_chosen_and_named(npz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = tmp_path / "result.json"
    assert main(["stream", str(npz), "--json", str(result)]) == 0
    choice = json.loads(result.read_text())["model_choice"]
    assert choice.startswith("model seq2seqlite-tcspc-80mhz-float: trained for tcspc-80mhz, which has the ")
    assert capsys.readouterr().err == f"{choice}\n"


def test_a_terminal_shows_that_the_model_is_compiled(
    npz: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # Rich takes stderr for a terminal
    said: list[str] = []

    class Listening(Status):
        def update(self, status: str, **options: Any) -> None:  # type: ignore[override]
            said.append(status)
            super().update(status, **options)

    monkeypatch.setattr("rich.status.Status", Listening)
    assert stream(npz) == 0
    assert said[:2] == ["loading the model", "compiling two"]
    assert said[2].startswith("1 frames, ")
    assert "\x1b[" in capsys.readouterr().err


def test_the_normalisations_are_those_of_the_engine_and_whole() -> None:
    assert list(Normalisation) == [*NORMALISATIONS, "whole"]


@pytest.mark.parametrize("normalisation", [None, *Normalisation])
def test_a_program_takes_gates_one_by_one(tmp_path: Path, normalisation: str | None) -> None:
    result = tmp_path / "result.json"
    words = ["--frame", "6x7", "--frames", 2, "--gates", "--json", result]
    words += [] if normalisation is None else ["--normalisation", normalisation]
    model = "seq2seqlite-tcspc-80mhz-tiny"
    assert main(["stream", "camera", "--model", model, *map(str, words)]) == 0
    told = json.loads(result.read_text())
    assert (told["frames"], told["normalisation"]) == (2, normalisation or "after-edge")
    how = "gates collected" if normalisation == "whole" else "gate after gate"
    assert told["predictor"] == f"integer program, CPU back end, {how}"


def test_a_spool_folder(npz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    for number in range(2):
        (spool / f"f{number}.npz").write_bytes(npz.read_bytes())
    (spool / "f2.npz").write_bytes(npz.read_bytes()[:300])
    (spool / "END").touch()
    assert stream(spool) == 0
    printed = capsys.readouterr()
    assert "3 received: 0 dropped, 1 rejected" in printed.out
    assert printed.err.startswith("rejected: ")
    assert "f2.npz is not a valid npz file" in printed.err


def test_a_stalled_spool_folder_is_one_line_and_what_was_done_stays(
    npz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spool, result = tmp_path / "spool", tmp_path / "result.json"
    spool.mkdir()
    npz.rename(spool / "f0.npz")
    assert stream(spool, "--timeout", 3, "--json", result) == 2
    printed = capsys.readouterr()
    assert printed.err == (
        f"error: {spool}: no data for timeout_s=3 s; check the camera or use a longer timeout (frames "
        "analysed before: 1, delivered: 1; these results are valid) (option --timeout)\n"
    )
    assert printed.out.startswith("1 frames analysed")
    assert json.loads(result.read_text())["frames"] == 1


def test_a_recorded_ptu_can_be_followed(npz: Path, shared_data: Path, tmp_path: Path) -> None:
    result = tmp_path / "result.json"
    file = shared_data / "ptu-tiny" / "ptu_example.ptu"
    assert stream(file, "--follow", "--min-photons", 1, "--json", result) == 0
    assert json.loads(result.read_text())["frames"] == 2


def test_ctrl_c_ends_cleanly(npz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, before = tmp_path / "out", signal.getsignal(signal.SIGINT)

    def interrupt() -> None:
        until = time.monotonic() + 300
        while not (out / "frame-000001.tif").exists() and time.monotonic() < until:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    assert stream(npz, "--repeat", 0, "--fps", 50, "--out", out) == 0
    thread.join()
    assert "frames/s sustained; stopped\n" in capsys.readouterr().out
    told = json.loads((out / "stream.json").read_text())
    assert told["delivered"] == told["frames"] == len(list(out.glob("frame-*.tif"))) >= 2
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["none.npz"], "none.npz does not exist; check the path"),
        (["camera", "--frame", "500"], "--frame 500 must be rows x columns (e.g. 64x64)"),
        (["camera", "--frame", "0x5"], "--frame 0x5 must be rows x columns (e.g. 64x64)"),
        (["camera", "--fps", "0", "--frame", "2x2"], "fps=0.0 must be finite and > 0 (e.g. 0.5)"),
        (["camera", "--queue", "0", "--frame", "2x2"], "queue=0 must be >= 1 frame"),
        (["camera", "--frames", "0", "--frame", "2x2"], "frames=0 must be >= 1"),
        (["a.npz", "--follow"], "a.npz: only .ptu files can be read during their recording; replay"),
        (["camera", "--gates", "--binning", "1"], "gates=True cannot be combined with binning=1; omit one"),
        (["camera", "--normalisation", "running"], "normalisation='running' requires gates=True; add it"),
        (
            ["camera", "--gates", "--normalisation", "after-edge", "--frame", "2x2"],
            "normalisation='after-edge' requires an integer program on the CPU back end, not two (constant)",
        ),
        (["camera", "--gates", "--normalisation", "peak"], "'peak' is not one of 'after-edge', 'previous-f"),
        (["camera", "--policy", "newest"], "'newest' is not one of 'block', 'drop-oldest'"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(
    npz: Path, capsys: pytest.CaptureFixture[str], words: list[str], text: str
) -> None:
    assert stream(*words) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: ")
    assert printed.err.count("\n") == 1
    assert text in printed.err


def test_a_model_of_an_unknown_instrument_has_no_camera(
    npz: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = SimpleNamespace(
        name="mine-narrow-gate-x",
        kind="constant",
        axis=TimeAxis(135, 0.09, 12.5),
        rising_edge_ns=1.5,
        lifetimes=len,
        instrument="lab",
        n_parameters=1,
    )
    monkeypatch.setattr("seq2seqlite.predictors.source.load_predictor", lambda *_, **__: model)
    assert stream("camera") == 2
    printed = capsys.readouterr().err
    assert (
        "was trained for instrument 'lab', which is not a shipped instrument; pass its TOML file" in printed
    )
