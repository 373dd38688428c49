"""Compiled loops that compute, for one group of pixels at a time, the sums for the lifetimes from counts.

The data of a group fit into the first-level cache, and no memory is allocated. The functions release the
interpreter's lock, so that threads run them in parallel.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numba.extending import overload
from numpy.typing import NDArray

from seq2seqlite.cpu.arithmetic import (
    accumulated,
    as_candidate,
    as_gate,
    as_output,
    begun,
    clear,
    downs,
    head_sums,
    multiply_by_reset,
    place,
    rows_left,
    unpack,
    update,
)
from seq2seqlite.cpu.constants import Arithmetic, Bytes, CoarseBytes, Float32, Scratch
from seq2seqlite.cpu.jit import compiled, source_digest
from seq2seqlite.cpu.lanes import (
    GROUP,
    HEAD_ROWS,
    LANES,
    ROWS,
    add,
    block_start,
    block_store,
    load,
    store,
)

__all__ = [
    "GROUP",
    "Head",
    "Layer",
    "advance",
    "aligned_zeros",
    "decode",
    "encode",
    "input_code",
    "new_scratch",
    "padded_units",
    "predict",
]

CACHE_LINE = 64


@njit(nogil=True, inline="always")
def input_code(signal: int, peak: int, high: int) -> Any:
    """Return ``high * signal / peak``, rounded and clipped to the range 0 to ``high``.

    The result is exact: the error of the float64 quotient is less than its distance to the next integer.
    """
    whole = 2.0 * np.float64(peak)
    code = (2.0 * np.float64(max(signal, 0)) * high + np.float64(peak)) / whole
    return np.int32(min(code, np.float64(high)))


class Layer(NamedTuple):
    """Weights of one recurrent step, as one-dimensional arrays of rows.

    Each row has the weights of ``packing`` units for all outputs. The last row belongs to the input, if any.
    The biases have one row, or one for each gate.
    """

    arithmetic: Arithmetic
    gates: NDArray[Any]
    gates_bias: NDArray[Any]
    candidate: NDArray[Any]
    candidate_bias: NDArray[Any]


class Head(NamedTuple):
    """Weights of the head, in the layout of :class:`Layer`.

    Weights of bytes are ``kernel + 2**up * upper``. There is no ``upper`` if ``kernel`` has all their bits.
    """

    kernel: NDArray[Any]
    bias: NDArray[Any]
    upper: NDArray[Any]
    upper_bias: NDArray[Any]
    up: int


def padded_units(units: int, /) -> int:
    """Return the number of units rounded up to whole blocks of outputs and whole groups of operands."""
    step = max(ROWS, 4)
    return -(-units // step) * step


def new_scratch(units: int, n_gates: int, arithmetic: Arithmetic, /) -> Scratch:
    """Return the working memory of a thread for a padded number of units."""
    sizes = Scratch(
        inputs=n_gates, state=units, operands=units + 1, products=units + 1, gates=2 * units,
        candidate=units, outputs=HEAD_ROWS, sums=HEAD_ROWS,
    )  # fmt: skip
    whole = np.float32 if isinstance(arithmetic, Float32) else np.int32
    element = np.int16 if isinstance(arithmetic, Bytes | CoarseBytes) else whole
    kinds = Scratch(*(whole,) * len(sizes))._replace(state=element, gates=element, candidate=element)
    return Scratch(*(aligned_zeros(size * GROUP, kind) for size, kind in zip(sizes, kinds, strict=True)))


def aligned_zeros(size: int, dtype: Any, /) -> NDArray[Any]:
    """Return zeros aligned to a cache line, so that no register spans two cache lines."""
    itemsize = np.dtype(dtype).itemsize
    memory = np.zeros(size + CACHE_LINE // itemsize, dtype)
    begin = -memory.ctypes.data % CACHE_LINE // itemsize
    return memory[begin : begin + size]


def _normalise(a: Any, s: Any, counts: Any, first: Any, size: Any, n_baseline: Any, dark: Any) -> None:
    """Write a normalised group of pixels to ``s.inputs``; lanes beyond ``size`` are zero."""


def _normalise_floats(a: Any, s: Any, counts: Any, first: Any, size: Any, n_baseline: Any, dark: Any) -> None:
    s.inputs[:] = np.float32(0)
    for lane in range(size):
        pixel = counts[first + lane]
        baseline = np.float32(0)
        for t in range(n_baseline):
            baseline += pixel[t]
        baseline /= np.float32(max(n_baseline, 1))
        peak = pixel.max() - baseline
        # Without a baseline, a decay of constant counts is flat; with one, it has nothing above it.
        dark[first + lane] = peak <= 0 or (n_baseline == 0 and pixel.min() == pixel.max())
        if peak > 0:
            for t in range(pixel.size):
                s.inputs[t * GROUP + lane] = max(pixel[t] - baseline, np.float32(0)) / peak


def _normalise_codes(a: Any, s: Any, counts: Any, first: Any, size: Any, n_baseline: Any, dark: Any) -> None:
    s.inputs[:] = 0
    for lane in range(size):
        pixel = counts[first + lane]
        baseline = np.int64(0)
        for t in range(n_baseline):
            baseline += np.int64(pixel[t])
        scale = max(n_baseline, 1)
        peak = scale * np.int64(pixel.max()) - baseline
        dark[first + lane] = peak <= 0
        if peak > 0:
            lowest = np.int32(a.codes.input_high)
            for t in range(pixel.size):
                signal = scale * np.int64(pixel[t]) - baseline
                code = input_code(signal, peak, a.codes.input_high)
                s.inputs[t * GROUP + lane] = code
                lowest = min(lowest, code)
            # The peak of a decay has the highest code: all others have it, too, in a flat decay.
            dark[first + lane] = n_baseline == 0 and lowest == a.codes.input_high


@overload(_normalise, strict=False)
def _normalise_of(a: Any, s: Any, counts: Any, first: Any, size: Any, n_baseline: Any, dark: Any) -> Any:
    return _normalise_floats if a.instance_class is Float32 else _normalise_codes


@njit(nogil=True, inline="always")
def _step(layer: Layer, s: Scratch, units: int, row: int) -> None:
    """Advance the state of a group by one gate, with a row of the biases."""
    a = layer.arithmetic
    rows = layer.gates.size // (2 * units)
    last, left, down = rows - 1, rows_left(a, rows), downs(a)
    for j in range(0, 2 * units, ROWS):
        block = block_start(layer.gates_bias, row * 2 * units + j)
        block = begun(a, block, layer.gates, last * 2 * units + j, s.operands, last * GROUP, down[0])
        for k in range(left):
            block = accumulated(a, block, layer.gates, k * 2 * units + j, s.operands, k * GROUP)
        block_store(as_gate(a, block), s.gates, j * GROUP)
    multiply_by_reset(a, s, units)
    for j in range(0, units, ROWS):
        block = block_start(layer.candidate_bias, row * units + j)
        block = begun(a, block, layer.candidate, last * units + j, s.products, last * GROUP, down[1])
        for k in range(left):
            block = accumulated(a, block, layer.candidate, k * units + j, s.products, k * GROUP)
        block_store(as_candidate(a, block), s.candidate, j * GROUP)
    update(a, s, units)


@njit(nogil=True, inline="always")
def _set_input(s: Scratch, inputs: Any, first: int, row: int) -> None:
    """Store the inputs of a group after the operands of the state."""
    for i in range(0, GROUP, LANES):
        value = load(inputs, first + i)
        store(s.operands, row * GROUP + i, value)
        store(s.products, row * GROUP + i, value)


@njit(nogil=True, inline="always")
def _decode_group(
    decoder: Layer, head: Head, s: Scratch, units: int, n_gates: int,
    first: int, size: int, firsts: Any, areas: Any, sfd: Any,
) -> None:  # fmt: skip
    """Run the decoder from the state in ``s``; write first samples, twice the areas, and optionally SFDs."""
    a = decoder.arithmetic
    s.sums[:] = 0
    for t in range(n_gates):
        _step(decoder, s, units, 0)
        block = head_sums(a, head, s)
        block_store(as_output(a, block), s.outputs, 0)
        for i in range(0, HEAD_ROWS * GROUP, LANES):
            store(s.sums, i, add(load(s.sums, i), load(s.outputs, i)))
        if t == 0 or t == n_gates - 1:
            _subtract_ends(s, first, size, t, firsts, areas)
        if sfd.size:
            _keep(s, first, size, t, sfd)
    for lane in range(size):
        for c in range(2):
            areas[first + lane, c] += 2 * s.sums[(c + 1) * GROUP + lane]


@njit(nogil=True, inline="always")
def _subtract_ends(s: Scratch, first: int, size: int, t: int, firsts: Any, areas: Any) -> None:
    """Subtract the first and the last sample, which have half weight in the trapezoid rule."""
    for lane in range(size):
        for c in range(2):
            value = s.outputs[(c + 1) * GROUP + lane]
            if t == 0:
                firsts[first + lane, c] = value
                areas[first + lane, c] = 0
            areas[first + lane, c] -= value


@njit(nogil=True, inline="always")
def _keep(s: Scratch, first: int, size: int, t: int, sfd: Any) -> None:
    """Write one sample of the SFD."""
    for c in range(HEAD_ROWS):
        for lane in range(size):
            sfd[first + lane, c, t] = s.outputs[c * GROUP + lane]


def _compiled(sources: str) -> tuple[Any, Any, Any]:
    """Return the compiled functions; Numba's cache key includes the values in their closure."""

    @compiled
    def predict(
        encoder: Layer, decoder: Layer, head: Head, s: Scratch, units: int,
        counts: Any, n_baseline: int, dark: Any, firsts: Any, areas: Any, sfd: Any,
    ) -> None:  # fmt: skip
        assert sources
        n, n_gates = counts.shape
        row = encoder.gates.size // (2 * units) - 1
        each = 1 if encoder.gates_bias.size > 2 * units else 0  # whether each gate has its own biases
        for first in range(0, n, GROUP):
            size = min(GROUP, n - first)
            _normalise(encoder.arithmetic, s, counts, first, size, n_baseline, dark)
            clear(encoder.arithmetic, s, units)
            for t in range(n_gates):
                _set_input(s, s.inputs, t * GROUP, row)
                _step(encoder, s, units, each * t)
            _decode_group(decoder, head, s, units, n_gates, first, size, firsts, areas, sfd)

    @compiled
    def advance(encoder: Layer, s: Scratch, units: int, states: Any, inputs: Any) -> None:
        assert sources
        row = encoder.gates.size // (2 * units) - 1
        for group in range(len(states)):
            s.operands[: states.shape[1]] = states[group]
            unpack(encoder.arithmetic, s, units)
            _set_input(s, inputs, group * GROUP, row)
            _step(encoder, s, units, 0)
            states[group] = s.operands[: states.shape[1]]

    @compiled
    def decode(
        decoder: Layer, head: Head, s: Scratch, units: int, states: Any, n_gates: int,
        firsts: Any, areas: Any, sfd: Any,
    ) -> None:  # fmt: skip
        assert sources
        for group in range(len(states)):
            s.operands[: states.shape[1]] = states[group]
            unpack(decoder.arithmetic, s, units)
            first = group * GROUP
            size = min(GROUP, len(firsts) - first)
            _decode_group(decoder, head, s, units, n_gates, first, size, firsts, areas, sfd)

    return predict, advance, decode


def _compiled_encoder(sources: str) -> Any:
    """Return the compiled function of direct programs."""

    @compiled
    def encode(encoder: Layer, s: Scratch, units: int, counts: Any, dark: Any, states: Any) -> None:
        assert sources
        n, n_gates = counts.shape
        row = encoder.gates.size // (2 * units) - 1
        for first in range(0, n, GROUP):
            size = min(GROUP, n - first)
            _normalise(encoder.arithmetic, s, counts, first, size, 0, dark)
            clear(encoder.arithmetic, s, units)
            for t in range(n_gates):
                _set_input(s, s.inputs, t * GROUP, row)
                _step(encoder, s, units, t)
            for lane in range(size):
                for unit in range(states.shape[1]):
                    states[first + lane, unit] = s.state[place(encoder.arithmetic, unit, lane)]

    return encode


predict, advance, decode = _compiled(source_digest())
encode = _compiled_encoder(source_digest())
