"""Export of networks to ONNX and Keras, and import."""

from os import PathLike
from pathlib import Path

from seq2seqlite.config import check_name
from seq2seqlite.errors import InputError
from seq2seqlite.exchange import (
    check_exchange_file,
    checked_network,
    read_keras,
    read_onnx,
    write_keras,
    write_onnx,
)
from seq2seqlite.files import check_path
from seq2seqlite.models import Network, load_model, model_digest
from seq2seqlite.models.model_file import read_model_file
from seq2seqlite.simulation.instrument import Instrument, load_instrument

__all__ = ["export_model", "import_model"]

SUFFIXES = {"onnx": ".onnx", "keras": ".keras"}
WRITERS = {"onnx": write_onnx, "keras": write_keras}
PROGRAM = ".program"


def export_model(
    model: str | Path | Network, out: str | PathLike[str], /, *, file_format: str | None = None
) -> Network:
    """Write a float network as an ONNX or Keras file; the command ``export``.

    Parameters
    ----------
    model : str, path or Network
        Shipped model, model file, or network.
    out : path-like
        File to write, with the suffix ``.onnx`` or ``.keras``.
    file_format : {"onnx", "keras"}, optional
        Format; default: that of the suffix.

    Returns
    -------
    Network
        Exported network.

    Raises
    ------
    InputError
        If the model is quantised, the format is unknown, or the file exists and was not written by an export.

    See Also
    --------
    seq2seqlite.import_model : Convert a file to a model file.
    seq2seqlite.exchange.onnx_model : Inputs and outputs of an ONNX file.
    """
    check_path(out)
    path = Path(out)
    known = {suffix: name for name, suffix in SUFFIXES.items()}
    chosen = file_format or known.get(path.suffix.lower(), "")
    if chosen not in SUFFIXES:
        given = f"file_format={file_format!r}" if file_format else f"the suffix of {path}"
        raise InputError(f"{given} is unknown; choose one of {', '.join(SUFFIXES)}")
    if path.suffix.lower() != SUFFIXES[chosen]:
        raise InputError(f"out={path} must end in {SUFFIXES[chosen]} for file_format={chosen!r}")
    check_exchange_file(path)
    if isinstance(model, str | Path) and Path(model).suffix == PROGRAM:
        raise InputError(_quantised(str(model)))
    network = model if isinstance(model, Network) else load_model(model)
    if network.formats is not None:
        raise InputError(_quantised(network.name))
    WRITERS[chosen](network, path)
    return network


def import_model(
    file: str | PathLike[str],
    out: str | PathLike[str],
    /,
    *,
    instrument: str | Path | Instrument | None = None,
    rising_edge_ns: float | None = None,
    n_baseline: int | None = None,
) -> Network:
    """Convert an ONNX or Keras file to a model file; the command ``import``.

    Parameters
    ----------
    file : path-like
        ``.onnx``, ``.keras`` or ``.h5`` file of a network with the structure of the paper: GRU encoder,
        decoder that starts from its last states and has zeros as input, and a linear layer of three outputs.
    out : path-like
        Model file to write (``.npz``). Its name without suffix is the name of the model.
    instrument : str, path or Instrument, optional
        Instrument that the network was trained for; not needed for files that ``export`` wrote.
    rising_edge_ns : float, optional
        Position of the rising edge in training, in ns; default: that of the instrument's decays.
    n_baseline : int, optional
        Number of leading gates whose mean was subtracted in training; default: as in our trainings.

    Returns
    -------
    Network
        Imported network.

    Raises
    ------
    InputError
        If the file cannot be read or has another structure, its outputs differ from those of the imported
        network, or ``out`` is another file.

    See Also
    --------
    seq2seqlite.export_model : Write a model as an ONNX or Keras file.
    """
    check_path(out)
    source, path = Path(file), Path(out)
    if path.suffix != ".npz":
        raise InputError(f"out={path} must end in .npz, not in {path.suffix!r}")
    check_name(path.stem)
    readers = {".onnx": read_onnx, ".keras": read_keras, ".h5": read_keras}
    if source.suffix.lower() not in readers:
        raise InputError(
            f"{source}: unsupported suffix {source.suffix!r}; use one of {', '.join(readers)} (PyTorch: "
            "export to ONNX)"
        )
    if not source.is_file():
        raise InputError(f"{source} does not exist or is not a file; check the path")
    described = load_instrument(instrument) if isinstance(instrument, str | Path) else instrument
    try:
        found = readers[source.suffix.lower()](source)
    except InputError as error:
        text = str(error)
        raise InputError(text if text.startswith(str(source)) else f"{source}: {text}") from None
    network = checked_network(
        found,
        instrument=described,
        name=path.stem,
        path=source,
        rising_edge_ns=rising_edge_ns,
        n_baseline=n_baseline,
    )
    if path.exists() and not _same_model(path, network):
        raise InputError(f"{path} exists and is another file; move it or choose another name")
    network.write(path)
    return network


def _quantised(name: str) -> str:
    return (
        f"model {name!r} is quantised, and ONNX and Keras cannot compute its exact integers; its integer "
        "program (command lower) is the format for other programs"
    )


def _same_model(path: Path, network: Network) -> bool:
    try:
        return model_digest(read_model_file(path)) == model_digest(network.content)
    except InputError:
        return False
