"""Report of hardware projects, as ``report.html`` and ``hardware.json``."""

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
"""Values of each recorded result in the report; a dot separates group and key."""


def write_hardware_report(projects: Sequence[Project], folder: Path, /) -> dict[str, Any]:
    """Write the report of hardware projects, and return the content of its JSON file.

    Parameters
    ----------
    projects : sequence of Project
        Projects with results of the commands simulate, synthesize and place-and-route.
    folder : pathlib.Path
        Folder of the report.

    Returns
    -------
    dict
        Key ``designs``: the ``measured`` values by tool and the ``estimated`` values of each design.

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
    """Return measured and estimated values of one project.

    The frame rate counts as measured if the clock cycles per pixel were simulated and the clock frequency was
    determined by place and route. Otherwise it is an estimate.

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
    """Raise InputError unless a recorded result has its numbers, and clock cycles (a divisor) are > 0."""
    for name in names:
        value: Any = found
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        least = 0.0 if not name.startswith("clock") else sys.float_info.min
        if not isinstance(value, int | float) or not least <= value < math.inf:
            raise InputError(f"{path} is damaged ({name}={value!r}); repeat the command that writes it")
