"""Reading and writing of model files, which contain arrays and JSON but no executable content."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.archive import Header, archive_digest, header_text, read_archive, write_archive
from seq2seqlite.config import check_name
from seq2seqlite.decay import TimeAxis
from seq2seqlite.errors import InputError
from seq2seqlite.models.architecture import MAX_INPUTS, Architecture, Parameters
from seq2seqlite.models.error_scale import ErrorScale
from seq2seqlite.models.error_table import ErrorTable
from seq2seqlite.models.quantisation import Quantisation

__all__ = [
    "FORMAT_VERSION",
    "MAX_GATES",
    "ModelFile",
    "model_digest",
    "model_from_header",
    "model_header",
    "parameters_digest",
    "read_axis",
    "read_model_file",
    "read_name",
    "write_model_file",
]

FORMAT = "seq2seqlite model"
FORMAT_VERSION = 3
# Prefix of the arrays with the bit width of each weight, for models with learned widths.
WIDTHS = "bits/"
# Limits for the size of a network in a file, far above any useful network.
MAX_LAYERS, MAX_UNITS = 16, 4096
MAX_GATES = 2**16
MAX_PERIOD_NS = 1e6
DEFAULTS: dict[str, Any] = {
    "output": "sfd", "response_lifetimes_ns": [], "error_scale": None, "tau_range_ns": None,
    "max_background": None, "error_table": None,
}  # fmt: skip


@dataclass(frozen=True)
class ModelFile:
    """Content of a model file: a trained network and the metadata needed for predictions.

    Parameters
    ----------
    name : str
        Name of the model.
    architecture : Architecture
        Layers and cell.
    axis : TimeAxis
        Time axis of the TPSFs used in training.
    rising_edge_ns : float
        Position of the rising edge of these TPSFs, relative to the first gate, in ns.
    n_baseline : int
        Number of leading gates averaged as baseline; 0 for no subtraction.
    instrument : str
        Name of the instrument.
    parameters : dict of ndarray
        Weights.
    quantisation : Quantisation, optional
        Fixed-point formats; None for a floating-point model.
    response_lifetimes_ns : tuple of float
        Columns of the response (:func:`~seq2seqlite.models.response_columns`); empty for a network that does
        not get the response.
    error_scale : ErrorScale, optional
        Factors that make the errors predicted by a direct network right on simulated decays.
    tau_range_ns : tuple of float, optional
        Range of the lifetimes used in training, in ns; a direct network has one.
    max_background : float, optional
        Largest share of background in the counts in the training; a network that does not subtract a
        baseline, because it is direct or gets the response, has one.
    error_table : ErrorTable, optional
        Standard errors of a network with a decoder, from held-out decays.

    See Also
    --------
    Network : Trained network, float or quantised; implements ``SfdPredictor``.
    load_model : Return a shipped model by name, or the model in a file.
    """

    name: str
    architecture: Architecture
    axis: TimeAxis
    rising_edge_ns: float
    n_baseline: int
    instrument: str
    parameters: Parameters
    quantisation: Quantisation | None = None
    response_lifetimes_ns: tuple[float, ...] = ()
    error_scale: ErrorScale | None = None
    tau_range_ns: tuple[float, float] | None = None
    max_background: float | None = None
    error_table: ErrorTable | None = None


def write_model_file(path: str | Path, model: ModelFile, /) -> None:
    """Write a model as ``.npz`` with a JSON header; equal models give identical files."""
    write_archive(path, model_header(model), _arrays(model))


def model_digest(model: ModelFile, /) -> str:
    """Return the SHA-256 digest of a model, computed from the whole content of its file.

    See Also
    --------
    parameters_digest : Digest of the weights only.
    """
    return archive_digest(header_text(model_header(model)), _arrays(model))


def read_model_file(path: str | Path, /) -> ModelFile:
    """Read a model file.

    Raises
    ------
    InputError
        If the file is missing, damaged or altered, or has an unsupported format or version.
    """
    header, arrays = read_archive(
        path,
        what="model",
        form=FORMAT,
        versions={"format_version": FORMAT_VERSION},
        remedy="train or export the model again",
    )
    try:
        return _checked(header, arrays)
    except InputError as error:
        text = str(error)
        raise InputError(text if text.startswith("model file") else f"model file {path}: {text}") from None


def model_header(model: ModelFile, /) -> dict[str, Any]:
    """Return the header of a model's file: all of the model but its arrays.

    See Also
    --------
    model_from_header : Return the model of a header and arrays.
    """
    # Keys with these defaults are not written: files of blind seq2seq networks stay as they were.
    extra = {
        "output": model.architecture.output,
        "response_lifetimes_ns": list(model.response_lifetimes_ns),
        "error_scale": None if model.error_scale is None else model.error_scale.to_dict(),
        "tau_range_ns": None if model.tau_range_ns is None else list(model.tau_range_ns),
        "max_background": model.max_background,
        "error_table": None if model.error_table is None else model.error_table.to_dict(),
    }
    return {key: value for key, value in extra.items() if value != DEFAULTS[key]} | {
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
        "quantisation": None if model.quantisation is None else model.quantisation.to_dict(),
    }


def model_from_header(
    values: Mapping[str, Any], parameters: Mapping[str, NDArray[Any]], /, *, where: str
) -> ModelFile:
    """Return the model of a header and arrays that come from a file of another format.

    Parameters
    ----------
    values : mapping
        Header, as of :func:`model_header`.
    parameters : mapping of ndarray
        Weights.
    where : str
        Name of the file, for error messages.

    Raises
    ------
    InputError
        If the header and the arrays are not those of a model.

    See Also
    --------
    model_header : Header of a model.
    """
    header = Header(values, where=where, remedy="export the model again")
    if (values.get("format"), values.get("format_version")) != (FORMAT, FORMAT_VERSION):
        header.refuse(f"its description is not that of a model of format_version {FORMAT_VERSION}")
    return _checked(header, parameters)


def _arrays(model: ModelFile) -> dict[str, NDArray[Any]]:
    widths = {} if model.quantisation is None else model.quantisation.weight_bits
    return {**model.parameters, **{f"{WIDTHS}{name}": value for name, value in widths.items()}}


def _checked(header: Header, arrays: Mapping[str, NDArray[Any]]) -> ModelFile:
    parameters = {name: value for name, value in arrays.items() if not name.startswith(WIDTHS)}
    widths = {name[len(WIDTHS) :]: value for name, value in arrays.items() if name.startswith(WIDTHS)}
    layers = header["layers"]
    if not isinstance(layers, list) or not 1 <= len(layers) <= MAX_LAYERS:
        header.refuse(f"layers={layers!r:.60} must be a list of 1 to {MAX_LAYERS} integers")
    if not all(type(units) is int and 1 <= units <= MAX_UNITS for units in layers):
        header.refuse(f"layers={layers!r:.60} must be integers from 1 to {MAX_UNITS}")
    header = Header(DEFAULTS | dict(header.values), where=header.where, remedy=header.remedy)
    lifetimes = _numbers(header, "response_lifetimes_ns", MAX_INPUTS - 1, 0.0)
    architecture = Architecture(
        tuple(layers), header.text("cell"), n_inputs=1 + len(lifetimes), output=header.text("output")
    )
    if {name: value.shape for name, value in parameters.items()} != architecture.parameter_shapes:
        header.refuse(f"its arrays do not match layers={layers} with cell={architecture.cell!r}")
    for name, value in parameters.items():
        if value.dtype != np.float32 or not np.isfinite(value).all():
            header.refuse(f"array {name} must have type float32 and finite values")
    axis = read_axis(header)
    return ModelFile(
        name=read_name(header),
        architecture=architecture,
        axis=axis,
        rising_edge_ns=header.number("rising_edge_ns", 0.0, axis.period_ns),
        n_baseline=header.integer("n_baseline", 0, axis.n_gates - 1),
        instrument=header.text("instrument"),
        parameters=parameters,
        quantisation=_quantisation(header, architecture, parameters, widths),
        response_lifetimes_ns=lifetimes,
        error_scale=_error_scale(header, architecture),
        tau_range_ns=_tau_range(header, architecture),
        max_background=_max_background(header),
        error_table=_error_table(header, architecture),
    )


def _tau_range(header: Header, architecture: Architecture) -> tuple[float, float] | None:
    if header["tau_range_ns"] is None:
        if architecture.direct:
            header.refuse("a direct network needs tau_range_ns")
        return None
    values = _numbers(header, "tau_range_ns", 2, 0.0)
    if len(values) != 2 or not 0 < values[0] < values[1]:
        header.refuse(f"tau_range_ns={list(values)} must be [low, high] with 0 < low < high")
    return values[0], values[1]


def _numbers(header: Header, key: str, most: int, low: float) -> tuple[float, ...]:
    values = header[key]
    if not isinstance(values, list) or len(values) > most:
        header.refuse(f"{key}={values!r:.60} must be a list of at most {most} numbers")
    for value in values:
        if type(value) not in (int, float) or not low <= value <= MAX_PERIOD_NS:
            header.refuse(f"{key}={values!r:.60} must be numbers from {low:g} to {MAX_PERIOD_NS:g}")
    return tuple(float(value) for value in values)


def _max_background(header: Header) -> float | None:
    share = header.optional_number("max_background", -1.0, 1.0)
    if share is not None and share < 0:
        header.refuse(f"max_background={share} must be >= 0")
    return share


def _error_scale(header: Header, architecture: Architecture) -> ErrorScale | None:
    if architecture.direct:
        return ErrorScale.from_header(header, "error_scale")
    if header["error_scale"] is not None:
        header.refuse("error_scale is for direct networks")
    return None


def _error_table(header: Header, architecture: Architecture) -> ErrorTable | None:
    if header["error_table"] is None:
        return None
    if architecture.direct:
        header.refuse("error_table is for networks with a decoder")
    return ErrorTable.from_header(header, "error_table")


def _quantisation(
    header: Header,
    architecture: Architecture,
    parameters: Parameters,
    widths: Mapping[str, NDArray[Any]],
) -> Quantisation | None:
    if header["quantisation"] is None:
        if widths:
            header.refuse(f"it has bit widths of weights ({WIDTHS}...) but no quantisation")
        return None
    if not set(widths) <= set(parameters) or any(width.dtype != np.uint8 for width in widths.values()):
        header.refuse("its bit widths of weights must be uint8 arrays, named after its weight arrays")
    try:
        quantisation = Quantisation.from_dict(header.table("quantisation"), weight_bits=widths)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        header.refuse(f"its quantisation is not valid ({error!r:.200})")
    quantisation.check(parameters)
    if quantisation.activations is not None:
        given = quantisation.activations.response is not None
        if given != (architecture.n_inputs > 1):
            header.refuse("its fixed-point formats must have one for the response if it has such inputs")
    if quantisation.activations is not None and architecture.cell != "lite":
        header.refuse(f"cell={architecture.cell!r} does not support fixed-point activations")
    return quantisation


def read_name(header: Header, /) -> str:
    """Return the model name in an archive's header.

    Raises
    ------
    InputError
        If the name is missing or cannot be part of a file name.
    """
    name = header.text("name")
    check_name(name)
    return name


def read_axis(header: Header, /) -> TimeAxis:
    """Return the time axis in an archive's header.

    Raises
    ------
    InputError
        If a value is missing or invalid.
    """
    n_gates = header.integer("n_gates", 2, MAX_GATES)
    longest = MAX_PERIOD_NS
    try:
        return TimeAxis(
            n_gates,
            header.number("gate_width_ns", 0.0, longest),
            header.number("period_ns", 0.0, longest),
            header.optional_number("gate_length_ns", 0.0, longest),
        )
    except InputError as error:
        text = str(error)
        if text.startswith(header.where):
            raise
        header.refuse(text)


def parameters_digest(parameters: Parameters, /) -> str:
    """Return the SHA-256 digest of a model's weights.

    See Also
    --------
    model_digest : Digest of the whole model.
    """
    digest = hashlib.sha256()
    for name in sorted(parameters):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(parameters[name], dtype="<f4").tobytes())
    return digest.hexdigest()
