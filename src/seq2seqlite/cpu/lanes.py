"""Numba types and operations for vector registers with 16, 8 or 4 lanes of one pixel each.

Automatic vectorisation by LLVM is not predictable, so these types make it explicit. A register holds one
quantity of as many pixels as it has 32-bit lanes. A *block* of registers holds the sums of several outputs of
a matrix product, which therefore remain in registers from the first product to the last. A *tile* of
registers holds sums over pixels, lane by lane: part of the matrix of the products of two sets of quantities.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

from seq2seqlite.cpu.isa import ISA

__all__ = [
    "GROUP",
    "HEAD_ROWS",
    "LANES",
    "ROWS",
    "TILE_COLUMNS",
    "TILE_ROWS",
    "add",
    "bit_and",
    "bit_or",
    "bit_xor",
    "block_add_bytes",
    "block_add_floats",
    "block_add_pairs",
    "block_clip",
    "block_shift",
    "block_start",
    "block_store",
    "clip",
    "head_add_bytes",
    "head_add_floats",
    "head_add_pairs",
    "head_start",
    "keep_inside",
    "lane_sum",
    "load",
    "multiply",
    "multiply_pairs",
    "shift_left",
    "shift_right",
    "store",
    "subtract",
    "tile_add",
    "tile_load",
    "transpose",
]

LANES = ISA.lanes
"""Number of pixels of a register."""
REGISTERS = 2
"""Number of independent registers per output, to hide the latency of instructions."""
GROUP = REGISTERS * LANES
"""Number of pixels that the kernels process together."""
ROWS = ISA.rows
"""Number of outputs of a block."""
HEAD_ROWS = 3
"""Number of outputs of the head's block: total, short, long."""
TILE_ROWS = 6 if LANES == 16 else 3
"""Number of rows of a tile."""
TILE_COLUMNS = 4
"""Number of columns of a tile: all of its registers and operands fit the register file."""

_I16, _I32, _F32 = ir.IntType(16), ir.IntType(32), ir.FloatType()
_FAST = ("contract",)  # allow fused multiply-add instructions


class _Register(types.Type):
    """Numba type of a register of int32 or float32 lanes."""

    def __init__(self, element: types.Type) -> None:
        self.element = element
        super().__init__(name=f"Register({LANES} x {element})")


_INT, _FLOAT = _Register(types.int32), _Register(types.float32)
_VECTOR = {_INT: ir.VectorType(_I32, LANES), _FLOAT: ir.VectorType(_F32, LANES)}
_OF_ELEMENT = {types.int32: _INT, types.float32: _FLOAT}


def _emitted(typed: Callable[..., Any]) -> Any:
    """Return an operation defined by a function that returns its signature and its code generator."""
    return intrinsic(typed)


@register_model(_Register)
class _RegisterModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: _Register) -> None:
        super().__init__(manager, kind, _VECTOR[kind])


def _pointer(context: Any, builder: Any, kind: Any, array: Any, index: Any, offset: int = 0) -> Any:
    """Return a pointer to the register that starts at an element of a contiguous array."""
    data = context.make_array(kind)(context, builder, array).data
    place = builder.gep(data, [builder.add(index, ir.Constant(index.type, offset))])
    return builder.bitcast(place, _VECTOR[_OF_ELEMENT[kind.dtype]].as_pointer())


def _splat(builder: Any, value: Any) -> Any:
    """Return a register with one value in every lane."""
    vector = ir.VectorType(value.type, LANES)
    undefined = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(_I32, 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(_I32, LANES), [0] * LANES))


def _broadcast(context: Any, builder: Any, kind: Any, array: Any, index: Any, offset: int) -> Any:
    """Return a register with one element of an array in every lane."""
    data = context.make_array(kind)(context, builder, array).data
    return _splat(
        builder, builder.load(builder.gep(data, [builder.add(index, ir.Constant(index.type, offset))]))
    )


