"""The Vivado script of a project, run by Tcl with commands that record their calls."""

import re

import pytest

from seq2seqlite.hardware.design import DesignOptions, make_design
from seq2seqlite.hardware.gateware.register_map import registers
from seq2seqlite.hardware.gateware.top import top_ports
from seq2seqlite.hardware.project import write_project
from seq2seqlite.hardware.targets import find_target

# Commands of Vivado that the script uses, with their options: those with a value, and those without.
COMMANDS = {
    "create_project": ({"-part"}, {"-in_memory", "-force"}),
    "close_project": (set(), set()),
    "read_verilog": (set(), set()),
    "read_xdc": ({"-mode"}, set()),
    "synth_design": ({"-top", "-part", "-mode"}, set()),
    "opt_design": (set(), set()),
    "place_design": (set(), set()),
    "phys_opt_design": (set(), set()),
    "route_design": (set(), set()),
    "write_checkpoint": (set(), {"-force"}),
    "report_utilization": ({"-file"}, {"-hierarchical"}),
    "report_timing_summary": ({"-file", "-max_paths"}, {"-report_unconstrained"}),
    **{
        f"report_{name}": ({"-file"}, set())
        for name in ("route_status", "clock_utilization", "power", "methodology", "drc")
    },
    "get_timing_paths": ({"-delay_type"}, set()),
    "get_property": (set(), set()),
    "set_property": (set(), set()),
    "add_files": ({"-fileset"}, {"-norecurse"}),
    "get_files": (set(), set()),
    "current_fileset": (set(), set()),
    "update_compile_order": ({"-fileset"}, set()),
    "ipx::package_project": (
        {"-root_dir", "-vendor", "-library", "-taxonomy", "-set_current"},
        {"-import_files", "-force"},
    ),
    "ipx::associate_bus_interfaces": ({"-busif", "-clock", "-reset"}, set()),
    **{
        f"ipx::{name}": (set(), set())
        for name in (
            *("current_core", "remove_all_bus_interface", "remove_memory_map", "add_bus_interface"),
            *("add_port_map", "add_bus_parameter", "add_memory_map", "add_address_block", "add_register"),
            *("add_field", "create_xgui_files", "update_checksums", "check_integrity", "save_core"),
        )
    },
    **{
        f"ipx::{name}": ({"-of_objects"}, set())
        for name in ("get_memory_maps", "get_bus_interfaces", "get_address_blocks", "get_port_maps")
    },
    "create_clock": ({"-name", "-period"}, set()),
    "set_input_delay": ({"-clock"}, set()),
    "set_output_delay": ({"-clock"}, set()),
    "get_ports": ({"-filter"}, set()),
}
tk = pytest.importorskip("tkinter")
SLACK = {"max": "0.125", "min": "0.034"}


class Recorder:
    """Tcl with commands of Vivado that check their options and record their calls."""

    def __init__(self, slack=SLACK):
        self.calls, self.printed, self.slack = [], [], slack
        self.tcl = tk.Tcl()
        self.tcl.eval("namespace eval ipx {}")
        for name in COMMANDS:
            self.tcl.createcommand(name, lambda *words, name=name: self.called(name, *words))
        self.tcl.createcommand("puts", lambda *words: self.printed.append(words[-1]))

    def called(self, name, *words):
        with_value, alone = COMMANDS[name]
        options, rest, left = {}, [], list(map(str, words))
        while left:
            word = left.pop(0)
            if word in with_value:
                options[word] = left.pop(0)
            elif word in alone:
                options[word] = True
            else:
                assert not re.match(r"-[a-z]", word), f"{name} has no option {word}"
                rest.append(word)
        self.calls.append((name, options, rest))
        if name == "get_property":
            return self.slack[rest[1]] if rest[0] == "SLACK" else rest[1]
        if name == "get_timing_paths":
            return options["-delay_type"]
        if name == "ipx::get_memory_maps" and not rest:
            return "inferred_map"
        # An object is named by what contains it.
        owner = options.get("-of_objects", rest[1] if name.startswith("ipx::add") else "")
        return f"{owner}/{rest[0]}" if rest else name

    def run(self, script, *arguments):
        self.tcl.call("set", "argv", arguments)
        self.tcl.call("source", str(script))
        return self

    def of(self, name):
        return [(options, rest) for one, options, rest in self.calls if one == name]

    def properties(self):
        """Return the values of the properties that were set: by object and name."""
        return {(rest[2], rest[0]): rest[1] for _, rest in self.of("set_property")}


@pytest.fixture(scope="module")
def project(odd_direct_program, tmp_path_factory):
    options = DesignOptions(engines=2, prefix="left_", responses=3)
    design = make_design(odd_direct_program(9), find_target("kv260"), options)
    # The script has to find its files in a folder with any name.
    return write_project(design, tmp_path_factory.mktemp("a project") / "with [brackets]")


