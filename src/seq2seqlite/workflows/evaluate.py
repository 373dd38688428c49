"""Evaluation of a model or estimator on decays with known lifetimes."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from seq2seqlite.errors import InputError
from seq2seqlite.evaluation.networks import (
    REFERENCE_DECAYS,
    evaluate_decays,
    evaluate_responses,
    same_axis,
)
from seq2seqlite.io.signal import signal_from_counts
from seq2seqlite.predictors.source import predictor_source
from seq2seqlite.protocols import Predictor, ResponsePredictor, TrainedPredictor
from seq2seqlite.provenance import provenance
from seq2seqlite.rebinning.plan import Rebinning, plan_rebinning
from seq2seqlite.simulation.decay_set import DecaySet, read_decay_set, reference_set
from seq2seqlite.simulation.instrument import load_instrument

__all__ = ["evaluate_model"]


def evaluate_model(
    model: str | Path,
    /,
    *,
    reference: str | Path | None = None,
    data: str | Path | DecaySet | None = None,
    backend: str = "auto",
    irf: Path | None = None,
    irf_bin_width_ns: float | None = None,
) -> dict[str, Any]:
    """Measure the errors of a model or estimator on decays with known lifetimes; the command ``evaluate``.

    Parameters
    ----------
    model : str or path
        Shipped model, ``.npz`` or ``.program`` file, or estimator. An estimator uses one IRF for all decays:
        ``irf``, or one fitted to the sum of the decays.
    reference : str or path, optional
        Instrument, or its TOML file, whose simulated reference set of 20,000 decays is used.
    data : path or DecaySet, optional
        Decays to use instead of ``reference``. Decays on another time axis than that of the model are
        re-binned, and the metrics of the SFD are then omitted.
    backend, irf, irf_bin_width_ns
        As for :func:`~seq2seqlite.predictors.source.predictor_source`.

    Returns
    -------
    dict
        Metrics (:func:`~seq2seqlite.evaluation.evaluate_decays`), ``parameters``, the number of weights (None
        for an estimator), ``provenance``, for re-binned decays ``rebinning``, and for a network that uses the
        response, on a reference set, ``response_given``: the metrics with a measured response of each IRF.

    Raises
    ------
    InputError
        If not exactly one of ``reference`` and ``data`` is passed, or if one of the inputs is invalid.

    See Also
    --------
    seq2seqlite.evaluation.evaluate_decays : The same for a predictor and decays in memory.
    seq2seqlite.compare_accuracy : Comparison of several predictors with the Cramér-Rao bound.

    Examples
    --------
    >>> from seq2seqlite.simulation import reference_set
    >>> decays = reference_set("tcspc-80mhz", n=200)
    >>> result = evaluate_model("seq2seqlite-tcspc-80mhz-int8", data=decays)
    >>> 0.05 < result["lifetime"]["tau_mean_ns"]["rmse"] < 0.5
    True
    """
    if (reference is None) == (data is None):
        raise InputError("pass either reference=INSTRUMENT or data=FILE, but not both")
    source = predictor_source(model, backend=backend, irf=irf, irf_bin_width_ns=irf_bin_width_ns)
    decays = _decays(reference, data)
    predictor = source.on_axis(decays.axis, decays.tpsf.sum(axis=0))
    if data is not None and not same_axis(predictor.axis, decays.axis):
        decays, rebinning = _rebinned(decays, predictor)
        metrics = evaluate_decays(predictor, decays, sfd_truth=False) | {"rebinning": rebinning.json_fields}
    else:
        metrics = evaluate_decays(predictor, decays)
    measured = predictor if isinstance(predictor, ResponsePredictor) and predictor.uses_response else None
    if reference is not None and irf is None and measured is not None:
        metrics["response_given"] = evaluate_responses(measured, load_instrument(reference))
    return {**metrics, "parameters": _parameters(predictor), "provenance": provenance()}


def _decays(reference: str | Path | None, data: str | Path | DecaySet | None) -> DecaySet:
    if isinstance(data, DecaySet):
        return data
    if data is not None:
        return read_decay_set(data)
    assert reference is not None
    return reference_set(reference, n=REFERENCE_DECAYS)


def _rebinned(decays: DecaySet, predictor: Predictor) -> tuple[DecaySet, Rebinning]:
    """Return decays on the time axis of a predictor, with one re-binning for all, as for an image."""
    signal = signal_from_counts(
        decays.tpsf,
        source=decays.name,
        file_format="decays",
        gate_width_ns=decays.axis.gate_width_ns,
        period_ns=decays.axis.period_ns,
    )
    rebinner = plan_rebinning(
        signal,
        decay=decays.tpsf.sum(axis=0),
        axis=predictor.axis,
        edge_ns=predictor.rising_edge_ns,
        model=predictor.name,
    )
    tpsf = rebinner.apply(decays.tpsf).astype(np.float32)
    return replace(decays, tpsf=tpsf, axis=predictor.axis), rebinner.done


def _parameters(predictor: Predictor) -> int | None:
    """Return the number of weights of a model; None for an estimator."""
    return predictor.n_parameters if isinstance(predictor, TrainedPredictor) else None
