"""Lifetimes of a summed decay with a known response, and curves of given lifetimes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from seq2seqlite.decay import ForwardModel, Irf, TimeAxis, harmonics_needed
from seq2seqlite.errors import InputError
from seq2seqlite.responses.irf_fit import checked_decay, poisson_nnls, searched

__all__ = ["DecayCurve", "decay_curve", "fit_lifetimes"]

# Lifetimes at which the fit starts, as shares of the period.
STARTS: dict[int, tuple[tuple[float, ...], ...]] = {
    1: ((0.03,), (0.15,), (0.4,)),
    2: ((0.03, 0.15), (0.1, 0.35), (0.01, 0.08)),
}
# Steps of the first search, of the logarithms of the lifetimes.
FIRST_STEP = 0.4
# Range of the lifetimes, in gates and in periods.
SHORTEST_GATES, LONGEST_PERIODS = 1 / 3, 3.0
SMALLEST_COUNT = 1e-3
# Smallest decrease of the deviance by the two parameters of a second lifetime: three standard errors. It is
# multiplied by the reduced chi-square, where this exceeds 1.
MIN_GAIN = 11.8


@dataclass(frozen=True)
class DecayCurve:
    """Model of a summed decay.

    Parameters
    ----------
    taus_ns : tuple of float
        Lifetimes, in ns, ascending.
    amplitude_fractions : tuple of float
        Shares of the components in the amplitude at time zero.
    photons : float
        Photons of the decay in one laser period, summed over all pulses.
    background : float
        Background, in counts per gate.
    expected : ndarray, shape (n_gates,)
        Expected counts.
    chi_square : float
        Reduced chi-square (Pearson's).

    See Also
    --------
    fit_lifetimes : Fit of up to two lifetimes.
    decay_curve : Curve of given lifetimes.
    """

    taus_ns: tuple[float, ...]
    amplitude_fractions: tuple[float, ...]
    photons: float
    background: float
    expected: NDArray[np.float64]
    chi_square: float

    @property
    def tau_mean_ns(self) -> float:
        """Amplitude-weighted mean lifetime, in ns."""
        return float(np.dot(self.amplitude_fractions, self.taus_ns))

    def described(self) -> dict[str, object]:
        """Return lifetimes, fractions, background and chi-square, ready for JSON."""
        return {
            "taus_ns": list(self.taus_ns),
            "amplitude_fractions": list(self.amplitude_fractions),
            "tau_mean_ns": self.tau_mean_ns,
            "photons": self.photons,
            "background": self.background,
            "chi_square": self.chi_square,
        }


def fit_lifetimes(decay: ArrayLike, /, *, axis: TimeAxis, irf: Irf, components: int = 2) -> DecayCurve:
    """Fit up to two lifetimes and a background to a summed decay by maximum likelihood.

    Parameters
    ----------
    decay : array_like, shape (n_gates,)
        Counts of a decay with many photons.
    axis : TimeAxis
        Gates of the decay.
    irf : Irf
        Response with the delay of the decay.
    components : {1, 2}
        Largest number of lifetimes.

    Returns
    -------
    DecayCurve
        One lifetime where a second one does not improve the fit significantly (three standard errors).

    Raises
    ------
    InputError
        If the decay has no photons, does not match the axis, or ``components`` is not 1 or 2.

    See Also
    --------
    decay_curve : Curve of given lifetimes.
    placed_irf : Response for a measurement.

    Notes
    -----
    Amplitudes and background of trial lifetimes follow from non-negative, iteratively reweighted least
    squares, and the lifetimes from a simplex search. For many pixels, use
    :class:`~seq2seqlite.estimators.maximum_likelihood.MaximumLikelihood`.

    Examples
    --------
    >>> from seq2seqlite.decay import ParametricIrf, expected_tpsf
    >>> axis, irf = TimeAxis(125, 0.1, 12.5), ParametricIrf(2.0, 0.2)
    >>> decay = expected_tpsf([0.7, 0.3], [0.5, 3.0], axis=axis, irf=irf, photons=1e6, background=50)
    >>> found = fit_lifetimes(decay, axis=axis, irf=irf)
    >>> [round(tau, 2) for tau in found.taus_ns], [round(a, 2) for a in found.amplitude_fractions]
    ([0.5, 3.0], [0.7, 0.3])
    """
    if components not in STARTS:
        raise InputError(f"components={components} must be 1 or 2")
    counts = checked_decay(decay, axis)
    model = _Model.of(axis, irf)
    with threadpool_limits(1, user_api="blas"):
        found = [_fitted(model, counts, number) for number in range(1, components + 1)]
    curve, deviance = found[-1]
    gain = found[0][1] - deviance
    return found[0][0] if components == 2 and gain < MIN_GAIN * max(curve.chi_square, 1.0) else curve


def _fitted(model: "_Model", counts: NDArray[np.float64], components: int) -> tuple[DecayCurve, float]:
    """Return the curve of the best lifetimes, and its deviance."""
    axis = model.forward.axis
    low, high = np.log(SHORTEST_GATES * axis.gate_width_ns), np.log(LONGEST_PERIODS * axis.period_ns)

    def taus_of(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.exp(np.clip(x, low, high)))

    def deviance(x: NDArray[np.float64]) -> float:
        expected = model.scaled(model.shapes(taus_of(x)), counts)[1]
        ratio = np.log(np.maximum(counts, SMALLEST_COUNT) / expected)
        return float(2 * (np.where(counts > 0, counts * ratio, 0) - counts + expected).sum())

    found = [
        searched(deviance, np.log(np.array(start) * axis.period_ns), np.full(components, FIRST_STEP))
        for start in STARTS[components]
    ]
    best = min(found, key=lambda result: result.fun)
    best = searched(deviance, best.x, np.full(components, 0.1 * FIRST_STEP))  # leave a flat valley
    taus = np.sort(taus_of(best.x))
    shares, expected = model.scaled(model.shapes(taus), counts)
    fitted = 2 * components + 1
    return _curve(taus, shares[:-1] / taus, shares, expected, counts, fitted=fitted), float(best.fun)


def decay_curve(
    decay: ArrayLike, /, *, axis: TimeAxis, irf: Irf, taus_ns: ArrayLike, amplitudes: ArrayLike
) -> DecayCurve:
    """Return the curve of given lifetimes and amplitudes, with the photons and background of a decay.

    Parameters
    ----------
    decay, axis, irf
        As for :func:`fit_lifetimes`.
    taus_ns, amplitudes : array_like, shape (n_components,)
        Lifetimes, in ns, and their amplitudes, in arbitrary units.

    See Also
    --------
    fit_lifetimes : Fit of the lifetimes too.

    Examples
    --------
    >>> from seq2seqlite.decay import ParametricIrf, expected_tpsf
    >>> axis, irf = TimeAxis(125, 0.1, 12.5), ParametricIrf(2.0, 0.2)
    >>> decay = expected_tpsf([1.0], [2.0], axis=axis, irf=irf, photons=1e6, background=50)
    >>> found = decay_curve(decay, axis=axis, irf=irf, taus_ns=[2.0], amplitudes=[1.0])
    >>> round(found.photons), round(found.background), round(found.chi_square, 3)
    (1000000, 50, 0.0)
    """
    counts = checked_decay(decay, axis)
    model = _Model.of(axis, irf)
    taus, weights = np.asarray(taus_ns, np.float64), np.asarray(amplitudes, np.float64)
    order = np.argsort(taus)
    shape = model.forward.tpsf(weights, taus, model.coefficients)
    shares, expected = model.scaled(shape[None], counts)
    return _curve(taus[order], weights[order], shares, expected, counts, fitted=2)


@dataclass(frozen=True)
class _Model:
    """Forward model of an instrument."""

    forward: ForwardModel
    coefficients: NDArray[np.complex128]

    @classmethod
    def of(cls, axis: TimeAxis, irf: Irf) -> "_Model":
        n_harmonics = harmonics_needed(irf.narrowest_sigma_ns, period_ns=axis.period_ns)
        return cls(ForwardModel(axis, n_harmonics), irf.coefficients(n_harmonics, period_ns=axis.period_ns))

    def shapes(self, taus: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the decay of each lifetime with one photon in the period, shape (n, n_gates)."""
        return self.forward.tpsf(np.ones((taus.size, 1)), taus[:, None], self.coefficients)

    def scaled(
        self, shapes: NDArray[np.float64], counts: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return photons of each shape and background per gate, shape (n + 1,), and the expected counts."""
        design = np.concatenate([shapes, np.full((1, counts.size), 1 / counts.size)]).T * counts.sum()
        shares, expected = poisson_nnls(design, counts)
        photons = shares * counts.sum()
        photons[-1] /= counts.size
        return photons, expected


def _curve(
    taus: NDArray[np.float64],
    amplitudes: NDArray[np.float64],
    shares: NDArray[np.float64],
    expected: NDArray[np.float64],
    counts: NDArray[np.float64],
    *,
    fitted: int,
) -> DecayCurve:
    present = amplitudes > 0
    kept = amplitudes[present] / max(float(amplitudes.sum()), 1e-300)
    chi_square = float(((counts - expected) ** 2 / expected).sum() / max(counts.size - fitted, 1))
    return DecayCurve(
        tuple(taus[present].tolist()),
        tuple(kept.tolist()),
        float(shares[:-1].sum()),
        float(shares[-1]),
        expected,
        chi_square,
    )
