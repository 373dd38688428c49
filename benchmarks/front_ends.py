"""Corner turn and gate-sequential processing of a gate series: memory, bandwidth and latency by formula.

For two cameras and two FPGAs with their memories. "latency" is the time from the last gate until the engines
have received the last pixel (corner turn), or have processed it (gate-sequential: direct network, and network
with a decoder); "rate" is the highest frame rate of memory and engines, not of the camera; "bandwidth" is
that of 30 frames per second. The state is stored with 8 bits per unit for 32 units. The clock frequencies of
the xc7k410t and both memory bandwidths are assumptions; see docs/explanation/front-ends.md.

With --simulate, the corner turn of a small frame is simulated with a memory that stalls, and its
latency and bandwidth are printed beside the formula.

With --synthesise, Yosys synthesises five front ends, and their resources are printed.

    python benchmarks/front_ends.py [--simulate] [--synthesise] [--json FILE]
"""

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from seq2seqlite.cli.output import write_json
from seq2seqlite.hardware.camera import beats_of_images
from seq2seqlite.hardware.cosim.memory import MemoryModel
from seq2seqlite.hardware.cosim.stream import Access, compile_stream
from seq2seqlite.hardware.eda.cells import Family
from seq2seqlite.hardware.eda.yosys import synthesize
from seq2seqlite.hardware.front_ends import front_end_plan
from seq2seqlite.hardware.frontends.budget import (
    Budget,
    Memory,
    corner_turn_budget,
    corner_turn_latency,
    gate_sequential_budget,
)
from seq2seqlite.hardware.frontends.parameters import EventsShape, SeriesShape
from seq2seqlite.hardware.wire.front_end_registers import SERIES_REGISTERS, register_addresses
from seq2seqlite.provenance import provenance

FRAMES_PER_S = 30.0
STATE_BITS = 32 * 8
CAMERAS = {"500x500, 135 gates": (250_000, 135), "512x512, 67 gates": (262_144, 67)}


class System(NamedTuple):
    """An FPGA with its engines and its memory."""

    clock_mhz: float
    engines: int
    lanes: int
    data_bits: int
    memory: Memory


SYSTEMS = {
    # DDR3 with 16 bits at 150 MHz: 600 MB/s at most.
    "ecp5-85f": System(75.0, 1, 1, 64, Memory(600.0, 20)),
    # DDR3-1600 with 64 bits: 12,800 MB/s, of which 70 % are assumed.
    "xc7k410t": System(200.0, 9, 16, 256, Memory(8960.0, 40)),
}


def budgets(pixels: int, n_gates: int, system: System) -> dict[str, Budget]:
    """Return the budget of each way to process a frame."""
    shape = SeriesShape(n_gates, pixels, lanes=system.lanes, data_bits=system.data_bits)
    turned = corner_turn_budget(shape, system.memory, clock_mhz=system.clock_mhz, engines=system.engines)
    sequential = {
        name: gate_sequential_budget(
            n_gates=n_gates,
            pixels=pixels,
            state_bits=STATE_BITS,
            memory=system.memory,
            clock_mhz=system.clock_mhz,
            engines=system.engines,
            has_decoder=has_decoder,
        )
        for name, has_decoder in (
            ("gate-sequential, direct", False),
            ("gate-sequential, decoder", True),
        )
    }
    return {"corner turn": turned, **sequential}


MEMORIES = {
    "no latency": MemoryModel(1 << 21),
    "20 cycles": MemoryModel(1 << 21, latency_clocks=20),
    "20 cycles, 10 % stalls": MemoryModel(1 << 21, 0.1, 20),
    "20 cycles, 30 % stalls": MemoryModel(1 << 21, 0.3, 20),
    "20 to 60 cycles, 30 % stalls": MemoryModel(1 << 21, 0.3, 20, 40),
}


