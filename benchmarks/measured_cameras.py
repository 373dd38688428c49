"""Direct networks beside maximum likelihood on series of real time-gated cameras.

    python benchmarks/measured_cameras.py [--data ../shared/data]

An intensified CCD (dye wells) and a SPAD512S (bacteria). No response was measured: delay, length and edges
of the gates are fitted to the summed decay, for the networks and for the fits. Counts of the SPAD camera,
sums of 255 one-bit frames, are corrected for saturation. For each predictor: quartiles of the mean lifetime,
median error bar, and the residuals of the summed decay, reconvolved from the lifetimes of all pixels
(reduced chi-square, and root mean square residual relative to the peak).
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from seq2seqlite import lifetime_map, read
from seq2seqlite.decay import expected_tpsf
from seq2seqlite.io import signal_from_counts, survey
from seq2seqlite.predictors.source import predictor_source
from seq2seqlite.rebinning.plan import plan_rebinning
from seq2seqlite.responses import placed_irf

PREDICTORS = ("mle-mono", "mle-bi")


def iccd(folder: Path) -> xr.DataArray:
    """Return the dye wells: photoelectrons are not calibrated, camera counts are used as they are."""
    return read(folder / "iccd-wells", drop=["B149"], period_ns=12.5, gate_width_ns=0.04, gate_length_ns=0.3)


def spad512s(folder: Path) -> xr.DataArray:
    """Return the bacteria, in blocks of 2 x 2 pixels, corrected for saturation."""
    data = read(folder / "spad512s")
    photons = np.where(survey(data).saturated[..., None], 0, data.values)
    blocks = photons.reshape(256, 2, 256, 2, -1).sum(axis=(1, 3))
    return signal_from_counts(
        blocks,
        source="spad512s",
        file_format=data.attrs["format"],
        gate_width_ns=data.attrs["gate_width_ns"],
        period_ns=data.attrs["period_ns"],
        gate_length_ns=data.attrs["gate_length_ns"],
    )


def residuals(data: xr.DataArray, maps: xr.Dataset, predictor: Any) -> tuple[float, float]:
    """Return reduced chi-square and relative residual of the summed decay of all pixels with a lifetime."""
    known = np.isfinite(maps["tau_mean_ns"].values)
    total = data.values[known].sum(axis=0).astype(np.float64)
    rebinner = plan_rebinning(
        data, decay=total, axis=predictor.axis, edge_ns=predictor.rising_edge_ns, extrapolate=False
    )
    decay = rebinner.decay
    placed = placed_irf(decay, axis=predictor.axis, gate_length_ns=data.attrs["gate_length_ns"])
    weight = data.values[known].sum(axis=-1).astype(np.float64)
    pick = np.random.default_rng(1).choice(weight.size, min(4000, weight.size), replace=False)
    values = [
        maps[name].values[known][pick] for name in ("amplitude_fraction", "tau_short_ns", "tau_long_ns")
    ]
    fraction, short, long = (np.nan_to_num(one, nan=0.5 if i == 0 else 1.0) for i, one in enumerate(values))
    shapes = expected_tpsf(
        np.stack([fraction, 1 - fraction], axis=1),
        np.stack([short, long], axis=1),
        axis=placed.axis,
        irf=placed.irf,
    )
    shapes /= shapes.sum(axis=1, keepdims=True)
    model = (weight[pick, None] * shapes).sum(axis=0)
    design = np.stack([model, np.ones_like(model)], axis=1) / np.sqrt(np.maximum(decay, 1))[:, None]
    found = np.linalg.lstsq(design, decay / np.sqrt(np.maximum(decay, 1)), rcond=None)[0]
    off = decay - np.stack([model, np.ones_like(model)], axis=1) @ found
    return float((off**2 / np.maximum(decay, 1)).mean()), float(np.sqrt((off**2).mean()) / decay.max())


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    arguments = parser.parse_args()
    print("| series | predictor | pixels | 25 % | median / ns | 75 % | error bar / ns | residual / peak |")
    print("|---|---|---|---|---|---|---|---|")
    for name, data in (("iccd", iccd(arguments.data)), ("spad512s", spad512s(arguments.data))):
        counts = data.values.sum(axis=-1)
        # The wells are the bright pixels; between them is scattered light.
        least = 0.3 * float(counts.max()) if name == "iccd" else 1000.0
        for model in (*PREDICTORS, f"seq2seqlite-{name}-direct-float"):
            predictor = predictor_source(model, irf="fit").predictor(data)
            maps = lifetime_map(data, predictor, min_photons=least)
            tau = maps["tau_mean_ns"].values
            quartiles = np.nanpercentile(tau, [25, 50, 75])
            std = float(np.nanmedian(maps["tau_mean_std_ns"])) if "tau_mean_std_ns" in maps else np.nan
            chi, relative = residuals(data, maps, predictor)
            low, median, high = (f"{value:.3f}" for value in quartiles)
            print(
                f"| {name} | `{model}` | {np.isfinite(tau).sum():,} | {low} | {median} | {high} "
                f"| {std:.3f} | {relative:.2%} (chi-square {chi:,.0f}) |",
                flush=True,
            )


if __name__ == "__main__":
    main()
