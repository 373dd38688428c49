"""``seq2seqlite hardware board``: results, and errors before a tool runs."""

import json
import sys
from importlib import import_module

import pytest

from seq2seqlite.cli.app import main
from seq2seqlite.hardware.boards.project import RoutedBoard, SynthesisedBoard
from seq2seqlite.hardware.eda.cells import Resources
from seq2seqlite.hardware.eda.nextpnr import Clock, PlaceAndRouteResult, Use
from seq2seqlite.hardware.eda.yosys import SynthesisResult

TINY = "seq2seqlite-tcspc-80mhz-tiny"


def resources(lut):
    return Resources(lut, lut, 0, 2.0, 4, 0, 0, 0)


def synthesised(project, **_):
    core, link, port = project.kept
    modules = {core: resources(7000), link: resources(1000), port: resources(500)}
    folder = project.folder
    result = SynthesisResult("ecp5", resources(10_000), {}, modules, folder, folder, 1.0, 1, folder)
    return SynthesisedBoard(project, result)


def routed(found, *, seed, **_):
    folder = found.project.folder
    clocks = {"engine_clk": Clock(71.5, 60.0), "eth_rx": Clock(124.0, 125.0)}
    use = {"TRELLIS_FF": Use(7, 24288)}
    result = PlaceAndRouteResult(
        71.5, clocks, 2.0, 0.25, True, use, (), float(seed), 1, folder, folder, folder
    )
    return RoutedBoard(result, folder / "ecpix5.bit")


@pytest.fixture
def without_tools(monkeypatch):
    command = import_module("seq2seqlite.cli.hardware.board")
    monkeypatch.setattr(command, "synthesize_board", synthesised)
    monkeypatch.setattr(command, "route_board", routed)


def test_a_report_has_the_clocks_and_the_parts(without_tools, tmp_path, capsys):
    out, report = tmp_path / "out", tmp_path / "report.json"
    assert main(["hardware", "board", "--out", str(out), "--json", str(report)]) == 0
    found = json.loads(report.read_text())
    assert (found["board"], found["model"], found["part"]) == ("ecpix5", TINY, "LFE5UM5G-85F-8BG554I")
    assert (found["clock_mhz"], found["timing_met"]) == (60.0, False)
    assert (found["lut"], found["ff"], found["bram36"]) == (10_000, 10_000, 2.0)
    assert found["parts"]["Ethernet"]["lut"] == 2500
    assert found["pixels_per_second"] == pytest.approx(60e6 / 135)
    printed = capsys.readouterr().out
    assert "engine_clk: 71.5 MHz of 60.0 MHz, met\neth_rx: 124.0 MHz of 125.0 MHz, NOT met\n" in printed
    assert printed.rstrip().endswith("ecpix5.bit")


def test_without_route_there_are_no_clocks(without_tools, tmp_path, capsys):
    out, report = tmp_path / "out", tmp_path / "report.json"
    options = ["--board", "ulx3s", "--part", "45F", "--engine-clock", "62.5", "--no-route"]
    assert main(["hardware", "board", *options, "--out", str(out), "--json", str(report)]) == 0
    found = json.loads(report.read_text())
    assert (found["part"], found["clock_mhz"], found["timing_met"]) == ("LFE5U-45F-6BG381C", 62.5, None)
    assert (out / "ulx3s.lpf").is_file()
    assert "MHz of" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--engine-clock", "200"], "engine_clock_mhz=200.0 must be 40.0 to 125.0"),
        (["--ip-address", "board.local"], "ip_address='board.local' must be an IPv4 address"),
        (["--model", "seq2seqlite-tcspc-80mhz-float"], "seq2seqlite-tcspc-80mhz-float"),
    ],
)
def test_invalid_options_are_one_line_and_leave_no_folder(options, error, tmp_path, capsys):
    assert main(["hardware", "board", *options, "--out", str(tmp_path / "out")]) == 2
    message = capsys.readouterr().err.strip()
    assert error in message
    assert "\n" not in message
    assert not (tmp_path / "out").exists()


def test_a_missing_extra_is_named(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "liteeth.core", None)
    for name in ("seq2seqlite.cli.hardware.board", "seq2seqlite.hardware.boards"):
        for module in [module for module in sys.modules if module.startswith(name)]:
            monkeypatch.delitem(sys.modules, module)
    assert main(["hardware", "board", "--out", str(tmp_path / "out")]) == 2
    assert "install it with pip install 'seq2seqlite[board]'" in capsys.readouterr().err


def test_a_camera_needs_a_memory_that_is_supported(tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["hardware", "board", "--board", "genesys2", "--camera", "64x64", "--out", str(out)]) == 2
    assert "board genesys2 has no supported memory, which a camera requires; choose one of ecpix5, ulx3s" in (
        capsys.readouterr().err
    )
    command = ["hardware", "board", "--board", "ulx3s", "--out", str(out)]
    assert main([*command, "--camera", "64x64", "--engine-clock", "110"]) == 2
    assert "engine_clock_mhz=110 must be 40 to 100 with a camera" in capsys.readouterr().err
    assert main([*command, "--camera", "512x512"]) == 2
    assert "exceed the memory of 32 MiB; use a smaller image or fewer gates" in capsys.readouterr().err
    assert not out.exists()
