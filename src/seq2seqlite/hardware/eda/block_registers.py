"""Registers inside the block memories and multipliers of an ECP5, which Yosys does not use.

A DP16KD has a register behind its outputs, a MULT18X18D one at each factor and one behind the product
(Lattice FPGA-TN-02204, "ECP5 and ECP5-5G Memory Usage Guide", and FPGA-TN-02205, "ECP5 and ECP5-5G sysDSP
Usage Guide"). Yosys leaves them empty, and uses flip-flops of the logic instead, behind an output that is
slow: on speed grade 6, nextpnr counts 5.8 ns from the clock to the output of a memory, of 8 ns at 125 MHz.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

__all__ = ["BlockRegisters", "use_block_registers"]

Bit = int | str
"""Number of a net, or one of :data:`CONSTANTS`."""
CONSTANTS = ("0", "1", "x", "z")
WIDEST = 36
"""Width of a memory whose word takes the outputs of both ports."""
OUTPUTS, FACTOR_BITS, PRODUCT_BITS = 18, 18, 36
# Names of the cells and of their ports.
MEMORY, MULTIPLIER, FLIP_FLOP = "DP16KD", "MULT18X18D", "TRELLIS_FF"
MULTIPLIER_CLOCK = {"CLK0": "input", "CE0": "input", "RST0": "input"}


@dataclass(frozen=True)
class BlockRegisters:
    """Registers that a netlist uses.

    Parameters
    ----------
    memories, factors, products : int
        Number of memories with a register behind an output, of multipliers with registers at both factors,
        and of multipliers with a register behind the product.
    flip_flops : int
        Number of flip-flops that they replace.

    See Also
    --------
    use_block_registers : Move flip-flops of a netlist into the memories and multipliers next to them.
    """

    memories: int
    factors: int
    products: int
    flip_flops: int


def use_block_registers(netlist_json: Path, target: Path, /) -> BlockRegisters:
    """Move flip-flops of a netlist into the memories and multipliers next to them.

    A flip-flop is moved if it has neither enable nor reset, and if nothing else reads what lies between it
    and the block; several multipliers may share that of a factor. The function of the netlist is the same in
    each clock cycle.

    Parameters
    ----------
    netlist_json : pathlib.Path
        Netlist of :func:`~seq2seqlite.hardware.eda.yosys.synthesize` for an ECP5, flat.
    target : pathlib.Path
        File for the new netlist.

    Returns
    -------
    BlockRegisters

    See Also
    --------
    seq2seqlite.hardware.eda.nextpnr.place_and_route : Place and route a netlist on an ECP5.
    """
    netlist = json.loads(netlist_json.read_text())
    (top,) = (module for module in netlist["modules"].values() if "top" in module["attributes"])
    found = _Absorption(top).run()
    target.write_text(json.dumps(netlist))
    return found


class _Absorption:
    """The cells of a module by their nets, and the replacement of flip-flops."""

    def __init__(self, module: dict[str, Any]) -> None:
        self.module, self.cells = module, module["cells"]
        self.n_before = len(self.cells)
        # The ports by net: where it is driven, and where it is read; None is the outside.
        self.driver: dict[Bit, tuple[str, str]] = {}
        self.readers: dict[Bit, list[tuple[str | None, str]]] = defaultdict(list)
        for name, cell in self.cells.items():
            for port, bits in cell["connections"].items():
                for bit in bits:
                    if cell["port_directions"][port] == "output":
                        self.driver[bit] = name, port
                    else:
                        self.readers[bit].append((name, port))
        for name, port in module["ports"].items():
            for bit in port["bits"]:
                self.readers[bit].append((None, name))

    def run(self) -> BlockRegisters:
        memories = [cell for cell in self.cells.values() if cell["type"] == MEMORY]
        multipliers = [cell for cell in self.cells.values() if cell["type"] == MULTIPLIER]
        n_memories = sum(self._memory(cell) for cell in memories)
        used = [self._multiplier(cell) for cell in multipliers]
        self._remove_unused_names()
        flip_flops = self.n_before - len(self.cells)
        return BlockRegisters(n_memories, sum(a for a, _ in used), sum(p for _, p in used), flip_flops)

    def _memory(self, cell: dict[str, Any]) -> bool:
        done = False
        for sides in self._ports_of(cell):
            outputs = [f"DO{side}{number}" for side, number in product(sides, range(OUTPUTS))]
            behind = self._behind(cell, outputs) or {}
            clocks = {cell["connections"][f"CLK{side}"][0] for side in sides}
            if len(clocks) > 1 or clocks != {self._clock(flip_flop) for flip_flop in behind.values()}:
                continue
            self._absorb(cell, {port: (flip_flop, "Q") for port, flip_flop in behind.items()})
            for side in sides:
                cell["parameters"][f"REGMODE_{side}"] = "OUTREG"
                cell["connections"][f"OCE{side}"] = ["1"]
            done = True
        return done

    def _ports_of(self, cell: dict[str, Any]) -> list[str]:
        """Return the ports of a memory that may use their register, together if they make one word."""
        ends, parameters = cell["connections"], cell["parameters"]
        plain = [
            side
            for side in "AB"
            if all(
                parameters.get(f"{key}{side}{rest}", "").strip() == value
                for key, rest, value in (("REGMODE_", "", "NOREG"), ("CLK", "MUX", f"CLK{side}"))
            )
            and (ends.get(f"CE{side}"), ends.get(f"RST{side}")) == (["1"], ["0"])
        ]
        widths = [parameters.get(f"DATA_WIDTH_{side}") for side in "AB"]
        if None in widths or parameters.get("GSR") != "DISABLED":
            return []
        if WIDEST in (int(width, 2) for width in widths):
            return ["AB"] if plain == ["A", "B"] else []
        return plain

    def _multiplier(self, cell: dict[str, Any]) -> tuple[bool, bool]:
        ends, parameters = cell["connections"], cell["parameters"]
        if any(key.startswith("REG_") for key in parameters):
            return False, False
        behind = self._behind(cell, [f"P{number}" for number in range(PRODUCT_BITS)]) or {}
        # With one of the factors in a register, nextpnr counts the delay of none.
        before = self._before(cell) or {}
        clocks = {self._clock(flip_flop) for flip_flop in (*behind.values(), *before.values())}
        if len(clocks) != 1:
            return False, False
        registers = (("A", before), ("B", before), ("", behind))
        for kind in (f"INPUT{factor}" if factor else "OUTPUT" for factor, moved in registers if moved):
            parameters |= {f"REG_{kind}_CLK": "CLK0", f"REG_{kind}_CE": "CE0", f"REG_{kind}_RST": "RST0"}
        parameters |= {"GSR": "DISABLED"}
        self._absorb(cell, {port: (flip_flop, "Q") for port, flip_flop in behind.items()})
        self._absorb(cell, {port: (flip_flop, "DI") for port, flip_flop in before.items()})
        ends |= {"CLK0": list(clocks), "CE0": ["1"], "RST0": ["0"]}
        cell["port_directions"] |= MULTIPLIER_CLOCK
        return bool(before), bool(behind)

    def _behind(self, cell: dict[str, Any], outputs: Iterable[str]) -> dict[str, str] | None:
        """Return the flip-flop behind each output that is used; None if something else reads an output."""
        found = {}
        for port in outputs:
            (bit,) = cell["connections"].get(port, ["x"])
            for name, end in self.readers[bit] if isinstance(bit, int) else ():
                if port in found or end != "DI" or name is None or not self._is_plain(name):
                    return None
                found[port] = name
        return found or None

    def _before(self, cell: dict[str, Any]) -> dict[str, str] | None:
        """Return the flip-flop before each bit of the factors; None if not only factors read it."""
        found = {}
        for factor, number in product("AB", range(FACTOR_BITS)):
            (bit,) = cell["connections"][f"{factor}{number}"]
            if bit == "0":
                continue
            source, _ = self.driver.get(bit, (None, ""))
            alone = all(self._is_factor(*end) for end in self.readers[bit])
            if source is None or not alone or not self._is_plain(source):
                return None
            found[f"{factor}{number}"] = source
        return found or None

    def _is_factor(self, name: str | None, port: str) -> bool:
        kind = None if name is None or name not in self.cells else self.cells[name]["type"]
        return kind == MULTIPLIER and port[0] in "AB" and port[1:].isdigit()

    def _is_plain(self, name: str) -> bool:
        """Return whether a cell is a flip-flop without enable and reset, which starts as 0."""
        cell = self.cells.get(name)  # None if it was moved into another block
        if cell is None or cell["type"] != FLIP_FLOP:
            return False
        parameters, ends = cell["parameters"], cell["connections"]
        wanted = {"CEMUX": "1", "CLKMUX": "CLK", "GSR": "DISABLED", "REGSET": "RESET"}
        return (
            all(parameters.get(key, "").strip() == value for key, value in wanted.items())
            and ends.get("LSR", ["0"]) == ["0"]
            and "M" not in ends
        )

    def _clock(self, name: str) -> Bit:
        clock: Bit = self.cells[name]["connections"]["CLK"][0]
        return clock

    def _absorb(self, cell: dict[str, Any], moved: dict[str, tuple[str, str]]) -> None:
        """Connect ports of a block to the other side of the flip-flops; remove those that are not needed."""
        ends = {port: self.cells[name]["connections"][end] for port, (name, end) in moved.items()}
        cell["connections"] |= ends
        for name, end in set(moved.values()):
            (output,) = self.cells[name]["connections"]["Q"]
            if end == "Q" or not any(self._reads(*reader, output) for reader in self.readers[output]):
                del self.cells[name]

    def _reads(self, name: str | None, port: str, bit: Bit) -> bool:
        """Return whether a port still reads a bit; a port of the module always does."""
        return name is None or (name in self.cells and bit in self.cells[name]["connections"][port])

    def _remove_unused_names(self) -> None:
        bits = [bit for cell in self.cells.values() for ends in cell["connections"].values() for bit in ends]
        live = {*CONSTANTS, *bits, *(bit for port in self.module["ports"].values() for bit in port["bits"])}
        names = self.module["netnames"]
        kept = {name: each for name, each in names.items() if live.issuperset(each["bits"])}
        self.module["netnames"] = kept
