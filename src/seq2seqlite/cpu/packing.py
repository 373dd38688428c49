"""Conversion of the weights of a program or a float student to the layout of the kernels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.cpu.constants import Arithmetic, Bytes, CoarseBytes, Codes, Float32, Halves, Pairs, Scratch
from seq2seqlite.cpu.grids import (
    BYTE,
    PARTS,
    Downs,
    Rows,
    StepWeights,
    codes_of,
    downs_of,
    grids,
    halves_of,
    head_weights,
    highest,
    reach_of,
    step_weights,
    unfit_encoder,
    unfit_program,
)
from seq2seqlite.cpu.isa import ISA
from seq2seqlite.cpu.kernels import Head, Layer, new_scratch, padded_units
from seq2seqlite.errors import InputError
from seq2seqlite.integer import (
    AnyProgram,
    DirectProgram,
    EncoderProgram,
    Program,
)
from seq2seqlite.integer.interpreter import prepared
from seq2seqlite.models import Network, Parameters

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

LOWER_BITS = 7  # of a weight of the head in two parts


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
        return new_scratch(self.units, self.n_gates, self.encoder.arithmetic)


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
    head = head_weights(program)
    layers, packing = _layers(program, PARTS, highest(_upper(head[0])))
    return Compiled(
        **layers,
        head=_head(*head, packing),
        units=padded_units(program.units),
        n_gates=program.n_gates,
        n_baseline=program.n_baseline,
    )


def _layers(program: AnyProgram, parts: Sequence[str], head: int = 0) -> tuple[dict[str, Layer], int]:
    """Return the layers of a program, and the number of units in a lane: 4 if all operands fit bytes, else 2.

    ``head`` is the largest weight of the head without its lower bits.
    """
    f, steps = program.formats, {name: getattr(program, name) for name in parts}
    found = {name: (step_weights(program, step), codes_of(program, step)) for name, step in steps.items()}
    downs = [downs_of(*one) for one in found.values()]
    halves = halves_of(program, reach_of(program), parts)
    widest = max(head, f.state_operand.high_code, f.product.high_code)
    fits = widest <= BYTE and f.input.high_code <= 2 * BYTE + 1 and None not in downs
    if not ISA.dot_bytes or halves is None or not fits:
        return {name: _packed(weights, Pairs(codes), 2) for name, (weights, codes) in found.items()}, 2
    in_bytes = (
        _in_bytes(*one, halves, down or (0, 0)) for one, down in zip(found.values(), downs, strict=True)
    )
    return dict(zip(found, in_bytes, strict=True)), 4


def _in_bytes(step: StepWeights, codes: Codes, halves: Halves, downs: Downs) -> Layer:
    """Return a layer whose recurrent weights are divided by powers of two to fit bytes."""
    if not any(downs):
        return _packed(step, Bytes(codes, halves), 4)
    gates, candidate = codes.gate_shift - downs[0], codes.candidate_shift - downs[1]
    codes = codes._replace(gate_shift=gates, candidate_shift=candidate)
    if len(step.candidate) > step.candidate.shape[1]:  # with an input, which may be on a finer grid
        return _packed(step, CoarseBytes(codes, halves, *downs), 4, downs)
    parts = zip(vars(step).values(), (downs[0], downs[0], downs[1], downs[1]), strict=True)
    return _packed(StepWeights(*(part >> down for part, down in parts)), Bytes(codes, halves), 4)


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
        return new_scratch(self.units, self.n_gates, self.layer.arithmetic)


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
    reason = unfit_encoder(program)
    if reason:
        raise UnfitError(f"program {program.name}: {reason}; only the interpreter runs it")
    layer = _layers(program, ("encoder",))[0]["encoder"]
    return CompiledEncoder(layer, padded_units(program.units), program.n_gates)


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
    fg, fc = grids(program, program.encoder)
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


def _float_layer(parameters: Parameters, name: str, n_inputs: int, added: Rows) -> Layer:
    """Return the weights of a layer; ``added`` is added to the biases, at all gates or at each of them."""
    rows = np.concatenate([parameters[f"{name}/recurrent_kernel"], parameters[f"{name}/kernel"][:n_inputs]])
    bias, units = parameters[f"{name}/bias"] + added, rows.shape[1] // 3
    gates, candidate = slice(0, 2 * units), slice(2 * units, None)
    half = np.float32(0.5)  # slope and offset of the hard sigmoid
    step = StepWeights(
        rows[:, gates] * half,
        bias[..., gates] * half + half,
        rows[:, candidate],
        np.ascontiguousarray(bias[..., candidate]),
    )
    return _packed(step, Float32(1.0), packing=1)


def _packed(step: StepWeights, arithmetic: Arithmetic, packing: int, downs: Downs = (0, 0)) -> Layer:
    units = step.candidate.shape[1]
    outputs = units, padded_units(units)
    parts = (step.gates, step.gates_bias, downs[0]), (step.candidate, step.candidate_bias, downs[1])
    packed = [_padded_rows(*part, units, packing, outputs=outputs) for part in parts]
    return Layer(arithmetic, *packed[0], *packed[1])


def _head(kernel: Rows, bias: Rows, packing: int) -> Head:
    """Return the head; weights of bytes are divided in two parts if they need it."""

    def packed(rows: Rows, start: Rows) -> tuple[Rows, Rows]:
        return _padded_rows(rows, start, 0, len(kernel), packing, outputs=(1, 1))

    if packing < 4 or highest(kernel) <= BYTE:
        low = packed(kernel, bias)
        return Head(*low, low[0][:0], np.zeros_like(low[1]), 0)
    upper = _upper(kernel)
    return Head(
        *packed(kernel - (upper << LOWER_BITS), bias), *packed(upper, np.zeros_like(bias)), LOWER_BITS
    )


def _upper(kernel: Rows) -> Rows:
    """Return weights without their lower bits, rounded, so that the rest is a number with a sign."""
    return (kernel + (1 << LOWER_BITS >> 1)) >> LOWER_BITS


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
