"""Pictures and decay figures: what they show, in which colours, and their options."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from PIL import Image

from seq2seqlite.cli.app import main
from seq2seqlite.decay import IrfBank, ParametricIrf, TimeAxis, expected_tpsf
from seq2seqlite.errors import InputError
from seq2seqlite.figures import (
    PictureOptions,
    decay_figure,
    decay_record,
    lifetime_colours,
    lifetime_picture,
)
from seq2seqlite.imaging.frame_analysis import analyse_measurement
from seq2seqlite.io.signal import signal_from_counts
from seq2seqlite.maps import map_dataset
from seq2seqlite.predictors.source import predictor_source

AXIS, IRF = TimeAxis(250, 0.05, 12.5), ParametricIrf(2.0, 0.2)
MODEL = "seq2seqlite-tcspc-80mhz-tiny"


def counts(tau_ns: float, *, photons: float = 2000, n: int = 10, seed: int = 1) -> np.ndarray:
    tpsf = expected_tpsf([1.0], [tau_ns], axis=AXIS, irf=IRF, photons=photons, background=0.1)
    return np.random.default_rng(seed).poisson(np.broadcast_to(tpsf, (n, n, 250))).astype(np.uint16)


def image(tau_ns: float, **more: Any) -> xr.DataArray:
    return signal_from_counts(
        counts(tau_ns, **more), source="a.npz", file_format="npz", gate_width_ns=0.05, period_ns=12.5
    )


def maps_of(values: np.ndarray) -> xr.Dataset:
    tau = values.astype(np.float32)
    return map_dataset({"tau_mean_ns": tau, "intensity": np.full_like(tau, 100)}, {"source": "a.ptu"})


def cie_lightness(rgb: np.ndarray) -> np.ndarray:
    """CIELAB lightness of sRGB colours, 0 to 100."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return 116 * np.cbrt(linear @ [0.2126, 0.7152, 0.0722]) - 16


def test_default_colours_have_one_lightness_and_even_steps() -> None:
    """Lightness by another formula than the one that made the colours; no channel is clipped."""
    rgb = lifetime_colours()(np.linspace(0, 1, 256))[:, :3]
    lightness = cie_lightness(rgb)
    assert np.ptp(lightness) < 6
    assert np.ptp(cie_lightness(lifetime_colours("turbo")(np.linspace(0, 1, 256))[:, :3])) > 60
    assert rgb.min() >= 0
    assert rgb.max() <= 1
    steps = np.linalg.norm(np.diff(rgb, axis=0), axis=1)
    assert steps.max() < 8 * np.median(steps)
    assert np.linalg.norm(rgb[0] - rgb[-1]) > 0.6


def test_long_names_do_not_cover_other_text() -> None:
    maps = maps_of(np.linspace(1, 2, 50).reshape(5, 10))
    maps.attrs["source"] = f"folder/{'measurement_' * 9}.ptu"
    figure = lifetime_picture(maps)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    (histogram,) = (axes for axes in figure.axes if axes.get_title().startswith("median"))
    title, other = (axes.title.get_window_extent() for axes in (figure.axes[0], histogram))
    assert 0 <= title.x0 < title.x1 < other.x0
    assert all(tick == round(tick) for tick in histogram.get_yticks())


def test_options_of_the_picture() -> None:
    values = np.linspace(0.5, 2.5, 64).reshape(8, 8)
    figure = lifetime_picture(maps_of(values), options=PictureOptions("turbo", (1.0, 2.0)))
    shown, _, bar = figure.axes
    assert bar.get_ylim() == (1.0, 2.0)
    rgb = np.asarray(shown.images[0].get_array())
    np.testing.assert_allclose(rgb[0, 0], lifetime_colours("turbo")(0.0)[:3])  # below the range: its end
    np.testing.assert_allclose(rgb[7, 7], lifetime_colours("turbo")(1.0)[:3])
    assert lifetime_picture(maps_of(values)).axes[2].get_ylim() == pytest.approx(
        tuple(np.percentile(values, [2, 98])), rel=1e-6
    )


@pytest.mark.parametrize(
    ("cmap", "limits", "text"),
    [
        ("viridiss", None, "cmap='viridiss' is unknown; use even-lightness or a colour map of Matplotlib"),
        (None, (2.0, 1.0), "colour_range=2 1 must be two increasing numbers"),
        (None, (1.0, np.nan), "colour_range=1 nan must be two increasing numbers"),
    ],
)
def test_options_that_are_not(cmap: Any, limits: Any, text: str) -> None:
    with pytest.raises(InputError, match=text):
        PictureOptions(cmap, limits)


def record_of(data: xr.DataArray, model: str, **more: Any) -> Any:
    maps, analysis = analyse_measurement(data, predictor_source(model).predictor(data))
    chosen = np.isfinite(maps["tau_mean_ns"].values)
    return decay_record(data, chosen, analysis.predictor, analysis.rebinner, **more)


def test_decay_of_the_analysed_pixels() -> None:
    data = image(2.0)
    data[0, 0] = 0
    record = record_of(data, MODEL, measured=ParametricIrf(1.0, 0.2))
    np.testing.assert_array_equal(record.counts, data.values.sum(axis=(0, 1)))
    assert (record.pixels, record.origin) == (99, "measured")
    assert record.fit.tau_mean_ns == pytest.approx(2.0, rel=0.03)
    assert 0.6 < record.fit.chi_square < 1.4
    assert record.irf.argmax() == pytest.approx(2.0 / 0.05, abs=2)
    assert 1.0 < record.predicted.tau_mean_ns < 3.0
    described = record.described()
    assert json.loads(json.dumps(described)) == described
    fixed = record_of(data, MODEL, measured=ParametricIrf(1.0, 0.2), shift_ns=0.8)
    assert fixed.fit.chi_square > 10


