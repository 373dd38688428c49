"""Choice of a measurement by a page that lists folders."""

import urllib.error
import urllib.request

import pytest

from seq2seqlite.cli.app import main
from seq2seqlite.errors import InputError
from seq2seqlite.viewer import DEFAULT_MODEL, OpenedImages, ViewServer, ViewState
from seq2seqlite.viewer.folders import Folders, start_folder


@pytest.fixture
def folders(folder):
    (folder / "deep & <er>").mkdir()
    (folder / ".hidden").mkdir()
    start = ViewState("", DEFAULT_MODEL, "fit")
    return Folders(folder, ".", lambda path, address: OpenedImages(path, address=address), start, None)


def test_measurements_and_folders_are_listed(folders):
    listed = folders.listing(".")
    assert '<a href="?folder=.&amp;file=cell.npz">cell.npz</a>' in listed
    assert '<a href="?folder=.%2Fdeep+%26+%3Cer%3E">deep &amp; &lt;er&gt;/</a>' in listed
    assert "hidden" not in listed
    assert "Folder above" not in listed
    below = folders.listing("./deep & <er>")
    assert '<a href="?folder=deep+%26+%3Cer%3E%2F..">Folder above</a>' in below
    assert "<p>None.</p>" in below
    assert list(folders.images(".").files()) == ["cell.npz", "corrupted.npz"]
    assert folders.images(".").address == {"folder": "."}


@pytest.mark.parametrize("name", ["..", "/etc", "deep & <er>/../..", "cell.npz", "link", "no", "\0"])
def test_nothing_outside_of_the_root_is_offered(folders, name):
    (folders.root / "link").symlink_to(folders.root.parent, target_is_directory=True)
    with pytest.raises(InputError, match="is not offered by this page"):
        folders.images(name)
    with pytest.raises(InputError, match="is not offered by this page"):
        folders.listing(name)


def test_the_home_folder_or_the_working_directory_is_listed(tmp_path, monkeypatch):
    (tmp_path / "home/data").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "home/data")
    assert start_folder() == (tmp_path / "home", "data")
    monkeypatch.chdir(tmp_path)
    assert start_folder() == (tmp_path, ".")


def test_the_list_needs_the_token_on_this_computer_too(folders):
    with ViewServer(application=folders, token=True) as running:
        assert running.url.endswith(f"/{running.token}/")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"http://127.0.0.1:{running.port}/", timeout=60)


def test_other_hosts_get_no_list_of_folders(capsys):
    assert main(["view", "--host", "other.example"]) == 2
    assert "--host other.example needs a FILE or FOLDER; add it" in capsys.readouterr().err


def test_a_measurement_is_chosen_in_the_browser(folders, page):
    from concurrent.futures import ThreadPoolExecutor

    folders.executor = ThreadPoolExecutor(1)
    with ViewServer(application=folders, token=True) as running:
        page.goto(running.url)
        page.get_by_role("link", name="deep").click()
        page.get_by_role("link", name="Folder above").click()
        page.get_by_role("link", name="cell.npz").click()
        page.get_by_text("whole image:").wait_for()
        assert "folder=." in page.url
        page.reload()
        page.get_by_text("whole image:").wait_for()
        page.get_by_role("link", name="Other folder or file").click()
        page.get_by_text("Choose a measurement").wait_for()
        page.goto(running.url + "?folder=..&file=secret.npz")
        page.get_by_text("is not offered by this page").wait_for()
    folders.executor.shutdown()
