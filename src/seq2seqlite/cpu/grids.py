"""Weights, shifts and ranges of a program on the grids of the sums of the kernels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.cpu.constants import Codes, Halves
from seq2seqlite.integer import AnyProgram, DirectProgram, EncoderProgram, GruStep, Program, accumulators
from seq2seqlite.integer.interpreter import prepared, scaled
from seq2seqlite.integer.ranges import candidate_sum, gate_sum, head_sum
from seq2seqlite.models import ActivationFormats

__all__ = [
    "BYTE",
    "PARTS",
    "Downs",
    "Rows",
    "StepWeights",
    "codes_of",
    "downs_of",
    "grids",
    "halves_of",
    "head_weights",
    "highest",
    "reach_of",
    "step_weights",
    "unfit_encoder",
    "unfit_program",
]

Rows = NDArray[Any]
Downs = tuple[int, int]  # bits by which recurrent weights of gates and candidate are divided

PARTS = ("encoder", "decoder")
BYTE, HALF, WORD = 2**7 - 1, 2**15 - 1, 2**31 - 1


@dataclass(frozen=True)
class StepWeights:
    """Weights of a step, aligned to the binary points of their sums; rows are operands, columns outputs."""

    gates: Rows
    gates_bias: Rows
    candidate: Rows
    candidate_bias: Rows

    @property
    def highest(self) -> int:
        """Largest magnitude of a weight."""
        return highest(self.gates, self.candidate)


def step_weights(program: EncoderProgram, step: GruStep, /) -> StepWeights:
    """Return the weights of a step; of its inputs only the TPSF, as the response belongs to the biases."""
    w, codes = prepared(program, step, np.int64), codes_of(program, step)
    fg, fc = grids(program, step)
    finer_g, finer_c = fg - w.gate_fraction, fc - w.candidate_fraction
    one = 1 << fg  # of the hard sigmoid, (1 + x) / 2
    return StepWeights(
        np.concatenate([w.gate_recurrent, w.gate_kernel[:1]]) << finer_g,
        (w.gate_bias[0] << finer_g) + one + _half(codes.gate_shift),
        np.concatenate([w.candidate_recurrent, w.candidate_kernel[:1]]) << finer_c,
        (w.candidate_bias[0] << finer_c) + _half(codes.candidate_shift),
    )


def head_weights(program: Program, /) -> tuple[Rows, Rows]:
    """Return the weights and the biases of the head on the grid of their sum."""
    f, fraction = program.formats, _head_grid(program)
    kernel = scaled(program.head_kernel, fraction - f.state_operand.fraction_bits, np.int64)
    bias = scaled(program.head_bias, fraction, np.int64)[0]
    return kernel, bias + _half(fraction - f.output.fraction_bits)


def _half(shift: int) -> int:
    """Return the offset that makes a right shift round to nearest."""
    return (1 << shift) >> 1


def unfit_program(program: Program, /) -> str:
    """Return why the CPU back end cannot run a program, or an empty string.

    See Also
    --------
    compiled_program : Return the weights of an integer program in the layout of the CPU kernels.
    """
    f = program.formats
    reason = _unfit_formats(f)
    if not reason:  # weights cannot be aligned for every format
        steps = [step_weights(program, getattr(program, part)).highest for part in PARTS]
        reason = _unfit_weight(max(highest(head_weights(program)[0]), *steps))
    return reason or _unfit_sums(reach_of(program))


def _unfit_formats(f: ActivationFormats) -> str:
    if max(f.input.high_code, f.gate_high_code, f.product.high_code) > HALF:
        return "an operand does not fit 16 bits"
    if 2 ** (_common_grid(f) + 1) > HALF:
        return "the difference of state and candidate does not fit 16 bits"
    if f.product.fraction_bits >= f.gate.fraction_bits + f.state_operand.fraction_bits:
        return "the product of reset gate and state is as fine as its factors"
    return ""


def _unfit_weight(weight: int) -> str:
    return f"a weight of {weight} on the grid of its sum does not fit 16 bits" if weight > HALF else ""


def _unfit_sums(reach: dict[str, int]) -> str:
    widest = max(reach, key=lambda name: reach[name])
    # Bytes have an offset of 128 in place of codes up to 127.
    return f"accumulator {widest} does not fit 32 bits" if reach[widest] * 128 > WORD * 127 else ""


def _common_grid(formats: ActivationFormats) -> int:
    """Return the common fraction bits of state and candidate in their difference."""
    return max(formats.state.fraction_bits, formats.candidate.fraction_bits)


def grids(program: EncoderProgram, step: GruStep, /) -> tuple[int, int]:
    """Return the fraction bits of the pre-activation sums: at least those of gates and candidate."""
    f = program.formats
    return max(gate_sum(step, f), f.gate.fraction_bits - 1), max(
        candidate_sum(step, f), f.candidate.fraction_bits
    )


def _head_grid(program: Program) -> int:
    return max(head_sum(program), program.formats.output.fraction_bits)


def codes_of(program: EncoderProgram, step: GruStep, /) -> Codes:
    """Return the constants of a step."""
    f, common = program.formats, _common_grid(program.formats)
    gates, candidate = grids(program, step)
    operand = f.state_operand.fraction_bits
    product_shift = f.gate.fraction_bits + operand - f.product.fraction_bits
    head_grid = _head_grid(program) if isinstance(program, Program) else f.output.fraction_bits
    update_shift = f.gate.fraction_bits + common - f.state.fraction_bits
    return Codes(
        gate_shift=gates + 1 - f.gate.fraction_bits,
        gate_high=f.gate_high_code,
        operand_shift=f.state.fraction_bits - operand,
        product_shift=product_shift,
        product_half=1 << (product_shift - 1),
        product_high=f.product.high_code,
        candidate_shift=candidate - f.candidate.fraction_bits,
        candidate_high=f.candidate.high_code,
        state_up=common - f.state.fraction_bits,
        candidate_up=common - f.candidate.fraction_bits,
        gate_up=f.gate.fraction_bits,
        update_shift=update_shift,
        update_half=1 << (update_shift - 1),
        state_high=f.state.high_code,
        output_shift=head_grid - f.output.fraction_bits,
        output_low=f.output.low_code,
        output_high=f.output.high_code,
        input_high=f.input.high_code,
    )


def unfit_encoder(program: DirectProgram, /) -> str:
    """Return why the CPU back end cannot run a direct program, or an empty string."""
    step = program.encoder
    reason = _unfit_formats(program.formats) or _unfit_weight(step_weights(program, step).highest)
    return reason or _unfit_sums(reach_of(program))


def reach_of(program: AnyProgram, /) -> dict[str, int]:
    """Return the magnitudes of the sums on the grids of the kernels, without those computed in 64 bits."""
    f, parts = program.formats, PARTS if isinstance(program, Program) else PARTS[:1]
    sums = accumulators(program) if isinstance(program, Program) else program.encoder_accumulators
    found = {name: one.magnitude for name, one in sums.items() if name not in ("normaliser", "reduction")}
    for part in parts:
        step = getattr(program, part)
        of_gates, of_candidate = grids(program, step)
        found[f"{part}.gates"] <<= of_gates - gate_sum(step, f)
        found[f"{part}.candidate"] <<= of_candidate - candidate_sum(step, f)
    if isinstance(program, Program):
        found["head"] <<= _head_grid(program) - head_sum(program)
        found["sum of the SFD"] = program.n_gates * f.output.high_code
    return found


def downs_of(step: StepWeights, codes: Codes, /) -> Downs | None:
    """Return the bits by which recurrent weights have to be divided to fit bytes; None if they do not fit."""
    if step.highest <= BYTE:
        return 0, 0
    units, found = step.candidate.shape[1], []
    for rows, shift in ((step.gates, codes.gate_shift), (step.candidate, codes.candidate_shift)):
        down = next(bits for bits in range(shift, -1, -1) if not np.any(rows[:units] % (1 << bits)))
        if highest(rows[:units] >> down, rows[units:]) > BYTE:
            return None
        found.append(down)
    return found[0], found[1]


def halves_of(program: AnyProgram, reach: Mapping[str, int], parts: Sequence[str], /) -> Halves | None:
    """Return the shifts of the arithmetic in 16-bit lanes; None if a number does not fit them.

    ``reach`` has the magnitudes of :func:`reach_of`.
    """
    f = program.formats
    codes = [codes_of(program, getattr(program, part)) for part in parts]
    quotients = [reach[f"{part}.gates"] >> one.gate_shift for part, one in zip(parts, codes, strict=True)]
    quotients += [
        reach[f"{part}.candidate"] >> one.candidate_shift for part, one in zip(parts, codes, strict=True)
    ]
    product_up, update_up = 15 - codes[0].product_shift, 15 - f.gate.fraction_bits
    gate = min(15 - f.gate_high_code.bit_length(), product_up, update_up)
    found = Halves(gate, product_up - gate, update_up - gate, codes[0].candidate_up)
    difference = 2 ** (f.state.fraction_bits + 1)
    fits = (
        max(quotients) < HALF
        and codes[0].state_up == 0  # the candidate is not finer than the state
        and gate >= 0
        and f.state_operand.high_code << found.product <= HALF
        and difference << found.update <= HALF + 1
    )
    return found if fits else None


def highest(*rows: Rows) -> int:
    """Return the largest magnitude of a weight."""
    return max(int(np.abs(some).max(initial=0)) for some in rows)