@_emitted
def load(_typing: Any, array: Any, index: Any) -> Any:
    """Return the register that starts at an element of an array."""
    register = _OF_ELEMENT[array.dtype]

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(_pointer(context, builder, signature.args[0], *args), align=4)

    return register(array, index), code


@_emitted
def store(_typing: Any, array: Any, index: Any, register: Any) -> Any:
    """Write a register to an array, starting at an element."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(args[2], _pointer(context, builder, signature.args[0], *args[:2]), align=4)
        return context.get_dummy_value()

    return types.void(array, index, register), code


def _of_two(name: str, text: str, emit: Callable[[Any, Any, Any, Any], Any]) -> Any:
    """Return an operation on two registers, or on a register and a scalar."""

    def typed(_typing: Any, left: Any, right: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            x, y = args
            if not isinstance(signature.args[1], _Register):
                y = _splat(builder, context.cast(builder, y, signature.args[1], signature.args[0].element))
            return emit(builder, signature.args[0], x, y)

        return left(left, right), code

    typed.__name__, typed.__doc__ = name, text
    return _emitted(typed)


def _add(builder: Any, kind: Any, x: Any, y: Any) -> Any:
    return builder.add(x, y) if kind is _INT else builder.fadd(x, y, flags=_FAST)


def _subtract(builder: Any, kind: Any, x: Any, y: Any) -> Any:
    return builder.sub(x, y) if kind is _INT else builder.fsub(x, y, flags=_FAST)


def _multiply(builder: Any, kind: Any, x: Any, y: Any) -> Any:
    return builder.mul(x, y) if kind is _INT else builder.fmul(x, y, flags=_FAST)


add = _of_two("add", "Return the sum.", _add)
subtract = _of_two("subtract", "Return the difference.", _subtract)
multiply = _of_two("multiply", "Return the product.", _multiply)
shift_left = _of_two("shift_left", "Return x * 2**n.", lambda builder, _, x, n: builder.shl(x, n))
shift_right = _of_two(
    "shift_right", "Return x / 2**n, rounded down.", lambda builder, _, x, n: builder.ashr(x, n)
)
bit_and = _of_two("bit_and", "Return the bitwise and.", lambda builder, _, x, y: builder.and_(x, y))
bit_or = _of_two("bit_or", "Return the bitwise or.", lambda builder, _, x, y: builder.or_(x, y))
bit_xor = _of_two("bit_xor", "Return the bitwise exclusive or.", lambda builder, _, x, y: builder.xor(x, y))
multiply_pairs = _of_two(
    "multiply_pairs",
    "Return, for each lane, the sum of the products of its two 16-bit halves.",
    lambda builder, _, x, y: _pair_products(builder, x, y),
)


def _called(builder: Any, name: str, result: Any, args: list[Any]) -> Any:
    kind = ir.FunctionType(result, [arg.type for arg in args])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), args)


def _pair_products(builder: Any, x: Any, y: Any) -> Any:
    if ISA.add_pairs:
        halves = ir.VectorType(_I16, 2 * LANES)
        return _called(builder, ISA.add_pairs, _VECTOR[_INT], [builder.bitcast(v, halves) for v in (x, y)])
    half = _splat(builder, ir.Constant(_I32, 16))
    low = [builder.ashr(builder.shl(v, half), half) for v in (x, y)]
    high = [builder.ashr(v, half) for v in (x, y)]
    return builder.add(builder.mul(*low), builder.mul(*high))


def _accumulated_pairs(builder: Any, total: Any, weight: Any, operand: Any) -> Any:
    if ISA.dot_pairs:
        return _called(builder, ISA.dot_pairs, _VECTOR[_INT], [total, weight, operand])
    return builder.add(total, _pair_products(builder, weight, operand))


def _accumulated_bytes(builder: Any, total: Any, weight: Any, operand: Any) -> Any:
    return _called(builder, ISA.dot_bytes, _VECTOR[_INT], [total, operand, weight])


def _accumulated_float(builder: Any, total: Any, weight: Any, operand: Any) -> Any:
    return builder.fadd(total, builder.fmul(weight, operand, flags=_FAST), flags=_FAST)


def _clipped(builder: Any, kind: Any, value: Any, low: Any, high: Any) -> Any:
    less = builder.icmp_signed if kind is _INT else builder.fcmp_ordered
    value = builder.select(less("<", value, low), low, value)
    return builder.select(less(">", value, high), high, value)


def _splats(context: Any, builder: Any, signature: Any, args: Any, element: Any) -> list[Any]:
    """Return the scalar arguments after the first argument as registers."""
    return [
        _splat(builder, context.cast(builder, value, kind, element))
        for value, kind in zip(args[1:], signature.args[1:], strict=True)
    ]


@_emitted
def clip(_typing: Any, register: Any, low: Any, high: Any) -> Any:
    """Return a register clipped to two limits."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        limits = _splats(context, builder, signature, args, register.element)
        return _clipped(builder, register, args[0], *limits)

    return register(register, low, high), code


