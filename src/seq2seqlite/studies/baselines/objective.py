"""Training of the networks of other families by the loop of the students, and their cost."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.compression.formats import best_format
from seq2seqlite.decay import Lifetimes, TimeAxis, counts_for, lifetimes_from_sfd
from seq2seqlite.errors import InputError
from seq2seqlite.files import replace_when_done
from seq2seqlite.hardware.resources.da4ml_cost import product_cost
from seq2seqlite.models import Format, network_inputs, quantise
from seq2seqlite.simulation.simulator import Simulator
from seq2seqlite.studies.baselines.networks import BASELINES, Baseline
from seq2seqlite.training.loop import Progress, TrainingResult, train
from seq2seqlite.training.objective import Objective
from seq2seqlite.training.recipe import Recipe

__all__ = ["BaselineNetwork", "BaselineObjective", "baseline_cost", "train_baseline"]

# Decays predicted together.
BATCH = 1024
# Width of weights and signals for the estimate of LUTs, as in an 8-bit student.
BITS = 8
FLOAT_BITS = 32


class BaselineNetwork:
    """Trained network of another family; implements :class:`~seq2seqlite.protocols.SfdPredictor`.

    Parameters
    ----------
    baseline : Baseline
        Network.
    parameters : mapping of str to ndarray
        Weights.
    simulator : Simulator
        Simulator of the training: gives axis, rising edge and baseline.
    name : str
        Name of the model.

    See Also
    --------
    train_baseline : Train such a network.
    """

    kind = "float network"

    def __init__(
        self, baseline: Baseline, parameters: Mapping[str, Any], simulator: Simulator, /, *, name: str
    ) -> None:
        self.baseline, self.name = baseline, name
        self.parameters = {key: np.asarray(value) for key, value in parameters.items()}
        self.axis: TimeAxis = simulator.instrument.axis
        self.rising_edge_ns, self.n_baseline = simulator.rising_edge_ns, simulator.n_baseline
        self._predict = jax.jit(baseline.predict)

    def sfd(self, tpsf: ArrayLike, /) -> NDArray[np.float32]:
        """Return the decays without IRF, shape (n, 3, n_gates)."""
        return self._predicted(tpsf)[0]

    def lifetimes(self, tpsf: ArrayLike, /) -> Lifetimes:
        """Return the lifetimes of decays, arrays of shape (n,)."""
        sfd, without_counts = self._predicted(tpsf)
        return lifetimes_from_sfd(sfd, axis=self.axis).without(without_counts)

    def _predicted(self, tpsf: ArrayLike) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        counts = counts_for(tpsf, axis=self.axis, name=self.name)
        inputs = network_inputs(counts, None, n_baseline=self.n_baseline)
        parts = [
            np.asarray(self._predict(self.parameters, inputs[start : start + BATCH])).transpose(1, 2, 0)
            for start in range(0, len(inputs), BATCH)
        ]
        empty = np.empty((0, 3, self.axis.n_gates), np.float32)
        return np.concatenate([empty, *parts]), np.ptp(inputs, axis=1) == 0

    def write(self, path: Path, /) -> None:
        """Write the weights as an NPZ file."""
        with replace_when_done(path) as temporary, temporary.open("wb") as file:
            arrays: dict[str, Any] = dict(self.parameters)
            np.savez_compressed(file, **arrays)


class BaselineObjective(Objective):
    """Objective of a network of another family: data and loss of the students.

    Parameters
    ----------
    recipe : Recipe
        Data and schedule.
    baseline : Baseline
        Network.

    See Also
    --------
    train_baseline : Train such a network.
    """

    def __init__(self, recipe: Recipe, baseline: Baseline, /) -> None:
        super().__init__(recipe)
        self.baseline = baseline

    def described(self) -> dict[str, Any]:
        """Return all settings that determine the result, as plain values."""
        return {**self.recipe.to_dict(), "baseline": self.baseline.name}

    def start(self) -> dict[str, Any]:
        """Return the starting parameters of the training."""
        return self.baseline.start(self.recipe.seed)

    def predict(self, parameters: Any, inputs: jax.Array, step: Any, /) -> jax.Array:  # noqa: ARG002
        """Return the SFD, shape (n_gates, n, 3)."""
        return self.baseline.predict(parameters, inputs)

    def network(self, parameters: Any, simulator: Simulator, /) -> Any:
        """Return the trained network."""
        return BaselineNetwork(self.baseline, parameters, simulator, name=self.recipe.name)


def train_baseline(
    recipe: Recipe, name: str, /, *, checkpoint: Path | None = None, progress: Progress | None = None
) -> TrainingResult:
    """Train a network of another family.

    Parameters
    ----------
    recipe : Recipe
        Data and schedule; layers and cell are not used.
    name : str
        Name in :data:`~seq2seqlite.studies.baselines.networks.BASELINES`.
    checkpoint, progress
        See :func:`seq2seqlite.training.loop.train`.

    Raises
    ------
    InputError
        If the name is unknown, the recipe starts from a model, or the training diverges.

    See Also
    --------
    seq2seqlite.compression.compress.compress :
        Train, prune and quantise one student as specified by a recipe.
    """
    if name not in BASELINES:
        raise InputError(f"baseline={name!r} is unknown; choose one of {', '.join(BASELINES)}")
    if recipe.start_from is not None:
        raise InputError(f"baseline={name!r} cannot start from {recipe.start_from!r}; remove start_from")
    objective = BaselineObjective(recipe, BASELINES[name])
    return train(recipe, objective=objective, checkpoint=checkpoint, progress=progress)


def baseline_cost(network: BaselineNetwork, /) -> dict[str, Any]:
    """Return the cost figures of a network of another family.

    Returns
    -------
    dict
        The keys of :func:`~seq2seqlite.compression.cost.cost_figures`. ``lut_estimate`` is the cost of one
        adder graph for each matrix, with weights and signals rounded to 8 bits after training. It leaves out
        products of two signals, delay lines and the memory of the layers, so it is a lower bound. The error
        of the row is that of the float network.

    See Also
    --------
    seq2seqlite.hardware.resources.da4ml_cost.product_cost : Cost of one adder graph.
    """
    baseline, weights = network.baseline, network.parameters
    signal = Format(signed=True, integer_bits=2, fraction_bits=BITS - 3)
    luts = {}
    for one in baseline.products:
        kernel = weights[one.kernel].reshape(-1, weights[one.kernel].shape[-1])
        kernel = quantise(kernel, best_format(kernel, BITS))
        bias = quantise(weights[one.bias], best_format(weights[one.bias], BITS))
        luts[one.kernel.removesuffix("/kernel")] = round(product_cost(kernel, bias, signal, signal))
    nonzero = sum(int(np.count_nonzero(value)) for value in weights.values())
    return {
        "parameters": baseline.n_parameters,
        "nonzero_weights": nonzero,
        "weight_memory_bits": FLOAT_BITS * nonzero,
        "mean_weight_bits": round(FLOAT_BITS * nonzero / baseline.n_parameters, 4),
        "state_bits": FLOAT_BITS,
        "macs_per_pixel": baseline.macs(network.axis.n_gates),
        "lut_estimate": sum(luts.values()),
        "lut_estimate_parts": luts,
    }
