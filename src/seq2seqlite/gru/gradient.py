"""Compiled forward and backward pass of one ``lite`` GRU layer over a sequence, for training on CPUs.

The functions compute what :mod:`seq2seqlite.models.jax_forward` computes, in float32. They
process groups of decays, one decay in each lane of the vector registers. The tensors saved for the backward
pass are stored by group, so that the matrix products read contiguous registers. Each group has its own sums
of the weight gradients, and these are added in the order of the groups: the results have the same bits for
any number of threads.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from seq2seqlite.cpu.kernels import aligned_zeros
from seq2seqlite.cpu.lanes import GROUP, LANES, ROWS
from seq2seqlite.cpu.predictors import available_threads, in_threads
from seq2seqlite.errors import InputError
from seq2seqlite.gru.kernels import (
    CHUNK,
    Floats,
    Rounding,
    Scratch,
    Transposed,
    Weights,
    backward,
    forward,
    gradient_shape,
    whole,
)
from seq2seqlite.gru.tiles import TILE_COLUMNS, TILE_ROWS
from seq2seqlite.models import ActivationFormats

__all__ = ["LiteGradients", "Saved", "lite_backward", "lite_forward", "lite_last_state"]

# Float32 numbers of this size are whole numbers.
MAGIC = 1.5 * 2.0**23


class LiteGradients(NamedTuple):
    """Gradients with respect to the weights and the initial state of a layer.

    Parameters
    ----------
    kernel : array, shape (k, 3 * units)
    recurrent : array, shape (units, 3 * units)
    bias : array, shape (3 * units,)
    initial : array, shape (n, units)

    See Also
    --------
    lite_backward : Gradients of a layer.
    """

    kernel: Floats
    recurrent: Floats
    bias: Floats
    initial: Floats


@dataclass(frozen=True)
class Saved:
    """Tensors of a forward pass that its backward pass needs.

    The arrays have shape (groups, size); each row holds quantities of ``GROUP`` decays, step by step.

    Parameters
    ----------
    n, n_steps, n_inputs, units : int
        Numbers of decays, steps, inputs of a step, and units.
    inputs, states, gates, candidates : array
        Inputs, states (the initial one first), update and reset gates, and candidates.
    recurrent : array, shape (units, 3 * units)
        Recurrent kernel.
    rounding : Rounding
        Fixed-point formats of the activations.

    See Also
    --------
    lite_forward : States of a layer.
    """

    n: int
    n_steps: int
    n_inputs: int
    units: int
    inputs: Floats
    states: Floats
    gates: Floats
    candidates: Floats
    recurrent: Floats
    rounding: Rounding


def lite_forward(
    x: ArrayLike,
    kernel: ArrayLike,
    recurrent: ArrayLike,
    bias: ArrayLike,
    initial: ArrayLike,
    /,
    *,
    formats: ActivationFormats | None = None,
    threads: int | None = None,
    reuse: Saved | None = None,
) -> tuple[Floats, Saved]:
    """Return the states of a layer, and what its backward pass needs.

    Parameters
    ----------
    x : array, shape (n_steps, n, k)
        Inputs; ``k`` may be 0.
    kernel : array, shape (k, 3 * units)
        Input kernel. The columns belong to the update gate, the reset gate and the candidate.
    recurrent : array, shape (units, 3 * units)
        Recurrent kernel. The reset gate is applied before the product.
    bias : array, shape (3 * units,)
        Bias.
    initial : array, shape (n, units)
        Initial state.
    formats : ActivationFormats, optional
        Formats to which gates, products, candidate and state are rounded, for quantisation-aware training;
        the inputs have to be rounded already. The gradient of rounding is that of the identity.
    threads : int, optional
        Number of threads; by default all available cores. It does not affect the results.
    reuse : Saved, optional
        Result of an earlier call with the same shapes that is no longer needed. Its memory is overwritten,
        which avoids page faults.

    Returns
    -------
    states : array, shape (n_steps, n, units)
        State after each step.
    saved : Saved
        Argument of :func:`lite_backward`.

    Raises
    ------
    InputError
        If the shapes do not match.

    See Also
    --------
    lite_last_state : The same without the states before the last one.

    Examples
    --------
    >>> x, kernel, recurrent = np.ones((2, 1, 1)), np.ones((1, 3)), np.zeros((1, 3))
    >>> states, saved = lite_forward(x, kernel, recurrent, [-1, 0, -0.5], np.zeros((1, 1)))
    >>> states.ravel()
    array([0.25 , 0.375], dtype=float32)
    """
    layer = _checked(x, kernel=kernel, recurrent=recurrent, bias=bias, initial=initial)
    return _run_forward(layer, formats, n_kept=len(layer.x), threads=threads, reuse=reuse)


def lite_last_state(
    x: ArrayLike,
    kernel: ArrayLike,
    recurrent: ArrayLike,
    bias: ArrayLike,
    initial: ArrayLike,
    /,
    *,
    formats: ActivationFormats | None = None,
    threads: int | None = None,
    reuse: Saved | None = None,
) -> tuple[Floats, Saved]:
    """Return the last state of a layer, shape (n, units), and what its backward pass needs.

    Parameters and errors are those of :func:`lite_forward`.

    See Also
    --------
    lite_backward : Gradients of the layer.

    Examples
    --------
    >>> x, kernel, recurrent = np.ones((2, 1, 1)), np.ones((1, 3)), np.zeros((1, 3))
    >>> state, saved = lite_last_state(x, kernel, recurrent, [-1, 0, -0.5], np.zeros((1, 1)))
    >>> lite_backward(saved, np.ones((1, 1))).bias
    array([-0.25,  0.  ,  0.75], dtype=float32)
    """
    layer = _checked(x, kernel=kernel, recurrent=recurrent, bias=bias, initial=initial)
    states, saved = _run_forward(layer, formats, n_kept=1, threads=threads, reuse=reuse)
    return states[0], saved


def lite_backward(saved: Saved, d_states: ArrayLike, /, *, threads: int | None = None) -> LiteGradients:
    """Return the gradients of a layer from those with respect to its states.

    The gradient of a saturated gate or candidate is zero. There is no gradient with respect to the inputs.

    Parameters
    ----------
    saved : Saved
        Second result of :func:`lite_forward` or :func:`lite_last_state`.
    d_states : array, shape (n_steps, n, units) or (n, units)
        Gradient with respect to the states, or to the last state only.
    threads : int, optional
        Number of threads; by default all available cores. It does not affect the results.

    Returns
    -------
    LiteGradients

    Raises
    ------
    InputError
        If the shape of ``d_states`` does not match.

    See Also
    --------
    lite_last_state : Last state of a layer.
    """
    s, units = saved, saved.units
    given = np.ascontiguousarray(d_states, np.float32)
    if given.shape not in {(s.n_steps, s.n, units), (s.n, units)}:
        raise InputError(
            f"d_states has shape {given.shape}; it must be {(s.n_steps, s.n, units)}, or {(s.n, units)} for "
            f"the last state only"
        )
    given = given.reshape(-1, s.n, units)
    weights = _transposed(s.recurrent)
    rows, columns = gradient_shape(s.n_inputs, units)
    sums = np.empty((len(s.states), rows * columns), np.float32)
    d_initial = np.empty((s.n, units), np.float32)

    def work(part: slice) -> None:
        scratch = _new_scratch(s.n_inputs, units)
        for group in range(part.start, part.stop):
            arrays = (s.inputs[group], s.states[group], s.gates[group], s.candidates[group])
            backward(
                weights, s.rounding, scratch, units, s.n_inputs, s.n_steps, *arrays, given, group * GROUP,
                sums[group], d_initial,
            )  # fmt: skip

    _each_group(len(s.states), work, threads)
    return _gradients(sums, s.n_inputs, units, d_initial)


class _Layer(NamedTuple):
    """Checked arguments of a forward pass."""

    x: Floats
    kernel: Floats
    recurrent: Floats
    bias: Floats
    initial: Floats


def _checked(x: ArrayLike, /, **weights: ArrayLike) -> _Layer:
    layer = _Layer(
        **{name: np.ascontiguousarray(value, np.float32) for name, value in {"x": x, **weights}.items()}
    )
    shape, units = layer.x.shape, len(layer.recurrent)
    if len(shape) != 3 or 0 in shape[:2]:
        raise InputError(f"x has shape {shape}; it must be (n_steps, n, k), with one step and decay or more")
    _, n, n_inputs = shape
    needed = {
        "kernel": (n_inputs, 3 * units),
        "recurrent": (units, 3 * units),
        "bias": (3 * units,),
        "initial": (n, units),
    }
    for name, wanted in needed.items():
        found = getattr(layer, name).shape
        if found != wanted:
            raise InputError(
                f"{name} has shape {found}; for x of shape {shape} and {units} units it must be {wanted}"
            )
    return layer


def _run_forward(
    layer: _Layer,
    formats: ActivationFormats | None,
    /,
    *,
    n_kept: int,
    threads: int | None,
    reuse: Saved | None,
) -> tuple[Floats, Saved]:
    """Return the last ``n_kept`` states, and what the backward pass needs."""
    s, weights = _saved(layer, _rounding(formats), reuse), _weights(layer)
    states = np.empty((n_kept, s.n, s.units), np.float32)

    def work(part: slice) -> None:
        operands, products = (aligned_zeros(s.units * GROUP, np.float32) for _ in range(2))
        for group in range(part.start, part.stop):
            arrays = (s.inputs[group], s.states[group], s.gates[group], s.candidates[group])
            forward(
                weights, s.rounding, operands, products, s.units, layer.x, layer.initial, *arrays,
                group * GROUP, states,
            )  # fmt: skip

    _each_group(len(s.states), work, threads)
    return states, s


def _rounding(formats: ActivationFormats | None) -> Rounding:
    if formats is None:
        return Rounding(0.0, 1.0, 0.0, np.inf, 0.0, 1.0, 0.0, np.inf, 0.0, 0.0)
    operand, state = formats.state_operand, formats.state
    return Rounding(
        gate=MAGIC * formats.gate.step,
        gate_high=formats.gate_high,
        product=MAGIC * formats.product.step,
        product_high=formats.product.high,
        candidate=MAGIC * formats.candidate.step,
        candidate_high=formats.candidate.high,
        state=MAGIC * state.step,
        state_high=state.high,
        operand=MAGIC * operand.step,
        operand_offset=(operand.step - state.step) / 2,
    )


def _saved(layer: _Layer, rounding: Rounding, reuse: Saved | None) -> Saved:
    """Return the memory of a forward pass."""
    (n_steps, n, n_inputs), units = layer.x.shape, len(layer.recurrent)
    if reuse is not None and (n_steps, n, n_inputs, units) == (
        reuse.n_steps,
        reuse.n,
        reuse.n_inputs,
        reuse.units,
    ):
        return replace(reuse, recurrent=layer.recurrent, rounding=rounding)
    groups = -(-n // GROUP)
    inputs, states, gates, candidates = _divided(  # one allocation, for which the system uses large pages
        groups,
        n_steps * n_inputs * GROUP,
        (n_steps + 1) * units * GROUP,
        n_steps * whole(2 * units, ROWS) * GROUP,
        n_steps * whole(units, ROWS) * GROUP,
    )
    return Saved(
        n=n,
        n_steps=n_steps,
        n_inputs=n_inputs,
        units=units,
        inputs=inputs,
        states=states,
        gates=gates,
        candidates=candidates,
        recurrent=layer.recurrent,
        rounding=rounding,
    )


def _divided(groups: int, *sizes: int) -> list[Floats]:
    """Return aligned arrays of shape (groups, size) that share one allocation."""
    memory = aligned_zeros(groups * sum(sizes), np.float32)
    parts = np.split(memory, groups * np.cumsum(sizes)[:-1])
    return [part.reshape(groups, size) for part, size in zip(parts, sizes, strict=True)]


def _weights(layer: _Layer) -> Weights:
    both = np.concatenate([layer.recurrent, layer.kernel])
    half, gates = np.float32(0.5), 2 * len(layer.recurrent)
    return Weights(
        _packed(half * both[:, :gates]),
        _padded(half * layer.bias[:gates] + half),
        _packed(both[:, gates:]),
        _padded(layer.bias[gates:]),
    )


def _each_group(groups: int, work: Callable[[slice], None], threads: int | None) -> None:
    threads = available_threads(threads)
    in_threads(groups, threads, work, step=-(-groups // threads))


def _gradients(sums: Floats, n_inputs: int, units: int, d_initial: Floats) -> LiteGradients:
    """Return the weight gradients from the sums of each group, which are in the order of their tiles."""
    rows, columns = gradient_shape(n_inputs, units)
    tiles = sums.sum(0, dtype=np.float64).reshape(rows // TILE_ROWS, -1, TILE_ROWS, TILE_COLUMNS)
    sums = tiles.transpose(0, 2, 1, 3).reshape(rows, columns).astype(np.float32)
    first = whole(2 * units, TILE_COLUMNS)  # the hard sigmoid's slope is 1/2
    matrix = np.hstack([np.float32(0.5) * sums[:, : 2 * units], sums[:, first : first + units]])
    end = units + n_inputs
    return LiteGradients(matrix[units:end], matrix[:units], matrix[end], d_initial)


def _new_scratch(n_inputs: int, units: int) -> Scratch:
    rows, columns = gradient_shape(n_inputs, units)
    padded = whole(units, ROWS)
    groups = (units, units, padded, padded, CHUNK * rows, CHUNK * rows, CHUNK * columns)
    sizes = (*(n * GROUP for n in groups), rows * columns * LANES)
    scratch = Scratch(*(aligned_zeros(size, np.float32) for size in sizes))
    for operands in (scratch.operands, scratch.products):
        operands.reshape(CHUNK, rows, GROUP)[:, units + n_inputs] = 1
    return scratch


def _transposed(recurrent: Floats) -> Transposed:
    units = len(recurrent)
    gates, candidate = recurrent[:, : 2 * units], recurrent[:, 2 * units :]
    zeros = np.zeros(whole(units, ROWS), np.float32)
    return Transposed(_packed(np.float32(0.5) * gates.T), _packed(candidate.T), zeros)


def _packed(matrix: Floats) -> Floats:
    """Return a matrix of shape (operands, outputs), divided into blocks of ``ROWS`` outputs, as one array."""
    columns = whole(matrix.shape[1], ROWS)
    padded = np.zeros((len(matrix), columns), np.float32)
    padded[:, : matrix.shape[1]] = matrix
    return np.ascontiguousarray(padded.reshape(len(matrix), -1, ROWS).transpose(1, 0, 2)).ravel()


def _padded(bias: Floats) -> Floats:
    padded = np.zeros(whole(len(bias), ROWS), np.float32)
    padded[: len(bias)] = bias
    return padded
