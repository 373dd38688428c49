"""``seq2seqlite hardware board``."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table

from seq2seqlite.cli.completion import complete_model
from seq2seqlite.cli.output import JsonOption, write_json
from seq2seqlite.cli.progress import status, tool_status
from seq2seqlite.cli.read_options import image_size
from seq2seqlite.hardware.board_core import BOARD_CORE, board_core_plan
from seq2seqlite.hardware.boards.board import Board, find_board
from seq2seqlite.hardware.boards.camera import camera_core
from seq2seqlite.hardware.boards.front_end import camera_series
from seq2seqlite.hardware.boards.project import Core, camera_pins, route_board, synthesize_board, write_board
from seq2seqlite.hardware.boards.soc import SystemOptions
from seq2seqlite.hardware.design import Design, DesignOptions, make_design
from seq2seqlite.hardware.targets import find_target
from seq2seqlite.hardware.wire.link_packets import UDP_PORT
from seq2seqlite.predictors import load_any_program
from seq2seqlite.provenance import provenance

__all__ = ["board"]

PIXEL_BITS: dict[str, Literal[1, 8, 16]] = {"1": 1, "8": 8, "16": 16}


def board(
    out: Annotated[Path, typer.Option(file_okay=False, help="Folder of the project")],
    *,
    board: Annotated[Literal["ecpix5", "ulx3s", "genesys2"], typer.Option(help="Board")] = "ecpix5",
    model: Annotated[
        str, typer.Option(help="Shipped model, .npz or .program file", autocompletion=complete_model)
    ] = "seq2seqlite-tcspc-80mhz-tiny",
    part: Annotated[
        Literal["85F", "45F", "325T"] | None,
        typer.Option(help="FPGA of the board; by default the larger one"),
    ] = None,
    sys_clock: Annotated[
        float | None, typer.Option(help="Frequency of the network side in MHz; by default that of the board")
    ] = None,
    engine_clock: Annotated[
        float | None,
        typer.Option(help="Frequency of the engines (and the memory) in MHz; by default that of the board"),
    ] = None,
    camera: Annotated[
        str | None,
        typer.Option(
            help="Rows x columns of a camera at the pins: adds a front end and a memory (ecpix5, ulx3s)"
        ),
    ] = None,
    camera_bits: Annotated[
        Literal["1", "8", "16"], typer.Option(help="Bits of a pixel of the camera; 1: one-bit frames")
    ] = "8",
    ip_address: Annotated[str, typer.Option(help="IPv4 address of a board with Ethernet")] = "192.168.1.50",
    seed: Annotated[int, typer.Option(help="Seed of the placement", min=0, max=2**31 - 1)] = 1,
    route: Annotated[
        bool, typer.Option(help="Place, route, and pack the bitstream (boards with an ECP5)")
    ] = True,
    time_limit_s: Annotated[float, typer.Option(help="Time limit for each tool, in seconds")] = 7200,
    json_file: JsonOption = None,
) -> None:
    """Build the system of a board: project, synthesis, place and route, and bitstream."""
    found = find_board(board)
    route = route and found.tools == "open"
    chosen = found.part(part)
    options = SystemOptions(
        found.sys_clock_mhz if sys_clock is None else sys_clock,
        found.engine_clock_mhz if engine_clock is None else engine_clock,
        ip_address,
        UDP_PORT,
    )
    size = None if camera is None else image_size(camera, option="--camera")
    if size is not None:
        camera_pins(found, options)
    program = load_any_program(model)
    with status(f"compiling {program.name}"):
        design = make_design(program, find_target(chosen.target), DesignOptions())
        core = _core(design, found, size, camera_bits)
    with tool_status() as heartbeat:
        project = write_board(found, chosen, core, options, out, heartbeat=heartbeat)
        synthesised = synthesize_board(project, time_limit_s=time_limit_s, heartbeat=heartbeat)
        result: dict[str, Any] = {
            **project.facts,
            "project": out,
            "clock_mhz": project.facts["engine_clock_mhz"],
            "pixels_per_second": project.facts["engine_clock_mhz"] * 1e6 / design.clocks_per_pixel,
            **synthesised.to_dict(),
            "seed": seed,
            "timing_met": None,
            "provenance": provenance(),
        }
        if route:
            routed = route_board(synthesised, seed=seed, time_limit_s=time_limit_s, heartbeat=heartbeat)
            result |= routed.to_dict()
    print(f"{out}: {program.name} on {found.title}, {chosen.name}, hash {program.sha256[:16]}")
    Console().print(_parts(result["parts"]))
    for name, clock in result.get("clock_domains", {}).items():
        verdict = "met" if clock["met"] else "NOT met"
        print(f"{name}: {clock['achieved_mhz']:.1f} MHz of {clock['wanted_mhz']:.1f} MHz, {verdict}")
    if route:
        print(result["bitstream"] or "not all nets could be routed: there is no bitstream")
    if found.tools == "vivado":
        print(f"to place and route: vivado -mode batch -source vivado.tcl, in the folder {out}")
    write_json(json_file, result)


def _core(
    design: Design, board: Board, size: tuple[int, int] | None, camera_bits: Literal["1", "8", "16"]
) -> Core:
    if size is None:
        return Core(design.program, board_core_plan(design), BOARD_CORE, f"{BOARD_CORE}.link")
    assert board.memory is not None, "camera_pins refuses such a board"
    shape, pixel_bits = design.shape, PIXEL_BITS[camera_bits]
    pixels = size[0] * size[1]
    series = camera_series(
        shape.n_gates, shape.lanes, pixels=pixels, pixel_bits=pixel_bits, memory=board.memory
    )
    return camera_core(design, series)


def _parts(parts: dict[str, dict[str, float]]) -> Table:
    table = Table("part")
    for name in ("LUT", "FF", "DSP", "BRAM36"):
        table.add_column(name, justify="right")
    for part, used in parts.items():
        table.add_row(part, *(f"{used[name]:,g}" for name in ("lut", "ff", "dsp", "bram36")))
    return table