def _starting(name: str, rows: int) -> Any:
    def typed(_typing: Any, bias: Any, first: Any) -> Any:
        block = types.UniTuple(_OF_ELEMENT[bias.dtype], rows * REGISTERS)

        def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            result = ir.Constant(context.get_value_type(block), ir.Undefined)
            array, begin = args
            for row in range(rows):
                value = _broadcast(context, builder, signature.args[0], array, begin, row)
                for register in range(REGISTERS):
                    result = builder.insert_value(result, value, row * REGISTERS + register)
            return result

        return block(bias, first), code

    typed.__name__, typed.__doc__ = (
        name,
        "Return a block initialised with a bias, starting at its element ``first``.",
    )
    return _emitted(typed)


def _accumulating(name: str, rows: int, accumulated: Callable[[Any, Any, Any, Any], Any]) -> Any:
    def typed(_typing: Any, block: Any, weights: Any, w: Any, operands: Any, x: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            result, weights_, w_, operands_, x_ = args
            values = [
                builder.load(
                    _pointer(context, builder, signature.args[3], operands_, x_, register * LANES), align=4
                )
                for register in range(REGISTERS)
            ]
            for row in range(rows):
                weight = _broadcast(context, builder, signature.args[1], weights_, w_, row)
                for register, value in enumerate(values):
                    place = row * REGISTERS + register
                    total = accumulated(builder, builder.extract_value(result, place), weight, value)
                    result = builder.insert_value(result, total, place)
            return result

        return block(block, weights, w, operands, x), code

    typed.__name__ = name
    typed.__doc__ = (
        "Return a block plus the products of one group of operands, starting at element ``x``, and one row\n"
        "    of weights, starting at element ``w``."
    )
    return _emitted(typed)


block_start, head_start = _starting("block_start", ROWS), _starting("head_start", HEAD_ROWS)
block_add_floats = _accumulating("block_add_floats", ROWS, _accumulated_float)
block_add_pairs = _accumulating("block_add_pairs", ROWS, _accumulated_pairs)
block_add_bytes = _accumulating("block_add_bytes", ROWS, _accumulated_bytes)
head_add_floats = _accumulating("head_add_floats", HEAD_ROWS, _accumulated_float)
head_add_pairs = _accumulating("head_add_pairs", HEAD_ROWS, _accumulated_pairs)
head_add_bytes = _accumulating("head_add_bytes", HEAD_ROWS, _accumulated_bytes)


def _each(context: Any, builder: Any, block: Any, value: Any, emit: Callable[[Any], Any]) -> Any:
    result = ir.Constant(context.get_value_type(block), ir.Undefined)
    for place in range(block.count):
        result = builder.insert_value(result, emit(builder.extract_value(value, place)), place)
    return result


@_emitted
def block_shift(_typing: Any, block: Any, bits: Any) -> Any:
    """Return a block of integers divided by ``2**bits``, rounded down."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        (shift,) = _splats(context, builder, signature, args, types.int32)
        return _each(context, builder, block, args[0], lambda value: builder.ashr(value, shift))

    return block(block, bits), code


@_emitted
def block_clip(_typing: Any, block: Any, low: Any, high: Any) -> Any:
    """Return a block clipped to two limits."""
    register = block.dtype

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        limits = _splats(context, builder, signature, args, register.element)
        return _each(
            context, builder, block, args[0], lambda value: _clipped(builder, register, value, *limits)
        )

    return block(block, low, high), code


@_emitted
def block_store(_typing: Any, block: Any, array: Any, index: Any) -> Any:
    """Write a block to an array, starting at an element, one group of pixels per output."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        value, memory, begin = args
        for place in range(block.count):
            pointer = _pointer(context, builder, signature.args[1], memory, begin, place * LANES)
            builder.store(builder.extract_value(value, place), pointer, align=4)
        return context.get_dummy_value()

    return types.void(block, array, index), code


@_emitted
def keep_inside(_typing: Any, value: Any, at: Any, low: Any, high: Any) -> Any:
    """Return ``value`` in the lanes in which ``low < at < high``, and 0 in the others."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kept, place = args[:2]
        lower, upper = (
            _splat(builder, context.cast(builder, limit, kind, at.element))
            for limit, kind in zip(args[2:], signature.args[2:], strict=True)
        )
        above, below = builder.fcmp_ordered(">", place, lower), builder.fcmp_ordered("<", place, upper)
        inside = builder.and_(above, below)
        return builder.select(inside, kept, ir.Constant(kept.type, [0.0] * LANES))

    return value(value, at, low, high), code


@_emitted
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


@_emitted
def tile_load(_typing: Any, array: Any, index: Any) -> Any:
    """Return the tile that starts at an element of an array; :func:`block_store` writes it."""
    tile = types.UniTuple(_OF_ELEMENT[array.dtype], TILE_ROWS * TILE_COLUMNS)

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        result = ir.Constant(context.get_value_type(tile), ir.Undefined)
        memory, begin = args
        for place in range(tile.count):
            pointer = _pointer(context, builder, signature.args[0], memory, begin, place * LANES)
            result = builder.insert_value(result, builder.load(pointer, align=4), place)
        return result

    return tile(array, index), code


@_emitted
def tile_add(_typing: Any, tile: Any, left: Any, i: Any, right: Any, j: Any) -> Any:
    """Return a tile plus the products of each pair of groups, lane by lane.

    There are ``TILE_ROWS`` groups from element ``i`` of ``left``, and ``TILE_COLUMNS`` groups from element
    ``j`` of ``right``.
    """

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        result, left_, i_, right_, j_ = args

        def loaded(kind: Any, array: Any, index: Any, row: int, register: int) -> Any:
            offset = row * GROUP + register * LANES
            return builder.load(_pointer(context, builder, kind, array, index, offset), align=4)

        for register in range(REGISTERS):
            rows = [loaded(signature.args[1], left_, i_, row, register) for row in range(TILE_ROWS)]
            for column in range(TILE_COLUMNS):
                factor = loaded(signature.args[3], right_, j_, column, register)
                for row, value in enumerate(rows):
                    place = row * TILE_COLUMNS + column
                    total = _accumulated_float(builder, builder.extract_value(result, place), value, factor)
                    result = builder.insert_value(result, total, place)
        return result

    return tile(tile, left, i, right, j), code


@_emitted
def transpose(_typing: Any, source: Any, i: Any, step: Any, target: Any, j: Any, stride: Any) -> Any:
    """Copy a transposed matrix of ``LANES`` by ``LANES`` elements.

    Its rows start at the elements ``i``, ``i + step``, and so on; those of the copy at ``j``, ``j + stride``.
    """

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        def pointer(array: int, row: int) -> Any:
            memory, begin, width = args[array : array + 3]
            place = builder.add(begin, builder.mul(width, ir.Constant(width.type, row)))
            return _pointer(context, builder, signature.args[array], memory, place)

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
