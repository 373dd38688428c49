"""Report of hardware projects: ``report.html`` and ``hardware.json``."""

import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seq2seqlite.errors import InputError
from seq2seqlite.files import replace_when_done
from seq2seqlite.hardware.project import FRAME_PIXELS, Project
from seq2seqlite.json_text import json_text
from seq2seqlite.outputs import OutputSet
from seq2seqlite.provenance import provenance
from seq2seqlite.reports.environment import environment

__all__ = ["hardware_results", "write_hardware_report"]

NUMBERS = {
    "simulation": ("pixels", "mismatches", "clocks_per_pixel"),
    "synthesis": tuple(
        f"{of}{name}" for of in ("", "device_share.", "engine.") for name in ("lut", "ff", "dsp", "bram36")
    ),
} | {f"place-and-route-{speed}": ("clock_mhz", "speed") for speed in (6, 7, 8)}
"""Numbers of each recorded result that the report contains; a dot separates nested keys."""


def write_hardware_report(projects: Sequence[Project], folder: Path, /) -> dict[str, Any]:
    """Write the report of projects, and return the content of its JSON file.

    Parameters
    ----------
    projects : sequence of Project
        Projects with the results of the commands simulate, synthesize and place-and-route.
    folder : pathlib.Path
        Folder of the report.

    Returns
    -------
    dict
        ``designs``: for each design, the ``measured`` results by tool, and the ``estimated`` ones separately.

    Raises
    ------
    InputError
        If a recorded result cannot be read.

    See Also
    --------
    hardware_results : Return the measured and estimated results of one project.
    seq2seqlite.hardware.project.read_project : Read the project in a folder.
    """
    OutputSet(folder, {"hardware.json": ("designs", "provenance")}, ("report.html",)).check(
        ["hardware.json", "report.html"]
    )
    report = {"designs": [hardware_results(project) for project in projects], "provenance": provenance()}
    page = environment().get_template("hardware.html.j2").render(**report, frame_pixels=FRAME_PIXELS)
    for name, text in (("hardware.json", json_text(report)), ("report.html", page)):
        with replace_when_done(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return report


def hardware_results(project: Project, /) -> dict[str, Any]:
    """Return the measured and estimated results of one project.

    A frame rate is measured if the clock cycles per pixel were simulated and the clock frequency was routed.
    Otherwise it is an estimate.

    Raises
    ------
    InputError
        If a recorded result cannot be read.

    See Also
    --------
    write_hardware_report : Write the report of projects, and return the content of its JSON file.
    """
    measured = {name: found for name in NUMBERS if (found := project.recorded(name)) is not None}
    for name, found in measured.items():
        _check(project.folder / f"{name}.json", found, NUMBERS[name])
    clocks = measured.get("simulation", {}).get("clocks_per_pixel", project.facts["clocks_per_pixel"])
    rates = {
        name: found["clock_mhz"] * 1e6 / (clocks * FRAME_PIXELS)
        for name, found in measured.items()
        if "clock_mhz" in found
    }
    stated = project.facts["clock_mhz_stated"]
    return {
        "project": project.folder,
        "model": project.program.name,
        "target": project.target.name,
        "engines": project.options.engines,
        "units": project.program.units,
        "program_sha256": project.program.sha256,
        "ring_slots": project.shape.slots,
        "latency_clocks": project.facts["latency_clocks"],
        "measured": measured,
        "frames_per_second_measured": rates,
        "estimated": {
            "clock_mhz": stated,
            "frames_per_second": stated * 1e6 / (clocks * FRAME_PIXELS),
        },
    }


def _check(path: Path, found: Mapping[str, Any], names: Sequence[str]) -> None:
    """Check the numbers of a recorded result. Clock frequencies and cycles are divisors and must be > 0."""
    for name in names:
        value: Any = found
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        least = 0.0 if not name.startswith("clock") else sys.float_info.min
        if not isinstance(value, int | float) or not least <= value < math.inf:
            raise InputError(f"{path} is damaged ({name}={value!r}); repeat the command that writes it")
