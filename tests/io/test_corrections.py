"""Corrections of cameras: dark level, flat field, hot and dead pixels, and what does not fit."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from seq2seqlite.cli.app import main
from seq2seqlite.decay import SpadFrameDetector
from seq2seqlite.errors import InputError
from seq2seqlite.io import Corrections, read, survey
from seq2seqlite.io.cameras.references import hot_pixels

from .test_spad_series import write

SHAPE = (6, 7)
N_GATES = 5


def corrections_of(given: Any) -> Corrections:
    return Corrections(**given)


def series(folder: Path, counts: np.ndarray, **settings: str) -> Path:
    """Write a gate series, shape (Y, X, H), of a SPAD camera."""
    folder.mkdir()
    for gate in range(counts.shape[-1]):
        image = counts[..., gate].astype(np.uint8)
        steps = str(counts.shape[-1])
        write(folder / f"G{gate}.png", image, gate_step=str(gate), gate_steps=steps, **settings)
    return folder


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.fixture
def folder(tmp_path: Path, rng: np.random.Generator) -> Path:
    return series(tmp_path / "sample", rng.integers(40, 90, (*SHAPE, N_GATES)))


@pytest.fixture
def dark(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Dark series with about two counts a gate, and one hot pixel."""
    counts = rng.poisson(2.0, (*SHAPE, N_GATES))
    counts[2, 3] = 120
    return series(tmp_path / "dark", counts)


def test_dark_series_is_the_mean_photons_of_its_gates(folder: Path, dark: Path) -> None:
    plain, data = read(folder), read(folder, corrections=Corrections(dark=dark))
    counts = np.stack([np.asarray(Image.open(file)) for file in sorted(dark.iterdir())], axis=-1)
    expected = SpadFrameDetector(255).photons(counts).mean(axis=-1)
    np.testing.assert_allclose(data.dark.values, expected, rtol=1e-6)
    np.testing.assert_array_equal(data.values, plain.values)  # the counts stay Poisson counts
    assert np.argwhere(data.bad.values).tolist() == [[2, 3]]
    known = survey(data)
    good = ~data.bad.values
    np.testing.assert_allclose(known.decay, plain.values[good].sum(axis=0), rtol=1e-6)
    np.testing.assert_allclose(known.signal, (data - data.dark).values.sum(axis=-1), atol=1e-3)
    assert known.dark_sum == pytest.approx(expected[good].sum())
    record = data.attrs["corrections"]
    assert (record["pixels_hot"], record["pixels_bad"], record["hot_pixels"]) == (1, 1, 5.0)
    assert record["dark_level"] == pytest.approx(np.median(expected))
    assert len(record["dark"]["sha256"]) == 64
    assert "warnings" not in data.attrs


def test_hot_pixels_can_be_kept(folder: Path, dark: Path) -> None:
    data = read(folder, corrections=Corrections(dark=dark, hot_pixels=float("inf")))
    assert not data.bad.values.any()


def test_hot_pixels_are_robust() -> None:
    level = np.full((10, 10), 3.0) + np.random.default_rng(1).normal(0, 0.1, (10, 10))
    level[:4] = 50.0  # two fifths of the pixels do not move the threshold
    np.testing.assert_array_equal(hot_pixels(level, gates=1000), level > 40)
    assert not hot_pixels(np.full((4, 4), 2.0)).any()


def test_repetitions_scale_the_dark_level(tmp_path: Path, rng: np.random.Generator, dark: Path) -> None:
    folder = tmp_path / "twice"
    folder.mkdir()
    for frame in range(2):
        for gate in range(N_GATES):
            image = rng.integers(40, 90, SHAPE).astype(np.uint8)
            write(folder / f"{frame}-{gate}.png", image, gate_step=str(gate), frame=str(frame))
    once = read(folder, frame=0, corrections=Corrections(dark=dark)).dark.values
    both = read(folder, corrections=Corrections(dark=dark)).dark.values
    np.testing.assert_allclose(both, 2 * once, rtol=1e-6)


