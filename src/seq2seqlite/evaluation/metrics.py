"""Metrics of decays without IRF, pooled and as the paper defines them, and lifetime errors by photons."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.decay import CHANNELS
from seq2seqlite.maps import STD_OF

__all__ = ["coverage_metrics", "lifetime_metrics", "sfd_metrics"]

PHOTON_BINS = (200.0, 500.0, 1000.0, 2000.0, 5000.0, 10000.0, 20000.0)
# Metrics are given to six significant digits: the order of float32 sums, which differs between CPUs, shows
# beyond them.
SIGNIFICANT_DIGITS = 6


def sfd_metrics(predicted: ArrayLike, truth: ArrayLike, /) -> dict[str, dict[str, float]]:
    """Return RMSE, both definitions of R2, and L2 for each channel.

    Parameters
    ----------
    predicted, truth : array_like, shape (n, 3, n_gates)
        Channels total, short, long.

    Returns
    -------
    dict
        For each channel ``rmse`` and ``r2`` (pooled over decays and gates), ``r2_per_decay`` and ``l2``
        (computed for each decay, then averaged).

    See Also
    --------
    lifetime_metrics : Return the errors of lifetimes, over all decays and by photon count.
    seq2seqlite.evaluation.evaluate_decays : Return a model's metrics on a set of decays.

    Notes
    -----
    ``r2`` is one minus the ratio of two sums over the decays: the squared errors, and the squared deviations
    of the true samples from the mean of their decay. ``r2_per_decay`` is the published definition, the mean
    of the R2 of the decays. A component with an amplitude near zero divides by a deviation near zero there,
    so that a few such decays determine the mean. Decays whose true channel is constant (an absent component)
    have no R2; both definitions leave them out.

    Examples
    --------
    >>> sfd_metrics([[[0.0, 1.0]] * 3], [[[0.0, 2.0]] * 3])["total"]
    {'rmse': 0.707107, 'r2': 0.5, 'r2_per_decay': 0.5, 'l2': 1.0}
    """
    result = {}
    for index, channel in enumerate(CHANNELS):
        true = np.asarray(truth)[:, index].astype(np.float64)
        squared = (np.asarray(predicted)[:, index] - true) ** 2
        per_decay = squared.sum(axis=-1)
        spread = ((true - true.mean(axis=-1, keepdims=True)) ** 2).sum(axis=-1)
        varies = spread > 0
        errors, spreads = per_decay[varies], spread[varies]
        result[channel] = {
            "rmse": _rounded(np.sqrt(squared.mean())),
            "r2": _rounded(1 - errors.sum() / spreads.sum()) if varies.any() else float("nan"),
            "r2_per_decay": _rounded(np.mean(1 - errors / spreads)) if varies.any() else float("nan"),
            "l2": _rounded(np.sqrt(per_decay).mean()),
        }
    return result


def lifetime_metrics(
    predicted: Mapping[str, NDArray[np.floating]],
    truth: Mapping[str, NDArray[np.floating]],
    /,
    *,
    photons: NDArray[np.floating],
) -> dict[str, Any]:
    """Return the errors of lifetimes, over all decays and by photon count.

    Parameters
    ----------
    predicted, truth : mapping of ndarray, shape (n,)
        Values by name, e.g. ``tau_mean_ns``; names that only one of them has are left out.
    photons : ndarray, shape (n,)
        Photons of each decay.

    Returns
    -------
    dict
        For each name ``rmse``, ``median_abs_error``, ``bias``, ``n`` (decays with a finite prediction) and
        ``by_photons``, a list of the same for each range of photons.

    See Also
    --------
    sfd_metrics : Return RMSE, both definitions of R2, and L2 for each channel.
    seq2seqlite.evaluation.evaluate_decays : Return a model's metrics on a set of decays.
    """
    result: dict[str, Any] = {}
    for name in predicted:
        if name not in truth:
            continue
        error = np.asarray(predicted[name], np.float64) - truth[name]
        rows = []
        for low, high in pairwise(PHOTON_BINS):
            chosen = (photons >= low) & (photons < high)
            if chosen.any():
                rows.append({"photons": [low, high], **_errors(error[chosen])})
        result[name] = {**_errors(error), "by_photons": rows}
    return result


def coverage_metrics(
    predicted: Mapping[str, ArrayLike], truth: Mapping[str, ArrayLike], /
) -> dict[str, dict[str, float]]:
    """Return how often the error bars of predicted lifetimes contain the truth.

    Parameters
    ----------
    predicted : mapping of str to array_like, shape (n,)
        Quantities, and their standard errors (``tau_mean_std_ns`` and so on), as far as there are any.
    truth : mapping of str to array_like, shape (n,)
        True quantities. The fraction counts only for decays with two lifetimes.

    Returns
    -------
    dict
        For each quantity with a standard error, the share of decays ``within_one`` and ``within_two``
        standard errors of the truth: 0.683 and 0.954 for right, normal errors.

    See Also
    --------
    lifetime_metrics : Errors of the lifetimes themselves.

    Examples
    --------
    >>> truth = {"tau_mean_ns": [1.0, 2.0]}
    >>> coverage_metrics({"tau_mean_ns": [1.1, 2.3], "tau_mean_std_ns": [0.2, 0.2]}, truth)
    {'tau_mean_ns': {'within_one': 0.5, 'within_two': 1.0}}
    """
    shares = {}
    for quantity, error in STD_OF.items():
        if quantity not in truth or predicted.get(error) is None:
            continue
        std = np.asarray(predicted[error], np.float64)
        sigmas = np.abs(np.asarray(predicted[quantity]) - np.asarray(truth[quantity])) / std
        if quantity == "amplitude_fraction":
            sigmas = sigmas[np.asarray(truth["tau_short_ns"]) < np.asarray(truth["tau_long_ns"])]
        sigmas = sigmas[np.isfinite(sigmas)]
        if sigmas.size:
            shares[quantity] = {
                name: _rounded((sigmas < n).mean()) for n, name in ((1, "within_one"), (2, "within_two"))
            }
    return shares


def _errors(error: NDArray[np.float64]) -> dict[str, Any]:
    finite = error[np.isfinite(error)]
    if not finite.size:
        return {"n": 0, "rmse": float("nan"), "median_abs_error": float("nan"), "bias": float("nan")}
    return {
        "n": int(finite.size),
        "rmse": _rounded(np.sqrt(np.mean(finite**2))),
        "median_abs_error": _rounded(np.median(np.abs(finite))),
        "bias": _rounded(np.mean(finite)),
    }


def _rounded(value: float | np.floating) -> float:
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}")
