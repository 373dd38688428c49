"""Synthesis of designs whose cells are known, and what their netlists do in a simulation."""

from pathlib import Path

import numpy as np
import pytest
from tests.hardware.kernel_runs import run_kernel

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.eda.cells import resources_of_cells
from seq2seqlite.hardware.eda.process import ToolError
from seq2seqlite.hardware.eda.yosys import Synthesis, simulation_files, synthesize, verilog_from_rtlil

ADDER = """
module adder (input clk, input [15:0] d, output reg [7:0] q);
  always @(posedge clk) q <= d[7:0] + d[15:8];
endmodule
"""
MULTIPLIER = """
module multiplier (input clk, input [17:0] a, b, output reg [35:0] q);
  always @(posedge clk) q <= $signed(a) * $signed(b);
endmodule
"""
MEMORY = """
module memory (input clk, input [9:0] address, input [35:0] data, input write, output reg [35:0] q);
  reg [35:0] mem [1023:0];
  always @(posedge clk) begin if (write) mem[address] <= data; q <= mem[address]; end
endmodule
"""
SMALL_MEMORY = """
module small (input clk, input [4:0] address, read, input [3:0] data, input write, output [3:0] q);
  reg [3:0] mem [31:0];
  always @(posedge clk) if (write) mem[address] <= data;
  assign q = mem[read];
endmodule
"""
DELAY = """
module delay (input clk, input d, output q);
  reg [19:0] line;
  always @(posedge clk) line <= {line, d};
  assign q = line[19];
endmodule
"""
TWICE = """
module twice (input clk, input [15:0] a, b, c, output [7:0] x, y, z);
  adder one (clk, a, x);
  adder two (clk, b, y);
  adder three (clk, c, z);
endmodule
"""


def synthesised(folder, text, top, family="xc7", **options):
    file = folder / "design.v"
    file.write_text(text)
    return synthesize([file], top=top, family=family, out_dir=folder, synthesis=Synthesis(**options))


