"""The float network in NumPy: what a trained model computes, with nothing but NumPy installed.

The same network in JAX, with its gradient, is in :mod:`seq2seqlite.models.differentiable`; tests hold both
equal.
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
    for index, units in enumerate(architecture.layers):
        layer = _Layer(architecture, parameters, f"encoder/{index}")
        sequence = layer.run(sequence, np.zeros((n, units), np.float32))
        states.append(sequence[-1])
    sequence = np.empty((n_gates, n, 0), np.float32)  # the decoder has no input
    for index, state in enumerate(states):
        sequence = _Layer(architecture, parameters, f"decoder/{index}").run(sequence, state)
    sfd = sequence.reshape(-1, sequence.shape[-1]) @ parameters["head/kernel"] + parameters["head/bias"]
    return np.ascontiguousarray(sfd.reshape(n_gates, n, 3).transpose(1, 2, 0))


class _Layer:
    def __init__(self, architecture: Architecture, parameters: Parameters, name: str, /) -> None:
        standard = architecture.cell == "standard"
        bias = parameters[f"{name}/bias"]
        self.kernel = parameters[f"{name}/kernel"]
        self.recurrent = parameters[f"{name}/recurrent_kernel"]
        self.input_bias = bias[0] if standard else bias
        self.recurrent_bias = bias[1] if standard else np.zeros_like(bias)
        self.step = self._standard_step if standard else self._lite_step

    def run(self, sequence: Array, state: Array, /) -> Array:
        """Return the states, shape (n_gates, n, units), after each step over (n_gates, n, n_inputs)."""
        states = np.empty((len(sequence), *state.shape), np.float32)
        kernel = self.kernel[: sequence.shape[-1]]
        for t, inputs in enumerate(sequence):
            state = self.step(state, inputs @ kernel + self.input_bias)
            states[t] = state
        return states

    def _standard_step(self, h: Array, projected: Array) -> Array:
        units = h.shape[-1]
        inner = h @ self.recurrent + self.recurrent_bias
        gates = _sigmoid(projected[:, : 2 * units] + inner[:, : 2 * units])
        z, r = gates[:, :units], gates[:, units:]
        candidate = np.tanh(projected[:, 2 * units :] + r * inner[:, 2 * units :])
        return np.asarray(candidate + z * (h - candidate))

    def _lite_step(self, h: Array, projected: Array) -> Array:
        units = h.shape[-1]
        gates = np.clip(0.5 * (projected[:, : 2 * units] + h @ self.recurrent[:, : 2 * units]) + 0.5, 0, 1)
        z, r = gates[:, :units], gates[:, units:]
        candidate = np.clip(projected[:, 2 * units :] + (r * h) @ self.recurrent[:, 2 * units :], -1, 1)
        return np.asarray(candidate + z * (h - candidate))


def _sigmoid(x: Array) -> Array:
    # By tanh: never overflows, and NumPy vectorises it.
    return np.asarray(np.float32(0.5) * np.tanh(np.float32(0.5) * x) + np.float32(0.5))
