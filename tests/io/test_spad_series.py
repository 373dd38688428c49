"""PNG folders of Pi Imaging cameras: settings, order of gates, saturation, and errors of one line."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from seq2seqlite.cli.app import main
from seq2seqlite.decay import Gate, GatedIrf, ParametricIrf, SpadFrameDetector, TimeAxis, expected_tpsf
from seq2seqlite.errors import InputError
from seq2seqlite.io import read, survey

SETTINGS = {
    "Author": "Pi Imaging",
    "System": "SPAD512S",
    "Mode": "Gated 8 bit",
    "Frames": "1",
    "Frame": "0",
    "Gate steps": "6",
    "Gate step size": "250 ps",
    "Gate step arbitrary": "0",
    "Gate increment": "1",
    "Gate width": "6 ns",
    "Gate offset": "13500 ps",
    "Laser frequency": "80 MHz",
    "Integration time": "50 ms",
}


def write(file: Path, counts: Any, **settings: str | None) -> None:
    text = PngInfo()
    named = {key.replace("_", " ").capitalize(): value for key, value in settings.items()}
    for key, value in (SETTINGS | named).items():
        if value is not None:
            text.add_text(key, value)
    Image.fromarray(np.asarray(counts)).save(file, pnginfo=text)


@pytest.fixture
def counts() -> np.ndarray:
    """Counts of six gates, shape (6, 4, 5), below saturation."""
    return np.random.default_rng(3).integers(0, 200, (6, 4, 5)).astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path, counts: np.ndarray) -> Path:
    series = tmp_path / "series"
    series.mkdir()
    for gate, image in enumerate(counts):
        write(series / f"IMG0001-{gate:04d}.png", image, gate_step=str(gate))
    return series


def test_settings_become_the_axis(folder: Path, counts: np.ndarray) -> None:
    data = read(folder)
    assert data.dims == ("Y", "X", "H")
    assert data.attrs["gate_width_ns"] == 0.25
    assert data.attrs["gate_length_ns"] == 6.0
    assert data.attrs["period_ns"] == 12.5
    assert data.coords["H"].values == pytest.approx(1.0 + 0.25 * np.arange(6))  # 13.5 ns, 12.5 ns later
    assert data.attrs["format"] == "SPAD gate series"
    assert (data.attrs["one_bit_frames"], data.attrs["camera"]["System"]) == (255, "SPAD512S")
    expected = -255 * np.log(1 - counts.astype(float) / 255)
    np.testing.assert_allclose(data.values, expected.transpose(1, 2, 0), rtol=1e-6)
    assert data.attrs["photons"] == round(float(expected.sum()))


def test_options_replace_the_settings(folder: Path) -> None:
    data = read(folder, gate_width_ns=0.5, period_ns=20.0, gate_length_ns=5.0)
    assert [data.attrs[name] for name in ("gate_width_ns", "period_ns", "gate_length_ns")] == [0.5, 20.0, 5.0]


def test_gates_are_ordered_by_their_index_not_by_name(tmp_path: Path, counts: np.ndarray) -> None:
    for gate, image in enumerate(counts):
        write(tmp_path / f"{chr(102 - gate)}.png", image, gate_step=str(gate))
    assert read(tmp_path).values[0, 0].tolist() == sorted_photons(counts)


def test_old_version_without_indices_is_ordered_by_file_number(tmp_path: Path, counts: np.ndarray) -> None:
    for gate, image in enumerate(counts):
        write(tmp_path / f"IMG7-{gate}.png", image, gate_step="0", gate_steps="99")
    assert read(tmp_path).values[0, 0].tolist() == sorted_photons(counts)
    (tmp_path / "IMG7-2.png").rename(tmp_path / "IMG7-9.png")
    with pytest.raises(InputError, match=r"gate 2 of frame 0 is missing \(gates 0 to 9\); copy"):
        read(tmp_path)


def sorted_photons(counts: np.ndarray) -> list[float]:
    return SpadFrameDetector(255).photons(counts[:, 0, 0]).astype(np.float32).tolist()


def test_saturated_pixels_are_in_the_survey(tmp_path: Path, counts: np.ndarray) -> None:
    counts[2, 1, 3] = 255
    for gate, image in enumerate(counts):
        write(tmp_path / f"G{gate}.png", image, gate_step=str(gate))
    found = survey(read(tmp_path))
    assert np.argwhere(found.saturated).tolist() == [[1, 3]]
    others = np.delete(SpadFrameDetector(255).photons(counts).reshape(6, -1), 8, axis=1)
    np.testing.assert_allclose(found.decay, others.sum(axis=1), rtol=1e-6)


def test_frames_are_summed_or_selected(tmp_path: Path, counts: np.ndarray) -> None:
    for frame in (0, 1):
        for gate, image in enumerate(counts):
            write(
                tmp_path / f"{frame}-{gate}.png", image // (frame + 1), gate_step=str(gate), frame=str(frame)
            )
    single = [read(tmp_path, frame=frame).values for frame in (0, 1)]
    np.testing.assert_allclose(read(tmp_path).values, single[0] + single[1], rtol=1e-6)
    assert read(tmp_path).attrs["one_bit_frames"] == 510
    with pytest.raises(InputError, match=r"frame=2 does not exist; choose one of 0 to 1"):
        read(tmp_path, frame=2)


def test_images_of_16_bits(tmp_path: Path) -> None:
    for gate in range(3):
        write(
            tmp_path / f"G{gate}.png",
            np.full((2, 2), 400 + gate, np.uint16),
            gate_step=str(gate),
            mode="Gated 10 bit",
        )
    expected = -1023 * np.log(1 - np.array([400, 401, 402]) / 1023)
    assert read(tmp_path).values[0, 0] == pytest.approx(expected, rel=1e-6)


def test_png_without_settings_is_a_plain_gate_series(tmp_path: Path, counts: np.ndarray) -> None:
    for gate, image in enumerate(counts):
        Image.fromarray(image).save(tmp_path / f"{gate * 250}ps.png")
    data = read(tmp_path)
    assert data.attrs["gate_width_ns"] == 0.25
    np.testing.assert_array_equal(data.values, counts.transpose(1, 2, 0))


def change(folder: Path, name: str, counts: np.ndarray, **settings: str | None) -> None:
    write(folder / f"IMG0001-{name}.png", counts, **settings)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"gate_step": "1"}, r"IMG0001-0001\.png and IMG0001-0002\.png are both gate 1 of frame 0; a folder"),
        (
            {"gate_step": "9"},
            r"gate 2 of frame 0 is missing \(gates 0 to 9\); copy the images again, or drop",
        ),
        ({"gate_step": "two"}, r"'Gate step' is 'two', not a number from 0"),
        ({"frame": "1"}, r"gate 2 of frame 0 is missing"),
        ({"gate_width": "7 ns"}, r"'Gate width' is '6 ns' in IMG0001-0000\.png, but '7 ns' in IMG0001-0002"),
        ({"mode": "Gated 6 bit"}, r"'Mode' is 'Gated 8 bit' in IMG0001-0000\.png, but 'Gated 6 bit' in"),
        ({"author": None}, r"IMG0001-0002\.png has no settings of a Pi Imaging camera, but other images"),
    ],
)
def test_one_wrong_image(folder: Path, counts: np.ndarray, settings: dict[str, Any], text: str) -> None:
    change(folder, "0002", counts[2], **({"gate_step": "2"} | settings))
    with pytest.raises(InputError, match=text) as caught:
        read(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"mode": "Intensity 8 bit"}, r"mode 'Intensity 8 bit' must be a gated one of 1 to 16 bits"),
        (
            {"mode": "Gated 6 bit"},
            r"has a count of \d+, more than the 63 one-bit frames of mode 'Gated 6 bit'",
        ),
        ({"gate_width": None}, r"'Gate width' is ''; a number with one of ps, ns"),
        ({"gate_width": "6 km"}, r"'Gate width' is '6 km'; a number with one of ps, ns"),
        ({"gate_width": "16 ns"}, r"gate_length_ns=16\.0 must be > 0 and <= the laser period of 12\.5 ns"),
        ({"gate_step_size": None}, r"does not contain its gate width; pass gate_width_ns"),
        (
            {"gate_step_size": "5 ns"},
            r"6 gates of gate_width_ns=5 are longer than the laser period of 12\.5 ns",
        ),
        ({"gate_step_arbitrary": "1"}, r"arbitrary gate steps are not supported"),
        ({"gate_increment": "-1"}, r"gates of decreasing delay are not supported"),
        ({"laser_frequency": "0 MHz"}, r"'Laser frequency' is '0 MHz'; a number with one of Hz"),
    ],
)
def test_wrong_settings(tmp_path: Path, counts: np.ndarray, settings: dict[str, Any], text: str) -> None:
    for gate, image in enumerate(counts):
        write(tmp_path / f"G{gate}.png", image, gate_step=str(gate), **settings)
    with pytest.raises(InputError, match=text) as caught:
        read(tmp_path)
    assert "\n" not in str(caught.value)


def test_damaged_and_colour_images(folder: Path) -> None:
    file = folder / "IMG0001-0004.png"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) - 30])
    with pytest.raises(InputError, match=r"IMG0001-0004\.png: not a readable PNG file"):
        read(folder)
    write(file, np.zeros((4, 5, 3), np.uint8), gate_step="4")
    with pytest.raises(InputError, match=r"mode 'RGB' is not grey"):
        read(folder)


def test_missing_gates_at_the_ends_are_no_gap(folder: Path) -> None:
    data = read(folder, drop=["IMG0001-0000", "IMG0001-0005"])
    assert data.coords["H"].values == pytest.approx(1.25 + 0.25 * np.arange(4))


def test_image_of_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A simulated series of one decay, up to 70 % of the one-bit frames occupied: the lifetime is right."""
    axis = TimeAxis(48, 0.25, 12.5)
    irf = GatedIrf(ParametricIrf(7.5, 0.3), Gate(6.0, 0.4, 0.4))
    shape = expected_tpsf([1.0], [2.0], axis=axis.sampled(), irf=irf)
    expected = 300 * shape / shape.max()
    counts = SpadFrameDetector(255).sample(np.tile(expected, (6, 6, 1)), np.random.default_rng(1))
    series = tmp_path / "series"
    series.mkdir()
    for gate in range(48):
        write(
            series / f"G{gate:02d}.png",
            counts[..., gate].astype(np.uint8),
            gate_step=str(gate),
            gate_offset="0 ps",
        )
    monkeypatch.chdir(tmp_path)
    words = ["--model", "phasor", "--irf", "fit", "--out", "maps", "--json", "maps.json"]
    assert main(["image", "series", *words]) == 0
    summary = json.loads(Path("maps.json").read_text())
    assert summary["tau_mean_ns"]["median"] == pytest.approx(2.0, rel=0.05)
    assert summary["pixels_analysed"] == 36


def test_spad512s_series(shared_data: Path) -> None:
    data = read(shared_data / "spad512s")
    assert data.shape == (512, 512, 67)
    assert data.attrs["gate_length_ns"] == 6.0
    assert data.attrs["gate_width_ns"] == pytest.approx(0.183489)
    assert data.attrs["period_ns"] == pytest.approx(1e3 / 81.1)
    raw = 255 * -np.expm1(-data.values / 255)
    assert np.median(raw.sum(axis=-1)) == pytest.approx(651, abs=1)  # of the manifest
    assert np.percentile(raw.sum(axis=-1), 99) == pytest.approx(7822, abs=20)
    assert survey(data).saturated.sum() == 712
