"""Engines of small direct students: resources by estimate and synthesis, and clock frequency on an ECP5-25F.

    python benchmarks/direct_engines.py [--units 8] [--target xc7k410t ecp5-25f] [--route]

No direct student with fewer than 32 units is shipped. The programs with fewer units have the first units of
``seq2seqlite-swissspad3-direct-int8``: widths and weights of a trained student, but not its accuracy. The
synthesis of 32 units takes about ten minutes. With ``--route``, designs for an ECP5 are placed and routed
for speed grades 6 and 8 with three seeds each.
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.hardware.design import DesignOptions, make_design
from seq2seqlite.hardware.implementation import place_and_route_project, synthesize_project
from seq2seqlite.hardware.project import write_project
from seq2seqlite.hardware.resources.estimate import estimate
from seq2seqlite.hardware.targets import TARGETS, find_target
from seq2seqlite.integer import Affine, DirectProgram, load_any_program

STUDENT = "seq2seqlite-swissspad3-direct-int8"
FREQUENCIES_MHZ = {6: 125.0, 8: 156.0}
SEEDS = (1, 2, 3)


def first_units(program: DirectProgram, units: int) -> DirectProgram:
    """Return a program with the first units of another."""
    gates = np.concatenate([np.arange(units) + gate * program.units for gate in range(3)])

    def taken(affine: Affine, rows: NDArray[np.intp] | slice, columns: NDArray[np.intp] | slice) -> Affine:
        return replace(affine, codes=affine.codes[rows][:, columns])

    everything, own = slice(None), slice(units)
    encoder = replace(
        program.encoder,
        kernel=taken(program.encoder.kernel, everything, gates),
        recurrent=taken(program.encoder.recurrent, own, gates),
        bias=taken(program.encoder.bias, everything, gates),
    )
    head = taken(program.head_kernel, own, everything)
    return replace(program, name=f"{program.name}-{units}", encoder=encoder, head_kernel=head)


def main() -> None:
    """Print a row for each number of units and target, and the routed clock frequencies."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--units", type=int, nargs="+", default=[8])
    parser.add_argument("--target", nargs="+", choices=TARGETS, default=["xc7k410t", "ecp5-25f"])
    parser.add_argument("--route", action="store_true", help="place and route designs for an ECP5")
    arguments = parser.parse_args()
    whole = load_any_program(STUDENT)
    assert isinstance(whole, DirectProgram)
    print("| target | units | LUT estimated | LUT | FF | DSP | BRAM36 |\n|---|---|---|---|---|---|---|")
    for target in map(find_target, arguments.target):
        for units in arguments.units:
            design = make_design(first_units(whole, units), target, DesignOptions())
            expected = estimate(design)
            with tempfile.TemporaryDirectory(prefix="seq2seqlite-") as folder:
                project = write_project(design, Path(folder) / "project")
                found = synthesize_project(project).result.resources
                print(
                    f"| {target.name} | {units} | {expected.lut:,} | {found.lut:,} | {found.ff:,} | "
                    f"{found.dsp:g} | {found.bram36:g} |",
                    flush=True,
                )
                if arguments.route and target.family == "ecp5":
                    for speed, freq_mhz in FREQUENCIES_MHZ.items():
                        for seed in SEEDS:
                            placed = place_and_route_project(
                                project, speed=speed, freq_mhz=freq_mhz, seed=seed
                            )
                            print(
                                f"{units} units, {target.name}, speed grade {speed}, seed {seed}: "
                                f"{placed.result.clock_mhz:.1f} MHz, "
                                f"{'routed' if placed.result.routed else 'NOT routed'}",
                                flush=True,
                            )


if __name__ == "__main__":
    main()
