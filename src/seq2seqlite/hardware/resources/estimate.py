"""Estimates of the LUTs of a student and of all resources of a design, without running synthesis.

The section "LUT estimates" of ``docs/explanation/hardware.md`` states how accurate they are.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.design import Design
from seq2seqlite.hardware.resources.da4ml_cost import kernel_costs
from seq2seqlite.integer.standard_errors import ERROR_BITS, LOG_FRACTION_BITS
from seq2seqlite.models import Network

__all__ = ["Estimate", "LutEstimate", "check_fit", "estimate", "lut_estimate"]


@dataclass(frozen=True)
class Calibration:
    """Calibration of an FPGA family, fitted to syntheses with Yosys.

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
    head_lane_lut : int
        LUTs for each multiplier of the head of a direct engine.
    """

    lut_per_adder_bit: float
    ff_per_register_bit: float
    engine_lut: int
    engine_ff: int
    shared_lut: int
    shared_ff: int
    lane_lut: int
    head_lane_lut: int = 0


@dataclass(frozen=True)
class ErrorCost:
    """LUTs and flip-flops of responses and standard errors in a design with a decoder.

    Parameters
    ----------
    engine_lut, engine_ff : int
        Bank and status of an engine.
    unit_lut, unit_ff : int
        Unit of the standard errors; an engine has as many as keep up with its rings.
    shared_lut, shared_ff : int
        Loader of the responses, and TUSER in the packet receiver.
    """

    engine_lut: int
    engine_ff: int
    unit_lut: int
    unit_ff: int
    shared_lut: int
    shared_ff: int


# From the syntheses that tests/hardware/test_estimate.py names.
ERROR_COSTS: Mapping[str, ErrorCost] = {
    "xc7": ErrorCost(150, 250, 350, 430, 420, 560),
    "ecp5": ErrorCost(150, 250, 415, 500, 725, 595),
}
# xcup has the LUTs and carry chains of xc7, and no calibration of its own.
CALIBRATIONS: Mapping[str, Calibration] = {
    "xc7": Calibration(0.99, 0.62, 2050, 1800, 1000, 1060, 120),
    "ecp5": Calibration(1.34, 0.96, 3300, 2000, 1500, 1060, 150),
}
DIRECT_CALIBRATIONS: Mapping[str, Calibration] = {
    "xc7": Calibration(0.99, 0.74, 1220, 720, 1870, 2790, 120, 450),
    "ecp5": Calibration(1.34, 0.96, 1270, 1970, 3070, 2830, 150, 450),
}
BLOCK = (18, 1024)
"""Width and depth of half a BRAM36, or of an ECP5 block, in its default configuration."""
LUT_MEMORY_DEPTH = 64
"""Depth of a memory that Yosys makes of LUTs on Xilinx."""
DIRECT_TABLES = 2
"""Half blocks of the weights and tables of a direct head."""


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


@dataclass(frozen=True)
class LutEstimate:
    """Estimated LUTs of a student, and their parts.

    Parameters
    ----------
    encoder, decoder, head : int
        LUTs of the kernels, of all engines together. A direct student has no decoder, and no kernel of the
        head.
    surroundings : int
        LUTs of everything else: pixel buffers, normalisers, lifetime units, packet receiver, collector, CSRs.
        0 for a network without a design.

    See Also
    --------
    estimate : Estimate of the resources of a design.
    """

    encoder: int
    decoder: int = 0
    head: int = 0
    surroundings: int = 0

    @property
    def total(self) -> int:
        """Sum of the parts."""
        return self.encoder + self.decoder + self.head + self.surroundings


def lut_estimate(student: Network | Design, /) -> LutEstimate:
    """Estimate the LUTs of a student from its adder graphs.

    For a network, whose FPGA is not known yet: da4ml's cost of the three kernels, with all multiplications
    in LUTs. For a design: adder bits of the compiled kernels times the LUTs per adder bit of the FPGA family,
    and their delay lines in LUTs, plus constants for the surrounding logic. Multiplications in DSP blocks
    need no LUTs.

    Parameters
    ----------
    student : Network or Design
        Network with fixed-point activations, or a design.

    Returns
    -------
    LutEstimate

    Raises
    ------
    InputError
        If the activations of a network are in floating point.

    See Also
    --------
    estimate : All resources of a design.

    Examples
    --------
    >>> from seq2seqlite.models import load_model
    >>> found = lut_estimate(load_model("seq2seqlite-tcspc-80mhz-tiny"))
    >>> found, found.total
    (LutEstimate(encoder=3672, decoder=3176, head=461, surroundings=0), 7309)
    """
    if isinstance(student, Network):
        return LutEstimate(**kernel_costs(student))
    found, engines = _calibration(student), student.options.engines
    kernels = {name: kernel for name, kernel in vars(student.kernels).items() if kernel is not None}
    luts = {
        name: found.lut_per_adder_bit * kernel.adder_bits + kernel.memory_luts
        for name, kernel in kernels.items()
    }
    lanes = student.shape.lanes - 1
    engine = sum(luts.values()) + found.engine_lut + found.head_lane_lut * _head_lanes(student)
    total = round(engines * engine + found.shared_lut + lanes * found.lane_lut)
    parts = {name: round(engines * each) for name, each in luts.items()}
    return LutEstimate(**parts, surroundings=total - sum(parts.values()))


def estimate(design: Design, /) -> Estimate:
    """Estimate the resources of a design from its kernels and the calibration of the FPGA family.

    See Also
    --------
    lut_estimate : The LUTs and their parts.
    """
    parts, lanes, units = design.kernels.all, _head_lanes(design), _error_units(design)
    found, engines = _calibration(design), design.options.engines
    ff = found.ff_per_register_bit * sum(kernel.register_bits for kernel in parts) + found.engine_ff
    return Estimate(
        lut=lut_estimate(design).total,
        ff=round(engines * ff + found.shared_ff),
        # A direct head multiplies by weights, and interpolates between the factors of its errors.
        dsp=engines * (sum(kernel.multipliers for kernel in parts) + (lanes + 1 if lanes else 0) + units),
        bram36=engines * _blocks(design) / 2,
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


def _calibration(design: Design) -> Calibration:
    direct = design.shape.direct is not None
    family = "ecp5" if design.target.family == "ecp5" else "xc7"
    found, units = (DIRECT_CALIBRATIONS if direct else CALIBRATIONS)[family], _error_units(design)
    if not units:
        return found
    cost = ERROR_COSTS[family]
    return replace(
        found,
        engine_lut=found.engine_lut + cost.engine_lut + units * cost.unit_lut,
        engine_ff=found.engine_ff + cost.engine_ff + units * cost.unit_ff,
        shared_lut=found.shared_lut + cost.shared_lut,
        shared_ff=found.shared_ff + cost.shared_ff,
    )


def _error_units(design: Design) -> int:
    """Return the number of units of standard errors of an engine with a decoder; 0 without errors."""
    from seq2seqlite.hardware.gateware.error_unit import ErrorUnit

    return ErrorUnit.units(design.shape)


def _head_lanes(design: Design) -> int:
    """Return the number of multipliers of a direct head; 0 of an engine with a decoder."""
    from seq2seqlite.hardware.gateware.direct_head import schedule

    return 0 if design.shape.direct is None else schedule(design.shape).lanes


def _blocks(design: Design) -> int:
    """Return the number of half blocks of the memories that are too large for LUTs."""
    shape = design.shape
    memories = [(shape.beat_bits, shape.buffer_words)]
    width, depth = BLOCK
    found = shape.bank_blocks(shape.bank_block_bits) if shape.responses else 0
    if shape.direct is not None:
        if design.target.family == "ecp5" or shape.capacity > LUT_MEMORY_DEPTH:
            memories.append((shape.state_bits, shape.capacity))
        found += DIRECT_TABLES
    elif shape.output == "sfd":
        memories.append((3 * shape.program.formats.output.bits, shape.capacity * shape.n_gates))
    else:
        memories += [(16, shape.last_knot + 2), (2 * (shape.area_bits + shape.first_bits), shape.capacity)]
        errors = shape.with_decoder.errors
        if errors is not None:
            memories += _error_units(design) * [(ERROR_BITS, errors.table.size), (LOG_FRACTION_BITS + 1, 256)]
    return found + sum(math.ceil(bits / width) * math.ceil(words / depth) for bits, words in memories)
