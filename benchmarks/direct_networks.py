"""Errors of the shipped networks that get the response over the Cramér-Rao bound, with and without one.

    python benchmarks/direct_networks.py [INSTRUMENT ...] [--student int8|narrow|tiny] [--repeats N]
    python benchmarks/direct_networks.py swissspad3 --seq2seq
    python benchmarks/direct_networks.py INSTRUMENT --model FILE

The models are the direct networks, with ``--seq2seq`` the networks with a decoder.

For each instrument, at 300, 1,000, 3,000 and 10,000 photons: the median RMSE over the bound for one lifetime
of 0.5 to 2.5 ns, that of 0.3 ns, the mean for two lifetimes (0.4 and 2.5 ns, three fractions), the bias at
3,000 photons, and the share of all these decays within one and within two standard errors of the truth.
"""

import argparse
from typing import Any

import numpy as np

from seq2seqlite import compare_accuracy
from seq2seqlite.simulation import load_instrument

PHOTONS = (300.0, 1000.0, 3000.0, 10_000.0)
GATES_NS: dict[str, tuple[float | None, ...]] = {
    "narrow-gate": (None,),
    "swissspad3": (1.5, 3.0),
    "tcspc-80mhz": (None,),
    "iccd": (0.3,),
    "spad512s": (6.0,),
}
# Range of the lifetimes of the median and the bias, in ns.
MEDIAN_NS = (0.5, 2.5)
LONGEST_NS = {"tcspc-80mhz": 4.0}


def row_of(name: str, model: str, gate_ns: float | None, counts: float, repeats: int) -> list[str]:
    """Return the cells of one row."""
    found = compare_accuracy(
        load_instrument(name),
        [model],
        photons=PHOTONS,
        repeats=repeats,
        gate_length_ns=gate_ns,
        response_counts=counts,
    )
    two = [row for row in found.components if row["quantity"] == "tau_mean_ns"]
    longest = LONGEST_NS.get(name, MEDIAN_NS[1])

    def by_photons(rows: Any, key: str, reduce: Any = np.median) -> str:
        cells = [[row[key] for row in rows if row["photons"] == level] for level in PHOTONS]
        if any(None in cell for cell in cells):
            return "none"  # a network without error bars
        values = [reduce(cell) for cell in cells]
        return " ".join(f"{value:.1%}" if "coverage" in key else f"{value:.2f}" for value in values)

    middle = [row for row in found.rows if MEDIAN_NS[0] <= row["tau_ns"] <= longest]
    seen = [row for row in found.rows if row["tau_ns"] <= longest]
    bias = [row["bias_ns"] for row in seen if row["photons"] == 3000.0]
    return [
        f"`{name}`" + ("" if gate_ns is None else f", {gate_ns:g} ns"),
        by_photons(middle, "rmse_over_crlb"),
        by_photons([row for row in found.rows if row["tau_ns"] == 0.3], "rmse_over_crlb"),
        by_photons([row for row in two if row["tau_short_ns"] == 0.4], "rmse_over_crlb", np.mean),
        f"{min(bias):+.3f} to {max(bias):+.3f}",
        by_photons([*seen, *two], "coverage_68", np.mean),
        by_photons([*seen, *two], "coverage_95", np.mean),
    ]


def main() -> None:
    """Print one table with a response of 100,000 counts, and one without a response."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("instruments", nargs="*", default=list(GATES_NS), metavar="INSTRUMENT")
    parser.add_argument("--student", default="float", help="float (default), int8, narrow or tiny")
    parser.add_argument("--seq2seq", action="store_true", help="networks with a decoder")
    parser.add_argument("--model", metavar="FILE", help="model file instead of a shipped network")
    parser.add_argument("--repeats", type=int, default=1000)
    arguments = parser.parse_args()
    for counts in (1e5, 0.0):
        print(f"\n{'Response of 100,000 counts' if counts else 'Response unknown'}:\n")
        print("| instrument, gates | one lifetime | 0.3 ns | two lifetimes | bias / ns | in one | in two |")
        print("|---|---|---|---|---|---|---|")
        for name in arguments.instruments:
            family = "" if arguments.seq2seq else "direct-"
            model = arguments.model or f"seq2seqlite-{name}-{family}{arguments.student}"
            for gate_ns in GATES_NS.get(name, (None,)):
                row = row_of(name, model, gate_ns, counts, arguments.repeats)
                print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
