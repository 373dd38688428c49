"""Numba types and operations for vector registers with 16, 8 or 4 lanes of one pixel each.

Automatic vectorisation by LLVM is not predictable, so these types make it explicit. A register holds one
quantity of as many pixels as it has 32-bit lanes. A *block* of registers holds the sums of several outputs of
a matrix product, which therefore remain in registers from the first product to the last.

A register of 16-bit lanes holds one quantity of a whole group: in each pair of lanes, the pixel of that lane
of the group's first 32-bit register, and the one of its second.
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
    "add",
    "as_halves",
    "bit_and",
    "bit_or",
    "bit_xor",
    "block_add_bytes",
    "block_add_floats",
    "block_add_pairs",
    "block_clip",
    "block_halves",
    "block_plus",
    "block_scale",
    "block_shift",
    "block_start",
    "block_store",
    "clip",
    "head_add_bytes",
    "head_add_floats",
    "head_add_pairs",
    "head_start",
    "load",
    "multiply",
    "multiply_pairs",
    "multiply_rounded",
    "shift_left",
    "shift_right",
    "store",
    "store_bytes",
    "subtract",
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

_I16, _I32, _F32 = ir.IntType(16), ir.IntType(32), ir.FloatType()
_FAST = ("contract",)  # allow fused multiply-add instructions


class _Register(types.Type):
    """Numba type of a register of int32, float32 or int16 lanes."""

    def __init__(self, element: types.Type, lanes: int) -> None:
        self.element, self.lanes = element, lanes
        super().__init__(name=f"Register({lanes} x {element})")


_INT, _FLOAT, _HALVES = (
    _Register(types.int32, LANES),
    _Register(types.float32, LANES),
    _Register(types.int16, 2 * LANES),
)
VECTOR = {
    _INT: ir.VectorType(_I32, LANES),
    _FLOAT: ir.VectorType(_F32, LANES),
    _HALVES: ir.VectorType(_I16, 2 * LANES),
}
REGISTER_OF = {types.int32: _INT, types.float32: _FLOAT, types.int16: _HALVES}


def emitted(typed: Callable[..., Any]) -> Any:
    """Return an operation defined by a function that returns its signature and its code generator."""
    return intrinsic(typed)


@register_model(_Register)
class _RegisterModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: _Register) -> None:
        super().__init__(manager, kind, VECTOR[kind])


def pointer_to(context: Any, builder: Any, kind: Any, array: Any, index: Any, offset: int = 0) -> Any:
    """Return a pointer to the register that starts at an element of a contiguous array."""
    data = context.make_array(kind)(context, builder, array).data
    place = builder.gep(data, [builder.add(index, ir.Constant(index.type, offset))])
    return builder.bitcast(place, VECTOR[REGISTER_OF[kind.dtype]].as_pointer())


def splat(builder: Any, value: Any) -> Any:
    """Return a register with one value in every lane."""
    lanes = 2 * LANES if value.type == _I16 else LANES
    undefined = ir.Constant(ir.VectorType(value.type, lanes), ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(_I32, 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(_I32, lanes), [0] * lanes))


def _broadcast(context: Any, builder: Any, kind: Any, array: Any, index: Any, offset: int) -> Any:
    """Return a register with one element of an array in every lane."""
    data = context.make_array(kind)(context, builder, array).data
    return splat(
        builder, builder.load(builder.gep(data, [builder.add(index, ir.Constant(index.type, offset))]))
    )


@emitted
def load(_typing: Any, array: Any, index: Any) -> Any:
    """Return the register that starts at an element of an array."""
    register = REGISTER_OF[array.dtype]

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(pointer_to(context, builder, signature.args[0], *args), align=4)

    return register(array, index), code


@emitted
def store(_typing: Any, array: Any, index: Any, register: Any) -> Any:
    """Write a register to an array, starting at an element."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(args[2], pointer_to(context, builder, signature.args[0], *args[:2]), align=4)
        return context.get_dummy_value()

    return types.void(array, index, register), code


def _of_two(name: str, text: str, emit: Callable[[Any, Any, Any, Any], Any]) -> Any:
    """Return an operation on two registers, or on a register and a scalar."""

    def typed(_typing: Any, left: Any, right: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            x, y = args
            if not isinstance(signature.args[1], _Register):
                y = splat(builder, context.cast(builder, y, signature.args[1], signature.args[0].element))
            return emit(builder, signature.args[0], x, y)

        return left(left, right), code

    typed.__name__, typed.__doc__ = name, text
    return emitted(typed)


def _add(builder: Any, kind: Any, x: Any, y: Any) -> Any:
    return builder.fadd(x, y, flags=_FAST) if kind is _FLOAT else builder.add(x, y)


def _subtract(builder: Any, kind: Any, x: Any, y: Any) -> Any:
    return builder.fsub(x, y, flags=_FAST) if kind is _FLOAT else builder.sub(x, y)


def _multiply(builder: Any, kind: Any, x: Any, y: Any) -> Any:
    return builder.fmul(x, y, flags=_FAST) if kind is _FLOAT else builder.mul(x, y)


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
multiply_rounded = _of_two(
    "multiply_rounded",
    "Return the product of 16-bit lanes divided by ``2**15``, rounded to nearest, ties up.",
    lambda builder, _, x, y: _called(builder, ISA.multiply_rounded, VECTOR[_HALVES], [x, y]),
)


def _called(builder: Any, name: str, result: Any, args: list[Any]) -> Any:
    kind = ir.FunctionType(result, [arg.type for arg in args])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), args)


