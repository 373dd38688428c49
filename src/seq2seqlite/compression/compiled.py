"""Training objective of compressed networks with a decoder whose recurrent layers are compiled code."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from seq2seqlite.compression.objective import CompressionObjective
from seq2seqlite.compression.recipe import CompressionRecipe
from seq2seqlite.gru.gradient import Saved
from seq2seqlite.models.jax_forward import head_sfd_jax
from seq2seqlite.training.compiled import (
    decoded_states,
    gradient_of_layers,
    runs_compiled,
    truth_of,
)
from seq2seqlite.training.error_tables import BATCH
from seq2seqlite.training.objective import Batch

__all__ = ["CompiledCompressionObjective", "compression_objective"]

HEAD = ("head/kernel", "head/bias")


class CompiledCompressionObjective(CompressionObjective):
    """Objective whose loss is that of ``CompressionObjective``, and whose gradient is compiled.

    Parameters
    ----------
    recipe : CompressionRecipe
        Recipe with one layer of ``lite`` cells, without trajectory and without residual bits.

    See Also
    --------
    compression_objective : Objective of a recipe.
    seq2seqlite.training.compiled.CompiledObjective : The same for networks that are not compressed.
    """

    traceable = False

    def __init__(self, recipe: CompressionRecipe, /) -> None:
        super().__init__(recipe)
        self._saved: tuple[Saved, Saved] | None = None

    def loss_and_gradient(self, parameters: Any, batch: Batch, step: Any, /) -> tuple[Any, Any]:
        """Return the loss and its gradient with respect to the parameters."""
        weights = self._effective(parameters, step)
        states, self._saved = decoded_states(weights, batch.inputs, formats=self.formats, reuse=self._saved)
        soft = batch.soft_targets
        distillation = self.compression.distillation
        if soft is None and distillation is not None and distillation.weight:
            soft = self._soft_targets(batch.inputs)
        head = {name: weights[name] for name in HEAD}
        truth = batch._replace(inputs=None, soft_targets=soft)
        loss, (of_head, of_states) = self._head_gradient(head, states, truth)
        gradient = {**of_head, **gradient_of_layers(weights, self._saved, of_states)}
        penalty, found = self._pulled_back(parameters, step, gradient)
        return loss + penalty, found

    def validation(self, parameters: Any, batch: Batch, step: Any, /) -> tuple[float, float]:
        """Return the loss, with the penalty of learned widths, and the error of the total."""
        weights, n = self._effective(parameters, step), len(batch.inputs)
        head = {name: weights[name] for name in HEAD}
        sums, saved = np.zeros(2), None
        for start in range(0, n, BATCH):
            part = slice(start, start + BATCH)
            states, saved = decoded_states(weights, batch.inputs[part], formats=self.formats, reuse=saved)
            loss, total = self._head_errors(head, states, truth_of(batch, part))
            sums += np.array([float(loss), float(total) ** 2]) * states.shape[1]
        loss = float(sums[0] / n) + self.validation_penalty(parameters, step)
        return loss, float(np.sqrt(sums[1] / n))

    def sfd_of(self, parameters: Any, /) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
        """Return the function from inputs to SFDs."""
        weights, saved = self._effective(parameters, self.recipe.steps), None
        head = {name: weights[name] for name in HEAD}

        def sfd(inputs: NDArray[np.float32]) -> NDArray[np.float32]:
            nonlocal saved
            states, saved = decoded_states(weights, inputs, formats=self.formats, reuse=saved)
            return np.asarray(self._sfd(head, states))

        return sfd

    @cached_property
    def _sfd(self) -> Any:
        """Function that returns the SFDs of states of the decoder."""
        return jax.jit(lambda head, states: head_sfd_jax(head, states, formats=self.formats))

    @cached_property
    def _effective(self) -> Any:
        """Function that returns the effective weights at a step."""
        return jax.jit(lambda parameters, step: self.weights.at(parameters, step).parameters)

    @cached_property
    def _soft_targets(self) -> Any:
        assert self.teachers is not None
        return jax.jit(self.teachers.sfd)

    @cached_property
    def _pulled_back(self) -> Any:
        """Function that returns the penalty, and the gradient with respect to the trained parameters."""
        return jax.jit(self.weights.pulled_back)

    @cached_property
    def _head_gradient(self) -> Any:
        """Function that returns the loss, and its gradients at the head and at the states of the decoder."""

        def loss(head: Any, states: Any, batch: Batch) -> jax.Array:
            predicted = head_sfd_jax(head, states, formats=self.formats)
            return self.distilled(self.truth_loss(predicted, batch), predicted, batch.soft_targets)

        return jax.jit(jax.value_and_grad(loss, argnums=(0, 1)))

    @cached_property
    def _head_errors(self) -> Any:
        """Function that returns the loss, and the root mean square error of the total."""

        @jax.jit
        def errors(head: Any, states: Any, batch: Batch) -> tuple[jax.Array, jax.Array]:
            sfd = head_sfd_jax(head, states, formats=self.formats)
            total = jnp.sqrt(jnp.mean((sfd[..., 0] - batch.targets[..., 0]) ** 2))
            return self.truth_loss(sfd, batch), total

        return errors


def compression_objective(recipe: CompressionRecipe, /) -> CompressionObjective:
    """Return the objective of a network with a decoder.

    Compiled code trains the networks that it supports until they have converged, and all that get the
    response or learn from lifetimes. Other trainings of a fixed number of steps use JAX, as those of the
    shipped students did, because the order of sums changes the last digits.

    See Also
    --------
    CompiledCompressionObjective : Objective of compiled code, two to four times faster.
    """
    training, distillation, plan = recipe.training, recipe.distillation, recipe.quantisation
    compiled = (
        (training.tolerance > 0 or training.lifetime_weight > 0 or bool(training.response_lifetimes_ns))
        and runs_compiled(training)
        and (distillation is None or not distillation.trajectory_weight)
        and (plan is None or plan.method == "ptq" or plan.write_back == "round")
    )
    return CompiledCompressionObjective(recipe) if compiled else CompressionObjective(recipe)
