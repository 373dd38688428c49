"""The predictors of the accuracy table by name."""

from collections.abc import Sequence

from seq2seqlite.accuracy.measure import PredictorOf
from seq2seqlite.datasets import Instrument
from seq2seqlite.decay import TimeAxis
from seq2seqlite.engine import load_predictor
from seq2seqlite.errors import InputError
from seq2seqlite.estimators.by_name import ESTIMATORS, estimator_named
from seq2seqlite.integer import SUFFIX
from seq2seqlite.models import model_names

__all__ = ["predictors_for"]


def predictors_for(instrument: Instrument, names: Sequence[str] = (), /) -> dict[str, PredictorOf]:
    """Return predictors of an instrument's decays by name.

    Parameters
    ----------
    instrument : Instrument
        Its axis is that of the decays.
    names : sequence of str
        Estimators of :data:`ESTIMATORS`, shipped models, or paths of model or program files; default: all
        estimators and all shipped models of this instrument.

    Raises
    ------
    InputError
        If a name is unknown or a model is for another axis.

    Examples
    --------
    >>> from seq2seqlite.datasets import load_instrument
    >>> list(predictors_for(load_instrument("swissspad3"), ["mle-mono"]))
    ['mle-mono']
    """
    if not names:
        shipped = [name for name in model_names() if f"-{instrument.name}-" in name]
        names = [*ESTIMATORS, *shipped]
    return {str(name): _predictor(instrument.axis, str(name)) for name in names}


def _predictor(axis: TimeAxis, name: str) -> PredictorOf:
    if name in ESTIMATORS:
        return lambda irf: estimator_named(name, axis=axis, irf=irf)
    if not name.endswith((".npz", SUFFIX)) and name not in model_names():
        raise InputError(
            f"predictor {name!r} is unknown; choose one of {', '.join([*ESTIMATORS, *model_names()])} "
            "or name a .npz file"
        )
    model = load_predictor(name)
    if model.axis != axis:
        raise InputError(
            f"model {model.name} takes {model.axis}, the decays have {axis}; choose another model"
        )
    return lambda _: model
