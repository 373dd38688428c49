import hashlib
import io
import json
import re
import zipfile
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

import seq2seqlite
from seq2seqlite.cli.app import main
from seq2seqlite.errors import InputError
from seq2seqlite.io.sample_data import SampleFile, SampleSet, fetch, sample_sets

ROOT = Path(__file__).parents[2]
MIRROR_ONLY = {"iccd-wells", "ics"}
CONTENT = {"a.txt": b"decay", "b.txt": b"instrument response"}


class Handler(SimpleHTTPRequestHandler):
    """Serves files, and closes the connection early for paths that start with /cut."""

    def do_GET(self):
        self.server.paths.append(self.path)
        if not self.path.startswith("/cut"):
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"only this")

    def log_message(self, *args):
        pass


@contextmanager
def served(folder):
    """Give the server of a folder on a free port of this computer."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as server:
        server.paths = []
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "public"
    folder.mkdir()
    for name, content in CONTENT.items():
        (folder / name).write_bytes(content)
    with served(folder) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_mirror(monkeypatch):
    monkeypatch.delenv("SEQ2SEQLITE_DATA", raising=False)
    monkeypatch.delenv("SEQ2SEQLITE_CACHE", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def entry(name, *urls, content=None):
    content = CONTENT[name] if content is None else content
    return SampleFile(name, len(content), hashlib.sha256(content).hexdigest(), urls)


def registry_of(*files, **options):
    sample = SampleSet("pair", "Two files", "MIT", "A. Nobody", "https://example.org/pair", files, **options)
    return {"pair": sample}


def test_every_set_of_the_registry_is_complete():
    sets = sample_sets()
    assert {name for name, sample in sets.items() if not sample.downloadable} == MIRROR_ONLY
    for name, sample in sets.items():
        assert sample.name == name
        assert all((sample.summary, sample.licence, sample.citation, sample.source, sample.files))
        for file in sample.files:
            assert re.fullmatch("[0-9a-f]{64}", file.sha256)
            assert file.bytes > 0
            for url in file.urls:  # pinned to a commit, percent-encoded
                assert re.fullmatch(
                    rf"https://raw\.githubusercontent\.com/[^/ ]+/[^/ ]+/[0-9a-f]{{40}}/[^ ]*{file.name}", url
                )


def test_hazelnut_is_the_wheel_of_the_requirements():
    hazelnut = sample_sets()["hazelnut"]
    lock = (ROOT / "requirements" / "hazelnut.txt").read_text()
    assert f"\n{hazelnut.package} " in lock
    assert f"--hash=sha256:{hazelnut.package_sha256}" in lock


@pytest.mark.parametrize("name", sorted(set(sample_sets()) - {"hazelnut"}))
def test_shared_data_is_a_mirror(shared_data, monkeypatch, name):
    monkeypatch.setenv("SEQ2SEQLITE_DATA", str(shared_data))
    path = seq2seqlite.fetch(name)
    sample = sample_sets()[name]
    assert path == (
        shared_data / name / sample.files[0].name if len(sample.files) == 1 else shared_data / name
    )


def test_hazelnut_of_the_makefile_has_the_checksum_of_the_registry(hazelnut_ptu, tmp_path, monkeypatch):
    (tmp_path / "hazelnut").mkdir()
    (tmp_path / "hazelnut" / hazelnut_ptu.name).symlink_to(hazelnut_ptu)
    monkeypatch.setenv("SEQ2SEQLITE_DATA", str(tmp_path))
    assert fetch("hazelnut") == tmp_path / "hazelnut" / hazelnut_ptu.name


def test_second_call_uses_the_cache_without_network(server, tmp_path, capfd):
    registry = registry_of(*(entry(name, f"{server.url}/{name}") for name in CONTENT))
    folder = fetch("pair", cache=tmp_path / "cache", registry=registry)
    assert folder == tmp_path / "cache" / "pair"
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == CONTENT
    assert server.paths == ["/a.txt", "/b.txt"]
    assert fetch("pair", cache=tmp_path / "cache", registry=registry) == folder
    assert server.paths == ["/a.txt", "/b.txt"]
    assert capfd.readouterr() == ("", "")


def test_a_changed_file_in_the_cache_is_downloaded_again(server, tmp_path, monkeypatch):
    monkeypatch.setenv("SEQ2SEQLITE_CACHE", str(tmp_path / "cache"))
    registry = registry_of(entry("a.txt", f"{server.url}/a.txt"))
    file = fetch("pair", registry=registry)
    assert file == tmp_path / "cache" / "pair" / "a.txt"
    file.write_bytes(b"changed")
    assert fetch("pair", registry=registry).read_bytes() == CONTENT["a.txt"]


def test_addresses_are_tried_in_order(server, tmp_path):
    registry = registry_of(entry("a.txt", f"{server.url}/b.txt", f"{server.url}/none", f"{server.url}/a.txt"))
    assert fetch("pair", cache=tmp_path / "cache", registry=registry).read_bytes() == CONTENT["a.txt"]
    assert server.paths == ["/b.txt", "/none", "/a.txt"]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("b.txt", "wrong SHA-256"),
        ("none", "HTTP status 404"),
        ("cut", "the connection closed before the end of the file"),
    ],
)
def test_failed_download_is_one_line_and_leaves_no_file(server, tmp_path, path, reason):
    url = f"{server.url}/{path}"
    with pytest.raises(InputError) as error:
        fetch("pair", cache=tmp_path / "cache", registry=registry_of(entry("a.txt", url)))
    assert str(error.value) == (
        f"cannot download a.txt of sample set 'pair' from {url} ({reason}), and no mirror is set "
        "(SEQ2SEQLITE_DATA); check the network connection and try again, or get the files of the set from "
        "https://example.org/pair, put them into FOLDER/pair and set SEQ2SEQLITE_DATA=FOLDER"
    )
    assert list((tmp_path / "cache" / "pair").iterdir()) == []


def test_without_network_and_with_an_incomplete_mirror(tmp_path, monkeypatch):
    with served(tmp_path) as closed:
        url = f"{closed.url}/a.txt"
    (tmp_path / "pair").mkdir()
    monkeypatch.setenv("SEQ2SEQLITE_DATA", str(tmp_path))
    message = re.escape(
        f"{url} (no connection), and the mirror {tmp_path / 'pair'} (SEQ2SEQLITE_DATA) does not have all its "
    )
    with pytest.raises(InputError, match=message):
        fetch("pair", cache=tmp_path / "cache", registry=registry_of(entry("a.txt", url)))


def test_mirror_with_a_wrong_checksum(tmp_path, monkeypatch):
    (tmp_path / "pair").mkdir()
    (tmp_path / "pair" / "a.txt").write_bytes(b"changed")
    monkeypatch.setenv("SEQ2SEQLITE_DATA", str(tmp_path))
    with pytest.raises(
        InputError,
        match=r"a\.txt has SHA-256 \w{64}, but sample set 'pair' requires \w{64}; replace the file or unset",
    ):
        fetch("pair", registry=registry_of(entry("a.txt")))


def test_set_without_an_address():
    with pytest.raises(
        InputError,
        match=r"^sample set 'ics' has no pinned public address, and no mirror is set \(SEQ2SEQLITE_DATA\); "
        r"get its files \(Csarseven\.ics\) from https://\S+, put them into FOLDER/ics and set "
        r"SEQ2SEQLITE_DATA=FOLDER$",
    ):
        fetch("ics")
    with pytest.raises(InputError, match=r"\(B000\.tif to IgG_01\.set, 151 files\)"):
        fetch("iccd-wells")


def test_unknown_set():
    with pytest.raises(
        InputError, match="unknown sample set 'walnut'; use one of: nadh-yeast, .*, hazelnut$"
    ):
        fetch("walnut")


def test_cache_that_cannot_be_written(server, tmp_path):
    (tmp_path / "file").write_text("")
    registry = registry_of(entry("a.txt", f"{server.url}/a.txt"))
    with pytest.raises(
        InputError, match=r"^cannot write .*file/pair: .*; free space or choose another folder$"
    ):
        fetch("pair", cache=tmp_path / "file", registry=registry)


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """A wheel that pip finds without network, as a set of the registry."""
    content, info = io.BytesIO(), "pair_data-1.0.dist-info"
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("pair_data/data/a.txt", CONTENT["a.txt"])
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: pair-data\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    (wheels / "pair_data-1.0-py3-none-any.whl").write_bytes(content.getvalue())
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    return registry_of(
        entry("a.txt"),
        package="pair-data==1.0",
        package_sha256=hashlib.sha256(content.getvalue()).hexdigest(),
        package_folder="pair_data/data",
    )


def test_files_of_a_wheel(wheel, tmp_path, monkeypatch):
    file = fetch("pair", cache=tmp_path / "cache", registry=wheel)
    assert file.read_bytes() == CONTENT["a.txt"]
    monkeypatch.delenv("PIP_FIND_LINKS")
    assert fetch("pair", cache=tmp_path / "cache", registry=wheel) == file


def test_wheel_that_pip_does_not_find(wheel, tmp_path, monkeypatch):
    monkeypatch.delenv("PIP_FIND_LINKS")
    with pytest.raises(
        InputError,
        match=r"^cannot download sample set 'pair' from the PyPI package pair-data==1\.0 with pip "
        r"\(No matching distribution found for pair-data==1\.0\b.*\), and no mirror is set \(SEQ2SEQ",
    ):
        fetch("pair", cache=tmp_path / "cache", registry=wheel)
    assert list((tmp_path / "cache" / "pair").iterdir()) == []


def test_command_prints_the_path_and_the_licence(tmp_path, capsys, monkeypatch):
    (tmp_path / "pair").mkdir()
    for name, content in CONTENT.items():
        (tmp_path / "pair" / name).write_bytes(content)
    monkeypatch.setenv("SEQ2SEQLITE_DATA", str(tmp_path))
    registry = registry_of(*map(entry, CONTENT))
    monkeypatch.setattr("seq2seqlite.io.sample_data.sample_sets", lambda: registry)
    assert main(["fetch", "pair", "--json", str(tmp_path / "pair.json")]) == 0
    printed = capsys.readouterr()
    assert printed.out == f"{tmp_path / 'pair'}\n"
    assert printed.err.endswith("licence MIT; cite A. Nobody\n")
    written = json.loads((tmp_path / "pair.json").read_text())
    assert written["path"] == str(tmp_path / "pair")
    assert (written["licence"], written["citation"], written["bytes"]) == ("MIT", "A. Nobody", 24)
    assert [file["name"] for file in written["files"]] == ["a.txt", "b.txt"]


def test_command_lists_the_sets(tmp_path, capsys):
    assert main(["fetch", "--json", str(tmp_path / "sets.json")]) == 0
    printed = capsys.readouterr().out
    sets = json.loads((tmp_path / "sets.json").read_text())["sets"]
    assert list(sets) == list(sample_sets())
    for name, row in sets.items():
        assert re.search(rf"{name} .*{row['bytes'] / 1e6:.2f} .*{re.escape(row['licence'])}", printed)
        assert row["downloadable"] == (name not in MIRROR_ONLY)


def test_command_without_an_address_is_one_line(capsys):
    assert main(["fetch", "ics"]) == 2
    assert capsys.readouterr().err.startswith("error: sample set 'ics' has no pinned public address")
