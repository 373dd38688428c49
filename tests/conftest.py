"""What the tests share: the measured data."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HAZELNUT = "build/hazelnut/napari_flim_phasor_plotter/data/hazelnut_FLIM_single_image.ptu"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the measured data (see its MANIFEST.md)."""
    folder = Path(os.environ.get("SEQ2SEQLITE_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"measured data: no folder {folder}; set SEQ2SEQLITE_DATA")
    return folder


@pytest.fixture(scope="session")
def hazelnut_ptu() -> Path:
    """The hazelnut image that `make hazelnut` takes out of a PyPI package."""
    file = Path(os.environ.get("SEQ2SEQLITE_HAZELNUT") or ROOT / HAZELNUT)
    if not file.is_file():
        pytest.skip(f"measured data: no file {file}; run make hazelnut or set SEQ2SEQLITE_HAZELNUT")
    return file
