"""``seq2seqlite hardware build``."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from seq2seqlite.cli.output import JsonOption, write_json
from seq2seqlite.cli.progress import status
from seq2seqlite.hardware.design import DesignOptions, make_design
from seq2seqlite.hardware.project import FRAME_PIXELS, write_project
from seq2seqlite.hardware.resources.calibrated import check_fit
from seq2seqlite.hardware.targets import TARGETS, find_target
from seq2seqlite.predictors import load_program

__all__ = ["build"]


def build(
    model: Annotated[str, typer.Option(help="Shipped model, .npz or .program file, quantised throughout")],
    target: Annotated[str, typer.Option(help=f"FPGA: {', '.join(TARGETS)}")],
    out: Annotated[Path, typer.Option(file_okay=False, help="Folder of the project")],
    *,
    engines: Annotated[int, typer.Option(help="Engines side by side behind one stream")] = 1,
    lanes: Annotated[
        int, typer.Option(help="Counts a beat of the input: 1, 2, 4, 8, 16; 0: as many as the engines take")
    ] = 0,
    result_width: Annotated[int, typer.Option(help="Bits of a beat of the output: 32, 64, 128")] = 32,
    output: Annotated[
        Literal["lifetimes", "sfd"], typer.Option(help="Lifetimes, or the raw decays without IRF")
    ] = "lifetimes",
    json_file: JsonOption = None,
) -> None:
    """Write the project of a design: Verilog, constraints, scripts, descriptions."""
    options = DesignOptions(engines, lanes, result_width, output)
    found = find_target(target)
    program = load_program(model)
    with status(f"tracing {program.name}"):
        design = make_design(program, found, options)
        expected = check_fit(design)
        project = write_project(design, out)
    frames = design.frames_per_second(frame_pixels=FRAME_PIXELS)
    print(f"{out}: {engines} engines of {program.name} for {found.name}, hash {program.sha256[:16]}")
    print(
        f"{design.clocks_per_pixel:.2f} clocks a pixel, {design.shape.slots} pixels in a ring, "
        f"{design.latency_clocks} clocks to the first result of a batch"
    )
    print(
        f"estimate: {expected.lut:,} LUT ({expected.lut / found.lut:.0%}), {expected.ff:,} FF, "
        f"{expected.dsp:g} DSP, {expected.bram36:g} BRAM36; {frames:.1f} frames of {FRAME_PIXELS:,} pixels "
        f"a second if it runs at {design.clock_mhz:g} MHz"
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
