"""State, safety and the command, without a browser."""

import json
import shlex
import urllib.error
import urllib.request
from dataclasses import replace
from urllib.parse import parse_qs

import numpy as np
import pytest
import tornado.httpclient
import tornado.ioloop
import tornado.websocket

from seq2seqlite.cli.app import main
from seq2seqlite.errors import InputError
from seq2seqlite.io.read_options import ReadOptions
from seq2seqlite.maps import with_maps
from seq2seqlite.viewer import OpenedImages, Outline, ViewServer, ViewState, self_test

FULL = ViewState(
    "a b.npz", "phasor", "fit", 50.0, 1, "intensity", "turbo", (0.5, 2.0), (1.0, 1.5), (3, 4),
    (Outline("cell: 1", ((0.0, 0.5), (3.0, 0.5), (3.0, 4.0))),), "cell: 1",
    "phasor", ((0.4, -0.1, 0.05), (0.5, 0.5, 0.1)), 2, "b.npz", "centre-of-mass",
)  # fmt: skip


def test_the_state_survives_the_url():
    from urllib.parse import urlencode

    query = parse_qs(urlencode(FULL.query(), doseq=True))
    assert ViewState.of_query(query, ViewState("x", "y")) == FULL


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"range": ["1"]}, "range='1' must be 2 finite numbers"),
        ({"pixel": ["nan,1"]}, "pixel='nan,1' must be 2 finite numbers"),
        ({"binning": ["x"]}, "binning='x' must be 1 finite number"),
        ({"cursor": ["1,2"]}, "cursor='1,2' must be 3 finite numbers"),
        ({"region": ["a:1,2"]}, "region 'a:1,2' in the URL must be name:x,y"),
    ],
)
def test_invalid_urls_are_rejected(query, message):
    with pytest.raises(InputError, match=message.replace("(", "\\(")):
        ViewState.of_query(query, FULL)


def test_the_copied_command_and_python_compute_the_same_maps(images, start, folder, tmp_path, monkeypatch):
    import tifffile

    monkeypatch.chdir(tmp_path)
    state = replace(
        start, min_photons=200.0, binning=1, limits=(0.5, 2.5), cursors=((0.7, 0.4, 0.1),), medians=1
    )
    path, options = str(folder / "cell.npz"), images.options(state)
    assert main(shlex.split(state.command(path, options))[1:]) == 0
    (tmp_path / "maps").rename(tmp_path / "by-command")
    exec(state.python(path, options))  # noqa: S102 - what a user does with the copied code
    maps = with_maps(images.image(state).maps, images.image(state).phasors(state).maps())
    for name in ("tau_mean_ns", "tau_mean_std_ns", "intensity", "phasor_g", "phasor_cursor"):
        for written in ("by-command", "maps"):
            np.testing.assert_array_equal(
                tifffile.imread(tmp_path / written / f"{name}.tif"), maps[name].values
            )


def test_a_binned_pixel_is_the_sum_of_its_neighbours(images, start):
    state = replace(start, binning=1, pixel=(5, 5))
    found = images.image(state).selected(state)
    assert found.record.pixels == 9
    assert found.record.counts.sum() == images.image(state).data.values[4:7, 4:7].sum()
    assert found.network["tau_mean_ns"][0] == images.image(state).maps["tau_mean_ns"].values[5, 5]


def test_only_files_of_the_folder_are_offered(images, start, folder):
    assert list(images.files()) == ["cell.npz", "corrupted.npz"]
    (folder / "link.npz").symlink_to(folder.parent / "secret.npz")
    assert "link.npz" not in images.files()
    for field, value in (("file", "../secret.npz"), ("model", "/etc/passwd"), ("irf", "/etc/passwd")):
        with pytest.raises(InputError, match="is not offered by this page"):
            images.image(replace(start, **{field: value}))
    empty = folder.parent / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match="contains no measurement"):
        OpenedImages(empty)


def test_websockets_of_other_origins_are_refused(server):
    async def connect(origin):
        request = tornado.httpclient.HTTPRequest(
            server.url.replace("http", "ws") + "ws", headers={"Origin": origin}
        )
        return await tornado.websocket.websocket_connect(request, subprotocols=["bokeh", "token"])

    loop = tornado.ioloop.IOLoop(make_current=False)
    try:
        with pytest.raises(tornado.httpclient.HTTPClientError, match="403"):
            loop.run_sync(lambda: connect("http://evil.example"), timeout=60)
    finally:
        loop.close(all_fds=True)


def test_other_hosts_need_the_token(images, start):
    with ViewServer(images, start, host="0.0.0.0") as running:  # noqa: S104 - what is tested
        assert len(running.token) > 30
        assert running.url.endswith(f"/{running.token}/")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"http://127.0.0.1:{running.port}/", timeout=60)
        with urllib.request.urlopen(f"http://127.0.0.1:{running.port}/{running.token}/", timeout=60) as reply:
            assert b"seq2seqlite" in reply.read()


def test_a_port_in_use_is_one_line(server, images, start):
    with pytest.raises(InputError, match=f"port={server.port} on host='127.0.0.1' cannot be used"):
        ViewServer(images, start, port=server.port)


def test_the_self_test_measures_clicks(images, start):
    found = self_test(images, start, clicks=3)
    assert found["clicks"] == 3
    assert 0 < found["click_ms_median"] <= found["click_ms_p95"]
    assert found["first_map_s"] > 0


def test_the_command_writes_the_self_test(folder, tmp_path, capsys):
    result = tmp_path / "result.json"
    assert main(["view", str(folder / "cell.npz"), "--self-test", "--json", str(result)]) == 0
    assert {"click_ms_median", "click_ms_p95", "first_map_s"} <= json.loads(result.read_text()).keys()
    assert main(["view", str(folder / "cell.npz"), "--json", str(result)]) == 2
    assert "add it" in capsys.readouterr().err
    assert main(["view", str(folder / "no.npz"), "--no-browser"]) == 2
    assert "does not exist" in capsys.readouterr().err


def test_the_page_shows_a_sum_of_frames(folder, start, capsys):
    assert main(["view", str(folder / "cell.npz"), "--frames", "each", "--no-browser"]) == 2
    assert "frames=each gives several maps, the page shows one; choose sum or A:B" in capsys.readouterr().err
    opened = OpenedImages(folder, read=ReadOptions(frames="0:1"))
    assert shlex.split(start.command("cell.npz", opened.options(start)))[-4:-2] == ["--frames", "0:1"]
