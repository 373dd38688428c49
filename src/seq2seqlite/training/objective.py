"""What a training minimises: a network, its data, and its loss."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from seq2seqlite.errors import InputError
from seq2seqlite.models import (
    ActivationFormats,
    Architecture,
    Network,
    Parameters,
    Quantisation,
    initial_parameters,
    load_model,
    network_inputs,
)
from seq2seqlite.models.jax_forward import predict_sfd_jax
from seq2seqlite.simulation.simulator import Decays, Simulator
from seq2seqlite.training.recipe import Recipe

__all__ = ["Batch", "Objective", "start_network"]


class Batch(NamedTuple):
    """Decays of one update.

    Parameters
    ----------
    inputs : ndarray, shape (n, n_gates)
        Normalised TPSFs.
    targets : ndarray, shape (n_gates, n, 3)
        True SFD.
    soft_targets : ndarray, shape (n_gates, n, 3), optional
        What a teacher makes of the inputs.
    """

    inputs: Any
    targets: Any
    soft_targets: Any = None


def _channel_weights(recipe: Recipe) -> NDArray[np.float32]:
    """Return the weights of the channels, shape (3,), with mean 1."""
    weights = np.asarray(recipe.channel_weights, np.float32)
    return np.asarray(weights / weights.mean(), np.float32)


def start_network(recipe: Recipe, /) -> Network:
    """Return the network that a recipe starts from.

    Raises
    ------
    InputError
        If it is quantised, or has other layers or another cell than the recipe.
    """
    assert recipe.start_from is not None
    network = load_model(recipe.start_from)
    if network.architecture != recipe.architecture:
        raise InputError(
            f"start_from={recipe.start_from!r} has {network.architecture}, the recipe {recipe.architecture}; "
            "they must be equal"
        )
    if network.content.quantisation is not None:
        raise InputError(f"start_from={recipe.start_from!r} is quantised; start from a float model")
    return network


class Objective:
    """A float network that learns the truth; compression's techniques are added by a subclass.

    Parameters
    ----------
    recipe : Recipe
        Data, network and start.
    """

    # Weights of earlier steps are not yet what the training is to give (a pruning that goes on, say).
    eligible_from = 0
    # Fixed-point formats of the activations.
    formats: ActivationFormats | None = None

    def __init__(self, recipe: Recipe, /) -> None:
        self.recipe = recipe
        self.architecture = recipe.architecture

    def described(self) -> dict[str, Any]:
        """Return everything that decides the result, as plain values."""
        return self.recipe.to_dict()

    def start(self) -> dict[str, Any]:
        """Return the parameters that the training starts with."""
        if self.recipe.start_from is None:
            return dict(initial_parameters(self.architecture, seed=self.recipe.seed))
        return dict(start_network(self.recipe).content.parameters)

    def batch(self, simulator: Simulator, decays: Decays, /) -> Batch:
        """Return simulated decays as arrays."""
        targets = np.ascontiguousarray(simulator.sfd(decays).transpose(2, 0, 1))
        return Batch(network_inputs(decays.tpsf, self.formats, n_baseline=simulator.n_baseline), targets)

    def batches(self, simulator: Simulator, /, *, start: int) -> Iterator[Batch]:
        """Yield the batches from step ``start`` on, for ever."""
        for decays in simulator.stream(batch=self.recipe.batch, start=start):
            yield self.batch(simulator, decays)

    def predict(self, parameters: Any, inputs: jax.Array, step: Any, /) -> jax.Array:  # noqa: ARG002
        """Return the SFD, shape (n_gates, n, 3), by the network as it is at a step."""
        return predict_sfd_jax(self.architecture, parameters, inputs, formats=self.formats)

    def loss(self, parameters: Any, batch: Batch, step: Any, /) -> jax.Array:
        """Return what is minimised: the distance to the truth."""
        return self.distance(self.predict(parameters, batch.inputs, step), batch.targets)

    def distance(self, predicted: jax.Array, targets: jax.Array, /) -> jax.Array:
        """Return the mean squared error, each channel with its weight, plus that of the amplitude."""
        error = predicted - targets
        distance = jnp.mean(_channel_weights(self.recipe) * error**2)
        if self.recipe.amplitude_weight:
            amplitude = error[0, :, 1] + error[0, :, 2]
            distance = distance + self.recipe.amplitude_weight * jnp.mean(amplitude**2)
        return distance

    def finished(self, parameters: Any, /) -> tuple[Architecture, Parameters, Quantisation | None]:
        """Return the network that trained parameters make."""
        return self.architecture, {name: np.asarray(value) for name, value in parameters.items()}, None
