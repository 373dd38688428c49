"""Reading and writing model files: arrays and JSON, nothing that runs."""

import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seq2seqlite.decay import TimeAxis
from seq2seqlite.errors import InputError
from seq2seqlite.files import replace_when_done
from seq2seqlite.models.architecture import Architecture, Parameters
from seq2seqlite.models.quantisation import Quantisation
from seq2seqlite.outputs import check_archive

__all__ = ["FORMAT_VERSION", "ModelFile", "parameters_digest", "read_model_file", "write_model_file"]

FORMAT = "seq2seqlite model"
FORMAT_VERSION = 2
HEADER = "header"
# Prefix of the arrays with the width of each weight, where widths were learned.
WIDTHS = "bits/"


@dataclass(frozen=True)
class ModelFile:
    """What a model file holds.

    Parameters
    ----------
    name : str
        Name of the model.
    architecture : Architecture
        Layers and cell.
    axis : TimeAxis
        Axis of the TPSFs that it was trained on.
    rising_edge_ns : float
        Where the rising edge of these TPSFs was, from the first gate, in ns.
    n_baseline : int
        Leading gates of which the baseline is taken.
    instrument : str
        Name of the instrument.
    parameters : dict of ndarray
        Weights.
    quantisation : Quantisation, optional
        Fixed-point formats; a model without is in floating point.
    """

    name: str
    architecture: Architecture
    axis: TimeAxis
    rising_edge_ns: float
    n_baseline: int
    instrument: str
    parameters: Parameters
    quantisation: Quantisation | None = None


def write_model_file(path: str | Path, model: ModelFile, /) -> None:
    """Write a model as ``.npz`` with a JSON header; equal models give equal bytes."""
    header = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "name": model.name,
        "layers": list(model.architecture.layers),
        "cell": model.architecture.cell,
        "n_gates": model.axis.n_gates,
        "gate_width_ns": model.axis.gate_width_ns,
        "period_ns": model.axis.period_ns,
        "gate_length_ns": model.axis.gate_length_ns,
        "rising_edge_ns": model.rising_edge_ns,
        "n_baseline": model.n_baseline,
        "instrument": model.instrument,
        "sha256": parameters_digest(model.parameters),
        "quantisation": None if model.quantisation is None else model.quantisation.to_dict(),
    }
    widths = {} if model.quantisation is None else model.quantisation.weight_bits
    check_archive(path, member=HEADER, keys={"format": FORMAT}, what=FORMAT)
    with replace_when_done(path) as temporary, temporary.open("wb") as file:
        arrays: dict[str, Any] = {HEADER: np.array(json.dumps(header)), **model.parameters}
        arrays.update({f"{WIDTHS}{name}": value for name, value in widths.items()})
        np.savez(file, allow_pickle=False, **arrays)


def read_model_file(path: str | Path, /) -> ModelFile:
    """Read a model.

    Raises
    ------
    InputError
        If the file is missing, cut short, changed, or of another format or version.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(f"model file {file} does not exist")
    try:
        # NumPy leaves a file that it opened itself, and cannot read, open.
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as archive:
            header = json.loads(str(archive[HEADER]))
            arrays = {name: archive[name] for name in archive.files if name != HEADER}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, TypeError) as error:
        raise InputError(
            f"{file} is not a seq2seqlite model, or was cut short ({error}); copy it again"
        ) from None
    try:
        return _checked(header, arrays)
    except InputError as error:
        raise InputError(f"model file {file}: {error}") from None
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"model file {file}: its header is not valid ({error!r}); export the model again"
        ) from None


def _checked(header: Mapping[str, Any], arrays: Mapping[str, Any]) -> ModelFile:
    parameters = {name: value for name, value in arrays.items() if not name.startswith(WIDTHS)}
    widths = {name[len(WIDTHS) :]: value for name, value in arrays.items() if name.startswith(WIDTHS)}
    if header.get("format") != FORMAT or header.get("format_version") != FORMAT_VERSION:
        raise InputError(
            f"format {header.get('format')!r} version {header.get('format_version')!r} is not the one read "
            f"here ({FORMAT!r} version {FORMAT_VERSION}); "
            "export the model again or install the seq2seqlite that wrote it"
        )
    architecture = Architecture(tuple(header["layers"]), header["cell"])
    shapes = architecture.parameter_shapes
    if {name: value.shape for name, value in parameters.items()} != shapes:
        raise InputError(
            f"its arrays do not fit layers {list(architecture.layers)} of cell {architecture.cell!r}"
        )
    for name, value in parameters.items():
        if value.dtype != np.float32 or not np.isfinite(value).all():
            raise InputError(f"array {name} must be finite float32")
    if parameters_digest(parameters) != header["sha256"]:
        raise InputError("its weights do not have the recorded SHA-256; copy it again")
    quantisation = None
    if header["quantisation"] is not None:
        quantisation = Quantisation.from_dict(header["quantisation"], weight_bits=widths)
        quantisation.check(parameters)
        if quantisation.activations is not None and architecture.cell != "lite":
            raise InputError(f"a cell {architecture.cell!r} has no fixed-point activations")
    axis = TimeAxis(header["n_gates"], header["gate_width_ns"], header["period_ns"], header["gate_length_ns"])
    return ModelFile(
        header["name"],
        architecture,
        axis,
        float(header["rising_edge_ns"]),
        int(header["n_baseline"]),
        str(header["instrument"]),
        parameters,
        quantisation,
    )


def parameters_digest(parameters: Parameters, /) -> str:
    """Return the SHA-256 of a model's weights."""
    digest = hashlib.sha256()
    for name in sorted(parameters):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(parameters[name], dtype="<f4").tobytes())
    return digest.hexdigest()
