"""Checks of the sizes that a header declares against the file, before a reader allocates memory for them."""

import io
import math
import struct
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

from seq2seqlite.limits import BoundedFile, require_memory

__all__ = ["check_lif_blocks", "check_ptu_dimensions", "check_ptu_tags", "check_sdt_sizes"]

SDT_HEADER = struct.Struct("<hihiHihIihhHIHH")
SDT_BLOCK = struct.Struct("<BBIIHhII")  # revision 15 and later
SDT_BLOCK_OLD = struct.Struct("<hiiHhII")
SDT_ITEM_BYTES = {0x000: 2, 0x100: 4, 0x200: 8}
SDT_COMPRESSED = 0x1000
# Of the 16-bit field; longer series use a 32-bit field, far below this limit in practice.
SDT_MAX_BLOCKS = 2**15
# A period of 1 us in bins of 1 ps; records store at most 32,768 of them.
PTU_MAX_BINS = 2**20
# Markers are bits of a record; ptufile raises 2 to their power.
PTU_MAX_MARKER = 16
# Above 1 GiB, an image needs at least one photon record for this number of pixels, to be plausible.
PIXELS_PER_RECORD = 64


def check_sdt_sizes(path: Path, /) -> None:
    """Raise ValueError unless the data blocks that an SDT file declares fit into it.

    Raises
    ------
    ValueError
        If a block lies outside the file, occurs twice, or expands to another size than it declares.
    InputError
        If the blocks need more memory than is available.
    """
    size = path.stat().st_size
    with BoundedFile(path) as stream:
        header = SDT_HEADER.unpack(_exactly(stream, 0, SDT_HEADER.size))
        revision, offset, n_blocks = header[0] & 0xF, header[5], header[6]
        if n_blocks == 0x7FFF:
            n_blocks = header[12]
        if not 0 <= n_blocks <= SDT_MAX_BLOCKS:
            raise ValueError(f"{n_blocks:,} declared data blocks")
        layout = SDT_BLOCK if revision >= 15 else SDT_BLOCK_OLD
        seen: set[int] = set()
        total = 0
        for number in range(n_blocks):
            if offset in seen:
                raise ValueError(f"data block {number} is linked to an earlier block")
            seen.add(offset)
            block = layout.unpack(_exactly(stream, offset, layout.size))
            begin, following, kind, length = *block[-6:-3], block[-1]
            length -= length % SDT_ITEM_BYTES.get(kind & 0xF00, 2)
            total += length
            require_memory(3 * total, what=f"{path}: data blocks", remedy="copy the file again")
            if kind & SDT_COMPRESSED:
                _check_compressed(stream, number, begin, following, length)
            elif not 0 <= begin <= size - length:
                raise ValueError(
                    f"data block {number} declares {length:,} bytes at offset {begin:,}; "
                    f"the file has {size:,}"
                )
            offset = following


def _check_compressed(stream: BinaryIO, number: int, begin: int, end: int, length: int) -> None:
    if not 0 <= begin < end:
        raise ValueError(f"data block {number} of {end - begin:,} compressed bytes")
    stream.seek(begin)
    with zipfile.ZipFile(io.BytesIO(stream.read(end - begin))) as archive:
        found = archive.filelist[0].file_size if archive.filelist else 0
    if not length <= found <= length + 8:
        raise ValueError(f"data block {number} declares {length:,} bytes, its zip member {found:,}")


def _exactly(stream: BinaryIO, offset: int, size: int) -> bytes:
    if offset < 0:
        raise ValueError(f"negative offset {offset:,}")
    stream.seek(offset)
    content = stream.read(size)
    if len(content) != size:
        raise ValueError(f"a header at offset {offset:,} lies outside the file")
    return content


def check_ptu_dimensions(path: Path, ptu: Any, /) -> None:
    """Raise ValueError for dimensions in a PTU header that its photon records cannot fill.

    The bins of a period are checked before the histogram of the channels is allocated, which needs them.
    """
    check_ptu_tags(ptu)
    n_bins = ptu.number_bins_in_period
    if not ptu.is_image:
        return
    pixels = math.prod(max(1, int(ptu.tags.get(f"ImgHdr_Pix{axis}", 1))) for axis in "XY")
    n_bytes = 4 * pixels * n_bins
    if n_bytes > 2**30 and pixels > PIXELS_PER_RECORD * ptu.number_records:
        raise ValueError(f"{pixels:,} declared pixels and {ptu.number_records:,} photon records")
    require_memory(n_bytes, what=f"{path}: image of {pixels:,} pixels", remedy="copy the file again")


def check_ptu_tags(ptu: Any, /) -> None:
    """Raise ValueError for bins or markers in a PTU header beyond those of any record type."""
    n_bins = ptu.number_bins_in_period
    if n_bins > PTU_MAX_BINS:
        raise ValueError(f"{n_bins:,} bins in a period exceed the limit of {PTU_MAX_BINS:,}")
    for name in ("LineStart", "LineStop", "Frame"):
        marker = ptu.tags.get(f"ImgHdr_{name}")
        if marker is not None and not (isinstance(marker, int) and 0 <= marker <= PTU_MAX_MARKER):
            raise ValueError(f"ImgHdr_{name}={marker!r} must be an integer from 0 to {PTU_MAX_MARKER}")


def check_lif_blocks(path: Path, lif: Any, /) -> None:
    """Raise ValueError unless all memory blocks of a LIF file lie within it."""
    size = path.stat().st_size
    for block in lif.memory_blocks.values():
        if block.offset + block.size > size:
            raise ValueError(
                f"memory block {block.id[:40]!r} declares {block.size:,} bytes at offset {block.offset:,}; "
                f"the file has {size:,}"
            )
