"""Archives of arrays and a JSON header, without executable content (models, programs, checkpoints).

An archive is an ``.npz`` file, that is, a zip archive whose members are NumPy arrays: the arrays of the
content, ``header`` (a text: one JSON object) and ``sha256`` (a text: the digest of all of the others). The
recipe of the digest and the format of the members are stated in ``docs/spec/integer.md``, section File.

For any content of a file, reading either returns arrays or raises :class:`~seq2seqlite.errors.InputError`.
Sizes are checked against limits before memory is allocated.
"""

import hashlib
import io
import json
import math
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.errors import InputError
from seq2seqlite.files import replace_when_done
from seq2seqlite.limits import BoundedFile

__all__ = [
    "Header",
    "archive_digest",
    "header_text",
    "npy_header",
    "read_archive",
    "read_arrays",
    "write_archive",
]

Arrays = dict[str, NDArray[Any]]

HEADER, DIGEST = "header", "sha256"
MAX_BYTES = 2**28
"""Default limit for the content of an archive: 256 MiB, fifty times the largest shipped model."""
MAX_MEMBERS = 10_000
MAX_HEADER_BYTES = 2**20
# Header that NumPy writes before an array; no other literal is accepted.
NPY = re.compile(
    r"\{'descr': '([<>|=]?[biufU]\d{1,9})', 'fortran_order': (False|True), "
    r"'shape': \(((?:\d{1,19}, ?)*\d{0,19})\), ?\}\s*"
)
MAX_DIMS = 8


def header_text(header: Mapping[str, Any], /) -> str:
    """Return the text of a header: JSON with sorted keys, so that equal headers give equal bytes.

    Raises
    ------
    ValueError
        If a number is not finite.

    See Also
    --------
    write_archive : Write an archive; equal content gives identical files.
    """
    return json.dumps(header, sort_keys=True, allow_nan=False)


def archive_digest(text: str, arrays: Mapping[str, NDArray[Any]], /) -> str:
    """Return the SHA-256 of an archive's header and arrays, as hexadecimal digits.

    Parameters
    ----------
    text : str
        Header as it is stored.
    arrays : mapping of ndarray
        All other arrays, without the digest itself.

    See Also
    --------
    read_archive : Read an archive that ``write_archive`` wrote.
    write_archive : Write an archive; equal content gives identical files.

    Examples
    --------
    >>> archive_digest("{}", {"a": np.zeros(2, np.int32)})[:8]
    '75cdd86a'
    """
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        shape = "x".join(str(length) for length in array.shape)
        digest.update(f"\n{name} {little.dtype.str} {shape}\n".encode())
        digest.update(np.ascontiguousarray(little).tobytes())
    return digest.hexdigest()


def write_archive(
    path: str | Path,
    header: Mapping[str, Any],
    arrays: Mapping[str, NDArray[Any]],
    /,
    *,
    header_name: str = HEADER,
    compressed: bool = False,
) -> None:
    """Write an archive; equal content gives identical files.

    Parameters
    ----------
    path : path-like
        File to write; replaced after the new file is complete.
    header : mapping
        Plain values for JSON.
    arrays : mapping of ndarray
        Arrays of numbers by name.
    header_name : str
        Member that holds the header.
    compressed : bool
        Compress the arrays.

    Raises
    ------
    InputError
        If the file cannot be written, or exists and is not an archive of the same kind.

    See Also
    --------
    read_archive : Read an archive that ``write_archive`` wrote.
    archive_digest : Return the SHA-256 of an archive's header and arrays, as hexadecimal digits.
    """
    kind = header.get("format")
    check_archive(
        path,
        member=header_name,
        keys={DIGEST: None} if kind is None else {"format": kind},
        what="simulated set of decays" if kind is None else str(kind),
    )
    text = header_text(header)
    members: dict[str, Any] = {
        header_name: np.array(text),
        DIGEST: np.array(archive_digest(text, arrays)),
        **arrays,
    }
    save = np.savez_compressed if compressed else np.savez
    with replace_when_done(path) as temporary, temporary.open("wb") as file:
        save(file, allow_pickle=False, **members)


def check_archive(path: str | Path, /, *, member: str, keys: Mapping[str, Any], what: str) -> None:
    """Raise InputError if a file to be overwritten is not an archive of the same kind.

    Parameters
    ----------
    path : path-like
        File to write; a missing or empty file is accepted.
    member : str
        Array of the archive that holds a JSON object.
    keys : mapping
        Required keys of the object, with their required values; None accepts any value.
    what : str
        Kind of archive, for error messages.

    Raises
    ------
    InputError
        If the file exists and is something else.
    """
    file = Path(path)
    if not file.is_file() or not file.stat().st_size:
        return
    header = _stored_header(file, member)
    if not all(key in header and value in (None, header[key]) for key, value in keys.items()):
        raise InputError(f"{file} exists and is not a {what}; move it or choose another name")


