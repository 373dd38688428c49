"""Zip archives of arrays: zip and .npy headers; header and arrays of models, programs, sets, checkpoints."""

import io
import json
import struct
import zipfile
from typing import Any

import numpy as np
from tests.fuzz.families.values import FLOATS, INTEGERS, Mutated, Rng, integer, mutate_json, pick, put

# Offset and size of the fields behind the signature.
LOCAL = {"version": (4, 2), "flags": (6, 2), "method": (8, 2), "crc": (14, 4), "compressed": (18, 4), "size": (22, 4),  # noqa: E501
         "name length": (26, 2), "extra length": (28, 2), "name": (30, 1)}  # fmt: skip
CENTRAL = {"version": (6, 2), "flags": (8, 2), "method": (10, 2), "crc": (16, 4), "compressed": (20, 4), "size": (24, 4),  # noqa: E501
           "name length": (28, 2), "extra length": (30, 2), "comment": (32, 2), "disk": (34, 2), "offset": (42, 4),  # noqa: E501
           "name": (46, 1)}  # fmt: skip
END = {
    "disk": (4, 2),
    "entries here": (8, 2),
    "entries": (10, 2),
    "size": (12, 4),
    "offset": (16, 4),
    "comment": (20, 2),
}
METHODS = (0, 1, 8, 9, 12, 14, 93, 99)
DESCRS = (
    "'<f8'",
    "'<U4'",
    "'|O'",
    "'<c16'",
    "'>u2'",
    "'|b1'",
    "'<m8[ns]'",
    "[('a', '<u2')]",
    "'<U999999999'",
    "'|V9'",
    "1",
)


def zip_fields(content: bytes, rng: Rng) -> Mutated:
    """Change a field of a local header, central header or end record."""
    signature, fields = pick(
        rng, ((b"PK\3\4", LOCAL), (b"PK\1\2", CENTRAL), (b"PK\1\2", CENTRAL), (b"PK\5\6", END))
    )
    places = [index for index in range(len(content) - 21) if content.startswith(signature, index)]
    name = pick(rng, list(fields))
    offset, size = fields[name]
    place = pick(rng, places) + offset
    value = integer(rng, size)
    if name == "method":
        value = struct.pack("<H", pick(rng, METHODS))
    elif name == "name":
        value = pick(rng, (b"/", b"..", b"\0", b"x", b"\xff"))
    elif name == "flags":
        value = struct.pack("<H", 1 << int(rng.integers(16)))
    return put(content, place, value), False


def npy(content: bytes, rng: Rng) -> Mutated:
    """Change type, order or shape of a .npy header, its version or its length."""
    size = int.from_bytes(content[8:10], "little")
    header, data = content[10 : 10 + size].decode("latin-1"), content[10 + size :]
    table = eval(header)  # noqa: S307 - the sample was made here
    descr, order, shape = repr(table["descr"]), str(table["fortran_order"]), repr(table["shape"])
    match int(rng.integers(7)):
        case 0:
            descr = pick(rng, DESCRS)
        case 1:
            order = pick(rng, ("True", "None", "1", "'C'"))
        case 2:
            return put(content, 6, bytes((int(rng.integers(5)), int(rng.integers(3))))), True
        case 3:
            return put(content, 8, integer(rng, 2)), True
        case 4:
            lengths = [*reversed(table["shape"]), pick(rng, (1, 0, 2))]
            shape = repr(tuple(lengths))
        case _:
            lengths = list(table["shape"]) or [1]
            lengths[int(rng.integers(len(lengths)))] = pick(rng, INTEGERS)
            shape = repr(tuple(lengths))
    header = (
        f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}".ljust(max(size - 1, 0)) + "\n"
    )
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header.encode() + data, True


def npz(content: bytes, rng: Rng) -> Mutated:
    """Change zip fields; or a .npy header, name or member, with a valid CRC."""
    if rng.random() < 0.5:
        return zip_fields(content, rng)
    members = _members(content)
    name = pick(rng, sorted(members))
    match int(rng.integers(5)):
        case 0:
            members[pick(rng, ("x.npy", "x", "../x.npy", "tpsf", "header.npy"))] = members.pop(name)
        case 1:
            del members[name]
        case 2:
            members[pick(rng, sorted(members))] = members[name]
        case _:
            members[name] = npy(members[name], rng)[0]
    method = pick(rng, (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    return _zipped(members, method), True


def archive(content: bytes, rng: Rng) -> Mutated:
    """Change zip fields; or header or arrays of an archive, with and without a new digest."""
    from seq2seqlite.archive import archive_digest

    if rng.random() < 0.25:
        return zip_fields(content, rng)
    members = _members(content)
    if rng.random() < 0.15:
        name = pick(rng, sorted(members))
        members[name] = npy(members[name], rng)[0]
        return _zipped(members), False
    arrays: dict[str, Any] = {
        name.removesuffix(".npy"): np.load(io.BytesIO(data)) for name, data in members.items()
    }
    arrays.pop("sha256")
    header = next(name for name, array in arrays.items() if array.dtype.kind == "U" and not array.ndim)
    text = str(arrays.pop(header))
    others = sorted(arrays)
    if rng.random() < 0.7 or not others:
        text = json.dumps(mutate_json(json.loads(text), rng), sort_keys=True)
    else:
        _change_array(arrays, pick(rng, others), rng)
    sealed = rng.random() < 0.7
    digest = archive_digest(text, arrays) if sealed else str(np.load(io.BytesIO(members["sha256.npy"])))
    stream = io.BytesIO()
    arrays |= {header: np.array(text), "sha256": np.array(digest)}
    np.savez(stream, **arrays)
    return stream.getvalue(), sealed


def _change_array(arrays: dict[str, Any], name: str, rng: Rng) -> None:
    array = arrays[name]
    match int(rng.integers(6)):
        case 0:
            del arrays[name]
        case 1:
            arrays[name] = array.astype(pick(rng, ("f8", "i1", "u8", "U8", "b1", "f2")))
        case 2:
            arrays[name] = pick(
                rng, (array.reshape(-1), array[None], array.T, array[..., :0] if array.ndim else array)
            )
        case 3:
            arrays["x"] = array
        case _:
            array = array.copy()
            value = pick(rng, FLOATS if array.dtype.kind == "f" else (0, 1, 100))
            if array.dtype.kind in "iufb" and array.size:
                array.reshape(-1)[int(rng.integers(array.size))] = value
            arrays[name] = array


def _members(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _zipped(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()
