"""Compiled loops of :mod:`seq2seqlite.gru.gradient`, for one group of decays at a time.

The functions allocate no memory and release the interpreter's lock, so that threads run them in parallel.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numba.extending import register_jitable
from numpy.typing import NDArray

from seq2seqlite.cpu.jit import compiled, source_digest
from seq2seqlite.cpu.lanes import (
    GROUP,
    LANES,
    ROWS,
    add,
    block_add_floats,
    block_clip,
    block_start,
    block_store,
    clip,
    load,
    multiply,
    store,
    subtract,
)
from seq2seqlite.gru import tiles
from seq2seqlite.gru.tiles import (
    TILE_COLUMNS,
    TILE_ROWS,
    keep_inside,
    lane_sum,
    tile_add,
    tile_load,
    transpose,
)

__all__ = [
    "CHUNK",
    "Floats",
    "Rounding",
    "Scratch",
    "Transposed",
    "Weights",
    "backward",
    "forward",
    "gradient_shape",
    "whole",
]

Floats = NDArray[np.float32]

# 2**-10 steps, over 1.5 * 2**23 steps.
NUDGE = 2.0**-10 / (1.5 * 2.0**23)
CHUNK = 16
"""Number of steps after which the weight gradients are accumulated: their operands fit the cache."""


class Weights(NamedTuple):
    """Weights of the forward pass. Those of the gates include the slope and offset of the hard sigmoid."""

    gates: Floats
    gates_bias: Floats
    candidate: Floats
    candidate_bias: Floats


class Rounding(NamedTuple):
    """Constants that round activations to fixed-point formats; with zeros for steps, nothing is rounded.

    Adding and subtracting 1.5 * 2**23 steps rounds a float32 to whole steps. ``NUDGE`` of this is added
    before: less than half the grid of the sums, it makes ties go up, as in an integer program.
    """

    gate: float
    gate_high: float
    product: float
    product_high: float
    candidate: float
    candidate_high: float
    state: float
    state_high: float
    operand: float
    operand_offset: float


class Transposed(NamedTuple):
    """Weights of the backward pass, and a bias of zeros."""

    gates: Floats
    candidate: Floats
    zeros: Floats


class Scratch(NamedTuple):
    """Working memory of a thread."""

    gradient: Floats
    incoming: Floats
    through_gates: Floats
    through_candidate: Floats
    operands: Floats
    products: Floats
    gradients: Floats
    sums: Floats


@register_jitable
def whole(size: int, step: int) -> int:
    """Return a size rounded up to a multiple of ``step``."""
    return -(-size // step) * step


@register_jitable
def gradient_shape(n_inputs: int, units: int) -> tuple[int, int]:
    """Return the padded numbers of operands (states, inputs and 1) and of outputs."""
    columns = whole(2 * units, TILE_COLUMNS) + whole(units, TILE_COLUMNS)
    return whole(units + n_inputs + 1, TILE_ROWS), columns


@njit(nogil=True, inline="always")
def _products(
    weights: Any, bias: Any, low: float, left: Any, i: int, n_left: int, right: Any, j: int, n_right: int,
    out: Any, place: int,
) -> None:  # fmt: skip
    """Write the products of weights and two sets of operands, clipped to the range ``low`` to 1."""
    w = 0
    for first in range(0, bias.size, ROWS):
        block = block_start(bias, first)
        for k in range(n_left):
            block = block_add_floats(block, weights, w, left, i + k * GROUP)
            w += ROWS
        for k in range(n_right):
            block = block_add_floats(block, weights, w, right, j + k * GROUP)
            w += ROWS
        block_store(block_clip(block, low, 1), out, place + first * GROUP)


@njit(nogil=True, inline="always")
def _rounded(value: Any, magic: float, low: float, high: float) -> Any:
    """Return a register rounded to whole steps and clipped."""
    return clip(subtract(add(add(value, magic * NUDGE), magic), magic), low, high)


@njit(nogil=True, inline="always")
def _operand(r: Rounding, state: Any) -> Any:
    """Return the leading bits of a state, rounded down."""
    return subtract(add(subtract(state, r.operand_offset), r.operand), r.operand)


@njit(nogil=True, inline="always")
def _gradient_products(weights: Any, zeros: Any, operands: Any, i: int, n: int, out: Any) -> None:
    """Write the products of weights and operands."""
    w = 0
    for first in range(0, zeros.size, ROWS):
        block = block_start(zeros, first)
        for k in range(n):
            block = block_add_floats(block, weights, w, operands, i + k * GROUP)
            w += ROWS
        block_store(block, out, first * GROUP)


@njit(nogil=True, inline="always")
def _to_lanes(rows: Any, first: int, size: int, out: Any, begin: int) -> None:
    """Copy rows of decays, shape (n, quantities), to lanes; lanes beyond ``size`` remain unchanged."""
    width = rows.shape[1]
    full = width - width % LANES if size == GROUP else 0
    for lane in range(0, GROUP, LANES):
        for quantity in range(0, full, LANES):
            row = (first + lane) * width + quantity
            transpose(rows, row, width, out, begin + quantity * GROUP + lane, GROUP)
    for quantity in range(full, width):
        for lane in range(size):
            out[begin + quantity * GROUP + lane] = rows[first + lane, quantity]


@njit(nogil=True, inline="always")
def _from_lanes(lanes: Any, begin: int, rows: Any, first: int, size: int) -> None:
    """Copy lanes to rows of decays."""
    width = rows.shape[1]
    full = width - width % LANES if size == GROUP else 0
    for lane in range(0, GROUP, LANES):
        for quantity in range(0, full, LANES):
            row = (first + lane) * width + quantity
            transpose(lanes, begin + quantity * GROUP + lane, GROUP, rows, row, width)
    for lane in range(size):
        for quantity in range(full, width):
            rows[first + lane, quantity] = lanes[begin + quantity * GROUP + lane]


@njit(nogil=True, inline="always")
def _at_gates(r: Rounding, s: Scratch, size: int, states: Any, h: int, gates: Any, z: int, candidates: Any,
              c: int, update: int, candidate: int) -> None:  # fmt: skip
    """Write the gradients at the update gate and at the candidate, and what passes the update gate."""
    for i in range(0, size, LANES):
        gradient = add(add(load(s.gradient, i), load(s.through_gates, i)), load(s.incoming, i))
        gate, value = load(gates, z + i), load(candidates, c + i)
        passed = multiply(gradient, gate)
        to_gate = multiply(gradient, subtract(load(states, h + i), value))
        store(s.gradients, update + i, keep_inside(to_gate, gate, 0, r.gate_high))
        to_candidate = subtract(gradient, passed)
        inside = keep_inside(to_candidate, value, -r.candidate_high, r.candidate_high)
        store(s.gradients, candidate + i, inside)
        store(s.gradient, i, passed)


@njit(nogil=True, inline="always")
def _at_reset(r: Rounding, s: Scratch, size: int, states: Any, h: int, gates: Any, g: int, reset: int,
              row: int) -> None:  # fmt: skip
    """Write the gradient at the reset gate, add what passes it, and keep the operands of the weights."""
    for i in range(0, size, LANES):
        gate, product = load(gates, g + i), load(s.through_candidate, i)
        operand = _operand(r, load(states, h + i))
        store(s.gradients, reset + i, keep_inside(multiply(product, operand), gate, 0, r.gate_high))
        store(s.gradient, i, add(load(s.gradient, i), multiply(product, gate)))
        store(s.operands, row + i, operand)
        kept = _rounded(multiply(gate, operand), r.product, -r.product_high, r.product_high)
        store(s.products, row + i, kept)


@njit(nogil=True, inline="always")
def _keep_inputs(s: Scratch, size: int, inputs: Any, x: int, row: int) -> None:
    """Keep the inputs, which are operands of the weights."""
    for i in range(0, size, LANES):
        value = load(inputs, x + i)
        store(s.operands, row + i, value)
        store(s.products, row + i, value)


@njit(nogil=True, inline="always")
def _accumulate(s: Scratch, n: int, rows: int, columns: int, of_gates: int) -> None:
    """Add the products of operands and gradients of ``n`` steps to the sums of the weight gradients."""
    index = 0
    for i in range(0, rows, TILE_ROWS):
        for j in range(0, columns, TILE_COLUMNS):
            tile = tile_load(s.sums, index)
            operands = s.operands if j < of_gates else s.products
            for step in range(n):
                left, right = (step * rows + i) * GROUP, (step * columns + j) * GROUP
                tile = tile_add(tile, operands, left, s.gradients, right)
            block_store(tile, s.sums, index)
            index += TILE_ROWS * TILE_COLUMNS * LANES


@njit(nogil=True, inline="always")
def _forward_group(
    weights: Weights, r: Rounding, operands: Any, products: Any, units: int, x: Any, initial: Any,
    inputs: Any, states: Any, gates: Any, candidates: Any, first: int, out: Any,
) -> None:  # fmt: skip
    """Run the forward pass of a group; write its last states, as many as ``out`` has."""
    n_steps, n, n_inputs = x.shape
    size, skipped = min(GROUP, n - first), n_steps - len(out)
    _to_lanes(initial, first, size, states, 0)
    for t in range(n_steps):
        i, h = t * n_inputs * GROUP, t * units * GROUP
        g, c = t * weights.gates_bias.size * GROUP, t * weights.candidate_bias.size * GROUP
        _to_lanes(x[t], first, size, inputs, i)
        for k in range(0, units * GROUP, LANES):
            store(operands, k, _operand(r, load(states, h + k)))
        _products(weights.gates, weights.gates_bias, 0, operands, 0, units, inputs, i, n_inputs, gates, g)
        for k in range(g, g + 2 * units * GROUP, LANES):
            store(gates, k, _rounded(load(gates, k), r.gate, 0, r.gate_high))
        for k in range(0, units * GROUP, LANES):
            product = multiply(load(gates, g + units * GROUP + k), load(operands, k))
            store(products, k, _rounded(product, r.product, -r.product_high, r.product_high))
        _products(
            weights.candidate, weights.candidate_bias, -1, products, 0, units, inputs, i, n_inputs,
            candidates, c,
        )  # fmt: skip
        for k in range(0, units * GROUP, LANES):
            value = load(candidates, c + k)
            value = _rounded(value, r.candidate, -r.candidate_high, r.candidate_high)
            store(candidates, c + k, value)
            change = multiply(load(gates, g + k), subtract(load(states, h + k), value))
            new = _rounded(add(value, change), r.state, -r.state_high, r.state_high)
            store(states, h + units * GROUP + k, new)
        if t >= skipped:
            _from_lanes(states, h + units * GROUP, out[t - skipped], first, size)


@njit(nogil=True, inline="always")
def _backward_group(
    weights: Transposed, r: Rounding, s: Scratch, units: int, n_inputs: int, n_steps: int,
    inputs: Any, states: Any, gates: Any, candidates: Any, d_states: Any, first: int,
    sums: Any, d_initial: Any,
) -> None:  # fmt: skip
    """Run the backward pass of a group; write its sums and its gradient at the initial state."""
    width = units * GROUP
    size, skipped = min(GROUP, d_states.shape[1] - first), n_steps - len(d_states)
    of_gates = whole(2 * units, TILE_COLUMNS)
    rows, columns = gradient_shape(n_inputs, units)
    s.gradient[:], s.through_gates[:], s.incoming[:], s.sums[:] = 0, 0, 0, 0
    kept = 0
    for step in range(n_steps):
        t = n_steps - 1 - step
        if t >= skipped:
            _to_lanes(d_states[t - skipped], first, size, s.incoming, 0)
        elif t == skipped - 1:
            s.incoming[:] = 0
        h, x = t * width, t * n_inputs * GROUP
        z, c = t * (gates.size // n_steps), t * (candidates.size // n_steps)
        at, row = kept * columns * GROUP, kept * rows * GROUP
        candidate = at + of_gates * GROUP
        _at_gates(r, s, width, states, h, gates, z, candidates, c, at, candidate)
        _gradient_products(
            weights.candidate, weights.zeros, s.gradients, candidate, units, s.through_candidate
        )
        _at_reset(r, s, width, states, h, gates, z + width, at + width, row)
        _keep_inputs(s, n_inputs * GROUP, inputs, x, row + width)
        _gradient_products(weights.gates, weights.zeros, s.gradients, at, 2 * units, s.through_gates)
        kept += 1
        if kept == CHUNK or t == 0:
            _accumulate(s, kept, rows, columns, of_gates)
            kept = 0
    for i in range(0, width, LANES):
        store(s.gradient, i, add(load(s.gradient, i), load(s.through_gates, i)))
    _from_lanes(s.gradient, 0, d_initial, first, size)
    for k in range(sums.size):
        sums[k] = lane_sum(load(s.sums, k * LANES))


def _compiled(sources: str) -> tuple[Any, Any]:
    """Return the compiled functions; Numba's cache key includes the values in their closure."""

    @compiled
    def forward(
        weights: Weights, r: Rounding, operands: Any, products: Any, units: int, x: Any, initial: Any,
        inputs: Any, states: Any, gates: Any, candidates: Any, first: int, out: Any,
    ) -> None:  # fmt: skip
        assert sources
        _forward_group(
            weights, r, operands, products, units, x, initial, inputs, states, gates, candidates, first, out
        )

    @compiled
    def backward(
        weights: Transposed, r: Rounding, s: Scratch, units: int, n_inputs: int, n_steps: int,
        inputs: Any, states: Any, gates: Any, candidates: Any, d_states: Any, first: int,
        sums: Any, d_initial: Any,
    ) -> None:  # fmt: skip
        assert sources
        _backward_group(
            weights, r, s, units, n_inputs, n_steps, inputs, states, gates, candidates, d_states, first,
            sums, d_initial,
        )  # fmt: skip

    return forward, backward


forward, backward = _compiled(source_digest(__file__, tiles.__file__))
