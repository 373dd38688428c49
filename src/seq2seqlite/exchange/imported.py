"""Model of a network found in a file, checked by running the file beside it."""

from itertools import permutations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.decay import CHANNELS
from seq2seqlite.errors import InputError
from seq2seqlite.exchange.description import FoundNetwork
from seq2seqlite.models import Architecture, ModelFile, Network, predict_sfd
from seq2seqlite.models.model_file import model_from_header
from seq2seqlite.models.numpy_forward import predict_direct
from seq2seqlite.simulation.instrument import Instrument
from seq2seqlite.simulation.simulator import Simulator

__all__ = ["TOLERANCE", "checked_network"]

TOLERANCE = 1e-4
"""Largest difference between a file's outputs and ours: rounding in single precision, over all gates."""
N_DECAYS = 8


def checked_network(
    found: FoundNetwork,
    /,
    *,
    instrument: Instrument | None,
    name: str,
    path: Path,
    rising_edge_ns: float | None = None,
    n_baseline: int | None = None,
) -> Network:
    """Return the network of a file, after a comparison of its outputs with those of the file.

    Parameters
    ----------
    found : FoundNetwork
        Network of the file.
    instrument : Instrument or None
        Instrument that the network was trained for; None for a file that describes its network.
    name : str
        Name of the model.
    path : pathlib.Path
        File, for error messages.
    rising_edge_ns : float, optional
        Position of the rising edge in training, in ns; default: that of the instrument's decays.
    n_baseline : int, optional
        Number of leading gates whose mean was subtracted in training; default: as in our trainings.

    Raises
    ------
    InputError
        If the network does not have the structure of the paper, or its outputs differ.

    See Also
    --------
    seq2seqlite.import_model : Convert a file to a model file.
    """
    try:
        if found.described is not None and instrument is None:
            direct = found.described.get("output") == "lifetimes"
            content = model_from_header(
                {**found.described, "name": name}, found.parameters(direct=direct), where=str(path)
            )
        else:
            content = _content(found, instrument, name, rising_edge_ns, n_baseline)
        network = Network(content)
        _compare(network, found.run)
    except InputError as error:
        text = str(error)
        raise InputError(text if text.startswith(str(path)) else f"{path}: {text}") from None
    return network


def _content(
    found: FoundNetwork,
    instrument: Instrument | None,
    name: str,
    rising_edge_ns: float | None,
    n_baseline: int | None,
) -> ModelFile:
    if instrument is None:
        raise InputError("it does not describe its instrument; pass instrument")
    parameters = found.parameters(direct=False)
    half = len(found.layers) // 2
    architecture = Architecture(
        tuple(len(layer.recurrent_kernel) for layer in found.layers[:half]), found.layers[0].cell
    )
    shapes = {key: value.shape for key, value in parameters.items()}
    if shapes != architecture.parameter_shapes:
        wrong = next(key for key, shape in architecture.parameter_shapes.items() if shapes.get(key) != shape)
        raise InputError(
            f"its {wrong} has shape {shapes.get(wrong)}, not {architecture.parameter_shapes[wrong]}; an "
            f"encoder with one input, a decoder of equal layers and {len(CHANNELS)} outputs are required"
        )
    simulator = Simulator(instrument, seed=0, split="train")
    edge = simulator.rising_edge_ns if rising_edge_ns is None else rising_edge_ns
    baseline = simulator.n_baseline if n_baseline is None else n_baseline
    axis = instrument.axis
    if not 0 <= edge <= axis.period_ns or not 0 <= baseline < axis.n_gates:
        raise InputError(
            f"rising_edge_ns={edge:g} must be between 0 and {axis.period_ns:g}, and n_baseline={baseline} "
            f"between 0 and {axis.n_gates - 1}"
        )
    return ModelFile(
        name=name,
        architecture=architecture,
        axis=axis,
        rising_edge_ns=edge,
        n_baseline=baseline,
        instrument=instrument.name,
        parameters=parameters,
        tau_range_ns=instrument.decays.tau_ns,
    )


def _compare(network: Network, run: object) -> None:
    """Raise InputError unless the file's outputs are ours, for synthetic decays of several lifetimes."""
    assert callable(run)
    axis, architecture = network.axis, network.architecture
    times = axis.starts_ns - network.rising_edge_ns
    tau = np.geomspace(0.1, 0.5, N_DECAYS)[:, None] * axis.window_ns
    decays = np.where(times >= 0, np.exp(-np.clip(times, 0, None) / tau), 0.0).astype(np.float32)
    inputs = np.repeat(decays[..., None], architecture.n_inputs, axis=2)
    predict = predict_direct if architecture.direct else predict_sfd
    ours = predict(architecture, network.content.parameters, inputs)
    differences = [np.inf]
    for values in (inputs, inputs.transpose(1, 0, 2)):  # batch first, or gates first as PyTorch's default
        try:
            theirs = np.asarray(run(np.ascontiguousarray(values)))
        except Exception:  # noqa: BLE001, S112 - the runtime's message about an axis is not ours
            continue
        differences += [_difference(ours, theirs)]
    if not min(differences) < TOLERANCE:
        raise InputError(
            f"its outputs differ from those of the same weights here (by {min(differences):.2g}); an "
            "encoder, a decoder that starts from its last states and has zeros as input, and a linear last "
            "layer are required"
        )


def _difference(ours: NDArray[np.floating], theirs: NDArray[np.floating]) -> float:
    """Return the largest difference, for the order of axes that makes it smallest."""
    orders = permutations(range(theirs.ndim)) if theirs.ndim == ours.ndim else ()
    turned = [theirs.transpose(order) for order in orders]
    return min((float(np.abs(ours - one).max()) for one in turned if one.shape == ours.shape), default=np.inf)
