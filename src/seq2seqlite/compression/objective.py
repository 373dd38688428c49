"""Training objective of a compression recipe, which combines all its techniques."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import numpy as np

from seq2seqlite.compression import qat
from seq2seqlite.compression.distillation import (
    Teachers,
    cached_batches,
    load_teachers,
    trajectory_distance,
    trajectory_map,
)
from seq2seqlite.compression.formats import activation_formats, weight_formats, with_input_step
from seq2seqlite.compression.ptq import without_idle_kernel
from seq2seqlite.compression.recipe import CompressionRecipe, QuantisationPlan
from seq2seqlite.compression.sparsity import (
    only_units,
    progress_at,
    prune_units,
    prune_weights,
    surviving_units,
)
from seq2seqlite.models import Architecture, Format, Parameters, Quantisation
from seq2seqlite.models.jax_forward import states_and_sfd_jax
from seq2seqlite.simulation.instrument import load_instrument
from seq2seqlite.simulation.simulator import Simulator
from seq2seqlite.training.objective import Batch, Objective

__all__ = ["CompressionObjective"]

TRAJECTORY = "distillation/trajectory"


@dataclass(frozen=True)
class _Network:
    """Effective network at a step: pruned and quantised parameters."""

    parameters: dict[str, Any]
    fraction_bits: dict[str, Any]


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
        self.plan: QuantisationPlan | None = plan if plan is not None and plan.method == "qat" else None
        self.formats = None if self.plan is None else activation_formats(self.plan)
        if recipe.sparsity is not None:
            self.eligible_from = int(np.ceil(recipe.sparsity.end * recipe.training.steps))
        if self.plan is not None and self.plan.learned:
            self.eligible_from = recipe.training.steps  # learned widths decrease until the last step

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

    @cached_property
    def weight_formats(self) -> dict[str, Format]:
        """Format of each weight array, chosen for the starting weights of the training."""
        assert self.plan is not None
        return weight_formats(self._start_weights, self.plan)

    @cached_property
    def _start_weights(self) -> dict[str, Any]:
        weights = super().start()
        return weights if self.formats is None else with_input_step(weights, self.formats)

    def start(self) -> dict[str, Any]:
        """Return the weights and the other trained parameters: bit widths, and the map between states."""
        parameters = dict(self._start_weights)
        if self.plan is not None and self.plan.learned:
            shapes = {name: np.shape(value) for name, value in parameters.items()}
            parameters.update(qat.starting_widths(self.weight_formats, shapes=shapes))
        if self._trajectory_weight:
            assert self.teachers is not None
            parameters[TRAJECTORY] = trajectory_map(
                self.architecture.layers[-1], self.teachers.n_state_units, seed=self.recipe.seed
            )
        return parameters

    def batches(self, simulator: Simulator, /, *, start: int) -> Iterator[Batch]:
        """Yield batches of new decays, or with a cached teacher repeated epochs of a fixed set."""
        distillation = self.compression.distillation
        if distillation is None or not distillation.cached_decays:
            return super().batches(simulator, start=start)
        assert self.teachers is not None
        return cached_batches(
            self.teachers,
            super().batches(simulator, start=0),
            decays=distillation.cached_decays,
            batch=self.recipe.batch,
            start=start,
            seed=self.recipe.seed,
        )

    def predict(self, parameters: Any, inputs: jax.Array, step: Any, /) -> jax.Array:
        """Return the SFD predicted by the pruned and quantised network at a step."""
        return self._states_and_sfd(self._network(parameters, step), inputs)[1]

    def loss(self, parameters: Any, batch: Batch, step: Any, /) -> jax.Array:
        """Return the loss: distances to true SFD and teacher, plus the penalty for bit operations."""
        network = self._network(parameters, step)
        states, predicted = self._states_and_sfd(network, batch.inputs)
        loss = self.distance(predicted, batch.targets)
        distillation = self.compression.distillation
        if distillation is not None and self.teachers is not None:
            soft = batch.soft_targets
            if self._trajectory_weight:
                teacher_states, soft = self.teachers.states_and_sfd(batch.inputs)
                distance = trajectory_distance(states, parameters[TRAJECTORY], teacher_states)
            elif soft is None:
                soft = self.teachers.sfd(batch.inputs)
            share = distillation.weight
            loss = (1 - share) * loss + share * self.distance(predicted, soft)
            if self._trajectory_weight:
                loss = loss + self._trajectory_weight * distance
        if self.plan is not None and self.plan.learned:
            loss = loss + self.plan.penalty * self._relative_bit_operations(network)
        return loss

    def finished(self, parameters: Any, /) -> tuple[Architecture, Parameters, Quantisation | None]:
        """Return the trained network without pruned units, and its formats if it is quantised."""
        network = self._network(parameters, self.recipe.steps)
        arrays = {name: np.asarray(value) for name, value in network.parameters.items()}
        bits = self._weight_bits(network)
        architecture = self.architecture
        sparsity = self.compression.sparsity
        if sparsity is not None and sparsity.units > 0:
            kept = surviving_units(architecture, arrays)
            arrays, bits = (only_units(architecture, some, kept) for some in (arrays, bits))
            architecture = Architecture(tuple(len(units) for units in kept), architecture.cell)
        if self.plan is None:
            return architecture, arrays, None
        quantisation = Quantisation(self.weight_formats, self.formats, bits)
        return architecture, without_idle_kernel(arrays), quantisation

    @property
    def _trajectory_weight(self) -> float:
        distillation = self.compression.distillation
        return 0.0 if distillation is None else distillation.trajectory_weight

    def _network(self, parameters: Any, step: Any) -> _Network:
        weights = {name: parameters[name] for name in self.architecture.parameter_shapes}
        sparsity = self.compression.sparsity
        if sparsity is not None:
            done = progress_at(sparsity, step, self.recipe.steps)
            weights = prune_units(self.architecture, weights, done * sparsity.units)
            weights = prune_weights(weights, done * sparsity.weights)
        if self.plan is None:
            return _Network(weights, {})
        widths: dict[str, Any] = {}
        for name, value in weights.items():
            fmt = self.weight_formats[name]
            if self.plan.learned and qat.has_learned_width(name):
                widths[name] = qat.fraction_bits(parameters, name)
                weights[name] = qat.learned_weights(value, widths[name], fmt)
            else:
                weights[name] = qat.straight_through(value, fmt)
        return _Network(weights, widths)

    def _states_and_sfd(self, network: _Network, inputs: jax.Array) -> tuple[jax.Array, jax.Array]:
        return states_and_sfd_jax(self.architecture, network.parameters, inputs, formats=self.formats)

    def _relative_bit_operations(self, network: _Network) -> jax.Array:
        assert self.plan is not None
        assert self.formats is not None
        weights = {name: network.parameters[name] for name in network.fraction_bits}
        operations = qat.effective_bit_operations(weights, network.fraction_bits, self.formats)
        size = sum(value.size for value in weights.values())
        relative: jax.Array = operations / (size * (self.plan.weight_bits - 1) * self.formats.state.bits)
        return relative

    def _weight_bits(self, network: _Network) -> dict[str, Any]:
        """Return the bit width of each weight with learned width: its magnitude on its grid, plus a sign."""
        bits = {}
        for name, fraction in network.fraction_bits.items():
            rounded = np.minimum(np.round(fraction), self.weight_formats[name].fraction_bits)
            values = np.asarray(network.parameters[name])
            width = np.asarray(qat.magnitude_bits(values, rounded)) + 1
            bits[name] = np.where(values == 0, 0, width).astype(np.uint8)
        return bits
