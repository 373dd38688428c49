"""Throughput of the batched maximum-likelihood fit, compared with pixel-by-pixel calls of FLIMLib.

The decays are mono-exponential, with 256 bins, a background and one IRF. FLIMLib (GPL, in the extra
``peers``) receives the IRF on the bins of the data and a good starting value for each pixel; the batched
fit computes its own. Both fit lifetime, photons and background by maximum likelihood. Both are timed
alternately several times, so that other load on the machine affects both, and the medians are compared.

    python benchmarks/maximum_likelihood_speed.py [--n 20000] [--rounds 5]
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import flimlib
import numpy as np
from numpy.typing import NDArray

from seq2seqlite.decay import ParametricIrf, TimeAxis, expected_tpsf
from seq2seqlite.estimators import fisher_scoring as scoring
from seq2seqlite.estimators.maximum_likelihood import FIRST_STEPS, MaximumLikelihood

# FLIMLib ignores earlier pulses and convolves from the first bin: use a long period and an early pulse.
AXIS = TimeAxis(n_gates=256, gate_width_ns=0.048828125, period_ns=25.0)
IRF = ParametricIrf(center_ns=0.4, fwhm_ns=0.2)
PROMPT_BINS = 16
PHOTONS, BACKGROUND = 3000.0, 1.0
FLIMLIB_PIXELS = 1000


def by_flimlib(counts: NDArray[np.float32], prompt: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return lifetimes, with one call per pixel."""
    found = np.empty(len(counts))
    for index, pixel in enumerate(counts):
        start = np.array([1.0, pixel.max(), 2.0], np.float32)
        found[index] = flimlib.GCI_marquardt_fitting_engine(
            AXIS.gate_width_ns, pixel, start, fit_start=0, fit_end=AXIS.n_gates, instr=prompt,
            noise_type="NOISE_MLE", compute_fitted=False, compute_residuals=False, compute_covar=False,
            compute_alpha=False, compute_erraxes=False,
        ).param[2]  # fmt: skip
    return found


def profile(fit: MaximumLikelihood, counts: NDArray[np.float32]) -> dict[str, float]:
    """Return the time per pixel of each part of the batched fit, in microseconds."""
    part = counts[: scoring.CHUNK]
    photons = part.sum(axis=1)
    shapes = scoring.cast(fit.shapes, np.float32)
    bounds = np.tile(np.asarray(fit.bounds, np.float32)[:, None], (1, len(part), 1))
    start = fit.grid.best(part).astype(np.float32)
    y = np.ascontiguousarray((part / photons[:, None]).T)

    def steps() -> None:
        result = scoring.fit(shapes, y, photons, start, bounds, n_components=1, n_steps=FIRST_STEPS)
        np.asarray(result.theta)

    reason = np.zeros(len(part), np.uint8)
    parts: dict[str, Callable[[], object]] = {
        "starting values": lambda: fit.grid.best(part),
        "scoring steps": steps,
        "errors and chi-square": lambda: fit.estimate_of(start, part, reason),
    }
    microseconds = {}
    for name, call in parts.items():
        call()
        microseconds[name] = min(_seconds(call) for _ in range(7)) / scoring.CHUNK * 1e6
    return microseconds


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def main() -> None:
    """Print the rates."""
    parser = argparse.ArgumentParser(description="Throughput of batched maximum likelihood and of FLIMLib")
    parser.add_argument("--n", type=int, default=20480)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rng = np.random.default_rng(1)
    tau = rng.uniform(0.5, 4.0, arguments.n)
    expected = expected_tpsf(
        np.ones((arguments.n, 1)), tau[:, None], axis=AXIS, irf=IRF, photons=np.full(arguments.n, PHOTONS),
        background=np.full(arguments.n, BACKGROUND),
    )  # fmt: skip
    counts = rng.poisson(expected).astype(np.float32)
    # FLIMLib samples decay and IRF at the starts of bins; an offset of half a bin would bias its lifetimes.
    times = np.arange(PROMPT_BINS) * AXIS.gate_width_ns
    prompt = np.exp(-0.5 * ((times - IRF.center_ns) / IRF.narrowest_sigma_ns) ** 2)
    prompt = (prompt / prompt.sum()).astype(np.float32)
    fit = MaximumLikelihood(AXIS, IRF)
    fit.lifetimes(counts)  # first call for compilation
    few = counts[:FLIMLIB_PIXELS]
    ours, theirs = [], []
    for _ in range(arguments.rounds):
        ours.append(arguments.n / _seconds(lambda: fit.lifetimes(counts)))
        theirs.append(FLIMLIB_PIXELS / _seconds(lambda: by_flimlib(few, prompt)))
    errors = {
        "batched": fit.lifetimes(few).tau_mean_ns / tau[: len(few)] - 1,
        "flimlib": by_flimlib(few, prompt) / tau[: len(few)] - 1,
    }
    result = {
        "pixels_per_second": {"batched": float(np.median(ours)), "flimlib": float(np.median(theirs))},
        "ratio": float(np.median(ours) / np.median(theirs)),
        "ratio_by_round": [float(a / b) for a, b in zip(ours, theirs, strict=True)],
        "median_abs_relative_error": {name: float(np.nanmedian(np.abs(e))) for name, e in errors.items()},
        "microseconds_a_pixel": profile(fit, counts),
    }
    text = json.dumps(result, indent=2)
    print(text)
    if arguments.json is not None:
        arguments.json.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
