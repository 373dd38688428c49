"""Phasor plots: positions of known decays, calibration, filter and cursors; formats of all figures."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import xarray as xr

from seq2seqlite.cli.app import main
from seq2seqlite.decay import ParametricIrf, TimeAxis, expected_tpsf
from seq2seqlite.errors import InputError
from seq2seqlite.figures import (
    PhasorOptions,
    PhasorRecord,
    PictureOptions,
    decay_record,
    lifetime_picture,
    phasor_figure,
)
from seq2seqlite.figures.write import write_figure
from seq2seqlite.imaging import neighbourhood_sum
from seq2seqlite.imaging.frame_analysis import analyse_measurement
from seq2seqlite.io.signal import signal_from_counts
from seq2seqlite.maps import map_dataset
from seq2seqlite.predictors.source import predictor_source
from seq2seqlite.results import phasor_record

AXIS, IRF = TimeAxis(250, 0.05, 12.5), ParametricIrf(2.0, 0.2)
OMEGA = 2 * np.pi / 12.5
MODEL = "seq2seqlite-tcspc-80mhz-tiny"


def decays(tau_ns: np.ndarray, *, photons: float = 20_000, seed: int | None = 1) -> np.ndarray:
    tpsf = expected_tpsf(np.ones((*tau_ns.shape, 1)), tau_ns[..., None], axis=AXIS, irf=IRF, photons=photons)
    return np.round(tpsf * 1e3) / 1e3 if seed is None else np.random.default_rng(seed).poisson(tpsf)


def image(counts: np.ndarray, source: str = "a.npz", **more: Any) -> xr.DataArray:
    return signal_from_counts(
        counts, source=source, file_format="npz", **({"gate_width_ns": 0.05, "period_ns": 12.5} | more)
    )


def position(tau_ns: Any) -> np.ndarray:
    """Phasor of single exponentials in closed form."""
    real = 1 / (1 + (OMEGA * np.asarray(tau_ns)) ** 2)
    return np.stack([real, OMEGA * tau_ns * real], axis=-1)


def record_of(
    data: xr.DataArray,
    options: PhasorOptions | None = None,
    *,
    known: bool = True,
    model: str = "centre-of-mass",
    **more: Any,
) -> PhasorRecord:
    """Phasors with a known response, or without one."""
    maps, analysis = analyse_measurement(data, predictor_source(model).predictor(data))
    chosen = np.isfinite(maps["tau_mean_ns"].values)
    measured = ParametricIrf(1.0, 0.2) if known else None
    decay = decay_record(data, chosen, analysis.predictor, analysis.rebinner, measured=measured, curves=False)
    return phasor_record(data, chosen, decay, options or PhasorOptions(), **more)


TAU_NS = np.repeat([[0.5, 1.0, 2.0, 4.0]], 6, axis=0)


def test_single_exponentials_lie_on_the_universal_circle() -> None:
    found = record_of(image(decays(TAU_NS)))
    assert found.calibration == "measured"
    assert found.frequency_mhz == pytest.approx(80.0)
    assert found.covered == pytest.approx(1.0)
    points = np.stack([found.real, found.imag], axis=-1)
    np.testing.assert_allclose(points, position(TAU_NS), atol=0.03)
    np.testing.assert_allclose(points.mean(axis=0), position(TAU_NS[0]), atol=0.012)
    np.testing.assert_allclose(found.mean, position(TAU_NS[0]).mean(axis=0), atol=0.01)


def test_a_reference_dye_calibrates() -> None:
    dye = image(decays(np.full((3, 3), 4.0)), "dye.npz")
    options = PhasorOptions(Path("dye.npz"), 4.0)
    found = record_of(image(decays(TAU_NS)), options, known=False, reference=dye)
    assert found.calibration == "reference"
    np.testing.assert_allclose(
        [found.real.mean(axis=0), found.imag.mean(axis=0)], position(TAU_NS[0]).T, atol=0.01
    )
    described = found.described()
    assert described["reference_tau_ns"] == 4.0
    assert json.loads(json.dumps(described)) == described
    assert "calibrated with dye.npz (4 ns)" in phasor_figure(found).get_suptitle()


@pytest.mark.parametrize(
    ("counts", "more", "text"),
    [
        (np.ones((2, 2, 240)), {}, "reference=b.npz has 240 gates, but the measurement 250"),
        (
            np.ones((2, 2, 250)),
            {"gate_width_ns": 0.04},
            "has 0.04 ns of gate width, but the measurement 0.05",
        ),
        (np.ones((2, 2, 250)), {"period_ns": 20.0}, "has 20 ns of laser period, but the measurement 12.5"),
        (np.zeros((2, 2, 250)), {}, "all 4 pixels are zero"),
    ],
)
def test_references_that_do_not_fit(counts: np.ndarray, more: dict[str, float], text: str) -> None:
    with pytest.raises(InputError, match=text):
        record_of(
            image(decays(TAU_NS)), PhasorOptions(Path("b.npz"), 4.0), reference=image(counts, "b.npz", **more)
        )


def test_without_response_the_plot_says_so() -> None:
    found = record_of(image(decays(TAU_NS[:1, :2], photons=200)), known=False, model=MODEL)
    assert found.calibration is None
    assert "phase_tau_ns" not in found.described()
    assert "not calibrated" in phasor_figure(found).get_suptitle()


def test_binning_adds_photons_not_phasors() -> None:
    counts = decays(TAU_NS, photons=500)
    plain = record_of(image(neighbourhood_sum(counts, binning=1)))
    binned = record_of(image(counts), binning=1)
    np.testing.assert_allclose(binned.real, plain.real, atol=2e-3)
    usable = np.ones(counts.shape[:2], np.bool_)
    usable[:, 1:] = False
    alone = record_of(image(counts), binning=1, usable=usable)
    np.testing.assert_allclose(alone.real[:, 1].mean(), position(0.5)[0], atol=0.02)


def test_the_median_filter_keeps_edges_and_reduces_noise() -> None:
    tau_ns = np.repeat([[0.5] * 8 + [3.0] * 8], 12, axis=0)
    data = image(decays(tau_ns, photons=500))
    rough, smooth = record_of(data), record_of(data, PhasorOptions(medians=2))
    spread = [np.std(found.real - position(tau_ns)[..., 0]) for found in (rough, smooth)]
    assert spread[1] < 0.6 * spread[0]
    edges = position(np.array([0.5, 3.0]))[:, 0]
    np.testing.assert_allclose(smooth.real[:, 7:9].mean(axis=0), edges, atol=0.05)


def test_cursors_select_pixels() -> None:
    centres = position(np.array([0.5, 4.0]))
    options = PhasorOptions(cursors=tuple((*centre, 0.06) for centre in centres.tolist()))
    found = record_of(image(decays(TAU_NS)), options)
    np.testing.assert_array_equal(found.cursor_map, np.repeat([[1, 0, 0, 2]], 6, axis=0))
    assert [cursor["pixels"] for cursor in found.described()["cursors"]] == [6, 6]
    assert set(found.maps()) == {"phasor_g", "phasor_s", "phasor_cursor"}
    _, picture, *_ = phasor_figure(found).axes
    rgb = np.asarray(picture.images[0].get_array())
    assert np.ptp(rgb[0, 1]) == 0
    assert np.ptp(rgb[0, 0]) > 0.2


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"reference": Path("a.ptu")}, "reference=a.ptu and reference_tau_ns=None belong together"),
        ({"reference_tau_ns": 4.0}, "reference=None and reference_tau_ns=4.0 belong together"),
        (
            {"reference": Path("a.ptu"), "reference_tau_ns": -1.0},
            "reference_tau_ns=-1.0 must be finite and > 0",
        ),
        ({"medians": -1}, "phasor_medians=-1 must be from 0 to 20"),
        ({"cursors": ((0.5, 0.4, 0.0),)}, "cursors=0.5,0.4,0 must have G, S and a radius from 0 to 1"),
        ({"cursors": ((0.5, 0.4, 0.1),) * 7}, "cursors has 7 items; at most 6 can be shown"),
    ],
)
def test_options_that_are_not(options: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        PhasorOptions(**options)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "a.npz", tmp_path / "dye.npz"]
    for path, tau_ns in zip(paths, (TAU_NS, np.full((3, 3), 4.0)), strict=True):
        np.savez(path, tpsf=decays(tau_ns).astype(np.uint16), gate_width_ns=0.05, period_ns=12.5)
    return paths


def test_the_command_writes_plot_and_maps(
    files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command = ["image", str(files[0]), "--model", MODEL, "--out", str(out), "--min-photons", "100"]
    assert main([*command, "--reference", str(files[1])]) == 2
    assert "belong together" in capsys.readouterr().err
    assert main([*command, "--reference", str(tmp_path / "b.npz"), "--reference-tau-ns", "4"]) == 2
    assert "does not exist" in capsys.readouterr().err
    assert main([*command, "--cursor", "0.5,0.4"]) == 2
    assert capsys.readouterr().err == (
        "error: --cursor 0.5,0.4 must have three numbers: G,S,RADIUS (e.g. 0.4,0.45,0.05)\n"
    )
    assert main([*command, "--no-phasor", "--cursor", "0.5,0.4,0.1"]) == 2
    assert "phasor=False has no reference, filter or cursors; omit them" in capsys.readouterr().err
    assert main([*command, "--frames", "each", "--cursor", "0.5,0.4,0.1"]) == 2
    assert "frames='each' has no phasor plot" in capsys.readouterr().err
    assert not out.exists()
    given = ["--reference", str(files[1]), "--reference-tau-ns", "4", "--cursor", "0.5,0.5,0.1"]
    labels = np.ones((6, 4), np.uint8)
    tifffile.imwrite(tmp_path / "labels.tif", labels)
    pictures = ["--picture-format", "pdf", "--dpi", "60", "--gamma", "1"]
    assert main([*command, *given, *pictures, "--regions", str(tmp_path / "labels.tif")]) == 0
    names = {item.name for item in out.iterdir()}
    assert {"phasor.pdf", "decay.pdf", "lifetime.pdf", "phasor_g.tif", "phasor_s.tif"} <= names
    found = np.stack([tifffile.imread(out / f"phasor_{axis}.tif") for axis in "gs"], axis=-1)
    np.testing.assert_allclose(found.mean(axis=0), position(TAU_NS[0]), atol=0.012)
    np.testing.assert_array_equal(tifffile.imread(out / "phasor_cursor.tif")[0], [0, 0, 1, 0])
    summary = json.loads((out / "summary.json").read_text())
    assert summary["phasor"]["calibration"] == "reference"
    assert summary["picture"]["gamma"] == 1.0
    assert "phasor_g_median" in (out / "regions.csv").read_text().splitlines()[0]
    assert main([*command, "--no-phasor", "--no-decay"]) == 0  # figures of the earlier run are removed
    assert {item.name for item in out.iterdir() if item.suffix in (".pdf", ".png")} == {"lifetime.png"}


@pytest.mark.parametrize(("kind", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_formats_of_figures(tmp_path: Path, kind: str, start: bytes) -> None:
    tau = np.array([[1.0, 2.0], [1.5, np.nan]], np.float32)
    maps = map_dataset({"tau_mean_ns": tau, "intensity": np.ones_like(tau)}, {"source": "a.ptu"})
    options = PictureOptions(file_format=kind, dpi=50)
    written = []
    for name in ("one", "two"):
        write_figure(lifetime_picture(maps), tmp_path / name, options)
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1]
    assert written[0].startswith(start)
    assert kind != "svg" or b"median 1.50 ns</text>" in written[0]  # text can be edited


def test_marks_and_brightness_of_the_picture() -> None:
    tau = np.array([[1.0, 2.0], [1.5, np.nan]], np.float32)
    flagged = np.array([[0, 1], [0, np.nan]], np.float32)
    intensity = np.array([[100, 100], [25, 3]], np.float32)
    maps = map_dataset({"tau_mean_ns": tau, "intensity": intensity, "flagged": flagged}, {"source": "a.ptu"})

    def drawn(gamma: float) -> np.ndarray:
        figure = lifetime_picture(maps, options=PictureOptions(gamma=gamma))
        legend = figure.axes[0].get_legend()
        assert legend is not None
        texts = [text.get_text() for text in legend.get_texts()]
        assert texts == ["not analysed: 1 pixel", "flagged: 1 pixel"]
        return np.asarray(figure.axes[0].images[0].get_array())

    rgb, square = drawn(1.0), drawn(2.0)
    np.testing.assert_array_equal(rgb[0, 1], 1.0)
    np.testing.assert_allclose(rgb[1, 1], 0.22)
    np.testing.assert_allclose(square[1, 0] / rgb[1, 0], 25 / np.percentile(intensity, 99.5), rtol=1e-3)


def test_space_between_the_frames_of_a_series_is_not_counted() -> None:
    tau = np.ones((3, 2, 2), np.float32)
    tau[:2, 0, 0] = np.nan
    dims = ("T", "Y", "X")
    maps = xr.Dataset({"tau_mean_ns": (dims, tau), "intensity": (dims, np.ones_like(tau))})
    legend = lifetime_picture(maps).axes[0].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["not analysed: 2 pixels"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"gamma": 0.0}, "gamma=0 must be > 0"),
        ({"file_format": "bmp"}, "picture_format='bmp' is unknown; choose one of png, svg, pdf"),
        ({"dpi": 5}, "dpi=5 must be from 30 to 1200"),
    ],
)
def test_picture_options_that_are_not(options: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        PictureOptions(**options)
