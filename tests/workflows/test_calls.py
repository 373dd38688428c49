"""One Python call does what a command does: with the same defaults, the same results and the same files."""

import inspect
import json
import threading
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile

import seq2seqlite
from seq2seqlite.cli.app import main
from seq2seqlite.decay import Lifetimes, TimeAxis
from seq2seqlite.errors import InputError
from seq2seqlite.io import signal_from_counts
from seq2seqlite.streaming import CallbackSink, ReplayedFrames, StreamError

TINY = "seq2seqlite-tcspc-80mhz-tiny"
# Options that have another name in Python, and those that only the command line has.
RENAMED = {
    "image": {"cursor": "cursors"},
    "stream": {"duration": "duration_s", "timeout": "timeout_s", "frame": "shape"},
    "study": {"config": "study"},
    "benchmark": {
        "model": "models",
        "gate_length": "gate_length_ns",
        "response_delay": "response_delay_ns",
    },
}
COMMAND_ONLY = {"json_file", "what", "view", "port", "host", "token", "browser", "close_page"}
CALLS = {
    "benchmark": "compare_accuracy",
    "compress": "compress_model",
    "evaluate": "evaluate_model",
    "image": "write_lifetime_maps",
    "simulate": "simulate_decays",
    "stream": "stream",
    "study": "run_study",
    "train": "train_model",
}


def plain(value: Any) -> Any:
    """Return a default of an option as that of a Python parameter."""
    value = getattr(value, "value", value)
    if isinstance(value, str) and value[:1].isdigit():  # rows x columns
        return tuple(int(number) for number in value.split("x"))
    return value


@pytest.mark.parametrize("command", CALLS)
def test_the_defaults_of_a_call_are_those_of_its_command(command: str) -> None:
    options = inspect.signature(getattr(import_module(f"seq2seqlite.cli.{command}"), command)).parameters
    parameters = inspect.signature(getattr(seq2seqlite, CALLS[command])).parameters
    for name, option in options.items():
        if name in COMMAND_ONLY:
            continue
        parameter = parameters[RENAMED.get(command, {}).get(name, name)]
        several = "list[" in str(option.annotation)
        if option.default is None and parameter.default is inspect.Parameter.empty:
            assert "None" in str(parameter.annotation), name  # None has to be passed
        elif option.default is not inspect.Parameter.empty and not (option.default is None and several):
            assert plain(parameter.default) == plain(option.default), name


@pytest.fixture
def npz(tmp_path: Path) -> Path:
    times = np.arange(250) * 0.05
    decay = 100 * np.exp(-np.clip(times - 2, 0, None) / 2) / (1 + np.exp(-(times - 2) / 0.05))
    counts = np.broadcast_to(decay.round().astype(np.uint16), (4, 5, 250))
    file = tmp_path / "cells.npz"
    np.savez(file, tpsf=counts, gate_width_ns=0.05, period_ns=12.5)
    return file


def test_a_stream_writes_the_record_that_the_command_writes(npz: Path, tmp_path: Path) -> None:
    medians: list[float] = []
    sink = CallbackSink(lambda result: medians.append(float(result.maps["tau_mean_ns"].median())))
    called = seq2seqlite.stream(str(npz), TINY, repeat=2, out=tmp_path / "a", sinks=[sink])
    assert main(["stream", str(npz), "--model", TINY, "--repeat", "2", "--out", str(tmp_path / "b")]) == 0
    records = [json.loads((tmp_path / name / "stream.json").read_text()) for name in "ab"]
    assert records[0].keys() == records[1].keys() == {*called, "written_by"}
    for key in ("frames", "delivered", "source", "model", "predictor", "policy", "queue", "written_by"):
        assert records[0][key] == records[1][key]
    assert len(medians) == called["frames"] == 2
    for name in ("frame-000000.tif", "frame-000001.tif"):
        images = [tifffile.imread(tmp_path / folder / name) for folder in "ab"]
        np.testing.assert_array_equal(images[0], images[1])


def test_a_stream_of_objects() -> None:
    """A source and a predictor need no names."""

    def lifetimes(tpsf: np.ndarray, /) -> Lifetimes:
        two = np.full(len(tpsf), 2.0)
        return Lifetimes(two, two, two, two / 4)

    model = SimpleNamespace(
        name="two", kind="constant", axis=TimeAxis(135, 0.09, 12.5), rising_edge_ns=1.5, lifetimes=lifetimes
    )
    decay = 2 + 90 * np.exp(-np.clip(np.arange(135) - 17, 0, None) / 20) * (np.arange(135) > 16)
    data = signal_from_counts(
        np.broadcast_to(decay.astype(np.uint8), (3, 4, 135)),
        source="mine",
        file_format="driver",
        gate_width_ns=0.09,
        period_ns=12.5,
    )
    result = seq2seqlite.stream(ReplayedFrames([data], repeat=3), model, min_photons=1)
    assert (result["frames"], result["source"], result["model"]) == (3, "mine", "two")


