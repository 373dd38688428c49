"""Evaluating a model on simulated decays whose truth is known."""

from dataclasses import asdict, fields
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.decay import Lifetimes, TimeAxis, lifetimes_from_sfd, sfd_from_lifetimes
from seq2seqlite.errors import InputError
from seq2seqlite.evaluation.metrics import coverage_metrics, lifetime_metrics, sfd_metrics
from seq2seqlite.maps import STD_OF
from seq2seqlite.models import Network
from seq2seqlite.protocols import Predictor, ResponsePredictor, SfdPredictor, error_maps
from seq2seqlite.simulation.decay_set import REFERENCE_SEED, DecaySet, reference_set
from seq2seqlite.simulation.instrument import Instrument
from seq2seqlite.simulation.simulator import Simulator, measured_response

__all__ = [
    "REFERENCE_DECAYS",
    "evaluate_decays",
    "evaluate_reference",
    "evaluate_responses",
    "same_axis",
]

REFERENCE_DECAYS = 20_000


def evaluate_reference(model: Predictor, instrument: str, /, *, n: int = REFERENCE_DECAYS) -> dict[str, Any]:
    """Return a model's metrics on the seeded reference set of an instrument.

    Parameters
    ----------
    model : Predictor
        Model or estimator.
    instrument : str
        Shipped instrument, or path of a TOML file.
    n : int
        Decays.

    Returns
    -------
    dict
        See :func:`evaluate_decays`.

    See Also
    --------
    evaluate_decays : Return a model's metrics on a set of decays.
    seq2seqlite.simulation.reference_set :
        Return ``n`` decays of an instrument's seeded reference set, whose IRFs are not used in training.
    """
    return evaluate_decays(model, reference_set(instrument, n=n))


def evaluate_decays(model: Predictor, data: DecaySet, /, *, sfd_truth: bool = True) -> dict[str, Any]:
    """Return a model's metrics on a set of decays.

    Parameters
    ----------
    model : Predictor
        Model or estimator.
    data : DecaySet
        Measured or simulated TPSFs; metrics are given for their known true lifetimes.
    sfd_truth : bool
        Whether to compare SFDs. Not for re-binned decays: their lifetimes are known, but their SFDs only
        approximately.

    Returns
    -------
    dict
        ``model``, ``data``, ``n``; with a known truth ``total``, ``short``, ``long`` (:func:`sfd_metrics`;
        for a direct network, of the decay with its two lifetimes; not for estimators), ``lifetime``
        (:func:`lifetime_metrics`) and, for predictions with standard errors, ``coverage``
        (:func:`coverage_metrics`); without a truth the medians of the predictions.

    Raises
    ------
    InputError
        If the axis of the data is not the model's.

    See Also
    --------
    seq2seqlite.evaluate_model :
        Measure the errors of a model or estimator on decays with known lifetimes; the command ``evaluate``.
    evaluate_reference : Return a model's metrics on the seeded reference set of an instrument.
    """
    if not same_axis(model.axis, data.axis):
        raise InputError(
            f"data {data.name} have {data.axis}, model {model.name} takes {model.axis}; re-bin the data"
        )
    sfd = model.sfd(data.tpsf) if sfd_truth and _has_sfd(model) else None
    found = model.lifetimes(data.tpsf) if sfd is None else lifetimes_from_sfd(sfd, axis=model.axis)
    predicted = {field.name: getattr(found, field.name) for field in fields(Lifetimes)}
    errors = {name: getattr(found, name, None) for name in STD_OF.values()}
    if sfd_truth and getattr(model, "direct", False):
        sfd = _sfd_of(predicted, model.axis)
    result: dict[str, Any] = {"model": model.name, "data": data.name, "n": len(data.tpsf)}
    if data.truth is None:
        result["median"] = {name: _median(value) for name, value in predicted.items()}
        return result
    truth = data.truth
    if sfd is not None:
        true_sfd = sfd_from_lifetimes(
            truth.amplitude_fraction, truth.tau_short_ns, truth.tau_long_ns, axis=model.axis
        )
        result.update(sfd_metrics(sfd, true_sfd))
    result["lifetime"] = lifetime_metrics(predicted, asdict(truth), photons=data.tpsf.sum(axis=1))
    if coverage := coverage_metrics(predicted | errors, asdict(truth)):
        result["coverage"] = coverage
    return result


