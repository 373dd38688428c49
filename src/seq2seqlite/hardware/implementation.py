"""Implementation flow: synthesis with Yosys, and place and route with nextpnr, of a project."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.eda.cells import Resources
from seq2seqlite.hardware.eda.nextpnr import PlaceAndRouteResult, bitstream, check_request, place_and_route
from seq2seqlite.hardware.eda.pins import example_pins
from seq2seqlite.hardware.eda.process import Heartbeat
from seq2seqlite.hardware.eda.yosys import Synthesis, SynthesisResult, synthesize
from seq2seqlite.hardware.project import Project
from seq2seqlite.hardware.resources.estimate import Estimate
from seq2seqlite.hardware.targets import Target

__all__ = ["Placed", "Synthesised", "device_share", "place_and_route_project", "synthesize_project"]

# The gateware never uses the data of a memory that is read and written at the same address in the same
# clock cycle (checked by test_designs.py). The slow block memories therefore need no bypass logic.
SYNTHESIS_OPTIONS: dict[str, tuple[str, ...]] = {"xc7": (), "xcup": (), "ecp5": ("-no-rw-check",)}

# The largest package of each device: both streams and the CSRs are at pins.
PACKAGES = {"ecp5-85f": "CABGA756", "ecp5-45f": "CABGA554", "ecp5-25f": "CABGA381"}
# At high utilisation, the static placer avoids single nets that are far longer than the others.
PLACER_OPTIONS = ("--placer", "static")


@dataclass(frozen=True)
class Synthesised:
    """Synthesis report of a project.

    Parameters
    ----------
    target : Target
        FPGA.
    result : SynthesisResult
        Result of Yosys.
    engine : str
        Name of the module of an engine.

    See Also
    --------
    synthesize_project : Synthesise a project with Yosys; the results are written to its folder ``synthesis``.
    """

    target: Target
    result: SynthesisResult
    engine: str

    def to_dict(self) -> dict[str, Any]:
        """Return the utilisation of the design and of one engine, as a JSON-compatible dictionary."""
        resources = self.result.resources
        return {
            **asdict(resources),
            "device_share": device_share(resources, self.target),
            "engine": asdict(self.result.modules[self.engine]),
            "cells": self.result.cells,
            "seconds": self.result.seconds,
            "peak_memory_bytes": self.result.peak_memory_bytes,
            "tool": "Yosys",
        }


@dataclass(frozen=True)
class Placed:
    """Place-and-route report of a project.

    Parameters
    ----------
    speed : int
        Speed grade.
    result : PlaceAndRouteResult
        Result of nextpnr.
    bitstream : pathlib.Path or None
        Bitstream; None if a net could not be routed.

    See Also
    --------
    place_and_route_project : Synthesise a project, then place and route it with nextpnr.
    """

    speed: int
    result: PlaceAndRouteResult
    bitstream: Path | None

    def to_dict(self) -> dict[str, Any]:
        """Return the report as a JSON-compatible dictionary."""
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
    """Return the utilisation of LUTs, flip-flops, DSP blocks and block memory, as fractions.

    See Also
    --------
    Placed : Place-and-route report of a project.
    Synthesised : Synthesis report of a project.
    """
    return {name: getattr(resources, name) / getattr(target, name) for name in ("lut", "ff", "dsp", "bram36")}


def synthesize_project(
    project: Project, /, *, time_limit_s: float = 7200, heartbeat: Heartbeat | None = None
) -> Synthesised:
    """Synthesise a project with Yosys; the results are written to its folder ``synthesis``.

    Raises
    ------
    ToolError
        If Yosys is missing or fails.

    See Also
    --------
    place_and_route_project : Synthesise a project, then place and route it with nextpnr.
    seq2seqlite.hardware.eda.yosys.synthesize : Synthesise Verilog for an FPGA family.
    """
    result = synthesize(
        project.verilog,
        top=project.options.top,
        family=project.target.family,
        out_dir=project.folder / "synthesis",
        synthesis=Synthesis(options=SYNTHESIS_OPTIONS[project.target.family]),
        time_limit_s=time_limit_s,
        heartbeat=heartbeat,
    )
    return Synthesised(project.target, result, project.options.engine)


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
    """Synthesise a project, then place and route it with nextpnr.

    The results are written to the folder ``place-and-route`` of the project.

    Parameters
    ----------
    project : Project
        Project with an ECP5 target.
    speed : int
        Speed grade: 6, 7 or 8.
    freq_mhz : float, optional
        Target frequency of the timing optimisation; that of the target FPGA by default.
    seed : int
        Seed of the placement.
    time_limit_s : float
        Time limit for each tool, in seconds.
    heartbeat : callable, optional
        Called every second.

    Raises
    ------
    InputError
        If the target is not supported, the design does not fit it, or the frequency, speed grade or seed is
        invalid.

    See Also
    --------
    synthesize_project : Synthesise a project with Yosys; the results are written to its folder ``synthesis``.
    seq2seqlite.hardware.eda.nextpnr.place_and_route : Place and route a netlist on an ECP5.
    """
    if project.target.family != "ecp5":
        raise InputError(
            f"place and route does not support target {project.target.name}; build the project for an ECP5, "
            "or run its vivado.tcl with Vivado"
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
                "use fewer engines, a smaller student or a larger target"
            )
    out_dir = project.folder / "place-and-route"
    out_dir.mkdir(exist_ok=True)
    netlist, pins = synthesised.result.netlist_json, out_dir / "example_pins.lpf"
    package = PACKAGES[device]
    pins.write_text(example_pins(netlist, project.options.top, device=device, package=package, clock="aclk"))
    result = place_and_route(
        netlist,
        device=device,
        speed=speed,
        freq_mhz=wanted_mhz,
        out_dir=out_dir,
        lpf=pins,
        package=package,
        seed=seed,
        options=PLACER_OPTIONS,
        time_limit_s=time_limit_s,
        heartbeat=heartbeat,
    )
    return Placed(speed, result, bitstream(result.textcfg) if result.routed else None)
