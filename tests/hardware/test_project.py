"""Projects on disk, and designs that cannot be."""

import dataclasses
import json
import shutil
import xml.etree.ElementTree as ET

import pytest

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.design import DesignOptions, make_design
from seq2seqlite.hardware.implementation import place_and_route_project
from seq2seqlite.hardware.project import read_project, write_project
from seq2seqlite.hardware.resources.estimate import check_fit, estimate
from seq2seqlite.hardware.targets import LANES, find_target
from seq2seqlite.reports.hardware_report import write_hardware_report


@pytest.fixture(scope="module")
def written(odd_program, tmp_path_factory):
    """A project of two engines; tests get a copy, which they may alter."""
    design = make_design(odd_program(0), find_target("xc7k410t"), DesignOptions(engines=2))
    return write_project(design, tmp_path_factory.mktemp("written") / "project")


@pytest.fixture(scope="module")
def one_engine(odd_program):
    return make_design(odd_program(0), find_target("ecp5-85f"), DesignOptions())


@pytest.fixture(scope="module")
def on_an_ecp5(one_engine, tmp_path_factory):
    return write_project(one_engine, tmp_path_factory.mktemp("ecp5"))


@pytest.fixture
def project(written, tmp_path):
    shutil.copytree(written.folder, tmp_path / "project")
    return dataclasses.replace(written, folder=tmp_path / "project")


def test_a_project_comes_back(project):
    again = read_project(project.folder)
    assert again.program.sha256 == project.program.sha256
    assert again.options == DesignOptions(engines=2)
    assert again.shape.slots == project.shape.slots
    assert {path.name for path in again.verilog} == {
        "top.v",
        "engine.v",
        "encoder_step.v",
        "decoder_step.v",
        "head.v",
    }
    assert not list(project.folder.parent.glob(".writing-*"))


def test_project_of_another_target_leaves_nothing_of_the_first(project, one_engine):
    (project.folder / "notes.txt").write_text("mine")
    assert (project.folder / "vivado.tcl").is_file()
    write_project(one_engine, project.folder)
    names = {path.name for path in project.folder.iterdir()}
    assert {"notes.txt", "constraints.lpf", "design.json"} <= names
    assert not {"vivado.tcl", "constraints.xdc"} & names


