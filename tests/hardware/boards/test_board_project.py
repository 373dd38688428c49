"""Projects of board systems: generated files, their elaboration, options, and reports."""

import json

import pytest

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.boards.board import BOARDS, find_board
from seq2seqlite.hardware.boards.project import (
    RoutedBoard,
    SynthesisedBoard,
    route_board,
    write_board,
)
from seq2seqlite.hardware.boards.soc import SystemOptions, generate_system
from seq2seqlite.hardware.eda.cells import Resources
from seq2seqlite.hardware.eda.nextpnr import Clock, PlaceAndRouteResult, _crossing_share
from seq2seqlite.hardware.eda.yosys import CELLS, SynthesisResult, _quoted, _run_script

from .systems import camera_stub, echo_core

OPTIONS = {"sys_clock_mhz": 60.0, "engine_clock_mhz": 75.0, "ip_address": "192.168.1.50", "udp_port": 6000}


@pytest.fixture(scope="module", params=list(BOARDS))
def project(request, tmp_path_factory, tiny):
    board, folder = find_board(request.param), tmp_path_factory.mktemp("board")
    return write_board(board, board.part(None), echo_core(tiny), SystemOptions(**OPTIONS), folder)


def test_the_verilog_of_a_system_is_complete(project):
    """Every module has its ports and is in a file, or is a cell of the FPGA."""
    folder, top = project.folder, project.board.name
    files = " ".join(_quoted(path) for path in project.verilog)
    family, pll = ("ecp5", "EHXPLLL") if project.board.tools == "open" else ("xilinx", "MMCME2_ADV")
    commands = [
        f"read_verilog -lib {CELLS[family]}",
        f"read_verilog {files}",
        f"hierarchy -check -top {top}",
        *(f"select -assert-count 1 {top}/t:{name}" for name in ("echo_core", project.kept[-1], pll)),
    ]
    _run_script(commands, script=folder / "check" / "a.ys", log=folder / "check" / "log", time_limit_s=300)


def test_a_project_lists_its_files_clocks_and_pins(project):
    folder = project.folder
    facts = json.loads((folder / "board.json").read_text())
    assert sorted(path.name for path in folder.iterdir() if path.is_file()) == facts["files"]
    assert facts["engine_clock_mhz"] == pytest.approx(75, rel=0.01)
    assert facts["sys_clock_mhz"] == pytest.approx(60, rel=0.01)
    name = project.board.name
    (file,) = (path for path in folder.iterdir() if path.suffix in {".lpf", ".xdc"})
    clock = {
        "ecpix5": 'FREQUENCY PORT "eth_clocks_rx" 125.0 MHz;',
        "ulx3s": 'FREQUENCY PORT "clk25" 25.0 MHz;',
        "genesys2": "create_clock -name eth_clocks_rx -period 8.0 [get_ports eth_clocks_rx]",
    }[name]
    assert file.stem == name
    assert clock in file.read_text()
    assert f"-b {name}" in (folder / "README.md").read_text()


