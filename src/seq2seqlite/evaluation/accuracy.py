"""Errors of predictors on the same decays, as rows of a table."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.decay import Decay, Irf, Lifetimes
from seq2seqlite.evaluation.conditions import LIFETIMES_NS, Conditions, SimulatedDecays, simulated_decays
from seq2seqlite.maps import STD_OF
from seq2seqlite.protocols import Predictor, ResponsePredictor, TrainedPredictor
from seq2seqlite.simulation.instrument import Instrument

__all__ = [
    "ROW_KEYS",
    "Measured",
    "PredictorOf",
    "answered_shares",
    "component_rows",
    "errors_over_bound",
    "measure",
    "mono_rows",
]

ROW_KEYS = (
    "predictor",
    "instrument",
    "photons",
    "tau_ns",
    "bias_ns",
    "std_ns",
    "rmse_ns",
    "rmse_over_crlb",
    "pixels_per_second",
    "quantity",
    "coverage_68",
    "coverage_95",
    "response",
)
# Lifetimes over which the errors of a network are summarised.
MEDIAN_NS = (0.5, 2.5)
QUANTITIES = ("tau_mean_ns", "tau_short_ns", "tau_long_ns", "amplitude_fraction")


PredictorOf = Callable[[Irf], Predictor]
"""Function that creates a predictor for decays with a given IRF; networks ignore the IRF."""


@dataclass(frozen=True)
class Measured:
    """Predictions of one predictor.

    Parameters
    ----------
    errors : dict of ndarray
        Prediction minus truth by quantity, decay and number of photons; NaN for a missing prediction.
    bounds : dict of float
        Root mean square of the bounds over the IRFs, with the same keys.
    pixels_per_second : float
        Number of decays predicted per second, without the first IRF, which includes compilation.
    components : bool
        Whether the predictor estimates two lifetimes.
    coverage : dict of tuple
        Share of the predictions that are within one and within two standard errors of the truth, with the
        same keys; only for quantities with a standard error.
    response : str
        ``given`` or ``unknown``: whether the predictor knows the response of the instrument.
    """

    errors: dict[tuple[str, int, int], NDArray[np.float64]]
    bounds: dict[tuple[str, int, int], float]
    pixels_per_second: float
    components: bool
    coverage: dict[tuple[str, int, int], tuple[float, float]] = field(default_factory=dict)
    response: str = "unknown"


def measure(
    conditions: Conditions,
    predictors: Mapping[str, PredictorOf],
    /,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Measured]:
    """Return the errors of each predictor on the same decays.

    Parameters
    ----------
    conditions : Conditions
        Conditions that specify the decays.
    predictors : mapping of str to callable
        Functions that create predictors, by name.
    progress : callable, optional
        Called with the number of finished predictions and the number of all predictions.

    See Also
    --------
    mono_rows : Table rows of decays with one lifetime.
    component_rows : Table rows of decays with two lifetimes.
    """
    found: dict[str, list[Lifetimes]] = {name: [] for name in predictors}
    seconds: dict[str, list[float]] = {name: [] for name in predictors}
    responses: dict[str, str] = {}
    sets: list[SimulatedDecays] = []
    for decays in simulated_decays(conditions):
        sets.append(decays)
        for index, (name, predictor_of) in enumerate(predictors.items()):
            predictor = predictor_of(decays.irf)
            responses[name] = "given" if _knows_response(predictor) else "unknown"
            predictor.lifetimes(decays.tpsf[:1])  # build tables and compile before timing
            began = time.perf_counter()
            found[name].append(predictor.lifetimes(decays.tpsf))
            seconds[name].append(time.perf_counter() - began)
            if progress is not None:
                progress((len(sets) - 1) * len(predictors) + index + 1, conditions.n_irfs * len(predictors))
    bounds = _bounds(conditions, sets)
    return {
        name: Measured(
            _errors(conditions, sets, found[name]),
            bounds,
            _rate(len(sets[0].tpsf), seconds[name]),
            any((one.tau_short_ns < one.tau_long_ns).any() for one in found[name]),
            _coverage(conditions, sets, found[name]),
            responses[name],
        )
        for name in predictors
    }


def mono_rows(conditions: Conditions, measured: Mapping[str, Measured], /) -> list[dict[str, Any]]:
    """Return the table rows of decays with one lifetime, with the keys :data:`ROW_KEYS`.

    Parameters
    ----------
    conditions : Conditions
        Conditions of the comparison.
    measured : mapping of str to Measured
        Result of :func:`measure`.

    See Also
    --------
    component_rows : Table rows of decays with two lifetimes.
    """
    rows = []
    for name, result in measured.items():
        for d, p in _cells(conditions, mono=True):
            figures = _figures(result, ("tau_mean_ns", d, p))
            values = (
                name, conditions.instrument.name, conditions.photons[p], conditions.decays[d].tau_mean_ns,
                figures["bias"], figures["std"], figures["rmse"], figures["over_bound"],
                result.pixels_per_second, "tau_mean_ns",
                *_covered(result, ("tau_mean_ns", d, p)), result.response,
            )  # fmt: skip
            rows.append(dict(zip(ROW_KEYS, values, strict=True)))
    return rows


def answered_shares(
    conditions: Conditions, measured: Mapping[str, Measured], /
) -> dict[tuple[str, float, float], float]:
    """Return the share of decays with one lifetime for which a predictor returned a value.

    Parameters
    ----------
    conditions, measured
        As for :func:`mono_rows`.

    Returns
    -------
    dict
        Shares by predictor, photons and lifetime. The errors of :func:`mono_rows` include only these decays.
    """
    return {
        (name, conditions.photons[p], conditions.decays[d].tau_mean_ns): _figures(
            result, ("tau_mean_ns", d, p)
        )["predicted"]
        for name, result in measured.items()
        for d, p in _cells(conditions, mono=True)
    }


def errors_over_bound(
    predictor: Predictor,
    instrument: Instrument,
    /,
    *,
    photons: tuple[float, ...] = (1000.0, 10000.0),
    repeats: int = 1000,
) -> dict[str, float]:
    """Return the error of the mean lifetime in units of its Cramér-Rao bound, by the number of photons.

    Parameters
    ----------
    predictor : Predictor
        Predictor that does not use the response.
    instrument : Instrument
        Instrument.
    photons : tuple of float
        Expected counts in the window, background included.
    repeats : int
        Number of measurements of each decay at each number of photons.

    Returns
    -------
    dict
        Median over the lifetimes from 0.5 to 2.5 ns of the root mean square error over the bound, under the
        other defaults of :class:`Conditions`. The keys are the numbers of photons as text.

    See Also
    --------
    mono_rows : The same for each lifetime.
    """
    chosen = tuple(Decay(tau, tau) for tau in LIFETIMES_NS if MEDIAN_NS[0] <= tau <= MEDIAN_NS[1])
    conditions = Conditions(instrument, photons=photons, decays=chosen, repeats=repeats)
    rows = mono_rows(conditions, measure(conditions, {"": lambda _: predictor}))
    return {
        f"{level:g}": float(np.median([row["rmse_over_crlb"] for row in rows if row["photons"] == level]))
        for level in photons
    }


def component_rows(conditions: Conditions, measured: Mapping[str, Measured], /) -> list[dict[str, Any]]:
    """Return the table rows of decays with two lifetimes: bias, spread and error of each quantity.

    Parameters
    ----------
    conditions, measured
        As for :func:`mono_rows`.

    Returns
    -------
    list of dict
        ``predictor``, ``instrument``, ``photons``, the decay's ``tau_short_ns``, ``tau_long_ns`` and
        ``amplitude_fraction``, ``quantity``, ``bias``, ``std``, ``rmse``, ``rmse_over_crlb``, ``predicted``,
        the share of decays with a value, and ``response``, ``coverage_68`` and ``coverage_95`` as in
        :data:`ROW_KEYS`. Predictors of one lifetime only have rows of the
        mean.

    See Also
    --------
    mono_rows : Table rows of decays with one lifetime.
    """
    rows = []
    for name, result in measured.items():
        for d, p in _cells(conditions, mono=False):
            decay = conditions.decays[d]
            for quantity in QUANTITIES if result.components else QUANTITIES[:1]:
                figures = _figures(result, (quantity, d, p))
                rows.append({
                    "predictor": name, "instrument": conditions.instrument.name,
                    "photons": conditions.photons[p], "tau_short_ns": decay.tau_short_ns,
                    "tau_long_ns": decay.tau_long_ns, "amplitude_fraction": decay.amplitude_fraction,
                    "quantity": quantity, "bias": figures["bias"], "std": figures["std"],
                    "rmse": figures["rmse"], "rmse_over_crlb": figures["over_bound"],
                    "predicted": figures["predicted"], "response": result.response,
                    "coverage_68": _covered(result, (quantity, d, p))[0],
                    "coverage_95": _covered(result, (quantity, d, p))[1],
                })  # fmt: skip
    return rows


def _covered(result: Measured, key: tuple[str, int, int]) -> tuple[float | None, float | None]:
    return result.coverage.get(key, (None, None))


def _knows_response(predictor: Predictor) -> bool:
    """Return whether a predictor knows the response: estimators do, a network if it was given."""
    if isinstance(predictor, ResponsePredictor):
        return predictor.response_given
    return not isinstance(predictor, TrainedPredictor)


def _coverage(
    conditions: Conditions, sets: list[SimulatedDecays], found: list[Lifetimes]
) -> dict[tuple[str, int, int], tuple[float, float]]:
    coverage = {}
    for quantity, attribute in STD_OF.items():
        if any(getattr(one, attribute, None) is None for one in found):
            continue
        value = np.stack([getattr(one, quantity) for one in found])
        std = np.stack([getattr(one, attribute) for one in found])
        for d, decay in enumerate(conditions.decays):
            for p in range(len(conditions.photons)):
                chosen = (sets[0].decay == d) & (sets[0].level == p)
                sigmas = np.abs(value[:, chosen] - getattr(decay, quantity)) / std[:, chosen]
                sigmas = sigmas[np.isfinite(sigmas)]
                shares = ((sigmas < count).mean() if sigmas.size else np.nan for count in (1, 2))
                one, two = (float(share) for share in shares)
                coverage[quantity, d, p] = (one, two)
    return coverage


def _cells(conditions: Conditions, *, mono: bool) -> Iterable[tuple[int, int]]:
    return [
        (d, p)
        for d, decay in enumerate(conditions.decays)
        for p in range(len(conditions.photons))
        if decay.mono == mono
    ]


def _figures(result: Measured, key: tuple[str, int, int]) -> dict[str, float]:
    error = result.errors[key]
    finite = error[np.isfinite(error)]
    if not finite.size:
        return {"bias": np.nan, "std": np.nan, "rmse": np.nan, "over_bound": np.nan, "predicted": 0.0}
    rmse = float(np.sqrt(np.mean(finite**2)))
    return {
        "bias": float(finite.mean()),
        "std": float(finite.std()),
        "rmse": rmse,
        "over_bound": rmse / result.bounds[key],
        "predicted": finite.size / error.size,
    }


def _errors(
    conditions: Conditions, sets: list[SimulatedDecays], found: list[Lifetimes]
) -> dict[tuple[str, int, int], NDArray[np.float64]]:
    errors = {}
    for d, decay in enumerate(conditions.decays):
        for p in range(len(conditions.photons)):
            chosen = (sets[0].decay == d) & (sets[0].level == p)
            for quantity in QUANTITIES:
                predicted = np.concatenate([getattr(one, quantity)[chosen] for one in found])
                errors[quantity, d, p] = predicted.astype(np.float64) - getattr(decay, quantity)
    return errors


def _bounds(conditions: Conditions, sets: list[SimulatedDecays]) -> dict[tuple[str, int, int], float]:
    return {
        (quantity, d, p): float(
            np.sqrt(np.mean([getattr(one.bounds[d, p], quantity).item() ** 2 for one in sets]))
        )
        for quantity in QUANTITIES
        for d in range(len(conditions.decays))
        for p in range(len(conditions.photons))
    }


def _rate(n: int, seconds: list[float]) -> float:
    used = seconds[1:] or seconds
    return n * len(used) / sum(used)
