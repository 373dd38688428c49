"""Defects that the structure-aware fuzz test found, one file each."""

import struct
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from seq2seqlite.archive import read_arrays
from seq2seqlite.errors import InputError
from seq2seqlite.imaging.mask import read_mask
from seq2seqlite.io import read
from seq2seqlite.limits import BoundedFile
from seq2seqlite.simulation.instrument import load_instrument

MINISBLACK: dict[str, Any] = {"photometric": "minisblack", "metadata": {"axes": "HYX"}}
GIANT = struct.pack("<I", 2**32 - 2)


@pytest.fixture(autouse=True)
def little_memory() -> Iterator[None]:
    """Fail a test in which a reader allocates more than 64 MiB."""
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**26


def one_line(reading: Callable[[], Any]) -> str:
    """Return how a file is answered whose damage readers may tolerate."""
    try:
        reading()
    except InputError as error:
        return (
            "several lines"
            if "\n" in str(error)
            else ("memory" if isinstance(error.__cause__, MemoryError) else "refused")
        )
    return "read"


def test_one_number_of_many_is_refused_in_one_line(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", tpsf=np.ones((2, 2, 8)), gate_width_ns=np.ones((9, 9)), period_ns=12.5)
    with pytest.raises(InputError, match=r"gate_width_ns=\[\[1. .*\.\.\. must be one number") as error:
        read(tmp_path / "a.npz")
    assert "\n" not in str(error.value)


def test_bounded_file_reads_what_is_left(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"0123456789")
    with BoundedFile(tmp_path / "a") as stream:
        assert stream.read(3) == b"012"
        assert stream.read(2**40) == b"3456789"
        stream.seek(100)
        assert stream.read() == b""


def test_zip_member_of_gigabytes(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", tpsf=np.ones((2, 2, 8), np.uint16))
    content = bytearray((tmp_path / "a.npz").read_bytes())
    central = content.index(b"PK\1\2")
    content[central + 20 : central + 24] = content[central + 24 : central + 28] = GIANT
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(InputError, match="is not a valid npz file"):
        read_arrays(tmp_path / "a.npz", max_bytes=2**40)


def test_npy_header_of_gigabytes(tmp_path: Path) -> None:
    (tmp_path / "m.npy").write_bytes(b"\x93NUMPY\2\0" + GIANT + b"{" * 100)
    with pytest.raises(InputError, match="an array header of 4294967294 bytes"):
        read_mask(tmp_path / "m.npy", shape=(6, 8))


def test_png_chunk_of_gigabytes(tmp_path: Path) -> None:
    header = struct.pack(">IIBBBBB", 8, 6, 8, 0, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + header
    content += struct.pack(">I", zlib.crc32(b"IHDR" + header))
    pixels = zlib.compress(bytes((0, *[1] * 8)) * 6)
    (tmp_path / "m.png").write_bytes(content + struct.pack(">I", 2**31 - 1) + b"IDAT" + pixels + bytes(40))
    assert one_line(lambda: read_mask(tmp_path / "m.png", shape=(6, 8))) in ("read", "refused")


def test_tiff_strip_of_gigabytes(tmp_path: Path) -> None:
    file = tmp_path / "a.tif"
    tifffile.imwrite(file, np.ones((4, 8, 8), np.uint16), compression="zlib", **MINISBLACK)
    with tifffile.TiffFile(file) as tif:
        offset = tif.pages[1].tags["StripByteCounts"].valueoffset  # type: ignore[union-attr]
    content = bytearray(file.read_bytes())
    content[offset : offset + 4] = GIANT
    file.write_bytes(content)
    assert one_line(lambda: read(file, gate_width_ns=0.1)) in ("read", "refused")


def test_ptu_marker_beyond_a_record(shared_data: Path, tmp_path: Path) -> None:
    content = bytearray((shared_data / "ptu-tiny" / "ptu_example.ptu").read_bytes())
    place = content.index(b"ImgHdr_LineStart") + 40
    content[place : place + 8] = struct.pack("<q", 2**31)
    (tmp_path / "a.ptu").write_bytes(content)
    with pytest.raises(InputError, match="ImgHdr_LineStart=2147483648 must be an integer from 0 to 16"):
        read(tmp_path / "a.ptu")


def test_ics_extent_that_is_not_a_number(shared_data: Path, tmp_path: Path) -> None:
    content = (shared_data / "ics" / "Csarseven.ics").read_bytes()
    start = content.index(b"history\textents\t")
    end = content.index(b"\n", start)
    (tmp_path / "a.ics").write_bytes(content[:start] + b"history\textents\tx y t" + content[end:])
    with pytest.raises(InputError, match="not a readable ICS file"):
        read(tmp_path / "a.ics")


@pytest.mark.parametrize("value", ["9" * 5000, "[" * 5000])
def test_toml_beyond_the_parser(tmp_path: Path, value: str) -> None:
    (tmp_path / "a.toml").write_text(f"a = {value}\n")
    with pytest.raises(InputError, match="is not valid TOML"):
        load_instrument(tmp_path / "a.toml")


def test_zarr_without_most_of_its_chunks(tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    attributes: dict[str, Any] = {"gate_width_ns": 0.1, "period_ns": 12.5}
    array = zarr.create_array(
        str(tmp_path / "a.zarr"), shape=(6, 32768, 16), chunks=(6, 8, 16), dtype="u2", attributes=attributes
    )
    array[:, :8] = 1
    with pytest.raises(InputError, match="declares 4,096 chunks and holds 2 files; chunks are missing"):
        read(tmp_path / "a.zarr")
