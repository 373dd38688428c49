"""Fluorescence decay without IRF (SFD), the output of the networks, and lifetimes computed from it."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.decay.axis import TimeAxis
from seq2seqlite.errors import InputError

__all__ = [
    "CHANNELS",
    "MIN_COMPONENT_SHARE",
    "Lifetimes",
    "LifetimesWithErrors",
    "intensity_fraction_from_amplitude",
    "amplitude_fraction_from_intensity",
    "lifetimes_from_areas",
    "lifetimes_from_sfd",
    "present_components",
    "sfd_from_lifetimes",
    "tau_from_area_ratio",
]

CHANNELS = ("total", "short", "long")
# A component whose first sample is below this share of the total's is absent: its lifetime would be noise.
MIN_COMPONENT_SHARE = 0.02
TABLE_POINTS = 8192


@dataclass(frozen=True)
class Lifetimes:
    """Lifetimes of decays, as four arrays of equal shape.

    Parameters
    ----------
    tau_mean_ns : ndarray
        Amplitude-weighted mean lifetime, in ns.
    tau_short_ns, tau_long_ns : ndarray
        Lifetimes of the components, in ns; NaN for an absent component.
    amplitude_fraction : ndarray
        Share of the short component in the amplitude at time zero (not in the photons), 0 to 1.

    See Also
    --------
    lifetimes_from_sfd : Return the lifetimes of decays without IRF.
    seq2seqlite.maps.map_dataset : Return maps as a dataset with dims ('Y', 'X'), each with its unit.
    """

    tau_mean_ns: NDArray[np.floating]
    tau_short_ns: NDArray[np.floating]
    tau_long_ns: NDArray[np.floating]
    amplitude_fraction: NDArray[np.floating]

    def components(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return amplitudes and lifetimes of the components, in ns, in increasing order of the lifetimes.

        Returns
        -------
        amplitudes : ndarray, shape (..., n_components)
            Amplitudes with a sum of 1; 0 for an absent component.
        taus_ns : ndarray, shape (..., n_components)
            Lifetimes; 1 for an absent component.
        """
        fraction = np.asarray(self.amplitude_fraction)
        return present_components([fraction, 1 - fraction], [self.tau_short_ns, self.tau_long_ns])

    def at(self, rows: NDArray[Any], /) -> Self:
        """Return the lifetimes of some decays, selected by index or by a mask."""
        arrays = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{name: array[rows] for name, array in arrays.items() if array is not None})

    def without(self, dark: NDArray[np.bool_], /) -> "Lifetimes":
        """Return the lifetimes with NaN where ``dark`` is true.

        Parameters
        ----------
        dark : ndarray of bool
            True for decays below threshold; same shape as the arrays.
        """
        if not dark.any():
            return self
        return Lifetimes(
            *(
                np.where(dark, np.nan, values)
                for values in (self.tau_mean_ns, self.tau_short_ns, self.tau_long_ns, self.amplitude_fraction)
            )
        )


@dataclass(frozen=True)
class LifetimesWithErrors(Lifetimes):
    """Lifetimes of decays with the standard error of each, as arrays of equal shape.

    Parameters
    ----------
    tau_mean_std_ns, tau_short_std_ns, tau_long_std_ns : ndarray
        Standard errors of the lifetimes, in ns.
    amplitude_fraction_std : ndarray
        Standard error of the amplitude fraction.

    See Also
    --------
    Lifetimes : The same without errors.
    """

    tau_mean_std_ns: NDArray[np.floating]
    tau_short_std_ns: NDArray[np.floating]
    tau_long_std_ns: NDArray[np.floating]
    amplitude_fraction_std: NDArray[np.floating]

    def without(self, dark: NDArray[np.bool_], /) -> "LifetimesWithErrors":
        """Return lifetimes and errors with NaN where ``dark`` is true."""
        if not dark.any():
            return self
        return LifetimesWithErrors(
            *(np.where(dark, np.nan, getattr(self, field.name)) for field in fields(self))
        )


