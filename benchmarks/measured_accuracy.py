"""Accuracy of predictors on measured decays, compared with the Cramér-Rao bound.

Bright measurements are reduced to fewer photons many times by binomial thinning, which results in real
counting noise on a real decay with a real IRF. The reference is a fit of all photons, which
tests/estimators/test_published.py compares with published values of Atto550 and of NADH in yeast. The
Cramér-Rao bound is that of the fitted decay with its background. Rapid lifetime determination is
excluded, because two gates are not suitable for a window of thirty lifetimes.

    python benchmarks/measured_accuracy.py [--data DIR] [--repeats 1000] [--only NAME] [--json FILE]
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seqlite import load_predictor
from seq2seqlite.decay import Irf, MeasuredIrf, TimeAxis
from seq2seqlite.estimators import ESTIMATORS, Estimate, estimator_named
from seq2seqlite.estimators.crlb import cramer_rao_bound
from seq2seqlite.estimators.maximum_likelihood import MaximumLikelihood
from seq2seqlite.imaging.frame_analysis import lifetime_map
from seq2seqlite.io.irf import read_irf
from seq2seqlite.io.measurement import read
from seq2seqlite.io.signal import signal_from_counts
from seq2seqlite.predictors.response_model import ResponseModel
from seq2seqlite.responses import aligned_irf

PHOTONS = (300, 1000, 3000, 10_000)
DIRECT = "seq2seqlite-tcspc-80mhz-direct-float"
NETWORKS = ("seq2seqlite-tcspc-80mhz-float", "seq2seqlite-tcspc-80mhz-int8", "seq2seq-tcspc-80mhz-float")
COLUMNS = (
    "photons",
    "predictor",
    "mean_ns",
    "bias_ns",
    "std_ns",
    "rmse_ns",
    "std_over_crlb",
    "rmse_over_crlb",
    "coverage_68",
    "coverage_95",
)


Found = tuple[Any, Any]
Predict = Callable[[NDArray[Any]], Found]


@dataclass(frozen=True)
class Bright:
    """Bright decay with its aligned IRF, and a fit of all its photons."""

    name: str
    counts: NDArray[np.float64]
    axis: TimeAxis
    irf: Irf
    fit: Estimate
    networks: tuple[str, ...]


def atto550(folder: Path) -> Bright:
    """Return the mono-exponential decay of the dye, with gates of eight of its 4,096 bins."""
    width = 0.02743484
    counts = channels(folder / "atto550/Atto550_DNA.txt").reshape(-1, 8).sum(axis=1)
    axis = TimeAxis(counts.size, 8 * width, counts.size * 8 * width)
    irf = aligned_irf(
        MeasuredIrf(channels(folder / "atto550/irf.txt"), bin_width_ns=width), counts, axis=axis
    )
    return Bright("atto550", counts, axis, irf, MaximumLikelihood(axis, irf).lifetimes(counts[None]), ())


def nadh(folder: Path) -> Bright:
    """Return the bi-exponential summed decay of the yeast image within the TAC window."""
    data = read(folder / "nadh-yeast/SDT_c01.sdt", block=1)
    counts = data.values.sum(axis=(0, 1), dtype=np.float64)[12:243]
    axis = TimeAxis(counts.size, data.attrs["gate_width_ns"], data.attrs["period_ns"])
    irf = aligned_irf(read_irf(folder / "nadh-yeast/IRF.sdt").within(2.5, 4.0), counts, axis=axis)
    fit = MaximumLikelihood(axis, irf, components=2).lifetimes(counts[None])
    return Bright("nadh-yeast", counts, axis, irf, fit, NETWORKS)


def channels(path: Path) -> NDArray[np.float64]:
    """Read the counts from a table of channels."""
    rows = [line.split() for line in path.read_text(encoding="latin-1").splitlines()]
    return np.array([float(row[1]) for row in rows if len(row) == 2 and row[0].isdigit()])


def estimated_by(estimator: Any) -> Predict:
    """Return a function that computes the mean lifetimes of thinned decays, and their errors, by a fit."""

    def estimated(thinned: NDArray[Any]) -> Found:
        found = estimator.lifetimes(thinned)
        return np.asarray(found.tau_mean_ns), getattr(found, "tau_mean_std_ns", None)

    return estimated


def network_lifetimes(name: str, bright: Bright, response: str | None = None) -> Predict:
    """Return a function that computes the mean lifetimes of thinned decays with a network.

    A direct network gets the measured IRF, whose delay is fitted to the sum of the thinned decays, or an IRF
    that is fitted to this sum, or none.
    """
    model: Any = load_predictor(name)
    if response in ("measured", "fitted"):
        model = ResponseModel(model, bright.irf if response == "measured" else None)

    def mapped(thinned: NDArray[Any]) -> Found:
        data = signal_from_counts(
            thinned, source=bright.name, file_format="thinned", gate_width_ns=bright.axis.gate_width_ns,
            period_ns=bright.axis.period_ns,
        )  # fmt: skip
        maps = lifetime_map(data, model, min_photons=1)
        found = [
            np.asarray(maps[name].values[:, 0], np.float64) if name in maps else None
            for name in ("tau_mean_ns", "tau_mean_std_ns")
        ]
        return found[0], found[1]

    return mapped


def rows_of(bright: Bright, repeats: int, only: str | None) -> list[dict[str, Any]]:
    """Return one row for each photon count and predictor, or those whose name begins with ``only``."""
    rng = np.random.default_rng(1)
    predictors: dict[str, Predict] = {}
    for name in (name for name in ESTIMATORS if not name.startswith("rld")):
        estimator = estimator_named(name, axis=bright.axis, irf=bright.irf)
        predictors[name] = estimated_by(estimator)
    predictors |= {name: network_lifetimes(name, bright) for name in bright.networks}
    predictors |= {
        f"{DIRECT}, response {response}": network_lifetimes(DIRECT, bright, response)
        for response in ("measured", "fitted", "unknown")
    }
    predictors = {name: one for name, one in predictors.items() if only is None or name.startswith(only)}
    reference, rows = bright.fit.tau_mean_ns.item(), []
    for photons in PHOTONS:
        kept = photons / bright.counts.sum()
        thinned = rng.binomial(bright.counts.astype(int), kept, size=(repeats, bright.counts.size))
        bound = bound_of(bright, kept)
        for name, predict in predictors.items():
            predict(thinned[:1])
            began = time.perf_counter()
            tau, error = predict(thinned)
            seconds = time.perf_counter() - began
            bias, std = float(np.nanmean(tau) - reference), float(np.nanstd(tau))
            rmse = float(np.hypot(bias, std))
            covered = [
                None if error is None else float((np.abs(tau - reference) < n * error).mean()) for n in (1, 2)
            ]
            rows.append({
                "predictor": name, "instrument": bright.name, "photons": photons, "tau_ns": reference,
                "mean_ns": reference + bias, "bias_ns": bias, "std_ns": std, "rmse_ns": rmse,
                "std_over_crlb": std / bound, "rmse_over_crlb": rmse / bound,
                "coverage_68": covered[0], "coverage_95": covered[1],
                "answered": float(np.isfinite(tau).mean()), "pixels_per_second": repeats / seconds,
            })  # fmt: skip
    return rows


def bound_of(bright: Bright, kept: float) -> float:
    """Return the Cramér-Rao bound of the mean lifetime for a fraction of the photons, in ns."""
    fit = bright.fit
    assert fit.photons is not None
    assert fit.background is not None
    two = fit.tau_long_ns.item() > fit.tau_short_ns.item()
    return cramer_rao_bound(
        fit.tau_short_ns.item(), axis=bright.axis, irf=bright.irf, photons=kept * fit.photons.item(),
        tau_long_ns=fit.tau_long_ns.item() if two else None,
        amplitude_fraction=fit.amplitude_fraction.item(), background=kept * fit.background.item(),
    ).tau_mean_ns.item()  # fmt: skip


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Accuracy on thinned measurements")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--repeats", type=int, default=1000)
    parser.add_argument("--only", metavar="NAME", help="only predictors whose name begins with NAME")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = []
    for bright in (atto550(arguments.data), nadh(arguments.data)):
        mean = bright.fit.tau_mean_ns.item()
        print(f"\n{bright.name}: {bright.counts.sum():,.0f} photons, mean {mean:.3f} ns\n")
        print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
        for row in rows_of(bright, arguments.repeats, arguments.only):
            rows.append(row)
            cells = [
                str(row["photons"]),
                f"`{row['predictor']}`",
                *("" if row[key] is None else f"{row[key]:.3f}" for key in COLUMNS[2:]),
            ]
            print(f"| {' | '.join(cells)} |")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(rows, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
