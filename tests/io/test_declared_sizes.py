"""Headers that declare gigabytes are refused within a second and without allocating them."""

import gzip
import struct
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from tests.fuzz.families.lif import lif_file

from seq2seqlite.errors import InputError
from seq2seqlite.io import declared_sizes, photon_counting, read

GIGABYTES = 2**32 - 2**20


@pytest.fixture(autouse=True)
def memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turn off the check against available memory, as on a machine with terabytes."""
    for module in (declared_sizes, photon_counting):
        monkeypatch.setattr(module, "require_memory", lambda *_, **__: None)


def refused(path: Path, pattern: str) -> None:
    with pytest.raises(InputError):
        read(path)  # imports the reader, which is not part of the time
    tracemalloc.start()
    began = time.perf_counter()
    try:
        with pytest.raises(InputError, match=pattern) as error:
            read(path)
        assert time.perf_counter() - began < 1
        assert tracemalloc.get_traced_memory()[1] < 2**25
    finally:
        tracemalloc.stop()
    assert "\n" not in str(error.value)


def patched(source: Path, target: Path, changes: dict[int, bytes]) -> Path:
    content = bytearray(source.read_bytes())
    for offset, value in changes.items():
        content[offset : offset + len(value)] = value
    target.write_bytes(content)
    return target


@pytest.mark.parametrize(
    ("field", "value", "pattern"),
    [
        ("block_length", GIGABYTES, r"declares 4,293,918,720 bytes at offset 32,364"),
        ("data_offs", GIGABYTES, r"bytes at offset 4,293,918,720"),
        ("block_type", 0x1003, "not a readable SDT"),  # compressed, without a zip archive
    ],
)
def test_sdt(shared_data: Path, tmp_path: Path, field: str, value: int, pattern: str) -> None:
    offset, layout = {"data_offs": (2, "<I"), "block_type": (10, "<H"), "block_length": (18, "<I")}[field]
    change = {32342 + offset: struct.pack(layout, value)}
    refused(patched(shared_data / "irfs" / "IRF_inhouse_PMT.sdt", tmp_path / "a.sdt", change), pattern)


def test_sdt_with_cyclic_blocks(shared_data: Path, tmp_path: Path) -> None:
    change = {18: struct.pack("<h", 30_000), 32342 + 6: struct.pack("<I", 32342)}
    source = shared_data / "irfs" / "IRF_inhouse_PMT.sdt"
    refused(patched(source, tmp_path / "a.sdt", change), "linked to an earlier block")


@pytest.mark.parametrize(
    ("tags", "pattern"),
    [
        ({"ImgHdr_PixX": 60_000, "ImgHdr_PixY": 60_000}, "3,600,000,000 declared pixels"),
        ({"MeasDesc_Resolution": 1e-14}, "bins in a period exceed the limit"),
        ({"TTResult_NumberOfRecords": 2**40}, "photon records that its header declares"),
        ({"HW_Type": 2**40}, "not a readable PTU"),  # length of a text
    ],
)
def test_ptu(shared_data: Path, tmp_path: Path, tags: dict[str, Any], pattern: str) -> None:
    source = shared_data / "ptu-tiny" / "ptu_example.ptu"
    content = source.read_bytes()
    changes = {
        content.index(name.encode().ljust(32, b"\0")) + 40: struct.pack(
            "<d" if isinstance(value, float) else "<q", value
        )
        for name, value in tags.items()
    }
    refused(patched(source, tmp_path / "a.ptu", changes), pattern)


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("compression", ["gzip", "uncompressed"])
def test_ics(tmp_path: Path, version: str, compression: str) -> None:
    header = (
        f"\t\nics_version\t{version}\nfilename\ta\nlayout\tparameters\t4\nlayout\torder\tbits\tx\ty\tz\n"
        f"layout\tsizes\t16\t256\t4096\t4096\nrepresentation\tformat\tinteger\nrepresentation\tsign\tunsigned\n"
        f"representation\tcompression\t{compression}\nhistory\tlabels\tt x y\n"
    ).encode()
    counts = gzip.compress(bytes(2**20)) if compression == "gzip" else bytes(2**20)
    if version == "1.0":
        (tmp_path / "a.ids").write_bytes(counts)
        (tmp_path / "a.ics").write_bytes(header)
    else:
        (tmp_path / "a.ics").write_bytes(header + b"end\n" + counts)
    refused(tmp_path / "a.ics", "1,048,576 of the declared 8,589,934,592 bytes")


def test_ics_where_ipython_is_loaded(tmp_path: Path) -> None:
    """DIPlib relies on a submodule of IPython that is not imported in notebooks and napari."""
    (tmp_path / "a.ics").write_bytes(b"\t\nics_version\t2.0\nend\n")
    script = (
        "import IPython, sys\nfrom seq2seqlite.errors import InputError\nfrom seq2seqlite.io import read\n"
        "try:\n    read(sys.argv[1])\nexcept InputError as error:\n    print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "a.ics"], check=True, capture_output=True, text=True
    )
    assert "not a readable ICS file" in done.stdout


def test_ics_with_counts_in_another_file(shared_data: Path, tmp_path: Path) -> None:
    content = (shared_data / "ics" / "Csarseven.ics").read_bytes()
    (tmp_path / "a.ics").write_bytes(content.replace(b"filename", b"source\tfile\t/etc/passwd\nfilename", 1))
    refused(tmp_path / "a.ics", "its counts are stored in another file")


PATTERNS = {
    "xml": "not a readable LIF",
    "identifier": "no open-source reader can decode",  # liffile ignores the block, whose name is cut
    "block": "declares 68,719,476,736 bytes",
}


@pytest.mark.parametrize("declared", ["xml", "identifier", "block"])
def test_lif(tmp_path: Path, declared: str) -> None:
    sizes: dict[str, Any] = {"xml_length": 2**32 - 1} if declared == "xml" else {}
    sizes |= {"id_length": 2**32 - 1} if declared == "identifier" else {}
    sizes |= {"block_size": 2**36} if declared == "block" else {}
    (tmp_path / "a.lif").write_bytes(lif_file(**sizes))
    refused(tmp_path / "a.lif", PATTERNS[declared])
