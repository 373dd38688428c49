"""Differentiable network in JAX, with a hand-written gradient of the GRU layer.

JAX's gradient of a scan accumulates the weight gradient at every step. The backward scan in this module only
computes the gradients at the gates, and each weight gradient is one large product after the scan. On two
cores this is 1.2 times faster for the 128 x 128 teacher and 1.5 times faster for the student
(``benchmarks/training_speed.py``).
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from seq2seqlite.models.architecture import Architecture
from seq2seqlite.models.quantisation import ActivationFormats, Format

__all__ = ["head_sfd_jax", "last_state_jax", "predict_sfd_jax", "quantise_jax", "states_and_sfd_jax"]

Array = jax.Array


def predict_sfd_jax(
    architecture: Architecture,
    parameters: Mapping[str, Any],
    inputs: ArrayLike,
    /,
    *,
    formats: ActivationFormats | None = None,
) -> Array:
    """Return the SFD of normalised TPSFs, differentiable with respect to the parameters.

    Parameters
    ----------
    architecture : Architecture
        Layers and cell.
    parameters : mapping of array
        Arrays as named by ``architecture.parameter_shapes``.
    inputs : array, shape (n, n_gates) or (n, n_gates, n_inputs)
        Normalised TPSFs, and columns of the response.
    formats : ActivationFormats, optional
        Fixed-point formats of the activations, for a ``lite`` cell. The gradient of rounding is that of the
        identity (straight-through estimator); the gradient of a saturated gate or candidate is zero.

    Returns
    -------
    array, shape (n_gates, n, 3)
        The time axis is first, to avoid transpositions in training.
    """
    return states_and_sfd_jax(architecture, parameters, inputs, formats=formats)[1]


def states_and_sfd_jax(
    architecture: Architecture,
    parameters: Mapping[str, Any],
    inputs: ArrayLike,
    /,
    *,
    formats: ActivationFormats | None = None,
) -> tuple[Array, Array]:
    """Return the states of the decoder's last layer, shape (n_gates, n, units), and the SFD.

    Parameters are those of :func:`predict_sfd_jax`.
    """
    inputs = jnp.asarray(inputs)
    n, n_gates = inputs.shape[:2]
    layer = partial(_layer, architecture, parameters, formats)
    columns = inputs if inputs.ndim == 3 else inputs[..., None]
    sequence = _quantised_inputs(columns.transpose(1, 0, 2), formats)
    states = []
    for index, units in enumerate(architecture.layers):
        sequence = layer(f"encoder/{index}", sequence=sequence, state=jnp.zeros((n, units), inputs.dtype))
        states.append(sequence[-1])
    sequence = jnp.zeros((n_gates, n, 0), inputs.dtype)  # the decoder has no input
    for index, state in enumerate(states):
        sequence = layer(f"decoder/{index}", sequence=sequence, state=state)
    return sequence, head_sfd_jax(parameters, sequence, formats=formats)


def head_sfd_jax(
    parameters: Mapping[str, Any], states: Array, /, *, formats: ActivationFormats | None = None
) -> Array:
    """Return the SFD, shape (n_gates, n, 3), for states of the decoder, shape (n_gates, n, units)."""
    operand = states + jax.lax.stop_gradient(_leading_bits(states, formats) - states)
    sfd: Array = _matmul(operand, parameters["head/kernel"]) + parameters["head/bias"]
    if formats is not None:
        # Values out of range keep their gradient. Otherwise a network initialised there could not be trained.
        sfd = sfd + jax.lax.stop_gradient(quantise_jax(sfd, formats.output) - sfd)
    return sfd


def last_state_jax(
    architecture: Architecture,
    parameters: Mapping[str, Any],
    sequence: Array,
    /,
    *,
    formats: ActivationFormats | None = None,
) -> Array:
    """Return the last state of the encoder, shape (n, units), for inputs of shape (n_gates, n, n_inputs)."""
    n = sequence.shape[1]
    sequence = _quantised_inputs(sequence, formats)
    for index, units in enumerate(architecture.layers):
        state = jnp.zeros((n, units), sequence.dtype)
        sequence = _layer(
            architecture, parameters, formats, f"encoder/{index}", sequence=sequence, state=state
        )
    return sequence[-1]


def _quantised_inputs(sequence: Array, formats: ActivationFormats | None) -> Array:
    """Return inputs, shape (n_gates, n, n_inputs), in the formats of TPSF and response."""
    if formats is None:
        return sequence
    tpsf = quantise_jax(sequence[..., :1], formats.input)
    if formats.response is None:
        return tpsf
    return jnp.concatenate([tpsf, quantise_jax(sequence[..., 1:], formats.response)], axis=-1)


def quantise_jax(values: Array, fmt: Format | None, /) -> Array:
    """Return values rounded to a format, like :func:`seq2seqlite.models.quantise`; unchanged for None."""
    if fmt is None:
        return values
    scale = 2.0**fmt.fraction_bits
    return jnp.clip(jnp.floor(values * scale + 0.5) / scale, fmt.low, fmt.high)


def _quantised_gate(values: Array, formats: ActivationFormats | None) -> Array:
    if formats is None:
        return values
    scale = 2.0**formats.gate.fraction_bits
    return jnp.minimum(jnp.floor(values * scale + 0.5) / scale, formats.gate_high)


def _leading_bits(state: Array, formats: ActivationFormats | None) -> Array:
    if formats is None or formats.operand is None:
        return state
    scale = 2.0**formats.operand.fraction_bits
    return jnp.floor(state * scale) / scale


def _layer(
    architecture: Architecture,
    parameters: Mapping[str, Any],
    formats: ActivationFormats | None,
    name: str,
    /,
    *,
    sequence: Array,
    state: Array,
) -> Array:
    kernel, recurrent, bias = (
        parameters[f"{name}/{part}"] for part in ("kernel", "recurrent_kernel", "bias")
    )
    kernel = kernel[: sequence.shape[-1]]
    states: Array
    if architecture.cell == "standard":
        states = _standard_gru(_matmul(sequence, kernel) + bias[0], recurrent, bias[1], state)
    else:
        states = _lite_gru(formats, _matmul(sequence, kernel) + bias, recurrent, state)
    return states


def _matmul(sequence: Array, kernel: Array) -> Array:
    # One two-dimensional product: batched products of XLA are several times slower on CPUs.
    return (_flat(sequence) @ kernel).reshape(*sequence.shape[:-1], kernel.shape[-1])


def _weight_gradient(states: Array, gradients: Array) -> Array:
    return _flat(states).T @ _flat(gradients)


def _flat(sequence: Array) -> Array:
    return sequence.reshape(sequence.shape[0] * sequence.shape[1], sequence.shape[2])


def _previous(states: Array, initial: Array) -> Array:
    return jnp.concatenate([initial[None], states[:-1]])


def _standard_scan(projected: Array, recurrent: Array, bias: Array, initial: Array) -> tuple[Array, ...]:
    units = initial.shape[-1]

    def step(h: Array, x: Array) -> tuple[Array, tuple[Array, ...]]:
        inner = h @ recurrent + bias
        z = jax.nn.sigmoid(x[:, :units] + inner[:, :units])
        r = jax.nn.sigmoid(x[:, units : 2 * units] + inner[:, units : 2 * units])
        q = inner[:, 2 * units :]
        c = jnp.tanh(x[:, 2 * units :] + r * q)
        h = c + z * (h - c)
        return h, (h, z, r, c, q)

    outputs: tuple[Array, ...] = jax.lax.scan(step, initial, projected)[1]
    return outputs


@jax.custom_vjp
def _standard_gru(projected: Array, recurrent: Array, bias: Array, initial: Array) -> Array:
    return _standard_scan(projected, recurrent, bias, initial)[0]


def _standard_forward(projected: Array, recurrent: Array, bias: Array, initial: Array) -> tuple[Array, Any]:
    outputs = _standard_scan(projected, recurrent, bias, initial)
    return outputs[0], (*outputs, recurrent, initial)


def _standard_backward(residuals: Any, gradient: Array) -> tuple[Array, ...]:
    states, z, r, c, q, recurrent, initial = residuals
    previous = _previous(states, initial)
    transposed = recurrent.T

    def step(dh: Array, at: tuple[Array, ...]) -> tuple[Array, tuple[Array, Array]]:
        dy, z, r, c, q, h = at
        dh = dh + dy
        dz = dh * (h - c) * z * (1 - z)
        dc = dh * (1 - z) * (1 - c * c)
        dr = dc * q * r * (1 - r)
        inner = jnp.concatenate([dz, dr, dc * r], axis=1)
        return dh * z + inner @ transposed, (inner, dc)

    d_initial, (inner, dc) = jax.lax.scan(
        step, jnp.zeros_like(initial), (gradient, z, r, c, q, previous), reverse=True
    )
    units = initial.shape[-1]
    d_projected = jnp.concatenate([inner[..., : 2 * units], dc], axis=-1)
    return d_projected, _weight_gradient(previous, inner), inner.sum((0, 1)), d_initial


_standard_gru.defvjp(_standard_forward, _standard_backward)


def _lite_scan(
    formats: ActivationFormats | None, projected: Array, recurrent: Array, initial: Array
) -> tuple[Array, ...]:
    units = initial.shape[-1]
    product, candidate = (None, None) if formats is None else (formats.product, formats.candidate)

    def step(carry: tuple[Array, Array], x: Array) -> tuple[tuple[Array, Array], tuple[Array, ...]]:
        h, residue = carry
        operand = _leading_bits(h, formats)
        pre = x[:, : 2 * units] + operand @ recurrent[:, : 2 * units]
        gates = _quantised_gate(jnp.clip(0.5 * pre + 0.5, 0, 1), formats)
        z, r = gates[:, :units], gates[:, units:]
        c = x[:, 2 * units :] + quantise_jax(r * operand, product) @ recurrent[:, 2 * units :]
        c = quantise_jax(jnp.clip(c, -1, 1), candidate)
        state, residue = _written_back(formats, h, residue, z, c)
        return (state, residue), (state, z, r, c)

    outputs: tuple[Array, ...] = jax.lax.scan(step, (initial, jnp.zeros_like(initial)), projected)[1]
    return outputs


def _written_back(
    formats: ActivationFormats | None, h: Array, residue: Array, z: Array, c: Array
) -> tuple[Array, Array]:
    if formats is None:
        return c + z * (h - c), residue
    fed_back = formats.write_back == "error-feedback"
    wide = c + z * (h - c) + residue if fed_back else c + z * (h + residue - c)
    state = quantise_jax(wide, formats.state)
    if formats.residual_bits:
        residue = jnp.floor((wide - state) / formats.residue_step) * formats.residue_step
    return state, residue


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _lite_gru(formats: ActivationFormats | None, projected: Array, recurrent: Array, initial: Array) -> Array:
    return _lite_scan(formats, projected, recurrent, initial)[0]


def _lite_forward(
    formats: ActivationFormats | None, projected: Array, recurrent: Array, initial: Array
) -> tuple[Array, Any]:
    outputs = _lite_scan(formats, projected, recurrent, initial)
    return outputs[0], (*outputs, recurrent, initial)


def _lite_backward(formats: ActivationFormats | None, residuals: Any, gradient: Array) -> tuple[Array, ...]:
    states, z, r, c, recurrent, initial = residuals
    previous = _previous(states, initial)
    units = initial.shape[-1]
    gates_transposed, candidate_transposed = recurrent[:, : 2 * units].T, recurrent[:, 2 * units :].T
    gate_high, candidate_high = (1.0, 1.0) if formats is None else (formats.gate_high, formats.candidate.high)
    operands = _leading_bits(previous, formats)

    def step(dh: Array, at: tuple[Array, ...]) -> tuple[Array, Array]:
        dy, z, r, c, h, operand = at
        dh = dh + dy
        dz = 0.5 * dh * (h - c) * _inside(z, 0.0, gate_high)
        dc = dh * (1 - z) * _inside(c, -candidate_high, candidate_high)
        d_product = dc @ candidate_transposed
        dr = 0.5 * d_product * operand * _inside(r, 0.0, gate_high)
        gates = jnp.concatenate([dz, dr], axis=1)
        return dh * z + d_product * r + gates @ gates_transposed, jnp.concatenate([gates, dc], axis=1)

    d_initial, d_projected = jax.lax.scan(
        step, jnp.zeros_like(initial), (gradient, z, r, c, previous, operands), reverse=True
    )
    product = r * operands if formats is None else quantise_jax(r * operands, formats.product)
    d_recurrent = jnp.concatenate(
        [
            _weight_gradient(operands, d_projected[..., : 2 * units]),
            _weight_gradient(product, d_projected[..., 2 * units :]),
        ],
        axis=1,
    )
    return d_projected, d_recurrent, d_initial


def _inside(value: Array, low: float, high: float) -> Array:
    """Return 1 for values strictly between the limits, where the gradient of clipping is 1, else 0."""
    return ((value > low) & (value < high)).astype(value.dtype)


_lite_gru.defvjp(_lite_forward, _lite_backward)
