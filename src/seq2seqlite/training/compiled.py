"""Training objective of students with a decoder, whose recurrent layers are compiled code."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from seq2seqlite.gru.gradient import Saved, lite_backward, lite_forward, lite_last_state
from seq2seqlite.models import ActivationFormats
from seq2seqlite.training.error_tables import BATCH
from seq2seqlite.training.objective import Batch, Objective
from seq2seqlite.training.recipe import Recipe

__all__ = [
    "CompiledObjective",
    "decoded_states",
    "gradient_of_layers",
    "runs_compiled",
    "truth_of",
]

ENCODER = ("encoder/0/kernel", "encoder/0/recurrent_kernel", "encoder/0/bias")
DECODER = ("decoder/0/kernel", "decoder/0/recurrent_kernel", "decoder/0/bias")


def runs_compiled(recipe: Recipe, /) -> bool:
    """Return whether compiled code trains a network with a decoder: one of one layer of ``lite`` cells.

    See Also
    --------
    CompiledObjective : Objective of such networks.
    """
    return recipe.cell == "lite" and len(recipe.layers) == 1 and recipe.output == "sfd"


class CompiledObjective(Objective):
    """Objective of a student with a decoder; its loss is that of ``Objective``, its gradient is compiled.

    Parameters
    ----------
    recipe : Recipe
        Recipe with ``output="sfd"`` and one layer of ``lite`` cells.

    See Also
    --------
    seq2seqlite.training.direct.DirectObjective : The same for direct networks.
    seq2seqlite.gru.gradient.lite_forward : Compiled layer.
    """

    traceable = False

    def __init__(self, recipe: Recipe, /) -> None:
        super().__init__(recipe)
        self._saved: tuple[Saved, Saved] | None = None

    def loss_and_gradient(self, parameters: Any, batch: Batch, step: Any, /) -> tuple[Any, Any]:  # noqa: ARG002
        """Return the loss and its gradient with respect to the parameters."""
        states, self._saved = self._decoded(parameters, batch.inputs, self._saved)
        head = parameters["head/kernel"], parameters["head/bias"]
        loss, (kernel, bias, of_states) = self._head_gradient(*head, states, batch._replace(inputs=None))
        gradient = {"head/kernel": kernel, "head/bias": bias}
        return loss, gradient | gradient_of_layers(parameters, self._saved, of_states)

    def validation(self, parameters: Any, batch: Batch, step: Any, /) -> tuple[float, float]:  # noqa: ARG002
        """Return the loss and the error of the total on the validation split."""
        head = parameters["head/kernel"], parameters["head/bias"]
        sums, n = np.zeros(2), len(batch.inputs)
        saved = None
        for start in range(0, n, BATCH):
            part = slice(start, start + BATCH)
            states, saved = self._decoded(parameters, batch.inputs[part], saved)
            loss, total = self._head_errors(*head, states, truth_of(batch, part))
            sums += np.array([float(loss), float(total) ** 2]) * states.shape[1]
        return float(sums[0] / n), float(np.sqrt(sums[1] / n))

    def sfd_of(self, parameters: Any, /) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
        """Return the function from inputs to SFDs."""
        kernel, bias = np.asarray(parameters["head/kernel"]), np.asarray(parameters["head/bias"])
        saved = None

        def sfd(inputs: NDArray[np.float32]) -> NDArray[np.float32]:
            nonlocal saved
            states, saved = self._decoded(parameters, inputs, saved)
            return np.asarray(states @ kernel + bias)

        return sfd

    @cached_property
    def _head_gradient(self) -> Any:
        """Function that returns the loss, and its gradients at the head and at the states of the decoder."""

        def loss(kernel: Any, bias: Any, states: Any, batch: Batch) -> jax.Array:
            return self.truth_loss(_sfd(kernel, bias, states), batch)

        return jax.jit(jax.value_and_grad(loss, argnums=(0, 1, 2)))

    @cached_property
    def _head_errors(self) -> Any:
        """Function that returns the loss, and the root mean square error of the total."""

        @jax.jit
        def errors(kernel: Any, bias: Any, states: Any, batch: Batch) -> tuple[jax.Array, jax.Array]:
            sfd = _sfd(kernel, bias, states)
            total = jnp.sqrt(jnp.mean((sfd[..., 0] - batch.targets[..., 0]) ** 2))
            return self.truth_loss(sfd, batch), total

        return errors

    def _decoded(
        self, parameters: Any, inputs: NDArray[np.float32], reuse: tuple[Saved, Saved] | None
    ) -> tuple[NDArray[np.float32], tuple[Saved, Saved]]:
        return decoded_states(parameters, inputs, reuse=reuse)


def truth_of(batch: Batch, part: slice, /) -> Batch:
    """Return the truth of some decays of a batch, without inputs and without soft targets.

    See Also
    --------
    CompiledObjective.validation : Losses of a batch, part by part.
    """
    chosen = Batch(None, batch.targets[:, part])
    if batch.bounds is None:
        return chosen
    return chosen._replace(lifetimes=batch.lifetimes[part], bounds=batch.bounds[part])


def decoded_states(
    parameters: Any,
    inputs: NDArray[np.float32],
    /,
    *,
    formats: ActivationFormats | None = None,
    reuse: tuple[Saved, Saved] | None = None,
) -> tuple[NDArray[np.float32], tuple[Saved, Saved]]:
    """Return the states of the decoder, shape (n_gates, n, units), and what the gradient needs.

    Parameters
    ----------
    parameters : mapping of array
        Weights of a network with one layer of ``lite`` cells.
    inputs : ndarray, shape (n, n_gates) or (n, n_gates, n_inputs)
        Inputs, rounded to their formats.
    formats : ActivationFormats, optional
        Formats of the activations.
    reuse : tuple of Saved, optional
        Second result of an earlier call, whose memory is overwritten.

    See Also
    --------
    gradient_of_layers : Gradients of the weights.
    """
    columns = inputs if inputs.ndim == 3 else inputs[..., None]
    sequence = np.ascontiguousarray(columns.transpose(1, 0, 2))
    n_gates, n, _ = sequence.shape
    first, second = (None, None) if reuse is None else reuse
    kernel, recurrent, bias = (np.asarray(parameters[name]) for name in ENCODER)
    zeros = np.zeros((n, len(recurrent)), np.float32)
    state, encoded = lite_last_state(sequence, kernel, recurrent, bias, zeros, formats=formats, reuse=first)
    kernel, recurrent, bias = (np.asarray(parameters[name]) for name in DECODER)
    nothing = np.empty((n_gates, n, 0), np.float32)
    states, decoded = lite_forward(nothing, kernel[:0], recurrent, bias, state, formats=formats, reuse=second)
    return states, (encoded, decoded)


def gradient_of_layers(parameters: Any, saved: tuple[Saved, Saved], of_states: Any, /) -> dict[str, Any]:
    """Return the gradients of the weights of both layers from those at the states of the decoder.

    See Also
    --------
    decoded_states : States of the decoder.
    """
    encoder, decoder = saved
    of_decoder = lite_backward(decoder, np.asarray(of_states))
    of_encoder = lite_backward(encoder, of_decoder.initial)
    # The input of the decoder is zero: no gradient reaches its kernel.
    unused = np.zeros_like(np.asarray(parameters[DECODER[0]]))
    gradient = dict(zip(ENCODER, of_encoder[:3], strict=True))
    return gradient | dict(zip(DECODER, (unused, *of_decoder[1:3]), strict=True))


def _sfd(kernel: jax.Array, bias: jax.Array, states: jax.Array) -> jax.Array:
    """Return the SFD, shape (n_gates, n, 3)."""
    n_gates, n, units = states.shape
    return (states.reshape(-1, units) @ kernel + bias).reshape(n_gates, n, len(bias))
