"""The call ``stream``: models compiled before the source opens, or chosen with its first frame."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from seq2seqlite import load_predictor, stream
from seq2seqlite.errors import InputError
from seq2seqlite.imaging import lifetime_map
from seq2seqlite.predictors.compilation import compile_predictor
from seq2seqlite.predictors.source import predictor_source
from seq2seqlite.protocols import Predictor
from seq2seqlite.streaming import CallbackSink, FrameMaps, QueueSource, StreamError

TINY = "seq2seqlite-tcspc-80mhz-tiny"


@pytest.fixture
def data(decay_image: Callable[..., xr.DataArray]) -> xr.DataArray:
    """A measurement of 2 x 3 pixels and 2 ns, with 250 bins of 0.05 ns."""
    return decay_image(np.full((2, 3), 2.0))


def test_a_model_is_compiled_before_the_source_opens(
    data: xr.DataArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []

    def compiling(predictor: Predictor) -> None:
        order.append(f"{predictor.name} is compiled")
        compile_predictor(predictor)

    def camera() -> Iterator[xr.DataArray]:
        order.append("open")
        yield data

    monkeypatch.setattr("seq2seqlite.workflows.stream_predictor.compile_predictor", compiling)
    result = stream(camera(), TINY, preparing=order.append)
    assert order == ["loading the model", f"compiling {TINY}", f"{TINY} is compiled", "open"]
    assert (result["frames"], result["model"], result["source"]) == (1, TINY, "frames")
    assert "model_choice" not in result


def test_compiling_does_not_change_the_maps_of_gates(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first frame has no previous one, not even that of the compilation."""
    taken: list[FrameMaps] = []
    prepared: list[str] = []
    options: dict[str, Any] = {"gates": True, "normalisation": "previous-frame", "shape": (1, 1), "frames": 1}
    sinks = [CallbackSink(taken.append)]
    stream("camera", TINY, **options, sinks=sinks, preparing=prepared.append)
    assert prepared == ["loading the model", f"compiling {TINY}"]
    monkeypatch.setattr("seq2seqlite.workflows.stream.compile_predictor", lambda _: None)
    stream("camera", TINY, **options, sinks=sinks)
    first, second = (one.maps["tau_mean_ns"].values for one in taken)
    np.testing.assert_array_equal(first, second)


def test_the_default_model_is_that_of_the_first_frame_and_no_frame_is_lost(data: xr.DataArray) -> None:
    source = QueueSource(gate_width_ns=0.05, period_ns=12.5, bound=6)
    assert source.put("broken")
    for _ in range(5):
        source.put(data.values)
    source.close()
    said: list[str] = []
    taken: list[FrameMaps] = []
    result = stream(source, report=said.append, sinks=[CallbackSink(taken.append)])
    model = "seq2seqlite-tcspc-80mhz-float"
    assert [one.frame for one in taken] == [1, 2, 3, 4, 5]
    assert (result["frames"], result["rejected"], result["missed"]) == (5, 1, 0)
    assert result["model"] == model
    assert result["model_choice"].startswith(f"model {model}: trained for tcspc-80mhz, which has the period")
    assert result["model_choice"] in said
    alone = lifetime_map(data, load_predictor(model))
    np.testing.assert_array_equal(taken[0].maps["tau_mean_ns"].values, alone["tau_mean_ns"].values)


def test_a_default_model_that_does_not_exist_ends_the_stream(data: xr.DataArray) -> None:
    with pytest.raises(StreamError, match=r"^the laser period is unknown; pass period_ns") as caught:
        stream([data.values], gate_width_ns=0.05)
    assert caught.value.result is not None
    assert caught.value.result["model"] is None


def test_an_estimator_gets_the_axis_of_the_first_valid_frame(data: xr.DataArray) -> None:
    dim = np.roll(data.values, 60, axis=-1) / 100  # below threshold, so that it determines nothing
    taken: list[FrameMaps] = []
    result = stream(
        [dim, data, data], "rld-3", gate_width_ns=0.05, period_ns=12.5, sinks=[CallbackSink(taken.append)]
    )
    assert (result["model"], result["frames"], result["rejected"]) == ("rld-3", 2, 1)
    alone = lifetime_map(data, predictor_source("rld-3").predictor(data))
    np.testing.assert_array_equal(taken[1].maps["tau_mean_ns"].values, alone["tau_mean_ns"].values)


def test_the_default_model_of_a_simulated_camera_is_that_of_its_instrument() -> None:
    result = stream("narrow-gate", shape=(3, 4), frames=1)
    model = "seq2seqlite-narrow-gate-float"
    assert (result["model"], result["model_choice"]) == (model, f"model {model}: trained for narrow-gate")


@pytest.mark.parametrize(
    ("source", "options", "text"),
    [
        ("camera", {}, r"^source='camera' is the camera of a trained model; pass one"),
        ("swissspad3", {"gates": True}, r"^gates=True requires a trained model, not model=None; pass"),
        ("camera", {"gates": True, "model": "phasor"}, r"^gates=True requires a trained model, not model='p"),
        (7, {"model": TINY}, r"^source is of type int; pass a file, a folder, a source or an iter"),
    ],
)  # fmt: skip
def test_sources_without_a_model_that_they_need(source: Any, options: dict[str, Any], text: str) -> None:
    model = options.pop("model", None)
    with pytest.raises(InputError, match=text):
        stream(source, model, shape=(2, 2), frames=1, **options)


def test_frames_of_a_spool_folder_keep_their_names(data: xr.DataArray, tmp_path: Path) -> None:
    spool, out = tmp_path / "spool", tmp_path / "out"
    spool.mkdir()
    for name in ("cell_10nM", "cell_9nM"):
        np.savez(spool / f"{name}.npz", tpsf=data.values, gate_width_ns=0.05, period_ns=12.5)
    (spool / "END").touch()
    stream(spool, TINY, out=out)
    assert sorted(item.name for item in out.glob("*.tif")) == [
        "frame-000000-cell_9nM.tif", "frame-000001-cell_10nM.tif",
    ]  # fmt: skip