def test_folder_with_the_paper_of_another_program_is_refused(one_engine, tmp_path):
    (tmp_path / "design.json").write_text('{"mine": 1}')
    with pytest.raises(InputError, match="is not empty and not a hardware project; choose a new"):
        write_project(one_engine, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["design.json"]


def test_report_does_not_replace_files_of_others(project, tmp_path):
    out = tmp_path / "report"
    write_hardware_report([project], out)
    write_hardware_report([project], out)
    (out / "hardware.json").unlink()
    with pytest.raises(InputError, match=r"report\.html is not recorded as a result of seq2seqlite"):
        write_hardware_report([project], out)


def test_the_same_design_gives_the_same_verilog(odd_program):
    def verilog():
        return make_design(odd_program(0), find_target("xc7k410t"), DesignOptions()).plan().execute()

    assert verilog() == verilog()


def test_the_ports_are_described(project):
    tree = ET.parse(project.folder / "component.xml")  # noqa: S314  (our own file)
    names = {element.text for element in tree.iter() if element.tag.endswith("}name")}
    assert {"s_axis", "m_axis", "s_axil", "aclk", "s_axis_tdata", "m_axis_tlast", "TVALID"} <= names
    top = (project.folder / "top.v").read_text()
    for port in ("s_axis_tdata", "m_axis_tlast", "s_axil_rdata", "aresetn"):
        assert port in top


@pytest.mark.parametrize("name", ["engine.v", "design.json", "integer.program"])
def test_a_project_that_was_altered(project, name):
    path = project.folder / name
    path.write_bytes(path.read_bytes()[:-40] + b" " * 40)
    with pytest.raises(InputError, match=r"was modified|is damaged|was cut short"):
        read_project(project.folder)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("format_version", 9, "was written by an incompatible version"),
        ("options", {"engines": 2.5}, r"is damaged \(engines=2.5 must be between 1 and 64\)"),
        ("options", {"engines": "2"}, r"is damaged \(engines=2 must be between 1 and 64\)"),
        ("options", {"lanes": None}, r"is damaged \(lanes=None must be one of 1, 2, 4, 8, 16"),
        ("options", {"wings": 2}, r"is damaged \(TypeError\(.*'wings'"),
        ("target", "z", r"is damaged \(target 'z' is unknown"),
        ("target", ["z"], r"is damaged \(TypeError"),
        ("slots", 0, r"is damaged \(slots=0 must be a whole number above 0\)"),
        ("slots", 2.5, r"is damaged \(slots=2.5 must be a whole number above 0\)"),
        ("head_latency", float("inf"), r"is damaged \(head_latency=inf must be a whole number, at least 0\)"),
        ("latency_clocks", None, r"is damaged \(latency_clocks=None must be a whole number above 0\)"),
        ("clocks_per_pixel", 0, r"is damaged \(clocks_per_pixel=0 must be a number above 0\)"),
        ("clock_mhz_stated", "fast", r"is damaged \(clock_mhz_stated='fast' must be a number above 0\)"),
        ("sha256", [], r"is damaged \(sha256=\[\] must contain exactly encoder_step.v, .*, top.v\)"),
        ("sha256", {}, r"is damaged \(sha256=\{\} must contain exactly encoder_step.v, .*, top.v\)"),
        ("program_sha256", None, r"is damaged \(program_sha256=None must be text\)"),
    ],
)
def test_facts_that_cannot_be(project, name, value, message):
    paper = project.folder / "design.json"
    paper.write_text(json.dumps(json.loads(paper.read_text()) | {name: value}))
    with pytest.raises(InputError, match=rf"design.json {message}.*; build the project again$"):
        read_project(project.folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "RecursionError"),
        ("[]", "it does not contain a JSON object"),
        ('{"format": "seq2seqlite hardware project", "format_version": 2}', r"KeyError\('options'\)"),
    ],
)
def test_a_paper_that_is_none(project, text, message):
    (project.folder / "design.json").write_text(text)
    with pytest.raises(InputError, match=rf"design.json is damaged \({message}.*; build the project again$"):
        read_project(project.folder)


def test_verilog_that_is_no_text(project):
    (project.folder / "top.v").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=r"top.v is missing or was modified; build the project again$"):
        read_project(project.folder)


@pytest.mark.parametrize(
    ("name", "result", "message"),
    [
        ("simulation", {}, "pixels=None"),
        ("simulation", {"pixels": 1, "mismatches": 0, "clocks_per_pixel": 0}, "clocks_per_pixel=0"),
        ("simulation", {"pixels": 1, "mismatches": -1, "clocks_per_pixel": 24}, "mismatches=-1"),
        ("synthesis", {"lut": "x"}, "lut='x'"),
        ("synthesis", {"lut": 1, "ff": 1, "dsp": 0, "bram36": 0, "device_share": 1}, "device_share.lut=None"),
        ("place-and-route-7", {"clock_mhz": None}, "clock_mhz=None"),
    ],
)
def test_results_that_cannot_be_are_not_reported(project, tmp_path, name, result, message):
    project.record(name, result)
    line = rf"{name}.json is damaged \({message}\); repeat the command that writes it$"
    with pytest.raises(InputError, match=line):
        write_hardware_report([project], tmp_path / "report")
    assert not (tmp_path / "report").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [("[]", "it does not contain a JSON object"), ("{}", "design_sha256 is missing")],
)
def test_records_that_are_none(project, text, message):
    (project.folder / "synthesis.json").write_text(text)
    with pytest.raises(InputError, match=rf"synthesis.json is damaged \({message}\); run the command that"):
        project.recorded("synthesis")