def simulated(lanes: int) -> Iterator[dict[str, Any]]:
    """Yield measured and computed latency of a frame of 64 x 64 pixels with 24 gates."""
    shape = SeriesShape(24, 64 * 64, lanes=lanes)
    counts = np.random.default_rng(0).integers(0, 256, (24, 64 * 64))
    beats = beats_of_images(counts, bits=8, width=shape.data_bits, frame_images=24)
    address = register_addresses(SERIES_REGISTERS)
    before = [Access(address["CONTROL"], 2), Access(address["BASE1"], 1 << 20)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (file, text) = next(iter(front_end_plan(shape).execute().items()))
        (folder / file).write_text(text)
        simulator = compile_stream(
            [folder / file],
            top=(folder / file).stem,
            in_bits=shape.data_bits,
            out_bits=16 * lanes,
            out_dir=folder / "simulation",
            memory_bits=shape.data_bits,
            user_bits=1,
        )
        for label, memory in MEMORIES.items():
            run = simulator.run(beats, n_expected=shape.pixels * shape.words, before=before, memory=memory)
            clocks = int(run.out_clock[-1] - run.in_clock[-1])
            yield {
                "lanes": lanes,
                "memory": label,
                "written": run.traffic.beats_written / int(run.in_clock[-1] - run.in_clock[0] + 1),
                "read": run.traffic.beats_read / clocks,
                "latency_clocks": clocks,
                "formula_clocks": corner_turn_latency(
                    shape, memory_latency=memory.latency_clocks, beat_clocks=1 / (1 - memory.stalls)
                ),
            }


SERIES = SeriesShape(n_gates=135, pixels=250_000)
WIDE = replace(SERIES, lanes=16, data_bits=256)
EVENTS = EventsShape(n_gates=132, lines=256, line_pixels=256)
SYNTHESISED: tuple[tuple[str, Family, SeriesShape | EventsShape], ...] = (
    ("gate series, 500x500, 135 gates, 8-bit counts, 64-bit memory, 1 lane", "ecp5", SERIES),
    ("the same, and a response map of 6 bits", "ecp5", replace(SERIES, map_bits=6)),
    ("the first, 256-bit memory, 16 lanes", "xc7", WIDE),
    (
        "the same, and sums of one-bit frames, 256 pixels per clock cycle",
        "xc7",
        replace(WIDE, frame_bits=256),
    ),
    ("photon events, 132 gates, 4,096 micro-times, 1 lane", "ecp5", EVENTS),
    ("the same", "xc7", EVENTS),
)


def synthesised() -> Iterator[dict[str, Any]]:
    """Yield the resources of front ends alone, without engine and memory controller."""
    for label, family, shape in SYNTHESISED:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (file, text) = next(iter(front_end_plan(shape).execute().items()))
            (folder / file).write_text(text)
            found = synthesize([folder / file], top=(folder / file).stem, family=family, out_dir=folder)
            yield {"front_end": label, "family": family, **asdict(found.resources)}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Corner turn and gate-sequential processing")
    parser.add_argument("--simulate", action="store_true")
    parser.add_argument("--synthesise", action="store_true")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rows: list[dict[str, Any]] = []
    print(
        "| frame | FPGA | method | memory / MB | bandwidth at 30 frames/s / MB/s | latency / ms | rate / Hz |"
    )
    print("|---|---|---|---|---|---|---|")
    for camera, (pixels, n_gates) in CAMERAS.items():
        for fpga, system in SYSTEMS.items():
            for method, budget in budgets(pixels, n_gates, system).items():
                rows.append({"frame": camera, "fpga": fpga, "method": method, **asdict(budget)})
                print(
                    f"| {camera} | {fpga} | {method} | {budget.memory_bytes / 1e6:.1f} "
                    f"| {budget.megabytes_per_s(FRAMES_PER_S):,.0f} | {budget.latency_s * 1e3:.1f} "
                    f"| {1 / budget.frame_s:.2f} |"
                )
    measured: list[dict[str, Any]] = []
    if given.simulate:
        print("\n| lanes | memory | written / beats per cycle | read | latency / cycles | formula |")
        print("|---|---|---|---|---|---|")
    for lanes in (1, 8) if given.simulate else ():
        for row in simulated(lanes):
            measured.append(row)
            print(
                f"| {row['lanes']} | {row['memory']} | {row['written']:.2f} | {row['read']:.2f} "
                f"| {row['latency_clocks']:,} | {row['formula_clocks']:,} |"
            )
    resources = []
    if given.synthesise:
        print("\n| front end | FPGA family | LUT | FF | BRAM36 | DSP |\n|---|---|---|---|---|---|")
    for row in synthesised() if given.synthesise else ():
        resources.append(row)
        print(
            f"| {row['front_end']} | {row['family']} | {row['lut']:,} | {row['ff']:,} | {row['bram36']:g} "
            f"| {row['dsp']:g} |"
        )
    write_json(
        given.json,
        {"rows": rows, "simulated": measured, "resources": resources, "provenance": provenance()},
    )


if __name__ == "__main__":
    main()
