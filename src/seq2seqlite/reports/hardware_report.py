"""The report of hardware projects: ``report.html`` beside ``hardware.json``."""

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
"""What of each recorded result is shown; a dot leads into a group."""


def write_hardware_report(projects: Sequence[Project], folder: Path, /) -> dict[str, Any]:
    """Write the report of projects, and return what is in its JSON file.

    Parameters
    ----------
    projects : sequence of Project
        Projects that the commands simulate, synthesize and place-and-route left their results in.
    folder : pathlib.Path
        Folder of the report.

    Returns
    -------
    dict
        ``designs``: for each what the tools ``measured``, by tool, and what is ``estimated``, apart.

    Raises
    ------
    InputError
        If a recorded result cannot be read.
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
    """Return what is known of one project.

    A frame rate is measured where its clocks a pixel were simulated and its clock was routed; otherwise it
    is an estimate.

    Raises
    ------
    InputError
        If a recorded result cannot be read.
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
    """Raise InputError unless a recorded result has its numbers; clocks, which are divided by, above 0."""
    for name in names:
        value: Any = found
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        least = 0.0 if not name.startswith("clock") else sys.float_info.min
        if not isinstance(value, int | float) or not least <= value < math.inf:
            raise InputError(f"{path} is damaged ({name}={value!r}); run the command that writes it again")
