"""HDF5 files of AlliGator, written as its manual describes them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seq2seqlite.errors import InputError
from seq2seqlite.io import read

h5py = pytest.importorskip("h5py")

TIMES = {"Nanotime Gate Separation": 90e-12, "Gate Width": 3.2e-9, "Laser Period": 12.5e-9}
COUNTS = np.random.default_rng(2).integers(0, 250, (12, 5, 6)).astype(np.uint8)


def write(
    file: Path, images: dict[str, np.ndarray], *, suffix: str = "", n_gates: int = 12, **times: float
) -> Path:
    parameters: dict[str, Any] = {"# Gates": n_gates, "# Datasets": 1, "Macrotime Gate Separation": np.nan}
    parameters |= {f"{name}{suffix}": value for name, value in (TIMES | times).items()}
    kinds = [(name, "<f8" if isinstance(value, float) else "<i4") for name, value in parameters.items()]
    with h5py.File(file, "w") as target:
        target["File Information/File Type"] = "Wide-Field Time-Gated Data"
        target["DAQ Parameters"] = np.array([tuple(parameters.values())], dtype=kinds)
        for name, image in images.items():
            target[f"Gate Images/{name}"] = image
    return file


def gates(name: str = "Gate", counts: np.ndarray = COUNTS) -> dict[str, np.ndarray]:
    return {f"{name} {number}": image for number, image in enumerate(counts, start=1)}


@pytest.mark.parametrize("suffix", ["", " (s)"])
def test_gates_and_times(tmp_path: Path, suffix: str) -> None:
    data = read(write(tmp_path / "a.hdf5", gates(), suffix=suffix))
    np.testing.assert_array_equal(data.values, COUNTS.transpose(1, 2, 0))  # gate 10 after gate 9
    assert data.dtype == np.uint8
    assert data.attrs["gate_width_ns"] == pytest.approx(0.09)
    assert data.attrs["gate_length_ns"] == pytest.approx(3.2)
    assert data.attrs["period_ns"] == pytest.approx(12.5)
    assert data.attrs["format"] == "AlliGator gate series"
    assert "warnings" not in data.attrs


def test_unit_in_the_name_of_a_parameter(tmp_path: Path) -> None:
    picoseconds: dict[str, Any] = {name: 1e12 * value for name, value in TIMES.items()}
    data = read(write(tmp_path / "a.hdf5", gates(), suffix=" (ps)", **picoseconds))
    assert data.attrs["gate_width_ns"] == pytest.approx(0.09)
    assert data.attrs["period_ns"] == pytest.approx(12.5)


def test_kinds_of_gates_are_blocks(tmp_path: Path) -> None:
    file = write(tmp_path / "a.h5", gates("Bottom INT Gate") | gates("Bottom G2 Gate", COUNTS // 2))
    with pytest.raises(InputError, match=r"has 2 kinds of gates \(0: Bottom G2 Gate, 1: Bottom INT Gate\)"):
        read(file)
    np.testing.assert_array_equal(read(file, block=0).values, (COUNTS // 2).transpose(1, 2, 0))
    np.testing.assert_array_equal(read(file, block=1).values, COUNTS.transpose(1, 2, 0))
    with pytest.raises(InputError, match=r"block=2 does not exist \(0: Bottom G2 Gate"):
        read(file, block=2)


def test_one_array_of_the_first_versions(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file["Gate Images"] = COUNTS.transpose(1, 2, 0).astype(np.float32)
    data = read(tmp_path / "a.hdf5", gate_width_ns=0.09, period_ns=12.5)
    np.testing.assert_array_equal(data.values, COUNTS.transpose(1, 2, 0))
    with pytest.raises(InputError, match=r"does not contain its gate width; pass gate_width_ns"):
        read(tmp_path / "a.hdf5")


def test_missing_copied_and_wrong_gates(tmp_path: Path) -> None:
    images = gates()
    (warning,) = read(write(tmp_path / "a.h5", images, n_gates=13)).attrs["warnings"]
    assert "12 gates were found, but the settings name 13" in warning
    copied = read(write(tmp_path / "b.h5", images | {"Gate 7": images["Gate 6"]}))
    assert "Gate 6 and Gate 7 have the same counts" in copied.attrs["warnings"][0]
    for change, text in (
        ({"Gate 007": images["Gate 7"]}, r"gate 7 of 'Gate' is doubled"),
        ({"Gate 5": images["Gate 5"][:3]}, r"gate 5 has shape \(3, 6\), not \(5, 6\)"),
        ({"Gate 15": images["Gate 5"]}, r"gate 13 is missing \(gates 1 to 15\)"),
        ({"Sum": images["Gate 5"]}, r"'Sum' in 'Gate Images' is not a name with the number of a gate"),
    ):
        with pytest.raises(InputError, match=text) as caught:
            read(write(tmp_path / "c.h5", images | change))
        assert "\n" not in str(caught.value)


def test_other_hdf5_files_and_damage(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = COUNTS
    with pytest.raises(InputError, match=r"has no 'Gate Images' and is not an AlliGator file"):
        read(tmp_path / "other.h5")
    (tmp_path / "damaged.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(90))
    with pytest.raises(InputError, match=r"damaged\.h5: not a readable HDF5 file"):
        read(tmp_path / "damaged.h5")
