"""Projects on disk, and designs that cannot be."""

import json
import xml.etree.ElementTree as ET

import pytest

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.design import DesignOptions, make_design
from seq2seqlite.hardware.estimate import check_fit, estimate
from seq2seqlite.hardware.physical import place_and_route_project
from seq2seqlite.hardware.project import read_project, write_project
from seq2seqlite.hardware.targets import find_target


@pytest.fixture
def project(odd_program, tmp_path):
    design = make_design(odd_program(0), find_target("xc7k410t"), DesignOptions(engines=2))
    return write_project(design, tmp_path / "project")


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


def test_the_same_design_gives_the_same_verilog(odd_program):
    def verilog():
        return make_design(odd_program(0), find_target("xc7k410t"), DesignOptions()).verilog

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
    with pytest.raises(InputError, match=r"was altered|is damaged|was cut short"):
        read_project(project.folder)


def test_a_program_of_another_project(project, tiny):
    from seq2seqlite.integer import write_program

    write_program(project.folder / "integer.program", tiny)
    with pytest.raises(InputError, match="is not the program of this project; build it again"):
        read_project(project.folder)


def test_no_project(tmp_path, project):
    with pytest.raises(InputError, match="is no hardware project; make one with seq2seqlite hardware build"):
        read_project(tmp_path)
    design = json.loads((project.folder / "design.json").read_text())
    assert design["options"]["engines"] == 2


def test_a_folder_of_something_else_is_left_alone(odd_program, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    design = make_design(odd_program(0), find_target("xc7k410t"), DesignOptions())
    with pytest.raises(InputError, match="is not empty and no hardware project; name a new folder"):
        write_project(design, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engines": 0}, "engines=0 must be between 1 and 64"),
        ({"lanes": 3}, "lanes=3 must be one of 1, 2, 4, 8, 16: counts of 16 bits in a beat"),
        ({"result_width": 48}, "result_width=48 must be one of 32, 64, 128"),
        ({"output": "tau"}, "output='tau' must be 'lifetimes' or 'sfd'"),
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


def test_no_place_and_route_for_xilinx(project):
    with pytest.raises(InputError, match="target xc7k410t has no place and route here; take an ECP5"):
        place_and_route_project(project)
