"""Conversion of the weights of a program or a float student to the layout of the kernels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.cpu.arithmetic import Arithmetic, Bytes, CoarseBytes, Codes, Float32, Pairs, Scratch
from seq2seqlite.cpu.isa import ISA
from seq2seqlite.cpu.kernels import Head, Layer, new_scratch, padded_units
from seq2seqlite.errors import InputError
from seq2seqlite.integer import (
    DirectProgram,
    EncoderProgram,
    GruStep,
    Program,
    accumulators,
)
from seq2seqlite.integer.interpreter import prepared, scaled
from seq2seqlite.integer.ranges import candidate_sum, gate_sum, head_sum
from seq2seqlite.models import ActivationFormats, Network, Parameters

__all__ = [
    "Compiled",
    "CompiledEncoder",
    "UnfitError",
    "compiled_encoder",
    "compiled_network",
    "compiled_program",
    "runs_network",
    "unfit_program",
    "with_response",
]

Rows = NDArray[Any]
Downs = tuple[int, int]  # bits by which recurrent weights of gates and candidate are divided

PARTS = ("encoder", "decoder")
BYTE, HALF, WORD = 2**7 - 1, 2**15 - 1, 2**31 - 1


class UnfitError(InputError):
    """Model that the selected back end does not support, although another back end does.

    See Also
    --------
    seq2seqlite.cpu.ProgramEngine : Integer program compiled for this CPU; equals ``run`` bit for bit.
    seq2seqlite.cpu.NetworkEngine :
        Float student compiled for this CPU; equals its ``Network`` up to rounding.
    """


@dataclass(frozen=True)
class Compiled:
    """Weights of one model in the memory layout of the compiled CPU kernels.

    Parameters
    ----------
    encoder, decoder : Layer
        Weights of the steps.
    head : Head
        Weights of the head.
    units : int
        Number of units, including padding of the last block.
    n_gates : int
        Number of gates of a TPSF.
    n_baseline : int
        Number of leading gates averaged as baseline.

    See Also
    --------
    compiled_network : Return the weights of a float student in the layout of the CPU kernels.
    compiled_program : Return the weights of an integer program in the layout of the CPU kernels.
    """

    encoder: Layer
    decoder: Layer
    head: Head
    units: int
    n_gates: int
    n_baseline: int

    @property
    def packing(self) -> int:
        """Number of units packed in a lane of an operand."""
        return {Float32: 1, Pairs: 2, Bytes: 4, CoarseBytes: 4}[type(self.encoder.arithmetic)]

    @property
    def state_rows(self) -> int:
        """Number of packed 32-bit operands of the state, per pixel."""
        return self.units // self.packing

    def scratch(self) -> Scratch:
        """Return the working memory of one thread."""
        return new_scratch(self.units, self.n_gates, self.head.bias.dtype)


def compiled_network(network: Network, /) -> Compiled:
    """Return the weights of a float student in the layout of the CPU kernels.

    Parameters
    ----------
    network : Network
        Network with one layer, the ``lite`` cell and floating-point activations.

    Raises
    ------
    UnfitError
        If the network has several layers, another cell or quantised activations.

    See Also
    --------
    compiled_program : Return the weights of an integer program in the layout of the CPU kernels.
    runs_network : Return whether the CPU back end supports a float network.
    """
    if not runs_network(network):
        others = "'numpy' or 'jax'" if network.formats is None else "'numpy'"
        raise UnfitError(
            f"model {network.name} is not a float network of one layer with 'lite' cells; "
            f"use backend {others}"
        )
    parameters, columns = network.content.parameters, network.columns
    kernel = parameters["encoder/0/kernel"]
    # What the response adds to the sums at each gate is the same for all decays: it belongs to the biases.
    added = np.zeros(kernel.shape[1], np.float32) if columns is None else columns @ kernel[1:]
    return Compiled(
        _float_layer(parameters, "encoder/0", 1, added),
        _float_layer(parameters, "decoder/0", 0, np.zeros_like(parameters["decoder/0/bias"])),
        _head(parameters["head/kernel"], parameters["head/bias"], packing=1),
        padded_units(network.architecture.layers[0]),
        network.axis.n_gates,
        network.content.n_baseline,
    )


def compiled_program(program: Program, /) -> Compiled:
    """Return the weights of an integer program in the layout of the CPU kernels.

    Parameters
    ----------
    program : Program
        Program; its ranges determine whether operands are packed as bytes or as pairs of 16-bit numbers.

    Raises
    ------
    UnfitError
        If a number does not fit the registers, or the write-back retains rounding errors.

    See Also
    --------
    compiled_network : Return the weights of a float student in the layout of the CPU kernels.
    unfit_program : Return why the CPU back end cannot run a program, or an empty string.
    """
    reason = unfit_program(program)
    if reason:
        raise UnfitError(f"program {program.name}: {reason}; only the interpreter runs it")
    head = _head_weights(program)
    layers, packing = _layers(program, PARTS, _highest(head[0]))
    return Compiled(
        **layers,
        head=_head(*head, packing),
        units=padded_units(program.units),
        n_gates=program.n_gates,
        n_baseline=program.n_baseline,
    )


def _layers(program: EncoderProgram, parts: Sequence[str], head: int = 0) -> tuple[dict[str, Layer], int]:
    """Return the layers of a program, and the number of units in a lane: 4 if all operands fit bytes, else 2.

    ``head`` is the largest weight of the head.
    """
    f, steps = program.formats, {name: getattr(program, name) for name in parts}
    found = {name: (_step_weights(program, step), _codes(program, step)) for name, step in steps.items()}
    downs = {name: _downs(*one) for name, one in found.items()}
    highest = max(head, f.state_operand.high_code, f.product.high_code)
    if not ISA.dot_bytes or highest > BYTE or f.input.high_code > 2 * BYTE + 1 or None in downs.values():
        return {name: _packed(weights, Pairs(codes), 2) for name, (weights, codes) in found.items()}, 2
    return {name: _in_bytes(*one, downs[name] or (0, 0)) for name, one in found.items()}, 4


def _in_bytes(weights: "_StepWeights", codes: Codes, downs: Downs) -> Layer:
    if not any(downs):
        return _packed(weights, Bytes(codes), 4)
    gates, candidate = codes.gate_shift - downs[0], codes.candidate_shift - downs[1]
    codes = codes._replace(gate_shift=gates, candidate_shift=candidate)
    return _packed(weights, CoarseBytes(codes, *downs), 4, downs)


def _downs(step: "_StepWeights", codes: Codes) -> Downs | None:
    """Return the bits by which recurrent weights have to be divided to fit bytes; None if they do not fit."""
    if step.highest <= BYTE:
        return 0, 0
    units, found = step.candidate.shape[1], []
    for rows, shift in ((step.gates, codes.gate_shift), (step.candidate, codes.candidate_shift)):
        down = next(bits for bits in range(shift, -1, -1) if not np.any(rows[:units] % (1 << bits)))
        if len(rows) == units or _highest(rows[:units] >> down, rows[units:]) > BYTE:
            return None  # a step without an input has no sum to begin with
        found.append(down)
    return found[0], found[1]


def _highest(*rows: Rows) -> int:
    """Return the largest magnitude of a weight."""
    return max(int(np.abs(some).max(initial=0)) for some in rows)


@dataclass(frozen=True)
class CompiledEncoder:
    """Weights of a direct program in the memory layout of the compiled CPU kernels.

    Parameters
    ----------
    layer : Layer
        Weights of the encoder step; the biases are those of an unknown response.
    units : int
        Number of units, including padding of the last block.
    n_gates : int
        Number of gates of a TPSF.

    See Also
    --------
    compiled_encoder : Return the weights of a direct program in this layout.
    """

    layer: Layer
    units: int
    n_gates: int

    def scratch(self) -> Scratch:
        """Return the working memory of one thread."""
        return new_scratch(self.units, self.n_gates, np.int32)


def compiled_encoder(program: DirectProgram, /) -> CompiledEncoder:
    """Return the weights of a direct program in the layout of the CPU kernels.

    Raises
    ------
    UnfitError
        If a number does not fit the registers.

    See Also
    --------
    compiled_program : The same for programs with a decoder.
    """
    reason = _unfit_encoder(program)
    if reason:
        raise UnfitError(f"program {program.name}: {reason}; only the interpreter runs it")
    layer = _layers(program, ("encoder",))[0]["encoder"]
    return CompiledEncoder(layer, padded_units(program.units), program.n_gates)


def _unfit_encoder(program: DirectProgram) -> str:
    """Return why the CPU back end cannot run a direct program, or an empty string."""
    found = program.encoder_accumulators
    # The normaliser computes in 64 bits.
    reach = {name: one.magnitude for name, one in found.items() if name != "normaliser"}
    step = program.encoder
    reason = _unfit_formats(program.formats) or _unfit_weight(_step_weights(program, step).highest)
    return reason or _unfit_sums(_on_grids(reach, program, ("encoder",)))


def with_response(layer: Layer, program: EncoderProgram, codes: NDArray[np.int64], /) -> Layer:
    """Return the weights of the encoder with the contributions of a response added to the bias at each gate.

    Parameters
    ----------
    layer : Layer
        Weights of the encoder step, whose biases are those of an unknown response.
    program : EncoderProgram
        Program.
    codes : ndarray of int64, shape (n_gates, n_columns)
        Codes of the response.

    See Also
    --------
    compiled_program, compiled_encoder : Weights of the encoder step.
    """
    w, units = prepared(program, program.encoder, np.int64), program.units
    fg, fc = _grids(program, program.encoder)
    gates = (codes @ w.gate_kernel[1:]) << (fg - w.gate_fraction)
    candidate = (codes @ w.candidate_kernel[1:]) << (fc - w.candidate_fraction)
    extra = ((0, 0), (0, padded_units(units) - units))
    both = np.concatenate([np.pad(gates[:, :units], extra), np.pad(gates[:, units:], extra)], axis=1)
    return layer._replace(
        gates_bias=(both + layer.gates_bias).reshape(-1).astype(np.int32),
        candidate_bias=(np.pad(candidate, extra) + layer.candidate_bias).reshape(-1).astype(np.int32),
    )


def runs_network(network: Network, /) -> bool:
    """Return whether the CPU back end supports a float network.

    See Also
    --------
    compiled_network : Return the weights of a float student in the layout of the CPU kernels.
    """
    return (
        network.formats is None
        and network.architecture.cell == "lite"
        and len(network.architecture.layers) == 1
        and not network.architecture.direct
    )


def unfit_program(program: Program, /) -> str:
    """Return why the CPU back end cannot run a program, or an empty string.

    See Also
    --------
    compiled_program : Return the weights of an integer program in the layout of the CPU kernels.
    """
    f = program.formats
    reason = _unfit_formats(f)
    if not reason:  # weights cannot be aligned for every format
        steps = [_step_weights(program, getattr(program, part)).highest for part in PARTS]
        reason = _unfit_weight(max(_highest(_head_weights(program)[0]), *steps))
    if reason:
        return reason
    reach = {name: one.magnitude for name, one in accumulators(program).items()}
    reach = _on_grids(reach, program, PARTS)
    reach["head"] <<= _head_grid(program) - head_sum(program)
    reach["sum of the SFD"] = program.n_gates * f.output.high_code
    del reach["normaliser"], reach["reduction"]  # computed in 64 bits
    return _unfit_sums(reach)


def _unfit_formats(f: ActivationFormats) -> str:
    if max(f.input.high_code, f.gate_high_code, f.product.high_code) > HALF:
        return "an operand does not fit 16 bits"
    if 2 ** (_common_grid(f) + 1) > HALF:
        return "the difference of state and candidate does not fit 16 bits"
    if f.product.fraction_bits >= f.gate.fraction_bits + f.state_operand.fraction_bits:
        return "the product of reset gate and state is as fine as its factors"
    return ""


def _unfit_weight(highest: int) -> str:
    return f"a weight of {highest} on the grid of its sum does not fit 16 bits" if highest > HALF else ""


def _on_grids(reach: dict[str, int], program: EncoderProgram, parts: Sequence[str]) -> dict[str, int]:
    """Return magnitudes of sums on the grids of the kernels."""
    f, found = program.formats, dict(reach)
    for part in parts:
        step = getattr(program, part)
        grids = _grids(program, step)
        found[f"{part}.gates"] <<= grids[0] - gate_sum(step, f)
        found[f"{part}.candidate"] <<= grids[1] - candidate_sum(step, f)
    return found


def _unfit_sums(reach: dict[str, int]) -> str:
    widest = max(reach, key=lambda name: reach[name])
    # Bytes have an offset of 128 in place of codes up to 127.
    return f"accumulator {widest} does not fit 32 bits" if reach[widest] * 128 > WORD * 127 else ""


def _common_grid(formats: ActivationFormats) -> int:
    """Return the common fraction bits of state and candidate in their difference."""
    return max(formats.state.fraction_bits, formats.candidate.fraction_bits)


def _grids(program: EncoderProgram, step: GruStep) -> tuple[int, int]:
    """Return the fraction bits of the pre-activation sums: at least those of gates and candidate."""
    f = program.formats
    return max(gate_sum(step, f), f.gate.fraction_bits - 1), max(
        candidate_sum(step, f), f.candidate.fraction_bits
    )


def _head_grid(program: Program) -> int:
    return max(head_sum(program), program.formats.output.fraction_bits)


def _codes(program: EncoderProgram, step: GruStep) -> Codes:
    f, common = program.formats, _common_grid(program.formats)
    gates, candidate = _grids(program, step)
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


@dataclass(frozen=True)
class _StepWeights:
    """Weights of a step, aligned to the binary points of their sums; rows are operands, columns outputs."""

    gates: Rows
    gates_bias: Rows
    candidate: Rows
    candidate_bias: Rows

    @property
    def highest(self) -> int:
        """Largest magnitude of a weight."""
        return _highest(self.gates, self.candidate)


def _float_layer(parameters: Parameters, name: str, n_inputs: int, added: Rows) -> Layer:
    """Return the weights of a layer; ``added`` is added to the biases, at all gates or at each of them."""
    rows = np.concatenate([parameters[f"{name}/recurrent_kernel"], parameters[f"{name}/kernel"][:n_inputs]])
    bias, units = parameters[f"{name}/bias"] + added, rows.shape[1] // 3
    gates, candidate = slice(0, 2 * units), slice(2 * units, None)
    half = np.float32(0.5)  # slope and offset of the hard sigmoid
    step = _StepWeights(
        rows[:, gates] * half,
        bias[..., gates] * half + half,
        rows[:, candidate],
        np.ascontiguousarray(bias[..., candidate]),
    )
    return _packed(step, Float32(1.0), packing=1)


def _step_weights(program: EncoderProgram, step: GruStep) -> _StepWeights:
    """Return the weights of a step; of its inputs only the TPSF, as the response belongs to the biases."""
    w, codes = prepared(program, step, np.int64), _codes(program, step)
    fg, fc = _grids(program, step)
    finer_g, finer_c = fg - w.gate_fraction, fc - w.candidate_fraction
    one = 1 << fg  # of the hard sigmoid, (1 + x) / 2
    return _StepWeights(
        np.concatenate([w.gate_recurrent, w.gate_kernel[:1]]) << finer_g,
        (w.gate_bias[0] << finer_g) + one + _half(codes.gate_shift),
        np.concatenate([w.candidate_recurrent, w.candidate_kernel[:1]]) << finer_c,
        (w.candidate_bias[0] << finer_c) + _half(codes.candidate_shift),
    )


def _head_weights(program: Program) -> tuple[Rows, Rows]:
    f, fraction = program.formats, _head_grid(program)
    kernel = scaled(program.head_kernel, fraction - f.state_operand.fraction_bits, np.int64)
    bias = scaled(program.head_bias, fraction, np.int64)[0]
    return kernel, bias + _half(fraction - f.output.fraction_bits)


def _half(shift: int) -> int:
    """Return the offset that makes a right shift round to nearest."""
    return (1 << shift) >> 1


def _packed(step: _StepWeights, arithmetic: Arithmetic, packing: int, downs: Downs = (0, 0)) -> Layer:
    units = step.candidate.shape[1]
    outputs = units, padded_units(units)
    parts = (step.gates, step.gates_bias, downs[0]), (step.candidate, step.candidate_bias, downs[1])
    packed = [_padded_rows(*part, units, packing, outputs=outputs) for part in parts]
    return Layer(arithmetic, *packed[0], *packed[1])


def _head(kernel: Rows, bias: Rows, packing: int) -> Head:
    return Head(*_padded_rows(kernel, bias, 0, len(kernel), packing, outputs=(1, 1)))


def _padded_rows(
    rows: Rows, bias: Rows, down: int, units: int, packing: int, *, outputs: tuple[int, int]
) -> tuple[Rows, Rows]:
    """Return rows and bias in the layout of the kernels; the weights of units are divided by ``2**down``.

    ``outputs`` is the number of columns of each gate before and after padding with zeros.
    """
    have, want = outputs
    blocks = rows.reshape(len(rows), -1, have)
    columns = np.pad(blocks, ((0, 0), (0, 0), (0, want - have))).reshape(len(rows), -1)
    offsets = np.pad(bias.reshape(-1, have), ((0, 0), (0, want - have))).reshape(-1)
    extra = padded_units(units) - units
    state = np.pad(columns[:units], ((0, extra), (0, 0)))
    if packing == 1:
        return np.concatenate([state, columns[units:]]).reshape(-1), offsets
    if packing == 4:
        offsets = offsets - 128 * state.sum(axis=0)  # compensate the offset of 128 of the operands
    inputs = np.pad(columns[units:], ((0, 0 if len(columns) == units else packing - 1), (0, 0)))
    together = np.concatenate([state >> down if down else state, inputs]).reshape(
        -1, packing, columns.shape[1]
    )
    size = np.dtype(f"<i{4 // packing}")
    # Pack the numbers of a lane into its 32 bits.
    lanes = np.ascontiguousarray(together.transpose(0, 2, 1).astype(size)).view("<i4")
    return lanes.reshape(-1), offsets.astype(np.int32)
