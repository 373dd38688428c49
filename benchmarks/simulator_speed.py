"""Throughput of the simulator, compared with a loop over single decays.

Like other per-pixel simulators, the loop samples the decay and the IRF on the gates, convolves them,
wraps the result, and adds Poisson noise. Both run one after the other for the same instruments.

    python benchmarks/simulator_speed.py [--n 200000]
"""

import argparse
import time

import numpy as np

from seq2seqlite.simulation.instrument import Instrument, instrument_names, load_instrument
from seq2seqlite.simulation.simulator import Simulator

LOOP_DECAYS = 2000


def naive_rate(instrument: Instrument) -> float:
    """Return the decays/s of a loop over decays."""
    rng = np.random.default_rng(1)
    axis, ranges = instrument.axis, instrument.decays
    began = time.perf_counter()
    for _ in range(LOOP_DECAYS):
        tau = np.sort(rng.uniform(*ranges.tau_ns, size=2))
        fraction = rng.uniform(*ranges.amplitude_fraction)
        decay = fraction * np.exp(-axis.starts_ns / tau[0]) + (1 - fraction) * np.exp(
            -axis.starts_ns / tau[1]
        )
        sigma_ns = rng.uniform(*instrument.irf.fwhm_ns) / 2.355
        irf = np.exp(-0.5 * ((axis.starts_ns - rng.uniform(*instrument.irf.center_ns)) / sigma_ns) ** 2)
        tpsf = np.convolve(decay, irf / irf.sum())
        tpsf = tpsf[: axis.n_gates] + np.append(tpsf[axis.n_gates :], 0)
        photons = np.exp(rng.uniform(np.log(ranges.photons[0]), np.log(ranges.photons[1])))
        rng.poisson(tpsf / tpsf.sum() * photons)
    return LOOP_DECAYS / (time.perf_counter() - began)


def main() -> None:
    """Print the rates."""
    parser = argparse.ArgumentParser(description="Throughput of the simulator")
    parser.add_argument("--n", type=int, default=200_000)
    n = parser.parse_args().n
    for name in instrument_names():
        instrument = load_instrument(name)
        simulator = Simulator(instrument, seed=1, split="train")
        simulator.decays(1)
        began = time.perf_counter()
        simulator.decays(n)
        rate = n / (time.perf_counter() - began)
        naive = naive_rate(instrument)
        print(f"{name}: {rate:,.0f} decays/s; a loop over decays {naive:,.0f}/s; ratio {rate / naive:.1f}")


if __name__ == "__main__":
    main()
