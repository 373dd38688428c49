"""The fastest exact predictor of a model, by its name."""

from pathlib import Path

from seq2seqlite.engine.packing import runs_network, unfit_program
from seq2seqlite.engine.predictors import NetworkEngine, ProgramEngine
from seq2seqlite.integer import SUFFIX, ProgramPredictor, lower, read_program
from seq2seqlite.models import Network, load_model

__all__ = ["load_predictor"]

Predictor = ProgramEngine | NetworkEngine | ProgramPredictor | Network


def load_predictor(name: str | Path, /, *, threads: int | None = None) -> Predictor:
    """Return a model as a predictor: on the engine if that can run it, else as its package runs it.

    Parameters
    ----------
    name : str or path
        Name of a shipped model, a model's ``.npz`` or a ``.program`` file.
    threads : int, optional
        Threads of the engine; by default all cores that this process may use.

    Raises
    ------
    InputError
        If there is no such model, or its file is not valid.

    Examples
    --------
    >>> load_predictor("seq2seqlite-tcspc-80mhz-int8").kind
    'integer program, CPU engine'
    >>> load_predictor("seq2seq-tcspc-80mhz-float").kind
    'float network'
    """
    if Path(name).suffix == SUFFIX:
        program = read_program(name)
    else:
        network = load_model(name)
        if network.formats is None or len(network.architecture.layers) > 1:
            return NetworkEngine(network, threads=threads) if runs_network(network) else network
        program = lower(network)
    return ProgramPredictor(program) if unfit_program(program) else ProgramEngine(program, threads=threads)