ALL = ADDER + MULTIPLIER + MEMORY + SMALL_MEMORY + DELAY + TWICE
EVERYTHING = """
module everything (
  input clk, input [35:0] in, output [7:0] x, y, z, output [35:0] m, n, output [3:0] s, output d
);
  twice t (clk, in[15:0], in[31:16], in[23:8], x, y, z);
  multiplier u (clk, in[17:0], in[35:18], m);
  memory v (clk, in[9:0], in, in[10], n);
  small w (clk, in[4:0], in[9:5], in[13:10], in[10], s);
  delay l (clk, in[0], d);
endmodule
"""
KEPT = ("adder", "multiplier", "memory", "small", "delay", "twice")


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Every part by itself in one synthesis a family, since Yosys takes seconds to read its models of xc7."""

    def of(name, family="xc7", **options):
        folder = tmp_path_factory.mktemp(name)
        return synthesised(folder, ALL + EVERYTHING, "everything", family, keep=KEPT, **options)

    refused = of("without", block_ram=False, dsp=False, shift_registers=False)
    return {"xc7": of("xc7"), "xcup": of("xcup", "xcup"), "ecp5": of("ecp5", "ecp5"), "without": refused}


def test_an_adder_takes_a_lut_a_bit_and_a_carry_cell_every_four_or_two(parts):
    xc7 = parts["xc7"].modules["adder"]
    assert (xc7.lut, xc7.ff, xc7.carry, xc7.dsp, xc7.bram36) == (8, 8, 2, 0, 0)
    assert parts["xcup"].modules["adder"] == xc7
    ecp5 = parts["ecp5"].modules["adder"]
    assert (ecp5.lut, ecp5.ff, ecp5.carry) == (8, 8, 4)


def test_a_multiplier_is_one_dsp_block_unless_they_are_refused(parts):
    xc7 = parts["xc7"].modules["multiplier"]
    assert (xc7.dsp, xc7.lut) == (1, 0)
    assert parts["xcup"].modules["multiplier"].dsp == parts["ecp5"].modules["multiplier"].dsp == 1
    refused = parts["without"].modules["multiplier"]
    assert refused.dsp == 0
    # 18 partial products of 18 bits: how well they share LUTs changes with the version of Yosys.
    assert 300 < refused.lut < 1200


def test_memories_go_where_they_fit(parts):
    xc7 = parts["xc7"].modules["memory"]
    assert (xc7.bram36, xc7.lut) == (1, 0)
    ecp5 = parts["ecp5"].modules["memory"]
    assert (ecp5.dp16k, ecp5.bram36) == (2, 1)
    xcup = parts["xcup"].modules
    assert (xcup["memory"].bram36, xcup["small"].lutram, xcup["delay"].srl) == (1, 8, 1)
    small = parts["xc7"].modules["small"]
    assert (small.lutram, small.lut, small.bram36) == (4, 4, 0)
    refused = parts["without"].modules["memory"]
    assert refused.bram36 == 0
    assert refused.lutram >= 36 * 1024 / 64  # a LUT is 64 bits of memory, and ports cost more


def test_a_delay_is_one_lut_unless_that_is_refused(parts):
    line = parts["xc7"].modules["delay"]
    assert (line.srl, line.lut, line.ff) == (1, 1, 0)
    assert parts["without"].modules["delay"].ff == 20


@pytest.mark.parametrize("family", ["xc7", "xcup", "ecp5"])
def test_a_module_that_is_kept_is_synthesised_once_and_counted_as_often_as_it_is_there(parts, family):
    twice, adder = parts[family].modules["twice"], parts[family].modules["adder"]
    assert (twice.lut, twice.ff) == (3 * adder.lut, 3 * adder.ff)
    each = [parts[family].modules[name] for name in ("twice", "multiplier", "memory", "small", "delay")]
    for count in ("lut", "ff", "dsp", "bram36", "lutram", "srl", "carry"):
        assert getattr(parts[family].resources, count) == sum(getattr(part, count) for part in each), count


def test_the_attribute_keeps_a_module_too(tmp_path):
    text = "(* keep_hierarchy *)" + ADDER + TWICE
    assert set(synthesised(tmp_path, text, "twice", "ecp5").modules) == {"adder", "twice"}
    assert set(synthesised(tmp_path, ADDER + TWICE, "twice", "ecp5").modules) == {"twice"}


def test_how_luts_are_counted():
    xc7 = resources_of_cells(
        {"LUT1": 1, "LUT6": 2, "RAM32M": 3, "RAM64X1D": 1, "SRL16E": 4, "SRLC32E": 1}, "xc7"
    )
    assert (xc7.lut, xc7.lutram, xc7.srl) == (1 + 2 + 3 * 4 + 2 + 4 + 1, 14, 5)
    ecp5 = resources_of_cells(
        {"LUT4": 5, "CCU2C": 3, "TRELLIS_DPR16X4": 2, "PFUMX": 7, "MULT9X9D": 1}, "ecp5"
    )
    assert (ecp5.lut, ecp5.lutram, ecp5.dsp) == (5 + 6 + 12, 12, 0.5)


@pytest.mark.parametrize("family", ["xc7", "ecp5"])
def test_a_netlist_adds_as_its_source_does(tmp_path, family):
    result = synthesised(tmp_path, ADDER, "adder", family)
    words = np.random.default_rng(1).integers(0, 2**16, (300, 1), dtype=np.uint32)
    found = run_kernel(
        simulation_files(result),
        words,
        module="adder",
        latency=1,
        in_bits=16,
        out_bits=8,
        out_dir=tmp_path / "simulation",
    )
    np.testing.assert_array_equal(found, (words + (words >> 8)) & 0xFF)


def test_a_netlist_with_block_ram_cannot_be_simulated(parts):
    with pytest.raises(InputError, match=r"no simulation model of RAMB36E1; synthesise with block_ram"):
        simulation_files(parts["xc7"])
    with pytest.raises(InputError, match=r"no simulation model of DP16KD, MULT18X18D;"):
        simulation_files(parts["ecp5"])
    assert simulation_files(parts["without"])[0].is_file()


def test_what_cannot_be_synthesised(tmp_path):
    with pytest.raises(
        ToolError, match=r"^Yosys failed with exit code 1: .*design\.v:2: ERROR: syntax error.*log: "
    ):
        synthesised(tmp_path, "module adder;\nend", "adder")
    with pytest.raises(ToolError, match=r"ERROR: Module `missing' not found!"):
        synthesised(tmp_path, ADDER, "missing")
    with pytest.raises(InputError, match=r"family='ice40' is unknown; choose one of xc7, xcup, ecp5"):
        synthesised(tmp_path, ADDER, "adder", "ice40")
    with pytest.raises(InputError, match=r"there is no file no\.v"):
        synthesize([Path("no.v")], top="adder", family="xc7", out_dir=tmp_path)


def test_rtlil_becomes_verilog_without_amaranths_notes():
    from amaranth.back import rtlil
    from amaranth.hdl import ClockSignal, Instance, Module, Signal

    m = Module()
    count = Signal(8, init=3)
    next_count = Signal(8, init=4)
    m.d.comb += next_count.eq(count + 1)
    m.d.sync += count.eq(next_count)
    m.submodules.kernel = Instance("kernel", i_clk=ClockSignal(), i_d=count, o_q=Signal(4, name="q"))
    text = verilog_from_rtlil({"counter": rtlil.convert(m, ports=[count], name="counter")})["counter"]
    assert "module counter(" in text
    assert "kernel kernel (" in text
    assert "reg [7:0] count = 8'h03;" in text
    assert "(* init" not in text
    assert "(* src" not in text
