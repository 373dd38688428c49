"""What each bit width of a direct network costs: errors of lifetimes, and LUTs of its encoder step.

    python benchmarks/direct_widths.py [--instrument NAME] [--gate NS] [--repeats N] [--lut]

A shipped float network is rounded without training, one tensor at a time and all others with 16 bits. The
columns are the RMSE of the mean lifetime over that of the float network, median over lifetimes of 0.5 to
2.5 ns, at 1,000 and at 10,000 photons; and the scatter of repeated measurements in the same unit. The
response has 100,000 counts. Below, all widths of the shipped 8-bit student at once: rounded, and trained
with rounding. With --lut, adder bits of the encoder step, about the LUTs of an xc7 FPGA (a minute each).
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.compression.ptq import quantise_network
from seq2seqlite.compression.recipe import QuantisationPlan, load_compression_recipe
from seq2seqlite.decay import Decay
from seq2seqlite.evaluation.conditions import Conditions, simulated_decays
from seq2seqlite.hardware.kernels import KernelStyle, build_encoder
from seq2seqlite.integer import lower_direct
from seq2seqlite.models import Network, load_model
from seq2seqlite.simulation.instrument import load_instrument
from seq2seqlite.simulation.simulator import measured_response

LIFETIMES_NS = (0.5, 1.0, 1.5, 2.5)
PHOTONS = (1000.0, 10_000.0)
RESPONSE_COUNTS = 1e5
WIDE = QuantisationPlan(
    method="ptq", weight_bits=16, bias_bits=16, head_bits=16, input_bits=16, state_bits=16, gate_bits=15,
    candidate_bits=16, product_bits=16, response_bits=16, response_integer_bits=2, full_gate=True,
)  # fmt: skip


# Label, width in the plan, and bits; gates have a code more than their bits where they reach 1.
ROWS: tuple[tuple[str, str, tuple[int, ...]], ...] = (
    ("input", "input_bits", (6, 8, 10)),
    ("response", "response_bits", (6, 8, 10)),
    ("gates below 1", "gate_bits", (8, 10)),
    ("gates up to 1", "gate_bits", (5, 6, 7)),
    ("state", "state_bits", (8, 9, 10, 12)),
    ("operand of the products", "operand_bits", (6, 7, 8, 10)),
    ("candidate", "candidate_bits", (6, 8)),
    ("product", "product_bits", (7, 8, 10)),
    ("weights", "weight_bits", (6, 8, 10)),
    ("biases", "bias_bits", (8, 12)),
    ("head", "head_bits", (8, 12)),
)


def plans() -> Iterator[tuple[str, QuantisationPlan]]:
    """Yield the label and the plan of each row."""
    yield "all 16 bits", WIDE
    for label, name, widths in ROWS:
        for bits in widths:
            width = bits + 1 if label == "gates up to 1" else bits
            changed: dict[str, Any] = {name: bits, "full_gate": label != "gates below 1"}
            yield f"{label}, {width} bits", replace(WIDE, **changed)


class Measurement:
    """Decays of one instrument, with a response for each IRF.

    Parameters
    ----------
    name : str
        Instrument.
    gate_ns : float, optional
        Gate length of a camera.
    repeats : int
        Measurements of each decay.
    """

    def __init__(self, name: str, gate_ns: float | None, repeats: int) -> None:
        instrument = load_instrument(name)
        if gate_ns is not None:
            instrument = instrument.with_gate_length(gate_ns)
        decays = tuple(Decay(tau, tau) for tau in LIFETIMES_NS)
        self.sets = list(
            simulated_decays(Conditions(instrument, photons=PHOTONS, decays=decays, repeats=repeats))
        )
        self.responses = [
            measured_response(found.irf, axis=instrument.forward_axis, counts=RESPONSE_COUNTS, seed=seed)
            for seed, found in enumerate(self.sets)
        ]

    def errors(self, network: Network) -> NDArray[np.float64]:
        """Return RMSE and scatter of each decay, shape (2, lifetimes, numbers of photons)."""
        sums = np.zeros((3, len(LIFETIMES_NS), len(PHOTONS)))
        spread = np.zeros_like(sums[0])
        for found, response in zip(self.sets, self.responses, strict=True):
            error = network.with_response(response).lifetimes(found.tpsf).tau_mean_ns
            error = error - np.asarray(LIFETIMES_NS)[found.decay]
            for decay, level in np.ndindex(spread.shape):
                part = error[(found.decay == decay) & (found.level == level)]
                sums[0, decay, level] += (part**2).mean()
                spread[decay, level] += part.var(ddof=1)
        return np.sqrt(np.stack([sums[0], spread]) / len(self.sets))


def adder_bits(network: Network) -> str:
    """Return the adder bits of the encoder step of a quantised network."""
    return f"{build_encoder(lower_direct(network), KernelStyle('shift-add')).adder_bits:,}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--instrument", default="swissspad3")
    parser.add_argument("--gate", type=float, default=None, metavar="NS")
    parser.add_argument("--repeats", type=int, default=400)
    parser.add_argument("--lut", action="store_true")
    arguments = parser.parse_args()
    measurement = Measurement(arguments.instrument, arguments.gate, arguments.repeats)
    name = f"seq2seqlite-{arguments.instrument}-direct-float"
    network = load_model(name)
    reference = measurement.errors(network)

    def row(label: str, student: Network) -> None:
        ratio = np.median(measurement.errors(student) / reference, axis=1)
        cells: list[Any] = [label, *(f"{value:.2f}" for value in ratio.ravel())]
        if arguments.lut:
            cells.append(adder_bits(student) if student.formats is not None else "")
        print(f"| {' | '.join(cells)} |", flush=True)

    more = (" adder bits |", "---|") if arguments.lut else ("", "")
    print(f"| {name} | RMSE 1,000 | RMSE 10,000 | scatter 1,000 | scatter 10,000 |{more[0]}")
    print(f"|---|---|---|---|---|{more[1]}")
    for label, plan in plans():
        row(label, quantise_network(network, plan))
    trained = name.replace("-float", "-int8")
    student = load_compression_recipe(trained).quantisation
    assert student is not None, "an 8-bit student is quantised"
    row("8-bit student, rounded", quantise_network(network, replace(student, method="ptq")))
    row("8-bit student, trained", load_model(trained))


if __name__ == "__main__":
    main()