def test_a_stream_that_fails_has_its_result_so_far(npz: Path, tmp_path: Path) -> None:
    stopped = threading.Event()
    stopped.set()
    assert seq2seqlite.stream(npz, TINY, stop=stopped)["ended"] == "stopped"
    bad = tmp_path / "spool"
    bad.mkdir()
    (bad / "f0.npz").write_bytes(b"no archive")
    (bad / "END").touch()
    with pytest.raises(StreamError, match="all 1 frames were rejected") as caught:
        seq2seqlite.stream(bad, TINY, out=tmp_path / "out")
    assert caught.value.result is not None
    assert caught.value.result["rejected"] == caught.value.statistics.rejected == 1
    assert not (tmp_path / "out" / "stream.json").exists()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"normalisation": "running"}, "normalisation='running' requires gates=True; add it"),
        ({"gates": True, "normalisation": "peak"}, "normalisation='peak' is unknown; choose one of after-ed"),
        ({"gates": True, "extrapolate": True}, "gates=True cannot be combined with extrapolate=True; omit"),
        ({"shape": (0, 2)}, r"n=3 and shape=\(0, 2\) must be >= 1"),
    ],
)
def test_errors_of_a_stream_name_its_parameters(options: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=f"^{text}"):
        seq2seqlite.stream("camera", TINY, **{"shape": (2, 2), **options})


def test_gates_are_not_read_from_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="requires a file or a simulated camera as source, not the folder"):
        seq2seqlite.stream(tmp_path, TINY, gates=True)


def test_a_record_of_another_origin_is_kept(npz: Path, tmp_path: Path) -> None:
    (tmp_path / "stream.json").write_text('{"frames": 3}')
    with pytest.raises(InputError, match=r"stream.json is not recorded as a result of seq2seqlite"):
        seq2seqlite.stream(npz, TINY, out=tmp_path)
    assert (tmp_path / "stream.json").read_text() == '{"frames": 3}'


def test_maps_of_one_file_and_of_several(npz: Path, tmp_path: Path) -> None:
    (one,) = seq2seqlite.write_lifetime_maps(npz, TINY, tmp_path / "one")
    assert (one.state, one.folder) == ("done", tmp_path / "one")
    other = npz.with_name("bad.npz")
    other.write_bytes(b"no archive")
    seen: list[str] = []
    results = seq2seqlite.write_lifetime_maps(
        [npz, other], TINY, tmp_path / "two", finished=lambda done: seen.append(done.state)
    )
    assert seen == [done.state for done in results]
    assert sorted(seen) == ["done", "failed"]
    summaries = [
        json.loads((folder / "summary.json").read_text())
        for folder in (one.folder, tmp_path / "two" / npz.name)
    ]
    assert summaries[0]["outputs"]["tau_mean_ns.tif"] == summaries[1]["outputs"]["tau_mean_ns.tif"]
    with pytest.raises(InputError, match="bad.npz is not a valid npz file"):
        seq2seqlite.write_lifetime_maps(other, TINY, tmp_path / "three")
    with pytest.raises(InputError, match="files is empty"):
        seq2seqlite.write_lifetime_maps([], TINY, tmp_path / "three")


def test_simulated_decays_are_written_to_npz_only(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"decays\.txt must end in \.npz, not in '\.txt'"):
        seq2seqlite.simulate_decays("tcspc-80mhz", tmp_path / "decays.txt", n=1)


def test_simulated_decays_are_those_of_the_file(tmp_path: Path) -> None:
    simulated = seq2seqlite.simulate_decays("tcspc-80mhz", tmp_path / "set.npz", n=300, seed=3)
    assert simulated.decays_per_second > 0
    in_memory = seq2seqlite.evaluate_model(TINY, data=simulated.decays)
    assert in_memory["lifetime"] == seq2seqlite.evaluate_model(TINY, data=tmp_path / "set.npz")["lifetime"]
    assert (in_memory["n"], in_memory["parameters"]) == (300, 507)


def test_predictors_are_compared(tmp_path: Path) -> None:
    result = seq2seqlite.compare_accuracy(
        "tcspc-80mhz", [TINY], photons=[300.0], repeats=8, out=tmp_path / "out"
    )
    assert {row["predictor"] for row in result.rows} == {TINY}
    assert (tmp_path / "out" / "accuracy.md").read_text() == result.markdown()
