"""Flip-flops that move into memories and multipliers: the netlist computes the same in each clock cycle."""

import hashlib
import json

import numpy as np
import pytest

from seq2seqlite.hardware.eda.block_registers import BlockRegisters, use_block_registers
from seq2seqlite.hardware.eda.yosys import synthesize

MEMORY = """
  (* no_rw_check, ram_style = "block" *) reg [{width}-1:0] memory [0:511];
  reg [{width}-1:0] word, q;
  assign out = {out};
  always @(posedge clk) begin
    if (in[0]) memory[in[9:1]] <= in[63:10];
    word <= memory[in[18:10]];
    {statement}
  end"""
PRODUCT = """
  reg signed [11:0] a, b, c;
  reg signed [23:0] p, q;
  assign out = {out};
  always @(posedge clk) begin
    a <= in[11:0]; b <= in[23:12]; {statement}
  end"""
UNCHANGED = (0, 0, 0, 0)
CASES = {
    # Name: body, memories, factors, products, flip-flops that are replaced.
    "memory of 36 bits": (MEMORY.format(width=32, out="q", statement="q <= word;"), 1, 0, 0, 32),
    "memory of 18 bits": (MEMORY.format(width=16, out="q", statement="q <= word;"), 1, 0, 0, 16),
    "memories side by side": (MEMORY.format(width=54, out="q", statement="q <= word;"), 2, 0, 0, 54),
    "a bit of the memory is read": (
        MEMORY.format(width=32, out="{word[3], q}", statement="q <= word;"),
        *UNCHANGED,
    ),
    "register with an enable": (
        MEMORY.format(width=32, out="q", statement="if (in[63]) q <= word;"),
        *UNCHANGED,
    ),
    "register with a reset": (
        MEMORY.format(width=32, out="q", statement="q <= in[63] ? 0 : word;"),
        *UNCHANGED,
    ),
    "register that starts as 1": (
        "  initial q = ~0;" + MEMORY.format(width=32, out="q", statement="q <= word;"),
        *UNCHANGED,
    ),
    "factors and product": (PRODUCT.format(out="p", statement="p <= a * b;"), 0, 1, 1, 48),
    "square": (PRODUCT.format(out="p", statement="p <= a * a;"), 0, 1, 1, 36),
    "a factor of two products": (
        PRODUCT.format(out="{p, q}", statement="c <= in[35:24]; p <= a * b; q <= a * c;"),
        *(0, 2, 2, 84),
    ),
    "a factor of a product without registers": (
        PRODUCT.format(out="{p, q}", statement="p <= a * b; q <= a * $signed(in[40:30]);"),
        *(0, 1, 2, 59),
    ),
    "factors only": (PRODUCT.format(out="a * b", statement=""), 0, 1, 0, 24),
    "a factor is read": (PRODUCT.format(out="{a, p}", statement="p <= a * b;"), 0, 0, 1, 24),
    "product of a product": (
        PRODUCT.format(out="q", statement="c <= in[35:24]; p <= a * b; q <= $signed(p[11:0]) * c;"),
        *(0, 2, 1, 72),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_function_stays_the_same(name, tmp_path):
    body, *expected = CASES[name]
    (tmp_path / "top.v").write_text(
        f"module top (input clk, input [63:0] in, output [63:0] out);{body}\nendmodule\n"
    )
    result = synthesize([tmp_path / "top.v"], top="top", family="ecp5", out_dir=tmp_path)
    found = use_block_registers(result.netlist_json, tmp_path / "moved.json")
    assert found == BlockRegisters(*expected)
    before, after = (_Netlist(path) for path in (result.netlist_json, tmp_path / "moved.json"))
    assert len(before.cells) - len(after.cells) == found.flip_flops
    rng = np.random.default_rng(1)
    outputs = []
    for word in rng.integers(0, 2, (60, 64)):
        assert before.outputs(word) == after.outputs(word)
        outputs.append(tuple(before.outputs(word)))
        before.clock()
        after.clock()
    assert len(set(outputs)) > 20


class _Netlist:
    """Cells of a netlist, with one clock. What a memory stores is any function of what it was given."""

    def __init__(self, path):
        module = json.loads(path.read_text())["modules"]["top"]
        self.cells, self.ports = module["cells"], module["ports"]
        self.state = {name: self._start(cell) for name, cell in self.cells.items()}
        self.values = {}

    def _start(self, cell):
        if cell["type"] == "TRELLIS_FF":
            return int(cell["parameters"]["REGSET"] == "SET")
        return {"A": 0, "B": 0, "P": 0, "inside": 0, "behind": 0}

    def _at(self, bit):
        return self.values.get(bit, 0) if isinstance(bit, int) else int(bit == "1")

    def _port(self, cell, port):
        (bit,) = cell["connections"].get(port, ["0"])
        return self._at(bit)

    def outputs(self, word):
        self.values = dict(zip(self.ports["in"]["bits"], map(int, word), strict=True))
        for _ in range(4):  # multipliers behind each other
            for name, cell in self.cells.items():
                for port, value in self._driven(name, cell):
                    self.values[cell["connections"][port][0]] = value
        return [self._at(bit) for bit in self.ports["out"]["bits"]]

    def _driven(self, name, cell):
        state, parameters = self.state[name], cell["parameters"]
        if cell["type"] == "TRELLIS_FF":
            return [("Q", state)]
        if cell["type"] == "DP16KD":
            return [
                (f"DO{side}{i}", state[place] >> (i + 18 * (side == "B")) & 1)
                for side in "AB"
                for place in ["behind" if parameters[f"REGMODE_{side}"] == "OUTREG" else "inside"]
                for i in range(18)
                if f"DO{side}{i}" in cell["connections"]
            ]
        assert cell["type"] == "MULT18X18D", cell["type"]
        product = state["P"] if "REG_OUTPUT_CLK" in parameters else self._product(name, cell)
        return [(f"P{i}", product >> i & 1) for i in range(36)]

    def _factor(self, cell, side):
        value = sum(self._port(cell, f"{side}{i}") << i for i in range(18))
        return value - (value >> 17 << 18) if self._port(cell, f"SIGNED{side}") else value

    def _product(self, name, cell):
        a, b = (
            self.state[name][side]
            if f"REG_INPUT{side}_CLK" in cell["parameters"]
            else self._factor(cell, side)
            for side in "AB"
        )
        return a * b

    def clock(self):
        following = {}
        for name, cell in self.cells.items():
            state, parameters, ends = self.state[name], cell["parameters"], cell["connections"]
            if cell["type"] == "TRELLIS_FF":
                enabled = {"1": 1, "CE": self._port(cell, "CE"), "INV": 1 - self._port(cell, "CE")}
                moved = self._port(cell, "DI") if enabled[parameters["CEMUX"].strip()] else state
                following[name] = int(parameters["REGSET"] == "SET") if self._port(cell, "LSR") else moved
            elif cell["type"] == "DP16KD":
                given = [
                    self._port(cell, port)
                    for port in sorted(ends)
                    if cell["port_directions"][port] == "input" and not port.startswith("OCE")
                ]
                digest = hashlib.blake2b(repr((state["inside"], given)).encode(), digest_size=8).digest()
                used = [side for side in "AB" if parameters[f"REGMODE_{side}"] == "OUTREG"]
                enabled = all(self._port(cell, f"OCE{side}") for side in used)
                following[name] = {
                    "inside": int.from_bytes(digest, "big") & (1 << 36) - 1,
                    "behind": state["inside"] if enabled else state["behind"],
                }
            else:
                factors = {side: self._factor(cell, side) for side in "AB"}
                following[name] = {**factors, "P": self._product(name, cell)}
        self.state = following
