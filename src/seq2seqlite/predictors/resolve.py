"""Conversion of names and files to predictors, for the Python interface and the command line."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from importlib.metadata import entry_points
from importlib.util import find_spec
from itertools import count
from pathlib import Path

from seq2seqlite import integer
from seq2seqlite.decay import Irf, TimeAxis
from seq2seqlite.errors import InputError
from seq2seqlite.estimators.registry import ESTIMATORS, estimator_named
from seq2seqlite.models import Network, load_model, model_names
from seq2seqlite.predictors.boards import PREFIX, is_board, load_board
from seq2seqlite.predictors.plugins import ESTIMATOR_GROUP, MODEL_GROUP, load_plugin, plugin_version, plugins
from seq2seqlite.protocols import Predictor, ResponsePredictor, TrainedPredictor
from seq2seqlite.simulation.instrument import Instrument
from seq2seqlite.simulation.simulator import measured_response

__all__ = [
    "Backend",
    "check_backend",
    "is_estimator",
    "load_any_program",
    "load_predictor",
    "load_program",
    "package_of",
    "predictors_for",
]


class Backend(StrEnum):
    """Implementation that runs a model: NumPy, compiled code for CPUs, or JAX.

    See Also
    --------
    load_predictor : Return a model, an integer program or an estimator as a predictor.
    """

    AUTO = "auto"
    """The fastest exact one."""
    NUMPY = "numpy"
    """The reference in NumPy."""
    CPU = "cpu"
    """Compiled code for this CPU, on all cores."""
    JAX = "jax"
    """JAX on its default device, a CPU or a GPU."""


MODEL_SUFFIX = ".npz"
# A response that takes seconds to measure.
MAX_RESPONSE_COUNTS = 1e9
RESPONSE_COUNTS = 1e5


def load_predictor(
    name_or_path: str | Path,
    /,
    *,
    backend: str = "auto",
    threads: int | None = None,
    axis: TimeAxis | None = None,
    irf: Irf | None = None,
) -> Predictor:
    """Return a model, an integer program or an estimator as a predictor.

    Parameters
    ----------
    name_or_path : str or path
        Name of a shipped model, of an estimator, or of one of another package
        (:mod:`seq2seqlite.predictors.plugins`), a ``.npz`` or ``.program`` file, or an FPGA board,
        ``board:udp://host:port`` (:func:`~seq2seqlite.predictors.boards.load_board`).
    backend : {"auto", "numpy", "cpu", "jax"}
        Implementation. ``"auto"`` is the CPU back end where it can run the model, else JAX if it has a GPU,
        else NumPy. Estimators have one implementation each.
    threads : int, optional
        Threads of the CPU back end; default: all cores that this process may use.
    axis : TimeAxis, optional
        Time axis of the measurement; required by estimators, and otherwise checked against the model's.
    irf : Irf, optional
        Instrument response, with the delay of the data; required by estimators. Networks ignore it.

    Returns
    -------
    Predictor
        All back ends of an integer program give equal results. Those of a float network differ by rounding.

    Raises
    ------
    InputError
        If the name is unknown, the file is not valid, or the back end cannot run the model.

    See Also
    --------
    seq2seqlite.predictors.source.predictor_source : Estimators on the axis of a measurement.
    seq2seqlite.models.load_model : The network itself, with its weights.

    Examples
    --------
    >>> load_predictor("seq2seqlite-tcspc-80mhz-int8").kind
    'integer program, CPU back end'
    >>> load_predictor("seq2seqlite-tcspc-80mhz-int8", backend="numpy").kind
    'integer program'
    >>> load_predictor("seq2seq-tcspc-80mhz-float", backend="numpy").kind
    'float network'
    """
    name = _checked_name(name_or_path)
    check_backend(name, backend)
    if is_estimator(name):
        return _estimator(name, axis, irf)
    predictor = _trained(name, backend, threads)
    if axis is not None and predictor.axis != axis:
        raise InputError(
            f"model {predictor.name} requires {predictor.axis}, but the decays have {axis}; choose another "
            "model"
        )
    return predictor


def load_program(name_or_path: str | Path, /) -> integer.Program:
    """Return the integer program of a quantised model, or one from a ``.program`` file.

    Parameters
    ----------
    name_or_path : str or path
        As for :func:`load_predictor`.

    Raises
    ------
    InputError
        If the name is unknown, the file is not valid, or the model is not quantised.

    See Also
    --------
    load_predictor : Return a model, an integer program or an estimator as a predictor.
    load_any_program : The same, also for direct networks.
    seq2seqlite.integer.lower : Return the integer program of a student.
    """
    return integer.load_program(_program_name(name_or_path))


def load_any_program(name_or_path: str | Path, /) -> integer.AnyProgram:
    """Return the integer program of a quantised model, also of a direct network.

    Parameters and errors are those of :func:`load_program`.

    See Also
    --------
    load_program : Programs of networks with a decoder only.
    """
    return integer.load_any_program(_program_name(name_or_path))


def _program_name(name_or_path: str | Path) -> str:
    name = _checked_name(name_or_path)
    if is_estimator(name) or is_board(name):
        kind = "a board" if is_board(name) else "an estimator"
        raise InputError(
            f"model {name!r} is {kind}; an integer program needs a quantised model or a .program file"
        )
    return name


def is_estimator(name_or_path: str | Path, /) -> bool:
    """Return whether a name is that of an estimator rather than of a trained model.

    See Also
    --------
    load_predictor : Return a model, an integer program or an estimator as a predictor.
    seq2seqlite.estimators.estimator_named : Return an estimator by name.
    """
    name = str(name_or_path)
    return name in ESTIMATORS or (_may_be_plugin(name) and name in plugins(ESTIMATOR_GROUP))


def package_of(name_or_path: str | Path, /) -> str | None:
    """Return name and version of the other package that a predictor comes from; None for all others.

    See Also
    --------
    load_predictor : Return a model, an integer program or an estimator as a predictor.
    """
    name = str(name_or_path)
    if _is_plugin_model(name):
        return plugin_version(MODEL_GROUP, name)
    return plugin_version(ESTIMATOR_GROUP, name) if is_estimator(name) and name not in ESTIMATORS else None


def _is_plugin_model(name: str) -> bool:
    return _may_be_plugin(name) and name in plugins(MODEL_GROUP)


def _may_be_plugin(name: str) -> bool:
    """Return whether a name is free for other packages: those of this package and of files come first."""
    own = is_board(name) or name in model_names()
    return not own and Path(name).suffix not in (MODEL_SUFFIX, integer.SUFFIX)


def check_backend(name_or_path: str | Path, backend: str, /) -> None:
    """Raise `InputError` for an unknown back end, or for any choice with an estimator.

    See Also
    --------
    load_predictor : Return a model, an integer program or an estimator as a predictor.
    Backend : Implementation that runs a model: NumPy, compiled code for CPUs, or JAX.
    """
    if backend not in list(Backend):
        raise InputError(f"backend={str(backend)!r} is unknown; choose one of {', '.join(Backend)}")
    name = str(name_or_path)
    if backend != "auto" and (is_board(name) or is_estimator(name) or _is_plugin_model(name)):
        what = "estimator" if is_estimator(name) else "model"
        raise InputError(
            f"backend={str(backend)!r} is for models of this package; {what} {name!r} has one "
            "implementation: use 'auto'"
        )


def _checked_name(name_or_path: str | Path) -> str:
    """Return the name or path as a string, after checking that it is a known name or a file."""
    name = str(name_or_path)
    if is_board(name) or Path(name).suffix in (MODEL_SUFFIX, integer.SUFFIX) or name in model_names():
        return name
    if is_estimator(name) or _is_plugin_model(name):
        return name
    if Path(name).is_file():
        raise InputError(
            f"model file {name} must end in {MODEL_SUFFIX} (model) or {integer.SUFFIX} (integer program)"
        )
    raise InputError(
        f"model {name!r} is unknown; choose one of {', '.join(_names())}, "
        f"or give a {MODEL_SUFFIX} or {integer.SUFFIX} file, or a board ({PREFIX}udp://host:port)"
    )


def _names() -> list[str]:
    """Return the names of all predictors."""
    others = [name for group in (ESTIMATOR_GROUP, MODEL_GROUP) for name in plugins(group)]
    return list(dict.fromkeys([*ESTIMATORS, *model_names(), *others]))


def predictors_for(
    instrument: Instrument,
    names: Sequence[str] = (),
    /,
    *,
    backend: str = "auto",
    response_counts: float = RESPONSE_COUNTS,
    response_delay_ns: float = 0.0,
) -> dict[str, Callable[[Irf], Predictor]]:
    """Return functions that make predictors for decays measured through an IRF, by name.

    Parameters
    ----------
    instrument : Instrument
        Instrument of the decays.
    names : sequence of str
        As for :func:`load_predictor`; default: all estimators of one or two lifetimes, and all shipped models
        of the instrument.
    backend : str
        As for :func:`load_predictor`.
    response_counts : float
        Counts of the simulated measurement of the IRF that models get which use one; 0 for none.
    response_delay_ns : float
        Error of the delay of the IRF that models and estimators get, in ns.

    Raises
    ------
    InputError
        If a name is unknown, a model was trained on another axis, or a number is invalid.

    See Also
    --------
    load_predictor : Return a model, an integer program or an estimator as a predictor.
    seq2seqlite.compare_accuracy :
        Compare predictors on the same simulated decays; the command ``benchmark accuracy``.

    Examples
    --------
    >>> from seq2seqlite.simulation import load_instrument
    >>> list(predictors_for(load_instrument("narrow-gate"), ["mle-mono"]))
    ['mle-mono']
    """
    if not names:
        shipped = [name for name in model_names() if load_model(name).instrument == instrument.name]
        names = [*(name for name in ESTIMATORS if name != "mle-tri"), *shipped]
    if not 0 <= response_counts <= MAX_RESPONSE_COUNTS:
        raise InputError(
            f"response_counts={response_counts} must be between 0 and {MAX_RESPONSE_COUNTS:g} (e.g. 1e5)"
        )
    if not abs(response_delay_ns) <= instrument.axis.period_ns:
        raise InputError(
            f"response_delay_ns={response_delay_ns} must not exceed the period of "
            f"{instrument.axis.period_ns:g} ns"
        )
    return {
        str(name): _for_irf(str(name), instrument, backend, response_counts, response_delay_ns)
        for name in names
    }


def _for_irf(
    name: str, instrument: Instrument, backend: str, response_counts: float, delay_ns: float
) -> Callable[[Irf], Predictor]:
    if is_estimator(name):
        return lambda irf: load_predictor(name, axis=instrument.forward_axis, irf=irf.moved(delay_ns))
    model = load_predictor(name, axis=instrument.axis, backend=backend)
    if not isinstance(model, ResponsePredictor) or not model.uses_response or not response_counts:
        return lambda _: model
    seeds = count()  # each IRF is measured with its own noise

    def of_irf(irf: Irf) -> Predictor:
        moved = irf.moved(delay_ns)
        response = measured_response(
            moved, axis=instrument.forward_axis, counts=response_counts, seed=next(seeds)
        )
        return model.with_response(response)

    return of_irf


def _estimator(name: str, axis: TimeAxis | None, irf: Irf | None) -> Predictor:
    if axis is None or irf is None:
        raise InputError(
            f"estimator {name!r} needs the time axis and the IRF of the measurement; pass axis and irf"
        )
    if name not in ESTIMATORS:
        found: Predictor = load_plugin(ESTIMATOR_GROUP, name, axis=axis, irf=irf)
        return found
    estimator: Predictor = estimator_named(name, axis=axis, irf=irf)
    return estimator


def _trained(name: str, backend: str, threads: int | None) -> TrainedPredictor:
    if is_board(name):
        return load_board(name)
    if _is_plugin_model(name):
        found: TrainedPredictor = load_plugin(MODEL_GROUP, name)
        return found
    if Path(name).suffix == integer.SUFFIX:
        program = integer.read_program(name)
        if isinstance(program, integer.DirectProgram):
            return _direct_program(program, backend, threads)
        return _program(program, backend, threads)
    network = load_model(name)
    if network.formats is None or len(network.architecture.layers) > 1:
        return _network(network, backend, threads)
    if network.direct:
        return _direct_program(integer.lower_direct(network), backend, threads)
    return _program(integer.lower(network), backend, threads)


def _direct_program(program: integer.DirectProgram, backend: str, threads: int | None) -> TrainedPredictor:
    if backend == "jax":
        from seq2seqlite.jax_back_end import JaxDirectPredictor

        return JaxDirectPredictor(program)
    if backend != "numpy":
        from seq2seqlite.cpu.direct_program import DirectProgramEngine
        from seq2seqlite.cpu.packing import UnfitError

        try:
            return DirectProgramEngine(program, threads=threads)
        except UnfitError:
            if backend == "cpu":
                raise
    return integer.DirectPredictor(program)


def _program(program: integer.Program, backend: str, threads: int | None) -> TrainedPredictor:
    if backend == "numpy":
        return integer.ProgramPredictor(program)
    if backend == "jax":
        from seq2seqlite.jax_back_end import JaxPredictor

        return JaxPredictor(program)
    from seq2seqlite.cpu.packing import UnfitError
    from seq2seqlite.cpu.predictors import ProgramEngine

    try:
        return ProgramEngine(program, threads=threads)
    except UnfitError:
        if backend == "cpu":
            raise
    return _program(program, _without_cpu(), threads)


def _network(network: Network, backend: str, threads: int | None) -> TrainedPredictor:
    if backend == "numpy":
        return network
    if backend == "jax":
        from seq2seqlite.jax_back_end import JaxNetwork

        return JaxNetwork(network)
    from seq2seqlite.cpu.packing import UnfitError
    from seq2seqlite.cpu.predictors import NetworkEngine
    from seq2seqlite.gru.direct_engine import DirectEngine

    try:
        return (DirectEngine if network.architecture.direct else NetworkEngine)(network, threads=threads)
    except UnfitError:
        if backend == "cpu":
            raise
    return _network(network, "numpy" if network.formats is not None else _without_cpu(), threads)


def _without_cpu() -> str:
    """Return the faster one of the back ends that remain if the CPU back end cannot run a model."""
    # JAX takes a second to import: only where a plug-in for an accelerator is installed.
    if find_spec("jax") is None or not entry_points(group="jax_plugins"):
        return "numpy"
    import jax

    return "numpy" if jax.default_backend() == "cpu" else "jax"
