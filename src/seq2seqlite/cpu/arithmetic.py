"""Operations of a step in the four arithmetics for which the kernels are compiled.

``Float32`` uses floating-point numbers. ``Pairs`` uses codes of up to 16 bits, with the operands of the
matrix products packed two units to a lane. ``Bytes`` uses codes of 8 bits, packed four units to a lane, and
``CoarseBytes`` the same with sums whose recurrent part has a coarser grid than the rest. Numba compiles the
kernels once for each arithmetic, and selects an operation by the type of its first argument.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numba import types
from numba.extending import overload

from seq2seqlite.cpu.constants import BYTES_OF_ZERO, Bytes, CoarseBytes, Float32, Pairs
from seq2seqlite.cpu.lanes import (
    GROUP,
    HEAD_ROWS,
    LANES,
    add,
    as_halves,
    bit_and,
    bit_or,
    bit_xor,
    block_add_bytes,
    block_add_floats,
    block_add_pairs,
    block_clip,
    block_halves,
    block_plus,
    block_scale,
    block_shift,
    clip,
    head_add_bytes,
    head_add_floats,
    head_add_pairs,
    head_start,
    load,
    multiply,
    multiply_pairs,
    multiply_rounded,
    shift_left,
    shift_right,
    store,
    store_bytes,
    subtract,
)

__all__ = [
    "accumulated",
    "as_candidate",
    "as_gate",
    "as_output",
    "begun",
    "clear",
    "downs",
    "head_sums",
    "multiply_by_reset",
    "place",
    "rows_left",
    "unpack",
    "update",
]

Implementation = TypeVar("Implementation", bound=Callable[..., Any])


def _arithmetic(kind: Any) -> type:
    """Return the class of a Numba type, by which operations are selected."""
    assert isinstance(kind, types.NamedTuple | types.NamedUniTuple)
    chosen: type = kind.instance_class
    return chosen


def _operation(name: Callable[..., Any]) -> Callable[[Implementation], Implementation]:
    """Register an implementation, without strict annotations because lambdas have none."""
    registered: Callable[[Implementation], Implementation] = overload(name, inline="always", strict=False)
    return registered


def _chosen(a: Any, of_floats: Any, of_pairs: Any, of_bytes: Any) -> Any:
    """Return the implementation for the arithmetic of ``a``."""
    return {Float32: of_floats, Pairs: of_pairs, Bytes: of_bytes, CoarseBytes: of_bytes}[_arithmetic(a)]


def begun(a: Any, block: Any, weights: Any, w: Any, operands: Any, x: Any, down: Any) -> Any:
    """Return a block of biases as it is, or with the input, divided by ``2**down`` (:class:`CoarseBytes`)."""


def rows_left(a: Any, rows: Any) -> Any:
    """Return the number of rows of weights that have not been used by :func:`begun`."""


def downs(a: Any) -> Any:
    """Return the number of bits by which :func:`begun` divides the sums of gates and candidate."""


def accumulated(a: Any, block: Any, weights: Any, w: Any, operands: Any, x: Any) -> Any:
    """Return a block plus one row of weights times one group of operands."""


def head_sums(a: Any, head: Any, s: Any) -> Any:
    """Return the head's sums of the state."""


def as_gate(a: Any, block: Any) -> Any:
    """Return the hard sigmoid of sums; of bytes, in 16-bit lanes and scaled."""


def as_candidate(a: Any, block: Any) -> Any:
    """Return sums clipped to the range -1 to 1; of bytes, in 16-bit lanes and on the grid of the state."""


def as_output(a: Any, block: Any) -> Any:
    """Return samples of the SFD from the head's sums."""


def clear(a: Any, s: Any, units: Any) -> Any:
    """Set the state to zero."""


def multiply_by_reset(a: Any, s: Any, units: Any) -> Any:
    """Compute the products of reset gate and state."""


def update(a: Any, s: Any, units: Any) -> Any:
    """Compute the new state from update gate, candidate and state."""


