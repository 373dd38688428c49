"""Bias of a network by the IRF, as the median ratio of predicted to true mean lifetime.

The bi-exponential decays are bright and within the training range of the model. Each row of the table
has a different IRF. Estimators require the IRF, but networks infer it from the decay, where it cannot be
separated completely from short lifetimes.

    python benchmarks/irf_bias.py [--model NAME]
"""

import argparse

import numpy as np

from seq2seqlite import load_model
from seq2seqlite.decay import ParametricIrf, expected_tpsf

N = 2000
PHOTONS = 10_000.0
BACKGROUND = 2.0
TAU_SHORT_NS, TAU_LONG_NS = (0.3, 1.5), (1.5, 4.0)
IRFS = {
    "0.1 ns, no tail": ParametricIrf(1.55, 0.1),
    "0.2 ns, no tail": ParametricIrf(1.55, 0.2),
    "0.2 ns, 12 % tail": ParametricIrf(1.55, 0.2, 0.12, 0.35),
    "0.3 ns, 12 % tail": ParametricIrf(1.55, 0.3, 0.12, 0.35),
    "0.35 ns, 25 % tail": ParametricIrf(1.55, 0.35, 0.25, 0.35),
}


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description="Bias of the mean lifetime by IRF")
    parser.add_argument("--model", default="seq2seqlite-tcspc-80mhz-float")
    model = load_model(parser.parse_args().model)
    rng = np.random.default_rng(1)
    tau = np.stack([rng.uniform(*TAU_SHORT_NS, N), rng.uniform(*TAU_LONG_NS, N)], axis=1)
    fraction = rng.uniform(0.2, 0.8, N)
    amplitudes = np.stack([fraction, 1 - fraction], axis=1)
    truth = (amplitudes * tau).sum(axis=1)
    for label, irf in IRFS.items():
        expected = expected_tpsf(
            amplitudes,
            tau,
            axis=model.axis,
            irf=irf,
            photons=np.full(N, PHOTONS),
            background=np.full(N, BACKGROUND),
        )
        ratio = model.lifetimes(rng.poisson(expected)).tau_mean_ns / truth
        print(f"IRF {label}: median ratio to the true mean lifetime {np.median(ratio):.3f}")


if __name__ == "__main__":
    main()
