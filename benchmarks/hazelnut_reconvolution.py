"""The hazelnut's lifetimes by the shipped student, beside a maximum-likelihood fit of the same photons.

The file has no IRF, so one is fitted: a Gaussian with an exponential tail, together with three lifetimes, to
the summed decay. Then every block of 8 x 8 pixels gets a bi-exponential Poisson maximum-likelihood
reconvolution fit on its 132 bins as measured, with this IRF, periodic excitation and a constant background.
The student gets the same blocks, re-binned to its axis, and single pixels.

    python benchmarks/hazelnut_reconvolution.py [--model NAME] [--json FILE]
"""

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from seq2seqlite import lifetime_map, load, load_model
from seq2seqlite.decay import ForwardModel, ParametricIrf, TimeAxis, harmonics_needed

HAZELNUT = Path("build/hazelnut/napari_flim_phasor_plotter/data/hazelnut_FLIM_single_image.ptu")
BLOCK = 8
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


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description="Hazelnut: student and maximum likelihood")
    parser.add_argument("--file", type=Path, default=HAZELNUT)
    parser.add_argument("--model", default="seq2seqlite-tcspc-80mhz-float")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    data, model = load(arguments.file), load_model(arguments.model)
    # Both see the same photons: those of the pixels that the map of single pixels analyses.
    single = lifetime_map(data, model)
    used = np.isfinite(single["tau_mean_ns"])
    blocks = data.where(used, 0).coarsen(Y=BLOCK, X=BLOCK).sum()
    blocks.attrs = data.attrs
    chosen = blocks.sum("H") >= 1000
    axis = TimeAxis(data.sizes["H"], data.attrs["gate_width_ns"], data.attrs["period_ns"])
    fit = Reconvolution(axis)
    irf = fit.fit_irf(data.where(used, 0).sum(("Y", "X")).to_numpy().astype(np.float64))
    decays = blocks.to_numpy()[chosen.to_numpy()].astype(np.float64)
    fitted = np.array([fit.fit_biexponential(decay) for decay in decays])
    student = lifetime_map(blocks, model)["tau_mean_ns"].to_numpy()[chosen.to_numpy()]
    result = {
        "model": arguments.model,
        "irf": {"fwhm_ns": irf.fwhm_ns, "tail_fraction": irf.tail_fraction, "tail_ns": irf.tail_ns},
        "blocks": int(chosen.sum()),
        "median_tau_mean_ns": {
            "maximum_likelihood_blocks": float(np.median(fitted)),
            "student_blocks": float(np.nanmedian(student)),
            "student_pixels": float(np.nanmedian(single["tau_mean_ns"])),
        },
        "median_abs_difference_of_blocks_ns": float(np.nanmedian(np.abs(student - fitted))),
    }
    medians = result["median_tau_mean_ns"]
    result["student_blocks_over_maximum_likelihood"] = (
        medians["student_blocks"] / medians["maximum_likelihood_blocks"]
    )
    result["student_pixels_over_maximum_likelihood"] = (
        medians["student_pixels"] / medians["maximum_likelihood_blocks"]
    )
    text = json.dumps(result, indent=2)
    print(text)
    if arguments.json is not None:
        arguments.json.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
