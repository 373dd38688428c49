"""Accuracy and latency of gate-sequential prediction, which normalises before the last gate is known.

Two frames of the same decays with independent noise are processed gate by gate with ``GateSequential``.
The results for the second frame are compared with the true lifetimes and with the prediction from the
whole frame. The latency is measured on a frame of 500 x 500 pixels, as the time from the last gate to
the map, and compared with the time for the prediction of the whole frame.

    python benchmarks/gate_sequential.py [--n 20000] [--pixels 250000] [--json FILE]
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.cli.output import write_json
from seq2seqlite.cpu.gate_sequential import NORMALISATIONS, GateSequential
from seq2seqlite.cpu.predictors import ProgramEngine
from seq2seqlite.decay import Lifetimes
from seq2seqlite.integer import load_program
from seq2seqlite.provenance import provenance
from seq2seqlite.simulation.instrument import load_instrument
from seq2seqlite.simulation.simulator import Simulator

MODELS = {"narrow-gate": "seq2seqlite-narrow-gate-int8", "tcspc-80mhz": "seq2seqlite-tcspc-80mhz-int8"}
PHOTONS = (300, 1000, 3000, 10000)
ROUNDS = 3


def two_frames(
    simulator: Simulator, n: int, photons: int
) -> tuple[NDArray[np.uint16], NDArray[np.uint16], NDArray[np.float64]]:
    """Simulate the counts of two frames, shape (n, n_gates), and return the mean lifetimes in ns."""
    rng = np.random.default_rng(photons)
    decays = simulator.decays(n)
    expected = simulator.expected(
        decays.amplitude_fraction,
        np.stack([decays.tau_short_ns, decays.tau_long_ns], axis=1),
        decays.irf_index,
        photons=np.full(n, float(photons)),
        background=decays.background,
    )
    first, second = (rng.poisson(expected).astype(np.uint16) for _ in range(2))
    return first, second, decays.tau_mean_ns


def through(camera: GateSequential, frame: NDArray[np.uint16]) -> tuple[Lifetimes, float]:
    """Return lifetimes and the time since the last gate, in s."""
    camera.begin(len(frame))
    gates = np.ascontiguousarray(frame.T)
    for gate in gates[:-1]:
        camera.advance(gate)
    began = time.perf_counter()
    camera.advance(gates[-1])
    return camera.finish(), time.perf_counter() - began


def accuracy(n: int) -> list[dict[str, Any]]:
    """Return errors for each instrument, photon count and normalisation."""
    rows = []
    for instrument, model in MODELS.items():
        simulator = Simulator(load_instrument(instrument), seed=11, split="reference")
        program = load_program(model)
        for photons in PHOTONS:
            before, frame, truth = two_frames(simulator, n, photons)
            whole = ProgramEngine(program).lifetimes(frame).tau_mean_ns
            found = {"whole frame": whole}
            for name in NORMALISATIONS:
                camera = GateSequential(program, normalisation=name)
                through(camera, before)
                found[name] = through(camera, frame)[0].tau_mean_ns
            for name, tau in found.items():
                rows.append(
                    {
                        "instrument": instrument,
                        "photons": photons,
                        "normalisation": name,
                        "median_error_ns": float(np.nanmedian(np.abs(tau - truth))),
                        "bias_ns": float(np.nanmean(tau - truth)),
                        "same_as_whole": float(np.mean((tau == whole) | (np.isnan(tau) & np.isnan(whole)))),
                    }
                )
    return rows


def seconds(pixels: int) -> dict[str, float]:
    """Return the time for a whole frame, and the latency after the last gate for each normalisation."""
    program = load_program(MODELS["narrow-gate"])
    simulator = Simulator(load_instrument("narrow-gate"), seed=12, split="reference")
    frame = np.resize(simulator.chunk(0).tpsf.astype(np.uint16), (pixels, program.n_gates))
    engine = ProgramEngine(program)
    engine.lifetimes(frame)
    cameras = {name: GateSequential(program, normalisation=name) for name in NORMALISATIONS}
    times: dict[str, list[float]] = {name: [] for name in ("whole frame", *cameras)}
    for camera in cameras.values():
        through(camera, frame)
    for _ in range(ROUNDS):  # alternate, so that other load on the machine affects all equally
        began = time.perf_counter()
        engine.lifetimes(frame)
        times["whole frame"].append(time.perf_counter() - began)
        for name, camera in cameras.items():
            times[name].append(through(camera, frame)[1])
    return {name: float(np.median(each)) for name, each in times.items()}


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description="Accuracy and latency of gate-sequential prediction")
    parser.add_argument("--n", type=int, default=20000)
    parser.add_argument("--pixels", type=int, default=250_000)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rows = accuracy(given.n)
    for row in rows:
        print(
            f"{row['instrument']:12} {row['photons']:6} photons  {row['normalisation']:15} median error "
            f"{row['median_error_ns']:.3f} ns, bias {row['bias_ns']:+.3f} ns, same {row['same_as_whole']:.1%}"
        )
    times = seconds(given.pixels)
    for name, each in times.items():
        print(f"{name:15} {each:.3f} s for {given.pixels:,} pixels, {each / times['whole frame']:.0%}")
    write_json(given.json, {"rows": rows, "seconds": times, "provenance": provenance()})


if __name__ == "__main__":
    main()