def evaluate_responses(
    model: ResponsePredictor, instrument: Instrument, /, *, n: int = REFERENCE_DECAYS, counts: float = 1e5
) -> dict[str, Any]:
    """Return a model's metrics on an instrument's reference set, with a measured response of each IRF.

    Parameters
    ----------
    model : ResponsePredictor
        Model that uses the response.
    instrument : Instrument
        Instrument.
    n : int
        Number of decays.
    counts : float
        Counts of a measured response.

    Returns
    -------
    dict
        ``total``, ``short``, ``long`` (:func:`sfd_metrics`; for a direct network, of the decay with its two
        lifetimes), ``lifetime`` (:func:`lifetime_metrics`) and, for predictions with standard errors,
        ``coverage`` (:func:`coverage_metrics`).

    See Also
    --------
    evaluate_decays : The same without responses.
    """
    simulator = Simulator(instrument, seed=REFERENCE_SEED, split="reference")
    decays = simulator.decays(n)
    names = [field.name for field in fields(Lifetimes)]
    predicted = {name: np.full(n, np.nan) for name in (*names, *error_maps(model))}
    sfd = np.empty((n, 3, model.axis.n_gates), np.float32) if _has_sfd(model) else None
    used = np.unique(decays.irf_index)
    responses = np.zeros((len(simulator.irfs), instrument.forward_axis.n_gates))
    for index in used:
        irf = simulator.irfs[index]
        responses[index] = measured_response(
            irf, axis=instrument.forward_axis, counts=counts, seed=int(index)
        )
    groups: list[tuple[NDArray[np.bool_] | slice, NDArray[np.float64]]]
    if isinstance(model, Network):  # in one call, with the response of each decay
        groups = [(slice(None), responses[decays.irf_index])]
    else:
        groups = [(decays.irf_index == index, responses[index]) for index in used]
    for chosen, response in groups:
        informed = model.with_response(response)
        found = informed.lifetimes(decays.tpsf[chosen])
        if sfd is not None and _has_sfd(informed):
            sfd[chosen] = informed.sfd(decays.tpsf[chosen])
        for name, values in predicted.items():
            values[chosen] = getattr(found, name)
    truth = {name: getattr(decays, name) for name in names}
    lifetimes = {name: predicted[name] for name in names}
    given = _sfd_of(predicted, model.axis) if sfd is None else sfd
    result = {
        **sfd_metrics(given, simulator.sfd(decays)),
        "lifetime": lifetime_metrics(lifetimes, truth, photons=decays.tpsf.sum(axis=1)),
    }
    coverage = coverage_metrics(predicted, truth)
    return result | ({"coverage": coverage} if coverage else {})


def _sfd_of(found: dict[str, NDArray[Any]], axis: TimeAxis) -> NDArray[np.float64]:
    """Return the decays with predicted lifetimes; a decay without counts is one without photons."""
    known = np.isfinite(found["tau_mean_ns"])
    columns = [
        np.where(known, found[name], fill)
        for name, fill in (("amplitude_fraction", 0.5), ("tau_short_ns", 1.0), ("tau_long_ns", 1.0))
    ]
    return np.asarray(sfd_from_lifetimes(*columns, axis=axis) * known[:, None, None])


def _has_sfd(model: Predictor) -> TypeGuard[SfdPredictor]:
    """Return whether a predictor gives decays without IRF; a direct network only has the method."""
    return isinstance(model, SfdPredictor) and not getattr(model, "direct", False)


def _median(values: NDArray[np.floating]) -> float:
    """Return the median of the finite values; NaN if an estimator gave none."""
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else float("nan")


def same_axis(first: TimeAxis, second: TimeAxis, /) -> bool:
    """Return whether two time axes are equal, apart from rounding in files.

    See Also
    --------
    evaluate_decays : Return a model's metrics on a set of decays.
    seq2seqlite.rebinning.plan_rebinning : Plan the re-binning of a measurement to the time axis of a model.
    """
    return first.n_gates == second.n_gates and bool(
        np.isclose(first.gate_width_ns, second.gate_width_ns, rtol=1e-6)
        and np.isclose(first.period_ns, second.period_ns, rtol=1e-3)
    )
