"""Errors of direct networks when the response that they get is wrong, beside maximum likelihood.

    python benchmarks/response_errors.py [INSTRUMENT ...]

For each instrument, by lifetime: the change of the mean lifetime when the response is given 0.045 ns too
early and too late (3,000 photons), for the direct network and for a fit with the same response; the change
that remains when the delay is fitted to the summed decay of an image, as ``image --irf`` does; and the RMSE
over the bound at 1,000 photons with a response of 1,000 counts, relative to one of 100,000 counts.
"""

import argparse

import numpy as np

from seq2seqlite import compare_accuracy, lifetime_map
from seq2seqlite.decay import MeasuredIrf, expected_tpsf
from seq2seqlite.io import signal_from_counts
from seq2seqlite.predictors import load_predictor
from seq2seqlite.predictors.response_model import ResponseModel
from seq2seqlite.protocols import ResponsePredictor
from seq2seqlite.simulation import Instrument, Simulator, load_instrument
from seq2seqlite.simulation.simulator import measured_response

INSTRUMENTS = ("narrow-gate", "swissspad3", "tcspc-80mhz", "iccd", "spad512s")
GATES_NS = {"swissspad3": (1.5, 3.0), "spad512s": (6.0,), "iccd": (0.3,)}
DELAY_NS = 0.045
IMAGE_NS = (0.3, 1.0, 2.5)
SIDE = 48


def shifted(instrument: Instrument, gate_ns: float | None, model: str) -> None:
    """Print the changes of the mean lifetime for a response that is early or late."""
    rows: dict[tuple[str, float, float], float] = {}
    for delay_ns in (-DELAY_NS, 0.0, DELAY_NS):
        found = compare_accuracy(
            instrument,
            [model, "mle-mono"],
            photons=[3000.0],
            repeats=400,
            gate_length_ns=gate_ns,
            response_delay_ns=delay_ns,
        )
        rows |= {(row["predictor"], delay_ns, row["tau_ns"]): row["bias_ns"] for row in found.rows}
    taus = sorted({tau for _, _, tau in rows})
    print("| lifetime / ns | early: network | early: fit | late: network | late: fit |")
    print("|---|---|---|---|---|")
    for tau in taus:
        cells = [
            f"{rows[name, delay_ns, tau] - rows[name, 0.0, tau]:+.3f}"
            for delay_ns in (-DELAY_NS, DELAY_NS)
            for name in (model, "mle-mono")
        ]
        print(f"| {tau:g} | {' | '.join(cells)} |")


def fitted(instrument: Instrument, model: str) -> None:
    """Print the change that remains when the delay is fitted to the summed decay of an image."""
    irf = Simulator(instrument, seed=2024, split="reference").irfs[0]
    axis = instrument.forward_axis
    network = load_predictor(model)
    assert isinstance(network, ResponsePredictor)
    worst = 0.0
    for tau in IMAGE_NS:
        expected = expected_tpsf([1.0], [tau], axis=axis, irf=irf, photons=1.0)
        counts = np.random.default_rng(7).poisson(
            np.broadcast_to(3000 * expected / expected.sum(), (SIDE, SIDE, axis.n_gates))
        )
        data = signal_from_counts(
            counts,
            source="simulated",
            file_format="simulated",
            gate_width_ns=axis.gate_width_ns,
            period_ns=axis.period_ns,
        )
        medians = []
        for delay_ns in (0.0, -DELAY_NS, DELAY_NS):
            pulse = measured_response(irf.moved(delay_ns), axis=axis, counts=1e5)
            measured = MeasuredIrf(pulse, bin_width_ns=axis.gate_width_ns)
            maps = lifetime_map(data, ResponseModel(network, measured), min_photons=1)
            medians.append(float(np.nanmedian(maps["tau_mean_ns"])))
        worst = max(worst, *(abs(one - medians[0]) for one in medians[1:]))
        print(
            f"delay fitted, {tau:g} ns: median {medians[0]:.3f} ns, "
            f"early and late {medians[1] - medians[0]:+.4f} and {medians[2] - medians[0]:+.4f} ns"
        )
    print(f"largest change with a fitted delay: {worst:.4f} ns")


def few_counts(instrument: Instrument, gate_ns: float | None, model: str) -> None:
    """Print the error at 1,000 photons with a response of few counts."""
    medians = []
    for counts in (1e5, 1e3):
        found = compare_accuracy(
            instrument,
            [model],
            photons=[1000.0],
            repeats=800,
            gate_length_ns=gate_ns,
            response_counts=counts,
        )
        chosen = [row["rmse_over_crlb"] for row in found.rows if 0.5 <= row["tau_ns"] <= 2.5]
        medians.append(float(np.median(chosen)))
    print(
        f"response of 100,000 counts: {medians[0]:.2f}, of 1,000 counts: {medians[1]:.2f}, "
        f"ratio {medians[1] / medians[0]:.2f}"
    )


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("instruments", nargs="*", default=INSTRUMENTS, metavar="INSTRUMENT")
    for name in parser.parse_args().instruments:
        instrument, model = load_instrument(name), f"seq2seqlite-{name}-direct-float"
        for gate_ns in GATES_NS.get(name, (None,)):
            print(f"\n### {name}" + ("" if gate_ns is None else f", gates of {gate_ns:g} ns") + "\n")
            shifted(instrument, gate_ns, model)
            few_counts(instrument, gate_ns, model)
            fitted(instrument if gate_ns is None else instrument.with_gate_length(gate_ns), model)


if __name__ == "__main__":
    main()
