"""Target FPGAs: their resources, and the kernel compiler options for each."""

from dataclasses import dataclass
from typing import Literal

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.kernels import KernelStyle

__all__ = ["LANES", "RESULT_WIDTHS", "TARGETS", "Target", "find_target"]

LANES = (1, 2, 4, 8, 16, 32)
"""Supported numbers of counts per input beat."""
RESULT_WIDTHS = (32, 64, 128)
"""Supported widths of an output beat, in bits."""


@dataclass(frozen=True)
class Target:
    """FPGA that a design is built for, with its resources.

    Parameters
    ----------
    name : str
        Name on the command line.
    family : str
        ``"xc7"`` (Xilinx 7 series), ``"xcup"`` (Xilinx UltraScale+) or ``"ecp5"`` (Lattice ECP5): the name
        of the family in Yosys.
    part : str
        Part number in the vendor tools.
    lut, ff, dsp : int
        Available LUTs (of six inputs on xc7 and xcup, four on ECP5), flip-flops, and DSP blocks.
    bram36 : float
        Available block memory in units of 36 kbit; an ECP5 block counts as half a unit.
    clock_mhz : float
        Nominal clock frequency, for which frame rates are stated. For ECP5, place and route measures the
        frequency that a design reaches. For Xilinx no such tool is included, and the frequency is an
        assumption.

    See Also
    --------
    find_target : Return the target with a given name.
    seq2seqlite.hardware.design.make_design :
        Build a design: compile the kernels, and derive the parameters of the gateware.
    """

    name: str
    family: Literal["xc7", "xcup", "ecp5"]
    part: str
    lut: int
    ff: int
    dsp: int
    bram36: float
    clock_mhz: float

    @property
    def style(self) -> KernelStyle:
        """Kernel compiler options for this FPGA."""
        return STYLES["large ecp5" if self.family == "ecp5" and self.lut > LARGE else self.family]


STYLES = {
    "xc7": KernelStyle(multipliers="dsp", levels_per_stage=2.0),
    "xcup": KernelStyle(multipliers="dsp", levels_per_stage=2.0),
    "ecp5": KernelStyle(multipliers="shift-add", levels_per_stage=1.3, max_duplicates=3, delay_line=5),
    "large ecp5": KernelStyle(
        multipliers="shift-add", levels_per_stage=1.3, max_duplicates=8, max_fanout=2, direct_fanout=2
    ),
}
LARGE = 50_000
"""Number of LUTs of an ECP5 above which long wires get a routing stage."""

TARGETS = {
    target.name: target
    for target in (
        # AMD data sheets DS180 and DS182.
        Target("xc7k410t", "xc7", "xc7k410tffg900-1", 254_200, 508_400, 1540, 795, 200.0),
        Target("xc7k325t", "xc7", "xc7k325tffg900-1", 203_800, 407_600, 840, 445, 200.0),
        Target("xc7a200t", "xc7", "xc7a200tfbg676-1", 134_600, 269_200, 740, 365, 150.0),
        Target("xc7a100t", "xc7", "xc7a100tcsg324-1", 63_400, 126_800, 240, 135, 150.0),
        # Boards with an Artix-7 (DS180) or a Zynq-7020 (DS190, Artix-7 logic).
        Target("arty-a7-35t", "xc7", "xc7a35ticsg324-1L", 20_800, 41_600, 90, 50, 150.0),
        Target("arty-a7-100t", "xc7", "xc7a100tcsg324-1", 63_400, 126_800, 240, 135, 150.0),
        Target("pynq-z2", "xc7", "xc7z020clg400-1", 53_200, 106_400, 220, 140, 150.0),
        # Boards with a Zynq UltraScale+: the K26 of the KV260 (DS987), the ZU7EV of the ZCU104 (DS891). Their
        # UltraRAM is not used.
        Target("kv260", "xcup", "xck26-sfvc784-2LV-c", 117_120, 234_240, 1248, 144, 250.0),
        Target("zcu104", "xcup", "xczu7ev-ffvc1156-2-e", 230_400, 460_800, 1728, 312, 250.0),
        # Lattice data sheet FPGA-DS-02012.
        Target("ecp5-85f", "ecp5", "LFE5U-85F-6BG381C", 83_640, 83_640, 156, 104, 120.0),
        Target("ecp5-45f", "ecp5", "LFE5U-45F-6BG381C", 43_848, 43_848, 72, 54, 120.0),
        Target("ecp5-25f", "ecp5", "LFE5U-25F-6BG381C", 24_288, 24_288, 28, 28, 120.0),
    )
}


def find_target(name: str, /) -> Target:
    """Return the target with a given name.

    Raises
    ------
    InputError
        If the name is unknown.

    See Also
    --------
    Target : FPGA that a design is built for, with its resources.

    Examples
    --------
    >>> find_target("xc7k410t").lut
    254200
    """
    if name not in TARGETS:
        raise InputError(f"target {name!r} is unknown; choose one of {', '.join(TARGETS)}")
    return TARGETS[name]
