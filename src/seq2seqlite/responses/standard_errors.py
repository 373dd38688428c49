"""Standard errors of the lifetimes of a fitted decay."""

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.decay import Irf, TimeAxis, forward_model
from seq2seqlite.responses.decay_fit import DecayCurve

__all__ = ["standard_errors"]

# Relative step of the derivatives by the lifetimes.
STEP = 1e-4
# Expected counts below this value are rounding errors of the Fourier series.
SMALLEST_COUNT = 1e-12


def standard_errors(curve: DecayCurve, /, *, axis: TimeAxis, irf: Irf) -> dict[str, float]:
    """Return the standard errors of a fit by :func:`fit_lifetimes`, from its Fisher information.

    Parameters
    ----------
    curve : DecayCurve
        Fit of lifetimes and a background, and of scattered light if it has any.
    axis, irf
        Those of the fit.

    Returns
    -------
    dict of str to float
        ``tau_mean_ns`` and, for several lifetimes, ``tau_short_ns``, ``tau_long_ns`` and
        ``amplitude_fraction``. NaN where a component has no photons, or the parameters cannot be determined.

    See Also
    --------
    fit_lifetimes : Fit of up to three lifetimes.
    seq2seqlite.estimators.crlb.cramer_rao_bound : The same for many decays, with automatic derivatives.

    Notes
    -----
    The counts are assumed to have Poisson noise around the curve. For a reduced chi-square well above 1, the
    model does not describe the decay, and true errors are larger.

    Examples
    --------
    >>> from seq2seqlite.decay import ParametricIrf, expected_tpsf
    >>> from seq2seqlite.responses import fit_lifetimes
    >>> axis, irf = TimeAxis(1000, 0.05, 50.0), ParametricIrf(5.0, 0.1)
    >>> decay = expected_tpsf([1.0], [2.0], axis=axis, irf=irf, photons=1e4, background=0.01)
    >>> found = fit_lifetimes(decay, axis=axis, irf=irf, components=1)
    >>> round(standard_errors(found, axis=axis, irf=irf)["tau_mean_ns"], 3)
    0.02
    """
    taus, fractions = np.array(curve.taus_ns), np.array(curve.amplitude_fractions)
    names = ["tau_mean_ns", "tau_short_ns", "tau_long_ns", "amplitude_fraction"][: 1 if taus.size < 2 else 4]
    if not taus.size or curve.photons <= 0:
        return dict.fromkeys(names, np.nan)
    photons = curve.photons * fractions * taus / (fractions @ taus)
    derivatives = _derivatives(taus, photons, axis, irf)
    if not curve.scatter_fraction:
        derivatives = derivatives[:-1]
    covariance = _covariance(derivatives, curve.expected)
    gradients = _gradients(taus, photons, len(derivatives))[: len(names)]
    variances = np.einsum("ij,jk,ik->i", gradients, covariance, gradients)
    errors = np.sqrt(np.where(variances >= 0, variances, np.nan))
    return dict(zip(names, errors.tolist(), strict=True))


def _derivatives(
    taus: NDArray[np.float64], photons: NDArray[np.float64], axis: TimeAxis, irf: Irf
) -> NDArray[np.float64]:
    """Return the derivatives of the expected counts by lifetimes, photons, background and scattered light."""
    forward, response = forward_model(axis, irf)

    def shapes(times: NDArray[np.float64]) -> NDArray[np.float64]:
        return forward.tpsf(np.ones((times.size, 1)), times[:, None], response)

    by_tau = (shapes(taus * (1 + STEP)) - shapes(taus * (1 - STEP))) / (2 * STEP * taus[:, None])
    background = np.ones((1, axis.n_gates))
    return np.concatenate(
        [photons[:, None] * by_tau, shapes(taus), background, forward.response(response)[None]]
    )


def _covariance(derivatives: NDArray[np.float64], expected: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the inverse of the Fisher information; NaN where it is singular."""
    information = (derivatives / np.maximum(expected, SMALLEST_COUNT)) @ derivatives.T
    scale = np.sqrt(np.maximum(np.diag(information), 1e-300))
    try:
        return np.asarray(np.linalg.inv(information / np.outer(scale, scale)) / np.outer(scale, scale))
    except np.linalg.LinAlgError:
        return np.full_like(information, np.nan)


def _gradients(
    taus: NDArray[np.float64], photons: NDArray[np.float64], n_parameters: int
) -> NDArray[np.float64]:
    """Return the gradients of the four quantities by all parameters, of which lifetimes are the first."""
    n = taus.size
    amplitudes = photons / taus
    total = amplitudes.sum()
    mean = photons.sum() / total
    gradients = np.zeros((4, n_parameters))
    gradients[0, :n] = mean * amplitudes / (total * taus)
    gradients[0, n : 2 * n] = (1 - mean / taus) / total
    gradients[1, 0] = gradients[2, n - 1] = 1
    toward = (np.eye(n)[0] - amplitudes[0] / total) / total  # by the amplitudes
    gradients[3, :n] = -toward * amplitudes / taus
    gradients[3, n : 2 * n] = toward / taus
    return gradients
