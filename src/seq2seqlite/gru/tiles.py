"""Operations of the training kernels on vector registers: sums over pixels, and transposition.

A *tile* of registers holds sums over pixels, lane by lane: part of the matrix of the products of two sets of
quantities.
"""

from typing import Any

from llvmlite import ir
from numba import types

from seq2seqlite.cpu.lanes import (
    GROUP,
    LANES,
    REGISTER_OF,
    REGISTERS,
    emitted,
    plus_product,
    pointer_to,
    splat,
)

__all__ = [
    "TILE_COLUMNS",
    "TILE_ROWS",
    "keep_inside",
    "lane_sum",
    "tile_add",
    "tile_load",
    "transpose",
]

TILE_ROWS = 6 if LANES == 16 else 3
"""Number of rows of a tile."""
TILE_COLUMNS = 4
"""Number of columns of a tile: all of its registers and operands fit the register file."""

_I32 = ir.IntType(32)


@emitted
def keep_inside(_typing: Any, value: Any, at: Any, low: Any, high: Any) -> Any:
    """Return ``value`` in the lanes in which ``low < at < high``, and 0 in the others."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kept, place = args[:2]
        lower, upper = (
            splat(builder, context.cast(builder, limit, kind, at.element))
            for limit, kind in zip(args[2:], signature.args[2:], strict=True)
        )
        above, below = builder.fcmp_ordered(">", place, lower), builder.fcmp_ordered("<", place, upper)
        inside = builder.and_(above, below)
        return builder.select(inside, kept, ir.Constant(kept.type, [0.0] * LANES))

    return value(value, at, low, high), code


@emitted
def lane_sum(_typing: Any, register: Any) -> Any:
    """Return the sum of the lanes of a register of floats, in a fixed order."""

    def code(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        (values,) = args
        lanes = LANES
        while lanes > 1:
            lanes //= 2
            halves = [
                builder.shuffle_vector(
                    values, values, ir.Constant(ir.VectorType(_I32, lanes), list(range(first, first + lanes)))
                )
                for first in (0, lanes)
            ]
            values = builder.fadd(*halves)
        return builder.extract_element(values, ir.Constant(_I32, 0))

    return register.element(register), code


@emitted
def tile_load(_typing: Any, array: Any, index: Any) -> Any:
    """Return the tile that starts at an element of an array; :func:`block_store` writes it."""
    tile = types.UniTuple(REGISTER_OF[array.dtype], TILE_ROWS * TILE_COLUMNS)

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        result = ir.Constant(context.get_value_type(tile), ir.Undefined)
        memory, begin = args
        for place in range(tile.count):
            pointer = pointer_to(context, builder, signature.args[0], memory, begin, place * LANES)
            result = builder.insert_value(result, builder.load(pointer, align=4), place)
        return result

    return tile(array, index), code


@emitted
def tile_add(_typing: Any, tile: Any, left: Any, i: Any, right: Any, j: Any) -> Any:
    """Return a tile plus the products of each pair of groups, lane by lane.

    There are ``TILE_ROWS`` groups from element ``i`` of ``left``, and ``TILE_COLUMNS`` groups from element
    ``j`` of ``right``.
    """

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        result, left_, i_, right_, j_ = args

        def loaded(kind: Any, array: Any, index: Any, row: int, register: int) -> Any:
            offset = row * GROUP + register * LANES
            return builder.load(pointer_to(context, builder, kind, array, index, offset), align=4)

        for register in range(REGISTERS):
            rows = [loaded(signature.args[1], left_, i_, row, register) for row in range(TILE_ROWS)]
            for column in range(TILE_COLUMNS):
                factor = loaded(signature.args[3], right_, j_, column, register)
                for row, value in enumerate(rows):
                    place = row * TILE_COLUMNS + column
                    total = plus_product(builder, builder.extract_value(result, place), value, factor)
                    result = builder.insert_value(result, total, place)
        return result

    return tile(tile, left, i, right, j), code


@emitted
def transpose(_typing: Any, source: Any, i: Any, step: Any, target: Any, j: Any, stride: Any) -> Any:
    """Copy a transposed matrix of ``LANES`` by ``LANES`` elements.

    Its rows start at the elements ``i``, ``i + step``, and so on; those of the copy at ``j``, ``j + stride``.
    """

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        def pointer(array: int, row: int) -> Any:
            memory, begin, width = args[array : array + 3]
            place = builder.add(begin, builder.mul(width, ir.Constant(width.type, row)))
            return pointer_to(context, builder, signature.args[array], memory, place)

        rows = [builder.load(pointer(0, row), align=4) for row in range(LANES)]
        half = LANES // 2
        masks = [
            ir.Constant(ir.VectorType(_I32, LANES), [k // 2 + k % 2 * LANES + first for k in range(LANES)])
            for first in (0, half)
        ]
        for _ in range(LANES.bit_length() - 1):  # each perfect shuffle rotates the bits of the indices by one
            rows = [
                builder.shuffle_vector(rows[row], rows[row + half], mask)
                for row in range(half)
                for mask in masks
            ]
        for row, value in enumerate(rows):
            builder.store(value, pointer(3, row), align=4)
        return context.get_dummy_value()

    return types.void(source, i, step, target, j, stride), code
