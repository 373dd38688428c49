"""Archives: whatever a file holds, reading gives arrays or one InputError, within the memory it states."""

import io
import json
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from seq2seqlite.archive import archive_digest, read_archive, read_arrays, write_archive
from seq2seqlite.errors import InputError

KIND = {"what": "model", "form": "test", "versions": {"format_version": 1}, "remedy": "make it again"}
HEADER = {"format": "test", "format_version": 1, "x": 0.1}
ARRAYS = {"a": np.arange(6, dtype=np.int32).reshape(2, 3), "b": np.ones(4, np.float32)}


def npy(text, data=b"", version=(1, 0)):
    """A .npy member with any header text."""
    width = "<H" if version == (1, 0) else "<I"
    body = text.encode()
    return b"\x93NUMPY" + bytes(version) + struct.pack(width, len(body)) + body + data


def array_text(shape, descr="<f8", order="False"):
    return f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n"


def archive(path, members, **settings):
    with zipfile.ZipFile(path, "w", **settings) as file:
        for name, content in members:
            file.writestr(name, content)
    return path


def test_content_comes_back_and_equal_content_gives_equal_bytes(tmp_path):
    for name in ("a.npz", "b.npz"):
        write_archive(tmp_path / name, HEADER, ARRAYS)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    header, arrays = read_archive(tmp_path / "a.npz", **KIND)
    assert header.values == HEADER
    assert header.number("x", 0, 1) == 0.1
    for name, value in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], value, strict=True)


def test_the_digest_is_of_names_types_shapes_and_bytes():
    text = "{}"
    same = archive_digest(text, ARRAYS)
    assert archive_digest(text, dict(reversed(ARRAYS.items()))) == same
    assert archive_digest(text, {**ARRAYS, "b": ARRAYS["b"].astype(">f4")}) == same
    for other in (
        {**ARRAYS, "a": ARRAYS["a"].T},
        {**ARRAYS, "a": ARRAYS["a"].reshape(3, 2)},
        {**ARRAYS, "a": ARRAYS["a"].astype(np.uint32)},
        {"A": ARRAYS["a"], "b": ARRAYS["b"]},
        {"a": ARRAYS["a"]},
    ):
        assert archive_digest(text, other) != same
    assert archive_digest("{ }", ARRAYS) != same


def test_order_and_byte_order_of_foreign_arrays_do_not_matter(tmp_path):
    np.savez(
        tmp_path / "a.npz", f=np.asfortranarray(ARRAYS["a"]), e=ARRAYS["a"].astype(">i2"), n=np.zeros((0, 3))
    )
    found = read_arrays(tmp_path / "a.npz")
    np.testing.assert_array_equal(found["f"], ARRAYS["a"], strict=True)
    np.testing.assert_array_equal(found["e"], ARRAYS["a"])
    assert found["n"].shape == (0, 3)


