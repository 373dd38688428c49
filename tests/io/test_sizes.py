"""Damaged counts and declared sizes beyond the machine are refused before anything is allocated."""

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from seq2seqlite.errors import InputError
from seq2seqlite.imaging.mask import read_mask
from seq2seqlite.io import read
from seq2seqlite.simulation.decay_set import simulated_set
from seq2seqlite.simulation.instrument import load_instrument


@pytest.mark.parametrize("seed", range(20))
def test_ics_with_one_changed_byte_is_refused(shared_data: Path, tmp_path: Path, seed: int) -> None:
    content = bytearray((shared_data / "ics" / "Csarseven.ics").read_bytes())
    start = content.index(b"\nend") + 20
    content[int(np.random.default_rng(seed).integers(start, len(content)))] ^= 0x10
    (tmp_path / "a.ics").write_bytes(content)
    with pytest.raises(InputError, match="not a readable ICS"):
        read(tmp_path / "a.ics")


def test_ptu_with_further_records_is_refused(shared_data: Path, tmp_path: Path) -> None:
    content = (shared_data / "ptu-tiny" / "ptu_example.ptu").read_bytes()
    (tmp_path / "a.ptu").write_bytes(content + content[-400:])
    with pytest.raises(InputError, match="photon records, but its header declares"):
        read(tmp_path / "a.ptu")


@pytest.mark.parametrize("change", [{"shape": [10**6, 10**6]}, {"shape": [10**9, 64]}])
def test_giant_zarr_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    zarr = pytest.importorskip("zarr")
    attributes = {"gate_width_ns": 0.1, "period_ns": 12.5}
    zarr.create_array(str(tmp_path / "a.zarr"), data=np.ones((4, 64), np.uint16), attributes=attributes)
    file = tmp_path / "a.zarr" / "zarr.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(InputError, match=r"exceed the limit|needs .* GiB|declares .* GiB"):
        read(tmp_path / "a.zarr")


def test_giant_tiff_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.ones((4, 8, 8), np.uint16), photometric="minisblack")
    content = (tmp_path / "a.tif").read_bytes()
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        tags = [tif.pages.first.tags[name].valueoffset for name in ("ImageWidth", "ImageLength")]
    changed = bytearray(content)
    for offset in tags:
        changed[offset : offset + 2] = b"\xff\xff"
    (tmp_path / "a.tif").write_bytes(changed)
    with pytest.raises(InputError):
        read(tmp_path / "a.tif", gate_width_ns=0.1)


def test_giant_png_mask_is_not_decoded(tmp_path: Path) -> None:
    header = struct.pack(">IIBBBBB", 12_000, 12_000, 8, 0, 0, 0, 0)
    chunks = b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in ((b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    )
    (tmp_path / "m.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    with pytest.raises(InputError, match=r"has shape \(12000, 12000\), but the image \(8, 8\)"):
        read_mask(tmp_path / "m.png", shape=(8, 8))


def test_giant_simulated_set_is_refused() -> None:
    with pytest.raises(InputError, match=r"n=1,000,000,000,000 decays needs .* GiB of memory"):
        simulated_set(load_instrument("narrow-gate"), 10**12, seed=1, split="train")
