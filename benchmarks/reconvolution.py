"""Maximum-likelihood reconvolution, one decay after the other: what the benchmarks compare networks with."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from seq2seqlite.decay import ForwardModel, ParametricIrf, TimeAxis, harmonics_needed

__all__ = ["Reconvolution"]

NARROWEST_SIGMA_NS = 0.03


class Reconvolution:
    """Poisson maximum-likelihood fits on one axis."""

    def __init__(self, axis: TimeAxis) -> None:
        self.axis = axis
        self.forward = ForwardModel(axis, harmonics_needed(NARROWEST_SIGMA_NS, period_ns=axis.period_ns))
        self.irf: NDArray[np.complex128] = np.array([])

    def fit_irf(self, counts: NDArray[np.float64]) -> ParametricIrf:
        """Fit IRF, three components and background to a decay with many photons."""
        edge = float(np.argmax(np.diff(counts)) * self.axis.gate_width_ns)
        start = np.array(
            [edge + 0.05, np.log(0.15), 0.0, np.log(0.3), *np.log([0.2, 0.6, 2.0]), 0.0, 0.0, np.log(0.01)]
        )

        def loss(x: NDArray[np.float64]) -> float:
            shares = np.exp(np.array([0.0, x[7], x[8]]))
            expected = self._tpsf(self._irf_of(x), np.exp(x[4:7]), shares) + np.exp(x[9]) / self.axis.n_gates
            expected *= counts.sum() / expected.sum()
            return float((expected - counts * np.log(expected)).sum() / counts.sum())

        best = min(
            (minimize(loss, start + shift, method="Nelder-Mead", options={"maxfev": 6000, "adaptive": True})
             for shift in (0.0, 0.15)),
            key=lambda result: result.fun,
        )  # fmt: skip
        irf = self._irf_of(best.x)
        self.irf = irf.coefficients(self.forward.n_harmonics, period_ns=self.axis.period_ns)
        return irf

    def fit_biexponential(self, counts: NDArray[np.float64]) -> float:
        """Return the amplitude-mean lifetime of one decay, in ns."""

        def loss(x: NDArray[np.float64]) -> float:
            shapes = self.forward.tpsf(np.ones((2, 1)), np.exp(x[:2])[:, None], self.irf)
            expected = np.exp(x[2:4]) @ shapes + np.exp(x[4]) / self.axis.n_gates
            return float((expected - counts * np.log(expected)).sum())

        n = counts.sum()
        start = np.array([np.log(0.3), np.log(1.2), np.log(0.5 * n), np.log(0.5 * n), np.log(0.02 * n)])
        bounds = [(np.log(0.03), np.log(10.0))] * 2 + [(np.log(1e-3), np.log(2 * n))] * 3
        x = minimize(loss, start, method="L-BFGS-B", bounds=bounds).x
        tau, photons = np.exp(x[:2]), np.exp(x[2:4])
        amplitudes = photons / tau
        return float(amplitudes @ tau / amplitudes.sum())

    def _irf_of(self, x: NDArray[np.float64]) -> ParametricIrf:
        fwhm_ns = max(np.exp(x[1]), 2.36 * NARROWEST_SIGMA_NS)
        return ParametricIrf(float(x[0]), float(fwhm_ns), float(1 / (1 + np.exp(-x[2]))), float(np.exp(x[3])))

    def _tpsf(
        self, irf: ParametricIrf, tau: NDArray[np.float64], shares: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        coefficients = irf.coefficients(self.forward.n_harmonics, period_ns=self.axis.period_ns)
        return self.forward.tpsf(shares, tau, coefficients)
