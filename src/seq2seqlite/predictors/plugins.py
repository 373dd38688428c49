"""Models and estimators of other packages, which are found by their entry points."""

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from seq2seqlite.errors import InputError

__all__ = ["ESTIMATOR_GROUP", "MODEL_GROUP", "load_plugin", "plugin_version", "plugins"]

MODEL_GROUP = "seq2seqlite.models"
"""Entry points of functions without parameters, which return a model with a time axis of its own."""
ESTIMATOR_GROUP = "seq2seqlite.estimators"
"""Entry points of functions of ``axis`` and ``irf`` of a measurement, which return an estimator."""


@cache
def plugins(group: str, /) -> dict[str, EntryPoint]:
    """Return the entry points of a group by name, found once per process.

    Parameters
    ----------
    group : str
        :data:`MODEL_GROUP` or :data:`ESTIMATOR_GROUP`.

    See Also
    --------
    load_plugin : Return the predictor of an entry point.
    """
    return {point.name: point for point in entry_points(group=group)}


def load_plugin(group: str, name: str, /, **parameters: Any) -> Any:
    """Return the predictor of an entry point.

    Parameters
    ----------
    group, name : str
        Entry point.
    **parameters
        Parameters of its function.

    Raises
    ------
    InputError
        If the function cannot be imported or called, or does not return a predictor.

    See Also
    --------
    plugin_version : Return name and version of the package of an entry point.
    seq2seqlite.protocols.Predictor : Predictor protocol, which the function must return.
    """
    point = plugins(group)[name]
    try:
        found = point.load()(**parameters)
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"model {name!r} of {plugin_version(group, name)} cannot be loaded ({type(error).__name__}: "
            f"{error}); update or remove that package"
        ) from error
    missing = [
        one for one in ("name", "kind", "axis", "rising_edge_ns", "lifetimes") if not hasattr(found, one)
    ]
    if missing:
        raise InputError(
            f"model {name!r} of {plugin_version(group, name)} lacks {', '.join(missing)}, which predictors "
            "have; update or remove that package"
        )
    return found


def plugin_version(group: str, name: str, /) -> str | None:
    """Return name and version of the package of an entry point; None if there is no such entry point.

    See Also
    --------
    load_plugin : Return the predictor of an entry point.
    """
    point = plugins(group).get(name)
    if point is None:
        return None
    return "an unknown package" if point.dist is None else f"{point.dist.name} {point.dist.version}"