def _pair_products(builder: Any, x: Any, y: Any) -> Any:
    if ISA.add_pairs:
        halves = ir.VectorType(_I16, 2 * LANES)
        return _called(builder, ISA.add_pairs, VECTOR[_INT], [builder.bitcast(v, halves) for v in (x, y)])
    half = splat(builder, ir.Constant(_I32, 16))
    low = [builder.ashr(builder.shl(v, half), half) for v in (x, y)]
    high = [builder.ashr(v, half) for v in (x, y)]
    return builder.add(builder.mul(*low), builder.mul(*high))


def _accumulated_pairs(builder: Any, total: Any, weight: Any, operand: Any) -> Any:
    if ISA.dot_pairs:
        return _called(builder, ISA.dot_pairs, VECTOR[_INT], [total, weight, operand])
    return builder.add(total, _pair_products(builder, weight, operand))


def _accumulated_bytes(builder: Any, total: Any, weight: Any, operand: Any) -> Any:
    return _called(builder, ISA.dot_bytes, VECTOR[_INT], [total, operand, weight])


def plus_product(builder: Any, total: Any, weight: Any, operand: Any) -> Any:
    return builder.fadd(total, builder.fmul(weight, operand, flags=_FAST), flags=_FAST)


def _clipped(builder: Any, kind: Any, value: Any, low: Any, high: Any) -> Any:
    less = builder.fcmp_ordered if kind is _FLOAT else builder.icmp_signed
    value = builder.select(less("<", value, low), low, value)
    return builder.select(less(">", value, high), high, value)


def _splats(context: Any, builder: Any, signature: Any, args: Any, element: Any) -> list[Any]:
    """Return the scalar arguments after the first argument as registers."""
    return [
        splat(builder, context.cast(builder, value, kind, element))
        for value, kind in zip(args[1:], signature.args[1:], strict=True)
    ]


@emitted
def clip(_typing: Any, register: Any, low: Any, high: Any) -> Any:
    """Return a register clipped to two limits."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        limits = _splats(context, builder, signature, args, register.element)
        return _clipped(builder, register, args[0], *limits)

    return register(register, low, high), code


def _starting(name: str, rows: int) -> Any:
    def typed(_typing: Any, bias: Any, first: Any) -> Any:
        block = types.UniTuple(REGISTER_OF[bias.dtype], rows * REGISTERS)

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
    return emitted(typed)


def _accumulating(name: str, rows: int, accumulated: Callable[[Any, Any, Any, Any], Any]) -> Any:
    def typed(_typing: Any, block: Any, weights: Any, w: Any, operands: Any, x: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            result, weights_, w_, operands_, x_ = args
            values = [
                builder.load(
                    pointer_to(context, builder, signature.args[3], operands_, x_, register * LANES), align=4
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
    return emitted(typed)


block_start, head_start = _starting("block_start", ROWS), _starting("head_start", HEAD_ROWS)
block_add_floats = _accumulating("block_add_floats", ROWS, plus_product)
block_add_pairs = _accumulating("block_add_pairs", ROWS, _accumulated_pairs)
block_add_bytes = _accumulating("block_add_bytes", ROWS, _accumulated_bytes)
head_add_floats = _accumulating("head_add_floats", HEAD_ROWS, plus_product)
head_add_pairs = _accumulating("head_add_pairs", HEAD_ROWS, _accumulated_pairs)
head_add_bytes = _accumulating("head_add_bytes", HEAD_ROWS, _accumulated_bytes)


def _each(context: Any, builder: Any, block: Any, value: Any, emit: Callable[[Any], Any]) -> Any:
    result = ir.Constant(context.get_value_type(block), ir.Undefined)
    for place in range(block.count):
        result = builder.insert_value(result, emit(builder.extract_value(value, place)), place)
    return result


def _shifting(name: str, text: str, emit: Callable[[Any, Any, Any], Any]) -> Any:
    """Return an operation that shifts all registers of a block of integers."""

    def typed(_typing: Any, block: Any, bits: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            (shift,) = _splats(context, builder, signature, args, block.dtype.element)
            return _each(context, builder, block, args[0], lambda value: emit(builder, value, shift))

        return block(block, bits), code

    typed.__name__, typed.__doc__ = name, text
    return emitted(typed)


block_shift = _shifting(
    "block_shift",
    "Return a block of integers divided by ``2**bits``, rounded down.",
    lambda builder, value, bits: builder.ashr(value, bits),
)
block_scale = _shifting(
    "block_scale",
    "Return a block of integers multiplied by ``2**bits``.",
    lambda builder, value, bits: builder.shl(value, bits),
)


@emitted
def block_plus(_typing: Any, block: Any, bias: Any) -> Any:
    """Return a block plus a bias for each of its outputs."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        result, array = args
        for place in range(block.count):
            row, begin = place // REGISTERS, ir.Constant(ir.IntType(64), 0)
            value = _broadcast(context, builder, signature.args[1], array, begin, row)
            total = builder.add(builder.extract_value(result, place), value)
            result = builder.insert_value(result, total, place)
        return result

    return block(block, bias), code


