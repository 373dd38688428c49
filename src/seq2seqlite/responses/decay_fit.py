"""Lifetimes of a summed decay with a known response, and curves of given lifetimes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from seq2seqlite.decay import ForwardModel, Irf, TimeAxis, forward_model
from seq2seqlite.errors import InputError
from seq2seqlite.responses.irf_fit import checked_decay, poisson_nnls, searched

__all__ = ["DecayCurve", "decay_curve", "fit_lifetimes"]

# Lifetimes at which the fit starts, as shares of the period.
STARTS: dict[int, tuple[tuple[float, ...], ...]] = {
    1: ((0.03,), (0.15,), (0.4,)),
    2: ((0.03, 0.15), (0.1, 0.35), (0.01, 0.08)),
    3: ((0.02, 0.08, 0.3), (0.01, 0.05, 0.15), (0.05, 0.15, 0.5)),
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
        Reduced chi-square (Pearson's) of the fitted gates.
    scatter_fraction : float
        Share of scattered excitation light in the photons above the background.

    See Also
    --------
    fit_lifetimes : Fit of up to three lifetimes.
    decay_curve : Curve of given lifetimes.
    """

    taus_ns: tuple[float, ...]
    amplitude_fractions: tuple[float, ...]
    photons: float
    background: float
    expected: NDArray[np.float64]
    chi_square: float
    scatter_fraction: float = 0.0

    @property
    def tau_mean_ns(self) -> float:
        """Amplitude-weighted mean lifetime, in ns."""
        return float(np.dot(self.amplitude_fractions, self.taus_ns))

    def described(self) -> dict[str, object]:
        """Return lifetimes, fractions, scattered light, background and chi-square, ready for JSON."""
        scatter = {"scatter_fraction": self.scatter_fraction} if self.scatter_fraction else {}
        return scatter | {
            "taus_ns": list(self.taus_ns),
            "amplitude_fractions": list(self.amplitude_fractions),
            "tau_mean_ns": self.tau_mean_ns,
            "photons": self.photons,
            "background": self.background,
            "chi_square": self.chi_square,
        }


def fit_lifetimes(
    decay: ArrayLike,
    /,
    *,
    axis: TimeAxis,
    irf: Irf,
    components: int = 2,
    scatter: bool = False,
    fixed_tau_ns: Sequence[float] = (),
    gates: Sequence[int] | None = None,
) -> DecayCurve:
    """Fit up to three lifetimes and a background to a summed decay by maximum likelihood.

    Parameters
    ----------
    decay : array_like, shape (n_gates,)
        Counts of a decay with many photons.
    axis : TimeAxis
        Gates of the decay.
    irf : Irf
        Response with the delay of the decay.
    components : {1, 2, 3}
        Largest number of lifetimes.
    scatter, fixed_tau_ns, gates
        As for :class:`~seq2seqlite.decay.FitModel`.

    Returns
    -------
    DecayCurve
        With a second and third lifetime only if they improve the fit significantly (three standard errors).

    Raises
    ------
    InputError
        If the decay has no photons, does not match the axis, or ``components`` is not 1, 2 or 3.

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
        raise InputError(f"components={components} must be 1, 2 or 3")
    counts = checked_decay(decay, axis)
    model = _Model.of(axis, irf, gates=gates, scatter=scatter)
    with threadpool_limits(1, user_api="blas"):
        if fixed_tau_ns:
            return _curve(model, counts, np.sort(np.asarray(fixed_tau_ns, np.float64)), n_free=0)[0]
        best, least = _fitted(model, counts, 1)
        for number in range(2, components + 1):
            curve, deviance = _fitted(model, counts, number)
            if least - deviance >= MIN_GAIN * max(curve.chi_square, 1.0):
                best, least = curve, deviance
    return best


def _fitted(model: "_Model", counts: NDArray[np.float64], components: int) -> tuple[DecayCurve, float]:
    """Return the curve of the best lifetimes, and its deviance."""
    axis = model.forward.axis
    low, high = np.log(SHORTEST_GATES * axis.gate_width_ns), np.log(LONGEST_PERIODS * axis.period_ns)

    def taus_of(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.exp(np.clip(x, low, high)))

    def deviance(x: NDArray[np.float64]) -> float:
        return model.deviance(model.scaled(model.shapes(taus_of(x)), counts)[1], counts)

    found = [
        searched(deviance, np.log(np.array(start) * axis.period_ns), np.full(components, FIRST_STEP))
        for start in STARTS[components]
    ]
    best = min(found, key=lambda result: result.fun)
    best = searched(deviance, best.x, np.full(components, 0.1 * FIRST_STEP))  # leave a flat valley
    return _curve(model, counts, np.sort(taus_of(best.x)), n_free=components)


def decay_curve(
    decay: ArrayLike,
    /,
    *,
    axis: TimeAxis,
    irf: Irf,
    taus_ns: ArrayLike,
    amplitudes: ArrayLike,
    scatter_fraction: float = 0.0,
    gates: Sequence[int] | None = None,
) -> DecayCurve:
    """Return the curve of given lifetimes and amplitudes, with the photons and background of a decay.

    Parameters
    ----------
    decay, axis, irf
        As for :func:`fit_lifetimes`.
    taus_ns, amplitudes : array_like, shape (n_components,)
        Lifetimes, in ns, and their amplitudes, in arbitrary units.
    scatter_fraction : float
        Share of scattered light in the photons.
    gates : sequence of int, optional
        Gates to which photons and background are fitted.

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
    model = _Model.of(axis, irf, gates=gates)
    taus, weights = np.asarray(taus_ns, np.float64), np.asarray(amplitudes, np.float64)
    order = np.argsort(taus)
    shape = (1 - scatter_fraction) * model.forward.tpsf(weights, taus, model.coefficients)
    shape += scatter_fraction * model.prompt
    shares, expected = model.scaled(shape[None], counts)
    fractions = weights[order] / max(float(weights.sum()), 1e-300)
    photons = (1 - scatter_fraction) * float(shares[0])
    chi_square = model.chi_square(expected, counts, n_free=2)
    return _present(taus[order], fractions, photons, float(shares[1]), expected, chi_square, scatter_fraction)


