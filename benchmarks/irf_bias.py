"""What the IRF does to a model that is not told it: median ratio of its mean lifetime to the truth.

Bright bi-exponential decays in the range of the model, one IRF a row. Classical fits take the IRF as given;
the networks infer it from the decay, and what the decay leaves open shows here.

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
