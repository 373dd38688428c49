import errno
import os
import re
import stat

import pytest

from seq2seqlite.errors import HaltError, InputError
from seq2seqlite.files import replace_folder_when_done, replace_when_done, writing


class InterruptedWriting(Exception):
    pass


def no_space():
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_file_has_the_new_content_and_nothing_else_stays(tmp_path):
    final = tmp_path / "new" / "map.tif"
    with replace_when_done(final) as temporary:
        temporary.write_bytes(b"whole")
        assert temporary.suffix == ".tif"
        assert not final.exists()
    assert final.read_bytes() == b"whole"
    assert list(final.parent.iterdir()) == [final]


def test_file_has_the_permissions_of_a_plainly_written_one(tmp_path):
    plain = tmp_path / "plain"
    plain.write_text("")
    with replace_when_done(tmp_path / "replaced") as temporary:
        temporary.write_text("")
    assert stat.S_IMODE((tmp_path / "replaced").stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_exception_leaves_the_old_file_and_nothing_half_written(tmp_path):
    final = tmp_path / "map.tif"
    final.write_bytes(b"old")
    with pytest.raises(InterruptedWriting), replace_when_done(final) as temporary:
        temporary.write_bytes(b"ha")
        raise InterruptedWriting
    assert final.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [final]


def test_exception_leaves_nothing_of_a_new_folder(tmp_path):
    with pytest.raises(InterruptedWriting), replace_folder_when_done(tmp_path / "maps") as temporary:
        (temporary / "map.tif").write_bytes(b"ha")
        raise InterruptedWriting
    assert list(tmp_path.iterdir()) == []


def test_folder_keeps_other_files_and_replaces_those_of_the_same_name(tmp_path):
    final = tmp_path / "maps"
    final.mkdir()
    (final / "notes.txt").write_text("mine")
    (final / "map.tif").write_text("old")
    with replace_folder_when_done(final) as temporary:
        (temporary / "map.tif").write_text("new")
        assert (final / "map.tif").read_text() == "old"
    assert {item.name: item.read_text() for item in final.iterdir()} == {
        "notes.txt": "mine",
        "map.tif": "new",
    }
    assert list(tmp_path.iterdir()) == [final]


@pytest.mark.parametrize("writer", [replace_when_done, replace_folder_when_done])
def test_full_disk_is_one_line_and_leaves_nothing(tmp_path, writer):
    final = tmp_path / "result"
    text = f"cannot write {final}: No space left on device; free space or choose another folder"
    with pytest.raises(InputError, match=f"^{re.escape(text)}$"), writer(final):
        raise no_space()
    assert list(tmp_path.iterdir()) == []


def test_file_under_a_file_is_refused(tmp_path):
    (tmp_path / "a").write_text("")
    text = f"cannot write {tmp_path / 'a' / 'b'}: "
    with pytest.raises(InputError, match=re.escape(text)), replace_when_done(tmp_path / "a" / "b"):
        pytest.fail("a path below a file cannot be written")


def test_folder_with_the_name_of_a_file_is_refused(tmp_path):
    final = tmp_path / "maps"
    final.write_text("mine")
    text = f"{final} is a file; choose a folder"
    with pytest.raises(InputError, match=f"^{re.escape(text)}$"), replace_folder_when_done(final):
        pytest.fail("the folder cannot be written")
    assert final.read_text() == "mine"


def test_device_is_not_replaced_by_a_file(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    text = f"{pipe} is a folder or device; choose the name of a file"
    with pytest.raises(InputError, match=f"^{re.escape(text)}$"), replace_when_done(pipe):
        pytest.fail("the pipe cannot be replaced")
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert list(tmp_path.iterdir()) == [pipe]


def test_folder_in_the_place_of_a_result_stays_and_nothing_is_moved(tmp_path):
    final = tmp_path / "maps"
    (final / "b.tif").mkdir(parents=True)
    text = f"{final / 'b.tif'} is a folder; move it or choose another folder"
    with (
        pytest.raises(InputError, match=f"^{re.escape(text)}$"),
        replace_folder_when_done(final) as temporary,
    ):
        (temporary / "a.tif").write_text("new")
        (temporary / "b.tif").write_text("new")
    assert [item.name for item in final.iterdir()] == ["b.tif"]
    assert list(tmp_path.iterdir()) == [final]


def test_folder_of_a_folder_is_replaced_whole(tmp_path):
    for name in ("old", "new"):
        with replace_folder_when_done(tmp_path / "maps") as temporary:
            (temporary / "a.zarr").mkdir()
            (temporary / "a.zarr" / name).write_text(name)
    assert [item.name for item in (tmp_path / "maps" / "a.zarr").iterdir()] == ["new"]
    with (
        pytest.raises(InputError, match=r"a\.zarr is a folder; move it or choose another folder"),
        replace_folder_when_done(tmp_path / "maps") as temporary,
    ):
        (temporary / "a.zarr").write_text("")


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, HaltError), (errno.EDQUOT, HaltError), (errno.EACCES, InputError)]
)
def test_what_all_other_jobs_would_meet_too_is_told_apart(number, kind):
    text = f"^cannot write maps: {os.strerror(number)}; free space or choose another folder$"
    with pytest.raises(InputError, match=text) as caught, writing("maps"):
        raise OSError(number, os.strerror(number))
    assert type(caught.value) is kind
