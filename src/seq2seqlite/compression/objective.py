"""Training objective of a compression recipe, which combines all its techniques."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from seq2seqlite.compression.distillation import (
    CachedSet,
    Teachers,
    load_teachers,
    trajectory_distance,
    trajectory_map,
)
from seq2seqlite.compression.formats import activation_formats, with_rounded_response
from seq2seqlite.compression.recipe import CompressionRecipe
from seq2seqlite.compression.weights import CompressedWeights, Effective
from seq2seqlite.models import Architecture, Parameters, Quantisation
from seq2seqlite.models.jax_forward import states_and_sfd_jax
from seq2seqlite.simulation.instrument import load_instrument
from seq2seqlite.simulation.simulator import Decays, Simulator
from seq2seqlite.training.objective import Batch, Objective

__all__ = ["CompressionObjective"]

TRAJECTORY = "distillation/trajectory"


class CompressionObjective(Objective):
    """Objective of a student that is pruned, distilled and quantised during training.

    Parameters
    ----------
    recipe : CompressionRecipe
        Network, data, schedule and compression techniques.

    See Also
    --------
    seq2seqlite.compression.compress.compress :
        Train, prune and quantise one student as specified by a recipe.
    seq2seqlite.compression.CompressionRecipe :
        Settings of one student; all compression techniques can be combined.
    """

    def __init__(self, recipe: CompressionRecipe, /) -> None:
        super().__init__(recipe.training)
        self.compression = recipe
        plan = recipe.quantisation
        if plan is not None and plan.method == "qat":
            self.formats = activation_formats(plan, with_response=self.architecture.n_inputs > 1)
        self.weights = CompressedWeights(recipe, start=super().start, formats=self.formats)
        self._cached: CachedSet | None = None

    def eligible(self, step: int, /, *, end: int) -> bool:
        """Return whether the weights after a step are complete, e.g. fully pruned."""
        return self.weights.eligible(step, end=end)

    def described(self) -> dict[str, Any]:
        """Return the complete compression recipe."""
        return self.compression.to_dict()

    @cached_property
    def teachers(self) -> Teachers | None:
        """Teachers of the recipe."""
        distillation = self.compression.distillation
        if distillation is None:
            return None
        axis = load_instrument(self.recipe.instrument).axis
        return load_teachers(distillation, axis, formats=self.formats)

    def start(self) -> dict[str, Any]:
        """Return the weights and the other trained parameters: bit widths, and the map between states."""
        parameters = self.weights.start()
        if self._trajectory_weight:
            assert self.teachers is not None
            parameters[TRAJECTORY] = trajectory_map(
                self.architecture.layers[-1], self.teachers.n_state_units, seed=self.recipe.seed
            )
        return parameters

    def inputs(self, simulator: Simulator, decays: Decays, /) -> NDArray[np.float32]:
        """Return the inputs of the network, with the response in its format."""
        return with_rounded_response(super().inputs(simulator, decays), self.formats)

    def batches(self, simulator: Simulator, /, *, start: int) -> Iterator[Batch]:
        """Yield batches of new decays, or with a cached teacher repeated epochs of a fixed set."""
        distillation = self.compression.distillation
        if distillation is None or not distillation.cached_decays:
            return super().batches(simulator, start=start)
        if self._cached is None:
            self._cached = CachedSet(
                self.teachers if distillation.weight else None,
                super().batches(simulator, start=0),
                decays=distillation.cached_decays,
                batch=self.recipe.batch,
            )
        return self._cached.batches(start=start, seed=self.recipe.seed)

    def predict(self, parameters: Any, inputs: jax.Array, step: Any, /) -> jax.Array:
        """Return the SFD predicted by the pruned and quantised network at a step."""
        return self._states_and_sfd(self.weights.at(parameters, step), inputs)[1]

    def loss(self, parameters: Any, batch: Batch, step: Any, /) -> jax.Array:
        """Return the loss: distances to true SFD and teacher, plus the penalty for bit operations."""
        network = self.weights.at(parameters, step)
        states, predicted = self._states_and_sfd(network, batch.inputs)
        loss = self.truth_loss(predicted, batch)
        distillation = self.compression.distillation
        if distillation is not None and self.teachers is not None:
            soft = batch.soft_targets
            if not distillation.weight and not self._trajectory_weight:
                soft = None
            elif self._trajectory_weight:
                teacher_states, soft = self.teachers.states_and_sfd(batch.inputs)
                distance = trajectory_distance(states, parameters[TRAJECTORY], teacher_states)
            elif soft is None:
                soft = self.teachers.sfd(batch.inputs)
            loss = self.distilled(loss, predicted, soft)
            if self._trajectory_weight:
                loss = loss + self._trajectory_weight * distance
        return loss + self.weights.penalty(network)

    def validation(self, parameters: Any, batch: Batch, step: Any, /) -> tuple[float, float]:
        """Return the loss and the error of the total on the validation split."""
        loss, total = super().validation(parameters, batch, step)
        return loss + self.validation_penalty(parameters, step), total

    def validation_penalty(self, parameters: Any, step: Any, /) -> float:
        """Return the penalty of learned widths in the validation loss of a training until convergence.

        The widths, too, must have converged.
        """
        if not self.recipe.tolerance or not self.weights.learned:
            return 0.0
        return float(self._penalty(parameters, step))

    @cached_property
    def _penalty(self) -> Any:
        return jax.jit(lambda parameters, step: self.weights.penalty(self.weights.at(parameters, step)))

    def distilled(self, loss: jax.Array, predicted: jax.Array, soft: jax.Array | None, /) -> jax.Array:
        """Return the weighted mean of the distance to the truth and that to the output of the teachers."""
        if soft is None:
            return loss
        assert self.compression.distillation is not None
        share = self.compression.distillation.weight
        return (1 - share) * loss + share * self.distance(predicted, soft)

    def finished(self, parameters: Any, /) -> tuple[Architecture, Parameters, Quantisation | None]:
        """Return the trained network without pruned units, and its formats if it is quantised."""
        return self.weights.finished(parameters)

    @property
    def _trajectory_weight(self) -> float:
        distillation = self.compression.distillation
        return 0.0 if distillation is None else distillation.trajectory_weight

    def _states_and_sfd(self, network: Effective, inputs: jax.Array) -> tuple[jax.Array, jax.Array]:
        return states_and_sfd_jax(self.architecture, network.parameters, inputs, formats=self.formats)
