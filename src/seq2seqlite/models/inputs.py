"""Columns of a network's input that are computed from the response of the instrument."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.decay import TimeAxis
from seq2seqlite.errors import InputError

__all__ = ["response_columns"]

# Columns of pulses and of gates of several nanoseconds then have peaks between 0.4 and 3.
NORM = 3.0


def response_columns(
    response: ArrayLike, lifetimes_ns: Sequence[float], /, *, axis: TimeAxis
) -> NDArray[np.float32]:
    """Return a response as columns of a network's input: what decays of given lifetimes look like through it.

    Parameters
    ----------
    response : array_like, shape (..., n_gates)
        Response of the instrument, gate by gate, in counts; zeros where it is unknown.
    lifetimes_ns : sequence of float
        Lifetimes, in ns; 0 for the response itself.
    axis : TimeAxis
        Gates of the response.

    Returns
    -------
    ndarray of float32, shape (..., n_gates, n_lifetimes)
        Columns with a Euclidean norm of 3, or zeros for an unknown response. The background of the response,
        the median of the lower half of its gates, is subtracted.

    Raises
    ------
    InputError
        If the response does not match the axis, or has negative or non-finite counts.

    See Also
    --------
    seq2seqlite.decay.normalise_tpsf : Normalisation of the TPSF.

    Notes
    -----
    A column is the convolution of the response with an exponential, sampled at the gates and summed over all
    earlier laser pulses. A smooth curve that a decay can be compared with gate by gate says more to a small
    network than the response does, and it averages the noise of a measured response. The norm averages it,
    too: the peak of a gate of 3 ns, measured with 1,000 counts, is a third too high by noise alone.

    Examples
    --------
    >>> axis = TimeAxis(4, 1.0, 4.0)
    >>> response_columns([0, 8, 0, 0], [0.0, 1.0], axis=axis)[:, 1].round(3)
    array([0.139, 2.79 , 1.026, 0.378], dtype=float32)
    """
    counts = np.asarray(response, np.float64)
    if not counts.ndim or counts.shape[-1] != axis.n_gates:
        raise InputError(f"a response of shape {counts.shape} must have n_gates={axis.n_gates} gates")
    if not (np.isfinite(counts).all() and (counts >= 0).all()):
        raise InputError("a response has negative or non-finite counts; export it again as counts")
    lower = np.sort(counts, axis=-1)[..., : max(1, axis.n_gates // 2)]
    signal = np.clip(counts - np.median(lower, axis=-1, keepdims=True), 0, None)
    columns = [_normalised(_convolved(signal, float(tau), axis)) for tau in lifetimes_ns]
    return np.stack(columns, axis=-1).astype(np.float32)


def _convolved(signal: NDArray[np.float64], tau_ns: float, axis: TimeAxis) -> NDArray[np.float64]:
    if tau_ns == 0:
        return signal
    step = np.exp(-axis.gate_width_ns / tau_ns)
    # Over the part of the period that the gates do not cover, the curve decays.
    rest = np.exp(-max(axis.period_ns - axis.window_ns, 0.0) / tau_ns)
    found = np.empty_like(signal)
    level = np.zeros(signal.shape[:-1])
    for gate in range(axis.n_gates):  # the first period
        level = level * step + signal[..., gate]
    level *= rest / (1 - step**axis.n_gates * rest)  # steady state at the first gate: all earlier periods
    for gate in range(axis.n_gates):
        level = level * step + signal[..., gate]
        found[..., gate] = level
    return found


def _normalised(values: NDArray[np.float64]) -> NDArray[np.float64]:
    norm = np.sqrt((values**2).sum(axis=-1, keepdims=True))
    return np.asarray(np.divide(NORM * values, norm, out=np.zeros_like(values), where=norm > 0))
