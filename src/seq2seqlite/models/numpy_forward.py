"""Forward pass of the network in NumPy, the only dependency of inference.

:mod:`seq2seqlite.models.jax_forward` has the same network in JAX, with its gradient; tests check that both
agree.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.models.architecture import Architecture, Parameters
from seq2seqlite.models.quantisation import (
    ActivationFormats,
    Format,
    leading_bits,
    quantise,
    quantised_gate,
)

__all__ = ["Observer", "predict_direct", "predict_sfd"]

Array = NDArray[np.floating]
# Called at every step with the layer ("encoder/0"), the tensor and its values. Tensors are "gate",
# "candidate", "product", "state" and "update" (the change of the state before it is written back).
Observer = Callable[[str, str, Array], None]


def predict_sfd(
    architecture: Architecture,
    parameters: Parameters,
    inputs: ArrayLike,
    /,
    *,
    formats: ActivationFormats | None = None,
    observe: Observer | None = None,
) -> Array:
    """Return the SFD of normalised TPSFs.

    Parameters
    ----------
    architecture : Architecture
        Layers and cell.
    parameters : dict of ndarray
        Arrays as named by ``architecture.parameter_shapes``.
    inputs : array_like of floating point, shape (n, n_gates) or (n, n_gates, n_inputs)
        Normalised TPSFs, 0 to 1, and columns of the response. The computation uses their type if the type of
        the parameters is not wider.
    formats : ActivationFormats, optional
        Fixed-point formats of the activations; the architecture's cell must be ``lite``.
    observe : callable, optional
        Called with the internal tensors of every step.

    Returns
    -------
    ndarray of floating point, shape (n, 3, n_gates)
        Channels total, short, long.

    See Also
    --------
    Network.sfd : SFD from counts.
    """
    states, n_gates = _encoded(architecture, parameters, inputs, formats, observe)
    n, kind = len(states[0]), states[0].dtype
    sequence = np.empty((n_gates, n, 0), kind)  # the decoder has no input
    for index, state in enumerate(states):
        layer = _Layer(architecture, parameters, f"decoder/{index}", formats, observe)
        sequence = layer.run(sequence, state)
    if formats is not None:
        sequence = leading_bits(sequence, formats)
    sfd = sequence.reshape(-1, sequence.shape[-1]) @ parameters["head/kernel"] + parameters["head/bias"]
    if observe is not None:
        observe("head", "output", sfd)
    if formats is not None:
        sfd = quantise(sfd, formats.output)
    return np.ascontiguousarray(sfd.reshape(n_gates, n, 3).transpose(1, 2, 0))


def predict_direct(
    architecture: Architecture,
    parameters: Parameters,
    inputs: ArrayLike,
    /,
    *,
    formats: ActivationFormats | None = None,
) -> Array:
    """Return the outputs of the head of a direct network.

    Parameters
    ----------
    architecture, parameters, inputs, formats
        As for :func:`predict_sfd`. The outputs are not rounded.

    Returns
    -------
    ndarray of floating point, shape (n, 8)
        :data:`~seq2seqlite.models.architecture.DIRECT_OUTPUTS`, and the logarithm of the error of each.

    See Also
    --------
    Network.lifetimes : Lifetimes from counts.
    """
    states, _ = _encoded(architecture, parameters, inputs, formats, None)
    return np.asarray(states[-1] @ parameters["head/kernel"] + parameters["head/bias"])


def _encoded(
    architecture: Architecture,
    parameters: Parameters,
    inputs: ArrayLike,
    formats: ActivationFormats | None,
    observe: Observer | None,
) -> tuple[list[Array], int]:
    """Return the last states of the encoder's layers, and the number of gates."""
    values = np.asarray(inputs)
    columns = values if values.ndim == 3 else values[..., None]
    sequence = np.ascontiguousarray(columns.transpose(1, 0, 2))
    if formats is not None:
        parts = [quantise(sequence[..., :1], formats.input)]
        if formats.response is not None:
            parts.append(quantise(sequence[..., 1:], formats.response))
        sequence = np.concatenate(parts, axis=-1)
    n_gates, n = sequence.shape[:2]
    states = []
    for index, units in enumerate(architecture.layers):
        layer = _Layer(architecture, parameters, f"encoder/{index}", formats, observe)
        sequence = layer.run(sequence, np.zeros((n, units), values.dtype))
        states.append(sequence[-1])
    return states, n_gates