def test_the_system_of_an_ecpix5_with_a_camera_has_its_memory(tmp_path, tiny):
    """DDR3 with its clocks, which its PHY stops, and the sequencer in place of a processor."""
    board = find_board("ecpix5")
    core, options = camera_stub(tiny, board.memory), SystemOptions(**OPTIONS)
    project = write_board(board, board.part(None), core, options, tmp_path / "project")
    assert project.kept == (
        "camera_stub", "stub_link", "seq2seqlite_packet_port", "stub_front_end", "seq2seqlite_dram"
    )  # fmt: skip
    assert project.facts["engine_clock_mhz"] == pytest.approx(75)
    files = " ".join(_quoted(path) for path in project.verilog)
    counts = {
        "ecpix5/t:seq2seqlite_dram": 1, "ecpix5/t:ECLKSYNCB": 1, "ecpix5/t:CLKDIVF": 1, "ecpix5/t:EHXPLLL": 1,
        "seq2seqlite_dram/t:seq2seqlite_dram_training": 1, "seq2seqlite_dram/t:DQSBUFM": 2,
        "seq2seqlite_dram/t:DDRDLLA": 1, "seq2seqlite_dram/t:TRELLIS_IO": 18,
    }  # fmt: skip
    commands = [
        f"read_verilog -lib {CELLS['ecp5']}",
        f"read_verilog {files}",
        "hierarchy -check -top ecpix5",
        *(f"select -assert-count {count} {what}" for what, count in counts.items()),
    ]
    _run_script(commands, script=tmp_path / "a.ys", log=tmp_path / "log", time_limit_s=300)
    constraints = (project.folder / "ecpix5.lpf").read_text()
    pins = {"camera_data[0]": "T25", "camera_data[15]": "W22", "camera_clk": "J24", "camera_last": "D18",
            "camera_wanted": "J21", "ddram_dq[0]": "T4", "ddram_clk_p": "H3"}  # fmt: skip
    for name, pin in pins.items():
        assert f'LOCATE COMP "{name}" SITE "{pin}";' in constraints
    assert 'FREQUENCY PORT "camera_clk" 50.0 MHz;' in constraints
    again = generate_system(board, board.part(None), options, core=core.module, camera=board.camera)
    for name, text in (
        ("ecpix5.v", again.verilog),
        ("seq2seqlite_dram.v", again.memory["seq2seqlite_dram.v"]),
    ):
        assert (project.folder / name).read_text() == text


def test_a_project_for_vivado_has_its_script_and_the_paths_between_clocks(tmp_path, tiny):
    board, options = find_board("genesys2"), SystemOptions(**{**OPTIONS, "sys_clock_mhz": 100.0})
    project = write_board(board, board.part(None), echo_core(tiny), options, tmp_path)
    script = (tmp_path / "vivado.tcl").read_text()
    for path in project.verilog:
        assert path.name in script
    assert "read_xdc genesys2.xdc\nsynth_design -top genesys2 -part xc7k325tffg900-2\n" in script
    delays = [
        line for line in (tmp_path / "genesys2.xdc").read_text().splitlines() if "-datapath_only" in line
    ]
    assert len(delays) == 12
    assert (
        "set_max_delay -datapath_only -from [get_clocks -of_objects [get_nets sys_clk]] "
        "-to [get_clocks -of_objects [get_nets engine_clk]] 8"
    ) in delays
    for clock in ("sys_clk", "engine_clk", "eth_rx_clk", "eth_tx_clk"):
        assert f" {clock};" in (tmp_path / "genesys2.v").read_text()
    assert "vivado -mode batch -source vivado.tcl" in (tmp_path / "README.md").read_text()
    synthesised = SynthesisedBoard(project, None)
    with pytest.raises(InputError, match=r"genesys2 has no FPGA that nextpnr supports; run vivado.tcl of"):
        route_board(synthesised)


def test_a_project_is_the_same_each_time_and_replaces_itself_only(tmp_path, tiny):
    board, core = find_board("ulx3s"), echo_core(tiny)

    def write(folder):
        return write_board(board, board.part("45F"), core, SystemOptions(**OPTIONS), folder)

    first = [path.read_text() for path in write(tmp_path / "a").verilog]
    assert [path.read_text() for path in write(tmp_path / "a").verilog] == first
    (tmp_path / "a" / "board.json").rename(tmp_path / "a" / "notes.txt")
    with pytest.raises(InputError, match=r"a is not empty and not a board project; choose a new or empty"):
        write(tmp_path / "a")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sys_clock_mhz": 30.0}, r"sys_clock_mhz=30.0 must be 40.0 to 125.0"),
        ({"engine_clock_mhz": float("nan")}, r"engine_clock_mhz=nan must be 40.0 to 125.0"),
        (
            {"ip_address": "192.168.1"},
            r"ip_address='192.168.1' must be an IPv4 address \(e.g. 192.168.1.50\)",
        ),
        ({"ip_address": "192.168.1.255"}, r"ip_address=192.168.1.255 must be the address of a host"),
        ({"ip_address": "224.0.0.1"}, r"ip_address=224.0.0.1 must be the address of a host"),
    ],
)
def test_invalid_options_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        SystemOptions(**{**OPTIONS, **changes})