def test_a_gap_at_the_start_of_the_window_is_no_delay() -> None:
    """The figure begins with the TAC window, at the time of the measurement."""
    data = image(1.0)
    data[..., :10] = 0
    data[..., 245:] = 0
    record = record_of(data, MODEL)
    assert record.start_ns == pytest.approx(0.5, abs=0.06)
    assert 232 <= record.axis.n_gates <= 235
    assert record.fit.tau_mean_ns == pytest.approx(1.0, rel=0.05)


def test_estimators_are_shown_with_their_own_response_and_number_of_lifetimes() -> None:
    data = image(2.0)
    source = predictor_source("phasor")
    record = record_of(data, "phasor")
    assert len(record.fit.taus_ns) == len(record.predicted.taus_ns) == 1
    assert record.predicted.taus_ns[0] == pytest.approx(2.0, rel=0.05)
    predictor: Any = source.predictor(data)
    assert predictor.irf == predictor.estimator.irf


def test_a_bank_of_responses_is_shown_as_their_mean() -> None:
    data = image(2.0)
    bank = IrfBank.from_delays(IRF, np.linspace(0, 0.1, 100).reshape(10, 10))
    maps, analysis = analyse_measurement(data, predictor_source("centre-of-mass").predictor(data))
    found = decay_record(
        data, np.isfinite(maps["tau_mean_ns"].values), analysis.predictor, analysis.rebinner, measured=bank
    )
    assert found.fit is not None


def test_dim_decays_have_no_curves() -> None:
    record = record_of(image(2.0, photons=300, n=5), MODEL)
    assert (record.fit, record.predicted, record.irf) == (None, None, None)
    (axes,) = decay_figure(record).axes
    assert axes.get_yscale() == "log"


def test_decay_figure() -> None:
    record = record_of(image(2.0), MODEL)
    figure = decay_figure(record)
    decay_axes, residual_axes = figure.axes
    assert decay_axes.get_title() == f"a.npz: 100 pixels, {record.counts.sum():,.0f} counts"
    texts = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    assert texts[:2] == ["IRF (fitted)", "counts"]
    assert texts[2].startswith("fit: ")
    assert texts[3].startswith(f"{MODEL}: ")
    assert "% of the amplitude), " in texts[3]
    assert "reduced χ²" in texts[3]
    residuals = np.asarray(residual_axes.lines[0].get_ydata())
    expected = (record.counts - record.fit.expected) / np.sqrt(record.fit.expected)
    np.testing.assert_allclose(residuals, expected)
    assert to_rgb(residual_axes.lines[0].get_color()) != to_rgb(residual_axes.lines[1].get_color())


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "a.npz", tmp_path / "b.npz"]
    for path, tau_ns in zip(paths, (0.8, 2.5), strict=True):
        np.savez(path, tpsf=counts(tau_ns, n=6), gate_width_ns=0.05, period_ns=12.5)
    return paths


def summaries(out: Path, files: list[Path]) -> list[dict[str, Any]]:
    return [json.loads((out / file.name / "summary.json").read_text()) for file in files]


@pytest.mark.parametrize(
    "file_format",
    ["tiff", *(pytest.param(name, marks=pytest.mark.exhaustive) for name in ("ome-tiff", "ome-zarr"))],
)
def test_a_batch_has_one_range_of_colours(
    files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], file_format: str
) -> None:
    out = tmp_path / "out"
    command = ["image", *map(str, files), "--model", MODEL, "--out", str(out), "--format", file_format]
    assert main([*command, "--no-decay"]) == 0
    pictures = [summary["picture"] for summary in summaries(out, files)]
    own = [picture["own_limits"] for picture in pictures]
    assert [picture["limits"] for picture in pictures] == [[own[0][0], own[1][1]]] * 2
    assert own[0][1] < own[1][0]

    # Other colours need no new analysis, and the results stay valid for the next run.
    capsys.readouterr()
    assert main([*command, "--no-decay", "--cmap", "turbo", "--range", "0.5", "3"]) == 0
    assert capsys.readouterr().out.count("finished by an earlier run") == 2
    for summary in summaries(out, files):
        assert (summary["picture"]["cmap"], summary["picture"]["limits"]) == ("turbo", [0.5, 3.0])
    with Image.open(out / files[0].name / "lifetime.png") as picture:
        assert picture.width >= 1280
    assert main([*command, "--no-decay"]) == 0
    assert capsys.readouterr().out.count("finished by an earlier run") == 2
    assert [summary["picture"] for summary in summaries(out, files)] == pictures
    assert not (out / files[0].name / "decay.png").exists()


def test_the_decay_figure_is_written(
    files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command = ["image", str(files[1]), "--model", MODEL, "--out", str(out)]
    assert main([*command, "--range", "3", "1"]) == 2
    assert capsys.readouterr().err == (
        "error: colour_range=3 1 must be two increasing numbers, e.g. 0.5 2.5 (option --range)\n"
    )
    assert main([*command, "--cmap", "none"]) == 2
    assert "(option --cmap)" in capsys.readouterr().err
    assert not out.exists()
    assert main(command) == 0
    assert str(out / "decay.png") in capsys.readouterr().out.splitlines()
    with Image.open(out / "decay.png") as figure:
        assert figure.width >= 1280
    decay = json.loads((out / "summary.json").read_text())["decay"]
    assert decay["fit"]["tau_mean_ns"] == pytest.approx(2.5, rel=0.1)
    assert decay["irf"] == "fitted"
    assert main([*command, "--no-decay"]) == 0
    assert not (out / "decay.png").exists()
