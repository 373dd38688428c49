"""One survey of the counts, one open of the file, and a short walk from the file to the map."""

import hashlib
import io
import sys
from collections import deque
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import numpy as np
import ptufile
import pytest
import tifffile

import seq2seqlite
from seq2seqlite.batch.jobs import ImageJob, make_image
from seq2seqlite.batch.options import JobOptions
from seq2seqlite.cli.app import main
from seq2seqlite.imaging import frame_analysis
from seq2seqlite.imaging.frame_analysis import lifetime_map
from seq2seqlite.io import signal
from seq2seqlite.io.measurement import read
from seq2seqlite.io.signal import Measurement, signal_from_counts
from seq2seqlite.predictors.native_axis import native_axis
from seq2seqlite.predictors.source import predictor_source

MODEL = "seq2seqlite-tcspc-80mhz-int8"
MOST_VISITS = 25
# Paths of opened files. Python keeps an audit hook until its end; this one only lists them.
OPENED: deque[str] = deque(maxlen=1000)


def _list_opened(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open":
        OPENED.append(str(arguments[0]))


sys.addaudithook(_list_opened)


class Counting:
    """Array of counts that adds up how many of its elements were read; xarray keeps it as it is."""

    def __init__(self, counts: np.ndarray) -> None:
        self._counts, self.read = counts, 0
        self.shape, self.dtype, self.ndim, self.size = counts.shape, counts.dtype, counts.ndim, counts.size

    def __getitem__(self, key: Any) -> np.ndarray:
        part = self._counts[key]
        self.read += part.size
        return part

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        self.read += self.size
        return np.array(self._counts, dtype)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        raise AssertionError(f"{function.__name__} reads all counts")

    def __array_ufunc__(self, function: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError(f"{function.__name__} reads all counts")

    @property
    def passes(self) -> float:
        return self.read / self.size


@pytest.fixture
def counts() -> np.ndarray:
    """Counts (Y, X, H) of decays of 2 ns, 250 bins of 0.05 ns."""
    times = np.arange(250) * 0.05
    decay = np.exp(-np.clip(times - 2, 0, None) / 2) / (1 + np.exp(-(times - 2) / 0.1))
    rng = np.random.default_rng(1)
    return rng.poisson(np.broadcast_to(2000 * decay / decay.sum(), (6, 7, 250))).astype(np.uint16)


@pytest.fixture
def ptu(tmp_path: Path, counts: np.ndarray) -> Path:
    content = io.BytesIO()
    with ptufile.PtuWriter(content, (1, *counts.shape), 12.5e-9, 0.05e-9, 1e-3, has_frames=True) as writer:
        writer.write(counts[None])
    file = tmp_path / "scan.ptu"
    file.write_bytes(content.getvalue())
    return file


@pytest.mark.parametrize("model", [MODEL, "rld-2"])
def test_counts_are_read_once_for_the_survey_and_once_for_the_maps(counts: np.ndarray, model: str) -> None:
    counting: Any = Counting(counts)
    data = signal_from_counts(counting, source="a", file_format="npz", gate_width_ns=0.05, period_ns=12.5)
    assert counting.passes == 1
    assert data.attrs["photons"] == counts.sum()
    source = predictor_source(model)
    maps = lifetime_map(data, source.predictor(data))
    assert counting.passes == 2
    lifetime_map(data, source.predictor(data))
    assert counting.passes == 3
    np.testing.assert_array_equal(maps["intensity"], counts.sum(axis=-1))


def test_the_survey_is_that_of_the_counts_also_after_a_change(counts: np.ndarray) -> None:
    before = counts.copy()
    data = signal_from_counts(counts, source="a", file_format="npz", gate_width_ns=0.05, period_ns=12.5)
    assert isinstance(data, Measurement)
    found = data.survey
    assert found is not None
    assert signal.survey(data) is found
    with pytest.raises(ValueError, match="read-only"):
        data.values[0, 0] = 0
    for changed in (data.copy(), data[:3], data.astype(np.float32), 2 * data):
        assert signal.survey(changed) is not found
    data[0, 0] = 0  # copies the counts first
    assert data.survey is None
    assert signal.survey(data).intensity[0, 0] == 0
    np.testing.assert_array_equal(counts, before)
    assert lifetime_map(data, predictor_source(MODEL).predictor(data)).attrs["pixels_analysed"] == 41


@pytest.mark.parametrize("model", [MODEL, "rld-2"])
def test_the_command_opens_the_file_once_and_surveys_it_once(
    ptu: Path, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    passes = {"maps": 0, "survey, decay.png": 0}

    def counted(name: str) -> Callable[..., Any]:
        strips = signal.strips

        def counting(*arguments: Any, **more: Any) -> Any:
            passes[name] += 1
            return strips(*arguments, **more)

        return counting

    monkeypatch.setattr(frame_analysis, "strips", counted("maps"))
    monkeypatch.setattr(signal, "strips", counted("survey, decay.png"))
    OPENED.clear()
    assert main(["image", str(ptu), "--model", model, "--out", str(ptu.parent / "out")]) == 0
    assert passes == {"maps": 1, "survey, decay.png": 2}
    assert OPENED.count(str(ptu)) == 1


@pytest.mark.parametrize("suffix", [".ptu", ".tif"])
def test_the_digest_is_that_of_the_file(ptu: Path, counts: np.ndarray, suffix: str) -> None:
    file = ptu.with_suffix(suffix)
    if suffix == ".tif":
        tifffile.imwrite(file, np.moveaxis(counts, -1, 0), photometric="minisblack")
    OPENED.clear()
    data = read(file, gate_width_ns=0.05, period_ns=12.5)
    assert OPENED.count(str(file)) == 1
    assert data.attrs["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert data.shape[:2] == counts.shape[:2]


def visits(function: Callable[[], object]) -> list[str]:
    """Return the modules that a reader visits who follows the calls of a function.

    A visit is a call of a function of another module of seq2seqlite than that of its caller, counted by these
    rules:

    - Each function is followed once, at its first call: loops and repeated helper calls add nothing.
    - Consecutive visits of the same module are one; a return to the caller is none.
    - Reading an attribute, also a computed one, is not a call.
    - Helpers are not followed: the modules outside of the packages (files, outputs, JSON, memory limits,
      protocols, ...) and ``decay``, the physics that all packages share. They call no package.
    - What lies behind a predictor (``cpu``, ``integer``, ``models``, ``estimators``) is one place.
    """
    root, seen, walk = Path(seq2seqlite.__file__).parent, set[CodeType](), list[str]()

    def place(code: CodeType) -> str | None:
        path = Path(code.co_filename)
        if not path.is_relative_to(root):
            return None
        package, *modules = path.relative_to(root).with_suffix("").parts
        if package in ("cpu", "integer", "models", "estimators"):
            return "predictor"
        return "helper" if package == "decay" or not modules else ".".join((package, *modules))

    def follow(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event != "call" or code in seen or code.co_name.startswith("<"):
            return
        called = place(code)
        if called is None or is_attribute(frame):
            return
        seen.add(code)
        caller = frame.f_back
        while caller is not None and place(caller.f_code) is None:
            caller = caller.f_back
        calling = None if caller is None else place(caller.f_code)
        if "helper" not in (called, calling) and called != calling and walk[-1:] != [called]:
            walk.append(called)

    sys.setprofile(follow)
    try:
        function()
    finally:
        sys.setprofile(None)
    return walk


def is_attribute(frame: FrameType) -> bool:
    """Return whether a frame is that of a property."""
    for kind in type(frame.f_locals.get("self")).__mro__:
        found = vars(kind).get(frame.f_code.co_name)
        getter = found.func if isinstance(found, cached_property) else getattr(found, "fget", None)
        if getter is not None and getter.__code__ is frame.f_code:
            return True
    return False


def test_rules_of_visits(counts: np.ndarray) -> None:
    data = signal_from_counts(counts, source="a", file_format="npz", gate_width_ns=0.05, period_ns=12.5)
    assert visits(lambda: None) == []
    assert visits(lambda: [signal.survey(data) for _ in range(3)]) == ["io.signal"]
    walk = visits(lambda: [native_axis(data), native_axis(data)])
    assert walk == ["predictors.native_axis", "io.signal", "rebinning.tac_window"]


def test_the_walk_from_the_file_to_the_map_is_short(ptu: Path) -> None:
    """To print the sequence: python -m pytest tests/imaging/test_walk.py -k short -s."""
    source = predictor_source(MODEL)
    jobs = [ImageJob(ptu, ptu.parent / name, source, JobOptions()) for name in ("first", "second")]
    make_image(jobs[0])  # compiles the kernels, so that their compilation is not part of the walk
    walk = visits(lambda: make_image(jobs[1]))
    print(f"{len(walk)} visits of {len(set(walk))} modules: {' > '.join(walk)}")
    assert walk[0] == "batch.jobs"
    assert {"io.photon_counting", "rebinning.plan", "predictor", "results.map_writer"} <= set(walk)
    assert len(walk) <= MOST_VISITS
