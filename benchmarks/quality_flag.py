"""Sensitivity and false-positive rate of the quality flag of lifetime maps.

The images contain mono-exponential decays with 3,000 photons per pixel. Some are simulated with IRFs of
the reference set of the instrument, some with IRFs outside of the training range, and some with 20 %
pile-up. A pixel is wrong if the error of its mean lifetime exceeds three times the Cramér-Rao bound. The
script prints the fraction of flagged pixels among the wrong pixels of images outside of the training
range, among the correct pixels of images within it, and among the correct pixels of images outside of
it, where a flag indicates that the instrument differs from that of the model. One additional image has a
background of 30 % instead of 2.5 %, and is not part of these fractions.

    python benchmarks/quality_flag.py [--model NAME] [--n 1500] [--blind]
"""

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from seq2seqlite import load_model
from seq2seqlite.decay import Irf, ParametricIrf, PileUpDetector, expected_tpsf
from seq2seqlite.estimators.crlb import cramer_rao_bound
from seq2seqlite.imaging.frame_analysis import lifetime_map
from seq2seqlite.imaging.quality import Quality
from seq2seqlite.io.signal import signal_from_counts
from seq2seqlite.simulation.decay_set import REFERENCE_SEED
from seq2seqlite.simulation.instrument import load_instrument
from seq2seqlite.simulation.simulator import Simulator

PHOTONS, BACKGROUND, STRONG_BACKGROUND, PILE_UP = 3000.0, 0.025, 0.3, 0.2
TAU_NS = (0.5, 3.0)
N_BANK = 16
WRONG = 3.0
# Thresholds of the deviation for which the fractions are printed in addition to those of the flag.
THRESHOLDS = (2.0, 2.25, 2.5, 2.75, 3.0)
OUTSIDE = {
    "IRF 0.06 ns wide": ParametricIrf(1.55, 0.06),
    "IRF 0.7 ns wide": ParametricIrf(1.55, 0.7),
    "half of the IRF in a tail of 0.8 ns": ParametricIrf(1.55, 0.3, 0.5, 0.8),
    "IRF with a second pulse's tail, 30 % of 1.5 ns": ParametricIrf(1.55, 0.2, 0.3, 1.5),
}


def image(
    model: Any,
    irf: Irf,
    n: int,
    rng: np.random.Generator,
    *,
    pile_up: bool,
    blind: bool,
    background: float = BACKGROUND,
) -> dict[str, Any]:
    """Return which pixels of an image are wrong, and which are flagged."""
    axis = model.axis
    tau = rng.uniform(*TAU_NS, n)
    expected = expected_tpsf(np.ones((n, 1)), tau[:, None], axis=axis, irf=irf)
    signal = PHOTONS * (1 - background) / expected.sum(axis=1)
    level = PHOTONS * background / axis.n_gates
    expected = expected * signal[:, None] + level
    pulses = round(PHOTONS / PILE_UP) if pile_up else None
    counts = rng.poisson(expected) if pulses is None else PileUpDetector(pulses).sample(expected, rng)
    bound = cramer_rao_bound(tau, axis=axis, irf=irf, photons=signal, background=level).tau_mean_ns
    data = signal_from_counts(
        counts, source="simulated", file_format="none", gate_width_ns=axis.gate_width_ns,
        period_ns=axis.period_ns,
    )  # fmt: skip
    quality = Quality(None if blind else irf, None if pulses is None else float(pulses))
    maps = lifetime_map(data, model, min_photons=1, quality=quality)
    error = np.abs(maps["tau_mean_ns"].values[:, 0] - tau)
    wrong, flagged = error > WRONG * bound, maps["flagged"].values[:, 0] > 0
    deviation = np.abs(maps["deviation"].values[:, 0])
    return {
        "by_threshold": {k: [int((wrong & (deviation > k)).sum()), int((~wrong & (deviation > k)).sum())]
                         for k in THRESHOLDS},
        "wrong": int(wrong.sum()), "wrong_flagged": int((wrong & flagged).sum()),
        "right": int((~wrong).sum()), "right_flagged": int((~wrong & flagged).sum()),
        "median_chi_square": float(np.nanmedian(maps["chi_square"])),
        "median_error_over_bound": float(np.nanmedian(error / bound)),
    }  # fmt: skip


def _sum(result: dict[str, Any], names: Iterable[str], threshold: float, which: int) -> int:
    return sum(result["images"][name]["by_threshold"][threshold][which] for name in names)


def main() -> None:
    """Print the fractions."""
    parser = argparse.ArgumentParser(description="Sensitivity and false-positive rate of the quality flag")
    parser.add_argument("--instrument", default="narrow-gate")
    parser.add_argument("--model", default="seq2seqlite-narrow-gate-float")
    parser.add_argument("--n", type=int, default=800)
    parser.add_argument(
        "--blind", action="store_true", help="fit an IRF to each image instead of using the measured IRF"
    )
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    model = load_model(arguments.model)
    bank = Simulator(load_instrument(arguments.instrument), seed=REFERENCE_SEED, split="reference").irfs
    rng = np.random.default_rng(1)
    inside: dict[str, tuple[Irf, bool]] = {f"IRF {k} of the bank": (bank[k], False) for k in range(N_BANK)}
    outside: dict[str, tuple[Irf, bool]] = {name: (irf, False) for name, irf in OUTSIDE.items()}
    outside |= {f"20 % pile-up, IRF {k} of the bank": (bank[k], True) for k in range(3)}
    result: dict[str, Any] = {"model": arguments.model, "blind": arguments.blind, "images": {}}
    pooled: dict[str, dict[str, int]] = {}
    for kind, images in (("inside", inside), ("outside", outside)):
        total = dict.fromkeys(("wrong", "wrong_flagged", "right", "right_flagged"), 0)
        for name, (irf, pile_up) in images.items():
            found = image(model, irf, arguments.n, rng, pile_up=pile_up, blind=arguments.blind)
            result["images"][name] = found
            total = {key: total[key] + found[key] for key in total}
        pooled[kind] = total
    name = f"{STRONG_BACKGROUND:.0%} background, IRF 0 of the bank"
    result["images"][name] = image(
        model, bank[0], arguments.n, rng, pile_up=False, blind=arguments.blind, background=STRONG_BACKGROUND
    )
    result["wrong_pixels_found"] = pooled["outside"]["wrong_flagged"] / max(pooled["outside"]["wrong"], 1)
    result["right_pixels_accused"] = pooled["inside"]["right_flagged"] / max(pooled["inside"]["right"], 1)
    result["right_pixels_accused_outside"] = pooled["outside"]["right_flagged"] / max(
        pooled["outside"]["right"], 1
    )
    result["by_threshold"] = {
        k: {
            "wrong_found": _sum(result, outside, k, 0) / max(pooled["outside"]["wrong"], 1),
            "right_accused": _sum(result, inside, k, 1) / max(pooled["inside"]["right"], 1),
        }
        for k in THRESHOLDS
    }
    text = json.dumps(result, indent=2)
    print(text)
    if arguments.json is not None:
        arguments.json.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
