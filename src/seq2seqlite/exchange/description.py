"""Network found in a file of another format, description inside such a file, and overwrite protection."""

import json
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.errors import InputError
from seq2seqlite.models import Network, Parameters
from seq2seqlite.models.model_file import model_header

__all__ = [
    "MEMBER",
    "PRODUCER",
    "FoundLayer",
    "FoundNetwork",
    "check_exchange_file",
    "description",
    "parsed_description",
]

PRODUCER = "seq2seqlite"
MEMBER = "seq2seqlite.json"
"""Member of a Keras file with the description; Keras ignores it."""
# An ONNX file starts with its version and the name of its producer.
START_BYTES = 64


@dataclass(frozen=True)
class FoundLayer:
    """GRU layer of a file, with the gate order z, r, candidate.

    Parameters
    ----------
    cell : str
        Cell as in :class:`~seq2seqlite.models.Architecture`.
    kernel, recurrent_kernel : ndarray, shape (n_inputs, 3 units) and (units, 3 units)
        Weights.
    bias : ndarray, shape (2, 3 units)
        Biases of the input and of the recurrent product.
    decoder : bool
        Whether the layer starts from a state of another layer.

    See Also
    --------
    FoundNetwork : The network of the layers.
    """

    cell: str
    kernel: NDArray[np.float32]
    recurrent_kernel: NDArray[np.float32]
    bias: NDArray[np.float32]
    decoder: bool = False


@dataclass(frozen=True)
class FoundNetwork:
    """Network of a file.

    Parameters
    ----------
    layers : sequence of FoundLayer
        GRU layers in the order of the computation.
    head_kernel, head_bias : ndarray, shape (units, n_outputs) and (n_outputs,)
        Last layer.
    described : dict or None
        Description that seq2seqlite wrote into the file.
    run : callable
        Compute the outputs of the file for inputs of shape (n, n_gates, n_inputs).

    See Also
    --------
    seq2seqlite.import_model : Convert a file to a model file; the command ``import``.
    """

    layers: Sequence[FoundLayer]
    head_kernel: NDArray[np.float32]
    head_bias: NDArray[np.float32]
    described: dict[str, Any] | None
    run: Callable[[NDArray[np.float32]], NDArray[np.float32]]

    def parameters(self, *, direct: bool) -> Parameters:
        """Return the arrays under the names of a model file.

        Parameters
        ----------
        direct : bool
            Whether all layers are those of an encoder.

        Raises
        ------
        InputError
            If the layers are not an encoder and a decoder of equal cells.
        """
        cells = {layer.cell for layer in self.layers}
        if len(cells) != 1:
            raise InputError(f"its {len(self.layers)} GRU layers must all have the same cell")
        if not direct and len(self.layers) % 2:
            raise InputError(
                f"it has {len(self.layers)} GRU layers; an encoder and a decoder of equal layers are required"
            )
        half = len(self.layers) if direct else len(self.layers) // 2
        found: Parameters = {"head/kernel": self.head_kernel, "head/bias": self.head_bias}
        # In the order of the computation, the first decoder layer may precede the last encoder layer.
        for index, layer in enumerate(sorted(self.layers, key=lambda layer: layer.decoder)):
            part = "encoder" if index < half else "decoder"
            name = f"{part}/{index % half}"
            # The input of the decoder is zero, whatever its width.
            used = layer.kernel[:1] if part == "decoder" and index == half else layer.kernel
            standard = layer.cell == "standard"
            found[f"{name}/kernel"] = used
            found[f"{name}/recurrent_kernel"] = layer.recurrent_kernel
            found[f"{name}/bias"] = layer.bias if standard else layer.bias.sum(axis=0)
        return {name: np.ascontiguousarray(value, np.float32) for name, value in found.items()}


def description(network: Network, /) -> str:
    """Return the header of a network's model file as JSON: what a file of weights does not contain.

    See Also
    --------
    check_exchange_file : Check that a file was written by seq2seqlite.
    """
    # Quantised weights are exported as floats; a file of weights has no bit widths.
    return json.dumps(model_header(network.content) | {"quantisation": None}, sort_keys=True)


def parsed_description(text: str | bytes, /) -> dict[str, Any]:
    """Return a description of :func:`description`.

    Raises
    ------
    InputError
        If the text is not a JSON object.

    See Also
    --------
    description : Return the description of a network.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InputError("its description is not a JSON object; export the model again")
    return found


def check_exchange_file(path: Path, /) -> None:
    """Check that a file may be overwritten: it does not exist, or seq2seqlite exported a network to it.

    Raises
    ------
    InputError
        If the file exists and was not written by an export.

    See Also
    --------
    seq2seqlite.export_model : Write a model to a file.
    """
    if not path.is_file():
        return
    with path.open("rb") as file:
        own = PRODUCER.encode() in file.read(START_BYTES)
    if not own and zipfile.is_zipfile(path):
        with suppress(zipfile.BadZipFile), zipfile.ZipFile(path) as archive:
            own = MEMBER in archive.namelist()
    if not own:
        raise InputError(f"{path} was not written by seq2seqlite export; move it or choose another name")
