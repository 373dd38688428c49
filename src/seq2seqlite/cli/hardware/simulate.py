"""``seq2seqlite hardware simulate``."""

import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from seq2seqlite.cli.hardware.options import (
    MAX_SEED,
    EnginesOption,
    ModelOption,
    ProjectArgument,
    TargetOption,
    opened_project,
)
from seq2seqlite.cli.irf_options import IrfBinWidthOption
from seq2seqlite.cli.output import JsonOption, write_json
from seq2seqlite.cli.progress import tool_status
from seq2seqlite.decay import MeasuredIrf
from seq2seqlite.errors import InputError
from seq2seqlite.hardware.cosim.design import MIN_BATCHES, Simulator, compile_project
from seq2seqlite.hardware.cosim.inputs import Inputs
from seq2seqlite.hardware.cosim.stream import check_pauses
from seq2seqlite.hardware.project import Project
from seq2seqlite.hardware.stimulus import made_up_bank, made_up_counts, response_bank
from seq2seqlite.imaging.sampling import analysed_tpsfs
from seq2seqlite.integer import DirectPredictor, DirectProgram, ProgramPredictor, scaled_counts
from seq2seqlite.io.irf import read_irf
from seq2seqlite.io.measurement import load
from seq2seqlite.provenance import provenance

__all__ = ["simulate"]

N_RESPONSES = 4
"""Synthetic responses of a program that reads them, if its design holds as many."""


def simulate(
    project: ProjectArgument = None,
    *,
    model: ModelOption = None,
    target: TargetOption = "xc7k410t",
    engines: EnginesOption = 1,
    pixels: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Measurement to take pixels from; default: synthetic decays"),
    ] = None,
    n: Annotated[int, typer.Option(help="Number of pixels to simulate", min=1)] = 500,
    irf: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Measured IRF (SDT or text) for a program that reads it, on the time axis of the model; may "
            "be repeated. The pixels use the IRFs in turn. Default: synthetic ones",
        ),
    ] = None,
    irf_bin_width_ns: IrfBinWidthOption = None,
    min_photons: Annotated[float, typer.Option(help="Minimum counts of a pixel of the measurement")] = 100,
    gaps: Annotated[
        float, typer.Option(help="Source throttling: probability per cycle that the source deasserts TVALID")
    ] = 0.0,
    stalls: Annotated[
        float, typer.Option(help="Sink throttling: probability per cycle that the sink deasserts TREADY")
    ] = 0.0,
    lost: Annotated[
        float,
        typer.Option(help="Probability that a packet is lost before the design, which has sequence numbers"),
    ] = 0.0,
    seed: Annotated[
        int, typer.Option(help="Seed of the throttling and of synthetic decays", min=0, max=MAX_SEED)
    ] = 0,
    json_file: JsonOption = None,
) -> None:
    """Simulate a project through its buses, and compare the results with its program.

    The exit code is 2 if a pixel differs.
    """
    check_pauses(gaps=gaps, stalls=stalls)
    if not 0 <= lost < 1:
        raise InputError(f"lost={lost} must be a probability, at least 0 and below 1")
    with opened_project(project, model, target=target, engines=engines) as opened:
        if lost and not opened.options.sequence_numbers:
            raise InputError(
                f"lost={lost} needs a design with sequence numbers; build it with --sequence-numbers"
            )
        counts, inputs = _stimulus(
            opened, pixels, irfs=_irfs(irf, irf_bin_width_ns), n=n, min_photons=min_photons, seed=seed
        )
        missing = _missing(len(counts), lost, seed) if lost else None
        with tempfile.TemporaryDirectory(prefix="seq2seqlite-") as folder, tool_status() as heartbeat:
            simulator = compile_project(opened, out_dir=Path(folder), heartbeat=heartbeat)
            found = simulator.check(
                counts,
                gaps=gaps,
                stalls=stalls,
                seed=seed,
                inputs=inputs,
                missing=missing,
                heartbeat=heartbeat,
            )
            steady = found.clocks_per_pixel or _steady(simulator, counts)
        result: dict[str, Any] = {
            **asdict(found),
            "clocks_per_pixel": steady,
            "project": project,
            "model": opened.program.name,
            "program_sha256": opened.program.sha256,
            "engines": opened.options.engines,
            "pixels_of": pixels,
            "responses": 0 if inputs is None else len(np.unique(inputs.index)),
            "irf": irf or [],
            "gaps": gaps,
            "stalls": stalls,
            "packets_lost": 0 if missing is None else int(missing.sum()),
            "tool": "Verilator",
            "provenance": provenance(seed=seed),
        }
        if project is not None:
            opened.record("simulation", result)
    lost_packets = f", {result['packets_lost']:,} of them without a packet" if lost else ""
    used = f", {result['responses']} responses in turn" if result["responses"] else ""
    print(f"{found.pixels:,} pixels{used}{lost_packets}, {found.mismatches:,} mismatches with the program")
    print(f"{steady:.3f} clock cycles per pixel in the steady state")
    print(f"first result {found.first_result_clocks:,} clock cycles after the first beat")
    write_json(json_file, result)
    if found.mismatches:
        raise typer.Exit(2)


def _missing(n: int, lost: float, seed: int) -> NDArray[np.bool_]:
    """Return the pixels whose packet is lost; not the last one, without which the others are not noticed."""
    missing = np.random.default_rng(seed).random(n) < lost
    missing[-1:] = False
    return missing


def _irfs(files: Sequence[Path] | None, bin_width_ns: float | None) -> list[MeasuredIrf]:
    return [read_irf(file, bin_width_ns=bin_width_ns) for file in files or ()]


def _stimulus(
    project: Project,
    pixels: Path | None,
    *,
    irfs: Sequence[MeasuredIrf],
    n: int,
    min_photons: float,
    seed: int,
) -> tuple[NDArray[np.int64], Inputs | None]:
    """Return the counts, and for a program with standard errors the other inputs."""
    program, shape = project.program, project.shape
    if irfs and not shape.responses:
        raise InputError(f"program {program.name} does not use a response; omit --irf")
    predictor = DirectPredictor(program) if isinstance(program, DirectProgram) else ProgramPredictor(program)
    if pixels is None:
        counts = made_up_counts(program, n, seed=seed, count_bits=shape.count_bits)
        exponent = np.zeros(n, np.int64)
    else:
        tpsfs = analysed_tpsfs(load(pixels), predictor, n=n, min_photons=min_photons)
        counts, exponent = scaled_counts(tpsfs)
    if not shape.packet_user_bits:
        return counts, None
    made_up = min(N_RESPONSES, shape.responses or 1)
    bank = response_bank(program, irfs) if irfs else made_up_bank(program, made_up)
    return counts, Inputs(bank, np.arange(len(counts)) % len(bank), exponent)


def _steady(simulator: Simulator, counts: NDArray[np.int64]) -> float:
    """Simulate enough batches without throttling, and return the clock cycles per pixel."""
    n = (MIN_BATCHES + 1) * simulator.batch
    steady = simulator.check(np.resize(counts, (n, counts.shape[1]))).clocks_per_pixel
    assert steady is not None
    return steady
