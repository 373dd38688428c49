"""Training objective of compressed direct networks."""

from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from seq2seqlite.compression.formats import activation_formats
from seq2seqlite.compression.recipe import CompressionRecipe
from seq2seqlite.compression.weights import CompressedWeights
from seq2seqlite.models import Architecture, Parameters, Quantisation
from seq2seqlite.models.architecture import DIRECT_OUTPUTS
from seq2seqlite.models.jax_forward import last_state_jax
from seq2seqlite.simulation.instrument import load_instrument
from seq2seqlite.training.direct import DirectBatch, DirectObjective, head_loss, head_outputs, head_weights
from seq2seqlite.training.objective import Objective

__all__ = ["DirectCompressionObjective"]

# Decays predicted together after the training: bounds the memory.
BATCH = 4096
NATURAL_UNITS = np.repeat(np.array([1.0, np.log(2)], np.float32), len(DIRECT_OUTPUTS))


class DirectCompressionObjective(DirectObjective):
    """Objective of a direct network that is pruned and quantised during training, computed by JAX.

    Parameters
    ----------
    recipe : CompressionRecipe
        Network, data, schedule and compression techniques.

    See Also
    --------
    seq2seqlite.compression.objective.CompressionObjective : The same for networks with a decoder.
    """

    traceable = True

    def __init__(self, recipe: CompressionRecipe, /) -> None:
        super().__init__(recipe.training)
        self.compression = recipe
        plan = recipe.quantisation
        if plan is not None and plan.method == "qat":
            self.formats = activation_formats(
                plan,
                with_response=self.architecture.n_inputs > 1,
                tau_range_ns=load_instrument(recipe.training.instrument).decays.tau_ns,
            )
        self.weights = CompressedWeights(recipe, start=super().start, formats=self.formats)
        self.eligible_from = self.weights.eligible_from

    def described(self) -> dict[str, Any]:
        """Return the complete compression recipe."""
        return self.compression.to_dict()

    def start(self) -> dict[str, Any]:
        """Return the weights and the other trained parameters: bit widths."""
        return self.weights.start()

    def loss_and_gradient(self, parameters: Any, batch: Any, step: Any, /) -> tuple[Any, Any]:
        """Return the loss and its gradient with respect to the parameters."""
        return Objective.loss_and_gradient(self, parameters, batch, step)

    def loss(self, parameters: Any, batch: DirectBatch, step: Any, /) -> jax.Array:  # type: ignore[override]
        """Return the loss of the pruned and quantised network, plus the penalty for bit operations."""
        network = self.weights.at(parameters, step)
        weights, inputs = network.parameters, jnp.asarray(batch.inputs)
        state = last_state_jax(self.architecture, weights, inputs, formats=self.formats)
        return head_loss(self._natural(weights), state, batch[1:]) + self.weights.penalty(network)

    def validation(self, parameters: Any, batch: DirectBatch, step: Any, /) -> tuple[float, float]:  # type: ignore[override]
        """Return the loss, and the root mean square error of the mean lifetime in units of its bound."""
        loss, errors = self._validated(parameters, batch, step)
        return float(loss), float(errors)

    @cached_property
    def _validated(self) -> Any:
        @jax.jit
        def validated(parameters: Any, batch: DirectBatch, step: Any) -> tuple[jax.Array, jax.Array]:
            weights = self.weights.at(parameters, step).parameters
            state = last_state_jax(self.architecture, weights, batch.inputs, formats=self.formats)
            errors = (head_outputs(weights, state)[:, 0] - batch.targets[:, 0]) / batch.bounds
            return head_loss(self._natural(weights), state, batch[1:]), jnp.sqrt(jnp.mean(errors**2))

        return validated

    def outputs(self, parameters: Any, batch: DirectBatch, /) -> NDArray[np.float32]:
        """Return the outputs of the head of the finished network, shape (n, 8)."""

        @jax.jit
        def outputs(inputs: jax.Array) -> jax.Array:
            weights = self.weights.at(parameters, self.recipe.steps).parameters
            state = last_state_jax(self.architecture, weights, inputs, formats=self.formats)
            found: jax.Array = head_outputs(self._natural(weights), state)
            return found

        parts = [
            outputs(batch.inputs[:, start : start + BATCH]) for start in range(0, len(batch.counts), BATCH)
        ]
        return np.concatenate([np.asarray(part, np.float32) for part in parts])

    def _natural(self, weights: Any) -> dict[str, Any]:
        """Return the weights of the head; a fixed-point network has logarithms to base 2."""
        head = head_weights(weights)
        if self.formats is None:
            return head
        return {name: value * jnp.asarray(NATURAL_UNITS) for name, value in head.items()}

    def finished(self, parameters: Any, /) -> tuple[Architecture, Parameters, Quantisation | None]:
        """Return the trained network without pruned units, and its formats if it is quantised."""
        return self.weights.finished(parameters)
