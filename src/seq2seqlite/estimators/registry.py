"""Estimators by the names used on the command line and in the accuracy table."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.decay import Irf, TimeAxis
from seq2seqlite.errors import InputError
from seq2seqlite.estimators.centre_of_mass import CentreOfMass
from seq2seqlite.estimators.estimate import required_irf
from seq2seqlite.estimators.phasor import Phasor
from seq2seqlite.estimators.rapid_lifetime import RapidLifetime

__all__ = ["ESTIMATORS", "estimator_named", "shared_fit"]


def _maximum_likelihood(axis: TimeAxis, irf: Irf, components: int, options: dict[str, Any]) -> Any:
    from seq2seqlite.estimators.maximum_likelihood import MaximumLikelihood

    return MaximumLikelihood(axis, irf, components=components, **options)


ESTIMATORS: dict[str, Callable[..., Any]] = {
    "centre-of-mass": CentreOfMass,
    "rld-2": lambda axis, irf: RapidLifetime(axis, irf, n_gates=2),
    "rld-3": lambda axis, irf: RapidLifetime(axis, irf, n_gates=3),
    "phasor": Phasor,
    "mle-mono": lambda axis, irf, **options: _maximum_likelihood(axis, irf, 1, options),
    "mle-bi": lambda axis, irf, **options: _maximum_likelihood(axis, irf, 2, options),
    "mle-tri": lambda axis, irf, **options: _maximum_likelihood(axis, irf, 3, options),
}
"""Functions that create an estimator from a time axis and an IRF, by name."""


def estimator_named(name: str, /, *, axis: TimeAxis, irf: Irf | None, **options: Any) -> Any:
    """Return an estimator by name.

    Parameters
    ----------
    name : str
        One of :data:`ESTIMATORS`.
    axis : TimeAxis
        Gates and laser period.
    irf : Irf
        Instrument response, aligned with the data.
    **options
        Options of maximum likelihood; the other estimators have none.

    Raises
    ------
    InputError
        If the name is unknown or the IRF is missing.

    See Also
    --------
    seq2seqlite.load_predictor : Load networks and estimators by name.

    Examples
    --------
    >>> from seq2seqlite.decay import ParametricIrf
    >>> estimator_named("rld-3", axis=TimeAxis(135, 0.09, 12.5), irf=ParametricIrf(1.5, 0.2)).kind
    'closed form'
    """
    if name not in ESTIMATORS:
        raise InputError(f"estimator {name!r} is unknown; choose one of {', '.join(ESTIMATORS)}")
    return ESTIMATORS[name](axis, required_irf(irf, name), **options)


def shared_fit(fits: Sequence[Any], decays: Sequence[NDArray[Any]], /) -> Any:
    """Return the fit of decays that share their lifetimes.

    Parameters
    ----------
    fits : sequence of MaximumLikelihood
        Estimator of each decay, with free lifetimes.
    decays : sequence of ndarray, shape (n_gates,)
        Decays, e.g. the summed decays of images.

    Returns
    -------
    seq2seqlite.estimators.shared_lifetimes.SharedFit

    See Also
    --------
    seq2seqlite.estimators.shared_lifetimes.fit_shared_lifetimes : The same for the pixels of images.
    """
    from seq2seqlite.estimators.shared_lifetimes import fit_shared_lifetimes

    return fit_shared_lifetimes(fits, [np.asarray(decay)[None] for decay in decays])
