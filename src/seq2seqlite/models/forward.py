"""The float network in NumPy: what a trained model computes, with nothing but NumPy installed.

The same network in JAX, with its gradient, is in :mod:`seq2seqlite.models.differentiable`; tests hold both equal.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.models.architecture import Architecture, Parameters

__all__ = ["predict_sfd"]

Array = NDArray[np.float32]


def predict_sfd(architecture: Architecture, parameters: Parameters, inputs: ArrayLike, /) -> Array:
    """Return the SFD of normalised TPSFs.

    Parameters
    ----------
    architecture : Architecture
        Layers and cell.
    parameters : dict of ndarray
        Arrays as named by ``architecture.parameter_shapes``.
    inputs : array_like, shape (n, n_gates)
        Normalised TPSFs, 0 to 1.

    Returns
    -------
    ndarray of float32, shape (n, 3, n_gates)
        Channels total, short, long.
    """
    sequence = np.ascontiguousarray(np.asarray(inputs, np.float32).T)[..., None]
    n_gates, n = sequence.shape[:2]
    states = []
    for index in range(len(architecture.layers)):
        sequence = _layer(architecture, parameters, f"encoder/{index}", sequence, None, n)
        states.append(sequence[-1])
    decoded: Array | None = None
    for index, state in enumerate(states):
        decoded = _layer(architecture, parameters, f"decoder/{index}", decoded, state, n, n_gates)
    assert decoded is not None
    sfd = decoded.reshape(-1, decoded.shape[-1]) @ parameters["head/kernel"] + parameters["head/bias"]
    return np.ascontiguousarray(sfd.reshape(n_gates, n, 3).transpose(1, 2, 0))


def _layer(
    architecture: Architecture,
    parameters: Parameters,
    name: str,
    sequence: Array | None,
    state: Array | None,
    n: int,
    n_gates: int = 0,
) -> Array:
    """Run one layer over a sequence (n_gates, n, n_inputs), or over zeros where it is None."""
    kernel, recurrent, bias = (parameters[f"{name}/{part}"] for part in ("kernel", "recurrent_kernel", "bias"))
    units = recurrent.shape[0]
    step = _standard_step if architecture.cell == "standard" else _lite_step
    input_bias = bias[0] if architecture.cell == "standard" else bias
    h = np.zeros((n, units), np.float32) if state is None else state
    steps = n_gates if sequence is None else len(sequence)
    states = np.empty((steps, n, units), np.float32)
    idle = np.broadcast_to(input_bias, (n, 3 * units))
    for t in range(steps):
        projected = idle if sequence is None else sequence[t] @ kernel + input_bias
        h = step(h, projected, recurrent, bias)
        states[t] = h
    return states


def _standard_step(h: Array, projected: Array, recurrent: Array, bias: Array) -> Array:
    units = h.shape[-1]
    inner = h @ recurrent + bias[1]
    gates = _sigmoid(projected[:, : 2 * units] + inner[:, : 2 * units])
    z, r = gates[:, :units], gates[:, units:]
    candidate = np.tanh(projected[:, 2 * units :] + r * inner[:, 2 * units :])
    return np.asarray(candidate + z * (h - candidate))


def _lite_step(h: Array, projected: Array, recurrent: Array, bias: Array) -> Array:
    units = h.shape[-1]
    gates = np.clip(0.5 * (projected[:, : 2 * units] + h @ recurrent[:, : 2 * units]) + np.float32(0.5), 0, 1)
    z, r = gates[:, :units], gates[:, units:]
    candidate = np.clip(projected[:, 2 * units :] + (r * h) @ recurrent[:, 2 * units :], -1, 1)
    return np.asarray(candidate + z * (h - candidate))


def _sigmoid(x: Array) -> Array:
    # By tanh: never overflows, and NumPy vectorises it.
    return np.asarray(np.float32(0.5) * np.tanh(np.float32(0.5) * x) + np.float32(0.5))
