"""Bitstreams of the boards with the student of eight units, by open tools, at the default clocks."""

import json

import pytest

from seq2seqlite.cli.app import main
from seq2seqlite.hardware.boards.board import BOARDS

pytestmark = pytest.mark.hardware_full


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("board", [name for name, board in BOARDS.items() if board.tools == "open"])
def test_the_clocks_of_the_board_are_met(board, seed, tmp_path):
    report = tmp_path / "report.json"
    options = ["--board", board, "--seed", str(seed), "--json", str(report)]
    assert main(["hardware", "board", *options, "--out", str(tmp_path / "project")]) == 0
    found = json.loads(report.read_text())
    assert found["timing_met"]
    assert found["bram36"] > 0
    assert found["parts"]["engine"]["lut"] > found["parts"]["link"]["lut"] > 0


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("board", [name for name, board in BOARDS.items() if board.memory])
def test_the_clocks_with_a_camera_are_met(board, seed, tmp_path):
    report = tmp_path / "report.json"
    options = ["--board", board, "--camera", "64x64", "--seed", str(seed), "--json", str(report)]
    assert main(["hardware", "board", *options, "--out", str(tmp_path / "project")]) == 0
    found = json.loads(report.read_text())
    assert found["timing_met"]
    assert any("camera_clk" in name for name in found["clock_domains"])
    assert found["parts"]["front end"]["lut"] > found["parts"]["memory controller"]["lut"] > 0
