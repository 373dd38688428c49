"""Resource estimates of a design, without running synthesis."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.design import Design
from seq2seqlite.hardware.gateware.parameters import Shape

__all__ = ["Estimate", "check_fit", "estimate"]


@dataclass(frozen=True)
class Calibration:
    """Calibration of an FPGA family, fitted to the syntheses in docs/explanation/hardware.md.

    Parameters
    ----------
    lut_per_adder_bit, ff_per_register_bit : float
        LUTs per adder bit and flip-flops per register bit of the kernels. On xc7, shift registers are LUTs.
    engine_lut, engine_ff : int
        Resources of the pixel buffer, normaliser, ring control and lifetime units of an engine.
    shared_lut, shared_ff : int
        Resources of the CSRs, packet receiver and collector.
    lane_lut : int
        LUTs for each additional count per beat.
    """

    lut_per_adder_bit: float
    ff_per_register_bit: float
    engine_lut: int
    engine_ff: int
    shared_lut: int
    shared_ff: int
    lane_lut: int


CALIBRATIONS: Mapping[str, Calibration] = {
    "xc7": Calibration(0.99, 0.62, 2050, 1800, 1000, 1060, 120),
    "ecp5": Calibration(1.34, 0.96, 3300, 2000, 1500, 1060, 150),
}
BLOCK = (18, 1024)
"""Width and depth of half a BRAM36, or of an ECP5 block, in its default configuration."""


@dataclass(frozen=True)
class Estimate:
    """Estimated resources of a design.

    Parameters
    ----------
    lut, ff, dsp : int
        LUTs, flip-flops, DSP blocks.
    bram36 : float
        Block memory in units of 36 kbit.

    See Also
    --------
    estimate : Estimate the resources of a design from its kernels and the calibration of the FPGA family.
    """

    lut: int
    ff: int
    dsp: int
    bram36: float


def estimate(design: Design, /) -> Estimate:
    """Estimate the resources of a design from its kernels and the calibration of the FPGA family.

    See Also
    --------
    check_fit : Check that a design fits its target, and return the estimate.
    seq2seqlite.hardware.implementation.synthesize_project :
        Synthesise a project with Yosys; the results are written to its folder ``synthesis``.
    """
    parts = (design.kernels.encoder, design.kernels.decoder, design.kernels.head)
    found, engines = CALIBRATIONS[design.target.family], design.options.engines
    lut = found.lut_per_adder_bit * sum(kernel.adder_bits for kernel in parts) + found.engine_lut
    ff = found.ff_per_register_bit * sum(kernel.register_bits for kernel in parts) + found.engine_ff
    lanes = design.shape.lanes - 1
    return Estimate(
        lut=round(engines * lut + found.shared_lut + lanes * found.lane_lut),
        ff=round(engines * ff + found.shared_ff),
        dsp=engines * sum(kernel.multipliers for kernel in parts),
        bram36=engines * _blocks(design.shape) / 2,
    )


def check_fit(design: Design, /) -> Estimate:
    """Check that a design fits its target, and return the estimate.

    Raises
    ------
    InputError
        If a resource is exceeded. The message contains the excess.

    See Also
    --------
    estimate : Estimate the resources of a design from its kernels and the calibration of the FPGA family.
    """
    expected, target, engines = estimate(design), design.target, design.options.engines
    for name in ("lut", "ff", "dsp", "bram36"):
        needed, available = getattr(expected, name), getattr(target, name)
        if needed > available:
            fit = int(engines * available / needed)
            remedy = f"use at most {fit}" if fit else "use a smaller student or a larger target"
            raise InputError(
                f"{engines} engines of {design.program.name} need about {needed:,.0f} {name.upper()}, "
                f"{needed - available:,.0f} more than {target.name} has ({available:,.0f}); {remedy}"
            )
    return expected


def _blocks(shape: Shape) -> int:
    """Return the number of half blocks of the memories that are too large for LUTs."""
    memories = [(shape.beat_bits, shape.buffer_words)]
    if shape.output == "sfd":
        memories.append((3 * shape.program.formats.output.bits, shape.capacity * shape.n_gates))
    else:
        memories += [(16, shape.last_knot + 2), (2 * (shape.area_bits + shape.first_bits), shape.capacity)]
    width, depth = BLOCK
    return sum(math.ceil(bits / width) * math.ceil(words / depth) for bits, words in memories)
