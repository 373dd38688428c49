"""Lifetimes of the hazelnut sample from the shipped student and from maximum-likelihood fits.

The file contains no IRF. Therefore a Gaussian with an exponential tail is fitted to the summed decay,
together with a sum of exponentials. Each block of 8 x 8 pixels is then fitted with a bi-exponential
decay by maximum likelihood on its 132 measured bins, with this IRF, periodic excitation and a constant
background. The student receives the same blocks, re-binned to its time axis, and single pixels. The tail
of the IRF cannot be separated from the first part of the decay without a measured IRF, and the ratio of
both results depends on it.

    python benchmarks/hazelnut_reconvolution.py [--model NAME] [--json FILE]
"""

import argparse
import json
from pathlib import Path

import numpy as np

from seq2seqlite import lifetime_map, load, load_model
from seq2seqlite.decay import TimeAxis
from seq2seqlite.estimators.maximum_likelihood import MaximumLikelihood
from seq2seqlite.responses import fit_irf

HAZELNUT = Path("build/hazelnut/napari_flim_phasor_plotter/data/hazelnut_FLIM_single_image.ptu")
BLOCK = 8


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description="Hazelnut: student and maximum likelihood")
    parser.add_argument("--file", type=Path, default=HAZELNUT)
    parser.add_argument("--model", default="seq2seqlite-tcspc-80mhz-float")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    data, model = load(arguments.file), load_model(arguments.model)
    # Both use the same photons: those of the pixels that are analysed in the map of single pixels.
    single = lifetime_map(data, model)
    used = np.isfinite(single["tau_mean_ns"])
    blocks = data.where(used, 0).coarsen(Y=BLOCK, X=BLOCK).sum()
    blocks.attrs = data.attrs
    chosen = blocks.sum("H") >= 1000
    axis = TimeAxis(data.sizes["H"], data.attrs["gate_width_ns"], data.attrs["period_ns"])
    irf = fit_irf(data.where(used, 0).sum(("Y", "X")).to_numpy().astype(np.float64), axis=axis)
    decays = blocks.to_numpy()[chosen.to_numpy()].astype(np.float64)
    fitted = MaximumLikelihood(axis, irf, components=2).lifetimes(decays).tau_mean_ns
    student = lifetime_map(blocks, model)["tau_mean_ns"].to_numpy()[chosen.to_numpy()]
    result = {
        "model": arguments.model,
        "irf": {"fwhm_ns": irf.fwhm_ns, "tail_fraction": irf.tail_fraction, "tail_ns": irf.tail_ns},
        "blocks": int(chosen.sum()),
        "median_tau_mean_ns": {
            "maximum_likelihood_blocks": float(np.nanmedian(fitted)),
            "student_blocks": float(np.nanmedian(student)),
            "student_pixels": float(np.nanmedian(single["tau_mean_ns"])),
        },
        "median_abs_difference_of_blocks_ns": float(np.nanmedian(np.abs(student - fitted))),
    }
    medians = result["median_tau_mean_ns"]
    result["student_blocks_over_maximum_likelihood"] = (
        medians["student_blocks"] / medians["maximum_likelihood_blocks"]
    )
    result["student_pixels_over_maximum_likelihood"] = (
        medians["student_pixels"] / medians["maximum_likelihood_blocks"]
    )
    text = json.dumps(result, indent=2)
    print(text)
    if arguments.json is not None:
        arguments.json.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
