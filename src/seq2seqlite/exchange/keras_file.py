"""Networks as Keras files, built of standard layers.

Keras (extra ``export``) runs on JAX unless the environment variable ``KERAS_BACKEND`` selects another back
end.
"""

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.errors import InputError
from seq2seqlite.exchange.description import (
    MEMBER,
    FoundLayer,
    FoundNetwork,
    description,
    parsed_description,
)
from seq2seqlite.files import replace_when_done
from seq2seqlite.models import Network

__all__ = ["keras_model", "read_keras", "write_keras"]

# Keras' hard sigmoid is x / 6 + 1/2 between -3 and 3, that of the lite cell x / 2 + 1/2 between -1 and 1.
HARD_SIGMOID = np.float32(3.0)


def keras_model(network: Network, /) -> Any:
    """Return a network as a Keras model of ``GRU`` and ``Dense`` layers.

    Parameters
    ----------
    network : Network
        Network with floating-point activations.

    Returns
    -------
    keras.Model
        Model that maps inputs, shape (n, n_gates, n_inputs), as of
        :meth:`~seq2seqlite.models.Network.input_columns`, to the SFD, shape (n, 3, n_gates), or to the head
        of a direct network, shape (n, 8).

    See Also
    --------
    seq2seqlite.export_model : Write a model to a file; the command ``export``.

    Notes
    -----
    A ``standard`` cell is ``GRU(reset_after=True)``. A ``lite`` cell is ``GRU(reset_after=False)`` with the
    activations ``hard_tanh`` and ``hard_sigmoid``. Keras' hard sigmoid is three times wider, so the weights
    of update and reset gate are three times those of the model file.
    """
    keras = _keras()
    architecture, parameters = network.architecture, network.content.parameters
    inputs = keras.Input((network.axis.n_gates, architecture.n_inputs), name="inputs")
    sequence, states, layers = inputs, [], {}
    for index, units in enumerate(architecture.layers):
        layers[f"encoder/{index}"] = _gru(keras, f"encoder_{index}", units, architecture.cell)
        sequence, state = layers[f"encoder/{index}"](sequence)
        states.append(state)
    if not architecture.direct:
        sequence = inputs[:, :, :1] * 0.0
        for index, units in enumerate(architecture.layers):
            layers[f"decoder/{index}"] = _gru(keras, f"decoder_{index}", units, architecture.cell)
            sequence, _ = layers[f"decoder/{index}"](sequence, initial_state=states[index])
    head = keras.layers.Dense(parameters["head/bias"].size, name="head")
    outputs = head(states[-1] if architecture.direct else sequence)
    if not architecture.direct:
        outputs = keras.layers.Permute((2, 1), name="sfd")(outputs)
    model = keras.Model(inputs, outputs, name="".join(c if c.isalnum() else "_" for c in network.name))
    for name, layer in layers.items():
        arrays = [parameters[f"{name}/{part}"] for part in ("kernel", "recurrent_kernel", "bias")]
        if architecture.cell == "lite":
            arrays = [array * _widths(array) for array in arrays]
        layer.set_weights(arrays)
    head.set_weights([parameters["head/kernel"], parameters["head/bias"]])
    return model


def write_keras(network: Network, path: Path, /) -> None:
    """Write a network as a ``.keras`` file.

    See Also
    --------
    keras_model : The content of the file.
    """
    model = keras_model(network)
    with replace_when_done(path) as temporary:
        model.save(temporary)
        with zipfile.ZipFile(temporary, "a") as archive:
            archive.writestr(MEMBER, description(network))


def read_keras(path: Path, /) -> FoundNetwork:
    """Read the GRU layers and the last Dense layer of a Keras file.

    Raises
    ------
    InputError
        If the file cannot be read, or has other layers.

    See Also
    --------
    seq2seqlite.import_model : Convert a file to a model file.
    """
    keras = _keras()
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
        described = None
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                if MEMBER in archive.namelist():
                    described = parsed_description(archive.read(MEMBER))
    except InputError:
        raise
    except Exception as error:  # noqa: BLE001 - Keras raises anything on a damaged file
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path} is not a valid Keras file ({reason:.200}); save it again") from None
    decoders = _with_initial_state(model)
    layers = [
        _layer(layer, decoder=layer.name in decoders)
        for layer in model.layers
        if isinstance(layer, keras.layers.GRU)
    ]
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    if not layers or not dense:
        raise InputError(
            f"it has {len(layers)} GRU and {len(dense)} Dense layers; at least one of each is required"
        )
    kernel, *rest = dense[-1].get_weights()
    bias = rest[0] if rest else np.zeros(kernel.shape[1], np.float32)
    rank = len(model.input_shape)

    def run(inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(model.predict(inputs[..., 0] if rank == 2 else inputs, verbose=0))

    return FoundNetwork(layers, kernel, bias, described, run)


def _with_initial_state(model: Any) -> set[str]:
    """Return the names of the layers that get more than one tensor: sequence and initial state."""
    config = model.get_config()
    listed = config.get("layers", []) if isinstance(config, dict) else []
    return {
        entry["config"].get("name", "")
        for entry in listed
        if json.dumps(entry.get("inbound_nodes", []), default=str).count("__keras_tensor__") > 1
    }


def _layer(layer: Any, /, *, decoder: bool) -> FoundLayer:
    """Return a GRU layer's weights."""
    options = layer.get_config()
    if options["go_backwards"]:
        raise InputError(f"its GRU layer {layer.name!r} has go_backwards=True, which is not supported")
    names = options["recurrent_activation"], options["activation"]
    kernel, recurrent, *rest = layer.get_weights()
    bias = rest[0] if rest else np.zeros(kernel.shape[1], np.float32)
    both = bias if bias.ndim == 2 else np.stack([bias, np.zeros_like(bias)])
    if options["reset_after"] and names == ("sigmoid", "tanh"):
        return FoundLayer("standard", kernel, recurrent, both, decoder)
    if not options["reset_after"] and names == ("hard_sigmoid", "hard_tanh"):
        unscaled = [np.asarray(array / _widths(array), np.float32) for array in (kernel, recurrent, both)]
        return FoundLayer("lite", unscaled[0], unscaled[1], unscaled[2], decoder)
    raise InputError(
        f"its GRU layer {layer.name!r} has reset_after={options['reset_after']}, {names[0]} and {names[1]}; "
        "supported are reset_after=True with sigmoid and tanh, and reset_after=False with hard_sigmoid and "
        "hard_tanh"
    )


def _gru(keras: Any, name: str, units: int, cell: str) -> Any:
    standard = cell == "standard"
    return keras.layers.GRU(
        units,
        activation="tanh" if standard else "hard_tanh",
        recurrent_activation="sigmoid" if standard else "hard_sigmoid",
        reset_after=standard,
        return_sequences=True,
        return_state=True,
        name=name,
    )


def _widths(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the factors of the columns z, r and candidate of a lite cell."""
    factors = np.ones(array.shape[-1], np.float32)
    factors[: 2 * array.shape[-1] // 3] = HARD_SIGMOID
    return factors


def _keras() -> Any:
    os.environ.setdefault("KERAS_BACKEND", "jax")
    import keras

    return keras
