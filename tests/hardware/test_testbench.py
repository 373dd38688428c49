"""The testbench, the registers and the module names of project folders."""

import re
import shutil
import subprocess
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from seq2seqlite.hardware.cosim.stream import Access
from seq2seqlite.hardware.design import DesignOptions, make_design
from seq2seqlite.hardware.eda.verilator import Compilation, compile_model, cpp_compiler
from seq2seqlite.hardware.gateware.register_map import Field, registers
from seq2seqlite.hardware.project import read_project, write_project
from seq2seqlite.hardware.stimulus import made_up_bank
from seq2seqlite.hardware.targets import find_target
from seq2seqlite.hardware.wire.beats import Beats
from seq2seqlite.hardware.wire.results import response_words

# Both designs in one simulation: the wrapper has their common clock.
WRAPPER = """
module two (input aclk, output done);
  wire direct_done, other_done;
  direct_seq2seqlite_top_testbench #(.FOLDER("direct/")) one (.aclk(aclk), .done(direct_done));
  other_seq2seqlite_top_testbench #(.FOLDER("other/")) another (.aclk(aclk), .done(other_done));
  assign done = direct_done && other_done;
endmodule
"""
HARNESS = """
#include "Vtop.h"
#include "verilated.h"
int main() {
    VerilatedContext context;
    Vtop top{&context};
    while (!top.done) {
        top.aclk = !top.aclk;
        top.eval();
    }
    top.final();
}
"""
PASSED = ["PASS: 72 output beats of 24 pixels", "PASS: 96 output beats of 24 pixels"]


@pytest.fixture(scope="module")
def folder(odd_direct_program, odd_program, tmp_path_factory):
    """Projects of a direct design and of one with a decoder, whose modules have different prefixes."""
    folder = tmp_path_factory.mktemp("two")
    target = find_target("xc7k410t")
    options = DesignOptions(lanes=2, result_width=64, responses=5, prefix="direct_")
    write_project(make_design(odd_direct_program(9), target, options), folder / "direct")
    options = DesignOptions(engines=2, prefix="other_", sequence_numbers=True)
    write_project(make_design(odd_program(0), target, options), folder / "other")
    return folder


def output_of(*command, folder):
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


def verilog(folder):
    return sorted([*folder.glob("direct/*.v"), *folder.glob("other/*.v")])


def test_two_designs_in_one_simulation_pass_their_testbenches(folder, tmp_path):
    (folder / "two.v").write_text(WRAPPER)
    (tmp_path / "harness.cpp").write_text(HARNESS)
    program = compile_model(
        [folder / "two.v", *verilog(folder)],
        top="two",
        harness=tmp_path / "harness.cpp",
        headers=[],
        out_dir=tmp_path / "build",
        compilation=Compilation(verilator=("-DEXTERNAL_CLOCK",)),
    )

    def printed(where):
        return subprocess.run(
            [program], cwd=where, capture_output=True, text=True, check=True
        ).stdout.splitlines()

    assert sorted(printed(folder)) == PASSED
    for name in ("direct", "other"):
        shutil.copytree(folder / name, tmp_path / name, ignore=shutil.ignore_patterns("*.v"))
    lines = (tmp_path / "direct/expected.hex").read_text().splitlines()
    lines[30] = f"{int(lines[30], 16) ^ 1 << 20:x}"
    (tmp_path / "direct/expected.hex").write_text("\n".join(lines) + "\n")
    found = printed(tmp_path)
    assert "FAIL: 72 output beats instead of 72, 1 of them wrong" in found
    assert PASSED[1] in found


@pytest.mark.hardware_full
@pytest.mark.parametrize("generation", ["2005", "2012"])
@pytest.mark.parametrize(("name", "result"), [("direct", PASSED[0]), ("other", PASSED[1])])
def test_icarus_passes_the_testbench(folder, name, result, generation, tmp_path):
    top, compiled = f"{name}_seq2seqlite_top_testbench", tmp_path / "bench"
    files = sorted((folder / name).glob("*.v"))
    subprocess.run(["iverilog", f"-g{generation}", "-s", top, "-o", compiled, *files], check=True)
    found = subprocess.run(
        ["vvp", "-n", compiled], cwd=folder / name, capture_output=True, text=True, check=True
    )
    assert found.stdout.splitlines()[-1].startswith(result)


def test_all_modules_have_the_prefix_of_their_design(folder):
    for name in ("direct", "other"):
        texts = [path.read_text() for path in (folder / name).glob("*.v")]
        modules = [module for text in texts for module in re.findall(r"^module \\?(\S+)", text, re.MULTILINE)]
        assert len(modules) > 10
        assert {module.partition("_")[0] for module in modules} == {name}
        assert read_project(folder / name).options.prefix == f"{name}_"


def macros(header, folder):
    """Return the values of the macros of a C header, as a C compiler sees them."""
    names = [name for name in re.findall(r"#define (\w+)", header) if not name.endswith("_H")]
    lines = "".join(f'  printf("{name} %u\\n", {name});\n' for name in names)
    source = folder / "print.c"
    (folder / "registers.h").write_text(header)
    source.write_text(f'#include <stdio.h>\n#include "registers.h"\nint main(void) {{\n{lines}}}\n')
    compiler = [cpp_compiler(), "-x", "c", "-std=c99", "-Wall", "-Werror", "-pedantic"]
    subprocess.run([*compiler, source, "-o", folder / "print"], check=True)
    printed = output_of(folder / "print", folder=folder)
    return {name: int(value) for name, value in map(str.split, printed.splitlines())}