def present_components(
    fractions: Sequence[ArrayLike], taus_ns: Sequence[ArrayLike], /
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the result of :meth:`Lifetimes.components` from the arrays of each component.

    See Also
    --------
    Lifetimes : Lifetimes of decays, as four arrays of equal shape.
    """
    amplitudes, taus = (np.stack(part, axis=-1).astype(np.float64) for part in (fractions, taus_ns))
    present = np.isfinite(taus) & np.isfinite(amplitudes) & (taus > 0) & (amplitudes > 0)
    return np.where(present, amplitudes, 0.0), np.where(present, taus, 1.0)


def intensity_fraction_from_amplitude(
    amplitude_fraction: ArrayLike, /, *, tau_short_ns: ArrayLike, tau_long_ns: ArrayLike
) -> NDArray[np.float64]:
    """Return the share of the photons emitted by the short component.

    Parameters
    ----------
    amplitude_fraction : array_like, shape (...)
        Share of the short component in the amplitude at time zero.
    tau_short_ns, tau_long_ns : array_like, shape (...)
        Lifetimes, in ns.

    Returns
    -------
    ndarray, shape (...)

    See Also
    --------
    amplitude_fraction_from_intensity : Inverse function.

    Examples
    --------
    >>> round(intensity_fraction_from_amplitude(0.5, tau_short_ns=1.0, tau_long_ns=3.0).item(), 6)
    0.25
    """
    a = np.asarray(amplitude_fraction, np.float64)
    short, long = a * np.asarray(tau_short_ns), (1 - a) * np.asarray(tau_long_ns)
    return np.asarray(short / (short + long))


def amplitude_fraction_from_intensity(
    intensity_fraction: ArrayLike, /, *, tau_short_ns: ArrayLike, tau_long_ns: ArrayLike
) -> NDArray[np.float64]:
    """Return the short component's share of the amplitude from its share of the photons.

    See Also
    --------
    intensity_fraction_from_amplitude : Inverse function.

    Examples
    --------
    >>> round(amplitude_fraction_from_intensity(0.25, tau_short_ns=1.0, tau_long_ns=3.0).item(), 6)
    0.5
    """
    f = np.asarray(intensity_fraction, np.float64)
    short, long = f / np.asarray(tau_short_ns), (1 - f) / np.asarray(tau_long_ns)
    return np.asarray(short / (short + long))


def sfd_from_lifetimes(
    amplitude_fraction: ArrayLike, tau_short_ns: ArrayLike, tau_long_ns: ArrayLike, /, *, axis: TimeAxis
) -> NDArray[np.float64]:
    """Return decays after one ideal excitation pulse, with total amplitude 1, sampled at gate starts.

    Parameters
    ----------
    amplitude_fraction, tau_short_ns, tau_long_ns : array_like, shape (...)
        Share of the short component at time zero; lifetimes in ns.
    axis : TimeAxis
        Gates.

    Returns
    -------
    ndarray, shape (..., 3, n_gates)
        Channels total, short, long (:data:`CHANNELS`).

    See Also
    --------
    lifetimes_from_sfd : Inverse function.

    Examples
    --------
    >>> axis = TimeAxis(n_gates=3, gate_width_ns=1.0, period_ns=4.0)
    >>> sfd_from_lifetimes(0.25, 1.0, 2.0, axis=axis)[..., 0].tolist()
    [1.0, 0.25, 0.75]
    """
    a, short, long = (
        np.asarray(v, np.float64)[..., None] for v in (amplitude_fraction, tau_short_ns, tau_long_ns)
    )
    short_decay = a * np.exp(-axis.starts_ns / short)
    long_decay = (1 - a) * np.exp(-axis.starts_ns / long)
    return np.stack([short_decay + long_decay, short_decay, long_decay], axis=-2)


def lifetimes_from_sfd(sfd: ArrayLike, /, *, axis: TimeAxis) -> Lifetimes:
    """Return the lifetimes of decays without IRF.

    Parameters
    ----------
    sfd : array_like, shape (..., 3, n_gates)
        Channels total, short, long.
    axis : TimeAxis
        Gates.

    Returns
    -------
    Lifetimes
        Arrays of shape (...).

    See Also
    --------
    sfd_from_lifetimes : Inverse function.
    lifetimes_from_areas : Lifetimes from first samples and areas.

    Notes
    -----
    The published estimate of a component's lifetime is its area (trapezoid rule) divided by its first sample.
    It is too short because the decay is truncated at the end of the window (13 % at 6 ns in a window of
    12.15 ns), and too long for lifetimes near the gate width (25 % at 0.05 ns with gates of 0.09 ns). This
    function inverts the ratio exactly for a sampled, truncated exponential. The amplitude fraction is the
    first sample of the short component divided by the sum of both first samples. The mean lifetime is
    amplitude-weighted.

    Examples
    --------
    >>> axis = TimeAxis(n_gates=135, gate_width_ns=0.09, period_ns=12.5)
    >>> result = lifetimes_from_sfd(sfd_from_lifetimes(0.3, 0.5, 6.0, axis=axis), axis=axis)
    >>> round(result.tau_short_ns.item(), 3), round(result.tau_long_ns.item(), 3)
    (0.5, 6.0)
    """
    decay = np.asarray(sfd)
    if decay.ndim < 2 or decay.shape[-2:] != (3, axis.n_gates):
        raise InputError(
            f"sfd has shape {decay.shape}; its last axes must be (3, {axis.n_gates}): total, short and long, "
            "then gates"
        )
    components = decay[..., 1:, :]
    area = components.sum(axis=-1, dtype=np.float64) - 0.5 * (components[..., 0] + components[..., -1])
    return lifetimes_from_areas(components[..., 0], area, axis=axis)


def lifetimes_from_areas(first: ArrayLike, area: ArrayLike, /, *, axis: TimeAxis) -> Lifetimes:
    """Return lifetimes from the first samples and the areas of both components.

    Parameters
    ----------
    first : array_like, shape (..., 2)
        First samples of the short and the long component.
    area : array_like, shape (..., 2)
        Their areas by the trapezoid rule, in gates.
    axis : TimeAxis
        Gates.

    Returns
    -------
    Lifetimes
        Arrays of shape (...).

    See Also
    --------
    lifetimes_from_sfd : Lifetimes from complete SFDs.
    """
    first = np.clip(np.asarray(first, np.float64), 0, None)
    amplitude = first.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        fraction = first[..., 0] / amplitude
        tau = tau_from_area_ratio(np.asarray(area, np.float64) / first, axis=axis)
    present = first > MIN_COMPONENT_SHARE * amplitude[..., None]
    tau_short, tau_long = np.moveaxis(np.where(present, tau, np.nan), -1, 0)
    mean = np.where(present[..., 0], fraction * tau_short, 0) + np.where(
        present[..., 1], (1 - fraction) * tau_long, 0
    )
    mean = np.where(amplitude > 0, mean, np.nan)
    return Lifetimes(mean, tau_short, tau_long, fraction)


def tau_from_area_ratio(ratio: ArrayLike, /, *, axis: TimeAxis) -> NDArray[np.float64]:
    """Return the lifetime of a sampled, truncated exponential from the ratio of area to first sample.

    Parameters
    ----------
    ratio : array_like, shape (...)
        Area by the trapezoid rule, in gates, divided by the first sample.
    axis : TimeAxis
        Gates.

    Returns
    -------
    ndarray, shape (...)
        Lifetime in ns, between a sixteenth of a gate and eight windows; NaN for a ratio of NaN.

    See Also
    --------
    lifetimes_from_areas : Lifetimes of both components.

    Examples
    --------
    >>> axis = TimeAxis(n_gates=135, gate_width_ns=0.09, period_ns=12.5)
    >>> tau_from_area_ratio([0.5, 135.0], axis=axis).round(4).tolist()
    [0.0056, 97.2]
    """
    taus, ratios = _area_ratio_table(axis)
    return np.asarray(np.interp(np.asarray(ratio, np.float64), ratios, taus))


@lru_cache(maxsize=16)
def _area_ratio_table(axis: TimeAxis) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return area ratios, in gates, and the lifetimes that produce them, up to eight windows."""
    taus = np.geomspace(axis.gate_width_ns / 16, 8 * axis.window_ns, TABLE_POINTS)
    q = np.exp(-axis.gate_width_ns / taus)
    return taus, (1 - q**axis.n_gates) / (1 - q) - 0.5 * (1 + q ** (axis.n_gates - 1))
