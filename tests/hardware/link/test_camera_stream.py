"""``seq2seqlite stream`` with a camera at a simulated board, and the self-test with a camera."""

import json
from importlib import import_module

import numpy as np
import pytest

from seq2seqlite import stream
from seq2seqlite.cli.app import main
from seq2seqlite.errors import InputError
from seq2seqlite.hardware.cosim.board import Faults
from seq2seqlite.hardware.cosim.camera import CameraFeed
from seq2seqlite.hardware.cosim.self_test import camera_self_test
from seq2seqlite.hardware.wire.results import records_from_words
from seq2seqlite.integer import lifetimes_from_codes, write_program
from seq2seqlite.streaming import CallbackSink

from .camera_boards import PIXELS, SLOW, beats_of, expected_of, images_of

IMAGES, SHAPE, MIN_PHOTONS, TIMEOUT_S = 4, (3, 67), 100, 60
ALL_FAULTS = Faults(loss=0.05, duplicate=0.05, reorder=0.05, seed=3)


@pytest.fixture(scope="module")
def program_file(camera_board, tmp_path_factory):
    file = tmp_path_factory.mktemp("program") / "odd.program"
    write_program(file, camera_board[0].program)
    return file


@pytest.mark.parametrize(("faults", "n"), [(Faults(), 5), (ALL_FAULTS, 30)])
def test_the_maps_are_those_of_the_program_or_missing(camera_board, program_file, tmp_path, faults, n):
    project, _, board = camera_board
    images, taken = images_of(project.program, IMAGES), []
    mask = np.arange(PIXELS).reshape(SHAPE) % 50 != 7
    counts = np.where(mask.reshape(-1), images, 0)
    expected = expected_of(project.program, counts, min_photons=MIN_PHOTONS)
    feed = CameraFeed(beats_of(images), repeats=0, memory=SLOW)
    with board.serve(camera=feed, faults=faults) as served:
        name = f"board:{served.address}?model={program_file}&timeout_s={TIMEOUT_S}&waits=1"
        result = stream(
            name,
            shape=SHAPE,
            mask=mask,
            frames=n,
            min_photons=MIN_PHOTONS,
            out=tmp_path / "maps",
            sinks=[CallbackSink(taken.append)],
        )
    assert (result["frames"], result["predictor"], result["source"]) == (n, "FPGA board", name)
    missing = 0
    for one in taken:
        records = records_from_words(expected[one.frame % IMAGES])
        wanted = lifetimes_from_codes(project.program, records.reduced).tau_mean_ns.reshape(SHAPE)
        lost = np.isnan(one.maps["intensity"].values)
        assert int(lost.sum()) == one.maps.attrs["pixels_missing"]
        missing += int(lost.sum())
        found = one.maps["tau_mean_ns"].values
        np.testing.assert_array_equal(found, np.where(lost, np.nan, wanted).astype(np.float32))
        np.testing.assert_array_equal(
            one.maps["intensity"].values[~lost], records.photons.reshape(SHAPE)[~lost]
        )
    assert (missing > 0) == (faults.loss > 0)
    assert len(list((tmp_path / "maps").glob("frame-*.tif"))) == n


def test_options_that_do_not_fit(camera_board, program_file):
    _, _, board = camera_board
    with board.serve() as served:
        name = f"board:{served.address}?model={program_file}&timeout_s={TIMEOUT_S}"
        for more, options, message in (
            ("", {}, r"has 201 pixels, not an image that is not a square; pass its rows and columns"),
            ("", {"shape": (20, 10)}, r"has 201 pixels, not shape 20x10"),
            ("", {"shape": SHAPE, "binning": 1}, r"binning=1 cannot be combined with a camera at a board"),
            ("", {"shape": SHAPE, "channel": 0}, r"channel=0 cannot be combined with a camera"),
            ("", {"shape": SHAPE, "period_ns": 25.0}, r"period_ns=25.0 cannot be combined with a camera"),
            ("", {"shape": SHAPE, "backend": "cpu"}, r"backend=cpu cannot be combined with a camera"),
            ("", {"shape": SHAPE, "repeat": 2}, r"repeat=2 cannot be combined with a camera"),
            ("", {"shape": SHAPE, "irf": "fit"}, r"irf=fit cannot be combined with a camera"),
            ("&waits=2", {"shape": SHAPE}, r"waits=2 of board udp://\S+ must be 0 or 1"),
            ("&dark_level=x", {"shape": SHAPE}, r"dark_level=x of board udp://\S+ must be a whole number"),
            (
                "&colour=1",
                {"shape": SHAPE},
                r"unknown options; only model, timeout_s, dark_level, .* may follow",
            ),
        ):
            with pytest.raises(InputError, match=message):
                stream(name + more, **options)


@pytest.mark.parametrize("faults", [Faults(), ALL_FAULTS])
def test_self_test(camera_board, faults):
    project, series, board = camera_board
    found = camera_self_test(project, board, series, n=4000, seed=1, faults=faults)
    assert found.pixels == 20 * PIXELS
    assert (found.mismatches, found.violations) == (0, 0)
    assert (found.pixels_flagged > 0) == (faults.loss > 0)
    # The last frame is read, computed pixel by pixel, and delivered.
    least = PIXELS * series.n_gates
    assert least < found.latency_cycles < 8 * least


def test_the_command(camera_board, tmp_path, monkeypatch, capsys):
    project, series, board = camera_board
    command = import_module("seq2seqlite.cli.hardware.simulate_board")
    monkeypatch.setattr(command, "compile_board", lambda *_, **__: board)
    monkeypatch.setattr(command, "camera_series", lambda *_, **__: series)
    report = tmp_path / "test.json"
    arguments = ["hardware", "simulate-board", str(project.folder), "--camera", "3x67", "--self-test"]
    assert main([*arguments, "--n", "300", "--json", str(report)]) == 0
    found = json.loads(report.read_text())
    assert (found["pixels"], found["mismatches"], found["pixels_flagged"]) == (2 * PIXELS, 0, 0)
    assert "(median of the frames)" in capsys.readouterr().out
    assert main([*arguments[:-2], "0x3"]) == 2
    assert "--camera 0x3 must be rows x columns (e.g. 64x64)" in capsys.readouterr().err