def _bits_of_both(builder: Any, mask: int, x: Any, y: Any) -> Any:
    """Return the bits of ``x`` where the mask has ones, and those of ``y`` elsewhere; 32-bit lanes."""
    ones, zeros = (splat(builder, ir.Constant(_I32, bits)) for bits in (mask, ~mask & 0xFFFFFFFF))
    return builder.or_(builder.and_(x, ones), builder.and_(y, zeros))


def _halves_of(builder: Any, first: Any, second: Any, bits: Any) -> Any:
    """Return the registers of a group, divided by ``2**bits``, as one of 16-bit lanes, if they fit."""
    upper = builder.shl(builder.ashr(second, bits), splat(builder, ir.Constant(_I32, 16)))
    both = _bits_of_both(builder, 0xFFFF, builder.ashr(first, bits), upper)
    return builder.bitcast(both, VECTOR[_HALVES])


@emitted
def block_halves(_typing: Any, block: Any, bits: Any) -> Any:
    """Return a block divided by ``2**bits``, rounded down, in 16-bit lanes, which the quotients must fit."""
    halves = types.UniTuple(_HALVES, block.count // REGISTERS)

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        result = ir.Constant(context.get_value_type(halves), ir.Undefined)
        (shift,) = _splats(context, builder, signature, args, types.int32)
        for place in range(halves.count):
            both = [builder.extract_value(args[0], REGISTERS * place + half) for half in range(REGISTERS)]
            result = builder.insert_value(result, _halves_of(builder, both[0], both[1], shift), place)
        return result

    return halves(block, bits), code


@emitted
def as_halves(_typing: Any, first: Any, second: Any) -> Any:
    """Return the two registers of a group as one of 16-bit lanes, which the codes must fit."""

    def code(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return _halves_of(builder, args[0], args[1], splat(builder, ir.Constant(_I32, 0)))

    return _HALVES(first, second), code


@emitted
def store_bytes(_typing: Any, array: Any, index: Any, b0: Any, b1: Any, b2: Any, b3: Any) -> Any:
    """Write the codes of four units, of 16-bit lanes, as bytes with an offset of 128, four to a lane."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        lanes = [builder.bitcast(value, VECTOR[_INT]) for value in args[2:]]
        byte, half, zero = (splat(builder, ir.Constant(_I32, n)) for n in (8, 16, 0x80808080))
        first, second = (  # bytes of two units: those of the first pixel, then those of the second
            builder.xor(_bits_of_both(builder, 0x00FF00FF, low, builder.shl(high, byte)), zero)
            for low, high in (lanes[:2], lanes[2:])
        )
        pixels = (
            _bits_of_both(builder, 0xFFFF, first, builder.shl(second, half)),
            _bits_of_both(builder, 0xFFFF, builder.lshr(first, half), second),
        )
        for register, value in enumerate(pixels):
            place = args[0], args[1], register * LANES
            pointer = pointer_to(context, builder, signature.args[0], *place)
            builder.store(value, pointer, align=4)
        return context.get_dummy_value()

    return types.void(array, index, b0, b1, b2, b3), code


@emitted
def block_clip(_typing: Any, block: Any, low: Any, high: Any) -> Any:
    """Return a block clipped to two limits."""
    register = block.dtype

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        limits = _splats(context, builder, signature, args, register.element)
        return _each(
            context, builder, block, args[0], lambda value: _clipped(builder, register, value, *limits)
        )

    return block(block, low, high), code


@emitted
def block_store(_typing: Any, block: Any, array: Any, index: Any) -> Any:
    """Write a block to an array, starting at an element, one group of pixels per output."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        value, memory, begin = args
        for place in range(block.count):
            offset = place * block.dtype.lanes
            pointer = pointer_to(context, builder, signature.args[1], memory, begin, offset)
            builder.store(builder.extract_value(value, place), pointer, align=4)
        return context.get_dummy_value()

    return types.void(block, array, index), code