class _Layer:
    def __init__(
        self,
        architecture: Architecture,
        parameters: Parameters,
        name: str,
        formats: ActivationFormats | None,
        observe: Observer | None,
        /,
    ) -> None:
        standard = architecture.cell == "standard"
        bias = parameters[f"{name}/bias"]
        self.name, self.formats, self.observe = name, formats, observe
        self.kernel = parameters[f"{name}/kernel"]
        self.recurrent = parameters[f"{name}/recurrent_kernel"]
        self.input_bias = bias[0] if standard else bias
        self.recurrent_bias = bias[1] if standard else np.zeros_like(bias)
        self.gates = self._standard_gates if standard else self._lite_gates

    def run(self, sequence: Array, state: Array, /) -> Array:
        """Return the states, shape (n_gates, n, units), for inputs of shape (n_gates, n, n_inputs)."""
        states = np.empty((len(sequence), *state.shape), state.dtype)
        kernel = self.kernel[: sequence.shape[-1]]
        residue = np.zeros_like(state)
        for t, inputs in enumerate(sequence):
            update, candidate = self.gates(state, inputs @ kernel + self.input_bias)
            state, residue = self._written_back(state, residue, update, candidate)
            states[t] = state
        return states

    def _standard_gates(self, h: Array, projected: Array) -> tuple[Array, Array]:
        units = h.shape[-1]
        inner = h @ self.recurrent + self.recurrent_bias
        gates = _sigmoid(projected[:, : 2 * units] + inner[:, : 2 * units])
        z, r = gates[:, :units], gates[:, units:]
        return z, np.tanh(projected[:, 2 * units :] + r * inner[:, 2 * units :])

    def _lite_gates(self, h: Array, projected: Array) -> tuple[Array, Array]:
        units = h.shape[-1]
        operand = h if self.formats is None else leading_bits(h, self.formats)
        pre = projected[:, : 2 * units] + operand @ self.recurrent[:, : 2 * units]
        gates = np.clip(0.5 * pre + 0.5, 0, 1)
        if self.observe is not None:
            self.observe(self.name, "gate", gates)
        if self.formats is not None:
            gates = quantised_gate(gates, self.formats)
        z, r = gates[:, :units], gates[:, units:]
        product = self._seen("product", r * operand)
        candidate = projected[:, 2 * units :] + product @ self.recurrent[:, 2 * units :]
        return z, self._seen("candidate", np.clip(candidate, -1, 1))

    def _written_back(self, h: Array, residue: Array, z: Array, candidate: Array) -> tuple[Array, Array]:
        """Return the new state and the retained rounding residue."""
        if self.formats is None:
            return self._seen("state", candidate + z * (h - candidate)), residue
        fed_back = self.formats.write_back == "error-feedback"
        inner = h - candidate if fed_back else h + residue - candidate
        wide = candidate + z * inner + (residue if fed_back else 0)
        if self.observe is not None:
            self.observe(self.name, "update", wide - h)
        state = self._seen("state", wide)
        if self.formats.residual_bits:
            step = wide.dtype.type(self.formats.residue_step)
            residue = np.floor((wide - state) / step) * step
        return state, residue

    def _seen(self, tensor: str, values: Array) -> Array:
        if self.observe is not None:
            self.observe(self.name, tensor, values)
        if self.formats is None:
            return values
        fmt: Format = getattr(self.formats, tensor)
        return quantise(values, fmt)


def _sigmoid(x: Array) -> Array:
    # tanh does not overflow, and NumPy vectorises it.
    return np.asarray(np.float32(0.5) * np.tanh(np.float32(0.5) * x) + np.float32(0.5))