def test_a_program_of_another_project(project, tiny):
    from seq2seqlite.integer import write_program

    write_program(project.folder / "integer.program", tiny)
    with pytest.raises(InputError, match="is not the program of this project; build the project again"):
        read_project(project.folder)


def test_no_project(tmp_path, project):
    with pytest.raises(InputError, match=r"is not a hardware project .*; create one with .* hardware build"):
        read_project(tmp_path)
    design = json.loads((project.folder / "design.json").read_text())
    assert design["options"]["engines"] == 2


def test_a_folder_of_something_else_is_left_alone(one_engine, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="is not empty and not a hardware project; choose a new"):
        write_project(one_engine, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engines": 0}, "engines=0 must be between 1 and 64"),
        ({"lanes": 3}, "lanes=3 must be one of 1, 2, 4, 8, 16, 32, or 0 for the default"),
        ({"result_width": 48}, "result_width=48 must be one of 32, 64, 128"),
        ({"output": "tau"}, "output='tau' must be 'lifetimes' or 'sfd'"),
        (
            {"prefix": "2nd_"},
            "prefix='2nd_' must be at most 40 letters, digits and underscores",
        ),
    ],
)
def test_options_that_are_not(options, message):
    with pytest.raises(InputError, match=message):
        DesignOptions(**options)


def test_more_engines_than_fit(tiny):
    design = make_design(tiny, find_target("ecp5-25f"), DesignOptions(engines=4))
    needed = estimate(design).lut
    with pytest.raises(
        InputError, match=rf"4 engines of .* need about {needed:,} LUT, {needed - 24288:,} more"
    ):
        check_fit(design)


def test_a_target_that_is_not():
    with pytest.raises(InputError, match="target 'xc9' is unknown; choose one of xc7k410t"):
        find_target("xc9")


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"speed": 5}, "speed=5 is not a speed grade of an ECP5; choose 6, 7 or 8"),
        ({"freq_mhz": 0.0}, r"freq_mhz=0.0 must be finite and > 0 \(e.g. 120\)"),
        ({"freq_mhz": float("nan")}, "freq_mhz=nan must be finite and > 0"),
        ({"seed": -1}, r"seed=-1 must be 0 to 2\*\*31 - 1"),
    ],
)
def test_what_nextpnr_cannot_do_is_known_before_synthesis(on_an_ecp5, choice, message):
    with pytest.raises(InputError, match=f"^{message}"):
        place_and_route_project(on_an_ecp5, **choice)
    assert not (on_an_ecp5.folder / "synthesis").exists()


@pytest.mark.parametrize(
    ("n_gates", "lanes"),
    [
        # A packet of 135 gates in 16 lanes has 9 beats, and 16 engines take a pixel every 8.44 clock cycles.
        (135, {1: 1, 2: 4, 3: 4, 4: 8, 5: 8, 15: 16, 16: 32, 27: 32, 64: 32}),
        (67, {1: 1, 2: 4, 13: 16, 14: 32, 22: 32}),
        (64, {1: 1, 2: 2, 3: 4, 4: 4, 16: 16, 32: 32}),
    ],
)
def test_the_fewest_lanes_that_feed_all_engines(n_gates, lanes):
    found = {engines: DesignOptions(engines).input_lanes(n_gates) for engines in lanes}
    assert found == lanes
    for engines in set(lanes) - {64}:
        beats = [-(-n_gates // lane) for lane in LANES if lane <= found[engines]]
        assert beats[-1] <= n_gates / engines
        assert all(fewer > n_gates / engines for fewer in beats[:-1])
    assert DesignOptions(engines=5, lanes=2).input_lanes(n_gates) == 2


def test_no_place_and_route_for_xilinx(project):
    with pytest.raises(InputError, match="not support target xc7k410t; build the project for an ECP5"):
        place_and_route_project(project)
