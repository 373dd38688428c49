"""Zarr: fields of zarr.json. PNG: IHDR, chunk lengths and settings, with a valid CRC. HDF5: words."""

import json
import struct
import zlib
from typing import Any

from tests.fuzz.families.text import WORDS
from tests.fuzz.families.values import INTEGERS, JSON, Mutated, Rng, integer, mutate_json, pick, put

TYPES = (
    "float64",
    "int8",
    "uint64",
    "complex128",
    "bool",
    "string",
    "r16",
    "float16",
    "datetime64",
    "<u2",
    "uint16",
)
CODECS: tuple[list[Any], ...] = (
    [], [{"name": "bytes"}], [{"name": "gzip", "configuration": {"level": 99}}], [{"name": "x"}], ["zstd"],
    [{"name": "bytes", "configuration": {"endian": "big"}}],
    [{"name": "transpose", "configuration": {"order": [2, 1, 0]}}, {"name": "bytes"}],
    [{"name": "sharding_indexed", "configuration": {"chunk_shape": [1, 1, 1], "codecs": [{"name": "bytes"}]}}],  # noqa: E501
    [{"name": "crc32c"}, {"name": "bytes"}],
)  # fmt: skip


def zarr(content: bytes, rng: Rng) -> Mutated:
    """Change shape, chunks, codecs, data type, fill value, or any other field."""
    table = json.loads(content)
    match int(rng.integers(7)):
        case 0:
            table["shape"][int(rng.integers(len(table["shape"])))] = pick(rng, INTEGERS)
        case 1:
            chunks = table["chunk_grid"]["configuration"]["chunk_shape"]
            chunks[int(rng.integers(len(chunks)))] = pick(rng, INTEGERS)
        case 2:
            table["codecs"] = pick(rng, CODECS)
        case 3:
            table["data_type"] = pick(rng, TYPES)
        case 4:
            table["fill_value"] = pick(rng, JSON)
        case 5:
            table["attributes"] = mutate_json(table["attributes"], rng)
        case _:
            table = mutate_json(table, rng)
    return json.dumps(table).encode(), False


def png(content: bytes, rng: Rng) -> Mutated:
    """Change a field of IHDR, or the length, name or order of a chunk; CRCs are valid."""
    chunks, place = [], 8
    while place < len(content):
        (length,) = struct.unpack_from(">I", content, place)
        chunks.append((content[place + 4 : place + 8], content[place + 8 : place + 8 + length]))
        place += 12 + length
    declared: dict[int, int] = {}
    index = int(rng.integers(len(chunks)))
    match int(rng.integers(7)):
        case 0:
            declared[index] = pick(rng, INTEGERS) % 2**32
        case 1:
            chunks[index] = (
                pick(rng, (b"PLTE", b"tRNS", b"iTXt", b"zTXt", b"acTL", b"xxxx")),
                chunks[index][1],
            )
        case 2:
            chunks.insert(index, chunks[index])
        case 3:
            del chunks[index]
        case _:
            fields = list(struct.unpack(">IIBBBBB", chunks[0][1]))
            which = int(rng.integers(7))
            fields[which] = pick(rng, INTEGERS) % (2**32 if which < 2 else 256)
            if which >= 2:
                fields[which] = pick(rng, (0, 1, 2, 3, 4, 6, 8, 16, 255))
            chunks[0] = (b"IHDR", struct.pack(">IIBBBBB", *fields))
    written = content[:8]
    for number, (name, body) in enumerate(chunks):
        length = declared.get(number, len(body))
        written += struct.pack(">I", length) + name + body + struct.pack(">I", zlib.crc32(name + body))
    return written, False


def png_settings(content: bytes, rng: Rng) -> Mutated:
    """Change a setting of a camera in a text chunk, or anything else of a PNG file."""
    if rng.random() < 0.4:
        return png(content, rng)
    chunks, place = [], 8
    while place < len(content):
        (length,) = struct.unpack_from(">I", content, place)
        chunks.append((content[place + 4 : place + 8], content[place + 8 : place + 8 + length]))
        place += 12 + length
    index = pick(rng, [number for number, (name, _) in enumerate(chunks) if name == b"tEXt"])
    key, _, value = chunks[index][1].partition(b"\0")
    word = pick(rng, WORDS).encode("latin-1", "replace")
    value = pick(rng, (word, b"Gated " + word + b" bit", word + b" ns", word + b" MHz", value * 2, b""))
    chunks[index] = (b"tEXt", pick(rng, (key, key, key, key + b"x")) + b"\0" + value)
    written = content[:8]
    for name, body in chunks:
        written += struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    return written, False


def hdf5(content: bytes, rng: Rng) -> Mutated:
    """Change a word of the metadata: sizes, addresses, versions, types."""
    size = pick(rng, (1, 2, 4, 8))
    places = [index for index in range(0, len(content) - 8, size) if any(content[index : index + size])]
    place = pick(rng, places)
    return put(content, place, integer(rng, size)), False
