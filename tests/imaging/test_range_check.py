"""Warnings where lifetimes lie outside of the range of the predictor, and maps without any lifetime."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from seq2seqlite.batch.options import JobOptions
from seq2seqlite.batch.run import map_files
from seq2seqlite.cli.app import main
from seq2seqlite.decay import ParametricIrf, TimeAxis, expected_tpsf, fit_tail
from seq2seqlite.errors import InputError
from seq2seqlite.histogram import Spread
from seq2seqlite.imaging.frame_analysis import lifetime_map
from seq2seqlite.imaging.range_check import RangeCheck
from seq2seqlite.io.signal import signal_from_counts
from seq2seqlite.predictors import load_predictor
from seq2seqlite.predictors.source import predictor_source
from seq2seqlite.streaming.sources import Frame
from seq2seqlite.streaming.stages import FrameStage

MODEL = "seq2seqlite-tcspc-80mhz-tiny"
AXIS = TimeAxis(250, 0.05, 12.5)
IRF = ParametricIrf(2.0, 0.15)


def counts(tau_ns: float, *, photons: float = 1500, background: float = 0.1, n: int = 12) -> np.ndarray:
    tpsf = expected_tpsf([1.0], [tau_ns], axis=AXIS, irf=IRF, photons=photons, background=background)
    return np.random.default_rng(1).poisson(np.broadcast_to(tpsf, (n, n, 250))).astype(np.uint16)


def image(tau_ns: float, **more: Any) -> xr.DataArray:
    return signal_from_counts(
        counts(tau_ns, **more), source="a.npz", file_format="npz", gate_width_ns=0.05, period_ns=12.5
    )


def warnings(data: xr.DataArray, model: str) -> list[str]:
    found: list[str] = lifetime_map(data, predictor_source(model).predictor(data)).attrs["warnings"]
    return found


def test_lifetimes_that_the_model_was_trained_for() -> None:
    for tau_ns in (0.3, 2.0, 4.5):
        assert warnings(image(tau_ns), MODEL) == []


@pytest.mark.parametrize(("tau_ns", "read"), [(8.0, (7.0, 9.0)), (0.05, (0.04, 0.07))])
def test_lifetimes_outside_of_the_training(tau_ns: float, read: tuple[float, float]) -> None:
    first = warnings(image(tau_ns), MODEL)[0]
    assert first.startswith("the summed decay has a lifetime of about ")
    assert f"outside of the 0.1 to 6 ns of model {MODEL}" in first
    assert read[0] < float(first.split()[8]) < read[1]


def test_pixels_at_the_edge_of_the_range() -> None:
    lines = warnings(image(8.0), MODEL)
    assert len(lines) == 2
    assert "of the analysed pixels have a lifetime near or beyond 6 ns" in lines[1]


def test_a_long_lifetime_beside_a_short_one() -> None:
    """The mean of the model is far from the end of its range, and the tail is not a single exponential."""
    axis = TimeAxis(135, 0.09, 12.5)
    tpsf = expected_tpsf([0.5, 0.5], [2.0, 10.0], axis=axis, irf=ParametricIrf(1.5, 0.2), photons=3e7)
    (line,) = RangeCheck("model", (0.1, 6.0)).of_decay(tpsf, axis=axis, edge_ns=1.45)
    assert 8 < float(line.split()[8]) < 13
    assert RangeCheck("model", (0.1, 12.0)).of_decay(tpsf, axis=axis, edge_ns=1.45) == []


def test_estimators_outside_of_their_range() -> None:
    assert warnings(image(2.0), "centre-of-mass") == warnings(image(2.0), "phasor") == []
    assert "outside of the" in warnings(image(0.15, photons=5000), "rld-2")[0]


@pytest.mark.parametrize("photons", [100, 400, 1e6])
@pytest.mark.parametrize("tau_ns", [0.2, 1.0, 3.0, 5.5])
def test_few_photons_and_background_give_no_warning_of_the_sum(photons: float, tau_ns: float) -> None:
    """Dim, flat and bright decays within the range, with one and two lifetimes."""
    rng, axis = np.random.default_rng(2), TimeAxis(135, 0.09, 12.5)
    check = RangeCheck("model", (0.1, 6.0))
    for irf in (ParametricIrf(1.5, 0.06), ParametricIrf(1.5, 0.4), ParametricIrf(1.5, 0.25, 0.25, 0.5)):
        for shares, taus in (([1.0], [tau_ns]), ([0.5, 0.5], [tau_ns, 0.2])):
            tpsf = expected_tpsf(shares, taus, axis=axis, irf=irf, photons=photons, background=photons / 1350)
            assert check.of_decay(rng.poisson(tpsf), axis=axis, edge_ns=1.45) == []


def test_fit_of_the_tail_has_no_answer_without_counts() -> None:
    axis = TimeAxis(135, 0.09, 12.5)
    assert fit_tail(np.zeros(135), axis=axis, edge_ns=1.5) is None
    assert RangeCheck("model", None).of_lifetimes(Spread.of([1.0])) == []


def test_every_trained_predictor_has_the_range_of_its_instrument() -> None:
    for backend in ("numpy", "cpu", "jax"):
        for model, range_ns in ((MODEL, (0.1, 6.0)), ("seq2seqlite-narrow-gate-float", (0.05, 3.0))):
            predictor: Any = load_predictor(model, backend=backend)
            assert predictor.tau_range_ns == range_ns


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "long.npz"
    np.savez(path, tpsf=counts(8.0), gate_width_ns=0.05, period_ns=12.5)
    return path


def test_image_prints_and_stores_the_warnings(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["image", str(file), "--model", MODEL, "--out", str(out)]) == 0
    stored = json.loads((out / "summary.json").read_text())["warnings"]
    assert len(stored) == 2
    assert capsys.readouterr().err.splitlines() == [f"warning: {text}" for text in stored]


def test_stacks_and_streams_have_the_warnings_too(
    tmp_path: Path,
) -> None:
    import zarr

    stack = np.stack([counts(8.0)] * 2)
    array = zarr.create_array(
        str(tmp_path / "a.zarr"), data=stack, chunks=(1, 12, 12, 250), dimension_names=("t", "y", "x", "h")
    )
    array.attrs.update({"gate_width_ns": 0.05, "period_ns": 12.5})
    (done,) = map_files(
        [tmp_path / "a.zarr"],
        [tmp_path / "out"],
        predictor_source(MODEL),
        JobOptions(),
        manifest=tmp_path / "m.json",
    )
    assert done.summary is not None, done.reason
    assert len(done.summary["warnings"]) == 2
    data = image(8.0)
    stage = FrameStage(predictor_source(MODEL).predictor(data))
    assert len(stage.process(Frame(0, 0.0, data), gap=False).remarks) == 2
    assert stage.process(Frame(1, 0.0, data), gap=False).remarks == ()


def test_estimator_without_any_lifetime_says_why(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["image", str(file), "--model", "rld-2", "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert "rld-2 found no lifetime in any pixel; 100% of them: " in error
    assert "(NO_DECAY)" in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_network_without_any_lifetime_says_why() -> None:
    data = image(2.0, photons=1500)
    network: Any = load_predictor(MODEL)
    dark = np.full((12, 12, 250), 3, np.uint16)
    dark[..., 45:50] += 1  # an edge in the sum, but only noise in each pixel
    with pytest.raises(InputError, match="no signal above the baseline before the rising edge"):
        lifetime_map(data.copy(data=dark), Nothing(network))


class Nothing:
    """A network that finds no pixel above the threshold."""

    def __init__(self, network: Any) -> None:
        self.network = network

    def __getattr__(self, name: str) -> Any:
        return getattr(self.network, name)

    def lifetimes(self, tpsf: np.ndarray, /) -> Any:
        return self.network.lifetimes(tpsf).without(np.ones(len(tpsf), np.bool_))


def test_stack_without_any_lifetime_leaves_nothing(tmp_path: Path) -> None:
    import zarr

    array = zarr.create_array(
        str(tmp_path / "a.zarr"),
        data=counts(8.0)[None],
        chunks=(1, 12, 12, 250),
        dimension_names=("t", "y", "x", "h"),
    )
    array.attrs.update({"gate_width_ns": 0.05, "period_ns": 12.5})
    out = tmp_path / "out"
    (done,) = map_files(
        [tmp_path / "a.zarr"], [out], predictor_source("rld-2"), JobOptions(), manifest=tmp_path / "m.json"
    )
    assert done.state == "failed"
    assert "rld-2 found no lifetime in any pixel" in str(done.reason)
    assert not (out / "maps.ome.zarr").exists()
    assert not (out / "summary.json").exists()


def test_stream_rejects_first_frames_without_any_lifetime() -> None:
    data = image(8.0)
    stage = FrameStage(predictor_source("rld-2").predictor(data))
    outcome = stage.process(Frame(0, 0.0, data), gap=False)
    assert outcome.maps is None
    assert "found no lifetime in any pixel" in outcome.rejected[0]
    assert stage.analysis is None
