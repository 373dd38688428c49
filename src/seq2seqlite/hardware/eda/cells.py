"""Utilisation: resources of an FPGA that the cells of a netlist occupy, with one table per family."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from seq2seqlite.errors import InputError

__all__ = ["FAMILIES", "Family", "Resources", "cells_of_stat", "resources_of_cells"]

Family = Literal["xc7", "xcup", "ecp5"]
FAMILIES: tuple[Family, ...] = ("xc7", "xcup", "ecp5")


@dataclass(frozen=True)
class Resources:
    """Resources that a netlist occupies.

    Parameters
    ----------
    lut : int
        All LUTs, including those of memories, shift registers and (ECP5) carry chains.
    ff : int
        Flip-flops outside DSP and RAM blocks.
    dsp : float
        DSP blocks: DSP48E1, DSP48E2, or MULT18X18D (a MULT9X9D counts as half a block).
    bram36 : float
        Block RAM in units of 36 kbit; a RAMB18E1, a RAMB18E2 and a DP16KD count as half a unit.
    dp16k : int
        Block RAMs of 18 kbit of an ECP5; 0 for other families.
    lutram : int
        LUTs used as memory, including their write ports; part of ``lut``.
    srl : int
        LUTs used as shift registers; part of ``lut``.
    carry : int
        Carry cells: CARRY4 with four bits, CCU2C with two.
    """

    lut: int
    ff: int
    dsp: float
    bram36: float
    dp16k: int
    lutram: int
    srl: int
    carry: int


# UltraScale+ has slices of eight LUTs, and Yosys uses half of them for a CARRY4 or RAM32M as well.
XILINX_LUTS = {**{f"LUT{n}": 1 for n in range(1, 7)}, "INV": 1}
XILINX_LUT_RAMS = {
    "RAM32X1S": 1,
    "RAM32X1D": 2,
    "RAM64X1S": 1,
    "RAM64X1D": 2,
    "RAM128X1S": 2,
    "RAM128X1D": 4,
    "RAM256X1S": 4,
    "RAM32M": 4,
    "RAM64M": 4,
}
XILINX_SHIFT_REGISTERS = ("SRL16E", "SRLC16E", "SRLC32E")
# A latch occupies a flip-flop.
XILINX_FLIP_FLOPS = (*(f"FD{kind}E{edge}" for kind in "RSCP" for edge in ("", "_1")), "LDCE", "LDPE")
LOGIC_LUTS: Mapping[Family, Mapping[str, int]] = {
    # Yosys keeps inverters as INV. Vivado absorbs most of them; they are counted here as an upper bound.
    "xc7": XILINX_LUTS,
    "xcup": XILINX_LUTS,
    # Each carry bit occupies its LUT. PFUMX and L6MUX21 are dedicated multiplexers of the slices.
    "ecp5": {"LUT4": 1, "INV": 1, "CCU2C": 2},
}
LUT_RAMS: Mapping[Family, Mapping[str, int]] = {
    # AMD UG474, table "Distributed RAM configuration".
    "xc7": XILINX_LUT_RAMS,
    # AMD UG574, table "Distributed RAM configuration".
    "xcup": {**XILINX_LUT_RAMS, "RAM32M16": 8, "RAM64M8": 8, "RAM256X1D": 8, "RAM512X1S": 8, "RAM64X8SW": 8},
    # Four LUTs store the bits, and the write port occupies two LUTs of a third slice, as nextpnr counts.
    "ecp5": {"TRELLIS_DPR16X4": 6},
}
SHIFT_REGISTERS: Mapping[Family, tuple[str, ...]] = {
    "xc7": XILINX_SHIFT_REGISTERS,
    "xcup": XILINX_SHIFT_REGISTERS,
    "ecp5": (),
}
FLIP_FLOPS: Mapping[Family, tuple[str, ...]] = {
    "xc7": XILINX_FLIP_FLOPS,
    "xcup": XILINX_FLIP_FLOPS,
    "ecp5": ("TRELLIS_FF",),
}
DSPS: Mapping[Family, Mapping[str, float]] = {
    "xc7": {"DSP48E1": 1},
    "xcup": {"DSP48E2": 1},
    "ecp5": {"MULT18X18D": 1, "MULT9X9D": 0.5},
}
BLOCK_RAMS: Mapping[Family, Mapping[str, float]] = {
    "xc7": {"RAMB36E1": 1, "RAMB18E1": 0.5},
    "xcup": {"RAMB36E2": 1, "RAMB18E2": 0.5},
    "ecp5": {"DP16KD": 0.5},
}
CARRIES: Mapping[Family, str] = {"xc7": "CARRY4", "xcup": "CARRY4", "ecp5": "CCU2C"}


def resources_of_cells(cells: Mapping[str, int], family: Family, /) -> Resources:
    """Return the resources that cells occupy in an FPGA of a family.

    Examples
    --------
    >>> found = resources_of_cells({"LUT6": 10, "RAM64M": 2, "SRL16E": 1, "RAMB18E1": 1, "FDRE": 3}, "xc7")
    >>> found.lut, found.lutram, found.srl, found.bram36, found.ff
    (19, 8, 1, 0.5, 3)
    """

    def total(weights: Mapping[str, float]) -> float:
        return sum(cells.get(name, 0) * weight for name, weight in weights.items())

    lutram = int(total(LUT_RAMS[family]))
    srl = sum(cells.get(name, 0) for name in SHIFT_REGISTERS[family])
    return Resources(
        lut=int(total(LOGIC_LUTS[family])) + lutram + srl,
        ff=sum(cells.get(name, 0) for name in FLIP_FLOPS[family]),
        dsp=total(DSPS[family]),
        bram36=total(BLOCK_RAMS[family]),
        dp16k=cells.get("DP16KD", 0),
        lutram=lutram,
        srl=srl,
        carry=cells.get(CARRIES[family], 0),
    )


def cells_of_stat(stat: Path, top: str, /) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
    """Read the number of cells from the output of the Yosys command ``stat -json``.

    Parameters
    ----------
    stat : pathlib.Path
        Output file of ``stat -json``.
    top : str
        Name of the top module.

    Returns
    -------
    cells : dict of int
        Number of cells by type in the whole design, including all instances.
    modules : dict of dict of int
        Number of cells by type in one instance of each module, including its submodules.
    """
    raw: dict[str, Any] = json.loads(stat.read_text())["modules"]
    # Yosys prefixes module names with a backslash, but not the cell types that refer to them.
    local = {name.removeprefix("\\"): module["num_cells_by_type"] for name, module in raw.items()}
    if top not in local:
        raise InputError(f"the netlist has no module top={top!r}; choose one of {', '.join(sorted(local))}")
    modules: dict[str, dict[str, int]] = {}

    def counted(name: str) -> Counter[str]:
        if name not in modules:
            total: Counter[str] = Counter()
            for kind, number in local[name].items():
                inside = counted(kind) if kind in local else Counter({kind: 1})
                total.update({cell: number * each for cell, each in inside.items()})
            modules[name] = dict(sorted(total.items()))
        return Counter(modules[name])

    return dict(sorted(counted(top).items())), modules
