"""Direct networks beside maximum likelihood on series of real time-gated cameras.

    python benchmarks/measured_cameras.py [--data ../shared/data] [--series iccd spad512s]

An intensified CCD (dye wells) and a SPAD512S (bacteria). No response was measured: delay, length and edges
of the gates are fitted to the summed decay, for the networks and for the fits. Counts of the SPAD camera,
sums of 255 one-bit frames, are corrected for saturation. For each predictor: quartiles of the mean lifetime,
median error bar, the residuals of the summed decay, reconvolved from the lifetimes of all pixels (reduced
chi-square, and root mean square residual relative to the peak), and the time from the folder to the map, with
and without waiting for other processes, the compilation of the fits included. Warnings follow the table.
"""

import argparse
import time
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

PREDICTORS = ("mle-mono", "mle-bi", "seq2seqlite-{}-direct-float", "seq2seqlite-{}-direct-int8")


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


SERIES = {"iccd": iccd, "spad512s": spad512s}


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
    # The map of one lifetime is that of two equal ones.
    names = ("amplitude_fraction", "tau_short_ns", "tau_long_ns")
    present = [name if name in maps else "tau_mean_ns" for name in names]
    values = [maps[name].values[known][pick] for name in present]
    if "amplitude_fraction" not in maps:
        values[0] = np.full(pick.size, 0.5)
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
    parser.add_argument("--series", nargs="+", choices=SERIES, default=list(SERIES))
    arguments = parser.parse_args()
    print(
        "| series | predictor | pixels | 25 % | median / ns | 75 % | error bar / ns | residual / peak "
        "| seconds (processor) |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    warnings: dict[str, None] = {}
    for name in arguments.series:
        for model in (one.format(name) for one in PREDICTORS):
            began, busy = time.perf_counter(), time.process_time()
            data = SERIES[name](arguments.data)
            # The wells are the bright pixels; between them is scattered light.
            least = 0.3 * float(survey(data).intensity.max()) if name == "iccd" else 1000.0
            predictor = predictor_source(model, irf="fit").predictor(data)
            maps = lifetime_map(data, predictor, min_photons=least)
            seconds = time.perf_counter() - began, time.process_time() - busy
            tau = maps["tau_mean_ns"].values
            std = float(np.nanmedian(maps["tau_mean_std_ns"])) if "tau_mean_std_ns" in maps else np.nan
            chi, relative = residuals(data, maps, predictor)
            low, median, high = (f"{value:.3f}" for value in np.nanpercentile(tau, [25, 50, 75]))
            print(
                f"| {name} | `{model}` | {np.isfinite(tau).sum():,} | {low} | {median} | {high} "
                f"| {std:.3f} | {relative:.2%} (chi-square {chi:,.0f}) "
                f"| {seconds[0]:.0f} ({seconds[1]:.0f}) |",
                flush=True,
            )
            share = (maps.attrs.get("irf") or {}).get("background")
            if share is not None:
                warnings[f"{name}, {model}: {share:.1%} of the counts are background"] = None
            warnings |= dict.fromkeys(f"{name}, {model}: {one}" for one in maps.attrs["warnings"])
    print("", *warnings, sep="\n")


if __name__ == "__main__":
    main()