def test_dark_frames_of_one_image(tmp_path: Path, folder: Path) -> None:
    counts = np.full(SHAPE, 60, np.uint8)
    write(tmp_path / "dark.png", counts)  # with the settings of the camera: saturation is corrected
    np.save(tmp_path / "dark.npy", counts)  # photons
    camera = read(folder, corrections=Corrections(dark=tmp_path / "dark.png")).dark.values
    image = read(folder, corrections=Corrections(dark=str(tmp_path / "dark.npy"))).dark.values
    np.testing.assert_allclose(camera, -255 * np.log(1 - 60 / 255))
    np.testing.assert_array_equal(image, counts)
    assert (read(folder, corrections=Corrections(dark="25")).dark.values == 25).all()


def test_flat_field_is_the_relative_sensitivity(tmp_path: Path, folder: Path, dark: Path) -> None:
    flat = np.linspace(50, 150, SHAPE[0] * SHAPE[1]).reshape(SHAPE)
    flat[0, 0] = 1.0  # dead
    np.save(tmp_path / "flat.npy", flat)
    data = read(folder, corrections=Corrections(flat=tmp_path / "flat.npy"))
    assert np.isnan(data.flat[0, 0])
    np.testing.assert_allclose(data.flat.values.ravel()[1:], (flat / np.median(flat)).ravel()[1:])
    assert data.attrs["corrections"]["pixels_dead"] == 1
    light = series(tmp_path / "flat", np.full((*SHAPE, N_GATES), 100) + np.arange(7)[:, None])
    both = read(folder, corrections=Corrections(dark=dark, flat=light))
    photons = SpadFrameDetector(255).photons(100 + np.arange(7)) - both.dark.values
    good = ~both.bad.values
    expected = np.where(good, photons / np.median(photons[good]), np.nan)
    np.testing.assert_allclose(both.flat, expected, rtol=1e-5)


def test_marked_pixels_are_bad(tmp_path: Path, folder: Path) -> None:
    marked = np.zeros(SHAPE, np.uint8)
    marked[1, 1] = 255
    Image.fromarray(marked).save(tmp_path / "bad.png")
    data = read(folder, corrections=Corrections(bad_pixels=tmp_path / "bad.png"))
    np.testing.assert_array_equal(data.bad, marked > 0)


def test_dark_series_with_light_causes_a_warning(tmp_path: Path, folder: Path) -> None:
    light = np.tile([2, 30, 20, 10, 5], (*SHAPE, 1))
    data = read(folder, corrections=Corrections(dark=series(tmp_path / "light", light)))
    (warning,) = data.attrs["warnings"]
    assert "the counts of the gates differ by" in warning
    assert "record it without laser" in warning


WRONG_IMAGES = {
    "shape": (np.ones((3, 3)), r"\.npy has shape \(3, 3\), but the measurement \(6, 7\)"),
    "negative": (np.full(SHAPE, -1.0), r"\.npy has 42 negative pixels; save it without corrections"),
    "nan": (np.full(SHAPE, np.nan), r"\.npy has 42 pixels that are NaN or infinite; mark them in bad_pixels"),
}