def place(a: Any, unit: Any, lane: Any) -> Any:
    """Return the element of a unit and a pixel in the arrays of gates, candidate and state."""


def unpack(a: Any, s: Any, units: Any) -> Any:
    """Unpack the state from its packed operand form, which must have all its bits."""


@_operation(begun)
def _begun(a: Any, block: Any, weights: Any, w: Any, operands: Any, x: Any, down: Any) -> Any:
    if _arithmetic(a) is CoarseBytes:
        return lambda a, block, weights, w, operands, x, down: block_shift(
            block_add_bytes(block, weights, w, operands, x), down
        )
    return lambda a, block, weights, w, operands, x, down: block


@_operation(rows_left)
def _rows_left(a: Any, rows: Any) -> Any:
    return (lambda a, rows: rows - 1) if _arithmetic(a) is CoarseBytes else (lambda a, rows: rows)


@_operation(downs)
def _downs(a: Any) -> Any:
    if _arithmetic(a) is CoarseBytes:
        return lambda a: (a.gates_down, a.candidate_down)
    return lambda a: (0, 0)


@_operation(accumulated)
def _accumulated(a: Any, block: Any, weights: Any, w: Any, operands: Any, x: Any) -> Any:
    return _chosen(
        a,
        lambda a, block, weights, w, operands, x: block_add_floats(block, weights, w, operands, x),
        lambda a, block, weights, w, operands, x: block_add_pairs(block, weights, w, operands, x),
        lambda a, block, weights, w, operands, x: block_add_bytes(block, weights, w, operands, x),
    )


