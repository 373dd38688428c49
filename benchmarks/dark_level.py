"""Lifetimes with a known dark level: given to the fit, subtracted, or not used.

    python benchmarks/dark_level.py [--pixels 4000]

Simulated pixels of the SPAD camera SPAD512S (gates of 6 ns, sums of 255 one-bit frames, corrected for
saturation) with one lifetime and a dark level that is the same in all gates. For maximum likelihood:
background fitted, known, and subtracted with negative counts set to zero; for the direct network: all counts,
and counts after this subtraction. For each: error of the median lifetime, scatter (half of the central 68 %)
and median error bar, relative to the lifetime.
"""

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np

from seq2seqlite import load_predictor
from seq2seqlite.decay import (
    ForwardModel,
    Gate,
    GatedIrf,
    ParametricIrf,
    SpadFrameDetector,
    TimeAxis,
    expected_tpsf,
    harmonics_needed,
    rising_edge_ns,
)
from seq2seqlite.estimators.maximum_likelihood import MaximumLikelihood
from seq2seqlite.protocols import ResponsePredictor

AXIS = TimeAxis(67, 0.183489, 12.3305).sampled()
DETECTOR = SpadFrameDetector(255)
# Lifetime in ns, photons of a pixel, and dark counts per gate.
CASES = ((2.0, 1000, 2.0), (2.0, 1000, 5.0), (2.0, 300, 3.0), (1.0, 1000, 5.0), (3.0, 1000, 5.0))


def results(tau_ns: float, photons: float, dark: float, n: int) -> Iterator[tuple[str, str, Any, Any]]:
    """Yield predictor, treatment of the dark level, lifetimes and standard errors."""
    network = load_predictor("seq2seqlite-spad512s-direct-float")
    irf = GatedIrf(ParametricIrf(7.5, 0.2), Gate(6.0, 0.5, 0.9))
    edge_ns = rising_edge_ns(
        expected_tpsf([1.0], [tau_ns], axis=AXIS, irf=irf, photons=1e6), bin_width_ns=AXIS.gate_width_ns
    )
    irf = irf.moved(network.rising_edge_ns - edge_ns)
    shape = expected_tpsf([1.0], [tau_ns], axis=AXIS, irf=irf)
    expected = np.tile(photons * shape / shape.sum() + dark, (n, 1))
    counts = DETECTOR.photons(DETECTOR.sample(expected, np.random.default_rng(7))).astype(np.float32)
    rest = np.maximum(counts - np.float32(dark), 0)
    n_harmonics = harmonics_needed(irf.narrowest_sigma_ns, period_ns=AXIS.period_ns)
    response = ForwardModel(AXIS, n_harmonics).response(
        irf.coefficients(n_harmonics, period_ns=AXIS.period_ns)
    )
    assert isinstance(network, ResponsePredictor)
    direct = network.with_response(1e9 * response / response.sum())
    fit = MaximumLikelihood(AXIS, irf)
    for name, how, found in (
        ("mle-mono", "fitted", fit.lifetimes(counts)),
        ("mle-mono", "known", fit.lifetimes_above(counts, np.full(n, dark))),
        ("mle-mono", "subtracted", fit.lifetimes(rest)),
        ("direct network", "not used", direct.lifetimes(counts)),
        ("direct network", "subtracted", direct.lifetimes(rest)),
    ):
        yield name, how, found.tau_mean_ns, found.tau_mean_std_ns  # type: ignore[attr-defined]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pixels", type=int, default=4000)
    arguments = parser.parse_args()
    print("| lifetime / ns | photons | dark counts | predictor | dark level | bias | scatter | error bar |")
    print("|---|---|---|---|---|---|---|---|")
    for tau_ns, photons, dark in CASES:
        for name, how, tau, std in results(tau_ns, photons, dark, arguments.pixels):
            bias = np.nanmedian(tau) / tau_ns - 1
            low, high = np.nanpercentile(tau, [16, 84])
            print(
                f"| {tau_ns:g} | {photons:,} | {67 * dark:,.0f} | {name} | {how} | {bias:+.1%} "
                f"| {(high - low) / 2 / tau_ns:.1%} | {np.nanmedian(std) / tau_ns:.1%} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
