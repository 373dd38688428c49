"""A project's resources and clock, as the tools measure them."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.eda.cells import Resources
from seq2seqlite.hardware.eda.nextpnr import PlaceAndRouteResult, bitstream, check_request, place_and_route
from seq2seqlite.hardware.eda.pins import example_pins
from seq2seqlite.hardware.eda.process import Heartbeat
from seq2seqlite.hardware.eda.yosys import Synthesis, SynthesisResult, synthesize
from seq2seqlite.hardware.gateware.top import ENGINE, TOP
from seq2seqlite.hardware.project import Project
from seq2seqlite.hardware.resources.calibrated import Estimate
from seq2seqlite.hardware.targets import Target

__all__ = ["Placed", "Synthesised", "device_share", "place_and_route_project", "synthesize_project"]

# Nothing uses what a memory gives that is read where it is written (test_designs.py shows it), so that no
# logic for that case has to stand behind the slow output of a block memory.
SYNTHESIS_OPTIONS: dict[str, tuple[str, ...]] = {"xc7": (), "ecp5": ("-no-rw-check",)}

PACKAGE = "CABGA756"  # the one with pins for both streams and the registers
# On a chip this full the static placer leaves no wire behind that is far longer than the others.
PLACER_OPTIONS = ("--placer", "static")


@dataclass(frozen=True)
class Synthesised:
    """A synthesised project.

    Parameters
    ----------
    target : Target
        FPGA.
    result : SynthesisResult
        What Yosys gave.
    """

    target: Target
    result: SynthesisResult

    def to_dict(self) -> dict[str, Any]:
        """Return the figures for JSON: of the design, and of one engine in it."""
        resources = self.result.resources
        return {
            **asdict(resources),
            "device_share": device_share(resources, self.target),
            "engine": asdict(self.result.modules[ENGINE]),
            "cells": self.result.cells,
            "seconds": self.result.seconds,
            "peak_memory_bytes": self.result.peak_memory_bytes,
            "tool": "Yosys",
        }


@dataclass(frozen=True)
class Placed:
    """A placed and routed project.

    Parameters
    ----------
    speed : int
        Speed grade.
    result : PlaceAndRouteResult
        What nextpnr gave.
    bitstream : pathlib.Path or None
        Configuration of the FPGA; None where not every net was routed.
    """

    speed: int
    result: PlaceAndRouteResult
    bitstream: Path | None

    def to_dict(self) -> dict[str, Any]:
        """Return the figures for JSON."""
        result = self.result
        return {
            "clock_mhz": result.clock_mhz,
            "routed": result.routed,
            "speed": self.speed,
            "use": {name: asdict(use) for name, use in result.use.items()},
            "critical_path": [asdict(segment) for segment in result.critical_path],
            "bitstream": self.bitstream,
            "seconds": result.seconds,
            "peak_memory_bytes": result.peak_memory_bytes,
            "log": result.log,
            "tool": "nextpnr-ecp5",
        }


def device_share(resources: Resources | Estimate, target: Target, /) -> dict[str, float]:
    """Return the share of a device's LUTs, flip-flops, DSP blocks and block memory that is taken."""
    return {name: getattr(resources, name) / getattr(target, name) for name in ("lut", "ff", "dsp", "bram36")}


def synthesize_project(
    project: Project, /, *, time_limit_s: float = 7200, heartbeat: Heartbeat | None = None
) -> Synthesised:
    """Synthesise a project with Yosys into its folder ``synthesis``.

    Raises
    ------
    ToolError
        If Yosys is missing or fails.
    """
    result = synthesize(
        project.verilog,
        top=TOP,
        family=project.target.family,
        out_dir=project.folder / "synthesis",
        synthesis=Synthesis(options=SYNTHESIS_OPTIONS[project.target.family]),
        time_limit_s=time_limit_s,
        heartbeat=heartbeat,
    )
    return Synthesised(project.target, result)


def place_and_route_project(
    project: Project,
    /,
    *,
    speed: int = 6,
    freq_mhz: float | None = None,
    seed: int = 1,
    time_limit_s: float = 7200,
    heartbeat: Heartbeat | None = None,
) -> Placed:
    """Place and route a project with nextpnr into its folder ``place-and-route``; synthesise it before.

    Parameters
    ----------
    project : Project
        For an ECP5.
    speed : int
        Speed grade: 6, 7 or 8.
    freq_mhz : float, optional
        Frequency to work towards; that of the target by default.
    seed : int
        Seed of the placement.
    time_limit_s : float
        Limit for each tool, in seconds.
    heartbeat : callable, optional
        Called every second.

    Raises
    ------
    InputError
        If there is no place and route for the target, the design is too large for it, or frequency, speed
        grade or seed do not exist.
    """
    if project.target.family != "ecp5":
        raise InputError(
            f"target {project.target.name} has no place and route here; take an ECP5, "
            "or run vivado.tcl of the project with Vivado"
        )
    device = project.target.name
    wanted_mhz = project.target.clock_mhz if freq_mhz is None else freq_mhz
    check_request(device=device, speed=speed, freq_mhz=wanted_mhz, seed=seed)
    synthesised = synthesize_project(project, time_limit_s=time_limit_s, heartbeat=heartbeat)
    share = device_share(synthesised.result.resources, project.target)
    for name, value in share.items():
        if value > 1:
            raise InputError(
                f"the design needs {value:.0%} of the {name} of {project.target.name}; "
                "take fewer engines, a smaller student or a larger target"
            )
    out_dir = project.folder / "place-and-route"
    out_dir.mkdir(exist_ok=True)
    netlist, pins = synthesised.result.netlist_json, out_dir / "example_pins.lpf"
    pins.write_text(example_pins(netlist, TOP, device=device, package=PACKAGE, clock="aclk"))
    result = place_and_route(
        netlist,
        device=device,
        speed=speed,
        freq_mhz=wanted_mhz,
        out_dir=out_dir,
        lpf=pins,
        package=PACKAGE,
        seed=seed,
        options=PLACER_OPTIONS,
        time_limit_s=time_limit_s,
        heartbeat=heartbeat,
    )
    return Placed(speed, result, bitstream(result.textcfg) if result.routed else None)
