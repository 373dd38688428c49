"""The report of hardware projects: ``report.html`` beside ``hardware.json``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seq2seqlite.files import replace_when_done
from seq2seqlite.hardware.project import FRAME_PIXELS, Project
from seq2seqlite.json_text import json_text
from seq2seqlite.provenance import provenance
from seq2seqlite.reports.environment import environment

__all__ = ["hardware_results", "write_hardware_report"]

RESULTS = ("simulation", "synthesis", "place-and-route-6", "place-and-route-7", "place-and-route-8")


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
    """
    measured = {name: found for name in RESULTS if (found := project.recorded(name)) is not None}
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
