"""``seq2seqlite hardware build``."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from seq2seqlite.cli.completion import QuantisedModelOption
from seq2seqlite.cli.output import JsonOption, write_json
from seq2seqlite.cli.progress import status
from seq2seqlite.hardware.design import DesignOptions, make_design
from seq2seqlite.hardware.project import FRAME_PIXELS, write_project
from seq2seqlite.hardware.resources.estimate import check_fit
from seq2seqlite.hardware.targets import TARGETS, find_target
from seq2seqlite.integer import COUNT_BITS
from seq2seqlite.predictors import load_any_program

__all__ = ["build"]


def build(
    model: QuantisedModelOption,
    target: Annotated[str, typer.Option(help=f"FPGA: {', '.join(TARGETS)}")],
    out: Annotated[Path, typer.Option(file_okay=False, help="Folder of the project")],
    *,
    engines: Annotated[int, typer.Option(help="Number of parallel engines behind one stream")] = 1,
    lanes: Annotated[
        int,
        typer.Option(help="Counts per input beat: 1, 2, 4, 8, 16, 32; 0: enough to keep all engines busy"),
    ] = 0,
    result_width: Annotated[int, typer.Option(help="Width of an output beat in bits: 32, 64, 128")] = 32,
    output: Annotated[
        Literal["lifetimes", "sfd"], typer.Option(help="Lifetimes, or raw SFDs (decays without IRF)")
    ] = "lifetimes",
    prefix: Annotated[
        str,
        typer.Option(help="Prefix of all module names, so that several designs fit into one FPGA"),
    ] = "",
    count_bits: Annotated[
        int, typer.Option(help="Width of a count at the input in bits: 8, 16")
    ] = COUNT_BITS,
    sequence_numbers: Annotated[
        bool,
        typer.Option("--sequence-numbers", help="Sequence numbers in TUSER, to find packets that are lost"),
    ] = False,
    json_file: JsonOption = None,
) -> None:
    """Write the project of a design: Verilog, constraints, scripts and manifest."""
    options = DesignOptions(
        engines,
        lanes,
        result_width,
        output,
        prefix=prefix,
        count_bits=count_bits,
        sequence_numbers=sequence_numbers,
    )
    found = find_target(target)
    program = load_any_program(model)
    with status(f"compiling {program.name}"):
        design = make_design(program, found, options)
        expected = check_fit(design)
        project = write_project(design, out)
    frames = design.frames_per_second(frame_pixels=FRAME_PIXELS)
    parallel = "1 engine" if engines == 1 else f"{engines} engines"
    print(f"{out}: {parallel} of {program.name} for {found.name}, hash {program.sha256[:16]}")
    print(
        f"{design.clocks_per_pixel:.2f} clock cycles per pixel, {design.shape.slots} pixels in a ring, "
        f"latency {design.latency_clocks} clock cycles from the start of a batch to its first result"
    )
    print(
        f"estimate: {expected.lut:,} LUT ({expected.lut / found.lut:.0%}), {expected.ff:,} FF, "
        f"{expected.dsp:g} DSP, {expected.bram36:g} BRAM36; {frames:.1f} frames of {FRAME_PIXELS:,} pixels "
        f"per second at {design.clock_mhz:g} MHz (nominal)"
    )
    write_json(
        json_file,
        {
            **project.facts,
            "project": out,
            "estimate": asdict(expected),
            "frames_per_second": frames,
        },
    )