def _stored_header(file: Path, member: str) -> Mapping[str, Any]:
    """Return the header of an archive; empty for any other file."""
    try:
        arrays = read_arrays(file, names=frozenset({member}), max_bytes=4 * MAX_HEADER_BYTES)
        found = json.loads(str(arrays.get(member)))
    except (InputError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def read_archive(
    path: str | Path,
    /,
    *,
    what: str,
    form: str,
    versions: Mapping[str, int],
    remedy: str,
    max_bytes: int = MAX_BYTES,
) -> "tuple[Header, Arrays]":
    """Read an archive that :func:`write_archive` wrote.

    Parameters
    ----------
    path : path-like
        File.
    what : str
        Kind of file, for error messages, e.g. ``"model"``.
    form : str
        Required value of the header's key ``format``.
    versions : mapping of str to int
        Required values of version keys of the header.
    remedy : str
        Remedy for an invalid file, for error messages.
    max_bytes : int
        Limit for the size of the content.

    Returns
    -------
    header : Header
        The header.
    arrays : dict of ndarray
        All other arrays, writable.

    Raises
    ------
    InputError
        If the file does not exist, is damaged or altered, or has another format or version.

    See Also
    --------
    write_archive : Write an archive; equal content gives identical files.
    Header : Header of an archive; its methods return checked values.
    """
    file = Path(path)
    arrays = read_arrays(file, what=f"seq2seqlite {what}", max_bytes=max_bytes, remedy=remedy)
    found = _text(file, arrays, HEADER, what)
    header = Header(_parsed(file, found, what, remedy), where=f"{what} file {file}", remedy=remedy)
    expected = {"format": form, **versions}
    actual = {key: header.values.get(key) for key in expected}
    if actual != expected or any(isinstance(value, bool | float) for value in actual.values()):
        header.refuse(
            f"format {_listed(actual)} is not the one supported by this version ({_listed(expected)})",
            remedy=f"{remedy}, or install the seq2seqlite that wrote it",
        )
    digest = _text(file, arrays, DIGEST, what)
    if digest != archive_digest(found, arrays):
        header.refuse("its content does not have the recorded SHA-256: it was altered or damaged")
    return header, arrays


def read_arrays(
    path: str | Path,
    /,
    *,
    what: str = "npz",
    names: frozenset[str] | None = None,
    max_bytes: int = MAX_BYTES,
    remedy: str = "copy it again",
) -> Arrays:
    """Read arrays of numbers and texts from an ``.npz`` file, written by this program or another.

    Parameters
    ----------
    path : path-like
        File.
    what : str
        Kind of file, for error messages.
    names : frozenset of str, optional
        Arrays to read; all others are ignored. By default all arrays are read.
    max_bytes : int
        Limit for the total size of the arrays.
    remedy : str
        Remedy for a damaged file, for error messages.

    Raises
    ------
    InputError
        If the file does not exist, or is not a zip archive of plain arrays within the limit.

    See Also
    --------
    read_archive : Read an archive that ``write_archive`` wrote.
    """
    file = Path(path)
    if not file.exists():
        raise InputError(f"{what.removeprefix('seq2seqlite ')} file {file} does not exist")
    if not file.is_file():
        raise InputError(f"{file} is not a regular file; choose an .npz file")
    try:
        with BoundedFile(file) as stream, zipfile.ZipFile(stream) as archive:
            return _arrays(archive, names, max_bytes)
    except MemoryError:
        raise InputError(f"out of memory while reading {file}; it is damaged or too large") from None
    except Exception as error:  # noqa: BLE001 - zipfile and zlib raise anything on a damaged archive
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"{file} is not a valid {what} file of plain arrays, or is damaged ({reason}); {remedy}"
        ) from None


class Header:
    """Header of an archive; its methods return checked values.

    Parameters
    ----------
    values : mapping
        Parsed JSON object.
    where : str
        Name of the file, for error messages.
    remedy : str
        Remedy for an invalid value, for error messages.

    See Also
    --------
    read_archive : Read an archive that ``write_archive`` wrote.
    """

    def __init__(self, values: Mapping[str, Any], /, *, where: str, remedy: str) -> None:
        self.values, self.where, self.remedy = values, where, remedy

    def refuse(self, reason: str, /, *, remedy: str | None = None) -> NoReturn:
        """Raise InputError with a reason and the remedy."""
        raise InputError(f"{self.where}: {reason}; {remedy or self.remedy}")

    def __getitem__(self, key: str) -> Any:
        """Return a value of any type."""
        if key not in self.values:
            self.refuse(f"its header lacks {key!r}")
        return self.values[key]

    def text(self, key: str, /) -> str:
        """Return a string of at most 1,000 characters."""
        value = self[key]
        if not isinstance(value, str) or len(value) > 1000:
            self.refuse(f"{key}={_short(value)} must be a string")
        return value

    def integer(self, key: str, low: int, high: int, /) -> int:
        """Return an integer between two bounds, inclusive."""
        value = self[key]
        if type(value) is not int or not low <= value <= high:
            self.refuse(f"{key}={_short(value)} must be an integer from {low} to {high}")
        return value

    def number(self, key: str, low: float, high: float, /) -> float:
        """Return a number between two bounds, inclusive."""
        value = self[key]
        if type(value) not in {int, float} or not low <= value <= high:
            self.refuse(f"{key}={_short(value)} must be a number from {low:g} to {high:g}")
        return float(value)

    def optional_number(self, key: str, low: float, high: float, /) -> float | None:
        """Return a number between two bounds, or None."""
        return None if self[key] is None else self.number(key, low, high)

    def table(self, key: str, /) -> Mapping[str, Any]:
        """Return a JSON object."""
        value = self[key]
        if not isinstance(value, dict):
            self.refuse(f"{key}={_short(value)} must be an object")
        return value


