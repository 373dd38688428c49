"""Lifetimes from phasors, calibrated with phasorpy."""

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.decay import Irf, Quantities, TimeAxis, expected_tpsf
from seq2seqlite.errors import InputError
from seq2seqlite.estimators.centre_of_mass import baseline_gates
from seq2seqlite.estimators.estimate import (
    Estimate,
    Reason,
    checked_counts,
    expected_edge_ns,
    required_irf,
    screened,
)
from seq2seqlite.inverse_table import InverseTable

__all__ = ["Phasor", "apparent_lifetimes", "phasor_from_tpsf"]

# Lifetime of the simulated reference used to calibrate with an IRF, as a share of the window.
REFERENCE_SHARE = 0.16
MHZ_NS = 1e3
# The first harmonic cannot resolve lifetimes outside these shares of the window.
SHORTEST_SHARE, LONGEST_SHARE = 1e-4, 2.0
LOCUS_POINTS = 2000
# The background-subtracted decay must exceed this many standard deviations of its photons.
MIN_SIGMAS = 2.0


def phasor_from_tpsf(
    tpsf: ArrayLike, /, *, background: ArrayLike = 0.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the phasor of decays at the first harmonic of the window.

    Parameters
    ----------
    tpsf : array_like, shape (..., n_gates)
        Counts of contiguous gates that cover the window once.
    background : array_like, shape (...)
        Background, in counts per gate.

    Returns
    -------
    real, imag : ndarray, shape (...)
        Phasor coordinates; the time of a gate is its centre.

    See Also
    --------
    apparent_lifetimes : Lifetimes from calibrated phasors.
    Phasor : Calibrated estimator.

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
    """Return the phase and modulation lifetimes, in ns; their mean is the phasor lifetime of FLIMLib.

    Parameters
    ----------
    real, imag : array_like, shape (...)
        Calibrated phasor coordinates.
    window_ns : float
        Period of the harmonic, in ns.

    See Also
    --------
    phasor_from_tpsf : Phasor of decays.

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
    """Lifetimes from the phasor; implements :class:`~seq2seqlite.protocols.Predictor`.

    Parameters
    ----------
    axis : TimeAxis
        Gates and laser period.
    irf : Irf, optional
        Instrument response, aligned with the data; phasors are calibrated with a simulated decay.
    reference : array_like, shape (n_gates,), optional
        Measured decay of a reference dye with one lifetime, an alternative to the IRF for the calibration.
    reference_tau_ns : float, optional
        Lifetime of the reference dye, in ns.
    components_ns : tuple of float, optional
        Two known lifetimes, in ns. Each phasor is projected onto the line between their phasors. By default
        each decay gets the lifetime whose phasor is nearest.
    n_baseline : int, optional
        Number of leading gates whose mean is subtracted as background. Default: the gates of
        ``baseline_gates`` with an IRF, and no subtraction with a reference only.

    Raises
    ------
    InputError
        If an option is out of range, or ``n_baseline`` is given without an IRF.

    See Also
    --------
    phasor_from_tpsf : Phasor without calibration.

    Notes
    -----
    The leading gates contain both background and the tail of earlier periods, which only the forward model
    can separate. The phasors of mono-exponential decays are therefore computed with the same window and the
    same subtraction, and tabulated over the lifetime. Without subtraction, and with a window as long as the
    period, they lie on the universal semicircle, and the lifetime equals phasorpy's normal lifetime.

    The position along the line is a photon fraction; it is converted to an amplitude fraction [1]_.

    References
    ----------
    .. [1] M. A. Digman et al., Biophys. J. 94, L14 (2008).

    Examples
    --------
    >>> from seq2seqlite.decay import ParametricIrf
    >>> axis, irf = TimeAxis(125, 0.1, 12.5), ParametricIrf(1.5, 0.2)
    >>> tpsf = expected_tpsf([1.0], [6.0], axis=axis, irf=irf, photons=5000, background=2.0)
    >>> round(Phasor(axis, irf).lifetimes(tpsf[None]).tau_mean_ns.item(), 2)
    6.0
    >>> tpsf = expected_tpsf([0.4, 0.6], [0.5, 3.0], axis=axis, irf=irf, photons=5000, background=2.0)
    >>> found = Phasor(axis, irf, components_ns=(0.5, 3.0)).lifetimes(tpsf[None])
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
            self.reference = self._expected(np.array([self.reference_tau_ns]))[0]
        else:
            self.irf = irf
            self.reference = checked_counts(np.atleast_2d(reference), axis=axis, name="the reference")[0]
            if reference_tau_ns is None or not 0 < reference_tau_ns < np.inf:
                raise InputError(
                    f"reference_tau_ns={reference_tau_ns} must be the lifetime of the reference, > 0 ns"
                )
            self.reference_tau_ns = reference_tau_ns
        if components_ns is not None and not 0 < components_ns[0] < components_ns[1] < np.inf:
            raise InputError(f"components_ns={components_ns} must be (short, long) with 0 < short < long")
        if n_baseline and self.irf is None:
            raise InputError(
                f"n_baseline={n_baseline} needs the IRF, which separates background from the tail of the "
                "previous period; pass irf or n_baseline=0"
            )
        self.baseline = slice(0, n_baseline or 0)
        if n_baseline is None and self.irf is not None:
            self.baseline = baseline_gates(axis, self.irf)

    @property
    def quantities(self) -> Quantities:
        """One lifetime, that of the nearest single exponential; two with known components."""
        if self.components_ns is not None:
            return Quantities()
        return Quantities(1, "phasor lifetime, of the nearest single exponential")

    @cached_property
    def rising_edge_ns(self) -> float:
        """Expected position of the rising edge, in ns."""
        if self.irf is not None:
            return expected_edge_ns(self.axis, self.irf)
        from seq2seqlite.decay import rising_edge_ns

        return rising_edge_ns(self.reference, bin_width_ns=self.axis.gate_width_ns)

    @property
    def tau_range_ns(self) -> tuple[float, float]:
        """Shortest and longest lifetime that the first harmonic can resolve, in ns."""
        return SHORTEST_SHARE * self.axis.window_ns, LONGEST_SHARE * self.axis.window_ns

    def lifetimes(self, tpsf: ArrayLike, /) -> Estimate:
        """Return the lifetimes of decays, shape (n,), of counts, shape (n, n_gates).

        ``background`` of the result is the mean of the leading gates without the tail of earlier periods.
        """
        counts, reason = screened(checked_counts(tpsf, axis=self.axis, name=self.name))
        level = self._level(counts)
        total = counts.sum(axis=1, dtype=np.float64)
        signal = total - level * self.axis.n_gates
        noise = np.sqrt(total + level * self.axis.n_gates**2 / max(self._n_baseline, 1))
        reason[(signal <= MIN_SIGMAS * noise) & (reason == 0)] = Reason.NO_SIGNAL
        real, imag = self.calibrated(counts, level)
        if self.components_ns is not None:
            return self._projected(real, imag, reason, level)
        tau = self._locus.lifetimes(np.stack([real, imag], axis=-1))
        reason[(tau >= self.tau_range_ns[1] * (1 - 1e-6)) & (reason == 0)] = Reason.AT_LIMIT
        reason[~(tau > self.tau_range_ns[0] * (1 + 1e-6)) & (reason == 0)] = Reason.NO_DECAY
        return Estimate.mono(tau, reason, background=self._background(tau, level, signal))

    def calibrated(
        self, counts: NDArray[np.floating], level: NDArray[np.float64], /
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return calibrated phasors of decays, shape (n,), after the subtraction of ``level``.

        Parameters
        ----------
        counts : ndarray, shape (n, n_gates)
            Counts.
        level : ndarray, shape (n,)
            Level to subtract, in counts per gate.
        """
        from phasorpy.lifetime import phasor_calibrate

        real, imag = phasor_from_tpsf(counts, background=level)
        known_real, known_imag = self._known
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

    @cached_property
    def _known(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the phasor of the reference without its background."""
        reference = self.reference[None].astype(np.float64)
        if not self._n_baseline:
            return phasor_from_tpsf(reference)
        level, share = self._level(reference), self._tail_share(self._expected(self.reference_tau_ns))
        signal = reference.sum(axis=1) - level * self.axis.n_gates
        return phasor_from_tpsf(reference, background=level - signal * share)

    def _tail_share(self, tpsf: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the earlier periods' tail in a leading gate, relative to the photons after subtraction."""
        level = self._level(tpsf)
        return np.asarray(level / (tpsf.sum(axis=1) - level * self.axis.n_gates))

    def _expected(self, tau_ns: ArrayLike) -> NDArray[np.float64]:
        """Return mono-exponential decays with one photon in the period, shape (n, n_gates)."""
        assert self.irf is not None
        taus = np.reshape(tau_ns, (-1, 1))
        return expected_tpsf(np.ones_like(taus, np.float64), taus, axis=self.axis, irf=self.irf)

    def _points_of(self, tpsf: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return calibrated phasors of expected decays, shape (n, 2)."""
        return np.stack(self.calibrated(tpsf, self._level(tpsf)), axis=-1)

    def _on_semicircle(self, tau_ns: NDArray[np.float64]) -> NDArray[np.float64]:
        from phasorpy.lifetime import phasor_from_lifetime

        return np.stack(phasor_from_lifetime(self._frequency, tau_ns), axis=-1)

    @cached_property
    def _locus(self) -> InverseTable:
        """Return the phasor over the lifetime."""
        # Equal steps of the angle give phasors at equal distances on the semicircle.
        omega = 2 * np.pi / self.axis.window_ns
        low, high = np.arctan(omega * np.array(self.tau_range_ns))
        taus = np.tan(np.linspace(low, high, LOCUS_POINTS)) / omega
        if self.irf is None:
            return InverseTable(taus, self._on_semicircle(taus))
        tpsf = self._expected(taus)
        return InverseTable(taus, self._points_of(tpsf), {"tail_share": self._tail_share(tpsf)})

    def _background(
        self, tau_ns: NDArray[np.float64], level: NDArray[np.float64], signal: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the mean of the leading gates without the tail of earlier periods."""
        if not self._n_baseline:
            return level
        share = np.interp(tau_ns, self._locus.tau_ns, self._locus.quantities["tail_share"])
        return np.asarray(level - signal * share)

    def _projected(
        self,
        real: NDArray[np.float64],
        imag: NDArray[np.float64],
        reason: NDArray[np.uint8],
        level: NDArray[np.float64],
    ) -> Estimate:
        from phasorpy.component import phasor_component_fraction

        from seq2seqlite.decay import amplitude_fraction_from_intensity

        assert self.components_ns is not None
        ends, photons = self._components(self.components_ns)
        share = np.clip(phasor_component_fraction(real, imag, *ends.T), 0, 1).astype(np.float64)
        # The subtraction removes more of the long component, whose tail extends into the leading gates.
        of_short, of_long = share / photons[0], (1 - share) / photons[1]
        short, long = self.components_ns
        fraction = amplitude_fraction_from_intensity(
            of_short / (of_short + of_long), tau_short_ns=short, tau_long_ns=long
        )
        valid = reason == 0
        fraction = np.where(valid, fraction, np.nan)
        one = np.where(valid, 1.0, np.nan)
        mean = fraction * short + (1 - fraction) * long
        return Estimate(mean, one * short, one * long, fraction, reason, background=level)

    def _components(self, tau_ns: tuple[float, float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return calibrated phasors of lifetimes, shape (2, 2), and the photons after subtraction."""
        if self.irf is None:
            return self._on_semicircle(np.array(tau_ns)), np.ones(2)
        tpsf = self._expected(tau_ns)
        return self._points_of(tpsf), tpsf.sum(axis=1) - self._level(tpsf) * self.axis.n_gates

    @property
    def _n_baseline(self) -> int:
        return int(self.baseline.stop - self.baseline.start)

    @property
    def _frequency(self) -> float:
        """First harmonic of the window, in MHz."""
        return MHZ_NS / self.axis.window_ns

    def _level(self, counts: NDArray[np.floating]) -> NDArray[np.float64]:
        if not self._n_baseline:
            return np.zeros(len(counts))
        return np.asarray(counts[:, self.baseline].mean(axis=1), np.float64)
