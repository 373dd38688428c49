"""Forward model: the expected histogram (TPSF) of a multi-exponential decay on an instrument."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.decay.axis import TimeAxis
from seq2seqlite.decay.irf import Irf, angular_frequencies_per_ns
from seq2seqlite.errors import InputError

__all__ = [
    "MAX_HARMONICS",
    "ForwardModel",
    "expected_response",
    "expected_tpsf",
    "forward_model",
    "harmonics_needed",
]

# At this frequency the coefficients of a Gaussian have fallen to exp(-5**2 / 2) = 4e-6. Gate and decay reduce
# them by another factor of 100.
GAUSSIAN_CUT_SIGMAS = 5.0
MAX_HARMONICS = 4096
# Decays computed together: the spectra of a batch of this size fit into the cache.
BLOCK = 64


def harmonics_needed(sigma_ns: float, /, *, period_ns: float) -> int:
    """Return the number of harmonics that resolve a feature of standard deviation ``sigma_ns``.

    See Also
    --------
    ForwardModel : Forward model that uses these harmonics.

    Examples
    --------
    >>> harmonics_needed(0.1, period_ns=12.5)
    100
    """
    return int(min(MAX_HARMONICS, np.ceil(GAUSSIAN_CUT_SIGMAS * period_ns / (2 * np.pi * sigma_ns))))


@dataclass(frozen=True)
class ForwardModel:
    """Forward model of one time axis, vectorised over decays.

    Parameters
    ----------
    axis : TimeAxis
        Gates and laser period.
    n_harmonics : int
        Highest harmonic used (see :func:`harmonics_needed`).

    See Also
    --------
    expected_tpsf : Expected TPSF in one call.
    harmonics_needed : Number of harmonics for an IRF.

    Notes
    -----
    With the laser period T and omega_k = 2 pi k / T, the steady-state photon rate after convolution of a
    decay ``sum_i p_i exp(-t / tau_i) / tau_i`` with an IRF of coefficients c_k has the coefficients
    ``c_k sum_i p_i / (1 + 1j omega_k tau_i)``: the tails of all earlier pulses are included exactly. A gate
    of length L starting at t contributes ``L / T sinc(omega_k L / 2) exp(1j omega_k (t + L / 2))``.
    """

    axis: TimeAxis
    n_harmonics: int

    @cached_property
    def angular_frequencies_per_ns(self) -> NDArray[np.float64]:
        """Angular frequencies of harmonics 1 to ``n_harmonics``, in rad/ns."""
        return angular_frequencies_per_ns(self.n_harmonics, period_ns=self.axis.period_ns)[1:]

    @cached_property
    def synthesis(self) -> NDArray[np.float64]:
        """Matrix that maps real and imaginary parts of harmonics 1 to ``n_harmonics`` to gates."""
        omega, length = self.angular_frequencies_per_ns, self.axis.integration_ns
        phase = np.outer(omega, self.axis.starts_ns + length / 2)
        gain = 2 * self.axis.weight_ns / self.axis.period_ns * np.sinc(omega * length / (2 * np.pi))[:, None]
        return np.concatenate([gain * np.cos(phase), -gain * np.sin(phase)])

    def tpsf(
        self, amplitudes: ArrayLike, lifetimes_ns: ArrayLike, irf_coefficients: NDArray[np.complex128], /
    ) -> NDArray[np.float64]:
        """Return the expected TPSF of decays with one photon in the laser period.

        Parameters
        ----------
        amplitudes : array_like, shape (..., n_components)
            Amplitudes at time zero, >= 0, in arbitrary units.
        lifetimes_ns : array_like, shape (..., n_components)
            Lifetimes, in ns.
        irf_coefficients : ndarray of complex, shape (..., n_harmonics + 1) or (n_harmonics + 1,)
            Fourier coefficients of the IRF.

        Returns
        -------
        ndarray, shape (..., n_gates)
            Expected share of the photons in each gate; the sum is 1 if the gates cover the period exactly
            once.

        Raises
        ------
        InputError
            If a lifetime is not positive, an amplitude is negative, or all amplitudes are zero.
        """
        amplitude, tau = np.broadcast_arrays(
            np.asarray(amplitudes, np.float64), np.asarray(lifetimes_ns, np.float64)
        )
        if not (tau > 0).all():
            raise InputError(f"lifetimes must be > 0 ns, not {float(np.min(tau))}")
        photons = amplitude * tau
        total = photons.sum(axis=-1, keepdims=True)
        if not ((amplitude >= 0).all() and (total > 0).all()):
            raise InputError("amplitudes must be >= 0, and at least one must be > 0")
        weights = photons / total
        shape = weights.shape[:-1]
        weights, tau = weights.reshape(-1, weights.shape[-1]), tau.reshape(-1, tau.shape[-1])
        irf = np.broadcast_to(irf_coefficients, (*shape, self.n_harmonics + 1)).reshape(
            -1, self.n_harmonics + 1
        )
        rate = np.empty((len(tau), self.axis.n_gates))
        for start in range(0, len(tau), BLOCK):
            rows = slice(start, start + BLOCK)
            rate[rows] = self._spectrum(weights[rows], tau[rows], irf[rows, 1:]) @ self.synthesis
        rate += self.axis.weight_ns / self.axis.period_ns
        # The truncated series may be slightly negative; a photon rate cannot.
        return np.clip(rate, 0, None, out=rate).reshape(*shape, self.axis.n_gates)

    def response(self, irf_coefficients: NDArray[np.complex128], /) -> NDArray[np.float64]:
        """Return what the instrument measures of a light pulse: the limit of a very short lifetime.

        Parameters
        ----------
        irf_coefficients : ndarray of complex, shape (..., n_harmonics + 1)
            Fourier coefficients of the IRF.

        Returns
        -------
        ndarray, shape (..., n_gates)
            Expected share of the photons in each gate.
        """
        parts = np.concatenate([irf_coefficients.real[..., 1:], irf_coefficients.imag[..., 1:]], axis=-1)
        rate = parts @ self.synthesis + self.axis.weight_ns / self.axis.period_ns
        return np.asarray(np.clip(rate, 0, None))

    def _spectrum(
        self, weights: NDArray[np.float64], tau: NDArray[np.float64], irf: NDArray[np.complex128]
    ) -> NDArray[np.float64]:
        """Return the concatenated real and imaginary parts of decays convolved with their IRFs."""
        omega = self.angular_frequencies_per_ns
        real, imaginary = np.zeros((2, len(tau), omega.size))
        for component in range(tau.shape[-1]):
            x = tau[:, component, None] * omega
            lorentzian = x * x
            lorentzian += 1
            np.divide(weights[:, component, None], lorentzian, out=lorentzian)
            real += lorentzian
            lorentzian *= x
            imaginary -= lorentzian
        return np.concatenate(
            [real * irf.real - imaginary * irf.imag, real * irf.imag + imaginary * irf.real], axis=1
        )


def forward_model(axis: TimeAxis, irf: Irf, /) -> tuple[ForwardModel, NDArray[np.complex128]]:
    """Return the forward model of an instrument, with enough harmonics for its IRF, and its coefficients.

    Parameters
    ----------
    axis : TimeAxis
        Gates and laser period.
    irf : Irf
        Instrument response.

    Returns
    -------
    forward : ForwardModel
    coefficients : ndarray of complex, shape (n_harmonics + 1,)
        Fourier coefficients of the IRF.

    See Also
    --------
    expected_tpsf : Expected TPSF in one call.
    """
    n_harmonics = harmonics_needed(irf.narrowest_sigma_ns, period_ns=axis.period_ns)
    return ForwardModel(axis, n_harmonics), irf.coefficients(n_harmonics, period_ns=axis.period_ns)


def expected_tpsf(
    amplitudes: ArrayLike,
    lifetimes_ns: ArrayLike,
    /,
    *,
    axis: TimeAxis,
    irf: Irf,
    photons: ArrayLike = 1.0,
    background: ArrayLike = 0.0,
) -> NDArray[np.float64]:
    """Return the expected TPSF of multi-exponential decays convolved with one IRF.

    Parameters
    ----------
    amplitudes, lifetimes_ns : array_like, shape (..., n_components)
        Amplitudes at time zero and lifetimes (ns).
    axis : TimeAxis
        Gates and laser period.
    irf : Irf
        Instrument response.
    photons : array_like, shape (...)
        Signal photons in one laser period; overlapping gates count a photon more than once.
    background : array_like, shape (...)
        Counts added to every gate.

    Returns
    -------
    ndarray, shape (..., n_gates)
        Expected counts.

    See Also
    --------
    ForwardModel : Forward model for repeated use.

    Examples
    --------
    >>> from seq2seqlite.decay import ParametricIrf
    >>> axis = TimeAxis(n_gates=125, gate_width_ns=0.1, period_ns=12.5)
    >>> tpsf = expected_tpsf([1.0], [2.0], axis=axis, irf=ParametricIrf(1.5, 0.2), photons=1000)
    >>> round(float(tpsf.sum()), 6)
    1000.0
    """
    model, coefficients = forward_model(axis, irf)
    share = model.tpsf(amplitudes, lifetimes_ns, coefficients)
    return share * np.asarray(photons, np.float64)[..., None] + np.asarray(background, np.float64)[..., None]


def expected_response(irf: Irf, /, *, axis: TimeAxis) -> NDArray[np.float64]:
    """Return the expected response of an instrument to a light pulse, on a time axis.

    Parameters
    ----------
    irf : Irf
        Instrument response; with the gates of a camera if the axis is sampled.
    axis : TimeAxis
        Gates and laser period.

    Returns
    -------
    ndarray, shape (n_gates,)
        Expected share of the photons in each gate.

    See Also
    --------
    expected_tpsf : The same of a decay.

    Examples
    --------
    >>> from seq2seqlite.decay import ParametricIrf
    >>> axis = TimeAxis(n_gates=125, gate_width_ns=0.1, period_ns=12.5)
    >>> int(expected_response(ParametricIrf(1.55, 0.2), axis=axis).argmax())
    15
    """
    model, coefficients = forward_model(axis, irf)
    return model.response(coefficients)