def test_the_implementation_uses_all_files_and_writes_its_reports(project):
    found = Recorder().run(project.folder / "vivado.tcl")
    names = [name for name, _, _ in found.calls]
    steps = ["read_verilog", "read_xdc", "synth_design", "opt_design", "place_design", "route_design"]
    assert [name for name in names if name in steps] == steps
    ((options, _),) = found.of("synth_design")
    assert options == {
        "-top": "left_seq2seqlite_top",
        "-part": "xck26-sfvc784-2LV-c",
        "-mode": "out_of_context",
    }
    ((_, (verilog,)),) = found.of("read_verilog")
    assert set(found.tcl.splitlist(verilog)) == {str(path) for path in project.verilog}
    ((_, (constraints,)),) = found.of("read_xdc")
    assert constraints == str(project.folder / "constraints.xdc")
    reports = [options["-file"] for name, options, _ in found.calls if name.startswith("report_")]
    assert len(set(reports)) == len(reports) == 8
    assert {path.rpartition("/")[0] for path in reports} == {str(project.folder / "vivado")}
    assert found.printed == [
        "left_seq2seqlite_top: 258.1 MHz reached, setup slack 0.125 ns, hold slack 0.034 ns"
    ]
    assert not found.of("ipx::package_project")


@pytest.mark.parametrize("slack", [{"max": "-0.5", "min": "0.03"}, {"max": "0.1", "min": "-0.01"}])
def test_a_design_that_misses_its_timing_is_an_error(project, slack):
    with pytest.raises(tk.TclError, match=r"left_seq2seqlite_top misses its timing at a period of 4.000 ns"):
        Recorder(slack).run(project.folder / "vivado.tcl")


def test_the_ip_has_all_ports_and_registers(project):
    found = Recorder().run(project.folder / "vivado.tcl", "package")
    assert not found.of("synth_design")
    (options, _), (to_constraints, (constraints,)) = found.of("add_files")
    ((_, (top,)),) = [(o, r[1:2]) for o, r in found.of("set_property") if r[0] == "top"]
    assert (top, to_constraints["-fileset"]) == ("left_seq2seqlite_top", "constrs_1")
    assert set(found.tcl.splitlist(found.of("add_files")[0][1][0])) == {str(path) for path in project.verilog}
    assert "-norecurse" in options
    assert constraints == str(project.folder / "constraints.xdc")
    core, values = "ipx::current_core", found.properties()
    assert values[core, "version"] == "2.0"
    # What Vivado inferred is removed, and all ports are mapped, each once.
    assert found.of("ipx::remove_memory_map") == [({}, ["inferred_map", core])]
    types = {
        **dict.fromkeys(("s_axis", "m_axis"), "xilinx.com:interface:axis:1.0"),
        "s_axil": "xilinx.com:interface:aximm:1.0",
        "aclk": "xilinx.com:signal:clock:1.0",
        "aresetn": "xilinx.com:signal:reset:1.0",
        "irq": "xilinx.com:signal:interrupt:1.0",
    }
    assert {name: values[f"{core}/{name}", "bus_type_vlnv"] for name in types} == types
    roles = {name: values[f"{core}/{name}", "interface_mode"] for name in types}
    assert {name for name, role in roles.items() if role == "master"} == {"m_axis", "irq"}
    mapped = [value for (_, name), value in values.items() if name == "physical_name"]
    assert sorted(mapped) == sorted(top_ports(project.shape, project.options.result_width))
    assert values[f"{core}/s_axis/TUSER", "physical_name"] == "s_axis_tuser"
    assert values[f"{core}/irq/INTERRUPT", "physical_name"] == "irq"
    associated = {o["-busif"] for o, _ in found.of("ipx::associate_bus_interfaces") if "-busif" in o}
    assert associated == {"s_axis", "m_axis", "s_axil"}
    assert values[f"{core}/aresetn/POLARITY", "value"] == "ACTIVE_LOW"
    block = f"{core}/s_axil/registers"
    assert values[f"{core}/s_axil", "slave_memory_map_ref"] == "s_axil"
    for register in registers(project.shape):
        name = f"{block}/{register.name}"
        assert int(values[name, "address_offset"], 16) == register.address
        assert values[name, "access"] == register.access
        assert values[name, "description"] == register.summary
        for part in register.parts:
            field = f"{name}/{part.name}"
            assert (values[field, "bit_offset"], values[field, "bit_width"]) == (
                str(part.low),
                str(part.bits),
            )
    assert len(found.of("ipx::add_register")) == len(registers(project.shape))
    assert [name for name, _, _ in found.calls][-2:] == ["ipx::save_core", "close_project"]


def test_both_actions_and_one_that_does_not_exist(project):
    found = Recorder().run(project.folder / "vivado.tcl", "implement", "package")
    assert len(found.printed) == 2
    other = Recorder()
    with pytest.raises(tk.TclError, match="action 'program' must be implement or package"):
        other.run(project.folder / "vivado.tcl", "package", "program")
    assert not other.calls


def test_the_constraints_have_the_clock_and_all_ports(project):
    found = Recorder().run(project.folder / "constraints.xdc")
    ((options, _),) = found.of("create_clock")
    assert options == {"-name": "aclk", "-period": "4.000"}
    filters = [options["-filter"] for options, _ in found.of("get_ports") if options]
    assert filters == ['DIRECTION == IN && NAME != "aclk"', "DIRECTION == OUT"]
