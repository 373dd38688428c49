"""Phasors of decays and the lifetimes read from them, through phasorpy."""

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.decay import Irf, TimeAxis, expected_tpsf
from seq2seqlite.errors import InputError
from seq2seqlite.estimators.centre_of_mass import leading_gates
from seq2seqlite.estimators.estimate import (
    Estimate,
    Reason,
    checked_counts,
    expected_edge_ns,
    required_irf,
    screened,
)

__all__ = ["Phasor", "apparent_lifetimes", "phasor_from_tpsf"]

# Lifetime of the simulated reference that calibrates by the IRF, as a share of the window.
REFERENCE_SHARE = 0.16
MHZ_NS = 1e3
# Lifetimes beyond these shares of the window are not told by its first harmonic.
SHORTEST_SHARE, LONGEST_SHARE = 1e-4, 1.0


def phasor_from_tpsf(
    tpsf: ArrayLike, /, *, background: ArrayLike = 0.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the phasor of decays at the first harmonic of the window.

    Parameters
    ----------
    tpsf : array_like, shape (..., n_gates)
        Counts of gates that fill the window once.
    background : array_like, shape (...)
        Background, in counts a gate.

    Returns
    -------
    real, imag : ndarray, shape (...)
        Phasor coordinates; a gate counts at its middle.

    Examples
    --------
    >>> real, imag = phasor_from_tpsf([1.0, 1.0, 0.0, 0.0])
    >>> round(float(real), 3), round(float(imag), 3)
    (0.0, 0.707)
    """
    from phasorpy.phasor import phasor_from_signal

    signal = np.asarray(tpsf, np.float64) - np.asarray(background, np.float64)[..., None]
    n_gates = signal.shape[-1]
    middles = (np.arange(n_gates) + 0.5) * (2 * np.pi / n_gates)
    _, real, imag = phasor_from_signal(signal, axis=-1, sample_phase=middles)
    return np.asarray(real, np.float64), np.asarray(imag, np.float64)


def apparent_lifetimes(
    real: ArrayLike, imag: ArrayLike, /, *, window_ns: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lifetimes of phase and of modulation, in ns; their mean is the phasor lifetime of FLIMLib.

    Parameters
    ----------
    real, imag : array_like, shape (...)
        Calibrated phasor coordinates.
    window_ns : float
        Period of the harmonic, in ns.

    Examples
    --------
    >>> phase, modulation = apparent_lifetimes(0.5, 0.5, window_ns=2 * np.pi)
    >>> round(float(phase), 6), round(float(modulation), 6)
    (1.0, 1.0)
    """
    from phasorpy.lifetime import phasor_to_apparent_lifetime

    phase, modulation = phasor_to_apparent_lifetime(real, imag, frequency=MHZ_NS / window_ns)
    return np.asarray(phase, np.float64), np.asarray(modulation, np.float64)


class Phasor:
    """Lifetimes from the phasor; fulfils the predictor protocol of imaging.

    Parameters
    ----------
    axis : TimeAxis
        Gates and laser period.
    irf : Irf, optional
        Instrument response, with the delay of the data: calibrates by a simulated decay.
    reference : array_like, shape (n_gates,), optional
        Instead of the IRF: measured decay of a dye with one lifetime.
    reference_tau_ns : float, optional
        Its lifetime, in ns.
    components_ns : tuple of float, optional
        Two lifetimes: each phasor is projected onto the line between theirs. Without, a decay gets the one
        lifetime that lies nearest on the semicircle.
    n_baseline : int, optional
        Leading gates whose mean is subtracted as background; default: as many as lie well before the edge.

    Notes
    -----
    The fraction along the line is one of photons; it is turned into one of amplitude [1]_.

    References
    ----------
    .. [1] M. A. Digman et al., Biophys. J. 94, L14 (2008).

    Examples
    --------
    >>> from seq2seqlite.decay import ParametricIrf
    >>> axis, irf = TimeAxis(125, 0.1, 12.5), ParametricIrf(1.5, 0.2)
    >>> tpsf = expected_tpsf([0.4, 0.6], [0.5, 3.0], axis=axis, irf=irf, photons=5000)
    >>> found = Phasor(axis, irf, components_ns=(0.5, 3.0), n_baseline=0).lifetimes(tpsf[None])
    >>> round(found.amplitude_fraction.item(), 2)
    0.4
    """

    name, kind = "phasor", "closed form"

    def __init__(
        self,
        axis: TimeAxis,
        irf: Irf | None = None,
        /,
        *,
        reference: ArrayLike | None = None,
        reference_tau_ns: float | None = None,
        components_ns: tuple[float, float] | None = None,
        n_baseline: int | None = None,
    ) -> None:
        self.axis, self.components_ns = axis, components_ns
        if reference is None:
            self.irf: Irf | None = required_irf(irf, self.name)
            self.reference_tau_ns = REFERENCE_SHARE * axis.window_ns
            self.reference = expected_tpsf(
                [1.0], [self.reference_tau_ns], axis=axis, irf=self.irf, photons=1e6
            )
        else:
            self.irf = irf
            self.reference = checked_counts(np.atleast_2d(reference), axis=axis, name="the reference")[0]
            if reference_tau_ns is None or not 0 < reference_tau_ns < np.inf:
                raise InputError(
                    f"reference_tau_ns={reference_tau_ns} must be the reference's lifetime in ns"
                )
            self.reference_tau_ns = reference_tau_ns
        if components_ns is not None and not 0 < components_ns[0] < components_ns[1] < np.inf:
            raise InputError(f"components_ns={components_ns} must be (short, long) with 0 < short < long")
        if n_baseline is None:
            n_baseline = 0 if self.irf is None else leading_gates(axis, self.irf)
        self.n_baseline = n_baseline

    @cached_property
    def rising_edge_ns(self) -> float:
        """Where the rising edge is expected, in ns."""
        if self.irf is not None:
            return expected_edge_ns(self.axis, self.irf)
        from seq2seqlite.decay import rising_edge_ns

        return rising_edge_ns(self.reference, bin_width_ns=self.axis.gate_width_ns)

    def lifetimes(self, tpsf: ArrayLike, /) -> Estimate:
        """Return the lifetimes of decays, shape (n,), of counts, shape (n, n_gates)."""
        from phasorpy.lifetime import phasor_to_normal_lifetime

        counts, reason = screened(checked_counts(tpsf, axis=self.axis, name=self.name))
        level = self._level(counts)
        dark = counts.sum(axis=1) <= level * self.axis.n_gates + 2 * np.sqrt(counts.sum(axis=1))
        reason[dark & (reason == 0)] = Reason.NO_SIGNAL
        real, imag = self.calibrated(counts, level)
        if self.components_ns is not None:
            return self._projected(real, imag, reason, level)
        tau = np.asarray(phasor_to_normal_lifetime(real, imag, frequency=self._frequency))
        reason[(tau >= LONGEST_SHARE * self.axis.window_ns) & (reason == 0)] = Reason.AT_LIMIT
        reason[~(tau > SHORTEST_SHARE * self.axis.window_ns) & (reason == 0)] = Reason.NO_DECAY
        tau = np.minimum(tau, LONGEST_SHARE * self.axis.window_ns)
        return Estimate.mono(tau, reason, background=level)

    def calibrated(
        self, counts: NDArray[np.floating], level: NDArray[np.float64], /
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the phasors of decays, shape (n,), without background and IRF.

        Parameters
        ----------
        counts : ndarray, shape (n, n_gates)
            Counts.
        level : ndarray, shape (n,)
            Background, in counts a gate.
        """
        from phasorpy.lifetime import phasor_calibrate

        real, imag = phasor_from_tpsf(counts, background=level)
        reference = self.reference[None].astype(np.float64)
        known_real, known_imag = phasor_from_tpsf(reference, background=self._level(reference))
        mean = np.ones_like(known_real)
        calibrated = phasor_calibrate(
            real,
            imag,
            mean,
            known_real,
            known_imag,
            frequency=self._frequency,
            lifetime=self.reference_tau_ns,
        )
        return np.asarray(calibrated[0]), np.asarray(calibrated[1])

    def _projected(
        self,
        real: NDArray[np.float64],
        imag: NDArray[np.float64],
        reason: NDArray[np.uint8],
        level: NDArray[np.float64],
    ) -> Estimate:
        from phasorpy.component import phasor_component_fraction
        from phasorpy.lifetime import phasor_from_lifetime

        from seq2seqlite.decay import amplitude_fraction_from_intensity

        assert self.components_ns is not None
        ends = phasor_from_lifetime(self._frequency, np.array(self.components_ns))
        share = np.asarray(phasor_component_fraction(real, imag, *ends), np.float64)
        short, long = self.components_ns
        fraction = amplitude_fraction_from_intensity(
            np.clip(share, 0, 1), tau_short_ns=short, tau_long_ns=long
        )
        valid = reason == 0
        fraction = np.where(valid, fraction, np.nan)
        one = np.where(valid, 1.0, np.nan)
        mean = fraction * short + (1 - fraction) * long
        return Estimate(mean, one * short, one * long, fraction, reason, background=level)

    @property
    def _frequency(self) -> float:
        """First harmonic of the window, in MHz."""
        return MHZ_NS / self.axis.window_ns

    def _level(self, counts: NDArray[np.floating]) -> NDArray[np.float64]:
        if not self.n_baseline:
            return np.zeros(len(counts))
        return np.asarray(counts[:, : self.n_baseline].mean(axis=1), np.float64)
