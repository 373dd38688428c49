"""Lowering of a program to the graphs of its three kernels.

The graphs are bit-exact with :mod:`seq2seqlite.integer.interpreter`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.hardware.kernels.cmvm import Term, matrix_product
from seq2seqlite.hardware.kernels.graph import Graph
from seq2seqlite.integer import Affine, EncoderProgram, GruStep, Program
from seq2seqlite.integer.ranges import candidate_sum, gate_sum, head_sum, update_sum
from seq2seqlite.models import ActivationFormats, Format

__all__ = ["Multipliers", "head_graph", "step_graph"]

Codes = NDArray[np.int64]

Multipliers = Literal["dsp", "shift-add"]
"""Implementation of a product of two variables: a DSP block, or AND gates and adders."""


def step_graph(
    program: EncoderProgram, part: Literal["encoder", "decoder"], multipliers: Multipliers, /
) -> Graph:
    """Lower a GRU step of the encoder or decoder.

    Parameters
    ----------
    program : EncoderProgram
        Program to lower; a direct program has an encoder only.
    part : str
        ``"encoder"`` or ``"decoder"``.
    multipliers : str
        ``"dsp"`` or ``"shift-add"``.

    Returns
    -------
    Graph
        Inputs: state codes, then in the encoder the input code and the codes of the response. Outputs: new
        state codes.
    """
    formats, units = program.formats, program.units
    gru, graph = getattr(program, part), Graph()
    state = _inputs(graph, "h", formats.state, units)
    x = _inputs(graph, "x", formats.input, min(gru.n_inputs, 1))
    response = [] if formats.response is None else _inputs(graph, "v", formats.response, gru.n_inputs - 1)
    operand = _leading_bits(graph, formats, state)
    gates, candidate = slice(0, 2 * units), slice(2 * units, None)
    fg, fc = gate_sum(gru, formats), candidate_sum(gru, formats)
    rows = [
        (operand, _scaled(gru.recurrent, fg - formats.state_operand.fraction_bits)[:, gates]),
        *_input_rows(gru, formats, fg, (x, response), gates),
    ]
    # The hard sigmoid, clip(x / 2 + 1 / 2), only adds a constant and moves the binary point.
    bias = _scaled(gru.bias, fg)[0, gates] + (1 << fg)
    gate = _activations(
        graph, rows, bias, fg + 1 - formats.gate.fraction_bits, formats.gate, full=formats.full_gate
    )
    update, reset = gate[:units], gate[units:]
    product = [_reset(graph, formats, values, multipliers) for values in zip(operand, reset, strict=True)]
    rows = [
        (product, _scaled(gru.recurrent, fc - formats.product.fraction_bits)[:, candidate]),
        *_input_rows(gru, formats, fc, (x, response), candidate),
    ]
    bias = _scaled(gru.bias, fc)[0, candidate]
    new = _activations(graph, rows, bias, fc - formats.candidate.fraction_bits, formats.candidate)
    graph.outputs = [
        _written_back(graph, formats, values, multipliers) for values in zip(state, update, new, strict=True)
    ]
    for name, nodes in (("z", update), ("r", reset), ("p", product), ("c", new), ("s", graph.outputs)):
        _name(graph, name, nodes)
    return graph.without_dead()


def head_graph(program: Program, channels: Sequence[int], /) -> Graph:
    """Lower the head.

    Parameters
    ----------
    program : Program
        Program to lower.
    channels : sequence of int
        Requested outputs in this order: 0 total, 1 short, 2 long.

    Returns
    -------
    Graph
        Inputs: state codes. Outputs: codes of the channels.
    """
    graph, fmt, fraction = Graph(), program.formats.output, head_sum(program)
    state = _inputs(graph, "h", program.formats.state, program.units)
    operand = _leading_bits(graph, program.formats, state)
    wanted = list(channels)
    kernel = _scaled(program.head_kernel, fraction - program.formats.state_operand.fraction_bits)[:, wanted]
    bias = _scaled(program.head_bias, fraction)[0, wanted]
    graph.outputs = _activations(graph, [(operand, kernel)], bias, fraction - fmt.fraction_bits, fmt)
    _name(graph, "y", graph.outputs)
    return graph.without_dead()


def _inputs(graph: Graph, name: str, fmt: Format, count: int) -> list[int]:
    nodes = [graph.input(fmt.low_code, fmt.high_code) for _ in range(count)]
    _name(graph, name, nodes)
    return nodes


def _leading_bits(graph: Graph, formats: ActivationFormats, state: Sequence[int]) -> list[int]:
    """Return the states as operands of the matrix products."""
    less = formats.state.fraction_bits - formats.state_operand.fraction_bits
    return [graph.bits(node, less) for node in state]


def _input_rows(
    gru: GruStep,
    formats: ActivationFormats,
    fraction: int,
    inputs: tuple[list[int], list[int]],
    columns: slice,
) -> list[tuple[list[int], Codes]]:
    """Return the inputs of a step, TPSF and response, and their weights on the grid of a sum."""
    x, response = inputs
    rows = [(x, _scaled(gru.kernel, fraction - formats.input.fraction_bits)[: len(x), columns])]
    if formats.response is not None:
        kernel = _scaled(gru.kernel, fraction - formats.response.fraction_bits)
        rows.append((response, kernel[1:, columns]))
    return rows


def _name(graph: Graph, name: str, nodes: Sequence[int]) -> None:
    graph.names.update({node: f"{name}{k}" for k, node in enumerate(nodes) if node not in graph.names})


def _scaled(affine: Affine, fraction: int) -> Codes:
    if not affine.codes.size:
        return affine.codes
    return np.asarray(affine.codes << (fraction - affine.format.fraction_bits))


def _activations(
    graph: Graph,
    rows: Sequence[tuple[list[int], Codes]],
    bias: Codes,
    below: int,
    fmt: Format,
    *,
    full: bool = False,
) -> list[int]:
    """Return ``saturated(shifted(sum + bias, below), fmt)`` of each column; ``full``: gates that reach 1."""
    operands = [node for nodes, _ in rows for node in nodes]
    matrix = np.concatenate([matrix for _, matrix in rows])
    # Operands with a range of one value are constants, and are added to the bias.
    known = np.array([graph.nodes[i].low == graph.nodes[i].high for i in operands])
    bias = bias + np.array([graph.nodes[i].low for i in operands])[known] @ matrix[known]
    terms = matrix_product(
        graph, [i for i, number in zip(operands, known, strict=True) if not number], matrix[~known]
    )
    bits = fmt.integer_bits + fmt.fraction_bits
    half = 1 << (below - 1) if below > 0 else 0
    sums = (_floored(graph, term, int(b) + half, below) for term, b in zip(terms, bias, strict=True))
    if full:
        return [graph.clip_to_power(total, bits) for total in sums]
    return [graph.clip(total, bits, signed=fmt.signed) for total in sums]


def _floored(graph: Graph, term: Term, constant: int, below: int) -> int:
    """Return ``(term + constant) >> below``, or ``<< -below``."""
    if below < 0:
        return _floored(graph, replace(term, shift=term.shift - below), constant << -below, 0)
    if term.node is None:
        return graph.constant(constant >> below)
    # Bits of the constant below the lowest bit of the term cannot produce a carry and are dropped.
    free = min(term.shift, below)
    shift, below, constant = term.shift - free, below - free, constant >> free
    added = graph.constant(constant)
    if term.negative:
        total = graph.add(added, term.node, (0, shift), subtract=True)
    elif constant or shift:
        total = graph.add(term.node, added, (shift, 0))
    else:
        total = term.node
    return graph.bits(total, below)


def _rounded(graph: Graph, node: int, below: int) -> int:
    """Return a value divided by ``2**below``, rounded half up; the highest dropped bit is the carry-in."""
    if below <= 0:
        return graph.add(node, graph.constant(0), (-below, 0)) if below else node
    carry = graph.bits(node, below - 1, keep=1)
    low, high = (end + (1 << (below - 1)) >> below for end in (graph.nodes[node].low, graph.nodes[node].high))
    return graph.add(graph.bits(node, below), graph.constant(0), carry=carry, reach=(low, high))


def _reset(
    graph: Graph, formats: ActivationFormats, values: tuple[int, int], multipliers: Multipliers
) -> int:
    """Return the product of reset gate and state in the format ``product``, for values (h, r)."""
    h, r = values
    operand = formats.state_operand.fraction_bits
    below = formats.gate.fraction_bits + operand - formats.product.fraction_bits
    bits = formats.product.fraction_bits
    if not 1 < below <= graph.nodes[r].width:
        total = _rounded(graph, _product(graph, h, r, multipliers), below)
    elif multipliers == "dsp":
        total = graph.bits(graph.multiply(h, r, graph.constant(1), below - 1), below)
    else:
        total = graph.bits(_shift_add(graph, h, r, half=below - 1), below)
    return graph.clip(total, bits, signed=True)


def _product(graph: Graph, a: int, factor: int, multipliers: Multipliers) -> int:
    """Return the product of a value and an unsigned factor."""
    if multipliers == "dsp":
        return graph.multiply(a, factor, graph.constant(0), 0)
    return _shift_add(graph, a, factor, half=0)


@dataclass(frozen=True)
class _Row:
    """Partial product ``node << shift`` of factors up to ``most``, including the rounding constant."""

    node: int
    shift: int
    most: int
    half: int = 0


def _shift_add(graph: Graph, a: int, factor: int, *, half: int) -> int:
    """Return the product of a value and an unsigned factor, plus the rounding constant ``2**half``.

    An adder tree sums the partial products, which are the value masked by each bit of the factor. The
    rounding constant is the carry-in of the adder whose lowest bit is ``half``.
    """
    low, high = min(graph.nodes[a].low, 0), max(graph.nodes[a].high, 0)
    rows = [
        _Row(graph.mask(a, graph.bits(factor, k, keep=1)), k, 1 << k)
        for k in range(graph.nodes[factor].width)
    ]
    while len(rows) > 1:
        pairs, odd = list(zip(rows[::2], rows[1::2], strict=False)), rows[len(rows) // 2 * 2 :]
        rows = []
        for first, second in pairs:
            k, carry = first.shift, second.shift == half
            more = first.half + second.half + (carry << half)
            most = first.most + second.most
            node = graph.add(
                first.node,
                second.node,
                (0, second.shift - k),
                carry=graph.constant(1) if carry else None,
                reach=((low * most + more) >> k, (high * most + more) >> k),
            )
            rows.append(_Row(node, k, most, more))
        rows += odd
    return rows[0].node


def _written_back(
    graph: Graph, formats: ActivationFormats, values: tuple[int, int, int], multipliers: Multipliers
) -> int:
    """Return the new state ``c + z (h - c)`` in the format ``state``, for values (h, z, c)."""
    h, z, c = values
    fraction, fmt = update_sum(formats), formats.state
    grid = fraction - formats.gate.fraction_bits
    below = fraction - fmt.fraction_bits
    to_h, to_c = grid - fmt.fraction_bits, grid - formats.candidate.fraction_bits
    change = graph.add(h, c, (to_h, to_c), subtract=True)
    base = to_c + formats.gate.fraction_bits  # shift of the candidate in the grid of the product
    # The new state lies between candidate and old state. Interval arithmetic would give a wider range.
    widest = max(fmt.high_code << to_h, formats.candidate.high_code << to_c) << formats.gate.fraction_bits
    half = 1 << (below - 1)
    if multipliers == "dsp" and base >= below:
        # The rounding constant is one bit below the candidate, and the DSP block adds both.
        added = graph.add(c, graph.constant(1), (base - below + 1, 0))
        reach = (-widest + half, widest + half)
        new = graph.bits(graph.multiply(change, z, added, below - 1, reach=reach), below)
        return graph.clip(new, fmt.fraction_bits, signed=True)
    moved = _product(graph, change, z, multipliers)
    if base == below:
        carry = graph.bits(moved, below - 1, keep=1)
        reach = (-widest + half >> below, widest + half >> below)
        new = graph.add(c, graph.bits(moved, below), carry=carry, reach=reach)
    else:
        new = _rounded(graph, graph.add(moved, c, (0, base), reach=(-widest, widest)), below)
    return graph.clip(new, fmt.fraction_bits, signed=True)