@pytest.mark.parametrize("name", ["dark", "flat"])
@pytest.mark.parametrize("kind", WRONG_IMAGES)
def test_images_that_do_not_fit(tmp_path: Path, folder: Path, name: str, kind: str) -> None:
    values, text = WRONG_IMAGES[kind]
    np.save(tmp_path / "wrong.npy", values)
    with pytest.raises(InputError, match=f"^{name}=.*{text}") as caught:
        read(folder, corrections=corrections_of({name: tmp_path / "wrong.npy"}))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("shape", "settings", "text"),
    [
        ((*SHAPE, 4), {}, r"dark has 4 gates, but the measurement 5; record both with the same gates"),
        ((6, 6, 5), {}, r"dark has shape \(6, 6\), but the measurement \(6, 7\)"),
        (
            (*SHAPE, 5),
            {"integration_time": "10 ms"},
            r"'Integration time' = '10 ms', but the measurement '50",
        ),
        ((*SHAPE, 5), {"gate_step_size": "500 ps"}, r"gates 0\.5 ns apart, but the measurement 0\.25 ns"),
    ],
)
def test_series_that_do_not_fit(
    tmp_path: Path, folder: Path, shape: tuple[int, ...], settings: dict[str, Any], text: str
) -> None:
    wrong = series(tmp_path / "dark", np.random.default_rng(1).poisson(2, shape), **settings)
    with pytest.raises(InputError, match=text) as caught:
        read(folder, corrections=Corrections(dark=wrong))
    assert "\n" not in str(caught.value)


def test_dropped_gates_may_be_in_the_dark_series(folder: Path, dark: Path) -> None:
    data = read(folder, drop=["G4"], corrections=Corrections(dark=dark))
    np.testing.assert_array_equal(data.dark, read(folder, corrections=Corrections(dark=dark)).dark)


def test_values_that_are_not_allowed(tmp_path: Path, folder: Path) -> None:
    for given, text in (
        ({"dark": -1.0}, r"dark=-1\.0 must be a file, or a level >= 0"),
        ({"dark": "nan"}, r"dark=nan must be a file, or a level >= 0"),
        ({"dark": 1.0, "hot_pixels": 5.0}, r"hot_pixels=5 finds hot pixels in a dark frame or series"),
        ({"dark": "a.npy", "hot_pixels": 0.0}, r"hot_pixels=0\.0 must be > 0"),
    ):
        with pytest.raises(InputError, match=text):
            corrections_of(given)
    np.save(tmp_path / "none.npy", np.zeros(SHAPE))
    for files, text in (
        ({"dark": tmp_path / "absent.npy"}, r"absent\.npy does not exist; check the path"),
        ({"flat": tmp_path / "none.npy"}, r"flat=.*none\.npy has a median of 0; it must have more light"),
    ):
        with pytest.raises(InputError, match=text):
            read(folder, corrections=corrections_of(files))
    np.save(tmp_path / "all.npy", np.ones(SHAPE))
    with pytest.raises(InputError, match=r"all 42 pixels are hot, dead or marked as bad"):
        read(folder, corrections=Corrections(bad_pixels=tmp_path / "all.npy"))


def test_a_missing_gate_at_an_end_and_a_copied_gate_cause_warnings(folder: Path) -> None:
    assert "warnings" not in read(folder).attrs
    assert "warnings" not in read(folder, drop=["G4"]).attrs
    (folder / "G4.png").unlink()
    (warning,) = read(folder).attrs["warnings"]
    assert "4 gates were found, but the settings name 5: some are missing at an end" in warning
    write(
        folder / "G4.png", np.asarray(Image.open(folder / "G1.png")), gate_step="4", gate_steps=str(N_GATES)
    )
    (warning,) = read(folder).attrs["warnings"]
    assert "G1.png and G4.png have the same counts in all pixels" in warning


def test_image_with_corrections(folder: Path, dark: Path, tmp_path: Path, capsys: Any) -> None:
    """The command writes the corrections into its summary, and names its option in an error."""
    words = ["image", str(folder), "--model", "phasor", "--no-decay", "--no-phasor", "--min-photons", "1"]
    np.save(tmp_path / "wrong.npy", np.ones((3, 3)))
    assert main([*words, "--dark", str(tmp_path / "wrong.npy"), "--out", str(tmp_path / "maps")]) == 2
    error = capsys.readouterr().err
    assert "has shape (3, 3), but the measurement (6, 7) (option --dark)" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "maps").exists()
    assert main([*words, "--hot-pixels", "4", "--dark", "2", "--out", str(tmp_path / "maps")]) == 2
    assert "hot_pixels=4 finds hot pixels in a dark frame or series" in capsys.readouterr().err
