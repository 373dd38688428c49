"""Latency from the last gate of a camera to the last lifetime: corner turn and gate-sequential processing.

Front end and engines are simulated as one core, for small frames with all gates, and a memory with latency,
refresh cycles and pauses. The measured clock cycles are fitted by a line over the pixels, which gives
the latency of the frames of two cameras. "limit" is the upper limit of ``core_latency``, without pauses. The
latency of gate-sequential processing is that of its formula, and of a result behind it.

The engines compute the first 8 units of shipped direct students (see direct_engines.py): the latency depends
on the gates, the engines and the lanes, hardly on the units. Clock frequencies: that of the ECPIX-5 board,
and the nominal one of the xc7k410t, which is an estimate.

    python benchmarks/camera_latency.py [--json FILE]
"""

import argparse
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from direct_engines import first_units

from seq2seqlite.cli.output import write_json
from seq2seqlite.hardware.camera import beats_of_images
from seq2seqlite.hardware.cosim.inputs import Inputs
from seq2seqlite.hardware.cosim.memory import MemoryModel
from seq2seqlite.hardware.cosim.stream import Access, compile_stream
from seq2seqlite.hardware.design import Design, DesignOptions, make_design
from seq2seqlite.hardware.front_ends import core_latency, front_end_core_plan
from seq2seqlite.hardware.frontends.budget import Memory, gate_sequential_budget
from seq2seqlite.hardware.frontends.front_end_core import FRONT_END_CORE
from seq2seqlite.hardware.frontends.parameters import SeriesShape
from seq2seqlite.hardware.gateware.csr import REGISTERS
from seq2seqlite.hardware.stimulus import made_up_counts
from seq2seqlite.hardware.targets import find_target
from seq2seqlite.hardware.wire.front_end_registers import SERIES_REGISTERS, register_addresses
from seq2seqlite.integer import DirectProgram, load_any_program
from seq2seqlite.provenance import provenance

UNITS = 8
BASE1 = 1 << 22
FRONT_END = 0x100
CAMERAS = {
    "500x500, 135 gates": ("seq2seqlite-swissspad3-direct-int8", 250_000),
    "512x512, 67 gates": ("seq2seqlite-spad512s-direct-int8", 262_144),
}


@dataclass(frozen=True)
class System:
    """FPGA with its engines and its memory; pixels of the simulated frames."""

    clock_mhz: float
    engines: int
    lanes: int
    data_bits: int
    megabytes_per_s: float
    memory: MemoryModel
    pixels: tuple[int, ...]


# Refresh cycles every 7.8 us (JESD79-3), which last 160 ns or more; 10 % pauses of each channel are assumed.
SYSTEMS = {
    "ecp5-85f": System(
        *(75.0, 1, 1, 64, 600.0),
        MemoryModel(2 * BASE1, 0.1, 20, refresh_every=585, refresh_clocks=12),
        (16 * 16, 24 * 24, 32 * 32),
    ),
    "xc7k410t": System(
        *(200.0, 9, 16, 256, 8960.0),
        MemoryModel(2 * BASE1, 0.1, 40, refresh_every=1560, refresh_clocks=32),
        (32 * 32, 64 * 64),
    ),
}


def simulated(design: Design, shape: SeriesShape, memory: MemoryModel) -> int:
    """Return the clock cycles from the last beat of a frame to the last beat of its results."""
    address = register_addresses(SERIES_REGISTERS)
    before = [
        Access(REGISTERS["FRAME_PIXELS"], shape.pixels),
        *Inputs().accesses(design.shape),
        Access(FRONT_END + address["CONTROL"], 2),
        Access(FRONT_END + address["BASE1"], BASE1),
        Access(REGISTERS["CONTROL"], 1),
    ]
    counts = np.minimum(made_up_counts(design.program, shape.pixels), 255).T
    result_beats = 192 // design.options.result_width
    with tempfile.TemporaryDirectory(prefix="seq2seqlite-") as name:
        files = []
        for file, text in front_end_core_plan(design, shape).execute().items():
            files.append(Path(name) / file)
            files[-1].write_text(text)
        simulator = compile_stream(
            files,
            top=FRONT_END_CORE,
            in_bits=shape.input_bits,
            out_bits=design.options.result_width,
            out_dir=Path(name) / "simulation",
            memory_bits=shape.data_bits,
            user_bits=1,
        )
        run = simulator.run(
            beats_of_images(counts, bits=8, width=shape.data_bits, frame_images=shape.n_gates),
            n_expected=shape.pixels * result_beats,
            before=before,
            memory=memory,
        )
    assert (run.end, run.unstable, run.traffic.violations) == ("done", 0, 0)
    return int(run.out_clock[-1] - run.in_clock[-1])


def rows_of(camera: str, fpga: str) -> list[dict[str, Any]]:
    """Return the rows of one camera and FPGA."""
    (student, pixels), system = CAMERAS[camera], SYSTEMS[fpga]
    whole = load_any_program(student)
    assert isinstance(whole, DirectProgram)
    program = first_units(whole, UNITS)
    options = DesignOptions(engines=system.engines, lanes=system.lanes, result_width=64, responses=4)
    design = make_design(program, find_target(fpga), options)
    shape = SeriesShape(program.n_gates, pixels, lanes=system.lanes, data_bits=system.data_bits)
    small = [replace(shape, pixels=each) for each in system.pixels]
    latency = system.memory.latency_clocks
    measured = [simulated(design, each, system.memory) for each in small]
    limits = [core_latency(design, each, memory_latency=latency) for each in (*small, shape)]
    slope, offset = np.polyfit(system.pixels, measured, 1)
    sequential = {
        name: gate_sequential_budget(
            n_gates=program.n_gates,
            pixels=pixels,
            state_bits=32 * 8,
            memory=Memory(system.megabytes_per_s, latency),
            clock_mhz=system.clock_mhz,
            engines=system.engines,
            has_decoder=has_decoder,
        ).latency_s
        for name, has_decoder in (("direct", False), ("decoder", True))
    }
    head = design.latency_clocks - program.n_gates * design.shape.slots
    common = {"frame": camera, "fpga": fpga}
    return [
        *(
            {
                **common,
                "method": "corner turn, simulated",
                "pixels": n,
                "latency_clocks": took,
                "limit": limit,
            }
            for n, took, limit in zip(system.pixels, measured, limits[:-1], strict=True)
        ),
        {
            **common,
            "method": "corner turn, extrapolated",
            "pixels": pixels,
            "latency_clocks": round(slope * pixels + offset),
            "limit": limits[-1],
            "clocks_per_pixel": slope,
            "offset_clocks": offset,
        },
        *(
            {
                **common,
                "method": f"gate-sequential, {name}",
                "pixels": pixels,
                "latency_clocks": round(seconds * system.clock_mhz * 1e6) + head,
            }
            for name, seconds in sequential.items()
        ),
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Latency from the last gate to the last lifetime")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rows = []
    print("| frame | FPGA | method | pixels | latency / clock cycles | limit | ms |")
    print("|---|---|---|---|---|---|---|")
    for camera in CAMERAS:
        for fpga, system in SYSTEMS.items():
            for row in rows_of(camera, fpga):
                rows.append(row)
                limit = f"{row['limit']:,}" if "limit" in row else "-"
                took = row["latency_clocks"]
                print(
                    f"| {row['frame']} | {row['fpga']} | {row['method']} | {row['pixels']:,} "
                    f"| {took:,} | {limit} | {took / system.clock_mhz / 1e3:.3f} |",
                    flush=True,
                )
    write_json(given.json, {"rows": rows, "provenance": provenance()})


if __name__ == "__main__":
    main()