def test_the_c_header_is_that_of_the_design(direct_design, tmp_path):
    project = direct_design.project
    header = macros((project.folder / "registers.h").read_text(), tmp_path)
    address = {name.removeprefix("SEQ2SEQLITE_"): value for name, value in header.items()}
    constants = [name.removesuffix("_VALUE") for name in address if name.endswith("_VALUE")]
    assert {"ID", "VERSION", "HASH0", "SHAPE", "CAPABILITIES", "WIDTHS", "CODES"} < set(constants)
    codes = made_up_bank(project.program, 2)[1]
    words = [int(word) for word in response_words(project.program, codes)]
    run = direct_design.stream.run(
        Beats(np.zeros((0, 1), np.uint32), np.zeros(0, np.bool_)),
        before=[
            *(Access(address[name]) for name in constants),
            Access(address["RESPONSE_BASE"], 3),
            Access(address["RESPONSE_BASE"]),
            Access(address["RESPONSE_OPEN"], 4),
            Access(address["RESPONSE_STATUS"], until=address["RESPONSE_STATUS_READY_MASK"]),
            *(Access(address["RESPONSE_WORD"], word) for word in words),
            Access(address["RESPONSE_COMPLETE"], len(words)),
            Access(address["RESPONSE_STATUS"]),
            Access(address["FLUSH_CLOCKS"]),
        ],
    )
    assert run.end == "done"
    read = list(run.registers)
    assert read[: len(constants)] == [address[f"{name}_VALUE"] for name in constants]
    assert read[len(constants) + 1] == 3
    assert read[-2] == address["RESPONSE_STATUS_LOADED_MASK"] | 4 << address["RESPONSE_STATUS_INDEX_SHIFT"]
    assert read[-1] == 65536
    lanes = address["WIDTHS_VALUE"] & address["WIDTHS_LANES_MASK"]
    assert lanes >> address["WIDTHS_LANES_SHIFT"] == project.shape.lanes


def access_of(field):
    """Return the access of software to a field of a compiled SystemRDL description."""
    readable, writable = field.is_sw_readable, field.is_sw_writable
    return "read-write" if readable and writable else "read-only" if readable else "write-only"


def test_system_rdl_compiles_to_the_register_map(folder):
    """The reset values are those of the specification; the constants are those of the C header."""
    systemrdl = pytest.importorskip("systemrdl")
    for name in ("direct", "other"):
        project = read_project(folder / name)
        compiler = systemrdl.RDLCompiler()
        compiler.compile_file(str(project.folder / "registers.rdl"))
        top = compiler.elaborate().top
        assert top.inst_name == f"{name}_seq2seqlite_top"
        assert top.size <= 256
        header = (project.folder / "registers.h").read_text()
        prefix = f"{name}_SEQ2SEQLITE_".upper()
        values = {
            each: int(value, 16) for each, value in re.findall(rf"{prefix}(\w+)_VALUE (0x\w+)u", header)
        }
        found = {register.inst_name: register for register in top.registers()}
        assert list(found) == [register.name for register in registers(project.shape)]
        for register in registers(project.shape):
            one = found[register.name]
            assert (one.absolute_address, one.size) == (register.address, 4)
            fields = register.fields or (Field("VALUE", 0, 32),)
            assert [(f.inst_name, f.low, f.width) for f in one.fields()] == [
                (field.name, field.low, field.bits) for field in fields
            ]
            assert {access_of(field) for field in one.fields()} == {register.access}
            for field in one.fields():
                value = values.get(register.name, register.reset) >> field.low & (1 << field.width) - 1
                assert field.get_property("reset") == (None if register.access == "write-only" else value)
        assert values["ID"] == 0x53325351
        assert found["FLUSH_CLOCKS"].get_child_by_name("VALUE").get_property("reset") == 65536


def test_the_memory_map_has_the_registers_of_the_header(folder):
    for name, has_responses in (("direct", True), ("other", False)):
        tree = ET.parse(folder / name / "component.xml").getroot()  # noqa: S314  (our own file)
        space = {"x": tree.tag.partition("}")[0].removeprefix("{")}
        found = {
            register.findtext("x:name", namespaces=space): int(
                str(register.findtext("x:addressOffset", namespaces=space)).removeprefix("'h"), 16
            )
            for register in tree.iterfind(".//x:register", space)
        }
        header = (folder / name / "registers.h").read_text()
        prefix = f"{name}_SEQ2SEQLITE_".upper()
        stated = dict(re.findall(rf"#define {prefix}(\w+) (0x..u)\n", header))
        assert {each: f"0x{where:02x}u" for each, where in found.items()} == stated
        assert ("RESPONSE_STATUS" in found) == has_responses
        assert tree.find(".//x:memoryMapRef", space).get("memoryMapRef") == "s_axil"
        files = {file.text for file in tree.iterfind(".//x:file/x:name", space)}
        assert {"top.v", "engine.v", "encoder_step.v"} <= files