@dataclass(frozen=True)
class _Model:
    """Forward model of an instrument."""

    forward: ForwardModel
    coefficients: NDArray[np.complex128]
    gates: slice | NDArray[np.intp]
    scatter: bool

    @classmethod
    def of(
        cls, axis: TimeAxis, irf: Irf, *, gates: Sequence[int] | None = None, scatter: bool = False
    ) -> "_Model":
        return cls(*forward_model(axis, irf), slice(None) if gates is None else np.asarray(gates), scatter)

    @property
    def prompt(self) -> NDArray[np.float64]:
        """Shape of scattered light: the response."""
        return self.forward.response(self.coefficients)

    def shapes(self, taus: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the decay of each lifetime, and scattered light, with one photon, shape (n, n_gates)."""
        decays = self.forward.tpsf(np.ones((taus.size, 1)), taus[:, None], self.coefficients)
        return np.concatenate([decays, self.prompt[None]]) if self.scatter else decays

    def scaled(
        self, shapes: NDArray[np.float64], counts: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return photons of each shape and background per gate, shape (n + 1,), and the expected counts."""
        fitted = counts[self.gates]
        design = np.concatenate([shapes, np.full((1, counts.size), 1 / fitted.size)]).T * fitted.sum()
        shares, _ = poisson_nnls(design[self.gates], fitted)
        photons = shares * fitted.sum()
        photons[-1] /= fitted.size
        return photons, np.maximum(design @ shares, SMALLEST_COUNT)

    def deviance(self, expected: NDArray[np.float64], counts: NDArray[np.float64]) -> float:
        """Return the Poisson deviance of the fitted gates."""
        found, model = counts[self.gates], expected[self.gates]
        ratio = np.log(np.maximum(found, SMALLEST_COUNT) / model)
        return float(2 * (np.where(found > 0, found * ratio, 0) - found + model).sum())

    def chi_square(self, expected: NDArray[np.float64], counts: NDArray[np.float64], *, n_free: int) -> float:
        """Return the reduced chi-square of the fitted gates after a fit of ``n_free`` parameters."""
        found, model = counts[self.gates], expected[self.gates]
        return float(((found - model) ** 2 / model).sum() / max(found.size - n_free, 1))


def _curve(
    model: _Model, counts: NDArray[np.float64], taus: NDArray[np.float64], *, n_free: int
) -> tuple[DecayCurve, float]:
    """Return the curve of fitted lifetimes, of which ``n_free`` were free, and its deviance."""
    shares, expected = model.scaled(model.shapes(taus), counts)
    photons, scattered = shares[: taus.size], shares[taus.size : -1].sum()
    amplitudes = photons / taus
    chi_square = model.chi_square(expected, counts, n_free=n_free + shares.size)
    curve = _present(
        taus,
        amplitudes / max(float(amplitudes.sum()), 1e-300),
        float(photons.sum()),
        float(shares[-1]),
        expected,
        chi_square,
        float(scattered / max(photons.sum() + scattered, 1e-300)),
    )
    return curve, model.deviance(expected, counts)


def _present(taus: NDArray[np.float64], fractions: NDArray[np.float64], *others: Any) -> DecayCurve:
    """Return a curve without the components that have no photons."""
    present = fractions > 0
    return DecayCurve(tuple(taus[present].tolist()), tuple(fractions[present].tolist()), *others)