DAMAGED = {
    "an object array": [("a.npy", npy(array_text("(1,)", "|O"), b"\x80\x04K\x01."))],
    "a structured array": [
        ("a.npy", npy("{'descr': [('x', '<f8')], 'fortran_order': False, 'shape': (1,), }"))
    ],
    "a call in the header": [("a.npy", npy("{'descr': __import__('os').system('x'), 'shape': (), }"))],
    "an unfinished literal": [("a.npy", npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1"))],
    "a shape of terabytes": [("a.npy", npy(array_text("(1000000, 1000000)")))],
    "a shape that overflows": [("a.npy", npy(array_text("(9223372036854775807, 9223372036854775807)")))],
    "a negative shape": [("a.npy", npy(array_text("(-1,)")))],
    "too many axes": [("a.npy", npy(array_text("(1, 1, 1, 1, 1, 1, 1, 1, 1)"), bytes(8)))],
    "too few bytes": [("a.npy", npy(array_text("(2,)"), bytes(8)))],
    "too many bytes": [("a.npy", npy(array_text("(1,)"), bytes(16)))],
    "a type that does not exist": [("a.npy", npy(array_text("(1,)", "<f3"), bytes(3)))],
    "an enormous text type": [("a.npy", npy(array_text("(1,)", "<U999999999"), bytes(8)))],
    "another array version": [("a.npy", b"\x93NUMPY\x09\x00" + bytes(80))],
    "a header length beyond the end": [("a.npy", b"\x93NUMPY\x01\x00\xff\xff")],
    "a long header": [("a.npy", npy(" " * 70_000, version=(2, 0)))],
    "no array": [("a.npy", b"hello")],
    "nothing in a member": [("a.npy", b"")],
    "a member of another kind": [("a.txt", b"hello")],
    "a name twice": [("a.npy", npy(array_text("()"), bytes(8)))] * 2,
}


@pytest.mark.parametrize("case", DAMAGED)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_damaged_members_are_one_line(tmp_path, case):
    path = archive(tmp_path / "a.npz", DAMAGED[case])
    tracemalloc.start()
    with pytest.raises(
        InputError, match="a.npz is not a valid npz file of plain arrays, or is damaged"
    ) as caught:
        read_arrays(path)
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()
    assert "\n" not in str(caught.value)


def test_encrypted_and_unknown_compression(tmp_path):
    path = archive(tmp_path / "a.npz", [("a.npy", npy(array_text("()"), bytes(8)))])
    whole = path.read_bytes()
    central = whole.index(b"PK\x01\x02")
    for offset, local, value in ((8, 6, 1), (10, 8, 99)):  # flags: encrypted; method 99
        changed = bytearray(whole)
        changed[central + offset] = changed[local] = value
        path.write_bytes(bytes(changed))
        with pytest.raises(InputError, match="a.npz is not a valid npz file of plain arrays"):
            read_arrays(path)


def test_bombs_and_limits(tmp_path):
    content = npy(array_text("(8000000,)"), bytes(64_000_000))
    path = archive(tmp_path / "a.npz", [("a.npy", content)], compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 100_000
    with pytest.raises(InputError, match="its arrays exceed the limit of 1,000,000 bytes"):
        read_arrays(path, max_bytes=1_000_000)
    small = read_arrays(path, names=frozenset({"b"}), max_bytes=1_000_000)
    assert small == {}
    # A member that declares fewer bytes than it unpacks to gives no more than it declares.
    whole = bytearray(path.read_bytes())
    central = whole.index(b"PK\x01\x02")
    whole[central + 24 : central + 28] = struct.pack("<I", 1000)
    path.write_bytes(bytes(whole))
    with pytest.raises(InputError, match="a.npz is not a valid npz file of plain arrays"):
        read_arrays(path, max_bytes=1_000_000)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "its header is a list, not an object; make it again"),
        ("null", "its header is a NoneType, not an object"),
        ("[" * 100_000, "its header is not valid JSON"),
        ('{"a": NaN}', "its header is not valid JSON .NaN is not a number"),
        ('{"a": 1, "a": 2}', "its header is not valid JSON .a key occurs twice"),
        ("{}", "format None, format_version=None is not the one supported"),
        (json.dumps({**HEADER, "format_version": 1.0}), "format_version=1.0 is not the one supported"),
    ],
)
def test_headers(tmp_path, text, message):
    np.savez(tmp_path / "a.npz", header=np.array(text), sha256=np.array(archive_digest(text, {})))
    with pytest.raises(InputError, match=message):
        read_archive(tmp_path / "a.npz", **KIND)


@pytest.mark.parametrize("members", [{}, {"header": np.array(3)}, {"sha256": np.array("")}])
def test_missing_texts(tmp_path, members):
    np.savez(tmp_path / "a.npz", **members)
    with pytest.raises(InputError, match="is not a seq2seqlite model"):
        read_archive(tmp_path / "a.npz", **KIND)


def test_what_is_not_a_regular_file(tmp_path):
    import os

    with pytest.raises(InputError, match="npz file .*gone.npz does not exist"):
        read_arrays(tmp_path / "gone.npz")
    with pytest.raises(InputError, match="is not a regular file"):
        read_arrays(tmp_path)
    os.mkfifo(tmp_path / "pipe.npz")
    with pytest.raises(InputError, match="pipe.npz is not a regular file"):
        read_arrays(tmp_path / "pipe.npz")


def test_any_flipped_bit_is_found(tmp_path):
    path = tmp_path / "a.npz"
    write_archive(path, HEADER, ARRAYS)
    whole = path.read_bytes()
    rng = np.random.default_rng(15)
    unchanged = 0
    for position in rng.permutation(len(whole))[:600]:
        changed = bytearray(whole)
        changed[position] ^= 1 << int(rng.integers(8))
        path.write_bytes(bytes(changed))
        try:
            header, arrays = read_archive(path, **KIND)
        except InputError:
            continue
        unchanged += 1  # dates and other fields of the zip format that hold nothing
        assert header.values == HEADER
        assert archive_digest("", arrays) == archive_digest("", ARRAYS)
    assert unchanged < 300


def test_the_limit_counts_what_numpy_would_read(tmp_path):
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(1000))
    path = archive(tmp_path / "a.npz", [("a.npy", buffer.getvalue())])
    assert read_arrays(path, max_bytes=len(buffer.getvalue()))["a"].shape == (1000,)


@pytest.mark.parametrize("code", [0xD800, 0x110000])
@pytest.mark.parametrize("name", ["header", "sha256"])
def test_texts_that_are_not_unicode(tmp_path, code, name):
    members = {"header": np.array("{}"), "sha256": np.array("0" * 64)}
    members[name] = np.frombuffer(struct.pack("<I", code), "<U1").reshape(())
    np.savez(tmp_path / "a.npz", **members)
    with pytest.raises(InputError, match="is not Unicode text"):
        read_archive(tmp_path / "a.npz", **KIND)
