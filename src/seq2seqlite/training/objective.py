"""Training objective: a network, its data, and the loss to minimise."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from seq2seqlite.decay import TimeAxis
from seq2seqlite.errors import InputError
from seq2seqlite.models import (
    ActivationFormats,
    Architecture,
    ModelFile,
    Network,
    Parameters,
    Quantisation,
    initial_parameters,
    load_model,
    network_inputs,
    response_columns,
)
from seq2seqlite.models.growth import can_grow, grown_parameters
from seq2seqlite.models.jax_forward import predict_sfd_jax
from seq2seqlite.simulation.instrument import load_instrument
from seq2seqlite.simulation.simulator import Decays, Simulator
from seq2seqlite.training.error_tables import error_table
from seq2seqlite.training.loss import bound_loss, lifetimes_jax, true_lifetimes
from seq2seqlite.training.recipe import Recipe

__all__ = ["Batch", "Objective", "start_network"]


class Batch(NamedTuple):
    """Training data of one update.

    Parameters
    ----------
    inputs : ndarray, shape (n, n_gates) or (n, n_gates, n_inputs)
        Normalised TPSFs, and columns of the response.
    targets : ndarray, shape (n_gates, n, 3)
        True SFD.
    soft_targets : ndarray, shape (n_gates, n, 3), optional
        SFD predicted by a teacher.
    lifetimes : ndarray, shape (n, 4), optional
        True mean, short and long lifetime, in ns, and amplitude fraction.
    bounds : ndarray, shape (n,), optional
        Bound of the mean lifetime, in ns.
    """

    inputs: Any
    targets: Any
    soft_targets: Any = None
    lifetimes: Any = None
    bounds: Any = None


def _channel_weights(recipe: Recipe) -> NDArray[np.float32]:
    """Return the weights of the channels, shape (3,), with mean 1."""
    weights = np.asarray(recipe.channel_weights, np.float32)
    return np.asarray(weights / weights.mean(), np.float32)


def start_network(recipe: Recipe, /) -> Network:
    """Return the network with which the training of a recipe starts.

    Raises
    ------
    InputError
        If the network is quantised, its columns of the response differ from those of the recipe, or the
        network of the recipe can neither take over its parameters nor its function.
    """
    assert recipe.start_from is not None
    network = load_model(recipe.start_from)
    found, wanted = network.architecture, recipe.architecture
    encoder = found.direct and replace(found, output=wanted.output) == wanted
    if not (found == wanted or encoder or can_grow(found, wanted)):
        raise InputError(
            f"start_from={recipe.start_from!r} has {found}, but the recipe has {wanted}; use the same layers "
            "and cell, or larger layers of lite cells"
        )
    columns = network.content.response_lifetimes_ns
    if columns != recipe.response_lifetimes_ns:
        raise InputError(
            f"start_from={recipe.start_from!r} has response_lifetimes_ns={list(columns)}, but the recipe has "
            f"{list(recipe.response_lifetimes_ns)}; use the same columns"
        )
    if network.content.quantisation is not None:
        raise InputError(f"start_from={recipe.start_from!r} is quantised; start from a float model")
    return network


class Objective:
    """Objective of a float network trained on the true SFD; a subclass adds compression techniques.

    Parameters
    ----------
    recipe : Recipe
        Data, network and starting weights.
    """

    # Fixed-point formats of the activations.
    formats: ActivationFormats | None = None
    # Whether JAX can compile the gradient together with the update of the parameters.
    traceable = True

    def __init__(self, recipe: Recipe, /) -> None:
        self.recipe = recipe
        self.architecture = recipe.architecture

    def simulator(self, split: str, /, *, responses: bool = False) -> Simulator:
        """Return the simulator of a split, with responses if the network gets them."""
        instrument, recipe = load_instrument(self.recipe.instrument), self.recipe
        chosen: dict[str, Any] = {
            key: value
            for key in ("mono_exponential", "mono_tau", "background_prior")
            if (value := getattr(recipe, key)) is not None
        }
        if recipe.background:
            chosen["background"] = recipe.background
        instrument = replace(instrument, decays=replace(instrument.decays, **chosen))
        responses = responses or self.architecture.n_inputs > 1
        return Simulator(instrument, seed=recipe.seed, split=split, responses=responses)

    def eligible(self, step: int, /, *, end: int) -> bool:  # noqa: ARG002
        """Return whether the weights after a step may be the result of a training that ends at ``end``."""
        return True

    def described(self) -> dict[str, Any]:
        """Return all settings that determine the result, as plain values."""
        return self.recipe.to_dict()

    def start(self) -> dict[str, Any]:
        """Return the starting parameters of the training."""
        parameters = dict(initial_parameters(self.architecture, seed=self.recipe.seed))
        if self.recipe.start_from is None:
            return parameters
        network = start_network(self.recipe)
        small, large = network.architecture, self.architecture
        if small != large and can_grow(small, large):
            return dict(grown_parameters(network.content.parameters, small, large, seed=self.recipe.seed))
        chosen = "encoder/" if small.direct != large.direct else ""
        found = network.content.parameters.items()
        return parameters | {name: value for name, value in found if name.startswith(chosen)}

    def n_baseline(self, simulator: Simulator, /) -> int:
        """Return the number of leading gates whose mean the network subtracts.

        A network that gets the response subtracts nothing, like a direct network: the gates of a camera may
        be longer than the time before the rising edge.
        """
        blind = self.architecture.n_inputs == 1 and not self.architecture.direct
        return simulator.n_baseline if blind else 0

    def inputs(self, simulator: Simulator, decays: Decays, /) -> NDArray[np.float32]:
        """Return the inputs of the network, shape (n, n_gates), or (n, n_gates, n_inputs) with a response."""
        inputs = network_inputs(decays.tpsf, self.formats, n_baseline=self.n_baseline(simulator))
        if decays.response is None:
            return inputs
        columns = response_columns(
            decays.response, self.recipe.response_lifetimes_ns, axis=simulator.instrument.axis
        )
        return np.concatenate([inputs[..., None], columns], axis=-1)

    def batch(self, simulator: Simulator, decays: Decays, /) -> Batch:
        """Return simulated decays as training arrays."""
        targets = np.ascontiguousarray(simulator.sfd(decays).transpose(2, 0, 1))
        batch = Batch(self.inputs(simulator, decays), targets)
        if not self.recipe.lifetime_weight:
            return batch
        bounds = simulator.bound_ns(decays).astype(np.float32)
        return batch._replace(lifetimes=true_lifetimes(decays), bounds=bounds)

    def batches(self, simulator: Simulator, /, *, start: int) -> Iterator[Batch]:
        """Yield an infinite sequence of batches from step ``start``."""
        for decays in simulator.stream(batch=self.recipe.batch, start=start):
            yield self.batch(simulator, decays)

    def predict(self, parameters: Any, inputs: jax.Array, step: Any, /) -> jax.Array:  # noqa: ARG002
        """Return the SFD, shape (n_gates, n, 3), predicted by the network at a step."""
        return predict_sfd_jax(self.architecture, parameters, inputs, formats=self.formats)

    def loss(self, parameters: Any, batch: Batch, step: Any, /) -> jax.Array:
        """Return the loss: the distance to the truth."""
        return self.truth_loss(self.predict(parameters, batch.inputs, step), batch)

    def loss_and_gradient(self, parameters: Any, batch: Any, step: Any, /) -> tuple[Any, Any]:
        """Return the loss and its gradient with respect to the parameters."""
        loss, gradient = jax.value_and_grad(self.loss)(parameters, batch, step)
        return loss, gradient

    def described_result(self, parameters: Any, /) -> dict[str, Any]:
        """Return further content of the model file: range, columns of the response, and standard errors."""
        if self.architecture.n_inputs == 1 and not self.architecture.direct:
            return {}
        decays = self.simulator("validation").instrument.decays
        described = {
            "response_lifetimes_ns": self.recipe.response_lifetimes_ns,
            "tau_range_ns": decays.tau_ns,
            "max_background": decays.background[1],
        }
        if self.architecture.direct:
            return described
        table = error_table(self.simulator("validation"), self.sfd_of(parameters), inputs=self.inputs)
        return described | {"error_table": table}

    def sfd_of(self, parameters: Any, /) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
        """Return the function from inputs, shape (n, n_gates, n_inputs), to SFDs, shape (n_gates, n, 3)."""
        predict = jax.jit(lambda inputs: self.predict(parameters, inputs, self.recipe.steps))
        return lambda inputs: np.asarray(predict(inputs))

    def validation(self, parameters: Any, batch: Batch, step: Any, /) -> tuple[float, float]:
        """Return the loss and the error of the total on the validation split."""
        loss, total = self._errors(parameters, batch, step)
        return float(loss), float(total)

    @cached_property
    def _errors(self) -> Any:
        @jax.jit
        def errors(parameters: Any, batch: Batch, number: int) -> tuple[jax.Array, jax.Array]:
            predicted = self.predict(parameters, batch.inputs, number)
            total = jnp.sqrt(jnp.mean((predicted[..., 0] - batch.targets[..., 0]) ** 2))
            return self.truth_loss(predicted, batch), total

        return errors

    def truth_loss(self, predicted: jax.Array, batch: Batch, /) -> jax.Array:
        """Return the distance of an SFD to the true one, plus the weighted errors of its lifetimes."""
        distance = self.distance(predicted, batch.targets)
        if not self.recipe.lifetime_weight:
            return distance
        found, present = lifetimes_jax(predicted, axis=self.axis)
        # An absent component has no error, and no gradient.
        found = jnp.where(present, found, batch.lifetimes)
        errors = bound_loss(found, batch.lifetimes, batch.bounds)
        return distance + self.recipe.lifetime_weight * jnp.mean(errors)

    @cached_property
    def axis(self) -> TimeAxis:
        """Time axis of the instrument."""
        return load_instrument(self.recipe.instrument).axis

    def distance(self, predicted: jax.Array, targets: jax.Array, /) -> jax.Array:
        """Return the weighted mean squared error of the channels plus that of the amplitude."""
        error = predicted - targets
        distance = jnp.mean(_channel_weights(self.recipe) * error**2)
        if self.recipe.amplitude_weight:
            amplitude = error[0, :, 1] + error[0, :, 2]
            distance = distance + self.recipe.amplitude_weight * jnp.mean(amplitude**2)
        return distance

    def network(self, parameters: Any, simulator: Simulator, /) -> Network:
        """Return the trained network."""
        architecture, arrays, quantisation = self.finished(parameters)
        instrument = simulator.instrument
        content = ModelFile(
            name=self.recipe.name,
            architecture=architecture,
            axis=instrument.axis,
            rising_edge_ns=simulator.rising_edge_ns,
            n_baseline=self.n_baseline(simulator),
            instrument=instrument.name,
            parameters=arrays,
            quantisation=quantisation,
            **self.described_result(parameters),
        )
        return Network(content)

    def finished(self, parameters: Any, /) -> tuple[Architecture, Parameters, Quantisation | None]:
        """Return architecture, weights and quantisation of the trained network."""
        return self.architecture, {name: np.asarray(value) for name, value in parameters.items()}, None