def _arrays(archive: zipfile.ZipFile, names: frozenset[str] | None, max_bytes: int) -> Arrays:
    members = archive.infolist()
    if len(members) > MAX_MEMBERS:
        raise ValueError(f"{len(members)} members")
    chosen = {}
    for member in members:
        name = member.filename.removesuffix(".npy")
        if name == member.filename:
            raise ValueError(f"member {_short(name)} is not a .npy array")
        if name in chosen:
            raise ValueError(f"member {_short(name)} occurs twice")
        if names is None or name in names:
            chosen[name] = member
    if sum(member.file_size for member in chosen.values()) > max_bytes:
        raise ValueError(f"its arrays exceed the limit of {max_bytes:,} bytes")
    return {name: _array(archive, member) for name, member in chosen.items()}


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    if member.flag_bits & 1:
        raise ValueError(f"member {_short(member.filename)} is encrypted")
    with archive.open(member) as stream:
        content = stream.read()  # checks the CRC; never more than the declared size
    begin, header = npy_header(content)
    match = NPY.fullmatch(header)
    if match is None:
        raise ValueError(f"member {_short(member.filename)} is not an array of numbers or texts")
    dtype = np.dtype(match[1])
    shape = tuple(int(part) for part in match[3].replace(" ", "").split(",") if part)
    if len(shape) > MAX_DIMS or math.prod(shape) * dtype.itemsize != len(content) - begin:
        raise ValueError(f"member {_short(member.filename)} has another size than its shape {shape}")
    array = np.frombuffer(content, dtype, offset=begin) if math.prod(shape) else np.zeros(shape, dtype)
    if dtype.kind == "U" and array.size:
        points = np.frombuffer(content, np.dtype(np.uint32).newbyteorder(dtype.byteorder), offset=begin)
        if ((points > 0x10FFFF) | ((points >= 0xD800) & (points <= 0xDFFF))).any():
            raise ValueError(f"member {_short(member.filename)} is not Unicode text")
    order: Any = "F" if match[2] == "True" else "C"
    return array.reshape(shape, order=order).copy()


def npy_header(content: bytes, /) -> tuple[int, str]:
    """Return where the data of a ``.npy`` file begin and the text of its header.

    Raises
    ------
    ValueError
        If the version is unknown or the header exceeds 64 KiB.

    See Also
    --------
    read_arrays : Read arrays of numbers and texts from an ``.npz`` file, written by this program or another.
    """
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    width = 2 if version == (1, 0) else 4
    if version not in {(1, 0), (2, 0), (3, 0)}:
        raise ValueError(f"version {version} of the array format is unknown")
    size = int.from_bytes(stream.read(width), "little")
    if size > 2**16:
        raise ValueError(f"an array header of {size} bytes")
    return stream.tell() + size, stream.read(size).decode("latin-1")


def _text(file: Path, arrays: Arrays, name: str, what: str) -> str:
    """Remove a string from the arrays and return it."""
    array = arrays.pop(name, None)
    if array is None or array.dtype.kind != "U" or array.shape != () or array.nbytes > 4 * MAX_HEADER_BYTES:
        raise InputError(
            f"{file} is not a seq2seqlite {what}: it has no text {name!r} of at most {MAX_HEADER_BYTES:,} "
            "characters; name another file"
        )
    return str(array)


def _parsed(file: Path, text: str, what: str, remedy: str) -> Mapping[str, Any]:
    try:
        values = json.loads(text, parse_constant=_not_finite, object_pairs_hook=_without_repetition)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{what} file {file}: its header is not valid JSON ({error}); {remedy}") from None
    if not isinstance(values, dict):
        raise InputError(
            f"{what} file {file}: its header is a {type(values).__name__}, not an object; {remedy}"
        )
    return values


def _not_finite(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number of JSON")


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a key occurs twice")
    return values


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={_short(value)}" for key, value in values.items()).removeprefix("format=")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
