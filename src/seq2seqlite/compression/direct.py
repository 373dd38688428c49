"""Training objective of compressed direct networks."""

from dataclasses import replace
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from seq2seqlite.compression.distillation import teacher_networks
from seq2seqlite.compression.formats import activation_formats, with_rounded_response
from seq2seqlite.compression.recipe import CompressionRecipe
from seq2seqlite.compression.weights import CompressedWeights
from seq2seqlite.errors import InputError
from seq2seqlite.gru.gradient import lite_backward
from seq2seqlite.models import Architecture, Parameters, Quantisation
from seq2seqlite.models.architecture import DIRECT_OUTPUTS
from seq2seqlite.models.jax_forward import last_state_jax
from seq2seqlite.simulation.instrument import load_instrument
from seq2seqlite.simulation.simulator import Decays, Simulator
from seq2seqlite.training.direct import (
    ENCODER,
    N_QUANTITIES,
    DirectBatch,
    DirectObjective,
    head_loss,
    head_outputs,
    head_weights,
)

__all__ = ["DirectCompressionObjective"]

NATURAL_UNITS = np.repeat(np.array([1.0, np.log(2)], np.float32), len(DIRECT_OUTPUTS))


class DirectCompressionObjective(DirectObjective):
    """Objective of a direct network that is pruned, distilled and quantised during training.

    Parameters
    ----------
    recipe : CompressionRecipe
        Network, data, schedule and compression techniques.

    See Also
    --------
    seq2seqlite.compression.objective.CompressionObjective : The same for networks with a decoder.
    """

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
        self._share = 0.0 if recipe.distillation is None else recipe.distillation.weight
        self._head_gradient = jax.jit(
            jax.value_and_grad(partial(head_loss, share=self._share), argnums=(0, 1))
        )

    def eligible(self, step: int, /, *, end: int) -> bool:
        """Return whether the weights after a step are complete, e.g. fully pruned."""
        return self.weights.eligible(step, end=end)

    def described(self) -> dict[str, Any]:
        """Return the complete compression recipe."""
        return self.compression.to_dict()

    def start(self) -> dict[str, Any]:
        """Return the weights and the other trained parameters: bit widths."""
        return self.weights.start()

    def inputs(self, simulator: Simulator, decays: Decays, /) -> NDArray[np.float32]:
        """Return the inputs of the network, with the response in its format."""
        return with_rounded_response(super().inputs(simulator, decays), self.formats)

    def batch(self, simulator: Simulator, decays: Decays, /) -> DirectBatch:  # type: ignore[override]
        """Return simulated decays as training arrays, with the mean output of the teachers."""
        batch = super().batch(simulator, decays)
        if not self._share:
            return batch
        inputs = self._float.inputs(simulator, decays).transpose(1, 0, 2)
        seen = batch._replace(inputs=np.ascontiguousarray(inputs))
        outputs = [self._float.outputs(teacher, seen)[:, :N_QUANTITIES] for teacher in self._teachers]
        return batch._replace(soft_targets=np.mean(outputs, axis=0))

    @cached_property
    def _float(self) -> DirectObjective:
        """Objective without rounding: the teachers get inputs that the student does not."""
        return DirectObjective(self.recipe)

    @cached_property
    def _teachers(self) -> list[Parameters]:
        """Parameters of the teachers."""
        assert self.compression.distillation is not None
        instrument = load_instrument(self.recipe.instrument)
        networks = teacher_networks(self.compression.distillation, instrument.axis)
        for network in networks:
            found, columns = network.architecture, network.content.response_lifetimes_ns
            wanted = replace(self.architecture, layers=found.layers)
            if found != wanted or columns != self.recipe.response_lifetimes_ns or len(found.layers) > 1:
                raise InputError(
                    f"teacher {network.name} has {found} and response_lifetimes_ns={list(columns)}; choose a "
                    f"direct float model with one layer, cell='lite' and response_lifetimes_ns="
                    f"{list(self.recipe.response_lifetimes_ns)}"
                )
        return [network.content.parameters for network in networks]

    def loss_and_gradient(self, parameters: Any, batch: DirectBatch, step: Any, /) -> tuple[Any, Any]:
        """Return the loss and its gradient with respect to the parameters."""
        weights = self._effective(parameters, step)
        state, self._saved = self._encoded(weights, batch, self._saved)
        loss, (of_head, of_state) = self._head_gradient(self._natural(weights), state, batch[1:])
        of_encoder = lite_backward(self._saved, np.asarray(of_state))
        gradient = {**self._natural(of_head), **dict(zip(ENCODER, of_encoder[:3], strict=True))}
        penalty, found = self._pulled_back(parameters, step, gradient)
        return loss + penalty, found

    @cached_property
    def _effective(self) -> Any:
        """Function that returns the effective weights at a step."""
        return jax.jit(lambda parameters, step: self.weights.at(parameters, step).parameters)

    @cached_property
    def _pulled_back(self) -> Any:
        """Function that returns the penalty, and the gradient with respect to the trained parameters."""
        return jax.jit(self.weights.pulled_back)

    def loss(self, parameters: Any, batch: DirectBatch, step: Any, /) -> jax.Array:  # type: ignore[override]
        """Return the loss, computed by JAX alone; the reference of :meth:`loss_and_gradient`."""
        network = self.weights.at(parameters, step)
        weights, inputs = network.parameters, jnp.asarray(batch.inputs)
        state = last_state_jax(self.architecture, weights, inputs, formats=self.formats)
        loss = head_loss(self._natural(weights), state, batch[1:], share=self._share)
        return loss + self.weights.penalty(network)

    def validation(self, parameters: Any, batch: DirectBatch, step: Any, /) -> tuple[float, float]:  # type: ignore[override]
        """Return the distance to the truth, and the RMS error of the mean lifetime in units of its bound."""
        weights = self._effective(parameters, step)
        state, _ = self._encoded(weights, batch, None)
        errors = (head_outputs(weights, state)[:, 0] - batch.targets[:, 0]) / batch.bounds
        loss = head_loss(self._natural(weights), jnp.asarray(state), batch[1:])
        return float(loss), float(np.sqrt(np.mean(errors**2)))

    def outputs(self, parameters: Any, batch: DirectBatch, /) -> NDArray[np.float32]:
        """Return the outputs of the head of the finished network, shape (n, 8)."""
        weights = self._effective(parameters, self.recipe.steps)
        state, _ = self._encoded(weights, batch, None)
        return np.asarray(head_outputs(self._natural(weights), state), np.float32)

    def _natural(self, weights: Any) -> dict[str, Any]:
        """Return the weights of the head; a fixed-point network has logarithms to base 2."""
        head = head_weights(weights)
        if self.formats is None:
            return head
        return {name: value * NATURAL_UNITS for name, value in head.items()}

    def finished(self, parameters: Any, /) -> tuple[Architecture, Parameters, Quantisation | None]:
        """Return the trained network without pruned units, and its formats if it is quantised."""
        return self.weights.finished(parameters)
