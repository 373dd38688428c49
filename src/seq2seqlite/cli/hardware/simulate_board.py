"""``seq2seqlite hardware simulate-board``."""

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from seq2seqlite.cli.hardware.options import MAX_SEED, opened_project
from seq2seqlite.cli.output import JsonOption, write_json
from seq2seqlite.cli.progress import tool_status
from seq2seqlite.cli.read_options import image_size
from seq2seqlite.errors import InputError
from seq2seqlite.hardware.boards.front_end import PORT_BITS, camera_series
from seq2seqlite.hardware.cosim.board import BoardSimulator, Faults, compile_board
from seq2seqlite.hardware.cosim.self_test import SelfTest, camera_feed, camera_self_test
from seq2seqlite.hardware.cosim.self_test import self_test as run_self_test
from seq2seqlite.hardware.frontends.parameters import SeriesShape
from seq2seqlite.hardware.project import Project
from seq2seqlite.hardware.wire.link_packets import UDP_PORT
from seq2seqlite.provenance import provenance

__all__ = ["simulate_board"]

MODEL = "seq2seqlite-tcspc-80mhz-tiny"


def simulate_board(
    model: Annotated[
        str,
        typer.Argument(
            metavar="[MODEL]",
            help="Shipped model, .npz or .program file, or project folder of hardware build",
        ),
    ] = MODEL,
    *,
    target: Annotated[str, typer.Option(help="FPGA target (only without a project folder)")] = "ecp5-85f",
    engines: Annotated[
        int, typer.Option(help="Number of parallel engines (only without a project folder)")
    ] = 1,
    camera: Annotated[
        str | None,
        typer.Option(help="Rows x columns of a simulated camera at the board (e.g. 16x16)"),
    ] = None,
    port: Annotated[
        int, typer.Option(help="UDP port on this computer; 0: a free one", min=0, max=65535)
    ] = UDP_PORT,
    loss: Annotated[float, typer.Option(help="Probability that a packet in either direction is lost")] = 0.0,
    duplicate: Annotated[float, typer.Option(help="Probability that a packet is sent twice")] = 0.0,
    reorder: Annotated[float, typer.Option(help="Probability that later packets overtake a packet")] = 0.0,
    reset_after: Annotated[
        int,
        typer.Option(help="Pixels request before which the board is reset, as by a power failure; 0: none"),
    ] = 0,
    seed: Annotated[int, typer.Option(help="Seed of the faults and of the pixels", min=0, max=MAX_SEED)] = 0,
    self_test: Annotated[
        bool, typer.Option("--self-test", help="Send pixels through the driver, compare the results, and end")
    ] = False,
    n: Annotated[
        int, typer.Option(help="Number of pixels of the self-test; with a camera, of whole frames", min=1)
    ] = 2000,
    json_file: JsonOption = None,
) -> None:
    """Simulate a board behind a UDP socket, for --model board:udp://… and other drivers.

    With --camera, it is a board with a camera, for seq2seqlite stream board:udp://…. Without --self-test, the
    simulation runs until Ctrl-C. The exit code of a self-test is 2 if a pixel differs.
    """
    faults = Faults(loss, duplicate, reorder, reset_after, seed)
    if json_file is not None and not self_test:
        raise InputError("--json writes the result of a self-test; add --self-test or omit --json")
    is_folder = Path(model).is_dir()
    folder, name = (Path(model), None) if is_folder else (None, model)
    with (
        opened_project(folder, name, target=target, engines=engines) as project,
        tempfile.TemporaryDirectory(prefix="seq2seqlite-") as build,
    ):
        series = None if camera is None else _series(project, camera)
        with tool_status() as heartbeat:
            simulator = compile_board(
                project, out_dir=Path(build), series=series, port_bits=PORT_BITS, heartbeat=heartbeat
            )
        if not self_test:
            _serve(project, simulator, series, port=port, seed=seed, faults=faults)
            return
        if series is None:
            found = run_self_test(project, simulator, n=n, seed=seed, faults=faults)
        else:
            found = camera_self_test(project, simulator, series, n=n, seed=seed, faults=faults)
        _report(project, simulator, found, seed=seed, faults=faults, json_file=json_file)


def _series(project: Project, camera: str) -> SeriesShape:
    rows, columns = image_size(camera, option="--camera")
    shape = project.shape
    return camera_series(shape.n_gates, shape.lanes, pixels=rows * columns, pixel_bits=8)


def _serve(
    project: Project,
    simulator: BoardSimulator,
    series: SeriesShape | None,
    *,
    port: int,
    seed: int,
    faults: Faults,
) -> None:
    feed = None
    if series is not None:
        feed, _ = camera_feed(project, series, port_bits=PORT_BITS, seed=seed)
    with simulator.serve(port=port, faults=faults, camera=feed) as board:
        print(f"board with {project.program.name} at {board.address}; Ctrl-C ends it", flush=True)
        try:
            board.process.wait()
        except KeyboardInterrupt:
            return
    raise InputError("the simulation of the board ended unexpectedly; restart it")


def _report(
    project: Project,
    simulator: BoardSimulator,
    found: SelfTest,
    *,
    seed: int,
    faults: Faults,
    json_file: Path | None,
) -> None:
    print(
        f"{found.pixels:,} pixels, {found.mismatches:,} mismatches with the program, "
        f"{found.pixels_flagged:,} flagged"
    )
    print(
        f"{found.packets_lost:,} packets lost, {found.packets_duplicated:,} duplicated, "
        f"{found.packets_reordered:,} reordered; {found.packets_repeated:,} requests repeated"
    )
    what = "frames" if simulator.port_bits else "requests"
    print(f"latency {found.latency_cycles:,} clock cycles (median of the {what})")
    write_json(
        json_file,
        {
            **asdict(found),
            "model": project.program.name,
            "program_sha256": project.program.sha256,
            "engines": project.options.engines,
            **asdict(faults),
            "tool": "Verilator",
            "provenance": provenance(seed=seed),
        },
    )
    if found.mismatches or found.violations:
        raise typer.Exit(2)
