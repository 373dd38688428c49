"""Response of a measurement, from its summed decay, with and without the gates of a camera."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from seq2seqlite.decay import (
    Gate,
    GatedIrf,
    Irf,
    IrfBank,
    MeasuredIrf,
    ParametricIrf,
    TimeAxis,
    harmonics_needed,
    rising_edge_ns,
)
from seq2seqlite.errors import InputError
from seq2seqlite.estimators.estimate import expected_edge_ns
from seq2seqlite.responses.irf_fit import SummedDecay, aligned_irf, fit_irf, searched

__all__ = ["PlacedIrf", "fit_gated_irf", "placed_irf"]

# Starting 10-90 % times of the edges of a gate, as a share of its length.
STARTING_EDGES = (0.05, 0.15)
# The length of a gate is known: the fit may change it by up to this share.
LENGTH_REACH = 0.2
# Width of the pulse itself, in gate steps: it cannot be distinguished from the steepness of the edges.
PULSE_STEPS = 0.5
SHARPEST_STEPS = 0.15


@dataclass(frozen=True)
class PlacedIrf:
    """Response with the delay of a measurement, and the axis for forward models with it.

    Parameters
    ----------
    irf : Irf
        Response; of a camera, with its gates.
    axis : TimeAxis
        Time axis; sampled if the response includes the gates.
    origin : str
        ``fitted``, ``aligned`` or ``fixed``.
    shift_ns : float or None
        Delay that was added to a measured response, in ns; None for a fitted one.

    See Also
    --------
    placed_irf : Function that returns it.
    """

    irf: Irf
    axis: TimeAxis
    origin: str
    shift_ns: float | None = None

    def background(self, decay: ArrayLike, /) -> float:
        """Return the share of background in a summed decay, shape (n_gates,), fitted with this response."""
        n_harmonics = harmonics_needed(self.irf.narrowest_sigma_ns, period_ns=self.axis.period_ns)
        return SummedDecay.of(decay, self.axis, n_harmonics).background(self.irf)

    def described(self, delay_ns: float = 0.0, /) -> dict[str, Any]:
        """Return how the response was obtained, ready for JSON.

        Parameters
        ----------
        delay_ns : float
            Delay of the axis of the response against that of the measurement, which is not part of the shift.
        """
        half = self.axis.period_ns / 2
        shift = self.shift_ns
        if shift is not None:
            shift = round((shift - delay_ns + half) % self.axis.period_ns - half, 4)
        return {"origin": self.origin, "shift_ns": shift}


def placed_irf(
    decay: ArrayLike,
    /,
    *,
    axis: TimeAxis,
    measured: Irf | None = None,
    gate_length_ns: float | None = None,
    shift_ns: float | None = None,
    scatter: bool = False,
) -> PlacedIrf:
    """Return the response for a measurement: the measured one with the right delay, or a fitted one.

    Parameters
    ----------
    decay : array_like, shape (n_gates,)
        Summed decay, in counts.
    axis : TimeAxis
        Gates of the decay.
    measured : Irf, optional
        Measured response with any delay; of a camera, measured through its gates. Default: one is fitted.
    gate_length_ns : float, optional
        Length of the gates of a camera, in ns.
    shift_ns : float, optional
        Delay to add to the measured response; default: the one that fits the decay best.
    scatter : bool
        Whether the decay may contain scattered excitation light; only with a measured response.

    Raises
    ------
    InputError
        If the decay has no photons or does not match the axis, or the gate or the measured response is longer
        than the period.

    See Also
    --------
    aligned_irf : Align a known response.
    fit_irf : Fit an unknown IRF.
    fit_gated_irf : Fit an unknown response of a camera with gates.

    Examples
    --------
    >>> from seq2seqlite.decay import expected_tpsf
    >>> axis = TimeAxis(125, 0.1, 12.5)
    >>> decay = expected_tpsf([1.0], [2.0], axis=axis, irf=ParametricIrf(4.0, 0.2), photons=1e5)
    >>> placed = placed_irf(decay, axis=axis, measured=ParametricIrf(1.0, 0.2))
    >>> placed.origin, round(placed.shift_ns, 2)
    ('aligned', 3.0)
    """
    sampled = axis if gate_length_ns is None else axis.sampled()
    if measured is None:
        if gate_length_ns is None:
            return PlacedIrf(fit_irf(decay, axis=axis), axis, "fitted")
        return PlacedIrf(fit_gated_irf(decay, axis=axis, gate_length_ns=gate_length_ns), sampled, "fitted")
    _check_span(measured, axis)
    if gate_length_ns is not None and isinstance(measured, MeasuredIrf | IrfBank):
        measured = measured.sampled()
    if shift_ns is not None:
        return PlacedIrf(measured.moved(shift_ns), sampled, "fixed", shift_ns)
    found = aligned_irf(measured, decay, axis=sampled, scatter=scatter)
    return PlacedIrf(found, sampled, "aligned", float(found.mean_ns - measured.mean_ns))


def _check_span(irf: Irf, axis: TimeAxis) -> None:
    for one in irf.irfs if isinstance(irf, IrfBank) else (irf,):
        if isinstance(one, MeasuredIrf) and one.span_ns > axis.period_ns:
            raise InputError(
                f"the measured IRF extends over {one.span_ns:.4g} ns, longer than the laser period of "
                f"{axis.period_ns:g} ns; check its bin width, or pass irf_range_ns"
            )


def fit_gated_irf(decay: ArrayLike, /, *, axis: TimeAxis, gate_length_ns: float) -> GatedIrf:
    """Return the response of a camera that fits a decay best, for data without a measured response.

    Parameters
    ----------
    decay : array_like, shape (n_gates,)
        Summed decay of an image, in counts; at least ten thousand photons.
    axis : TimeAxis
        Gates of the decay; their length is the parameter below.
    gate_length_ns : float
        Length of the gates as set at the camera, in ns.

    Returns
    -------
    GatedIrf
        Response for ``axis.sampled()``.

    Raises
    ------
    InputError
        If the decay has no photons or no rising edge, does not match the axis, or the gate is longer than the
        period.

    See Also
    --------
    fit_irf : The same for instruments without gates.

    Notes
    -----
    The fit maximises the likelihood over the delay, the length of the gates (within 20 %) and the steepness
    of both edges. For each trial a sum of exponentials and a background are fitted to the decay. Where the
    gate closes, the signal rises within the closing edge; where it opens, the curve has a kink.

    Examples
    --------
    >>> from seq2seqlite.decay import expected_tpsf
    >>> axis = TimeAxis(67, 0.18, 12.33)
    >>> true = GatedIrf(ParametricIrf(8.0, 0.2), Gate(6.0, 0.3, 0.6))
    >>> decay = expected_tpsf([1.0], [2.0], axis=axis.sampled(), irf=true, photons=1e8)
    >>> round(fit_gated_irf(decay, axis=axis, gate_length_ns=5.8).gate.length_ns, 1)
    6.0
    """
    if not 0 < gate_length_ns <= axis.period_ns:
        raise InputError(
            f"gate_length_ns={gate_length_ns} must be > 0 and <= the laser period of {axis.period_ns:g} ns"
        )
    sampled = axis.sampled()
    step = axis.gate_width_ns
    n_harmonics = harmonics_needed(PULSE_STEPS * step / 2.355, period_ns=axis.period_ns)
    measured = SummedDecay.of(decay, sampled, n_harmonics)
    edge_ns = rising_edge_ns(measured.counts, bin_width_ns=step)
    trial_ns = gate_length_ns + axis.window_ns / 4  # the first gates with signal are within the window
    reach = min(LENGTH_REACH, 1 - 1e-6 if gate_length_ns * (1 + LENGTH_REACH) <= axis.period_ns else 0.0)

    def irf_of(x: NDArray[np.float64]) -> GatedIrf:
        length = gate_length_ns * (1 + reach * np.tanh(x[1]))
        rise, fall = SHARPEST_STEPS * step + np.exp(np.clip(x[2:], -6, np.log(length / 2)))
        return GatedIrf(
            ParametricIrf(float(x[0]), PULSE_STEPS * step), Gate(float(length), float(rise), float(fall))
        )

    def deviance(x: NDArray[np.float64]) -> float:
        return measured.deviance(irf_of(x).coefficients(n_harmonics, period_ns=axis.period_ns))

    with threadpool_limits(1, user_api="blas"):
        found = []
        for share in STARTING_EDGES:
            start = np.array([trial_ns, 0.0, *np.log([share * gate_length_ns] * 2)])
            start[0] += edge_ns - expected_edge_ns(sampled, irf_of(start))
            found.append(searched(deviance, start, np.array([step, 0.3, 0.7, 0.7])))
    return irf_of(min(found, key=lambda result: result.fun).x)