def _head_floats(a: Any, head: Any, s: Any) -> Any:
    block = head_start(head.bias, 0)
    for k in range(head.kernel.size // HEAD_ROWS):
        block = head_add_floats(block, head.kernel, k * HEAD_ROWS, s.operands, k * GROUP)
    return block


def _head_pairs(a: Any, head: Any, s: Any) -> Any:
    block = head_start(head.bias, 0)
    for k in range(head.kernel.size // HEAD_ROWS):
        block = head_add_pairs(block, head.kernel, k * HEAD_ROWS, s.operands, k * GROUP)
    return block


def _head_bytes(a: Any, head: Any, s: Any) -> Any:
    block = head_start(head.upper_bias, 0)
    for k in range(head.upper.size // HEAD_ROWS):
        block = head_add_bytes(block, head.upper, k * HEAD_ROWS, s.operands, k * GROUP)
    block = block_plus(block_scale(block, head.up), head.bias)
    for k in range(head.kernel.size // HEAD_ROWS):
        block = head_add_bytes(block, head.kernel, k * HEAD_ROWS, s.operands, k * GROUP)
    return block


@_operation(head_sums)
def _head_sums(a: Any, head: Any, s: Any) -> Any:
    return _chosen(a, _head_floats, _head_pairs, _head_bytes)


@_operation(as_gate)
def _as_gate(a: Any, block: Any) -> Any:
    if _arithmetic(a) is Float32:
        return lambda a, block: block_clip(block, 0.0, 1.0)
    if _arithmetic(a) is Pairs:
        return lambda a, block: block_clip(block_shift(block, a.codes.gate_shift), 0, a.codes.gate_high)

    def of_bytes(a: Any, block: Any) -> Any:
        gates = block_clip(block_halves(block, a.codes.gate_shift), 0, a.codes.gate_high)
        return block_scale(gates, a.halves.gate)

    return of_bytes


@_operation(as_candidate)
def _as_candidate(a: Any, block: Any) -> Any:
    if _arithmetic(a) is Float32:
        return lambda a, block: block_clip(block, -1.0, 1.0)

    def of_pairs(a: Any, block: Any) -> Any:
        high = a.codes.candidate_high
        return block_clip(block_shift(block, a.codes.candidate_shift), -high, high)

    def of_bytes(a: Any, block: Any) -> Any:
        high = a.codes.candidate_high
        candidate = block_clip(block_halves(block, a.codes.candidate_shift), -high, high)
        return block_scale(candidate, a.halves.candidate)

    return of_pairs if _arithmetic(a) is Pairs else of_bytes


@_operation(as_output)
def _as_output(a: Any, block: Any) -> Any:
    if _arithmetic(a) is Float32:
        return lambda a, block: block

    def of_codes(a: Any, block: Any) -> Any:
        c = a.codes
        return block_clip(block_shift(block, c.output_shift), c.output_low, c.output_high)

    return of_codes


@_operation(clear)
def _clear(a: Any, s: Any, units: Any) -> Any:
    if _arithmetic(a) in {Bytes, CoarseBytes}:

        def of_bytes(a: Any, s: Any, units: Any) -> None:
            s.state[:] = 0
            s.operands[: units * GROUP // 4] = np.int32(BYTES_OF_ZERO)

        return of_bytes

    def of_others(a: Any, s: Any, units: Any) -> None:
        s.state[:] = 0
        s.operands[: units * GROUP] = 0

    return of_others


def _product(a: Any, reset: Any, state: Any) -> Any: ...


@_operation(_product)
def _product_of(a: Any, reset: Any, state: Any) -> Any:
    def of_pairs(a: Any, reset: Any, state: Any) -> Any:
        c = a.codes
        exact = add(multiply_pairs(reset, shift_right(state, c.operand_shift)), c.product_half)
        return clip(shift_right(exact, c.product_shift), -c.product_high, c.product_high)

    def of_bytes(a: Any, reset: Any, state: Any) -> Any:
        c = a.codes
        operand = shift_left(shift_right(state, c.operand_shift), a.halves.product)
        return clip(multiply_rounded(reset, operand), -c.product_high, c.product_high)

    return of_pairs if _arithmetic(a) is Pairs else of_bytes


def _new_state(a: Any, gate: Any, state: Any, candidate: Any) -> Any: ...


@_operation(_new_state)
def _new_state_of(a: Any, gate: Any, state: Any, candidate: Any) -> Any:
    if _arithmetic(a) is Float32:
        return lambda a, gate, state, candidate: add(candidate, multiply(gate, subtract(state, candidate)))

    def of_pairs(a: Any, gate: Any, state: Any, candidate: Any) -> Any:
        c = a.codes
        there = shift_left(candidate, c.candidate_up)
        step = multiply_pairs(gate, subtract(shift_left(state, c.state_up), there))
        wide = add(add(step, shift_left(there, c.gate_up)), c.update_half)
        return clip(shift_right(wide, c.update_shift), -c.state_high, c.state_high)

    def of_bytes(a: Any, gate: Any, state: Any, candidate: Any) -> Any:
        high, step = a.codes.state_high, shift_left(subtract(state, candidate), a.halves.update)
        return clip(add(candidate, multiply_rounded(gate, step)), -high, high)

    return of_pairs if _arithmetic(a) is Pairs else of_bytes


def _as_pair(low: Any, high: Any) -> Any: ...


@_operation(_as_pair)
def _as_pair_of(low: Any, high: Any) -> Any:
    return lambda low, high: bit_or(bit_and(low, 0xFFFF), shift_left(high, 16))


def _multiply_by_reset_floats(a: Any, s: Any, units: Any) -> None:
    for i in range(0, units * GROUP, LANES):
        store(s.products, i, multiply(load(s.gates, units * GROUP + i), load(s.state, i)))


def _multiply_by_reset_pairs(a: Any, s: Any, units: Any) -> None:
    for k in range(0, units, 2):
        for i in range(k * GROUP, (k + 1) * GROUP, LANES):
            r = units * GROUP + i
            low = _product(a, load(s.gates, r), load(s.state, i))
            high = _product(a, load(s.gates, r + GROUP), load(s.state, i + GROUP))
            store(s.products, i - k * GROUP // 2, _as_pair(low, high))


def _multiply_by_reset_bytes(a: Any, s: Any, units: Any) -> None:
    for k in range(0, units * GROUP, 4 * GROUP):
        r = units * GROUP + k
        b0 = _product(a, load(s.gates, r), load(s.state, k))
        b1 = _product(a, load(s.gates, r + GROUP), load(s.state, k + GROUP))
        b2 = _product(a, load(s.gates, r + 2 * GROUP), load(s.state, k + 2 * GROUP))
        b3 = _product(a, load(s.gates, r + 3 * GROUP), load(s.state, k + 3 * GROUP))
        store_bytes(s.products, k // 4, b0, b1, b2, b3)


@_operation(multiply_by_reset)
def _multiply_by_reset(a: Any, s: Any, units: Any) -> Any:
    return _chosen(a, _multiply_by_reset_floats, _multiply_by_reset_pairs, _multiply_by_reset_bytes)


def _as_operand(a: Any, state: Any) -> Any: ...


@_operation(_as_operand)
def _as_operand_of(a: Any, state: Any) -> Any:
    if _arithmetic(a) is Float32:
        return lambda a, state: state
    return lambda a, state: shift_right(state, a.codes.operand_shift)


def _updated(a: Any, s: Any, i: Any) -> Any: ...


@_operation(_updated)
def _updated_of(a: Any, s: Any, i: Any) -> Any:
    def one(a: Any, s: Any, i: Any) -> Any:
        new = _new_state(a, load(s.gates, i), load(s.state, i), load(s.candidate, i))
        store(s.state, i, new)
        return _as_operand(a, new)

    return one


def _update_floats(a: Any, s: Any, units: Any) -> None:
    for i in range(0, units * GROUP, LANES):
        store(s.operands, i, _updated(a, s, i))


def _update_pairs(a: Any, s: Any, units: Any) -> None:
    for k in range(0, units, 2):
        for i in range(k * GROUP, (k + 1) * GROUP, LANES):
            low, high = _updated(a, s, i), _updated(a, s, i + GROUP)
            store(s.operands, i - k * GROUP // 2, _as_pair(low, high))


def _update_bytes(a: Any, s: Any, units: Any) -> None:
    for k in range(0, units * GROUP, 4 * GROUP):
        b0, b1 = _updated(a, s, k), _updated(a, s, k + GROUP)
        b2, b3 = _updated(a, s, k + 2 * GROUP), _updated(a, s, k + 3 * GROUP)
        store_bytes(s.operands, k // 4, b0, b1, b2, b3)


@_operation(update)
def _update(a: Any, s: Any, units: Any) -> Any:
    return _chosen(a, _update_floats, _update_pairs, _update_bytes)


def _unpack_floats(a: Any, s: Any, units: Any) -> None:
    for i in range(0, units * GROUP, LANES):
        store(s.state, i, load(s.operands, i))


def _unpack_pairs(a: Any, s: Any, units: Any) -> None:
    for k in range(0, units, 2):
        for i in range(k * GROUP, (k + 1) * GROUP, LANES):
            pair = load(s.operands, i - k * GROUP // 2)
            store(s.state, i, shift_right(shift_left(pair, 16), 16))
            store(s.state, i + GROUP, shift_right(pair, 16))


def _unpack_bytes(a: Any, s: Any, units: Any) -> None:
    for k in range(0, units * GROUP, 4 * GROUP):
        first = bit_xor(load(s.operands, k // 4), BYTES_OF_ZERO)
        second = bit_xor(load(s.operands, k // 4 + LANES), BYTES_OF_ZERO)
        for i in range(4):
            up = 24 - 8 * i
            both = shift_right(shift_left(first, up), 24), shift_right(shift_left(second, up), 24)
            store(s.state, k + i * GROUP, as_halves(both[0], both[1]))


@_operation(unpack)
def _unpack(a: Any, s: Any, units: Any) -> Any:
    return _chosen(a, _unpack_floats, _unpack_pairs, _unpack_bytes)


@_operation(place)
def _place(a: Any, unit: Any, lane: Any) -> Any:
    if _arithmetic(a) in {Bytes, CoarseBytes}:
        return lambda a, unit, lane: unit * GROUP + 2 * (lane % LANES) + lane // LANES
    return lambda a, unit, lane: unit * GROUP + lane