def test_frequencies_that_the_pll_cannot_make_are_refused(tiny, tmp_path):
    board, options = find_board("ulx3s"), SystemOptions(**{**OPTIONS, "sys_clock_mhz": 122.5})
    with pytest.raises(InputError, match=r"cannot make sys_clock_mhz=122.5 and engine_clock_mhz=75 together"):
        write_board(board, board.part(None), echo_core(tiny), options, tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_unknown_boards_and_parts_are_refused():
    with pytest.raises(
        InputError, match=r"board 'icebreaker' is unknown; choose one of ecpix5, ulx3s, genesys2"
    ):
        find_board("icebreaker")
    with pytest.raises(InputError, match=r"part='12F' must be one of 85F, 45F for board ulx3s"):
        find_board("ulx3s").part("12F")


def resources(lut, bram36):
    return Resources(lut, 2 * lut, 0, bram36, int(2 * bram36), 0, 0, 0)


def test_the_utilisation_by_part_adds_up(project):
    core, link, port = project.kept
    modules = {core: resources(700, 9.0), link: resources(100, 3.0), port: resources(40, 2.5)}
    result = SynthesisResult(
        "ecp5", resources(1000, 12.0), {}, modules, project.folder, project.folder, 1.0, 1, project.folder
    )
    parts = SynthesisedBoard(project, result).parts()
    network = "Ethernet" if project.board.link == "udp" else "serial line"
    luts = {name: part["lut"] for name, part in parts.items()}
    assert luts == {
        "engine": 600,
        "link": 140,
        "front end": 0,
        "memory controller": 0,
        network: 260,
        "all": 1000,
    }
    for name in ("lut", "ff", "dsp", "bram36"):
        assert sum(part[name] for part in parts.values()) == 2 * parts["all"][name]


@pytest.mark.parametrize(
    ("achieved", "crossing_share", "routed", "met"),
    [
        ((60.0, 125.1), 0.99, True, True),
        ((59.9, 125.1), 0.99, True, False),
        ((60.0, 124.9), 0.99, True, False),
        ((60.0, 125.1), 1.01, True, False),
        ((60.0, 125.1), 0.99, False, False),
    ],
)
def test_timing_is_met_if_all_clocks_and_crossings_are(achieved, crossing_share, routed, met, tmp_path):
    clocks = {"sys": Clock(achieved[0], 60.0), "eth": Clock(achieved[1], 125.0)}
    result = PlaceAndRouteResult(
        min(achieved), clocks, 12.0, crossing_share, routed, {}, (), 1.0, 1, tmp_path, tmp_path, tmp_path
    )
    found = RoutedBoard(result, None).to_dict()
    assert found["timing_met"] is met
    assert found["clock_domains"]["sys"]["met"] is (achieved[0] >= 60)


def test_a_crossing_is_compared_with_the_periods_of_its_own_clocks():
    clocks = {"sys": Clock(70.0, 60.0), "engine": Clock(80.0, 75.0), "eth": Clock(150.0, 125.0)}

    def share(*paths):
        report = {
            "critical_paths": [
                {"from": source, "to": sink, "path": [{"delay": ns / 2}, {"delay": ns / 2}]}
                for source, sink, ns in paths
            ]
        }
        return _crossing_share(report, clocks)

    inside = [("posedge sys", "posedge sys", 16.0), ("<async>", "posedge eth", 20.0)]
    assert share(*inside) == 0
    assert share(*inside, ("posedge engine", "posedge sys", 12.0)) == pytest.approx(0.9)
    crossings = [("posedge engine", "posedge sys", 12.0), ("posedge sys", "posedge eth", 8.4)]
    assert share(*inside, *crossings) == pytest.approx(1.05)
    assert share(("posedge sys", "negedge unknown", 8.4)) == pytest.approx(1.05)
