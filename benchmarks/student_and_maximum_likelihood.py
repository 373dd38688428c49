"""Mean lifetimes from a student, compared with maximum-likelihood fits of the same simulated decays.

The decays are the first of the reference set of an instrument, whose lifetimes and IRFs are not used in
training. The fit is a bi-exponential Poisson reconvolution with the true IRF of each decay, a free
constant background and periodic excitation. The student does not receive the IRF.

    python benchmarks/student_and_maximum_likelihood.py [--instrument NAME] [--model NAME] [--n 500]
"""

import argparse
import json
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seqlite import load_model
from seq2seqlite.estimators.maximum_likelihood import MaximumLikelihood
from seq2seqlite.simulation.decay_set import REFERENCE_SEED
from seq2seqlite.simulation.instrument import load_instrument
from seq2seqlite.simulation.simulator import Decays, Simulator

PHOTONS = (200, 500, 1000, 2000, 5000, 10000, 20000)


def errors(predicted: NDArray[np.float64], truth: NDArray[np.float64]) -> dict[str, float]:
    """Return RMSE, median absolute error and bias, in ns."""
    difference = predicted - truth
    return {
        "rmse_ns": float(np.sqrt(np.nanmean(difference**2))),
        "median_abs_error_ns": float(np.nanmedian(np.abs(difference))),
        "bias_ns": float(np.nanmean(difference)),
    }


def fitted_lifetimes(simulator: Simulator, decays: Decays) -> NDArray[np.float64]:
    """Return the mean lifetimes of bi-exponential fits with the true IRF of each decay, in ns."""
    fitted = np.empty(len(decays))
    for index in np.unique(decays.irf_index):
        chosen = decays.irf_index == index
        fit = MaximumLikelihood(simulator.instrument.axis, simulator.irfs[index], components=2)
        fitted[chosen] = fit.lifetimes(decays.tpsf[chosen]).tau_mean_ns
    return fitted


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description="Student and maximum likelihood on simulated decays")
    parser.add_argument("--instrument", default="tcspc-80mhz")
    parser.add_argument("--model", default="seq2seqlite-tcspc-80mhz-int8")
    parser.add_argument("--n", type=int, default=500)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    simulator = Simulator(load_instrument(arguments.instrument), seed=REFERENCE_SEED, split="reference")
    decays = simulator.decays(arguments.n)
    truth = decays.tau_mean_ns
    began = time.perf_counter()
    student = np.asarray(load_model(arguments.model).lifetimes(decays.tpsf).tau_mean_ns, np.float64)
    student_seconds = time.perf_counter() - began
    began = time.perf_counter()
    fitted = fitted_lifetimes(simulator, decays)
    seconds = time.perf_counter() - began
    rows: list[dict[str, Any]] = []
    for low, high in pairwise(PHOTONS):
        chosen = (decays.photons >= low) & (decays.photons < high)
        if chosen.any():
            row: dict[str, Any] = {"photons": [low, high], "n": int(chosen.sum())}
            row["student"] = errors(student[chosen], truth[chosen])
            row["maximum_likelihood"] = errors(fitted[chosen], truth[chosen])
            rows.append(row)
    columns = "RMSE / ns | median error | bias"
    print(f"| photons | decays | student: {columns} | ML: {columns} |")
    print("|---|---|---|---|---|---|---|---|")
    for row in rows:
        cells = [f"{row['photons'][0]} to {row['photons'][1]}", str(row["n"])]
        for name in ("student", "maximum_likelihood"):
            cells += [f"{row[name][key]:.3f}" for key in ("rmse_ns", "median_abs_error_ns", "bias_ns")]
        print(f"| {' | '.join(cells)} |")
    print(f"student {arguments.n / student_seconds:,.0f} decays/s, fit {arguments.n / seconds:,.0f} decays/s")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps({"rows": rows}, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
